import { isOverdue, rankOf } from '../anomaly/index.ts'
import type { CaseLine, StoredCase } from './case-file.ts'
import type { News } from './notify-states.ts'

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
 * @param told     oldest first; none when there is only to say that some were given up
 * @param givenUp  changes before that waited for too long, or were too many, and are told by this count alone
 */
export const messageOf = (gateway: string, delivery: string, told: readonly Told[], now: number, givenUp = 0): string => {
  const counts: Record<string, number> = {}
  for (const { line, stored } of told) {
    const name = `${line.what} ${stored.one.kind} ${stored.one.severity}`
    counts[name] = (counts[name] ?? 0) + 1
  }
  const worst = told.length <= MOST_TOLD ? told : [...told].sort(byWeight).slice(0, MOST_TOLD)
  return JSON.stringify({
    ...{ version: 1, type: 'cases.changed', gateway, delivery, at: iso(now), test: false, count: told.length, dropped: givenUp },
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
  JSON.stringify({ version: 1, type: 'test', gateway, delivery, at: iso(now), test: true, count: 0, dropped: 0, counts: [], events: [] })

/** A message about something that is told as it stands. */
export const stateMessage = (gateway: string, delivery: string, { type, members }: Pick<News, 'type' | 'members'>, now: number): string =>
  JSON.stringify({ version: 1, type, gateway, delivery, at: iso(now), test: false, ...members })

/**
 * A message for a broker, signed. MQTT 3.1.1 has no place beside the payload: the message stands in it as text, so that what is signed are its very
 * bytes.
 */
export const signedMessage = (delivery: string, signature: string, body: string): string => JSON.stringify({ delivery, signature, body })

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
