import { guardedText, headText, isNumeric, isPlainNumber, type Language, numberText, textOf } from './cells.ts'
import { isInstant, type LocalClock } from './local.ts'
import type { Cell, ExportColumn, ExportRow, RowSource } from './types.ts'

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`

type Writer = (cell: Cell) => string

/**
 * How the cells of a column are written: everything in quotes, what is not known as nothing at all. Only texts are guarded; a negative
 * number stays a number.
 */
const writerOf = (column: ExportColumn, clock: LocalClock): Writer => {
  if (isNumeric(column))
    return (cell) => {
      const text = numberText(cell)
      return text === null ? '' : isPlainNumber(text) ? `"${text}"` : quoted(guardedText(text))
    }
  if (column.type === 'instant') return (cell) => (typeof cell === 'number' && isInstant(cell) ? `"${clock.iso(cell)}"` : '')
  return (cell) => {
    const text = textOf(cell)
    return text === null ? '' : quoted(guardedText(text))
  }
}

/**
 * Rows as CSV: UTF-8 with a byte order mark, which a spreadsheet needs to read Chinese; CRLF.
 *
 * @param isBegun  the heads are written, and rows too
 * @source RFC 4180
 */
export async function* csvPieces(
  source: RowSource,
  pieces: AsyncIterable<readonly ExportRow[]>,
  { clock, language, isBegun = false }: { readonly clock: LocalClock; readonly language: Language; readonly isBegun?: boolean },
): AsyncGenerator<string, void> {
  const writers = source.columns.map((column) => writerOf(column, clock))
  const { zone } = clock
  if (!isBegun) yield `\ufeff${source.columns.map((column) => quoted(guardedText(headText(column, language, zone)))).join(',')}\r\n`
  for await (const rows of pieces) {
    let text = ''
    for (const row of rows) {
      let line = ''
      for (let at = 0; at < writers.length; at++) line += `${at === 0 ? '' : ','}${writers[at]?.(row[at] ?? null) ?? ''}`
      text += `${line}\r\n`
    }
    if (text !== '') yield text
  }
}
