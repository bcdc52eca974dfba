/** Entry of the thread that writes one file, then ends. */
import { parentPort, workerData } from 'node:worker_threads'
import type { ExportRow } from '../export/index.ts'
import type { ExportEvent, ExportOrder } from './export-thread.ts'
import { type ExportTask, writeRows } from './export-write.ts'

const port = parentPort
if (!port) throw new Error('this file runs in a worker thread')
const task: ExportTask = workerData
const say = (event: ExportEvent): void => port.postMessage(event)

const orders: ExportOrder[] = []
let wake: (() => void) | null = null
let isPlace = true
port.on('message', (order: ExportOrder) => {
  orders.push(order)
  wake?.()
})
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
    isPlace = order.isPlace
    yield order.rows
  }
}

const result = await writeRows(
  task,
  rows(),
  (part, group) => say({ is: 'part', part, group }),
  (tally) => say({ is: 'taken', rows: tally.rows, bytes: tally.bytes }),
  () => isPlace,
)
say({ is: 'done', result })
port.close()
