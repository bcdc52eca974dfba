// A thread of the test: opens the same new files as the others, each at the same moment as they.
import { parentPort, workerData } from 'node:worker_threads'

const { module, directory, files, threads, turns } = workerData
const { openDatabase } = await import(module)
const failed = []
for (let at = 0; at < files; at++) {
  Atomics.add(turns, 0, 1)
  while (Atomics.load(turns, 0) < (at + 1) * threads);
  try {
    openDatabase(`${directory}/${at}.db`, 'NORMAL').close()
  } catch (error) {
    failed.push(String(error))
  }
}
parentPort.postMessage(failed)
