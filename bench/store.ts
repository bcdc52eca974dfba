import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Reading } from '../src/core/reading.ts'
import type { Result } from '../src/core/result.ts'
import { type EmbeddedStore, openEmbeddedStore } from '../src/store/embedded.ts'
import { openLatest } from '../src/store/latest.ts'
import { median } from './anchor.ts'
import { FIELDS, meterRows, meterSeries } from './rows.ts'

/** One figure of ours; what it is compared with is measured elsewhere. */
export interface Measured {
  readonly name: string
  readonly value: number
  readonly unit: string
}

export interface StoreBenchSize {
  readonly meters: number
  /** quarter-hours */
  readonly steps: number
  /** rows a batch; the store's own wish unless said */
  readonly batch?: number
}

/** Two days of 20,000 meters, as the InfluxDB side has them: 3.84 million rows. */
export const FULL_SIZE: StoreBenchSize = { meters: 20_000, steps: 192 }
export const QUICK_SIZE: StoreBenchSize = { meters: 5_000, steps: 16 }

/** Midnight in the store's zone. */
export const BENCH_START = Date.UTC(2026, 9, 4, 16)
const ZONE = 'Asia/Shanghai'

const must = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(`${result.error.code} ${result.error.message}`)
  return result.value
}

const inDirectory = async <T>(work: (directory: string) => Promise<T>): Promise<T> => {
  const directory = await mkdtemp(join(tmpdir(), 'gridtally-bench-'))
  try {
    return await work(directory)
  } finally {
    await rm(directory, { recursive: true })
  }
}

/** Writes all rows as the outbox does, one batch after the other; only the time in `write` counts. */
const fill = async (store: EmbeddedStore, { meters, steps, batch = store.batch }: StoreBenchSize) => {
  let rows = 0
  let ms = 0
  let worstMs = 0
  let pending: Reading[] = []
  const flush = async () => {
    const began = performance.now()
    const answer = await store.write(pending)
    const took = performance.now() - began
    if (answer.kind !== 'stored' || answer.dead.length > 0) throw new Error('the store refused rows')
    ms += took
    worstMs = Math.max(worstMs, took)
    rows += pending.length
    pending = []
  }
  for (const step of meterRows(meters, steps, BENCH_START))
    for (const reading of step) {
      pending.push(reading)
      if (pending.length === batch) await flush()
    }
  if (pending.length > 0) await flush()
  return { rows, ms, worstMs }
}

/** A5: durable rows a second through the public `write()`, the hop to the thread included. */
export const measureStoreWrites = (size: StoreBenchSize = FULL_SIZE): Promise<readonly Measured[]> =>
  inDirectory(async (directory) => {
    const store = must(await openEmbeddedStore({ directory, zone: ZONE }))
    const cpu = process.cpuUsage()
    const { rows, ms, worstMs } = await fill(store, size)
    const { user, system } = process.cpuUsage(cpu)
    await store.close()
    return [
      { name: 'embedded rows', value: rows / (ms / 1000), unit: 'rows/s' },
      { name: 'embedded worst batch', value: worstMs, unit: 'ms' },
      { name: 'embedded CPU, making the rows included', value: (user + system) / rows, unit: 'µs/row' },
    ]
  })

/** A6: bytes a value of the whole file, before and after packing. */
export const measureStoreBytes = (size: StoreBenchSize = FULL_SIZE): Promise<readonly Measured[]> =>
  inDirectory(async (directory) => {
    const open = async () => must(await openEmbeddedStore({ directory, zone: ZONE }))
    // Closing folds the write-ahead log into the file: what is measured is what stays.
    const bytes = async () => {
      const store = await open()
      const { bytes: found } = must(await store.stats())
      await store.close()
      return found
    }
    const filling = await open()
    const { rows } = await fill(filling, size)
    await filling.close()
    const hot = await bytes()
    const packing = await open()
    const began = performance.now()
    const packed = must(await packing.pack(BENCH_START + 90 * 86_400_000))
    const seconds = (performance.now() - began) / 1000
    await packing.close()
    const cold = await bytes()
    return [
      { name: 'embedded hot', value: hot / (rows * FIELDS), unit: 'bytes/value' },
      { name: 'embedded cold', value: cold / (rows * FIELDS), unit: 'bytes/value' },
      { name: 'embedded packing', value: packed / seconds, unit: 'rows/s' },
    ]
  })

/** A7: latest of all meters; energy by area and day; and what a meter's day costs. */
export const measureStoreQueries = (size: StoreBenchSize = FULL_SIZE): Promise<readonly Measured[]> =>
  inDirectory(async (directory) => {
    const { meters, steps } = size
    const end = BENCH_START + steps * 900_000
    const store = must(await openEmbeddedStore({ directory, zone: ZONE }))
    const latest = must(await openLatest({ directory }))
    await fill(store, size)
    let stored = 0
    const began = performance.now()
    for (const step of meterRows(meters, Math.min(4, steps), BENCH_START))
      for (let at = 0; at < step.length; at += latest.batch) {
        await latest.write(step.slice(at, at + latest.batch))
        stored += Math.min(latest.batch, step.length - at)
      }
    const latestMs = performance.now() - began
    const latestAll = await timed(9, async () => {
      let values = 0
      for (const { raws } of latest.all()) values += raws.length
      if (values !== meters * FIELDS) throw new Error(`${values} latest values`)
    })
    const energy = { from: BENCH_START, to: end, zone: ZONE }
    const firstEnergy = await timed(1, async () => must(await store.energyByArea(energy)))
    const repeatedEnergy = await timed(9, async () => must(await store.energyByArea(energy)))
    const newMeter = meterSeries(Math.floor(meters / 2)).tags.meter!
    const day = await timed(20, async () => {
      const range = { measurement: 'register', tags: { meter: newMeter }, from: BENCH_START, to: end, limit: 96 } as const
      must(await store.range(range))
    })
    await store.close()
    // After a restart nothing is in memory any more.
    const reopened = must(await openEmbeddedStore({ directory, zone: ZONE }))
    const coldEnergy = await timed(1, async () => must(await reopened.energyByArea(energy)))
    await reopened.close()
    await latest.close()
    return [
      { name: 'latest of all meters, 12 values each', value: latestAll, unit: 'ms' },
      { name: 'latest rows written', value: stored / (latestMs / 1000), unit: 'rows/s' },
      { name: 'energy by area and day, first time', value: firstEnergy, unit: 'ms' },
      { name: 'energy by area and day, again', value: repeatedEnergy, unit: 'ms' },
      { name: 'energy by area and day, after a restart', value: coldEnergy, unit: 'ms' },
      { name: "one meter's day", value: day, unit: 'ms' },
    ]
  })

const timed = async (rounds: number, work: () => Promise<unknown>): Promise<number> => {
  const times: number[] = []
  for (let round = 0; round < rounds; round++) {
    const began = performance.now()
    await work()
    times.push(performance.now() - began)
  }
  return median(times)
}
