import { Temporal } from 'temporal-polyfill'
import { expect, it, onTestFinished } from 'vitest'
import { Calendar } from '../../src/acquisition/index.ts'
import { CollectionFile, DEFAULT_SETTINGS, KpiFile } from '../../src/collection/index.ts'
import { decimalText, type Reading, type Source, scalerAt } from '../../src/core/index.ts'
import { ENERGY_FLAGS } from '../../src/energy/index.ts'
import { collectionFacts } from '../../src/gateway/collection-facts.ts'
import { outagesOf } from '../../src/gateway/outage-places.ts'
import { act, type EnergySite, energySite, PROFILE, rowOf, ZONE } from './energy-site.ts'

const HOUR = 3_600_000
const at = (text: string) => Temporal.PlainDateTime.from(text).toZonedDateTime(ZONE).epochMilliseconds
const DAY = at('2026-11-10T00:00')
const NOW = at('2026-11-12T09:00')

/** A zone with a feeder, an area under each, a point in each area. */
const site = async (): Promise<EnergySite> => {
  const made = await energySite(NOW)
  const written = made.ledger.apply(
    [
      { kind: 'zone', id: 'Z-0', from: null, set: { name: 'all' } },
      { kind: 'zone', id: 'Z-1', from: null, set: { name: 'east', parent: 'Z-0' } },
      { kind: 'feeder', id: 'F-1', from: null, set: { name: 'mill' } },
      { kind: 'area', id: 'A-1', from: null, set: { name: 'one', zone: 'Z-1', feeder: 'F-1' } },
      { kind: 'area', id: 'A-2', from: null, set: { name: 'two' } },
      { kind: 'point', id: 'P-1', from: null, set: { area: 'A-1', ct: '1' } },
      { kind: 'point', id: 'P-2', from: null, set: { area: 'A-2', ct: '1' } },
      { kind: 'meter', id: 'M-1', from: null, set: { point: 'P-1', line: 'bus', address: '000000000001', profile: PROFILE } },
      { kind: 'meter', id: 'M-2', from: null, set: { point: 'P-2', line: 'bus', address: '000000000002', profile: PROFILE } },
    ],
    act(DAY - 400 * 24 * HOUR),
  )
  expect(written).toMatchObject({ ok: true })
  return made
}
const read = (when: number, register: number, meter = 'M-1', source: Source = 'curve'): Reading =>
  rowOf({ at: when, receivedAt: when, value: { raw: register, scaler: -2 }, meter, source, quality: 0 }, '1', meter.replace('M', 'P'))
const energyOf = (row: Reading | undefined): string | null => {
  const raw = row?.raws[0]
  return row && raw !== null && raw !== undefined ? decimalText(raw, scalerAt(row, 0)) : null
}
/** Half a kilowatt all day, read every hour but from ten to eighteen. */
const hourly = (meter = 'M-1') =>
  Array.from({ length: 26 }, (_, hour) => hour)
    .filter((hour) => hour <= 10 || hour >= 18)
    .map((hour) => read(DAY + hour * HOUR, 100_000 + hour * 50, meter))
const draft = {
  ...({ scope: 'zone', target: 'Z-0', kind: 'planned', from: DAY + 12 * HOUR, expectedTo: DAY + 20 * HOUR, to: null } as const),
  ...{ reason: 'new transformer', workOrder: null, noticed: null },
}

