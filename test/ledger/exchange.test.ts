import { describe, expect, it } from 'vitest'
import { err, ok, type RangePage, type RangeQuery, type Reading, seriesOf, shapeOf } from '../../src/core/index.ts'
import { exchangeProposal } from '../../src/gateway/ledger-exchange.ts'
import type { ExchangeDraft } from '../../src/ledger/index.ts'
import { act, bad, day, good, patch, site } from './support.ts'

const AT = Date.parse('2026-08-10T02:30:00Z')
const draft = (change: Partial<ExchangeDraft> = {}): ExchangeDraft => ({
  ...{ kind: 'meter', point: 'P1', at: AT, meter: { id: 'M7', set: { address: '77' } }, ratio: null },
  ...{ end: { '1.8.0': '12345.67' }, start: { '1.8.0': '0.03' }, proposed: { end: null, start: null } },
  ...{ by: ['Wang', 'Li'], reason: 'burnt terminal', deviation: null },
  ...change,
})
const codes = (ledger: ReturnType<typeof site>['ledger'], change: Partial<ExchangeDraft>) =>
  bad(ledger.exchange(draft(change), act({ what: 'exchange' }))).problems.map(({ code, message }) => `${code} ${message}`)

describe('an exchange', () => {
  it('of a meter ends the old and begins the new one at the instant, with registers and persons', () => {
    const { ledger } = site()
    const done = good(ledger.exchange(draft(), act({ what: 'exchange', workOrder: 'WO-3' })))
    expect(done).toEqual({
      ...{ id: 1, kind: 'meter', point: 'P1', at: AT, oldMeter: 'M1', newMeter: 'M7', oldRatio: null, newRatio: null },
      ...{ end: { '1-0:1.8.0': '12345.67' }, start: { '1-0:1.8.0': '0.03' }, proposed: { end: null, start: null } },
      ...{ by: ['Wang', 'Li'], reason: 'burnt terminal', deviation: null, change: 2, acknowledged: null, undoneBy: null },
    })
    expect(ledger.history('P1').map(({ meter, line, address, profile, from, to }) => [meter, line, address, profile, from, to])).toEqual([
      ['M1', 'hall', '000000000001', 'p', 0, AT],
      ['M7', 'hall', '77', 'p', AT, null],
    ])
    expect(ledger.change(2)).toMatchObject({ what: 'exchange', workOrder: 'WO-3', entities: 2 })
  })

  it('of a CT changes the ratio of the point from the instant on', () => {
    const { ledger } = site()
    const done = good(ledger.exchange(draft({ kind: 'ct', meter: null, ratio: '600/5', start: {} }), act()))
    expect(done).toMatchObject({ oldRatio: '400/5', newRatio: '600/5', start: { '1-0:1.8.0': '12345.67' } })
    expect(ledger.history('P1').map(({ ct, from }) => [ct, from])).toEqual([
      ['400/5', 0],
      ['600/5', AT],
    ])
    // The same ratio in a new housing is an exchange too, and changes no fact.
    expect(good(ledger.exchange(draft({ kind: 'pt', meter: null, ratio: '1' }), act())).change).toBe(3)
  })

  it('is refused before the meter hung there, naming since when it does', () => {
    const { ledger } = site()
    good(ledger.apply([patch('meter', 'M3', { point: 'P3', line: 'hall', address: '3', profile: 'p' }, day('2026-08-12'))], act()))
    expect(codes(ledger, { point: 'P3' })[0]).toBe(
      'LEDGER_EXCHANGE at 2026-08-10T02:30:00Z no meter hung there: meter M3 hangs there since 2026-08-12T00:00:00Z (ledger: meter M3 since 2026-08-12T00:00:00Z)',
    )
    good(ledger.apply([patch('point', 'P4', { ct: '80' }, day('2026-08-12'))], act()))
    expect(codes(ledger, { point: 'P4', kind: 'ct', meter: null, ratio: '100' })[0]).toContain('there was no point P4 yet')
    expect(codes(ledger, { point: 'P9' })[0]).toContain('never had a meter')
  })

  it.each<[string, Partial<ExchangeDraft>, string]>([
    ['one person twice', { by: ['Wang', ' wang '] }, 'LEDGER_PERSONS the persons are "Wang" and " wang "'],
    ['no register', { end: {} }, 'LEDGER_REGISTERS the end register 1.8.0 is missing'],
    ['a register that is none', { end: { '1.8.0': '12,5' } }, 'LEDGER_REGISTERS end register 1.8.0 is "12,5"'],
    ['an instant to come', { at: day('2026-08-16') }, 'LEDGER_FUTURE'],
    ['the old meter as the new one', { meter: { id: 'M1', set: {} } }, 'LEDGER_EXCHANGE the new meter M1 is the old one'],
    ['a meter that hangs elsewhere', { meter: { id: 'M2', set: {} } }, 'LEDGER_EXCHANGE the new meter M2 hangs at point P2 then'],
    ['a ratio of nothing', { kind: 'ct', meter: null, ratio: '0/5' }, 'LEDGER_VALUE the new ratio is "0/5"'],
    ['no reason', { reason: ' ' }, 'LEDGER_VALUE the reason is empty'],
  ])('is refused with %s, and leaves everything as it was', (_, change, words) => {
    const { ledger } = site()
    expect(codes(ledger, change)).toContainEqual(expect.stringContaining(words))
    expect([ledger.seq, ledger.exchanges({ limit: 9 })]).toEqual([1, []])
  })

  it('wants a reason for registers further from its own reading than 1 kWh and 0.5 %', () => {
    const { ledger } = site()
    const proposed = (end: string) => ({ end: { '1.8.0': end }, start: null })
    const problems = codes(ledger, { proposed: proposed('12245.67') })
    expect(problems).toEqual([
      "LEDGER_DEVIATION the end register 1-0:1.8.0 is 12345.67, the gateway's reading says 12245.67: 100.00 apart, allowed without a reason are 1 or 0.5 %",
    ])
    // 0.5 % of 12300 is 61.5: 45.67 apart needs no reason; a narrower tolerance asks for one.
    expect(codes(ledger, { proposed: proposed('12300.00'), tolerance: { kwh: '1', percent: '0.1' } })).toHaveLength(1)
    good(ledger.exchange(draft({ proposed: proposed('12300.00') }), act()))
    good(ledger.undo(2, act()))
    const said = good(ledger.exchange(draft({ proposed: proposed('12245.67'), deviation: 'photo 17 shows it' }), act()))
    expect(said).toMatchObject({ deviation: 'photo 17 shows it', proposed: { end: { '1-0:1.8.0': '12245.67' }, start: null } })
  })

  it('taken back is marked so, comes back with the undo of the undo, and billing acknowledges it once', () => {
    const { ledger } = site()
    good(ledger.exchange(draft(), act()))
    expect(good(ledger.acknowledge(1, 'billing', 'seen', day('2026-08-15'))).acknowledged).toEqual({
      ...{ by: 'billing', at: day('2026-08-15'), note: 'seen' },
    })
    expect(bad(ledger.acknowledge(1, 'billing', '', day('2026-08-15'))).problems).toMatchObject([{ code: 'LEDGER_ACKNOWLEDGED' }])
    good(ledger.undo(3, act()))
    expect(ledger.exchanges({ limit: 9, unacknowledged: true })).toHaveLength(1)
    good(ledger.undo(2, act()))
    expect(ledger.exchanges({ limit: 9 })).toMatchObject([{ id: 1, undoneBy: 5 }])
    expect(ledger.exchanges({ limit: 9, unacknowledged: true })).toEqual([])
    expect(ledger.metersOf(['M1'])).toHaveLength(1)
    expect(ledger.get('meter', 'M7', null)).toBeNull()
    good(ledger.undo(5, act()))
    expect(ledger.exchanges({ limit: 9 })).toMatchObject([{ undoneBy: null }])
    expect(ledger.metersOf(['M1', 'M7']).map(({ meter }) => meter)).toEqual(['M7'])
  })
})

