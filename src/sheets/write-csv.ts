import { guarded } from './row.ts'

/** A cell to write: text, a number as decimal text, or nothing. */
export type OutCell = string | { readonly number: string } | null

export interface OutTable {
  /** Name of the sheet in a workbook. */
  readonly name: string
  readonly heads: readonly string[]
  readonly rows: Iterable<readonly OutCell[]>
}

/** A decimal as a number where a spreadsheet would show it digit for digit, else as text. */
export const numberCell = (decimal: string): OutCell =>
  String(Number(decimal)) === decimal && decimal.replace(/\D/g, '').length <= 15 ? { number: decimal } : decimal

const PIECE_CHARS = 64 * 1024

/**
 * A table as CSV in pieces: UTF-8 with a byte order mark, which a spreadsheet needs to read Chinese; texts in quotes and guarded against
 * being taken for formulas, numbers bare.
 *
 * @source RFC 4180; OWASP, CSV injection
 */
export function* csvOf({ heads, rows }: Pick<OutTable, 'heads' | 'rows'>): Generator<string, void> {
  let piece = `\ufeff${heads.map(quoted).join(',')}\r\n`
  for (const row of rows) {
    piece += `${row.map((cell) => (cell === null ? '' : typeof cell === 'string' ? quoted(guarded(cell)) : cell.number)).join(',')}\r\n`
    if (piece.length < PIECE_CHARS) continue
    yield piece
    piece = ''
  }
  if (piece !== '') yield piece
}

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`
