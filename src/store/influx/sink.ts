import { setImmediate as nextTurn } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { GatewayError, Reading, Result, Sink, SinkAnswer } from '../../core/index.ts'
import { unanswered, type Verdict, verdictOf } from './answers.ts'
import { type Exchange, HttpClient } from './http.ts'
import { Journal } from './journal.ts'
import { LineBatch, LineNames } from './line-protocol.ts'
import type { Endpoint } from './options.ts'
import { type DeadRow, type Delivery, deliver, type Halt } from './writer.ts'

/** Connections, and so requests under way at once. */
export const CONNECTIONS = 2
/** Requests' worth of rows wanted in one call, so that building, sending and the server's work overlap. */
const REQUESTS_A_CALL = 8
/** A request is never made smaller than this because of time-outs; a 413 may. */
const FEWEST_ROWS = 250
/** From a broken connection to the first look whether the server is back. */
const RECOVERY_MS = 1000

/** What a sink has done since it was opened. */
export interface SinkStats {
  /** `unknown` before the first exchange. */
  readonly state: 'unknown' | 'up' | 'down' | 'stopped'
  readonly rowsStored: number
  readonly rowsDead: number
  readonly requests: number
  readonly bytesSent: number
  /** How often the newest rows were sent again because the server had been restarted. */
  readonly replays: number
  /** Rows a request now; fewer than configured after time-outs or 413. */
  readonly rowsPerRequest: number
  readonly lastError: GatewayError | null
}

/** What the sink wants of the server beside taking rows. */
export interface ServerSide {
  /** Creates the missing database; null = it may not. */
  readonly createDatabase: (() => Promise<Result<void>>) | null
  /** A text that differs after each start of the server, null where it would not say; null = a server that forgets nothing. */
  readonly bootOf: (() => Promise<Result<string | null>>) | null
  /** Wall clock, for a Retry-After that is a date. */
  readonly now: () => number
}

const compress = promisify(gzip)

