import { QUALITY, type Reading, scalerAt } from '../core/index.ts'
import { ENERGY_FLAGS } from '../energy/index.ts'
import type { PointDay } from './analysis-block.ts'
import { decimalOf, type RegisterFigures } from './energy-figures.ts'

/** Quarter hours of a frame, milliseconds. */
export const STEP_MS = 900_000
/** A read stands for the end of the slot it is nearest to. */
export const NEAR_MS = STEP_MS / 2
/** A register read so near to a boundary of a slot splits nothing worth speaking of. */
const AT_BOUNDARY_MS = 120_000
const HOUR_SLOTS = 4

const U = ['32.7.0', '52.7.0', '72.7.0'] as const
const I = ['31.7.0', '51.7.0', '71.7.0'] as const
const NEUTRAL = '91.7.0'
const NET = '16.7.0'
const [TAKEN, GIVEN] = ['1.7.0', '2.7.0'] as const
const PF = '13.7.0'
const MOST_RATES = 8

/** What is known of one point on one day. */
export interface PointSources {
  /** Local midnight, and the quarter hours until the next one. */
  readonly start: number
  readonly slots: number
  /** Rows of `register` and `instant`, from a little before the day to a little after it. */
  readonly registers: readonly Reading[]
  readonly instants: readonly Reading[]
  /** What the energy book has of that day; null = nothing. */
  readonly figures: readonly RegisterFigures[] | null
}

const NONE = (slots: number) => new Float64Array(slots).fill(Number.NaN)

/** The columns of one point and day. What nobody read is not known; nothing becomes zero. */
export const pointDayOf = ({ start, slots, registers, instants, figures }: PointSources): PointDay => {
  const faces = (field: string) => atSlots(registers, [field], start, slots, (width) => new Float64Array(width).fill(Number.NaN))
  const read = readBoundaries(registers, start, slots)
  const known = new Uint8Array(slots)
  const imp = energyOf(figures, '1.8.0', start, slots, read, known)
  const exp = energyOf(figures, '2.8.0', start, slots, read, null)
  const of = (...fields: readonly string[]) => atSlots(instants, fields, start, slots, (width) => new Float32Array(width).fill(Number.NaN))
  return {
    ...{ imp, exp, known },
    faceImp: faces('1.8.0') ?? NONE(slots),
    faceExp: faces('2.8.0') ?? NONE(slots),
    u: U.map((field, phase) => (phase === 0 ? of(field, '12.7.0') : of(field))),
    i: I.map((field, phase) => (phase === 0 ? of(field, '11.7.0') : of(field))),
    iN: of(NEUTRAL),
    p: of(NET) ?? powerOf(of(TAKEN), of(GIVEN)),
    pf: of(PF),
    rates: ratesOf(registers, start + slots * STEP_MS),
  }
}

const powerOf = (taken: Float32Array | null, given: Float32Array | null): Float32Array | null =>
  taken && given ? taken.map((kw, slot) => kw - (Number.isNaN(given[slot] ?? Number.NaN) ? 0 : (given[slot] ?? 0))) : taken

/** The first of the fields that was read at all: its value nearest to the end of each slot. */
const atSlots = <Values extends Float64Array | Float32Array>(
  readings: readonly Reading[],
  fields: readonly string[],
  start: number,
  slots: number,
  made: (width: number) => Values,
): Values | null => {
  for (const field of fields) {
    let values: Values | null = null
    const near = new Float64Array(slots).fill(Number.POSITIVE_INFINITY)
    for (const reading of readings) {
      const slot = Math.round((reading.measuredAt - start) / STEP_MS) - 1
      if (slot < 0 || slot >= slots || (reading.quality & QUALITY.quarantined) !== 0) continue
      const distance = Math.abs(reading.measuredAt - (start + (slot + 1) * STEP_MS))
      if (distance >= (near[slot] ?? 0)) continue
      const value = figureOf(reading, field)
      if (value === null) continue
      values ??= made(slots)
      values[slot] = value
      near[slot] = distance
    }
    if (values) return values
  }
  return null
}

const figureOf = (reading: Reading, field: string): number | null => {
  const { columns } = reading.shape
  for (let column = 0; column < columns.length; column++) {
    if (columns[column]?.field !== field) continue
    const raw = reading.raws[column]
    if (raw === null || raw === undefined) return null
    const scaler = scalerAt(reading, column)
    // Division by a whole power of ten gives the number that the decimal is.
    return scaler < 0 ? Number(raw) / 10 ** -scaler : Number(raw) * 10 ** scaler
  }
  return null
}

/** For each boundary of a slot, the first one is midnight: whether a register was read there. */
const readBoundaries = (registers: readonly Reading[], start: number, slots: number): Uint8Array => {
  const read = new Uint8Array(slots + 1)
  for (const { measuredAt } of registers) {
    const boundary = Math.round((measuredAt - start) / STEP_MS)
    if (boundary < 0 || boundary > slots || Math.abs(measuredAt - (start + boundary * STEP_MS)) > AT_BOUNDARY_MS) continue
    read[boundary] = 1
  }
  return read
}

const energyOf = (
  figures: readonly RegisterFigures[] | null,
  field: string,
  start: number,
  slots: number,
  read: Uint8Array,
  known: Uint8Array | null,
): Float64Array => {
  const kwh = NONE(slots)
  const register = figures?.find((one) => one.field === field)
  if (!register) return kwh
  const { periods } = register
  const [items, width] = periods['15m'] ? [periods['15m'], 1] : periods['1h'] ? [periods['1h'], HOUR_SLOTS] : [periods.day ?? [], slots]
  for (const { from, value, flags, estimatedPpm } of items) {
    const whole = decimalOf(value)
    if (whole === null) continue
    const energy = whole.scaler < 0 ? Number(whole.raw) / 10 ** -whole.scaler : Number(whole.raw) * 10 ** whole.scaler
    const first = Math.round((from - start) / STEP_MS)
    for (let slot = Math.max(0, first); slot < Math.min(slots, first + width); slot++) {
      kwh[slot] = energy / width
      const isMade = (flags & ENERGY_FLAGS.estimated) !== 0
      const isRead = width === 1 && !isMade && (estimatedPpm === 0 || (read[slot] === 1 && read[slot + 1] === 1))
      if (known) known[slot] = isRead ? 2 : 1
    }
  }
  return kwh
}

/** Tariff registers at midnight. */
const ratesOf = (registers: readonly Reading[], midnight: number): readonly number[] | null => {
  const nearest = registers
    .filter(({ measuredAt }) => Math.abs(measuredAt - midnight) <= AT_BOUNDARY_MS)
    .sort((a, b) => Math.abs(a.measuredAt - midnight) - Math.abs(b.measuredAt - midnight))
  const rates = Array.from({ length: MOST_RATES }, (_, rate) => {
    for (const reading of nearest) {
      const value = figureOf(reading, `1.8.${rate + 1}`)
      if (value !== null) return value
    }
    return Number.NaN
  })
  const last = rates.findLastIndex((value) => !Number.isNaN(value))
  return last < 0 ? null : rates.slice(0, last + 1)
}
