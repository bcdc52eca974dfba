import { describe, expect, it } from 'vitest'
import { dlt698 } from '../../../protocols/dlt698/adapter.ts'
import { parseApdu } from '../../../protocols/dlt698/apdu.ts'
import { C, decodeFrame, encodeFrame, type Frame, singleAddress } from '../../../protocols/dlt698/frame.ts'
import { terminalAdapterOf } from '../../../protocols/index.ts'
import { bytesOf, hexOf } from '../../../src/core/hex.ts'
import { NOW } from './drive.ts'

const adapter = dlt698(16)
const frameOf = (bytes: Uint8Array): Frame => {
  const decoded = decodeFrame(bytes)
  if (!decoded.ok) throw new Error(decoded.error.message)
  return decoded.value
}
const captured = (hex: string) => frameOf(bytesOf(hex)!)
const from = (apdu: string, control: number = C.report, address = '000000000201') =>
  frameOf(encodeFrame({ control, sa: singleAddress(address), ca: 0, apdu: bytesOf(apdu)! }))
const heard = (frame: Frame) => {
  const [one] = adapter.ear().hear(frame, NOW)
  if (!one) throw new Error('nothing heard')
  return one
}

// Captured, public: login of 111111111111 and the heartbeat of a simulator.
const LOGIN = '68 1E 00 81 05 11 11 11 11 11 11 00 9E 76 01 01 00 01 2C 07 E0 09 0D 02 00 1F 13 00 00 37 FB 16'
const HEARTBEAT = '68 1E 00 81 05 05 00 00 00 00 00 00 A4 D9 01 01 01 01 2C 07 E3 02 15 04 13 2C 12 00 00 41 66 16'
// Captured, public: terminal power event, as reported.
const EVENT =
  '68 58 00 83 05 11 11 11 11 11 11 A0 1C 70 88 02 09 01 31 06 02 00 06 00 20 22 02 00 00 20 1E 02 00 00 20 20 02 00 00 20 24 02 00 00 33 00 02 00 00 33 09 02 06 01 01 06 00 00 00 18 1C 07 E9 04 0A 0B 1D 26 00 16 00 01 01 02 02 51 45 00 02 00 11 01 04 08 80 00 00 1B C2 16'

describe('links', () => {
  it('answers a login with its own time back and ours', () => {
    const one = heard(captured(LOGIN))
    if (one.kind !== 'login' || !one.reply) throw new Error(one.kind)
    expect(one).toMatchObject({ heartbeatMs: 300_000, clock: { year: 2016, month: 9, day: 13, hour: 0, minute: 31, second: 19 } })
    const reply = frameOf(one.reply)
    expect(reply).toMatchObject({ control: 0x01, sa: { address: '111111111111' }, ca: 0 })
    expect(hexOf(reply.apdu)).toBe('81 01 00 07 E0 09 0D 02 00 1F 13 00 00 07 EA 0B 15 06 08 07 00 00 00 07 EA 0B 15 06 08 07 00 00 00')
  })

  it('tells heartbeats and logouts, whatever the control byte says', () => {
    expect(heard(captured(HEARTBEAT)).kind).toBe('heartbeat')
    expect(heard(from('01 00 02 00 B4 07 E9 04 0B 05 09 0D 01 00 00', 0xc1)).kind).toBe('logout')
    expect(heard(from('01 00 00 00 B4 07'))).toMatchObject({ kind: 'other' })
  })

  it('claims a connection by its first header', () => {
    const bytes = bytesOf(LOGIN)!
    expect(adapter.claims(bytes)).toBe('yes')
    expect(adapter.claims(bytes.subarray(0, 8))).toBe('more')
    expect(adapter.claims(new Uint8Array(0))).toBe('more')
    // A login of Q/GDW 376.1: 68, length twice, 68.
    expect(adapter.claims(bytesOf('68 32 00 32 00 68 C9 10 45 15 00 00 02 70 00 00 01 00 91 16')!)).toBe('no')
    expect(adapter.claims(bytesOf('47 45 54 20 2F')!)).toBe('no')
  })

  it('knows whom a frame is from', () => {
    expect(adapter.sender(captured(LOGIN))).toBe('111111111111')
    expect(adapter.sender(from('85 01 00 40 06 02 00 00 04 00 00', C.request))).toBe('000000000201')
    expect(adapter.sender(from('05 01 00 40 06 02 00 00', C.request))).toBeNull()
    expect(adapter.address(' 000000000201 ')).toEqual({ ok: true, value: '000000000201' })
    expect(adapter.address('4510-21')).toMatchObject({ ok: false, error: { code: 'DLT698_ADDRESS' } })
    expect(terminalAdapterOf('dlt698')?.id).toBe('dlt698')
  })
})

