import { ok, type Result } from '../core/index.ts'
import {
  type Actor,
  type LeftOut,
  type LeftReason,
  RELEASE_POLICIES,
  RELEASE_STATES,
  type Release,
  type ReleaseDraft,
  type ReleaseScope,
} from './book-types.ts'
import { fail } from './errors.ts'
import type { Figures } from './figures.ts'
import { type Holds, holdReason } from './holds.ts'
import { type Decision, decide } from './judge.ts'
import { type BillingSql, integer, integerOrNull, type Row, text, textOrNull, wordOf } from './sql.ts'
import type { BillingPoint } from './types.ts'

const stateOf = wordOf(RELEASE_STATES)
const policyOf = wordOf(RELEASE_POLICIES)

/** Who asked for a release, and under which key of theirs. */
export interface Asked {
  readonly by: Actor
  readonly asker: string
  readonly key: string | null
}

/** Releases: what was asked, how far it is, what it left out. A piece of points is released as a whole with the place it came to, or not at all. */
export class Releases {
  readonly #sql: BillingSql
  readonly #figures: Figures
  readonly #holds: Holds

  constructor(sql: BillingSql, figures: Figures, holds: Holds) {
    this.#sql = sql
    this.#figures = figures
    this.#holds = holds
  }

  /** What was under way when the process ended waits for somebody to go on with it. */
  interruptAll(): void {
    this.#sql.run(
      `UPDATE release SET state = 'interrupted', trouble = 'the gateway stopped' WHERE state IN ('waiting', 'checking', 'running')`,
    )
  }

  /** Begins a release; the same key with the same question names the one that was begun. @errors BILLING_KEY */
  begin(draft: ReleaseDraft, { by, asker, key }: Asked, now: number): Result<{ readonly release: Release; readonly isNew: boolean }> {
    return this.#sql.together(() => {
      const row = key === null ? null : this.#sql.one('SELECT id FROM release WHERE who_id = ? AND key = ?', by.id, key)
      const known = row && this.get(integer(row, 'id'))
      if (known)
        return sameDraft(known, draft)
          ? ok({ release: known, isNew: false })
          : fail('BILLING_KEY', `release ${known.id} has this key and is another one`, { release: known.id })
      const { at, scope, note, policy, again, estimates } = draft
      const act = this.#figures.act(now, by, note)
      const id = this.#sql.insert(
        `INSERT INTO release (at, scope, note, policy, again, estimates, who, who_id, asker, key, made_at, state, act)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting', ?)`,
        ...[at, JSON.stringify(scope), note, policy, again ? 1 : 0, estimates ? 1 : 0, by.name, by.id, asker, key, now, act],
      )
      const release = this.get(id)
      if (!release) throw new Error(`release ${id} was not written`)
      return ok({ release, isNew: true })
    })
  }

  get(id: number): Release | null {
    const row = this.#sql.one('SELECT * FROM release WHERE id = ?', id)
    return row && this.#releaseOf(row)
  }

  /** Newest first. */
  list(before: number | null, limit: number): readonly Release[] {
    return this.#sql
      .all('SELECT * FROM release WHERE (?1 IS NULL OR id < ?1) ORDER BY id DESC LIMIT ?2', before, limit)
      .map((row) => this.#releaseOf(row))
  }

  /** Goes on with one that was interrupted. @errors BILLING_RELEASE, BILLING_STATE */
  resume(id: number): Result<Release> {
    return this.#sql.together(() => {
      const release = this.get(id)
      if (!release) return fail('BILLING_RELEASE', `there is no release ${id}`)
      if (release.state !== 'interrupted') return fail('BILLING_STATE', `release ${id} is ${release.state}`)
      this.#sql.run(`UPDATE release SET state = 'waiting', trouble = NULL WHERE id = ?`, id)
      return ok({ ...release, state: 'waiting', trouble: null })
    })
  }

  /** Its turn has come. @returns whether it is only looked at first, and the point after which to go on */
  start(id: number): { readonly isCheck: boolean; readonly after: string | null } {
    return this.#sql.together(() => {
      const row = this.#sql.one('SELECT * FROM release WHERE id = ?', id) ?? {}
      const isCheck = row.policy === 'refuse' && integer(row, 'checked') === 0
      if (isCheck) this.#forgetLeft(id)
      if (isCheck) this.#sql.run('UPDATE release SET points = 0 WHERE id = ?', id)
      this.#sql.run('UPDATE release SET state = ? WHERE id = ?', isCheck ? 'checking' : 'running', id)
      return { isCheck, after: isCheck ? null : textOrNull(row, 'after') }
    })
  }

  /** Looks at a piece of points, and releases nothing. @returns whether it is still under way */
  check(id: number, points: readonly BillingPoint[]): boolean {
    return this.#sql.together(() => {
      const release = this.get(id)
      if (release?.state !== 'checking') return false
      for (const { point, decision } of this.#decide(release, points)) this.#leave(id, point.point, decision.left)
      this.#sql.run('UPDATE release SET points = points + ? WHERE id = ?', points.length, id)
      return true
    })
  }

  /** Whether nothing is held, so that it may go on; else it is refused. */
  checked(id: number, now: number): boolean {
    return this.#sql.together(() => {
      const isFree = this.#sql.one('SELECT 1 AS any FROM left_out WHERE release = ? LIMIT 1', id) === null
      if (isFree) this.#sql.run(`UPDATE release SET checked = 1, points = 0, state = 'running' WHERE id = ?`, id)
      else this.#sql.run(`UPDATE release SET state = 'refused', ended_at = ? WHERE id = ?`, now, id)
      return isFree
    })
  }

  /**
   * Releases a piece of points, ids ascending. All of it is on disk with the place it came to, or nothing of it.
   *
   * @returns  the newest number of the sequence of changes; null: the release is not under way any more
   */
  take(id: number, points: readonly BillingPoint[]): number | null {
    return this.#sql.together(() => {
      const release = this.get(id)
      if (release?.state !== 'running') return null
      const act = integer(this.#sql.one('SELECT act FROM release WHERE id = ?', id) ?? {}, 'act')
      // What a run before this one did is not done again, whatever is handed in.
      const rest = points.filter(
        ({ point }) => release.after === null || Buffer.compare(Buffer.from(point), Buffer.from(release.after)) > 0,
      )
      let [released, releasedPoints, already] = [0, 0, 0]
      for (const { point, decision, versions } of this.#decide(release, rest)) {
        already += decision.already
        this.#leave(id, point.point, decision.left)
        if (decision.release.length === 0) continue
        releasedPoints++
        released += decision.release.length
        for (const register of decision.release) {
          const before = versions.find((version) => version.register === register.register)
          this.#figures.add('new', { point: point.point, at: release.at, version: (before?.version ?? 0) + 1 }, register, act, id)
        }
      }
      this.#sql.run(
        `UPDATE release SET after = coalesce(?, after), points = points + ?, released_points = released_points + ?, released = released + ?,
           already = already + ? WHERE id = ?`,
        ...[rest.at(-1)?.point ?? null, rest.length, releasedPoints, released, already, id],
      )
      return this.#figures.newest
    })
  }

  finish(id: number, now: number): void {
    this.#sql.run(`UPDATE release SET state = 'done', ended_at = ? WHERE id = ? AND state = 'running'`, now, id)
  }

  interrupt(id: number, trouble: string): void {
    this.#sql.run(
      `UPDATE release SET state = 'interrupted', trouble = ? WHERE id = ? AND state IN ('waiting', 'checking', 'running')`,
      trouble,
      id,
    )
  }

  /** Points a release left out, by id. */
  left(id: number, reason: LeftReason | null, after: string, limit: number): readonly LeftOut[] {
    return this.#sql
      .all(
        `SELECT point, reasons FROM left_out WHERE release = ?1 AND point > ?2
           AND (?3 IS NULL OR EXISTS (SELECT 1 FROM json_each(reasons) e WHERE e.value ->> 'reason' = ?3)) ORDER BY point LIMIT ?4`,
        ...[id, after, reason, limit],
      )
      .map((row) => ({ point: text(row, 'point'), reasons: JSON.parse(text(row, 'reasons')) }))
  }

  #decide({ at, estimates, again }: Release, points: readonly BillingPoint[]) {
    return points.map((point): { point: BillingPoint; decision: Decision; versions: ReturnType<Figures['current']> } => {
      const versions = this.#figures.current(at, point.point)
      const hold = this.#holds.at(at, point.point)
      return { point, versions, decision: decide(point, versions, hold ? [holdReason(hold)] : [], { estimates, again }) }
    })
  }

  #leave(id: number, point: string, left: Decision['left']): void {
    const [first] = left
    if (!first) return
    this.#sql.run('INSERT OR REPLACE INTO left_out VALUES (?, ?, ?, ?)', id, point, JSON.stringify(left), first.reason)
    for (const reason of new Set(left.map((one) => one.reason)))
      this.#sql.run('INSERT INTO left_count VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET points = points + 1', ...[id, reason])
  }

  #forgetLeft(id: number): void {
    this.#sql.run('DELETE FROM left_out WHERE release = ?', id)
    this.#sql.run('DELETE FROM left_count WHERE release = ?', id)
  }

  #releaseOf(row: Row): Release {
    const id = integer(row, 'id')
    const scope: ReleaseScope = JSON.parse(text(row, 'scope'))
    const counts = this.#sql.all('SELECT reason, points FROM left_count WHERE release = ? ORDER BY reason', id)
    return {
      ...{ id, at: integer(row, 'at'), scope, note: text(row, 'note'), policy: policyOf(row, 'policy') },
      ...{ again: integer(row, 'again') === 1, estimates: integer(row, 'estimates') === 1 },
      by: { id: text(row, 'who_id'), name: text(row, 'who') },
      ...{ asker: text(row, 'asker'), madeAt: integer(row, 'made_at'), endedAt: integerOrNull(row, 'ended_at') },
      ...{ state: stateOf(row, 'state'), trouble: textOrNull(row, 'trouble'), after: textOrNull(row, 'after') },
      ...{ points: integer(row, 'points'), releasedPoints: integer(row, 'released_points'), released: integer(row, 'released') },
      alreadyReleased: integer(row, 'already'),
      left: Object.fromEntries(counts.map((count) => [text(count, 'reason'), integer(count, 'points')])),
      leftPoints: integer(this.#sql.one('SELECT count(*) AS count FROM left_out WHERE release = ?', id) ?? {}, 'count'),
    }
  }
}

const sameDraft = (release: Release, draft: ReleaseDraft): boolean => textOf(release) === textOf(draft)
const textOf = ({ at, scope, note, policy, again }: ReleaseDraft): string => JSON.stringify([at, scope, note, policy, again])
