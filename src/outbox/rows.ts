import type { Database } from '../sqlite/index.ts'

export type Column = Uint8Array | number | string | bigint | null | undefined

/**
 * Rows of a query without a prepared statement. One of the two engines closes a file only when its last statement is garbage, and
 * then deletes the log of that *name*: a file that may have to be replaced must be looked at without leaving statements behind.
 *
 * @param row  gets the columns; what it throws ends the query
 */
export const eachRow = (database: Database, columns: string, from: string, row: (...columns: readonly Column[]) => void): void => {
  let thrown: unknown = null
  database.function('outbox_row', { varargs: true }, (...values: readonly Column[]) => {
    try {
      row(...values)
      return 0
    } catch (error) {
      thrown ??= error
      throw error
    }
  })
  try {
    database.exec(`SELECT outbox_row(${columns}) FROM ${from}`)
  } catch (error) {
    throw thrown ?? error
  }
}

/** The first row, or null. */
export const firstRow = (database: Database, columns: string, from: string): readonly Column[] | null => {
  let found: readonly Column[] | null = null
  eachRow(database, columns, `${from} LIMIT 1`, (...values) => {
    found = values
  })
  return found
}

export const numberOr0 = (value: Column): number => (typeof value === 'number' ? value : 0)
