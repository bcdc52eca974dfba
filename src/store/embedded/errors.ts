import { type ErrorTable, failWith, type GatewayError } from '../../core/result.ts'

/** Every way the embedded store fails, and what happens next. */
const table = {
  STORE_TIME: { recovery: 'skip', hint: 'the reading is dated before 2000 or after 2119: set the clock of the meter' },
  STORE_VALUE: { recovery: 'skip', hint: 'a value that is no integer cannot be kept exactly: report the profile that made it' },
  STORE_CROWDED: {
    recovery: 'skip',
    hint: 'one series sent more than 490 readings finer than a second in one hour: lengthen its interval',
  },
  STORE_SERIES: { recovery: 'skip', hint: 'a month holds two million series at most: look for a tag that changes with every reading' },
  STORE_CURSOR: { recovery: 'skip', hint: 'begin again without cursor: this one belongs to another store or another question' },
  STORE_QUERY: {
    recovery: 'stop',
    hint: 'name a meter, a point or an id, from before to, a limit above 0, and only cursors this store gave out',
  },
  STORE_DAMAGED: {
    recovery: 'wait',
    hint: 'the file was set aside and a fresh one begun; `sqlite3 FILE .recover` gets most of its rows back; check the disk',
  },
  STORE_ROW: { recovery: 'skip', hint: 'this row cannot be read and is left out; the others are given; check the disk' },
  STORE_FULL: { recovery: 'wait', hint: 'the disk is full: free space, or keep fewer months; readings wait in the outbox' },
  STORE_IO: { recovery: 'wait', hint: 'the disk does not answer as it should: see the kernel log; readings wait in the outbox' },
  STORE_ACCESS: { recovery: 'stop', hint: 'the directory or file cannot be written: check its owner, its rights and the mount' },
  STORE_LOCKED: { recovery: 'stop', hint: 'another process has this directory open: stop it, or name another directory' },
  STORE_BUSY: { recovery: 'wait', hint: 'another program holds the file open for writing: let it finish' },
  STORE_WORKER: { recovery: 'retry', hint: 'the store thread stopped and is started again: if it repeats, report the message' },
  STORE_SLOW: { recovery: 'wait', hint: 'the store did not answer in time: the disk is overloaded, or a long job is running' },
  STORE_NEWER: { recovery: 'stop', hint: 'a later version wrote this file: run that version, or move the file away' },
  STORE_BUG: { recovery: 'wait', hint: 'this should not happen: report the message' },
} as const satisfies ErrorTable
export type StoreErrorCode = keyof typeof table
export type StoreError = GatewayError<StoreErrorCode>

export const fail = failWith(table)

/** The error alone, for lists of dead letters and logs. */
export const storeError = (code: StoreErrorCode, message: string, context: GatewayError['context'] = {}): StoreError =>
  fail(code, message, context).error

/** SQLite's primary result codes that mean something to a person. @source https://sqlite.org/rescode.html */
const RESULTS: Readonly<Record<number, StoreErrorCode>> = {
  5: 'STORE_BUSY',
  6: 'STORE_BUSY',
  8: 'STORE_ACCESS',
  10: 'STORE_IO',
  11: 'STORE_DAMAGED',
  13: 'STORE_FULL',
  14: 'STORE_ACCESS',
  23: 'STORE_ACCESS',
  26: 'STORE_DAMAGED',
}

const SYSTEM: Readonly<Record<string, StoreErrorCode>> = {
  EACCES: 'STORE_ACCESS',
  EPERM: 'STORE_ACCESS',
  EROFS: 'STORE_ACCESS',
  ENOTDIR: 'STORE_ACCESS',
  EEXIST: 'STORE_ACCESS',
  ENOSPC: 'STORE_FULL',
  EDQUOT: 'STORE_FULL',
  EIO: 'STORE_IO',
}

/** What SQLite or the file system threw, as one of ours; `file` is named for the person who looks for it. */
export const storeErrorOf = (thrown: unknown, file: string): StoreError => {
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  if (thrown instanceof Error && thrown.name === 'RowDamaged') return storeError('STORE_ROW', `${file}: ${message}`, { file })
  const { errcode, code } = typeof thrown === 'object' && thrown !== null ? (thrown as { errcode?: unknown; code?: unknown }) : {}
  // Extended result codes carry the primary one in their low byte.
  const known = typeof errcode === 'number' ? RESULTS[errcode & 0xff] : typeof code === 'string' ? SYSTEM[code] : undefined
  return storeError(known ?? 'STORE_BUG', `${file}: ${message}`, { file })
}

/** Was this thrown by us, with all a person needs? */
export const isStoreError = (thrown: unknown): thrown is StoreError =>
  typeof thrown === 'object' && thrown !== null && !(thrown instanceof Error) && 'code' in thrown && 'recovery' in thrown
