import { describe, expect, it } from 'vitest'
import { seesAsMuchAs } from '../../src/access/principals.ts'
import { principalOfToken } from '../../src/access/tokens.ts'
import type { ApiAct, BillingReleaseView } from '../../src/api/index.ts'
import { whileHeld } from '../../src/api/right-watch.ts'
import { makeToken } from '../../src/api/tokens.ts'
import { EVERYTHING, ok, type Scope } from '../../src/core/index.ts'
import { api, asRole, bearer, TOKENS } from './fake.ts'
import { billingVersion } from './fake-billing-book.ts'

const AT = '2026-08-01T00:00:00+08:00'
const POINTS: Readonly<Record<string, readonly string[]>> = { N: ['P-001'], S: ['P-003'] }
const seen = (zones: readonly string[]): Scope => ({
  all: false,
  sees: (kind, id) => zones.some((zone) => (kind === 'zone' ? zone === id : POINTS[zone]?.includes(id))),
})

const BLANK = { former: null, zones: null, customer: null, owner: null, createdAt: 0 }

/** A token of the role billing whose zones change. */
const shrinking = async (change: Parameters<typeof api>[0] = {}) => {
  const world = await api({ scopeOf: (who) => (who?.zones ? seen(who.zones) : EVERYTHING), ...change }, { rateLimit: false })
  const { text, hash } = makeToken()
  const give = (zones: readonly string[] | null, isThere = true) => {
    const others = world.tokens.filter(({ id }) => id !== 'shrinking')
    const one = { ...TOKENS.operate.stored, id: 'shrinking', name: 'shrinking', hash, former: null, roles: ['billing' as const], zones }
    world.tokens.splice(0, world.tokens.length, ...others, ...(isThere ? [one] : []))
  }
  const ask = async (method: 'GET' | 'POST', path: string, payload?: object, headers: Record<string, string> = {}) =>
    world.app.inject({ method, url: `/api/v1${path}`, headers: { ...bearer(text), ...headers }, ...(payload ? { payload } : {}) })
  return { ...world, give, ask, text }
}

it('is as much as before only where nothing is missing', () => {
  const of = (zones: readonly string[] | null, customer: string | null = null) => ({ zones, customer })
  expect(seesAsMuchAs(of(null), of(null))).toBe(true)
  expect(seesAsMuchAs(of(null), of(['N']))).toBe(true)
  expect(seesAsMuchAs(of(['N', 'S']), of(['S']))).toBe(true)
  expect(seesAsMuchAs(of(['N']), of(['N', 'S']))).toBe(false)
  expect(seesAsMuchAs(of(['N']), of(null))).toBe(false)
  expect(seesAsMuchAs(of(null, 'C-1'), of(null))).toBe(false)
  expect(seesAsMuchAs(of(null, 'C-1'), of(null, 'C-1'))).toBe(true)
  expect(seesAsMuchAs(of(null), of(null, 'C-1'))).toBe(true)
})

