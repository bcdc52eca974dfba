import { expect, it } from 'vitest'
import { dayPhases } from '../../src/gateway/loss-phases.ts'
import { DAY, dayName, METERS, START, syntheticArea } from './analysis-area.ts'
import { analysisSite } from './analysis-site.ts'
import { act } from './energy-site.ts'

it('gives the loss of each phase of a day that was kept, and says why when it cannot', async () => {
  const area = syntheticArea({ days: 2 })
  const site = await analysisSite(START)
  expect(site.ledger.apply(area.patches, act(START))).toMatchObject({ ok: true })
  const silent = area.point(3) // on phase A
  await site.put([...area.rows(0), ...area.rows(1).filter(({ series }) => series.tags.point !== silent)])
  site.clock.at = START + 2 * DAY + 7 * 3_600_000
  await site.settle()
  const ask = (day: number, phases = {}) => dayPhases({ ...site.parts, phases: () => phases }, 'A-1', dayName(day))
  const found = ask(0) ?? []
  expect(found.map(({ phase, state, faults }) => [phase, state, faults])).toEqual(['A', 'B', 'C'].map((phase) => [phase, 'computed', []]))
  const sum = (name: 'supplyKwh' | 'soldKwh' | 'lossKwh') => found.reduce((all, one) => all + (one[name] ?? 0), 0)
  const [day] = site.book.losses('A-1', dayName(0), dayName(0))
  expect(sum('supplyKwh')).toBeCloseTo(day?.supplyKwh ?? 0, 3)
  expect(sum('soldKwh')).toBeCloseTo(day?.soldKwh ?? 0, 3)
  // Wires lose alike on all phases: what each loses is a third, within what is said of it.
  for (const { lossKwh, errorKwh } of found) expect(Math.abs((lossKwh ?? 0) - sum('lossKwh') / 3)).toBeLessThan((errorKwh ?? 0) + 0.5)
  expect(ask(1)?.map(({ state, faults, because }) => [state, faults, because])).toEqual([
    ['not-computable', ['customer-energy-missing'], [silent]],
    ['computed', [], []],
    ['computed', [], []],
  ])
  // What voltages tell goes before the ledger.
  const moved = ask(0, Object.fromEntries(Array.from({ length: METERS }, (_, meter) => [area.point(meter), 'B']))) ?? []
  expect(moved.map(({ soldKwh }) => soldKwh === 0)).toEqual([true, false, true])
  expect(ask(5)).toBeNull()
})
