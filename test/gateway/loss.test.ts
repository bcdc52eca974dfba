import { expect, it } from 'vitest'
import { decimalText, type Reading, scalerAt } from '../../src/core/index.ts'
import { act } from './energy-site.ts'
import { DAY, lossSite, midnight, pointOf, START } from './loss-site.ts'

const value = (row: Reading | undefined, field: string): string | null => {
  const at = row?.shape.columns.findIndex((column) => column.field === field) ?? -1
  const raw = row?.raws[at]
  return row && raw !== null && raw !== undefined ? decimalText(raw, scalerAt(row, at)) : null
}

/** Gateway 400/5 and two houses: 10.00, 6.00 and 3.50 kWh a day on the faces; 800.00 against 9.50 … times what the ledger says. */
const VILLAGE = [...pointOf('G', { role: 'area-supply', ct: '400/5' }), ...pointOf('H1', { ct: '1' }), ...pointOf('H2', { ct: '100/5' })]
/** 10.00 × 80 = 800; 380 × 1 + 20 × 20 = 780: 20 kWh are lost, 2.5 %. */
const day = (from: number, days: number, perDay: number, start = 100_000): (readonly [number, number])[] =>
  Array.from({ length: days + 1 }, (_, at) => [midnight(from + at), start + at * perDay] as const)

it('sums one area as one does by hand: registers times ratios, to the last digit', async () => {
  const { read, settle, loss, rows } = await lossSite(midnight(3) + 3 * 3_600_000, VILLAGE)
  await read('G', day(0, 3, 1000), '80')
  await read('H1', day(0, 3, 38_000))
  await read('H2', day(0, 3, 2000), '20')
  await settle()
  const [first] = await rows('day', START, START + DAY)
  expect(value(first, 'supply_kwh')).toBe('800.00')
  expect(value(first, 'sold_kwh')).toBe('780.00')
  expect(value(first, 'loss_kwh')).toBe('20.00')
  expect(value(first, 'loss_pct')).toBe('2.5')
  expect(value(first, 'good_meters')).toBe('2')
  expect(value(first, 'version')).toBe('1')
  const answer = await loss.views.areaLoss('A-1', { from: START, to: midnight(3), step: 'day' })
  expect(answer).toMatchObject({ ok: true })
  if (!answer.ok) return
  expect(answer.value.items).toHaveLength(3)
  expect(answer.value.items[1]).toMatchObject({
    supply: '800.00',
    sold: '780.00',
    loss: '20.00',
    ofInput: 2.5,
    ofNet: 2.5,
    state: 'qualified',
    missing: [],
  })
  const balance = await loss.views.areaBalance('A-1', START, midnight(2), true)
  expect(balance).toMatchObject({ ok: true })
  if (!balance.ok) return
  expect(balance.value.item).toMatchObject({ supply: '1600.00', sold: '1560.00', loss: '40.00' })
  expect(balance.value.members.find(({ point }) => point === 'G')).toMatchObject({
    ...{ role: 'gateway', ratio: '80', imported: '1600.00', days: 2, unknownDays: 0 },
    start: { at: START, register: '1000.00', meter: 'M-G', read: true },
    end: { at: midnight(2), register: '1020.00', meter: 'M-G', read: true },
  })
})

it('says what is missing and what that bounds, and never counts it as zero; late registers put it right under a new version', async () => {
  const { read, settle, loss, rows } = await lossSite(midnight(6) + 3 * 3_600_000, VILLAGE)
  await read('G', day(0, 6, 1000), '80')
  await read('H1', day(0, 5, 38_000))
  await read('H2', day(0, 6, 2000), '20')
  await settle()
  const last = async () => {
    const answer = await loss.views.areaLoss('A-1', { from: midnight(5), to: midnight(6), step: 'day' })
    if (!answer.ok) throw new Error(answer.error.error.message)
    return answer.value.items[0]
  }
  const dark = await last()
  expect(dark).toMatchObject({
    ...{ supply: '800.00', sold: null, loss: null, ofInput: null, state: 'not-computable', missing: ['H1'], faults: ['meters-missing'] },
    ...{ meters: 2, good: 1, meterPpm: 500_000, measured: '400.00', energyPpm: 512_821 },
  })
  // H1 used nothing at least and 380 kWh usually.
  expect(dark?.bound).toEqual([20, 20, 400])
  const version = dark?.version ?? 0
  expect(value((await rows('day', midnight(5), midnight(6)))[0], 'known')).not.toBe(
    value((await rows('day', midnight(4), midnight(5)))[0], 'known'),
  )
  await read('H1', [[midnight(6), 100_000 + 6 * 38_000]])
  await settle()
  expect(await last()).toMatchObject({ sold: '780.00', loss: '20.00', state: 'qualified', missing: [], version: version + 1 })
  expect(value((await rows('day', midnight(5), midnight(6)))[0], 'loss_kwh')).toBe('20.00')
})

