import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Principal } from '../../src/access/principals.ts'
import { type ApiDeps, listenApi } from '../../src/api/index.ts'
import { ok, systemClock } from '../../src/core/index.ts'
import { openExports } from '../../src/gateway/start-exports.ts'
import { api, asRole, field, NOW, OPTIONS, pointOf, readingOf } from './fake.ts'
import { caseViewOf } from './fake-cases.ts'
import { fakeImports } from './fake-imports.ts'

const ANN: Principal = {
  ...{ kind: 'user', id: 'ann', name: 'ann', roles: ['engineer', 'analyst', 'billing'], former: null, zones: ['Z-1', 'Z-2'] },
  ...{ customer: null, expiresAt: null },
}
const at = (hours: number) => encodeURIComponent(new Date(NOW + hours * 3_600_000).toISOString())
const DAY = `from=${at(-24)}&to=${at(0)}`

/** A gateway whose every table has a first page and then nothing, for ever: only its own watch can end an answer. */
const world = async () => {
  /** Who is behind each text that is shown. */
  const known = new Map<string, Principal | null>()
  let release = (): void => undefined
  const open = new Promise<void>((resolve) => {
    release = resolve
  })
  onTestFinished(() => release())
  const directory = mkdtempSync(join(tmpdir(), 'held-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const files = openExports({
    ...{ dataDirectory: directory, zone: 'Asia/Shanghai', clock: systemClock, log: () => undefined },
    settings: { directory, keepMs: 1e6, maxBytes: 1e9, maxJobs: 1 },
  })
  onTestFinished(files.close)
  const page = { readings: Array.from({ length: 50 }, (_, index) => readingOf('P-001', NOW - 80_000_000 + index)), next: '50' }
  const once = async function* <Piece>(first: Piece, times = 1): AsyncGenerator<Piece> {
    for (let time = 0; time < times; time++) yield first
    await open
  }
  const plain = field().deps
  const deps: Partial<ApiDeps> = {
    exports: files.port,
    authenticate: ({ text }) => known.get(text) ?? null,
    standing: ({ id }) => known.get(id) ?? null,
    range: async ({ cursor }) => (cursor === undefined ? ok(page) : open.then(() => ok({ readings: [], next: null }))),
    scanReadings: async ({ cursor }) => (cursor === undefined ? ok(page) : open.then(() => ok({ readings: [], next: null }))),
    points: async (_filter, after, limit) =>
      after === null
        ? Array.from({ length: limit }, (_, index) => pointOf(`P-${String(index).padStart(4, '0')}`, 'A-1'))
        : open.then(() => []),
    cases: async (_filter, _sort, after, limit) =>
      after === null ? Array.from({ length: limit }, (_, index) => ({ ...caseViewOf(), id: index + 1 })) : open.then(() => []),
    billingReads: {
      ...plain.billingReads,
      // More than what is gathered before it is sent.
      readings: async function* (...asked) {
        for await (const piece of plain.billingReads.readings(...asked)) yield* once(piece, 2000)
      },
    },
    ...fakeImports({
      export: async () => ok({ name: 'ledger.csv', type: 'text/csv; charset=utf-8', content: Readable.from(once(Buffer.from('户号'))) }),
    }),
  }
  const { app } = await api(deps, {})
  const become = (text: string, change: Partial<Principal> | null) => known.set(text, change && { ...ANN, id: text, ...change })
  return { address: await listenApi(app, OPTIONS), become, files, app, release: () => release() }
}

const LONG = [
  '/points/P-001/readings?format=csv',
  '/cases/export',
  '/ledger/export?format=csv',
  `/billing/readings?at=${at(-1)}&format=ndjson`,
  `/series?${DAY}&point=P-001&bucket=raw`,
  `/results/readings?${DAY}&format=ndjson`,
  '/results/points?format=csv',
  '/results/points?format=ndjson',
  '/results/cases?format=csv',
]
const LOSSES: Readonly<Record<string, Partial<Principal> | null>> = {
  'the token is revoked or the user disabled': null,
  'a zone is taken away': { zones: ['Z-1'] },
  'the role is taken away': { roles: ['secadm'] },
}

