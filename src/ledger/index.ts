import { join } from 'node:path'
import { type Database, inTransaction, openDatabase } from '../sqlite/index.ts'

/** A zone (供电所), the unit of responsibility. */
export interface Zone {
  readonly id: string
  readonly name: string
}

/** A transformer area (台区). */
export interface Area {
  readonly id: string
  readonly name: string
  readonly zone: string
}

/** A metering point (计量点): the place that is billed; meters come and go, the point stays. */
export interface Point {
  readonly id: string
  readonly name: string
  readonly area: string
  readonly role: string
  readonly phase: string
}

/** A meter (电能表) at a point, as it was from `from` until `to`, milliseconds since 1970 UTC. `to` null = still so. */
export interface MeterFact {
  readonly meter: string
  readonly point: string
  readonly line: string
  readonly address: string
  readonly profile: string
  /** Ratios (变比) as written: `400/5`, `80`. */
  readonly ct: string
  readonly pt: string
  readonly timeoutMs: number | null
  readonly from: number
  readonly to: number | null
}

export interface LedgerInput {
  readonly zones: readonly Zone[]
  readonly areas: readonly Area[]
  readonly points: readonly Point[]
  readonly meters: readonly (Omit<MeterFact, 'from' | 'to'> & { readonly from: number | null })[]
}

export interface LedgerChanges {
  readonly added: number
  readonly changed: number
  readonly closed: number
}

const SCHEMA = `
CREATE TABLE IF NOT EXISTS zone (id TEXT PRIMARY KEY, name TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS area (id TEXT PRIMARY KEY, name TEXT NOT NULL, zone TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS point (id TEXT PRIMARY KEY, name TEXT NOT NULL, area TEXT NOT NULL, role TEXT NOT NULL, phase TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS meter_fact (
  meter TEXT NOT NULL, valid_from INTEGER NOT NULL, valid_to INTEGER, point TEXT NOT NULL, line TEXT NOT NULL, address TEXT NOT NULL,
  profile TEXT NOT NULL, ct TEXT NOT NULL, pt TEXT NOT NULL, timeout_ms INTEGER, PRIMARY KEY (meter, valid_from)
) STRICT;
CREATE TABLE IF NOT EXISTS change (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL, before TEXT, after TEXT) STRICT;
`

/**
 * The ledger (档案): what hangs where, since when. A fact that changes is closed and followed by a new one; nothing is
 * overwritten, and a question as of an instant has one answer.
 */
export class Ledger {
  readonly #database: Database

  constructor(directory: string) {
    this.#database = openDatabase(join(directory, 'ledger.db'))
    this.#database.exec(SCHEMA)
  }

  /** Makes the ledger say what the file says, in one transaction: new meters open, changed ones follow, missing ones close. */
  apply(input: LedgerInput, who: string, at: number): LedgerChanges {
    return inTransaction(this.#database, () => {
      this.#names(input)
      const open = new Map(this.meters(null).map((fact) => [fact.meter, fact]))
      let added = 0
      let changed = 0
      for (const { from, ...wanted } of input.meters) {
        const now = open.get(wanted.meter)
        open.delete(wanted.meter)
        if (now && sameFact(now, wanted)) continue
        if (now) {
          const since = Math.max(from ?? at, now.from + 1)
          this.#close(now, since)
          this.#open({ ...wanted, from: since, to: null })
          this.#change(at, who, `meter ${wanted.meter} changed`, now, wanted)
          changed++
        } else {
          const start = from ?? (this.#isKnown(wanted.meter) ? at : 0)
          this.#open({ ...wanted, from: start, to: null })
          this.#change(at, who, `meter ${wanted.meter} added`, null, wanted)
          added++
        }
      }
      for (const gone of open.values()) {
        this.#close(gone, Math.max(at, gone.from + 1))
        this.#change(at, who, `meter ${gone.meter} closed`, gone, null)
      }
      return { added, changed, closed: open.size }
    })
  }

