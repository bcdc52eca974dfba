import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ok, type Result } from '../core/index.ts'
import { openDatabase } from '../sqlite/index.ts'
import { fail, isBusy, isDamage, type OutboxError } from './errors.ts'

/** A directory that is ours until `release` or death. */
export interface Lock {
  release(): void
}

/**
 * Makes a directory ours. The lock is the operating system's (SQLite's exclusive mode on a file of its own), so it ends with the
 * process however that dies, and a process number that came round again means nothing; the number in `outbox.pid` is for people.
 *
 * @errors OUTBOX_LOCKED, with the holder's process number
 */
export const acquireLock = (directory: string): Result<Lock, OutboxError> => {
  const path = join(directory, 'outbox.lock')
  const pidPath = join(directory, 'outbox.pid')
  try {
    const lock = openLock(path)
    writeFileSync(pidPath, `${process.pid}\n`)
    return ok({
      release: () => {
        rmSync(pidPath, { force: true })
        lock.close()
      },
    })
  } catch (error) {
    if (!isBusy(error)) throw error
    const pid = holderOf(pidPath)
    return fail('OUTBOX_LOCKED', `${directory} is in use by process ${pid ?? 'unknown'}`, { directory, pid })
  }
}

const openLock = (path: string) => {
  const open = () => {
    const database = openDatabase(path, 'NORMAL', 'PRAGMA locking_mode=EXCLUSIVE')
    try {
      database.exec('BEGIN EXCLUSIVE; CREATE TABLE IF NOT EXISTS holder(pid INTEGER); COMMIT')
      return database
    } catch (error) {
      database.close()
      throw error
    }
  }
  try {
    return open()
  } catch (error) {
    // The lock is asked for before the content is looked at: a damaged lock file is nobody's.
    if (!isDamage(error)) throw error
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
    return open()
  }
}

const holderOf = (path: string): number | null => {
  try {
    return Number(readFileSync(path, 'utf8')) || null
  } catch {
    return null
  }
}
