import { Worker } from 'node:worker_threads'
import { workerUrl } from '../core/worker.ts'
import type { LedgerCalls, LedgerThreadData } from './ledger-calls.ts'

type Message =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly error: string }

interface Waiter {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

/** Memory of a thread that nobody has asked for so long is given back. */
const IDLE_MS = 60_000

/**
 * The thread that writes the ledger, and answers what may take long. Started at the first question, ended when nobody asks any more;
 * questions are answered one after the other. A thread that dies mid-change leaves the ledger as it was before.
 */
export class LedgerThread {
  readonly #data: LedgerThreadData
  readonly #waiting = new Map<number, Waiter>()
  #worker: Worker | null = null
  #idle: NodeJS.Timeout | null = null
  #last = 0
  #closed = false

  constructor(data: LedgerThreadData) {
    this.#data = data
  }

  /** Rejects when the thread itself fails: that is a bug, a full disk or the end of the gateway. */
  call<Kind extends keyof LedgerCalls>(kind: Kind, request: LedgerCalls[Kind]['request']): Promise<LedgerCalls[Kind]['answer']> {
    if (this.#closed) return Promise.reject(new Error('the ledger is closed'))
    return this.#ask(kind, request)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#end()
  }

  #ask<Kind extends keyof LedgerCalls>(kind: Kind, request: LedgerCalls[Kind]['request']): Promise<LedgerCalls[Kind]['answer']> {
    if (this.#idle) clearTimeout(this.#idle)
    return new Promise((resolve, reject) => {
      const id = ++this.#last
      // What comes back is of the kind's own type because both sides are written against the same calls.
      this.#waiting.set(id, { resolve: (value) => resolve(value as LedgerCalls[Kind]['answer']), reject })
      this.#started().postMessage({ id, kind, request })
    })
  }

  #started(): Worker {
    if (this.#worker) return this.#worker
    const worker = new Worker(workerUrl(import.meta.url, 'ledger-worker'), { workerData: this.#data })
    worker.unref()
    let why = ''
    worker.on('message', (message: Message) => this.#answered(message))
    worker.on('error', (error) => {
      why = String(error)
    })
    worker.on('exit', (code) => {
      if (this.#worker === worker) this.#worker = null
      if (this.#worker === null) this.#fail(new Error(`the ledger's thread ended: ${why || `exit code ${code}`}`))
    })
    this.#worker = worker
    return worker
  }

  #answered(message: Message): void {
    const waiter = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    if (this.#waiting.size === 0 && !this.#closed) {
      this.#idle = setTimeout(() => void this.#end(), IDLE_MS)
      this.#idle.unref()
    }
    if (message.ok) waiter?.resolve(message.value)
    else waiter?.reject(new Error(message.error))
  }

  async #end(): Promise<void> {
    if (this.#idle) clearTimeout(this.#idle)
    const worker = this.#worker
    if (!worker) return
    await this.#ask('close', null).catch(() => undefined)
    if (this.#worker === worker) this.#worker = null
    await worker.terminate()
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}
