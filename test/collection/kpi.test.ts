import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KPIS, type Kpi, KpiFile, type KpiMeter, rateText } from '../../src/collection/index.ts'
import { at, D0, DAY, dueOf, fileIn, HOUR, missedOf, readOf, settingsOf } from './support.ts'

const meterOf = (meter: string, change: Partial<KpiMeter> = {}): KpiMeter => ({
  ...{
    meter,
    point: `P-${meter}`,
    zone: 'Z1',
    area: 'A1',
    line: 'L1',
    concentrator: '',
    maker: 'X',
    state: 'in-service',
    since: 0,
    pushes: false,
  },
  ...change,
})

/** A day made up by hand: who was read when, and who was not and why. */
const madeUp = () => {
  const file = fileIn()
  const meters = [
    ...['M1', 'M2', 'M3', 'M4', 'M5'].map((meter) => meterOf(meter, meter === 'M5' ? { area: 'A2', maker: 'Y' } : {})),
    meterOf('M6', { state: 'planned' }),
    meterOf('M7', { state: 'archived' }),
    meterOf('M8', { since: D0 - DAY / 2 }),
    meterOf('M9', { pushes: true, line: 'B1' }),
    meterOf('M10'),
  ]
  const kpis = new KpiFile(file, () => meters)
  // M1 at once, M2 by a re-read at three, M3 after the cut-off, M4 never, M5 by hand.
  file.take(['M1', 'M2', 'M3', 'M4', 'M5'].map((meter) => dueOf(meter)))
  file.take([readOf('M1'), missedOf('M2'), missedOf('M3'), missedOf('M4', D0, 'DLT645_REFUSED'), missedOf('M5')])
  file.take([readOf('M2', D0, D0 + 3 * HOUR), readOf('M3', D0, D0 + 12 * HOUR)])
  const idOf5 = file.list({ meter: 'M5' }, 0, 1)[0]?.id ?? 0
  file.take([{ what: 'filled', at: D0 + 5 * HOUR, id: idOf5, fill: 'manual', instant: D0 + 4 * HOUR, spentMs: 0, by: 'Wu', note: null }])
  file.take([
    ...['M1', 'M2', 'M9'].map((meter) => ({ what: 'heard', at: D0 + HOUR, day: D0, meter }) as const),
    { what: 'heard', at: D0 + 12 * HOUR, day: D0, meter: 'M3' },
    { what: 'online', day: D0, line: 'L1', minutes: 100, up: 93 },
  ])
  const listOf = (kpi: Kpi, list: 'in' | 'out' | 'excluded', when: 'cutoff' | 'final' = 'final', now = D0 + 20 * HOUR) =>
    kpis
      .members(kpi, D0, 'none', '', list, when, now)
      .map(({ meter, line, reason }) => (reason ? `${meter || line} ${reason}` : meter || line))
  const figureOf = (kpi: Kpi, now = D0 + 20 * HOUR) => {
    const found = kpis.kpis(D0, 'none', null, 10, now)[0]?.kpis.find((each) => each.kpi === kpi)
    if (!found) throw new Error(`no figure ${kpi}`)
    return found
  }
  return { file, kpis, meters, listOf, figureOf }
}