describe('an answer that goes on', () => {
  const brokenOff = async (
    { address, become }: Awaited<ReturnType<typeof world>>,
    url: string,
    [what, loss]: readonly [string, Partial<Principal> | null],
    before: Partial<Principal> = {},
  ) => {
    const text = what.replaceAll(' ', '-')
    become(text, before)
    const answer = await fetch(`${address}/api/v1${url}`, { headers: { authorization: `Bearer ${text}` } })
    expect(answer.status).toBe(200)
    const reader = answer.body?.getReader()
    expect((await reader?.read())?.value?.length).toBeGreaterThan(0)
    become(text, loss)
    const rest = async () => {
      for (;;) if ((await reader?.read())?.done) return 'whole'
    }
    await expect(rest()).rejects.toThrow()
  }
  it.each(LONG)('%s is broken off when the right to it ends', async (url) => {
    const gateway = await world()
    await Promise.all(Object.entries(LOSSES).map((loss) => brokenOff(gateway, url, loss)))
  })
  it('is broken off when names may not be seen any more', async () => {
    const gateway = await world()
    const before: Partial<Principal> = { roles: ['operator', 'analyst'] }
    const urls = ['/ledger/export?format=csv', '/results/points?format=csv', '/points/P-001/readings?format=csv']
    await Promise.all(urls.map((url, at) => brokenOff(gateway, url, [`no names ${at}`, { roles: ['analyst'] }], before)))
  })
})

describe('a file that is made in the background', () => {
  it('ends with the right of who asked for it', async () => {
    const { become, files, app, release } = await world()
    become('x', {})
    const begun = async () => {
      const payload = {
        result: 'readings',
        query: { from: new Date(NOW - 86_400_000).toISOString(), to: new Date(NOW).toISOString() },
      }
      return app.inject({ method: 'POST', url: '/api/v1/exports', headers: { authorization: 'Bearer x' }, payload })
    }
    const { id } = (await begun()).json()
    const job = (zones = ANN.zones) => files.port.get(id, { ...ANN, id: 'x', zones })
    await expect.poll(() => job()?.rows).toBeGreaterThan(0)
    const seen = (await app.inject({ url: `/api/v1/exports/${id}`, headers: { authorization: 'Bearer x' } })).json()
    expect(seen).toMatchObject({ state: 'running', starts: 1, keptRows: 0, restart: null, changed: false, expected: null })
    expect(seen.percent).toBeGreaterThan(0)
    expect(seen.percent).toBeLessThan(100)
    become('x', { zones: ['Z-1'] })
    release()
    await files.idle()
    expect(files.port.log(null, 1)).toMatchObject([{ job: id, outcome: 'failed' }])
    expect(job(['Z-1'])).toBeNull()
    expect(job()).toMatchObject({ state: 'failed', file: null, error: { code: 'EXPORT_RIGHT' } })
    // What waits is not even begun.
    become('x', { roles: ['secadm'] })
    const waits = files.port.begin(
      { result: 'points', query: {}, format: 'csv', language: 'en' },
      'ledger:read',
      { ...ANN, id: 'x' },
      '::1',
    )
    await files.idle()
    expect(waits.ok && files.port.get(waits.value.id, { ...ANN, id: 'x' })).toMatchObject({
      state: 'failed',
      error: { code: 'EXPORT_RIGHT' },
    })
  })
})

describe('the pages of a list', () => {
  it('count as asked from where the file was asked for', async () => {
    const limited = await api({}, { rateLimit: { max: 5, windowMs: 60_000 } })
    const ask = (url: string, remoteAddress: string) =>
      limited.app.inject({ url: `/api/v1${url}`, remoteAddress, headers: asRole('analyst') })
    for (let turn = 0; turn < 2; turn++) expect((await ask('/results/points', '10.0.0.7')).statusCode).toBe(200)
    // Two files and a page of each: one question is left.
    expect((await ask('/points', '10.0.0.7')).headers['x-ratelimit-remaining']).toBe('0')
    expect((await ask('/results/points', '10.0.0.7')).statusCode).toBe(429)
    expect((await ask('/points', '127.0.0.1')).headers['x-ratelimit-remaining']).toBe('4')
  })
})
