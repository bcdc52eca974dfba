import { parentPort, workerData } from 'node:worker_threads'
import type { Answered, Asked } from './port.ts'
import { Vault } from './vault.ts'
import type { Page, VaultOptions } from './vault-types.ts'

/**
 * The thread that owns the file. It opens the vault with its first call. When that fails, or the vault is condemned, the thread
 * ends, and with it everything it held open; the next call starts another.
 */
let vault: Vault | null = null

parentPort!.on('message', ({ id, name, ask, at }: Asked) => {
  const answer = (result: Answered['result'], transfer: ArrayBuffer[] = []) =>
    parentPort!.postMessage({ id, result } satisfies Answered, transfer)
  if (!vault) {
    const opening = Vault.open({ ...(workerData as VaultOptions), now: at })
    if (!opening.ok) {
      answer(opening)
      return end()
    }
    vault = opening.value.vault
    if (name === 'open') return answer({ ok: true, value: opening.value.opened })
  }
  const result = vault.call(name, ask)
  answer(result, result.ok && name === 'read' ? whole(result.value as Page) : [])
  if (vault.isCondemned) end()
})

/** After what was answered has left. */
const end = (): void => {
  vault?.close()
  parentPort!.close()
}

/** Buffers that may be handed over instead of copied: those that hold one chunk and nothing else. */
const whole = (page: Page): ArrayBuffer[] =>
  page.chunks.flatMap(({ bytes }) =>
    bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength ? [bytes.buffer] : [],
  )
