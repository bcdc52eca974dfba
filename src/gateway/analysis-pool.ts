import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { workerUrl } from '../core/worker.ts'
import type { AnalysisCalls, AnalysisThreadData } from './analysis-calls.ts'

type Message =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly error: string }

interface Job {
  readonly id: number
  readonly kind: keyof AnalysisCalls
  readonly request: unknown
  /** Jobs of one group go to one thread while it has nothing else to do: they share what it keeps. */
  readonly group: string
  /** It is on its way to a thread: from now on it may take so long. */
  readonly begin: () => void
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

export interface PoolOptions {
  /** Entry of a thread; the analysis itself unless said. */
  readonly entry?: URL
  readonly longestMs?: number
}

interface Thread {
  readonly worker: Worker
  job: Job | null
  group: string
}

/** Whoever judges: nothing of it runs where meters are read. */
export interface Judges {
  /** How many jobs are worked on at once. */
  readonly width: number
  call<Kind extends keyof AnalysisCalls>(
    kind: Kind,
    request: AnalysisCalls[Kind]['request'],
    group?: string,
    signal?: AbortSignal,
  ): Promise<AnalysisCalls[Kind]['answer']>
  close(): Promise<void>
}

/** Memory of a thread that nobody has asked for so long is given back. */
const IDLE_MS = 60_000
/** A judgement that takes longer is a bug: the thread is ended, and the area says so. */
const LONGEST_MS = 300_000
const MOST_THREADS = 2
/** What a thread works with lies outside of its heap: half the usual room for new objects does. */
const YOUNG_MB = 24

/** Threads by default: one core is left to the lines. */
export const threadsOf = (wanted: number | null): number => wanted ?? Math.max(1, Math.min(MOST_THREADS, availableParallelism() - 1))

/** Threads that judge areas, started when they are asked. One that dies fails its job and nothing else. */
export class AnalysisPool implements Judges {
  readonly #data: AnalysisThreadData
  readonly #entry: URL | null
  readonly #longestMs: number
  #width: number
  readonly #threads: Thread[] = []
  readonly #queue: Job[] = []
  #last = 0
  #closed = false
  #idle: NodeJS.Timeout | null = null

  constructor(data: AnalysisThreadData, width: number, { entry, longestMs = LONGEST_MS }: PoolOptions = {}) {
    this.#data = data
    this.#entry = entry ?? null
    this.#longestMs = longestMs
    this.#width = width
  }

  get width(): number {
    return this.#width
  }

  use(width: number): void {
    this.#width = width
  }

  /** @param signal  ends it: when it is under way, its thread goes with it */
  call<Kind extends keyof AnalysisCalls>(
    kind: Kind,
    request: AnalysisCalls[Kind]['request'],
    group = '',
    signal?: AbortSignal,
  ): Promise<AnalysisCalls[Kind]['answer']> {
    if (this.#closed) return Promise.reject(new Error('the analysis has ended'))
    if (signal?.aborted) return Promise.reject(new Error('it was cancelled'))
    return new Promise((resolve, reject) => {
      const id = ++this.#last
      let timer: NodeJS.Timeout | null = null
      const cancel = () => this.#give(id, 'it was cancelled')
      signal?.addEventListener('abort', cancel, { once: true })
      const over = () => {
        if (timer) clearTimeout(timer)
        signal?.removeEventListener('abort', cancel)
      }
      this.#queue.push({
        ...{ id, kind, request, group },
        begin: () => {
          timer = setTimeout(() => this.#give(id, `it took more than ${this.#longestMs / 1000} s`), this.#longestMs)
        },
        resolve: (value) => {
          over()
          // What comes back is of the kind's own type because both sides are written against the same calls.
          resolve(value as AnalysisCalls[Kind]['answer'])
        },
        reject: (error) => {
          over()
          reject(error)
        },
      })
      this.#next()
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.#idle) clearTimeout(this.#idle)
    for (const { reject } of this.#queue.splice(0)) reject(new Error('the analysis has ended'))
    await Promise.all(this.#threads.splice(0).map((thread) => this.#end(thread, 'the analysis has ended')))
  }

  #next(): void {
    if (this.#idle) clearTimeout(this.#idle)
    this.#idle = null
    while (this.#queue.length > 0) {
      let thread = this.#threads.find(({ job }) => job === null)
      if (!thread && this.#threads.length < this.#width) thread = this.#start()
      if (!thread) return
      const { group } = thread
      const mine = this.#queue.findIndex((job) => job.group === group)
      const others = new Set(this.#threads.flatMap((other) => (other.job ? [other.group] : [])))
      const free = this.#queue.findIndex((job) => !others.has(job.group))
      const [job] = this.#queue.splice(mine >= 0 ? mine : Math.max(0, free), 1)
      if (!job) return
      thread.job = job
      thread.group = job.group
      job.begin()
      thread.worker.postMessage({ id: job.id, kind: job.kind, request: job.request })
    }
    if (this.#threads.every(({ job }) => job === null)) {
      this.#idle = setTimeout(() => void Promise.all(this.#threads.splice(0).map((thread) => this.#end(thread, ''))), IDLE_MS)
      this.#idle.unref()
    }
  }

  #start(): Thread {
    const worker = new Worker(this.#entry ?? workerUrl(import.meta.url, 'analysis-worker'), {
      workerData: this.#data,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    })
    const thread: Thread = { worker, job: null, group: '' }
    worker.unref()
    let why = ''
    worker.on('message', (message: Message) => {
      const { job } = thread
      if (job?.id !== message.id) return
      thread.job = null
      if (message.ok) job.resolve(message.value)
      else job.reject(new Error(message.error))
      this.#next()
    })
    worker.on('error', (error) => {
      why = String(error)
    })
    worker.on('exit', (code) => {
      this.#drop(thread, `its thread ended: ${why || `exit code ${code}`}`)
      this.#next()
    })
    this.#threads.push(thread)
    return thread
  }

  #drop(thread: Thread, why: string): void {
    const at = this.#threads.indexOf(thread)
    if (at >= 0) this.#threads.splice(at, 1)
    thread.job?.reject(new Error(why))
    thread.job = null
  }

  /** Gives up one job. */
  #give(id: number, why: string): void {
    const at = this.#queue.findIndex((job) => job.id === id)
    if (at >= 0) {
      this.#queue.splice(at, 1)[0]?.reject(new Error(why))
      return
    }
    const thread = this.#threads.find(({ job }) => job?.id === id)
    if (!thread) return
    this.#drop(thread, why)
    void thread.worker.terminate()
    this.#next()
  }

  async #end(thread: Thread, why: string): Promise<void> {
    thread.job?.reject(new Error(why))
    thread.job = null
    await thread.worker.terminate()
  }
}
