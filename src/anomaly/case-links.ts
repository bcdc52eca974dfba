import { ALARM_SCORE, type Case, isUnsettled, type JudgedDay, type Taken } from './case.ts'
import { BY_ITSELF, evidenceOf } from './case-evidence.ts'
import type { FindingKind, Words } from './finding.ts'

/** What a fault shows as, where the cause stands: anywhere in the area, or at the same target. */
interface Shows {
  readonly where: 'area' | 'target'
  readonly causes: ReadonlySet<FindingKind>
}

const shows = (where: Shows['where'], ...causes: readonly FindingKind[]): Shows => ({ where, causes: new Set(causes) })

/**
 * Findings that are what another one looks like from elsewhere. A loss of the area is energy that some meter does not record; a
 * deviation of a key account is never one: somebody owes an analysis of it.
 */
const CONSEQUENCES: Readonly<Partial<Record<FindingKind, Shows>>> = {
  high_loss: shows(
    'area',
    ...(['theft', 'wrong_multiplier', 'wrong_area', 'unmetered_load', 'phase_loss', 'register_stopped', 'meter_exchange'] as const),
    ...(['register_backwards', 'clock_drift', 'unregistered_meter'] as const),
  ),
  loss_change: shows(
    'area',
    ...(['theft', 'wrong_multiplier', 'wrong_area', 'unmetered_load', 'phase_loss', 'register_stopped', 'meter_exchange'] as const),
    ...(['register_backwards', 'register_jumped', 'clock_drift', 'unregistered_meter', 'unregistered_pv'] as const),
  ),
  negative_loss: shows(
    'area',
    ...(['wrong_multiplier', 'wrong_area', 'unregistered_pv', 'phase_loss', 'clock_drift', 'register_jumped', 'meter_exchange'] as const),
  ),
  not_computable: shows('area', 'comm_fault', 'outage', 'meter_exchange', 'register_stopped'),
  voltage_unbalance: shows('target', 'phase_loss'),
  current_unbalance: shows('target', 'phase_loss', 'theft'),
  voltage_out: shows('target', 'phase_loss'),
  reverse_energy: shows('target', 'unregistered_pv'),
  energy_disagrees: shows('target', 'phase_loss', 'theft', 'stuck_values', 'register_stopped', 'wrong_multiplier'),
  register_backwards: shows('target', 'meter_exchange'),
  register_jumped: shows('target', 'meter_exchange'),
  meter_event: shows('target', 'theft', 'meter_exchange', 'phase_loss'),
}

/** Causes must account for so much of the energy: less, and something else is there as well. More than a half: no other is as large. */
const MOST_OF_IT = 0.5
/** Onsets are judged to the day, and of two rules not to the same one. */
const ONSET_MS = 5 * 86_400_000

/** Ties consequences to their causes, and unties those whose cause is over while they go on. One verdict at a time, so that it repeats. */
export const withLinks = ({ book, changes }: Taken, day: JudgedDay): Taken => {
  const cases = new Map(book.cases)
  const said = [...changes]
  const causes = [...cases.values()].filter(
    (one) => !CONSEQUENCES[one.kind] && one.members.length === 0 && isUnsettled(one.state) && one.score >= ALARM_SCORE,
  )
  for (const one of book.cases.values()) {
    const rule = CONSEQUENCES[one.kind]
    if (!rule || !isUnsettled(one.state) || one.belongs?.as === 'member') continue
    const held = one.belongs && cases.get(one.belongs.to)
    if (held && stillHolds(held, one, day)) continue
    if (held && one.to !== null && held.state !== 'withdrawn') {
      // The cause is settled and so is what it showed as.
      if (isUnsettled(held.state)) continue
      const why = { zh: `随案件 ${held.id} 结束`, en: `over with case ${held.id}` }
      const settled = { at: day.end, who: BY_ITSELF, cause: held.kind, text: why.en, analysis: null, evidence: evidenceOf(one.evidence) }
      cases.set(one.id, { ...one, state: 'closed', settled })
      said.push({ id: one.id, what: 'closed', why })
      continue
    }
    const cause = causeOf(one, rule, causes)
    if (cause && cause.id !== one.belongs?.to) {
      cases.set(one.id, { ...one, belongs: { to: cause.id, as: 'consequence' } })
      said.push({ id: one.id, what: 'joined', why: { zh: `由案件 ${cause.id} 引起`, en: `comes of case ${cause.id}` } })
    } else if (!cause && one.belongs) {
      cases.set(one.id, { ...one, belongs: null })
      said.push({ id: one.id, what: 'left', why: LEFT })
    }
  }
  return said.length === changes.length ? { book, changes } : { book: { ...book, cases }, changes: said }
}

const LEFT: Words = { zh: '原因已消失，现象仍在', en: 'its cause is over and this goes on' }

/** A cause that goes on, or one that is over while nobody can tell yet whether what it showed as is over too. */
const stillHolds = (cause: Case, one: Case, { start, day }: JudgedDay): boolean => {
  if (one.to === null && one.grown.at(-1)?.day !== day) return cause.state !== 'withdrawn'
  return isUnsettled(cause.state) && (cause.to === null || one.to !== null || cause.to >= start)
}

/** The largest of the causes that together account for it. */
const causeOf = (one: Case, { where, causes }: Shows, all: readonly Case[]): Case | null => {
  const fitting = all.filter(
    (cause) =>
      causes.has(cause.kind) &&
      (where === 'area' || cause.target === one.target) &&
      cause.from <= one.from + ONSET_MS &&
      (cause.to === null || cause.to >= (one.to ?? one.evidence.from)) &&
      !(one.to === null && cause.to !== null),
  )
  const known = fitting.reduce((sum, { kwh }) => sum + Math.abs(kwh?.value ?? 0), 0)
  if (one.kwh && known > 0 && known < MOST_OF_IT * Math.abs(one.kwh.value)) return null
  return fitting.reduce<Case | null>((best, cause) => (best && size(best) >= size(cause) ? best : cause), null)
}

const size = ({ kwh, score }: Case): number => Math.abs(kwh?.value ?? 0) + score / 1000