/** The write path: readings to line protocol to InfluxDB, up to {@link CONNECTIONS} requests at once. */
export class InfluxSink implements Sink {
  readonly id: string
  readonly batch: number
  readonly #endpoint: Endpoint
  readonly #client: HttpClient
  readonly #server: ServerSide
  readonly #journal: Journal
  readonly #names = new LineNames()
  /** One more than are on the wire. */
  readonly #batches = Array.from({ length: CONNECTIONS + 1 }, () => new LineBatch())
  #turn: Promise<unknown> = Promise.resolve()
  #rowsPerRequest: number
  /** Set by a 413: never more rows again. */
  #mostRows: number
  #boot: string | null = null
  #suspicion: 'soft' | 'hard' | null = null
  #recovery: NodeJS.Timeout | undefined
  #closed = false
  #stats = {
    state: 'unknown' as SinkStats['state'],
    rowsStored: 0,
    rowsDead: 0,
    requests: 0,
    bytesSent: 0,
    replays: 0,
    lastError: null as GatewayError | null,
  }

  constructor(endpoint: Endpoint, server: ServerSide) {
    this.id = `influx-${endpoint.version}`
    this.batch = endpoint.batch * REQUESTS_A_CALL
    this.#endpoint = endpoint
    this.#client = new HttpClient(endpoint.base, { ...endpoint, connections: CONNECTIONS, onLost: () => this.#suspect('soft') })
    this.#server = server
    this.#journal = new Journal(server.bootOf === null ? 0 : endpoint.journalBytes)
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

  /** Learns which start of the server this is, as far as it tells. */
  async learnBoot(): Promise<void> {
    const boot = await this.#server.bootOf?.()
    if (boot?.ok) this.#boot = boot.value
  }

  async write(readings: readonly Reading[]): Promise<SinkAnswer> {
    const answer = this.#turn.then(async () => (await this.#recover()) ?? (await this.#write(readings)))
    this.#turn = answer.catch(() => {})
    return await answer
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#recovery)
    this.#client.close()
    await this.#turn
  }

  async #write(readings: readonly Reading[]): Promise<SinkAnswer> {
    const dead: DeadRow[] = []
    const halts: Halt[] = []
    const fill = this.#filler(readings, dead)
    const free = [...this.#batches]
    let ready: LineBatch | null = null
    const run = async (): Promise<void> => {
      while (halts.length === 0) {
        const batch = ready ?? fill(free.pop()!)
        ready = null
        if (batch.rows === 0) return
        const delivery = deliver(batch, this.#send)
        // The request is on the wire before the next one is built, and that is ready before somebody wants it.
        await nextTurn()
        if (ready === null && free.length > 0) ready = fill(free.pop()!)
        const done = await delivery
        this.#adapt(done)
        free.push(batch)
        if (done.halt) halts.push(done.halt)
        else dead.push(...done.dead)
      }
    }
    // Two values for one instant must land in the order given: then one request at a time.
    await Promise.all(Array.from({ length: this.#names.inOrder(readings) ? CONNECTIONS : 1 }, run))
    const halt = halts.find(({ kind }) => kind === 'stop') ?? halts[0]
    if (halt) {
      this.#note(halt)
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

  /** Takes the readings request by request; the last few are smaller, so that no connection is long alone at the end. */
  #filler(readings: readonly Reading[], dead: DeadRow[]): (batch: LineBatch) => LineBatch {
    let next = 0
    return (batch) => {
      batch.clear()
      const most = this.#rowsPerRequest
      const rows = readings.length - next > CONNECTIONS * most ? most : Math.max(1, most >> 1)
      for (; next < readings.length && batch.rows < rows; next++) {
        const error = batch.add(readings[next]!, next, this.#names)
        if (error) dead.push({ index: next, error })
      }
      return batch
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
    let verdict = await this.#post(rows)
    if (verdict.kind === 'no-database' && this.#server.createDatabase !== null) {
      const created = await this.#server.createDatabase()
      if (created.ok) verdict = await this.#post(rows)
      else return created.error.recovery === 'wait' ? unanswered(created.error) : { kind: 'stop', error: created.error }
    }
    if (verdict.kind === 'stored') this.#journal.add(rows)
    if (verdict.kind === 'later' && BROKEN.has(verdict.error.code)) this.#suspect('hard')
    return verdict
  }

  /** The server may have been restarted: then it may have forgotten what it acknowledged, see {@link Journal}. */
  #suspect(suspicion: 'soft' | 'hard'): void {
    if (this.#journal.size === 0 || this.#closed) return
    if (this.#suspicion !== 'hard') this.#suspicion = suspicion
    // Not only with the next write: it may be long in coming.
    clearTimeout(this.#recovery)
    this.#recovery = setTimeout(() => {
      this.#turn = this.#turn.then(() => this.#recover())
    }, RECOVERY_MS).unref()
  }

  /** Sends the journal again when the server is not the one that acknowledged it. */
  async #recover(): Promise<Halt | null> {
    const suspicion = this.#suspicion
    const { bootOf } = this.#server
    if (suspicion === null || bootOf === null || this.#closed) return null
    this.#suspicion = null
    const boot = await bootOf()
    if (!boot.ok) return this.#notRecovered({ kind: 'later', waitMs: null, error: boot.error })
    if (boot.value === null ? suspicion === 'hard' : boot.value !== this.#boot) {
      for (const rows of this.#journal.chunks()) {
        const verdict = await this.#post(rows)
        if (verdict.kind === 'later' || verdict.kind === 'stop') return this.#notRecovered(verdict)
      }
      this.#stats.replays++
    }
    this.#boot = boot.value
    return null
  }

  #notRecovered(halt: Halt): Halt {
    this.#suspect('hard')
    this.#note(halt)
    return halt
  }

  #note(halt: Halt): void {
    this.#stats.state = halt.kind === 'stop' ? 'stopped' : 'down'
    this.#stats.lastError = halt.error
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
    return answer.ok ? verdictOf(answer.value, this.#server.now()) : unanswered(answer.error)
  }
}

/** The connection broke, which is what a restart looks like from here. */
const BROKEN: ReadonlySet<string> = new Set(['INFLUX_NETWORK', 'INFLUX_CUT'])
const SLOW: ReadonlySet<string> = new Set(['INFLUX_TIMEOUT', 'INFLUX_NETWORK', 'INFLUX_CUT'])
