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

/** A thread and who waits for it. */
interface Running {
  readonly worker: Worker
  readonly waiting: Map<number, Waiter>
}

/** Memory of a thread that nobody has asked for so long is given back. */
const IDLE_MS = 60_000

/**
 * The thread that writes the ledger, and answers what may take long. Started at the first question, ended when nobody asks any more;
 * questions are answered one after the other. A thread that dies mid-change leaves the ledger as it was before.
 */
export class LedgerThread {
  #data: LedgerThreadData
  #running: Running | null = null
  #idle: NodeJS.Timeout | null = null
  #last = 0
  #closed = false

  constructor(data: LedgerThreadData) {
    this.#data = data
  }

  /** Rejects when the thread itself fails: that is a bug, a full disk or the end of the gateway. */
  call<Kind extends keyof LedgerCalls>(kind: Kind, request: LedgerCalls[Kind]['request']): Promise<LedgerCalls[Kind]['answer']> {
    if (this.#closed) return Promise.reject(new Error('the ledger is closed'))
    this.#running ??= this.#start()
    return this.#ask(this.#running, kind, request)
  }

  /** The configuration has changed: what is asked from now on is judged by the new one. */
  useWorld(world: LedgerThreadData['world']): void {
    this.#data = { ...this.#data, world }
    void this.#end()
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#end()
  }

  #ask<Kind extends keyof LedgerCalls>(
    { worker, waiting }: Running,
    kind: Kind,
    request: LedgerCalls[Kind]['request'],
  ): Promise<LedgerCalls[Kind]['answer']> {
    if (this.#idle) clearTimeout(this.#idle)
    this.#idle = null
    return new Promise((resolve, reject) => {
      const id = ++this.#last
      // What comes back is of the kind's own type because both sides are written against the same calls.
      waiting.set(id, { resolve: (value) => resolve(value as LedgerCalls[Kind]['answer']), reject })
      worker.postMessage({ id, kind, request })
    })
  }

  #start(): Running {
    const worker = new Worker(workerUrl(import.meta.url, 'ledger-worker'), { workerData: this.#data })
    const running: Running = { worker, waiting: new Map() }
    worker.unref()
    let why = ''
    worker.on('message', (message: Message) => this.#answered(running, message))
    worker.on('error', (error) => {
      why = String(error)
    })
    worker.on('exit', (code) => {
      if (this.#running === running) this.#running = null
      for (const { reject } of running.waiting.values()) reject(new Error(`the ledger's thread ended: ${why || `exit code ${code}`}`))
      running.waiting.clear()
    })
    return running
  }

  #answered(running: Running, message: Message): void {
    const waiter = running.waiting.get(message.id)
    running.waiting.delete(message.id)
    if (running === this.#running && running.waiting.size === 0) {
      this.#idle = setTimeout(() => void this.#end(), IDLE_MS)
      this.#idle.unref()
    }
    if (message.ok) waiter?.resolve(message.value)
    else waiter?.reject(new Error(message.error))
  }

  /** Lets the thread answer what it was asked, then ends it. The next question starts another one. */
  async #end(): Promise<void> {
    const running = this.#running
    if (!running) return
    this.#running = null
    await this.#ask(running, 'close', null).catch(() => undefined)
    await running.worker.terminate()
  }
}
