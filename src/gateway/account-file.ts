import { join } from 'node:path'
import { type Database, inTransaction, openDatabase, type Statement } from '../sqlite/index.ts'
import { preparedOnce } from '../sqlite/prepared.ts'
import { GRADES, type Grade, KEY_REASONS, type KeyReason, type KeyVerdict, type Words } from '../tariff/index.ts'

/** A list of key accounts as it was made: of a year, out of the year before. Never edited; a later one has a higher version. */
export interface AccountRun {
  readonly id: number
  readonly year: number
  readonly version: number
  readonly at: number
  readonly by: string
  readonly why: string
  readonly monthlyKwh: string
  readonly inclusive: boolean
  readonly categories: readonly string[]
  readonly counts: AccountCounts
}

export interface AccountCounts {
  readonly customers: number
  readonly key: number
  readonly notComputable: number
  readonly A: number
  readonly B: number
  readonly C: number
  readonly D: number
}

/** One customer on a list. Figures are decimal text, kWh. */
export interface AccountEntry {
  readonly customer: string
  readonly category: string | null
  readonly months: number
  readonly knownKwh: string
  readonly isWhole: boolean
  readonly meanKwh: string | null
  readonly isKey: boolean | null
  readonly state: KeyVerdict['state']
  readonly reasons: readonly KeyReason[]
  /** By rank. */
  readonly grade: Grade | null
  /** Given by a person, as it was when the list was made. */
  readonly given: Grade | null
  readonly notes: readonly Words[]
}

/** A grade that a person gave. */
export interface GivenGrade {
  readonly customer: string
  readonly grade: Grade
  readonly why: string
  readonly by: string
  readonly at: number
}

export interface EntryFilter {
  readonly grade?: Grade
  /** Key accounts and those that nobody knows of; absent: everybody. */
  readonly isKeyOrUnknown?: boolean
  readonly state?: KeyVerdict['state']
}

const VERSION = 1
const SCHEMA = `
  CREATE TABLE run (id INTEGER PRIMARY KEY AUTOINCREMENT, year INTEGER NOT NULL, version INTEGER NOT NULL, at INTEGER NOT NULL, by TEXT NOT NULL,
    why TEXT NOT NULL, monthly_kwh TEXT NOT NULL, inclusive INTEGER NOT NULL, categories TEXT NOT NULL, counts TEXT, UNIQUE (year, version)) STRICT;
  CREATE TABLE entry (run INTEGER NOT NULL REFERENCES run (id), customer TEXT NOT NULL, category TEXT, months INTEGER NOT NULL, known_kwh TEXT NOT NULL,
    whole INTEGER NOT NULL, mean_kwh TEXT, key INTEGER, state TEXT NOT NULL, reasons TEXT NOT NULL, grade TEXT, given TEXT, notes TEXT NOT NULL,
    PRIMARY KEY (run, customer)) WITHOUT ROWID, STRICT;
  CREATE TABLE given (customer TEXT PRIMARY KEY, grade TEXT NOT NULL, why TEXT NOT NULL, by TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID, STRICT;
  PRAGMA user_version = ${VERSION};`

type Row = Readonly<Record<string, unknown>>
const isRow = (row: unknown): row is Row => typeof row === 'object' && row !== null
const text = (row: Row, name: string): string => String(row[name] ?? '')
const textOrNull = (row: Row, name: string): string | null => (row[name] === null || row[name] === undefined ? null : String(row[name]))
const number = (row: Row, name: string): number => Number(row[name] ?? 0)
const isGrade = (word: string | null): word is Grade => GRADES.some((grade) => grade === word)
const gradeOf = (word: string | null): Grade | null => (isGrade(word) ? word : null)
const STATES = ['computed', 'at-least', 'not-computable'] as const

/** Lists of key accounts (大客户) by year, and grades that persons gave: `accounts.db` in the data directory. */
export class AccountFile {
  readonly #database: Database
  readonly #statement: (sql: string) => Statement

