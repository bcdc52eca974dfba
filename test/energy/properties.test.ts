import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { compare, type Decimal, decimalText, SOURCES } from '../../src/core/index.ts'
import { deriveEnergy, type EnergyInput, type ExchangeRecord, type MeterPeriod, type RegisterRead, sumOf } from '../../src/energy/index.ts'

const MINUTE = 60_000
const T0 = Date.parse('2026-03-28T00:00:00Z')
/** Small, so that a register rolls over often. */
const CAPACITY = 1_000_000
const LIMIT = { raw: 100, scaler: 0 }

/** What one meter went through: hundredths of a kWh used in each minute, which minutes were read, when it was exchanged, the ratio. */
const history = fc.record({
  stretches: fc.array(
    fc.record({
      /** Use and length of each gap between reads, and whether anything is read at its end. */
      gaps: fc.array(
        fc.record({
          minutes: fc.integer({ min: 1, max: 400 }),
          use: fc.integer({ min: 0, max: 50_000 }),
          read: fc.boolean(),
          source: fc.constantFrom(...SOURCES.filter((source) => source !== 'estimated')),
        }),
        { minLength: 1, maxLength: 12 },
      ),
      start: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: CAPACITY - 1 }), fc.integer({ min: CAPACITY - 60_000, max: CAPACITY - 1 })),
      ratio: fc.constantFrom(
        { raw: 1, scaler: 0 },
        { raw: 80, scaler: 0 },
        { raw: 1.5 * 10, scaler: -1 },
        { raw: 333_333_333_333, scaler: -12 },
      ),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  cuts: fc.array(fc.integer({ min: 0, max: 10_000 }), { maxLength: 40 }),
  outage: fc.record({ from: fc.integer({ min: 0, max: 5000 }), minutes: fc.integer({ min: 1, max: 500 }) }),
})

interface World {
  readonly input: EnergyInput
  /** Read or signed registers, and the energy by then, worked out step by step. */
  readonly good: readonly { readonly at: number; readonly energy: Decimal }[]
  readonly boundaries: readonly number[]
}

const worldOf = ({ stretches, cuts, outage }: Drawn): World => {
  const reads: RegisterRead[] = []
  const meters: MeterPeriod[] = []
  const exchanges: ExchangeRecord[] = []
  const good: { at: number; energy: Decimal }[] = []
  let at = T0
  let parts: Decimal[] = []
  let previous: { meter: string; register: number } | null = null
  for (const [index, { gaps, start, ratio }] of stretches.entries()) {
    const meter = `M${index}`
    const from = at
    let register = start
    let unread = 0
    if (previous)
      exchanges.push({
        at,
        oldMeter: previous.meter,
        newMeter: meter,
        end: { raw: previous.register, scaler: -2 },
        start: { raw: start, scaler: -2 },
      })
    else reads.push({ at, receivedAt: at, value: { raw: start, scaler: -2 }, meter, source: 'curve', quality: 0 })
    good.push({ at, energy: sumOf(parts) })
    for (const [gap, { minutes, use, read, source }] of gaps.entries()) {
      at += minutes * MINUTE
      // Between two reads at most a twentieth of the capacity flows, so that a rollover can be told.
      const used = Math.min(use, 50_000 - unread)
      unread += used
      register = (register + used) % CAPACITY
      parts = [...parts, { raw: BigInt(used) * BigInt(ratio.raw), scaler: ratio.scaler - 2 }]
      if (!read && gap < gaps.length - 1) continue
      unread = 0
      good.push({ at, energy: sumOf(parts) })
      reads.push({ at, receivedAt: at + 5, value: { raw: register, scaler: -2 }, meter, source, quality: 0 })
    }
    meters.push({ meter, from, to: index < stretches.length - 1 ? at : null, capacity: { raw: CAPACITY, scaler: -2 } })
    previous = { meter, register }
  }
  const ratios = meters.map(({ from, to }, index) => ({ from, to, ratio: stretches[index]!.ratio }))
  const length = (at - T0) / MINUTE
  return {
    input: {
      reads,
      meters,
      ratios,
      exchanges,
      outages: [{ from: T0 + outage.from * MINUTE, to: T0 + (outage.from + outage.minutes) * MINUTE }],
      plausibility: { maxKw: null, source: 'nobody' },
    },
    good,
    boundaries: cuts.map((cut) => T0 + Math.round((cut / 10_000) * length) * MINUTE),
  }
}
type Drawn = typeof history extends fc.Arbitrary<infer Value> ? Value : never

