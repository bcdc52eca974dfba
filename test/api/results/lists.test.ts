import Fastify from 'fastify'
import { type TSchema, Type } from 'typebox'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { InsideAnswer } from '../../../src/api/inside.ts'
import { listResults } from '../../../src/api/results/lists.ts'
import { asRole, field } from '../fake.ts'

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout'] }))
afterEach(() => vi.useRealTimers())

const PAGES: readonly { readonly items: readonly { readonly id: string }[]; readonly next: string | null }[] = [
  { items: [{ id: 'a' }, { id: 'b' }], next: '1' },
  { items: [{ id: 'c' }], next: '2' },
  { items: [{ id: 'd' }], next: null },
]
const problem = (status: number) => ({ status, type: 'about:blank', title: 'x', code: 'API_RATE', detail: 'x', hint: 'wait' })

/** A list whose questions are answered by a script; what is not in it is a page, and enough is left. */
const listOf = async (script: readonly Partial<{ status: number; left: number }>[], waits = true, more: Record<string, TSchema> = {}) => {
  const asked: { readonly address: string }[] = []
  let turn = 0
  const ask = async (_app: unknown, url: string, _who: unknown, address: string): Promise<InsideAnswer> => {
    asked.push({ address })
    const { status = 200, left = 1 } = script[turn++] ?? {}
    const page = PAGES[Number(new URL(url, 'http://x').searchParams.get('cursor') ?? 0)]
    return { status, left, body: JSON.stringify(status === 200 ? page : problem(status)) }
  }
  const lists = listResults(Fastify(), { authenticate: (outside) => outside, ask }, new Map())
  const page = Type.Object({
    items: Type.Array(Type.Object({ id: Type.String(), ...more })),
    next: Type.Union([Type.String(), Type.Null()]),
  })
  lists.take({
    ...{ method: 'GET', url: '/api/v1/things', config: { permission: 'ledger:read' }, handler: () => undefined },
    schema: { summary: 'Things', querystring: Type.Object({ cursor: Type.Optional(Type.String()) }), response: { 200: page } },
  })
  const { deps } = field()
  const who = deps.authenticate({ kind: 'bearer', text: asRole('engineer').authorization.slice(7) }, false)
  const kind = lists.kinds.get('things')
  if (!kind || !who) throw new Error('no list')
  const opening = kind.open({}, { deps, who, language: 'en', address: '10.0.0.7', waits, scope: deps.scopeOf(who) })
  await vi.advanceTimersByTimeAsync(200_000)
  const opened = await opening
  const rows = async () => {
    if (!opened.ok) throw new Error(opened.error.code)
    const found: unknown[] = []
    for await (const piece of opened.value.rows(new AbortController().signal)) found.push(...piece.rows.map(([id]) => id))
    return found
  }
  const source = () => {
    if (!opened.ok) throw new Error(opened.error.code)
    return opened.value
  }
  const all = async () => {
    const found = rows().catch((error: unknown) => (error instanceof Error ? error.message : String(error)))
    await vi.advanceTimersByTimeAsync(200_000)
    return found
  }
  return { opened, asked, all, source }
}

it('is gone on with at the page after the last that is in the file', async () => {
  const piecesOf = async (from: string | null, script: Parameters<typeof listOf>[0] = []) => {
    const { source } = await listOf(script)
    const found: { ids: unknown[]; mark: string | null | undefined }[] = []
    for await (const { rows, place } of source().rows(new AbortController().signal, from))
      found.push({ ids: rows.map(([id]) => id), mark: place?.mark })
    return found
  }
  const whole = await piecesOf(null)
  expect(whole).toEqual([
    { ids: ['a', 'b'], mark: '1' },
    { ids: ['c'], mark: '2' },
    { ids: ['d'], mark: null },
  ])
  for (const [at, { mark }] of whole.entries()) if (mark != null) expect(await piecesOf(mark)).toEqual(whole.slice(at + 1))
  await expect(piecesOf('1', [{}, { status: 400 }])).rejects.toThrow(/EXPORT_PLACE/)
  const { source } = await listOf([])
  expect(source().basis).toMatchObject({ readings: null, energy: null })
})

it('asks every page from where its asker sits', async () => {
  const { asked, all } = await listOf([])
  expect(await all()).toEqual(['a', 'b', 'c', 'd'])
  expect(asked.map(({ address }) => address)).toEqual(Array(3).fill('10.0.0.7'))
})

it('gives half of a file not up because too much was asked, or the gateway is busy', async () => {
  const { all } = await listOf([{}, { status: 429 }, { status: 503 }, { status: 429 }, {}, { status: 503 }])
  expect(await all()).toEqual(['a', 'b', 'c', 'd'])
})

it('waits for its first page only in the background', async () => {
  expect((await listOf([{ status: 429 }], false)).opened).toMatchObject({ ok: false, error: { status: 429 } })
  expect(await (await listOf([{ status: 429 }])).all()).toEqual(['a', 'b', 'c', 'd'])
})

it('gives up in the end, and at once where it may not', async () => {
  expect(await (await listOf([{}, ...Array.from({ length: 200 }, () => ({ status: 429 }))])).all()).toMatch(/EXPORT_ROWS/)
  expect(await (await listOf([{}, { status: 403 }])).all()).toMatch(/EXPORT_ROWS/)
})

it('leaves half of what may be asked to whoever asks besides', async () => {
  const pauses = vi.spyOn(globalThis, 'setTimeout')
  const long = () => pauses.mock.calls.filter(([, ms]) => ms === 1000).length
  const { all } = await listOf([{ left: 0.6 }, { left: 0.4 }])
  expect(await all()).toEqual(['a', 'b', 'c', 'd'])
  expect(long()).toBe(1)
})

it('has figures as figures and ids as texts, whatever digits the examples show', async () => {
  const text = (example: string) => Type.String({ examples: [example] })
  const { opened } = await listOf([], true, {
    ...{ ratio: text('40'), monthlyKwh: text('4000'), loss: text('-1.25'), address: text('000000000012'), version: text('1') },
    old: Type.Union([Type.Object({ ratio: text('40') }), Type.Null()]),
  })
  if (!opened.ok) throw new Error(opened.error.code)
  expect(opened.value.columns.map(({ name, type }) => [name, type])).toEqual([
    ['id', 'text'],
    ['ratio', 'decimal'],
    ['monthlyKwh', 'decimal'],
    ['loss', 'decimal'],
    ['address', 'text'],
    ['version', 'text'],
    ['old.ratio', 'decimal'],
  ])
})
