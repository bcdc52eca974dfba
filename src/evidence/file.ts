import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { SOURCES } from '../core/index.ts'
import { type Database, inTransaction, openDatabase, type Statement } from '../sqlite/index.ts'
import { DamagedPage, isDamage } from './errors.ts'
import { digestOf, packPage, unpack } from './page.ts'
import {
  type EvidenceDraft,
  type EvidenceItem,
  type EvidenceKey,
  type EvidenceRef,
  type EvidenceSettings,
  type EvidenceState,
  evidenceKey,
} from './types.ts'

export const EVIDENCE_FILE = 'evidence.db'
const DAY_MS = 86_400_000
/** Of a payload so much is kept, bytes; the hash is over the whole. */
export const MOST_KEPT = 65_536
/** Pages that one call of {@link EvidenceFile.tidy} takes away. */
const MOST_AT_ONCE = 2000
/** Of a file that is full so much is made free. */
const ROOM = 0.98

/** Nothing is changed once it is written, and nothing taken away but pages whose time is over. */
const TABLES = `
CREATE TABLE IF NOT EXISTS meters(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS pages(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, body BLOB NOT NULL, seal BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS records(id INTEGER PRIMARY KEY AUTOINCREMENT, page INTEGER NOT NULL, slot INTEGER NOT NULL, kind TEXT NOT NULL, sha256 BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS records_page ON records(page);
CREATE TABLE IF NOT EXISTS readings(meter INTEGER NOT NULL, at INTEGER NOT NULL, source TEXT NOT NULL, record INTEGER NOT NULL, PRIMARY KEY(meter, at, source, record)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS readings_record ON readings(record);
CREATE TABLE IF NOT EXISTS marks(name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TRIGGER IF NOT EXISTS pages_stay BEFORE UPDATE ON pages BEGIN SELECT RAISE(ABORT, 'evidence is never changed'); END;
CREATE TRIGGER IF NOT EXISTS records_stay BEFORE UPDATE ON records BEGIN SELECT RAISE(ABORT, 'evidence is never changed'); END;
CREATE TRIGGER IF NOT EXISTS readings_stay BEFORE UPDATE ON readings BEGIN SELECT RAISE(ABORT, 'evidence is never changed'); END;
`

interface Row {
  readonly id: number
  readonly kind: string
  readonly sha256: Uint8Array
}

/** One record of a page that is being written. */
interface Sealed {
  readonly draft: EvidenceDraft
  readonly sha256: Uint8Array
}

/**
 * `evidence.db`: what readings rest on. Synchronous; lives in a thread of its own. A damaged file is put beside and a new one begun.
 */
export class EvidenceFile {
  readonly #path: string
  readonly #now: () => number
  #settings: EvidenceSettings
  #database: Database
  #statements: ReturnType<typeof prepared>
  readonly #setAside: string[] = []
  readonly #meters = new Map<string, number>()

  /** @throws when the file cannot be opened for another reason than damage */
  constructor(directory: string, settings: EvidenceSettings, now: () => number) {
    this.#path = join(directory, EVIDENCE_FILE)
    this.#settings = settings
    this.#now = now
    this.#database = this.#opened()
    this.#statements = prepared(this.#database)
  }

  use(settings: EvidenceSettings): void {
    this.#settings = settings
  }

