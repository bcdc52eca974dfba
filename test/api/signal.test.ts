import { expect, it } from 'vitest'
import { api, asReader } from './fake.ts'

const get = async (url: string) => {
  const { app } = await api()
  const answer = await app.inject({ url: `/api/v1/signal${url}`, headers: asReader })
  return { status: answer.statusCode, body: answer.json() }
}

it('lists the farthest below the median of its zone first, page by page', async () => {
  const first = await get('?limit=2')
  expect(first.status).toBe(200)
  expect(first.body.items.map(({ rank, id, belowZonePct }: Record<string, unknown>) => [rank, id, belowZonePct])).toEqual([
    [1, 'P-3', 20],
    [2, 'P-1', 2],
  ])
  const second = await get(`?limit=2&cursor=${first.body.next}`)
  expect(second.body).toMatchObject({ items: [{ rank: 3, id: 'P-2' }], next: null })
})

it('lists one band, and one level', async () => {
  expect((await get('?band=bad')).body.items.map(({ id }: { id: string }) => id)).toEqual(['P-3'])
  expect((await get('?level=bus')).body).toEqual({ items: [], next: null })
})

it('shows a link hour by hour with the change marks of its line', async () => {
  const { status, body } = await get('/P-1')
  expect(status).toBe(200)
  expect(body).toMatchObject({
    ...{ step: 'hour', figures: { id: 'P-1', readPct: 98, band: 'good' } },
    items: [{ from: '2026-08-15T00:00:00.000Z', to: '2026-08-15T01:00:00.000Z', polls: 96 }],
    ...{ marks: [{ at: '2026-08-15T00:00:00.000Z', channel: 'L-1', note: 'new modem' }], findings: [] },
  })
})

it.each([
  ['a link that is not there', '/P-9', 404, 'SIGNAL_UNKNOWN'],
  ['a foreign cursor', '?cursor=abc', 400, 'API_CURSOR'],
  ['an end before its start', '?from=2026-08-15T00:00:00Z&to=2026-08-14T00:00:00Z', 400, 'API_VALUE'],
  ['a level that is none', '?level=town', 400, 'API_VALUE'],
])('refuses %s', async (_, url, status, code) => {
  const answer = await get(url)
  expect([answer.status, answer.body.code]).toEqual([status, code])
})
