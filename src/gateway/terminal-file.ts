import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { TerminalEvent } from '../core/index.ts'
import { type Database, inTransaction, openDatabase, type Statement } from '../sqlite/index.ts'

/** How far the events of a terminal are known: counters (EC1, EC2) up to which all were stored, modulo 256. */
export interface EventMarks {
  readonly important: number
  readonly normal: number
}

/** An event as it was stored. Times are milliseconds since 1970 UTC. */
export interface KeptEvent {
  readonly terminal: string
  /** Meter or concentrator of its row. */
  readonly meter: string
  readonly code: string
  /** Instant of its row: its begin, a millisecond on for each other one of the same code and begin. */
  readonly at: number
  readonly begin: number | null
  readonly end: number | null
  readonly edge: TerminalEvent['edge']
  readonly facts: TerminalEvent['facts']
  readonly raw: Uint8Array
  readonly identity?: string
  readonly receivedAt: number
}

/** Instants in [from, to). */
interface EventQuery {
  readonly from: number
  readonly to: number
  /** Only of this meter. */
  readonly meter?: string
  /** Those that come after this one; null: from the newest on. */
  readonly after: Pick<KeptEvent, 'at' | 'meter' | 'code'> | null
  readonly limit: number
}

const SCHEMA = `
CREATE TABLE IF NOT EXISTS event_mark (terminal TEXT PRIMARY KEY, important INTEGER NOT NULL, normal INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS event (
  terminal TEXT NOT NULL, meter TEXT NOT NULL, code TEXT NOT NULL, at INTEGER NOT NULL, begin INTEGER, ended INTEGER, edge TEXT, facts TEXT NOT NULL,
  raw BLOB NOT NULL, hash TEXT NOT NULL, received INTEGER NOT NULL, PRIMARY KEY (terminal, at, meter, code)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS event_hash ON event (terminal, hash);
CREATE INDEX IF NOT EXISTS event_received ON event (received);
CREATE TABLE IF NOT EXISTS unnamed (
  id INTEGER PRIMARY KEY, terminal TEXT NOT NULL, at INTEGER NOT NULL, what TEXT NOT NULL, raw BLOB NOT NULL, hash TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS unnamed_hash ON unnamed (terminal, hash);
`

/** What nobody can name is kept as evidence, the newest so many. */
const MOST_UNNAMED = 2000
/** Events are remembered for their raw records and so that a repeat is known for one; the rows themselves are in the store. */
const KEEP_EVENTS_MS = 400 * 86_400_000
/** A record without a time is the same event only when it comes again this soon. */
const TIMELESS_MS = 86_400_000

type Row = Readonly<Record<string, unknown>>

/** Events and counters of terminals, in `<directory>/terminals.db`. */
export class TerminalFile {
  readonly #database: Database
  readonly #statements = new Map<string, Statement>()

