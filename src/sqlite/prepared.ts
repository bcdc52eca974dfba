import type { Database, Statement } from './index.ts'

/** Statements of a database by their text, each prepared once; for texts of which there are few. */
export const preparedOnce = (database: Database): ((sql: string) => Statement) => {
  const known = new Map<string, Statement>()
  return (sql) => {
    let statement = known.get(sql)
    if (!statement) {
      statement = database.prepare(sql)
      known.set(sql, statement)
    }
    return statement
  }
}
