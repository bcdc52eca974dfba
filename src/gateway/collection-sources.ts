import type { Calendar, Taken } from '../acquisition/index.ts'
import {
  type DueRecord,
  type FillContext,
  type GapSource,
  isSilence,
  missingStretches,
  type Outcome,
  type Stretch,
} from '../collection/index.ts'
import type { Obis, Reading, ReadingStore, ReadKind, Result, Selection } from '../core/index.ts'
import type { EvidenceIntake } from './evidence-keeper.ts'
import type { Field, FieldMeter } from './field.ts'
import { readingsOf } from './field-meter.ts'

export interface SourceDeps {
  readonly field: Pick<Field, 'meter' | 'tasks' | 'qualityOf'>
  readonly calendar: Calendar
  readonly now: () => number
  readonly put: (readings: readonly Reading[]) => Promise<Result<void>>
  readonly store: Pick<ReadingStore, 'range'>
  /** Points of a curve that are safe. */
  readonly points: (meter: string, instants: readonly number[]) => void
  readonly evidence?: EvidenceIntake | undefined
}

/** A freeze list that lost days is searched this far around the place where the day should be. */
const MOST_PLACES = 4
/** Separate stretches of a curve that are asked for in one go. */
const MOST_STRETCHES = 6
const STORED_POINTS = 2000

/**
 * Where a gap can be filled from, best first. What comes is stored under its own instant whatever it was asked for; it fills the gap only
 * when it is the value of that instant, but for a later live read, which says so.
 */
export const gapSources = (deps: SourceDeps): readonly GapSource[] => [
  { id: 'freeze', kinds: ['day-freeze', 'month-freeze'], afterRereads: 0, fill: (gap, context) => freeze(deps, gap, context) },
  { id: 'curve', kinds: ['curve'], afterRereads: 0, fill: (gap, context) => stretches(deps, gap, context) },
  { id: 'curve', kinds: ['day-freeze'], afterRereads: 0, fill: (gap, context) => midnight(deps, gap, context) },
  { id: 'concentrator', kinds: ['day-freeze', 'month-freeze', 'curve'], afterRereads: 0, fill: null },
  // Of no other use than to bound what was used: never while the value itself may still come.
  { id: 'later-live', kinds: ['day-freeze', 'month-freeze'], afterRereads: 3, fill: (gap, context) => laterLive(deps, gap, context) },
]

/** Whether the value of a gap is in the store already. */
export const isGapStored =
  ({ store, calendar }: Pick<SourceDeps, 'store' | 'calendar'>) =>
  async (gap: DueRecord): Promise<boolean> => {
    if (gap.kind === 'curve') return false
    const to = gap.label + (gap.kind === 'day-freeze' ? calendar.dayAfter(gap.label) - gap.label : 1)
    const found = await store.range({
      ...{ measurement: 'register', tags: { meter: gap.meter }, source: gap.kind, from: gap.label, to, limit: 1 },
    })
    return found.ok && found.value.readings.length > 0
  }

type Read = Result<{ readonly taken: Taken; readonly meter: FieldMeter }>

const gone: Outcome = { what: 'silent', code: 'METER_UNKNOWN' }

/** Registers the meter's task names; absent: all. */
const registersOf = ({ field }: SourceDeps, meter: FieldMeter, kind: ReadKind): readonly Obis[] | undefined =>
  field.tasks.find(({ config, covers }) => config.read === kind && covers(meter))?.spec.obis

const read = async (deps: SourceDeps, meter: FieldMeter, selection: Selection, { signal, spent }: FillContext): Promise<Read | Outcome> => {
  const obis = registersOf(deps, meter, selection.kind)
  const plan = meter.device.plan({ ...selection, ...(obis ? { obis } : {}) })
  if (!plan.ok) return { what: 'not-here', code: 'GAP_NOT_KEPT', isFinal: true }
  const taken = await meter.poller.read(meter.device, plan.value, {
    ...{ priority: 'reread', signal, spent },
    keepsFrames: deps.evidence?.keepsFrames(plan.value.source) ?? false,
  })
  if (!taken.ok) return failedWith(taken.error.code)
  const readings = readingsOf(taken.value, meter, deps.calendar, 0, null, deps.field.qualityOf(meter))
  const safe = await deps.put(readings)
  const { exchanged, receivedAt } = taken.value
  if (safe.ok && exchanged) deps.evidence?.keepFrames(readings, exchanged, { channel: meter.fact.line, by: 'gap read again', receivedAt })
  // Kept by nobody is not read: it is asked again.
  return safe.ok ? { ok: true, value: { taken: taken.value, meter } } : { what: 'silent', code: safe.error.code }
}

const failedWith = (code: string): Outcome => (isSilence(code) ? { what: 'silent', code } : { what: 'not-here', code, isFinal: false })

const isOutcome = (value: Read | Outcome): value is Outcome => 'what' in value

/** Instants of samples that hold something; null: the meter gave none. */
const instantsOf = ({ samples }: Taken, calendar: Calendar): (number | null)[] =>
  samples.filter(({ raws }) => raws.some((raw) => raw !== null)).map(({ at }) => (at ? calendar.instantOf(at) : null))

