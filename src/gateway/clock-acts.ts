import { clockJob, timeTeller } from '../acquisition/index.ts'
import {
  broadcastUse,
  type ClockPoint,
  type Crossing,
  mayBroadcast,
  mayCorrect,
  mustCross,
  type NotNow,
  nextAllowed,
  OFF_MS,
  TARGET_MS,
} from '../collection/clock-rules.ts'
import type { ClockAct } from '../collection/clock-store.ts'
import { type MeterTime, many, ok, type Result } from '../core/index.ts'
import { fail } from './clock-errors.ts'
import type { ClockKeeper } from './clock-keeper.ts'
import type { FieldLine, FieldMeter } from './field.ts'

/** Who does something to a clock, and why. */
export interface ClockPerson {
  readonly who: string
  /** Second person; null = nobody. */
  readonly second: string | null
  readonly why: string
}

export interface SetClockOrder extends ClockPerson {
  /** The meter may skip or repeat a freeze where no time of day spares it. */
  readonly acceptCrossing: boolean
}

/** A reading as old as this still says how a clock stands before a broadcast. */
const FRESH_MS = 30 * 60_000

/** Whoever the daily sweep acts for. */
const SWEEP: ClockPerson = { who: 'sweep', second: null, why: 'daily sweep: a clock is off by more than a minute' }

/** Failures that come before the first byte leaves: the meter knows nothing of them. */
const NOT_SENT: ReadonlySet<string> = new Set([
  ...['LINE_DOWN', 'LINE_CLOSED', 'LINE_READ_ONLY', 'READ_CANCELLED', 'CLOCK_NOT_NOW', 'CLOCK_CROSSES'],
  ...['CLOCK_OFF', 'CLOCK_NO_PASSWORD', 'CLOCK_SECOND'],
  'DLT645_COMMAND',
])
/** Answers of a meter that would not be written to. */
const REFUSALS: ReadonlySet<string> = new Set(['DLT645_UNAUTHORISED', 'DLT645_REFUSED', 'DLT645_NO_DATA'])

const WHY: Readonly<Record<NotNow['why'], string>> = {
  'near-midnight': 'it is near midnight here',
  'near-hour': 'it is near a full hour here',
  'meter-near-midnight': 'it is near midnight by the clock of the meter',
  'meter-near-hour': 'it is near a full hour by the clock of the meter',
  'crosses-midnight': 'the correction would cross midnight',
  'crosses-hour': 'the correction would cross a full hour',
}

/**
 * Everything that changes a clock: the broadcast (广播校时) that corrects up to five minutes, and the setting of one meter by password.
 * Each act is written down before its first byte leaves, with who, why and what the meter showed, and finished with what came of it.
 */
export class ClockActs {
  readonly #keeper: ClockKeeper
  readonly #busy = new Set<string>()
  /** Line → why the sweep could not set its clocks, said once. */
  readonly #said = new Map<string, string>()

  constructor(keeper: ClockKeeper) {
    this.#keeper = keeper
    keeper.onSwept = (line) => {
      void this.#afterSweep(line)
    }
  }

  /**
   * Tells the time to every meter on a line.
   *
   * @errors  CLOCK_OFF, CLOCK_READ_ONLY, CLOCK_NONE, CLOCK_DONE_TODAY, CLOCK_OWN_DOUBT, CLOCK_NOT_NOW, CLOCK_TOO_FAR, CLOCK_NOTHING,
   *          CLOCK_BUSY, and what the line says
   */
  broadcast(line: FieldLine, person: ClockPerson, signal?: AbortSignal): Promise<Result<ClockAct>> {
    return this.#alone(`line ${line.config.id}`, () => this.#broadcast(line, person, FRESH_MS, signal))
  }

  /**
   * Sets the clock of one meter, once, by its password.
   *
   * @errors  CLOCK_OFF, CLOCK_READ_ONLY, CLOCK_NONE, CLOCK_NO_PASSWORD, CLOCK_SECOND, CLOCK_LOCKED, CLOCK_OWN_DOUBT, CLOCK_NOT_NOW,
   *          CLOCK_CROSSES, CLOCK_NOTHING, CLOCK_BUSY, DLT645_UNAUTHORISED, and what the meter or the line says
   */
  set(meter: FieldMeter, order: SetClockOrder, signal?: AbortSignal): Promise<Result<ClockAct>> {
    return this.#alone(`meter ${meter.fact.meter}`, () => this.#set(meter, order, signal))
  }

