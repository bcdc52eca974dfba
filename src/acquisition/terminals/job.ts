import {
  err,
  type FramePart,
  type GatewayError,
  type Result,
  type TerminalAdapter,
  type TerminalRequest,
  type TerminalTalk,
} from '../../core/index.ts'
import { PRIORITY } from '../jobs.ts'
import type { AskOptions, TalkOf } from './types.ts'

/** A talk that waits or is under way, whatever it brings. */
export interface Job<Frame extends object> {
  /** Smaller goes first. */
  readonly rank: number
  /** Of equals, who asked first goes first. */
  readonly order: number
  readonly signal: AbortSignal | undefined
  /** What it wants sent next; null before {@link begin} and when it is over. */
  readonly request: TerminalRequest<Frame> | null
  readonly isOver: boolean
  /** How often the present request was sent. */
  sent: number
  readonly tries: number
  /** Told when the present request is sent again. */
  readonly repeated: () => void
  readonly witness: ((part: FramePart) => void) | undefined
  /** Has the talk say its first request. */
  begin(): void
  /** Tells the talk its answer. */
  resume(answer: Result<readonly Frame[]>): void
  /** Ends it from outside. */
  fail(error: GatewayError): void
  /** Its code is at fault: who waits hears what was thrown. */
  crash(bug: unknown): void
}

/** One talk and who waits for what it brings. */
export class TalkJob<T, Frame extends object> implements Job<Frame> {
  readonly rank: number
  readonly order: number
  readonly signal: AbortSignal | undefined
  readonly tries: number
  readonly repeated: () => void
  readonly witness: ((part: FramePart) => void) | undefined
  request: TerminalRequest<Frame> | null = null
  isOver = false
  sent = 0
  readonly #adapter: TerminalAdapter<Frame>
  readonly #talkOf: TalkOf<T>
  #talk: TerminalTalk<T, Frame> | null = null
  readonly #resolve: (result: Result<T>) => void
  readonly #reject: (bug: unknown) => void
  /** Called once when it is over. */
  onOver: () => void = () => undefined

  constructor(
    adapter: TerminalAdapter<Frame>,
    talkOf: TalkOf<T>,
    options: AskOptions,
    order: number,
    resolve: (result: Result<T>) => void,
    reject: (bug: unknown) => void,
  ) {
    this.#adapter = adapter
    this.#talkOf = talkOf
    this.rank = PRIORITY[options.priority]
    this.order = order
    this.signal = options.signal
    this.tries = options.tries ?? 2
    this.repeated = options.repeated ?? (() => undefined)
    this.witness = options.witness
    this.#resolve = resolve
    this.#reject = reject
  }

  begin(): void {
    this.#step(() => {
      this.#talk = this.#talkOf(this.#adapter)
      return this.#talk.next()
    })
  }

  resume(answer: Result<readonly Frame[]>): void {
    this.#step(() => this.#talk?.next(answer) ?? null)
  }

  fail(error: GatewayError): void {
    if (this.isOver) return
    this.#end()
    try {
      // Whatever the talk wants to say at its end, nobody listens.
      this.#talk?.return(err(error))
      this.#resolve(err(error))
    } catch (bug) {
      this.#reject(bug)
    }
  }

  crash(bug: unknown): void {
    if (this.isOver) return
    this.#end()
    this.#reject(bug)
  }

  #step(next: () => IteratorResult<TerminalRequest<Frame>, Result<T>> | null): void {
    if (this.isOver) return
    try {
      const step = next()
      if (step === null) return
      if (step.done) {
        this.#end()
        this.#resolve(step.value)
      } else {
        this.request = step.value
        this.sent = 0
      }
    } catch (bug) {
      this.crash(bug)
    }
  }

  #end(): void {
    this.isOver = true
    this.request = null
    this.onOver()
  }
}
