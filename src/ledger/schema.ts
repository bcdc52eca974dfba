import { inTransaction } from '../sqlite/index.ts'
import { integer, integerOrNull, type Sql, text } from './sql.ts'
import type { Body } from './timeline.ts'

/** Form of ledger.db, in its `user_version`. The first release had none. */
export const DATA_VERSION = 3

/** Where a meter is found by its place in a concentrator. */
const PLACES = `CREATE INDEX period_pn ON period (line, pn) WHERE pn IS NOT NULL;
CREATE INDEX period_archive ON period (line, archive_number) WHERE archive_number IS NOT NULL;
CREATE INDEX period_concentrator ON period (concentrator) WHERE concentrator <> '';`

/**
 * `fact`: what was set from an instant on, `{attribute: value}`; null ends. A row is never edited: the change `until` put another one
 * in its place, so that the ledger knows what held when and what was known when.
 * `entity`: the state by all current facts, for lists and references; `period`: meters at points, for the field. Both are worked out
 * from `fact` in the same transaction.
 */
const TABLES = `
CREATE TABLE change (
  seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, what TEXT NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL, work_order TEXT,
  undoes INTEGER, undone_by INTEGER, entities INTEGER NOT NULL
) STRICT;
CREATE INDEX change_undoes ON change (undoes) WHERE undoes IS NOT NULL;
CREATE TABLE fact (
  kind TEXT NOT NULL, id TEXT NOT NULL, valid_from INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER, body TEXT NOT NULL,
  PRIMARY KEY (kind, id, valid_from, since)
) STRICT, WITHOUT ROWID;
CREATE INDEX fact_since ON fact (since);
CREATE INDEX fact_until ON fact (until) WHERE until IS NOT NULL;
CREATE TABLE entity (
  kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, newest INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE period (
  meter TEXT NOT NULL, valid_from INTEGER NOT NULL, valid_to INTEGER, point TEXT NOT NULL, line TEXT NOT NULL, address TEXT NOT NULL,
  address_key TEXT NOT NULL, profile TEXT NOT NULL, ct TEXT NOT NULL, pt TEXT NOT NULL, timeout_ms INTEGER, state TEXT NOT NULL,
  concentrator TEXT NOT NULL, pn INTEGER, archive_number INTEGER, port INTEGER, collector TEXT NOT NULL DEFAULT '', PRIMARY KEY (meter, valid_from)
) STRICT, WITHOUT ROWID;
CREATE INDEX period_point ON period (point, valid_from);
CREATE INDEX period_address ON period (line, address_key);
${PLACES}
CREATE TABLE exchange (
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, point TEXT NOT NULL, at INTEGER NOT NULL, old_meter TEXT, new_meter TEXT, old_ratio TEXT,
  new_ratio TEXT, end_registers TEXT NOT NULL, start_registers TEXT NOT NULL, proposed_end TEXT, proposed_start TEXT, first_person TEXT NOT NULL,
  second_person TEXT NOT NULL, reason TEXT NOT NULL, deviation TEXT, change INTEGER NOT NULL, acknowledged_by TEXT, acknowledged_at INTEGER,
  acknowledged_note TEXT,
  acknowledged_change INTEGER
) STRICT;
CREATE INDEX exchange_point ON exchange (point);
CREATE INDEX exchange_change ON exchange (change);
CREATE TABLE checklist (
  point TEXT NOT NULL, item TEXT NOT NULL, good INTEGER NOT NULL, who TEXT NOT NULL, at INTEGER NOT NULL, note TEXT NOT NULL,
  PRIMARY KEY (point, item)
) STRICT, WITHOUT ROWID;
CREATE TABLE note (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
PRAGMA user_version=${DATA_VERSION};
`

/** Since data version 3: the place of a meter behind a concentrator. */
const FROM_2 = `
ALTER TABLE period ADD COLUMN pn INTEGER;
ALTER TABLE period ADD COLUMN archive_number INTEGER;
ALTER TABLE period ADD COLUMN port INTEGER;
ALTER TABLE period ADD COLUMN collector TEXT NOT NULL DEFAULT '';
${PLACES}
PRAGMA user_version=${DATA_VERSION};
`

/** A ledger.db of a newer release. Nothing was changed in it. */
export class LedgerTooNew extends Error {
  override readonly name = 'LedgerTooNew'
}

/**
 * Makes the tables, or brings those of the first release over.
 *
 * @param file      for the message
 * @param moveFrom  hands over what the first release knew, as facts
 * @throws          LedgerTooNew
 */
