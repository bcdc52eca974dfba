import { rescale } from '../core/index.ts'
import type { RegisterRead, ShapeSlot } from '../energy/index.ts'
import type { EnergyDays } from './energy-days.ts'
import { decimalOf, type Figure, type RegisterFigures } from './energy-figures.ts'

/** Only for gaps beyond this, milliseconds; shorter ones are spread evenly. */
const GAP_MS = 2 * 3_600_000
const REFERENCE_DAYS = 4
const LOOK_BACK_DAYS = 14
/** A curve with more guesses than this is no reference. */
const MOST_GUESSED = 6
const SCALE = -5

/** How the use of long gaps is spread: along the mean of the last days before the gap that were read quarter by quarter. */
export interface GapShape {
  readonly slots: readonly ShapeSlot[]
  /** Names what it rests on: two days that share a gap must spread it alike. */
  readonly digest: string
}

const NONE: GapShape = { slots: [], digest: '' }

/**
 * @param reads       of one register, any order
 * @param figuresOf   what was worked out of days first..last
 */
export const gapShape = (
  days: EnergyDays,
  field: string,
  reads: readonly RegisterRead[],
  window: { readonly from: number; readonly to: number },
  figuresOf: (first: string, last: string) => readonly { readonly day: string; readonly registers: readonly RegisterFigures[] }[],
): GapShape => {
  const times = [...new Set(reads.map(({ at }) => at))].sort((a, b) => a - b)
  const slots: ShapeSlot[] = []
  const digests: string[] = []
  for (let index = 1; index < times.length; index++) {
    const [from, to] = [times[index - 1]!, times[index]!]
    if (to - from <= GAP_MS || from >= window.to || to <= window.from) continue
    const first = days.of(from)
    const references = figuresOf(days.add(first, -LOOK_BACK_DAYS), days.add(first, -1)).flatMap(({ day, registers }) => {
      const figures = registers.find((register) => register.field === field)?.periods['15m']
      return figures && isReference(figures) ? [{ day, figures }] : []
    })
    if (references.length === 0) continue
    for (const day of days.between(first, days.of(to - 1))) {
      const alike = references.filter((reference) => days.isWeekend(reference.day) === days.isWeekend(day))
      const chosen = (alike.length > 0 ? alike : references).slice(-REFERENCE_DAYS)
      const marks = days.marks(day, '15m')
      for (let slot = 0; slot + 1 < marks.length; slot++)
        slots.push({ from: marks[slot]!, to: marks[slot + 1]!, rate: chosen.reduce((sum, { figures }) => sum + rateOf(figures, slot), 0) })
      digests.push(chosen.map((reference) => reference.day).join())
    }
  }
  return slots.length === 0 ? NONE : { slots, digest: digests.join(';') }
}

const isReference = (figures: readonly Figure[]): boolean =>
  figures.length >= 92 && figures.filter(({ value, estimatedPpm }) => value === null || estimatedPpm > 0).length <= MOST_GUESSED

/** In hundred-thousandths; of a day that has fewer slots, the last one again. */
const rateOf = (figures: readonly Figure[], slot: number): number => {
  const value = decimalOf((figures[slot] ?? figures.at(-1))?.value ?? null)
  if (value === null || value.scaler < SCALE) return value === null ? 0 : Math.round(Number(value.raw) / 10 ** (SCALE - value.scaler))
  return Number(rescale(value, SCALE).raw)
}
