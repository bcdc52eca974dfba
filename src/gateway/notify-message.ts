import { isOverdue, rankOf } from '../anomaly/index.ts'
import type { CaseLine, StoredCase } from './case-file.ts'

/** One change of a case, to be told. */
export interface Told {
  readonly line: CaseLine
  readonly stored: StoredCase
}

/** Changes that one message spells out; of more it says how many. */
const MOST_TOLD = 20

/**
 * A message about changes of cases. Many are one message with counts, and the worst of them in full.
 *
 * @param told  oldest first, at least one
 */
export const messageOf = (gateway: string, delivery: string, told: readonly Told[], now: number): string => {
  const counts: Record<string, number> = {}
  for (const { line, stored } of told) {
    const name = `${line.what} ${stored.one.kind} ${stored.one.severity}`
    counts[name] = (counts[name] ?? 0) + 1
  }
  const worst = told.length <= MOST_TOLD ? told : [...told].sort(byWeight).slice(0, MOST_TOLD)
  return JSON.stringify({
    ...{ version: 1, gateway, delivery, at: iso(now), test: false, count: told.length },
    counts: Object.entries(counts)
      .sort(([, a], [, b]) => b - a)
      .map(([name, count]) => {
        const [what, kind, severity] = name.split(' ')
        return { what, kind, severity, count }
      }),
    events: worst.map(({ line, stored }) => ({
      ...{ seq: line.seq, at: iso(line.at), what: line.what, who: line.who, why: line.why },
      case: summaryOf(stored, now),
    })),
  })
}

/** A message that says that it is a test. */
export const testMessage = (gateway: string, delivery: string, now: number): string =>
  JSON.stringify({ version: 1, gateway, delivery, at: iso(now), test: true, count: 0, counts: [], events: [] })

const byWeight = (a: Told, b: Told): number =>
  rankOf(b.stored.one.severity) - rankOf(a.stored.one.severity) ||
  Math.abs(b.stored.one.kwh?.value ?? 0) - Math.abs(a.stored.one.kwh?.value ?? 0) ||
  a.line.seq - b.line.seq

const summaryOf = ({ num, version, zone, one }: StoredCase, now: number) => {
  const { kind, target, area, level, state, severity, detectedAt, from, to, score, kwh, cause, evidence, members, work } = one
  return {
    ...{ id: num, version, url: `/api/v1/cases/${num}`, kind, target, area, zone, level, state, severity, detectedAt, score, cause },
    ...{ from: isoOrNull(from), to: isoOrNull(to), kwh, members: members.length, why: evidence.why, action: evidence.action },
    ...{ owner: work.owner, dueAt: isoOrNull(work.dueAt), overdue: isOverdue(one, now), workOrder: work.workOrder },
  }
}

const iso = (time: number): string => new Date(time).toISOString()
const isoOrNull = (time: number | null): string | null => (time === null || !Number.isFinite(time) ? null : iso(time))
