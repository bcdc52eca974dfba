import { type Clock, type GatewayError, hintOf, ok, type Result } from '../core/index.ts'
import { concentratorFailure as fail } from './concentrator-errors.ts'
import type { ConcentratorFile, JobState, KeptJob } from './concentrator-file.ts'

/** What a job says while it is under way, and hears. */
export interface JobProgress {
  /** Raised when somebody cancels it, or the gateway stops. */
  readonly signal: AbortSignal
  /** How much there is to do. */
  expect(total: number): void
  advance(by: number): void
  /** What it does now, in a few words. */
  say(step: string): void
}

export interface JobOrder {
  readonly concentrator: string
  readonly what: string
  readonly who: string
  readonly why: string
  /** Changes something in the concentrator or a meter: kept for good, and never beside another of the kind. */
  readonly isWriting: boolean
  /** Never beside another one of the same concentrator that is alone. */
  readonly isAlone: boolean
}

/** A job as it is now. Times are milliseconds since 1970 UTC. */
export interface JobNow {
  readonly id: number
  readonly concentrator: string
  readonly what: string
  readonly who: string
  readonly why: string
  readonly at: number
  readonly endedAt: number | null
  readonly state: JobState
  readonly done: number
  readonly total: number
  readonly step: string
  /** What came of it; null while it runs, and when nothing did. */
  readonly result: unknown
  readonly error: GatewayError | null
}

interface Running extends JobOrder {
  readonly id: number
  readonly at: number
  readonly cancel: AbortController
  readonly ended: Promise<void>
  done: number
  total: number
  step: string
}

/** Under way at once: of one concentrator, and of all. */
const MOST_OF_ONE = 8
const MOST = 200

/**
 * Work through concentrators that may take long: it goes on when nobody waits any more, says how far it is, can be cancelled, and what
 * came of it is kept with who ordered it, when and why.
 */
export class ConcentratorJobs {
  readonly #file: ConcentratorFile
  readonly #clock: Pick<Clock, 'now'>
  readonly #log: (level: 'info' | 'warn', message: string) => void
  readonly #running = new Map<number, Running>()
  #isStopped = false

  constructor(file: ConcentratorFile, clock: Pick<Clock, 'now'>, log: (level: 'info' | 'warn', message: string) => void) {
    this.#file = file
    this.#clock = clock
    this.#log = log
    file.settleJobs(clock.now(), 'CONCENTRATOR_STOPPED', 'the gateway was stopped in the middle of it')
  }

  /** @errors CONCENTRATOR_BUSY */
  begin(order: JobOrder, work: (progress: JobProgress) => Promise<Result<unknown>>): Result<JobNow> {
    const { concentrator } = order
    const beside = [...this.#running.values()].filter((one) => one.concentrator === concentrator)
    const alone = order.isAlone ? beside.find(({ isAlone }) => isAlone) : undefined
    if (alone)
      return fail('CONCENTRATOR_BUSY', `job ${alone.id} of ${alone.who} (${alone.what}) is under way at concentrator ${concentrator}`, {
        job: alone.id,
      })
    if (this.#isStopped || beside.length >= MOST_OF_ONE || this.#running.size >= MOST)
      return fail('CONCENTRATOR_BUSY', `${beside.length} jobs are under way at concentrator ${concentrator}, ${this.#running.size} in all`)
    const at = this.#clock.now()
    const id = this.#file.beginJob({ ...order, at }, order.isWriting)
    const cancel = new AbortController()
    let settle: () => void = () => undefined
    const ended = new Promise<void>((resolve) => {
      settle = resolve
    })
    const job: Running = { ...order, id, at, cancel, ended, done: 0, total: 0, step: '' }
    this.#running.set(id, job)
    const progress: JobProgress = {
      signal: cancel.signal,
      expect: (total) => {
        job.total = total
      },
      advance: (by) => {
        job.done += by
      },
      say: (step) => {
        job.step = step
      },
    }
    void this.#carryOut(job, work, progress).finally(settle)
    return ok(nowOf(job))
  }

  /** A job that runs or is kept; null = there is none of this concentrator. */
  get(concentrator: string, id: number): JobNow | null {
    const running = this.#running.get(id)
    if (running) return running.concentrator === concentrator ? nowOf(running) : null
    const kept = this.#file.job(id)
    return kept?.concentrator === concentrator ? keptNow(kept) : null
  }

  /** Newest first. */
  list(concentrator: string, before: number, limit: number): readonly JobNow[] {
    return this.#file.jobs(concentrator, before, limit).map((kept) => {
      const running = this.#running.get(kept.id)
      return running ? nowOf(running) : keptNow(kept)
    })
  }

