import type { CollectionSettings, Days, DueKind } from './types.ts'

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000

/** As much of a due reading as decides when it is tried again. */
export interface Tried {
  readonly kind: DueKind
  readonly label: number
  readonly rereads: number
  readonly spentMs: number
}

/** Days that get every window: a curve is whole only when its day is over. */
const FULL_DAYS: Readonly<Record<DueKind, number>> = { 'day-freeze': 0, 'month-freeze': 0, curve: 1 }

/** Whole local days from one midnight to another; days of 23 and 25 hours count as one. */
export const daysBetween = (from: number, to: number): number => Math.round((to - from) / DAY_MS)

/** The instant after which nobody tries any more, but by hand. */
export const lastChance = ({ kind, label }: Pick<Tried, 'kind' | 'label'>, days: Days, settings: CollectionSettings): number => {
  let day = days.dayStart(label)
  for (let n = 0; n < settings.lastDay + FULL_DAYS[kind]; n++) day = days.dayAfter(day)
  return days.dayAfter(day)
}

/** What is left of a gap's budget. */
export const budgetOf = ({ rereads, spentMs }: Pick<Tried, 'rereads' | 'spentMs'>, { maxTries, maxLineMs }: CollectionSettings) => ({
  tries: Math.max(0, maxTries - rereads),
  lineMs: Math.max(0, maxLineMs - spentMs),
})

/**
 * When a gap is read again: the windows of its own day one after the other, then once a day, each with its share of jitter so that a
 * village does not start at once. Windows are times of the wall clock.
 *
 * @param random  0 to 1
 * @returns       null when its days or its budget are used up
 */
export const nextTry = (tried: Tried, now: number, days: Days, settings: CollectionSettings, random: number): number | null => {
  const { tries, lineMs } = budgetOf(tried, settings)
  if (tries === 0 || lineMs === 0) return null
  const first = days.dayStart(tried.label)
  const end = lastChance(tried, days, settings)
  for (let day = days.dayStart(Math.max(now, tried.label)); day < end; day = days.dayAfter(day)) {
    const windows = daysBetween(first, day) <= FULL_DAYS[tried.kind] ? settings.rereads : [settings.dailyReread]
    for (const minute of windows) {
      const at = days.minuteOf(day, minute)
      if (at > now) return at + Math.floor(random * settings.jitterMs)
    }
  }
  return null
}

/** How long a line that is down is left alone before its gaps are looked at again, milliseconds. */
const LINE_DOWN_MS = 10 * MINUTE_MS

/**
 * When a gap is looked at again whose meter could not be asked at all. That costs no try, only the days run out.
 *
 * @returns  null when they have
 */
export const afterLineDown = (tried: Tried, now: number, days: Days, settings: CollectionSettings, random: number): number | null => {
  const at = now + LINE_DOWN_MS + Math.floor(random * LINE_DOWN_MS)
  return at < lastChance(tried, days, settings) ? at : null
}

/** Failures that say nothing about the data, only that nobody answered: the gap is read as soon as the meter is heard again. */
const SILENCE: ReadonlySet<string> = new Set([
  'LINE_NO_REPLY',
  'LINE_DAMAGED',
  'LINE_STRANGER',
  'LINE_LOST',
  'LINE_DOWN',
  'LINE_CLOSED',
  'TERMINAL_OFFLINE',
  'TERMINAL_LOST',
  'TERMINAL_NO_REPLY',
  'TERMINAL_METER_SILENT',
  'DEVICE_BACKED_OFF',
  'READ_CANCELLED',
  'READ_OVERTAKEN',
  'GATEWAY_DOWN',
  'METER_WITHOUT_POWER',
])
export const isSilence = (code: string | null): boolean => code !== null && SILENCE.has(code)

/** The line itself was not there, or there is no power: the meter was not asked. */
const NOT_ASKED: ReadonlySet<string> = new Set([
  ...['LINE_DOWN', 'LINE_CLOSED', 'LINE_LOST', 'TERMINAL_OFFLINE', 'TERMINAL_LOST'],
  ...['READ_CANCELLED', 'METER_WITHOUT_POWER'],
])
export const isNotAsked = (code: string): boolean => NOT_ASKED.has(code)

/**
 * Line time that re-reads may use: a small share of the time a line is busy and half of the time it is idle, saved up within limits.
 * Time is passed in.
 */
export class LineBudget {
  /** Share of the time a line is busy, 0 to 1. */
  share: number
  #savedMs = START_MS
  #then: { at: number; busyMs: number } | null = null

  constructor(share: number) {
    this.share = share
  }

  /** Whether the savings pay for another read. @param busyMs  the line's time in use since its start */
  mayRead(at: number, busyMs: number): boolean {
    if (this.#then) {
      const passed = Math.max(0, at - this.#then.at)
      const busy = Math.min(passed, Math.max(0, busyMs - this.#then.busyMs))
      this.#savedMs = Math.min(MOST_MS, this.#savedMs + busy * this.share + (passed - busy) * IDLE_SHARE)
    }
    this.#then = { at, busyMs }
    return this.#savedMs > 0
  }

  pay(ms: number): void {
    this.#savedMs -= ms
  }
}

const START_MS = 5000
const MOST_MS = 60_000
const IDLE_SHARE = 0.5
