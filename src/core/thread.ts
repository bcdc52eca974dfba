import type { Worker } from 'node:worker_threads'
import { type GatewayError, ok, type Result } from './result.ts'

/** Questions that a thread answers: request and answer of each kind. The contract of both sides. */
export type Questions<Asked> = { readonly [Kind in keyof Asked]: { readonly request: unknown; readonly answer: unknown } } & {
  readonly close: { readonly request: null; readonly answer: null }
}

/** Who answers them, one function a kind, one question after the other. */
export type Answers<Asked extends Questions<Asked>> = {
  readonly [Kind in keyof Asked]: (request: Asked[Kind]['request']) => Asked[Kind]['answer']
}

export interface AskOptions {
  /** Instead of the thread's own deadline. */
  readonly deadlineMs?: number
  /** Handed over instead of copied: the asker has them no longer. */
  readonly transfer?: readonly ArrayBuffer[]
}

/** Asks a thread, wherever it runs. Never rejects. */
export type Ask<Asked extends Questions<Asked>, Failure = GatewayError> = <Kind extends keyof Asked & string>(
  kind: Kind,
  request: Asked[Kind]['request'],
  options?: AskOptions,
) => Promise<Result<Asked[Kind]['answer'], Failure>>

type Failed<Failure> = { readonly ok: false; readonly error: Failure }

export interface ThreadOptions<Failure> {
  /** What the thread does, as messages name it: `the book of billed figures`. */
  readonly name: string
  readonly start: () => Worker
  /** How a room calls the two failures that are the thread's own. */
  readonly failures: {
    /** No answer within the deadline; what was asked may still be done. */
    readonly slow: (message: string) => Failed<Failure>
    /** The thread ended, cannot be started or was closed. */
    readonly ended: (message: string) => Failed<Failure>
  }
  readonly deadlineMs?: number
  /** A thread that nobody has asked for so long gives its memory back; the next question starts it again. Absent: it stays. */
  readonly idleMs?: number
  /** Hears what the thread says besides its answers, and that it ended by itself. */
  readonly log?: (error: Failure) => void
}

/** What a thread posts. Its values are of the types of the question: both ends are written against the same {@link Questions}. */
type Posted =
  | { readonly log: never }
  | {
      readonly id: number
      readonly answer: Result<never, never>
      /** It could not begin, and ends: the reason may pass (a lock, a full disk), so that the next question starts another thread. */
      readonly isEnding: boolean
    }

interface Question<Failure> {
  readonly id: number
  readonly kind: string
  readonly request: unknown
  readonly transfer: readonly ArrayBuffer[]
  readonly settle: (answer: Result<never, Failure>) => void
}

interface Running<Failure> {
  readonly worker: Worker
  readonly waiting: Map<number, Question<Failure>['settle']>
  /** Done when the thread is gone, and with it everything it held open. */
  readonly gone: Promise<void>
  /** It answers what it was asked, and is asked nothing more. */
  isEnding: boolean
  /** Why it could not begin. */
  refusal: Failed<Failure> | null
}

const DEADLINE_MS = 60_000
const CLOSE_MS = 30_000

/**
 * One thread that answers questions in their order: started at the first question, again after it died, every question behind a deadline.
 * Of two threads of one kind the second starts when the first is gone: until then that one holds files and locks.
 */
export class AnsweringThread<Asked extends Questions<Asked>, Failure = GatewayError> {
  readonly #options: ThreadOptions<Failure>
  #running: Running<Failure> | null = null
  /** Asked while a thread ends. */
  readonly #held: Question<Failure>[] = []
  #idle: NodeJS.Timeout | null = null
  #last = 0
  #closing: Promise<void> | null = null

  constructor(options: ThreadOptions<Failure>) {
    this.#options = options
  }

  /** @errors the two failures of the options, and whatever the thread answers */
  readonly ask: Ask<Asked, Failure> = (kind, request, options = {}) => {
    return this.#closing ? Promise.resolve(this.#closed()) : this.#ask(kind, request, options)
  }

  /** It answers what it was asked, then ends. The next question starts another one, with what `start` knows by then. */
  restart(): void {
    if (this.#running) void this.#end(this.#running)
  }

  /** What was asked is answered; the thread closes what it keeps, and ends. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Ends it at once, for a thread that only reads: who waits is told that it is closed. */
  stop(): Promise<void> {
    this.#closing ??= this.#stop()
    return this.#closing
  }

  async #stop(): Promise<void> {
    for (const { settle } of this.#held.splice(0)) settle(this.#closed())
    const running = this.#running
    if (!running) return
    running.refusal = this.#closed()
    running.isEnding = true
    await running.worker.terminate()
    await running.gone
  }

  #closed(): Failed<Failure> {
    const { name, failures } = this.#options
    return failures.ended(`${name} is closed`)
  }

  async #close(): Promise<void> {
    // Questions that waited for the end of one thread start another.
    while (this.#running) await this.#end(this.#running)
  }

