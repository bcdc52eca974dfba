/** Entry of the ledger's thread: a connection of its own, so that a large change never holds up the lines. */
import { parentPort, workerData } from 'node:worker_threads'
import { adapterOf } from '../../protocols/index.ts'
import { answerQuestions } from '../core/thread.ts'
import { Ledger } from '../ledger/index.ts'
import { type LedgerThreadData, ledgerAnswers } from './ledger-calls.ts'
import { ledgerWorld } from './ledger-world.ts'
import { openProfiles } from './profiles.ts'

const port = parentPort
if (!port) throw new Error('this file runs in a worker thread')
const { directory, world }: LedgerThreadData = workerData

const failed = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)))

answerQuestions(port, failed, () =>
  ledgerAnswers(new Ledger(directory, ledgerWorld(world, openProfiles(world.profileDirectory), adapterOf))),
)
