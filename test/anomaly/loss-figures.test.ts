import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lossFigure, lossFigures, type MemberFigure, type MemberSlots, NO_LAYERS } from '../../src/anomaly/index.ts'

const TERMS = { thresholds: NO_LAYERS, target: { id: 'A-1', zone: null }, days: 1 }
const member = (change: Partial<MemberFigure>): MemberFigure => ({
  ...{
    id: 'H',
    role: 'customer',
    imp: 0,
    exp: undefined,
    good: true,
    estimatedPpm: 0,
    wrongRatio: false,
    exchanged: false,
    usual: null,
    stepKwh: 0.01,
  },
  ...change,
})
const gateway = (imp: number | null, change: Partial<MemberFigure> = {}) => member({ id: 'G', role: 'gateway', imp, ...change })
/** An area of 1000 kWh that loses so much. */
const losing = (kwh: number) => lossFigure([gateway(1000), member({ imp: 1000 - kwh })], TERMS)

describe('the balance of an area', () => {
  it('keeps supply, reverse, generation and sold apart, and gives the rate over both denominators', () => {
    const figure = lossFigure(
      [gateway(800, { exp: 100 }), member({ id: 'H1', imp: 600, exp: 200 }), member({ id: 'S', role: 'generation', imp: 1, exp: 50 })],
      TERMS,
    )
    // In 800 + 250 = 1050, out 601 + 100: 349 are lost.
    expect(figure).toMatchObject({
      supply: 800,
      reverse: 100,
      generation: 250,
      sold: 601,
      loss: 349,
      state: 'high',
      watches: ['generation'],
    })
    expect(figure.ofInput).toBeCloseTo((100 * 349) / 1050)
    expect(figure.ofNet).toBeCloseTo((100 * 349) / 950)
  })

  it.each([
    [-10.01, 'negative', null],
    [-10, 'qualified', 'small-negative'],
    [-0.01, 'qualified', 'small-negative'],
    [0, 'qualified', null],
    [70, 'qualified', null],
    [70.01, 'high', null],
    [100, 'high', null],
    [100.01, 'high', 'very-high'],
  ])('a loss of %d of 1000 kWh is %s: the ends of the bands are closed as they are written', (kwh, state, grade) => {
    expect(losing(kwh)).toMatchObject({ state, grade, judgedIn: '%' })
  })

  it.each([
    [3.5, 'qualified'],
    [3.51, 'high'],
    [-0.5, 'qualified'],
    [-0.51, 'negative'],
  ])('below 50 kWh a day %d kWh are %s', (kwh, state) => {
    expect(lossFigure([gateway(49), member({ imp: 49 - kwh })], TERMS)).toMatchObject({ state, judgedIn: 'kWh', watches: ['small-volume'] })
  })

  it('is judged by limits of the area before those of its zone', () => {
    const layers = { ...NO_LAYERS, zones: { Z: { 'high_loss.high_pct': 4 } }, points: { B: { 'high_loss.high_pct': 12 } } }
    const at = (id: string) =>
      lossFigure([gateway(1000), member({ imp: 950 })], { ...TERMS, thresholds: layers, target: { id, zone: 'Z' } }).state
    expect([at('A'), at('B')]).toEqual(['high', 'qualified'])
  })

  it('is not judged where the gateway register cannot resolve it', () => {
    expect(lossFigure([gateway(24, { stepKwh: 1.2 }), member({ imp: 20 })], { ...TERMS, days: 1 / 96 })).toMatchObject({
      ...{ state: 'not-judged', loss: 4, stepKwh: 1.2 },
    })
  })

  it.each([
    ['no gateway', [member({ imp: 10 })], ['no-gateway']],
    ['a gateway that was not read', [gateway(null), member({ imp: 10 })], ['gateway-missing']],
    ['a ratio that is none', [gateway(100, { wrongRatio: true }), member({ imp: 10 })], ['wrong-ratio']],
    ['no customers', [gateway(100)], ['no-meters']],
    ['nothing that came in', [gateway(0), member({ imp: 0 })], ['no-supply']],
    ['a customer nobody knows', [gateway(100), member({ imp: 90 }), member({ id: 'X', imp: null, good: false })], ['meters-missing']],
  ])('is not computable with %s', (_, members, faults) => {
    expect(lossFigure(members, TERMS)).toMatchObject({ state: 'not-computable', loss: null, sold: null, ofInput: null, faults })
  })

  it('sums several gateways and says so', () => {
    expect(lossFigure([gateway(600), gateway(400, { id: 'G2' }), member({ imp: 980 })], TERMS)).toMatchObject({
      ...{ supply: 1000, loss: 20, state: 'qualified', faults: ['several-gateways'] },
    })
  })

  it('watches an area that is stopped and fed all the same', () => {
    expect(lossFigure([gateway(201)], TERMS).watches).toEqual(['stopped-supply'])
    expect(lossFigure([gateway(200)], TERMS).watches).toEqual([])
  })
})

const use = fc.double({ min: 0.1, max: 50, noNaN: true })
const area = fc.record({
  meters: fc.array(fc.record({ imp: use, silent: fc.boolean(), spread: fc.double({ min: 1, max: 3, noNaN: true }) }), {
    minLength: 1,
    maxLength: 150,
  }),
  lost: fc.double({ min: -20, max: 60, noNaN: true }),
})

