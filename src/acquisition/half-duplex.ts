import { type Deframer, type Discarded, explain, isDiscarded, type ProtocolAdapter, type Request, type Result } from '../core/index.ts'
import type { Transport } from '../transport/index.ts'
import { EchoFilter, type Echoing } from './echo.ts'
import { fail } from './errors.ts'
import type { Asking, Channel, Line, LineOptions } from './line.ts'
import { type Asked, LineQuiet, LONGEST_BABBLE_MS, LONGEST_WAIT_MS } from './quiet.ts'
import { STALL_MS } from './stall.ts'
import { countIn, countLatency, type LineStats, newLineStats } from './stats.ts'
import { downError, Supervisor } from './supervisor.ts'
import type { TraceEvent, TraceListener } from './trace.ts'
import { frameHex, hasSecrets, hexHidden, hiddenIn, withoutHidden } from './trace-secrets.ts'

/** Bytes that go on coming keep an exchange open this long after the last one. @source DL/T 645-2007, byte time-out 500 ms */
const BYTE_GAP_MS = 500
/**
 * Extra silence before a request whose answer could be taken for a repetition of the one just heard (same unit, function and length,
 * other registers): a reply sent twice must have passed by then.
 */
const TWIN_QUIET_MS = 30
/** Nobody answers a broadcast; meters need this long to digest one. @source Modbus over serial line 1.02, 2.4.1 turnaround delay */
const BROADCAST_PAUSE_MS = 100

type Verdict = 'answer' | 'stranger' | 'nothing'

/** What takes the bytes while an exchange is under way, or while its late answer may still come. */
interface Ear extends Asked, Echoing {
  /** When the first byte of the answer began on the wire; null = none yet. */
  beganAt: number | null
  hear(bytes: Uint8Array, isLate: boolean): Verdict
  /** Half a frame that will never become whole. */
  flush(): void
  lost(result: { readonly ok: false; readonly error: ReturnType<typeof fail>['error'] }): void
}

/** Answers heard a moment ago, in time or late: a second copy of one of them may still be on its way. */
interface Heard<Frame> {
  readonly frame: Frame
  readonly at: number
}

/**
 * A half-duplex bus: one request under way. After a time-out the line stays quiet until the late answer has come or can no longer
 * come, so that it is never taken for the next one; echo of our own bytes is recognised and dropped; everything else heard is
 * counted as stray.
 */
export class HalfDuplexLine implements Line {
  readonly id: string
  readonly name: string
  readonly width = 1
  readonly stats: LineStats = newLineStats()
  since: number
  #isUp: boolean | null = null
  readonly #supervisor: Supervisor
  readonly #characterMs: number
  readonly #allowWrites: boolean
  readonly #twinQuietMs: number
  readonly #listeners = new Set<TraceListener>()
  readonly #quiet: LineQuiet<Ear>
  readonly #echo: EchoFilter
  #ear: Ear | null = null
  #onProgress: ((at: number) => void) | null = null
  /** Told of whole frames that answer nothing. */
  readonly #onStranger: LineOptions['onStranger']
  #bystander: ((bytes: Uint8Array) => void) | null = null
  #isBusy = false
  /** Adapter spoken last, for traces. */
  #protocol: string | null = null

