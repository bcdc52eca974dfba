import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Finding, LossDay, MeterEvent, Phase, ThresholdLayers } from '../anomaly/index.ts'
import { type Database, inTransaction, openDatabase, openToRead, type Statement } from '../sqlite/index.ts'
import type { PackedBlock } from './analysis-block.ts'
import { commBytes, commOf, type PackedComm } from './analysis-comm.ts'

/** A day of an area that is to be made anew. */
export interface BlockMark {
  readonly area: string
  readonly day: string
  readonly why: string
}

/** Where an area stands. */
export interface AreaState {
  readonly area: string
  /** Newest day that was judged; null = none yet. */
  readonly day: string | null
  readonly at: number
  /** How long it took, milliseconds. */
  readonly ms: number
  /** Earlier or later data came: the newest day is judged again. */
  readonly again: string | null
  /** What went wrong last time. */
  readonly failure: string | null
  /** Findings at the alarm level. */
  readonly alarms: number
}

/** A block with what is said of it. */
export interface KeptBlock extends PackedBlock {
  readonly area: string
  readonly day: string
  readonly start: number
  /** Points of the area, and those of them whose every quarter hour is known. */
  readonly members: number
  readonly complete: number
  readonly comm: PackedComm | null
}

/** A change of one threshold (阈值变更); `after` null = as the next wider layer says again. */
export interface ThresholdChange {
  readonly seq: number
  readonly at: number
  readonly who: string
  readonly why: string
  readonly rule: string
  readonly name: string
  readonly layer: ThresholdLayer
  /** Zone, class or point; '' of the global layer. */
  readonly target: string
  readonly before: number | null
  readonly after: number | null
  /** Change that this one takes back. */
  readonly undoes: number | null
}

export const THRESHOLD_LAYERS = ['global', 'zone', 'class', 'point'] as const
export type ThresholdLayer = (typeof THRESHOLD_LAYERS)[number]

const VERSION = 1
const SCHEMA = `
  CREATE TABLE mark (area TEXT NOT NULL, day TEXT NOT NULL, why TEXT NOT NULL, PRIMARY KEY (area, day)) WITHOUT ROWID, STRICT;
  CREATE TABLE block (area TEXT NOT NULL, day TEXT NOT NULL, start INTEGER NOT NULL, slots INTEGER NOT NULL, members INTEGER NOT NULL,
    complete INTEGER NOT NULL, digest TEXT NOT NULL, points TEXT NOT NULL, gateways BLOB NOT NULL, energy BLOB NOT NULL, instants BLOB NOT NULL,
    comm BLOB, PRIMARY KEY (area, day)) STRICT;
  CREATE TABLE state (area TEXT PRIMARY KEY, day TEXT, at INTEGER NOT NULL, ms INTEGER NOT NULL, again TEXT, failure TEXT, alarms INTEGER NOT NULL)
    WITHOUT ROWID, STRICT;
  CREATE TABLE loss (area TEXT NOT NULL, day TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (area, day)) STRICT;
  CREATE TABLE phase (area TEXT PRIMARY KEY, day TEXT NOT NULL, body TEXT NOT NULL) STRICT;
  CREATE TABLE elsewhere (area TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
  CREATE TABLE event (point TEXT NOT NULL, at INTEGER NOT NULL, code TEXT NOT NULL, PRIMARY KEY (point, at, code)) WITHOUT ROWID, STRICT;
  CREATE TABLE threshold (seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL, rule TEXT NOT NULL,
    name TEXT NOT NULL, layer TEXT NOT NULL, target TEXT NOT NULL, before REAL, after REAL, undoes INTEGER) STRICT;
  CREATE TABLE place (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID, STRICT;
  CREATE INDEX block_day ON block (day);
  PRAGMA user_version = ${VERSION};`

/** A file that a later version of the product wrote. */
export class AnalysisBookTooNew extends Error {
  override readonly name = 'AnalysisBookTooNew'
}

type Row = Readonly<Record<string, unknown>>
type Bound = string | number | null | Uint8Array
const text = (row: Row, column: string): string => String(row[column] ?? '')
const textOrNull = (row: Row, column: string): string | null => (row[column] === null ? null : String(row[column]))
const number = (row: Row, column: string): number => Number(row[column] ?? 0)
const numberOrNull = (row: Row, column: string): number | null => (row[column] === null ? null : Number(row[column]))
const bytes = (row: Row, column: string): Uint8Array => (row[column] instanceof Uint8Array ? row[column] : new Uint8Array(0))
const isRow = (row: unknown): row is Row => typeof row === 'object' && row !== null

