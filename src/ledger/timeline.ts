import type { Value } from './kinds.ts'
import type { DatedFact } from './types.ts'

export type Body = Readonly<Record<string, Value>>

/** Attributes that were set from an instant on: one current row of the table `fact`. */
export interface Patched {
  readonly from: number
  /** Change that wrote it; null: this one. */
  readonly since: number | null
  readonly body: Body
}

/** The attributes that hold at an instant; ended ones are null. @param rows  by instant */
export const stateAt = (rows: readonly Patched[], at: number): Record<string, Value> => {
  const state: Record<string, Value> = {}
  for (const { from, body } of rows) {
    if (from > at) break
    Object.assign(state, body)
  }
  return state
}

export const stateOf = (rows: readonly Patched[]): Record<string, Value> => stateAt(rows, Number.POSITIVE_INFINITY)

/** What of a patch is not so already; an absent attribute is an ended one. */
export const newIn = (state: Body, set: Body): Record<string, Value> => {
  const fresh: Record<string, Value> = {}
  for (const name in set) if ((state[name] ?? null) !== (set[name] ?? null)) fresh[name] = set[name] ?? null
  return fresh
}

/** The rows with attributes set from an instant on. */
export const patched = (rows: readonly Patched[], from: number, set: Body): Patched[] => {
  const after = [...rows]
  const at = after.findIndex((row) => row.from >= from)
  const there = after[at]
  if (there?.from === from) after[at] = { from, since: null, body: { ...there.body, ...set } }
  else after.splice(at < 0 ? after.length : at, 0, { from, since: null, body: set })
  return after
}

export const sameBody = (a: Body, b: Body): boolean => {
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && a[name] === b[name])
}

/** Every value with the time for which it holds, oldest first. */
export const datedFacts = (rows: readonly Patched[]): DatedFact[] => {
  const facts: { name: string; value: Value; from: number; to: number | null; change: number }[] = []
  const open = new Map<string, (typeof facts)[number]>()
  for (const { from, since, body } of rows)
    for (const [name, value] of Object.entries(body)) {
      const before = open.get(name)
      if (before) before.to = from
      open.delete(name)
      if (value === null) continue
      const fact = { name, value, from, to: null, change: since ?? 0 }
      facts.push(fact)
      open.set(name, fact)
    }
  return facts
}

export const bodyOf = (json: unknown): Body => JSON.parse(String(json))

/** Attributes that hold, without those that ended. */
export const present = (state: Body): Record<string, Value> =>
  Object.fromEntries(Object.entries(state).filter(([, value]) => value !== null))
