/**
 * Probability of at least `hits` of `tries` at rate `rate`: the upper tail of a binomial distribution, exact sum of logarithms.
 *
 * @returns 0 to 1; 1 of no hits
 */
export const binomialTail = (hits: number, tries: number, rate: number): number => {
  const [k0, n] = [Math.ceil(hits), Math.round(tries)]
  if (k0 <= 0) return 1
  if (k0 > n || rate <= 0) return 0
  if (rate >= 1) return 1
  let term = 0
  for (let k = 1; k <= k0; k++) term += Math.log((n - k0 + k) / k)
  term += k0 * Math.log(rate) + (n - k0) * Math.log(1 - rate)
  let value = Math.exp(term)
  let sum = value
  for (let k = k0 + 1; k <= n; k++) {
    value *= ((n - k + 1) / k) * (rate / (1 - rate))
    sum += value
    // Past the middle terms only get smaller.
    if (k > n * rate && value < sum * 1e-12) break
  }
  return Math.min(1, sum)
}