describe('a release', () => {
  const released = async (change: Partial<BillingReleaseView> = {}) => {
    const { deps } = await api()
    const asker = principalOfToken({
      ...{ ...TOKENS.operate.stored, ...BLANK },
      ...{ id: 'shrinking', name: 'shrinking', roles: ['billing'], zones: ['N', 'S'] },
    })
    const first = await deps.billingRelease(2)
    if (!first) throw new Error('no release')
    const release: BillingReleaseView = { ...first, asker, ...change }
    const resumed: unknown[] = []
    const world = await shrinking({
      beginBillingRelease: async () => ok(release),
      billingRelease: async () => release,
      billingReleases: async (before) => (before === null || release.id < before ? [release] : []),
      resumeBillingRelease: async (_id, sees) => {
        resumed.push([sees?.('P-001'), sees?.('P-003'), sees?.('P-002')])
        return ok(release)
      },
      billingLeftOut: async (_id, _reason, after) =>
        ['P-001', 'P-002', 'P-003'].filter((point) => point > after).map((point) => ({ point, reasons: [] })),
    })
    return { ...world, resumed }
  }

  it('is shown to who asked for it, as long as he sees what he saw then, and of it what he sees', async () => {
    const { ask, give } = await released()
    const paths = ['', '/left-out', '/figures']
    give(['N', 'S'])
    for (const path of paths) expect((await ask('GET', `/billing/releases/2${path}`)).statusCode).toBe(200)
    expect((await ask('GET', '/billing/releases/2/left-out')).json().items.map(({ point }: { point: string }) => point)).toEqual([
      'P-001',
      'P-003',
    ])
    expect((await ask('GET', '/billing/releases/2/left-out?limit=1')).json().items).toHaveLength(1)
    expect((await ask('GET', '/billing/releases/2/figures')).json().items.map(({ point }: { point: string }) => point)).toEqual([
      'P-001',
      'P-001',
    ])
    expect((await ask('GET', '/billing/releases')).json().items).toHaveLength(1)
    give(['N'])
    for (const path of paths) expect((await ask('GET', `/billing/releases/2${path}`)).statusCode).toBe(404)
    expect((await ask('POST', '/billing/releases/2/resume', {})).statusCode).toBe(404)
    expect((await ask('GET', '/billing/releases')).json()).toEqual({ items: [], next: null })
  })

  it('goes on under its key within what its asker saw, and not for one who sees less', async () => {
    const { ask, give, resumed } = await released({ state: 'interrupted' })
    const body = { at: AT, note: 'August' }
    give(['N'])
    expect((await ask('POST', '/billing/releases', body)).json()).toMatchObject({ status: 422, code: 'API_REPEAT_OTHER' })
    expect(resumed).toEqual([])
    give(null)
    expect((await ask('POST', '/billing/releases', body)).statusCode).toBe(200)
    expect(resumed).toEqual([[true, true, false]])
  })
})

describe('an answer under an Idempotency-Key', () => {
  it('is not given again to who may see less by now, and nothing is done twice', async () => {
    let withdrawn = 0
    const { ask, give } = await shrinking({
      withdrawBilling: async () => {
        withdrawn++
        return ok([billingVersion(5, { kind: 'withdrawn', version: 2, point: 'P-003' })])
      },
    })
    const withdraw = () => ask('POST', '/billing/figures/withdraw', { point: 'P-003', at: AT, why: 'x' }, { 'idempotency-key': 'k-1' })
    give(['N', 'S'])
    expect((await withdraw()).json()).toMatchObject({ items: [{ point: 'P-003' }] })
    give(['S', 'N'])
    expect((await withdraw()).headers['idempotency-replayed']).toBe('true')
    give(['N'])
    const refused = await withdraw()
    expect([refused.statusCode, refused.json().code]).toEqual([409, 'API_REPEAT_DONE'])
    expect(refused.body).not.toContain('P-003')
    expect(withdrawn).toBe(1)
  })
})

