import { randomBytes } from 'node:crypto'
import { type FileHandle, open, readFile, rename, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ok, type Result } from '../core/index.ts'
import { fail, type PushError, textOf } from './errors.ts'
import { encodeRecord, FILE_HEAD, fileHead, isTornHead, RECORD_LIMIT, saltOf, scanRecords } from './records.ts'

/** What the file is written through: the system's, or a test's disk that refuses. */
export type OpenFile = (path: string, flags: string) => Promise<Pick<FileHandle, 'write' | 'datasync' | 'truncate' | 'close'>>

export interface AppendLogOptions {
  /** The file; the generation before it is `PATH.1`. */
  readonly path: string
  /** When the file has passed it, it becomes the generation before, and a new one begins. */
  readonly maxBytes: number
  /** Given every record that is there, oldest first, before the log is open. */
  readonly replay: (record: Buffer) => void
  readonly openFile?: OpenFile
}

/** What was found at opening. */
export interface Found {
  readonly records: number
  /** Bytes of a torn tail, cut off. */
  readonly cutBytes: number
  /** Bytes between good records that are none. */
  readonly damagedBytes: number
  /** Names of files that were not ours or had lost their head; they lie beside the log. */
  readonly setAside: readonly string[]
}

/** What a person should know of it; null when nothing was lost. A torn tail was promised to nobody. */
export const lossOf = (path: string, { damagedBytes, setAside }: Found): PushError | null => {
  if (damagedBytes === 0 && setAside.length === 0) return null
  const aside = setAside.length > 0 ? `; set aside as ${setAside.join(', ')}, and begun anew` : ''
  return fail('PUSH_DAMAGED', `${path}: ${damagedBytes} bytes are left out${aside}`, { path, damagedBytes }).error
}

/** A record waits for the disk. */
interface Waiting {
  readonly record: Uint8Array
  readonly done: (result: Result<void, PushError>) => void
}

/** Most bytes of one write, and of all that may wait while the disk is busy. */
const GROUP_BYTES = 1 << 20
const WAITING_BYTES = 32 << 20

/**
 * Opens an append-only file of records, or begins it.
 *
 * @errors PUSH_DISK
 */
export const openAppendLog = async (options: AppendLogOptions): Promise<Result<AppendLog, PushError>> => {
  const { path, replay } = options
  const setAside: string[] = []
  let records = 0
  let cutBytes = 0
  let damagedBytes = 0
  let tail: Tail = { salt: null, end: 0 }
  try {
    for (const name of [`${path}.1`, path]) {
      const file = await readIfThere(name)
      tail = { salt: null, end: 0 }
      if (file === null || file.length === 0) continue
      const salt = saltOf(file)
      if (salt === null && isTornHead(file)) cutBytes += file.length
      else if (salt === null) setAside.push(await moveAside(name))
      else {
        const scan = scanRecords(file, salt, replay)
        tail = { salt, end: scan.end }
        records += scan.records
        cutBytes += file.length - scan.end
        damagedBytes += scan.damaged
      }
    }
    const log = new AppendLog(options, { records, cutBytes, damagedBytes, setAside }, tail)
    const ready = await log.prepare()
    return ready.ok ? ok(log) : ready
  } catch (error) {
    return fail('PUSH_DISK', `${path} cannot be opened: ${textOf(error)}`, { path })
  }
}

interface Ready {
  readonly file: Awaited<ReturnType<OpenFile>>
  readonly salt: number
}

interface Tail {
  readonly salt: number | null
  readonly end: number
}

/**
 * An append-only file with group commit: one write and one sync at a time, and what comes meanwhile goes with the next. After a
 * failure the file is cut back to what was promised before it is written to again.
 */
export class AppendLog {
  readonly found: Found
  readonly #options: AppendLogOptions
  readonly #open: OpenFile
  /** Null: to be opened before the next write. */
  #ready: Ready | null = null
  #salt: number | null
  /** Where the last promised record ends. */
  #end: number
  #waiting: Waiting[] = []
  #waitingBytes = 0
  #work: Promise<void> | null = null
  #isClosed = false

  constructor(options: AppendLogOptions, found: Found, { salt, end }: Tail) {
    this.#options = options
    this.#open = options.openFile ?? open
    this.found = found
    this.#salt = salt
    this.#end = end
  }

  /** Bytes of the file that is written to. */
  get bytes(): number {
    return this.#end
  }

