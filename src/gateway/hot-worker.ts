import { parentPort, workerData } from 'node:worker_threads'
import { adapterOf } from '../../protocols/index.ts'
import type { Problem } from '../config/index.ts'
import { type Applied, Ledger } from '../ledger/index.ts'
import { ledgerWorld, worldData } from './ledger-world.ts'
import { openProfiles } from './profiles.ts'
import { type LedgerFileConfig, syncLedgerFile } from './start-ledger.ts'

/** A ledger file is read, checked and written into the ledger beside the lines, whose timing it must not touch. */
export interface SyncOrder {
  readonly dataDirectory: string
  readonly config: LedgerFileConfig
  readonly now: number
}

export type SyncAnswer =
  | { readonly ok: true; readonly changes: Applied | null }
  | { readonly ok: false; readonly problems: readonly Problem[] }

const sync = ({ dataDirectory, config, now }: SyncOrder): SyncAnswer => {
  const profiles = openProfiles(config.profileDirectory)
  const ledger = new Ledger(dataDirectory, ledgerWorld(worldData(config), profiles, adapterOf))
  try {
    return syncLedgerFile(ledger, config, profiles, adapterOf, now)
  } finally {
    ledger.close()
  }
}

if (parentPort) parentPort.postMessage(sync(workerData))
