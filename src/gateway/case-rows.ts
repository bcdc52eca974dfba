import { CASE_EVENTS, type Case, type CaseEvent, rankOf, type Severity, type Words } from '../anomaly/index.ts'

/** A case as it is kept: with the number people call it by, and one that grows with every change of it. */
export interface StoredCase {
  readonly num: number
  readonly version: number
  readonly zone: string | null
  /** When it was first written, and last changed; milliseconds. */
  readonly raisedAt: number
  readonly changedAt: number
  readonly one: Case
}

/** One line of the history of cases: never changed, never taken out. */
export interface CaseLine {
  /** Strictly rising over all cases. */
  readonly seq: number
  readonly num: number
  readonly at: number
  readonly what: CaseEvent
  /** Name of the token; `gridtally` for what a verdict brought. */
  readonly who: string
  readonly why: Words
}

/** Something that somebody still has to be told. */
export interface Notice {
  readonly id: number
  readonly seq: number
  readonly at: number
  readonly isUrgent: boolean
}

export const CASE_SORTS = ['newest', 'severity', 'kwh', 'score', 'due'] as const
export type CaseSort = (typeof CASE_SORTS)[number]

export interface CaseFilter {
  readonly kind?: string
  /** A state, or `unsettled`. */
  readonly state?: string
  /** This severity and above. */
  readonly severity?: Severity
  readonly area?: string
  readonly zone?: string
  readonly target?: string
  /** Empty: nobody's. */
  readonly owner?: string
  readonly overdueAt?: number
  /** Changed at or after. */
  readonly since?: number
  readonly text?: string
  /** Those that belong to this one; absent: only those that belong to none, unless `all`. */
  readonly parent?: string
  readonly all?: boolean
}

export type Bound = string | number | null
export type Row = Readonly<Record<string, unknown>>
export const isRow = (row: unknown): row is Row => typeof row === 'object' && row !== null

/** Who writes what a verdict brings, and settles what nobody has to look at. */
export const BY_VERDICT = 'gridtally'
export const UNSETTLED = "'open', 'acknowledged', 'in-work'"

export const lineOf = ({ seq, num, at, what, who, zh, en }: Row): CaseLine => ({
  ...{ seq: Number(seq), num: Number(num), at: Number(at), who: String(who), why: { zh: String(zh), en: String(en) } },
  what: eventOf(String(what)),
})

const eventOf = (text: string): CaseEvent => {
  const found = CASE_EVENTS.find((word) => word === text)
  if (found === undefined) throw new Error(`cases.db holds the word "${text}": expected one of ${CASE_EVENTS.join(', ')}`)
  return found
}

/** What a search looks through. */
export const wordsOf = ({ id, kind, target, area, cause, evidence: { why, action }, settled, work }: Case): string =>
  [id, kind, target, area, cause, why.zh, why.en, action.zh, action.en, settled?.cause, settled?.text, work.owner, work.workOrder]
    .filter(Boolean)
    .join('\n')
    .toLowerCase()

export const whereOf = (filter: CaseFilter): { readonly where: string; readonly values: readonly Bound[] } => {
  const conditions: string[] = []
  const values: Bound[] = []
  const also = (condition: string, value: Bound | undefined) => {
    if (value === undefined) return
    conditions.push(condition)
    if (condition.includes('?')) values.push(value)
  }
  also('kind = ?', filter.kind)
  if (filter.state === 'unsettled') also(`state IN (${UNSETTLED})`, '')
  else also('state = ?', filter.state)
  also('severity >= ?', filter.severity === undefined ? undefined : rankOf(filter.severity))
  also('area = ?', filter.area)
  also('zone = ?', filter.zone)
  also('target = ?', filter.target)
  if (filter.owner === '') also('owner IS NULL', '')
  else also('owner = ?', filter.owner)
  if (filter.overdueAt !== undefined) also(`state IN (${UNSETTLED}) AND due_at <= ?`, filter.overdueAt)
  also('changed_at >= ?', filter.since)
  also("words LIKE ? ESCAPE '\\'", filter.text === undefined ? undefined : `%${filter.text.toLowerCase().replace(/[\\%_]/g, '\\$&')}%`)
  also('belongs = ?', filter.parent)
  if (filter.parent === undefined && filter.all !== true) also('belongs IS NULL', '')
  return { where: conditions.join(' AND ') || '1', values }
}
