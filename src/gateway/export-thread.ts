import { Worker } from 'node:worker_threads'
import { err, type GatewayError, type Result } from '../core/index.ts'
import { workerUrl } from '../core/worker.ts'
import {
  type ExportColumn,
  type ExportFormat,
  type ExportRow,
  exportFailure,
  type FileOptions,
  type RowSource,
  RowsStopped,
} from '../export/index.ts'

/** What a thread writes; plain data. */
export interface ExportTask extends FileOptions {
  readonly name: string
  readonly columns: readonly ExportColumn[]
  readonly about: Readonly<Record<string, string>>
  readonly format: ExportFormat
  readonly path: string
  readonly maxBytes: number
}

export type ExportOrder = { readonly is: 'rows'; readonly rows: readonly ExportRow[] } | { readonly is: 'end' }
export interface Written {
  readonly rows: number
  readonly bytes: number
  /** 64 hexadecimal digits. */
  readonly sha256: string
}
export type ExportEvent =
  | { readonly is: 'taken'; readonly rows: number; readonly bytes: number }
  | { readonly is: 'done'; readonly result: Result<Written> }

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
  { format, path, maxBytes, ...options }: Pick<ExportTask, 'format' | 'path' | 'maxBytes'> & FileOptions,
  source: RowSource,
  signal: AbortSignal,
  onProgress: (rows: number, bytes: number) => void = () => {},
): Promise<Result<Written>> => {
  const { name, columns, about } = source
  const task: ExportTask = { ...options, name, columns, about, format, path, maxBytes }
  const worker = new Worker(workerUrl(import.meta.url, 'export-worker'), {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: MOST_MB },
  })
  let ahead = 0
  let wake: (() => void) | null = null
  let answer: Result<Written> | null = null
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
      ahead--
      onProgress(event.rows, event.bytes)
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
  try {
    for await (const rows of source.rows(both)) {
      if (both.aborted) break
      ahead++
      send({ is: 'rows', rows })
      await room()
      // Whoever reads meters comes first.
      await new Promise((resolve) => setImmediate(resolve))
    }
  } catch (error) {
    failure = failureOf(error)
  }
  if (failure === null && signal.aborted) failure = exportFailure('EXPORT_CANCELLED', 'it was cancelled').error
  if (failure !== null) {
    await worker.terminate()
    return err(failure)
  }
  if (answer === null) send({ is: 'end' })
  const result = await ended
  await worker.terminate()
  return result
}

/** What stopped the rows, as a value. */
export const failureOf = (error: unknown): GatewayError =>
  error instanceof RowsStopped ? error.failure : exportFailure('EXPORT_ROWS', error instanceof Error ? error.message : String(error)).error
