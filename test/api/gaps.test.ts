import { describe, expect, it } from 'vitest'
import { api, asOperator, asReader, errorOf, fail, refusal } from './fake.ts'

const LIST = '/api/v1/gaps'
const json = { ...asOperator, 'content-type': 'application/json' }

it('lists a gap with its reason, its budget and what a person can do', async () => {
  const { app } = await api()
  const { items } = (await app.inject({ url: `${LIST}?limit=1`, headers: asReader })).json()
  expect(items).toEqual([
    {
      ...{ id: 1, kind: 'day-freeze', label: '2026-08-14T16:00:00.000Z', meter: 'M-1', point: 'P-1', line: 'line-1', area: 'A-1' },
      ...{ state: 'scheduled', fill: null, tries: 9, rereads: 2, budget: { tries: 22, lineMs: 118_000 }, curve: null, by: null },
      ...{ nextTry: '2026-08-14T19:00:00.000Z', lastChance: '2026-08-22T16:00:00.000Z', missedAt: '2026-08-14T18:05:00.000Z' },
      ...{ filledAt: null, instant: null, reason: { code: 'LINE_NO_REPLY', hint: '' } },
    },
  ])
})

it('walks all of them once in pages, filtered alike', async () => {
  const { app } = await api()
  const seen: number[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const query = { state: 'scheduled', limit: '4', ...(cursor ? { cursor } : {}) }
    const page: { items: { id: number }[]; next: string | null } = (await app.inject({ url: LIST, query, headers: asReader })).json()
    seen.push(...page.items.map(({ id }) => id))
    cursor = page.next
  }
  expect(seen).toEqual([1, 2, 3, 4, 5, 6])
})

it('hands the filter on as it was asked', async () => {
  const asked: unknown[] = []
  const { app } = await api({
    gaps: async (filter) => {
      asked.push(filter)
      return { ok: true, value: [] }
    },
  })
  const query = {
    kind: 'curve',
    line: 'L',
    area: 'A',
    meter: 'M',
    from: '2026-08-15T00:00:00+08:00',
    to: '2026-08-16T00:00:00Z',
    all: 'true',
  }
  expect((await app.inject({ url: LIST, query, headers: asReader })).statusCode).toBe(200)
  expect(asked).toEqual([
    { kind: 'curve', line: 'L', area: 'A', meter: 'M', from: Date.UTC(2026, 7, 14, 16), to: Date.UTC(2026, 7, 16), all: true },
  ])
})

it.each([
  ['state=gone', 'API_VALUE'],
  ['from=yesterday', 'API_VALUE'],
  ['limit=0', 'API_VALUE'],
  ['cursor=nonsense', 'API_CURSOR'],
])('refuses %s', async (query, code) => {
  const { app } = await api()
  const answer = await app.inject({ url: `${LIST}?${query}`, headers: asReader })
  expect([answer.statusCode, answer.json().code]).toEqual([400, code])
})

it('counts them and shows one with its history', async () => {
  const { app } = await api()
  expect((await app.inject({ url: '/api/v1/gap-counts', headers: asReader })).json()).toMatchObject({ scheduled: 6, waived: 1 })
  const gap = (await app.inject({ url: `${LIST}/3`, headers: asReader })).json()
  expect(gap.history).toEqual([{ at: '2026-08-14T18:05:00.000Z', what: 'missed', who: null, note: 'LINE_NO_REPLY' }])
  expect((await app.inject({ url: `${LIST}/99`, headers: asReader })).statusCode).toBe(404)
})

describe('what a person does', () => {
  const post = async (path: string, payload: object | null, headers: Record<string, string> = json) => {
    const { app } = await api()
    const answer = await app.inject({
      method: 'POST',
      url: `${LIST}/${path}`,
      headers: payload ? headers : asOperator,
      ...(payload ? { payload } : {}),
    })
    return { status: answer.statusCode, body: answer.json() }
  }

  it('goes under the name of the token, with the reason', async () => {
    const { status, body } = await post('2/waive', { why: 'meter burnt' })
    expect([status, body.history[0]]).toEqual([200, { at: expect.any(String), what: 'waived', who: 'operator', note: 'meter burnt' }])
  })

  it.each(['retry', 'waive', 'reopen'])('to %s needs a reason and a token that may operate', async (act) => {
    expect((await post(`2/${act}`, { why: 'x' })).status).toBe(200)
    for (const payload of [{}, { why: '' }, { why: '  ' }, { why: 'x', who: 'me' }])
      expect((await post(`2/${act}`, payload)).status).toBe(400)
    expect((await post(`2/${act}`, { why: 'x' }, { ...asReader, 'content-type': 'application/json' })).status).toBe(403)
    expect((await post(`99/${act}`, { why: 'x' })).status).toBe(404)
  })

  it('enters registers, then somebody else confirms them', async () => {
    const values = { '1.8.0': '123456.78' }
    const entered = await post('2/manual', { values, at: '2026-08-15T09:00:00+08:00', why: 'read on site' })
    expect(entered.body.entry).toMatchObject({ values, instant: '2026-08-15T01:00:00.000Z', by: 'operator', why: 'read on site' })
    expect((await post('2/manual/confirm', null)).body).toMatchObject({ state: 'filled', fill: 'manual', by: 'operator' })
    for (const payload of [{ why: 'x' }, { values: {}, why: 'x' }, { values, why: '' }, { values: { '1.8.0': 5 }, why: 'x' }])
      expect((await post('2/manual', payload)).status).toBe(400)
  })

  it('that cannot be says why', async () => {
    const { app } = await api({ confirmGap: async () => refusal('not-possible', errorOf(fail('PROFILE_LACKS', 'the same person'))) })
    const answer = await app.inject({ method: 'POST', url: `${LIST}/2/manual/confirm`, headers: asOperator })
    expect([answer.statusCode, answer.json().detail]).toEqual([422, 'the same person'])
  })
})
