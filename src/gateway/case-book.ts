import {
  type Acted,
  actOn,
  type Case,
  type CaseAct,
  type CaseChange,
  type CaseEvent,
  caseFailure,
  floods,
  isUnsettled,
  type JudgedDay,
  rankOf,
  type Severity,
  type Standing,
  standingOf,
  takeVerdict,
  type Verdict,
  ZONE_FLOOD,
} from '../anomaly/index.ts'
import { many, ok, type Result } from '../core/index.ts'
import { BY_VERDICT, CaseFile, type StoredCase } from './case-file.ts'

/** Somebody who is told of cases. */
export interface CaseListener {
  readonly id: string
  readonly wants: (what: CaseEvent, stored: StoredCase) => boolean
  /** Told in quiet hours too. */
  readonly isUrgent: (stored: StoredCase) => boolean
}

export interface CaseBookDeps {
  readonly directory: string
  /** Zone of an area; null: nobody knows. */
  readonly zoneOf: (area: string) => string | null
  /** Until when a case of this severity has to be settled; null: whenever. */
  readonly dueAt: (severity: Severity, from: number) => number | null
  readonly listeners: () => readonly CaseListener[]
}

/** What was settled and has not changed for so long concerns no day that may be judged again: those of the longest window, twice. */
const SETTLED_MS = 150 * 86_400_000
/** Acts on a flood that are done to its members as well. */
const FOR_ALL: ReadonlySet<CaseAct['act']> = new Set(['acknowledge', 'start', 'explain', 'close', 'reopen', 'assign', 'silence'])

/** The case book of the running gateway: verdicts and people write it; every change stands in a history that is only added to. */
export class CaseBook {
  readonly file: CaseFile
  readonly #deps: CaseBookDeps
  readonly #watchers = new Set<() => void>()

  /** @throws  when a later version wrote it, or the disk refuses */
  constructor(deps: CaseBookDeps) {
    this.#deps = deps
    this.file = new CaseFile(deps.directory)
  }

  /** What detectors may remember of an area. */
  standing(area: string, now: number): readonly Standing[] {
    return standingOf(this.file.book(area, now - SETTLED_MS))
  }

  /** Takes a verdict in; the same one again changes nothing. It is safe when this returns. */
  take(verdict: Verdict, day: JudgedDay, now: number): void {
    const isChanged = this.file.transaction(() => {
      const keys = [...verdict.findings, ...verdict.withdrawn].map(({ key }) => key)
      const before = this.file.book(verdict.area, now - SETTLED_MS, keys)
      const { book, changes } = takeVerdict(before, verdict, day)
      const zone = this.#deps.zoneOf(verdict.area)
      const written = this.#write(before.cases, book.cases, changes, zone, now)
      const isMoved = JSON.stringify(book.suspicions) !== JSON.stringify(before.suspicions)
      if (isMoved || book.day !== before.day) this.file.saveArea(book.area, book.day, isMoved ? book.suspicions : null)
      const flooded = zone === null || changes.length === 0 ? [] : this.#zone(zone, changes, day, now)
      this.#tell([...written, ...flooded], now)
      return written.length + flooded.length > 0
    })
    if (isChanged) this.#wake()
  }

