import { performance } from 'node:perf_hooks'
import {
  type AreaBook,
  alarmsOf,
  type DetectorFailure,
  emptyBook,
  type JudgeInput,
  judgeAreas,
  type LossDay,
  type Phase,
  rankingOf,
  type Standing,
  standingOf,
  type ThresholdLayers,
  takeVerdict,
  type Verdict,
} from '../../anomaly/index.ts'
import { type DayShown, type Offline, replay } from './replay.ts'
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

/** What is known so far, and how it grows: each area's cases take what its verdicts say. */
export interface Growing {
  readonly known: Known
  /** What stands of an area. */
  standing(area: string): readonly Standing[]
  /** Takes the next day. */
  take(day: LocalDay, verdicts: readonly Verdict[]): void
}

export const growing = ({ ledger }: Pick<Offline, 'ledger'>): Growing => {
  const books = new Map(ledger.areas.map(({ fact }) => [fact.id, emptyBook(fact.id)]))
  const losses = new Map<string, Map<string, LossDay>>()
  const failures: DetectorFailure[] = []
  let known: Known = { day: null, books: [...books.values()], losses, phases: {}, failures }
  return {
    get known() {
      return known
    },
    standing: (area) => standingOf(books.get(area) ?? emptyBook(area)),
    take: (day, verdicts) => {
      let { phases } = known
      for (const verdict of verdicts) {
        const book = books.get(verdict.area) ?? emptyBook(verdict.area)
        books.set(verdict.area, takeVerdict(book, verdict, day).book)
        const ofArea = losses.get(verdict.area) ?? new Map<string, LossDay>()
        losses.set(verdict.area, ofArea)
        for (const loss of verdict.losses) ofArea.set(loss.day, loss)
        phases = { ...phases, ...verdict.phases }
        failures.push(...verdict.failures)
      }
      known = { day, books: [...books.values()], losses, phases, failures }
    },
  }
}

/** What the areas of a day are judged by. */
export const inputsOf = (
  { areas }: DayShown,
  standing: (area: string) => readonly Standing[],
  thresholds: ThresholdLayers | undefined,
): JudgeInput[] =>
  areas.map(({ frame, comm }) => ({
    frame,
    comm,
    neighbours: areas.flatMap((other) => (other.frame === frame ? [] : [other.frame])),
    standing: standing(frame.fact.id),
    ...(thresholds ? { thresholds } : {}),
  }))

/** Judges files day by day: the path of the running gateway, from other columns. */
export const judgeOffline = (offline: Offline, { thresholds, onDay, onTime }: JudgeOfflineOptions = {}): Known => {
  const grown = growing(offline)
  let before = performance.now()
  for (const shown of replay(offline)) {
    grown.take(shown.day, judgeAreas(inputsOf(shown, grown.standing, thresholds)))
    onDay?.(grown.known)
    const now = performance.now()
    onTime?.(shown.day.day, now - before)
    before = now
  }
  return grown.known
}

/** Cases and rankings of all areas. */
export const casesOf = ({ books }: Known) => books.flatMap((book) => alarmsOf(book))
export const suspicionsOf = ({ books }: Known) => books.flatMap((book) => rankingOf(book))
