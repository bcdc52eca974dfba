import {
  type Correlation,
  type Deframer,
  explain,
  type GatewayError,
  hexOf,
  isDiscarded,
  ok,
  type ProtocolAdapter,
  type Request,
  type Result,
} from '../core/index.ts'
import type { Transport } from '../transport/index.ts'
import { fail } from './errors.ts'
import type { Asking, Channel, Line, LineOptions } from './line.ts'
import { countIn, countLatency, type LineStats, newLineStats } from './stats.ts'
import { downError, Supervisor } from './supervisor.ts'
import { onTick } from './ticker.ts'
import type { TraceEvent, TraceListener } from './trace.ts'

interface Pending<Frame> {
  readonly id: number
  readonly request: Request<Frame>
  readonly device: string
  readonly sentAt: number
  readonly deadline: number
  readonly resolve: (result: Result<Frame>) => void
}

/** Requests under way. The first has a place of its own: where only one is under way at a time, no table is touched. */
class PendingTable<Frame> {
  #first: Pending<Frame> | null = null
  readonly #others = new Map<number, Pending<Frame>>()

  get size(): number {
    return (this.#first ? 1 : 0) + this.#others.size
  }

  has(id: number): boolean {
    return this.#first?.id === id || this.#others.has(id)
  }

  get(id: number): Pending<Frame> | undefined {
    return this.#first?.id === id ? this.#first : this.#others.get(id)
  }

  add(pending: Pending<Frame>): void {
    if (this.#first === null) this.#first = pending
    else this.#others.set(pending.id, pending)
  }

  delete(id: number): void {
    if (this.#first?.id === id) this.#first = null
    else this.#others.delete(id)
  }

  takeAll(): Pending<Frame>[] {
    return this.takeOverdue(Number.POSITIVE_INFINITY)
  }

  takeOverdue(now: number): Pending<Frame>[] {
    const overdue = [...this.#others.values()].filter(({ deadline }) => now >= deadline)
    for (const { id } of overdue) this.#others.delete(id)
    if (this.#first && now >= this.#first.deadline) {
      overdue.push(this.#first)
      this.#first = null
    }
    return overdue
  }
}

/** An id whose time-out has passed is not given out again before this, milliseconds. */
const ID_REST_MS = 60_000

/**
 * A connection whose protocol numbers its requests (Modbus TCP): many may be under way, an answer is known by its number, and a late
 * one can be taken for nothing else. No silence, no quarantine, no timer for each request.
 */
export class PipelinedLine implements Line {
  readonly id: string
  readonly name: string
  readonly width: number
  readonly stats: LineStats = newLineStats()
  since: number
  #isUp: boolean | null = null
  readonly #supervisor: Supervisor
  readonly #allowWrites: boolean
  readonly #listeners = new Set<TraceListener>()
  #end: {
    feed(bytes: Uint8Array, at: number): void
    lost(result: Result<never>): void
    expire(now: number): void
    waiting(): number
  } | null = null
  #stopTick: (() => void) | null = null
  #protocol: string | null = null
  #busySince = 0
  #strayAt = 0
  #damaged: { readonly error: GatewayError; readonly at: number } | null = null

  constructor(transport: Transport, options: LineOptions) {
    this.id = options.id
    const now = options.now ?? Date.now
    this.since = now()
    this.name = transport.name
    this.width = Math.max(1, options.pipeline ?? 1)
    this.#allowWrites = options.allowWrites ?? false
    this.#supervisor = new Supervisor(transport, {
      bytes: (bytes, at) => {
        if (this.#listeners.size > 0) this.#emit('rx', bytes, '', null)
        this.#end?.feed(bytes, at)
      },
      up: () => {
        this.stats.opened++
        this.since = now()
        options.onState?.('up', null)
        this.#isUp = true
        this.#emit('note', new Uint8Array(0), 'line open', null)
      },
      down: (why) => {
        if (this.#isUp !== false) {
          this.since = now()
          options.onState?.('down', why)
        }
        this.#isUp = false
        this.#emit('note', new Uint8Array(0), explain(why), null)
        if (this.#end && this.#end.waiting() > 0) {
          this.stats.lost++
          this.#end.lost(fail('LINE_LOST', `${this.name} ended during an exchange: ${why.message}`, { line: this.id, cause: why.code }))
        }
      },
    })
  }

  get state() {
    return this.#supervisor.state
  }

  get why() {
    return this.#supervisor.why
  }

  /** An answer names its request here: a late one can be taken for no other. */
  get isQuarantined() {
    return false
  }

  latenessOf(): number {
    return 0
  }

  async ready(): Promise<boolean> {
    return (await this.#supervisor.ready()) !== null
  }

  trace(listener: TraceListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close(): void {
    this.#supervisor.close()
    this.#end?.lost(fail('LINE_CLOSED', `line ${this.id} is closed`, { line: this.id }))
    this.#stopTick?.()
    this.#stopTick = null
  }

  /** One protocol for each connection: the numbers are the protocol's. */
  attach<Frame extends object>(adapter: ProtocolAdapter<Frame>): Channel<Frame> {
    const { correlation } = adapter
    if (!correlation) throw new Error(`${adapter.id} does not number its requests`)
    if (this.#end) throw new Error(`line ${this.id} has its protocol already`)
    this.#protocol = adapter.id
    const deframer = adapter.deframer()
    const pending = new PendingTable<Frame>()
    const resting = new Map<number, number>()
    let nextId = Math.floor(Math.random() * correlation.maxId)
    const freeId = (): number => {
      for (;;) {
        nextId = nextId >= correlation.maxId ? 0 : nextId + 1
        if (pending.has(nextId)) continue
        if (resting.size > 0) {
          const until = resting.get(nextId)
          if (until !== undefined && until > performance.now()) continue
          resting.delete(nextId)
        }
        return nextId
      }
    }
    this.#end = {
      feed: (bytes, at) => this.#feed(deframer, correlation, pending, bytes, at),
      lost: (result) => {
        deframer.flush()
        const all = pending.takeAll()
        this.#idle()
        for (const each of all) each.resolve(this.#count(result))
      },
      expire: (now) => {
        if (pending.size === 0) return
        for (const each of pending.takeOverdue(now)) {
          resting.set(each.id, now + ID_REST_MS)
          each.resolve(this.#count(this.#noReply(adapter, each, now)))
        }
        if (pending.size === 0) this.#idle()
      },
      waiting: () => pending.size,
    }
    const send = (request: Request<Frame>, { device, reactionMs }: Asking): Promise<Result<Frame>> =>
      new Promise((resolve) => {
        const connection = this.#supervisor.connection
        if (!connection) return resolve(this.#count(downError(this.id, this.why)))
        const id = freeId()
        const frame = Buffer.allocUnsafe(request.bytes.length)
        frame.set(request.bytes)
        correlation.stamp(frame, id)
        const sentAt = performance.now()
        if (pending.size === 0) this.#busy(sentAt)
        pending.add({ id, request, device, sentAt, deadline: sentAt + reactionMs, resolve })
        if (this.#listeners.size > 0) this.#emit('tx', frame, adapter.describe(frame, 'tx'), device)
        connection.write(frame)
      })
    return {
      exchange: (request, asking) => {
        if (request.writes && !this.#allowWrites)
          return Promise.resolve(
            fail('LINE_READ_ONLY', `${adapter.describe(request.bytes, 'tx')} would change ${asking.device}`, {
              line: this.id,
              device: asking.device,
            }),
          )
        if (this.#supervisor.connection) return send(request, asking)
        return this.#supervisor.ready().then(() => send(request, asking))
      },
    }
  }

  #feed<Frame extends object>(
    deframer: Deframer<Frame>,
    correlation: Correlation<Frame>,
    pending: PendingTable<Frame>,
    bytes: Uint8Array,
    at: number,
  ): void {
    for (const item of deframer.push(bytes)) {
      if (isDiscarded(item)) {
        this.stats.discardedBytes += item.discarded.length
        this.#damaged = { error: item.error, at }
        if (this.#listeners.size > 0) this.#emit('discarded', item.discarded, explain(item.error), null, true)
        continue
      }
      const id = correlation.idOf(item)
      const each = pending.get(id)
      if (each === undefined || each.request.judge(item) === 'stranger') {
        this.stats.strays++
        this.#strayAt = at
        if (this.#listeners.size > 0)
          this.#emit('stray', bytes, each ? 'does not fit what was asked' : 'answers nothing that was asked', null, true)
        continue
      }
      pending.delete(id)
      if (pending.size === 0) this.#idle(at)
      this.stats.exchanges++
      this.stats.answered++
      countLatency(this.stats, at - each.sentAt)
      each.resolve(ok(item))
    }
  }

  #noReply<Frame extends object>(adapter: ProtocolAdapter<Frame>, { request, device, sentAt }: Pending<Frame>, now: number) {
    const waitedMs = Math.round(now - sentAt)
    const context = { line: this.id, device, request: hexOf(request.bytes), waitedMs }
    const asked = `${device} ${adapter.describe(request.bytes, 'tx')} on ${this.id}`
    if (this.#strayAt >= sentAt) return fail('LINE_STRANGER', `${asked}: only foreign answers in ${waitedMs} ms`, context)
    if (this.#damaged && this.#damaged.at >= sentAt) {
      const { message, code, hint } = this.#damaged.error
      return fail('LINE_DAMAGED', `${asked}: ${message}`, { ...context, cause: code, cure: hint })
    }
    return fail('LINE_NO_REPLY', `${asked}: nothing heard in ${waitedMs} ms`, context)
  }

  #count<Frame>(result: Result<Frame>): Result<Frame> {
    this.stats.exchanges++
    if (result.ok) this.stats.answered++
    else countIn(this.stats.failures, result.error.code)
    return result
  }

  #busy(now: number): void {
    this.#busySince = now
    this.#stopTick ??= onTick((at) => this.#end?.expire(at))
  }

  #idle(now = performance.now()): void {
    if (this.#busySince > 0) this.stats.busyMs += now - this.#busySince
    this.#busySince = 0
  }

  #emit(what: TraceEvent['what'], bytes: Uint8Array, text: string, device: string | null, again = false): void {
    if (this.#listeners.size === 0) return
    const event: TraceEvent = { line: this.id, at: Date.now(), what, bytes: bytes.slice(), text, device, protocol: this.#protocol, again }
    for (const listener of this.#listeners) listener(event)
  }
}