  constructor(directory: string) {
    this.#database = openDatabase(join(directory, 'terminals.db'), 'NORMAL')
    inTransaction(this.#database, () => this.#database.exec(SCHEMA))
  }

  /** Null: the terminal was never asked. */
  marks(terminal: string): EventMarks | null {
    const row = this.#of('SELECT important, normal FROM event_mark WHERE terminal = ?').get(terminal)
    return row ? { important: Number(row.important), normal: Number(row.normal) } : null
  }

  mark(terminal: string, { important, normal }: EventMarks): void {
    this.#of('INSERT OR REPLACE INTO event_mark VALUES (?, ?, ?)').run(terminal, important, normal)
  }

  /**
   * Gives each event the instant of its row, for good: a record that comes again is the same row, and two records of one minute are two.
   * To be called before the rows are made safe: whoever ends in between finds the same instants again.
   */
  place(events: readonly Omit<KeptEvent, 'at'>[]): readonly number[] {
    return inTransaction(this.#database, () => events.map((event) => this.#place(event)))
  }

  /** Newest first. */
  events(terminal: string, { from, to, meter, after, limit }: EventQuery): readonly KeptEvent[] {
    return this.#of(
      `SELECT * FROM event WHERE terminal = ? AND at >= ? AND at < ? AND (at, meter, code) < (?, ?, ?) AND meter = ifnull(?, meter)
       ORDER BY at DESC, meter DESC, code DESC LIMIT ?`,
    )
      .all(terminal, from, to, after?.at ?? to, after?.meter ?? '', after?.code ?? '', meter ?? null, limit)
      .map(eventOf)
  }

  /** Keeps what nobody could name; the same bytes once. */
  keepUnnamed(terminal: string, at: number, parts: readonly { readonly what: string; readonly raw: Uint8Array }[]): void {
    inTransaction(this.#database, () => {
      for (const { what, raw } of parts) {
        const hash = hashOf(raw)
        if (this.#of('SELECT 1 FROM unnamed WHERE terminal = ? AND hash = ?').get(terminal, hash)) continue
        this.#of('INSERT INTO unnamed (terminal, at, what, raw, hash) VALUES (?, ?, ?, ?, ?)').run(terminal, at, what, raw, hash)
      }
      this.#of('DELETE FROM unnamed WHERE id <= (SELECT max(id) FROM unnamed) - ?').run(MOST_UNNAMED)
    })
  }

  /** Newest first. */
  unnamed(terminal: string, limit: number): readonly { readonly at: number; readonly what: string; readonly raw: Uint8Array }[] {
    return this.#of('SELECT at, what, raw FROM unnamed WHERE terminal = ? ORDER BY id DESC LIMIT ?')
      .all(terminal, limit)
      .map((row) => ({ at: Number(row.at), what: String(row.what), raw: bytesOf(row.raw) }))
  }

  /** Forgets records older than anybody asks for. */
  tidy(now: number): void {
    this.#of('DELETE FROM event WHERE received < ?').run(now - KEEP_EVENTS_MS)
  }

  close(): void {
    this.#database.close()
  }

  #place({ terminal, meter, code, begin, end, edge, facts, raw, identity, receivedAt }: Omit<KeptEvent, 'at'>): number {
    const hash = hashOf(identity ?? (raw.length > 0 ? raw : JSON.stringify(facts)))
    const same = this.#of(
      'SELECT at, received FROM event WHERE terminal = ? AND hash = ? AND meter = ? AND code = ? AND begin IS ? ORDER BY received DESC LIMIT 1',
    )
    const known = same.get(terminal, hash, meter, code, begin)
    if (known && (begin !== null || receivedAt - Number(known.received) < TIMELESS_MS)) {
      // What lasted when it was told first has ended since.
      if (end !== null)
        this.#of('UPDATE event SET ended = ?, facts = ? WHERE terminal = ? AND at = ? AND meter = ? AND code = ? AND ended IS NULL').run(
          ...[end, JSON.stringify(facts), terminal, Number(known.at), meter, code],
        )
      return Number(known.at)
    }
    const isTaken = this.#of('SELECT 1 FROM event WHERE terminal = ? AND at = ? AND meter = ? AND code = ?')
    let at = begin ?? receivedAt
    while (isTaken.get(terminal, at, meter, code)) at++
    this.#of('INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)').run(
      ...[terminal, meter, code, at, begin, end, edge, JSON.stringify(facts), raw, hash, receivedAt],
    )
    return at
  }

  #of(sql: string): Statement {
    let statement = this.#statements.get(sql)
    if (!statement) {
      statement = this.#database.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }
}

const hashOf = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('base64url').slice(0, 22)
const bytesOf = (value: unknown): Uint8Array => (value instanceof Uint8Array ? value : new Uint8Array())
const numberOrNull = (value: unknown): number | null => (value === null || value === undefined ? null : Number(value))

const eventOf = (row: Row): KeptEvent => ({
  ...{ terminal: String(row.terminal), meter: String(row.meter), code: String(row.code), at: Number(row.at) },
  ...{ begin: numberOrNull(row.begin), end: numberOrNull(row.ended), receivedAt: Number(row.received) },
  edge: row.edge === 'begin' || row.edge === 'end' ? row.edge : null,
  facts: factsOf(String(row.facts)),
  raw: bytesOf(row.raw),
})

const factsOf = (text: string): TerminalEvent['facts'] => {
  const facts: TerminalEvent['facts'] = JSON.parse(text)
  return facts
}