it('bounds what it cannot compute, and what is absent is never zero', () => {
  fc.assert(
    fc.property(area, ({ meters, lost }) => {
      const sold = meters.reduce((sum, { imp }) => sum + imp, 0)
      const members = meters.map(({ imp, silent, spread }, at) =>
        member({
          id: `H${at}`,
          imp: silent ? null : imp,
          good: !silent,
          usual: { value: (imp * (1 + spread)) / 2, low: 0, high: imp * spread },
        }),
      )
      const figure = lossFigure([gateway(sold + lost), ...members], TERMS)
      const silent = meters.filter((meter) => meter.silent)
      expect(figure.missing).toHaveLength(silent.length)
      const measured = meters.reduce((sum, meter) => sum + (meter.silent ? 0 : meter.imp), 0)
      expect(figure.measured).toBeCloseTo(measured, 6)
      if (sold + lost <= 0) return
      // The truth lies within.
      expect(figure.bound?.low ?? Number.NaN).toBeLessThanOrEqual(lost + 1e-6)
      expect(figure.bound?.high ?? Number.NaN).toBeGreaterThanOrEqual(lost - 1e-6)
      // A headline never takes a silent meter for one that used nothing.
      if (figure.sold !== null && silent.length > 0) expect(figure.sold).toBeGreaterThan(measured)
      if (figure.loss !== null) expect(figure.loss).toBeCloseTo(sold + lost - (figure.sold ?? Number.NaN), 6)
      if (silent.length > 0 && silent.length / meters.length > 0.02) expect(figure.state).toBe('not-computable')
    }),
  )
})

it('says of every slot of a day what it says of that slot alone', () => {
  const SLOTS = 5
  const value = fc.option(fc.double({ min: -5, max: 50, noNaN: true }), { nil: Number.NaN })
  const each = <T>(one: fc.Arbitrary<T>) => fc.array(one, { minLength: SLOTS, maxLength: SLOTS })
  const bit = each(fc.nat(1))
  const column = fc.record({
    ...{ role: fc.constantFrom('gateway', 'customer', 'generation'), wrongRatio: fc.nat(9), stepKwh: fc.constantFrom(0.01, 1) },
    ...{ imp: each(value), exp: fc.option(each(value)), good: bit, exchanged: bit, estimatedPpm: each(fc.nat(1_000_000)) },
    usual: fc.option(fc.constant({ value: 10, low: 1, high: 20 })),
  })
  fc.assert(
    fc.property(fc.array(column, { maxLength: 6 }), (drawn) => {
      const columns = drawn.map(
        (one, at): MemberSlots => ({
          ...{ id: `P${at}`, role: one.role, wrongRatio: one.wrongRatio === 0, stepKwh: one.stepKwh, usual: one.usual },
          ...{ imp: Float64Array.from(one.imp), exp: one.exp === null ? undefined : Float64Array.from(one.exp) },
          ...{
            good: Uint8Array.from(one.good),
            exchanged: Uint8Array.from(one.exchanged),
            estimatedPpm: Int32Array.from(one.estimatedPpm),
          },
        }),
      )
      const known = (figure: number | undefined) => (figure === undefined || Number.isNaN(figure) ? null : figure)
      const alone = Array.from({ length: SLOTS }, (_, slot) =>
        lossFigure(
          drawn.map((one, at) =>
            member({
              ...{ id: `P${at}`, role: one.role, wrongRatio: one.wrongRatio === 0, stepKwh: one.stepKwh, usual: one.usual },
              ...{ imp: known(one.imp[slot]), exp: one.exp === null ? undefined : known(one.exp[slot]) },
              ...{ good: one.good[slot] === 1, exchanged: one.exchanged[slot] === 1, estimatedPpm: one.estimatedPpm[slot] ?? 0 },
            }),
          ),
          TERMS,
        ),
      )
      expect(lossFigures(columns, SLOTS, TERMS)).toEqual(alone)
    }),
  )
})

describe('the bound of a loss that is not computable', () => {
  const usual = { value: 100, low: 60, high: 150 }
  it('counts nothing as zero: a meter nobody knows the use of leaves it open below', () => {
    const known = member({ id: 'H1', imp: null, good: false, usual })
    expect(lossFigure([gateway(1000), known], TERMS).bound).toEqual({ low: 850, likely: 900, high: 1000 })
    const stranger = member({ id: 'H2', imp: null, good: false })
    expect(lossFigure([gateway(1000), known, stranger], TERMS).bound).toEqual({ low: null, likely: null, high: 1000 })
  })

  it('takes what a meter drew as it was read where only its feed-in is missing', () => {
    const half = member({ id: 'H1', imp: 700, exp: null, good: false, usual })
    expect(lossFigure([gateway(1000), half], TERMS).bound).toEqual({ low: 300, likely: 300, high: 300 })
    expect(lossFigure([gateway(1000), { ...half, wrongRatio: true }], TERMS).bound).toEqual({ low: 850, likely: 900, high: 1000 })
  })
})
