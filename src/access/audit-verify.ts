import { existsSync } from 'node:fs'
import { type Database, openToRead } from '../sqlite/index.ts'
import { auditPaths, endOf } from './audit.ts'
import { type AuditHead, readHead } from './audit-head.ts'
import { chained, genesisOf, recordOf } from './audit-record.ts'

/**
 * - `edited`: a record, or its hash, is not as it was written
 * - `rewritten`: it has been changed and its hash worked out again: the next record, the head or an anchor does not follow it
 * - `missing`: its number is not there
 * - `moved`: it stands under another number than its own
 * - `truncated`: the log ends before what its head or an anchor knows
 * - `head`: audit.head is gone or damaged
 * - `replaced`: it is another log than the one of the head or the anchor
 * - `unreadable`: the file is no audit log, or damaged
 */
export type AuditFaultKind = 'edited' | 'rewritten' | 'missing' | 'moved' | 'truncated' | 'head' | 'replaced' | 'unreadable'

export interface AuditFault {
  readonly kind: AuditFaultKind
  /** Number of the record it is about; null: of none. */
  readonly at: number | null
  readonly text: string
}

export interface AuditVerdict {
  /** Nothing was found. */
  readonly isWhole: boolean
  /** Records in the log. */
  readonly records: number
  /** Records after the last one the head knows: a process was killed while it wrote, or somebody added them. */
  readonly beyondHead: number
  /** In the order of the log; the first {@link MOST_FAULTS} of them. */
  readonly faults: readonly AuditFault[]
  /** The end of the log as it is, to be kept elsewhere; null when there is none. */
  readonly head: AuditHead | null
}

export const MOST_FAULTS = 100
const BATCH = 1000

type Row = Readonly<Record<string, unknown>>
const isRow = (row: unknown): row is Row => typeof row === 'object' && row !== null
const said = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Ends the walk when there is more wrong than anybody reads. */
class Enough extends Error {}

/** Every record by number, whatever the number is. */
function* recordsOf(database: Database): Generator<{ seq: number; previous: string; text: string; hash: string }> {
  const next = database.prepare('SELECT seq, previous, text, hash FROM record WHERE seq > ? ORDER BY seq LIMIT ?')
  let after = Number.MIN_SAFE_INTEGER
  for (;;) {
    const rows: readonly unknown[] = next.all(after, BATCH)
    for (const row of rows.filter(isRow)) {
      after = Number(row.seq)
      yield { seq: after, previous: String(row.previous), text: String(row.text), hash: String(row.hash) }
    }
    if (rows.length < BATCH) return
  }
}

/** Walks the chain from its start, and compares it with the ends that are known. */
const walk = (database: Database, known: readonly (AuditHead & { readonly name: string })[], fault: (fault: AuditFault) => void) => {
  const end = endOf(database)
  const { log } = end
  const isOurs = known.filter((each) => {
    if (each.log !== log) fault({ kind: 'replaced', at: null, text: `audit.db is another log than the one ${each.name} belongs to` })
    return each.log === log
  })
  const hashes = new Map<number, string>([[0, genesisOf(log)]])
  const asked = new Set(isOurs.map(({ count }) => count))
  let expected = 1
  let before = { hash: genesisOf(log), isSound: true }
  let records = 0
  for (const { seq, previous, text, hash } of recordsOf(database)) {
    records++
    if (seq > expected)
      fault({
        ...{ kind: 'missing', at: expected },
        text: seq === expected + 1 ? `record ${expected} is missing` : `records ${expected} to ${seq - 1} are missing`,
      })
    if (seq < expected) fault({ kind: 'moved', at: seq, text: `a record stands under the number ${seq}, the log begins with 1` })
    const own = recordOf(text)
    const isIntact = chained(previous, text) === hash && own !== null
    if (!isIntact) fault({ kind: 'edited', at: seq, text: `record ${seq} is not as it was written` })
    else if (own.seq !== seq) fault({ kind: 'moved', at: seq, text: `under the number ${seq} stands record ${own.seq}` })
    else if (seq === expected && previous !== before.hash && before.isSound)
      fault({
        ...{ kind: 'rewritten', at: Math.max(1, seq - 1) },
        text: seq === 1 ? 'record 1 does not begin this log' : `record ${seq} does not follow record ${seq - 1} as it is now`,
      })
    before = { hash, isSound: isIntact && own?.seq === seq }
    expected = Math.max(seq, 0) + 1
    if (asked.has(seq)) hashes.set(seq, hash)
  }
  for (const { count, hash, name } of isOurs) {
    const there = hashes.get(count)
    if (count >= expected)
      fault({ kind: 'truncated', at: expected, text: `the log ends at record ${expected - 1}, ${name} knows ${count}` })
    else if (there !== undefined && there !== hash)
      fault({ kind: 'rewritten', at: count, text: `record ${count} is not the one ${name} was made of` })
  }
  return { records, last: expected - 1, end }
}

/**
 * Looks at the whole audit log of a directory: edits, deletes, reorders and truncation, with their positions. Also beside a running
 * gateway. Whoever can write every file can make a log that holds by itself: that is what anchors kept elsewhere are for.
 *
 * @param anchors  ends that were printed or kept elsewhere
 */
export const verifyAudit = (directory: string, anchors: readonly AuditHead[] = [], headDirectory = directory): AuditVerdict => {
  const paths = auditPaths(directory, headDirectory)
  const faults: AuditFault[] = []
  const fault = (each: AuditFault) => {
    faults.push(each)
    if (faults.length >= MOST_FAULTS) throw new Enough()
  }
  let database: Database | null = null
  let records = 0
  let beyondHead = 0
  let end: AuditHead | null = null
  try {
    // The head first: the log may only have grown since.
    const head = readHead(paths.head)
    if (!existsSync(paths.database)) {
      if (head !== 'none' || anchors.length > 0) fault({ kind: 'truncated', at: 1, text: `${paths.database} is gone` })
      else fault({ kind: 'unreadable', at: null, text: `there is no ${paths.database}` })
    } else {
      database = openToRead(paths.database)
      database.exec('BEGIN')
      end = endOf(database)
      records = end.count
      if (typeof head === 'string')
        fault({ kind: 'head', at: null, text: head === 'none' ? `${paths.head} is gone` : `${paths.head} is damaged` })
      const known = [
        ...(typeof head === 'string' ? [] : [{ ...head, name: 'audit.head' }]),
        ...anchors.map((anchor) => ({ ...anchor, name: `the anchor of record ${anchor.count}` })),
      ]
      const walked = walk(database, known, fault)
      records = walked.records
      beyondHead = typeof head === 'string' ? 0 : Math.max(0, walked.last - head.count)
    }
  } catch (error) {
    if (!(error instanceof Enough)) faults.push({ kind: 'unreadable', at: null, text: `${paths.database} cannot be read: ${said(error)}` })
  } finally {
    database?.close()
  }
  return { isWhole: faults.length === 0, records, beyondHead, faults, head: end }
}
