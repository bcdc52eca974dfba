import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { explain } from '../../../protocols/gw3761/explain.ts'
import { evaluateInvalid, evaluateVector } from '../../../protocols/gw3761/vectors.ts'
import { judgeVectors } from '../../../protocols/index.ts'

interface Vector {
  readonly name: string
  readonly hex: string
  readonly expect: Readonly<Record<string, unknown>>
}
const file: { vectors: Vector[]; invalid: { name: string; hex: string; why: string }[] } = JSON.parse(
  readFileSync(new URL('../../vectors/q376-1.json', import.meta.url), 'utf8'),
)
const judged = judgeVectors(file)
const results = judged.ok ? judged.value : []

describe('foreign frames', () => {
  it('are all looked at', () => expect(results).toHaveLength(file.vectors.length + file.invalid.length))

  it.each(results.map((result) => [result.name, result] as const))('every leaf of %s', (_, { differences }) =>
    expect(differences).toEqual([]),
  )

  it('names what it names as the file does: no leaf needs its namesake', () => {
    const named = (expected: unknown, got: unknown, path: string): string[] => {
      if (Array.isArray(expected)) return expected.flatMap((one, at) => named(one, Array.isArray(got) ? got[at] : undefined, `${path}[]`))
      if (typeof expected !== 'object' || expected === null) return []
      const members: Record<string, unknown> = typeof got === 'object' && got !== null ? Object.fromEntries(Object.entries(got)) : {}
      return Object.entries(expected).flatMap(([name, value]) => [
        ...(name in members ? [] : [`${path}.${name}`]),
        ...named(value, members[name], `${path}.${name}`),
      ])
    }
    const missing = file.vectors.flatMap(({ hex, expect: leaves }) => named(leaves, explain(hex, { passwords: true }), ''))
    expect(missing.filter((path) => !path.includes('inner_645'))).toEqual([])
  })

  it.each([
    ['truncated frame', 'GW3761_TRUNCATED', /13 of 20 bytes/],
    ['end byte missing', 'GW3761_END', /17H, not the end byte 16H/],
    ['forwarded answer with a wrong length field', 'GW3761_END', /length says 14 user bytes, 48 are present/],
    ['length fields differ', 'GW3761_LENGTHS', /0032H and 0036H/],
  ])('says why it refuses: %s', (name, code, message) => {
    const entry = file.invalid.find((one) => one.name === name)
    expect(explain(entry?.hex ?? '').error).toMatchObject({ code, message: expect.stringMatching(message) })
  })

  it('tells a wrong leaf, a missing leaf and a short array', () => {
    const vector = file.vectors.find(({ name }) => name === 'daily frozen F161 of point 9')
    const units = [{ pn: 9, fn: 161, Td_d: '2024-07-21', values: [1], colour: 'red' }]
    const { differences } = evaluateVector({ ...vector, expect: { afn: '0x0C', units } })
    expect(differences.map(({ path }) => path).sort()).toEqual([
      'expect.afn',
      'expect.units[0].Td_d',
      'expect.units[0].colour',
      'expect.units[0].values',
    ])
  })

  it('finds a value by another name only where exactly one fits, and still compares it', () => {
    const vector = file.vectors.find(({ name }) => name.startsWith('F1 daily frozen'))
    const active = [888888.8888, 888888.8888, 888888.8888, 888888.8888, 888888.8888]
    const one = (leaves: object) => evaluateVector({ ...vector, expect: { units: [leaves] } }).differences
    expect(one({ forward_active_kWh: active })).toEqual([])
    expect(one({ forward_active_kWh: active.slice(1) })).toHaveLength(1)
    expect(one({ kvarh: [778888.88] })).toHaveLength(1)
    expect(one({ clock: { time: '2014-01-15 15:20', tariffs: 4 } })).toEqual([])
    expect(one({ clock: { time: '2014-01-15 15:21', tariffs: 4 } })).toHaveLength(1)
    const clock = file.vectors.find(({ name }) => name === 'terminal clock F2')
    expect(evaluateVector({ ...clock, expect: { units: [{ time: '2015-12-15 11:48:49' }] } }).differences).toEqual([])
    const meters = file.vectors.find(({ name }) => name.startsWith('set F10'))
    expect(evaluateVector({ ...meters, expect: { units: [{ records: [{ seq: 1, addr: '112233445566' }] }] } }).differences).toEqual([])
  })

  it('says that a good frame is not invalid, and that a broken one is no vector', () => {
    expect(evaluateInvalid(file.vectors[0]).differences).toHaveLength(1)
    expect(evaluateVector({ ...file.invalid[0], expect: {} }).differences).toHaveLength(1)
    expect(evaluateVector(null).differences).toHaveLength(1)
    expect(evaluateInvalid({ name: 'none' }).differences).toHaveLength(1)
  })
})
