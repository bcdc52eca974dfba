import type { Signal } from './base.ts'
import { orZero, type Run, UNKNOWN } from './hours.ts'
import type { Situation } from './state.ts'
import type { Link } from './topology.ts'

/** How a link fares: not a byte; bytes but nothing usable; some of it lost, with or without the signal being down, or only in the evening. */
export type Family = 'silent' | 'garbled' | 'partial' | 'weak' | 'evening'

/** A stretch of hours in which a link was not well. */
export interface Stretched extends Run {
  readonly family: Family
}

interface State {
  readonly family: Family | null
  /** Share of attempts that fail. */
  readonly rate: number
}

const STATES: readonly State[] = [
  { family: null, rate: 0 },
  { family: 'silent', rate: 0.98 },
  { family: 'garbled', rate: 0.98 },
  ...(['partial', 'weak', 'evening'] as const).flatMap((family) => [0.06, 0.25, 0.6].map((rate) => ({ family, rate }))),
]
const FAMILIES: readonly (Family | null)[] = [null, 'silent', 'garbled', 'partial', 'weak', 'evening']
const FAMILY_OF = Uint8Array.from(STATES, ({ family }) => FAMILIES.indexOf(family))

// Prior knowledge: a link breaks once in two years and stays so for a week; what lies between 18 and 23 h on the dot is an appliance, not chance.
const BREAK = Math.log(1 / 17_520)
const MEND = Math.log(1 / 168)
const STAY_BROKEN = Math.log(1 - 1 / 168)
const OTHER_RATE = -2
const OTHER_FAMILY = -12
/** Attempts of one hour fail together more often than chance has it; no hour may speak louder than this, so one bad hour alone is never a fault. */
const LOUDEST = 12
/** An answer with a foreign address on a link that is well: 1 in 10,000 attempts. */
const STRAY = Math.log(0.1 / 1e-4)

const EVENING_FIRST = 18
const EVENING_LAST = 22

export const isEvening = (hourOfDay: number): boolean => hourOfDay >= EVENING_FIRST && hourOfDay <= EVENING_LAST
/** 17 and 23 h may be part of it. */
export const isNearEvening = (hourOfDay: number): boolean => hourOfDay === EVENING_FIRST - 1 || hourOfDay === EVENING_LAST + 1

/**
 * The most probable course of a link over the window: a hidden Markov model of hourly counts, solved by Viterbi's algorithm.
 *
 * Attempts are binomial with the failure rate of the state; a healthy link has that of its kind, and its signal scatters around its own level.
 * @returns stretches in which the link was not well, oldest first; hidden hours say nothing and are bridged
 * @source Rabiner, A tutorial on hidden Markov models, Proc. IEEE 77(2), 1989
 */
export const courseOf = (situation: Situation, link: Link, failRate: number, signal: Signal | null): Stretched[] => {
  const { hours } = situation.comm
  const size = STATES.length
  const from = new Uint8Array(hours * size)
  let score = new Float64Array(size).fill(BREAK)
  score[0] = 0
  let next = new Float64Array(size)
  const emission = emissionsOf(situation, link, failRate, signal)
  const best = new Float64Array(FAMILIES.length)
  const bestAt = new Uint8Array(FAMILIES.length)
  for (let hour = 0; hour < hours; hour++) {
    const heard = emission(hour)
    best.fill(Number.NEGATIVE_INFINITY)
    for (let state = 0; state < size; state++) {
      const family = FAMILY_OF[state] ?? 0
      const value = score[state] ?? 0
      if (value > (best[family] ?? 0)) {
        best[family] = value
        bestAt[family] = state
      }
    }
    let bestBroken = 1
    for (let family = 2; family < FAMILIES.length; family++) if ((best[family] ?? 0) > (best[bestBroken] ?? 0)) bestBroken = family
    for (let state = 0; state < size; state++) {
      const family = FAMILY_OF[state] ?? 0
      let value: number
      let at: number
      if (state === 0) {
        value = score[0] ?? 0
        at = 0
        const mended = (best[bestBroken] ?? 0) + MEND
        if (mended > value) {
          value = mended
          at = bestAt[bestBroken] ?? 0
        }
      } else {
        value = (score[state] ?? 0) + STAY_BROKEN
        at = state
        const sameFamily = (best[family] ?? 0) + OTHER_RATE
        const other = (best[bestBroken] ?? 0) + OTHER_FAMILY
        const broken = (score[0] ?? 0) + BREAK
        if (sameFamily > value) [value, at] = [sameFamily, bestAt[family] ?? 0]
        if (other > value) [value, at] = [other, bestAt[bestBroken] ?? 0]
        if (broken > value) [value, at] = [broken, 0]
      }
      next[state] = value + (heard[state] ?? 0)
      from[hour * size + state] = at
    }
    ;[score, next] = [next, score]
  }
  return stretchesOf(from, score, hours)
}

