import { describe, expect, it } from 'vitest'
import { alarmsOf, emptyBook, type Finding, NO_LAYERS, type ThresholdLayers, takeVerdict } from '../../src/anomaly/index.ts'
import { busesOf, busWatch } from '../../src/gateway/bus-findings.ts'
import { HouseWatch } from '../../src/gateway/house-watch.ts'
import { DAY, lossSite, midnight, pointOf } from './loss-site.ts'

/** A bus fed by IN, with a feeder measured at its head and a customer's own line: 100 in, 60 + 40 out a day. */
const BUS = [
  { kind: 'feeder', id: 'F-1', from: null, set: { name: 'one', bus: 'B-1' } },
  ...pointOf('IN', { role: 'bus-in', bus: 'B-1' }),
  ...pointOf('LINE', { role: 'line-supply', feeder: 'F-1' }),
  ...pointOf('OUT', { role: 'bus-out', bus: 'B-1' }),
] as const

const days = (values: readonly number[]): (readonly [number, number])[] => {
  const before = (at: number) => values.slice(0, at).reduce((sum, kwh) => sum + kwh, 0)
  return Array.from({ length: values.length + 1 }, (_, at) => [midnight(at), 100_000 + 100 * before(at)] as const)
}

/** @param out  kWh of the customer's line, day by day */
const site = async (out: readonly number[], set: ThresholdLayers = NO_LAYERS) => {
  const made = await lossSite(midnight(out.length) + 3 * 3_600_000, [...BUS])
  await made.read('IN', days(out.map(() => 100)))
  await made.read('LINE', days(out.map(() => 60)))
  await made.read('OUT', days(out))
  await made.settle()
  const { ledger, clock, runner } = made.site
  let layers = set
  const use = (next: ThresholdLayers) => {
    layers = next
  }
  const parts = { ledger, balance: made.loss.views.busBalance, thresholds: () => layers, days: runner.days, now: () => clock.at }
  return { ...made, clock, days: runner.days, ledger, watch: busWatch(parts, '-'), use }
}

describe('a bus in service', () => {
  it('is known by whatever names it', async () => expect(busesOf((await site([40])).ledger)).toEqual(['B-1']))
  it('says nothing while what goes in comes out, two per cent included', async () => {
    expect((await site([40, 40, 38])).watch()).toEqual([])
  })
  it('out of balance is a finding of the newest day, from the day on which it began', async () => {
    const { watch } = await site([40, 35, 35])
    expect(watch()).toMatchObject([
      {
        ...{ kind: 'bus_unbalance', target: 'B-1', area: '-', level: 'bus', from: midnight(1), to: null },
        numbers: { inKwh: 100, outKwh: 95, unbalancePct: 5, limitPct: 2 },
        thresholds: { 'bus_unbalance.low_voltage_pct': 2 },
      },
    ])
    expect(watch()[0]!.series.map(({ id, from }) => [id, from])).toEqual([
      ['IN', midnight(2)],
      ['OUT', midnight(2)],
      ['LINE', midnight(2)],
    ])
  })
  it('follows a changed threshold at once, and late registers within the hour', async () => {
    const { watch, use, read, settle, clock } = await site([40, 40, 35])
    expect(watch()).toHaveLength(1)
    use({ ...NO_LAYERS, version: 1, points: { 'B-1': { 'bus_unbalance.low_voltage_pct': 6 } } })
    expect(watch()).toEqual([])
    use({ ...NO_LAYERS, version: 2 })
    expect(watch()).toHaveLength(1)
    await read('OUT', [[midnight(4), 100_000 + 100 * (40 + 40 + 35 + 40)]])
    await read('IN', [[midnight(4), 100_000 + 100 * 400]])
    await read('LINE', [[midnight(4), 100_000 + 100 * 240]])
    clock.at = midnight(4) + 2 * 3_600_000
    await settle()
    expect(watch()).toEqual([])
  })
  it('is one case, which ends when the balance closes', async () => {
    const { watch, clock, days } = await site([40, 35])
    let book = emptyBook('-')
    let found: readonly Finding[] = watch()
    const house = new HouseWatch({
      areas: () => ['-'],
      findings: () => found,
      take: (verdict, day) => {
        book = takeVerdict(book, verdict, day).book
      },
      today: () => ({ day: days.of(clock.at), start: days.start(days.of(clock.at)), end: days.end(days.of(clock.at)) }),
      now: () => clock.at,
      log: () => undefined,
    })
    house.look()
    house.look()
    expect(alarmsOf(book)).toMatchObject([{ key: 'bus_unbalance:B-1', state: 'open', from: midnight(1), to: null }])
    clock.at += DAY
    found = []
    house.look()
    expect(alarmsOf(book)).toMatchObject([{ key: 'bus_unbalance:B-1', to: clock.at }])
  })
})