  /** Keeps records in one commit. Who calls has put secrets out of them. */
  add(drafts: readonly EvidenceDraft[]): void {
    if (drafts.length === 0) return
    this.#whole(() => {
      const sealed = drafts.map(seal)
      const { page, record, reading, last } = this.#statements
      inTransaction(this.#database, () => {
        const body = packPage(sealed.map(({ draft: { of: _, ...facts } }) => facts))
        const before = last.get()
        const at = this.#now()
        // Each seal holds the one before: what was taken out of the middle, or changed, shows.
        const { lastInsertRowid: id } = page.run(at, body, digestOf([blobOf(before?.seal), body]))
        for (const [slot, { draft, sha256 }] of sealed.entries()) {
          const { lastInsertRowid: made } = record.run(Number(id), slot, draft.kind, sha256)
          for (const { meter, measuredAt, source } of draft.of) reading.run(this.#meter(meter), measuredAt, source, Number(made))
        }
      })
    })
  }

  /** The newest record of each. */
  refs(keys: readonly EvidenceKey[]): ReadonlyMap<string, EvidenceRef> {
    const found = new Map<string, EvidenceRef>()
    for (const key of keys) {
      const [newest] = this.of(key)
      if (newest) found.set(evidenceKey(key), newest)
    }
    return found
  }

  /** Every record of a reading, the newest first: a freeze that was read again has several. */
  of({ meter, measuredAt, source }: EvidenceKey): readonly EvidenceRef[] {
    return this.#whole(() => this.#statements.of.all(meter, measuredAt, source).flatMap((row) => refOf(row) ?? []))
  }

  /** @throws DamagedPage */
  item(id: string, key?: EvidenceKey): EvidenceItem | null {
    if (!/^[1-9]\d{0,14}$/.test(id)) return null
    return this.#whole(() => {
      const row = this.#statements.item.get(Number(id))
      const ref = row ? refOf(row) : null
      const first = ref && (key ?? keyOf(this.#statements.keys.get(Number(id))))
      if (!row || !ref || !first) return null
      const facts = unpack(blobOf(row.body), Number(row.slot))
      const hash = Buffer.from(digestOf(facts.parts.map(({ bytes }) => bytes))).toString('hex')
      // Of a payload that was cut the hash is over what is not here.
      if (facts.wholeSize === undefined && hash !== ref.sha256) throw new DamagedPage(`record ${id} does not fit its hash`)
      return { ...facts, ...ref, ...first }
    })
  }

  /** Readings a record brought, at most so many. */
  keysOf(id: string, limit: number): readonly EvidenceKey[] {
    if (!/^[1-9]\d{0,14}$/.test(id)) return []
    return this.#whole(() => this.#statements.allKeys.all(Number(id), limit).flatMap((row) => keyOf(row) ?? []))
  }

  /** Takes away what is too old, and of a file that is too large the oldest. @returns pages that went */
  tidy(now: number): number {
    return this.#whole(() => {
      const { old, oldest, drop, dropRecords, dropReadings, mark } = this.#statements
      const limit = now - this.#settings.keepDays * DAY_MS
      let upTo = Number(old.get(limit)?.id ?? 0)
      let gone = 0
      if (this.#bytes() > this.#settings.maxBytes) {
        const count = Number(this.#database.prepare('SELECT count(*) AS n FROM pages').get()?.n ?? 0)
        const share = Math.max(1, Math.ceil(count * (1 - (this.#settings.maxBytes * ROOM) / this.#bytes())))
        upTo = Math.max(upTo, Number(oldest.get(Math.min(share, MOST_AT_ONCE) - 1)?.id ?? upTo))
        mark.run('short', now)
      }
      if (upTo > 0)
        inTransaction(this.#database, () => {
          dropReadings.run(upTo)
          dropRecords.run(upTo)
          gone = Number(drop.run(upTo).changes)
        })
      return gone
    })
  }

  state(): EvidenceState {
    return this.#whole(() => {
      // Numbers follow one another, and only the oldest go.
      const records = Number(this.#database.prepare('SELECT max(id) - min(id) + 1 AS n FROM records').get()?.n ?? 0)
      const first = this.#database.prepare('SELECT min(at) AS at FROM pages').get()?.at
      const short = this.#database.prepare("SELECT value FROM marks WHERE name = 'short'").get()?.value
      const isShort = short !== undefined && Number(short) > this.#now() - 7 * DAY_MS
      const oldestAt = first === null || first === undefined ? null : Number(first)
      return { records, bytes: this.#bytes(), oldestAt, setAside: [...this.#setAside], isShort }
    })
  }

  /** Whether every seal fits its page and the one before. @returns ids of pages that do not */
  check(): readonly number[] {
    return this.#whole(() => {
      let before: Uint8Array | null = null
      const wrong: number[] = []
      for (const { id, body, seal: kept } of this.#database.prepare('SELECT id, body, seal FROM pages ORDER BY id').iterate()) {
        const sealed = blobOf(kept)
        // What stood before the oldest page is gone.
        if (before !== null && !Buffer.from(digestOf([before, blobOf(body)])).equals(sealed)) wrong.push(Number(id))
        before = sealed
      }
      return wrong
    })
  }

  close(): void {
    // Statements keep the log alive: a copy of the one file is then whole.
    this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    this.#database.close()
  }

  #bytes(): number {
    const pragma = (name: string) => Number(Object.values(this.#database.prepare(`PRAGMA ${name}`).get() ?? {})[0] ?? 0)
    return (pragma('page_count') - pragma('freelist_count')) * pragma('page_size')
  }

  #meter(name: string): number {
    const known = this.#meters.get(name)
    if (known !== undefined) return known
    const { meter, newMeter } = this.#statements
    const id = Number(meter.get(name)?.id ?? newMeter.run(name).lastInsertRowid)
    this.#meters.set(name, id)
    return id
  }

  /** Damage that shows in the middle of work: the file is put beside, and the work is done with a new one. */
  #whole<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      // A number given in a commit that was rolled back is none.
      this.#meters.clear()
      if (!isDamage(error)) throw error
      try {
        this.#database.close()
      } catch {
        // It is given up anyway.
      }
      this.#putBeside()
      this.#database = this.#opened()
      this.#statements = prepared(this.#database)
      return work()
    }
  }

  #opened(): Database {
    try {
      return opened(this.#path)
    } catch (error) {
      if (!isDamage(error)) throw error
      this.#putBeside()
      return opened(this.#path)
    }
  }

  #putBeside(): void {
    const name = `evidence-damaged-${new Date(this.#now()).toISOString().replace(/[:.]/g, '-')}.db`
    for (const end of ['', '-wal', '-shm'])
      try {
        renameSync(`${this.#path}${end}`, join(this.#path, '..', `${name}${end}`))
      } catch (error) {
        if (end === '') throw error
      }
    this.#setAside.push(name)
  }
}

const opened = (path: string): Database => {
  // A commit that a power cut takes away is the last batch: the reading itself is in the outbox.
  const database = openDatabase(path, 'NORMAL')
  try {
    database.exec(TABLES)
    database.prepare('SELECT count(*) AS n FROM (SELECT id FROM pages ORDER BY id DESC LIMIT 10)').get()
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

const prepared = (database: Database) =>
  ({
    meter: database.prepare('SELECT id FROM meters WHERE name = ?'),
    newMeter: database.prepare('INSERT INTO meters(name) VALUES(?)'),
    last: database.prepare('SELECT seal FROM pages ORDER BY id DESC LIMIT 1'),
    page: database.prepare('INSERT INTO pages(at, body, seal) VALUES(?, ?, ?)'),
    record: database.prepare('INSERT INTO records(page, slot, kind, sha256) VALUES(?, ?, ?, ?)'),
    reading: database.prepare('INSERT OR IGNORE INTO readings(meter, at, source, record) VALUES(?, ?, ?, ?)'),
    of: database.prepare(
      'SELECT r.id, r.kind, r.sha256 FROM readings JOIN records r ON r.id = record WHERE meter = (SELECT id FROM meters WHERE name = ?) AND at = ? AND source = ? ORDER BY record DESC LIMIT 20',
    ),
    item: database.prepare('SELECT r.id, r.kind, r.sha256, r.slot, p.body FROM records r JOIN pages p ON p.id = r.page WHERE r.id = ?'),
    keys: database.prepare('SELECT name, at, source FROM readings JOIN meters m ON m.id = meter WHERE record = ? LIMIT 1'),
    allKeys: database.prepare(
      'SELECT name, at, source FROM readings JOIN meters m ON m.id = meter WHERE record = ? ORDER BY name, at LIMIT ?',
    ),
    old: database.prepare('SELECT max(id) AS id FROM (SELECT id FROM pages WHERE at < ? ORDER BY id LIMIT 2000)'),
    oldest: database.prepare('SELECT id FROM pages ORDER BY id LIMIT 1 OFFSET ?'),
    drop: database.prepare('DELETE FROM pages WHERE id <= ?'),
    dropRecords: database.prepare('DELETE FROM records WHERE page <= ?'),
    dropReadings: database.prepare('DELETE FROM readings WHERE record IN (SELECT id FROM records WHERE page <= ?)'),
    mark: database.prepare('INSERT OR REPLACE INTO marks(name, value) VALUES(?, ?)'),
  }) satisfies Readonly<Record<string, Statement>>

/** Hash over what came; of a long payload only the beginning stays. */
const seal = (draft: EvidenceDraft): Sealed => {
  const sha256 = digestOf(draft.parts.map(({ bytes }) => bytes))
  if (draft.kind === 'frame') return { draft, sha256 }
  const wholeSize = draft.parts.reduce((sum, { bytes }) => sum + bytes.length, 0)
  if (wholeSize <= MOST_KEPT) return { draft, sha256 }
  return {
    sha256,
    draft: { ...draft, wholeSize, parts: draft.parts.map((part) => ({ ...part, bytes: part.bytes.subarray(0, MOST_KEPT) })) },
  }
}

const blobOf = (value: unknown): Uint8Array => (value instanceof Uint8Array ? value : new Uint8Array(0))

const refOf = (row: Readonly<Record<string, unknown>>): EvidenceRef | null => {
  const { id, kind, sha256 }: Partial<Record<keyof Row, unknown>> = row
  return kind === 'frame' || kind === 'message' ? { id: String(id), kind, sha256: Buffer.from(blobOf(sha256)).toString('hex') } : null
}

const keyOf = (row: Readonly<Record<string, unknown>> | undefined): EvidenceKey | null => {
  if (!row) return null
  const source = SOURCES.find((one) => one === row.source)
  return source === undefined ? null : { meter: String(row.name), measuredAt: Number(row.at), source }
}
