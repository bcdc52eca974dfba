import type { PointState } from './kinds.ts'
import { STATES } from './kinds.ts'
import { pointState } from './period.ts'
import type { Problems } from './problems.ts'
import { integer, type Sql, text } from './sql.ts'
import { type Body, bodyOf } from './timeline.ts'
import { CHECK_ITEMS, type CheckItem, type ChecklistItem, type Evidence, type Patch } from './types.ts'

/** What the gateway knows of a point's items; none it knows nothing of. */
export type EvidenceOf = (point: string) => Readonly<Partial<Record<CheckItem, Evidence>>>

/** What a person must say, whatever the gateway sees: a wrong multiplier looks like a right one. */
const BY_PERSON: ReadonlySet<CheckItem> = new Set<CheckItem>(['multiplier'])

/** The check-list of a point. */
export const checklistOf = (sql: Sql, point: string, evidence: Readonly<Partial<Record<CheckItem, Evidence>>>): ChecklistItem[] => {
  const said = new Map(
    sql
      .all('SELECT * FROM checklist WHERE point = ?', point)
      .map((row) => [
        text(row, 'item'),
        { good: integer(row, 'good') === 1, who: text(row, 'who'), at: integer(row, 'at'), note: text(row, 'note') },
      ]),
  )
  return CHECK_ITEMS.map((item): ChecklistItem => {
    const known = evidence[item] ?? { good: null, text: 'the gateway cannot tell' }
    const confirmed = said.get(item) ?? null
    const done = confirmed?.good ?? (known.good === true && !BY_PERSON.has(item))
    const missing = done
      ? null
      : confirmed
        ? `${confirmed.who} found it wrong${confirmed.note ? `: ${confirmed.note}` : ''}`
        : BY_PERSON.has(item)
          ? `a person must confirm it; ${known.text}`
          : `${known.text}; or a person confirms it`
    return { item, evidence: known, confirmed, done, missing }
  })
}

/** What a step from one state to another means, checked. The meter of an archived point is free. */
export const stepPatches = (
  sql: Sql,
  point: string,
  to: PointState,
  from: number,
  checklist: readonly ChecklistItem[],
  problems: Problems,
): Patch[] => {
  const row = sql.get("SELECT body FROM entity WHERE kind = 'point' AND id = ?", point)
  const place = `point ${point}`
  if (!row) {
    problems.add('LEDGER_STATE', place, `there is no point ${point}`)
    return []
  }
  const body: Body = bodyOf(row.body)
  const now = pointState(body)
  const [here, there] = [STATES.indexOf(now), STATES.indexOf(to)]
  if (here === there) {
    problems.add('LEDGER_STATE', place, `point ${point} is ${now} already`)
    return []
  }
  if (to !== 'archived' && there > here + 1)
    problems.add('LEDGER_STATE', place, `point ${point} is ${now}; the next step is ${STATES[here + 1]}, not ${to}`)
  if (to === 'in-service')
    for (const { item, missing } of checklist) if (missing !== null) problems.add('LEDGER_STATE', place, `${item}: ${missing}`)
  const freed =
    to === 'archived'
      ? sql
          .all('SELECT DISTINCT meter FROM period WHERE point = ? AND (valid_to IS NULL OR valid_to > ?)', point, from)
          .map((meter): Patch => ({ kind: 'meter', id: text(meter, 'meter'), from, set: { point: null }, place }))
      : []
  return [{ kind: 'point', id: point, from, set: { state: to }, place }, ...freed]
}

export const writeCheck = (sql: Sql, point: string, item: CheckItem, good: boolean, who: string, at: number, note: string): void =>
  sql.run('INSERT OR REPLACE INTO checklist VALUES (?, ?, ?, ?, ?, ?)', point, item, Number(good), who, at, note)
