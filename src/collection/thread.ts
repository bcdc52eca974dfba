import type { Worker } from 'node:worker_threads'
import type { Result } from '../core/index.ts'
import { AnsweringThread, type AnswerPort, type Answers, type Ask, answerQuestions } from '../core/thread.ts'
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

/** Asks the gap ledger, wherever it runs. */
export type AskCollection = Ask<CollectionCalls>

/** The calls as a file answers them. */
export const collectionHandlers = (file: CollectionFile, kpis: KpiFile): Answers<CollectionCalls> => ({
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

const failed = (thrown: unknown) =>
  fail('COLLECTION_FILE', `collection.db: ${thrown instanceof Error ? thrown.message : String(thrown)}`).error

/** Answers {@link collectionThread}. */
export const serveCollection = (port: AnswerPort, start: () => Answers<CollectionCalls>): void => answerQuestions(port, failed, start)

/**
 * The thread with the gap ledger.
 *
 * @errors COLLECTION_WORKER, COLLECTION_SLOW, COLLECTION_FILE
 */
export const collectionThread = (start: () => Worker): AnsweringThread<CollectionCalls> =>
  new AnsweringThread<CollectionCalls>({
    name: 'the gap ledger',
    start,
    failures: { slow: (message) => fail('COLLECTION_SLOW', message), ended: (message) => fail('COLLECTION_WORKER', message) },
  })
