export { columnName } from '../export/workbook.ts'

/** One table of a file: a sheet of a workbook, or the whole of a CSV. */
export interface Sheet {
  /** As a person knows it: `Sheet1`, `meters.csv`. */
  readonly name: string
  /** How a cell is named for a person: `Sheet1!C14`, `meters.csv:14 column 3`. Both counts from 1. */
  place(line: number, column: number): string
}

/**
 * What a cell was in the file. `plain`: of a CSV, where a spreadsheet may have written a number as well as a text; `date`: a number that the
 * spreadsheet shows as a date, already as `2026-11-21` or an instant without a zone; `formula`: the value it had when the file was saved.
 */
export type CellKind = 'plain' | 'text' | 'number' | 'date' | 'flag' | 'formula' | 'error'

/** One row that is not empty. Blank cells at its end are left out. */
export interface Row {
  readonly sheet: Sheet
  /** From 1; of a CSV the line it begins on. */
  readonly line: number
  readonly texts: readonly string[]
  /** Of every cell. */
  readonly kinds: readonly CellKind[]
}

/** 0-based column of a cell reference `AB12`; null when it is none. */
export const columnOf = (reference: string): number | null => {
  let column = 0
  let at = 0
  for (; at < reference.length; at++) {
    const code = reference.charCodeAt(at)
    if (code < 65 || code > 90) break
    column = column * 26 + code - 64
    if (at > 2) return null
  }
  return at === 0 ? null : column - 1
}

/**
 * Text that a spreadsheet would take for a formula, that the importer would take for "nothing" or "clear this", or whose outer blanks it
 * would drop. Apostrophes before it change nothing, so that guarding can be taken back without a doubt.
 *
 * @source  OWASP, CSV injection: = + - @ tab and carriage return, and their full-width forms
 */
const DANGEROUS = /^'*[=+\-@\t\r＝＋－＠]|^'*\s|\s$|^'*空$/u

/** Text as it is written into a cell: behind an apostrophe where it needs one. */
export const guarded = (text: string): string => (DANGEROUS.test(text) ? `'${text}` : text)

/** The text behind the apostrophe; null when the apostrophe, if there is one, is part of the text. */
export const unguarded = (cell: string): string | null => (cell.startsWith("'") && DANGEROUS.test(cell.slice(1)) ? cell.slice(1) : null)
