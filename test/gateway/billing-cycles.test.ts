import { describe, expect, it } from 'vitest'
import type { BillingCycleView } from '../../src/api/index.ts'
import { billingHandlers } from '../../src/billing/index.ts'
import { ok } from '../../src/core/index.ts'
import { versionsAt } from '../../src/gateway/billing-book.ts'
import { completenessOf } from '../../src/gateway/billing-cycles.ts'
import { EnergyDays } from '../../src/gateway/energy-days.ts'
import { book, release } from '../billing/support.ts'
import { all, billingSite, DAY, type Kept, meter, NOVEMBER, OCTOBER, point } from './billing-read-site.ts'

const days = new EnergyDays('Asia/Shanghai')
const MIDDLE = OCTOBER + 14 * DAY
const CYCLE: BillingCycleView = { id: 'towns', name: 'Towns', day: 1, zones: ['Z-1'], areas: null, registers: null }

/** Ledger, store and book of a cycle of one zone; `done` releases what can be of some points at an instant. */
const site = async (now = NOVEMBER + DAY) => {
  const made = await billingSite()
  const file = book()
  const handlers = billingHandlers(file, () => undefined)
  const done = async (at: number, ...points: readonly string[]) =>
    release(file, (await all(made.reads.at(at, { points }, null))).flat(), { at })
  const report = async (month: string | null = '2026-11', cycle = CYCLE, sees: ((point: string) => boolean) | null = null) => {
    const found = await completenessOf(
      {
        ...{ reads: made.reads, days, now: () => now, cycles: () => [cycle], estimates: () => false },
        isKnown: (kind, id) => made.ledger.get(kind, id, null) !== null,
        versionsAt: versionsAt(async (call, request) => ok(handlers[call](request))),
      },
      cycle.id,
      month,
      sees,
    )
    return found.ok ? found.value : found.error.error.code
  }
  const counted = async (...asked: Parameters<typeof report>) => {
    const found = await report(...asked)
    if (typeof found === 'string') return expect.fail(found)
    const { total, open } = found
    return {
      total: [total.due, total.released, total.provisional, total.held],
      open: open.map(({ point: id, reasons }) => [id, ...reasons]),
    }
  }
  return { ...made, done, report, counted }
}
const freeze = (name: string, at: number, value = '1.00'): Kept => ({
  meter: name,
  at,
  values: { '1.8.0': value },
  point: name.replace('M', 'P'),
})
const houses = (...names: readonly string[]) => names.flatMap((name) => [point(`P-${name}`), meter(`M-${name}`, `P-${name}`)])