/** The meter's own freeze. One that was off at midnight has lost a day, so that the others stand elsewhere in its list. */
const freeze = async (deps: SourceDeps, gap: DueRecord, context: FillContext): Promise<Outcome> => {
  const meter = deps.field.meter(gap.meter)
  if (!meter) return gone
  const { calendar } = deps
  const isDay = gap.kind === 'day-freeze'
  const present = isDay ? calendar.dayStart(deps.now()) : calendar.periodStart({ unit: 'month', count: 1 }, deps.now())
  let nth = 1 + (isDay ? calendar.daysBetween(gap.label, present) : calendar.monthsBetween(gap.label, present))
  const asked = new Set<number>()
  const end = isDay ? calendar.dayAfter(gap.label) : Number.POSITIVE_INFINITY
  while (asked.size < MOST_PLACES && nth >= 1 && !asked.has(nth)) {
    asked.add(nth)
    const done = await read(deps, meter, { kind: isDay ? 'day-freeze' : 'month-freeze', nth }, context)
    if (isOutcome(done)) return done
    if (!done.ok) return failedWith(done.error.code)
    const [instant] = instantsOf(done.value.taken, calendar)
    if (instant === undefined) return { what: 'not-here', code: 'GAP_NOT_KEPT', isFinal: false }
    // Months freeze on a day of the meter's own, and some meters stamp nothing: their place in the list has to do.
    if (!isDay || instant === null) return { what: 'filled', instant: gap.label, note: `number ${nth} back` }
    if (instant >= gap.label && instant < end) return { what: 'filled', instant, note: `number ${nth} back` }
    nth += instant < gap.label ? -1 : 1
  }
  return { what: 'not-here', code: 'FREEZE_NOT_YET', isFinal: false }
}

/** The register of midnight as a point of the load record. */
const midnight = async (deps: SourceDeps, gap: DueRecord, context: FillContext): Promise<Outcome> => {
  const meter = deps.field.meter(gap.meter)
  if (!meter) return gone
  const at = deps.calendar.meterTime(gap.label)
  const done = await read(deps, meter, { kind: 'curve', since: at, until: at }, context)
  if (isOutcome(done)) return done
  if (!done.ok) return failedWith(done.error.code)
  const { taken } = done.value
  deps.points(
    gap.meter,
    instantsOf(taken, deps.calendar).filter((instant) => instant !== null),
  )
  const column = taken.plan.values.findIndex(({ obis }) => obis === '1-0:1.8.0')
  const isThere = taken.samples.some(
    ({ at: stamp, raws }) => stamp !== null && deps.calendar.instantOf(stamp) === gap.label && (raws[column] ?? null) !== null,
  )
  return isThere ? { what: 'filled', instant: gap.label } : { what: 'not-here', code: 'GAP_NOT_KEPT', isFinal: column < 0 }
}

/** Only the stretches of a day's curve that are missing. */
const stretches = async (deps: SourceDeps, gap: DueRecord, context: FillContext): Promise<Outcome> => {
  const meter = deps.field.meter(gap.meter)
  if (!meter) return gone
  const stored = await storedPoints(deps, gap)
  if (stored.length > 0) deps.points(gap.meter, stored)
  const known = new Set(stored)
  const until = Math.min(deps.now(), gap.label + (gap.expected - 1) * gap.stepMs)
  const missing = missingOf(gap, until, known)
  for (const { from, to } of missing.slice(0, MOST_STRETCHES)) {
    const since = deps.calendar.meterTime(from)
    const done = await read(deps, meter, { kind: 'curve', since, until: deps.calendar.meterTime(to) }, context)
    if (isOutcome(done)) return done
    if (!done.ok) return failedWith(done.error.code)
    const instants = instantsOf(done.value.taken, deps.calendar).filter((instant) => instant !== null)
    deps.points(gap.meter, instants)
    for (const instant of instants) known.add(instant)
  }
  const isWhole = until === gap.label + (gap.expected - 1) * gap.stepMs && missingOf(gap, until, known).length === 0
  return isWhole ? { what: 'filled', instant: gap.label } : { what: 'partly', code: 'GAP_POINTS_MISSING' }
}

const missingOf = (gap: DueRecord, until: number, known: ReadonlySet<number>): Stretch[] =>
  missingStretches(gap.bits ?? new Uint8Array(), gap.label, gap.stepMs, gap.expected, until).flatMap(({ from, to }) => {
    const parts: { from: number; to: number }[] = []
    for (let at = from; at <= to; at += gap.stepMs) {
      if (known.has(at)) continue
      const last = parts.at(-1)
      if (last && last.to === at - gap.stepMs) last.to = at
      else parts.push({ from: at, to: at })
    }
    return parts
  })

/** Points that are in the store and were not written down, because the gateway ended in between. */
const storedPoints = async ({ store, calendar }: SourceDeps, gap: DueRecord): Promise<number[]> => {
  const instants: number[] = []
  for (const measurement of ['register', 'instant'] as const) {
    const found = await store.range({
      ...{ measurement, tags: { meter: gap.meter }, source: 'curve' as const },
      ...{ from: gap.label, to: calendar.dayAfter(gap.label), limit: STORED_POINTS },
    })
    if (found.ok) instants.push(...found.value.readings.map(({ measuredAt }) => measuredAt))
  }
  return instants
}

/** What the meter shows now, stored as what it is. */
const laterLive = async (deps: SourceDeps, gap: DueRecord, context: FillContext): Promise<Outcome> => {
  const meter = deps.field.meter(gap.meter)
  if (!meter) return gone
  const done = await read(deps, meter, { kind: 'current' }, context)
  if (isOutcome(done)) return done
  if (!done.ok) return failedWith(done.error.code)
  // A value that a concentrator keeps is as old as it says.
  const [instant] = instantsOf(done.value.taken, deps.calendar)
  return { what: 'filled', instant: instant ?? done.value.taken.receivedAt }
}
