import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { Calendar } from '../acquisition/index.ts'
import { type Clock, many, PartFailed } from '../core/index.ts'
import { workerUrl } from '../core/worker.ts'
import { EVIDENCE_FILE, type EvidenceBook, type EvidenceSettings, type EvidenceState, evidenceThread } from '../evidence/index.ts'
import { EvidenceKeeper } from './evidence-keeper.ts'
import type { EvidenceWorkerData } from './evidence-worker.ts'

export interface EvidenceParts {
  readonly directory: string
  readonly zone: string
  readonly settings: EvidenceSettings
  readonly clock: Clock
  readonly log: (level: 'debug' | 'info' | 'warn', message: string) => void
}

const CHORES_MS = 5 * 60_000
const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000

/** Opens what keeps the bytes behind readings. It may fail in every way, and readings go on. */
export const openEvidence = ({ directory, zone, settings, clock, log }: EvidenceParts) => {
  let current = settings
  let isUsed = false
  const thread = evidenceThread(() => {
    isUsed = true
    const workerData: EvidenceWorkerData = { directory, settings: current }
    return new Worker(workerUrl(import.meta.url, 'evidence-worker'), { workerData })
  })
  const keeper = new EvidenceKeeper({ ask: thread.ask, calendar: new Calendar(zone), clock, settings })
  let state: EvidenceState | null = null
  let saidLost = 0
  let saidAside = 0
  let tidiedAt = Date.now()

  /** Where nothing was ever kept, a thread would take 15 MB, and half a second of a first question, to say so. */
  const isEmpty = (): boolean => !isUsed && !existsSync(join(directory, EVIDENCE_FILE))
  const look = async (): Promise<void> => {
    if (isEmpty()) return
    if (Date.now() - tidiedAt >= HOUR_MS) {
      tidiedAt = Date.now()
      // A long stop leaves much to take away: a little at a time.
      for (let gone = 1; gone > 0; ) {
        const done = await thread.ask('tidy', Date.now())
        if (!done.ok) log('warn', `${done.error.message}; ${done.error.hint}`)
        gone = done.ok ? done.value : 0
      }
    }
    const answer = await thread.ask('state', null)
    if (answer.ok) state = answer.value
    else log('warn', `${answer.error.message}; ${answer.error.hint}`)
    for (const name of answer.ok ? answer.value.setAside.slice(saidAside) : [])
      log('warn', `${join(directory, EVIDENCE_FILE)} was damaged: it is kept as ${name}, a new one was begun`)
    saidAside = answer.ok ? answer.value.setAside.length : saidAside
    if (keeper.lost > saidLost)
      log('warn', `the frames of ${many(keeper.lost - saidLost, 'reading')} could not be kept; the readings themselves are safe`)
    saidLost = keeper.lost
  }
  const timer = setInterval(() => void look(), CHORES_MS)
  timer.unref()

  const book: EvidenceBook = {
    refsOf: async (keys) => {
      await keeper.flush()
      if (isEmpty()) return new Map()
      const answer = await thread.ask('refs', keys)
      // No evidence and evidence that cannot be had are two things.
      if (!answer.ok) throw new PartFailed(answer.error)
      return answer.value
    },
    item: async (id) => {
      const answer = await thread.ask('item', { id })
      if (!answer.ok) throw new Error(answer.error.message)
      return answer.value
    },
  }

  return {
    intake: keeper,
    book,
    thread,
    flush: () => keeper.flush(),
    look,
    use: (next: EvidenceSettings) => {
      current = next
      keeper.use(next)
    },
    /** One line of the health of the gateway. */
    health: () => {
      const cure = `look at ${EVIDENCE_FILE} in the data directory, and at the log; docs/evidence.md`
      const part = 'evidence'
      if (keeper.why !== null)
        return {
          part,
          state: 'degraded',
          sentence: `frames are not kept at present (${keeper.why.split(' ')[0]}); ${keeper.waiting} wait`,
          cure,
        } as const
      if (state && state.setAside.length > 0)
        return { part, state: 'degraded', sentence: `the file was damaged and put aside: ${state.setAside.join(', ')}`, cure } as const
      if (keeper.lost > 0)
        return {
          part,
          state: 'degraded',
          sentence: `the frames of ${many(keeper.lost, 'reading')} were not kept since the start`,
          cure,
        } as const
      if (state?.isShort && state.oldestAt !== null)
        return {
          ...{ part, state: 'degraded' as const },
          sentence: `the file is full: frames reach back ${Math.floor((Date.now() - state.oldestAt) / DAY_MS)} days, ${current.keepDays} are wanted`,
          cure: 'raise evidence/maxMb, or lower evidence/keepDays or windowMinutes',
        }
      return { part, state: 'ok', sentence: `${many(keeper.kept, 'reading')} kept with their frames since the start`, cure: null } as const
    },
    close: async () => {
      clearInterval(timer)
      await keeper.stop()
      await thread.close()
    },
  }
}
export type OpenEvidence = ReturnType<typeof openEvidence>
