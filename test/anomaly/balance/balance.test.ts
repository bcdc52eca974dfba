import { describe, expect, it } from 'vitest'
import { BALANCE_DETECTORS } from '../../../src/anomaly/balance/index.ts'
import { standardRatio } from '../../../src/anomaly/balance/standard-ratio.ts'
import type { Finding } from '../../../src/anomaly/finding.ts'
import type { AreaFrame } from '../../../src/anomaly/frame.ts'
import type { AreaView } from '../../../src/anomaly/view.ts'
import { type MakeOptions, makeArea, viewOf } from './area-maker.ts'

const look = (frame: AreaFrame, more: Partial<AreaView> = {}): Finding[] =>
  BALANCE_DETECTORS.flatMap((detector) => [...detector.detect(viewOf(frame, more)).findings])
const alarms = (frame: AreaFrame, more: Partial<AreaView> = {}) => look(frame, more).filter(({ score }) => score >= 0.5)

const ONSET = 96 * 12
const energyTaken = (options: MakeOptions, meter: number): number => {
  const honest = makeArea({ ...options, shows: (_, kw) => kw }).frame.meters[meter]!
  const seen = makeArea(options).frame.meters[meter]!
  return honest.imp.reduce((sum, kwh, slot) => sum + kwh - seen.imp[slot]!, 0)
}

