import { isDiscarded } from '../../src/core/adapter.ts'
import { bytesOf } from '../../src/core/hex.ts'
import { parseApdu } from './apdu.ts'
import { createDeframer } from './deframer.ts'
import { explain } from './explain.ts'

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

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Every leaf of `expected` against `got`; what `got` has beyond that does not matter, except in arrays. */
export const differencesOf = (expected: unknown, got: unknown, path = ''): Difference[] => {
  if (Array.isArray(expected)) {
    if (!Array.isArray(got) || got.length !== expected.length) return [{ path, expected, got }]
    return expected.flatMap((value, at) => differencesOf(value, got[at], `${path}[${at}]`))
  }
  if (isObject(expected)) {
    if (!isObject(got)) return [{ path, expected, got }]
    return Object.entries(expected).flatMap(([name, value]) => differencesOf(value, got[name], path === '' ? name : `${path}.${name}`))
  }
  return Object.is(expected, got) || (expected === 0 && got === 0) ? [] : [{ path, expected, got }]
}

const nameOf = (entry: Readonly<Record<string, unknown>>): string => (typeof entry.name === 'string' ? entry.name : 'without a name')

/** Runs one vector: decodes its `hex` and compares every leaf under `expect`. */
export const evaluateVector = (vector: unknown): VectorResult => {
  if (!isObject(vector) || typeof vector.hex !== 'string')
    return { name: 'no vector', differences: [{ path: 'hex', expected: 'hexadecimal text', got: vector }] }
  const explained = explain(vector.hex, { passwords: true })
  const name = nameOf(vector)
  if (explained.error)
    return {
      name,
      differences: [
        { path: 'hex', expected: 'a frame', got: explained.error.message },
        ...differencesOf(vector.expect ?? {}, explained, 'expect'),
      ],
    }
  return { name, differences: differencesOf(vector.expect ?? {}, explained, 'expect') }
}

/** Runs one entry of the `invalid` part: passes when the decoder refuses it or waits for more. */
export const evaluateInvalid = (entry: unknown): VectorResult => {
  if (!isObject(entry) || typeof entry.hex !== 'string')
    return { name: 'no entry', differences: [{ path: 'hex', expected: 'hexadecimal text', got: entry }] }
  const name = nameOf(entry)
  const frames = createDeframer()
    .push(bytesOf(entry.hex) ?? new Uint8Array(0))
    .flatMap((item) => (isDiscarded(item) ? [] : [item]))
  const refused = explain(entry.hex).error !== undefined && frames.every((frame) => frame.fragment === null && !parseApdu(frame.apdu).ok)
  return { name, differences: refused ? [] : [{ path: 'hex', expected: 'refused or incomplete', got: 'a frame' }] }
}
