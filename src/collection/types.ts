/** What can be due: the registers of midnight, of the month's end, and the points of a day's load curve. */
export const DUE_KINDS = ['day-freeze', 'month-freeze', 'curve'] as const
export type DueKind = (typeof DUE_KINDS)[number]

/**
 * State of a due reading. `open`: due, in its first pass. `scheduled`: it did not come and is read again at `nextTry`. `permanent`: the
 * last chance is gone; late data still fills it. `waived`: a person said why it may stay away.
 */
export const GAP_STATES = ['open', 'scheduled', 'filled', 'permanent', 'waived'] as const
export type GapState = (typeof GAP_STATES)[number]

/**
 * What filled it, best first. `freeze`: the meter's own register of that instant; `stand-in`: read live at the set time, for meters
 * that keep none; `curve`: a point of the load record; `stored`: found in the store; `later-live`: read later, with an instant of its own.
 */
export const FILLS = ['freeze', 'stand-in', 'curve', 'concentrator', 'stored', 'later-live', 'manual', 'estimate'] as const
export type Fill = (typeof FILLS)[number]

/** Which fills are the value of the due instant itself, as the meter kept it. */
export const GOOD_FILLS: ReadonlySet<Fill> = new Set(['freeze', 'stand-in', 'curve', 'concentrator', 'stored'])

/** One due reading (应抄数据). Instants are milliseconds since 1970 UTC. */
export interface DueRecord {
  readonly id: number
  readonly kind: DueKind
  /** The instant it is of: local midnight of the day, or of the first of the month. */
  readonly label: number
  /** When it became known that it is due. */
  readonly dueAt: number
  readonly meter: string
  readonly point: string
  readonly line: string
  readonly area: string
  readonly state: GapState
  readonly fill: Fill | null
  /** Error code of the last failure. */
  readonly reason: string | null
  /** All of them, those of the first pass too. */
  readonly tries: number
  /** Tries after the first pass. */
  readonly rereads: number
  /** Read at the first question, nothing repeated. */
  readonly firstTry: boolean
  /** When it is read again. */
  readonly nextTry: number | null
  /** Line time its re-reads have cost, milliseconds. */
  readonly spentMs: number
  /** When the first pass gave it up; null: it never was a gap (漏抄). */
  readonly missedAt: number | null
  readonly filledAt: number | null
  /** Instant of the value that filled it: its label, but for `later-live` and `manual`. */
  readonly instant: number | null
  /** Who entered or waived it. */
  readonly by: string | null
  /** Curves: time between points, how many a day has and how many came. */
  readonly stepMs: number
  readonly expected: number
  readonly got: number
  /** Curves: one bit a point, the first in the lowest bit. */
  readonly bits: Uint8Array | null
}

/** What identifies a due reading: a meter is at one point at one instant. */
export interface DueKey {
  readonly kind: DueKind
  readonly label: number
  readonly meter: string
}

/** Where a meter hung when its reading was due. */
export interface DuePlace {
  readonly point: string
  readonly line: string
  readonly area: string
}

/** What happened to due readings, in the order in which it happened. `at` is the gateway's time. */
export type CollectionEvent =
  | ({ readonly what: 'due'; readonly at: number; readonly stepMs: number } & DueKey & DuePlace)
  | ({
      readonly what: 'read'
      readonly at: number
      readonly tries: number
      readonly firstTry: boolean
      readonly fill: Fill
      readonly instant: number
    } & DueKey)
  | ({ readonly what: 'missed'; readonly at: number; readonly tries: number; readonly code: string } & DueKey)
  | ({ readonly what: 'failed'; readonly at: number; readonly tries: number; readonly code: string } & DueKey)
  /** Points of a load record that are safe; those of several days may come together. */
  | { readonly what: 'points'; readonly at: number; readonly meter: string; readonly instants: readonly number[] }
  /** The meter answers again: what silence kept waiting is read now. */
  | { readonly what: 'wake'; readonly at: number; readonly meter: string }
  /** A re-read by its id. `nextTry` null: that was the last chance. `counts` false: the line was down, the meter was not asked. */
  | {
      readonly what: 'tried'
      readonly at: number
      readonly id: number
      readonly code: string
      readonly spentMs: number
      readonly nextTry: number | null
      readonly counts: boolean
      readonly note: string | null
    }
  | {
      readonly what: 'filled'
      readonly at: number
      readonly id: number
      readonly fill: Fill
      readonly instant: number
      readonly spentMs: number
      readonly by: string | null
      readonly note: string | null
    }
  /** A task was to read the meter that day, whatever. */
  | { readonly what: 'asked'; readonly day: number; readonly meter: string }
  | { readonly what: 'heard'; readonly at: number; readonly day: number; readonly meter: string }
  /** Minutes a line was looked at, and how many of them it was up. */
  | { readonly what: 'online'; readonly day: number; readonly line: string; readonly minutes: number; readonly up: number }

