import { appendFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Reading } from '../../src/core/index.ts'
import { type InfluxOptions, openInfluxStore } from '../../src/store/influx/index.ts'
import { readingOf, START } from '../support/influx-readings.ts'
import { startInfluxd } from '../support/influxd.ts'

/** Nightly runs ask for more. */
const ROUNDS = Number(process.env.GRIDTALLY_CRASH_ROUNDS ?? 4)
const ROOM_MS = 60_000 + ROUNDS * 10_000
const METERS = 200
const STEPS = 15

/** Batch `number`: every meter at STEPS instants of its own; the face shows 1 kWh more each instant, so a sum is arithmetic. */
const batchAt = (number: number): Reading[] =>
  Array.from({ length: METERS * STEPS }, (_, index) => {
    const step = number * STEPS + Math.floor(index / METERS)
    return readingOf(`m${index % METERS}`, START + step * 60_000, [step * 100, 1])
  })
const sumUpTo = (batches: number): number => {
  const steps = batches * STEPS
  return METERS * ((steps * (steps - 1)) / 2)
}

const start = async (timeoutMs: number, more: Partial<InfluxOptions> = {}) => {
  const server = await startInfluxd()
  onTestFinished(() => server.destroy())
  const opened = await openInfluxStore({
    url: server.url,
    version: 'v1',
    database: 'd',
    createDatabase: true,
    timeoutMs,
    batch: 500,
    ...more,
  })
  if (!opened.ok) throw new Error(opened.error.message)
  onTestFinished(() => opened.value.close())
  /** What the server itself says it holds. */
  const held = async () => {
    const [block] = await server.query('SELECT count("1.8.0"), sum("1.8.0"), count("received") FROM "register"', 'd')
    return block?.values[0]?.slice(1)
  }
  return { server, store: opened.value, held }
}

it(
  `influxd killed ${ROUNDS} times under writes: nothing acknowledged is missing, nothing is there twice`,
  async () => {
    const { server, store, held } = await start(5000)
    const batches = ROUNDS * 4
    let acknowledged = 0
    let later = 0
    /** Resolves when so many batches are acknowledged: the moment of the next kill. */
    const waiting: { at: number; go: () => void }[] = []
    const reached = (at: number) => new Promise<void>((go) => waiting.push({ at, go }))
    let running: Promise<void> = Promise.resolve()

    const killer = (async () => {
      for (let round = 0; round < ROUNDS; round++) {
        await reached(round * 4 + 2)
        // The next batch is under way by now; a few turns of the loop differ from round to round.
        for (let turn = 0; turn < round * 3; turn++) await new Promise((resolve) => setImmediate(resolve))
        running = server.stop('SIGKILL').then(() => server.start())
        await running
      }
    })()
    while (acknowledged < batches) {
      const answer = await store.write(batchAt(acknowledged))
      if (answer.kind === 'stored') {
        expect(answer.dead).toEqual([])
        acknowledged++
        for (const { at, go } of waiting) if (acknowledged >= at) go()
      } else {
        expect(answer.kind).toBe('later')
        later++
        await running
      }
    }
    await killer
    expect(later).toBeGreaterThan(0)
    const expected = [batches * METERS * STEPS, sumUpTo(batches), batches * METERS * STEPS]
    expect(await held()).toEqual(expected)
    await server.stop('SIGKILL')
    await server.start()
    expect(await store.write(batchAt(0))).toEqual({ kind: 'stored', dead: [] })
    expect(await held()).toEqual(expected)
  },
  ROOM_MS,
)

describe('an influxd that forgets what it acknowledged: killed inside a write, restarted, killed again', () => {
  /** Leaves half an entry at the end of the write-ahead log, as a kill inside a write does. */
  const tearLog = (folder: string) => {
    const logs = readdirSync(join(folder, 'wal'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.wal'))
    appendFileSync(join(folder, 'wal', logs.sort().at(-1)!), Buffer.concat([Buffer.from([1, 0, 0, 40, 0]), Buffer.alloc(3000, 7)]))
  }
  const crashTwice = async (options: Partial<InfluxOptions>) => {
    const { server, store, held } = await start(5000, options)
    const write = async (number: number) => expect(await store.write(batchAt(number))).toEqual({ kind: 'stored', dead: [] })
    await write(0)
    await server.stop('SIGKILL')
    tearLog(server.folder)
    await server.start()
    await write(1)
    await write(2)
    await server.stop('SIGKILL')
    await server.start()
    return { store, held }
  }
  const rows = (batches: number) => [batches * METERS * STEPS, sumUpTo(batches), batches * METERS * STEPS]

  it('does forget, when nothing is done about it', async () => {
    const { held } = await crashTwice({ journalBytes: 0 })
    expect(await held()).toEqual(rows(1))
  })

  it('is told again with the next write', async () => {
    const { store, held } = await crashTwice({})
    await store.write(batchAt(3))
    expect(await held()).toEqual(rows(4))
    expect(store.stats().replays).toBe(2)
  })

  it('is told again even when no write follows', async () => {
    const { store, held } = await crashTwice({})
    await vi.waitFor(() => expect(store.stats().replays).toBe(2), { timeout: 60_000 })
    expect(await held()).toEqual(rows(3))
  })
})

it(
  'influxd frozen under writes: every request ends at its deadline, late writes harm nothing',
  async () => {
    const timeoutMs = 300
    const { server, store, held } = await start(timeoutMs)
    for (let round = 0; round < ROUNDS; round++) {
      server.signal('SIGSTOP')
      const answer = await store.write(batchAt(round))
      expect(answer).toMatchObject({ kind: 'later', error: { code: 'INFLUX_TIMEOUT' } })
      const query = await store.range({ measurement: 'register', tags: { meter: 'm1' }, from: START, to: START + 1, limit: 1 })
      expect(query).toMatchObject({ ok: false, error: { code: 'INFLUX_TIMEOUT' } })
      server.signal('SIGCONT')
      let again = await store.write(batchAt(round))
      for (let tries = 0; again.kind === 'later' && tries < 20; tries++) again = await store.write(batchAt(round))
      expect(again).toEqual({ kind: 'stored', dead: [] })
    }
    expect(await held()).toEqual([ROUNDS * METERS * STEPS, sumUpTo(ROUNDS), ROUNDS * METERS * STEPS])
  },
  ROOM_MS,
)

it('smaller requests for a server that cannot cope, and back', async () => {
  const { server, store } = await start(300)
  server.signal('SIGSTOP')
  await store.write(batchAt(0))
  expect(store.stats().rowsPerRequest).toBe(250)
  server.signal('SIGCONT')
  for (let tries = 0; tries < 20 && store.stats().rowsPerRequest < 500; tries++) await store.write(batchAt(0))
  expect(store.stats().rowsPerRequest).toBe(500)
})
