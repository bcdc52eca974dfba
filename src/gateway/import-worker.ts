/** Entry of an import's thread: one file, then it ends. It has a connection of its own; killed, it leaves the ledger as it was. */
import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { adapterOf } from '../../protocols/index.ts'
import { EVERYTHING, ok, type Result } from '../core/index.ts'
import { Ledger } from '../ledger/index.ts'
import { fail } from './import-errors.ts'
import { exportOf } from './import-export.ts'
import { type ImportDone, runImport } from './import-run.ts'
import type { ImportEvent, ImportTask } from './import-thread.ts'
import { ledgerWorld } from './ledger-world.ts'
import { openProfiles } from './profiles.ts'
import { ScopeIndex } from './scope-index.ts'

const port = parentPort
if (!port) throw new Error('this file runs in a worker thread')
const task: ImportTask = workerData
const say = (event: ImportEvent): void => port.postMessage(event)

const run = async (): Promise<Result<ImportDone | null>> => {
  const profiles = openProfiles(task.world.profileDirectory)
  const world = ledgerWorld(task.world, profiles, adapterOf)
  const ledger = new Ledger(task.directory, world)
  try {
    if (task.what === 'import') {
      const context = { zone: task.zone, data: task.world, world, profiles, now: task.now }
      return await runImport(task.file, ledger, { ...context, onRows: (rows) => say({ is: 'rows', rows }) }, task.act)
    }
    const scope = task.zones === null ? EVERYTHING : new ScopeIndex(ledger).scopeOfZones(task.zones)
    const pieces = exportOf(ledger, task.format, task.language, task.asOf, { hidesPersonal: task.hidesPersonal, scope })
    await pipeline(Readable.from(pieces), createWriteStream(task.path, { mode: 0o640 }))
    return ok(null)
  } catch (error) {
    if (error instanceof Error && 'code' in error && 'syscall' in error) return fail('IMPORT_DISK', error.message)
    throw error
  } finally {
    ledger.close()
  }
}

say({ is: 'done', result: await run() })
