import { Worker } from 'node:worker_threads'
import { ok, type Result } from '../core/index.ts'
import { workerUrl } from '../core/worker.ts'
import { fail, type OutboxError, textOf } from './errors.ts'
import { Vault } from './vault.ts'
import type { Opened, VaultCall, VaultCalls, VaultOptions } from './vault-types.ts'

/** The vault as its user sees it: asked by name, answers later, one after the other, never rejects. */
export interface VaultPort {
  readonly opened: Opened
  call<Name extends VaultCall>(
    name: Name,
    ask: VaultCalls[Name]['ask'],
    at: number,
  ): Promise<Result<VaultCalls[Name]['answer'], OutboxError>>
}

/** A vault in this very thread: what tests that need no second thread use. */
export const openVaultHere = (options: VaultOptions): Promise<Result<VaultPort, OutboxError>> => {
  const vault = Vault.open(options)
  if (!vault.ok) return Promise.resolve(vault)
  const { opened } = vault.value
  return Promise.resolve(ok({ opened, call: (name, ask) => Promise.resolve(vault.value.vault.call(name, ask)) }))
}

export interface Asked {
  readonly id: number
  readonly name: VaultCall
  readonly ask: VaultCalls[VaultCall]['ask']
  readonly at: number
}
export interface Answered {
  readonly id: number
  readonly result: Result<VaultCalls[VaultCall]['answer'], OutboxError>
}

/** A vault in a thread of its own. A thread that dies is started again by the next call; what it was asked failed. */
export const openVaultThread = async (options: VaultOptions): Promise<Result<VaultPort, OutboxError>> => {
  const waiting = new Map<number, (result: Answered['result']) => void>()
  let worker = null as Worker | null
  let lastId = 0

  const start = (): Worker => {
    const started = new Worker(workerUrl(import.meta.url, 'thread'), { workerData: options })
    let reason = 'it was stopped'
    // Only when it is gone has it let go of the file.
    const gone = () => {
      if (worker === started) worker = null
      const lost = [...waiting.values()]
      waiting.clear()
      for (const settle of lost) settle(fail('OUTBOX_DISK', `the thread of the outbox ended: ${reason}`))
    }
    started.on('message', ({ id, result }: Answered) => {
      waiting.get(id)?.(result)
      waiting.delete(id)
    })
    started.on('error', (error) => {
      reason = textOf(error)
    })
    started.on('exit', gone)
    return started
  }

  let isClosed = false
  const post = (name: VaultCall, ask: Asked['ask'], at: number): Promise<Answered['result']> =>
    new Promise((settle) => {
      worker ??= start()
      const id = ++lastId
      waiting.set(id, settle)
      const chunk = name === 'commit' ? (ask as VaultCalls['commit']['ask']).chunk : null
      worker.postMessage({ id, name, ask, at } satisfies Asked, chunk ? [chunk.buffer as ArrayBuffer] : [])
    })

  const end = async (): Promise<void> => {
    const ending = worker
    worker = null
    await ending?.terminate()
  }

  const opened = (await post('open', options, options.now)) as Result<Opened, OutboxError>
  if (!opened.ok) {
    await end()
    return opened
  }
  return ok({
    opened: opened.value,
    call: async (name, ask, at) => {
      // A sink that answers late must not bring the thread back to life.
      if (isClosed) return fail('OUTBOX_CLOSED', 'the outbox is closed')
      if (name === 'close') isClosed = true
      const result = (await post(name, ask, at)) as Result<VaultCalls[typeof name]['answer'], OutboxError>
      if (name === 'close') await end()
      return result
    },
  })
}
