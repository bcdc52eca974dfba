import type { Worker } from 'node:worker_threads'
import { ok, type Result } from '../../core/result.ts'
import { fail, isStoreError, type StoreError, storeErrorOf } from './errors.ts'

/** Questions a thread answers: request and answer of each kind. The contract of both sides. */
export type Calls = Readonly<Record<string, { readonly request: unknown; readonly answer: unknown }>>

export type Handlers<C extends Calls> = { readonly [Kind in keyof C]?: (request: C[Kind]['request']) => C[Kind]['answer'] }

type Message =
  | { readonly log: StoreError }
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly error: StoreError }

interface Waiter {
  readonly settle: (answer: Result<unknown, StoreError>) => void
  readonly timer: NodeJS.Timeout
}

/** One thread of a store: started at the first question, started again after it died, every question behind a deadline. */
export class StoreThread<C extends Calls> {
  readonly #name: string
  readonly #start: () => Worker
  readonly #log: (error: StoreError) => void
  readonly #waiting = new Map<number, Waiter>()
  #worker: Worker | null = null
  #last = 0
  #closed = false

  /** @param name  for errors: what the thread does, and where */
  constructor(name: string, start: () => Worker, log: (error: StoreError) => void) {
    this.#name = name
    this.#start = start
    this.#log = log
  }

  /** @errors STORE_SLOW, STORE_WORKER, and whatever the thread answers */
  call<Kind extends keyof C & string>(
    kind: Kind,
    request: C[Kind]['request'],
    deadlineMs: number,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<Result<C[Kind]['answer'], StoreError>> {
    if (this.#closed) return Promise.resolve(fail('STORE_WORKER', `${this.#name} is closed`))
    return new Promise((resolve) => {
      const worker = this.#started()
      const id = ++this.#last
      const timer = setTimeout(() => {
        this.#settle(id, fail('STORE_SLOW', `${this.#name}: ${kind} took longer than ${deadlineMs} ms`))
      }, deadlineMs)
      // What comes back is of the kind's own type because both sides are written against the same Calls.
      this.#waiting.set(id, { settle: (answer) => resolve(answer as Result<C[Kind]['answer'], StoreError>), timer })
      worker.postMessage({ id, kind, request }, [...transfer])
    })
  }

  /** Asks the thread to `close`, then ends it. */
  async close(): Promise<void> {
    const worker = this.#worker
    const answer = worker && !this.#closed ? this.call('close', null, 30_000) : null
    this.#closed = true
    if (!worker || !answer) return
    const closed = await answer
    if (!closed.ok) this.#log(closed.error)
    this.#worker = null
    await worker.terminate()
    for (const id of [...this.#waiting.keys()]) this.#settle(id, fail('STORE_WORKER', `${this.#name} was closed`))
  }

  #started(): Worker {
    if (this.#worker) return this.#worker
    const worker = this.#start()
    worker.on('message', (message: Message) => {
      if ('log' in message) this.#log(message.log)
      else this.#settle(message.id, message.ok ? ok(message.value) : message)
    })
    // The end counts, not its announcement: until then the old thread holds the locks that the next one needs.
    let why: string | null = null
    worker.on('error', (error) => {
      why = String(error)
    })
    worker.on('exit', (code) => this.#died(worker, why ?? `exit code ${code}`))
    this.#worker = worker
    return worker
  }

  #died(worker: Worker, why: string): void {
    if (this.#worker !== worker) return
    this.#worker = null
    const answer = fail('STORE_WORKER', `${this.#name} ended: ${why}`)
    this.#log(answer.error)
    for (const id of [...this.#waiting.keys()]) this.#settle(id, answer)
  }

  #settle(id: number, answer: Result<unknown, StoreError>): void {
    const waiter = this.#waiting.get(id)
    if (!waiter) return
    this.#waiting.delete(id)
    clearTimeout(waiter.timer)
    waiter.settle(answer)
  }
}

/** The thread's end of the wire. */
export interface ThreadPort {
  on(event: 'message', listener: (message: { id: number; kind: string; request: never }) => void): unknown
  postMessage(message: Message, transfer?: readonly ArrayBuffer[]): void
  close(): void
}

/**
 * Answers the questions of a {@link StoreThread}. When `start` fails, every question is answered with its reason.
 *
 * @param file  named in errors that name none themselves
 */
export const serve = <C extends Calls>(port: ThreadPort, file: string, start: () => Handlers<C>): void => {
  const errorOf = (thrown: unknown) => (isStoreError(thrown) ? thrown : storeErrorOf(thrown, file))
  let handlers: Readonly<Record<string, ((request: never) => unknown) | undefined>> = {}
  let refusal: StoreError | null = null
  try {
    handlers = start()
  } catch (thrown) {
    refusal = errorOf(thrown)
  }
  port.on('message', ({ id, kind, request }) => {
    try {
      // A thread that never came to life can still be closed.
      if (refusal && kind === 'close') port.postMessage({ id, ok: true, value: null })
      else if (refusal) {
        port.postMessage({ id, ok: false, error: refusal })
        // The reason may pass (a lock, a full disk): the next question starts a new thread.
        port.close()
      } else {
        const handler = handlers[kind]
        if (!handler) throw new Error(`nobody answers ${kind}`)
        port.postMessage({ id, ok: true, value: handler(request) })
      }
    } catch (thrown) {
      port.postMessage({ id, ok: false, error: errorOf(thrown) })
    }
  })
}