describe('theft', () => {
  const night = (slot: number) => slot % 96 >= 88 || slot % 96 < 24
  const kinds: readonly [string, NonNullable<MakeOptions['shows']>, number][] = [
    ['a part, in step with the meter', (at, kw, slot) => (at === 5 && slot >= ONSET ? 0.5 * kw : kw), 0.1],
    ['a small part', (at, kw, slot) => (at === 5 && slot >= ONSET ? 0.8 * kw : kw), 0.15],
    ['a part from the first day', (at, kw) => (at === 5 ? 0.6 * kw : kw), 0.1],
    ['all of it at night', (at, kw, slot) => (at === 5 && slot >= ONSET && night(slot) ? 0 : kw), 0.35],
    ['all of it', (at, kw, slot) => (at === 5 && slot >= ONSET ? 0 : kw), 0.25],
    ['an appliance whenever he is at home', (at, kw, slot) => (at === 5 && slot >= ONSET ? Math.max(0, kw - 1) : kw), 0.4],
  ]
  it.each(kinds)('finds who takes %s, from when and about how much', (_, shows, error) => {
    const options = { seed: 7, shows }
    const { frame, ids } = makeArea(options)
    const [found, ...more] = alarms(frame)
    expect(more).toEqual([])
    expect(found).toMatchObject({ kind: 'theft', target: ids[5] })
    const taken = energyTaken(options, 5)
    expect(Math.abs((found?.kwh?.value ?? 0) / taken - 1)).toBeLessThan(error)
  })

  it('dates the onset to the day', () => {
    const { frame } = makeArea({ seed: 3, shows: (at, kw, slot) => (at === 2 && slot >= ONSET ? 0.4 * kw : kw) })
    expect(alarms(frame)[0]?.from).toBe(frame.start + ONSET * frame.stepMs)
  })

  it('finds three at once', () => {
    const share: Readonly<Record<number, number>> = { 1: 0.5, 8: 0.3, 15: 0.6 }
    const { frame, ids } = makeArea({ seed: 11, shows: (at, kw, slot) => (slot >= ONSET + 96 * (at % 3) ? kw * (share[at] ?? 1) : kw) })
    expect(
      alarms(frame)
        .map(({ target }) => target)
        .sort(),
    ).toEqual([ids[1], ids[15], ids[8]].sort())
  })

  it('gives every customer a place in the ranking, with reasons in numbers', () => {
    const { frame, ids } = makeArea({ seed: 5, shows: (at, kw, slot) => (at === 4 && slot >= ONSET ? 0.5 * kw : kw) })
    const thefts = look(frame).filter(({ kind }) => kind === 'theft')
    expect(new Set(thefts.map(({ target }) => target))).toEqual(new Set(ids))
    const [first] = thefts.sort((a, b) => b.score - a.score)
    expect(first?.numbers).toMatchObject({
      coefficient: expect.closeTo(1, 1),
      unexplainedBeforeKwhADay: expect.any(Number),
      leadNat: expect.any(Number),
    })
    expect(first?.why.en).toContain(String(frame.days[12]))
    expect(first?.ruledOut.length).toBeGreaterThan(3)
  })

  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])(
    'says nothing of a balanced area (seed %i), nor of a vacation, a vacant flat or a new load',
    (seed) => {
      const { frame } = makeArea({ seed })
      const away = (slot: number) => slot > ONSET && slot < ONSET + 96 * 6
      const changed = {
        ...frame,
        gateways: [{ ...frame.gateways[0]!, p: Float32Array.from(frame.gateways[0]!.p!) }],
        meters: frame.meters.map((meter) => ({ ...meter, p: Float32Array.from(meter.p!) })),
      }
      const change = (at: number, to: (kw: number, slot: number) => number) => {
        const column = changed.meters[at]!.p!
        for (let slot = 0; slot < frame.slots; slot++) {
          const kw = to(column[slot]!, slot)
          changed.gateways[0]!.p[slot]! += kw - column[slot]!
          column[slot] = kw
        }
      }
      change(1, (kw, slot) => (away(slot) ? 0.05 : kw))
      change(2, (kw, slot) => (slot > ONSET ? 0 : kw))
      change(3, (kw, slot) => (slot > ONSET && slot % 96 > 80 ? kw + 3 : kw))
      expect(alarms(changed)).toEqual([])
    },
  )

  it('says nothing of who is not read', () => {
    const { frame } = makeArea({ seed: 21 })
    const lost = frame.meters[6]!
    const from = 96 * 10
    const meters = frame.meters.with(6, {
      ...lost,
      p: lost.p!.map((kw, slot) => (slot >= from ? Number.NaN : kw)),
      imp: lost.imp.map((kwh, slot) => (slot >= from ? Number.NaN : kwh)),
      known: lost.known.map((known, slot) => (slot >= from ? 0 : known)),
    })
    expect(alarms({ ...frame, meters })).toEqual([])
  })

  it('does not hang on the order of the meters', () => {
    const { frame } = makeArea({ seed: 9, shows: (at, kw, slot) => (at === 7 && slot >= ONSET ? 0.5 * kw : kw) })
    const say = (found: Finding[]) => found.map(({ target, kind, from }) => `${kind} ${target} ${from}`)
    expect(say(alarms({ ...frame, meters: frame.meters.toReversed() }))).toEqual(say(alarms(frame)))
  })

  it('names a lost phase nobody’s theft', () => {
    const { frame, ids } = makeArea({ seed: 13, shows: (at, kw, slot) => (at === 3 && slot >= ONSET ? 0.6 * kw : kw) })
    const found = [{ ...look(frame)[0]!, kind: 'phase_loss' as const, target: ids[3]!, score: 0.9, to: null }]
    expect(alarms(frame, { found })).toEqual([])
  })

  it('keeps what stood and sees no reason to take it back', () => {
    const { frame, ids } = makeArea({ seed: 9, shows: (at, kw, slot) => (at === 7 && slot >= ONSET ? 0.5 * kw : kw) })
    const standing = [
      { key: `theft/${ids[7]}`, kind: 'theft' as const, target: ids[7]!, raisedOn: frame.days[14]!, from: frame.start, score: 0.9 },
    ]
    expect(BALANCE_DETECTORS.at(-1)?.detect(viewOf(frame, { standing })).withdrawn).toEqual([])
  })

  it('takes back what others account for, with a reason', () => {
    const { frame, ids } = makeArea({ seed: 9 })
    const standing = [
      { key: `theft/${ids[7]}`, kind: 'theft' as const, target: ids[7]!, raisedOn: frame.days[14]!, from: frame.start, score: 0.9 },
    ]
    const [back] = BALANCE_DETECTORS.at(-1)?.detect(viewOf(frame, { standing })).withdrawn ?? []
    expect(back).toMatchObject({ key: `theft/${ids[7]}` })
    expect(back?.because.en).toContain('kWh')
  })

  it('has nothing to say without a gateway', () => {
    const { frame } = makeArea({ seed: 1 })
    expect(look({ ...frame, gateways: [] })).toEqual([])
  })
})

