/** A row as the engine gives it, and its columns by the type they were declared with. */
export type Row = Readonly<Record<string, unknown>>

/** A number of an INTEGER or REAL column that is NOT NULL. */
export const numberIn = (row: Row, column: string): number => Number(row[column] ?? 0)
export const numberOrNullIn = (row: Row, column: string): number | null => {
  const value = row[column]
  return value === null || value === undefined ? null : Number(value)
}
export const textIn = (row: Row, column: string): string => String(row[column] ?? '')
export const textOrNullIn = (row: Row, column: string): string | null => {
  const value = row[column]
  return value === null || value === undefined ? null : String(value)
}
/** A copy: the engine may use its memory again. */
export const bytesOrNullIn = (row: Row, column: string): Uint8Array | null => {
  const value = row[column]
  return value instanceof Uint8Array ? Uint8Array.from(value) : null
}
