import type { RowBasis, RowPlace } from '../export/index.ts'

/** What a reading is to a watch. */
export interface Heard {
  readonly measuredAt: number
  readonly series: { readonly measurement: string }
}

/** Looks out for what changes in rows that are in a file already. */
export interface ChangeWatch {
  /** Told before rows behind a place are asked for. */
  passed(place: Pick<RowPlace, 'until'>): void
  /** @returns whether one of them belongs among rows that were given */
  readings(heard: readonly Heard[]): boolean
  /** @param day  `2026-11-01`, or `2026-11` for a month */
  energy(day: string): boolean
}

const DAY_MS = 86_400_000

/** @param until  rows of readings measured before it may have been given; null: as far as is known at the start */
export const changeWatch = ({ readings, energy }: Pick<RowBasis, 'readings' | 'energy'>, until: number | null): ChangeWatch => {
  let passed = until ?? readings?.passed ?? Number.NEGATIVE_INFINITY
  // Days are of a zone: one more on either side is never too few.
  const days = energy && [dayOf(energy.from - DAY_MS), dayOf(energy.to + DAY_MS)]
  return {
    passed: (place) => {
      if (place.until !== null) passed = place.until
    },
    readings: (heard) => {
      if (readings === null) return false
      const { measurement, from, to } = readings
      const end = Math.min(to, passed)
      return heard.some(({ measuredAt, series }) => measuredAt >= from && measuredAt < end && series.measurement === measurement)
    },
    energy: (day) => {
      const [first = '', last = ''] = days ?? []
      return days !== null && day >= first.slice(0, day.length) && day <= last.slice(0, day.length)
    },
  }
}

const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10)
