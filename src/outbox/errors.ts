import { type ErrorTable, failWith, type GatewayError } from '../core/index.ts'

/** Every way the outbox refuses, and what happens next. */
const table = {
  OUTBOX_FULL: {
    recovery: 'wait',
    hint: 'the database the readings go to has been away too long: bring it back, or raise outbox.maxMb',
  },
  OUTBOX_DISK: {
    recovery: 'wait',
    hint: 'free space on the disk of the outbox directory, then check it for read-only mounts and errors in dmesg',
  },
  OUTBOX_LOCKED: {
    recovery: 'stop',
    hint: 'two gateways must not share an outbox: stop the other one, or give this one its own directory',
  },
  OUTBOX_NEWER: { recovery: 'stop', hint: 'this outbox was written by a newer version: start that one again' },
  OUTBOX_CLOSED: { recovery: 'stop', hint: 'the gateway is stopping: send it again after the start' },
  OUTBOX_TOO_LARGE: { recovery: 'skip', hint: 'one reading exceeds a megabyte: split its columns over several readings' },
  OUTBOX_READING: {
    recovery: 'skip',
    hint: 'a reading has whole milliseconds, integers and whole exponents: whoever made this one is wrong, report it with the message',
  },
  OUTBOX_DAMAGED: {
    recovery: 'skip',
    hint: 'the unreadable bytes are kept beside the outbox: check the disk and the memory of this machine',
  },
  OUTBOX_SINK: { recovery: 'wait', hint: 'the sink broke its promise never to throw: report it with the log' },
} as const satisfies ErrorTable

export type OutboxError = GatewayError<keyof typeof table>
export const fail = failWith(table)

/** Result codes of SQLite. @source sqlite.org/rescode.html */
const BUSY = 5
const IO_ERROR = 10
const SHORT_READ = IO_ERROR | (2 << 8)
const DAMAGE = new Set([11, 26]) // CORRUPT, NOTADB
const ENVIRONMENT = new Set([3, BUSY, 6, 7, 8, 9, IO_ERROR, 13, 14, 22, 23]) // PERM … NOMEM READONLY … FULL CANTOPEN NOLFS AUTH

/** Bytes on disk that contradict themselves. */
export class Damaged extends Error {
  override readonly name = 'Damaged'
}

const sqliteCode = (error: unknown): number =>
  typeof error === 'object' && error !== null && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : 0

/** The file itself is wrong. A number out of range is one: nothing we wrote exceeds 2^53. */
export const isDamage = (error: unknown): boolean => {
  const code = sqliteCode(error)
  return error instanceof Damaged || error instanceof RangeError || DAMAGE.has(code & 0xff) || code === SHORT_READ
}

/** The disk, the memory or the permissions are wrong, and may be right later. */
export const isEnvironment = (error: unknown): boolean =>
  !isDamage(error) && (ENVIRONMENT.has(sqliteCode(error) & 0xff) || (error instanceof Error && 'syscall' in error))

export const isBusy = (error: unknown): boolean => (sqliteCode(error) & 0xff) === BUSY
export const isInputOutput = (error: unknown): boolean => (sqliteCode(error) & 0xff) === IO_ERROR
export const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
