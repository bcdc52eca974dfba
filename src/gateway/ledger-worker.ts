/** Entry of the ledger's thread: a connection of its own, so that a large change never holds up the lines. */
import { parentPort, workerData } from 'node:worker_threads'
import { adapterOf } from '../../protocols/index.ts'
import { Ledger } from '../ledger/index.ts'
import { type LedgerThreadData, ledgerHandlers } from './ledger-calls.ts'
import { ledgerWorld } from './ledger-world.ts'
import { openProfiles } from './profiles.ts'

const port = parentPort
if (!port) throw new Error('this file runs in a worker thread')
const { directory, world }: LedgerThreadData = workerData

const ledger = new Ledger(directory, ledgerWorld(world, openProfiles(world.profileDirectory), adapterOf))
const handlers: Readonly<Record<string, ((request: never) => unknown) | undefined>> = ledgerHandlers(ledger)

port.on('message', ({ id, kind, request }: { id: number; kind: string; request: never }) => {
  try {
    const handler = handlers[kind]
    if (!handler) throw new Error(`nobody answers ${kind}`)
    port.postMessage({ id, ok: true, value: handler(request) })
  } catch (error) {
    port.postMessage({ id, ok: false, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  }
  if (kind === 'close') port.close()
})