describe('reports', () => {
  it('gives an event and confirms it with its own choice, number and object', () => {
    const one = heard(captured(EVENT))
    if (one.kind !== 'report' || !one.confirm) throw new Error(one.kind)
    expect(one.events).toMatchObject([
      {
        code: 'oad-31060200',
        meter: null,
        begins: { year: 2025, month: 4, day: 10, hour: 11, minute: 29, second: 38 },
        ends: null,
        edge: 'begin',
        facts: { name: 'terminal power off or on', event_number: 24 },
      },
    ])
    const confirm = frameOf(one.confirm)
    expect([confirm.control, confirm.ca, hexOf(confirm.apdu)]).toEqual([0x03, 0xa0, '08 02 09 01 31 06 02 00 00'])
  })

  it('gives freezes of meters that a task reported', () => {
    const row = (address: string, raw: string) => `55 07 05 ${address} 01 02 1C 07 EA 0B 15 00 00 00 01 03 06 ${raw} 06 00 00 00 01 00`
    const apdu = `88 02 0A 01 60 12 03 00 02 00 20 2A 02 00 01 50 04 02 00 02 20 21 02 00 00 10 02 00 01 02 ${row('000000000101', '00 01 E2 40')} ${row('000000000102', '00 00 00 07')} 00 00`
    const one = heard(from(apdu))
    if (one.kind !== 'report') throw new Error(one.kind)
    expect(one.values).toHaveLength(2)
    expect(one.values[0]).toMatchObject({
      meter: { address: '000000000101' },
      plan: {
        source: 'day-freeze',
        values: [{ obis: '1-0:1.8.0', scaler: -2, unit: 'kWh' }, { obis: '1-0:1.8.1' }, { obis: '1-0:1.8.2' }],
      },
      samples: [{ at: { day: 21, hour: 0 }, raws: [123456, 1, null] }],
    })
    expect(one.unknown).toEqual([])
  })

  it('gives points of a curve together, and events of a meter under its address', () => {
    const point = (minute: string, raw: string) => `55 07 05 00 00 00 00 01 01 01 02 1C 07 EA 0B 15 00 ${minute} 00 01 01 12 ${raw}`
    const curve = heard(
      from(
        `88 02 0A 01 60 12 03 00 02 00 20 2A 02 00 01 50 02 02 00 02 20 21 02 00 20 00 02 00 01 02 ${point('0F', '09 6D')} ${point('1E', '09 6E')} 00 00`,
      ),
    )
    if (curve.kind !== 'report') throw new Error(curve.kind)
    expect(curve.values).toMatchObject([
      {
        plan: { source: 'curve' },
        samples: [
          { at: { minute: 15 }, raws: [2413] },
          { at: { minute: 30 }, raws: [2414] },
        ],
      },
    ])
    const event = heard(
      from(
        '88 02 0B 01 60 12 03 00 02 00 20 2A 02 00 01 30 11 02 00 03 20 22 02 00 20 1E 02 00 20 20 02 00 01 01 55 07 05 00 00 00 00 01 01 01 03 06 00 00 00 02 1C 07 EA 0A 13 17 32 00 1C 07 EA 0A 13 17 37 00 00 00',
      ),
    )
    if (event.kind !== 'report') throw new Error(event.kind)
    expect(event.events).toMatchObject([
      { code: 'oad-30110200', meter: { address: '000000000101' }, begins: { minute: 50 }, ends: { minute: 55 }, edge: null },
    ])
  })

  it('takes anything as a fact of an event', () => {
    const one = heard(
      from(
        '88 02 09 01 31 06 02 00 02 00 20 22 02 00 00 33 09 02 06 01 01 15 FF FF FF FF FF FF FF FF 58 00 15 FF FF FF FF FF FF FF FF 00 00 00',
      ),
    )
    expect(one).toMatchObject({ kind: 'report', events: [{ facts: { event_number: '18446744073709551615' } }] })
    expect(() => JSON.stringify(one.kind === 'report' && one.events)).not.toThrow()
  })

  it('a row of NULL brings nothing, and no zero', () => {
    const one = heard(
      from('88 02 0A 01 60 12 03 00 02 00 20 2A 02 00 01 50 04 02 00 02 20 21 02 00 00 10 02 00 01 01 55 07 05 00 00 00 00 01 01 00 00 00'),
    )
    expect(one).toMatchObject({ kind: 'report', values: [], events: [] })
  })

  it.each([
    ['no time at all', '00', []],
    ['an open one', '1C FF FF FF FF FF FF FF', []],
    ['its own', '1C 07 EA 0B 15 00 00 00', [{ samples: [{ at: { day: 21, hour: 0 }, raws: [7] }] }]],
  ])('a freeze with %s is of no other moment', (_, time, values) => {
    const row = `55 07 05 00 00 00 00 01 01 01 02 ${time} 01 01 06 00 00 00 07`
    const one = heard(from(`88 02 0A 01 60 12 03 00 02 00 20 2A 02 00 01 50 04 02 00 02 20 21 02 00 00 10 02 00 01 01 ${row} 00 00`))
    expect(one).toMatchObject({ kind: 'report', values, unknown: values.length === 0 ? [{ what: 'record 60120300' }] : [] })
  })

  it.each([
    ['00:00', '00 00', 1],
    ['23:59', '17 3B', 0],
  ])('a daily freeze without its time stands at that of storing only where that ends a day: %s', (_, hour, count) => {
    const row = `55 07 05 00 00 00 00 01 01 1C 07 EA 0B 15 ${hour} 00 01 02 00 01 01 06 00 00 00 07`
    const one = heard(
      from(`88 02 0A 01 60 12 03 00 03 00 20 2A 02 00 00 60 42 02 00 01 50 04 02 00 02 20 21 02 00 00 10 02 00 01 01 ${row} 00 00`),
    )
    expect(one.kind === 'report' && one.values).toHaveLength(count)
  })

  it('values of the terminal itself, and what has no name', () => {
    const one = heard(from('88 01 06 02 00 10 02 01 01 06 00 01 E2 40 45 00 05 00 01 11 03 00 00'))
    expect(one).toMatchObject({
      kind: 'report',
      values: [{ meter: { address: '000000000201' }, samples: [{ at: null, raws: [123456] }] }],
      unknown: [{ what: 'object 45000500' }],
    })
    const bytes = heard(from('88 03 06 F2 01 02 01 02 AA BB 00 00'))
    if (bytes.kind !== 'report' || !bytes.confirm) throw new Error(bytes.kind)
    expect(bytes.unknown).toHaveLength(1)
    expect(hexOf(frameOf(bytes.confirm).apdu)).toBe('08 03 06 00')
  })

  it('hears a report inside SECURITY', () =>
    expect(heard(from('90 00 10 88 01 06 01 00 10 02 01 01 06 00 01 E2 40 00 00 01 00 04 32 F9 56 34'))).toMatchObject({
      kind: 'report',
      values: [{ samples: [{ raws: [123456] }] }],
    }))

  it('a report that cannot be read is kept, and confirmed where that is possible', () => {
    const one = heard(from('88 01 46 01 00 10 02 01 01 07'))
    if (one.kind !== 'report' || !one.confirm) throw new Error(one.kind)
    expect(one).toMatchObject({ values: [], events: [], unknown: [{ what: expect.stringContaining('cannot be read') }] })
    expect(hexOf(frameOf(one.confirm).apdu)).toBe('08 01 06 01 00 10 02 01 00')
    expect(heard(from('88 01 46 02 00 10 02 01 01 07'))).toMatchObject({ kind: 'report', confirm: null })
  })

  it('tells that events wait', () => {
    const ear = adapter.ear()
    expect(ear.eventsWait(from('85 01 41 00 10 02 00 00 06 00 00', C.answer))).toBe(true)
    expect(ear.eventsWait(from('85 01 01 00 10 02 00 00 06 00 00', C.answer))).toBe(false)
    expect(ear.eventsWait(from('01 40 01 00 B4 07 E9 04 0B 05 09 0D 01 00 00'))).toBe(true)
    expect(ear.eventsWait(captured(EVENT))).toBe(false)
    expect(ear.counters(captured(EVENT))).toBeNull()
  })
})