describe('the proposal', () => {
  const shape = shapeOf([{ field: '1.8.0', obis: '1-0:1.8.0', unit: 'kWh', scaler: -2 }])
  const reading = (meter: string, at: number, raw: number | null, source = 'live'): Reading => ({
    series: seriesOf('register', { meter, point: 'P1', area: 'A', source }),
    ...{ shape, raws: [raw], scalers: null, absent: null, ratio: '80', measuredAt: at, receivedAt: at, quality: 0 },
  })
  const storeOf = (readings: readonly Reading[]) => ({
    range: async ({ tags, from, to, limit, cursor = '0' }: RangeQuery) => {
      const found = readings.filter(({ series, measuredAt }) => series.tags.meter === tags.meter && measuredAt >= from && measuredAt < to)
      const end = Number(cursor) + limit
      return ok<RangePage>({ readings: found.slice(Number(cursor), end), next: end < found.length ? String(end) : null })
    },
  })
  const HOUR = 3_600_000

  it('is the newest reading of the old meter up to the instant, and the first of the new one from it on', async () => {
    const readings = [
      ...Array.from({ length: 700 }, (_, n) => reading('M1', AT - 40 * HOUR + n * 60_000, 1_234_000 + n)),
      reading('M1', AT, 1_234_900, 'day-freeze'),
      reading('M1', AT, 1_234_901),
      reading('M1', AT + 1, 9_999_999),
      reading('M7', AT - 1, 500),
      reading('M7', AT + HOUR, null),
      reading('M7', AT + 2 * HOUR, 3),
    ]
    const deps = { store: storeOf(readings), meterAt: () => ({ meter: 'M1' }) }
    expect(await exchangeProposal(deps, 'P1', AT, 'M7')).toEqual({
      oldMeter: 'M1',
      end: { registers: { '1-0:1.8.0': '12349.00' }, measuredAt: AT, source: 'day-freeze' },
      start: { registers: { '1-0:1.8.0': '0.03' }, measuredAt: AT + 2 * HOUR, source: 'live' },
    })
    expect(await exchangeProposal(deps, 'P1', AT, null)).toMatchObject({ start: null })
  })

  it('is not taken from what nobody read or what cannot be', async () => {
    const readings = [
      reading('M1', AT - 2 * HOUR, 1_234_700),
      { ...reading('M1', AT - HOUR, 9), quality: 4 },
      { ...reading('M1', AT, 8), quality: 64 },
    ]
    const deps = { store: storeOf(readings), meterAt: () => ({ meter: 'M1' }) }
    expect((await exchangeProposal(deps, 'P1', AT, null))?.end?.registers).toEqual({ '1-0:1.8.0': '12347.00' })
  })

  it('is not "nothing read" when the store does not answer', async () => {
    const failed = err({ code: 'STORE_DOWN', message: 'x', hint: 'y', recovery: 'retry' as const, context: {} })
    const deps = { store: { range: async () => failed }, meterAt: () => ({ meter: 'M1' }) }
    expect(await exchangeProposal(deps, 'P1', AT, 'M7')).toBeNull()
  })

  it('looks weeks back when the meter was silent, and is nothing where nothing was read', async () => {
    const deps = { store: storeOf([reading('M1', AT - 20 * 24 * HOUR, 100)]), meterAt: () => ({ meter: 'M1' }) }
    expect((await exchangeProposal(deps, 'P1', AT, 'M7'))?.end?.registers).toEqual({ '1-0:1.8.0': '1.00' })
    expect(await exchangeProposal({ ...deps, meterAt: () => null }, 'P1', AT, 'M7')).toEqual({ oldMeter: null, end: null, start: null })
  })
})
