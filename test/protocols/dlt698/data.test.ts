import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseApdu } from '../../../protocols/dlt698/apdu.ts'
import { cursorOf } from '../../../protocols/dlt698/cursor.ts'
import { readColumns, readDatum, readMeterSet, readSelector } from '../../../protocols/dlt698/data.ts'
import type { Datum, MeterSet, RecordSelector } from '../../../protocols/dlt698/datum.ts'
import { datumFrom } from '../../../protocols/dlt698/datum-json.ts'
import { putColumns, putDatum, putMeterSet, putSelector } from '../../../protocols/dlt698/encode.ts'
import { bytesOf, hexOf } from '../../../src/core/hex.ts'

const read = (hex: string): Datum => {
  const cursor = cursorOf(bytesOf(hex)!)
  const datum = readDatum(cursor)
  if (cursor.error) throw new Error(cursor.error.message)
  expect(cursor.at).toBe(cursor.end)
  return datum
}

/** Each type once, with its bytes worked out by hand from the table of types. */
const EXAMPLES: readonly (readonly [hex: string, datum: Datum])[] = [
  ['00', { t: 'null' }],
  ['01 02 11 01 00', { t: 'array', v: [{ t: 'unsigned', v: 1 }, { t: 'null' }] }],
  ['02 01 16 03', { t: 'structure', v: [{ t: 'enum', v: 3 }] }],
  ['03 01', { t: 'bool', v: true }],
  ['04 08 80', { t: 'bit-string', bits: 8, v: '80' }],
  ['04 0C 80 10', { t: 'bit-string', bits: 12, v: '80 10' }],
  ['04 00', { t: 'bit-string', bits: 0, v: '' }],
  ['05 FF FF CF C7', { t: 'double-long', v: -12345 }],
  ['06 FF FF FF FF', { t: 'double-long-unsigned', v: 4_294_967_295 }],
  ['09 06 11 11 11 11 11 11', { t: 'octet-string', v: '11 11 11 11 11 11' }],
  ['0A 03 41 42 43', { t: 'visible-string', v: 'ABC' }],
  ['0C 03 E7 94 B5', { t: 'UTF8-string', v: '电' }],
  ['0F FE', { t: 'integer', v: -2 }],
  ['10 FC B2', { t: 'long', v: -846 }],
  ['11 FF', { t: 'unsigned', v: 255 }],
  ['12 09 6D', { t: 'long-unsigned', v: 2413 }],
  ['14 FF FF FF FF FF FF FF FF', { t: 'long64', v: -1 }],
  ['15 00 00 00 01 00 00 00 00', { t: 'long64-unsigned', v: 4_294_967_296 }],
  ['15 FF FF FF FF FF FF FF FF', { t: 'long64-unsigned', v: 18_446_744_073_709_551_615n }],
  ['16 02', { t: 'enum', v: 2 }],
  ['17 3F C0 00 00', { t: 'float32', v: 1.5 }],
  ['18 40 09 21 FB 54 44 2D 18', { t: 'float64', v: Math.PI }],
  ['19 07 E0 09 0C 01 00 00 1F 02 AB', { t: 'date_time', v: { time: '2016-09-12 00:00:31.683', weekday: 1 } }],
  ['1A 07 EA 0A 07 03', { t: 'date', v: { date: '2026-10-07', weekday: 3 } }],
  ['1B 0E 10 1A', { t: 'time', v: '14:16:26' }],
  ['1C 07 EA 0A 07 0E 10 1A', { t: 'date_time_s', v: '2026-10-07 14:16:26' }],
  ['1C FF FF FF FF FF FF FF', { t: 'date_time_s', v: null }],
  ['1C 07 EA 0A FF FF FF FF', { t: 'date_time_s', v: '2026-10-FF FF:FF:FF' }],
  ['50 40 00', { t: 'OI', v: '4000' }],
  ['51 45 00 02 00', { t: 'OAD', v: '45000200' }],
  ['52 50 04 02 00 02 20 21 02 00 00 10 02 00', { t: 'ROAD', v: { oad: '50040200', columns: ['20210200', '00100200'] } }],
  ['53 60 00 7F 00', { t: 'OMD', v: '60007F00' }],
  ['54 01 00 0F', { t: 'TI', v: [1, 15] }],
  ['55 07 05 00 00 00 00 00 01', { t: 'TSA', v: '000000000001' }],
  ['55 00', { t: 'TSA', v: '' }],
  ['56 04 32 F9 56 34', { t: 'MAC', v: '32 F9 56 34' }],
  ['57 02 01 02', { t: 'RN', v: '01 02' }],
  ['58 02 11 01 11 05', { t: 'Region', v: { unit: 2, from: { t: 'unsigned', v: 1 }, to: { t: 'unsigned', v: 5 } } }],
  ['59 FE 21', { t: 'Scaler_Unit', v: [-2, 33] }],
  ['5A 09 03', { t: 'RSD', v: { rsd: 9, last: 3 } }],
  ['5B 00 20 21 02 00', { t: 'CSD', v: { oad: '20210200' } }],
  ['5C 01', { t: 'MS', v: { ms: 'all' } }],
  ['5D 00 00 00 07 02 AA BB', { t: 'SID', v: { id: 7, data: 'AA BB' } }],
  ['5E 00 00 00 07 01 AA 02 01 02', { t: 'SID_MAC', v: { sid: { id: 7, data: 'AA' }, mac: '01 02' } }],
  ['5F 03 02 08 01 00', { t: 'COMDCB', v: '03 02 08 01 00' }],
  ['60 01 00 20 21 02 00', { t: 'RCSD', v: [{ oad: '20210200' }] }],
]

