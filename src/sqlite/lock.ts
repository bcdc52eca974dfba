import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BUSY, codeOf, type Database, openDatabase } from './index.ts'

/** A directory that is ours until `release` or death. */
export interface Lock {
  release(): void
}

export type Locked = { readonly ok: true; readonly lock: Lock } | { readonly ok: false; readonly pid: number | null }

/**
 * Makes a directory ours. The lock is the operating system's (SQLite's exclusive mode on a file of its own), so it ends with the
 * process however that dies, and a process number that came round again means nothing; the number in `NAME.pid` is for people.
 *
 * @returns  the holder's process number when somebody else has it
 */
export const lockDirectory = (directory: string, name: string): Locked => {
  const path = join(directory, `${name}.lock`)
  const pidPath = join(directory, `${name}.pid`)
  try {
    const database = openLock(path)
    writeFileSync(pidPath, `${process.pid}\n`)
    const release = () => {
      rmSync(pidPath, { force: true })
      database.close()
    }
    return { ok: true, lock: { release } }
  } catch (error) {
    if (codeOf(error) !== BUSY) throw error
    return { ok: false, pid: holderOf(pidPath) }
  }
}

const openLock = (path: string): Database => {
  const open = () => {
    const database = openDatabase(path, 'NORMAL', 'PRAGMA busy_timeout=0; PRAGMA locking_mode=EXCLUSIVE')
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
    const code = codeOf(error)
    if (code === BUSY || code === null) throw error
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