describe('fragments', () => {
  const whole = bytesOf('88 02 09 01 31 06 02 00 01 00 20 22 02 00 01 01 06 00 00 00 18 00 00')!
  const block = (index: number, kind: 'first' | 'middle' | 'last', from: number, to: number, address = '000000000201') =>
    frameOf(
      encodeFrame({ control: C.report, sa: singleAddress(address), ca: 16, apdu: whole.subarray(from, to), fragment: { index, kind } }),
    )

  it('are confirmed one by one and joined', () => {
    const ear = adapter.ear()
    const said = [block(0x105, 'first', 0, 8), block(0x106, 'middle', 8, 15), block(0x107, 'last', 15, 99)].map((frame) =>
      ear.hear(frame, NOW),
    )
    expect(said.map((items) => items.map(({ kind }) => kind))).toEqual([['say'], ['say'], ['say', 'report']])
    const [confirm] = said[0]!
    if (confirm?.kind !== 'say') throw new Error('no confirmation')
    // Header 05 81: block 105H, confirmed.
    expect(hexOf(confirm.bytes.subarray(14, 16))).toBe('05 81')
    expect(frameOf(confirm.bytes)).toMatchObject({ control: 0x23, sa: { address: '000000000201' }, ca: 16, apdu: { length: 0 } })
    const report = said[2]![1]!
    expect(report).toMatchObject({ kind: 'report', events: [{ code: 'oad-31060200' }] })
    if (report.kind === 'report') expect(parseApdu(report.frame.apdu).ok).toBe(true)
  })

  it('a block sent twice is confirmed twice and counted once', () => {
    const ear = adapter.ear()
    const frames = [
      block(0, 'first', 0, 8),
      block(0, 'first', 0, 8),
      block(1, 'middle', 8, 15),
      block(1, 'middle', 8, 15),
      block(2, 'last', 15, 99),
    ]
    const kinds = frames.flatMap((frame) => ear.hear(frame, NOW).map(({ kind }) => kind))
    expect(kinds).toEqual(['say', 'say', 'say', 'say', 'say', 'report'])
  })

  it('a block that is missing loses the message, not the next', () => {
    const ear = adapter.ear()
    ear.hear(block(0, 'first', 0, 8), NOW)
    expect(ear.hear(block(2, 'last', 15, 99), NOW)).toMatchObject([{ kind: 'other' }])
    expect(ear.hear(block(1, 'middle', 8, 15), NOW)).toMatchObject([{ kind: 'other' }])
    expect(ear.hear(captured(EVENT), NOW)).toMatchObject([{ kind: 'report' }])
  })

  it('blocks of another terminal do not mix', () => {
    const ear = adapter.ear()
    ear.hear(block(0, 'first', 0, 8), NOW)
    expect(ear.hear(block(1, 'last', 8, 99, '000000000202'), NOW)).toMatchObject([{ kind: 'other' }])
  })

  it('a confirmation belongs to the request that sent the block', () => {
    const confirm = frameOf(
      encodeFrame({
        control: 0xc3,
        sa: singleAddress('000000000201'),
        ca: 16,
        apdu: new Uint8Array(0),
        fragment: { index: 3, kind: 'confirm' },
      }),
    )
    expect(heard(confirm)).toMatchObject({ kind: 'answer' })
  })
})