  /**
   * Does something with a case, and with the members of a flood.
   *
   * @param version  the version somebody saw; null: whatever it is now
   * @errors         CASE_UNKNOWN, CASE_CHANGED, CASE_STATE, CASE_CAUSE, CASE_ANALYSIS, CASE_VALUE
   */
  act(num: number, act: CaseAct, who: string, version: number | null, now: number): Result<StoredCase> {
    const done = this.file.transaction((): Result<StoredCase> => {
      const stored = this.file.get(num)
      if (!stored) return caseFailure('CASE_UNKNOWN', `there is no case ${num}`, { case: num })
      if (version !== null && version !== stored.version)
        return caseFailure('CASE_CHANGED', `case ${num} was changed since: it has version ${stored.version}, not ${version}`, { case: num })
      const acted = actOn(stored.one, act, { who, at: now })
      if (!acted.ok) return acted
      const written = [this.#acted(stored, acted.value, who, now)]
      for (const member of FOR_ALL.has(act.act) ? this.#members(stored) : []) {
        const also = actOn(member.one, act, { who, at: now })
        // A member somebody has settled by itself stays as it is.
        if (also.ok) written.push(this.#acted(member, also.value, who, now))
      }
      this.#tell(written, now)
      return ok(this.file.get(num) ?? stored)
    })
    if (done.ok) this.#wake()
    return done
  }

  /** Tells of every case whose deadline has passed. @returns how many */
  escalate(now: number): number {
    const late = this.file.toEscalate(now)
    if (late.length === 0) return 0
    this.file.transaction(() => {
      const written = late.map(({ one, zone, num }) => {
        const days = Math.floor((now - (one.work.dueAt ?? now)) / 86_400_000)
        const why = { zh: `已超期 ${days} 天`, en: days === 0 ? 'its deadline has passed' : `${many(days, 'day')} past its deadline` }
        this.file.put({ ...one, work: { ...one.work, escalatedAt: now } }, zone, now)
        return { num, what: 'escalated' as const, seq: this.file.say(num, now, 'escalated', BY_VERDICT, why) }
      })
      this.#tell(written, now)
    })
    this.#wake()
    return late.length
  }

  /** Calls back after every change that is safe. @returns how to stop it */
  watch(changed: () => void): () => void {
    this.#watchers.add(changed)
    return () => void this.#watchers.delete(changed)
  }

  close(): void {
    this.#watchers.clear()
    this.file.close()
  }

  /** Members of a flood, and of the floods in it. */
  #members({ one }: StoredCase): readonly StoredCase[] {
    return one.members.flatMap((id) => {
      const member = this.file.byId(id)
      return member ? [member, ...this.#members(member)] : []
    })
  }

  #wake(): void {
    for (const changed of this.#watchers) changed()
  }

  #acted({ num, zone, one }: StoredCase, { next, what, why }: Acted, who: string, now: number): Written {
    const again = what === 'reopened' ? { ...next, work: { ...next.work, dueAt: null, escalatedAt: null } } : next
    this.file.put(this.#withDeadline(one, again, now), zone, now)
    return { num, what, seq: this.file.say(num, now, what, who, { zh: why, en: why }) }
  }

  /** Writes every case that differs, and every change. */
  #write(
    before: ReadonlyMap<string, Case>,
    after: ReadonlyMap<string, Case>,
    changes: readonly CaseChange[],
    zone: string | null,
    now: number,
  ) {
    const again = new Set(changes.filter(({ what }) => what === 'reopened').map(({ id }) => id))
    for (const [id, one] of after) {
      const old = before.get(id)
      if (old === one) continue
      const next = again.has(id) ? { ...one, work: { ...one.work, dueAt: null, escalatedAt: null } } : one
      this.file.put(this.#withDeadline(old ?? null, next, now), zone, now)
    }
    return changes.map(({ id, what, why }): Written => {
      const num = this.file.numOf(id) ?? 0
      return { num, what, seq: this.file.say(num, now, what, BY_VERDICT, why) }
    })
  }

  /** What came may make a flood of the zone, or end one. */
  #zone(zone: string, changes: readonly CaseChange[], day: JudgedDay, now: number): readonly Written[] {
    const touched = changes.some(({ what, id }) => what === 'opened' || this.file.byId(id)?.one.belongs?.to.startsWith('flood/zone/'))
    if (!touched) return []
    const before = this.file.ofZone(zone, day.day)
    const flooded = floods(before, { level: 'zone', id: zone, atLeast: ZONE_FLOOD }, day)
    return this.#write(before, flooded.cases, flooded.changes, zone, now)
  }

  /** A deadline for what has none, and an earlier one for what has got worse. */
  #withDeadline(old: Case | null, one: Case, now: number): Case {
    if (!isUnsettled(one.state) || one.belongs) return one
    const isWorse = old !== null && rankOf(one.severity) > rankOf(old.severity)
    if (one.work.dueAt !== null && !isWorse) return one
    const dueAt = this.#deps.dueAt(one.severity, now)
    if (dueAt === null || (one.work.dueAt !== null && one.work.dueAt <= dueAt)) return one
    return { ...one, work: { ...one.work, dueAt } }
  }

  /** Keeps for each listener what it still has to be told. A member is told of by its flood, a consequence by its cause. */
  #tell(written: readonly Written[], now: number): void {
    const listeners = this.#deps.listeners()
    if (listeners.length === 0) return
    for (const { num, what, seq } of written) {
      const stored = this.file.get(num)
      if (!stored || stored.one.belongs || (stored.one.work.silentUntil ?? 0) > now) continue
      for (const { id, wants, isUrgent } of listeners) if (wants(what, stored)) this.file.addNotice(id, seq, now, isUrgent(stored))
    }
  }
}

interface Written {
  readonly num: number
  readonly what: CaseEvent
  readonly seq: number
}
