import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { missingStretches } from '../../src/collection/index.ts'
import { countPoints, emptyBits, hasHole, hasPoint, pointsOfDay, regrid, stepShown, withPoints } from '../../src/collection/points.ts'
import { D0, HOUR } from './support.ts'

const STEP = 900_000
const some = fc.uniqueArray(fc.nat(95), { maxLength: 96 })
const bitsOf = (points: readonly number[]) =>
  withPoints(
    emptyBits(96),
    D0,
    STEP,
    96,
    points.map((point) => D0 + point * STEP),
  )

it('counts what was marked, and what is missing is the rest', () =>
  fc.assert(
    fc.property(some, fc.nat(95), (points, until) => {
      const bits = bitsOf(points)
      expect(countPoints(bits, 96)).toBe(points.length)
      const missing = missingStretches(bits, D0, STEP, 96, D0 + until * STEP)
      const all = missing.flatMap(({ from, to }) => Array.from({ length: (to - from) / STEP + 1 }, (_, n) => (from - D0) / STEP + n))
      expect(all).toEqual(Array.from({ length: until + 1 }, (_, at) => at).filter((at) => !points.includes(at)))
      expect(hasHole(bits, 96)).toBe(
        Array.from({ length: 96 }, (_, at) => at).some((at) => !points.includes(at) && points.some((p) => p > at)),
      )
    }),
  ))

it('leaves out instants between the points and outside the day', () => {
  const bits = withPoints(emptyBits(96), D0, STEP, 96, [D0 - STEP, D0 + 1, D0 + 24 * HOUR, D0 + STEP])
  expect([countPoints(bits, 96), hasPoint(bits, 1)]).toEqual([1, true])
})

it.each([
  ['a finer one', 96, 96, 24, 24],
  ['a coarser one', 24, 24, 96, 24],
])('keeps its points on %s', (_, from, marked, to, kept) => {
  const step = (points: number) => (24 * HOUR) / points
  const bits = withPoints(
    emptyBits(from),
    0,
    step(from),
    from,
    Array.from({ length: marked }, (_, n) => n * step(from)),
  )
  expect(countPoints(regrid(bits, { stepMs: step(from), points: from }, { stepMs: step(to), points: to }), to)).toBe(kept)
})

describe('the interval of a load record', () => {
  const at = (...minutes: number[]) => minutes.map((minute) => D0 + minute * 60_000)
  it.each([
    ['stays with one point', at(15), 3_600_000, 3_600_000],
    ['is shorter as soon as two prove it', at(0, 15), 3_600_000, 900_000],
    ['is not longer for one hole', at(0, 30, 60), 900_000, 900_000],
    ['is longer when four agree', at(0, 60, 120, 180), 900_000, 3_600_000],
    ['is none that a meter cannot have', at(0, 7), 900_000, 900_000],
  ])('%s', (_, instants, known, shown) => expect(stepShown(instants, known)).toBe(shown))

  it('gives a day of 23 hours its own number of points', () => expect(pointsOfDay(23 * HOUR, STEP)).toBe(92))
})
