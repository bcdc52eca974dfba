/** Entry of the thread that keeps the latest values on disk. */
import { parentPort, workerData } from 'node:worker_threads'
import { serveStore } from './embedded/thread.ts'
import { type LatestCalls, LatestFile } from './latest-file.ts'

const port = parentPort
if (!port) throw new Error('this file runs in a worker thread')
const { directory }: { readonly directory: string } = workerData

serveStore<LatestCalls>(port, directory, () => {
  const file = new LatestFile(directory, (log) => port.postMessage({ log }))
  return {
    load: () => file.load(),
    persist: (change) => file.persist(change),
    close: () => {
      file.close()
      return null
    },
  }
})
