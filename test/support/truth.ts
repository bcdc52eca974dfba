import { readFileSync } from 'node:fs'

/** One value a simulated meter answered. */
export interface TruthRow {
  readonly instant: number
  readonly meter: string
  readonly register: string
  readonly value: string | null
  readonly at: string | null
  readonly fault: string | null
  readonly kind: string
}

/** The truth log of a village; a line that a killed simulator left half is dropped. */
export const readTruth = (path: string): TruthRow[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line) => {
      if (!line.endsWith('}')) return []
      const row: TruthRow & { instant: string } = JSON.parse(line)
      return [{ ...row, instant: Date.parse(row.instant) }]
    })

/** A stored live value of a cumulative register or an instantaneous quantity. */
export interface StoredRow {
  readonly meter: string
  /** Field name: 1.8.0. */
  readonly field: string
  readonly measuredAt: number
  readonly value: number
}

export interface Verdict {
  /** Answered while the gateway lived on for long enough to make it safe, but nowhere. */
  readonly lost: number
  /** Stored, but no meter said it. */
  readonly wrong: number
  /** Stored twice: two rows for one answer. */
  readonly double: number
  readonly compared: number
  readonly examples: readonly string[]
}

/** An answer is stamped by the gateway at most this long after the meter gave it, milliseconds. */
const LATEST_STAMP_MS = 10_000

/**
 * Compares what meters said with what is stored, answer by answer: every stored value must be one that its meter showed just before,
 * every answer that was safe must be stored, and no answer twice.
 *
 * @param field   the field compared, one that every meter has
 * @param isSafe  whether an answer this meter gave at this instant had to survive
 */
export const judge = (
  truth: readonly TruthRow[],
  stored: readonly StoredRow[],
  field: string,
  isSafe: (instant: number, meter: string) => boolean,
): Verdict => {
  const answers = new Map<string, { instant: number; value: number; used: boolean }[]>()
  for (const { meter, register, value, instant, fault, kind } of truth) {
    if (value === null || fault !== null || kind !== 'live' || register !== `1-0:${field}`) continue
    const list = answers.get(meter) ?? []
    list.push({ instant, value: Number(value), used: false })
    answers.set(meter, list)
  }
  let wrong = 0
  let double = 0
  const examples: string[] = []
  for (const row of [...stored].sort((a, b) => a.measuredAt - b.measuredAt)) {
    if (row.field !== field) continue
    const near = (answers.get(row.meter) ?? []).filter(
      ({ instant }) => instant <= row.measuredAt + 5 && row.measuredAt - instant <= LATEST_STAMP_MS,
    )
    const same = near.filter(({ value }) => Math.abs(value - row.value) < 1e-9)
    if (same.length === 0) {
      wrong++
      examples.push(
        `wrong: ${row.meter} ${row.value} at ${new Date(row.measuredAt).toISOString()}, said: ${near.map(({ value }) => value).join(' ')}`,
      )
      continue
    }
    const free = same.filter(({ used }) => !used).at(-1)
    if (free) free.used = true
    else {
      double++
      examples.push(`double: ${row.meter} ${row.value} at ${new Date(row.measuredAt).toISOString()}`)
    }
  }
  let lost = 0
  let compared = 0
  for (const [meter, list] of answers)
    for (const { instant, used, value } of list) {
      compared++
      if (used || !isSafe(instant, meter)) continue
      lost++
      examples.push(`lost: ${meter} ${value} at ${new Date(instant).toISOString()}`)
    }
  return { lost, wrong, double, compared, examples: examples.slice(0, 8) }
}