describe('figures of a made-up day', () => {
  it.each<[Kpi, string[], string[], [number, number], [number, number]]>([
    ['daily', ['M1', 'M2', 'M3', 'M9'], ['M4 DLT645_REFUSED', 'M5 filled-by-manual'], [3, 6], [4, 6]],
    ['first-try', ['M1'], ['M2 read-again', 'M3 read-again', 'M4 DLT645_REFUSED', 'M5 filled-by-manual'], [1, 5], [1, 5]],
    ['reached', ['M1', 'M2', 'M3', 'M9'], ['M4 not-heard', 'M5 not-heard'], [3, 6], [4, 6]],
    ['coverage', ['M1', 'M2', 'M3', 'M4', 'M5', 'M9'], ['M10 no-task-reads-it'], [6, 7], [6, 7]],
    ['integrity', [], [], [0, 0], [0, 0]],
    ['online', [], ['L1 line-was-down'], [93, 100], [93, 100]],
  ])('%s: who is in, who is out and why, at the cut-off and since', (kpi, inside, outside, atCutoff, final) => {
    const { listOf, figureOf } = madeUp()
    expect([listOf(kpi, 'in').sort(), listOf(kpi, 'out').sort()]).toEqual([inside.sort(), outside.sort()])
    const figure = figureOf(kpi)
    expect([figure.kept.numerator, figure.kept.denominator]).toEqual(atCutoff)
    expect([figure.final.numerator, figure.final.denominator]).toEqual(final)
    expect(figure.cutoff).toBe(at('2026-11-20T08:00:00'))
  })

  it('count a meter that is read live and never answers: it is reached no less than it is asked', () => {
    const { file, kpis, listOf } = madeUp()
    file.take([{ what: 'asked', day: D0, meter: 'M10' }])
    expect(listOf('reached', 'out')).toEqual(['M10 not-heard', 'M4 not-heard', 'M5 not-heard'])
    expect(listOf('coverage', 'out')).toEqual([])
    // A day on which the gateway did not run is worked out at the next start.
    file.setMark('looked', D0 + 20 * HOUR)
    file.catchUp([], D0 + 2 * DAY + HOUR, [{ meter: 'M10', since: 0 }])
    const reached = kpis.kpis(D0 + DAY, 'none', null, 10, D0 + 2 * DAY + HOUR)[0]?.kpis.find(({ kpi }) => kpi === 'reached')
    expect(reached?.final).toMatchObject({ numerator: 0, denominator: 2 })
  })

  it('leave out what is planned, archived, or not yet a day old, and say how many', () => {
    const { listOf, figureOf } = madeUp()
    expect(figureOf('daily').final.excluded).toEqual({ planned: 1, archived: 1, 'younger-than-one-day': 1 })
    expect(listOf('daily', 'excluded')).toEqual(['M6 planned', 'M7 archived', 'M8 younger-than-one-day'])
  })

  it('know at the cut-off only what had come by then', () => {
    const { listOf } = madeUp()
    expect(listOf('daily', 'out', 'cutoff')).toEqual(['M3 came-later', 'M4 DLT645_REFUSED', 'M5 filled-by-manual'])
  })

  it('are kept at the cut-off, whatever comes or goes later', () => {
    const { file, kpis, meters, figureOf } = madeUp()
    expect(kpis.snapshot(D0 + 7 * HOUR)).toBe(0)
    expect(kpis.snapshot(D0 + 8 * HOUR)).toBe(1)
    expect(kpis.snapshot(D0 + 9 * HOUR)).toBe(0)
    file.take([readOf('M4', D0, D0 + 30 * HOUR)])
    meters.pop()
    const { kept, isKept, final } = figureOf('daily', D0 + 31 * HOUR)
    expect([isKept, kept.numerator, final.numerator]).toEqual([true, 3, 5])
    kpis.snapshot(D0 + 9 * DAY)
    file.retain(D0 + 2000 * DAY)
    expect(figureOf('daily', D0 + 2000 * DAY).final).toMatchObject({ numerator: 5, denominator: 6 })
  })

  it('stand beside those of the day before', () => {
    const { file, kpis } = madeUp()
    kpis.snapshot(D0 + 8 * HOUR)
    file.take([dueOf('M1', D0 + DAY), readOf('M1', D0 + DAY)])
    const [all] = kpis.kpis(D0 + DAY, 'none', null, 10, D0 + DAY + 9 * HOUR)
    const daily = all?.kpis.find(({ kpi }) => kpi === 'daily')
    expect([daily?.yesterday?.numerator, daily?.yesterday?.denominator, daily?.lastMonth]).toEqual([3, 6, null])
  })

  it('add up over every way of grouping', () => {
    const { kpis } = madeUp()
    const now = D0 + 20 * HOUR
    const [all] = kpis.kpis(D0, 'none', null, 10, now)
    for (const by of ['zone', 'area', 'line', 'concentrator', 'maker'] as const) {
      const units = kpis.kpis(D0, by, null, 100, now)
      for (const kpi of KPIS) {
        if (kpi === 'online') continue
        const sum = (pick: 'numerator' | 'denominator') =>
          units.reduce((total, unit) => total + (unit.kpis.find((each) => each.kpi === kpi)?.final[pick] ?? 0), 0)
        const whole = all?.kpis.find((each) => each.kpi === kpi)?.final
        expect([sum('numerator'), sum('denominator')], `${kpi} by ${by}`).toEqual([whole?.numerator, whole?.denominator])
      }
    }
    expect(kpis.kpis(D0, 'area', 'A1', 10, now).map(({ id }) => id)).toEqual(['A2'])
  })

  it('have as many meters on their lists as they say', () => {
    const { listOf, figureOf } = madeUp()
    for (const kpi of KPIS) {
      if (kpi === 'online' || kpi === 'integrity') continue
      const { numerator, denominator } = figureOf(kpi).final
      expect([listOf(kpi, 'in').length, listOf(kpi, 'in').length + listOf(kpi, 'out').length], kpi).toEqual([numerator, denominator])
    }
  })
})

