import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Standing, ThresholdLayers, Verdict } from '../../anomaly/index.ts'
import { workerUrl } from '../../core/worker.ts'
import { growing, judgeOffline, type Known } from './judge.ts'
import type { Offline } from './replay.ts'

/** What a thread gets when it starts: it judges every `of`-th day, from its own `place` on. */
export interface DaysThreadData {
  readonly offline: Offline
  readonly thresholds: ThresholdLayers | undefined
  readonly place: number
  readonly of: number
}

/** To a thread: what stands before the day at `place` is judged, by area. */
export interface Stands {
  readonly place: number
  readonly standing: ReadonlyMap<string, readonly Standing[]>
}

/** From a thread: what it says of a day. */
export interface DayJudged {
  readonly place: number
  readonly verdicts: readonly Verdict[]
}

export interface JudgeThreadsOptions {
  readonly thresholds?: ThresholdLayers
  readonly threads?: number
}

/**
 * Areas of a file from which a second thread earns what it costs. Measured: one area of 100 meters takes 8.4 s and 305 MB in one thread, 9.2 s and
 * 442 MB in two; two areas of 124 meters 13.2 s and 331 MB, or 11.7 s and 518 MB.
 */
const WORTH_AREAS = 3
const MOST_THREADS = 2
/** Room for new objects of a thread: most of what it works with lies outside of its heap. More would be little faster and take up to a hundred megabytes. */
const YOUNG_MB = 8

const threadsFor = ({ ledger }: Offline): number => (ledger.areas.length < WORTH_AREAS ? 1 : Math.min(MOST_THREADS, availableParallelism()))

/**
 * What {@link judgeOffline} knows at the end, by threads that take the days in turn.
 *
 * A thread looks at its day while the day before is still being judged, by the cases that stand as far as is known; when that day is over
 * it asks those detectors again that may say something else, and only then gives its verdict. So the answer does not depend on the threads.
 */
export const judgeInThreads = async (
  offline: Offline,
  { thresholds, threads = threadsFor(offline) }: JudgeThreadsOptions = {},
): Promise<Known> => {
  if (threads < 2 || offline.days.length < 2) return judgeOffline(offline, thresholds ? { thresholds } : {})
  const grown = growing(offline)
  const workers = Array.from({ length: threads }, (_, place) => {
    const workerData: DaysThreadData = { offline, thresholds, place, of: threads }
    return new Worker(workerUrl(import.meta.url, 'judge-worker'), { workerData, resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } })
  })
  const tell = (place: number) => {
    const standing = new Map(offline.ledger.areas.map(({ fact }) => [fact.id, grown.standing(fact.id)]))
    for (const worker of workers) worker.postMessage({ place, standing } satisfies Stands)
  }
  try {
    await new Promise<void>((resolve, reject) => {
      for (const worker of workers) {
        worker.on('message', ({ place, verdicts }: DayJudged) => {
          const day = offline.days[place]
          if (day) grown.take(day, verdicts)
          if (place === offline.days.length - 1) resolve()
          else tell(place + 1)
        })
        worker.once('error', reject)
        worker.once('exit', (code) => reject(new Error(`a thread that judges ended with ${code}`)))
      }
      tell(0)
    })
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
  return grown.known
}
