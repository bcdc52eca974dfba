import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type BlockPoint, type PointDay, packBlock, unpackBlock } from '../../src/gateway/analysis-block.ts'

const NaN64 = (slots: number) => new Float64Array(slots).fill(Number.NaN)
const DECIMALS = { imp: 5, exp: 5, faceImp: 4, faceExp: 4, u: 2, i: 3, iN: 3, p: 4, pf: 3 } as const

/** Values of so many decimals, some of them not known. */
const values = (slots: number, decimals: number, most: number) =>
  fc
    .array(fc.option(fc.integer({ min: -most, max: most }), { nil: null, freq: 4 }), { minLength: slots, maxLength: slots })
    .map((whole) => whole.map((value) => (value === null ? Number.NaN : value / 10 ** decimals)))
const f64 = (slots: number, decimals: number) => values(slots, decimals, 2 ** 40).map((list) => Float64Array.from(list))
const f32 = (slots: number, decimals: number) =>
  fc.option(
    values(slots, decimals, 90_000).map((list) => Float32Array.from(list)),
    { nil: null },
  )

const days = fc.constantFrom(92, 96, 100).chain((slots) =>
  fc.record({
    slots: fc.constant(slots),
    points: fc.array(
      fc.record({
        isGateway: fc.boolean(),
        multiplier: fc.constantFrom(1, 80, 120, 2.5, 0),
        day: fc.record({
          imp: f64(slots, DECIMALS.imp),
          exp: f64(slots, DECIMALS.exp),
          known: fc.uint8Array({ minLength: slots, maxLength: slots, max: 2 }),
          faceImp: f64(slots, DECIMALS.faceImp),
          faceExp: f64(slots, DECIMALS.faceExp),
          u: fc.tuple(f32(slots, DECIMALS.u), f32(slots, DECIMALS.u), f32(slots, DECIMALS.u)),
          i: fc.tuple(f32(slots, DECIMALS.i), f32(slots, DECIMALS.i), f32(slots, DECIMALS.i)),
          iN: f32(slots, DECIMALS.iN),
          p: f32(slots, DECIMALS.p),
          pf: f32(slots, DECIMALS.pf),
          rates: fc.option(
            fc.array(
              fc.nat(10_000_000).map((whole) => whole / 100),
              { minLength: 1, maxLength: 4 },
            ),
            { nil: null },
          ),
        }),
      }),
      { maxLength: 4 },
    ),
  }),
)

/** A column of which nothing is known is as good as none. */
const known = (column: Float32Array | null) => (column?.some((value) => !Number.isNaN(value)) ? column : null)
const asKept = (day: PointDay): PointDay => ({
  ...day,
  known: Uint8Array.from(day.known),
  u: day.u.map(known),
  i: day.i.map(known),
  ...{ iN: known(day.iN), p: known(day.p), pf: known(day.pf) },
})

it('gives back every value of a day to its last digit, and what is not known as not known', () =>
  fc.assert(
    fc.property(days, ({ slots, points }) => {
      const block = packBlock(
        slots,
        points.map((point, at): BlockPoint => ({ ...point, id: `P${at}` })),
      )
      const back = unpackBlock(block)
      expect(back.size).toBe(points.length)
      for (const [at, { day }] of points.entries()) expect(back.get(`P${at}`)).toEqual(asKept(day))
      const light = unpackBlock(block, ['gateways', 'energy'])
      for (const [at, { day, isGateway }] of points.entries()) {
        expect(light.get(`P${at}`)?.imp).toEqual(day.imp)
        if (!isGateway) expect(light.get(`P${at}`)?.p).toBeNull()
      }
    }),
    { numRuns: 60 },
  ))

it('takes no more than two bytes a value of an ordinary day', () => {
  const slots = 96
  let seed = 1
  const random = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
    return seed / 2 ** 31
  }
  const points = Array.from({ length: 50 }, (_, at): BlockPoint => {
    const use = Float64Array.from({ length: slots }, () => Math.round(random() * 60) / 100)
    let face = 12_345.67
    const faceImp = use.map((kwh) => (face = Math.round((face + kwh) * 100) / 100))
    const i = Float32Array.from(use, (kwh) => (kwh * 4) / 0.23)
    return {
      ...{ id: `P${at}`, isGateway: at === 0, multiplier: 1 },
      day: {
        ...{ imp: use, exp: NaN64(slots), faceImp, faceExp: NaN64(slots), known: new Uint8Array(slots).fill(2), rates: null },
        u: [Float32Array.from(use, () => 230 + Math.round(random() * 60) / 10), null, null],
        i: [i, null, null],
        iN: i,
        p: Float32Array.from(use, (kwh) => kwh * 4),
        pf: Float32Array.from(use, () => 0.95),
      },
    }
  })
  const { gateways, energy, instants } = packBlock(slots, points)
  expect((gateways.length + energy.length + instants.length) / (50 * slots * 7)).toBeLessThan(2)
})
