import { expect, it } from 'vitest'
import { collectionFacts, dueSince } from '../../src/gateway/collection-facts.ts'
import { act, day, good, patch, site } from '../ledger/support.ts'

it('a meter whose line, ratio or state changes is no younger for that, and was due before', () => {
  const { ledger } = site()
  good(ledger.apply([patch('point', 'P1', { ct: '600/5' }, day('2026-03-01'))], act({ at: day('2026-03-01') })))
  good(ledger.apply([patch('meter', 'M1', { line: 'yard' }, day('2026-05-01'))], act({ at: day('2026-05-01') })))
  const fact = ledger.metersOf(['M1'])[0]
  expect(fact?.from).toBe(day('2026-05-01'))
  const since = ledger.history('P1')[0]?.from ?? Number.NaN
  expect(collectionFacts(ledger, new Set())(day('2026-05-02')).find(({ meter }) => meter === 'M1')).toMatchObject({ line: 'yard', since })
  const place = { point: 'P1', line: 'yard', area: 'A' }
  const task = { kind: 'day-freeze', stepMs: 1, offsetMs: 0, meters: [{ meter: 'M1', since: fact?.from ?? 0, ...place }] } as const
  const { tasks, live } = dueSince(ledger, { tasks: [task], live: [{ meter: 'M1', since: fact?.from ?? 0 }] })
  expect([tasks[0]?.meters[0]?.since, live[0]?.since]).toEqual([since, since])
})

it('a meter at another point, or at a point that was planned, begins there', () => {
  const { ledger } = site()
  good(ledger.apply([patch('meter', 'M1', { point: 'P3' }, day('2026-03-01'))], act({ at: day('2026-03-01') })))
  good(ledger.apply([patch('point', 'P2', { state: 'planned' }, day('2026-04-01'))], act({ at: day('2026-04-01') })))
  good(ledger.apply([patch('point', 'P2', { state: 'in-service' }, day('2026-05-01'))], act({ at: day('2026-05-01') })))
  const since = new Map(collectionFacts(ledger, new Set())(day('2026-06-01')).map((meter) => [meter.meter, meter.since]))
  expect([since.get('M1'), since.get('M2')]).toEqual([day('2026-03-01'), day('2026-05-01')])
})
