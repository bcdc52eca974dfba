import { ok, type Result } from '../core/index.ts'
import { fail } from './errors.ts'
import { countPoints, emptyBits, hasHole, pointsOfDay, regrid, stepShown, withPoints } from './points.ts'
import { isSilence, nextTry } from './policy.ts'
import type { CollectionEvent, CollectionSettings, Days, DueRecord, Fill, GapAct } from './types.ts'

/** What the rules of a due reading need to know of the world. */
export interface Rules {
  readonly settings: CollectionSettings
  readonly days: Days
  /** 0 to 1. */
  readonly random: () => number
}

/** A record as it becomes, and what its history says of it. Null where nothing changes. */
export interface Step {
  readonly record: DueRecord
  readonly act: GapAct | null
}

type Of<What extends CollectionEvent['what']> = Extract<CollectionEvent, { what: What }>

/** A reading that has become due. */
export const newRecord = ({ kind, label, at, meter, point, line, area, stepMs }: Of<'due'>, { days }: Rules): Omit<DueRecord, 'id'> => {
  const points = kind === 'curve' ? pointsOfDay(days.dayAfter(label) - label, stepMs) : 0
  return {
    ...{
      kind,
      label,
      dueAt: at,
      meter,
      point,
      line,
      area,
      state: 'open',
      fill: null,
      reason: null,
      tries: 0,
      rereads: 0,
      firstTry: false,
      nextTry: null,
    },
    ...{ spentMs: 0, missedAt: null, filledAt: null, instant: null, by: null, stepMs, expected: points, got: 0 },
    bits: kind === 'curve' ? emptyBits(points) : null,
  }
}

/** Filled for good. An estimate gives way to whatever was read. */
export const isSettled = ({ state, fill }: Pick<DueRecord, 'state' | 'fill'>): boolean => state === 'filled' && fill !== 'estimate'

/** It is there. Late data fills what was given up or waived; what is filled stays as it was filled first. */
export const read = (record: DueRecord, { at, tries, firstTry, fill, instant }: Of<'read'>): Step | null => {
  if (isSettled(record)) return null
  return filled(
    { ...record, tries: Math.max(tries, record.tries), firstTry: firstTry && record.missedAt === null },
    at,
    fill,
    instant,
    null,
    null,
  )
}

/** The first pass is over without it. */
export const missed = (record: DueRecord, { at, tries, code }: Of<'missed'>, rules: Rules): Step | null => {
  if (record.state !== 'open') return null
  return scheduled({ ...record, tries: Math.max(tries, record.tries), reason: code, missedAt: at }, at, rules, {
    at,
    what: 'missed',
    who: null,
    note: code,
  })
}

export const failed = (record: DueRecord, { tries, code }: Of<'failed'>): Step | null =>
  record.state === 'open' && record.fill === null
    ? { record: { ...record, tries: Math.max(tries, record.tries), reason: code }, act: null }
    : null

/** A re-read brought nothing. */
export const tried = (record: DueRecord, { at, code, spentMs, nextTry: next, counts, note }: Of<'tried'>): Step | null => {
  if (record.state !== 'scheduled') return null
  const after = {
    ...record,
    tries: record.tries + (counts ? 1 : 0),
    rereads: record.rereads + (counts ? 1 : 0),
    spentMs: record.spentMs + spentMs,
    reason: code,
  }
  if (next === null)
    return { record: { ...after, state: 'permanent', nextTry: null }, act: { at, what: 'permanent', who: null, note: note ?? code } }
  const act: GapAct | null = counts ? { at, what: 'tried', who: null, note: note ?? code } : null
  return { record: { ...after, nextTry: next }, act }
}

export const filled = (record: DueRecord, at: number, fill: Fill, instant: number, by: string | null, note: string | null): Step | null => {
  if (isSettled(record) || (fill === 'estimate' && record.fill === 'estimate')) return null
  const wasGap = record.missedAt !== null
  return {
    record: { ...record, state: 'filled', fill, instant, filledAt: at, by, nextTry: null },
    act: wasGap || by !== null ? { at, what: 'filled', who: by, note: note === null ? fill : `${fill}: ${note}` } : null,
  }
}

/** A re-read brought it. */
export const refilled = (record: DueRecord, { at, fill, instant, spentMs, by, note }: Of<'filled'>): Step | null =>
  filled(
    { ...record, tries: record.tries + 1, rereads: record.rereads + 1, spentMs: record.spentMs + spentMs },
    ...([at, fill, instant, by, note] as const),
  )

/** The meter answers again. */
export const woken = (record: DueRecord, at: number): DueRecord | null =>
  record.state === 'scheduled' && isSilence(record.reason) && (record.nextTry ?? 0) > at ? { ...record, nextTry: at } : null

