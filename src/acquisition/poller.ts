import { type Clock, type GatewayError, ok, type RegisterPlan, type Result, type Sample } from '../core/index.ts'
import type { Device } from './device.ts'
import { fail } from './errors.ts'
import { JobQueue, type Priority } from './jobs.ts'
import type { Line } from './line.ts'
import { countIn } from './stats.ts'

/** Failed reads in a row after which a device is only probed. */
const DEAD_AFTER = 2
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
}

export interface ReadOptions {
  readonly priority: Priority
  readonly signal?: AbortSignal
  /** Asks even a device that is backed off. */
  readonly insist?: boolean
}

/** One line, its jobs and its devices: who is asked next, and how much time the dead may cost the living. */
export class Poller {
  readonly line: Line
  readonly queue: JobQueue
  readonly #clock: Clock
  #probeSavings = 0
  #savedAt: number
  #busyThen = 0

  constructor(line: Line, clock: Clock) {
    this.line = line
    this.queue = new JobQueue(line.width)
    this.#clock = clock
    this.#savedAt = clock.monotonic()
  }

  /** Queues one read; resolves when it was carried out or finally failed. */
  read(device: Device, plan: RegisterPlan, options: ReadOptions): Promise<Result<Taken>> {
    return new Promise((resolve) => {
      this.queue.submit({
        priority: options.priority,
        device: device.spec.id,
        run: async () => resolve(await this.#carryOut(device, plan, options)),
      })
    })
  }

  async #carryOut(device: Device, plan: RegisterPlan, options: ReadOptions): Promise<Result<Taken>> {
    const { health, spec } = device
    if (options.signal?.aborted) return fail('READ_CANCELLED', `reading ${spec.id} was given up`, { device: spec.id, line: this.line.id })
    let retries = 0
    let heard = false
    const onExchange = (ms: number, error: GatewayError | null, _request: unknown, isRetry: boolean) => {
      this.queue.charge(spec.id, ms)
      if (isRetry) {
        retries++
        this.line.stats.retries++
      }
      if (error) return
      heard = true
      health.lastAnswerAt = this.#clock.now()
      health.usualMs = health.usualMs === null ? ms : health.usualMs + (ms - health.usualMs) / 8
    }
    const giveWay = () => this.queue.giveWay(options.priority)
    const signal = options.signal ? { signal: options.signal } : {}
    if (health.failures >= DEAD_AFTER && !options.insist) {
      if (!this.#mayProbe(device)) return this.#backedOff(device, health.lastError)
      const began = this.#clock.monotonic()
      const alive = await device.probe({ tries: 1, onExchange, ...signal })
      if (!alive.ok) {
        this.#probeSavings -= this.#clock.monotonic() - began
        health.failures++
        health.lastError = alive.error
        return this.#backedOff(device, alive.error)
      }
    }
    const tries = health.failures > 0 && !options.insist ? 1 : 2
    const samples = await device.read(plan, { tries, onExchange, giveWay, ...signal })
    if (!samples.ok) {
      // A refusal is an answer: the device lives, and a line that is down says nothing about it.
      if (heard) health.failures = 0
      else if (samples.error.code !== 'LINE_DOWN' && samples.error.code !== 'LINE_CLOSED') health.failures++
      health.lastError = samples.error
      countIn(health.reasons, samples.error.code)
      return samples
    }
    health.failures = 0
    return ok({ device, plan, samples: samples.value, receivedAt: this.#clock.now(), isFirstTry: retries === 0 })
  }

  #backedOff({ spec, health }: Device, why: GatewayError | null) {
    return fail(
      'DEVICE_BACKED_OFF',
      `${spec.id} on ${this.line.id} has been silent for ${health.failures} reads${why ? `: ${why.message}` : ''}`,
      {
        device: spec.id,
        line: this.line.id,
        cause: why?.code ?? null,
      },
    )
  }

  /** Whether the line's savings pay for a probe: a small share of the time it was busy, and all the time it was idle. */
  #mayProbe({ spec, health }: Device): boolean {
    const now = this.#clock.monotonic()
    const { busyMs } = this.line.stats
    const passed = now - this.#savedAt
    const busy = Math.min(passed, busyMs - this.#busyThen)
    this.#savedAt = now
    this.#busyThen = busyMs
    this.#probeSavings = Math.min(PROBE_SAVINGS_MS, this.#probeSavings + busy * PROBE_SHARE + (passed - busy))
    return this.#probeSavings >= Math.min(spec.reactionMs, 3 * (health.usualMs ?? spec.reactionMs) + 50)
  }
}
