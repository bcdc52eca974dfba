import { describe, expect, it } from 'vitest'
import { parseApdu } from '../../../protocols/dlt698/apdu.ts'
import { describe as describeFrame, explain } from '../../../protocols/dlt698/explain.ts'
import { encodeFrame, singleAddress } from '../../../protocols/dlt698/frame.ts'
import { explainTraced, secretFrom } from '../../../protocols/index.ts'
import { bytesOf, hexOf } from '../../../src/core/hex.ts'

const parsed = (hex: string) => {
  const result = parseApdu(bytesOf(hex)!)
  if (!result.ok) throw new Error(result.error.message)
  return result.apdu
}

/** One APDU a service and choice, written by hand from the tables of services; what foreign vectors have is not repeated. */
const CASES: readonly (readonly [name: string, hex: string, leaves: object])[] = [
  [
    'GET-Request record list',
    '05 04 02 01 50 04 02 00 09 01 01 00 00 10 02 00 00',
    {
      service: 'GET-Request',
      choice: 'record-list',
      records: [{ oad: '50040200', selector: { rsd: 9, last: 1 }, columns: [{ oad: '00100200' }] }],
    },
  ],
  ['GET-Request next', '05 05 02 00 07 00', { choice: 'next', block: 7, time_tag: null }],
  [
    'GET-Request with a time tag',
    '05 01 02 00 10 02 00 01 07 EA 0A 07 0E 10 1A 01 00 05',
    { time_tag: { time: '2026-10-07 14:16:26', ti: [1, 5] } },
  ],
  ['GET-Request without the byte of the time tag', '05 01 02 00 10 02 00', { oads: ['00100200'], time_tag: null }],
  [
    'GET-Response refused',
    '85 01 41 00 10 02 00 00 06 00 00',
    { piid_acd: { seq: 1, priority: 0, acd: 1 }, results: [{ oad: '00100200', dar: 6, dar_name: 'object missing' }] },
  ],
  [
    'GET-Response list',
    '85 02 81 02 00 10 02 01 01 06 00 00 00 01 20 00 02 01 01 00 00 00',
    {
      choice: 'normal-list',
      piid_acd: { seq: 1, priority: 1, acd: 0 },
      results: [
        { oad: '00100201', data: { t: 'double-long-unsigned', v: 1 } },
        { oad: '20000201', data: { t: 'null' } },
      ],
    },
  ],
  [
    'GET-Response record refused',
    '85 03 01 50 04 02 00 01 00 00 10 02 00 00 21 00 00',
    { record: { oad: '50040200', columns: [{ oad: '00100200' }], dar: 33, dar_name: 'request timeout' } },
  ],
  [
    'GET-Response record list',
    '85 04 01 01 50 04 02 00 01 00 00 10 02 01 01 01 06 00 00 00 05 00 00',
    { choice: 'record-list', records: [{ rows: [[{ t: 'double-long-unsigned', v: 5 }]] }] },
  ],
  [
    'GET-Response block of results',
    '85 05 01 00 00 03 01 01 00 10 02 01 01 06 00 00 00 05 00 00',
    { choice: 'next', last: false, block: 3, results: [{ oad: '00100201' }] },
  ],
  [
    'GET-Response block of records',
    '85 05 01 01 00 04 02 01 50 04 02 00 01 00 00 10 02 01 01 01 06 00 00 00 05 00 00',
    { last: true, block: 4, records: [{ oad: '50040200' }] },
  ],
  ['GET-Response block refused', '85 05 01 01 00 04 00 09 00 00', { dar: 9, dar_name: 'data block unavailable' }],
  [
    'GET-Response with results that follow',
    '85 01 01 40 00 02 00 01 1C 07 EA 0A 07 0E 10 1A 01 01 01 30 11 02 00 01 00 00',
    { follow_report: { choice: 'list', results: [{ oad: '30110200', data: { t: 'null' } }] }, time_tag: null },
  ],
  [
    'SET-Request list',
    '06 02 03 02 40 00 03 00 16 01 40 00 02 00 1C 07 EA 0A 07 0F 00 00 00',
    { choice: 'normal-list', sets: [{ oad: '40000300', data: { t: 'enum', v: 1 } }, { oad: '40000200' }] },
  ],
  [
    'SET-Request then get',
    '06 03 03 01 40 00 03 00 16 01 40 00 03 00 05 00',
    { choice: 'then-get-normal-list', sets: [{ oad: '40000300', data: { t: 'enum', v: 1 }, get_oad: '40000300', delay_s: 5 }] },
  ],
  ['SET-Response list', '86 02 03 02 40 00 03 00 00 40 00 02 00 0F 00 00', { results: [{ dar: 0 }, { oad: '40000200', dar: 15 }] }],
  [
    'SET-Response then get',
    '86 03 03 01 40 00 03 00 00 40 00 03 00 01 16 01 00 00',
    { results: [{ oad: '40000300', dar: 0, get: { oad: '40000300', data: { t: 'enum', v: 1 } } }] },
  ],
  [
    'ACTION-Request list',
    '07 02 03 01 60 00 83 00 12 00 05 00',
    { choice: 'normal-list', actions: [{ omd: '60008300', data: { t: 'long-unsigned', v: 5 } }] },
  ],
  [
    'ACTION-Response with data',
    '87 01 03 60 02 7F 00 00 01 11 05 00 00',
    { results: [{ omd: '60027F00', dar: 0, data: { t: 'unsigned', v: 5 } }] },
  ],
  [
    'REPORT-Notification list',
    '88 01 06 01 00 10 02 01 01 06 00 01 E2 40 00 00',
    { choice: 'list', results: [{ oad: '00100201', data: { v: 123456 } }] },
  ],
  ['REPORT-Notification of bytes', '88 03 06 F2 01 02 01 02 AA BB 00 00', { choice: 'trans-data', port: 'F2010201', inner_hex: 'AA BB' }],
  ['REPORT-Response to bytes', '08 03 06 00', { choice: 'trans-data', piid: { seq: 6, priority: 0 } }],
  [
    'PROXY-Request get list',
    '09 01 04 00 3C 01 07 05 00 00 00 00 01 01 00 14 01 00 10 02 00 00',
    { choice: 'get-list', timeout_s: 60, targets: [{ tsa: '000000000101', timeout_s: 20, oads: ['00100200'] }] },
  ],
  [
    'PROXY-Request get record',
    '09 02 04 00 3C 07 05 00 00 00 00 01 01 50 04 02 00 09 01 00 00',
    { choice: 'get-record', tsa: '000000000101', record: { oad: '50040200', columns: [] } },
  ],
  [
    'PROXY-Request set list',
    '09 03 04 00 3C 01 07 05 00 00 00 00 01 01 00 14 01 40 00 03 00 16 01 00',
    { targets: [{ sets: [{ oad: '40000300' }] }] },
  ],
  [
    'PROXY-Request action list',
    '09 05 04 00 3C 01 07 05 00 00 00 00 01 01 00 14 01 60 00 83 00 00 00',
    { targets: [{ actions: [{ omd: '60008300', data: { t: 'null' } }] }] },
  ],
  [
    'PROXY-Response get list',
    '89 01 04 02 07 05 00 00 00 00 01 01 01 00 10 02 01 01 06 00 00 00 05 07 05 00 00 00 00 01 02 01 00 10 02 01 00 21 00 00',
    {
      results: [
        { tsa: '000000000101', results: [{ oad: '00100201' }] },
        { tsa: '000000000102', results: [{ dar: 33 }] },
      ],
    },
  ],
  ['PROXY-Response transparent, refused', '89 07 04 F2 01 02 01 00 21 00 00', { port: 'F2010201', dar: 33, dar_name: 'request timeout' }],
  [
    'CONNECT-Response',
    '82 01 41 42 43 44 30 31 30 30 32 36 31 30 30 37 30 31 30 30 32 36 31 30 30 37 30 30 30 30 30 30 30 30 00 16 FF FF FF FF C0 00 00 00 00 01 FF FE 00 00 00 00 00 00 00 00 00 00 00 00 04 00 04 00 01 04 00 00 00 00 64 00 00 00 00',
    { piid_acd: { seq: 1 }, version: 22, max_apdu: 1024, timeout: 100, result: 0, follow_report: null },
  ],
  [
    'CONNECT-Request with a password',
    '02 00 00 16 FF FF FF FF C0 00 00 00 00 01 FF FE 00 00 00 00 00 00 00 00 00 00 00 00 04 00 04 00 01 04 00 00 00 00 64 01 03 61 62 63 00',
    { mechanism: 1, password: 'abc' },
  ],
  ['RELEASE-Response', '83 02 00 00 00', { service: 'RELEASE-Response', result: 0, follow_report: null, time_tag: null }],
  [
    'RELEASE-Notification',
    '84 02 07 EA 0A 07 0E 10 1A 07 EA 0A 07 0F 10 1A 00 00',
    { service: 'RELEASE-Notification', server_time: '2026-10-07 15:16:26' },
  ],
  ['LINK-Request logout', '01 00 02 00 B4 07 E9 04 0B 05 09 0D 01 00 00', { type: 'logout', heartbeat_s: 180 }],
  [
    'SECURITY-Request of cipher text',
    '10 01 03 AA BB CC 03 00 00 00 07 01 11',
    { plain: false, inner_hex: 'AA BB CC', verify: 'sid', sid: { id: 7, data: '11' } },
  ],
  [
    'SECURITY-Request with a MAC',
    '10 00 08 05 01 00 00 10 02 00 00 00 00 00 00 07 01 11 02 22 33',
    { plain: true, verify: 'sid-mac', mac: '22 33', inner: { oads: ['00100200'] } },
  ],
  ['SECURITY-Response refused', '90 02 16 00', { kind: 'dar', dar: 22 }],
  ['ERROR', 'EE 05 02 00', { service: 'ERROR', piid: { seq: 5 }, error: 2 }],
  ['compact GET', 'C5 01 02 03', { service: 'GET-Response-compact', raw: '01 02 03' }],
]