it.each([
  ['zone', 'Z-0'],
  ['feeder', 'F-1'],
  ['area', 'A-1'],
  ['point', 'P-1'],
] as const)(
  'books what was used around an outage of a %s where power was on, and again otherwise when it is withdrawn',
  async (scope, target) => {
    const { put, settle, rows, outages } = await site().then((made) => ({ ...made, outages: made.outages.views }))
    await put([...hourly('M-1'), ...hourly('M-2')])
    await settle()
    const hours = async (point: string) =>
      (await rows('1h', DAY + 10 * HOUR, DAY + 19 * HOUR, point)).toSorted((a, b) => a.measuredAt - b.measuredAt).map(energyOf)
    expect(await hours('P-1')).toEqual(['0.50', '0.50', '0.50', '0.50', '0.50', '0.50', '0.50', '0.50', '0.50'])
    const added = outages.addOutage({ ...draft, scope, target }, 'Li')
    expect(added).toMatchObject({ ok: true, value: { warning: expect.stringContaining('not told') } })
    expect(outages.endOutage(1, DAY + 18 * HOUR, 'Li', 'power is back')).toMatchObject({ ok: true })
    await settle()
    expect(await hours('P-1')).toEqual(['2.00', '2.00', '0.00', '0.00', '0.00', '0.00', '0.00', '0.00', '0.50'])
    const [off] = await rows('1h', DAY + 13 * HOUR, DAY + 14 * HOUR, 'P-1')
    const flags = off?.raws[off.shape.columns.findIndex(({ field }) => field === '1.8.0_flags')]
    expect(Number(flags) & ENERGY_FLAGS['power-off']).not.toBe(0)
    // The other area, and the sum of the day, are as they were.
    expect(await hours('P-2')).toEqual(Array(9).fill('0.50'))
    expect(energyOf((await rows('day', DAY, DAY + 1, 'P-1'))[0])).toBe('12.00')
    expect(outages.withdrawOutage(1, 'Li', 'of another town')).toMatchObject({ ok: true })
    await settle()
    expect(await hours('P-1')).toEqual(Array(9).fill('0.50'))
  },
)

it('refuses what the ledger does not know', async () => {
  const { outages } = await site()
  expect(outages.views.addOutage({ ...draft, target: 'Z-9' }, 'Li')).toMatchObject({
    ...{ ok: false, error: { because: 'not-possible', error: { code: 'OUTAGE_TARGET' } } },
  })
  expect(outages.views.endOutage(7, null, 'Li', 'x')).toMatchObject({ ok: false, error: { because: 'unknown' } })
})

it('leaves a meter alone while its power is off, until it was heard or power is expected back', async () => {
  const { outages, clock } = await site()
  outages.views.addOutage({ ...draft, kind: 'emergency', target: 'Z-1', from: NOW - HOUR, expectedTo: NOW + HOUR }, 'Li')
  expect([
    outages.isOff('P-1', null),
    outages.isOff('P-1', NOW - 2 * HOUR),
    outages.isOff('P-1', NOW - 1),
    outages.isOff('P-2', null),
  ]).toEqual([...[true, true, false, false]])
  clock.at = NOW + HOUR
  expect(outages.isOff('P-1', null)).toBe(false)
})

it('does not count meters on a day with an outage, and lists them with the kind of it; not before the power was off', async () => {
  const { ledger, outages, directory } = await site()
  const file = new CollectionFile(directory, { settings: DEFAULT_SETTINGS, days: new Calendar(ZONE), random: () => 0 })
  onTestFinished(() => file.close())
  const kpis = new KpiFile(
    file,
    collectionFacts(ledger, new Set()),
    outagesOf(ledger, (from, to) => outages.file.over(from, to)),
  )
  const due = (meter: string, area: string) =>
    ({ what: 'due', kind: 'day-freeze', label: DAY, meter, at: DAY, point: meter.replace('M', 'P'), line: 'bus', area, stepMs: 0 }) as const
  file.take([due('M-1', 'A-1'), due('M-2', 'A-2')])
  outages.views.addOutage({ ...draft, scope: 'feeder', target: 'F-1', to: DAY + 18 * HOUR }, 'Li')
  outages.views.addOutage({ ...draft, scope: 'point', target: 'P-2', kind: 'emergency', from: DAY + 30 * HOUR, expectedTo: null }, 'Li')
  const listed = (list: 'out' | 'excluded', when: 'cutoff' | 'final') =>
    kpis.members('daily', DAY, 'none', '', list, when, NOW).map(({ meter, reason }) => [meter, reason])
  // At eight in the morning its power was still on.
  expect([listed('excluded', 'cutoff'), listed('out', 'cutoff').length]).toEqual([[], 2])
  expect([listed('excluded', 'final'), listed('out', 'final').map(([meter]) => meter)]).toEqual([[['M-1', 'planned-outage']], ['M-2']])
  const [all] = kpis.kpis(DAY, 'none', null, 1, NOW)
  expect(all?.kpis.find(({ kpi }) => kpi === 'daily')?.final).toMatchObject({ denominator: 1, excluded: { 'planned-outage': 1 } })
  expect(kpis.members('daily', DAY + 24 * HOUR, 'none', '', 'excluded', 'final', NOW).map(({ meter, reason }) => [meter, reason])).toEqual([
    ['M-2', 'emergency-outage'],
  ])
})
