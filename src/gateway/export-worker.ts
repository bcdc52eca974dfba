/** Entry of the thread that writes one file, then ends. */
import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { ok, type Result } from '../core/index.ts'
import { type ExportRow, encode, exportFailure, type RowSource, RowsStopped, type Tally } from '../export/index.ts'
import type { ExportEvent, ExportOrder, ExportTask, Written } from './export-thread.ts'

const port = parentPort
if (!port) throw new Error('this file runs in a worker thread')
const task: ExportTask = workerData
const say = (event: ExportEvent): void => port.postMessage(event)

const orders: ExportOrder[] = []
let wake: (() => void) | null = null
port.on('message', (order: ExportOrder) => {
  orders.push(order)
  wake?.()
})
const tally: Tally = { rows: 0, bytes: 0 }
async function* rows(): AsyncGenerator<readonly ExportRow[], void> {
  for (;;) {
    const order = orders.shift()
    if (order === undefined) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
      continue
    }
    if (order.is === 'end') return
    yield order.rows
    say({ is: 'taken', rows: tally.rows, bytes: tally.bytes })
  }
}

const run = async (): Promise<Result<Written>> => {
  const source: RowSource = { name: task.name, columns: task.columns, about: task.about, expected: null, rows }
  const hash = createHash('sha256')
  const measured = new Transform({
    transform: (chunk: Buffer, _, next) => {
      hash.update(chunk)
      const full = tally.bytes > task.maxBytes
      next(
        full
          ? new RowsStopped(
              exportFailure('EXPORT_FULL', `the file passes the ${Math.floor(task.maxBytes / 1_048_576)} MB that are left`).error,
            )
          : null,
        chunk,
      )
    },
  })
  try {
    const content = Readable.from(encode(source, task.format, task, new AbortController().signal, tally))
    await pipeline(content, measured, createWriteStream(task.path, { flags: 'w', mode: 0o640, flush: true }))
    return ok({ rows: tally.rows, bytes: tally.bytes, sha256: hash.digest('hex') })
  } catch (error) {
    if (error instanceof RowsStopped) return { ok: false, error: error.failure }
    if (error instanceof Error && 'code' in error && 'syscall' in error) return exportFailure('EXPORT_DISK', error.message)
    throw error
  }
}

say({ is: 'done', result: await run() })
port.close()
