import { parentPort, workerData } from 'node:worker_threads'
import { type HistoryTold, makeHistory } from './analysis.ts'

const tell = (told: HistoryTold) => parentPort?.postMessage(told)
tell({ lastDay: makeHistory(workerData, (line) => tell({ line })) })
