import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ApiDeps } from '../../../src/api/index.ts'
import { OWN_RESULTS } from '../../../src/api/results/index.ts'
import type { ExportRow, RowPiece, RowSource } from '../../../src/export/index.ts'
import { type EmbeddedStore, openEmbeddedStore } from '../../../src/store/embedded.ts'
import { asRole, field, NOW, readingOf } from '../fake.ts'

const DAY_MS = 86_400_000
const STEP = 6 * 60_000
const directory = mkdtempSync(join(tmpdir(), 'places-'))
let store: EmbeddedStore
beforeAll(async () => {
  const opened = await openEmbeddedStore({ directory })
  if (!opened.ok) throw new Error(opened.error.message)
  store = opened.value
  // Three days and an empty one among them, five points; an hour has readings at its very ends.
  const readings = ['P-001', 'P-002', 'P-003', 'P-004', 'P-005'].flatMap((point) =>
    Array.from({ length: 960 }, (_, at) => readingOf(point, NOW - 4 * DAY_MS + at * STEP)).filter(
      ({ measuredAt }) => Math.floor(measuredAt / DAY_MS) !== Math.floor((NOW - 2 * DAY_MS) / DAY_MS),
    ),
  )
  expect(await store.write(readings)).toMatchObject({ kind: 'stored' })
})
afterAll(async () => {
  await store.close()
  rmSync(directory, { recursive: true, force: true })
})

const sourceOf = async (name: string, query: Record<string, string>, change: Partial<ApiDeps> = {}): Promise<RowSource> => {
  const { deps } = field({ scanReadings: (asked) => store.scan(asked), ...change })
  const who = deps.authenticate({ kind: 'bearer', text: asRole('engineer').authorization.slice(7) }, false)
  const kind = OWN_RESULTS.find((one) => one.name === name)
  if (!kind || !who) throw new Error(`no ${name}`)
  const opened = await kind.open(query, { deps, who, language: 'en', address: '', waits: false, scope: deps.scopeOf(who) })
  if (!opened.ok) throw new Error(opened.error.detail)
  return opened.value
}
const piecesOf = async (source: RowSource, from?: string | null): Promise<RowPiece[]> => {
  const pieces: RowPiece[] = []
  for await (const piece of source.rows(new AbortController().signal, from)) pieces.push(piece)
  return pieces
}
const rowsOf = (pieces: readonly RowPiece[]): readonly ExportRow[] => pieces.flatMap(({ rows }) => rows)
const iso = (at: number) => new Date(at).toISOString()
const TIME = { from: iso(NOW - 4 * DAY_MS + 90_000), to: iso(NOW) }

const RESULTS: readonly (readonly [name: string, query: Record<string, string>])[] = [
  ['readings', TIME],
  ['readings', { ...TIME, point: 'P-002' }],
  ['energy', { ...TIME, period: 'day' }],
  ['series', { ...TIME, kind: 'register', bucket: 'day' }],
  ['series', { ...TIME, bucket: 'raw' }],
  ['series', { ...TIME, kind: 'area', bucket: 'day' }],
  ['latest', {}],
  ['loss', { ...TIME, step: 'day' }],
]

