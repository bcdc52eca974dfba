import type { Database } from '../sqlite/index.ts'
import { Damaged } from './errors.ts'
import type { Extent } from './mark.ts'
import { type Column, eachRow, firstRow, numberOr0 } from './rows.ts'
import { checksumOf } from './schema.ts'

/** What a file holds, found out without changing it. */
export interface Survey {
  readonly words: ReadonlyMap<number, string>
  /** Some words are only in one of their two tables. */
  readonly isHalfWorded: boolean
  /** Numbers below it belong to words, lost ones included. */
  readonly firstFreeWord: number
  readonly cursors: ReadonlyMap<string, number>
  /** Sinks with a place in the file that are not configured any more. */
  readonly left: readonly string[]
  readonly next: number
  /** Entries that ought to be there, are not, and were not noted before. */
  readonly gaps: readonly { readonly first: number; readonly count: number }[]
}

/**
 * Accounts for every entry from the oldest one a sink still wants to the end.
 *
 * @param sinks   configured sinks; a new one wants everything that is kept
 * @param before  how far the outbox had got, as the mark knows it
 * @throws {Damaged} when the file contradicts itself
 */
export const survey = (database: Database, sinks: readonly string[], before: Extent | null): Survey => {
  // A flipped bit in a record's header turns a body into text or a number: only the page itself still holds the bytes.
  const foreign = firstRow(database, 'first', "chunk WHERE typeof(body) <> 'blob'")
  if (foreign) throw new Damaged(`the body of chunk ${foreign[0]} is no blob`)
  const { words, isHalfWorded } = wordsOf(database)
  const known = new Map<string, number>()
  const rows: string[] = []
  eachRow(database, 'sink, position, crc', 'cursor', (sink, position, crc) => {
    if (typeof sink !== 'string' || typeof position !== 'number') return
    rows.push(sink)
    if (crc === checksumOf(sink, position)) known.set(sink, position)
  })
  const newest = firstRow(database, 'first, count', '(SELECT first, count FROM chunk ORDER BY first DESC LIMIT 1)')
  const end = newest ? numberOr0(newest[0]) + numberOr0(newest[1]) : 0
  const next = Math.max(0, before?.next ?? 0, end, ...known.values())
  const oldest = numberOr0(firstRow(database, 'first', '(SELECT first FROM chunk ORDER BY first LIMIT 1)')?.[0] ?? next)
  // With no cursor left, the mark knows what was still wanted: entries before the oldest chunk may be missing.
  const start = known.size === 0 && before ? Math.min(before.oldest, oldest) : oldest
  const cursors = new Map(sinks.map((sink) => [sink, known.get(sink) ?? start]))
  const highest = [...words.keys()].reduce((most, id) => Math.max(most, id + 1), 0)
  return {
    words,
    isHalfWorded,
    firstFreeWord: Math.max(highest, numberOr0(firstRow(database, 'value', "tally WHERE name = 'words'")?.[0])),
    cursors,
    left: rows.filter((sink) => !cursors.has(sink)),
    next,
    gaps: gapsOf(database, Math.min(next, ...(sinks.length > 0 ? cursors.values() : [oldest])), next),
  }
}

const wordsOf = (database: Database): { words: Map<number, string>; isHalfWorded: boolean } => {
  const words = new Map<number, string>()
  const counts = ['word', 'word_copy'].map((table) => {
    let sound = 0
    eachRow(database, 'id, crc, text', table, (id, crc, text) => {
      if (typeof id !== 'number' || typeof text !== 'string' || crc !== checksumOf(id, text)) return
      words.set(id, text)
      sound++
    })
    return sound
  })
  return { words, isHalfWorded: counts.some((count) => count < words.size) }
}

const gapsOf = (database: Database, wanted: number, next: number): Survey['gaps'] => {
  const gaps: { first: number; count: number }[] = []
  let position = wanted
  eachRow(database, 'first, count', '(SELECT first, count FROM chunk ORDER BY first)', (at, entries) => {
    const [first, count] = [integer(at), integer(entries)]
    if (first + count <= position) return
    if (first > position) gaps.push({ first: position, count: first - position })
    else if (first < position && position > wanted) throw new Damaged(`chunk ${first} overlaps the one before it`)
    position = first + count
  })
  if (position < next) gaps.push({ first: position, count: next - position })
  if (gaps.length === 0) return gaps
  const known: { first: number; end: number }[] = []
  eachRow(database, 'first, count', 'damaged', (first, count) =>
    known.push({ first: integer(first), end: integer(first) + integer(count) }),
  )
  return gaps.filter((gap) => !known.some(({ first, end }) => first <= gap.first && end >= gap.first + gap.count))
}

const integer = (value: Column): number => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw new Damaged(`${String(value)} where a number should be`)
  return value
}