  /** Lets a meter be written to again that refused a password. @errors CLOCK_NOTHING */
  clear(meter: string, line: string, { who, second, why }: ClockPerson): Result<ClockAct> {
    const { store, clock } = this.#keeper.deps
    if (store.get(meter).lockedBy === null) return fail('CLOCK_NOTHING', `nothing stops writing to meter ${meter}`, { meter })
    return this.#actOf(store.clear(meter, { at: clock.now(), kind: 'clear', line, meter, who, second, why }))
  }

  async #alone<T>(what: string, act: () => Promise<Result<T>>): Promise<Result<T>> {
    if (this.#busy.has(what)) return fail('CLOCK_BUSY', `the clock of ${what} is being worked on`)
    this.#busy.add(what)
    try {
      return await this.#keeper.work(act)
    } finally {
      this.#busy.delete(what)
    }
  }

  async #afterSweep(line: FieldLine): Promise<void> {
    const { store, log } = this.#keeper.deps
    if (!this.#keeper.config.set || !line.config.allowWrites || this.#busy.has(`line ${line.config.id}`)) return
    if (mayBroadcast(this.#now(), this.#keeper.limits) !== null) return
    const last = store.lastBroadcast(line.config.id)
    if (last !== null && last >= this.#keeper.today()) return
    const isWorth = line.meters.some(({ fact }) => {
      const { point } = store.get(fact.meter)
      return broadcastUse(point) === 'corrects' && point !== null && Math.abs(point.driftMs) - point.uncertaintyMs > OFF_MS
    })
    if (!isWorth) return
    const done = await this.#alone(`line ${line.config.id}`, () => this.#broadcast(line, SWEEP, Number.POSITIVE_INFINITY))
    const text = done.ok ? '' : done.error.message
    if (text !== '' && this.#said.get(line.config.id) !== text) log('warn', `clocks of line ${line.config.id} were not set: ${text}`)
    this.#said.set(line.config.id, text)
  }

  async #broadcast(line: FieldLine, person: ClockPerson, freshMs: number, signal?: AbortSignal): Promise<Result<ClockAct>> {
    const { store, clock, log } = this.#keeper.deps
    const { id, allowWrites } = line.config
    const isOff = () => !this.#keeper.config.set
    if (isOff()) return switchedOff()
    if (!allowWrites) return fail('CLOCK_READ_ONLY', `line ${id} carries nothing that changes a meter`, { line: id })
    const hearing = line.meters.filter(({ device }) => device.clock()?.broadcast)
    const teller = hearing[0]
    if (!teller) return fail('CLOCK_NONE', `no meter on line ${id} takes the time by broadcast`, { line: id })
    const last = store.lastBroadcast(id)
    if (last !== null && last >= this.#keeper.today())
      return fail('CLOCK_DONE_TODAY', `line ${id} was told the time today at ${this.#text(last)}`, { line: id })
    const refused = this.#doubt() ?? this.#notNow(mayBroadcast(this.#now(), this.#keeper.limits), this.#rule(), `line ${id}`)
    if (refused) return refused
    const day = this.#keeper.today()
    for (const { fact } of hearing) {
      const { point } = store.get(fact.meter)
      if (point && point.at >= day && clock.now() - point.at <= freshMs) continue
      await this.#keeper.read(fact.meter, 'before', { priority: 'reread', ...(signal ? { signal } : {}) })
      if (isOff()) return switchedOff()
    }
    const known = (meter: FieldMeter): ClockPoint | null => {
      const { point } = store.get(meter.fact.meter)
      return point && point.at >= day ? point : null
    }
    const corrected = hearing.filter((meter) => broadcastUse(known(meter)) === 'corrects')
    if (corrected.length === 0)
      return this.#noUse(
        id,
        hearing.filter((meter) => broadcastUse(known(meter)) === 'too-far'),
        known,
      )
    const act = store.begin(
      { at: clock.now(), kind: 'broadcast', line: id, meter: null, ...person },
      corrected.map((meter) => ({ meter: meter.fact.meter, before: known(meter) })),
    )
    const sent = await clockJob(
      line.poller,
      teller.device,
      { priority: 'reread', insist: true, signal: this.#keeper.signal },
      async (conduct) => {
        // The line may have been busy for long.
        if (isOff()) return switchedOff()
        const late = this.#notNow(mayBroadcast(this.#now(), this.#keeper.limits), this.#rule(), `line ${id}`)
        const send = teller.device.clock()?.broadcast
        return late ?? (send ? send(this.#teller(), conduct) : fail('CLOCK_NONE', `line ${id} has changed`))
      },
    )
    store.end(act, sent.ok ? 'done' : 'failed', sent.ok ? null : sent.error, null)
    if (!sent.ok) return sent
    log('info', `line ${id} was told the time by ${person.who} (${person.why}); ${many(corrected.length, 'clock')} to be corrected`)
    for (const { fact } of corrected) {
      const after = await this.#keeper.read(fact.meter, 'after', { priority: 'reread' })
      if (after.ok) store.after(act, fact.meter, after.value)
    }
    return this.#actOf(act)
  }

  #noUse(line: string, tooFar: readonly FieldMeter[], known: (meter: FieldMeter) => ClockPoint | null) {
    if (tooFar.length === 0) return fail('CLOCK_NOTHING', `no clock on line ${line} needs to be corrected`, { line })
    const named = tooFar.slice(0, 5).map((meter) => `${meter.fact.meter} ${seconds(known(meter)?.driftMs ?? 0)}`)
    return fail('CLOCK_TOO_FAR', `the clocks on line ${line} that are off are off by too much: ${named.join(', ')}`, { line })
  }

  async #set(meter: FieldMeter, order: SetClockOrder, signal?: AbortSignal): Promise<Result<ClockAct>> {
    const { store, clock, log } = this.#keeper.deps
    const id = meter.fact.meter
    const refused = this.#refusal(meter, order) ?? this.#doubt()
    if (refused) return refused
    // Nothing is asked at a time at which nothing may be set.
    const near = mayCorrect(this.#now(), 0, this.#keeper.limits)
    if (near) return this.#notNow(near, (now) => mayCorrect(now, 0, this.#keeper.limits), id) ?? switchedOff()
    const options = { priority: 'demand', insist: true, ...(signal ? { signal } : {}) } as const
    const before = await this.#keeper.read(id, 'before', options)
    if (!before.ok) return before
    const { driftMs } = before.value
    if (Math.abs(driftMs) <= TARGET_MS.meter)
      return fail('CLOCK_NOTHING', `the clock of meter ${id} is off by ${seconds(driftMs)}, which is within its target`, { meter: id })
    const forced = mustCross(driftMs, this.#keeper.limits)
    const accepted = order.acceptCrossing ? forced : null
    const rule = (now: MeterTime) => mayCorrect(now, driftMs, this.#keeper.limits, accepted)
    const notNow = this.#mayNot(id, driftMs, forced, accepted, rule)
    if (notNow) return notNow
    const { who, second, why } = order
    const { bus } = meter
    if (!bus) return fail('CLOCK_NONE', `meter ${id} is read through a concentrator: it has no clock here`, { meter: id })
    const act = store.begin({ at: clock.now(), kind: 'set', line: meter.fact.line, meter: id, who, second, why }, [
      { meter: id, before: before.value },
    ])
    const sent = await clockJob(bus, meter.device, { priority: 'demand', insist: true, signal: this.#keeper.signal }, async (conduct) => {
      const late = this.#switches(meter, order) ?? this.#mayNot(id, driftMs, forced, accepted, rule)
      const set = meter.device.clock()?.set
      const { password, level, operator } = this.#keeper.config
      if (late) return late
      if (!set || !password) return fail('CLOCK_NONE', `meter ${id} has changed`)
      const shows = this.#keeper.deps.field.calendar.meterTime(clock.now() + driftMs)
      return set(this.#teller(), shows, { level, password: password.reveal(), operator }, conduct)
    })
    return this.#settle(meter, act, sent, (text) => log('info', `clock of meter ${id} set by ${who} (${why}): ${text}`))
  }

  /** Writes down what came of a setting. A password that was refused, or whose end is not known, is not sent again. */
  async #settle(meter: FieldMeter, act: number, sent: Result<null>, say: (text: string) => void): Promise<Result<ClockAct>> {
    const { store } = this.#keeper.deps
    const id = meter.fact.meter
    const error = sent.ok ? null : sent.error
    if (error && NOT_SENT.has(error.code)) {
      store.end(act, 'failed', error, null)
      return { ok: false, error }
    }
    const isRefused = error !== null && REFUSALS.has(error.code)
    // Written down at once: the reading behind it takes time, and may fail.
    if (isRefused) store.end(act, 'refused', error, error.code === 'DLT645_UNAUTHORISED' ? id : null)
    const after = await this.#keeper.read(id, 'after', { priority: 'demand', insist: true })
    if (after.ok) store.after(act, id, after.value)
    if (isRefused) {
      say(`refused, ${error.message}`)
      return { ok: false, error }
    }
    // No answer to the write: what the clock shows now says whether it was taken.
    const isSet = after.ok && Math.abs(after.value.driftMs) - after.value.uncertaintyMs <= TARGET_MS.meter
    if (error && !isSet) {
      store.end(act, 'unknown', error, id)
      say(`not known whether it was taken, ${error.message}`)
      return { ok: false, error }
    }
    store.end(act, 'done', null, null)
    say(after.ok ? `${seconds(after.value.driftMs)} off now` : 'taken, but it could not be read again')
    return this.#actOf(act)
  }

  /** What the settings say against it; asked again when its turn on the line has come. */
  #switches({ fact }: FieldMeter, { second }: SetClockOrder) {
    const { set, password, twoPersons } = this.#keeper.config
    const given = { meter: fact.meter, line: fact.line }
    if (!set) return switchedOff()
    if (!password) return fail('CLOCK_NO_PASSWORD', 'there is no password for meters', given)
    return twoPersons && second === null ? fail('CLOCK_SECOND', `setting the clock of ${fact.meter} needs two persons`, given) : null
  }

  #refusal(meter: FieldMeter, order: SetClockOrder) {
    const { fact, device } = meter
    const { store, field } = this.#keeper.deps
    const given = { meter: fact.meter, line: fact.line }
    if (!this.#keeper.config.set) return switchedOff()
    if (!device.clock()?.set) return fail('CLOCK_NONE', `meter ${fact.meter} has no clock that can be set (profile ${fact.profile})`, given)
    if (!field.lines.find(({ config: line }) => line.id === fact.line)?.config.allowWrites)
      return fail('CLOCK_READ_ONLY', `line ${fact.line} carries nothing that changes a meter`, given)
    const switches = this.#switches(meter, order)
    if (switches) return switches
    const { lockedBy } = store.get(fact.meter)
    const act = lockedBy === null ? null : store.act(lockedBy)
    return lockedBy === null
      ? null
      : fail(
          'CLOCK_LOCKED',
          `nothing is written to meter ${fact.meter} since ${act ? `${this.#text(act.at)}: ${act.message ?? 'the end of that act is not known'}` : `act ${lockedBy}`}`,
          given,
        )
  }

  #mayNot(id: string, driftMs: number, forced: Crossing, accepted: Crossing, rule: (now: MeterTime) => NotNow | null) {
    const found = rule(this.#now())
    if (!found) return null
    if (forced !== null && accepted === null && found.why.startsWith('crosses'))
      return fail(
        'CLOCK_CROSSES',
        `the clock of meter ${id} is off by ${seconds(driftMs)}: at every time of the day its correction crosses ${forced === 'hour' ? 'a full hour' : 'midnight'}`,
        { meter: id },
      )
    return this.#notNow(found, rule, `meter ${id}`)
  }

  #notNow(found: NotNow | null, rule: (now: MeterTime) => NotNow | null, what: string) {
    if (!found) return null
    const { clock, field } = this.#keeper.deps
    const next = nextAllowed(clock.now(), (instant) => field.calendar.meterTime(instant), rule)
    const text = next === null ? 'there is no such time within a day' : `next allowed at ${this.#text(next)}`
    return fail('CLOCK_NOT_NOW', `the clock of ${what} is not set now: ${WHY[found.why]}; ${text}`, {
      next: next === null ? null : new Date(next).toISOString(),
    })
  }

  #rule() {
    return (now: MeterTime) => mayBroadcast(now, this.#keeper.limits)
  }

  #doubt() {
    const doubt = this.#keeper.ownDoubt()
    return doubt === null ? null : fail('CLOCK_OWN_DOUBT', `no meter is set by this clock: ${doubt}`)
  }

  #now(): MeterTime {
    const { clock, field } = this.#keeper.deps
    return field.calendar.meterTime(clock.now())
  }

  #teller() {
    const { clock, field } = this.#keeper.deps
    return timeTeller(clock, field.calendar)
  }

  #text(instant: number): string {
    const { field } = this.#keeper.deps
    const { year, month, day, hour, minute } = field.calendar.meterTime(instant)
    const two = (value: number) => String(value).padStart(2, '0')
    return `${year}-${two(month)}-${two(day)} ${two(hour)}:${two(minute)} (${field.calendar.zone})`
  }

  #actOf(id: number): Result<ClockAct> {
    const act = this.#keeper.deps.store.act(id)
    if (!act) throw new Error(`act ${id} is not there`)
    return ok(act)
  }
}

const switchedOff = () => fail('CLOCK_OFF', 'setting clocks is switched off')
const seconds = (ms: number): string => `${ms < 0 ? '−' : '+'}${(Math.abs(ms) / 1000).toFixed(1)} s`