const FILE = 'anomaly.db'

/** Blocks of days as a thread of the analysis reads them, beside whoever writes. */
export class BlockReader {
  readonly #database: Database
  readonly #statements = new Map<string, Statement>()

  constructor(database: Database) {
    this.#database = database
  }

  static open(directory: string): BlockReader {
    return new BlockReader(openToRead(join(directory, FILE)))
  }

  /** @param light  without instantaneous values of customers: they are not read from the disk either */
  blocks(area: string, first: string, last: string, light = false): readonly KeptBlock[] {
    const columns = light ? 'area, day, start, slots, members, complete, points, gateways, energy, NULL AS instants, comm' : '*'
    return this.all(`SELECT ${columns} FROM block WHERE area = ? AND day >= ? AND day <= ? ORDER BY day`, area, first, last).map(blockOf)
  }

  /** Communication of days of an area, without the rest of their blocks. */
  comms(area: string, first: string, last: string): readonly { readonly day: string; readonly comm: PackedComm }[] {
    return this.all(
      'SELECT day, comm FROM block WHERE area = ? AND day >= ? AND day <= ? AND comm IS NOT NULL ORDER BY day',
      area,
      first,
      last,
    ).flatMap((row) => (row.comm instanceof Uint8Array ? [{ day: text(row, 'day'), comm: commOf(row.comm) }] : []))
  }

  /** Events of points in [from, to), oldest first. */
  events(points: readonly string[], from: number, to: number): readonly MeterEvent[] {
    return points
      .flatMap((point) => this.all('SELECT point, at, code FROM event WHERE point = ? AND at >= ? AND at < ? ORDER BY at', point, from, to))
      .map((row) => ({ id: text(row, 'point'), at: number(row, 'at'), event: text(row, 'code') }))
      .sort((a, b) => a.at - b.at)
  }

  one(sql: string, ...values: readonly Bound[]): Row | null {
    const row: unknown = this.statement(sql).get(...values)
    return isRow(row) ? row : null
  }

  all(sql: string, ...values: readonly Bound[]): Row[] {
    return this.statement(sql)
      .all(...values)
      .filter(isRow)
  }

