import { isDiscarded } from '../../src/core/adapter.ts'
import { bytesOf } from '../../src/core/hex.ts'
import { createDeframer } from './deframer.ts'
import { type ExplainOptions, explain } from './explain.ts'

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

type Members = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Leaves that are prose: that there is one is compared, not its wording. */
const PROSE: ReadonlySet<string> = new Set(['anomaly', 'note', 'remark'])

/**
 * Every leaf of `expected` against `got`; what `got` has beyond that does not matter, except in arrays. A leaf that goes by another name
 * here is found by {@link namesake}: names are not part of the protocol, values are.
 */
export const differencesOf = (expected: unknown, got: unknown, path = ''): Difference[] => {
  if (Array.isArray(expected)) {
    if (!Array.isArray(got) || got.length !== expected.length) return [{ path, expected, got }]
    return expected.flatMap((value, at) => differencesOf(value, got[at], `${path}[${at}]`))
  }
  if (isObject(expected)) {
    if (!isObject(got)) return [{ path, expected, got }]
    return Object.entries(expected).flatMap(([name, value]) => {
      const here = path === '' ? name : `${path}.${name}`
      if (PROSE.has(name)) return typeof got[name] === 'string' ? [] : [{ path: here, expected: value, got: got[name] }]
      return differencesOf(value, Object.hasOwn(got, name) ? got[name] : namesake(name, value, got, expected), here)
    })
  }
  return Object.is(expected, got) || (expected === 0 && got === 0) ? [] : [{ path, expected, got }]
}

/** Words that mean the same in names of leaves. */
const SYNONYMS: Readonly<Record<string, string>> = {
  ...{ voltage: 'u', current: 'i', error: 'err', import: 'forward', export: 'reverse', minute: 'min', addr: 'address', index: 'seq' },
}

/** Words of a leaf's name; unit and quantity are words like others, a plural is its singular. */
const wordsOf = (name: string): readonly string[] =>
  name
    .replaceAll(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[_\s]+/)
    .filter((word) => word !== '')
    .map((word) => (word.length > 3 && /[^s]s$/.test(word) ? word.slice(0, -1) : word))
    .map((word) => SYNONYMS[word] ?? word)

/**
 * The member that says the same in other words: all words of the one name are among those of the other (`active_kWh` and
 * `reverse_active_kWh` of an item that has no other active energy); or the only list of that length; or one level deeper or higher
 * (`clock.time` and `time`). Only where exactly one member fits and nobody else is expected by its name.
 */
const namesake = (name: string, value: unknown, got: Members, expected: Members): unknown => {
  const others = Object.keys(got).filter((other) => !Object.hasOwn(expected, other))
  const wanted = wordsOf(name)
  const spoken = others.filter((other) => {
    const words = wordsOf(other)
    return wanted.every((word) => words.includes(word)) || words.every((word) => wanted.includes(word))
  })
  if (spoken.length > 0) return only(spoken, got)
  if (Array.isArray(value)) {
    const lists = others.filter((other) => {
      const list = got[other]
      return Array.isArray(list) && list.length === value.length
    })
    return only(lists, got)
  }
  if (isObject(value)) return Object.keys(value).every((member) => Object.hasOwn(got, member)) ? got : undefined
  const deeper = others.map((other) => got[other]).filter((one) => isObject(one) && Object.hasOwn(one, name))
  const [inside] = deeper
  return deeper.length === 1 && isObject(inside) ? inside[name] : undefined
}

const only = (names: readonly string[], got: Members): unknown => {
  const [first] = names
  return names.length === 1 && first !== undefined ? got[first] : undefined
}

const nameOf = (entry: Members): string => (typeof entry.name === 'string' ? entry.name : 'without a name')

/** Runs one vector: decodes its `hex` and compares every leaf under `expect`. @param inner  takes apart frames that are passed through */
export const evaluateVector = (vector: unknown, inner?: ExplainOptions['inner']): VectorResult => {
  if (!isObject(vector) || typeof vector.hex !== 'string')
    return { name: 'no vector', differences: [{ path: 'hex', expected: 'hexadecimal text', got: vector }] }
  const explained = explain(vector.hex, { passwords: true, ...(inner && { inner }) })
  const differences = differencesOf(vector.expect ?? {}, explained, 'expect')
  const refused = explained.error ? [{ path: 'hex', expected: 'a frame', got: explained.error.message }] : []
  return { name: nameOf(vector), differences: [...refused, ...differences] }
}

/** Runs one entry of the `invalid` part: passes when the decoder refuses it or waits for more. */
export const evaluateInvalid = (entry: unknown): VectorResult => {
  if (!isObject(entry) || typeof entry.hex !== 'string')
    return { name: 'no entry', differences: [{ path: 'hex', expected: 'hexadecimal text', got: entry }] }
  const frames = createDeframer()
    .push(bytesOf(entry.hex) ?? new Uint8Array(0))
    .filter((item) => !isDiscarded(item))
  const refused = explain(entry.hex).error !== undefined && frames.length === 0
  return { name: nameOf(entry), differences: refused ? [] : [{ path: 'hex', expected: 'refused or incomplete', got: 'a frame' }] }
}
