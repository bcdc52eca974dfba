/** Entry of the store's threads: one writes, one reads. */
import { parentPort, workerData } from 'node:worker_threads'
import type { ReaderCalls, ThreadData, WriterCalls } from './call.ts'
import type { StoreError } from './errors.ts'
import { Reader } from './reader.ts'
import { serveStore } from './thread.ts'
import { Writer } from './writer.ts'

const port = parentPort
if (!port) throw new Error('this file runs in a worker thread')
const { directory, zone, role }: ThreadData = workerData

/** Day registers are written back this often; after a crash what changed since is worked out from the rows. */
const FLUSH_MS = 60_000

const log = (error: StoreError): void => port.postMessage({ log: error })

if (role === 'writer')
  serveStore<WriterCalls>(port, directory, () => {
    const writer = new Writer(directory, zone, log)
    const timer = setInterval(() => writer.flush(), FLUSH_MS)
    return {
      open: () => null,
      words: (month) => writer.words(month),
      write: (parts) => writer.write(parts),
      pack: (request) => writer.pack(request),
      months: () => writer.months(),
      energyOfDay: (request) => writer.energyOfDay(request),
      retain: (before) => writer.retain(before),
      setAside: (month) => {
        writer.setAside(month)
        return null
      },
      close: () => {
        clearInterval(timer)
        writer.close()
        return null
      },
    }
  })
else
  serveStore<ReaderCalls>(port, directory, () => {
    const reader = new Reader(directory, log)
    return {
      range: (query) => reader.range(query),
      aggregate: (query) => reader.aggregate(query),
      scan: (query) => reader.scan(query),
      rows: (month) => reader.rows(month),
      close: () => {
        reader.close()
        return null
      },
    }
  })
