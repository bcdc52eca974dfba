import { createHash } from 'node:crypto'
import { closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { hasExpired } from '../access/principals.ts'
import type { ExportLogView, ExportRestart, ExportWanted, OpenRows } from '../api/index.ts'
import { type Clock, err, type GatewayError, ok, type Result } from '../core/index.ts'
import { exportFailure, FORMATS, fileName, type RowSource } from '../export/index.ts'
import { type ExportBook, type ExportJob, type KeptJob, messageOf, unlessFull } from './export-book.ts'
import { failureOf, type ThreadEars, type writeInThread } from './export-thread.ts'
import { type ChangeWatch, changeWatch } from './export-watch.ts'
import { canGoOn, isWatched, type Written } from './export-write.ts'

/** A job as it goes. */
export interface LiveExport {
  job: ExportJob
  stop: AbortController | null
  /** Looks out for what changes behind it; null: nobody can. */
  watch: ChangeWatch | null
}

export interface ExportRunDeps {
  readonly zone: string
  readonly clock: Pick<Clock, 'now'>
  readonly book: ExportBook
  readonly log: (level: 'warn', message: string) => void
  readonly write: typeof writeInThread
  readonly keepMs: number
  /** How often what is written is made safe. */
  readonly keepEveryMs: number
  readonly change: (live: LiveExport, to: Partial<ExportJob>) => ExportJob
  readonly pathOf: (job: Pick<ExportJob, 'id' | 'format'>) => string
  readonly partOf: (job: Pick<ExportJob, 'id' | 'format'>) => string
  /** Bytes that this file may have. */
  readonly room: (live: LiveExport) => number
  readonly isClosed: () => boolean
}

/** A file grows past nobody's notice by so little only. */
const SAY_MS = 1000

/** What nobody watches is gone on with this soon: as long as a file may take that is not cut off. */
const UNWATCHED_MS = 900_000

/** What a part cannot be gone on with after; it is begun again then. */
const LOST: ReadonlySet<string> = new Set(['EXPORT_PART', 'EXPORT_PLACE'])

export const wantedOf = ({ result, query, format, language }: ExportWanted): ExportWanted => ({ result, query, format, language })

/** What has to be written down before it holds. */
const noted = (write: () => void): Result<null> => {
  try {
    write()
    return ok(null)
  } catch (error) {
    return exportFailure('EXPORT_DISK', `exports.db cannot be written: ${messageOf(error)}`)
  }
}

/** A name that is there after a power cut too. */
const renameForGood = (from: string, to: string): void => {
  renameSync(from, to)
  const directory = openSync(dirname(to), 'r')
  fsyncSync(directory)
  closeSync(directory)
}

/**
 * Writes the file of a job. What a former process wrote of it is gone on with where its format and its result can be, and what its rows come
 * from is as it was; else it is begun again from its first row, and says why. A file is never one half of what was and one half of what is.
 */
export const exportRun = (deps: ExportRunDeps) => {
  const { zone, clock, book, log, write, keepMs, keepEveryMs, change, pathOf, partOf, room, isClosed } = deps
  const ifItCan = unlessFull(log)

  /** What has to be as it was. */
  const stateOf = async ({ basis, columns, about }: RowSource, { format, language }: ExportJob): Promise<string> =>
    basis === null
      ? ''
      : createHash('sha256')
          .update(JSON.stringify([await basis.state(), columns, format, language, zone, about.gateway ?? '']))
          .digest('hex')

  const restartOf = (live: LiveExport, source: RowSource, part: KeptJob | null, state: string): ExportRestart | null => {
    const { format, starts, changed } = live.job
    if (starts <= 1) return null
    const { basis } = source
    if (basis === null) return format === 'xlsx' ? 'format' : 'result'
    if (!canGoOn(format, basis)) return 'format'
    if (changed === true) return 'changed'
    if (part === null) return 'no-part'
    if (part.state !== state) return 'other-points'
    return isWatched(basis) || Math.abs(clock.now() - part.keptAt) <= UNWATCHED_MS ? null : 'old'
  }

  const begin = (live: LiveExport, { basis, expected }: RowSource, restart: ExportRestart | null): void => {
    book.dropPart(live.job.id)
    rmSync(partOf(live.job), { force: true })
    live.watch = basis && isWatched(basis) ? changeWatch(basis, null) : null
    change(live, {
      ...{ rows: 0, bytes: 0, share: null, keptRows: 0, firstRowAt: clock.now(), expected, restart },
      changed: basis !== null && isWatched(basis) ? false : null,
    })
  }

  const written = async (live: LiveExport, source: RowSource, state: string, part: KeptJob | null): Promise<Result<Written>> => {
    const { id, format, language } = live.job
    const { basis } = source
    const about = part?.about ?? source.about
    let said = 0
    let isKept = basis !== null
    const ears: ThreadEars = {
      taken: (rows, bytes, share) => {
        live.job = { ...live.job, rows, bytes, share }
        if (clock.now() - said < SAY_MS) return
        said = clock.now()
        ifItCan(() => book.keep(live.job))
      },
      kept: (kept, group) => {
        if (!isKept || basis === null) return
        const { readings, energy } = basis
        // After one that was not written down no later one counts: groups of Parquet belong together.
        isKept = ifItCan(() => book.keepPart(id, { ...kept, ...{ state, about, readings, energy, keptAt: clock.now() } }, group))
      },
      place: (place) => live.watch?.passed(place),
    }
    return write(
      {
        ...{ format, language, zone, path: partOf(live.job), maxBytes: room(live), keepEveryMs },
        before: part && { ...part, groups: book.groups(id, part.rows) },
      },
      { ...source, about },
      live.stop?.signal ?? new AbortController().signal,
      ears,
    )
  }

  const made = async (live: LiveExport, opener: OpenRows): Promise<Result<{ readonly file: Written; readonly source: RowSource }>> => {
    const { who, by, address, id } = live.job
    if (hasExpired(who, clock.now())) return exportFailure('EXPORT_RIGHT', `the right of ${by} has run out`)
    const rows = await opener(wantedOf(live.job), who, address)
    if (!rows.ok) return err(rows.error.error)
    const { source } = rows.value
    const state = await stateOf(source, live.job)
    const part = live.job.starts > 1 ? book.part(id) : null
    const restart = restartOf(live, source, part, state)
    const goesOn = part !== null && restart === null
    if (goesOn) {
      live.watch = source.basis && changeWatch(source.basis, part.until)
      change(live, { rows: part.rows, bytes: part.bytes, keptRows: part.rows, restart: null })
    } else begin(live, source, restart)
    const first = await written(live, source, state, goesOn ? part : null)
    if (first.ok) return ok({ file: first.value, source })
    if (!goesOn || !LOST.has(first.error.code)) return first
    log('warn', `export ${id} begins again: ${first.error.code} ${first.error.message}`)
    begin(live, source, 'no-part')
    const again = await written(live, source, state, null)
    return again.ok ? ok({ file: again.value, source }) : again
  }

  return async (live: LiveExport, opener: OpenRows): Promise<void> => {
    live.stop = new AbortController()
    const begun = live.job
    let line: number | null = null
    const end = (outcome: ExportLogView['outcome'], sha256: string | null) => {
      if (line !== null) book.end(line, outcome, { ...live.job, sha256 }, clock.now())
    }
    const failed = (error: GatewayError) => {
      // What is safe of it is gone on with by the next process.
      if (isClosed()) return
      rmSync(partOf(begun), { force: true })
      rmSync(pathOf(begun), { force: true })
      const isCancelled = error.code === 'EXPORT_CANCELLED'
      const { code, message, hint } = error
      const state = isCancelled ? 'cancelled' : 'failed'
      // Whoever asks is told so, though it cannot be written down; after a restart it would be made once more.
      ifItCan(() => change(live, { state, endedAt: clock.now(), file: null, error: isCancelled ? null : { code, message, hint } }))
      ifItCan(() => book.dropPart(begun.id))
      ifItCan(() => end(state, null))
      if (!isCancelled) log('warn', `export ${begun.id} (${begun.result}): ${code} ${message}`)
    }
    try {
      const begin = noted(() => {
        change(live, { state: 'running', startedAt: clock.now(), starts: begun.starts + 1, error: null })
        line = book.openLine(begun.id) ?? book.begin(begun.who, wantedOf(begun), begun.id, clock.now())
      })
      if (!begin.ok) return failed(begin.error)
      const done = await made(live, opener)
      if (!done.ok) return failed(done.error)
      // Whoever cancelled it at its very end was told that it is.
      if (live.stop.signal.aborted && !isClosed()) return failed(exportFailure('EXPORT_CANCELLED', 'it was cancelled').error)
      const { file, source } = done.value
      renameForGood(partOf(begun), pathOf(begun))
      const { rows, bytes, sha256 } = file
      const now = clock.now()
      const { type } = FORMATS[begun.format]
      const isNoted = noted(() => {
        end('done', sha256)
        change(live, {
          ...{ state: 'done', rows, bytes, share: 1, endedAt: now, expiresAt: now + keepMs },
          file: { name: fileName(source, begun.format, now), type, sha256 },
        })
      })
      if (!isNoted.ok) return failed(isNoted.error)
      ifItCan(() => book.dropPart(begun.id))
    } catch (error) {
      failed(failureOf(error))
    } finally {
      live.stop = null
      live.watch = null
    }
  }
}