  /**
   * Resolves when the record is on the disk. Records get there in the order of the calls; the bytes must not change until then.
   *
   * @errors PUSH_DISK, PUSH_BUSY, PUSH_TOO_LARGE, PUSH_CLOSED
   */
  append(record: Uint8Array): Promise<Result<void, PushError>> {
    const { path } = this.#options
    if (this.#isClosed) return Promise.resolve(fail('PUSH_CLOSED', `${path} is closed`, { path }))
    if (record.length > RECORD_LIMIT)
      return Promise.resolve(fail('PUSH_TOO_LARGE', `a record of ${record.length} bytes for ${path}`, { path, bytes: record.length }))
    if (this.#waitingBytes + costOf(record) > WAITING_BYTES)
      return Promise.resolve(fail('PUSH_BUSY', `${this.#waiting.length} records wait for ${path} already`, { path }))
    return new Promise((done) => {
      this.#waiting.push({ record, done })
      this.#waitingBytes += costOf(record)
      this.#work ??= this.#run()
    })
  }

  /** Everything that was appended before is on the disk or refused. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#work
    await this.#drop()
  }

  async #run(): Promise<void> {
    // Whoever calls in the same turn goes with the first group.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const group = this.#nextGroup()
      const result = await this.#commit(group)
      for (const { done } of group) done(result)
    }
    this.#work = null
  }

  #nextGroup(): Waiting[] {
    let bytes = 0
    let count = 0
    while (count < this.#waiting.length && (count === 0 || bytes < GROUP_BYTES)) bytes += costOf(this.#waiting[count++]!.record)
    this.#waitingBytes -= bytes
    return this.#waiting.splice(0, count)
  }

  async #commit(group: readonly Waiting[]): Promise<Result<void, PushError>> {
    return this.#guarded(async () => {
      if (this.#end >= this.#options.maxBytes) await this.#turn()
      const { file, salt } = this.#ready ?? (await this.#begin())
      const bytes = Buffer.concat(group.map(({ record }) => encodeRecord(record, salt)))
      await writeAll(file, bytes, this.#end)
      await file.datasync()
      this.#end += bytes.length
    })
  }

  /** Opens the file now, so that a directory that cannot be used is known at the start. */
  prepare(): Promise<Result<void, PushError>> {
    return this.#guarded(async () => {
      this.#ready ??= await this.#begin()
    })
  }

  async #guarded(work: () => Promise<void>): Promise<Result<void, PushError>> {
    try {
      await work()
      return ok(undefined)
    } catch (error) {
      // What a failed write or sync left in the file is anybody's guess: the next one cuts it off and goes on from there.
      await this.#drop()
      const { path } = this.#options
      return fail('PUSH_DISK', `${path} cannot be written: ${textOf(error)}`, { path })
    }
  }

  /** Opens the file with its head, and nothing behind the last promise. */
  async #begin(): Promise<Ready> {
    const { path } = this.#options
    const size = await sizeOf(path)
    // Somebody took the file away: what it held is gone, what comes is not.
    if (size < this.#end) this.#end = 0
    if (this.#end < FILE_HEAD) this.#salt = null
    const file = await this.#open(path, size >= 0 ? 'r+' : 'w+')
    try {
      await file.truncate(this.#end)
      const salt = this.#salt ?? randomBytes(4).readUInt32LE()
      if (this.#salt === null) {
        await writeAll(file, fileHead(salt), 0)
        await file.datasync()
        await syncDirectory(dirname(path))
        this.#end = FILE_HEAD
        this.#salt = salt
      }
      this.#ready = { file, salt }
      return this.#ready
    } catch (error) {
      await file.close().catch(() => {})
      throw error
    }
  }

  /** The file becomes the generation before. When that fails, it only grows longer. */
  async #turn(): Promise<void> {
    const { path } = this.#options
    try {
      await rename(path, `${path}.1`)
    } catch {
      return
    }
    await this.#drop()
    this.#salt = null
    this.#end = 0
  }

  async #drop(): Promise<void> {
    const ready = this.#ready
    this.#ready = null
    // A disk that has failed may refuse to close as well; the descriptor is gone either way.
    await ready?.file.close().catch(() => {})
  }
}

/** What a waiting record takes of memory; an empty one is not for nothing. */
const costOf = (record: Uint8Array): number => record.length + 64

const writeAll = async (file: Pick<FileHandle, 'write'>, bytes: Uint8Array, position: number): Promise<void> => {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, position + at)
    at += bytesWritten
  }
}

const readIfThere = async (path: string): Promise<Buffer | null> => {
  try {
    return await readFile(path)
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
}

/** Size of a file, -1 when there is none. */
const sizeOf = async (path: string): Promise<number> => {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (isMissing(error)) return -1
    throw error
  }
}

/** Renames a file nobody can read to the first free name beside it. */
export const moveAside = async (path: string): Promise<string> => {
  let name = `${path}.damaged`
  for (let count = 2; (await sizeOf(name)) >= 0; count++) name = `${path}.damaged-${count}`
  await rename(path, name)
  return name
}

/** A new name is as safe as its directory. Where directories cannot be synced (Windows), the system does it by itself. */
export const syncDirectory = async (path: string): Promise<void> => {
  const directory = await open(path, 'r').catch(() => null)
  await directory?.sync().catch(() => {})
  await directory?.close()
}

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT'
