import type { Worker } from 'node:worker_threads'
import { ok, type Result } from '../core/index.ts'
import type { Actor, Change, Hold, LeftOut, LeftReason, Pending, Release, ReleaseDraft, Version } from './book-types.ts'
import { fail } from './errors.ts'
import type { BillingFile } from './file.ts'
import type { Heard, Look } from './looks.ts'
import type { Acceptance, PendingFilter } from './pendings.ts'
import type { Asked } from './releases.ts'
import type { BillingPoint } from './types.ts'

/** What can be asked of the thread that keeps `billing.db`: request and answer of each kind. */
export interface BillingCalls {
  /** As JSON text: it crosses between threads several times faster than twenty thousand points as objects. */
  current: { request: { at: number; points: readonly string[] }; answer: string }
  held: { request: { at: number; points: readonly string[] }; answer: ReadonlyMap<string, Hold> }
  versions: { request: { point: string; at: number | null; before: number | null; limit: number }; answer: readonly Version[] }
  changes: { request: { since: number; limit: number }; answer: { changes: readonly Change[]; newest: number } }
  newest: { request: null; answer: number }
  begin: { request: { draft: ReleaseDraft; asked: Asked; now: number }; answer: Result<{ release: Release; isNew: boolean }> }
  release: { request: number; answer: Release | null }
  releases: { request: { before: number | null; limit: number }; answer: readonly Release[] }
  released: { request: { id: number; after: number; limit: number }; answer: readonly Version[] }
  left: { request: { id: number; reason: LeftReason | null; after: string; limit: number }; answer: readonly LeftOut[] }
  resume: { request: number; answer: Result<Release> }
  start: { request: number; answer: { isCheck: boolean; after: string | null } }
  check: { request: { id: number; points: readonly BillingPoint[] }; answer: boolean }
  checked: { request: { id: number; now: number }; answer: boolean }
  take: { request: { id: number; points: readonly BillingPoint[] }; answer: number | null }
  finish: { request: { id: number; now: number }; answer: null }
  interrupt: { request: { id: number; trouble: string }; answer: null }
  compare: { request: { points: readonly BillingPoint[]; causes: ReadonlyMap<string, string>; now: number }; answer: number }
  pending: { request: number; answer: Pending | null }
  pendings: { request: { filter: PendingFilter; after: number; limit: number }; answer: readonly Pending[] }
  openPlaces: { request: { after: number; limit: number }; answer: readonly { id: number; at: number; point: string }[] }
  accept: { request: Acceptance; answer: Result<readonly Version[]> }
  reject: { request: { ids: readonly number[]; who: Actor; why: string; now: number }; answer: Result<readonly Pending[]> }
  withdraw: {
    request: { point: string; at: number; registers: readonly string[] | null; who: Actor; why: string; now: number }
    answer: Result<readonly Version[]>
  }
  hold: { request: { draft: Pick<Hold, 'point' | 'from' | 'onward'>; who: Actor; why: string; now: number }; answer: Hold }
  holdOf: { request: number; answer: Hold | null }
  lift: { request: { id: number; who: Actor; why: string; now: number }; answer: Result<Hold> }
  holds: { request: { filter: { point?: string; lifted: boolean }; after: number; limit: number }; answer: readonly Hold[] }
  instants: { request: null; answer: readonly number[] }
  pointsAt: { request: { at: number; after: string; limit: number }; answer: readonly string[] }
  mark: { request: { heard: readonly Heard[]; due: number; place: number }; answer: number }
  nextLooks: { request: { now: number; place: number; limit: number }; answer: { at: number; looks: readonly Look[] } | null }
  doneLooks: { request: readonly Look[]; answer: null }
  laterLooks: { request: { looks: readonly Look[]; due: number }; answer: null }
  place: { request: string; answer: string | null }
  setPlace: { request: { name: string; value: string }; answer: null }
  counts: { request: null; answer: { newest: number; pending: number; looks: number } }
  close: { request: null; answer: null }
}
export type BillingCall = keyof BillingCalls

/** Asks the book, wherever it is kept. */
export type AskBilling = <Call extends BillingCall>(
  call: Call,
  request: BillingCalls[Call]['request'],
) => Promise<Result<BillingCalls[Call]['answer']>>

export type BillingHandlers = { readonly [Call in BillingCall]: (request: BillingCalls[Call]['request']) => BillingCalls[Call]['answer'] }

const nothing = (_done: unknown): null => null

