import type { Rows } from './rows.ts'

/** Most that a coincidence counts beside what a form explains by itself. */
const MOST = 0.6

/**
 * How well a meter that shows nothing goes with what the area lacks, 0 to 0.6.
 *
 * What a household takes past its meter is as restless as any household: its usual by the hour explains little of it. But it began when the meter
 * began to stand still, and it flows in the hours in which the meter stands still. A vacant flat has the first without the second, a tap elsewhere
 * has neither.
 *
 * @param values  the customer's usual where the meter shows nothing, kW
 * @param lacking  unexplained power without this customer, kW
 */
export const coincidence = ({ dayRows, count }: Rows, values: Float64Array, lacking: Float64Array, onset: number): number => {
  const from = dayRows[onset]!
  let before = 0
  let after = 0
  let inside = 0
  let all = 0
  for (let row = 0; row < count; row++) {
    const still = values[row]! > 0
    if (row < from) before += still ? 1 : 0
    else {
      after += still ? 1 : 0
      const power = Math.max(0, lacking[row]!)
      all += power
      if (still) inside += power
    }
  }
  if (from === 0 || after === 0 || all === 0 || count === from) return 0
  const rise = Math.max(0, 1 - before / from / (after / (count - from)))
  return MOST * rise * (inside / all)
}
