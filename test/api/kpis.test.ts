import { expect, it } from 'vitest'
import { api, asReader } from './fake.ts'

const get = async (path: string) => {
  const { app } = await api()
  const answer = await app.inject({ url: `/api/v1${path}`, headers: asReader })
  return { status: answer.statusCode, body: answer.json() }
}

it('gives each figure its numerator, denominator, exclusions, cut-off, and the way to its lists', async () => {
  const { body } = await get('/kpis?day=2026-08-15&by=area&limit=1')
  expect(body).toMatchObject({ day: '2026-08-15', by: 'area', next: expect.any(String) })
  expect(body.items).toEqual([
    {
      ...{ id: 'A-1', name: 'area A-1' },
      kpis: [
        {
          ...{ kpi: 'daily', cutoff: '2026-08-15T00:00:00.000Z', kept: true, finalAt: '2026-08-15T03:06:40.000Z' },
          figure: { numerator: 3, denominator: 4, rate: '0.750000', excluded: [{ reason: 'planned', count: 2 }] },
          // Nothing was due: that is not a hundred per cent.
          final: { numerator: 0, denominator: 0, rate: null, excluded: [] },
          ...{ yesterday: '1.000000', lastMonth: null },
          members: {
            in: '/api/v1/kpis/daily/members?day=2026-08-15&by=area&id=A-1&list=in',
            out: '/api/v1/kpis/daily/members?day=2026-08-15&by=area&id=A-1&list=out',
          },
        },
      ],
    },
  ])
  const second = await get(`/kpis?day=2026-08-15&by=area&limit=2&cursor=${body.next}`)
  expect(second.body.items.map(({ id }: { id: string }) => id)).toEqual(['A-2', 'A-3'])
  expect((await get(body.items[0].kpis[0].members.out.replace('/api/v1', ''))).body.items).toHaveLength(5)
})

it('lists members in pages', async () => {
  const first = await get('/kpis/daily/members?list=out&limit=3')
  const second = await get(`/kpis/daily/members?list=out&limit=3&cursor=${first.body.next}`)
  expect([...first.body.items, ...second.body.items].map(({ meter }) => meter)).toEqual(['M-0', 'M-1', 'M-2', 'M-3', 'M-4'])
  expect(second.body.next).toBeNull()
})

it.each([
  '/kpis?day=2026-02-30',
  '/kpis?day=today',
  '/kpis?by=city',
  '/kpis/other/members?list=in',
  '/kpis/daily/members',
  '/kpis?cursor=x',
])('refuses %s', async (path) => expect((await get(path)).status).toBe(400))
