import { performance } from 'node:perf_hooks'
import {
  type AreaBook,
  alarmsOf,
  type DetectorFailure,
  emptyBook,
  judgeAreas,
  type LossDay,
  type Phase,
  rankingOf,
  standingOf,
  type ThresholdLayers,
  takeVerdict,
} from '../../anomaly/index.ts'
import { type Offline, replay } from './replay.ts'
import type { LocalDay } from './zone.ts'

/** All that is known of the areas of a file at the end of one local day. */
export interface Known {
  readonly day: LocalDay | null
  readonly books: readonly AreaBook[]
  /** By area, then by day: as it was known last. */
  readonly losses: ReadonlyMap<string, ReadonlyMap<string, LossDay>>
  readonly phases: Readonly<Record<string, Phase>>
  readonly failures: readonly DetectorFailure[]
}

export interface JudgeOfflineOptions {
  readonly thresholds?: ThresholdLayers
  /** After each day; what is handed over grows on with the next. */
  readonly onDay?: (known: Known) => void
  /** Milliseconds of a day's work, for whoever measures. */
  readonly onTime?: (day: string, ms: number) => void
}

/** Judges files day by day, each area's cases taking what its verdicts say: the path of the running gateway, from other columns. */
export const judgeOffline = (offline: Offline, { thresholds, onDay, onTime }: JudgeOfflineOptions = {}): Known => {
  const books = new Map(offline.ledger.areas.map(({ fact }) => [fact.id, emptyBook(fact.id)]))
  const losses = new Map<string, Map<string, LossDay>>()
  const failures: DetectorFailure[] = []
  let phases: Readonly<Record<string, Phase>> = {}
  let known: Known = { day: null, books: [...books.values()], losses, phases, failures }
  let before = performance.now()
  for (const { day, areas } of replay(offline)) {
    const inputs = areas.map(({ frame, comm }) => ({
      frame,
      comm,
      neighbours: areas.flatMap((other) => (other.frame === frame ? [] : [other.frame])),
      standing: standingOf(books.get(frame.fact.id) ?? emptyBook(frame.fact.id)),
      ...(thresholds ? { thresholds } : {}),
    }))
    for (const verdict of judgeAreas(inputs)) {
      const book = books.get(verdict.area) ?? emptyBook(verdict.area)
      books.set(verdict.area, takeVerdict(book, verdict, day).book)
      const ofArea = losses.get(verdict.area) ?? new Map<string, LossDay>()
      losses.set(verdict.area, ofArea)
      for (const loss of verdict.losses) ofArea.set(loss.day, loss)
      phases = { ...phases, ...verdict.phases }
      failures.push(...verdict.failures)
    }
    known = { day, books: [...books.values()], losses, phases, failures }
    onDay?.(known)
    const now = performance.now()
    onTime?.(day.day, now - before)
    before = now
  }
  return known
}

/** Cases and rankings of all areas. */
export const casesOf = ({ books }: Known) => books.flatMap((book) => alarmsOf(book))
export const suspicionsOf = ({ books }: Known) => books.flatMap((book) => rankingOf(book))
