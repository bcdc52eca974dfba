import type { Mark } from './reads.ts'

/** What the walk needs to judge a step from one read to the next. */
export interface StepRules {
  readonly capacity: bigint | null
  /** Whether so much can have been used between two instants; the last digits of both faces are allowed for. */
  readonly isPlausible: (from: Mark, to: Mark, delta: bigint) => boolean
}

/** Reads that follow each other without contradiction. `lift` is what rollovers have added to the face by then. */
export type Chain = readonly { readonly mark: Mark; readonly lift: bigint }[]

export interface Walk {
  /** Separated by lasting steps that cannot have been used. */
  readonly chains: readonly Chain[]
  /** Set aside, each with its kept neighbours. */
  readonly aside: readonly { readonly mark: Mark; readonly before: Mark | null; readonly after: Mark | null }[]
}

/**
 * A lasting step costs less than two reads set aside, and two steps more than any dip that comes back. A read at either end has fewer
 * neighbours that speak against it.
 */
const BREAK = 12
const MOST_FOR_ASIDE = 20
const AT_AN_END = 3
/** Earlier reads looked at from each: the nearest, and the ends of runs before them. */
const NEAREST = 8
const RUN_ENDS = 64

/**
 * How far a register went between two reads; null when it cannot have.
 *
 * A register that is lower than before has rolled over (翻转) only when it was within a tenth of its capacity, is within a tenth
 * above zero now, and the use between fits: everything else that falls is a bad read, a reset, or an exchange nobody wrote down.
 */
export const stepOf = (from: Mark, to: Mark, { capacity, isPlausible }: StepRules): bigint | null => {
  const delta = to.register - from.register
  if (delta >= 0n) return isPlausible(from, to, delta) ? delta : null
  if (capacity === null || from.register * 10n < capacity * 9n || to.register * 10n > capacity) return null
  return isPlausible(from, to, delta + capacity) ? delta + capacity : null
}

/**
 * Finds the reads that can all be true. Setting a read aside has its price, a lasting step has its price; the cheapest account of
 * all reads wins. So a single false zero is set aside, a row of them too when the old register comes back, and a register that
 * stays low or high is a step of its own.
 *
 * @param marks  of one meter, by time
 */
export const walkOf = (marks: readonly Mark[], rules: StepRules): Walk => {
  const count = marks.length
  if (count === 0) return { chains: [], aside: [] }
  // Nearly always there is nothing to decide.
  const steps: (bigint | null)[] = [null]
  for (let at = 1; at < count; at++) steps.push(stepOf(marks[at - 1]!, marks[at]!, rules))
  if (steps.slice(1).every((step) => step !== null)) return { chains: [lifted(marks, steps)], aside: [] }

  const asideCost = asideCosts(marks, steps)
  const endCost = (from: number, to: number) => (to > from ? asideCost(from, to) + AT_AN_END : 0)
  const cost: number[] = []
  const before: number[] = []
  const linked: boolean[] = []
  const runEnds: number[] = []
  for (let at = 0; at < count; at++) {
    if (at > 0 && steps[at] === null) {
      runEnds.push(at - 1)
      if (runEnds.length > RUN_ENDS) runEnds.shift()
    }
    cost[at] = endCost(0, at)
    before[at] = -1
    linked[at] = false
    const consider = (from: number) => {
      // Judging a step costs more than seeing that it cannot matter.
      const least = cost[from]! + asideCost(from + 1, at)
      if (least > cost[at]! || (least === cost[at] && linked[at])) return
      const isLinked = (from === at - 1 ? steps[at]! : stepOf(marks[from]!, marks[at]!, rules)) !== null
      const price = least + (isLinked ? 0 : BREAK)
      if (price < cost[at]! || (price === cost[at] && isLinked && !linked[at])) {
        cost[at] = price
        before[at] = from
        linked[at] = isLinked
      }
    }
    for (let from = at - 1; from >= Math.max(0, at - NEAREST); from--) consider(from)
    for (const from of runEnds) if (from < at - NEAREST) consider(from)
  }
  let last = 0
  let least = Number.POSITIVE_INFINITY
  for (let at = 0; at < count; at++) {
    const price = cost[at]! + endCost(at + 1, count)
    // Of two equal accounts the one that believes the earlier reads.
    if (price < least) {
      least = price
      last = at
    }
  }
  const kept: number[] = []
  for (let at = last; at >= 0; at = before[at]!) kept.unshift(at)
  return accountOf(marks, kept, linked, rules)
}

/**
 * The price of setting marks [from, to) aside. Reads that agree with each other cost no more together than {@link MOST_FOR_ASIDE}: one cause
 * has spoilt them. Those that do not agree are paid for one by one.
 */
const asideCosts = (marks: readonly Mark[], steps: readonly (bigint | null)[]): ((from: number, to: number) => number) => {
  const weights = [0]
  for (const { weight } of marks) weights.push(weights.at(-1)! + weight)
  const some = (from: number, to: number) => Math.min(MOST_FOR_ASIDE, weights[to]! - weights[from]!)
  const starts = [0]
  const runOf = [0]
  for (let at = 1; at < marks.length; at++) {
    if (steps[at] === null) starts.push(at)
    runOf.push(starts.length - 1)
  }
  const endOf = (run: number) => starts[run + 1] ?? marks.length
  const sums = [0]
  for (let run = 0; run < starts.length; run++) sums.push(sums[run]! + some(starts[run]!, endOf(run)))
  return (from, to) => {
    if (to <= from) return 0
    const [first, last] = [runOf[from]!, runOf[to - 1]!]
    if (first === last) return some(from, to)
    return some(from, endOf(first)) + sums[last]! - sums[first + 1]! + some(starts[last]!, to)
  }
}

const accountOf = (marks: readonly Mark[], kept: readonly number[], linked: readonly boolean[], rules: StepRules): Walk => {
  const chains: Chain[] = []
  let run: number[] = []
  const close = () => {
    if (run.length === 0) return
    const chain = run.map((index) => marks[index]!)
    const steps = chain.map((mark, at) => (at === 0 ? null : stepOf(chain[at - 1]!, mark, rules)))
    chains.push(lifted(chain, steps))
    run = []
  }
  for (const index of kept) {
    if (!linked[index]) close()
    run.push(index)
  }
  close()
  const isKept = new Set(kept)
  const aside = marks.flatMap((mark, index) => {
    if (isKept.has(index)) return []
    const before = kept.findLast((other) => other < index)
    const after = kept.find((other) => other > index)
    return [{ mark, before: before === undefined ? null : marks[before]!, after: after === undefined ? null : marks[after]! }]
  })
  return { chains, aside }
}

const lifted = (marks: readonly Mark[], steps: readonly (bigint | null)[]): Chain => {
  let lift = 0n
  return marks.map((mark, at) => {
    if (at > 0) lift += steps[at]! - (mark.register - marks[at - 1]!.register)
    return { mark, lift }
  })
}
