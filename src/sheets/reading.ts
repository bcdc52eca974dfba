import { ok, type Result } from '../core/index.ts'
import type { Caps } from './caps.ts'
import { fail, type SheetError } from './errors.ts'
import type { Row } from './row.ts'

/** Where rows go while a file is read; keeps the caps that count over the whole file. */
export interface Reading {
  readonly signal: AbortSignal | undefined
  take(row: Row): Result<void, SheetError>
  readonly counts: { rows: number; cells: number }
}

export const newReading = (caps: Caps, onRow: (row: Row) => void, signal?: AbortSignal): Reading => {
  const counts = { rows: 0, cells: 0 }
  return {
    signal,
    counts,
    take: (row) => {
      const { sheet, line, texts } = row
      counts.rows++
      counts.cells += texts.length
      if (texts.length > caps.columns)
        return fail('SHEET_COLUMNS', `${sheet.place(line, texts.length)}: ${texts.length} columns, more than ${caps.columns}`, { line })
      if (counts.rows > caps.rows) return fail('SHEET_ROWS', `${sheet.place(line, 1)}: more than ${caps.rows} rows`, { line })
      if (counts.cells > caps.cells) return fail('SHEET_ROWS', `${sheet.place(line, 1)}: more than ${caps.cells} cells`, { line })
      const long = texts.findIndex((text) => text.length > caps.cellChars)
      if (long >= 0)
        return fail('SHEET_CELL', `${sheet.place(line, long + 1)}: ${texts[long]?.length} characters, more than ${caps.cellChars}`, {
          line,
        })
      onRow(row)
      return ok(undefined)
    },
  }
}
