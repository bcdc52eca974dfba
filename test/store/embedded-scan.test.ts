import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import type { ScanQuery } from '../../src/core/query.ts'
import type { Reading } from '../../src/core/reading.ts'
import { type EmbeddedStore, openEmbeddedStore } from '../../src/store/embedded.ts'
import { exactFace, registers } from './readings.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
/** Two days before a month's end: what is scanned lies in two files. */
const START = Date.UTC(2026, 9, 30)

const made = async (): Promise<string> => mkdtemp(join(tmpdir(), 'gridtally-scan-'))
const open = async (directory: string): Promise<EmbeddedStore> => {
  const opened = await openEmbeddedStore({ directory, log: (error) => expect.unreachable(error.message) })
  if (!opened.ok) throw new Error(opened.error.message)
  return opened.value
}
const write = async (store: EmbeddedStore, readings: readonly Reading[]) => {
  const answer = await store.write(readings)
  if (answer.kind !== 'stored' || answer.dead.length > 0) throw new Error('not stored')
}
const scan = async (store: EmbeddedStore, query: Omit<ScanQuery, 'measurement'>): Promise<Reading[]> => {
  const readings: Reading[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const answer = await store.scan({ measurement: 'register', ...query, ...(cursor === '' ? {} : { cursor }) })
    if (!answer.ok) throw new Error(`${answer.error.code} ${answer.error.message}`)
    readings.push(...answer.value.readings)
    cursor = answer.value.next
  }
  return readings
}
const text = (reading: Reading) => JSON.stringify(exactFace(reading))

let directory: string
let store: EmbeddedStore
let run = 0
beforeAll(async () => {
  directory = await made()
  store = await open(directory)
})
afterAll(async () => {
  await store.close()
  await rm(directory, { recursive: true })
})

const METERS = ['m1', 'm2', 'm3', 'm4']
const SOURCES = ['live', 'day-freeze', 'curve'] as const
const instant = fc.oneof(
  fc.tuple(fc.nat(4), fc.nat(23)).map(([day, hour]) => START + day * DAY + hour * HOUR),
  fc.tuple(fc.nat(4), fc.constantFrom(0, 1, 999, 1000, HOUR - 1)).map(([day, ms]) => START + day * DAY + 16 * HOUR + ms),
)

it('gives the same from hot rows, packed days and both, whatever was asked', async () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.array(
        fc.record({
          meter: fc.constantFrom(...METERS),
          at: instant,
          raw: fc.integer({ min: 0, max: 1e9 }),
          source: fc.constantFrom(...SOURCES),
        }),
        { maxLength: 40 },
      ),
    },
    { weight: 2, arbitrary: fc.nat(9) },
  )
  const question = fc.record({
    from: instant,
    to: instant,
    limit: fc.constantFrom(1, 3, 50, 1000),
    sources: fc.option(fc.subarray([...SOURCES]), { nil: undefined }),
    meters: fc.option(fc.subarray([...METERS, 'nobody']), { nil: undefined }),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 6 }),
      question,
      async (steps, { from: a, to: b, limit, sources, meters }) => {
        const prefix = `run-${run++}-`
        const known = new Map<string, Reading>()
        for (const one of steps) {
          if (typeof one === 'number') {
            const packed = await store.pack(START + one * DAY)
            if (!packed.ok) throw new Error(packed.error.message)
            continue
          }
          const readings = one.map(({ meter, at, raw, source }) => registers(prefix + meter, at, { raws: [raw, 1], source }))
          await write(store, readings)
          for (const reading of readings) known.set(`${reading.series.key} ${reading.measuredAt}`, reading)
        }
        const [from, to] = [Math.min(a, b), Math.max(a, b)]
        const points = (meters ?? METERS).map((meter) => `P-${prefix}${meter}`)
        const expected = [...known.values()].filter(
          ({ measuredAt, series }) =>
            measuredAt >= from &&
            measuredAt < to &&
            points.includes(series.tags.point!) &&
            (sources === undefined || sources.some((source) => source === series.tags.source)),
        )
        const given = await scan(store, { from, to, limit, points: new Set(points), ...(sources ? { sources } : {}) })
        expect(given.map(text).sort()).toEqual(expected.map(text).sort())
        // The same out of all that others wrote into the same files.
        const all = (await scan(store, { from, to, limit: 1000, ...(sources ? { sources } : {}) })).filter(({ series }) =>
          points.includes(series.tags.point!),
        )
        expect(given.map(text)).toEqual(all.map(text))
      },
    ),
    { numRuns: 60 },
  )
})

it('goes through packed days as through others', async () => {
  const readings = ['a', 'b', 'c'].flatMap((meter) =>
    Array.from({ length: 3 * 96 }, (_, quarter) =>
      registers(`cold-${meter}`, Date.UTC(2026, 5, 1) + quarter * 900_000, { raws: [quarter, 7] }),
    ),
  )
  await write(store, readings)
  const query = { from: Date.UTC(2026, 5, 1), to: Date.UTC(2026, 5, 4), limit: 100 }
  const hot = (await scan(store, query)).map(text)
  expect(hot).toHaveLength(readings.length)
  const packed = await store.pack(Date.UTC(2026, 6, 1))
  expect(packed).toMatchObject({ ok: true })
  expect((await scan(store, query)).map(text)).toEqual(hot)
  await write(store, [registers('cold-a', Date.UTC(2026, 5, 2), { raws: [4711, 7] })])
  const late = await scan(store, query)
  expect(late).toHaveLength(readings.length)
  expect(late.filter(({ raws }) => raws[0] === 4711)).toHaveLength(1)
})

it('does not go on in a file that was begun anew', async () => {
  const place = await made()
  onTestFinished(() => rm(place, { recursive: true }))
  const before = await open(place)
  await write(
    before,
    ['a', 'b', 'c'].map((meter) => registers(meter, START)),
  )
  const query: ScanQuery = { measurement: 'register', from: START, to: START + HOUR, limit: 2 }
  const page = await before.scan(query)
  if (!page.ok || page.value.next === null) throw new Error('no second page')
  await before.close()
  for (const suffix of ['', '-wal', '-shm']) await rm(join(place, `2026-10.db${suffix}`), { force: true })
  const after = await open(place)
  onTestFinished(() => after.close())
  await write(
    after,
    ['c', 'b', 'a'].map((meter) => registers(meter, START)),
  )
  expect(await after.scan({ ...query, cursor: page.value.next })).toMatchObject({ ok: false, error: { code: 'STORE_CURSOR' } })
})