export const GAP_ACTS = ['missed', 'tried', 'filled', 'permanent', 'waived', 'reopened', 'retry', 'entered', 'rejected'] as const
/** One line of a record's history. */
export interface GapAct {
  readonly at: number
  readonly what: (typeof GAP_ACTS)[number]
  readonly who: string | null
  readonly note: string | null
}

/** A value a person has read off the meter, waiting for the second one (互核). Registers as decimal text by full OBIS code. */
export interface ManualEntry {
  readonly values: Readonly<Record<string, string>>
  readonly instant: number
  readonly reason: string
  readonly by: string
  readonly at: number
}

export interface GapDetail extends DueRecord {
  readonly history: readonly GapAct[]
  readonly entry: ManualEntry | null
}

export interface GapFilter {
  readonly states?: readonly GapState[]
  readonly kind?: DueKind
  readonly line?: string
  readonly area?: string
  readonly meter?: string
  readonly point?: string
  readonly from?: number
  readonly to?: number
  /** Also those that came in their first pass, or still may. */
  readonly all?: boolean
}

/** What may be set; every default is in {@link DEFAULT_SETTINGS}. */
export interface CollectionSettings {
  /** How long the scheduled reading goes on before a reading is a gap, milliseconds. */
  readonly firstPassMs: number
  /** Minutes after local midnight at which a gap is read again on the day itself. */
  readonly rereads: readonly number[]
  /** Minute of every later day. */
  readonly dailyReread: number
  /** The last day after the due one on which it is tried. */
  readonly lastDay: number
  /** Re-reads of one gap, without those a person orders. */
  readonly maxTries: number
  /** Line time one gap may cost, milliseconds. */
  readonly maxLineMs: number
  /** Share of a busy line's time that re-reads may take. */
  readonly lineShare: number
  /** Re-reads of one window start within this time. */
  readonly jitterMs: number
  /** Minute of the day at which the KPIs of the day are kept. */
  readonly cutoffMinute: number
  /** Day of the month whose midnight is billed. */
  readonly billingDay: number
  /** How long after the billing instant its readings are on time, milliseconds. */
  readonly billingCutoffMs: number
  /** So many days without success in a row are a case. */
  readonly consecutiveDays: number
  readonly excludeAreas: readonly string[]
  /** Whether a freeze that can not be had any more is estimated by itself. */
  readonly estimate: 'never' | 'permanent'
  /** How long what came at once is kept, days. */
  readonly keepDays: number
  /** How long gaps and what became of them are kept, days. */
  readonly keepGapDays: number
}

/**
 * @source  first pass 00:05 to 02:00, hourly re-reads to 06:00, then 12:00, 18:00 and daily up to D+7, KPI snapshot at 08:00: usual rhythm
 *          of collection master stations. Tries, line share, jitter, retention and no estimates are this house's own defaults
 */
export const DEFAULT_SETTINGS: CollectionSettings = {
  firstPassMs: 2 * 3_600_000,
  rereads: [120, 180, 240, 300, 360, 720, 1080],
  dailyReread: 300,
  lastDay: 7,
  maxTries: 24,
  maxLineMs: 120_000,
  lineShare: 0.1,
  jitterMs: 10 * 60_000,
  cutoffMinute: 480,
  billingDay: 1,
  billingCutoffMs: 24 * 3_600_000,
  consecutiveDays: 3,
  excludeAreas: [],
  estimate: 'never',
  keepDays: 62,
  keepGapDays: 1100,
}

/** The calendar of the gateway's zone, as far as it is needed here. */
export interface Days {
  /** Local midnight of the day that holds the instant. */
  dayStart(instant: number): number
  /** The instant of a minute of the wall clock on the day of a midnight. */
  minuteOf(day: number, minute: number): number
  /** Midnight after a midnight. */
  dayAfter(day: number): number
  /** Start of the period that holds the instant. */
  periodStart(period: { readonly unit: 'month'; readonly count: 1 }, instant: number): number
}
