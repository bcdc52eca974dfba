import { describe, expect, it } from 'vitest'
import { api, asOperator, asReader } from './fake.ts'

const ask = async (method: 'GET' | 'PUT' | 'POST', url: string, payload?: object, headers: Record<string, string> = asReader) => {
  const { app } = await api()
  const answer = await app.inject({ method, url: `/api/v1${url}`, headers, ...(payload ? { payload } : {}) })
  return { status: answer.statusCode, etag: answer.headers.etag, body: answer.json() }
}
const body = { layer: 'zone', target: 'Z-1', set: { pct: 9 }, why: 'old wires' }

describe('rules', () => {
  it('shows thresholds with their closed ends written out and every layer', async () => {
    const { status, etag, body: rules } = await ask('GET', '/rules')
    expect([status, etag, rules.version]).toEqual([200, '"7"', 7])
    expect(rules.items[0].thresholds[0]).toMatchObject({
      ...{ name: 'pct', value: 7, default: 7, op: '>=', holds: 'figure ≥ 7 % (7 % itself included)' },
      layers: [{ layer: 'zone', target: 'Z-1', value: 9 }],
    })
    expect((await ask('GET', '/rules/nobody')).status).toBe(404)
  })

  it.each([
    ['without a version', {}, 428],
    ['with an old one', { 'if-match': '"3"' }, 412],
    ['with one that is none', { 'if-match': 'seven' }, 400],
    ['with the present one', { 'if-match': '"7"' }, 200],
  ])('sets thresholds %s', async (_, headers, status) => {
    expect((await ask('PUT', '/rules/high-loss/thresholds', body, { ...asOperator, ...headers })).status).toBe(status)
  })

  it('asks for a reason, and for a token that may', async () => {
    const { why: _, ...silent } = body
    expect((await ask('PUT', '/rules/high-loss/thresholds', silent, { ...asOperator, 'if-match': '"7"' })).status).toBe(400)
    expect((await ask('PUT', '/rules/high-loss/thresholds', body, { ...asReader, 'if-match': '"7"' })).status).toBe(403)
    expect((await ask('POST', '/analysis/again', { from: '2026-08-01', why: 'x' })).status).toBe(403)
  })

  it.each([
    ['PUT', '/rules/high-loss/thresholds', { ...body, why: ' ' }, 'body/why'],
    ['POST', '/rules/high-loss/trial', { layer: 'global', set: { pct: 8 }, from: '2026-13-21', to: '2026-11-22' }, 'body/from'],
    ['POST', '/analysis/again', { from: '2026-02-30', why: 'x' }, 'body/from'],
  ] as const)('refuses %s %s %j', async (method, url, payload, place) => {
    const { status, body: problem } = await ask(method, url, payload, { ...asOperator, 'if-match': '"7"' })
    expect([status, problem.errors.map((one: { place: string }) => one.place)]).toEqual([400, [place]])
  })

  it('tells who set what, and takes it back', async () => {
    expect((await ask('GET', '/rules/history')).body).toMatchObject({
      items: [{ seq: 7, who: 'li', why: 'old wires', before: null, after: 9 }],
      next: null,
    })
    expect((await ask('POST', '/rules/history/7/undo', { why: 'wrong zone' }, asOperator)).body).toEqual({ version: 8 })
    expect((await ask('POST', '/rules/history/6/undo', { why: 'x' }, asOperator)).status).toBe(404)
  })

  it('runs trials', async () => {
    const trial = { set: { pct: 8 }, from: '2026-08-01', to: '2026-08-14' }
    expect((await ask('POST', '/rules/high-loss/trial', trial, asOperator)).status).toBe(200)
    expect((await ask('GET', '/rules/trials/1')).body).toMatchObject({
      state: 'done',
      come: [],
      go: [{ key: 'high-loss/A-1' }],
      stay: 2,
      layer: 'global',
    })
    expect((await ask('GET', '/rules/trials/2')).status).toBe(404)
    expect((await ask('POST', '/rules/trials/1/cancel', undefined, asOperator)).status).toBe(200)
  })
})

it('says how far the analysis is, and has areas judged again', async () => {
  const { body: all } = await ask('GET', '/analysis')
  expect(all).toMatchObject({
    at: '07:00',
    areas: [
      { area: 'A-1', state: 'judged' },
      { area: 'A-2', state: 'failed', failure: 'a bug' },
    ],
  })
  expect((await ask('GET', '/analysis?failed=true')).body.areas).toHaveLength(1)
  expect((await ask('POST', '/analysis/again', { from: '2026-08-01', why: 'new wires' }, asOperator)).body).toEqual({ areas: 2 })
  expect((await ask('POST', '/analysis/again', { areas: ['A-9'], from: '2026-08-01', why: 'x' }, asOperator)).status).toBe(404)
})
