import { numberText, textOf } from './cells.ts'
import { isInstant, type LocalClock } from './local.ts'
import type { Cell, ExportColumn, ExportRow, RowSource } from './types.ts'

/** A cell as JSON: decimals as strings, which lose no digit; whole numbers that a double holds as numbers. */
const jsonOf = ({ type }: ExportColumn, cell: Cell, clock: LocalClock): string => {
  if (cell === null) return 'null'
  if (type === 'instant') return typeof cell === 'number' && isInstant(cell) ? `"${clock.iso(cell)}"` : 'null'
  if (type === 'boolean') return typeof cell === 'boolean' ? String(cell) : JSON.stringify(textOf(cell))
  if (type === 'decimal') return JSON.stringify(numberText(cell))
  if (type === 'integer' || type === 'float')
    return typeof cell === 'number' ? (Number.isFinite(cell) ? String(cell) : 'null') : JSON.stringify(numberText(cell))
  return JSON.stringify(textOf(cell))
}

/** Rows as one JSON object a line. */
export async function* ndjsonPieces(
  source: RowSource,
  pieces: AsyncIterable<readonly ExportRow[]>,
  { clock }: { readonly clock: LocalClock },
): AsyncGenerator<string, void> {
  const heads = source.columns.map(({ name }, at) => `${at === 0 ? '{' : ','}${JSON.stringify(name)}:`)
  for await (const rows of pieces) {
    let text = ''
    for (const row of rows) {
      for (let at = 0; at < heads.length; at++) {
        const column = source.columns[at]
        if (column) text += `${heads[at]}${jsonOf(column, row[at] ?? null, clock)}`
      }
      text += '}\n'
    }
    if (text !== '') yield text
  }
}