describe('rows that can be gone on with', () => {
  it.each(RESULTS)('%s %j: from every place on there are the rows that are left, once each', async (name, query) => {
    const source = await sourceOf(name, query)
    const pieces = await piecesOf(source)
    const all = rowsOf(pieces)
    expect(all.length).toBeGreaterThan(0)
    let given = 0
    let last = { share: 0, until: 0 }
    for (const { rows, place } of pieces) {
      given += rows.length
      if (!place) continue
      const { mark, until, share } = place
      expect(rowsOf(await piecesOf(source, mark))).toEqual(all.slice(given))
      expect(share).toBeGreaterThanOrEqual(last.share)
      if (until !== null) {
        expect(until).toBeGreaterThanOrEqual(last.until)
        // Whatever is measured from there on is still to come.
        for (const row of all.slice(0, given)) expect(row[3]).toBeLessThan(until)
      }
      last = { share: share ?? 0, until: until ?? 0 }
    }
    expect(last.share).toBe(1)
  })
  it('know their state: other points or another question is another one', async () => {
    const stateOf = async (name: string, query: Record<string, string>, change: Partial<ApiDeps> = {}) =>
      (await sourceOf(name, query, change)).basis?.state()
    const fewer: Partial<ApiDeps> = { points: (filter, after, limit) => field().deps.points({ ...filter, area: 'A-1' }, after, limit) }
    for (const [name, query] of [
      ['readings', { ...TIME, area: 'A-1' }],
      ['energy', TIME],
      ['series', { ...TIME, bucket: 'day' }],
    ] as const) {
      const state = await stateOf(name, query)
      expect(await stateOf(name, query)).toBe(state)
      expect(await stateOf(name, { ...query, to: iso(NOW - 1) })).not.toBe(state)
      if (name !== 'readings') expect(await stateOf(name, query, fewer)).not.toBe(state)
    }
  })
  it('say what they come from', async () => {
    const [from, to] = [Date.parse(TIME.from), Date.parse(TIME.to)]
    const basisOf = async (name: string, query: Record<string, string>) => (await sourceOf(name, query)).basis
    expect(await basisOf('readings', TIME)).toMatchObject({ readings: { measurement: 'register', from, to, passed: from }, energy: null })
    expect(await basisOf('energy', TIME)).toMatchObject({ readings: null, energy: { from, to } })
    expect(await basisOf('series', { ...TIME, bucket: 'day' })).toMatchObject({ readings: { measurement: 'register' } })
    for (const [name, query] of [
      ['loss', TIME],
      ['latest', {}],
      ['billing-readings', { at: iso(NOW - 1) }],
      ['series', { ...TIME, kind: 'area' }],
    ] as const)
      expect(await basisOf(name, query)).toMatchObject({ readings: null, energy: null })
  })
})

describe('figures for billing', () => {
  it.each([
    ['billing-readings', { at: iso(NOW - 1) }],
    ['billing-energy', { from: iso(NOW - DAY_MS), to: iso(NOW - 1) }],
  ] as const)('%s: are gone on with after the last point that is in the file', async (name, query) => {
    const { billingReads } = field().deps
    const asked: (string | null)[] = []
    const source = await sourceOf(name, query, {
      billingReads: {
        ...billingReads,
        readings: (at, place, scope, after) => {
          asked.push(after)
          return billingReads.readings(at, place, scope, after)
        },
        energy: (from, to, place, scope, after) => {
          asked.push(after)
          return billingReads.energy(from, to, place, scope, after)
        },
      },
    })
    const marks = (await piecesOf(source)).map(({ rows, place }) => [rows.at(-1)?.[0], place?.mark])
    expect(marks.length).toBeGreaterThan(0)
    for (const [point, mark] of marks) expect(mark).toBe(point)
    await piecesOf(source, 'P-003')
    expect(asked).toEqual([null, 'P-003'])
  })
})

describe('how far it is', () => {
  it.each([
    ['latest', {}],
    ['loss', { ...TIME, step: 'day' }],
    ['billing-readings', { at: iso(NOW - 1) }],
    ['billing-energy', { from: iso(NOW - DAY_MS), to: iso(NOW - 1) }],
  ] as const)('%s knows it too', async (name, query) => {
    const shares = (await piecesOf(await sourceOf(name, query))).flatMap(({ place }) => place?.share ?? [])
    expect(shares.length).toBeGreaterThan(0)
    expect(shares).toEqual(shares.toSorted((a, b) => a - b))
    expect(shares.at(-1)).toBeGreaterThan(0)
    expect(shares.at(-1)).toBeLessThanOrEqual(1)
  })
})
