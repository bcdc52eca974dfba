import type { Worker } from 'node:worker_threads'
import { ok, type Result } from '../core/index.ts'
import { fail } from './errors.ts'
import type { CollectionFile, DueTask, LiveMeter } from './file.ts'
import type { Kpi, KpiGroup, Member } from './kpi.ts'
import type { KpiFile, KpiUnit } from './kpi-file.ts'
import type { PersonAct } from './record.ts'
import type { CollectionEvent, CollectionSettings, DueRecord, GapDetail, GapFilter, GapState, ManualEntry } from './types.ts'

/** What can be asked of the thread that keeps `collection.db`: request and answer of each kind. */
export interface CollectionCalls {
  take: { request: readonly CollectionEvent[]; answer: null }
  catchUp: { request: { tasks: readonly DueTask[]; now: number; live?: readonly LiveMeter[] }; answer: { added: number; since: number } }
  sweep: { request: number; answer: number }
  use: { request: { settings: CollectionSettings; now: number }; answer: number }
  due: {
    request: { now: number; perLine: number; lines: readonly string[]; meters: readonly string[] }
    answer: { gaps: readonly DueRecord[]; nextAt: number | null }
  }
  waiting: { request: null; answer: readonly string[] }
  list: { request: { filter: GapFilter; after: number; limit: number }; answer: readonly DueRecord[] }
  counts: { request: null; answer: Readonly<Record<GapState, number>> }
  get: { request: number; answer: GapDetail | null }
  act: { request: { id: number; act: PersonAct; who: string; why: string; at: number }; answer: Result<GapDetail> }
  enter: { request: { id: number; entry: ManualEntry }; answer: Result<GapDetail> }
  confirmable: { request: { id: number; who: string }; answer: Result<GapDetail & { readonly entry: ManualEntry }> }
  confirmed: { request: { id: number; who: string; at: number }; answer: Result<GapDetail> }
  estimated: { request: { id: number; who: string | null; note: string; at: number }; answer: Result<GapDetail> }
  chores: { request: number; answer: { kept: number; gone: number } }
  kpis: { request: { day: number; by: KpiGroup; after: string | null; limit: number; now: number }; answer: readonly KpiUnit[] }
  members: {
    request: { kpi: Kpi; day: number; by: KpiGroup; id: string; list: 'in' | 'out' | 'excluded'; at: 'cutoff' | 'final'; now: number }
    answer: readonly Member[]
  }
  close: { request: null; answer: null }
}
export type CollectionCall = keyof CollectionCalls

/** Asks the gap ledger, wherever it runs. */
export type AskCollection = <Call extends CollectionCall>(
  call: Call,
  request: CollectionCalls[Call]['request'],
) => Promise<Result<CollectionCalls[Call]['answer']>>

type Handlers = { readonly [Call in CollectionCall]: (request: CollectionCalls[Call]['request']) => CollectionCalls[Call]['answer'] }

/** The calls as a file answers them. */
export const collectionHandlers = (file: CollectionFile, kpis: KpiFile): Handlers => ({
  take: (events) => {
    file.take(events)
    return null
  },
  catchUp: ({ tasks, now, live }) => file.catchUp(tasks, now, live),
  sweep: (now) => file.sweep(now),
  use: ({ settings, now }) => file.use(settings, now),
  due: ({ now, perLine, lines, meters }) => file.due(now, perLine, { lines, meters }),
  waiting: () => file.waiting(),
  list: ({ filter, after, limit }) => file.list(filter, after, limit),
  counts: () => file.counts(),
  get: (id) => file.get(id),
  act: ({ id, act, who, why, at }) => file.act(id, act, who, why, at),
  enter: ({ id, entry }) => file.enter(id, entry),
  confirmable: ({ id, who }) => file.confirmable(id, who),
  confirmed: ({ id, who, at }) => file.confirmed(id, who, at),
  estimated: ({ id, who, note, at }) => file.estimated(id, who, note, at),
  chores: (now) => ({ kept: kpis.snapshot(now), gone: file.tidy(now) }),
  kpis: ({ day, by, after, limit, now }) => kpis.kpis(day, by, after, limit, now),
  members: ({ kpi, day, by, id, list, at, now }) => kpis.members(kpi, day, by, id, list, at, now),
  close: () => {
    file.close()
    return null
  },
})

type Answer =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly message: string }

/** The thread's end of the wire. */
export interface CollectionPort {
  on(event: 'message', listener: (message: { id: number; call: CollectionCall; request: never }) => void): unknown
  postMessage(answer: Answer): void
}

/** Answers a {@link CollectionThread}. When `start` fails, every question is answered with its reason. */
export const serveCollection = (port: CollectionPort, start: () => Handlers): void => {
  let handlers: Handlers | null = null
  port.on('message', ({ id, call, request }) => {
    try {
      if (call === 'close' && handlers === null) return port.postMessage({ id, ok: true, value: null })
      // The reason of a failed start may pass (a lock, a full disk): the next question tries again.
      handlers ??= start()
      const handler: (request: never) => unknown = handlers[call]
      port.postMessage({ id, ok: true, value: handler(request) })
    } catch (thrown) {
      port.postMessage({ id, ok: false, message: thrown instanceof Error ? thrown.message : String(thrown) })
    }
  })
}

const DEADLINE_MS = 60_000

/** One thread with the gap ledger: started at the first question, again after it died, every question behind a deadline. */
export class CollectionThread {
  readonly #start: () => Worker
  readonly #waiting = new Map<number, (answer: Result<unknown>) => void>()
  #worker: Worker | null = null
  #last = 0
  #isClosed = false

  constructor(start: () => Worker) {
    this.#start = start
  }

  /** @errors COLLECTION_WORKER, COLLECTION_SLOW, COLLECTION_FILE */
  readonly ask: AskCollection = (call, request) => {
    if (this.#isClosed) return Promise.resolve(fail('COLLECTION_WORKER', 'the gap ledger is closed'))
    return new Promise((resolve) => {
      const id = ++this.#last
      const timer = setTimeout(
        () => this.#settle(id, fail('COLLECTION_SLOW', `${call} took longer than ${DEADLINE_MS / 1000} s`)),
        DEADLINE_MS,
      )
      this.#waiting.set(id, (answer) => {
        clearTimeout(timer)
        // What comes back is of the call's own type: both ends are written against the same CollectionCalls.
        resolve(answer as Result<never>)
      })
      this.#started().postMessage({ id, call, request })
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
      this.#settle(answer.id, answer.ok ? ok(answer.value) : fail('COLLECTION_FILE', `collection.db: ${answer.message}`)),
    )
    worker.on('error', (error) => {
      why = String(error)
    })
    worker.on('exit', (code) => {
      if (this.#worker !== worker) return
      this.#worker = null
      for (const id of [...this.#waiting.keys()])
        this.#settle(id, fail('COLLECTION_WORKER', `the thread of the gap ledger ended: ${why || `exit code ${code}`}`))
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
