import { numberXml, SHEET_END, type SheetPart, sheetStart, textCell, workbookOf } from '../export/workbook.ts'
import { columnName, guarded } from './row.ts'
import type { OutCell, OutTable } from './write-csv.ts'

const PIECE_CHARS = 64 * 1024

/**
 * Tables as a workbook, in pieces, one sheet each. Texts are text cells and can be no formula; they are guarded like those of a CSV all
 * the same, so that both are read by one rule and survive being saved as the other.
 */
export const xlsxOf = (tables: readonly OutTable[]): AsyncGenerator<Buffer, void> =>
  workbookOf(tables.map((table): SheetPart => ({ name: table.name, text: sheetOf(table) })))

function* sheetOf({ heads, rows }: OutTable): Generator<string, void> {
  const names = heads.map((_, at) => columnName(at + 1))
  let piece = sheetStart(heads)
  let line = 1
  for (const row of rows) {
    line++
    piece += `<row r="${line}">`
    for (const [at, cell] of row.entries()) piece += cellOf(`${names[at] ?? columnName(at + 1)}${line}`, cell)
    piece += '</row>'
    if (piece.length < PIECE_CHARS) continue
    yield piece
    piece = ''
  }
  yield `${piece}${SHEET_END}`
}

const cellOf = (reference: string, cell: OutCell): string =>
  cell === null ? '' : typeof cell === 'string' ? textCell(reference, guarded(cell)) : numberXml(reference, cell.number)
