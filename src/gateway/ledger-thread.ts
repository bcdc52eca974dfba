import { Worker } from 'node:worker_threads'
import { err } from '../core/index.ts'
import { AnsweringThread } from '../core/thread.ts'
import { workerUrl } from '../core/worker.ts'
import type { LedgerCalls, LedgerThreadData } from './ledger-calls.ts'

/** Memory of a thread that nobody has asked for so long is given back. */
const IDLE_MS = 60_000
/** A change of a hundred thousand meters takes minutes on a slow disk. */
const DEADLINE_MS = 600_000

/** The thread that writes the ledger, and answers what may take long. One that dies mid-change leaves the ledger as it was before. */
export class LedgerThread {
  readonly #thread: AnsweringThread<LedgerCalls, Error>
  #data: LedgerThreadData

  constructor(data: LedgerThreadData) {
    this.#data = data
    const failed = (message: string) => err(new Error(message))
    this.#thread = new AnsweringThread<LedgerCalls, Error>({
      name: "the ledger's thread",
      start: () => new Worker(workerUrl(import.meta.url, 'ledger-worker'), { workerData: this.#data }),
      failures: { slow: failed, ended: failed },
      ...{ deadlineMs: DEADLINE_MS, idleMs: IDLE_MS },
    })
  }

  /** Rejects when the thread itself fails: that is a bug, a full disk or the end of the gateway. */
  async call<Kind extends keyof LedgerCalls>(kind: Kind, request: LedgerCalls[Kind]['request']): Promise<LedgerCalls[Kind]['answer']> {
    const answer = await this.#thread.ask(kind, request)
    if (!answer.ok) throw answer.error
    return answer.value
  }

  /** The configuration has changed: what is asked from now on is judged by the new one. */
  useWorld(world: LedgerThreadData['world']): void {
    this.#data = { ...this.#data, world }
    this.#thread.restart()
  }

  close(): Promise<void> {
    return this.#thread.close()
  }
}
