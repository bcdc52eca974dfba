import {
  type Column,
  compare,
  type Decimal,
  decimalText,
  parseDecimal,
  QUALITY,
  type Raw,
  type Reading,
  scalerAt,
  shapeOf,
} from '../core/index.ts'

/** Two values that one field of one instant was said to have. The field `ratio` is the ratio beside them. */
export interface Conflict {
  readonly field: string
  readonly kept: Decimal
  readonly refused: Decimal
}

/** A doubtful reading never shares a row with a good one: whoever reads the row would take both for what one of them is. */
export const isDoubtful = ({ quality }: Pick<Reading, 'quality'>): boolean => (quality & QUALITY.quarantined) !== 0

/** What a second reading of the same series and instant brings. */
export interface Comparison {
  /** The kept row with the columns it did not have; null when there is none. */
  readonly merged: Reading | null
  readonly conflicts: readonly Conflict[]
}

/** One column and its value: a reading taken apart. */
interface Cell {
  readonly column: Column
  readonly raw: Raw | null
  readonly scaler: number
  readonly reason: string | undefined
}

/**
 * Compares a reading with the row that is there, of equal doubt. Equal numbers are equal however they are written: 1.50 is 1.5.
 * What is absent in the new one says nothing against what is kept. A row that takes values from both has the doubts of both.
 *
 * A row has one ratio: with another one nothing of the new reading can stand in it.
 */
export const compareReadings = (kept: Reading, reading: Reading): Comparison => {
  const cells = cellsOf(kept)
  const conflicts: Conflict[] = []
  let hasNews = false
  const keptRatio = parseDecimal(kept.ratio)
  const newRatio = parseDecimal(reading.ratio)
  const sameRatio = kept.ratio === reading.ratio || (keptRatio !== null && newRatio !== null && compare(keptRatio, newRatio) === 0)
  if (!sameRatio) conflicts.push({ field: 'ratio', kept: keptRatio ?? NOTHING, refused: newRatio ?? NOTHING })
  for (const [field, cell] of cellsOf(reading)) {
    if (cell.raw === null) continue
    const there = cells.get(field)
    if (there === undefined || there.raw === null) {
      cells.set(field, cell)
      hasNews = true
    } else if (!isSame(there, cell))
      conflicts.push({
        field,
        kept: { raw: there.raw, scaler: there.scaler },
        refused: { raw: cell.raw, scaler: cell.scaler },
      })
  }
  return { merged: hasNews && sameRatio ? assemble(kept, reading, [...cells.values()]) : null, conflicts }
}

const NOTHING: Decimal = { raw: 0, scaler: 0 }

const cellsOf = (reading: Reading): Map<string, Cell> =>
  new Map(
    reading.shape.columns.map((column, at) => [
      column.field,
      { column, raw: reading.raws[at] ?? null, scaler: scalerAt(reading, at), reason: reading.absent?.get(at) },
    ]),
  )

const isSame = (a: Cell, b: Cell): boolean => {
  if (a.column.unit !== b.column.unit || a.raw === null || b.raw === null) return false
  if (a.raw === b.raw && a.scaler === b.scaler) return true
  // The sign and the size decide nearly always; a number with an exponent of thousands is not written out for it.
  return decimalSize(a) === decimalSize(b) && compare({ raw: a.raw, scaler: a.scaler }, { raw: b.raw, scaler: b.scaler }) === 0
}

/** Sign and number of digits before the point; equal for equal numbers. */
const decimalSize = ({ raw, scaler }: Cell): string => {
  const text = raw === null ? '0' : decimalText(raw, 0)
  if (/^-?0+$/.test(text)) return '0'
  return text.startsWith('-') ? `-${text.length - 1 + scaler}` : `${text.length + scaler}`
}

/** A row out of cells, its columns in the order of their fields: the same columns are the same shape whoever came first. */
const assemble = (kept: Reading, reading: Reading, unsorted: readonly Cell[]): Reading => {
  const cells = unsorted.toSorted((a, b) => (a.column.field < b.column.field ? -1 : 1))
  const absent = new Map(cells.flatMap(({ raw, reason }, at) => (raw === null && reason !== undefined ? [[at, reason] as const] : [])))
  const wasFilled = kept.raws.includes(null) && !cells.some(({ raw }) => raw === null)
  // Partial is what the row is, not what came last.
  const quality = kept.quality | (reading.quality & ~QUALITY.partial)
  return {
    series: kept.series,
    shape: shapeOf(cells.map(({ column }) => column)),
    raws: cells.map(({ raw }) => raw),
    scalers: cells.some(({ column }) => column.scaler === null)
      ? cells.map(({ column, raw, scaler }) => (column.scaler === null && raw !== null ? scaler : 0))
      : null,
    absent: absent.size > 0 ? absent : null,
    ratio: kept.ratio,
    measuredAt: kept.measuredAt,
    receivedAt: Math.max(kept.receivedAt, reading.receivedAt),
    quality: wasFilled ? quality & ~QUALITY.partial : quality,
  }
}