  statement(sql: string): Statement {
    let statement = this.#statements.get(sql)
    if (!statement) {
      statement = this.#database.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }

  close(): void {
    this.#statements.clear()
    this.#database.close()
  }
}

/**
 * What the daily analysis keeps: days of areas as blocks, how far each area is, losses and phases that were found, and thresholds with
 * their history: `anomaly.db`. A mark that a day is to be made anew is on disk before anything forgets why.
 */
export class AnalysisBook {
  readonly #database: Database
  readonly reader: BlockReader
  #isTogether = false
  #isFull = true
  #layers: ThresholdLayers | null = null

  /** @throws AnalysisBookTooNew */
  constructor(directory: string) {
    const file = join(directory, FILE)
    this.#database = openDatabase(file)
    this.reader = new BlockReader(this.#database)
    const version = number(this.#one('PRAGMA user_version') ?? {}, 'user_version')
    if (version > VERSION) {
      this.#database.close()
      throw new AnalysisBookTooNew(`${file} is of form ${version}, this program knows ${VERSION}: run the newer version`)
    }
    if (version === 0) inTransaction(this.#database, () => this.#database.exec(SCHEMA))
  }

  /** All in one transaction. @param isPromise  it is on the disk before this returns; what can be worked out again need not be */
  together<T>(work: () => T, isPromise = false): T {
    if (this.#isTogether) return work()
    this.#isTogether = true
    try {
      if (isPromise !== this.#isFull) this.#database.exec(`PRAGMA synchronous=${isPromise ? 'FULL' : 'NORMAL'}`)
      this.#isFull = isPromise
      return inTransaction(this.#database, work)
    } finally {
      this.#isTogether = false
    }
  }

  mark({ area, day, why }: BlockMark): void {
    this.#run('INSERT INTO mark VALUES (?, ?, ?) ON CONFLICT DO NOTHING', area, day, why)
  }

  unmark(area: string, day: string): void {
    this.#run('DELETE FROM mark WHERE area = ? AND day = ?', area, day)
  }

  marks(): readonly BlockMark[] {
    return this.#all('SELECT * FROM mark ORDER BY day, area').map((row) => ({
      area: text(row, 'area'),
      day: text(row, 'day'),
      why: text(row, 'why'),
    }))
  }

  /** @returns whether it differs from what was there */
  keepBlock({ area, day, start, slots, members, complete, points, gateways, energy, instants, comm }: KeptBlock): boolean {
    const packed = comm && commBytes(comm)
    const hash = createHash('sha1').update(JSON.stringify(points))
    for (const part of [gateways, energy, instants, packed]) hash.update(part ?? '-')
    const digest = hash.digest('base64url')
    const before = this.#one('SELECT digest FROM block WHERE area = ? AND day = ?', area, day)
    if (before?.digest === digest) return false
    this.#run(
      'INSERT OR REPLACE INTO block VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      ...[area, day, start, slots, members, complete, digest, JSON.stringify(points), gateways, energy, instants, packed],
    )
    return true
  }

  /** Days of an area there are blocks of, with how complete they are, oldest first. */
  days(area: string): readonly { readonly day: string; readonly members: number; readonly complete: number }[] {
    return this.#all('SELECT day, members, complete FROM block WHERE area = ? ORDER BY day', area).map((row) => ({
      day: text(row, 'day'),
      members: number(row, 'members'),
      complete: number(row, 'complete'),
    }))
  }

  /** Blocks and events of before a day leave, some at a time. @returns how many blocks */
  forget(before: string, eventsBefore: number, most: number): number {
    this.#run('DELETE FROM event WHERE at < ?', eventsBefore)
    const sql = 'DELETE FROM block WHERE rowid IN (SELECT rowid FROM block WHERE day < ? LIMIT ?)'
    return Number(this.reader.statement(sql).run(before, most).changes)
  }

  addEvent({ id, at, event }: MeterEvent): void {
    this.#run('INSERT INTO event VALUES (?, ?, ?) ON CONFLICT DO NOTHING', id, at, event)
  }

  states(): readonly AreaState[] {
    return this.#all('SELECT * FROM state ORDER BY area').map((row) => ({
      ...{ area: text(row, 'area'), day: textOrNull(row, 'day'), at: number(row, 'at'), ms: number(row, 'ms') },
      ...{ again: textOrNull(row, 'again'), failure: textOrNull(row, 'failure'), alarms: number(row, 'alarms') },
    }))
  }

  setState({ area, day, at, ms, again, failure, alarms }: AreaState): void {
    this.#run('INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?, ?, ?, ?)', area, day, at, ms, again, failure, alarms)
  }

  keepLosses(losses: readonly LossDay[]): void {
    for (const loss of losses) this.#run('INSERT OR REPLACE INTO loss VALUES (?, ?, ?)', loss.area, loss.day, JSON.stringify(loss))
  }

  /** What the analysis found of the loss of days first..last, oldest first. */
  losses(area: string, first: string, last: string): readonly LossDay[] {
    return this.#all('SELECT body FROM loss WHERE area = ? AND day >= ? AND day <= ? ORDER BY day', area, first, last).map((row) =>
      JSON.parse(text(row, 'body')),
    )
  }

  keepPhases(area: string, day: string, phases: Readonly<Record<string, Phase>>): void {
    this.#run('INSERT OR REPLACE INTO phase VALUES (?, ?, ?)', area, day, JSON.stringify(phases))
  }

  /** Phases of the points of an area as the voltages of its newest judged day show them; null = not judged yet. */
  phases(area: string): { readonly day: string; readonly phases: Readonly<Record<string, Phase>> } | null {
    const row = this.#one('SELECT day, body FROM phase WHERE area = ?', area)
    return row ? { day: text(row, 'day'), phases: JSON.parse(text(row, 'body')) } : null
  }

  /** What was last found in an area that says something of other areas. @returns whether it differs from before */
  keepElsewhere(area: string, findings: readonly Finding[]): boolean {
    const body = JSON.stringify(findings)
    const before = this.#one('SELECT body FROM elsewhere WHERE area = ?', area)
    if ((before?.body ?? '[]') === body) return false
    if (findings.length === 0) this.#run('DELETE FROM elsewhere WHERE area = ?', area)
    else this.#run('INSERT OR REPLACE INTO elsewhere VALUES (?, ?)', area, body)
    return true
  }

  /** Findings of other areas that name this one. */
  elsewhere(area: string): readonly Finding[] {
    return this.#all('SELECT body FROM elsewhere WHERE area <> ? ORDER BY area', area)
      .flatMap((row): Finding[] => JSON.parse(text(row, 'body')))
      .filter(({ trueArea }) => trueArea === area)
  }

  addThreshold(change: Omit<ThresholdChange, 'seq'>): ThresholdChange {
    const { at, who, why, rule, name, layer, target, before, after, undoes } = change
    this.#run(
      'INSERT INTO threshold (at, who, why, rule, name, layer, target, before, after, undoes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      ...[at, who, why, rule, name, layer, target, before, after, undoes],
    )
    return { ...change, seq: number(this.#one('SELECT last_insert_rowid() AS seq') ?? {}, 'seq') }
  }

  /** Newest first. */
  thresholdChanges(before: number, limit: number, rule: string | null = null): readonly ThresholdChange[] {
    return this.#all(
      'SELECT * FROM threshold WHERE seq < ?1 AND (?2 IS NULL OR rule = ?2) ORDER BY seq DESC LIMIT ?3',
      before,
      rule,
      limit,
    ).map(changeOf)
  }

  thresholdChange(seq: number): ThresholdChange | null {
    const row = this.#one('SELECT * FROM threshold WHERE seq = ?', seq)
    return row && changeOf(row)
  }

  /** Number of the newest change of a threshold. */
  thresholdVersion(): number {
    return number(this.#one('SELECT max(seq) AS seq FROM threshold') ?? {}, 'seq')
  }

  /** Thresholds as they were set, up to a change. */
  layers(upTo = Number.MAX_SAFE_INTEGER): ThresholdLayers {
    const version = Math.min(upTo, this.thresholdVersion())
    // Asked for with every figure of line loss, changed once a month.
    if (this.#layers?.version === version) return this.#layers
    this.#layers = layersOf(this.#all('SELECT * FROM threshold WHERE seq <= ? ORDER BY seq', version).map(changeOf))
    return this.#layers
  }

  place(name: string): number | null {
    const row = this.#one('SELECT value FROM place WHERE name = ?', name)
    return row ? number(row, 'value') : null
  }

  setPlace(name: string, value: number): void {
    this.#run('INSERT OR REPLACE INTO place VALUES (?, ?)', name, value)
  }

  close(): void {
    this.reader.close()
  }

  #run(sql: string, ...values: readonly Bound[]): void {
    this.reader.statement(sql).run(...values)
  }

  #one(sql: string, ...values: readonly Bound[]): Row | null {
    return this.reader.one(sql, ...values)
  }

  #all(sql: string, ...values: readonly Bound[]): Row[] {
    return this.reader.all(sql, ...values)
  }
}

