import { describe, expect, it } from 'vitest'
import { type HouseFacts, houseFindings, type ReadClock, type WaitingStranger } from '../../src/gateway/house-findings.ts'
import type { Exchange } from '../../src/ledger/index.ts'

const NOW = Date.UTC(2026, 10, 21)
const MINUTE = 60_000
const DAY = 86_400_000
const clock = (driftMs: number, more: Partial<ReadClock> = {}): ReadClock => ({
  ...{ point: 'P1', meter: 'M1', area: 'A1', state: 'far-off', newest: { at: NOW, driftMs, uncertaintyMs: 1000 } },
  ...more,
})
const stranger: WaitingStranger = {
  ...{ id: 7, channel: 'plant', address: '000000000077', firstSeen: NOW - DAY, lastSeen: NOW, sightings: 3, readings: 12, area: 'A1' },
  ...{ isOverdue: false, register: { obis: '1-0:1.8.0', value: '12.30', unit: 'kWh' } },
}
const exchange = (at: number): Exchange => ({
  ...{ id: 4, kind: 'meter', point: 'P2', at, oldMeter: 'M2', newMeter: 'M3', oldRatio: null, newRatio: null, end: {}, start: {} },
  ...{ proposed: { end: null, start: null }, by: ['a', 'b'], reason: 'r', deviation: null, change: 9, acknowledged: null, undoneBy: null },
})
const facts = (of: Partial<HouseFacts>): HouseFacts => ({
  clocks: () => [],
  strangers: () => [],
  exchanges: () => [],
  unread: () => [],
  buses: () => [],
  now: () => NOW,
  ...of,
})

describe('what the house knows by itself', () => {
  it.each([
    [5 * MINUTE, 0],
    [5 * MINUTE + 1000, 0], // the reading itself is a second wide
    [5 * MINUTE + 1001, 1],
    [-40 * MINUTE, 1],
  ])('a clock %i ms off gives %i findings', (driftMs, count) => {
    const found = houseFindings(facts({ clocks: () => [clock(driftMs)] }), 'A1')
    expect(found).toHaveLength(count)
    if (count > 0) expect(found[0]).toMatchObject({ kind: 'clock_drift', key: 'clock-drift/P1', target: 'P1', area: 'A1' })
    // The field that rows of clocks have.
    if (count > 0) expect(found[0]?.series).toMatchObject([{ measurement: 'comm', id: 'M1', fields: ['clock_offset'] }])
  })

  it('says nothing of a clock that was never read', () => {
    expect(houseFindings(facts({ clocks: () => [clock(0, { newest: null })] }), 'A1')).toEqual([])
  })

  it('a meter that is in no ledger, in its area only, more severe when it is overdue', () => {
    const of = facts({ strangers: () => [stranger, { ...stranger, address: 'x', isOverdue: true }, { ...stranger, area: 'A2' }] })
    expect(houseFindings(of, 'A1').map(({ target, severity }) => [target, severity])).toEqual([
      ['plant/000000000077', 'medium'],
      ['plant/x', 'high'],
    ])
    expect(houseFindings(of, 'A3')).toEqual([])
  })

  it.each([
    [DAY, []],
    [DAY + 1, ['medium']],
    [8 * DAY, ['high']],
  ])('an exchange %i ms ago that nobody acknowledged', (age, severities) => {
    const found = houseFindings(facts({ exchanges: () => [{ exchange: exchange(NOW - age), area: 'A1' }] }), 'A1')
    expect(found.map(({ severity }) => severity)).toEqual(severities)
  })

  it('a key account nobody read for a week, or whose readings are none good, in its area', () => {
    const none = { customer: 'C-1', point: 'P-1', meter: 'M-1', newestAt: NOW - 9 * DAY, since: NOW - 9 * DAY, days: 7, area: 'A1' }
    const bad = { ...none, point: 'P-2', newestAt: NOW - 1000, since: NOW - 7 * DAY }
    const of = facts({ unread: () => [none, bad, { ...none, point: 'P-3', area: 'A2' }] })
    expect(houseFindings(of, 'A1')).toMatchObject([
      {
        ...{ key: 'key-account-unread/P-1', kind: 'comm_fault', target: 'P-1', cause: 'not-read', from: NOW - 9 * DAY, to: null },
        thresholds: { 'key-account-unread.days': 7 },
      },
      { target: 'P-2', cause: 'no-good-reading', why: { en: expect.stringContaining('none is good') } },
    ])
    expect(houseFindings(of, 'A3')).toEqual([])
  })
})
