/** A meter's score and whether it is truly what the score is about. */
export interface Ranked {
  readonly score: number
  readonly isTrue: boolean
}

/** Area under the receiver operating characteristic: how often a true one stands above a false one, ties by half. Null without both. */
export const auc = (ranking: readonly Ranked[]): number | null => {
  const truths = ranking.filter(({ isTrue }) => isTrue)
  const others = ranking.filter(({ isTrue }) => !isTrue)
  if (truths.length === 0 || others.length === 0) return null
  let above = 0
  for (const truth of truths) for (const other of others) above += truth.score > other.score ? 1 : truth.score === other.score ? 0.5 : 0
  return above / (truths.length * others.length)
}

/**
 * Mean of the precisions at each true one, from the top; those with equal scores count together, so that no order among them helps.
 * Null without a true one.
 */
export const averagePrecision = (ranking: readonly Ranked[]): number | null => {
  const truths = ranking.filter(({ isTrue }) => isTrue).length
  if (truths === 0) return null
  const scores = [...new Set(ranking.map(({ score }) => score))].toSorted((a, b) => b - a)
  let found = 0
  let seen = 0
  let sum = 0
  for (const score of scores) {
    const tied = ranking.filter((one) => one.score === score)
    const right = tied.filter(({ isTrue }) => isTrue).length
    found += right
    seen += tied.length
    sum += right * (found / seen)
  }
  return sum / truths
}