/** What changes, oldest first, come to. */
export const layersOf = (changes: readonly ThresholdChange[]): ThresholdLayers => {
  const global: Record<string, number> = {}
  const by: Record<Exclude<ThresholdLayer, 'global'>, Record<string, Record<string, number>>> = { zone: {}, class: {}, point: {} }
  let version = 0
  for (const { seq, rule, name, layer, target, after } of changes) {
    version = seq
    const key = `${rule}.${name}`
    let values = global
    if (layer !== 'global') {
      by[layer][target] ??= {}
      values = by[layer][target]
    }
    if (after === null) delete values[key]
    else values[key] = after
  }
  return { version, global, zones: by.zone, classes: by.class, points: by.point }
}

const isLayer = (word: string): word is ThresholdLayer => THRESHOLD_LAYERS.some((layer) => layer === word)

const changeOf = (row: Row): ThresholdChange => {
  const layer = text(row, 'layer')
  return {
    ...{ seq: number(row, 'seq'), at: number(row, 'at'), who: text(row, 'who'), why: text(row, 'why'), rule: text(row, 'rule') },
    ...{ name: text(row, 'name'), layer: isLayer(layer) ? layer : 'global', target: text(row, 'target') },
    ...{ before: numberOrNull(row, 'before'), after: numberOrNull(row, 'after'), undoes: numberOrNull(row, 'undoes') },
  }
}

const blockOf = (row: Row): KeptBlock => ({
  ...{ area: text(row, 'area'), day: text(row, 'day'), start: number(row, 'start'), slots: number(row, 'slots') },
  ...{ members: number(row, 'members'), complete: number(row, 'complete'), points: JSON.parse(text(row, 'points')) },
  ...{ gateways: bytes(row, 'gateways'), energy: bytes(row, 'energy'), instants: bytes(row, 'instants') },
  comm: row.comm instanceof Uint8Array ? commOf(row.comm) : null,
})
