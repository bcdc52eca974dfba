import { type Clock, type Exchanged, err, type GatewayError, ok, type RegisterPlan, type Result, type Sample } from '../core/index.ts'
import type { Conduct, FrameKeeper } from './converse.ts'
import { countTalk, type Device, isBackedOff } from './device.ts'
import { fail } from './errors.ts'
import { type Job, JobQueue, type Priority } from './jobs.ts'
import type { Line } from './line.ts'
import { countIn } from './stats.ts'

/** Share of a busy line's time that probing dead devices may cost; an idle line has nothing better to do. */
const PROBE_SHARE = 0.08
/** Probe time saved up at most, milliseconds. */
const PROBE_SAVINGS_MS = 10_000

/** A read that was carried out. */
export interface Taken {
  readonly device: Device
  readonly plan: RegisterPlan
  readonly samples: readonly Sample[]
  /** Wall clock when the last answer was whole. */
  readonly receivedAt: number
  readonly isFirstTry: boolean
  /** The frames, where somebody wanted them kept. */
  readonly exchanged?: Exchanged
}

export interface ReadOptions {
  readonly priority: Priority
  readonly signal?: AbortSignal
  /** Asks even a device that is backed off. */
  readonly insist?: boolean
  /** Told of the line time of each exchange, milliseconds. */
  readonly spent?: (ms: number) => void
  /** The frames are wanted with the samples. */
  readonly keepsFrames?: boolean
}

type Resolve = (result: Result<Taken>) => void

/** One line, its jobs and its devices: who is asked next, and how much time the dead may cost the living. */
export class Poller {
  readonly line: Line
  readonly queue: JobQueue
  readonly clock: Clock
  #probeSavings = 0
  #savedAt: number
  #busyThen = 0

  constructor(line: Line, clock: Clock) {
    this.line = line
    this.queue = new JobQueue(line.width)
    this.clock = clock
    this.#savedAt = clock.monotonic()
  }

  /** Queues one read; resolves when it was carried out or finally failed. */
  read(device: Device, plan: RegisterPlan, options: ReadOptions): Promise<Result<Taken>> {
    return new Promise((resolve, reject) => this.queue.submit(new ReadJob(this, device, plan, options, resolve, reject)))
  }

  /** Whether the line's savings pay for a probe: a small share of the time it was busy, and all the time it was idle. */
  mayProbe({ spec, health }: Device): boolean {
    const now = this.clock.monotonic()
    const { busyMs } = this.line.stats
    const passed = now - this.#savedAt
    const busy = Math.min(passed, busyMs - this.#busyThen)
    this.#savedAt = now
    this.#busyThen = busyMs
    this.#probeSavings = Math.min(PROBE_SAVINGS_MS, this.#probeSavings + busy * PROBE_SHARE + (passed - busy))
    return this.#probeSavings >= Math.min(spec.reactionMs, 3 * (health.usualMs ?? spec.reactionMs) + 50)
  }

  payForProbe(ms: number): void {
    this.#probeSavings -= ms
  }
}

/** One queued read: its place in the queue, its conduct on the line, and who waits for it. */
class ReadJob implements Job, Conduct {
  readonly priority: Priority
  readonly owner: string
  readonly signal: AbortSignal | undefined
  tries = 1
  readonly keeps: FrameKeeper | null
  readonly #poller: Poller
  readonly #device: Device
  readonly #plan: RegisterPlan
  readonly #insist: boolean
  readonly #spent: ((ms: number) => void) | undefined
  readonly #resolve: Resolve
  readonly #reject: (bug: unknown) => void
  #retries = 0
  #isHeard = false

  constructor(poller: Poller, device: Device, plan: RegisterPlan, options: ReadOptions, resolve: Resolve, reject: (bug: unknown) => void) {
    this.#poller = poller
    this.#device = device
    this.#plan = plan
    this.priority = options.priority
    this.owner = device.spec.id
    this.signal = options.signal
    this.#insist = options.insist ?? false
    this.keeps = options.keepsFrames ? { protocol: '', selection: null, parts: [], now: () => poller.clock.now() } : null
    this.#spent = options.spent
    this.#resolve = resolve
    this.#reject = reject
  }