const text = ({ raw, scaler }: Decimal) => decimalText(raw, scaler)
const rising = (instants: readonly number[]) => [...new Set(instants)].sort((a, b) => a - b)

it('adds up to the register differences times the ratios, wherever it is cut', () => {
  fc.assert(
    fc.property(history, fc.nat(), fc.nat(), (drawn, one, other) => {
      const { input, good, boundaries } = worldOf(drawn)
      const [a, b] = [good[one % good.length]!, good[other % good.length]!].sort((x, y) => x.at - y.at)
      const inside = boundaries.filter((at) => at > a!.at && at < b!.at)
      const { intervals } = deriveEnergy(input, rising([a!.at, ...inside, b!.at]))
      const figures = intervals.map(({ kwh }) => kwh)
      expect(figures).not.toContain(null)
      const sum = sumOf(figures.flatMap((kwh) => kwh ?? []))
      const truth = sumOf([b!.energy, { ...a!.energy, raw: -BigInt(a!.energy.raw) }])
      expect(compare(sum, truth), `${text(sum)} is not ${text(truth)}`).toBe(0)
    }),
    { numRuns: 500 },
  )
})

it('is never negative', () => {
  fc.assert(
    fc.property(history, (drawn) => {
      const { input, boundaries } = worldOf(drawn)
      for (const { kwh } of deriveEnergy(input, rising(boundaries)).intervals) if (kwh) expect(kwh.raw >= 0).toBe(true)
    }),
  )
})

it('does not depend on the order in which reads arrive', () => {
  fc.assert(
    fc.property(
      history.chain((drawn) => {
        const world = worldOf(drawn)
        // Two sources that contradict each other, and garbage, must be judged alike whatever came first.
        const reads = world.input.reads.flatMap((read, index): RegisterRead[] =>
          index % 5 === 2
            ? [read, { ...read, source: 'live', value: { raw: Number(read.value.raw) + 3, scaler: -2 } }]
            : index % 7 === 3
              ? [read, { ...read, at: read.at + 1, value: { raw: 0, scaler: -2 } }]
              : [read],
        )
        return fc.tuple(
          fc.constant({ ...world, input: { ...world.input, reads } }),
          fc.shuffledSubarray(reads, { minLength: reads.length }),
        )
      }),
      ([{ input, boundaries }, shuffled]) => {
        const cuts = rising(boundaries)
        expect(deriveEnergy({ ...input, reads: shuffled }, cuts)).toEqual(deriveEnergy(input, cuts))
      },
    ),
  )
})

it('does not book garbage, whatever it is', () => {
  fc.assert(
    fc.property(fc.integer({ min: 3, max: 30 }), fc.nat(), fc.integer({ min: 0, max: 99_999_999 }), (count, where, garbage) => {
      const reads = Array.from({ length: count }, (_, index): RegisterRead => {
        const at = T0 + index * 15 * MINUTE
        return { at, receivedAt: at, value: { raw: 5_000_000 + index * 25, scaler: -2 }, meter: 'M', source: 'curve', quality: 0 }
      })
      const spoilt = 1 + (where % (count - 2))
      const honest = reads[spoilt]!
      reads[spoilt] = { ...honest, value: { raw: garbage, scaler: -2 } }
      const { intervals } = deriveEnergy(
        {
          reads,
          meters: [{ meter: 'M', from: 0, to: null, capacity: { raw: 1_000_000, scaler: 0 } }],
          ratios: [{ from: 0, to: null, ratio: { raw: 1, scaler: 0 } }],
          exchanges: [],
          outages: [],
          plausibility: { maxKw: LIMIT, source: 'the test' },
        },
        [reads[0]!.at, reads.at(-1)!.at],
      )
      // Between two honest ends the sum is what it is, or nothing is said; it is never anything else.
      const [{ kwh } = { kwh: null }] = intervals
      if (kwh) expect(text(kwh)).toBe(text({ raw: (count - 1) * 25, scaler: -2 }))
    }),
    { numRuns: 500 },
  )
})