  /** What is under way at a concentrator. */
  underWay(concentrator: string): readonly JobNow[] {
    return [...this.#running.values()].filter((job) => job.concentrator === concentrator).map(nowOf)
  }

  /** The job when it is over, or as it is after so long. */
  async wait(concentrator: string, id: number, withinMs: number): Promise<JobNow | null> {
    const running = this.#running.get(id)
    if (running) {
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, withinMs)
      })
      await Promise.race([running.ended, late])
      clearTimeout(timer)
    }
    return this.get(concentrator, id)
  }

  /** Asks a job to end; what it has under way is let end. @errors CONCENTRATOR_JOB, CONCENTRATOR_JOB_OVER */
  cancel(concentrator: string, id: number): Result<JobNow> {
    const found = this.get(concentrator, id)
    if (!found) return fail('CONCENTRATOR_JOB', `concentrator ${concentrator} has no job ${id}`)
    const running = this.#running.get(id)
    if (!running) return fail('CONCENTRATOR_JOB_OVER', `job ${id} is ${found.state}`)
    running.cancel.abort()
    running.step = 'is being cancelled'
    return ok(nowOf(running))
  }

  /** Cancels everything and waits for it, within the time given. */
  async stop(withinMs: number): Promise<void> {
    this.#isStopped = true
    const running = [...this.#running.values()]
    for (const { cancel } of running) cancel.abort()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, withinMs)
    })
    await Promise.race([Promise.all(running.map(({ ended }) => ended)), late])
    clearTimeout(timer)
  }

  async #carryOut(job: Running, work: (progress: JobProgress) => Promise<Result<unknown>>, progress: JobProgress): Promise<void> {
    const result = await this.#guarded(job, () => work(progress))
    const isCancelled = job.cancel.signal.aborted
    const error = result.ok ? null : result.error
    const kept: KeptJob = {
      ...{ id: job.id, concentrator: job.concentrator, what: job.what, who: job.who, why: job.why, at: job.at },
      ...{ endedAt: this.#clock.now(), done: job.done, total: job.total },
      state: isCancelled ? 'cancelled' : error ? 'failed' : 'done',
      result: result.ok ? JSON.stringify(result.value ?? null) : null,
      code: error?.code ?? null,
      message: error?.message ?? null,
    }
    this.#file.endJob(kept)
    this.#running.delete(job.id)
    if (job.isWriting)
      this.#log(
        error ? 'warn' : 'info',
        `concentrator ${job.concentrator}: ${job.what} by ${job.who} (${job.why}) ${error ? `${kept.state}, ${error.message}` : kept.state}`,
      )
  }

  async #guarded(job: Running, work: () => Promise<Result<unknown>>): Promise<Result<unknown>> {
    try {
      return await work()
    } catch (bug) {
      this.#log(
        'warn',
        `job ${job.id} (${job.what}): a fault of the gateway: ${bug instanceof Error ? (bug.stack ?? bug.message) : String(bug)}`,
      )
      return fail('CONCENTRATOR_BUG', `job ${job.id} ended by a fault of the gateway`)
    }
  }
}

const nowOf = ({ id, concentrator, what, who, why, at, done, total, step }: Running): JobNow => ({
  ...{ id, concentrator, what, who, why, at, endedAt: null, state: 'running', done, total, step, result: null, error: null },
})

const keptNow = ({ id, concentrator, what, who, why, at, endedAt, state, done, total, result, code, message }: KeptJob): JobNow => {
  const value: unknown = result === null ? null : JSON.parse(result)
  return {
    ...{ id, concentrator, what, who, why, at, endedAt, state, done, total, step: '', result: value },
    error: code === null ? null : { code, message: message ?? '', recovery: 'stop', hint: hintOf(code) ?? '', context: {} },
  }
}
