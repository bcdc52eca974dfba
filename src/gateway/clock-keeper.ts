import { ClockJump, clockJob, driftOf, isBackedOff, type Priority } from '../acquisition/index.ts'
import {
  type ClockLimits,
  type ClockPoint,
  type ClockRate,
  type ClockState,
  clockRate,
  clockState,
  isOwnDoubtful,
  maySweep,
  OFF_MS,
  turnOf,
} from '../collection/clock-rules.ts'
import type { ClockReason, ClockRecord, ClockStore } from '../collection/clock-store.ts'
import type { ClocksConfig } from '../config/clocks.ts'
import { type Clock, explain, ok, type Reading, type Result, seriesOf, shapeOf } from '../core/index.ts'
import { fail } from './clock-errors.ts'
import type { Field, FieldLine, FieldMeter } from './field.ts'

export interface ClockDeps {
  readonly field: Pick<Field, 'meter' | 'meters' | 'lines' | 'calendar'>
  readonly store: ClockStore
  /** As it is at the start; {@link ClockKeeper.use} changes it. */
  readonly config: ClocksConfig
  readonly clock: Clock
  readonly put: (readings: readonly Reading[]) => Promise<Result<void>>
  readonly log: (level: 'debug' | 'info' | 'warn', message: string) => void
}

/** A drift beside the statistics of its meter. Columns are a public interface: see docs/decisions. */
export const CLOCK_SHAPE = shapeOf([
  { field: 'clock_offset', obis: null, unit: 's', scaler: -3 },
  { field: 'clock_uncertainty', obis: null, unit: 's', scaler: -3 },
])

/** Looks for clocks whose turn has come this often, real milliseconds. */
const TICK_MS = 5000
/** So many models without a clock are written down at once: a site of bus meters has twenty thousand of them. */
const MOST_WITHOUT = 100
/** A clock that does not answer is asked this often in one sweep. */
const SWEEP_TRIES = 2
/** Nobody is set by our own clock for so long after it was moved, monotonic milliseconds. */
const MOVED_DOUBT_MS = 3_600_000
/** A rate is that of the last month: no longer than settings are remembered. */
const RATE_MS = 31 * 86_400_000

export interface ReadClockOptions {
  readonly priority: Priority
  readonly signal?: AbortSignal
  readonly insist?: boolean
}

/** What is known of a meter's clock, judged. */
export interface JudgedClock {
  readonly record: ClockRecord
  readonly state: ClockState
}

/**
 * Keeps the clocks (时钟) of the meters in view: reads each once a day in the small hours, spread over meters and behind everything else,
 * and once more when a meter has come back from silence, because it may have been without power. It changes nothing.
 */
export class ClockKeeper {
  readonly deps: ClockDeps
  /** Called again and again during the sweep when every clock of a line has had its turn. */
  onSwept: ((line: FieldLine) => void) | null = null
  #config: ClocksConfig
  readonly #ended = new AbortController()
  readonly #running = new Set<Promise<unknown>>()
  readonly #linesAtWork = new Set<string>()
  readonly #tries = new Map<string, number>()
  /** Models without a clock that were written down since the last look. */
  #without = 0
  /** Meters that are silent now, and those that came back and were not asked yet. */
  readonly #silent = new Set<string>()
  readonly #back = new Set<string>()
  readonly #jump: ClockJump
  #movedAt = Number.NEGATIVE_INFINITY
  #day = Number.NaN
  #timer: NodeJS.Timeout | null = null

  constructor(deps: ClockDeps) {
    this.deps = deps
    this.#config = deps.config
    this.#jump = new ClockJump(deps.clock)
    this.#jump.since(deps.clock.now())
  }

  /** Settings as they are now: whoever waits asks again before anything is sent. */
  get config(): ClocksConfig {
    return this.#config
  }

  get limits(): ClockLimits {
    const { nearHourMs, nearMidnightMs } = this.#config
    return { nearHourMs, nearMidnightMs }
  }

  /** Other settings, from now on. */
  use(config: ClocksConfig): void {
    this.#config = config
  }

  start(): void {
    this.#timer = setInterval(() => this.tick(), Math.max(100, TICK_MS / this.deps.clock.speed))
    this.#timer.unref()
  }

