import { Worker } from 'node:worker_threads'
import { err, type GatewayError, type Result } from '../core/index.ts'
import { workerUrl } from '../core/worker.ts'
import { type ExportRow, exportFailure, type FileOptions, type RowPlace, type RowSource, RowsStopped } from '../export/index.ts'
import { canGoOn, type ExportTask, isWatched, type Written, type WrittenPart } from './export-write.ts'

export type ExportOrder =
  /** `isPlace`: the file may be gone on with behind them. */
  { readonly is: 'rows'; readonly rows: readonly ExportRow[]; readonly isPlace: boolean } | { readonly is: 'end' }
export type ExportEvent =
  | { readonly is: 'taken'; readonly rows: number; readonly bytes: number }
  | { readonly is: 'part'; readonly part: WrittenPart; readonly group: Uint8Array | null }
  | { readonly is: 'done'; readonly result: Result<Written> }

/** A part of a file, and how the rows that are not in it are asked for: those from `mark` on without the first `skip` of them. */
export interface KeptPart extends WrittenPart {
  readonly mark: string | null
  readonly skip: number
  /** See {@link RowPlace}. */
  readonly until: number | null
  readonly share: number | null
}

/** A file that a former process began. */
export interface BeforePart extends KeptPart {
  readonly groups: readonly Uint8Array[]
}

/** Who hears how far it is. */
export interface ThreadEars {
  /** Rows that are on their way into the file; `share` of all of them. */
  readonly taken?: (rows: number, bytes: number, share: number | null) => void
  /** What is safe on disk. @param group  the group of Parquet that it ends with */
  readonly kept?: (part: KeptPart, group: Uint8Array | null) => void
  /** Told before the rows behind it are asked for. */
  readonly place?: (place: RowPlace) => void
}

export interface ThreadTask extends Pick<ExportTask, 'format' | 'path' | 'maxBytes'>, FileOptions {
  readonly before?: BeforePart | null
  readonly keepEveryMs?: number | null
}

/** Pieces on their way to the thread: enough that neither waits for the other. */
const AHEAD = 4
const MOST_MB = 1024

/**
 * Writes rows into a file in a thread of its own, as fast as both sides can; the main thread only hands rows over.
 *
 * @param signal  ends it; the file is not whole then
 * @errors        EXPORT_*, and what the rows stopped with
 */
export const writeInThread = async (
  { format, path, maxBytes, before = null, keepEveryMs = null, ...options }: ThreadTask,
  source: RowSource,
  signal: AbortSignal,
  ears: ThreadEars = {},
): Promise<Result<Written>> => {
  const { name, columns, about, basis } = source
  const task: ExportTask = {
    ...{ ...options, name, columns, about, format, path, maxBytes },
    ...{ before, keepEveryMs: canGoOn(format, basis) ? keepEveryMs : null },
  }
  const anywhere = basis !== null && isWatched(basis)
  const worker = new Worker(workerUrl(import.meta.url, 'export-worker'), {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: MOST_MB },
  })
  let ahead = 0
  let wake: (() => void) | null = null
  let answer: Result<Written> | null = null
  let share = before?.share ?? null
  const places = placesOf(before)
  const stopped = new AbortController()
  const both = AbortSignal.any([signal, stopped.signal])
  const ended = new Promise<Result<Written>>((resolve) => {
    let why = ''
    const settle = (result: Result<Written>) => {
      answer ??= result
      stopped.abort()
      wake?.()
      resolve(answer)
    }
    worker.on('message', (event: ExportEvent) => {
      if (event.is === 'done') return settle(event.result)
      if (event.is === 'part') return ears.kept?.(places.partOf(event.part), event.group)
      ahead--
      ears.taken?.(event.rows, event.bytes, share)
      wake?.()
    })
    worker.on('error', (error) => {
      why = error instanceof Error ? error.message : String(error)
    })
    worker.on('exit', (code) => settle(exportFailure('EXPORT_THREAD', `the thread that writes ended: ${why || `exit code ${code}`}`)))
  })
  both.addEventListener('abort', () => wake?.(), { once: true })
  const send = (order: ExportOrder): void => worker.postMessage(order)
  const room = async (): Promise<void> => {
    while (ahead >= AHEAD && answer === null && !both.aborted)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
  }
  let failure: GatewayError | null = null
  let skip = before?.skip ?? 0
  try {
    for await (const { rows, place } of source.rows(both, before?.mark ?? null)) {
      if (both.aborted) break
      if (place) {
        ears.place?.(place)
        share = place.share ?? share
      }
      if (task.keepEveryMs !== null) places.add(rows.length, place)
      const fresh = skip === 0 ? rows : rows.slice(skip)
      skip -= rows.length - fresh.length
      if (fresh.length === 0) continue
      ahead++
      send({ is: 'rows', rows: fresh, isPlace: anywhere || (place !== undefined && place.mark !== null) })
      await room()
      // Whoever reads meters comes first.
      await new Promise((resolve) => setImmediate(resolve))
    }
  } catch (error) {
    failure = failureOf(error)
  }
  if (failure === null && signal.aborted) failure = exportFailure('EXPORT_CANCELLED', 'it was cancelled').error
  if (failure === null && skip > 0 && answer === null)
    failure = exportFailure('EXPORT_PLACE', `there are ${skip} rows less than were written`).error
  if (failure !== null) {
    await worker.terminate()
    return err(failure)
  }
  if (answer === null) send({ is: 'end' })
  const result = await ended
  await worker.terminate()
  return result
}

/** Which place a number of rows ends behind: the last one that has no more rows before it. */
const placesOf = (before: KeptPart | null) => {
  const places: { readonly rows: number; readonly place: RowPlace }[] = [
    {
      rows: before ? before.rows - before.skip : 0,
      place: { mark: before?.mark ?? null, until: before?.until ?? null, share: before?.share ?? null },
    },
  ]
  let rows = places[0]?.rows ?? 0
  return {
    add: (more: number, place: RowPlace | undefined): void => {
      rows += more
      if (place && place.mark !== null) places.push({ rows, place })
    },
    partOf: (part: WrittenPart): KeptPart => {
      while ((places[1]?.rows ?? Number.POSITIVE_INFINITY) <= part.rows) places.shift()
      const [last] = places
      const { mark, until, share } = last?.place ?? { mark: null, until: null, share: null }
      return { ...part, mark, until, share, skip: part.rows - (last?.rows ?? 0) }
    },
  }
}

/** What stopped the rows, as a value. */
export const failureOf = (error: unknown): GatewayError =>
  error instanceof RowsStopped ? error.failure : exportFailure('EXPORT_ROWS', error instanceof Error ? error.message : String(error)).error
