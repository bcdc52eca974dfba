import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { ok, type Result } from '../core/index.ts'
import {
  type ExportFormat,
  type ExportRow,
  encode,
  exportFailure,
  type FileOptions,
  type KeptGroups,
  type RowBasis,
  type RowPiece,
  type RowSource,
  RowsStopped,
  type Tally,
} from '../export/index.ts'

/** So much of a file is safe on disk, and ends where a row (Parquet: a group of rows) does. */
export interface WrittenPart {
  readonly rows: number
  readonly bytes: number
  /** Of these bytes, 64 hexadecimal digits. */
  readonly sha256: string
}
export type Written = WrittenPart

/** What a file is made of besides its rows; plain data. */
export interface ExportTask extends FileOptions, Pick<RowSource, 'name' | 'columns' | 'about'> {
  readonly format: ExportFormat
  readonly path: string
  readonly maxBytes: number
  /** What a former process wrote, with the groups of Parquet; null: the file is begun. */
  readonly before: (WrittenPart & { readonly groups: readonly Uint8Array[] }) | null
  /** How often it is made sure that what is written is safe; null: not before the end. */
  readonly keepEveryMs: number | null
}

/** @param group  the group of Parquet that ends there */
export type OnPart = (part: WrittenPart, group: Uint8Array | null) => void

/** Where a part of a format can be gone on with. A workbook is packed as one piece whose state cannot be kept. */
const GOES_ON: Readonly<Record<ExportFormat, 'row' | 'group' | 'nowhere'>> = {
  csv: 'row',
  ndjson: 'row',
  parquet: 'group',
  xlsx: 'nowhere',
}

/** Whether somebody would say that what is in a file already became another. */
export const isWatched = ({ readings, energy }: Pick<RowBasis, 'readings' | 'energy'>): boolean => readings !== null || energy !== null

/**
 * Whether a part can be gone on with. Rows that nobody watches are so only at a place of theirs: of those after it some may be others by
 * then, and to leave out as many as were written would lose or double rows. A group of Parquet seldom ends at a place.
 */
export const canGoOn = (format: ExportFormat, basis: RowBasis | null): boolean =>
  basis !== null && (GOES_ON[format] === 'row' || (GOES_ON[format] === 'group' && isWatched(basis)))

/**
 * Writes rows into a file, or into what was kept of one: everything behind that is cut off, and what stands there is read again, so that
 * a part that is not as it was written is never gone on with.
 *
 * @param pieces  rows; of a file that goes on only those that are not in it
 * @param isPlace  whether rows can be asked for from behind the piece that was given last; where they cannot, nothing is kept
 * @errors        EXPORT_PART, EXPORT_FULL, EXPORT_DISK, and what the rows stop with
 */
export const writeRows = async (
  task: ExportTask,
  pieces: AsyncIterable<readonly ExportRow[]>,
  onPart: OnPart = () => {},
  onTaken: (tally: Readonly<Tally>) => void = () => {},
  isPlace: () => boolean = () => true,
): Promise<Result<Written>> => {
  const { path, before, format, maxBytes, keepEveryMs } = task
  const tally: Tally = { rows: before?.rows ?? 0, bytes: before?.bytes ?? 0 }
  const hash = createHash('sha256')
  let file: FileHandle | null = null
  try {
    if (before) {
      if (!(await isAsWritten(path, before, hash))) return exportFailure('EXPORT_PART', 'the part of the file is not as it was written')
    }
    const opened = await open(path, before ? 'r+' : 'w', 0o640)
    file = opened
    if (before) await opened.truncate(before.bytes)
    const partNow = (): WrittenPart => ({ rows: tally.rows, bytes: tally.bytes, sha256: hash.copy().digest('hex') })
    const groups: { readonly part: WrittenPart; readonly group: Uint8Array }[] = []
    let keptAt = performance.now()
    /** Whoever asks for rows has written all it had: this is between two of its pieces. */
    async function* rows(): AsyncGenerator<RowPiece, void> {
      for await (const piece of pieces) {
        yield { rows: piece }
        onTaken(tally)
        if (keepEveryMs === null) continue
        const isDue = format !== 'parquet' && performance.now() - keptAt >= keepEveryMs && isPlace()
        if (!isDue && groups.length === 0) continue
        await opened.datasync()
        for (const { part, group } of groups.splice(0)) onPart(part, group)
        if (isDue) onPart(partNow(), null)
        keptAt = performance.now()
      }
    }
    const kept: KeptGroups = {
      before: before?.groups ?? [],
      keep: (group, count) => groups.push({ part: { ...partNow(), rows: count }, group }),
    }
    const source: RowSource = { ...task, expected: null, basis: null, rows }
    let at = tally.bytes
    for await (const piece of encode(source, format, task, new AbortController().signal, tally, kept)) {
      if (tally.bytes > maxBytes)
        return exportFailure('EXPORT_FULL', `the file passes the ${Math.floor(maxBytes / 1_048_576)} MB that are left`)
      for (let from = 0; from < piece.length; ) {
        const { bytesWritten } = await opened.write(piece, from, piece.length - from, at)
        from += bytesWritten
        at += bytesWritten
      }
      hash.update(piece)
    }
    await opened.sync()
    return ok({ rows: tally.rows, bytes: tally.bytes, sha256: hash.digest('hex') })
  } catch (error) {
    if (error instanceof RowsStopped) return { ok: false, error: error.failure }
    if (error instanceof Error && 'code' in error && 'syscall' in error) return exportFailure('EXPORT_DISK', error.message)
    throw error
  } finally {
    await file?.close()
  }
}

/** Reads what was kept into the digest of the whole, which goes on with it. */
const isAsWritten = async (path: string, { bytes, sha256 }: WrittenPart, hash: ReturnType<typeof createHash>): Promise<boolean> => {
  let found = 0
  try {
    if (bytes > 0)
      for await (const chunk of createReadStream(path, { end: bytes - 1, highWaterMark: 1 << 20 })) {
        if (!Buffer.isBuffer(chunk)) return false
        hash.update(chunk)
        found += chunk.length
      }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false
    throw error
  }
  return found === bytes && hash.copy().digest('hex') === sha256
}