describe('the ledger', () => {
  const types = { 4: { type: '3P-CT', multiplier: 20 } } as const

  it.each([
    [30, 1.5],
    [10, 0.5],
    [40, 2],
  ])('suggests a multiplier of %i', (suggested, ratio) => {
    const { frame, ids } = makeArea({ seed: 17, types, shows: (at, kw) => (at === 4 ? kw / ratio : kw) })
    expect(alarms(frame)).toMatchObject([{ kind: 'wrong_multiplier', target: ids[4], suggestedMultiplier: suggested }])
  })

  it.each([1, 11, 24])('dates faults that hold each other up by the first day, all at once (seed %i)', (seed) => {
    const { frame, ids } = makeArea({
      seed,
      noise: 0.15,
      types: { 4: { type: '3P-CT', multiplier: 20 }, 9: { type: '3P-CT', multiplier: 30 } },
      elsewhere: [6, 7],
      shows: (at, kw) => (at === 4 ? kw / 1.5 : at === 9 ? 2 * kw : kw),
    })
    expect(
      alarms(frame)
        .map(({ kind, target, from }) => `${kind} ${target} ${(from - frame.start) / 86_400_000}`)
        .sort(),
    ).toEqual([`wrong_area ${ids[6]} 0`, `wrong_area ${ids[7]} 0`, `wrong_multiplier ${ids[4]} 0`, `wrong_multiplier ${ids[9]} 0`])
  })

  /** The area's own meter has another ratio than the ledger thinks: all it shows is wrong by one factor. */
  const misread = (frame: AreaFrame, factor: number, from = 0): AreaFrame => {
    const [gateway] = frame.gateways
    const wrong = <T extends Float64Array | Float32Array>(column: T): T => {
      const copy = column.slice() as T
      for (let slot = from; slot < copy.length; slot++) copy[slot] = copy[slot]! * factor
      return copy
    }
    return { ...frame, gateways: [{ ...gateway!, imp: wrong(gateway!.imp), p: wrong(gateway!.p!) }] }
  }
  it.each([
    [150, 0.8, 0],
    [100, 1.2, 0],
    [60, 2, ONSET],
  ])('of the area meter should say %i, and nobody is accused for that', (suggested, factor, from) => {
    const { frame } = makeArea({ seed: 23 })
    const wrong = misread(frame, factor, from)
    expect(alarms(wrong)).toMatchObject([
      {
        kind: 'wrong_multiplier',
        target: 'A-gateway',
        suggestedMultiplier: suggested,
        from: frame.start + from * frame.stepMs,
      },
    ])
    const [found] = alarms(wrong)
    const off = frame.gateways[0]!.imp.reduce((sum, kwh, slot) => sum + kwh - wrong.gateways[0]!.imp[slot]!, 0)
    expect(Math.abs((found?.kwh?.value ?? 0) / off - 1)).toBeLessThan(0.03)
  })
  it('of the area meter does not hide who steals', () => {
    const { frame, ids } = makeArea({ seed: 23, shows: (at, kw, slot) => (at === 5 && slot >= ONSET ? 0.4 * kw : kw) })
    expect(
      alarms(misread(frame, 1.25))
        .map(({ kind, target }) => `${kind} ${target}`)
        .sort(),
    ).toEqual([`theft ${ids[5]}`, 'wrong_multiplier A-gateway'])
  })
  it('of the area meter is not blamed where the ledger lacks half of the customers', () => {
    const { frame } = makeArea({ seed: 37 })
    const less = { ...frame, meters: frame.meters.filter((_, at) => at % 2 === 0) }
    expect(look(less).filter(({ kind }) => kind === 'wrong_multiplier')).toEqual([])
  })
  it('of the area meter is not blamed for a customer who is most of it', () => {
    const { frame, ids } = makeArea({
      seed: 29,
      meters: 3,
      types: { 1: { type: '3P-CT', multiplier: 60 } },
      shows: (at, kw) => (at === 1 ? kw / 2 : kw),
    })
    expect(alarms(frame).map(({ target }) => target)).toEqual([ids[1]])
  })

  it.each([
    [9.99, 10],
    [2.51, 2.5],
    [155, 160],
    [1.02, 1],
  ])('rounds %d to the standard ratio %d', (seen, standard) => expect(standardRatio(seen)).toBe(standard))

  it('finds a meter of another area and names that area', () => {
    const away = makeArea({ seed: 31, area: 'A', elsewhere: [6] })
    const moved = away.frame.meters[6]!
    const home = makeArea({ seed: 32, area: 'B', foreign: (slot) => moved.p![slot]! })
    expect(alarms(away.frame, { neighbours: [home.frame] })).toMatchObject([{ kind: 'wrong_area', target: away.ids[6], trueArea: 'B' }])
    expect(alarms(home.frame, { neighbours: [away.frame] })).toEqual([])
  })

  it('dates two faults of the ledger that stand side by side from the first day', () => {
    const { frame, ids } = makeArea({ seed: 17, types, elsewhere: [9], shows: (at, kw) => (at === 4 ? kw / 1.5 : kw) })
    const found = alarms(frame).toSorted((a, b) => a.kind.localeCompare(b.kind))
    expect(found.map(({ kind, target, from }) => [kind, target, from])).toEqual([
      ['wrong_area', ids[9], frame.start],
      ['wrong_multiplier', ids[4], frame.start],
    ])
  })

  it('does not put a meter elsewhere that was in this balance until a day, nor one whose clock is off', () => {
    const was = makeArea({ seed: 31 }).frame.meters[6]!
    const left = makeArea({ seed: 31, foreign: (slot) => (slot >= ONSET ? -was.p![slot]! : 0) })
    expect(alarms(left.frame).map(({ kind }) => kind)).not.toContain('wrong_area')
    const away = makeArea({ seed: 31, elsewhere: [6] })
    const doubts = [{ id: away.ids[6]!, from: away.frame.start, to: null, what: 'shift', shiftMs: 0 }] as const
    expect(alarms(away.frame).map(({ kind }) => kind)).toEqual(['wrong_area'])
    expect(alarms(away.frame, { doubts }).map(({ kind }) => kind)).not.toContain('wrong_area')
  })
})