  constructor(transport: Transport, options: LineOptions) {
    this.id = options.id
    const now = options.now ?? Date.now
    this.since = now()
    this.name = transport.name
    this.#characterMs = options.characterMs ?? transport.characterMs
    this.#quiet = new LineQuiet(options.quietMs ?? (this.#characterMs > 0 ? Math.max(1.75, 3.5 * this.#characterMs) : 5))
    this.#echo = new EchoFilter(({ device, request }) => {
      this.stats.echoes++
      this.#emit('echo', request, 'own bytes returned by the adapter', device)
    })
    this.#allowWrites = options.allowWrites ?? false
    this.#twinQuietMs = options.twinQuietMs ?? TWIN_QUIET_MS
    this.#onStranger = options.onStranger
    this.#supervisor = new Supervisor(transport, {
      bytes: (bytes, at) => this.#heard(bytes, at),
      up: () => {
        this.stats.opened++
        this.since = now()
        options.onState?.('up', null)
        this.#isUp = true
        this.#note('line open')
      },
      down: (why) => {
        if (this.#isUp !== false) {
          this.since = now()
          options.onState?.('down', why)
        }
        this.#isUp = false
        this.#note(explain(why))
        this.#quiet.forget()
        const ear = this.#ear
        if (!ear) return
        this.stats.lost++
        ear.lost(fail('LINE_LOST', `${this.name} ended while ${ear.device} was asked: ${why.message}`, { line: this.id, cause: why.code }))
      },
    })
  }

  get state() {
    return this.#supervisor.state
  }

  get why() {
    return this.#supervisor.why
  }

  get isQuarantined() {
    return this.#quiet.isQuarantined
  }

  latenessOf(device: string): number {
    return this.#quiet.latenessOf(device)
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
    this.#ear?.lost(fail('LINE_CLOSED', `line ${this.id} is closed`, { line: this.id }))
    this.#quiet.wake()
  }

  attach<Frame extends object>(adapter: ProtocolAdapter<Frame>): Channel<Frame> {
    const deframer = adapter.deframer()
    this.#protocol ??= adapter.id
    this.#bystander ??= bystander(adapter, this.#onStranger)
    const recent: Heard<Frame>[] = []
    return { exchange: (request, asking) => this.#exchange(adapter, deframer, recent, request, asking) }
  }

  async #exchange<Frame extends object>(
    adapter: ProtocolAdapter<Frame>,
    deframer: Deframer<Frame>,
    recent: Heard<Frame>[],
    request: Request<Frame>,
    asking: Asking,
  ): Promise<Result<Frame>> {
    const { device } = asking
    if (request.writes && !this.#allowWrites)
      return fail('LINE_READ_ONLY', `${adapter.describe(request.bytes, 'tx')} would change ${device}`, { line: this.id, device })
    if (this.#isBusy) throw new Error(`line ${this.id}: two exchanges at once`)
    this.#isBusy = true
    const began = performance.now()
    try {
      if (this.state === 'closed') return fail('LINE_CLOSED', `line ${this.id} is closed`, { line: this.id })
      const connection = (await this.#supervisor.ready()) ?? null
      if (!connection) return this.#count(downError(this.id, this.why))
      this.#quiet.holdForUnanswered(device, request)
      if (!(await this.#untilQuiet(device))) return this.#count(this.#neverSilent(device))
      // A copy of an answer just heard must not become the answer to this: not even of the same question.
      for (;;) {
        const twin = this.#twinOf(request, recent)
        if (twin === null) break
        this.#quiet.keepUntil(twin)
        if (!(await this.#untilQuiet(device))) return this.#count(this.#neverSilent(device))
      }
      const open = this.#supervisor.connection
      if (!open) return this.#count(downError(this.id, this.why))
      deframer.flush()
      const result = await this.#ask(adapter, deframer, recent, request, asking, open.write)
      return request.replyBytes === 0 ? result : this.#count(result)
    } finally {
      this.stats.busyMs += performance.now() - began
      this.#isBusy = false
    }
  }

  #count<Frame>(result: Result<Frame>): Result<Frame> {
    this.stats.exchanges++
    if (result.ok) this.stats.answered++
    else countIn(this.stats.failures, result.error.code)
    return result
  }

  #ask<Frame extends object>(
    adapter: ProtocolAdapter<Frame>,
    deframer: Deframer<Frame>,
    recent: Heard<Frame>[],
    request: Request<Frame>,
    { device, reactionMs, isProbe = false, onTimed }: Asking,
    write: (bytes: Uint8Array) => void,
  ): Promise<Result<Frame>> {
    return new Promise((resolve) => {
      const requestMs = request.bytes.length * this.#characterMs
      const sent = request.remake?.(requestMs) ?? request.bytes
      const sentAt = performance.now()
      const wireMs = requestMs + request.replyBytes * this.#characterMs
      const allowedMs = (isProbe ? reactionMs : Math.max(reactionMs, this.latenessOf(device))) + wireMs
      let deadline = sentAt + allowedMs
      const lastDeadline = deadline + LONGEST_BABBLE_MS
      let damaged: Discarded | null = null
      let stranger = false
      let timer: NodeJS.Timeout | null = null
      const finish = (result: Result<Frame>) => {
        if (timer) clearTimeout(timer)
        this.#ear = null
        this.#onProgress = null
        resolve(result)
      }
      const discard = (item: Discarded) => {
        damaged = item
        this.stats.discardedBytes += item.discarded.length
        this.#emit('discarded', item.discarded, explain(item.error), device, true)
      }
      const ear: Ear = {
        device,
        request: sent,
        twins: request.twins,
        sentAt,
        beganAt: null,
        // Of a request that its answer mirrors, an echo is only dropped where echo is known.
        echoed: this.#echo.expected(request.mirrors),
        hear: (bytes, isLate) => {
          let heard: Verdict = 'nothing'
          for (const item of deframer.push(bytes)) {
            if (isDiscarded(item)) {
              discard(item)
              continue
            }
            if (request.judge(item) === 'stranger') {
              stranger = true
              this.stats.strays++
              heard = heard === 'answer' ? heard : 'stranger'
              this.#emit('stray', bytes, 'answers nothing that was asked', device, true)
              this.#onStranger?.(adapter.id, item)
              continue
            }
            heard = 'answer'
            recent.push({ frame: item, at: performance.now() })
            if (isLate) {
              if (this.#ear !== ear) this.stats.strays++
              continue
            }
            const answeredAt = performance.now()
            countLatency(this.stats, answeredAt - sentAt)
            if (request.timed) {
              // After a time-out this may be the answer to the question before; behind noise, nobody knows when it began.
              const first = this.#quiet.firstAsked(ear)
              const askedAt = Math.min(first + requestMs, answeredAt)
              const beganAt = damaged || stranger ? answeredAt : (ear.beganAt ?? answeredAt)
              onTimed?.({ askedAt, beganAt: Math.max(askedAt, beganAt) })
            }
            this.#quiet.settle(ear, answeredAt)
            finish({ ok: true, value: item })
            // What follows the answer in the same bytes belongs to nobody.
            isLate = true
          }
          return heard
        },
        flush: () => {
          const rest = deframer.flush()
          if (rest) discard(rest)
        },
        lost: (result) => finish(result),
      }
      this.#ear = ear
      this.#protocol = adapter.id
      if (this.#listeners.size > 0) this.#emit('tx', sent, adapter.describe(sent, 'tx'), device)
      write(sent)
      if (request.replyBytes === 0) {
        timer = setTimeout(
          () => finish(fail('LINE_NO_REPLY', `${device} does not answer a broadcast`, { line: this.id, device })),
          BROADCAST_PAUSE_MS + wireMs,
        )
        return
      }
      const overdue = () => {
        const now = performance.now()
        if (now < deadline - 0.5) {
          timer = setTimeout(overdue, deadline - now)
          return
        }
        const lateMs = Math.min(now - deadline, allowedMs)
        if (lateMs > STALL_MS && now < lastDeadline) {
          deadline = now + lateMs
          timer = setTimeout(overdue, lateMs)
          return
        }
        const held = this.#echo.release(ear)
        if (held) ear.hear(held, false)
        ear.flush()
        // Half an echo may have been the whole of a short answer.
        if (this.#ear !== ear) return
        this.#quiet.quarantine(ear, allowedMs, isProbe)
        const context = {
          line: this.id,
          device,
          request: frameHex(adapter.id, request.bytes, 'request'),
          waitedMs: Math.round(now - sentAt),
        }
        const asked = `${adapter.describe(request.bytes, 'tx')} on ${this.id}`
        if (stranger) finish(fail('LINE_STRANGER', `${device} ${asked}: only foreign answers in ${context.waitedMs} ms`, context))
        else if (damaged)
          finish(
            fail(
              'LINE_DAMAGED',
              `${device} ${asked}: ${damaged.error.message} (${shownNoise(adapter.id, damaged.discarded.subarray(0, 24), request.bytes)})`,
              {
                ...context,
                cause: damaged.error.code,
                cure: damaged.error.hint,
              },
            ),
          )
        else finish(fail('LINE_NO_REPLY', `${device} ${asked}: nothing heard in ${context.waitedMs} ms`, context))
      }
      this.#onProgress = (at) => {
        deadline = Math.min(lastDeadline, Math.max(deadline, at + Math.min(BYTE_GAP_MS, allowedMs)))
      }
      timer = setTimeout(overdue, allowedMs)
    })
  }

  #heard(bytes: Uint8Array, at: number): void {
    this.#quiet.heard(at)
    const ear = this.#ear
    if (ear) {
      this.#onProgress?.(at)
      const rest = this.#echo.strip(ear, bytes)
      if (rest.length === 0) return
      // A chunk is handed over when its last byte is there.
      ear.beganAt ??= at - rest.length * this.#characterMs
      this.#emit('rx', rest, '', ear.device)
      ear.hear(rest, false)
      return
    }
    const late = this.#quiet.awaited
    if (late) {
      this.#quiet.goesOn(late, at)
      this.#emit('late', bytes, '', late.device)
      if (late.hear(bytes, true) !== 'answer') return
      this.stats.late++
      this.#quiet.heardLate(late, at)
      return
    }
    this.stats.strays++
    this.#emit('stray', bytes, 'nobody was asked', null)
    this.#bystander?.(bytes)
  }

  #untilQuiet(device: string): Promise<boolean> {
    return this.#quiet.untilQuiet(device, () => this.state === 'closed')
  }

  #neverSilent(device: string) {
    return fail('LINE_DAMAGED', `${device} was not asked: line ${this.id} has not been silent for ${LONGEST_WAIT_MS / 1000} s`, {
      line: this.id,
      device,
    })
  }

  /** When the last copy of a recent answer that fits the request must have passed; null when none fits. */
  #twinOf<Frame>(request: Request<Frame>, recent: Heard<Frame>[]): number | null {
    const now = performance.now()
    while (recent[0] && now - recent[0].at >= this.#twinQuietMs) recent.shift()
    const twin = recent.findLast(({ frame }) => request.judge(frame) === 'answer')
    return twin ? twin.at + this.#twinQuietMs : null
  }

  #note(text: string): void {
    this.#emit('note', new Uint8Array(0), text, null)
  }

  #emit(what: TraceEvent['what'], bytes: Uint8Array, text: string, device: string | null, again = false): void {
    if (this.#listeners.size === 0) return
    const event: TraceEvent = { line: this.id, at: Date.now(), what, bytes: bytes.slice(), text, device, protocol: this.#protocol, again }
    for (const listener of this.#listeners) listener(event)
  }
}

/** Noise in a message: it may be the damaged echo of a password. */
const shownNoise = (protocol: string, bytes: Uint8Array, request: Uint8Array): string => {
  const hidden = hiddenIn(protocol, bytes, hasSecrets(protocol, request))
  return hexHidden(withoutHidden(bytes, hidden), hidden)
}

/** Hears what nobody was asked for: a meter of another master, or one that speaks by itself. */
const bystander = <Frame extends object>(adapter: ProtocolAdapter<Frame>, onStranger: LineOptions['onStranger']) => {
  if (!onStranger) return null
  const deframer = adapter.deframer()
  return (bytes: Uint8Array): void => {
    for (const item of deframer.push(bytes)) if (!isDiscarded(item)) onStranger(adapter.id, item)
  }
}
