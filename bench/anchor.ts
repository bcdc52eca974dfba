/** What the bench measures: a figure of ours beside a reference, taken in turns on the same machine within minutes. */

/** One anchor's result. */
export interface Outcome {
  readonly ours: number
  /** null where there is nothing to compare with: the bar is an absolute figure then. */
  readonly reference: number | null
  /** What `must` and `goal` are about: ours ÷ reference unless the anchor says otherwise; the figure itself without a reference. */
  readonly ratio: number
  readonly unit: string
  /** Whatever helps to understand the figure; `reference` names what stood in when the real one could not be built. */
  readonly detail: Readonly<Record<string, number | string>>
  /** Set when the reference is not the one the bar was set for: then nothing is passed or failed. */
  readonly standIn?: string
}

export interface BenchContext {
  /** Short rounds, to see that everything works: its figures are no evidence. */
  readonly quick: boolean
  /** Rounds of each side, at least 3. */
  readonly rounds: number
  /** Seconds one round of one side takes. */
  readonly seconds: number
  /** Progress, to stderr. */
  readonly log: (text: string) => void
  /** Called when the anchor is over, however it ends, last first. */
  readonly onEnd: (cleanup: () => unknown) => void
}

/** A bar and a goal from the design, and how to measure where we stand. */
export interface Anchor {
  readonly id: string
  readonly title: string
  readonly better: 'higher' | 'lower'
  readonly must: number
  readonly goal: number
  run(context: BenchContext): Promise<Outcome>
}

/** Thrown by an anchor that cannot run here; the table says why instead of a figure. */
export class NotHere extends Error {
  override readonly name = 'NotHere'
}

/** Middle value; of an even number the mean of the middle two. */
export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/**
 * Measures two sides in turns, the order changed each round, so that a neighbour on the machine disturbs both alike.
 *
 * @returns  medians of both, and the median of the rounds' own ratios
 */
export const interleaved = async (
  context: Pick<BenchContext, 'rounds' | 'log'>,
  ours: () => Promise<number>,
  reference: () => Promise<number>,
): Promise<{ ours: number; reference: number; ratio: number; rounds: readonly (readonly [ours: number, reference: number])[] }> => {
  const rounds: [number, number][] = []
  for (let round = 0; round < context.rounds; round++) {
    const mineFirst = round % 2 === 0
    const first = await (mineFirst ? ours : reference)()
    const second = await (mineFirst ? reference : ours)()
    const pair: [number, number] = mineFirst ? [first, second] : [second, first]
    rounds.push(pair)
    context.log(`round ${round + 1} of ${context.rounds}: ${figure(pair[0])} against ${figure(pair[1])}`)
  }
  return {
    ours: median(rounds.map(([mine]) => mine)),
    reference: median(rounds.map(([, other]) => other)),
    ratio: median(rounds.map(([mine, other]) => mine / other)),
    rounds,
  }
}

/** A number as a person reads it: three significant digits, thousands apart. */
export const figure = (value: number): string => {
  if (!Number.isFinite(value)) return String(value)
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US')
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(3)))
}
