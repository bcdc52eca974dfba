import { type Database, openDatabase } from '../sqlite/index.ts'
import { bytesOrNullIn, numberIn, numberOrNullIn, type Row, textOrNullIn } from '../sqlite/row.ts'
import { DUE_KINDS, type DueRecord, FILLS, GAP_ACTS, GAP_STATES, type GapAct } from './types.ts'

const VERSION = 1

/** Names are kept once: a site of 20,000 meters writes 40,000 rows a day. */
const TABLES = `
CREATE TABLE IF NOT EXISTS name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE IF NOT EXISTS due (
  id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, label INTEGER NOT NULL, due_at INTEGER NOT NULL, meter INTEGER NOT NULL, point INTEGER NOT NULL,
  line INTEGER NOT NULL, area INTEGER NOT NULL, state INTEGER NOT NULL, fill INTEGER, reason INTEGER, tries INTEGER NOT NULL, rereads INTEGER NOT NULL,
  first_try INTEGER NOT NULL, next_try INTEGER, spent_ms INTEGER NOT NULL, missed_at INTEGER, filled_at INTEGER, instant INTEGER,
  by INTEGER, step_ms INTEGER NOT NULL, expected INTEGER NOT NULL, got INTEGER NOT NULL, bits BLOB,
  UNIQUE (kind, label, meter)) STRICT;
CREATE INDEX IF NOT EXISTS due_next ON due (next_try) WHERE state = 1;
CREATE INDEX IF NOT EXISTS due_open ON due (kind, label) WHERE state = 0;
CREATE INDEX IF NOT EXISTS due_gap ON due (id) WHERE missed_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS due_waiting ON due (meter) WHERE state = 1;
CREATE TABLE IF NOT EXISTS act (id INTEGER PRIMARY KEY, due INTEGER NOT NULL, at INTEGER NOT NULL, what TEXT NOT NULL, who TEXT, note TEXT) STRICT;
CREATE INDEX IF NOT EXISTS act_due ON act (due);
CREATE TABLE IF NOT EXISTS entry (due INTEGER PRIMARY KEY, content TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS heard (day INTEGER NOT NULL, meter INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (day, meter)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS asked (day INTEGER NOT NULL, meter INTEGER NOT NULL, PRIMARY KEY (day, meter)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS online (day INTEGER NOT NULL, line INTEGER NOT NULL, minutes INTEGER NOT NULL, up INTEGER NOT NULL,
  PRIMARY KEY (day, line)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS figure (day INTEGER NOT NULL, side TEXT NOT NULL, by TEXT NOT NULL, unit TEXT NOT NULL, kpi TEXT NOT NULL, at INTEGER NOT NULL,
  numerator INTEGER NOT NULL, denominator INTEGER NOT NULL, excluded TEXT NOT NULL, PRIMARY KEY (day, side, by, unit, kpi)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS step (meter INTEGER PRIMARY KEY, ms INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS mark (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`

/**
 * Opens (and creates) `collection.db`.
 *
 * @throws  when a later version wrote it, or the disk refuses
 */
export const openCollectionDatabase = (path: string): Database => {
  // NORMAL: what a power cut takes from the last second is worked out again from tasks and store.
  const database = openDatabase(path, 'NORMAL')
  const { user_version: version } = database.prepare('PRAGMA user_version').get() as { user_version: number }
  if (version > VERSION) {
    database.close()
    throw new Error(`${path} was written by a later version of the gateway (format ${version}, this one knows ${VERSION}): run that one`)
  }
  database.exec(TABLES)
  database.exec(`PRAGMA user_version=${VERSION}`)
  return database
}

/** Texts as small numbers, both ways. */
export class Names {
  readonly #database: Database
  readonly #ids = new Map<string, number>()
  readonly #texts = new Map<number, string>()

  constructor(database: Database) {
    this.#database = database
    for (const row of database.prepare('SELECT id, text FROM name').all() as { id: number; text: string }[]) this.#keep(row.id, row.text)
  }

