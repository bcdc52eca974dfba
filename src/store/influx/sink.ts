import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { GatewayError, Reading, Result, Sink, SinkAnswer } from '../../core/index.ts'
import { unanswered, type Verdict, verdictOf } from './answers.ts'
import type { Exchange, HttpClient } from './http.ts'
import { LineBatch, LineNames } from './line-protocol.ts'
import type { Endpoint } from './options.ts'
import { type DeadRow, type Delivery, deliver, type Halt } from './writer.ts'

/** Connections, and so requests under way at once. */
export const LANES = 2
/** Requests' worth of rows wanted in one call, so that building, sending and the server's work overlap. */
const REQUESTS_A_CALL = 4
/** A request is never made smaller than this because of time-outs; a 413 may. */
const FEWEST_ROWS = 250

/** What a sink has done since it was opened. */
export interface SinkStats {
  /** `unknown` before the first exchange. */
  readonly state: 'unknown' | 'up' | 'down' | 'stopped'
  readonly rowsStored: number
  readonly rowsDead: number
  readonly requests: number
  readonly bytesSent: number
  /** Rows a request now; fewer than configured after time-outs or 413. */
  readonly rowsPerRequest: number
  readonly lastError: GatewayError | null
}

const compress = promisify(gzip)

/**
 * The write path: readings to line protocol to InfluxDB, up to {@link LANES} requests at once, every row of a series on the same lane
 * and in the order given.
 */
export class InfluxSink implements Sink {
  readonly id: string
  readonly batch: number
  readonly #endpoint: Endpoint
  readonly #client: HttpClient
  readonly #createDatabase: (() => Promise<Result<void>>) | null
  readonly #now: () => number
  readonly #names = new LineNames(LANES)
  /** Two for each lane: one is on the wire while the other is filled. */
  readonly #batches = Array.from({ length: LANES }, () => [new LineBatch(), new LineBatch()] as const)
  #turn: Promise<unknown> = Promise.resolve()
  #rowsPerRequest: number
  /** Set by a 413: never more rows again. */
  #mostRows: number
  #stats = {
    state: 'unknown' as SinkStats['state'],
    rowsStored: 0,
    rowsDead: 0,
    requests: 0,
    bytesSent: 0,
    lastError: null as GatewayError | null,
  }

  /**
   * @param createDatabase  creates the missing database; null = it may not
   * @param now             wall clock, for a Retry-After that is a date
   */
  constructor(endpoint: Endpoint, client: HttpClient, createDatabase: (() => Promise<Result<void>>) | null, now: () => number = Date.now) {
    this.id = `influx-${endpoint.version}`
    this.batch = endpoint.batch * REQUESTS_A_CALL
    this.#endpoint = endpoint
    this.#client = client
    this.#createDatabase = createDatabase
    this.#now = now
    this.#rowsPerRequest = endpoint.batch
    this.#mostRows = endpoint.batch
  }

  stats(): SinkStats {
    return { ...this.#stats, rowsPerRequest: this.#rowsPerRequest }
  }

  /** What an exchange that was no write showed. */
  noteState(state: 'up' | 'down', error: GatewayError | null): void {
    if (this.#stats.state === 'stopped' && state === 'up') return
    this.#stats.state = state
    this.#stats.lastError = error
  }

  async write(readings: readonly Reading[]): Promise<SinkAnswer> {
    const answer = this.#turn.then(() => this.#write(readings))
    this.#turn = answer
    return await answer
  }

  async close(): Promise<void> {
    this.#client.close()
    await this.#turn
  }

  async #write(readings: readonly Reading[]): Promise<SinkAnswer> {
    const lanes: number[][] = Array.from({ length: LANES }, () => [])
    for (let index = 0; index < readings.length; index++) lanes[this.#names.series(readings[index]!.series).lane]!.push(index)
    const dead: DeadRow[] = []
    const halts: Halt[] = []
    await Promise.all(lanes.map((indexes, lane) => this.#runLane(lane, indexes, readings, dead, halts)))
    const halt = halts.find(({ kind }) => kind === 'stop') ?? halts[0]
    if (halt) {
      this.#stats.state = halt.kind === 'stop' ? 'stopped' : 'down'
      this.#stats.lastError = halt.error
      return halt
    }
    dead.sort((a, b) => a.index - b.index)
    this.#stats.rowsStored += readings.length - dead.length
    this.#stats.rowsDead += dead.length
    if (dead.length < readings.length) {
      this.#stats.state = 'up'
      this.#stats.lastError = null
    }
    return { kind: 'stored', dead }
  }

  /** Sends one lane's readings request by request; the next is built while the server works on the last. */
  async #runLane(lane: number, indexes: readonly number[], readings: readonly Reading[], dead: DeadRow[], halts: Halt[]): Promise<void> {
    const [even, odd] = this.#batches[lane]!
    let next = 0
    const fill = (batch: LineBatch): LineBatch => {
      batch.clear()
      for (; next < indexes.length && batch.rows < this.#rowsPerRequest; next++) {
        const index = indexes[next]!
        const error = batch.add(readings[index]!, index, this.#names)
        if (error) dead.push({ index, error })
      }
      return batch
    }
    let batch = fill(even)
    let spare = odd
    while (batch.rows > 0 && halts.length === 0) {
      const delivery = deliver(batch, this.#send)
      const following = fill(spare)
      const done = await delivery
      this.#adapt(done)
      if (done.halt) {
        halts.push(done.halt)
        return
      }
      dead.push(...done.dead)
      spare = batch
      batch = following
    }
  }

  /** Smaller requests for a server that cannot cope, larger ones again as it recovers. */
  #adapt({ halt, tooLarge }: Delivery): void {
    if (tooLarge) {
      this.#mostRows = Math.max(1, this.#rowsPerRequest >> 1)
      this.#rowsPerRequest = this.#mostRows
    } else if (halt === null) this.#rowsPerRequest = Math.min(this.#mostRows, this.#rowsPerRequest * 2)
    else if (halt.kind === 'later' && SLOW.has(halt.error.code))
      this.#rowsPerRequest = Math.min(this.#mostRows, Math.max(FEWEST_ROWS, this.#rowsPerRequest >> 1))
  }

  readonly #send = async (rows: Uint8Array): Promise<Verdict> => {
    const verdict = await this.#post(rows)
    if (verdict.kind !== 'no-database' || this.#createDatabase === null) return verdict
    const created = await this.#createDatabase()
    if (created.ok) return await this.#post(rows)
    return created.error.recovery === 'wait' ? unanswered(created.error) : { kind: 'stop', error: created.error }
  }

  async #post(rows: Uint8Array): Promise<Verdict> {
    const { writePath, gzip: packed } = this.#endpoint
    const body = packed ? await compress(rows, { level: 1 }) : rows
    const exchange: Exchange = {
      method: 'POST',
      path: writePath,
      headers: { 'content-type': 'text/plain; charset=utf-8', ...(packed ? { 'content-encoding': 'gzip' } : {}) },
      body,
    }
    this.#stats.requests++
    this.#stats.bytesSent += body.length
    const answer = await this.#client.exchange(exchange)
    return answer.ok ? verdictOf(answer.value, this.#now()) : unanswered(answer.error)
  }
}

const SLOW: ReadonlySet<string> = new Set(['INFLUX_TIMEOUT', 'INFLUX_NETWORK', 'INFLUX_CUT'])
