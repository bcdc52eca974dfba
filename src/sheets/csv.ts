import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { CsvError, parse } from 'csv-parse'
import { ok, type Result } from '../core/index.ts'
import type { Caps } from './caps.ts'
import { type Encoding, encodingOf, textOf, writtenIn } from './encoding.ts'
import { fail, type SheetError } from './errors.ts'
import type { Reading } from './reading.ts'
import type { CellKind, Row, Sheet } from './row.ts'
import type { ByteSource } from './source.ts'

const DELIMITERS = [',', ';', '\t'] as const

/** Of the head line: the one that stands there most often outside quotes. */
const delimiterOf = (text: string): string => {
  const counts = new Map<string, number>(DELIMITERS.map((one) => [one, 0]))
  let inQuotes = false
  let isBlank = true
  for (const one of text) {
    if (one === '"') inQuotes = !inQuotes
    if (one === '\n' && !inQuotes && !isBlank) break
    if (inQuotes) continue
    if (counts.has(one)) counts.set(one, (counts.get(one) ?? 0) + 1)
    if (one !== '\n' && one !== '\r') isBlank = false
  }
  return [...counts].reduce((best, one) => (one[1] > best[1] ? one : best))[0]
}

export const csvSheet = (name: string): Sheet => ({ name, place: (line, column) => `${name}:${line} column ${column}` })

/**
 * Reads a CSV row by row. Encoding and delimiter are found out; quotes as RFC 4180 has them.
 *
 * @errors SHEET_NUL, SHEET_ENCODING, SHEET_QUOTES, SHEET_COLUMNS, SHEET_ROWS, SHEET_CELL, SHEET_CANCELLED
 * @source RFC 4180
 */
export const readCsv = async (
  source: ByteSource,
  name: string,
  caps: Caps,
  reading: Reading,
  encoding: Encoding | null = null,
): Promise<Result<void, SheetError>> => {
  const written = encoding === null ? encodingOf(source, caps.recordChars * 4) : ok(writtenIn(source, encoding))
  if (!written.ok) return written
  const sheet = csvSheet(name)
  const text = textOf(source, written.value)
  const first = text.next()
  if (first.done) return ok(undefined)
  if (!first.value.ok) return first.value
  let refused: Result<never, SheetError> | null = null
  const refusal = (): Result<never, SheetError> | null => refused
  function* pieces(): Generator<string, void> {
    for (let piece: IteratorResult<Result<string, SheetError>, void> = first; !piece.done; piece = text.next()) {
      if (reading.signal?.aborted) refused ??= fail('SHEET_CANCELLED', 'was cancelled')
      else if (!piece.value.ok) refused ??= piece.value
      if (refused !== null || !piece.value.ok) return
      yield piece.value.value
    }
  }
  let line = 1
  const parser = parse({
    delimiter: delimiterOf(first.value.value),
    record_delimiter: ['\r\n', '\n'],
    relax_column_count: true,
    max_record_size: caps.recordChars,
    // Rows are taken as they are found: the parser keeps none, and a row that fails knows where it began.
    on_record: (texts: readonly string[]) => {
      const row = csvRow(sheet, line, texts)
      for (const cell of texts) line += lineEndsIn(cell)
      line++
      if (row === null || refused !== null) return null
      const taken = reading.take(row)
      if (!taken.ok) refused = taken
      return null
    },
  })
  try {
    parser.resume()
    await pipeline(Readable.from(pieces()), parser)
  } catch (error) {
    return refusal() ?? problemOf(error, line, caps)
  }
  return refusal() ?? ok(undefined)
}

const lineEndsIn = (cell: string): number => {
  let count = 0
  for (let at = cell.indexOf('\n'); at >= 0; at = cell.indexOf('\n', at + 1)) count++
  return count
}

const csvRow = (sheet: Sheet, line: number, texts: readonly string[]): Row | null => {
  let width = texts.length
  while (width > 0 && texts[width - 1]!.trim() === '') width--
  if (width === 0) return null
  return { sheet, line, texts: width === texts.length ? texts : texts.slice(0, width), kinds: plain(width) }
}

const widths = new Map<number, readonly CellKind[]>()
const plain = (width: number): readonly CellKind[] => {
  const known = widths.get(width)
  if (known) return known
  const kinds = new Array<CellKind>(width).fill('plain')
  if (widths.size < 1000) widths.set(width, kinds)
  return kinds
}

const problemOf = (error: unknown, line: number, caps: Caps): Result<never, SheetError> => {
  if (!(error instanceof CsvError)) throw error
  if (error.code === 'CSV_MAX_RECORD_SIZE')
    return fail('SHEET_CELL', `the row that begins on line ${line} has more than ${caps.recordChars} characters`, { line })
  if (error.code === 'CSV_QUOTE_NOT_CLOSED')
    return fail('SHEET_QUOTES', `a quote in the row that begins on line ${line} is never closed`, { line })
  return fail('SHEET_QUOTES', `the row that begins on line ${line} has a quote in the middle of a cell`, { line })
}
