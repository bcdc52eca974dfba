import type { Worker } from 'node:worker_threads'
import { ok, type Result } from '../core/index.ts'
import { AnsweringThread, type AnswerPort, type Answers, type Ask, answerQuestions } from '../core/thread.ts'
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

/** Asks the book, wherever it is kept. */
export type AskBilling = Ask<BillingCalls>

/** What a book says in which nothing was ever kept. */
const EMPTY: { readonly [Kind in keyof BillingCalls]?: BillingCalls[Kind]['answer'] } = {
  ...{ current: '[]', held: new Map(), versions: [], changes: { changes: [], newest: 0 }, newest: 0 },
  ...{ release: null, releases: [], released: [], left: [], pending: null, pendings: [], openPlaces: [] },
  ...{ holdOf: null, holds: [], instants: [], pointsAt: [], mark: 0, nextLooks: null, doneLooks: null, laterLooks: null },
  ...{ place: null, counts: { newest: 0, pending: 0, looks: 0 } },
}

/**
 * Asks a book that begins when something is to be kept in it: where nothing was ever released there is no file, and no thread takes memory to
 * say so.
 *
 * @param isThere  its file exists
 */
export const begunLater = (ask: AskBilling, isThere: boolean): { readonly ask: AskBilling; readonly isBegun: () => boolean } => {
  let isBegun = isThere
  return {
    ask: (kind, request, options) => {
      const empty = isBegun ? undefined : EMPTY[kind]
      if (empty !== undefined) return Promise.resolve(ok(empty))
      isBegun = true
      return ask(kind, request, options)
    },
    isBegun: () => isBegun,
  }
}

const nothing = (_done: unknown): null => null

/** The calls as a file answers them. */
export const billingHandlers = ({ figures, holds, releases, pendings, looks }: BillingFile, close: () => void): Answers<BillingCalls> => ({
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

const failed = (thrown: unknown) => fail('BILLING_FILE', `billing.db: ${thrown instanceof Error ? thrown.message : String(thrown)}`).error

/** Answers {@link billingThread}. */
export const serveBilling = (port: AnswerPort, start: () => Answers<BillingCalls>): void => answerQuestions(port, failed, start)

/**
 * The thread with the book.
 *
 * @errors BILLING_WORKER, BILLING_SLOW, BILLING_FILE
 */
export const billingThread = (start: () => Worker): AnsweringThread<BillingCalls> =>
  new AnsweringThread<BillingCalls>({
    name: 'the book of billed figures',
    start,
    failures: { slow: (message) => fail('BILLING_SLOW', message), ended: (message) => fail('BILLING_WORKER', message) },
  })
