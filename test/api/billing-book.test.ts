import { describe, expect, it } from 'vitest'
import type { Scope } from '../../src/core/index.ts'
import type { Exchange } from '../../src/ledger/index.ts'
import { api, asReader, asRole, NOW } from './fake.ts'

const billing = asRole('billing')
const post = (url: string, payload: object, headers: Record<string, string> = billing) => ({
  ...{ method: 'POST' as const, url: `/api/v1/billing${url}`, headers: { ...headers, 'content-type': 'application/json' } },
  payload: JSON.stringify(payload),
})
const get = (url: string, headers: Record<string, string> = billing) => ({ url: `/api/v1/billing${url}`, headers })
/** Somebody who sees one point alone. */
const scope: Scope = { all: false, sees: (kind, id) => kind !== 'point' || id === 'P-001' }
const narrow = { scopeOf: () => scope }

describe('changes of released figures', () => {
  it('come by a rising number, with old and new', async () => {
    const { app } = await api()
    const all = (await app.inject(get('/changes'))).json()
    expect(all).toMatchObject({ next: 4, more: false })
    expect(
      all.items.map(
        ({ seq, kind, old, new: now }: { seq: number; kind: string; old: { value: string } | null; new: { value: string } | null }) => [
          seq,
          kind,
          old?.value ?? null,
          now?.value ?? null,
        ],
      ),
    ).toEqual([
      [1, 'new', null, '100.00'],
      [2, 'new', null, '100.00'],
      [3, 'corrected', '100.00', '101.00'],
      [4, 'withdrawn', '100.00', null],
    ])
    expect(all.items[2]).toMatchObject({
      ...{ point: 'P-001', register: '1.8.0', version: 2, reason: 'late freeze', release: null, by: { name: 'wang' } },
      new: { primary: '4040.00', ratio: '40', quality: ['good'], source: 'day-freeze', evidence: { id: 'E-1' } },
    })
    expect((await app.inject(get('/changes?since=1&limit=2'))).json()).toMatchObject({ next: 3, more: true })
    expect((await app.inject(get('/changes?since=4'))).json()).toEqual({ items: [], next: 4, more: false })
    expect((await app.inject(get('/changes?since=5'))).json()).toMatchObject({ status: 422, code: 'BILLING_SEQ' })
    expect((await app.inject(get('/changes?since=-1'))).statusCode).toBe(400)
  })

  it('move on over what somebody does not see', async () => {
    const { app } = await api(narrow)
    const page = (await app.inject(get('/changes?limit=2'))).json()
    expect(page.items.map(({ seq }: { seq: number }) => seq)).toEqual([1, 3])
    expect(page).toMatchObject({ next: 3, more: true })
    expect((await app.inject(get('/changes?since=3'))).json()).toEqual({ items: [], next: 4, more: false })
  })

  it('wait for the next one, and look again then', async () => {
    const seen: number[] = []
    let newest = 0
    const change = { ...(await api()).deps }
    const { app } = await api({
      billingChanges: async (since, limit) =>
        newest === 0 ? { ok: true, value: { changes: [], newest: 0 } } : change.billingChanges(since, limit),
      awaitBillingChange: async (since) => {
        seen.push(since)
        newest = 4
      },
    })
    expect((await app.inject(get('/changes?waitS=5&limit=1'))).json()).toMatchObject({ next: 1, more: true })
    expect(seen).toEqual([0])
  })
})

