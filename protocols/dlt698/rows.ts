import type { RecordItem } from './apdu-types.ts'
import type { ColumnSelector, Datum } from './datum.ts'
import type { Cell } from './events.ts'

/** One record of a table: its own columns, and those of another table that it quotes (ROAD). */
export interface Row {
  readonly cells: readonly Cell[]
  readonly quoted: readonly { readonly table: string; readonly cells: readonly Cell[] }[]
}

const NULL: Datum = { t: 'null' }

/**
 * Values of a ROAD column. Devices send an array with one value for each attribute, or with one array for each record that is quoted;
 * an attribute that is an array itself may come bare where it is the only one; NULL = nothing at all.
 */
const quotedCells = (columns: readonly string[], datum: Datum): readonly (readonly Cell[])[] => {
  const each = (values: readonly Datum[]): readonly Cell[] => columns.map((oad, at) => ({ oad, datum: values[at] ?? NULL }))
  if (datum.t !== 'array' && datum.t !== 'structure') return [each(columns.length === 1 ? [datum] : [])]
  const { v } = datum
  const isRow = (one: Datum): one is Datum & { readonly t: 'array' | 'structure' } =>
    (one.t === 'array' || one.t === 'structure') && one.v.length === columns.length
  // Several records: every element is one. A lone column is never taken for records of itself.
  if (columns.length > 1 && v.length > 0 && v.length !== columns.length && v.every(isRow)) return v.map((one) => each(one.v))
  if (columns.length > 1 && v.length === 1 && v[0] && isRow(v[0])) return [each(v[0].v)]
  if (columns.length === 1 && v.length !== 1) return [each([datum])]
  return [each(v)]
}

const widthOf = (columns: readonly ColumnSelector[]): number =>
  columns.reduce((sum, column) => sum + ('road' in column ? column.road.columns.length : 1), 0)

/** Rows of a table with the attribute of each value, however the device wrote ROAD columns. */
export const rowsOf = ({ columns, rows = [] }: RecordItem): readonly Row[] =>
  rows.map((row) => {
    const isFlat = row.length !== columns.length && row.length === widthOf(columns)
    const cells: Cell[] = []
    const quoted: { table: string; cells: readonly Cell[] }[] = []
    let at = 0
    for (const column of columns) {
      if (!('road' in column)) {
        cells.push({ oad: column.oad, datum: row[at++] ?? NULL })
        continue
      }
      const { oad: table, columns: own } = column.road
      if (isFlat) {
        quoted.push({ table, cells: own.map((oad, index) => ({ oad, datum: row[at + index] ?? NULL })) })
        at += own.length
      } else for (const one of quotedCells(own, row[at++] ?? NULL)) quoted.push({ table, cells: one })
    }
    return { cells, quoted }
  })

/** Cell of an object; undefined where the table has no such column. */
export const cellOf = (cells: readonly Cell[], oi: string): Datum | undefined => cells.find(({ oad }) => oad.startsWith(oi))?.datum

/** Whom a row is about (202A), at least 12 digits as ledgers have them; null where it does not say. */
export const addressOf = (cells: readonly Cell[]): string | null => {
  const datum = cellOf(cells, '202A')
  return datum?.t === 'TSA' && datum.v !== '' ? datum.v.padStart(12, '0') : null
}
