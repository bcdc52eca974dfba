import { Worker } from 'node:worker_threads'
import type { AggregateQuery, Bucket, RangePage, RangeQuery, ScanQuery } from '../../core/query.ts'
import type { Result } from '../../core/result.ts'
import type { AnsweringThread } from '../../core/thread.ts'
import { workerUrl } from '../../core/worker.ts'
import type { AreaDay } from './energy.ts'
import type { StoreError } from './errors.ts'
import type { WritePart } from './insert.ts'
import type { PackPosition, PackStep } from './packer.ts'
import { storeThread } from './thread.ts'
import type { EnergyOfDay, PartAnswer } from './writer.ts'

/** What can be asked of the thread that writes. */
export type WriterCalls = {
  open: { request: null; answer: null }
  words: { request: number; answer: readonly string[] }
  write: { request: readonly WritePart[]; answer: readonly PartAnswer[] }
  pack: { request: { month: number; before: number; position: PackPosition }; answer: PackStep }
  months: { request: null; answer: readonly number[] }
  energyOfDay: { request: EnergyOfDay; answer: readonly AreaDay[] }
  retain: { request: number; answer: number }
  setAside: { request: number; answer: null }
  close: { request: null; answer: null }
}

/** What can be asked of the thread that reads. */
export type ReaderCalls = {
  range: { request: RangeQuery; answer: Result<RangePage, StoreError> }
  aggregate: { request: AggregateQuery; answer: Result<readonly Bucket[], StoreError> }
  scan: { request: ScanQuery; answer: Result<RangePage, StoreError> }
  rows: { request: number; answer: Result<number | null, StoreError> }
  close: { request: null; answer: null }
}

export interface ThreadData {
  readonly directory: string
  readonly zone: string
  readonly role: 'writer' | 'reader'
}

const start = (workerData: ThreadData) => () => new Worker(workerUrl(import.meta.url, 'worker'), { workerData })

export const writerThread = (directory: string, zone: string, log: (error: StoreError) => void): AnsweringThread<WriterCalls, StoreError> =>
  storeThread(`the writer of ${directory}`, start({ directory, zone, role: 'writer' }), log)

/** Starts at the first question. */
export const readerThread = (directory: string, zone: string, log: (error: StoreError) => void): AnsweringThread<ReaderCalls, StoreError> =>
  storeThread(`the reader of ${directory}`, start({ directory, zone, role: 'reader' }), log)