describe('data types', () => {
  it.each(EXAMPLES)('%s', (hex, datum) => {
    expect(read(hex)).toEqual(datum)
    const out: number[] = []
    putDatum(out, datum)
    expect(hexOf(Uint8Array.from(out))).toBe(hex)
  })

  it('reads lengths above 127 in both forms', () => {
    const long = `09 81 C8 ${'AA '.repeat(200)}`
    const longer = `09 82 01 2C ${'AA '.repeat(300)}`
    for (const [hex, size] of [
      [long, 200],
      [longer, 300],
      [`09 82 00 05 ${'AA '.repeat(5)}`, 5],
    ] as const)
      expect(read(hex)).toMatchObject({ t: 'octet-string', v: 'AA '.repeat(size).trim() })
    const out: number[] = []
    putDatum(out, read(long))
    putDatum(out, read(longer))
    expect(hexOf(Uint8Array.from(out))).toBe(hexOf(bytesOf(long + longer)!))
  })

  it('refuses other forms of a length, and tags that are no type', () => {
    expect(() => read('09 83 00 00 01 AA')).toThrow('no form of a length')
    expect(() => read('07')).toThrow('no data type')
    expect(() => read('06 00 00')).toThrow('ends within a field')
  })

  const leaf = fc.constantFrom(...EXAMPLES.map(([, datum]) => datum))
  const tree = fc.letrec<{ datum: Datum }>((tie) => ({
    datum: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.record({ t: fc.constantFrom('array', 'structure'), v: fc.array(tie('datum'), { maxLength: 5 }) }),
    ),
  })).datum
  it('come back as they were made', () =>
    fc.assert(
      fc.property(tree, (datum) => {
        const out: number[] = []
        putDatum(out, datum)
        expect(read(hexOf(Uint8Array.from(out)))).toEqual(datum)
      }),
      { numRuns: 2000 },
    ))
})

