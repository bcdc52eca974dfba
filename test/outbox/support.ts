import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { type Clock, type GatewayError, type Reading, type Sink, type SinkAnswer, seriesOf, shapeOf } from '../../src/core/index.ts'
import { outboxOver } from '../../src/outbox/outbox.ts'
import { openVaultHere, type VaultPort } from '../../src/outbox/port.ts'
import type { Outbox, OutboxOptions } from '../../src/outbox/types.ts'

const made: string[] = []
afterAll(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true })
})

/** A directory that goes when the tests of the file have ended. */
export const directory = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'gridtally-outbox-'))
  made.push(path)
  return path
}

/** What a process killed at this moment leaves behind: the files as they are, with nothing closed. */
export const imageOf = (path: string): string => {
  const image = directory()
  cpSync(path, image, { recursive: true })
  return image
}

const shape = shapeOf([
  { field: '1.8.0', obis: '1-0:1.8.0', unit: 'kWh', scaler: -2 },
  { field: '32.7.0', obis: '1-0:32.7.0', unit: 'V', scaler: null },
  { field: 'text', obis: null, unit: '', scaler: 0 },
])
const START = 1_700_000_000_000
const METERS = Array.from({ length: 8 }, (_, meter) => seriesOf('register', { meter: `2026${meter}`, point: `p ${meter}`, source: 'live' }))

/** Reading number `id`: series, time and values all follow from it, so that a wrong one names the one it should have been. */
export const reading = (id: number): Reading => ({
  series: METERS[id % METERS.length]!,
  shape,
  raws: [id * 7 + 1, id % 5 === 0 ? null : (id * 104_729) % 100_003, id % 3 === 0 ? 12345678901234567890n + BigInt(id) : -id],
  scalers: [0, id % 5 === 0 ? 0 : -1, 0],
  absent: id % 5 === 0 ? new Map([[1, 'DLT645_REFUSED']]) : null,
  ratio: id % 2 === 0 ? '1' : '4000.00',
  measuredAt: START + id * 1000,
  receivedAt: START + id * 1000 + 317,
  quality: id % 4,
})

export const readings = (from: number, count: number): Reading[] => Array.from({ length: count }, (_, n) => reading(from + n))

/** The number of a reading, or why it is none of ours. */
export const idOf = (got: Reading): number | string => {
  const id = (got.measuredAt - START) / 1000
  const meant = reading(id)
  const same =
    got.series.key === meant.series.key &&
    got.shape.key === meant.shape.key &&
    got.ratio === meant.ratio &&
    got.quality === meant.quality &&
    got.receivedAt === meant.receivedAt &&
    got.raws.every((raw, column) => raw === meant.raws[column]) &&
    (got.scalers?.[1] ?? 0) === (meant.scalers?.[1] ?? 0) &&
    got.absent?.get(1) === meant.absent?.get(1)
  return same ? id : `wrong values under ${id}`
}

/** Timers run by hand; the clock moves only with them. */
export class Hands {
  #now = 0
  #timers: { readonly at: number; readonly run: () => void }[] = []
  readonly clock: Clock = { now: () => START + this.#now, monotonic: () => this.#now, speed: 1 }
  readonly after = (ms: number, run: () => void) => {
    const timer = { at: this.#now + ms, run }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  /** Lets `ms` pass: timers run in their order, and what they set off is waited for. */
  async pass(ms: number): Promise<void> {
    const until = this.#now + ms
    await settled()
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0]
      if (!next) break
      this.#timers = this.#timers.filter((other) => other !== next)
      this.#now = Math.max(this.#now, next.at)
      next.run()
      await settled()
    }
    this.#now = until
  }
}

/** Waits until everything under way in this thread has come to rest. */
export const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 12; turn++) await new Promise((done) => setImmediate(done))
}

export const refusal = (code: string): GatewayError => ({ code, message: code, recovery: 'wait', hint: '', context: {} })

export type Mood = 'ok' | 'later' | 'stop' | 'dead' | 'throws' | 'hangs'

/** A sink that does as it is told and remembers what it took, in order. */
export class MoodySink implements Sink {
  readonly id: string
  readonly batch: number
  mood: Mood = 'ok'
  readonly taken: number[] = []
  readonly wrong: string[] = []
  readonly refused = new Set<number>()
  calls = 0

  constructor(id: string, batch = 4) {
    this.id = id
    this.batch = batch
  }

  async write(batch: readonly Reading[]): Promise<SinkAnswer> {
    this.calls++
    switch (this.mood) {
      case 'later':
        return { kind: 'later', waitMs: null, error: refusal('BUSY') }
      case 'stop':
        return { kind: 'stop', error: refusal('UNAUTHORISED') }
      case 'throws':
        throw new Error('a bug')
      case 'hangs':
        return new Promise(() => {})
      default: {
        const dead = this.mood === 'dead' ? [0] : []
        for (const [index, got] of batch.entries()) {
          const id = idOf(got)
          if (typeof id === 'string') this.wrong.push(id)
          else if (dead.includes(index)) this.refused.add(id)
          else this.taken.push(id)
        }
        return { kind: 'stored', dead: dead.map((index) => ({ index, error: refusal('FIELD_TYPE') })) }
      }
    }
  }

  async close(): Promise<void> {}
}

export interface Opened {
  readonly directory: string
  readonly outbox: Outbox
  readonly port: VaultPort
  readonly hands: Hands
}

/** Opens an outbox in this thread, with time run by hand. */
export const openHere = async (
  path: string,
  sinks: readonly Sink[],
  options: Partial<Omit<OutboxOptions, 'directory' | 'sinks'>> = {},
): Promise<Opened> => {
  const hands = new Hands()
  const { maxBytes = 1e9, whenFull = 'stop-taking', reserveBytes = 0 } = options
  const now = hands.clock.now()
  const port = await openVaultHere({ directory: path, maxBytes, whenFull, reserveBytes, sinks: sinks.map(({ id }) => id), now })
  if (!port.ok) throw new Error(port.error.message)
  const outbox = outboxOver(port.value, {
    random: () => 0.5,
    maxBytes,
    whenFull,
    reserveBytes,
    ...options,
    directory: path,
    sinks,
    clock: hands.clock,
    after: hands.after,
  })
  return { directory: path, outbox, port: port.value, hands }
}

/** Lets time pass until every sink has everything, or five minutes of it are gone. */
export const drain = async ({ outbox, hands }: Opened): Promise<void> => {
  for (let second = 0; second < 300 && outbox.state().depth > 0; second++) await hands.pass(1000)
  await hands.pass(1000)
}

/** Ends an outbox whose clock is run by hand. */
export const close = async ({ outbox, hands }: Opened): Promise<void> => {
  const closing = outbox.close()
  await hands.pass(5000)
  await closing
}
