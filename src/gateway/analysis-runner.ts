import { setImmediate as nextTurn } from 'node:timers/promises'
import { ALARM_SCORE, type JudgedDay, type Verdict } from '../anomaly/index.ts'
import { explain, type Sink } from '../core/index.ts'
import type { Outbox } from '../outbox/index.ts'
import { AnalysisAreas, type PresentArea } from './analysis-areas.ts'
import { buildBlock } from './analysis-build.ts'
import type { Judged } from './analysis-calls.ts'
import { AnalysisMarks, type WaitingDay } from './analysis-marks.ts'
import type { AnalysisOptions } from './analysis-options.ts'
import { AnalysisPlaces } from './analysis-places.ts'
import { AnalysisPlan, later } from './analysis-plan.ts'
import { analysisSink } from './analysis-sink.ts'
import { Steps } from './steps.ts'

type OutboxPart = Pick<Outbox, 'state'>

const SETTLE_MS = 10 * 60_000
const LATEST_MS = 30 * 60_000
const HOUR_MS = 3_600_000
const IDLE_MS = 250
const RETRY_MS = 10 * 60_000
/** After so many failures of one day the next one is judged. */
const MOST_TRIES = 3
/** Energy that is still being worked out is waited for so long after the hour of judging. */
const PATIENCE_MS = 12 * HOUR_MS
/** Blocks of before the window stay a little: a correction may need them. */
const KEEP_MORE = 4
const AREAS_AT_ONCE = 20

/**
 * Judges every area once a day: keeps the days of areas as blocks, hands windows to threads, and what they find to the case book. What is still to
 * do is on disk; a day is judged in its turn, and again when what it rests on has changed.
 */
export class AnalysisRunner {
  readonly #options: AnalysisOptions
  readonly places: AnalysisPlaces
  readonly marks: AnalysisMarks
  readonly plan: AnalysisPlan
  readonly sink: Sink
  readonly #areas: AnalysisAreas
  readonly #running = new Set<Promise<void>>()
  #outbox: OutboxPart | null = null
  readonly #steps: Steps
  #isLoaded = false
  #planned = ''
  #toPlan: string[] = []
  #trouble = ''
  #judged = 0
  #built = 0

