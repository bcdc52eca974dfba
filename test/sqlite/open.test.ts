import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { expect, it, onTestFinished } from 'vitest'
import { workerUrl } from '../../src/core/worker.ts'

it('a new file can be opened by several threads at once', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'open-'))
  onTestFinished(() => rmSync(directory, { recursive: true, maxRetries: 3 }))
  const module = workerUrl(new URL('../../src/sqlite/index.ts', import.meta.url).href, 'index').href
  const [threads, files, turns] = [3, 100, new Int32Array(new SharedArrayBuffer(4))]
  const workers = Array.from(
    { length: threads },
    () => new Worker(new URL('./open-worker.mjs', import.meta.url), { workerData: { module, directory, files, threads, turns } }),
  )
  const failed = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0] as string[]))
  expect(failed.flat()).toEqual([])
})
