import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import type { Principal } from '../../src/access/index.ts'
import type { ScopedKind } from '../../src/core/index.ts'
import { ScopeIndex } from '../../src/gateway/scope-index.ts'
import { type Kind, Ledger, type Value } from '../../src/ledger/index.ts'

const AT = Date.parse('2026-08-01T00:00:00Z')
type Entry = readonly [kind: Kind, id: string, set: Readonly<Record<string, Value>>]

/**
 * Two zones, N with N-1 in it and S. Feeder F-N is of N and feeds area A-F, which has no zone of its own; bus B-1 carries both feeders,
 * B-2 that of the south alone.
 */
const SITE: readonly Entry[] = [
  ['zone', 'N', { name: 'north' }],
  ['zone', 'N-1', { parent: 'N' }],
  ['zone', 'S', {}],
  ['feeder', 'F-N', { zone: 'N', bus: 'B-1' }],
  ['feeder', 'F-S', { zone: 'S', bus: 'B-1' }],
  ['feeder', 'F-S2', { zone: 'S', bus: 'B-2' }],
  ['area', 'A-N', { zone: 'N-1' }],
  ['area', 'A-F', { feeder: 'F-N' }],
  ['area', 'A-S', { zone: 'S' }],
  ['area', 'A-0', {}],
  ['customer', 'C-N', { name: 'Li Na' }],
  ['customer', 'C-S', { name: 'Wu' }],
  ['customer', 'C-0', {}],
  ['channel', 'L-N', { area: 'A-N' }],
  ['channel', 'L-mix', {}],
  ['concentrator', 'K-N', { area: 'A-N' }],
  ['concentrator', 'K-0', {}],
  ['concentrator', 'K-mix', {}],
  ['point', 'P-N', { area: 'A-N', customer: 'C-N', name: 'flat of LI NA' }],
  ['point', 'P-F', { area: 'A-F' }],
  ['point', 'P-S', { area: 'A-S', customer: 'C-S' }],
  ['point', 'P-line', { feeder: 'F-S', role: 'line-supply' }],
  ['point', 'P-0', { area: 'A-0' }],
  ['meter', 'M-N', { point: 'P-N', line: 'L-mix', address: '1', profile: 'dlt645/x' }],
  ['meter', 'M-S', { point: 'P-S', line: 'L-mix', address: '2', profile: 'dlt645/x' }],
  ['meter', 'M-K', { point: 'P-F', concentrator: 'K-0', address: '3', profile: 'dlt645/x' }],
  ['meter', 'M-K1', { point: 'P-0', concentrator: 'K-mix', address: '4', profile: 'dlt645/x' }],
  ['meter', 'M-stock', { address: '9' }],
  ['transformer', 'T-N', { point: 'P-N', type: 'ct' }],
]

const site = () => {
  const directory = mkdtempSync(join(tmpdir(), 'scope-'))
  const ledger = new Ledger(directory)
  onTestFinished(() => {
    ledger.close()
    rmSync(directory, { recursive: true, force: true })
  })
  const write = (entries: readonly Entry[], at = AT) => {
    const patches = entries.map(([kind, id, set], place) => ({ kind, id, from: at, set, place: String(place) }))
    const done = ledger.apply(patches, { what: 'edit', who: 'office', why: 'order 7 of the shift', workOrder: null, at })
    if (!done.ok) throw new Error(JSON.stringify(done.error))
  }
  write(SITE)
  const index = new ScopeIndex(ledger)
  const who = (change: Partial<Principal>): Principal => ({
    ...{ kind: 'user', id: 'u', name: 'u', roles: ['viewer'], former: null, zones: null, customer: null, expiresAt: null, ...change },
  })
  const zone = (...zones: string[]) => index.scopeOf(who({ zones }))
  const customer = (id: string) => index.scopeOf(who({ roles: ['customer'], customer: id }))
  const seen = (scope: ReturnType<typeof zone>, kind: ScopedKind) => {
    const of: Kind = kind === 'line' || kind === 'whole-line' ? 'channel' : kind === 'bus' ? 'feeder' : kind
    return SITE.filter(([each]) => each === of).flatMap(([, id]) => (scope.sees(kind, id) ? [id] : []))
  }
  /** As the gateway does when the ledger has changed. */
  const follow = (since: number) => {
    for (const page of ledger.touchedPages(since)) index.refresh(page)
  }
  return { ledger, index, write, who, zone, customer, seen, follow }
}

it('a zone has what lies in it, however deep, and nothing else', () => {
  const { zone, seen } = site()
  const north = zone('N')
  expect(north.all).toBe(false)
  expect(seen(north, 'zone')).toEqual(['N', 'N-1'])
  expect(seen(north, 'feeder')).toEqual(['F-N'])
  expect(seen(north, 'area')).toEqual(['A-N', 'A-F'])
  expect(seen(north, 'point')).toEqual(['P-N', 'P-F'])
  expect(seen(north, 'meter')).toEqual(['M-N', 'M-K'])
  expect(seen(north, 'transformer')).toEqual(['T-N'])
  expect(seen(north, 'customer')).toEqual(['C-N'])
  expect(seen(north, 'concentrator')).toEqual(['K-N', 'K-0'])
  expect(seen(zone('N-1'), 'point')).toEqual(['P-N'])
  expect(seen(zone('S'), 'point')).toEqual(['P-S', 'P-line'])
  expect(seen(zone('S', 'N-1'), 'meter')).toEqual(['M-N', 'M-S'])
  expect(seen(zone('nowhere'), 'point')).toEqual([])
})