describe('services', () => {
  it.each(CASES)('%s', (_, hex, leaves) => expect(parsed(hex)).toMatchObject(leaves))

  it.each([
    ['an unknown service', 'AB 00', 'DLT698_SERVICE'],
    ['an unknown choice', '05 0B 00', 'DLT698_APDU'],
    ['bytes behind the end', '05 01 02 00 10 02 00 00 FF', 'DLT698_APDU'],
    ['a result that is neither', '85 01 01 00 10 02 00 02 00 00', 'DLT698_APDU'],
    ['an unknown data type', '85 01 01 00 10 02 00 01 07 00 00', 'DLT698_TYPE'],
    ['an end within a value', '85 01 01 00 10 02 00 01 06 00', 'DLT698_APDU'],
    ['nothing', '', 'DLT698_APDU'],
  ])('refuses %s', (_, hex, code) => expect(parseApdu(bytesOf(hex)!)).toMatchObject({ ok: false, error: { code } }))
})

const framed = (apdu: string, control = 0xc3) =>
  hexOf(encodeFrame({ control, sa: singleAddress('000000000201'), ca: 16, apdu: bytesOf(apdu)! }))

describe('explanation', () => {
  it('scales values by the table of objects, nested and in rows', () => {
    const rows = explain(
      framed(
        '85 03 05 60 12 03 00 02 00 20 2A 02 00 01 50 04 02 00 02 20 21 02 00 00 10 02 00 01 01 55 07 05 00 00 00 00 01 01 01 02 1C 07 E8 07 15 00 00 00 01 02 06 00 00 27 10 06 00 00 13 88 00 00',
      ),
    )
    expect(rows.scaled).toEqual([{ oad: '00100200', value: [100, 50], unit: 'kWh' }])
    const demand = explain(framed('85 01 05 10 10 02 01 01 02 02 06 00 00 30 3C 1C 07 EA 0A 07 0E 0F 00 00 00'))
    expect(demand.scaled).toEqual([{ oad: '10100201', value: 1.2348, unit: 'kW' }])
    expect(explain(framed('85 01 05 00 10 04 01 01 15 00 00 00 00 00 01 E2 40 00 00')).scaled).toEqual([
      { oad: '00100401', value: 12.3456, unit: 'kWh' },
    ])
  })

  it('NULL is null, never zero', () => {
    const one = explain(framed('85 01 05 20 00 02 00 01 01 03 12 09 6D 00 00 00 00'))
    expect(one.scaled).toEqual([{ oad: '20000200', value: [241.3, null, null], unit: 'V' }])
    expect(explain(framed('85 01 05 20 00 02 01 01 00 00 00')).scaled).toBeUndefined()
  })

  it('names every byte once, in order', () => {
    for (const [, hex] of CASES) {
      const frame = framed(hex)
      const { fields } = explain(frame)
      for (let at = 1; at < fields.length; at++) expect(fields[at]!.offset).toBeGreaterThanOrEqual(fields[at - 1]!.offset)
    }
  })

  it('hides passwords of CONNECT and of the archive unless asked', () => {
    const connect = framed(
      '02 00 00 16 FF FF FF FF C0 00 00 00 00 01 FF FE 00 00 00 00 00 00 00 00 00 00 00 00 04 00 04 00 01 04 00 00 00 00 64 01 03 61 62 63 00',
      0x43,
    )
    const unit = framed(
      '85 01 05 60 00 02 00 01 01 01 02 04 12 00 01 02 0A 55 07 05 00 00 00 00 01 01 16 03 16 02 51 F2 01 02 01 09 06 11 22 33 44 55 66 11 04 11 05 16 01 12 08 98 12 00 32 02 04 55 00 09 00 12 00 01 12 00 01 01 00 00 00',
    )
    for (const [hex, secret] of [
      [connect, '61 62 63'],
      [unit, '11 22 33 44 55 66'],
    ] as const) {
      expect(JSON.stringify(explain(hex))).not.toContain(secret)
      expect(JSON.stringify(explain(hex, { passwords: true }))).toContain(secret)
    }
  })

  it('shows a trace without secrets, whose frame check fits what is shown', () => {
    const secret = framed(
      '07 01 05 60 00 7F 00 02 04 12 00 01 02 0A 55 07 05 00 00 00 00 01 01 16 03 16 02 51 F2 01 02 01 09 06 11 22 33 44 55 66 11 04 11 05 16 01 12 08 98 12 00 32 02 04 55 00 09 00 12 00 01 12 00 01 01 00 00',
      0x43,
    )
    const bytes = bytesOf(secret)!
    const traced = explainTraced('dlt698', bytes, 'request')
    expect(hexOf(traced.bytes)).not.toContain('11 22 33 44 55 66')
    expect(traced).toMatchObject({ address: '000000000201', isResponse: false, error: null })
    expect(JSON.stringify(traced.fields)).not.toContain('11 22 33 44 55 66')
    expect(explain(hexOf(traced.bytes)).error).toBeUndefined()
    // Half of it, and a block of a message: nobody can tell where a password is.
    expect(hexOf(explainTraced('dlt698', bytes.subarray(0, 60), 'request').bytes)).not.toContain('11 22 33')
    expect(secretFrom('dlt698', bytes.subarray(0, 60))).toBe(14)
    const block = encodeFrame({
      control: 0x43,
      sa: singleAddress('000000000201'),
      ca: 16,
      apdu: bytesOf('11 22 33 44 55 66')!,
      fragment: { index: 1, kind: 'middle' },
    })
    expect(hexOf(explainTraced('dlt698', block, 'request').bytes)).not.toContain('11 22 33')
    const open = bytesOf(framed('85 01 05 20 00 02 01 01 12 09 6D 00 00'))!
    expect(explainTraced('dlt698', open, 'response')).toMatchObject({ bytes: open, hidden: [], isResponse: true })
  })

  it('says what breaks within an APDU, at its byte', () =>
    expect(explain(framed('85 01 01 00 10 02 00 01 07 00 00')).error).toMatchObject({ code: 'DLT698_TYPE', offset: 14 + 8, byte: '07' }))

  it('takes integers beyond 2^53 wherever they stand', () => {
    const big = '15 FF FF FF FF FF FF FF FF'
    for (const value of [big, `58 00 ${big} ${big}`, `01 01 ${big}`, `5C 05 01 00 ${big} ${big}`]) {
      const explained = explain(framed(`85 01 05 20 00 02 00 01 ${value} 00 00`), { passwords: true })
      expect(explained.error).toBeUndefined()
      expect(() => JSON.stringify(explained)).not.toThrow()
    }
  })

  it('says in a line what a frame is', () => {
    const line = describeFrame(bytesOf(framed('85 01 01 00 10 02 00 00 06 00 00'))!, 'rx')
    expect(line).toBe('← 000000000201 GET-Response normal 00100200 forward active energy object missing')
    expect(describeFrame(Uint8Array.of(0x68, 1), 'tx')).toContain('2 bytes')
  })
})