it('has a day worked out again when the ledger corrects a ratio or moves a meter, in the area it leaves too', async () => {
  const { read, settle, loss, site } = await lossSite(midnight(3) + 3 * 3_600_000, [
    { kind: 'area', id: 'A-2', from: null, set: { name: 'two' } },
    ...VILLAGE,
    ...pointOf('G2', { role: 'area-supply', area: 'A-2', ct: '1' }),
    ...pointOf('H3', { area: 'A-2', ct: '1' }),
  ])
  await read('G', day(0, 3, 1000), '80')
  await read('H1', day(0, 3, 38_000))
  await read('H2', day(0, 3, 2000), '20')
  await read('G2', day(0, 3, 50_000))
  await read('H3', day(0, 3, 48_000))
  await settle()
  const lossOf = async (area: string) => {
    const answer = await loss.views.areaLoss(area, { from: START, to: midnight(1), step: 'day' })
    if (!answer.ok) throw new Error(answer.error.error.message)
    return answer.value.items[0]?.loss
  }
  expect([await lossOf('A-1'), await lossOf('A-2')]).toEqual(['20.00', '20.00'])
  // The plate of H2 says 105/5: 20.00 × 21 = 420.
  expect(site.ledger.apply([{ kind: 'point', id: 'H2', from: START, set: { ct: '105/5' } }], act(midnight(3)))).toMatchObject({ ok: true })
  await settle()
  expect(await lossOf('A-1')).toBe('0.00')
  // H1 hangs on the other transformer: its 380 kWh go with it.
  expect(
    site.ledger.apply([{ kind: 'point', id: 'H1', from: null, set: { area: 'A-2' } }], act(midnight(3), { why: 'traced' })),
  ).toMatchObject({ ok: true })
  await settle()
  expect([await lossOf('A-1'), await lossOf('A-2')]).toEqual(['0.00', '20.00'])
  const moved = site.ledger.apply(
    [{ kind: 'point', id: 'H1', from: START, set: { area: 'A-2' } }],
    act(midnight(3), { why: 'from the beginning' }),
  )
  expect(moved).toMatchObject({ ok: true })
  await settle()
  expect([await lossOf('A-1'), await lossOf('A-2')]).toEqual(['380.00', '-360.00'])
})

it('does not compute without a gateway, with a ratio of zero, or for an unknown area, and says which', async () => {
  const { read, settle, loss } = await lossSite(midnight(2) + 3 * 3_600_000, [
    ...pointOf('H1', { ct: '1' }),
    { kind: 'area', id: 'A-3', from: null, set: { name: 'three' } },
  ])
  await read('H1', day(0, 2, 38_000))
  await settle()
  const answer = await loss.views.areaLoss('A-1', { from: START, to: midnight(1), step: 'day' })
  expect(answer).toMatchObject({
    ok: true,
    value: { items: [{ state: 'not-computable', faults: ['no-gateway'], bound: null, supply: null }] },
  })
  expect(await loss.views.areaLoss('A-3', { from: START, to: midnight(1), step: 'day' })).toMatchObject({
    ok: true,
    value: { items: [{ state: 'not-computable', faults: ['no-gateway', 'no-meters'] }] },
  })
  expect(await loss.views.areaLoss('A-9', { from: START, to: midnight(1), step: 'day' })).toMatchObject({
    ok: false,
    error: { because: 'unknown' },
  })
})

it('works a month out by both methods, and names the days that make them differ', async () => {
  const january = Date.parse('2026-01-01T00:00:00+01:00')
  const { site, read, settle, loss } = await lossSite(Date.parse('2026-02-02T03:00:00+01:00'), VILLAGE)
  const all = (perDay: number) => Array.from({ length: 32 }, (_, at) => [january + at * DAY, 100_000 + at * perDay] as const)
  await read('G', all(1000), '80')
  // Nobody read H1 on the 10th: both days around are split between the neighbours, the month is measured.
  await read(
    'H1',
    all(38_000).filter((_, at) => at !== 10),
  )
  await read('H2', all(2000), '20')
  await settle()
  expect(site.runner.state().dirty).toBe(0)
  const answer = await loss.views.areaLoss('A-1', { from: january, to: january + 31 * DAY, step: 'month' })
  if (!answer.ok) throw new Error(answer.error.error.message)
  expect(answer.value.items).toHaveLength(1)
  expect(answer.value.items[0]).toMatchObject({
    ...{ supply: '24800.00', sold: '24180.00', loss: '620.00', ofInput: 2.5, state: 'qualified' },
    sumOfDays: { loss: '580.00', days: 29, of: 31, notComputable: ['2026-01-10', '2026-01-11'] },
  })
})
