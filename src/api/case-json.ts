import type { Estimate, Finding, SeriesRef } from '../anomaly/index.ts'
import type { CaseDetailView, CaseEvidenceView, CaseLineView, CaseOutcomesView, CaseView, NotifyTargetView } from './case-deps.ts'
import { numberCell, textCell } from './csv.ts'

const iso = (time: number): string => new Date(time).toISOString()
const isoOrNull = (time: number | null): string | null => (time === null || !Number.isFinite(time) ? null : iso(time))
const estimate = (kwh: Estimate | null) => kwh && { value: rounded(kwh.value), low: rounded(kwh.low), high: rounded(kwh.high) }
/** An estimate is not known to a watt-hour. */
const rounded = (value: number): number => Math.round(value * 1000) / 1000

export const caseJson = ({ id, version, zone, raisedAt, changedAt, isOverdue, parent, one }: CaseView) => {
  const { key, kind, target, area, level, state, severity, detectedAt, from, to, score, peak, kwh, cause, evidence, belongs, work } = one
  const { owner, dueAt, workOrder, silentUntil } = work
  const { why, action, rule, trueArea = null, truePhase = null, suggestedMultiplier = null } = evidence
  const { settled, withdrawn, members } = one
  return {
    ...{ id, key, occurrence: one.occurrence, kind, target, area, zone, level, state, severity, detectedAt, score, peak, cause },
    ...{ from: isoOrNull(from), to: isoOrNull(to), kwh: estimate(kwh), trueArea, truePhase, suggestedMultiplier, why, action },
    ...{ rule, ruleVersion: evidence.version, owner, dueAt: isoOrNull(dueAt), overdue: isOverdue, workOrder },
    ...{ silentUntil: isoOrNull(silentUntil), parent, belongs: belongs?.as ?? null, members: members.length, withdrawn },
    settled: settled && {
      at: iso(settled.at),
      who: settled.who,
      cause: settled.cause,
      text: settled.text,
      analysis: settled.analysis,
      outcome: settled.outcome ?? null,
    },
    ...{ raisedAt: iso(raisedAt), changedAt: iso(changedAt), version },
  }
}

export const lineJson = ({ seq, at, what, who, why }: CaseLineView) => ({ seq, at: iso(at), what, who, why })

export const caseDetailJson = ({ history, ...view }: CaseDetailView) => ({ ...caseJson(view), history: history.map(lineJson) })

const findingJson = ({
  level,
  rule,
  version,
  score,
  severity,
  from,
  to,
  kwh,
  cause,
  numbers,
  thresholds,
  series,
  ruledOut,
  why,
}: Finding) => ({
  ...{ rule, ruleVersion: version, score, severity, from: isoOrNull(from), to: isoOrNull(to), kwh: estimate(kwh), cause: cause ?? null },
  ...{ numbers, thresholds, ruledOut: [...ruledOut], why },
  series: series.map((one) => ({
    ...one,
    fields: [...one.fields],
    from: isoOrNull(one.from),
    to: isoOrNull(one.to),
    url: urlOf(one, level),
  })),
})

export const evidenceJson = ({ id, raised, newest, grown }: CaseEvidenceView) => ({
  case: id,
  newest: findingJson(newest),
  raised: findingJson(raised),
  grown: grown.map(({ day, score, kwh }) => ({ day, score, kwh: kwh === null ? null : rounded(kwh) })),
})

const QUARTERS_MS = 31 * 86_400_000
/** Of a meter without a metering point: its number among those that are unregistered follows. */
const UNREGISTERED = 'unregistered/'
const CODE = /^(\d+-\d+:)?\d+\.\d+\.\d+$/

/** Where this API answers with the readings behind a claim; null: nowhere. */
export const urlOf = ({ measurement, id, fields, from, to }: SeriesRef, level: Finding['level'] = 'meter'): string | null => {
  if (!Number.isFinite(from) || !Number.isFinite(to)) return null
  // A clock is the meter's, and what a meter without a point said is the line's: both have places of their own.
  if (measurement === 'comm' && fields.includes('clock_drift')) return `/api/v1/clocks/${encodeURIComponent(id)}`
  if (id.startsWith(UNREGISTERED)) return `/api/v1/unregistered/${encodeURIComponent(id.slice(UNREGISTERED.length))}`
  const name = encodeURIComponent(id)
  const codes = fields.filter((field) => CODE.test(field))
  const registers = codes.length > 0 && codes.length === fields.length ? { registers: codes.join(',') } : {}
  const path = {
    register: [`points/${name}/readings`, { measurement: 'register', ...registers }],
    instant: [`points/${name}/readings`, { measurement: 'instant', ...registers }],
    event: [`points/${name}/readings`, { measurement: 'event' }],
    interval: [`points/${name}/energy`, { period: to - from <= QUARTERS_MS ? '15m' : 'day' }],
    area: [`areas/${name}/loss`, { step: to - from <= QUARTERS_MS ? '15m' : 'day' }],
    // A modem is the concentrator's.
    comm: [`signal/${name}`, { level: level === 'backhaul' ? 'concentrator' : level }],
  } as const satisfies Record<SeriesRef['measurement'], readonly [string, Readonly<Record<string, string>>]>
  const [place, query] = path[measurement]
  return `/api/v1/${place}?${new URLSearchParams({ from: iso(from), to: iso(to), ...query })}`
}

/** Confirmed of those that somebody looked at; null: nobody looked at any. */
export const outcomesJson = (one: CaseOutcomesView) => {
  const seen = one.confirmed + one.otherCause + one.falseAlarm
  return { ...one, precision: seen === 0 ? null : rounded(one.confirmed / seen) }
}

export const notifyJson = ({ about, lastSentAt, ...plain }: NotifyTargetView) => ({
  ...plain,
  about: [...about],
  lastSentAt: isoOrNull(lastSentAt),
})

const COLUMNS = [
  ...([
    'id',
    'kind',
    'state',
    'severity',
    'target',
    'area',
    'zone',
    'detected',
    'from',
    'to',
    'score',
    'kwh',
    'kwhLow',
    'kwhHigh',
  ] as const),
  ...([
    'cause',
    'why',
    'action',
    'owner',
    'due',
    'overdue',
    'workOrder',
    'members',
    'settledBy',
    'settledCause',
    'settledText',
    'outcome',
  ] as const),
]

/** Byte order mark, so that a spreadsheet sees UTF-8, and the line of column names. */
export const caseCsvHead = `\uFEFF${COLUMNS.join(',')}\r\n`

/** One line of a case; what is not known is empty. @param language  of why and action */
export const caseCsvLine = (view: CaseView, language: 'zh' | 'en'): string => {
  const { id, kind, state, severity, target, area, zone, detectedAt, from, to, score, kwh, cause, why, action, ...rest } = caseJson(view)
  const number = (value: number | null | undefined) => (value === null || value === undefined ? '' : numberCell(String(value)))
  const text = (value: string | null | undefined) => (value === null || value === undefined ? '' : textCell(value))
  const { owner, dueAt, overdue, workOrder, members, settled } = rest
  return `${[
    ...[number(id), text(kind), text(state), text(severity), text(target), text(area), text(zone), detectedAt, from ?? '', to ?? ''],
    ...[number(Math.round(score * 1000) / 1000), number(kwh?.value), number(kwh?.low), number(kwh?.high)],
    ...[text(cause), text(why[language]), text(action[language]), text(owner), dueAt ?? '', overdue ? 'true' : 'false', text(workOrder)],
    ...[number(members), text(settled?.who), text(settled?.cause), text(settled?.text), text(settled?.outcome)],
  ].join(',')}\r\n`
}
