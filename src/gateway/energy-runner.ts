import { type Clock, explain, type ReadingStore, type Result, type Sink } from '../core/index.ts'
import type { Span } from '../energy/index.ts'
import type { Outbox } from '../outbox/index.ts'
import type { EnergyBook } from './energy-book.ts'
import { EnergyDays, type EnergyPeriod, PERIODS } from './energy-days.ts'
import { energyFailure } from './energy-errors.ts'
import { type EnergyLedger, type PointFacts, pointFacts, type RegisterModels } from './energy-facts.ts'
import { type Figure, intervalRows, isSameValue, type RegisterFigures, versioned } from './energy-figures.ts'
import { findingView, textOf } from './energy-findings.ts'
import { LedgerFollower } from './energy-ledger.ts'
import { EnergyMarks } from './energy-marks.ts'
import { OutageFollower, type OutageRecords } from './energy-outages.ts'
import { energySink } from './energy-sink.ts'
import { energyTidy } from './energy-tidy.ts'
import { type DayWork, isShared, workDay, workMonth } from './energy-work.ts'
import { Steps } from './steps.ts'

export interface EnergyOptions {
  readonly book: EnergyBook
  readonly ledger: EnergyLedger
  readonly models: RegisterModels
  readonly store: Pick<ReadingStore, 'range'>
  /** Id of the store's sink: nothing is worked out before it has what marked the day. */
  readonly storeSink: string
  readonly zone: string
  readonly clock: Clock
  readonly log: (level: 'debug' | 'info' | 'warn', message: string) => void
  /** Times without power at a point; nobody tells them unless given. */
  readonly outages?: (point: string, from: number, to: number) => readonly Span[]
  /** Where those times are written down: a change has the days concerned worked out again. */
  readonly outageRecords?: OutageRecords
  /** A day is worked out when so long no other reading came for it, milliseconds of the gateway's clock. */
  readonly settleMs?: number
  /** A day that goes on is worked out at most so often. */
  readonly openEveryMs?: number
  /** Told of a day of a point whose figures differ, before they are kept: what a listener marks for itself is on disk first. */
  readonly listeners?: readonly ((point: string, day: string) => void)[]
}

type OutboxPart = Pick<Outbox, 'put' | 'state'>

const SETTLE_MS = 10_000
const OPEN_EVERY_MS = 15 * 60_000
const IDLE_MS = 500
/** After so much work on the main thread, as long a pause. */
const LONGEST_PAUSE_MS = 200
const RETRY_MS = 5_000
const DAYS_AT_ONCE = 50
/** Figures that nobody has taken away are kept for so long: thirteen months and a little. */
const KEEP_DAYS = 400
const FORGET_AT_ONCE = 200

/**
 * Works out interval energy from what is stored, day by day and point by point, whenever a register comes or the ledger changes.
 *
 * What is still to do is on disk. A day is worked out anew as a whole; what differs from before gets a higher version, and when somebody had
 * taken the old figure away, an entry in the list of corrections.
 */
export class EnergyRunner {
  readonly #options: EnergyOptions
  readonly #marks: EnergyMarks
  readonly #follower: LedgerFollower
  readonly #tidy: ReturnType<typeof energyTidy>
  readonly #outages: OutageFollower | null
  readonly days: EnergyDays
  readonly sink: Sink
  #outbox: OutboxPart | null = null
  readonly #steps: Steps
  #trouble = ''
  #forgotOn = ''
  #worked = 0