it('counts points of curves, those of the present day only as far as they were due', () => {
  const file = fileIn()
  const kpis = new KpiFile(file, () => ['M1', 'M2'].map((meter) => meterOf(meter)))
  const points = (meter: string, count: number) =>
    ({ what: 'points', at: D0, meter, instants: Array.from({ length: count }, (_, n) => D0 + n * 900_000) }) as const
  file.take([dueOf('M1', D0, 'curve'), dueOf('M2', D0, 'curve'), points('M1', 96), points('M2', 40)])
  const figure = (now: number) => kpis.kpis(D0, 'none', null, 1, now)[0]?.kpis.find(({ kpi }) => kpi === 'integrity')?.final
  expect(figure(D0 + 12 * HOUR)).toMatchObject({ numerator: 48 + 40, denominator: 96 })
  expect(figure(D0 + 30 * HOUR)).toMatchObject({ numerator: 136, denominator: 192 })
})

it('finds meters without success for three days in a row, not for two', () => {
  const file = fileIn()
  const kpis = new KpiFile(file, () => ['M1', 'M2', 'M3'].map((meter) => meterOf(meter)))
  for (const label of [D0 - 2 * DAY, D0 - DAY, D0]) {
    file.take([dueOf('M1', label), missedOf('M1', label), dueOf('M2', label), missedOf('M2', label)])
    if (label === D0 - DAY) file.take([readOf('M2', label)])
  }
  file.take([dueOf('M3', D0), missedOf('M3', D0)])
  const list = (which: 'in' | 'out') => kpis.members('consecutive', D0, 'none', '', which, 'final', D0 + HOUR).map(({ meter }) => meter)
  expect([list('in'), list('out')]).toEqual([['M1'], ['M2']])
})

it('names at the cut-off those who were a case then, whatever has come since', () => {
  const file = fileIn()
  const kpis = new KpiFile(file, () => [meterOf('M1')])
  for (const label of [D0 - 2 * DAY, D0 - DAY, D0]) file.take([dueOf('M1', label), missedOf('M1', label)])
  file.take([readOf('M1', D0 - DAY, D0 + 12 * HOUR)])
  const listAt = (when: 'cutoff' | 'final') =>
    kpis.members('consecutive', D0, 'none', '', 'in', when, D0 + 20 * HOUR).map(({ meter }) => meter)
  expect([listAt('cutoff'), listAt('final')]).toEqual([['M1'], []])
})

it('asks for the bill at the billing cut-off: the freeze of the billing day, or the month freeze', () => {
  const first = at('2026-11-01T00:00:00')
  const file = fileIn()
  const kpis = new KpiFile(file, () => ['M1', 'M2', 'M3'].map((meter) => meterOf(meter)))
  file.take([dueOf('M1', first), dueOf('M2', first), dueOf('M3', first, 'month-freeze'), readOf('M1', first), missedOf('M2', first)])
  file.take([readOf('M2', first, first + 2 * DAY), { ...readOf('M3', first), kind: 'month-freeze' }])
  const timely = kpis.kpis(D0, 'none', null, 1, D0 + HOUR)[0]?.kpis.find(({ kpi }) => kpi === 'timely')
  expect(timely?.cutoff).toBe(first + settingsOf().billingCutoffMs)
  expect(timely?.final).toMatchObject({ numerator: 2, denominator: 3 })
})

describe('a rate', () => {
  it.each([
    [1, 3, '0.333333'],
    [199_999_999, 200_000_000, '0.999999'],
    [5, 5, '1.000000'],
    [0, 7, '0.000000'],
    [0, 0, null],
  ])('of %i in %i is %s', (numerator, denominator, text) => expect(rateText(numerator, denominator)).toBe(text))

  it('is one only when nothing is missing', () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 40 }), fc.nat(), (denominator, less) => {
        const numerator = Math.max(0, denominator - less)
        expect(rateText(numerator, denominator) === '1.000000').toBe(numerator === denominator)
      }),
    ))
})
