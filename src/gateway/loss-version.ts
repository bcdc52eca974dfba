import type { AreaLoss, LossItem } from './loss-types.ts'

/** Each item under the version it had while nothing of it differs, one more when something does; the whole under the highest change. */
export const versioned = (made: Omit<AreaLoss, 'version'>, before: AreaLoss | null): AreaLoss => {
  const old = new Map(itemsOf(before).map((item) => [keyOf(item), item]))
  const named = (item: LossItem): LossItem => {
    const was = old.get(keyOf(item))
    if (!was) return item
    const next = { ...item, version: was.version }
    return isSame(next, was) ? was : { ...next, version: was.version + 1 }
  }
  const next = { ...made, whole: made.whole && named(made.whole), quarters: made.quarters.map(named), version: before?.version ?? 1 }
  return before === null || isSame(next, before) ? next : { ...next, version: before.version + 1 }
}

/** What a day or month of an area gives out: its quarter hours and the whole. */
export const itemsOf = (loss: AreaLoss | null): readonly LossItem[] =>
  loss === null ? [] : loss.whole ? [...loss.quarters, loss.whole] : loss.quarters

/** By the first and the last instant: a day of one quarter hour is not that quarter hour's whole. */
export const keyOf = ({ from, to }: LossItem): string => `${from} ${to}`

/** Whether two values are the same JSON: 0 is -0, and a name that is undefined is not there. */
const isSame = (a: unknown, b: unknown): boolean => {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b))
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((one, at) => isSame(one, b[at]))
  if (!isRecord(a) || !isRecord(b)) return false
  for (const name in a) if (!isSame(a[name], b[name])) return false
  for (const name in b) if (b[name] !== undefined && a[name] === undefined) return false
  return true
}

const isRecord = (value: object): value is Readonly<Record<string, unknown>> => !Array.isArray(value)
