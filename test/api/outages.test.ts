import { expect, it } from 'vitest'
import { api, asOperator, asReader } from './fake.ts'

const LIST = '/api/v1/outages'
const json = { ...asOperator, 'content-type': 'application/json' }
const draft = { scope: 'area', target: 'A-1', kind: 'planned', from: '2026-08-16T08:00:00+08:00', reason: 'new transformer' }

it('walks all of them once in pages, the newest first', async () => {
  const { app } = await api()
  const seen: number[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const query = { limit: '3', ...(cursor ? { cursor } : {}) }
    const page: { items: { id: number }[]; next: string | null } = (await app.inject({ url: LIST, query, headers: asReader })).json()
    seen.push(...page.items.map(({ id }) => id))
    cursor = page.next
  }
  expect(seen).toEqual([7, 6, 5, 4, 3, 2, 1])
})

it('shows one with its history and what is wrong with its notice; 404 for others', async () => {
  const { app } = await api()
  expect((await app.inject({ url: `${LIST}/2`, headers: asReader })).json()).toMatchObject({
    ...{ id: 2, scope: 'area', target: 'A-2', from: '2026-08-16T00:00:00.000Z', to: null, noticed: '2026-08-15T23:00:00.000Z' },
    ...{ warning: expect.stringContaining('1 h before'), history: [{ what: 'created', who: 'operator' }] },
  })
  expect((await app.inject({ url: `${LIST}/99`, headers: asReader })).statusCode).toBe(404)
})

it('records one under the name of the token, instants with their offset', async () => {
  const { app } = await api()
  const answer = await app.inject({
    method: 'POST',
    url: LIST,
    headers: json,
    payload: { ...draft, expectedTo: '2026-08-16T12:00:00+08:00' },
  })
  expect(answer.json()).toMatchObject({ who: 'operator', from: '2026-08-16T00:00:00.000Z', expectedTo: '2026-08-16T04:00:00.000Z' })
})

it.each([
  ['extend', { expectedTo: '2026-08-16T14:00:00+08:00', why: 'late' }, { expectedTo: '2026-08-16T06:00:00.000Z' }],
  ['end', { at: '2026-08-16T11:30:00+08:00', why: 'back' }, { state: 'ended', to: '2026-08-16T03:30:00.000Z' }],
  ['end', { why: 'back' }, { state: 'ended' }],
  ['notice', { at: '2026-08-14T08:00:00+08:00', why: 'by telephone' }, { noticed: '2026-08-14T00:00:00.000Z' }],
  ['withdraw', { why: 'rain' }, { state: 'withdrawn' }],
])('%s', async (act, payload, expected) => {
  const { app } = await api()
  const answer = await app.inject({ method: 'POST', url: `${LIST}/3/${act}`, headers: json, payload })
  expect([answer.statusCode, answer.json()]).toMatchObject([200, { ...expected, history: [{ who: 'operator', why: payload.why }] }])
})

it.each([
  ['', { ...draft, scope: 'town' }],
  ['', { ...draft, reason: ' ' }],
  ['', { ...draft, from: 'tomorrow' }],
  ['/3/extend', { why: 'late' }],
  ['/3/end', {}],
])('refuses %s %j', async (path, payload) => {
  const { app } = await api()
  const answer = await app.inject({ method: 'POST', url: LIST + path, headers: json, payload })
  expect([answer.statusCode, answer.json().code]).toEqual([400, 'API_VALUE'])
})

it('estimates a gap for those who may, and says why not', async () => {
  const { app } = await api()
  const url = '/api/v1/gaps/3/estimate'
  expect((await app.inject({ method: 'POST', url, headers: json, payload: { why: 'bill is due' } })).json()).toMatchObject({ id: 3 })
  expect((await app.inject({ method: 'POST', url: '/api/v1/gaps/99/estimate', headers: json, payload: { why: 'x' } })).statusCode).toBe(404)
  const reader = { ...asReader, 'content-type': 'application/json' }
  expect((await app.inject({ method: 'POST', url, headers: reader, payload: { why: 'x' } })).statusCode).toBe(403)
})