describe('load without a meter', () => {
  it('knows a street light by its hours', () => {
    const { frame } = makeArea({ seed: 41, unmetered: (slot) => (slot % 96 >= 72 || slot % 96 < 24 ? 1.2 : 0) })
    expect(alarms(frame)).toMatchObject([
      { kind: 'unmetered_load', target: 'A', cause: 'lighting', numbers: { powerKw: expect.closeTo(1.2, 1), hours: '18-6' } },
    ])
  })

  it('knows a street light in its first nights', () => {
    const { frame } = makeArea({
      seed: 43,
      unmetered: (slot) => (slot >= 96 * 17 && (slot % 96 >= 75 || slot % 96 < 22) ? 1.2 : 0),
    })
    expect(alarms(frame)).toMatchObject([
      {
        kind: 'unmetered_load',
        cause: 'lighting',
        from: frame.start + 96 * 17 * frame.stepMs,
        numbers: { powerKw: expect.closeTo(1.2, 1) },
      },
    ])
  })

  it('knows a steady load by its start', () => {
    const { frame } = makeArea({ seed: 42, unmetered: (slot) => (slot >= ONSET ? 0.8 : 0) })
    expect(alarms(frame)).toMatchObject([{ kind: 'unmetered_load', cause: 'constant', from: frame.start + ONSET * frame.stepMs }])
  })
})

describe('a meter of which nothing was read, or whose ratio cannot be used', () => {
  const nothing = (column: Float64Array) => column.map(() => Number.NaN)
  const without = (frame: AreaFrame, at: number): AreaFrame => ({
    ...frame,
    meters: frame.meters.map((meter, one) =>
      one === at
        ? {
            ...meter,
            fact: { ...meter.fact, multiplier: 0 },
            imp: nothing(meter.imp),
            exp: nothing(meter.exp),
            known: meter.known.map(() => 0),
            p: meter.p?.map(() => Number.NaN) ?? null,
          }
        : meter,
    ),
  })

  it.each([1, 2, 3, 5, 8])('accuses nobody else of what it takes, nor a lamp (area %i)', (seed) => {
    for (const meters of [8, 12, 24]) for (const at of [0, 3, 5]) expect(alarms(without(makeArea({ seed, meters }).frame, at))).toEqual([])
  })

  it('hides no thief who began while it was silent', () => {
    const { frame, ids } = makeArea({ seed: 7, shows: (at, kw, slot) => (at === 5 && slot >= ONSET ? 0.4 * kw : kw) })
    expect(alarms(without(frame, 0)).map(({ kind, target }) => [kind, target])).toEqual([['theft', ids[5]]])
  })
})