describe('what takes its time', () => {
  it('waits for a change no longer than the right to see it', async () => {
    const { deps } = await api()
    let meanwhile = () => {}
    let isThere = false
    const { ask, give } = await shrinking({
      billingChanges: async (since, limit) => (isThere ? deps.billingChanges(since, limit) : ok({ changes: [], newest: 0 })),
      awaitBillingChange: async () => {
        isThere = true
        meanwhile()
      },
    })
    const points = async () => (await ask('GET', '/billing/changes?waitS=5')).json().items?.map(({ point }: { point: string }) => point)
    give(null)
    expect(await points()).toEqual(['P-001', 'P-002', 'P-001', 'P-002'])
    isThere = false
    meanwhile = () => give(['N'])
    expect(await points()).toEqual(['P-001', 'P-001'])
    isThere = false
    meanwhile = () => give(null, false)
    expect((await ask('GET', '/billing/changes?waitS=5')).json()).toMatchObject({ status: 401, code: 'API_TOKEN_REFUSED' })
  })

  it('is broken off when the right ends, so that nobody takes it for the whole', async () => {
    const { deps } = await api()
    for (const [path, asks] of [
      [`/billing/readings?at=${encodeURIComponent(AT)}&format=ndjson`, 'readings'],
      [`/results/billing-readings?at=${encodeURIComponent(AT)}&format=ndjson`, 'readings'],
      [`/results/billing-readings?at=${encodeURIComponent(AT)}&format=csv`, 'readings'],
    ] as const) {
      let after = 0
      const { ask, give } = await shrinking({
        billingReads: {
          ...deps.billingReads,
          [asks]: async function* (...given: Parameters<typeof deps.billingReads.readings>) {
            for await (const piece of deps.billingReads.readings(...given)) {
              yield piece
              if (++after === 2) give(['N'])
            }
          },
        },
      })
      give(null)
      const answer = await ask('GET', path).then(
        (one) => one.statusCode,
        () => 'broken off',
      )
      expect([path, answer === 200 ? 'whole' : 'not whole', after]).toEqual([path, 'not whole', 2])
    }
  })

  it('needs all the rights it began with', async () => {
    const [whole] = [principalOfToken({ ...TOKENS.operate.stored, ...BLANK, roles: ['analyst'] })]
    const of = (again: Parameters<typeof whileHeld>[1]['again']) => async () => {
      const pieces: number[] = []
      async function* three() {
        yield* [1, 2, 3]
      }
      for await (const piece of whileHeld(three(), { who: whole, again }, 'readings:read')) pieces.push(piece)
      return pieces
    }
    expect(await of(() => whole)()).toEqual([1, 2, 3])
    await expect(of(() => null)()).rejects.toThrow()
    await expect(of(() => ({ ...whole, zones: ['N'] }))()).rejects.toThrow()
    await expect(of(() => ({ ...whole, roles: ['auditor'] }))()).rejects.toThrow()
  })
})

it('what is taken away as a file is written down as that, a question is not', async () => {
  const acts: ApiAct[] = []
  const { app } = await api({
    audit: {
      begin: (act) => {
        acts.push(act)
        return ok(() => undefined)
      },
      refused: () => undefined,
      problem: () => null,
    },
  })
  const DAY = 'from=2026-08-15T00:00:00%2B08:00&to=2026-08-15T12:00:00%2B08:00&point=P-001&fn=last&registers=1.8.0'
  const get = (path: string, headers: Record<string, string> = {}) =>
    app.inject({ url: `/api/v1/${path}`, headers: { ...asRole('analyst'), ...headers } })
  expect((await get(`series?${DAY}`)).statusCode).toBe(200)
  expect((await get(`series?${DAY}&format=json`, { accept: 'text/csv' })).statusCode).toBe(200)
  expect(acts).toEqual([])
  expect((await get(`series?${DAY}&format=csv`)).statusCode).toBe(200)
  expect((await get(`series?${DAY}`, { accept: 'text/csv' })).statusCode).toBe(200)
  for (const path of ['cases/export', 'ledger/export?format=csv', `results/series?${DAY}`]) await get(path)
  expect(acts.map(({ route, permission }) => [route, permission])).toEqual([
    ['GET /api/v1/series', 'export'],
    ['GET /api/v1/series', 'export'],
    ['GET /api/v1/cases/export', 'export'],
    ['GET /api/v1/ledger/export', 'export'],
    ['GET /api/v1/results/series', 'export'],
  ])
})

it.each(['.', '..'])('the file of a list does not climb to another one by "%s"', async (id) => {
  const { app } = await api()
  const names: string[] = (await app.inject({ url: '/api/v1/results', headers: asRole('engineer') }))
    .json()
    .items.filter(({ query }: { query: { required?: readonly string[] } }) => query.required?.includes('id'))
    .map(({ name }: { name: string }) => name)
  expect(names.length).toBeGreaterThan(0)
  for (const name of names) {
    const answer = await app.inject({ url: `/api/v1/results/${name}?id=${id}`, headers: asRole('engineer') })
    expect([name, answer.statusCode]).toEqual([name, 400])
  }
})