const stretchesOf = (from: Uint8Array, last: Float64Array, hours: number): Stretched[] => {
  const size = STATES.length
  let state = 0
  for (let other = 1; other < size; other++) if ((last[other] ?? 0) > (last[state] ?? 0)) state = other
  const found: { from: number; to: number; family: Family }[] = []
  for (let hour = hours - 1; hour >= 0; hour--) {
    const family = FAMILIES[FAMILY_OF[state] ?? 0] ?? null
    const later = found.at(-1)
    if (family !== null && later && later.from === hour + 1 && later.family === family) later.from = hour
    else if (family !== null) found.push({ from: hour, to: hour + 1, family })
    state = from[hour * size + state] ?? 0
  }
  return found.reverse()
}

/** Log likelihood of what was heard in an hour, of each state against a healthy link. */
const emissionsOf = ({ hourOfDay }: Situation, { columns, classes }: Link, failRate: number, signal: Signal | null) => {
  const out = new Float64Array(STATES.length)
  // A state must be clearly worse than what is usual.
  const rates = STATES.map(({ rate }) => Math.max(rate, Math.min(0.9, 4 * failRate)))
  const lnHalfFail = rates.map((rate) => Math.log(rate / 2))
  const lnOk = rates.map((rate) => Math.log(1 - rate))
  const [lnBaseFail, lnBaseOk] = [Math.log(failRate / 2), Math.log(1 - failRate)]
  const down = signal ? signalEvidence(signal.sigma) : null
  return (hour: number): Float64Array => {
    out.fill(0)
    const polls = columns.polls[hour] ?? Number.NaN
    if (classes[hour] === UNKNOWN) return out
    const ok = orZero(columns.ok[hour])
    const crc = orZero(columns.crcErrors[hour])
    const timeouts = Math.max(orZero(columns.timeouts[hour]), polls - ok - crc)
    const strays = orZero(columns.addrErrors[hour])
    const well = (timeouts + crc) * lnBaseFail + ok * lnBaseOk
    const foreign = Math.min(2, strays) * STRAY
    out[1] = timeouts * Math.log(0.97) + (crc + ok + strays) * Math.log(0.015) - well
    // Attempts that time out although another meter answers each poll are answered, by the wrong one.
    const answered = ok === 0 && 2 * strays >= polls ? timeouts : 0
    out[2] = (crc + strays + answered) * Math.log(0.97) + (timeouts - answered + ok) * Math.log(0.015) - well + foreign
    const drop = signal?.drop[hour] ?? Number.NaN
    const weak = down && Number.isFinite(drop) ? down(drop) : 0
    const at = hourOfDay[hour] ?? 0
    const evening = isEvening(at) ? 1 : isNearEvening(at) ? 0.5 : 0
    for (let index = 0; index < 3; index++) {
      const counts = (timeouts + crc) * (lnHalfFail[3 + index] ?? 0) + ok * (lnOk[3 + index] ?? 0) - well
      out[3 + index] = counts + foreign
      out[6 + index] = counts + weak
      const inEvening = counts + weak
      out[9 + index] = evening === 1 ? inEvening : evening === 0 ? 0 : Math.max(0, inEvening)
    }
    let loudest = 0
    for (const value of out) if (value > loudest) loudest = value
    if (loudest > LOUDEST) for (let state = 1; state < out.length; state++) out[state] = (out[state] ?? 0) - (loudest - LOUDEST)
    // Evening states are a healthy link by day: what speaks against the one speaks against the other.
    if (evening === 0) out.fill(0, 9)
    return out
  }
}

/** A signal that is down: 4 to 30 dB below, evenly likely, against scatter around the usual level; both with a hundredth of anything at all. */
const signalEvidence = (sigma: number): ((drop: number) => number) => {
  const anything = 0.01 / 60
  return (drop) => {
    const healthy = (0.99 / (sigma * Math.sqrt(2 * Math.PI))) * Math.exp(-0.5 * (drop / sigma) ** 2) + anything
    const isDown = drop >= 4 && drop <= 30
    return Math.log((isDown ? 0.99 / 26 : 0) + anything) - Math.log(healthy)
  }
}
