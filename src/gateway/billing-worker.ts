/** Entry of the thread that keeps `billing.db`. */
import { parentPort, workerData } from 'node:worker_threads'
import { BillingFile, billingHandlers, serveBilling } from '../billing/index.ts'

export interface BillingWorkerData {
  readonly directory: string
}

const port = parentPort
if (!port) throw new Error('this file runs in a worker thread')
const { directory }: BillingWorkerData = workerData

serveBilling(port, () => {
  const file = new BillingFile(directory)
  return billingHandlers(file, () => file.close())
})
