/** Entry of a thread of the analysis: it reads blocks and ledger by itself, and answers one question after the other. */
import { parentPort, workerData } from 'node:worker_threads'
import { adapterOf } from '../../protocols/index.ts'
import { Ledger } from '../ledger/index.ts'
import { keyAccountReader } from './account-keys.ts'
import { BlockReader } from './analysis-book.ts'
import { type AnalysisThreadData, analysisHandlers } from './analysis-calls.ts'
import { EnergyDays } from './energy-days.ts'
import { RegisterModels } from './energy-facts.ts'
import { openProfiles } from './profiles.ts'

const port = parentPort
if (!port) throw new Error('this file runs in a worker thread')
const { directory, zone, profileDirectory, brokers }: AnalysisThreadData = workerData

const reader = BlockReader.open(directory)
const ledger = new Ledger(directory)
const accounts = keyAccountReader(directory)
const handlers: Readonly<Record<string, ((request: never) => unknown) | undefined>> = analysisHandlers({
  reader,
  ledger,
  models: new RegisterModels(openProfiles(profileDirectory), adapterOf),
  days: new EnergyDays(zone),
  pushes: (line) => brokers.includes(line),
  isKey: accounts.isKey,
})

port.on('message', ({ id, kind, request }: { id: number; kind: string; request: never }) => {
  if (kind === 'close') {
    reader.close()
    accounts.close()
    ledger.close()
    port.close()
    return
  }
  try {
    const handler = handlers[kind]
    if (!handler) throw new Error(`nobody answers ${kind}`)
    port.postMessage({ id, ok: true, value: handler(request) })
  } catch (error) {
    port.postMessage({ id, ok: false, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  }
})
