import { fullObis } from '../../core/index.ts'
import type { ApiDeps } from '../deps.ts'
import { badValue } from '../invalid.ts'
import type { Problem } from '../problems.ts'
import type { ReadingView } from '../reading-json.ts'

/** OBIS codes in full form; a problem naming the first that is none. @param place  of the list, such as `querystring/registers` */
export const fullCodes = (codes: readonly string[], place: string): { readonly codes: Set<string> } | { readonly problem: Problem } => {
  const full = new Set<string>()
  for (const code of codes) {
    const obis = fullObis(code.trim())
    if (obis === null) return { problem: badValue(place, code, 'an OBIS code such as 1.8.0 or 1-0:1.8.0') }
    full.add(obis)
  }
  return { codes: full }
}

/** All values of a reading. */
export const everything = ({ hintOf }: Pick<ApiDeps, 'hintOf'>): ReadingView => ({ wanted: null, hintOf })

export const iso = (time: number): string => new Date(time).toISOString()
export const isoOrNull = (time: number | null): string | null => (time === null ? null : iso(time))

/** Reasons with the most frequent first. */
export const reasonsJson = (reasons: Readonly<Record<string, number>>, { hintOf }: Pick<ApiDeps, 'hintOf'>) =>
  Object.entries(reasons)
    .sort(([, a], [, b]) => b - a)
    .map(([code, count]) => ({ code, count, hint: hintOf(code) ?? '' }))

/** The answer, or null when it takes too long. The framework's own deadline ends with the body of a POST. */
export const inTime = async <T>(answer: Promise<T>, ms: number): Promise<T | null> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}
