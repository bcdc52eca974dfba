import type { ScanQuestion, ScanStrategy } from '../../core/index.ts'
import type { ScanWire, Window } from './wire.ts'

/** Counts of a whole scan. */
export interface Tally {
  questions: number
  reopened: number
}

/** Carries out strategies on one wire, and learns how fast its meters answer. */
export interface Driver {
  /** @returns null when it was stopped or the line went away for good */
  run<T>(strategy: ScanStrategy<T>): Promise<T | null>
  /** Starts learning anew: another protocol has other meters. */
  patience(reactionMs: number, leastMs: number): void
  close(): Promise<void>
}

export interface DriverOptions {
  /** Opens the wire, again when the other side hung up over a question it could not take. */
  readonly open: () => Promise<ScanWire | null>
  readonly signal: AbortSignal
  readonly tally: Tally
  readonly onQuestion: (question: ScanQuestion) => void
}

/** Answers after which what was learnt about their time is believed more closely. */
const LEARNT_AFTER = 3
/** Bytes of the shortest answer there is: a Modbus refusal. */
const SHORTEST = 5
/** Connections lost over questions before a protocol is given up. */
const MOST_REOPENED = 5

export const driverOf = ({ open, signal, tally, onQuestion }: DriverOptions): Driver => {
  let wire: ScanWire | null = null
  let reactionMs = 300
  let leastMs = 100
  let slowest = 0
  let answers = 0
  let lost = 0
  const allowed = () => {
    const learnt = (answers < LEARNT_AFTER ? 4 : 2.5) * slowest + 80
    return answers === 0 ? reactionMs : Math.min(reactionMs, Math.max(leastMs, learnt))
  }
  const ask = async (question: ScanQuestion): Promise<Window | null> => {
    wire ??= lost > MOST_REOPENED ? null : await open()
    if (!wire || signal.aborted) return null
    tally.questions++
    onQuestion(question)
    const window = await wire.ask(question, allowed(), signal)
    // Damaged bytes begin when their meter begins; a stray byte or two is noise.
    if (window.reactionMs !== null && window.bytes.length >= SHORTEST) {
      answers++
      slowest = Math.max(slowest, window.reactionMs)
      lost = 0
    }
    if (window.ended && !signal.aborted) {
      lost++
      tally.reopened++
      await wire.close()
      wire = null
    }
    return window
  }
  return {
    patience(most, least) {
      reactionMs = most
      leastMs = least
      slowest = 0
      answers = 0
      lost = 0
    },
    async run(strategy) {
      let step = strategy.next()
      while (!step.done) {
        const window = await ask(step.value)
        if (window === null || signal.aborted) return null
        step = strategy.next(window.bytes)
      }
      return step.value
    },
    close: async () => {
      await wire?.close()
      wire = null
    },
  }
}