/** The calls as a file answers them. */
export const billingHandlers = ({ figures, holds, releases, pendings, looks }: BillingFile, close: () => void): BillingHandlers => ({
  current: ({ at, points }) => JSON.stringify([...figures.currentOf(at, points)]),
  held: ({ at, points }) => holds.heldAt(at, points),
  versions: ({ point, at, before, limit }) => figures.versions(point, at, before, limit),
  changes: ({ since, limit }) => ({ changes: figures.changes(since, limit), newest: figures.newest }),
  newest: () => figures.newest,
  begin: ({ draft, asked, now }) => releases.begin(draft, asked, now),
  release: (id) => releases.get(id),
  releases: ({ before, limit }) => releases.list(before, limit),
  released: ({ id, after, limit }) => figures.released(id, after, limit),
  left: ({ id, reason, after, limit }) => releases.left(id, reason, after, limit),
  resume: (id) => releases.resume(id),
  start: (id) => releases.start(id),
  check: ({ id, points }) => releases.check(id, points),
  checked: ({ id, now }) => releases.checked(id, now),
  take: ({ id, points }) => releases.take(id, points),
  finish: ({ id, now }) => nothing(releases.finish(id, now)),
  interrupt: ({ id, trouble }) => nothing(releases.interrupt(id, trouble)),
  compare: ({ points, causes, now }) => pendings.compare(points, causes, now),
  pending: (id) => pendings.get(id),
  pendings: ({ filter, after, limit }) => pendings.open(filter, after, limit),
  openPlaces: ({ after, limit }) => pendings.openPlaces(after, limit),
  accept: (acceptance) => pendings.accept(acceptance),
  reject: ({ ids, who, why, now }) => pendings.reject(ids, who, why, now),
  withdraw: ({ point, at, registers, who, why, now }) => pendings.withdraw({ point, at, registers }, who, why, now),
  hold: ({ draft, who, why, now }) => holds.hold(draft, who, why, now),
  holdOf: (id) => holds.get(id),
  lift: ({ id, who, why, now }) => holds.lift(id, who, why, now),
  holds: ({ filter, after, limit }) => holds.list(filter, after, limit),
  instants: () => figures.instants(),
  pointsAt: ({ at, after, limit }) => figures.pointsAt(at, after, limit),
  mark: ({ heard, due, place }) => looks.mark(heard, due, place),
  nextLooks: ({ now, place, limit }) => looks.next(now, place, limit),
  doneLooks: (done) => nothing(looks.done(done)),
  laterLooks: ({ looks: found, due }) => nothing(looks.later(found, due)),
  place: (name) => looks.place(name),
  setPlace: ({ name, value }) => nothing(looks.setPlace(name, value)),
  counts: () => ({ newest: figures.newest, pending: pendings.openCount(), looks: looks.count() }),
  close: () => nothing(close()),
})

type Answer =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly message: string }

/** The thread's end of the wire. */
export interface BillingPort {
  on(event: 'message', listener: (message: { id: number; call: BillingCall; request: never }) => void): unknown
  postMessage(answer: Answer): void
}

/** Answers a {@link BillingThread}. When `start` fails, every question is answered with its reason. */
export const serveBilling = (port: BillingPort, start: () => BillingHandlers): void => {
  let handlers: BillingHandlers | null = null
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

/** One thread with the book: started at the first question, again after it died, every question behind a deadline. */
export class BillingThread {
  readonly #start: () => Worker
  readonly #waiting = new Map<number, (answer: Result<unknown>) => void>()
  #worker: Worker | null = null
  #last = 0
  #isClosed = false

  constructor(start: () => Worker) {
    this.#start = start
  }

  /** @errors BILLING_WORKER, BILLING_SLOW, BILLING_FILE */
  readonly ask: AskBilling = (call, request) => {
    if (this.#isClosed) return Promise.resolve(fail('BILLING_WORKER', 'the book of billed figures is closed'))
    return new Promise((resolve) => {
      const id = ++this.#last
      const timer = setTimeout(
        () => this.#settle(id, fail('BILLING_SLOW', `${call} took longer than ${DEADLINE_MS / 1000} s`)),
        DEADLINE_MS,
      )
      this.#waiting.set(id, (answer) => {
        clearTimeout(timer)
        // What comes back is of the call's own type: both ends are written against the same BillingCalls.
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
      this.#settle(answer.id, answer.ok ? ok(answer.value) : fail('BILLING_FILE', `billing.db: ${answer.message}`)),
    )
    worker.on('error', (error) => {
      why = String(error)
    })
    worker.on('exit', (code) => {
      if (this.#worker !== worker) return
      this.#worker = null
      for (const id of [...this.#waiting.keys()])
        this.#settle(id, fail('BILLING_WORKER', `the thread of the book ended: ${why || `exit code ${code}`}`))
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