  constructor(options: AnalysisOptions) {
    // On a fast clock somebody watches: the days need not be as settled as those a crew goes out on.
    const { book, ledger, energy, clock, settleMs = SETTLE_MS / Math.min(5, clock.speed) } = options
    this.#options = options
    this.#steps = new Steps({
      step: () => (options.config().enabled ? this.#step() : Promise.resolve(false)),
      ...{ idleMs: IDLE_MS, retryMs: 5_000 },
      // After some work on the thread of the lines, as long a pause.
      pauseMs: (tookMs) => Math.min(200, Math.max(1, tookMs)) / options.clock.speed,
      failed: (thrown) => this.#say(thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)),
    })
    this.places = new AnalysisPlaces(ledger)
    const latestMs = Math.max(settleMs, Math.min(LATEST_MS, settleMs * 3))
    this.marks = new AnalysisMarks({
      ...{ book, days: energy.runner.days, now: () => clock.now(), settleMs, latestMs },
      end: () => this.#end(),
    })
    this.plan = new AnalysisPlan(options, this.places, this.marks)
    this.#areas = new AnalysisAreas(book)
    this.sink = analysisSink({
      days: energy.runner.days,
      mark: (marks, why) => this.marks.mark(marks, why, true),
      keep: (event) => book.addEvent(event),
      together: (work) => book.together(work, true),
    })
  }

  /** The figures of a point and day change: called before they are kept, so that the mark outlives a crash. */
  readonly energyChanged = (point: string, day: string): void => {
    const { days } = this.#options.energy.runner
    if (day.length === 7 || !this.#isLoaded) return
    const areas = this.places.areasOf(point, days.start(day), days.end(day))
    this.marks.mark(
      areas.map((area) => ({ area, day })),
      'energy',
      true,
    )
  }

  start(outbox: OutboxPart): void {
    this.#outbox = outbox
    this.#steps.start(IDLE_MS)
  }

  /** Ends what is under way; what is left is done after the next start. */
  async stop(): Promise<void> {
    const ended = this.#steps.stop()
    await this.#options.judges.close()
    await ended
    await Promise.all(this.#running)
  }

  /** Works on until nothing is due; for tests and the end of a replay. */
  async settle(): Promise<void> {
    for (;;) {
      const more = await this.#steps.alone()
      if (this.#running.size > 0) await Promise.all(this.#running)
      else if (!more) return
    }
  }

  /** Has areas judged again. @param rebuild  with their days put together anew from the store */
  again(areas: readonly string[], from: string, to: string, rebuild: boolean, why: string): void {
    const { book, energy } = this.#options
    for (const area of areas) {
      if (rebuild)
        this.marks.mark(
          energy.runner.days.between(from, to).map((day) => ({ area, day })),
          why,
          true,
          true,
        )
      book.together(() => this.#areas.again(area, from))
    }
  }

  /** How far each area is. */
  states(): readonly PresentArea[] {
    return this.places.areas().map((area) => this.#areas.of(area))
  }

  get counts(): { readonly judged: number; readonly built: number; readonly waiting: number } {
    return { judged: this.#judged, built: this.#built, waiting: this.marks.count(this.#options.clock.now()) }
  }

  /** The day an area is judged for next, and what it waits for; null = up to date. */
  next(area: string): { readonly day: string; readonly waitsFor: string } | null {
    const day = this.plan.nextDay(this.#areas.of(area))
    if (day === null) return null
    return { day, waitsFor: this.plan.hindrance(area, day) ?? 'its turn' }
  }

  /** One piece of work. @returns whether there may be more at once */
  async #step(): Promise<boolean> {
    if (!this.#isLoaded) {
      this.#isLoaded = this.places.load()
      return true
    }
    if (this.#follow()) return true
    const isPlanning = this.#planDay()
    const isJudging = this.#judge()
    const built = await this.#build()
    if (isPlanning || isJudging || built) return true
    this.#forget()
    return false
  }

  /** What the ledger changed has the days of its areas made anew from the day it holds. */
  #follow(): boolean {
    const { book, ledger, energy, clock } = this.#options
    const done = book.place('ledger')
    if (done === null) {
      book.setPlace('ledger', ledger.seq)
      return false
    }
    const touched = this.places.follow(done)
    if (!touched) return false
    const { days } = energy.runner
    const yesterday = days.add(days.of(clock.now()), -1)
    const first = this.plan.firstOf(yesterday)
    for (const [area, from] of touched.areas) {
      const known = book.days(area)[0]?.day
      const begin = from > 0 ? later(first, days.of(from)) : first
      if (known === undefined) continue
      this.marks.mark(
        days.between(later(known, begin), yesterday).map((day) => ({ area, day })),
        touched.why,
        true,
      )
      // Attributes that change no block (a phase, a category) are judged by all the same.
      this.#areas.again(area, begin)
    }
    book.setPlace('ledger', touched.seq)
    this.#planned = ''
    return true
  }

  /** Once a day: every area has a block of yesterday, also when nobody has heard of it. */
  #planDay(): boolean {
    const { book, energy, clock } = this.#options
    const { days } = energy.runner
    const yesterday = days.add(days.of(clock.now()), -1)
    if (this.#planned !== yesterday) {
      this.#planned = yesterday
      this.#toPlan = [...this.places.areas()]
    }
    const areas = this.#toPlan.splice(0, AREAS_AT_ONCE)
    for (const area of areas) {
      const kept = new Set(book.days(area).map(({ day }) => day))
      const first = this.plan.firstOf(yesterday)
      const newest = [...kept].at(-1)
      const begin = newest === undefined ? this.plan.firstSeen(area, first, yesterday) : later(newest, first)
      if (begin === null) continue
      const missing = days.between(begin, yesterday).filter((day) => !kept.has(day) && !this.marks.has(area, day))
      this.marks.mark(
        missing.map((day) => ({ area, day })),
        'the day is over',
        false,
      )
    }
    return areas.length > 0
  }

  async #build(): Promise<boolean> {
    const { book, clock, energy } = this.#options
    const now = clock.now()
    const storeAt = this.#storeAt()
    const found = this.marks.due(now, storeAt).find((one) => !this.#isEnergyDirty(one, now))
    if (!found) return false
    const { area, day } = found
    const points = this.places.of(area, energy.runner.days.end(day) - 1)
    await nextTurn()
    const made = await buildBlock({ ...this.#options, energy: energy.book, days: energy.runner.days }, area, day, points)
    if (!made.ok) {
      this.marks.later(found, clock.now() + RETRY_MS)
      this.#say(`area ${area}, ${day}: ${explain(made.error)}`)
      return false
    }
    this.#trouble = ''
    book.together(() => {
      const isChanged = book.keepBlock(made.value)
      this.marks.done(found)
      if (isChanged) this.#areas.again(area, day)
    })
    this.#built++
    return true
  }

  #isEnergyDirty({ area, day }: WaitingDay, now: number): boolean {
    const { energy } = this.#options
    const { days } = energy.runner
    if (now > this.plan.judgeAt(day) + PATIENCE_MS) return false
    return this.places.of(area, days.end(day) - 1).some((point) => energy.runner.isDirty(point, day, day))
  }

  /** Hands areas that can be judged to threads that are free. @returns whether there was one */
  #judge(): boolean {
    const { judges } = this.#options
    let given = 0
    for (const area of this.places.areas()) {
      if (this.#running.size >= judges.width) break
      const state = this.#areas.of(area)
      if (state.isJudging || this.#options.clock.now() < state.notBefore) continue
      const day = this.plan.nextDay(state)
      if (day === null || this.plan.hindrance(area, day) !== null) continue
      this.#give(state, day)
      given++
    }
    return given > 0
  }

  #give(state: PresentArea, day: string): void {
    const { area } = state
    const running = this.#judgeDay(state, day).catch((error: unknown) => {
      // What was found could not be kept: a full disk is no reason to go on without it.
      this.#say(`area ${area}, ${day}: ${error instanceof Error ? error.message : String(error)}`)
      this.#areas.later(area, this.#options.clock.now() + RETRY_MS)
    })
    this.#running.add(running)
    this.#areas.judging(area, true)
    void running.finally(() => {
      this.#running.delete(running)
      this.#areas.judging(area, false)
      // The next one need not wait for the timer.
      this.#steps.soon()
    })
  }

  async #judgeDay({ area, tries, stamp }: PresentArea, day: string): Promise<void> {
    const { judges, standing, book, energy } = this.#options
    const { days } = energy.runner
    const neighbours = this.plan.neighbours(area, days.end(day) - 1)
    const thresholds = book.layers()
    let judged: Judged
    try {
      judged = await judges.call(
        'judge',
        {
          ...{
            area,
            day,
            first: this.plan.firstOf(day),
            neighbours,
            standing: standing(area),
            elsewhere: book.elsewhere(area),
            thresholds,
          },
          around: this.plan.around(area, this.plan.firstOf(day), day),
        },
        this.plan.feeder(area, days.end(day) - 1) ?? area,
      )
    } catch (error) {
      if (this.#steps.isStopped) return
      this.#failed(area, day, tries + 1, error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error))
      return
    }
    if (judged.verdict) this.#keep(judged.verdict, judged.ms, { day, start: days.start(day), end: days.end(day) }, stamp)
    else this.#failed(area, day, MOST_TRIES, 'nothing is kept of that day')
  }

  #keep(verdict: Verdict, ms: number, day: JudgedDay, stamp: number): void {
    const { book, take, clock, log } = this.#options
    const { area, failures } = verdict
    // The case book first: after a crash in between the same verdict comes again.
    take(verdict, day)
    const state = this.#areas.of(area)
    const failure = failures.map(({ rule, message }) => `${rule}: ${message}`).join('; ') || null
    if (failure !== null && failure !== state.failure)
      log('warn', `analysis of area ${area}, ${day.day}: ${failure}; the other rules went on`)
    const alarms = verdict.findings.filter(({ score }) => score >= ALARM_SCORE).length
    const isNewest = state.day === null || day.day >= state.day
    book.together(() => {
      book.keepLosses(verdict.losses)
      if (isNewest) book.keepPhases(area, day.day, verdict.phases)
      // Judged again: the day after it is next, up to the newest. What changed meanwhile asks for itself.
      const next = isNewest ? null : this.#options.energy.runner.days.add(day.day, 1)
      const again = state.stamp === stamp ? next : state.again
      this.#areas.set({
        ...state,
        ...{ day: isNewest ? day.day : state.day, at: clock.now(), ms: Math.round(ms), failure, alarms, tries: 0, notBefore: 0 },
        again,
      })
      if (!isNewest) return
      const named = verdict.findings.filter(({ trueArea, score }) => trueArea !== undefined && trueArea !== area && score >= ALARM_SCORE)
      if (book.keepElsewhere(area, named))
        for (const { trueArea } of named) {
          const newest = trueArea === undefined ? null : this.#areas.of(trueArea).day
          if (trueArea !== undefined && newest !== null) this.#areas.again(trueArea, newest)
        }
    })
    this.#judged++
  }

  #failed(area: string, day: string, tries: number, message: string): void {
    const { book, clock, log } = this.#options
    const state = this.#areas.of(area)
    const isOver = tries >= MOST_TRIES
    if (message !== state.failure)
      log('warn', `analysis of area ${area}, ${day}: ${message}${isOver ? '; the next day is judged' : '; tried again'}`)
    book.together(() =>
      this.#areas.set({
        ...state,
        ...{ failure: message, at: clock.now(), tries: isOver ? 0 : tries, notBefore: isOver ? 0 : clock.now() + RETRY_MS },
        ...(isOver ? { day: state.day === null || day > state.day ? day : state.day, again: null } : {}),
      }),
    )
  }

  #forget(): void {
    const { book, clock, energy, config } = this.#options
    const { days } = energy.runner
    const before = days.add(days.of(clock.now()), -config().windowDays - KEEP_MORE)
    book.forget(before, days.start(before), AREAS_AT_ONCE)
  }

  #end(): number {
    return Math.max(0, ...(this.#outbox?.state().sinks.map(({ cursor, depth }) => cursor + depth) ?? []))
  }

  #storeAt(): number {
    return this.#outbox?.state().sinks.find(({ id }) => id === this.#options.store.id)?.cursor ?? 0
  }

  /** Said once, not every few seconds. */
  #say(message: string): void {
    if (message !== this.#trouble) this.#options.log('warn', `analysis: ${message}`)
    this.#trouble = message
  }
}
