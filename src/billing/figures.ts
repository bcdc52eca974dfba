import { SOURCES, UNITS } from '../core/index.ts'
import { type Actor, CHANGE_KINDS, type Change, type ChangeKind, type Version } from './book-types.ts'
import { type BillingSql, integer, integerOrNull, type Row, text, textOrNull, wordOf } from './sql.ts'
import type { BillingRegister } from './types.ts'

const SELECT = 'SELECT f.*, a.at AS made_at, a.who, a.who_id, a.why FROM figure f JOIN act a ON a.id = f.act'
/** From so many points on, a stretch of the index is walked instead of each of them being looked up. */
const MANY = 32

const unitOf = wordOf(UNITS)
const sourceOf = wordOf(SOURCES)
const kindOf = wordOf(CHANGE_KINDS)

/** What was released: versions that are only ever added, numbered in the order in which they were made. */
export class Figures {
  readonly #sql: BillingSql

  constructor(sql: BillingSql) {
    this.#sql = sql
  }

  /** Newest number; 0: nothing was ever released. */
  get newest(): number {
    return integer(this.#sql.one('SELECT max(seq) AS newest FROM figure') ?? {}, 'newest')
  }

  act(at: number, { id, name }: Actor, why: string): number {
    return this.#sql.insert('INSERT INTO act (at, who, who_id, why) VALUES (?, ?, ?, ?)', at, name, id, why)
  }

  /** Adds a version. @returns its number in the sequence of changes */
  add(
    kind: ChangeKind,
    { point, at, version }: Pick<Version, 'point' | 'at' | 'version'>,
    body: BillingRegister,
    act: number,
    release: number | null,
  ): number {
    const { register, unit, value, ratio, primary, meter, source, quality, measuredAt, receivedAt, evidence } = body
    if (kind === 'new') this.#sql.run('INSERT OR IGNORE INTO instant VALUES (?)', at)
    return this.#sql.insert(
      `INSERT INTO figure (at, point, register, version, kind, unit, value, ratio, primary_value, meter, source, quality, measured_at, received_at,
         evidence, evidence_kind, sha256, act, release) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[at, point, register, version, kind, unit, value, ratio, primary, meter, source, quality, measuredAt, receivedAt],
      ...[evidence?.id ?? null, evidence?.kind ?? null, evidence?.sha256 ?? null, act, release],
    )
  }

  /** Newest version of each register of a point at an instant, withdrawn ones too. */
  current(at: number, point: string): readonly Version[] {
    return newestOf(this.#sql.all(`${SELECT} WHERE f.at = ? AND f.point = ? ORDER BY f.register, f.version`, at, point))
  }

  /** The same of many points; ids ascending. */
  currentOf(at: number, points: readonly string[]): ReadonlyMap<string, readonly Version[]> {
    const found = new Map<string, readonly Version[]>()
    if (points.length < MANY) {
      for (const point of points) {
        const versions = this.current(at, point)
        if (versions.length > 0) found.set(point, versions)
      }
      return found
    }
    const wanted = new Set(points)
    const sorted = points.toSorted((a, b) => (a < b ? -1 : 1))
    const rows = this.#sql.all(
      `${SELECT} WHERE f.at = ? AND f.point >= ? AND f.point <= ? ORDER BY f.point, f.register, f.version`,
      ...[at, sorted[0] ?? '', sorted.at(-1) ?? ''],
    )
    for (let start = 0; start < rows.length; ) {
      const point = text(rows[start] ?? {}, 'point')
      let end = start
      while (end < rows.length && text(rows[end] ?? {}, 'point') === point) end++
      if (wanted.has(point)) found.set(point, newestOf(rows.slice(start, end)))
      start = end
    }
    return found
  }

  /** Every version of a point, newest instant first; of one instant alone when that is given. */
  versions(point: string, at: number | null, before: number | null, limit: number): readonly Version[] {
    return this.#sql
      .all(
        `${SELECT} WHERE f.point = ?1 AND (?2 IS NULL OR f.at = ?2) AND (?3 IS NULL OR f.seq < ?3) ORDER BY f.seq DESC LIMIT ?4`,
        ...[point, at, before, limit],
      )
      .map(versionOf)
  }

  /** One version by its number. */
  get(seq: number): Version | null {
    const row = this.#sql.one(`${SELECT} WHERE f.seq = ?`, seq)
    return row && versionOf(row)
  }

  /** The sequence after a number, at most so many. */
  changes(since: number, limit: number): readonly Change[] {
    return this.#sql.all(`${SELECT} WHERE f.seq > ? ORDER BY f.seq LIMIT ?`, since, limit).map((row) => this.#changeOf(row))
  }

  /** What a release released, by number. */
  released(release: number, after: number, limit: number): readonly Version[] {
    return this.#sql.all(`${SELECT} WHERE f.seq > ? AND f.release = ? ORDER BY f.seq LIMIT ?`, after, release, limit).map(versionOf)
  }

  /** Instants of which anything was released, oldest first. */
  instants(): readonly number[] {
    return this.#sql.all('SELECT at FROM instant ORDER BY at').map((row) => integer(row, 'at'))
  }

  /** Points of an instant of which anything was released, ids ascending. */
  pointsAt(at: number, after: string, limit: number): readonly string[] {
    return this.#sql
      .all('SELECT DISTINCT point FROM figure WHERE at = ? AND point > ? ORDER BY point LIMIT ?', at, after, limit)
      .map((row) => text(row, 'point'))
  }

  #changeOf(row: Row): Change {
    const version = versionOf(row)
    if (version.version === 1) return { ...version, old: null }
    const before = this.#sql.one(
      `${SELECT} WHERE f.at = ? AND f.point = ? AND f.register = ? AND f.version = ?`,
      ...[version.at, version.point, version.register, version.version - 1],
    )
    const old = before && versionOf(before)
    return { ...version, old: old?.kind === 'withdrawn' ? null : old }
  }
}

/** Of rows by register and version, the last of each register. */
const newestOf = (rows: readonly Row[]): readonly Version[] =>
  rows.filter((row, index) => rows[index + 1]?.register !== row.register).map(versionOf)

const versionOf = (row: Row): Version => {
  const evidence = textOrNull(row, 'evidence')
  const madeAt = integer(row, 'made_at')
  const by = { id: text(row, 'who_id'), name: text(row, 'who') }
  return {
    seq: integer(row, 'seq'),
    kind: kindOf(row, 'kind'),
    point: text(row, 'point'),
    at: integer(row, 'at'),
    register: text(row, 'register'),
    version: integer(row, 'version'),
    unit: unitOf(row, 'unit'),
    value: text(row, 'value'),
    ratio: text(row, 'ratio'),
    primary: text(row, 'primary_value'),
    meter: text(row, 'meter'),
    source: sourceOf(row, 'source'),
    quality: integer(row, 'quality'),
    measuredAt: integer(row, 'measured_at'),
    receivedAt: integer(row, 'received_at'),
    evidence:
      evidence === null ? null : { id: evidence, kind: row.evidence_kind === 'message' ? 'message' : 'frame', sha256: text(row, 'sha256') },
    releasedAt: madeAt,
    releasedBy: by.name,
    by,
    why: text(row, 'why'),
    release: integerOrNull(row, 'release'),
  }
}
