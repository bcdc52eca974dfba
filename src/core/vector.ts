/** A leaf that came out otherwise. */
export interface Difference {
  readonly path: string
  readonly expected: unknown
  readonly got: unknown
}

/** What became of one entry of a vector file. */
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

/** Runs one vector of frames: every leaf under `expect` against what the decoder explains of its `hex`. */
export const judgeFrameVector = (
  vector: unknown,
  explain: (hex: string) => { readonly error?: { readonly message: string } | undefined },
): VectorResult => {
  if (!isObject(vector) || typeof vector.hex !== 'string')
    return { name: 'no vector', differences: [{ path: 'hex', expected: 'hexadecimal text', got: vector }] }
  const explained = explain(vector.hex)
  const refused = explained.error ? [{ path: 'hex', expected: 'a frame', got: explained.error.message }] : []
  return { name: nameOf(vector), differences: [...refused, ...differencesOf(vector.expect ?? {}, explained, 'expect')] }
}

/** Runs one entry of the `invalid` part: passes when the decoder refuses it or waits for more. */
export const judgeInvalidFrame = (entry: unknown, isRefused: (hex: string) => boolean): VectorResult => {
  if (!isObject(entry) || typeof entry.hex !== 'string')
    return { name: 'no entry', differences: [{ path: 'hex', expected: 'hexadecimal text', got: entry }] }
  return {
    name: nameOf(entry),
    differences: isRefused(entry.hex) ? [] : [{ path: 'hex', expected: 'refused or incomplete', got: 'a frame' }],
  }
}
