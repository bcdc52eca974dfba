import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Reading } from '../../src/core/reading.ts'
import { seriesOf, shapeOf } from '../../src/core/reading.ts'
import { ByteWriter } from '../../src/store/embedded/bytes.ts'
import { readColumn, writeColumn } from '../../src/store/embedded/columns.ts'
import { packReadings, shapeSource, unpackReadings } from '../../src/store/embedded/pack.ts'
import { Words } from '../../src/store/embedded/words.ts'

const START = Date.UTC(2026, 9, 1)

const roundTrip = (values: readonly number[]) => {
  const writer = new ByteWriter(1)
  writeColumn(writer, values)
  const length = writer.length
  writer.varint(4711)
  const cursor = { at: 0 }
  const read = readColumn(writer.view(), cursor, values.length)
  expect(cursor.at).toBe(length)
  return { read, length }
}

const LIMIT = 2 ** 51 - 1
const column = fc.oneof(
  fc.array(fc.integer({ min: -LIMIT, max: LIMIT }), { maxLength: 120 }),
  fc.array(fc.integer({ min: -50, max: 50 }), { maxLength: 120 }),
  fc.tuple(fc.integer({ min: -LIMIT, max: LIMIT - 2 ** 40 }), fc.array(fc.nat(2_000_000), { maxLength: 120 })).map(([first, steps]) => {
    let value = first
    return steps.map((step) => (value += step))
  }),
  fc
    .tuple(
      fc.integer(),
      fc.array(fc.oneof({ weight: 20, arbitrary: fc.nat(30) }, { weight: 1, arbitrary: fc.nat(2 ** 45) }), { maxLength: 120 }),
    )
    .map(([base, outliers]) => outliers.map((value) => base + value)),
)

it('gives any column of integers back', () => {
  fc.assert(
    fc.property(column, (values) => {
      expect(roundTrip(values).read).toEqual(values)
    }),
    { numRuns: 500 },
  )
})

it.each<[string, number[], number]>([
  ['nothing', [], 2],
  ['one value', [123], 3],
  ['all alike', new Array(96).fill(7), 2],
  ['evenly spaced', Array.from({ length: 96 }, (_, at) => at * 900_000), 5],
  ['a flag', Array.from({ length: 96 }, (_, at) => (at % 3 === 0 ? 1 : 0)), 3 + 12],
  ['a register', Array.from({ length: 96 }, (_, at) => 12_345_678 + at * 25 + (at % 2)), 8 + 24],
])('writes %s shortly', (_, values, most) => {
  const { read, length } = roundTrip(values)
  expect(read).toEqual(values)
  expect(length).toBeLessThanOrEqual(most)
})

const shapes = [
  shapeOf([
    { field: '1.8.0', obis: '1-0:1.8.0', unit: 'kWh', scaler: -2 },
    { field: '1.7.0', obis: '1-0:1.7.0', unit: 'kW', scaler: null },
  ]),
  shapeOf([{ field: '1.8.0', obis: '1-0:1.8.0', unit: 'kWh', scaler: -4 }]),
]
const series = seriesOf('register', { meter: 'm' })

const raw = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 99_999_999 }) },
  { weight: 1, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.bigInt(2n ** 51n, 2n ** 70n) },
  { weight: 1, arbitrary: fc.bigInt(-(2n ** 70n), -(2n ** 51n)) },
)
const reading = fc
  .record({
    at: fc.integer({ min: 0, max: 86_399_999 }),
    delay: fc.integer({ min: -1000, max: 3 * 86_400_000 }),
    which: fc.nat(1),
    raws: fc.tuple(raw, raw),
    exponent: fc.integer({ min: -9, max: 6 }),
    ratio: fc.constantFrom('1', '80', '0.5'),
    quality: fc.nat(127),
    reasons: fc.boolean(),
  })
  .map(({ at, delay, which, raws, exponent, ratio, quality, reasons }): Reading => {
    const shape = shapes[which]!
    const own = raws.slice(0, shape.columns.length)
    const absent = new Map(own.flatMap((value, index) => (value === null ? [[index, `REASON_${index}`] as const] : [])))
    return {
      series,
      shape,
      raws: own,
      scalers: which === 0 ? [0, own[1] === null ? 0 : exponent] : null,
      absent: reasons && absent.size > 0 ? absent : null,
      ratio,
      quality,
      measuredAt: START + at,
      receivedAt: START + at + delay,
    }
  })

it('gives any day of readings back, to the last digit', () => {
  fc.assert(
    fc.property(fc.uniqueArray(reading, { selector: ({ measuredAt }) => measuredAt, minLength: 1, maxLength: 60 }), (readings) => {
      const inOrder = [...readings].sort((a, b) => a.measuredAt - b.measuredAt)
      const words = new Words()
      const blob = packReadings(inOrder, START, words)
      const read = unpackReadings(blob, series, START, shapeSource(new Words(words.since(0))))
      expect(read).toEqual(inOrder)
    }),
    { numRuns: 200 },
  )
})

it('never takes a shortened or changed blob for a day without saying so, or gives readings of known words', () => {
  const words = new Words()
  const readings = Array.from(
    { length: 20 },
    (_, step): Reading => ({
      series,
      shape: shapes[1]!,
      raws: [1000 + step * step],
      scalers: null,
      absent: null,
      ratio: '1',
      quality: 0,
      measuredAt: START + step * 900_000,
      receivedAt: START + step * 900_000 + 50,
    }),
  )
  const blob = packReadings(readings, START, words)
  for (let length = 0; length < blob.length; length++)
    expect(() => unpackReadings(blob.subarray(0, length), series, START, shapeSource(words))).toThrow(
      expect.objectContaining({ name: 'RowDamaged' }),
    )
  for (let at = 0; at < blob.length * 8; at++) {
    const changed = blob.map((byte, index) => (index === at >> 3 ? byte ^ (1 << (at & 7)) : byte))
    try {
      for (const { ratio } of unpackReadings(changed, series, START, shapeSource(words))) expect(words.since(0)).toContain(ratio)
    } catch (error) {
      expect(error).toMatchObject({ name: 'RowDamaged' })
    }
  }
})