describe('a release', () => {
  const body = { at: '2026-08-01T00:00:00+08:00', note: 'August' }

  it('is an act of whoever asks, bounded by what they see', async () => {
    const asked: unknown[] = []
    const { deps } = await api()
    const { app } = await api({
      ...narrow,
      beginBillingRelease: async (draft, who, key, sees) => {
        asked.push([draft, who.name, key, sees?.('P-001'), sees?.('P-002')])
        return deps.beginBillingRelease(draft, who, key, sees)
      },
    })
    const answer = await app.inject(post('/releases', body, { ...billing, 'idempotency-key': 'k-1' }))
    expect(answer.json()).toMatchObject({ id: 3, state: 'waiting', note: 'August', policy: 'skip-held', by: { name: 'as-billing' } })
    expect(asked).toEqual([
      [{ at: Date.parse(body.at), scope: {}, note: 'August', policy: 'skip-held', again: false }, 'as-billing', 'k-1', true, false],
    ])
  })

  it.each([
    ['an instant that has not passed', { ...body, at: '2027-01-01T00:00:00+08:00' }, 400],
    ['two scopes at once', { ...body, scope: { area: 'A-1', zone: 'Z-1' } }, 400],
    ['no note', { at: body.at }, 400],
    ['a policy that is none', { ...body, policy: 'half' }, 400],
    ['more than it takes', { ...body, force: true }, 400],
    ['a point that is not there', { ...body, scope: { points: ['nowhere'] } }, 404],
    ['an area that is not there', { ...body, scope: { area: 'nowhere' } }, 404],
  ])('refuses %s', async (_, payload, status) => {
    const { app } = await api()
    expect((await app.inject(post('/releases', payload))).statusCode).toBe(status)
  })

  it('is shown to those who see everything and to whoever asked', async () => {
    const whole = await api()
    expect((await whole.app.inject(get('/releases'))).json().items.map(({ id }: { id: number }) => id)).toEqual([2, 1])
    expect((await whole.app.inject(get('/releases/1'))).json()).toMatchObject({ state: 'done', leftOut: 1, heldBy: { incomplete: 1 } })
    const left = (await whole.app.inject(get('/releases/1/left-out?limit=1'))).json()
    expect(left.items).toEqual([{ point: 'P-003', reasons: [{ reason: 'incomplete', text: '1.8.1 was not read' }] }])
    expect((await whole.app.inject(get(`/releases/1/left-out?cursor=${left.next}`))).json()).toMatchObject({
      items: [{ point: 'P-004' }],
      next: null,
    })
    expect((await whole.app.inject(get('/releases/1/figures'))).json().items).toHaveLength(2)
    expect((await whole.app.inject(post('/releases/2/resume', {}))).json()).toMatchObject({ state: 'waiting' })
    expect((await whole.app.inject(post('/releases/1/resume', {}))).statusCode).toBe(422)
    const { app } = await api(narrow)
    expect((await app.inject(get('/releases'))).json()).toEqual({ items: [], next: null })
    for (const path of ['', '/left-out', '/figures']) expect((await app.inject(get(`/releases/1${path}`))).statusCode).toBe(404)
    expect((await app.inject(post('/releases/2/resume', {}))).statusCode).toBe(404)
  })

  it('is for those who may bill', async () => {
    const { app } = await api()
    expect((await app.inject(post('/releases', body, asRole('analyst')))).statusCode).toBe(403)
    expect((await app.inject(get('/changes', asReader))).statusCode).toBe(403)
  })
})

describe('what waits, stands and is held', () => {
  const at = '2026-08-01T00:00:00+08:00'

  it('is decided with a reason', async () => {
    const { app } = await api()
    const waiting = (await app.inject(get('/corrections/pending'))).json()
    expect(waiting.items[0]).toMatchObject({
      id: 1,
      old: { value: '100.00' },
      new: { value: '101.00' },
      why: 'ledger change 17',
      differs: ['value'],
    })
    expect((await app.inject(get('/corrections/1'))).json()).toMatchObject({ id: 1, ended: null })
    expect((await app.inject(post('/corrections/1/accept', { why: 'plate' }))).json().items).toMatchObject([
      { kind: 'corrected', version: 2 },
    ])
    expect((await app.inject(post('/corrections/2/accept', { why: 'plate' }))).statusCode).toBe(422)
    expect((await app.inject(post('/corrections/1/accept', {}))).statusCode).toBe(400)
    expect((await app.inject(post('/corrections/9/accept', { why: 'plate' }))).statusCode).toBe(404)
    expect((await app.inject(post('/corrections/1/reject', { why: 'no', whole: true }))).json().items).toMatchObject([
      { state: 'rejected' },
    ])
    expect((await app.inject(post('/figures/withdraw', { point: 'P-001', at, why: 'wrong' }))).json().items).toMatchObject([
      { kind: 'withdrawn' },
    ])
    expect((await app.inject(get('/figures?point=P-001'))).json().items).toHaveLength(2)
    expect((await app.inject(get('/figures?point=nowhere'))).statusCode).toBe(404)
  })

  it('is held at an instant or from one on, not both', async () => {
    const { app } = await api()
    const hold = (body: object) => app.inject(post('/holds', { point: 'P-001', why: 'disputed', ...body }))
    expect((await hold({})).statusCode).toBe(400)
    expect((await hold({ at, from: at })).statusCode).toBe(400)
    expect((await app.inject(get('/holds'))).json().items).toHaveLength(1)
    expect((await app.inject(get('/holds?lifted=true'))).json().items).toHaveLength(2)
    expect((await app.inject(post('/holds/1/lift', { why: 'settled' }))).json()).toMatchObject({ lifted: { why: 'settled' } })
    expect((await app.inject(post('/holds/9/lift', { why: 'settled' }))).statusCode).toBe(404)
  })

  it('does not exist outside of what somebody sees', async () => {
    const other: Scope = { all: false, sees: (kind) => kind !== 'point' }
    const { app } = await api({ scopeOf: () => other })
    for (const list of ['/corrections/pending', '/holds']) expect((await app.inject(get(list))).json()).toEqual({ items: [], next: null })
    expect((await app.inject(get('/changes'))).json()).toEqual({ items: [], next: 4, more: false })
    for (const path of ['/corrections/1', '/figures?point=P-001']) expect((await app.inject(get(path))).statusCode).toBe(404)
    for (const path of ['/corrections/1/accept', '/corrections/1/reject', '/holds/1/lift'])
      expect((await app.inject(post(path, { why: 'x' }))).statusCode).toBe(404)
    expect((await app.inject(post('/figures/withdraw', { point: 'P-001', at, why: 'x' }))).statusCode).toBe(404)
    expect((await app.inject(post('/holds', { point: 'P-001', at, why: 'x' }))).statusCode).toBe(404)
  })
})

