import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ThresholdLayers, ThresholdTarget } from '../anomaly/index.ts'
import type { Clock, Result } from '../core/index.ts'
import type { Outbox } from '../outbox/index.ts'
import type { EnergyBook } from './energy-book.ts'
import type { EnergyDays } from './energy-days.ts'
import type { RegisterColumns } from './energy-pack.ts'
import type { EnergyRunner } from './energy-runner.ts'
import type { LossBook } from './loss-book.ts'
import type { AreaMembers, LossLedger, MovedPoint } from './loss-members.ts'
import { workLossMonth } from './loss-month.ts'
import { type LossPeriod, lossRows } from './loss-rows.ts'
import type { AreaLoss, LossItem } from './loss-types.ts'
import { RememberedHabits, USUAL_DAYS } from './loss-usual.ts'
import { itemsOf, versioned } from './loss-version.ts'
import { workLoss } from './loss-work.ts'
import { Steps } from './steps.ts'

export interface LossOptions {
  readonly book: LossBook
  readonly energy: Pick<EnergyBook, 'figures' | 'columns' | 'seen'>
  readonly runner: Pick<EnergyRunner, 'isDirty'>
  readonly days: EnergyDays
  readonly ledger: LossLedger
  readonly members: AreaMembers
  readonly clock: Clock
  readonly thresholds: () => ThresholdLayers
  readonly log: (level: 'debug' | 'info' | 'warn', message: string) => void
  /** A day is worked out when so long nothing of it changed, milliseconds of the gateway's clock. */
  readonly settleMs?: number
  /** A day that goes on is worked out at most so often. */
  readonly openEveryMs?: number
}

interface Waiting {
  readonly area: string
  readonly day: string
  why: string
  due: number
  stamp: number
  doneAt: number
  since: number
}

const SETTLE_MS = 20_000
const OPEN_EVERY_MS = 15 * 60_000
const IDLE_MS = 1_000
const RETRY_MS = 5_000
const LONGEST_PAUSE_MS = 100
/** A day that has ended is worked out once more so long after midnight, whether anything came for it or not. */
const AFTER_MIDNIGHT_MS = 3_600_000
/** Energy that is being worked out is waited for so long; what comes later has the day worked out again. */
const MOST_WAIT_MS = 10 * 60_000
const KEEP_DAYS = 400
const POINTS_AT_ONCE = 8
const [LEDGER, DAY] = ['ledger', 'day'] as const

const keyOf = (area: string, day: string) => `${area}\n${day}`

/**
 * Works out the line loss of areas, day by day, whenever energy of one of their points changes or the ledger moves a point. What is still to do
 * is on disk; a day is worked out anew as a whole, and what differs from before gets a higher version.
 */
export class LossRunner {
  readonly #options: LossOptions
  readonly #waiting = new Map<string, Waiting>()
  readonly #habits: RememberedHabits
  #outbox: Pick<Outbox, 'put'> | null = null
  readonly #steps: Steps
  #trouble = ''
  #worked = 0
  #forgotOn = ''