  /** The facts in force at an instant; null = the newest, still open ones. */
  meters(asOf: number | null): MeterFact[] {
    const rows =
      asOf === null
        ? this.#database.prepare('SELECT * FROM meter_fact WHERE valid_to IS NULL ORDER BY meter').all()
        : this.#database
            .prepare('SELECT * FROM meter_fact WHERE valid_from <= ? AND (valid_to IS NULL OR valid_to > ?) ORDER BY meter')
            .all(asOf, asOf)
    return rows.map(factOf)
  }

  /** Every fact of every meter, oldest first. */
  history(): MeterFact[] {
    return this.#database.prepare('SELECT * FROM meter_fact ORDER BY valid_from, meter').all().map(factOf)
  }

  points(): Point[] {
    return this.#database
      .prepare('SELECT id, name, area, role, phase FROM point ORDER BY id')
      .all()
      .map((row) => ({
        id: text(row, 'id'),
        name: text(row, 'name'),
        area: text(row, 'area'),
        role: text(row, 'role'),
        phase: text(row, 'phase'),
      }))
  }

  areas(): Area[] {
    return this.#database
      .prepare('SELECT id, name, zone FROM area ORDER BY id')
      .all()
      .map((row) => ({ id: text(row, 'id'), name: text(row, 'name'), zone: text(row, 'zone') }))
  }

  close(): void {
    this.#database.close()
  }

  #names({ zones, areas, points }: LedgerInput): void {
    const zone = this.#database.prepare('INSERT INTO zone VALUES (?, ?) ON CONFLICT(id) DO UPDATE SET name = excluded.name')
    for (const { id, name } of zones) zone.run(id, name)
    const area = this.#database.prepare(
      'INSERT INTO area VALUES (?, ?, ?) ON CONFLICT(id) DO UPDATE SET name = excluded.name, zone = excluded.zone',
    )
    for (const { id, name, zone: of } of areas) area.run(id, name, of)
    const point = this.#database.prepare(
      'INSERT INTO point VALUES (?, ?, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET name = excluded.name, area = excluded.area, role = excluded.role, phase = excluded.phase',
    )
    for (const { id, name, area: of, role, phase } of points) point.run(id, name, of, role, phase)
  }

  #isKnown(meter: string): boolean {
    return this.#database.prepare('SELECT 1 FROM meter_fact WHERE meter = ? LIMIT 1').get(meter) !== undefined
  }

  #open({ meter, from, to, point, line, address, profile, ct, pt, timeoutMs }: MeterFact): void {
    this.#database
      .prepare('INSERT INTO meter_fact VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
      .run(meter, from, to, point, line, address, profile, ct, pt, timeoutMs)
  }

  #close({ meter, from }: MeterFact, at: number): void {
    this.#database.prepare('UPDATE meter_fact SET valid_to = ? WHERE meter = ? AND valid_from = ?').run(at, meter, from)
  }

  #change(at: number, who: string, what: string, before: unknown, after: unknown): void {
    this.#database
      .prepare('INSERT INTO change (at, who, what, before, after) VALUES (?, ?, ?, ?, ?)')
      .run(at, who, what, before === null ? null : JSON.stringify(before), after === null ? null : JSON.stringify(after))
  }
}

const sameFact = (a: MeterFact, b: Omit<MeterFact, 'from' | 'to'>): boolean =>
  a.point === b.point &&
  a.line === b.line &&
  a.address === b.address &&
  a.profile === b.profile &&
  a.ct === b.ct &&
  a.pt === b.pt &&
  a.timeoutMs === b.timeoutMs

type Row = Readonly<Record<string, unknown>>

const text = (row: Row, column: string): string => String(row[column] ?? '')
const integer = (row: Row, column: string): number | null =>
  row[column] === null || row[column] === undefined ? null : Number(row[column])

const factOf = (row: Row): MeterFact => ({
  meter: text(row, 'meter'),
  point: text(row, 'point'),
  line: text(row, 'line'),
  address: text(row, 'address'),
  profile: text(row, 'profile'),
  ct: text(row, 'ct'),
  pt: text(row, 'pt'),
  timeoutMs: integer(row, 'timeout_ms'),
  from: integer(row, 'valid_from') ?? 0,
  to: integer(row, 'valid_to'),
})
