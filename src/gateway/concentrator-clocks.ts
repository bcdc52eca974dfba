import { type ClockPoint, type Crossing, mayCorrect, mustCross, type NotNow, nextAllowed, TARGET_MS } from '../collection/clock-rules.ts'
import type { ClockAct } from '../collection/clock-store.ts'
import { type MeterTime, ok, type Result } from '../core/index.ts'
import type { SetClockOrder } from './clock-acts.ts'
import { fail } from './clock-errors.ts'
import type { ClockKeeper, JudgedClock } from './clock-keeper.ts'
import { askNow, type ConcentratorWorld, reach } from './concentrator-world.ts'

/** Clocks of concentrators stand beside those of meters; an id of a meter has no such beginning. */
export const clockKey = (concentrator: string): string => `concentrator/${concentrator}`

const HALF_SECOND_MS = 500

const WHY: Readonly<Record<NotNow['why'], string>> = {
  'near-midnight': 'it is near midnight here',
  'near-hour': 'it is near a full hour here',
  'meter-near-midnight': 'it is near midnight by its own clock',
  'meter-near-hour': 'it is near a full hour by its own clock',
  'crosses-midnight': 'the correction would cross midnight',
  'crosses-hour': 'the correction would cross a full hour',
}

/**
 * The clocks (时钟) of concentrators: read, judged by the narrower target of terminals, and set under the rules that hold for the clocks of
 * meters. Who set which, why and what it showed before and after stands with those of the meters.
 */
export class ConcentratorClocks {
  readonly #keeper: ClockKeeper
  readonly #world: ConcentratorWorld
  readonly #busy = new Set<string>()

  constructor(keeper: ClockKeeper, world: ConcentratorWorld) {
    this.#keeper = keeper
    this.#world = world
  }

  judge(id: string): JudgedClock {
    return this.#keeper.judge(clockKey(id))
  }

  /** A clock that was shown by the way (login, heartbeat): good to half a second and whatever the way took. */
  note(id: string, shows: MeterTime, receivedAt: number): void {
    const point = this.#pointOf(shows, receivedAt, receivedAt)
    const before = this.#keeper.deps.store.get(clockKey(id)).point
    if (!point) return
    // Heartbeats come every minute or two: a history of days must not be pushed out by those of an hour. A clock that was put right is news.
    const isNews = before === null || receivedAt - before.at >= NOTE_EVERY_MS || Math.abs(point.driftMs - before.driftMs) >= JUMP_MS
    if (isNews) this.#keeper.deps.store.read(clockKey(id), 'concentrator', point, 'sweep')
  }

  /** @errors CLOCK_NO_DATE, CONCENTRATOR_…, and what it says */
  async read(id: string, signal: AbortSignal): Promise<Result<ClockPoint>> {
    return this.#read(id, 'demand', signal)
  }