  constructor(options: LossOptions) {
    this.#options = options
    this.#steps = new Steps({
      step: () => this.#step(),
      ...{ idleMs: IDLE_MS, retryMs: RETRY_MS },
      pauseMs: (tookMs) => Math.min(LONGEST_PAUSE_MS, Math.max(1, tookMs)) / options.clock.speed,
      failed: (thrown) => this.#say(thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)),
    })
    this.#habits = new RememberedHabits(options.book)
  }

  /** Days and months of areas worked out since the start. */
  get worked(): number {
    return this.#worked
  }

  /** Energy of a point is about to change: the mark is on disk when this returns. */
  readonly take = (point: string, day: string): void => {
    const { ledger, days } = this.#options
    const area = ledger.get('point', point, days.end(day) - 1)?.attributes.area
    if (typeof area === 'string') this.#mark(area, day, `energy of ${point}`)
  }

  start(outbox: Pick<Outbox, 'put'>): void {
    this.#outbox = outbox
    for (const { area, day, why } of this.#options.book.dirty()) this.#wait(area, day, why, this.#options.clock.now())
    this.#steps.start(IDLE_MS)
  }

  /** Ends what is under way; what is left is done after the next start. */
  async stop(): Promise<void> {
    await this.#steps.stop()
  }

  state(): { readonly dirty: number; readonly oldest: string | null; readonly worked: number } {
    let oldest: string | null = null
    for (const { day } of this.#waiting.values()) if (oldest === null || day < oldest) oldest = day
    return { dirty: this.#waiting.size, oldest, worked: this.#worked }
  }

  isDirty(area: string, first: string, last: string): boolean {
    for (const { area: where, day } of this.#waiting.values())
      if (where === area && day >= first.slice(0, day.length) && day <= last) return true
    return false
  }

  /** Works on until nothing is due; for tests and the end of a replay. */
  settle(): Promise<void> {
    return this.#steps.settle()
  }

  /** One piece of work. @returns whether there may be more at once */
  async #step(): Promise<boolean> {
    await this.#follow()
    this.#closeDay()
    const { clock } = this.#options
    const now = clock.now()
    let next: Waiting | null = null
    // Older days first: what meters usually use comes from them. Months last.
    for (const one of this.#waiting.values()) if (one.due <= now && (next === null || isBefore(one, next))) next = one
    if (next === null) {
      this.#forget()
      return false
    }
    if (this.#isEnergyComing(next, now)) {
      next.due = now + RETRY_MS * clock.speed
      return true
    }
    const put = next.day.length === 7 ? await this.#month(next) : await this.#day(next)
    if (put.ok) this.#worked++
    else {
      next.due = now + RETRY_MS * clock.speed
      this.#say(put.error.message)
    }
    return true
  }

  /** Reads what has changed in the ledger, and marks the days of the areas that points left and came to. */
  async #follow(): Promise<void> {
    const { members, book, ledger } = this.#options
    if (!members.isBehind) return
    const known = book.place(LEDGER)
    const moved = await members.refresh(known)
    if (known !== null) for (const one of moved) this.#markMoved(one)
    else await this.#markAll()
    book.setPlace(LEDGER, ledger.seq)
  }

  /** The first start: every day of which energy is known. */
  async #markAll(): Promise<void> {
    const { members, energy, days, clock } = this.#options
    const now = clock.now()
    for (const area of members.areas()) {
      const seen = members.of(area, now).flatMap(({ id }) => energy.seen(id) ?? [])
      const first = seen.map((one) => one.first).sort()[0]
      const last = seen
        .map((one) => one.last)
        .sort()
        .at(-1)
      if (first !== undefined && last !== undefined)
        for (const day of days.between([first, days.add(last, -KEEP_DAYS)].sort()[1] ?? first, last))
          this.#mark(area, day, 'the first start')
      await nextTurn()
    }
  }

  #markMoved({ point, from, areas }: MovedPoint): void {
    const { energy, days, book, clock } = this.#options
    const seen = energy.seen(point)
    const today = days.of(clock.now())
    for (const area of areas) {
      const known = book.daysFrom(area, '')
      const first = [known[0] ?? seen?.first ?? today, from > 0 ? days.of(from) : ''].sort().at(-1) ?? today
      for (const day of days.between(first, seen && seen.last > today ? today : (known.at(-1) ?? seen?.last ?? today)))
        this.#mark(area, day, `ledger: ${point}`)
    }
  }

  /** Every day that ended is worked out for every area: one of which nothing came is not computable, not absent. */
  #closeDay(): void {
    const { book, days, members, clock } = this.#options
    const now = clock.now()
    const today = Number(days.of(now).replaceAll('-', ''))
    const known = book.place(DAY)
    if (known === today) return
    const yesterday = days.add(days.of(now), -1)
    if (known !== null)
      for (const area of members.areas()) this.#mark(area, yesterday, 'the day is over', days.end(yesterday) + AFTER_MIDNIGHT_MS)
    book.setPlace(DAY, today)
  }

  #isEnergyComing({ area, day, since }: Waiting, now: number): boolean {
    const { days, members, runner } = this.#options
    const last = day.length === 7 ? (days.ofMonth(day).at(-1) ?? day) : day
    if (now < days.end(last) || now - since > MOST_WAIT_MS) return false
    return members.of(area, days.end(last) - 1).some(({ id }) => runner.isDirty(id, day, day.length === 7 ? day : last))
  }

  async #day(mark: Waiting): Promise<Result<null>> {
    const { area, day, stamp } = mark
    const { book, days, members, clock, thresholds } = this.#options
    const now = clock.now()
    const end = days.end(day)
    const before = book.get(area, day)
    const points = members.of(area, end - 1)
    if (points.length === 0 && before === null) return this.#done(mark, stamp)
    const columns = await this.#columns(
      points.map(({ id }) => id),
      day,
    )
    const habits = this.#habits.of(area, days.add(day, -USUAL_DAYS), days.add(day, -1))
    const terms = { energy: { columns: (point: string) => columns.get(point) ?? null }, days, thresholds: thresholds() }
    const made = versioned(workLoss(terms, area, day, now, points, habits, this.#target(area)), before)
    const put = await this.#put(area, made, before, now)
    if (!put.ok) return put
    book.together(() => {
      if (made.version !== before?.version) book.keep(made)
      if (end <= now) {
        this.#clear(mark, stamp)
        if (made.whole && made.whole.version !== before?.whole?.version) this.#after(area, day, now)
      } else {
        mark.doneAt = now
        mark.due = mark.stamp === stamp ? end + AFTER_MIDNIGHT_MS : now + (this.#options.openEveryMs ?? OPEN_EVERY_MS)
      }
    })
    return put
  }

  /** What rests on a day: its month when that is over, and days after it that had to guess. */
  #after(area: string, day: string, now: number): void {
    const { book, days } = this.#options
    const month = day.slice(0, 7)
    if (days.end(days.ofMonth(month).at(-1) ?? day) <= now) this.#mark(area, month, `day ${day}`)
    for (const later of book.wholes(area, days.add(day, 1), days.add(day, USUAL_DAYS)))
      if (later.members.some(({ good }) => !good)) this.#mark(area, later.day, `day ${day}`)
  }

  async #month(mark: Waiting): Promise<Result<null>> {
    const { area, day: month, stamp } = mark
    const { book, days, clock, thresholds, energy } = this.#options
    const dates = days.ofMonth(month)
    const now = clock.now()
    // Days that are still to be worked out will ask for the month again.
    if (days.end(dates.at(-1) ?? month) > now || this.#isDayDirty(area, dates)) return this.#done(mark, stamp)
    const each = book.wholes(area, dates[0] ?? '', dates.at(-1) ?? '')
    const before = book.get(area, month)
    const made = versioned(workLossMonth({ energy, days, thresholds: thresholds() }, area, month, each, this.#target(area)), before)
    const put = await this.#put(area, made, before, now)
    if (!put.ok) return put
    book.together(() => {
      if (made.version !== before?.version) book.keep(made)
      this.#clear(mark, stamp)
    })
    return put
  }

  async #columns(points: readonly string[], day: string): Promise<ReadonlyMap<string, readonly RegisterColumns[]>> {
    const columns = new Map<string, readonly RegisterColumns[]>()
    for (const [at, point] of points.entries()) {
      const found = this.#options.energy.columns(point, day)
      if (found) columns.set(point, found)
      // Meters are read in the same thread, by the millisecond.
      if (at % POINTS_AT_ONCE === POINTS_AT_ONCE - 1) await nextTurn()
    }
    return columns
  }

  /** Rows first: after a crash in between the same rows are made again. */
  async #put(area: string, made: AreaLoss, before: AreaLoss | null, now: number): Promise<Result<null>> {
    const old = new Set(itemsOf(before))
    const fresh = (items: readonly LossItem[]) => items.filter((item) => !old.has(item))
    const whole: LossPeriod = made.day.length === 7 ? 'month' : 'day'
    const rows = [...lossRows(area, '15m', fresh(made.quarters), now), ...lossRows(area, whole, fresh(made.whole ? [made.whole] : []), now)]
    if (rows.length === 0) return { ok: true, value: null }
    const put = await this.#outbox?.put(rows)
    return put === undefined || put.ok ? { ok: true, value: null } : put
  }

  #target(area: string): ThresholdTarget {
    const zone = this.#options.ledger.get('area', area, null)?.attributes.zone
    return { id: area, zone: typeof zone === 'string' ? zone : null }
  }

  #done(mark: Waiting, stamp: number): Result<null> {
    this.#clear(mark, stamp)
    return { ok: true, value: null }
  }

  #clear(mark: Waiting, stamp: number): void {
    if (mark.stamp !== stamp) return
    this.#waiting.delete(keyOf(mark.area, mark.day))
    this.#options.book.clean(mark.area, mark.day)
  }

  #isDayDirty(area: string, dates: readonly string[]): boolean {
    return dates.some((day) => this.#waiting.has(keyOf(area, day)))
  }

  #mark(area: string, day: string, why: string, due = this.#options.clock.now() + (this.#options.settleMs ?? SETTLE_MS)): void {
    if (!this.#waiting.has(keyOf(area, day))) this.#options.book.mark(area, day, this.#options.clock.now(), why)
    this.#wait(area, day, why, due)
  }

  #wait(area: string, day: string, why: string, due: number): void {
    const key = keyOf(area, day)
    const found = this.#waiting.get(key)
    if (!found) {
      this.#waiting.set(key, { area, day, why, due, stamp: 0, doneAt: 0, since: this.#options.clock.now() })
      return
    }
    found.stamp++
    found.why = why
    found.due = found.doneAt > 0 ? Math.max(due, found.doneAt + (this.#options.openEveryMs ?? OPEN_EVERY_MS)) : Math.max(due, found.due)
  }

  #forget(): void {
    const { book, days, clock } = this.#options
    const today = days.of(clock.now())
    if (this.#forgotOn === today) return
    book.forget(days.add(today, -KEEP_DAYS))
    this.#forgotOn = today
  }

  /** Said once, not every few seconds. */
  #say(message: string): void {
    if (message !== this.#trouble) this.#options.log('warn', `line loss: ${message}`)
    this.#trouble = message
  }
}

const isBefore = (a: Waiting, b: Waiting): boolean =>
  a.day.length !== b.day.length ? a.day.length > b.day.length : a.day !== b.day ? a.day < b.day : a.area < b.area