it('a line is seen by whoever sees one of its meters, the whole of it by whoever sees all', () => {
  const { zone, seen } = site()
  expect(seen(zone('N'), 'line')).toEqual(['L-N', 'L-mix'])
  expect(seen(zone('S'), 'line')).toEqual(['L-mix'])
  expect(seen(zone('N'), 'whole-line')).toEqual([])
  expect(seen(zone('N', 'S'), 'whole-line')).toEqual(['L-mix'])
  expect(zone('N').sees('line', 'K-0')).toBe(true)
})

it('a bus is seen by whoever sees all its feeders', () => {
  const { zone } = site()
  expect([zone('S').sees('bus', 'B-1'), zone('S').sees('bus', 'B-2'), zone('N', 'S').sees('bus', 'B-1')]).toEqual([false, true, true])
  expect(zone('S').sees('bus', 'B-9')).toBe(false)
})

it('who has no zones sees all; nobody, and a customer without a number, nothing', () => {
  const { index, who } = site()
  expect(index.scopeOf(who({})).all).toBe(true)
  for (const nobody of [null, who({ roles: ['customer'] })]) {
    const scope = index.scopeOf(nobody)
    expect([scope.all, scope.sees('point', 'P-N')]).toEqual([false, false])
  }
})

it('a customer has his points and the meters on them, since they are his', () => {
  const { customer, seen, write, follow, ledger } = site()
  const one = customer('C-N')
  expect([seen(one, 'point'), seen(one, 'meter'), seen(one, 'customer')]).toEqual([['P-N'], ['M-N'], ['C-N']])
  for (const kind of ['area', 'line', 'zone', 'feeder', 'concentrator'] as const) expect(seen(one, kind)).toEqual([])
  expect(one.since?.('P-N')).toBe(AT)
  const moved = AT + 86_400_000
  const before = ledger.seq
  write([['point', 'P-N', { customer: 'C-S' }]], moved)
  follow(before)
  expect(seen(customer('C-N'), 'point')).toEqual([])
  expect(seen(customer('C-S'), 'point')).toEqual(['P-N', 'P-S'])
  expect(customer('C-S').since?.('P-N')).toBe(moved)
})

it('what moves is seen elsewhere from then on', () => {
  const { zone, seen, write, follow, ledger } = site()
  const scope = zone('N')
  const before = ledger.seq
  write(
    [
      ['area', 'A-0', { zone: 'N' }],
      ['meter', 'M-N', { point: null }],
      ['meter', 'M-S', { line: 'L-N' }],
      ['feeder', 'F-S', { bus: 'B-2' }],
      ['zone', 'N-1', { parent: null }],
    ],
    AT + 3_600_000,
  )
  follow(before)
  expect(seen(scope, 'point')).toEqual(['P-F', 'P-0'])
  expect(seen(scope, 'meter')).toEqual(['M-K', 'M-K1'])
  expect(seen(zone('N-1'), 'point')).toEqual(['P-N'])
  expect(seen(scope, 'line')).toEqual([])
  expect(scope.sees('concentrator', 'K-mix')).toBe(true)
  expect(scope.sees('bus', 'B-1')).toBe(true)
})

it('knows which names of points tell who the customer is', () => {
  const { index, ledger, write, follow } = site()
  expect(index.namesPerson('P-N', 'flat of LI NA')).toBe(true)
  expect(index.namesPerson('P-N', 'flat 3')).toBe(false)
  expect(index.namesPerson('P-F', 'flat of LI NA')).toBe(false)
  const before = ledger.seq
  write([['customer', 'C-N', { name: 'Wang' }]], AT + 1000)
  follow(before)
  expect([index.namesPerson('P-N', 'flat of LI NA'), index.namesPerson('P-N', 'Wang 2')]).toEqual([false, true])
})

it('gives the same as an index that is made anew', () => {
  const { ledger, index, write, follow, who } = site()
  const before = ledger.seq
  write(
    [
      ['point', 'P-0', { area: 'A-N' }],
      ['meter', 'M-stock', { point: 'P-line', line: 'L-N' }],
    ],
    AT + 5000,
  )
  follow(before)
  const fresh = new ScopeIndex(ledger)
  for (const [kind, id] of SITE)
    for (const zones of [['N'], ['S'], ['N-1']]) {
      const of = kind === 'channel' ? 'line' : kind
      const [kept, made] = [index, fresh].map((each) => each.scopeOf(who({ zones })).sees(of, id))
      expect([of, id, zones, kept]).toEqual([of, id, zones, made])
    }
})