export const prepare = (sql: Sql, file: string, moveFrom: (old: OldLedger) => void): void => {
  if (versionOf(sql) === DATA_VERSION) return
  inTransaction(sql.database, () => {
    // Another process may have been quicker.
    const version = versionOf(sql)
    if (version === DATA_VERSION) return
    if (version === 2) {
      sql.database.exec(FROM_2)
      return
    }
    if (version !== 0)
      throw new LedgerTooNew(
        `${file} has data version ${version}, this release knows up to ${DATA_VERSION}: start the newer release, or restore a backup of the ledger`,
      )
    const isOld = sql.database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'meter_fact'").get() !== undefined
    const old = isOld ? readOld(sql) : null
    if (isOld) sql.database.exec('DROP TABLE zone; DROP TABLE area; DROP TABLE point; DROP TABLE meter_fact; DROP TABLE change')
    sql.database.exec(TABLES)
    if (old) moveFrom(old)
  })
}

const versionOf = (sql: Sql): number => integer(sql.database.prepare('PRAGMA user_version').get() ?? {}, 'user_version')

/** One fact of the first release in today's form. `since` = change that wrote it. */
export interface OldFact {
  readonly kind: 'zone' | 'area' | 'point' | 'meter'
  readonly id: string
  readonly from: number
  readonly since: number
  readonly set: Body
}

/** Everything in a ledger.db of the first release. */
export interface OldLedger {
  readonly facts: readonly OldFact[]
  readonly changes: readonly { readonly seq: number; readonly at: number; readonly who: string; readonly what: string }[]
  /** The change under which names and points are filed: they had no date. */
  readonly takeover: number
}

interface OldMeter {
  readonly meter: string
  readonly from: number
  readonly to: number | null
  readonly set: Body
  readonly point: string
  readonly ct: string
  readonly pt: string
}

/** Without what the first release filled in by itself. */
const pointOf = ({ role, phase, ...rest }: Body): Body => ({
  ...rest,
  ...(role === undefined || role === 'customer' ? {} : { role }),
  ...(phase === undefined || phase === 'unknown' ? {} : { phase }),
})

const readOld = (sql: Sql): OldLedger => {
  const rows = (query: string) => sql.database.prepare(query).all()
  const changes = rows('SELECT seq, at, who, what FROM change ORDER BY seq').map((row) => ({
    ...{ seq: integer(row, 'seq'), at: integer(row, 'at'), who: text(row, 'who'), what: text(row, 'what') },
  }))
  const takeover = (changes.at(-1)?.seq ?? 0) + 1
  const named = (row: Readonly<Record<string, unknown>>, ...names: readonly string[]): Body =>
    Object.fromEntries(names.flatMap((name) => (text(row, name) === '' ? [] : [[name, text(row, name)]])))
  const facts: OldFact[] = []
  for (const row of rows('SELECT * FROM zone'))
    facts.push({ kind: 'zone', id: text(row, 'id'), from: 0, since: takeover, set: named(row, 'name') })
  for (const row of rows('SELECT * FROM area'))
    facts.push({ kind: 'area', id: text(row, 'id'), from: 0, since: takeover, set: named(row, 'name', 'zone') })
  for (const row of rows('SELECT * FROM point'))
    facts.push({ kind: 'point', id: text(row, 'id'), from: 0, since: takeover, set: pointOf(named(row, 'name', 'area', 'role', 'phase')) })
  const meters = rows('SELECT * FROM meter_fact ORDER BY meter, valid_from').map((row): OldMeter => {
    const timeoutMs = integerOrNull(row, 'timeout_ms')
    return {
      ...{ meter: text(row, 'meter'), from: integer(row, 'valid_from'), to: integerOrNull(row, 'valid_to') },
      ...{ point: text(row, 'point'), ct: text(row, 'ct'), pt: text(row, 'pt') },
      set: { ...named(row, 'point', 'line', 'address', 'profile'), ...(timeoutMs === null ? {} : { timeoutMs }) },
    }
  })
  const writers = new Map<string, { readonly seq: number; readonly closes: boolean }[]>()
  for (const { seq, what } of changes) {
    const [, meter, verb] = /^meter (\S+) (added|changed|closed)$/.exec(what) ?? []
    if (meter !== undefined) writers.set(meter, [...(writers.get(meter) ?? []), { seq, closes: verb === 'closed' }])
  }
  const writerOf = (meter: string, closes: boolean): number => {
    const left = writers.get(meter) ?? []
    const at = left.findIndex((writer) => writer.closes === closes)
    return at < 0 ? takeover : (left.splice(at, 1)[0]?.seq ?? takeover)
  }
  for (const [at, { meter, from, to, set, point, ct, pt }] of meters.entries()) {
    const since = writerOf(meter, false)
    facts.push({ kind: 'meter', id: meter, from, since, set })
    // What nobody wrote down was taken for 1.
    facts.push({ kind: 'point', id: point, from, since, set: { ct: ct === '1' ? null : ct, pt: pt === '1' ? null : pt } })
    const next = meters[at + 1]
    if (to !== null && !(next?.meter === meter && next.from === to))
      facts.push({ kind: 'meter', id: meter, from: to, since: writerOf(meter, true), set: { point: null } })
  }
  return { facts, changes, takeover }
}
