import type { Worker } from 'node:worker_threads'
import { ok, type Result } from '../core/index.ts'
import { DamagedPage, fail } from './errors.ts'
import type { EvidenceFile } from './file.ts'
import type { EvidenceDraft, EvidenceItem, EvidenceKey, EvidenceRef, EvidenceSettings, EvidenceState } from './types.ts'

/** What can be asked of the thread that keeps `evidence.db`: request and answer of each kind. */
export interface EvidenceCalls {
  add: { request: readonly EvidenceDraft[]; answer: null }
  refs: { request: readonly EvidenceKey[]; answer: ReadonlyMap<string, EvidenceRef> }
  of: { request: EvidenceKey; answer: readonly EvidenceRef[] }
  item: { request: { readonly id: string; readonly key?: EvidenceKey }; answer: EvidenceItem | null }
  keysOf: { request: { readonly id: string; readonly limit: number }; answer: readonly EvidenceKey[] }
  tidy: { request: number; answer: number }
  state: { request: null; answer: EvidenceState }
  use: { request: EvidenceSettings; answer: null }
  close: { request: null; answer: null }
}
export type EvidenceCall = keyof EvidenceCalls

type Handlers = { readonly [Call in EvidenceCall]: (request: EvidenceCalls[Call]['request']) => EvidenceCalls[Call]['answer'] }

/** The calls as a file answers them. @param clean  puts secrets out of what is to be kept */
export const evidenceHandlers = (file: EvidenceFile, clean: (draft: EvidenceDraft) => EvidenceDraft): Handlers => ({
  add: (drafts) => {
    file.add(drafts.map(clean))
    return null
  },
  refs: (keys) => file.refs(keys),
  of: (key) => file.of(key),
  item: ({ id, key }) => file.item(id, key),
  keysOf: ({ id, limit }) => file.keysOf(id, limit),
  tidy: (now) => file.tidy(now),
  state: () => file.state(),
  use: (settings) => {
    file.use(settings)
    return null
  },
  close: () => {
    file.close()
    return null
  },
})

type Answer =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly isDamaged: boolean; readonly message: string }

/** The thread's end of the wire. */
export interface EvidencePort {
  on(event: 'message', listener: (message: { id: number; call: EvidenceCall; request: never }) => void): unknown
  postMessage(answer: Answer): void
}

/** Answers an {@link EvidenceThread}. A file that cannot be opened is tried again with every question. */
export const serveEvidence = (port: EvidencePort, start: () => Handlers): void => {
  let handlers: Handlers | null = null
  port.on('message', ({ id, call, request }) => {
    try {
      if (call === 'close' && handlers === null) return port.postMessage({ id, ok: true, value: null })
      handlers ??= start()
      const handler: (request: never) => unknown = handlers[call]
      port.postMessage({ id, ok: true, value: handler(request) })
    } catch (thrown) {
      const message = thrown instanceof Error ? thrown.message : String(thrown)
      port.postMessage({ id, ok: false, isDamaged: thrown instanceof DamagedPage, message })
    }
  })
}

const DEADLINE_MS = 30_000

/** One thread with the evidence: started at the first question, again after it died, every question behind a deadline. */
export class EvidenceThread {
  readonly #start: () => Worker
  readonly #waiting = new Map<number, (answer: Result<unknown>) => void>()
  #worker: Worker | null = null
  #last = 0
  #isClosed = false

  constructor(start: () => Worker) {
    this.#start = start
  }

  /** @errors EVIDENCE_WORKER, EVIDENCE_SLOW, EVIDENCE_FILE, EVIDENCE_DAMAGED */
  ask<Call extends EvidenceCall>(call: Call, request: EvidenceCalls[Call]['request']): Promise<Result<EvidenceCalls[Call]['answer']>> {
    if (this.#isClosed) return Promise.resolve(fail('EVIDENCE_WORKER', 'the evidence is closed'))
    return new Promise((resolve) => {
      const id = ++this.#last
      const late = () => this.#settle(id, fail('EVIDENCE_SLOW', `${call} took longer than ${DEADLINE_MS / 1000} s`))
      const timer = setTimeout(late, DEADLINE_MS)
      this.#waiting.set(id, (answer) => {
        clearTimeout(timer)
        // What comes back is of the call's own type: both ends are written against the same EvidenceCalls.
        resolve(answer as Result<never>)
      })
      try {
        this.#started().postMessage({ id, call, request })
      } catch (error) {
        this.#settle(id, fail('EVIDENCE_WORKER', error instanceof Error ? error.message : String(error)))
      }
    })
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    const worker = this.#worker
    if (worker) await this.ask('close', null)
    this.#isClosed = true
    this.#worker = null
    await worker?.terminate()
  }

  #started(): Worker {
    if (this.#worker) return this.#worker
    const worker = this.#start()
    let why = ''
    worker.on('message', (answer: Answer) =>
      this.#settle(
        answer.id,
        answer.ok ? ok(answer.value) : fail(answer.isDamaged ? 'EVIDENCE_DAMAGED' : 'EVIDENCE_FILE', `evidence.db: ${answer.message}`),
      ),
    )
    worker.on('error', (error) => {
      why = String(error)
    })
    worker.on('exit', (code) => {
      if (this.#worker !== worker) return
      this.#worker = null
      for (const id of [...this.#waiting.keys()])
        this.#settle(id, fail('EVIDENCE_WORKER', `the thread of the evidence ended: ${why || `exit code ${code}`}`))
    })
    this.#worker = worker
    return worker
  }

  #settle(id: number, answer: Result<unknown>): void {
    const settle = this.#waiting.get(id)
    this.#waiting.delete(id)
    settle?.(answer)
  }
}
