import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Column, MemoryDictionary, type Reading, RowCodec, RowDamaged, seriesOf, shapeOf } from '../../src/core/index.ts'

const raw = fc.oneof(fc.integer(), fc.maxSafeInteger(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n }), fc.constant(null))
const reading = fc
  .record({
    columns: fc.array(fc.record({ scaler: fc.option(fc.integer({ min: -9, max: 9 })), raw, exponent: fc.integer({ min: -12, max: 12 }) }), {
      minLength: 1,
      maxLength: 40,
    }),
    meter: fc.string(),
    ratio: fc.constantFrom('1', '80', '1.5'),
    measuredAt: fc.integer({ min: -1_000, max: 4e12 }),
    delay: fc.integer({ min: -1e9, max: 1e9 }),
    quality: fc.nat(127),
  })
  .map(({ columns, meter, ratio, measuredAt, delay, quality }): Reading => {
    const shape = shapeOf(columns.map(({ scaler }, at): Column => ({ field: `${at}.8.0`, obis: `1-0:${at}.8.0`, unit: 'kWh', scaler })))
    const raws = columns.map((column) =>
      typeof column.raw === 'bigint' && Number.isSafeInteger(Number(column.raw)) ? Number(column.raw) : column.raw,
    )
    const floats = columns.some(({ scaler }) => scaler === null)
    const absent = new Map(raws.flatMap((value, at) => (value === null ? [[at, 'DLT645_BCD'] as const] : [])))
    return {
      series: seriesOf('register', { meter, point: 'P', area: '', source: 'live' }),
      shape,
      raws,
      scalers: floats ? columns.map(({ scaler, exponent, raw: value }) => (scaler === null && value !== null ? exponent : 0)) : null,
      absent: absent.size > 0 ? absent : null,
      ratio,
      measuredAt,
      receivedAt: measuredAt + delay,
      quality,
    }
  })

it('gives back every reading exactly, absent values and long integers included', () => {
  const dictionary = new MemoryDictionary()
  const codec = new RowCodec(dictionary)
  fc.assert(
    fc.property(reading, (each) => void expect(normal(codec.decode(codec.encode(each)))).toEqual(normal(each))),
    { numRuns: 500 },
  )
  fc.assert(
    fc.property(
      reading,
      (each) => void expect(normal(codec.decodeBody(codec.encodeBody(each), each.series, each.measuredAt))).toEqual(normal(each)),
    ),
  )
})

it('reads what another process wrote, given its dictionary', () => {
  const writer = new MemoryDictionary()
  const [each] = fc.sample(reading, { numRuns: 1, seed: 7 })
  if (!each) throw new Error('no sample')
  const bytes = new RowCodec(writer).encode(each)
  expect(normal(new RowCodec(new MemoryDictionary(writer.takeFresh())).decode(bytes))).toEqual(normal(each))
})

it('never makes a reading of cut or foreign bytes without saying so', () => {
  const dictionary = new MemoryDictionary()
  const codec = new RowCodec(dictionary)
  fc.assert(
    fc.property(reading, fc.nat(), (each, cut) => {
      const bytes = codec.encode(each)
      expect(() => codec.decode(bytes.subarray(0, cut % bytes.length))).toThrow(RowDamaged)
    }),
  )
})

const normal = ({ raws, absent, ...rest }: Reading) => ({
  ...rest,
  raws: raws.map(String),
  absent: absent ? [...absent] : null,
  series: rest.series.key,
  shape: rest.shape.key,
})