/** Points of its day are safe. A hole behind the newest point makes it a gap at once. */
export const points = (record: DueRecord, at: number, instants: readonly number[], rules: Rules): Step | null => {
  if (record.kind !== 'curve' || record.bits === null) return null
  const { label } = record
  const end = rules.days.dayAfter(label)
  const mine = instants.filter((instant) => instant >= label && instant < end)
  if (mine.length === 0) return null
  const stepMs = stepShown(mine, record.stepMs)
  const expected = pointsOfDay(end - label, stepMs)
  const grid =
    stepMs === record.stepMs
      ? record.bits
      : regrid(record.bits, { stepMs: record.stepMs, points: record.expected }, { stepMs, points: expected })
  const bits = withPoints(grid, label, stepMs, expected, mine)
  const after = { ...record, stepMs, expected, bits, got: countPoints(bits, expected) }
  if (after.got === expected)
    return record.state === 'filled' ? { record: after, act: null } : filled(after, at, 'curve', label, null, null)
  // A finer grid has shown that points are missing after all.
  const open: DueRecord = record.state === 'filled' ? { ...after, state: 'open', fill: null, filledAt: null, instant: null } : after
  if (open.state === 'open' && hasHole(bits, expected))
    return scheduled({ ...open, reason: 'GAP_POINTS_MISSING', missedAt: at }, at, rules, {
      at,
      what: 'missed',
      who: null,
      note: 'GAP_POINTS_MISSING',
    })
  return { record: open, act: null }
}

/** Nobody told what became of it. @param why  `GATEWAY_DOWN`, or `READ_OVERTAKEN`: it still waits on its line, or the meter left its task */
export const overdue = (record: DueRecord, at: number, why: string, rules: Rules): Step | null => {
  if (record.state !== 'open') return null
  const code = record.reason ?? (record.kind === 'curve' && record.got > 0 ? 'GAP_POINTS_MISSING' : why)
  const act: GapAct = { at, what: 'missed', who: null, note: code }
  const late = { ...record, reason: code, missedAt: record.missedAt ?? at }
  // There may have been no chance at all until now: the first one is at once, as long as its days last.
  const next = nextTry(late, at, rules.days, rules.settings, 0)
  if (next === null) return { record: { ...late, state: 'permanent', nextTry: null }, act: { ...act, what: 'permanent' } }
  return {
    record: { ...late, state: 'scheduled', nextTry: at + Math.floor(rules.random() * Math.min(rules.settings.jitterMs, 60_000)) },
    act,
  }
}

/** A try so near stays as it is: its window has begun, somebody asked for it, or its line was down. */
const NEAR_MS = 20 * 60_000

/** Windows, days or tries have changed. What is `permanent` stays so. */
export const replanned = (record: DueRecord, at: number, { settings, days, random }: Rules): Step | null => {
  if (record.state !== 'scheduled' || (record.nextTry ?? 0) - at <= NEAR_MS) return null
  const next = nextTry(record, at, days, settings, random())
  if (next !== null) return { record: { ...record, nextTry: next }, act: null }
  const act: GapAct = { at, what: 'permanent', who: null, note: 'its days or tries are used up since the settings were changed' }
  return { record: { ...record, state: 'permanent', nextTry: null }, act }
}

const scheduled = (record: DueRecord, at: number, { settings, days, random }: Rules, act: GapAct): Step => {
  const next = nextTry(record, at, days, settings, random())
  return next === null
    ? { record: { ...record, state: 'permanent', nextTry: null }, act: { ...act, what: 'permanent' } }
    : { record: { ...record, state: 'scheduled', nextTry: next }, act }
}

/** What a person may do with a gap besides entering a value. */
export type PersonAct = 'retry' | 'waive' | 'reopen'

const FROM: Readonly<Record<PersonAct, readonly DueRecord['state'][]>> = {
  retry: ['open', 'scheduled', 'permanent'],
  waive: ['open', 'scheduled', 'permanent'],
  reopen: ['waived', 'permanent'],
}
const WHAT = { retry: 'retry', waive: 'waived', reopen: 'reopened' } as const

/** @errors GAP_STATE */
export const byPerson = (record: DueRecord, act: PersonAct, who: string, why: string, at: number): Result<Step> => {
  const isEstimate = record.state === 'filled' && !isSettled(record)
  if (!FROM[act].includes(record.state) && !(isEstimate && act === 'reopen'))
    return fail('GAP_STATE', `gap ${record.id} of meter ${record.meter} is ${record.state}: ${act} is for ${FROM[act].join(', ')}`, {
      gap: record.id,
      state: record.state,
    })
  const note: GapAct = { at, what: WHAT[act], who, note: why }
  const missedAt = record.missedAt ?? at
  return ok(
    act === 'waive'
      ? { record: { ...record, state: 'waived', nextTry: null, missedAt, by: who }, act: note }
      : {
          record: { ...record, state: 'scheduled', nextTry: at, missedAt, by: null, fill: null, filledAt: null, instant: null },
          act: note,
        },
  )
}
