/** The nearest of the candidates, if it is near enough to be what was meant. */
export const nearest = (text: string, candidates: Iterable<string>): string | null => {
  let best: string | null = null
  let least = Math.max(1, Math.floor(text.length / 3)) + 1
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - text.length) >= least) continue
    const distance = distanceOf(text, candidate)
    // One character in common of two says nothing.
    if (distance < least && distance < candidate.length - 1) {
      least = distance
      best = candidate
    }
  }
  return best
}

/** Insertions, deletions and exchanges between two words. @source Levenshtein 1965 */
const distanceOf = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}
