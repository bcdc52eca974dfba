/** A thread for analysis-pool.test.ts: does to itself what the area of its job says. */
import { parentPort } from 'node:worker_threads'

const DOES = {
  dies: () => process.exit(3),
  breaks: () => {
    setTimeout(() => {
      throw new Error('out of memory')
    })
    return null
  },
  hangs: () => {
    for (;;);
  },
}

parentPort.on('message', ({ id, kind, request }) => {
  if (kind === 'close') return parentPort.close()
  const does = DOES[request.area]
  if (does?.() === null) return
  parentPort.postMessage({ id, ok: true, value: { verdict: null, days: 0, ms: 0, area: request.area } })
})
