import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEmbeddedStore } from '../../src/store/embedded.ts'
import { storeContract } from './contract.ts'
import { scanContract } from './scan-contract.ts'

const open = async () => {
  const directory = await mkdtemp(join(tmpdir(), 'gridtally-store-'))
  const opened = await openEmbeddedStore({ directory })
  if (!opened.ok) throw new Error(opened.error.message)
  const store = opened.value
  return {
    sink: store,
    store,
    close: async () => {
      await store.close()
      await rm(directory, { recursive: true })
    },
  }
}
const can = { exact: true, reasons: true, subSecond: true, retention: true }

storeContract('embedded store', open, can)
scanContract('embedded store', open, can)
