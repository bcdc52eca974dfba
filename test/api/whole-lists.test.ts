import Fastify from 'fastify'
import { expect, it } from 'vitest'
import { cursorHook } from '../../src/api/cursor-hook.ts'
import { wholeListPages, wholeListQueries } from '../../src/api/whole-lists.ts'
import { api, asReader } from './fake.ts'

const listOf = async (items: () => readonly { readonly kind: string; readonly id: number }[]) => {
  const app = Fastify()
  wholeListQueries(app)
  cursorHook(app)
  wholeListPages(app)
  app.get('/list', { config: { permission: 'public', whole: ['kind', 'id'] } }, async () => ({ items: items(), of: 'all' }))
  app.get('/other', { config: { permission: 'public', whole: ['kind', 'id'] } }, async () => ({ items: items() }))
  await app.ready()
  return async (url: string) => {
    const answer = await app.inject({ url })
    return { status: answer.statusCode, body: answer.json() }
  }
}
const ITEMS = Array.from({ length: 7 }, (_, id) => ({ kind: id % 2 === 0 ? 'even' : 'odd', id }))

it.each([1, 2, 3, 7, 1000])('gives every item once, %i at a time', async (limit) => {
  const get = await listOf(() => ITEMS)
  const seen: unknown[] = []
  for (let url = `/list?limit=${limit}`; seen.length <= ITEMS.length; ) {
    const { body } = await get(url)
    expect(body.of).toBe('all')
    expect(body.items.length).toBeLessThanOrEqual(limit)
    seen.push(...body.items)
    if (body.next === null) break
    url = `/list?limit=${limit}&cursor=${encodeURIComponent(body.next)}`
  }
  expect(seen).toEqual(ITEMS)
})

it('goes through several lists one after the other, also where two items are named alike', async () => {
  const app = Fastify()
  wholeListQueries(app)
  cursorHook(app)
  wholeListPages(app)
  const lists = { come: [{ key: 'a' }, { key: 'b' }, { key: 'b' }], none: [], go: [{ key: 'a' }] }
  app.get('/trial', { config: { permission: 'public', whole: { come: ['key'], none: ['key'], go: ['key'] } } }, async () => ({
    id: 1,
    ...lists,
  }))
  for (const limit of [1, 2, 3, 4, 5]) {
    const seen: Record<string, unknown[]> = { come: [], none: [], go: [] }
    let pages = 0
    for (let cursor = ''; pages < 5; pages++) {
      const page = (await app.inject(`/trial?limit=${limit}${cursor}`)).json()
      expect(page.id).toBe(1)
      for (const [name, items] of Object.entries(seen)) items.push(...page[name])
      if (page.next === null) break
      cursor = `&cursor=${encodeURIComponent(page.next)}`
    }
    expect([limit, pages, seen]).toEqual([limit, Math.ceil(4 / limit) - 1, lists])
  }
})

it('goes on behind the same item when others came, and where it stood when it has gone', async () => {
  let items: readonly { kind: string; id: number }[] = ITEMS
  const get = await listOf(() => items)
  const { body } = await get('/list?limit=3')
  const after = async () => (await get(`/list?cursor=${encodeURIComponent(body.next)}`)).body.items.map(({ id }: { id: number }) => id)
  items = [{ kind: 'new', id: 99 }, ...ITEMS]
  expect(await after()).toEqual([3, 4, 5, 6])
  items = ITEMS.filter(({ id }) => id !== 2)
  expect(await after()).toEqual([4, 5, 6])
  items = []
  expect(await after()).toEqual([])
})

it('keeps the length of a page that a route gives itself', async () => {
  const app = Fastify()
  wholeListQueries(app)
  cursorHook(app)
  wholeListPages(app)
  const querystring = { type: 'object', properties: { limit: { type: 'integer', maximum: 5, default: 2 } } }
  app.get('/short', { config: { permission: 'public', whole: ['kind', 'id'] }, schema: { querystring } }, async () => ({ items: ITEMS }))
  const lengthOf = async (url: string) => (await app.inject(url)).json().items?.length
  expect(await Promise.all(['/short', '/short?limit=5', '/short?limit=6'].map(lengthOf))).toEqual([2, 5, undefined])
})

it('refuses a cursor of another list, and one that is none', async () => {
  const get = await listOf(() => ITEMS)
  const { body } = await get('/other?limit=1')
  for (const cursor of [encodeURIComponent(body.next), 'x', `${(await get('/list?limit=1')).body.next}x`.slice(0, 9)])
    expect((await get(`/list?cursor=${cursor}`)).status).toBe(400)
})

it('is what short lists of the API do', async () => {
  const { app } = await api()
  const get = async (url: string) => (await app.inject({ url, headers: asReader })).json()
  const whole = await get('/api/v1/mappings')
  const first = await get('/api/v1/mappings?limit=1')
  expect([whole.next, first.items]).toEqual([null, whole.items.slice(0, 1)])
  expect((await get(`/api/v1/mappings?cursor=${encodeURIComponent(first.next)}`)).items).toEqual(whole.items.slice(1))
})
