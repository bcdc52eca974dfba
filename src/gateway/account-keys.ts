import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Database, openToRead, type Statement } from '../sqlite/index.ts'

/** Whether a customer was a key account (大客户) by the list that was in force at an instant. */
export type IsKeyAccount = (customer: string, at: number) => boolean

const VERSION = 1
/**
 * The newest list that had been made by then: one that is made later says nothing of the days before it, so that a day that is judged again is
 * judged by the same list.
 */
const LIST = 'SELECT id FROM run WHERE counts IS NOT NULL AND at <= ? ORDER BY year DESC, version DESC LIMIT 1'
// Who is on it for nothing but what the ledger said is a key account as long as the ledger says so.
const ENTRY = `SELECT 1 AS found FROM entry WHERE run = ? AND customer = ? AND key = 1 AND reasons <> '["named"]'`

const idOf = (row: unknown): number | null => (typeof row === 'object' && row !== null && 'id' in row ? Number(row.id) : null)

/** Reads the lists in `accounts.db` beside whoever makes them. A gateway that has made none has no key accounts but those of the ledger. */
export const keyAccountReader = (directory: string): { readonly isKey: IsKeyAccount; close(): void } => {
  const path = join(directory, 'accounts.db')
  let open: { readonly database: Database; readonly list: Statement; readonly entry: Statement } | null = null
  // Every point of an area is asked for at the same instant.
  let last: { readonly at: number; readonly run: number | null } | null = null
  const opened = () => {
    if (open || !existsSync(path)) return open
    const database = openToRead(path)
    const version: unknown = database.prepare('PRAGMA user_version').get()
    const isMade = typeof version === 'object' && version !== null && 'user_version' in version && version.user_version === VERSION
    // It is just being made.
    if (!isMade) {
      database.close()
      return null
    }
    open = { database, list: database.prepare(LIST), entry: database.prepare(ENTRY) }
    return open
  }
  return {
    isKey: (customer, at) => {
      const file = opened()
      if (!file) return false
      // A list may be made between two days that are judged, but not before an instant that has passed.
      if (last?.at !== at) last = { at, run: idOf(file.list.get(at)) }
      return last.run !== null && file.entry.get(last.run, customer) !== undefined
    },
    close: () => {
      open?.database.close()
      open = null
    },
  }
}