  run(done: () => void): void {
    void this.#carryOut(done)
  }

  get isDropped(): boolean {
    return this.signal?.aborted ?? false
  }

  drop(): void {
    const { id, state } = this.#poller.line
    const given = { device: this.owner, line: id }
    this.#resolve(
      state === 'closed'
        ? fail('LINE_CLOSED', `line ${id} is closed`, given)
        : fail('READ_CANCELLED', `reading ${this.owner} was given up`, given),
    )
  }

  giveWay(): Promise<void> | null {
    return this.#poller.queue.giveWay(this.priority)
  }

  exchanged(ms: number, error: GatewayError | null, isRetry: boolean): void {
    const { line, queue, clock } = this.#poller
    if (line.width === 1) queue.charge(this.owner, ms)
    this.#spent?.(ms)
    if (isRetry) {
      this.#retries++
      line.stats.retries++
    }
    const { health } = this.#device
    countTalk(health.talk, ms, error?.code ?? null)
    if (error) return
    this.#isHeard = true
    health.lastAnswerAt = clock.now()
    health.usualMs = health.usualMs === null ? ms : health.usualMs + (ms - health.usualMs) / 8
  }

  async #carryOut(done: () => void): Promise<void> {
    try {
      const { health } = this.#device
      const isDoubtful = this.signal?.aborted || (isBackedOff(health) && !this.#insist)
      const refused = isDoubtful ? await this.#refusal() : null
      this.tries = health.failures > 0 && !this.#insist ? 1 : 2
      const result = refused ?? this.#judge(await this.#device.read(this.#plan, this))
      done()
      this.#resolve(result)
    } catch (bug) {
      done()
      this.#reject(bug)
    }
  }

  /** Why the meter is not asked now; null = it is. */
  async #refusal(): Promise<{ readonly ok: false; readonly error: GatewayError } | null> {
    const { line } = this.#poller
    if (this.signal?.aborted) return fail('READ_CANCELLED', `reading ${this.owner} was given up`, { device: this.owner, line: line.id })
    return this.#probe()
  }

  /** What the result says about the device. */
  #judge(samples: Result<readonly Sample[]>): Result<Taken> {
    const device = this.#device
    const { health } = device
    if (samples.ok) {
      health.failures = 0
      const receivedAt = this.#poller.clock.now()
      const taken: Taken = { device, plan: this.#plan, samples: samples.value, receivedAt, isFirstTry: this.#retries === 0 }
      return ok(this.keeps ? { ...taken, exchanged: this.keeps } : taken)
    }
    const error = this.#placed(samples.error)
    // A refusal is an answer: the device lives. A line that is down says nothing about it.
    if (this.#isHeard) health.failures = 0
    else if (error.code !== 'LINE_DOWN' && error.code !== 'LINE_CLOSED') health.failures++
    health.lastError = error
    countIn(health.reasons, error.code)
    return err(error)
  }

  /** A protocol's error does not know who and where; a person must. */
  #placed(error: GatewayError): GatewayError {
    if ('device' in error.context) return error
    const line = this.#poller.line.id
    return { ...error, message: `${this.owner} on ${line}: ${error.message}`, context: { ...error.context, device: this.owner, line } }
  }

  /** Asks a silent device whether it is back, if the line can pay for it. @returns why not; null = it is back */
  async #probe(): Promise<{ readonly ok: false; readonly error: GatewayError } | null> {
    const { health } = this.#device
    const { clock } = this.#poller
    if (this.#poller.mayProbe(this.#device)) {
      const began = clock.monotonic()
      const alive = await this.#device.probe(this)
      if (alive.ok) return null
      // A line that is down says nothing about the device.
      if (alive.error.code === 'LINE_DOWN' || alive.error.code === 'LINE_CLOSED') return alive
      this.#poller.payForProbe(clock.monotonic() - began)
      health.failures++
      health.lastError = alive.error
    }
    const why = health.lastError
    const text = `${this.owner} on ${this.#poller.line.id} has been silent for ${health.failures} reads${why ? `: ${why.message}` : ''}`
    return fail('DEVICE_BACKED_OFF', text, { device: this.owner, line: this.#poller.line.id, cause: why?.code ?? null })
  }
}
