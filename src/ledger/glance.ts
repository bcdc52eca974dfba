import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { openToRead } from '../sqlite/index.ts'
import type { Kind } from './kinds.ts'
import { entityOf, listOf } from './read.ts'
import { DATA_VERSION } from './schema.ts'
import { integer, Sql } from './sql.ts'
import type { Entity } from './types.ts'

/** What can be asked of a ledger that is only looked at. */
export interface LedgerGlance {
  has(kind: Kind, id: string): boolean
  get(kind: Kind, id: string): Entity | null
  list(kind: Kind, limit: number): readonly Entity[]
}

/**
 * Looks into `ledger.db` of a directory without making, changing or bringing anything up to date, whether a gateway runs there or not.
 *
 * @returns  `none`: there is no ledger; `unreadable`: there is one, of another release or not to be opened
 */
export const glance = <T>(directory: string, look: (ledger: LedgerGlance) => T): T | 'none' | 'unreadable' => {
  const file = join(directory, 'ledger.db')
  if (!existsSync(file)) return 'none'
  try {
    const database = openToRead(file)
    try {
      const sql = new Sql(database)
      if (integer(sql.get('PRAGMA user_version') ?? {}, 'user_version') !== DATA_VERSION) return 'unreadable'
      return look({
        has: (kind, id) => sql.get('SELECT 1 FROM entity WHERE kind = ? AND id = ?', kind, id) !== undefined,
        get: (kind, id) => entityOf(sql, kind, id, null),
        list: (kind, limit) => listOf(sql, { kind, limit }),
      })
    } finally {
      database.close()
    }
  } catch {
    return 'unreadable'
  }
}
