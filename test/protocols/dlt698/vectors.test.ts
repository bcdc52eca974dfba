import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { evaluateInvalid, evaluateVector } from '../../../protocols/dlt698/vectors.ts'

const file: { vectors: { name: string; expect: Record<string, unknown> }[]; invalid: { name: string }[] } = JSON.parse(
  readFileSync(new URL('../../vectors/dlt698-45.json', import.meta.url), 'utf8'),
)

describe('foreign frames', () => {
  it.each(file.vectors.map((vector) => [vector.name, vector] as const))('decodes every leaf of %s', (_, vector) =>
    expect(evaluateVector(vector).differences).toEqual([]),
  )

  it.each(file.invalid.map((entry) => [entry.name, entry] as const))('refuses %s', (_, entry) =>
    expect(evaluateInvalid(entry).differences).toEqual([]),
  )

  it('tells a wrong leaf, a missing leaf and a short array', () => {
    const vector = file.vectors.find(({ expect: leaves }) => JSON.stringify(leaves).includes('"oads":["'))!
    const wrong = {
      ...vector,
      expect: { ...vector.expect, ca: 1000, colour: 'red', apdu: { oads: ['00100200', '00200200', '00300200', '00400200'] } },
    }
    expect(
      evaluateVector(wrong)
        .differences.map(({ path }) => path)
        .sort(),
    ).toEqual(['expect.apdu.oads', 'expect.ca', 'expect.colour'])
  })

  it('says that a good frame is not invalid, and that a broken one is no vector', () => {
    expect(evaluateInvalid(file.vectors[0]).differences).toHaveLength(1)
    expect(evaluateVector({ ...file.invalid[0], expect: {} }).differences).toHaveLength(1)
  })
})
