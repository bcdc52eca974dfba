import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** A file that was written this long ago is whole. */
const SETTLED_MS = 500

/**
 * Notices that files have changed: cheaply, by time and size, and only when they have been left alone for a moment, so that nobody reads
 * a file that is half written.
 */
export class FileWatch {
  readonly #paths: () => readonly string[]
  readonly #now: () => number
  #taken: string
  #seen: string
  #seenAt = Number.NEGATIVE_INFINITY

  /** @param paths  files and directories; one that is not there is watched as well */
  constructor(paths: () => readonly string[], now: () => number = () => performance.now()) {
    this.#paths = paths
    this.#now = now
    this.#taken = this.#look()
    this.#seen = this.#taken
  }

  /** Whether something has changed since the last time, and has been still for a moment. Says so once. */
  hasChanged(): boolean {
    const look = this.#look()
    if (look !== this.#seen) {
      this.#seen = look
      this.#seenAt = this.#now()
      return false
    }
    if (look === this.#taken || this.#now() - this.#seenAt < SETTLED_MS) return false
    this.#taken = look
    return true
  }

  /** What is there now is known. */
  take(): void {
    this.#taken = this.#look()
    this.#seen = this.#taken
  }

  #look(): string {
    return this.#paths().map(lookAt).join('\n')
  }
}

const lookAt = (path: string): string => {
  try {
    const { mtimeMs, size, ino, isDirectory } = fileAt(path)
    if (!isDirectory) return `${path} ${mtimeMs} ${size} ${ino}`
    return [path, ...readdirSync(path).map((name) => lookAt(join(path, name)))].join('\n')
  } catch {
    return `${path} -`
  }
}

const fileAt = (path: string) => {
  const { mtimeMs, size, ino, ...stats } = statSync(path)
  return { mtimeMs, size, ino, isDirectory: (stats.mode & 0o170000) === 0o040000 }
}