  #ask<Kind extends keyof Asked & string>(
    kind: Kind,
    request: Asked[Kind]['request'],
    { deadlineMs = this.#options.deadlineMs ?? DEADLINE_MS, transfer = [] }: AskOptions,
  ): Promise<Result<Asked[Kind]['answer'], Failure>> {
    const { name, failures } = this.#options
    return new Promise((resolve) => {
      // Whatever comes first counts: an answer after the deadline finds nobody.
      const late = () => resolve(failures.slow(`${name}: ${kind} took longer than ${deadlineMs / 1000} s`))
      const timer = setTimeout(late, deadlineMs)
      const settle = (answer: Result<Asked[Kind]['answer'], Failure>): void => {
        clearTimeout(timer)
        resolve(answer)
      }
      this.#send({ id: ++this.#last, kind, request, transfer, settle })
    })
  }

  #send(question: Question<Failure>): void {
    if (this.#running?.isEnding) {
      this.#held.push(question)
      return
    }
    if (this.#idle) clearTimeout(this.#idle)
    this.#idle = null
    const { id, kind, request, transfer, settle } = question
    try {
      this.#running ??= this.#start()
      this.#running.worker.postMessage({ id, kind, request }, [...transfer])
      this.#running.waiting.set(id, settle)
    } catch (error) {
      const { name, failures } = this.#options
      settle(failures.ended(`${name} cannot be asked for ${kind}: ${textOf(error)}`))
    }
  }

  #start(): Running<Failure> {
    const { name, start, failures, log } = this.#options
    const worker = start()
    let why = ''
    const gone = new Promise<void>((resolve) => {
      // The end counts, not its announcement.
      worker.on('error', (error) => {
        why = textOf(error)
      })
      worker.on('exit', (code) => {
        const ended = failures.ended(`${name} ended: ${why || `exit code ${code}`}`)
        if (!running.isEnding) log?.(ended.error)
        this.#gone(running, running.refusal ?? ended)
        resolve()
      })
    })
    const running: Running<Failure> = { worker, waiting: new Map(), gone, isEnding: false, refusal: null }
    worker.on('message', (posted: Posted) => {
      if ('log' in posted) log?.(posted.log)
      else this.#answered(running, posted)
    })
    // Whoever asks waits behind a timer: that keeps the process alive, a thread that nobody asks does not.
    worker.unref()
    return running
  }

  #answered(running: Running<Failure>, { id, answer, isEnding }: Exclude<Posted, { log: never }>): void {
    if (isEnding && !answer.ok) {
      running.isEnding = true
      running.refusal = answer
    }
    const settle = running.waiting.get(id)
    running.waiting.delete(id)
    settle?.(answer)
    const { idleMs } = this.#options
    if (idleMs === undefined || running.isEnding || running.waiting.size > 0) return
    this.#idle = setTimeout(() => void this.#end(running), idleMs)
    this.#idle.unref()
  }

  async #end(running: Running<Failure>): Promise<void> {
    if (this.#idle) clearTimeout(this.#idle)
    this.#idle = null
    running.worker.ref()
    if (!running.isEnding) {
      const closing = this.#ask('close', null, { deadlineMs: CLOSE_MS })
      running.isEnding = true
      const closed = await closing
      if (!closed.ok) this.#options.log?.(closed.error)
      await running.worker.terminate()
    }
    await running.gone
  }

  #gone(running: Running<Failure>, ended: Failed<Failure>): void {
    if (this.#running === running) this.#running = null
    for (const settle of running.waiting.values()) settle(ended)
    running.waiting.clear()
    for (const question of this.#held.splice(0)) this.#send(question)
  }
}

/** The thread's end of the wire: what `parentPort` can. */
export interface AnswerPort {
  on(event: 'message', listener: (question: { id: number; kind: string; request: never }) => void): unknown
  postMessage(posted: unknown): void
  close(): void
}

/**
 * Answers an {@link AnsweringThread}. What is kept is opened with the first question; when that fails, the question is answered with the
 * reason, and the thread ends.
 *
 * @param failureOf  what was thrown, as the failure that the asker gets: plain data
 */
export const answerQuestions = (
  port: AnswerPort,
  failureOf: (thrown: unknown) => { readonly message: string },
  start: () => Readonly<Record<string, (request: never) => unknown>>,
): void => {
  let answers: ReturnType<typeof start> | null = null
  port.on('message', ({ id, kind, request }) => {
    const post = (answer: Result<unknown, unknown>, isEnding = false) => port.postMessage({ id, answer, isEnding })
    if (kind === 'close' && answers === null) return post(ok(null))
    try {
      answers ??= start()
    } catch (thrown) {
      post({ ok: false, error: failureOf(thrown) }, true)
      return port.close()
    }
    try {
      const answer = answers[kind]
      if (!answer) throw new Error(`nobody answers ${kind}`)
      post(ok(answer(request)))
    } catch (thrown) {
      post({ ok: false, error: failureOf(thrown) })
    }
  })
}

const textOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown))