it('says how complete a cycle is', async () => {
  const { app } = await api()
  expect((await app.inject(get('/cycles'))).json().items).toMatchObject([{ id: 'all', day: 1, zones: null }])
  expect((await app.inject(get('/cycles/all/completeness?month=2026-08'))).json()).toMatchObject({
    ...{ complete: false, statement: '2026-08 of cycle All is not complete: of 3 points 1 are held, 0 could be released and are not' },
    units: [{ area: 'A-1', due: 3, released: 2, held: 1, heldBy: { incomplete: 1 }, complete: false }],
    open: [{ point: 'P-003', area: 'A-1', reasons: ['incomplete'] }],
  })
  expect((await app.inject(get('/cycles/none/completeness'))).statusCode).toBe(404)
  expect((await app.inject(get('/cycles/all/completeness?month=2026-13'))).statusCode).toBe(400)
})

it('lists notices of exchanges with end and start registers', async () => {
  const exchange = (id: number, point: string): Exchange => ({
    ...{ id, kind: 'meter', point, at: NOW - 1000, oldMeter: 'M-1', newMeter: 'M-2', oldRatio: null, newRatio: null, change: 6 },
    ...{
      end: { '1.8.0': '12345.67' },
      start: { '1.8.0': '0.03' },
      proposed: { end: null, start: null },
      by: ['wang', 'li'],
      reason: 'burnt',
    },
    ...{ deviation: null, acknowledged: null, undoneBy: id === 3 ? 9 : null },
  })
  const all = [exchange(1, 'P-001'), exchange(2, 'P-002'), exchange(3, 'P-001')]
  const { deps } = await api()
  const ledger = { ...deps.ledger, newestExchange: () => 3, exchanges: ({ after = 0 }) => all.filter(({ id }) => id > after) }
  const { app } = await api({ ...narrow, ledger })
  const first = (await app.inject(get('/notices?limit=1'))).json()
  expect(first).toMatchObject({
    ...{ next: 1, more: true },
    items: [
      {
        id: 1,
        end: { '1.8.0': '12345.67' },
        start: { '1.8.0': '0.03' },
        by: ['wang', 'li'],
        acknowledged: null,
        takenBack: false,
        ageS: 1,
      },
    ],
  })
  expect((await app.inject(get('/notices?since=1'))).json()).toMatchObject({ next: 3, more: false, items: [{ id: 3, takenBack: true }] })
  expect((await app.inject(get('/notices?since=3'))).json()).toEqual({ items: [], next: 3, more: false })
  expect((await app.inject(get('/notices?since=4'))).json()).toMatchObject({
    ...{ status: 422, code: 'BILLING_SEQ', detail: '4 is beyond 3, the newest number of this book' },
  })
})
