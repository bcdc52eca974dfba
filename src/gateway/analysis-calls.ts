import {
  type AreaFrame,
  alarmsOf,
  areaHistory,
  emptyBook,
  type Finding,
  judgeDay,
  type ReusedMemory,
  reusedMemory,
  type Standing,
  standingOf,
  type ThresholdLayers,
  takeVerdict,
  type Verdict,
} from '../anomaly/index.ts'
import { areaDays, type FrameParts, type Surroundings, surrounded, windowFrame } from './analysis-frames.ts'

/** What a thread of the analysis is started with. */
export interface AnalysisThreadData {
  readonly directory: string
  readonly zone: string
  readonly profileDirectory: string | null
  /** Ids of brokers. */
  readonly brokers: readonly string[]
}

/** One day of one area to be judged. */
export interface JudgeJob {
  readonly area: string
  readonly day: string
  /** First day of the window. */
  readonly first: string
  /** Areas a meter might belong to instead. */
  readonly neighbours: readonly string[]
  readonly standing: readonly Standing[]
  /** Findings of other areas that say something of this one: a meter listed there that is fed from here. */
  readonly elsewhere: readonly Finding[]
  readonly thresholds: ThresholdLayers
  readonly around: Surroundings
}

export interface Judged {
  /** Null: nothing is kept of that day. */
  readonly verdict: Verdict | null
  /** Days in the window. */
  readonly days: number
  readonly ms: number
}

/** An alarm of a trial run. */
export interface TrialCase {
  readonly key: string
  readonly kind: string
  readonly target: string
  readonly area: string
  readonly detectedAt: string
  readonly score: number
  readonly kwh: number | null
}

/** One area over some days, once with each set of thresholds. */
export interface TrialJob {
  readonly area: string
  readonly first: string
  readonly from: string
  readonly to: string
  readonly before: ThresholdLayers
  readonly after: ThresholdLayers
  readonly around: Surroundings
}

export interface Tried {
  readonly before: readonly TrialCase[]
  readonly after: readonly TrialCase[]
  readonly days: number
}

export interface AnalysisCalls {
  readonly judge: { readonly request: JudgeJob; readonly answer: Judged }
  readonly trial: { readonly request: TrialJob; readonly answer: Tried }
}

/** A frame that is kept, and the memory its columns are in: sixty days of an area are twenty megabytes, and each thread looks at hundreds of areas. */
interface Neighbour {
  readonly frame: AreaFrame | null
  readonly memory: ReusedMemory
}

/** Frames of neighbours that are kept for the next area of the same feeder. */
const MOST_FRAMES = 12

/** What the threads answer. Frames of neighbours of the day under way are kept: areas of one feeder are neighbours of each other. */
export const analysisHandlers = (
  parts: FrameParts,
): { readonly [Kind in keyof AnalysisCalls]: (request: AnalysisCalls[Kind]['request']) => AnalysisCalls[Kind]['answer'] } => {
  const known = new Map<string, Neighbour>()
  const own = reusedMemory()
  const spare: ReusedMemory[] = []
  let knownDay = ''
  const forget = (area: string, { memory }: Neighbour) => {
    known.delete(area)
    memory.release()
    spare.push(memory)
  }
  const forgetAll = () => {
    for (const [area, one] of [...known]) forget(area, one)
  }
  /** @param together  all that are looked at side by side: none of them may lose its memory to another */
  const neighbour = (area: string, first: string, day: string, together: readonly string[]): AreaFrame | null => {
    const before = known.get(area)
    if (before) return before.frame
    for (const [oldest, one] of [...known]) if (known.size >= MOST_FRAMES && !together.includes(oldest)) forget(oldest, one)
    const memory = spare.pop() ?? reusedMemory()
    const frame = windowFrame(parts, area, first, day, undefined, true, memory)?.frame ?? null
    known.set(area, { frame, memory })
    return frame
  }
  return {
    judge: ({ area, day, first, neighbours, standing, elsewhere, thresholds, around }) => {
      const began = performance.now()
      // What is kept of neighbours may have been made anew since.
      if (neighbours.length === 0 || day !== knownDay) forgetAll()
      knownDay = day
      own.release()
      const window = windowFrame(parts, area, first, day, around, false, own)
      if (!window) return { verdict: null, days: 0, ms: 0 }
      const beside = neighbours.flatMap((other) => neighbour(other, first, day, neighbours) ?? [])
      const { frame, comm } = window
      const verdict = judgeDay({ frame, neighbours: beside, comm, thresholds, standing, elsewhere })
      return { verdict, days: frame.days.length, ms: performance.now() - began }
    },
    trial: (job) => tried(parts, job),
  }
}

/**
 * Judges the days of an area twice, with the thresholds as they are and as they would be, each with a case book of its own: what differs is the thresholds' doing.
 * Neighbouring areas are left out.
 */
const tried = (parts: FrameParts, { area, first, from, to, before, after, around }: TrialJob): Tried => {
  const { reader, days } = parts
  const blocks = reader.blocks(area, first, to)
  const oldest = blocks[0]
  if (!oldest) return { before: [], after: [], days: 0 }
  const dates = days.between(oldest.day, to)
  const history = areaHistory(dates.length)
  const dressed = surrounded(days, dates, around)
  let books = [emptyBook(area), emptyBook(area)] as const
  let judged = 0
  for (const date of dates) {
    // The ledger as of each day: what is written down later is not known yet.
    history.put(dressed(areaDays(parts, area, blocks, date)(date)))
    const frame = date >= from ? history.frame() : null
    if (!frame || !blocks.some(({ day }) => day === date)) continue
    const day = { day: date, start: days.start(date), end: days.end(date) }
    const step = (book: (typeof books)[number], thresholds: ThresholdLayers) =>
      takeVerdict(book, judgeDay({ frame, thresholds, standing: standingOf(book) }), day).book
    books = [step(books[0], before), step(books[1], after)]
    judged++
  }
  const shown = (book: (typeof books)[number]) =>
    alarmsOf(book).map(
      ({ key, kind, target, detectedAt, score, kwh }): TrialCase => ({
        key,
        kind,
        target,
        area,
        detectedAt,
        score,
        kwh: kwh?.value ?? null,
      }),
    )
  return { before: shown(books[0]), after: shown(books[1]), days: judged }
}
