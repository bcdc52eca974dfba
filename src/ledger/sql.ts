import type { Database, Statement } from '../sqlite/index.ts'
import { preparedOnce } from '../sqlite/prepared.ts'

export type Row = Readonly<Record<string, unknown>>
type Bound = string | number | null

/** A database whose statements are prepared once. */
export class Sql {
  readonly database: Database
  readonly #statement: (sql: string) => Statement

  constructor(database: Database) {
    this.database = database
    this.#statement = preparedOnce(this.database)
  }

  run(sql: string, ...values: readonly Bound[]): void {
    this.#statement(sql).run(...values)
  }

  get(sql: string, ...values: readonly Bound[]): Row | undefined {
    return this.#statement(sql).get(...values)
  }

  all(sql: string, ...values: readonly Bound[]): Row[] {
    return this.#statement(sql).all(...values)
  }
}

export const text = (row: Row, column: string): string => String(row[column] ?? '')
export const textOrNull = (row: Row, column: string): string | null =>
  row[column] === null || row[column] === undefined ? null : String(row[column])
export const integer = (row: Row, column: string): number => Number(row[column] ?? 0)
export const integerOrNull = (row: Row, column: string): number | null =>
  row[column] === null || row[column] === undefined ? null : Number(row[column])