  constructor(options: EnergyOptions) {
    const { book, ledger, clock, settleMs = SETTLE_MS, openEveryMs = OPEN_EVERY_MS } = options
    this.#options = options
    this.#steps = new Steps({
      step: () => this.#step(),
      ...{ idleMs: IDLE_MS, retryMs: RETRY_MS },
      // On a fast clock days end faster too.
      pauseMs: (tookMs) => Math.min(LONGEST_PAUSE_MS, Math.max(1, tookMs)) / options.clock.speed,
      failed: (thrown) => this.#say(thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)),
    })
    this.days = new EnergyDays(options.zone)
    this.#marks = new EnergyMarks({ book, days: this.days, settleMs, openEveryMs, end: () => this.#end(), now: () => clock.now() })
    this.#tidy = energyTidy({ book, ledger, days: this.days, now: () => clock.now(), log: options.log })
    this.#follower = new LedgerFollower(ledger, book, this.days)
    this.#outages = options.outageRecords ? new OutageFollower(options.outageRecords, ledger, book, this.days) : null
    this.sink = energySink(
      (readings) => this.#marks.takeReadings(readings, (meter) => this.#pointsOf(meter)),
      (thrown) => ({
        kind: 'later',
        waitMs: null,
        error: energyFailure('ENERGY_STORE', `energy.db: ${thrown instanceof Error ? thrown.message : String(thrown)}`).error,
      }),
    )
  }

  /** Days of points that were worked out since the start. */
  get worked(): number {
    return this.#worked
  }

  start(outbox: OutboxPart): void {
    this.#outbox = outbox
    this.#marks.load(this.#tidy.isPossible)
    this.#steps.start(IDLE_MS)
  }

  /** Ends what is under way; what is left is done after the next start. */
  async stop(): Promise<void> {
    await this.#steps.stop()
  }

  /** Point-days still to be worked out, and the oldest of them. */
  state(): {
    readonly dirty: number
    readonly oldest: string | null
    readonly waitingForStore: number
    readonly points: number
    readonly worked: number
  } {
    return { ...this.#marks.state(this.#storeAt()), points: this.#options.book.onwardCount(), worked: this.#worked }
  }

  isDirty(point: string, first: string, last: string): boolean {
    return this.#marks.has(point, first, last)
  }

  /** Has days of points worked out again: those of before the gateway made energy, or after something was mended by hand. */
  again(points: readonly string[], from: number, to: number, why: string): void {
    const { book } = this.#options
    book.together(() => {
      for (const point of points) {
        book.see(point, this.days.of(from))
        book.see(point, this.days.of(Math.max(from, to - 1)))
        book.markOnward(point, this.days.of(from), why)
      }
    })
  }

  /** One day of a point, with what it rests on, as it would be worked out now. */
  async evidence(point: string, day: string, period: '15m' | '1h' | 'day') {
    const facts = this.#facts(point, day)
    const { store, book, outages = () => [] } = this.#options
    return facts && workDay({ store, book, days: this.days, outages }, facts, point, day, this.#options.clock.now(), period)
  }

  /** Works on until nothing is due; for tests and the end of a replay. */
  settle(): Promise<void> {
    return this.#steps.settle()
  }

  /** One piece of work. @returns whether there may be more at once */
  async #step(): Promise<boolean> {
    const { book, clock } = this.#options
    if (this.#tidy.step()) return true
    const mark = (point: string, day: string, why: string) => book.markOnward(point, day, why)
    const isFollowing = [this.#follower.step(mark), this.#outages?.step(mark) ?? false].includes(true)
    const expanded = this.#expand() || isFollowing
    const next = this.#marks.next(clock.now(), this.#storeAt())
    if (next === null) {
      this.#forget()
      return expanded
    }
    const done = next.day.length === 7 ? await this.#month(next) : await this.#day(next)
    if (done.ok) {
      this.#trouble = ''
      this.#worked++
      return true
    }
    this.#marks.later(next, clock.now() + RETRY_MS * clock.speed)
    this.#say(explain(done.error))
    return true
  }

  /** Turns "from that day on" into days, some at a time. */
  #expand(): boolean {
    const { book } = this.#options
    const onward = book.onward()
    if (!onward) return false
    const last = book.seen(onward.point)?.last
    const first = book.seen(onward.point)?.first
    const from = first !== undefined && onward.day < first ? first : onward.day
    if (last === undefined || from > last) {
      book.moveOnward(onward.point, null)
      return true
    }
    const days = this.days.between(from, this.days.add(from, DAYS_AT_ONCE - 1)).filter((day) => day <= last)
    this.#marks.add(onward.point, days, onward.why)
    book.moveOnward(onward.point, this.days.add(days.at(-1)!, 1))
    return true
  }

  #facts(point: string, day: string): PointFacts | null {
    return pointFacts(this.#options.ledger, this.#options.models, point, this.days.start(day))
  }

  async #day(mark: Mark): Promise<Result<null>> {
    const { point, day, why } = mark
    const { book, clock, store, outages = () => [] } = this.#options
    const facts = this.#facts(point, day)
    const now = clock.now()
    if (!facts) return this.#nothing(mark)
    const work = await workDay({ store, book, days: this.days, outages }, facts, point, day, now)
    if (!work.ok) return work
    const before = book.figures(point, day)
    const registers = withVersions(work.value.registers, before)
    const put = await this.#put(point, facts.area, now, registers, before, ['15m', '1h', 'day'])
    if (!put.ok) return put
    const isOver = this.days.end(day) <= now
    if (before === null || differs(registers, before)) for (const tell of this.#options.listeners ?? []) tell(point, day)
    book.together(() => {
      this.#keep(point, day, registers, before, why)
      book.setFindings(point, day, findingRows(work.value.findings, this.days.start(day), this.days.end(day)), now)
      if (isOver) this.#marks.done(mark)
      else this.#marks.pause(mark, now, this.days.end(day))
      this.#neighbours(point, day, registers, before)
      if (isOver && (before === null || registers.some((register) => isChanged(register, before, 'day'))))
        this.#marks.add(point, [day.slice(0, 7)], why)
    })
    return put
  }

  async #month(mark: Mark): Promise<Result<null>> {
    const { point, day: month, why } = mark
    const { book, clock } = this.#options
    const now = clock.now()
    const last = this.days.ofMonth(month).at(-1)!
    // Days that are still to be worked out will ask for the month again.
    if (this.days.end(last) > now || this.#marks.has(point, `${month}-01`, last)) return this.#nothing(mark)
    const before = book.figures(point, month)
    const registers = withVersions(
      workMonth(this.days, month, (first, until) => book.figuresOf(point, first, until)),
      before,
    )
    const put = await this.#put(point, this.#facts(point, `${month}-01`)?.area ?? '', now, registers, before, ['month'])
    if (!put.ok) return put
    book.together(() => {
      this.#keep(point, month, registers, before, why)
      this.#marks.done(mark)
    })
    return put
  }

  #nothing(mark: Mark): Result<null> {
    this.#marks.done(mark)
    return { ok: true, value: null }
  }

  /** Rows first: after a crash in between the same rows are made again. */
  async #put(
    point: string,
    area: string,
    now: number,
    registers: readonly RegisterFigures[],
    before: readonly RegisterFigures[] | null,
    periods: readonly EnergyPeriod[],
  ): Promise<Result<null>> {
    const rows = periods.flatMap((period) =>
      intervalRows({ point, area, period, now }, registers, ({ field }, figure) => {
        const old = figureIn(before, field, period, figure.from)
        return old === undefined || old.version !== figure.version
      }),
    )
    if (rows.length === 0) return { ok: true, value: null }
    const put = await this.#outbox?.put(rows)
    return put === undefined || put.ok ? { ok: true, value: null } : put
  }

  #keep(point: string, day: string, registers: readonly RegisterFigures[], before: readonly RegisterFigures[] | null, why: string): void {
    const { book, clock } = this.#options
    const kept = [...registers, ...gone(before, registers)]
    book.keep(point, day, kept)
    if (before === null) return
    for (const { field, periods } of kept)
      for (const period of PERIODS)
        for (const figure of periods[period] ?? []) {
          const old = figureIn(before, field, period, figure.from)
          if (!old || isSameValue(old.value, figure.value)) continue
          const [newest] = book.exportsOver(point, figure.from, figure.to)
          if (!newest) continue
          book.addCorrection({
            ...{ point, register: field, period, from: figure.from, to: figure.to, before: old.value, after: figure.value },
            ...{ version: figure.version, reason: why, at: clock.now(), exportId: newest.id },
          })
        }
  }

  /** A neighbour that spread the same gap otherwise, or not yet, is worked out again. */
  #neighbours(point: string, day: string, registers: readonly RegisterFigures[], before: readonly RegisterFigures[] | null): void {
    const { book } = this.#options
    const seen = book.seen(point)
    for (const [side, step] of [
      [0, -1],
      [1, 1],
    ] as const) {
      const other = this.days.add(day, step)
      if (!seen || other < seen.first || other > seen.last) continue
      const there = book.figures(point, other)
      const differs = registers.some(({ field, across }) => {
        const mine = across[side]
        if (!isShared(mine) || mine === before?.find((register) => register.field === field)?.across[side]) return false
        return there?.find((register) => register.field === field)?.across[1 - side] !== mine
      })
      if (differs) this.#marks.add(point, [other], 'a register of the day beside it')
    }
  }

  #forget(): void {
    const { book, clock } = this.#options
    const today = this.days.of(clock.now())
    if (this.#forgotOn === today) return
    const before = this.days.add(today, -KEEP_DAYS)
    if (book.forget(before, FORGET_AT_ONCE) === 0) this.#forgotOn = today
  }

  /** Points of a meter whose rows name none: it was adopted later. */
  #pointsOf(meter: string): readonly string[] {
    const points = this.#options.ledger
      .facts('meter', meter)
      .flatMap(({ name, value }) => (name === 'point' && typeof value === 'string' ? [value] : []))
    return [...new Set(points)]
  }

  #end(): number {
    return Math.max(0, ...(this.#outbox?.state().sinks.map(({ cursor, depth }) => cursor + depth) ?? []))
  }

  #storeAt(): number {
    return this.#outbox?.state().sinks.find(({ id }) => id === this.#options.storeSink)?.cursor ?? 0
  }

  /** Said once, not every few seconds. */
  #say(message: string): void {
    if (message !== this.#trouble) this.#options.log('warn', `interval energy: ${message}`)
    this.#trouble = message
  }
}