  /** @throws  when a later version wrote it, or the disk refuses */
  constructor(directory: string) {
    const path = join(directory, 'accounts.db')
    this.#database = openDatabase(path)
    this.#statement = preparedOnce(this.#database)
    const version = number(this.#one('PRAGMA user_version') ?? {}, 'user_version')
    if (version > VERSION) {
      this.#database.close()
      throw new Error(`${path} was written by a later version of the gateway (format ${version}, this one knows ${VERSION}): run that one`)
    }
    if (version === 0) inTransaction(this.#database, () => this.#database.exec(SCHEMA))
    // A list that was not finished is none.
    inTransaction(this.#database, () => {
      this.#run('DELETE FROM entry WHERE run IN (SELECT id FROM run WHERE counts IS NULL)')
      this.#run('DELETE FROM run WHERE counts IS NULL')
    })
  }

  /** Begins a list; it is none before {@link finish}. @returns its id */
  begin(made: Omit<AccountRun, 'id' | 'version' | 'counts'>): number {
    const { year, at, by, why, monthlyKwh, inclusive, categories } = made
    return inTransaction(this.#database, () => {
      const version = number(this.#one('SELECT coalesce(max(version), 0) + 1 AS next FROM run WHERE year = ?', year) ?? {}, 'next')
      this.#run(
        'INSERT INTO run (year, version, at, by, why, monthly_kwh, inclusive, categories) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
        ...[year, version, at, by, why, monthlyKwh, Number(inclusive), JSON.stringify(categories)],
      )
      return number(this.#one('SELECT last_insert_rowid() AS id') ?? {}, 'id')
    })
  }

  add(run: number, entries: readonly AccountEntry[]): void {
    inTransaction(this.#database, () => {
      for (const one of entries)
        this.#run(
          'INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
          ...[run, one.customer, one.category, one.months, one.knownKwh, Number(one.isWhole), one.meanKwh],
          ...[one.isKey === null ? null : Number(one.isKey), one.state, JSON.stringify(one.reasons), one.grade, one.given],
          JSON.stringify(one.notes),
        )
    })
  }

  finish(run: number, counts: AccountCounts): void {
    this.#run('UPDATE run SET counts = ? WHERE id = ?', JSON.stringify(counts), run)
  }

  /** The newest list of a year, or one version of it; null: there is none. */
  run(year: number, version?: number): AccountRun | null {
    const row =
      version === undefined
        ? this.#one('SELECT * FROM run WHERE year = ? AND counts IS NOT NULL ORDER BY version DESC LIMIT 1', year)
        : this.#one('SELECT * FROM run WHERE year = ? AND version = ? AND counts IS NOT NULL', year, version)
    return row ? runOf(row) : null
  }

  /** All lists, the newest year and version first. */
  runs(): readonly AccountRun[] {
    return this.#all('SELECT * FROM run WHERE counts IS NOT NULL ORDER BY year DESC, version DESC').map(runOf)
  }

  entry(run: number, customer: string): AccountEntry | null {
    const row = this.#one('SELECT * FROM entry WHERE run = ? AND customer = ?', run, customer)
    return row ? entryOf(row) : null
  }

  /** Customers of a list with a greater id. @param isLive  grades of persons as they are now, not as they were then */
  entries(run: number, filter: EntryFilter, after: string, limit: number, isLive: boolean): readonly AccountEntry[] {
    const given = isLive ? 'g.grade' : 'e.given'
    const conditions = [
      ...(filter.isKeyOrUnknown ? ['(e.key IS NULL OR e.key = 1)'] : []),
      ...(filter.state ? ['e.state = ?'] : []),
      ...(filter.grade ? [`coalesce(${given}, e.grade) = ?`] : []),
    ]
    return this.#all(
      `SELECT e.*, ${given} AS given FROM entry e LEFT JOIN given g ON g.customer = e.customer WHERE e.run = ? AND e.customer > ?${conditions
        .map((condition) => ` AND ${condition}`)
        .join('')} ORDER BY e.customer LIMIT ?`,
      ...[run, after, ...(filter.state ? [filter.state] : []), ...(filter.grade ? [filter.grade] : []), limit],
    ).map(entryOf)
  }

  /** Customers that are on either of two lists, with a greater id. */
  customersOf(runs: readonly [number, number], after: string, limit: number): readonly string[] {
    return this.#all(
      'SELECT DISTINCT customer FROM entry WHERE run IN (?, ?) AND customer > ? ORDER BY customer LIMIT ?',
      ...[runs[0], runs[1], after, limit],
    ).map((row) => text(row, 'customer'))
  }

  given(customer: string): GivenGrade | null {
    const row = this.#one('SELECT * FROM given WHERE customer = ?', customer)
    const grade = row && gradeOf(text(row, 'grade'))
    return row && grade ? { customer, grade, why: text(row, 'why'), by: text(row, 'by'), at: number(row, 'at') } : null
  }

  /** @param made  null: the rank counts again */
  give(customer: string, made: Omit<GivenGrade, 'customer'> | null): void {
    if (made === null) this.#run('DELETE FROM given WHERE customer = ?', customer)
    else this.#run('INSERT OR REPLACE INTO given VALUES (?, ?, ?, ?, ?)', customer, made.grade, made.why, made.by, made.at)
  }

  close(): void {
    this.#database.close()
  }

  #run(sql: string, ...values: readonly (string | number | null)[]): void {
    this.#statement(sql).run(...values)
  }

  #one(sql: string, ...values: readonly (string | number | null)[]): Row | null {
    const row: unknown = this.#statement(sql).get(...values)
    return isRow(row) ? row : null
  }

  #all(sql: string, ...values: readonly (string | number | null)[]): Row[] {
    return this.#statement(sql)
      .all(...values)
      .filter(isRow)
  }
}

const runOf = (row: Row): AccountRun => ({
  ...{ id: number(row, 'id'), year: number(row, 'year'), version: number(row, 'version'), at: number(row, 'at') },
  ...{ by: text(row, 'by'), why: text(row, 'why'), monthlyKwh: text(row, 'monthly_kwh'), inclusive: number(row, 'inclusive') === 1 },
  ...{ categories: JSON.parse(text(row, 'categories')), counts: JSON.parse(text(row, 'counts')) },
})

const entryOf = (row: Row): AccountEntry => {
  const state = text(row, 'state')
  const reasons: readonly unknown[] = JSON.parse(text(row, 'reasons'))
  return {
    ...{
      customer: text(row, 'customer'),
      category: textOrNull(row, 'category'),
      months: number(row, 'months'),
      knownKwh: text(row, 'known_kwh'),
    },
    ...{
      isWhole: number(row, 'whole') === 1,
      meanKwh: textOrNull(row, 'mean_kwh'),
      isKey: row.key === null ? null : number(row, 'key') === 1,
    },
    state: STATES.find((one) => one === state) ?? 'not-computable',
    reasons: KEY_REASONS.filter((reason) => reasons.includes(reason)),
    ...{ grade: gradeOf(textOrNull(row, 'grade')), given: gradeOf(textOrNull(row, 'given')), notes: JSON.parse(text(row, 'notes')) },
  }
}
