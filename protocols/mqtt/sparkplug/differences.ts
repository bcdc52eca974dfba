import { type Deed, says } from './sentences.ts'

/** A leaf that came out otherwise. */
export interface Difference {
  readonly path: string
  readonly expected: unknown
  readonly got: unknown
}
export interface VectorResult {
  readonly name: string
  readonly differences: readonly Difference[]
}
export type Members = Readonly<Record<string, unknown>>

export const isMembers = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value)

/** A fact in words: one of these sentences, or other words of the same sense. */
export class Told {
  readonly deeds: readonly Deed[]
  constructor(deeds: readonly Deed[]) {
    this.deeds = deeds
  }
}

/** A single-precision number: every decimal that names it is right. */
export class Float32 {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

/** Every leaf of `expected` against `got`; what `got` has beyond that does not matter, except in lists. */
export const differencesOf = (expected: unknown, got: unknown, path: string): Difference[] => {
  if (got instanceof Told) {
    const said = typeof expected === 'string' && got.deeds.some((deed) => says(expected, deed))
    return said ? [] : [{ path, expected, got: got.deeds.map(({ sentence }) => sentence).join(' | ') || null }]
  }
  if (got instanceof Float32)
    return typeof expected === 'number' && Math.fround(expected) === got.value ? [] : [{ path, expected, got: got.value }]
  if (Array.isArray(expected)) {
    if (!Array.isArray(got) || got.length !== expected.length) return [{ path, expected, got }]
    return expected.flatMap((value, at) => differencesOf(value, got[at], `${path}[${at}]`))
  }
  if (isMembers(expected)) {
    if (!isMembers(got)) return [{ path, expected, got }]
    return Object.entries(expected).flatMap(([name, value]) =>
      differencesOf(value, Object.hasOwn(got, name) ? got[name] : undefined, `${path}.${name}`),
    )
  }
  return Object.is(expected, got) || (expected === 0 && got === 0) ? [] : [{ path, expected, got }]
}
