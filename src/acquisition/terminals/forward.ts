import {
  type Deframer,
  type Discarded,
  explain,
  type ForwardSettings,
  isDiscarded,
  ok,
  type ProtocolAdapter,
  type Request,
  type Result,
} from '../../core/index.ts'
import { fail } from '../errors.ts'
import type { Priority } from '../jobs.ts'
import type { Asking, Channel, Line } from '../line.ts'
import { countIn, countLatency, type LineStats, newLineStats } from '../stats.ts'
import type { TraceEvent, TraceListener } from '../trace.ts'
import type { TerminalsPort } from './types.ts'

export interface ForwardLineOptions {
  readonly id: string
  readonly terminals: Pick<TerminalsPort, 'ask' | 'status'>
  /** Ledger id of the terminal. */
  readonly terminal: string
  /** In the form of its adapter. */
  readonly address: string
  readonly settings: ForwardSettings
  readonly allowWrites: boolean
  /** How urgent its requests are among everything that is asked of the terminal; `current` unless said. */
  readonly priority?: Priority
  /** Wall clock of the site, for `since`. */
  readonly now?: () => number
}

/** Codes of the terminal's errors that mean that the line is not there. */
const DOWN: ReadonlySet<string> = new Set(['TERMINAL_OFFLINE', 'TERMINAL_BUSY'])
/** What a meter behind a terminal may need: start bit, data, parity, stop bits. */
const bitsOf = ({ dataBits, parity, stopBits }: ForwardSettings): number => 1 + dataBits + (parity === 'none' ? 0 : 1) + stopBits

/**
 * The bus behind a terminal as a line (透明转发): requests to its meters travel inside requests to the terminal. Answers are known by the
 * terminal's numbering, so there is no echo, no quarantine and no time-out of its own: how long a terminal may take is its session's
 * business, and a meter that the terminal found silent is known to be silent at once.
 */
export class ForwardLine implements Line {
  readonly id: string
  readonly name: string
  readonly width = 1
  readonly isQuarantined = false
  readonly stats: LineStats = newLineStats()
  readonly since: number
  readonly #options: ForwardLineOptions
  readonly #listeners = new Set<TraceListener>()
  readonly #closing = new AbortController()

  constructor(options: ForwardLineOptions) {
    this.#options = options
    this.id = options.id
    this.name = `${options.terminal} port ${options.settings.port}`
    this.since = (options.now ?? Date.now)()
  }

  get state() {
    if (this.#closing.signal.aborted) return 'closed'
    return this.#options.terminals.status(this.#options.terminal) ? 'up' : 'down'
  }

  get why() {
    return this.state === 'down' ? this.#down('it is not connected').error : null
  }

  latenessOf(): number {
    return 0
  }

  ready(): Promise<boolean> {
    return Promise.resolve(this.state === 'up')
  }

  trace(listener: TraceListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close(): void {
    this.#closing.abort()
  }

  attach<Frame extends object>(adapter: ProtocolAdapter<Frame>): Channel<Frame> {
    const deframer = adapter.deframer()
    return {
      exchange: async (request, asking) => {
        const began = performance.now()
        const result = await this.#exchange(adapter, deframer, request, asking)
        const ms = performance.now() - began
        this.stats.busyMs += ms
        this.stats.exchanges++
        if (result.ok) {
          this.stats.answered++
          countLatency(this.stats, ms)
        } else countIn(this.stats.failures, result.error.code)
        return result
      },
    }
  }

  async #exchange<Frame extends object>(
    adapter: ProtocolAdapter<Frame>,
    deframer: Deframer<Frame>,
    request: Request<Frame>,
    { device }: Asking,
  ): Promise<Result<Frame>> {
    const { terminals, terminal, address, settings, allowWrites, priority = 'current' } = this.#options
    const where = { line: this.id, device }
    if (request.writes && !allowWrites)
      return fail('LINE_READ_ONLY', `${adapter.describe(request.bytes, 'tx')} would change ${device}`, where)
    if (this.#closing.signal.aborted) return this.#closed()
    const bytes = request.remake?.((request.bytes.length * 1000 * bitsOf(settings)) / settings.baud) ?? request.bytes
    this.#emit('tx', bytes, adapter.describe(bytes, 'tx'), device, adapter.id)
    const answer = await terminals.ask(terminal, (to) => to.forward(address, settings, bytes), {
      priority,
      signal: this.#closing.signal,
      // Who asks the meter knows whether it may be asked twice.
      tries: 1,
    })
    if (!answer.ok) {
      const { code, message } = answer.error
      this.#emit('note', new Uint8Array(0), explain(answer.error), device, adapter.id)
      if (this.#closing.signal.aborted) return this.#closed()
      if (DOWN.has(code)) return this.#down(message)
      const context = { ...where, cause: code, cure: answer.error.hint }
      if (code === 'TERMINAL_LOST') return fail('LINE_LOST', `${terminal} ended while ${device} was asked: ${message}`, context)
      if (code === 'TERMINAL_READ_ONLY') return fail('LINE_READ_ONLY', message, context)
      return fail('LINE_NO_REPLY', `${device} behind ${terminal}: ${message}`, context)
    }
    return this.#answerIn(adapter, deframer, request, answer.value, device)
  }

  /** Finds the answer in what the terminal passed back. */
  #answerIn<Frame extends object>(
    adapter: ProtocolAdapter<Frame>,
    deframer: Deframer<Frame>,
    request: Request<Frame>,
    bytes: Uint8Array,
    device: string,
  ): Result<Frame> {
    const where = { line: this.id, device }
    const asked = `${device} ${adapter.describe(request.bytes, 'tx')} behind ${this.#options.terminal}`
    if (bytes.length > 0) this.#emit('rx', bytes, '', device, adapter.id)
    let damaged: Discarded | null = null
    let stranger = false
    const rest = [...deframer.push(bytes)]
    const half = deframer.flush()
    for (const item of half ? [...rest, half, ...deframer.push(new Uint8Array(0))] : rest) {
      if (isDiscarded(item)) {
        damaged = item
        this.stats.discardedBytes += item.discarded.length
        this.#emit('discarded', item.discarded, explain(item.error), device, adapter.id, true)
      } else if (request.judge(item) === 'answer') return ok(item)
      else {
        stranger = true
        this.stats.strays++
        this.#emit('stray', bytes, 'answers nothing that was asked', device, adapter.id, true)
      }
    }
    if (stranger) return fail('LINE_STRANGER', `${asked}: only a foreign answer came back`, where)
    if (damaged)
      return fail('LINE_DAMAGED', `${asked}: ${damaged.error.message}`, { ...where, cause: damaged.error.code, cure: damaged.error.hint })
    return fail('LINE_NO_REPLY', `${asked}: the terminal passed nothing back`, where)
  }

  #closed() {
    return fail('LINE_CLOSED', `line ${this.id} is closed`, { line: this.id })
  }

  #down(why: string) {
    const { terminal } = this.#options
    return fail('LINE_DOWN', `line ${this.id} is down: ${terminal}: ${why}`, { line: this.id, cause: 'TERMINAL_OFFLINE' })
  }

  #emit(what: TraceEvent['what'], bytes: Uint8Array, text: string, device: string, protocol: string, again = false): void {
    if (this.#listeners.size === 0) return
    const event: TraceEvent = { line: this.id, at: Date.now(), what, bytes: bytes.slice(), text, device, protocol, again }
    for (const listener of this.#listeners) listener(event)
  }
}
