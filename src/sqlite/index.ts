/**
 * SQLite through one interface: the one built into Node from 24 on, the same API from a prebuilt package before.
 * Synchronous; whatever may take longer than a few milliseconds belongs in a worker thread.
 */
import { chmodSync, closeSync, openSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { DatabaseSyncInstance, DatabaseSync as Engine } from '@photostructure/sqlite'

export type Database = DatabaseSyncInstance
export type Statement = ReturnType<Database['prepare']>

const require = createRequire(import.meta.url)
const major = Number(process.versions.node.split('.')[0])
const { DatabaseSync }: { DatabaseSync: typeof Engine } = major >= 24 ? require('node:sqlite') : require('@photostructure/sqlite')

/**
 * Opens (and creates) a database in WAL mode.
 *
 * @param synchronous  FULL where a commit is a promise to somebody (outbox, ledger); NORMAL where the outbox still holds a copy
 * @param first        pragmas that must come before the file is touched (page size, locking mode)
 */
export const openDatabase = (path: string, synchronous: 'FULL' | 'NORMAL' = 'FULL', first = ''): Database => {
  const database = new DatabaseSync(path)
  // The time-out comes first: another thread may be creating the file at this moment.
  const pragmas = `PRAGMA busy_timeout=${BUSY_MS}; ${first}; PRAGMA journal_mode=WAL; PRAGMA synchronous=${synchronous}; PRAGMA foreign_keys=ON`
  const until = performance.now() + BUSY_MS
  for (;;)
    try {
      database.exec(pragmas)
      return database
    } catch (error) {
      // Of two that turn a new file to WAL at once SQLite refuses one without letting it wait. Who wants it for himself alone is told at once.
      if (codeOf(error) !== BUSY || first.includes('EXCLUSIVE') || performance.now() > until) throw error
      Atomics.wait(PAUSE, 0, 0, 10)
    }
}

const BUSY_MS = 5000
const PAUSE = new Int32Array(new SharedArrayBuffer(4))

/** SQLite's code of a file that somebody else holds. */
export const BUSY = 5

/** SQLite's primary error code; null when the error is not SQLite's. */
export const codeOf = (error: unknown): number | null =>
  error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : null

/** The same of what nobody else on the machine may read: digests of passwords, answers with names of customers. Also of one that was made before. */
export const openPrivate = (path: string): Database => {
  closeSync(openSync(path, 'a', PRIVATE))
  for (const each of [path, `${path}-wal`, `${path}-shm`])
    try {
      // SQLite makes the files beside it with the rights of the first.
      if ((statSync(each).mode & ~PRIVATE & 0o777) !== 0) chmodSync(each, PRIVATE)
    } catch {
      // It is not there, or somebody else's: whoever may write it may not always change its rights.
    }
  return openDatabase(path)
}
const PRIVATE = 0o600

/** Opens a database that is there, to be read: nothing is made or changed. @throws  when it cannot be */
export const openToRead = (path: string): Database => {
  const database = new DatabaseSync(path, { readOnly: true })
  database.exec('PRAGMA busy_timeout=1000')
  return database
}

/** Runs `work` in one transaction; an exception rolls it back and goes on. */
export const inTransaction = <T>(database: Database, work: () => T): T => {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (error) {
    try {
      database.exec('ROLLBACK')
    } catch {
      // A full or failing disk has rolled it back already; the first error is the one to tell.
    }
    throw error
  }
}