  /**
   * Sets the clock of a concentrator, once, and reads it again.
   *
   * @errors CLOCK_OFF, CLOCK_SECOND, CLOCK_OWN_DOUBT, CLOCK_NOT_NOW, CLOCK_CROSSES, CLOCK_NOTHING, CLOCK_BUSY, CONCENTRATOR_…
   */
  async set(id: string, order: SetClockOrder, signal: AbortSignal): Promise<Result<ClockAct>> {
    if (this.#busy.has(id)) return fail('CLOCK_BUSY', `the clock of concentrator ${id} is being worked on`)
    this.#busy.add(id)
    try {
      return await this.#keeper.work(() => this.#set(id, order, signal))
    } finally {
      this.#busy.delete(id)
    }
  }

  /** What stands against setting it, before anything is asked of it. */
  refusal(id: string, { second }: Pick<SetClockOrder, 'second'>): Result<null> {
    const { set, twoPersons } = this.#keeper.config
    if (!set) return fail('CLOCK_OFF', 'setting clocks is switched off')
    const reached = reach(this.#world, id, true)
    if (!reached.ok) return reached
    if (twoPersons && second === null) return fail('CLOCK_SECOND', `setting the clock of concentrator ${id} needs two persons`)
    const doubt = this.#keeper.ownDoubt()
    return doubt === null ? ok(null) : fail('CLOCK_OWN_DOUBT', `nothing is set by this clock: ${doubt}`)
  }

  async #set(id: string, order: SetClockOrder, signal: AbortSignal): Promise<Result<ClockAct>> {
    const { store, clock } = this.#keeper.deps
    const key = clockKey(id)
    const refused = this.refusal(id, order)
    if (!refused.ok) return refused
    const near = this.#notNow(id, 0, null)
    if (near) return near
    const before = await this.#read(id, 'before', signal)
    if (!before.ok) return before
    const { driftMs } = before.value
    if (Math.abs(driftMs) <= TARGET_MS.concentrator)
      return fail('CLOCK_NOTHING', `the clock of concentrator ${id} is off by ${secondsText(driftMs)}, which is within its target`)
    const forced = mustCross(driftMs, this.#keeper.limits)
    const accepted = order.acceptCrossing ? forced : null
    if (forced !== null && accepted === null)
      return fail(
        'CLOCK_CROSSES',
        `the clock of concentrator ${id} is off by ${secondsText(driftMs)}: its correction always crosses ${forced === 'hour' ? 'a full hour' : 'midnight'}`,
      )
    const late = this.#notNow(id, driftMs, accepted)
    if (late) return late
    const { who, second, why } = order
    const act = store.begin({ at: clock.now(), kind: 'set', line: id, meter: key, who, second, why }, [
      { meter: key, before: before.value },
    ])
    const settings = this.#world.find(id)?.settings
    const world = this.#world
    const hindered = () =>
      this.#keeper.config.set ? this.#notNow(id, driftMs, accepted) : fail('CLOCK_OFF', 'setting clocks was switched off')
    let isSent = false
    const sent = settings
      ? await askNow<null>(
          world,
          id,
          function* (adapter) {
            // It may have waited for its turn, and the time that is sent is that of now.
            const stop = hindered()
            if (stop) return stop
            isSent = true
            return yield* adapter.setClock(settings.address, world.wallNow())
          },
          signal,
        )
      : fail('CLOCK_NONE', `concentrator ${id} is no longer in the ledger`)
    if (!sent.ok && !isSent) {
      store.end(act, 'failed', sent.error, null)
      return sent
    }
    const after = await this.#read(id, 'after', new AbortController().signal)
    if (after.ok) store.after(act, key, after.value)
    // What it shows now says whether it was taken.
    const isSet = after.ok && Math.abs(after.value.driftMs) - after.value.uncertaintyMs <= TARGET_MS.concentrator
    if (isSet || sent.ok) store.end(act, 'done', null, null)
    else store.end(act, /REFUS|DENI/.test(sent.error.code) ? 'refused' : 'unknown', sent.error, null)
    if (!isSet && !sent.ok) return sent
    const done = store.act(act)
    return done ? ok(done) : fail('CLOCK_NONE', `act ${act} is not there`)
  }

  async #read(id: string, why: 'demand' | 'before' | 'after', signal: AbortSignal): Promise<Result<ClockPoint>> {
    const { store, clock } = this.#keeper.deps
    const reached = reach(this.#world, id, false)
    if (!reached.ok) return reached
    const { address } = reached.value.settings
    let askedAt = clock.now()
    const shown = await askNow<MeterTime>(
      this.#world,
      id,
      function* (adapter) {
        askedAt = clock.now()
        return yield* adapter.clock(address)
      },
      signal,
    )
    const point = shown.ok ? this.#pointOf(shown.value, askedAt, clock.now()) : null
    if (point) {
      store.read(clockKey(id), 'concentrator', point, why)
      return ok(point)
    }
    const failed = shown.ok ? fail('CLOCK_NO_DATE', `concentrator ${id} shows a date that is none`) : shown
    store.missed(clockKey(id), 'concentrator', clock.now(), failed.error)
    return failed
  }

  /** It looked at its clock somewhere between the question and the answer, and shows whole seconds. */
  #pointOf(shows: MeterTime, from: number, to: number): ClockPoint | null {
    const shown = this.#keeper.deps.field.calendar.instantOf(shows)
    if (shown === null) return null
    const at = Math.round((from + to) / 2)
    return { at, driftMs: shown + HALF_SECOND_MS - at, uncertaintyMs: Math.round((to - from) / 2) + HALF_SECOND_MS }
  }

  #notNow(id: string, driftMs: number, accepted: Crossing) {
    const { clock, field } = this.#keeper.deps
    const rule = (now: MeterTime) => mayCorrect(now, driftMs, this.#keeper.limits, accepted)
    const found = rule(field.calendar.meterTime(clock.now()))
    if (!found) return null
    const next = nextAllowed(clock.now(), (instant) => field.calendar.meterTime(instant), rule)
    const text = next === null ? 'there is no such time within a day' : `next allowed at ${new Date(next).toISOString()}`
    return fail('CLOCK_NOT_NOW', `the clock of concentrator ${id} is not set now: ${WHY[found.why]}; ${text}`, {
      next: next === null ? null : new Date(next).toISOString(),
    })
  }
}

const NOTE_EVERY_MS = 3_600_000
/** More than the way to us ever takes. */
const JUMP_MS = 60_000
const secondsText = (ms: number): string => `${ms < 0 ? '−' : '+'}${(Math.abs(ms) / 1000).toFixed(1)} s`