describe('completeness of a billing cycle', () => {
  it('names what is not released, each with the reason, and is whole when everything is', async () => {
    const { change, write, done, report, counted } = await site()
    change(...houses('1', '2', '3'), point('P-4'))
    await write(freeze('M-1', NOVEMBER), freeze('M-2', NOVEMBER))
    await done(NOVEMBER, 'P-1')
    expect(await counted()).toEqual({
      total: [4, 1, 1, 2],
      open: [['P-2'], ['P-3', 'no-read'], ['P-4', 'no-read']],
    })
    expect(await report()).toMatchObject({
      ...{ month: '2026-11', at: NOVEMBER, units: [{ area: 'A-1', due: 4, missing: 2, heldBy: { 'no-read': 2 } }] },
    })
    await write(freeze('M-3', NOVEMBER))
    change(meter('M-4', 'P-4'))
    await write(freeze('M-4', NOVEMBER))
    await done(NOVEMBER, 'P-2', 'P-3', 'P-4')
    expect(await counted()).toEqual({ total: [4, 4, 0, 0], open: [] })
  })
  it('is of what was there at its instant: who came or left within the cycle counts where they were', async () => {
    const { change, write, done, counted } = await site()
    change(...houses('1', '2'))
    await write(...['M-1', 'M-2'].flatMap((name) => [freeze(name, OCTOBER), freeze(name, NOVEMBER, '2.00')]))
    await done(OCTOBER, 'P-1', 'P-2')
    // In the middle of October one is taken out of service and another one comes.
    change(point('P-2', { state: 'archived' }, MIDDLE), meter('M-2', null, MIDDLE), point('P-3', {}, MIDDLE), meter('M-3', 'P-3', MIDDLE))
    await write(freeze('M-3', NOVEMBER))
    await done(NOVEMBER, 'P-1')
    expect(await counted('2026-10')).toEqual({ total: [2, 2, 0, 0], open: [] })
    expect(await counted('2026-11')).toEqual({ total: [2, 1, 1, 0], open: [['P-3']] })
    await done(NOVEMBER, 'P-3')
    expect(await counted('2026-11')).toEqual({ total: [2, 2, 0, 0], open: [] })
  })
  it('names who was billed a month before and is not any more, and places that are not in the ledger', async () => {
    const { change, report } = await site()
    change(...houses('1', '2', '3'))
    // One is taken out of service, and one moves to an area of another zone.
    change({ kind: 'zone', id: 'Z-2', from: null, set: {} }, { kind: 'area', id: 'A-2', from: null, set: { zone: 'Z-2' } })
    change(point('P-2', { state: 'archived' }, MIDDLE), point('P-3', { area: 'A-2' }, MIDDLE))
    const former = [
      { point: 'P-2', area: 'A-1' },
      { point: 'P-3', area: 'A-1' },
    ]
    expect(await report('2026-11')).toMatchObject({ total: { due: 1 }, formerPoints: 2, former, unknown: [] })
    expect(await report('2026-11', CYCLE, (id) => id !== 'P-2')).toMatchObject({ formerPoints: 1, former: former.slice(1) })
    const whole = { ...CYCLE, zones: ['Z-1', 'Z-2', 'Z-3'], areas: ['A-9'] }
    expect(await report('2026-11', whole)).toMatchObject({
      ...{ total: { due: 2 }, formerPoints: 1, former: former.slice(0, 1), unknown: ['Z-3', 'A-9'] },
    })
    expect(await report('2026-10')).toMatchObject({ total: { due: 3 }, formerPoints: 0, former: [] })
  })
  it('is of the newest month whose day has passed; one that is not over is refused', async () => {
    const early = await site(NOVEMBER - 1)
    expect(await early.report(null)).toMatchObject({ month: '2026-10', at: OCTOBER })
    expect(await early.report('2026-11')).toBe('BILLING_FUTURE')
    const late = await site(NOVEMBER)
    expect(await late.report(null)).toMatchObject({ month: '2026-11', at: NOVEMBER, total: { due: 0, released: 0 } })
    expect(await late.report(null, { ...CYCLE, day: 5 })).toMatchObject({ month: '2026-10', at: OCTOBER + 4 * DAY })
  })
  it('counts what somebody sees, once, by the registers that the cycle wants', async () => {
    const { change, write, done, counted } = await site()
    change(...houses('1', '2'))
    await write(freeze('M-1', NOVEMBER), freeze('M-2', NOVEMBER))
    await done(NOVEMBER, 'P-1')
    // The area lies in the zone that is named too.
    expect((await counted('2026-11', { ...CYCLE, areas: ['A-1'] })).total).toEqual([2, 1, 1, 0])
    expect(await counted('2026-11', CYCLE, (id) => id === 'P-1')).toEqual({ total: [1, 1, 0, 0], open: [] })
    // A register that nobody reads there cannot be released: the point is named with that, not as one that waits for a release.
    expect(await counted('2026-11', { ...CYCLE, registers: ['1.8.0', '2.8.0'] })).toEqual({
      total: [2, 0, 0, 2],
      open: [
        ['P-1', 'incomplete'],
        ['P-2', 'incomplete'],
      ],
    })
  })
})
