import { Worker } from 'node:worker_threads'
import { type BillingReads, BillingThread, type ReleasedBook } from '../billing/index.ts'
import { workerUrl } from '../core/worker.ts'
import { releasedBook } from './billing-book.ts'
import type { BillingWorkerData } from './billing-worker.ts'

export interface BillingParts {
  readonly directory: string
  /** Reads for billing, which ask the book what was released and what persons hold. */
  readonly readsOf: (book: ReleasedBook) => BillingReads
}

/** Puts together what is billed: reads at an instant, and the book of what was released of them. */
export const openBilling = ({ directory, readsOf }: BillingParts) => {
  const thread = new BillingThread(() => {
    const workerData: BillingWorkerData = { directory }
    return new Worker(workerUrl(import.meta.url, 'billing-worker'), { workerData })
  })
  const book = releasedBook(thread.ask)
  const reads = readsOf(book)
  return { book, reads, close: () => thread.close() }
}