  /** The number of a text, a new one if need be. */
  id(text: string): number {
    const known = this.#ids.get(text)
    if (known !== undefined) return known
    const id = Number(this.#database.prepare('INSERT INTO name (text) VALUES (?)').run(text).lastInsertRowid)
    this.#keep(id, text)
    return id
  }

  /** The number of a text; null when it never was one. */
  known(text: string): number | null {
    return this.#ids.get(text) ?? null
  }

  text(id: number): string {
    return this.#texts.get(id) ?? ''
  }

  /** After a transaction was rolled back, its names are gone too. */
  forget(): void {
    this.#ids.clear()
    this.#texts.clear()
    for (const row of this.#database.prepare('SELECT id, text FROM name').all() as { id: number; text: string }[])
      this.#keep(row.id, row.text)
  }

  #keep(id: number, text: string): void {
    this.#ids.set(text, id)
    this.#texts.set(id, text)
  }
}

/** The text whose number stands in a column; null where the column is. */
const nameIn = (row: Row, column: string, names: Names): string | null => {
  const id = numberOrNullIn(row, column)
  return id === null ? null : names.text(id)
}
const fillIn = (row: Row): DueRecord['fill'] => {
  const fill = numberOrNullIn(row, 'fill')
  return fill === null ? null : (FILLS[fill] ?? null)
}

/** What a row of `due` says of how it went, as the figures count it. */
export const outcomeOf = (row: Row, names: Names): Pick<DueRecord, 'fill' | 'filledAt' | 'firstTry' | 'reason' | 'state'> => ({
  fill: fillIn(row),
  filledAt: numberOrNullIn(row, 'filled_at'),
  firstTry: row.first_try === 1,
  reason: nameIn(row, 'reason', names),
  state: GAP_STATES[numberIn(row, 'state')] ?? 'open',
})

/** A whole row of `due`. */
export const recordOf = (row: Row, names: Names): DueRecord => ({
  ...outcomeOf(row, names),
  id: numberIn(row, 'id'),
  kind: DUE_KINDS[numberIn(row, 'kind')] ?? 'day-freeze',
  label: numberIn(row, 'label'),
  dueAt: numberIn(row, 'due_at'),
  meter: names.text(numberIn(row, 'meter')),
  point: names.text(numberIn(row, 'point')),
  line: names.text(numberIn(row, 'line')),
  area: names.text(numberIn(row, 'area')),
  tries: numberIn(row, 'tries'),
  rereads: numberIn(row, 'rereads'),
  nextTry: numberOrNullIn(row, 'next_try'),
  spentMs: numberIn(row, 'spent_ms'),
  missedAt: numberOrNullIn(row, 'missed_at'),
  instant: numberOrNullIn(row, 'instant'),
  by: nameIn(row, 'by', names),
  stepMs: numberIn(row, 'step_ms'),
  expected: numberIn(row, 'expected'),
  got: numberIn(row, 'got'),
  bits: bytesOrNullIn(row, 'bits'),
})

/** A row of `act`. */
export const actOf = (row: Row): GapAct => ({
  at: numberIn(row, 'at'),
  what: GAP_ACTS.find((what) => what === row.what) ?? 'tried',
  who: textOrNullIn(row, 'who'),
  note: textOrNullIn(row, 'note'),
})

/** Columns after the id, in the order of {@link valuesOf}. */
export const COLUMNS = [
  ...[
    'kind',
    'label',
    'due_at',
    'meter',
    'point',
    'line',
    'area',
    'state',
    'fill',
    'reason',
    'tries',
    'rereads',
    'first_try',
    'next_try',
    'spent_ms',
    'missed_at',
  ],
  ...['filled_at', 'instant', 'by', 'step_ms', 'expected', 'got', 'bits'],
]

export const valuesOf = (record: Omit<DueRecord, 'id'>, names: Names): (number | Uint8Array | null)[] => [
  DUE_KINDS.indexOf(record.kind),
  record.label,
  record.dueAt,
  names.id(record.meter),
  names.id(record.point),
  names.id(record.line),
  names.id(record.area),
  GAP_STATES.indexOf(record.state),
  record.fill === null ? null : FILLS.indexOf(record.fill),
  record.reason === null ? null : names.id(record.reason),
  record.tries,
  record.rereads,
  record.firstTry ? 1 : 0,
  record.nextTry,
  Math.round(record.spentMs),
  record.missedAt,
  record.filledAt,
  record.instant,
  record.by === null ? null : names.id(record.by),
  record.stepMs,
  record.expected,
  record.got,
  record.bits,
]
