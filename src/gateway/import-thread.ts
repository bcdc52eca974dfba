import { Worker } from 'node:worker_threads'
import type { Result } from '../core/index.ts'
import { workerUrl } from '../core/worker.ts'
import type { Act } from '../ledger/index.ts'
import type { Language } from '../sheets/index.ts'
import { fail } from './import-errors.ts'
import type { ImportFile, ImportFormat } from './import-read.ts'
import type { ImportDone } from './import-run.ts'
import type { WorldData } from './ledger-world.ts'

/** What one thread does; plain data. */
export type ImportTask = { readonly directory: string; readonly world: WorldData } & (
  | {
      readonly what: 'import'
      readonly zone: string
      readonly file: ImportFile
      /** Null: dry run. */
      readonly act: Act | null
      readonly now: number
    }
  | {
      readonly what: 'export'
      readonly format: ImportFormat
      readonly language: Language
      readonly asOf: number | null
      readonly hidesPersonal: boolean
      readonly zones: readonly string[] | null
      readonly path: string
    }
)

export type ImportEvent =
  | { readonly is: 'rows'; readonly rows: number }
  | { readonly is: 'done'; readonly result: Result<ImportDone | null> }

export interface ImportThread {
  readonly result: Promise<Result<ImportDone | null>>
  /** Ends it at once; what it was writing into the ledger is as it was. */
  stop(): void
}

/** A file of 64 MiB is read and planned well below this; a thread that takes more is ended instead of the gateway. */
const MOST_MB = 2048

export const startImportThread = (task: ImportTask, onRows: (rows: number) => void): ImportThread => {
  const worker = new Worker(workerUrl(import.meta.url, 'import-worker'), {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: MOST_MB },
  })
  let isStopped = false
  const result = new Promise<Result<ImportDone | null>>((resolve) => {
    let why = ''
    worker.on('message', (event: ImportEvent) => (event.is === 'rows' ? onRows(event.rows) : resolve(event.result)))
    worker.on('error', (error) => {
      why = error instanceof Error ? error.message : String(error)
    })
    // After its answer this changes nothing.
    worker.on('exit', (code) =>
      resolve(
        isStopped ? fail('IMPORT_CANCELLED', 'it was cancelled') : fail('IMPORT_THREAD', `its thread ended: ${why || `exit code ${code}`}`),
      ),
    )
  })
  return {
    result,
    stop: () => {
      isStopped = true
      void worker.terminate()
    },
  }
}
