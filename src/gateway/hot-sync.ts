import { Worker } from 'node:worker_threads'
import type { GatewayConfig } from '../config/index.ts'
import { workerUrl } from '../core/worker.ts'
import type { SyncAnswer, SyncOrder } from './hot-worker.ts'

/** Brings the ledger file of a configuration into the ledger, in a thread of its own. Wrong files change nothing. */
export const syncInThread = (config: GatewayConfig, now: number): Promise<SyncAnswer> => {
  if (config.ledgerFile === null) return Promise.resolve({ ok: true, changes: null })
  const { dataDirectory, file, ledgerFile, profileDirectory, lines, tasks } = config
  const mqtt = config.mqtt.map(({ id, mappings }) => ({ id, mappings }))
  const order: SyncOrder = { dataDirectory, now, config: { file, ledgerFile, profileDirectory, lines, tasks, mqtt } }
  return new Promise((resolve) => {
    const failed = (message: string) =>
      resolve({ ok: false, problems: [{ file: ledgerFile, line: 1, column: 1, path: '', message: `cannot be taken over: ${message}` }] })
    const worker = new Worker(workerUrl(import.meta.url, 'hot-worker'), { workerData: order })
    worker.once('message', (answer: SyncAnswer) => resolve(answer))
    worker.once('error', (error) => failed(error instanceof Error ? error.message : String(error)))
    worker.once('exit', (code) => failed(`its thread ended with ${code}`))
  })
}