  /** Ends what is under way, within the time given. */
  async stop(withinMs: number): Promise<void> {
    if (this.#timer) clearInterval(this.#timer)
    this.#ended.abort()
    let timer: NodeJS.Timeout | null = null
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, withinMs)
    })
    await Promise.race([Promise.allSettled(this.#running), late])
    if (timer) clearTimeout(timer)
  }

  /** Raised when the gateway stops. */
  get signal(): AbortSignal {
    return this.#ended.signal
  }

  /** Does work that {@link stop} waits for. */
  async work<T>(what: () => Promise<T>): Promise<T> {
    const done = what()
    this.#running.add(done)
    try {
      return await done
    } finally {
      this.#running.delete(done)
    }
  }

  /** Today's local midnight. */
  today(): number {
    const { clock, field } = this.deps
    return field.calendar.dayStart(clock.now())
  }

  judge(meter: string): JudgedClock {
    const record = this.deps.store.get(meter)
    return { record, state: record.isWithout ? 'no-clock' : clockState(record.kind, record.point, record.settings) }
  }

  rate(meter: string): ClockRate | null {
    const { point, settings } = this.deps.store.get(meter)
    const first = point && this.deps.store.firstSince(meter, Math.max(point.at - RATE_MS, ...settings))
    return point && first ? clockRate([first, point], settings) : null
  }

  /** Why no meter may be set by our clock; null = it may. */
  ownDoubt(): string | null {
    this.#noteJump()
    if (this.deps.clock.monotonic() - this.#movedAt < MOVED_DOUBT_MS) return 'the clock of this machine was moved less than an hour ago'
    const points = [...this.deps.field.meters()].flatMap(({ fact }) => this.deps.store.get(fact.meter).point ?? [])
    return isOwnDoubtful(points) ? 'most meters agree with each other and not with the clock of this machine' : null
  }

  /**
   * Reads the clock of one meter and keeps the drift.
   *
   * @errors  METER_UNKNOWN, CLOCK_NONE, CLOCK_NO_DATE, and what the meter or the line says
   */
  read(id: string, why: ClockReason, options: ReadClockOptions): Promise<Result<ClockPoint>> {
    const meter = this.deps.field.meter(id)
    if (!meter) return Promise.resolve(fail('CLOCK_NONE', `meter ${id} is not read over a line of this gateway: it has no clock here`))
    return this.work(() => this.#read(meter, why, options))
  }

  async #read(meter: FieldMeter, why: ClockReason, options: ReadClockOptions): Promise<Result<ClockPoint>> {
    const { store, clock, field } = this.deps
    const id = meter.fact.meter
    const own = meter.device.clock()
    if (!own || !meter.bus) {
      store.without(id, 'meter', clock.now())
      return fail('CLOCK_NONE', `meter ${id} has no clock that can be read (profile ${meter.fact.profile})`, { meter: id })
    }
    const signal = options.signal ? AbortSignal.any([options.signal, this.signal]) : this.signal
    const heard = await clockJob(meter.bus, meter.device, { ...options, signal }, (conduct) => own.read(conduct))
    const point = heard.ok ? driftOf(heard.value, clock, field.calendar) : null
    if (this.signal.aborted) return heard.ok ? fail('CLOCK_BUSY', 'the gateway is stopping') : heard
    if (!point) {
      const failed = heard.ok ? fail('CLOCK_NO_DATE', `meter ${id} shows a date that is none`, { meter: id }) : heard
      store.missed(id, 'meter', clock.now(), failed.error)
      return failed
    }
    store.read(id, 'meter', point, why)
    void this.#publish(meter, point)
    return ok(point)
  }

  /** Looks for what is due. Called by the timer; tests call it themselves. */
  tick(): void {
    this.#without = 0
    this.#noteSilence()
    this.#noteJump()
    const { field } = this.deps
    if (!this.#config.sweep || this.signal.aborted) return
    for (const line of field.lines) {
      const { id } = line.config
      if (this.#linesAtWork.has(id)) continue
      if (!this.#next(line)) {
        if (this.#isSwept(line)) this.onSwept?.(line)
        continue
      }
      this.#linesAtWork.add(id)
      void this.work(() => this.#sweep(line))
        .catch((bug: unknown) => {
          this.deps.log(
            'warn',
            `clocks of line ${id}: a fault of the gateway: ${bug instanceof Error ? (bug.stack ?? bug.message) : String(bug)}`,
          )
        })
        .finally(() => this.#linesAtWork.delete(id))
    }
  }

  async #sweep(line: FieldLine): Promise<void> {
    for (let meter = this.#next(line); meter && this.#config.sweep && !this.signal.aborted; meter = this.#next(line)) {
      const id = meter.fact.meter
      const isBack = this.#back.delete(id)
      if (!isBack) this.#tries.set(id, (this.#tries.get(id) ?? 0) + 1)
      const read = await this.#read(meter, isBack ? 'back' : 'sweep', { priority: 'curve' })
      this.#say(id, read)
    }
  }

  /** The next meter of a line whose turn it is; null: none now. */
  #next(line: FieldLine): FieldMeter | null {
    const { clock, field } = this.deps
    const config = this.#config
    const now = clock.now()
    const local = field.calendar.meterTime(now)
    if (!maySweep(local, { fromMin: 0, toMin: 1440 }, this.limits)) return null
    const back = line.meters.find(({ fact }) => this.#back.has(fact.meter))
    if (back) return back
    if (!maySweep(local, config, this.limits)) return null
    const minute = local.hour * 60 + local.minute
    return line.meters.find((meter) => this.#isDue(meter) && turnOf(meter.fact.meter, config) <= minute) ?? null
  }

  #isDue({ fact, device }: FieldMeter): boolean {
    const today = this.today()
    if (today !== this.#day) {
      this.#day = today
      this.#tries.clear()
    }
    if ((this.#tries.get(fact.meter) ?? 0) >= SWEEP_TRIES) return false
    if (device.clock() === null) {
      this.#noteWithout(fact.meter)
      return false
    }
    return (this.deps.store.get(fact.meter).point?.at ?? 0) < today
  }

  #noteWithout(meter: string): void {
    const { store, clock } = this.deps
    if (store.get(meter).isWithout || this.#without >= MOST_WITHOUT) return
    this.#without++
    store.without(meter, 'meter', clock.now())
  }

  #isSwept(line: FieldLine): boolean {
    const { clock, field } = this.deps
    if (!maySweep(field.calendar.meterTime(clock.now()), this.#config, this.limits)) return false
    return line.meters.every((meter) => !this.#isDue(meter))
  }

  /** A meter that was silent and answers again may have been without power, and its clock with it. */
  #noteSilence(): void {
    // Meters behind concentrators have no clock that is read here.
    for (const { meters } of this.deps.field.lines)
      for (const { fact, device } of meters) {
        if (isBackedOff(device.health)) this.#silent.add(fact.meter)
        else if (this.#silent.delete(fact.meter) && device.clock() !== null) this.#back.add(fact.meter)
      }
  }

  #say(meter: string, read: Result<ClockPoint>): void {
    const { log } = this.deps
    if (!read.ok) {
      log('debug', `clock of ${meter}: ${explain(read.error)}`)
      return
    }
    const { state } = this.judge(meter)
    if (Math.abs(read.value.driftMs) <= OFF_MS) return
    log(
      'warn',
      `clock of meter ${meter} is ${state}: ${(read.value.driftMs / 1000).toFixed(1)} s; GET /api/v1/clocks/${meter} has its history`,
    )
  }

  async #publish({ fact, point }: FieldMeter, { at, driftMs, uncertaintyMs }: ClockPoint): Promise<void> {
    const row: Reading = {
      series: seriesOf('comm', { kind: 'meter', id: fact.meter, area: point.area }),
      shape: CLOCK_SHAPE,
      raws: [driftMs, uncertaintyMs],
      scalers: null,
      absent: null,
      ratio: '1',
      measuredAt: at,
      receivedAt: at,
      quality: 0,
    }
    const safe = await this.deps.put([row])
    if (!safe.ok) this.deps.log('debug', explain(safe.error))
  }

  #noteJump(): void {
    const { clock, log } = this.deps
    if (this.#jump.since(clock.now()) === 0) return
    this.#movedAt = clock.monotonic()
    log('warn', 'the clock of this machine was moved: no meter clock is set by it for an hour')
  }
}
