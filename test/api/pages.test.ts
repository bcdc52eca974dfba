import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { buildApi } from '../../src/api/index.ts'
import { Ledger } from '../../src/ledger/index.ts'
import { asOperator, asRole, field, NOW, OPTIONS } from './fake.ts'
import { portOver } from './fake-ledger.ts'
import { type ApiDocument, type Schema, sampleOf } from './openapi-samples.ts'

const ASKERS = [asOperator, ...(['engineer', 'billing', 'secadm', 'auditor'] as const).map((role) => asRole(role))]
/** Lists that stand in an answer whole, and why. */
const WHOLE: Readonly<Record<string, string>> = {
  '/api/v1/points/{id}/checklist': 'the same dozen for every point',
}
/** Values and ids the fakes know; ids by what stands before them in the path, `1` of the others. */
const VALUES: Readonly<Record<string, string>> = {
  ...{ from: '2026-08-14T00:00:00Z', to: '2026-08-15T00:00:00Z', at: '2026-08-15T00:00:00Z', measuredAt: '2026-08-15T00:00:00Z' },
  ...{ point: 'P-001', meter: 'M-P-001', area: 'A-1', day: '2026-08-14' },
}
const IDS: Readonly<Record<string, string>> = {
  ...{ points: 'P-001', concentrators: 'C-1', areas: 'A-1', buses: 'I', brokers: 'mosquitto', cycles: 'all', customers: 'C-5' },
  ...{ kpis: 'daily', signal: 'P-3', ledger: 'area', area: 'A-1', 'key-accounts': '2026', users: 'li.na' },
}
/** Pages looked at: a list of models has many, and each is made whole. */
const PAGES = 12
const addressOf = (path: string): string => {
  const parts: string[] = []
  for (const part of path.split('/')) parts.push(part.startsWith('{') ? (IDS[parts.at(-1) ?? ''] ?? '1') : part)
  return parts.join('/')
}

let app: Awaited<ReturnType<typeof buildApi>>
let document: ApiDocument
const directory = mkdtempSync(join(tmpdir(), 'gridtally-pages-'))
const ledger = new Ledger(directory)
beforeAll(async () => {
  const points = ['P-001', 'P-002', 'P-003'].map((id) => ({ kind: 'point' as const, id, from: null, set: { area: 'A-1' } }))
  const act = { what: 'import', who: 'test', why: 'test', workOrder: null, at: NOW } as const
  ledger.apply([{ kind: 'area', id: 'A-1', from: null, set: {} }, ...points], act)
  app = await buildApi(field({ ledger: portOver(ledger) }).deps, { ...OPTIONS, rateLimit: false })
  document = (await app.inject('/openapi.json')).json()
})
afterAll(async () => {
  await app.close()
  ledger.close()
  rmSync(directory, { recursive: true, force: true })
})

interface Listed {
  readonly path: string
  readonly asked: ReadonlyMap<string, Schema>
  readonly required: readonly string[]
  readonly members: Readonly<Record<string, Schema>>
}
const plain = (schema: Schema): Schema =>
  schema.$ref === undefined ? schema : plain(document.components.schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {})
interface Answering {
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> }>>
}
const isAnswering = (value: object): value is Answering => 'responses' in value

/** Every GET that answers with `items` or with a page. */
const lists = (): readonly Listed[] =>
  Object.entries(document.paths).flatMap(([path, { get }]) => {
    if (!get || !isAnswering(get)) return []
    const schema = get.responses['200']?.content?.['application/json']?.schema
    const members = schema ? (plain(schema).properties ?? {}) : {}
    if (!('next' in members) && (members.items === undefined || plain(members.items).type !== 'array')) return []
    const queries = (get.parameters ?? []).filter((one) => one.in === 'query')
    return [
      {
        ...{ path, members, asked: new Map(queries.map((one) => [one.name, one.schema])) },
        required: queries.filter(({ required }) => required).map(({ name }) => name),
      },
    ]
  })

it('is offered by every list', () => {
  const without = lists()
    .filter(({ asked, members }) => !asked.has('limit') || !(asked.has('cursor') || asked.has('since')) || !('next' in members))
    .map(({ path }) => path)
  expect(without).toEqual(Object.keys(WHOLE))
  expect(lists().length).toBeGreaterThan(75)
})

type Body = Readonly<Record<string, unknown>>
const isBody = (value: unknown): value is Body => typeof value === 'object' && value !== null
/** Asks as the first who may. */
const get = async (
  url: string,
  query: Readonly<Record<string, string>>,
  asker: { headers?: Record<string, string> },
): Promise<Body | string> => {
  for (const headers of asker.headers ? [asker.headers] : ASKERS) {
    const answer = await app.inject({ url: `${url}?${new URLSearchParams(query)}`, headers })
    if (answer.statusCode === 403) continue
    asker.headers = headers
    const body: unknown = answer.json()
    return answer.statusCode === 200 && isBody(body) ? body : answer.body
  }
  return 'nobody may'
}
const arrayOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

it('gives one at a time what it gives at once', async () => {
  const [proved, unanswered]: [string[], string[]] = [[], []]
  for (const { path, asked, required, members } of lists()) {
    if (path in WHOLE) continue
    const query = Object.fromEntries(
      required.map((name) => [name, VALUES[name] ?? String(sampleOf(document, asked.get(name) ?? {}))] as const),
    )
    const [url, asker] = [addressOf(path), {}]
    const whole = await get(url, query, asker)
    if (typeof whole === 'string') {
      unanswered.push(path)
      continue
    }
    const arrays = Object.keys(members).filter((name) => plain(members[name] ?? {}).type === 'array')
    // Lists beside `items` may stand on every page.
    const cut = arrays.includes('items') ? ['items'] : arrays
    const seen = new Map(cut.map((name): [string, unknown[]] => [name, []]))
    const goesOn = asked.has('cursor') ? 'cursor' : 'since'
    for (let place: unknown = '', pages = 0; place !== null && pages < PAGES; pages++) {
      const page = await get(url, { ...query, limit: '1', ...(place === '' ? {} : { [goesOn]: String(place) }) }, asker)
      if (typeof page === 'string') throw new Error(`${path}: ${page}`)
      expect([path, cut.flatMap((name) => arrayOf(page[name])).length > 1]).toEqual([path, false])
      for (const [name, items] of seen) items.push(...arrayOf(page[name]))
      place = page.more === false ? null : page.next
    }
    const items = (body: Body) => cut.flatMap((name) => arrayOf(body[name]))
    expect([path, ...items(Object.fromEntries(seen))]).toEqual([path, ...items(whole).slice(0, PAGES)])
    if (items(whole).length > 1) proved.push(path)
  }
  expect(proved.length).toBeGreaterThan(35)
  // What the fakes have none of: tests of their own.
  expect(unanswered.length).toBeLessThan(9)
})