/** Findings of one day; what stands at its end belongs to the next. */
const findingRows = (findings: DayWork['findings'], start: number, end: number): { key: string; body: string }[] =>
  findings
    .filter(({ at }) => at >= start && at < end)
    .map((finding) => ({
      key: `${finding.register} ${finding.code} ${finding.at} ${finding.after ? textOf(finding.after.value) : ''}`,
      body: JSON.stringify(findingView(finding)),
    }))

interface Mark {
  readonly point: string
  readonly day: string
  readonly why: string
  readonly stamp: number
}

const figureIn = (registers: readonly RegisterFigures[] | null, field: string, period: EnergyPeriod, from: number): Figure | undefined =>
  registers?.find((register) => register.field === field)?.periods[period]?.find((figure) => figure.from === from)

const withVersions = (registers: readonly RegisterFigures[], before: readonly RegisterFigures[] | null): RegisterFigures[] =>
  registers.map((register) => ({
    ...register,
    periods: Object.fromEntries(
      PERIODS.flatMap((period) => {
        const figures = register.periods[period]
        return figures ? [[period, figures.map((figure) => versioned(figure, figureIn(before, register.field, period, figure.from)))]] : []
      }),
    ),
  }))

const isChanged = ({ field, periods }: RegisterFigures, before: readonly RegisterFigures[], period: EnergyPeriod): boolean =>
  (periods[period] ?? []).some((figure) => figureIn(before, field, period, figure.from)?.version !== figure.version)

const differs = (registers: readonly RegisterFigures[], before: readonly RegisterFigures[]): boolean =>
  gone(before, registers).length > 0 || registers.some((register) => PERIODS.some((period) => isChanged(register, before, period)))

/** Registers that were known and are no more: their figures are withdrawn, not forgotten. */
const gone = (before: readonly RegisterFigures[] | null, now: readonly RegisterFigures[]): RegisterFigures[] =>
  (before ?? []).filter(({ field }) => !now.some((register) => register.field === field))
