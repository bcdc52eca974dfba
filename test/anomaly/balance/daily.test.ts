import { expect, it } from 'vitest'
import { stepMatches } from '../../../src/anomaly/balance/daily.ts'
import type { Rows } from '../../../src/anomaly/balance/rows.ts'

const DAYS = 40
const METERS = 30

/** Always the same noise, from −1 to 1. */
const noise = (seed: number): number => {
  const x = Math.sin(seed * 12.9898) * 43758.5453
  return 2 * (x - Math.floor(x)) - 1
}

interface Scene {
  /** kWh a day that a meter counts, by day. */
  readonly counts: (meter: number, day: number) => number
  /** kWh a day that the area lacks. */
  readonly lacks: (day: number) => number
  readonly unread?: (meter: number, day: number) => boolean
}

const rowsOf = ({ counts, lacks, unread }: Scene): Rows => {
  const column = (value: (day: number) => number) => Float64Array.from({ length: DAYS }, (_, day) => value(day))
  const use = Array.from({ length: METERS }, (_, meter) =>
    column((day) => (counts(meter, day) * (1 + 0.15 * noise(31 * meter + 7 * day))) / 24),
  )
  const days = Int32Array.from({ length: DAYS }, (_, day) => day)
  return {
    ...{ channel: 'daily', count: DAYS, hours: 24, days: DAYS, day: days },
    dayRows: Int32Array.from({ length: DAYS + 1 }, (_, day) => day),
    hour: new Uint8Array(DAYS),
    rowOf: new Int32Array(0),
    slotsOf: new Uint16Array(DAYS).fill(1),
    unexplained: column((day) => (lacks(day) + 1.5 * noise(1000 + day)) / 24),
    ...{ supply: column(() => 15), wires: column(() => 0.2), net: [], use },
    guessed: use.map((_, meter) => (unread ? column((day) => (unread(meter, day) ? 1 : 0)) : null)),
    variance: column(() => 0),
  }
}

/** It gets colder: everybody takes more, by a third in the end. */
const colder = (day: number) => 1 + day / (3 * DAYS)

const places = (rows: Rows): number[] => {
  const scores = stepMatches(rows).map((one, meter) => ({ meter, score: one?.score ?? 0 }))
  return scores.sort((a, b) => b.score - a.score).map(({ meter }) => meter)
}

it('puts first whose registers fall on the day from which the area lacks that much', () => {
  const rows = rowsOf({
    counts: (meter, day) => (8 + (meter % 5)) * colder(day) * (meter === 17 && day >= 22 ? 0.4 : 1),
    lacks: (day) => (day >= 22 ? 7 : 0),
  })
  expect(places(rows)[0]).toBe(17)
  const found = stepMatches(rows)[17]
  expect(found?.onset).toBeGreaterThanOrEqual(21)
  expect(found?.onset).toBeLessThanOrEqual(23)
  expect(found?.rise).toBeGreaterThan(5)
  expect(found?.fall).toBeGreaterThan(4)
})

it('suspects nobody while the area lacks nothing, whoever moves out', () => {
  const rows = rowsOf({ counts: (meter, day) => (meter === 4 && day >= 20 ? 0.2 : 9), lacks: () => 0 })
  expect(Math.max(...stepMatches(rows).map((one) => one?.score ?? 0))).toBeLessThan(10)
})

it('does not put who moved out before who takes what is lacking', () => {
  const rows = rowsOf({
    counts: (meter, day) => {
      if (meter === 4 && day >= 22) return 0.2
      return meter === 17 && day >= 22 ? 5 : 12 + (meter === 4 ? 18 : 0)
    },
    lacks: (day) => (day >= 22 ? 7 : 0),
  })
  expect(places(rows)[0]).toBe(17)
})

it('does not put who takes more in the cold before others, however well that goes with what is lacking', () => {
  const rows = rowsOf({ counts: (meter, day) => 9 * (meter === 6 ? 1 + day / 15 : 1), lacks: (day) => (day >= 22 ? 7 : 0) })
  expect(stepMatches(rows)[6]).toBeNull()
})

it('says nothing of who was not read on one of the sides', () => {
  const rows = rowsOf({
    counts: (meter, day) => (meter === 17 && day >= 22 ? 4 : 11),
    lacks: (day) => (day >= 22 ? 7 : 0),
    unread: (meter, day) => meter === 17 && day >= 20,
  })
  expect(stepMatches(rows)[17]?.score ?? 0).toBeLessThan(10)
})
