import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MemoryDictionary, type Reading, RowCodec, type Sink, seriesOf, shapeOf } from '../src/core/index.ts'
import { openOutbox } from '../src/outbox/index.ts'
import { openDatabase } from '../src/sqlite/index.ts'

/** One figure of ours beside the same work done the obvious way, in the same run. */
export interface BenchResult {
  readonly name: string
  readonly unit: string
  readonly ours: number
  readonly reference: number
  /** ours ÷ reference */
  readonly ratio: number
  readonly notes: Readonly<Record<string, number | string>>
}

const ROUNDS = 5
const ROWS = 200_000
const COMMIT = 1000
/** Calls of `put` not yet answered, as with a gateway whose lines do not wait for each other. */
const IN_FLIGHT = 4

/**
 * A8: readings a second into the outbox, 1,000 a commit, every commit synced, against a bare SQLite insert loop with the same bytes,
 * one row a message. Rounds take turns; the figure is the median.
 */
export const benchOutbox = async (): Promise<BenchResult> => {
  const readings = sampleReadings(COMMIT)
  const codec = new RowCodec(new MemoryDictionary())
  const bodies = readings.map((reading) => codec.encode(reading))
  const reference: number[] = []
  const ours: number[] = []
  const drained: number[] = []
  const main: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    reference.push(await inDirectory((directory) => insertLoop(join(directory, 'reference.db'), bodies)))
    const put = await inDirectory((directory) => putLoop(directory, readings, []))
    ours.push(put.rate)
    main.push(put.mainMicros)
    drained.push((await inDirectory((directory) => putLoop(directory, readings, [nullSink()]))).rate)
  }
  const result = { ours: median(ours), reference: median(reference) }
  return {
    name: 'A8 outbox readings a second, 1,000 a commit, synced',
    unit: 'readings/s',
    ...result,
    ratio: result.ours / result.reference,
    notes: {
      'bytes a reading': Math.round(bodies.reduce((sum, body) => sum + body.length, 0) / bodies.length),
      'with a sink that takes all': Math.round(median(drained)),
      'µs a reading on the calling thread, encoding included': Number(median(main).toFixed(2)),
    },
  }
}

/** Readings of about 300 packed bytes: 60 to 90 values of up to six digits. */
const sampleReadings = (count: number): Reading[] => {
  const shape = shapeOf(Array.from({ length: 90 }, (_, column) => ({ field: `f${column}`, obis: null, unit: 'V', scaler: -2 })))
  const series = Array.from({ length: 500 }, (_, meter) => seriesOf('instant', { meter: `meter-${meter}`, point: `point-${meter}` }))
  return Array.from({ length: count }, (_, n) => ({
    series: series[n % series.length]!,
    shape,
    raws: shape.columns.map((_, column) => (n * 7919 + column * 104_729) % 1_000_000),
    scalers: null,
    absent: null,
    ratio: '1',
    measuredAt: 1_700_000_000_000 + n * 1000,
    receivedAt: 1_700_000_000_350 + n * 1000,
    quality: 0,
  }))
}

const insertLoop = (path: string, bodies: readonly Uint8Array[]): number => {
  const database = openDatabase(path, 'FULL')
  database.exec('CREATE TABLE entry(id INTEGER PRIMARY KEY, body BLOB NOT NULL)')
  const insert = database.prepare('INSERT INTO entry(body) VALUES (?)')
  const began = performance.now()
  for (let row = 0; row < ROWS; ) {
    database.exec('BEGIN IMMEDIATE')
    for (const end = row + COMMIT; row < end; row++) insert.run(bodies[row % bodies.length]!)
    database.exec('COMMIT')
  }
  const rate = ROWS / ((performance.now() - began) / 1000)
  database.close()
  return rate
}

const putLoop = async (directory: string, readings: readonly Reading[], sinks: readonly Sink[]) => {
  const opened = await openOutbox({ directory, maxBytes: 4 * 2 ** 30, whenFull: 'stop-taking', sinks })
  if (!opened.ok) throw new Error(opened.error.message)
  const outbox = opened.value
  const began = performance.now()
  const busy = performance.eventLoopUtilization()
  let left = ROWS / COMMIT
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      while (left-- > 0) {
        const done = await outbox.put(readings)
        if (!done.ok) throw new Error(done.error.message)
      }
    }),
  )
  if (sinks.length > 0) await outbox.drained(60_000)
  const took = performance.now() - began
  const { active } = performance.eventLoopUtilization(busy)
  await outbox.close()
  return { rate: ROWS / (took / 1000), mainMicros: (active * 1000) / ROWS, fileBytes: statSync(join(directory, 'outbox.db')).size }
}

const nullSink = (): Sink => ({
  id: 'null',
  batch: 5000,
  write: async () => ({ kind: 'stored', dead: [] }),
  close: async () => {},
})

const inDirectory = async <T>(work: (directory: string) => T | Promise<T>): Promise<T> => {
  const directory = mkdtempSync(join(tmpdir(), 'gridtally-bench-'))
  try {
    return await work(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!