describe('selections', () => {
  const ms: readonly MeterSet[] = [
    { ms: 'none' },
    { ms: 'all' },
    { ms: 'user-types', user_types: [1, 2] },
    { ms: 'addresses', tsa: ['000000000101', '12345678'] },
    { ms: 'archive-numbers', numbers: [1, 2040] },
    { ms: 'user-type-regions', regions: [{ unit: 0, from: { t: 'unsigned', v: 1 }, to: { t: 'unsigned', v: 9 } }] },
    { ms: 'address-regions', regions: [{ unit: 2, from: { t: 'TSA', v: '000000000101' }, to: { t: 'TSA', v: '000000000199' } }] },
    { ms: 'archive-number-regions', regions: [{ unit: 3, from: { t: 'long-unsigned', v: 1 }, to: { t: 'long-unsigned', v: 9 } }] },
  ]
  const range = { oad: '20210200', from: { t: 'unsigned', v: 1 }, to: { t: 'unsigned', v: 9 }, step: { t: 'null' } } as const
  const selectors: readonly RecordSelector[] = [
    { rsd: 0 },
    { rsd: 1, oad: '20210200', equals: { t: 'date_time_s', v: '2026-10-05 00:00:00' } },
    { rsd: 2, ...range },
    { rsd: 3, selectors: [range, range] },
    { rsd: 9, last: 1 },
    ...ms.flatMap((set): RecordSelector[] => [
      { rsd: 4, collect_start: '2026-10-05 00:00:00', ...set },
      { rsd: 5, collect_store: null, ...set },
      { rsd: 6, from: '2026-10-05 00:00:00', to: '2026-10-06 00:00:00', ti: [3, 1], ...set },
      { rsd: 7, from: '2026-10-05 00:00:00', to: '2026-10-06 00:00:00', ti: [1, 15], ...set },
      { rsd: 8, from: '2026-10-05 00:00:00', to: '2026-10-06 00:00:00', ti: [1, 15], ...set },
      { rsd: 10, last: 3, ...set },
    ]),
  ]
  it.each(selectors.map((selector) => [JSON.stringify(selector), selector] as const))('%s', (_, selector) => {
    const out: number[] = []
    putSelector(out, selector)
    const cursor = cursorOf(Uint8Array.from(out))
    expect(readSelector(cursor)).toEqual(selector)
    expect([cursor.error, cursor.at]).toEqual([null, out.length])
  })
  it('columns and meter sets come back', () => {
    const columns = [{ oad: '202A0200' }, { road: { oad: '50040200', columns: ['20210200', '00100200'] } }]
    const out: number[] = []
    putColumns(out, columns)
    expect(readColumns(cursorOf(Uint8Array.from(out)))).toEqual(columns)
    for (const set of ms) {
      const bytes: number[] = []
      putMeterSet(bytes, set)
      expect(readMeterSet(cursorOf(Uint8Array.from(bytes)))).toEqual(set)
    }
  })
})

describe('values for a SET', () => {
  it('takes what the types can hold and names the place of what they cannot', () => {
    expect(
      datumFrom({
        t: 'structure',
        v: [
          { t: 'unsigned', v: 1 },
          { t: 'TSA', v: '000000000101' },
        ],
      }).ok,
    ).toBe(true)
    expect(datumFrom({ t: 'unsigned', v: 256 })).toMatchObject({ ok: false, error: { code: 'DLT698_COMMAND' } })
    expect(datumFrom({ t: 'array', v: [{ t: 'unsigned', v: 1 }, 7] })).toMatchObject({
      ok: false,
      error: { message: expect.stringContaining('/v/1') },
    })
    expect(datumFrom({ t: 'bit-string', bits: 9, v: '80' }).ok).toBe(false)
    expect(datumFrom(null).ok).toBe(false)
  })
  it('bounds depth', () => {
    let value: unknown = { t: 'null' }
    for (let depth = 0; depth < 40; depth++) value = { t: 'array', v: [value] }
    expect(datumFrom(value).ok).toBe(false)
  })
})

describe('rows of a record', () => {
  // Two attributes quoted from the daily freeze: as one array, and one by one.
  const head = '85 03 00 60 12 03 00 02 00 20 2A 02 00 01 50 04 02 00 02 20 21 02 00 00 10 02 00 01 01 55 07 05 00 00 00 00 01 01'
  it.each([
    ['in one array', '01 02 1C 07 E8 07 15 00 00 00 06 00 00 00 64 00 00', 2],
    ['one by one', '1C 07 E8 07 15 00 00 00 06 00 00 00 64 00 00', 3],
  ])('a ROAD %s', (_, cells, width) => {
    const parsed = parseApdu(bytesOf(`${head} ${cells}`)!)
    expect(parsed).toMatchObject({ ok: true })
    if (parsed.ok) expect(parsed.apdu.record?.rows?.[0]).toHaveLength(width)
  })
})
