import type { Raw } from './decimal.ts'
import type { Obis } from './obis.ts'
import type { Unit } from './unit.ts'

/**
 * Where a value comes from. A freeze (冻结) and a curve (负荷曲线) are what the meter copied at its own instant;
 * `live` is what it showed when it was asked.
 */
export const SOURCES = ['live', 'day-freeze', 'month-freeze', 'curve', 'push', 'manual', 'estimated'] as const
export type Source = (typeof SOURCES)[number]
export const isSource = (text: string): text is Source => SOURCES.some((source) => source === text)

/** Stored measurements and their tags, in the order in which they are written. A public interface: see docs/decisions. */
export const TAGS = {
  register: ['meter', 'point', 'area', 'source'],
  instant: ['meter', 'point', 'area', 'source'],
  comm: ['kind', 'id', 'area'],
  event: ['meter', 'point', 'area', 'code'],
  interval: ['point', 'area', 'period'],
  area: ['area', 'period'],
} as const satisfies Record<string, readonly string[]>
export type Measurement = keyof typeof TAGS
export const MEASUREMENTS = Object.keys(TAGS) as readonly Measurement[]

/** One series: a measurement and a value for each of its tags, `-` where there is none. Made once by {@link seriesOf}, compared by `key`. */
export interface Series {
  readonly measurement: Measurement
  readonly tags: Readonly<Record<string, string>>
  readonly key: string
}

/** One column of a row. `scaler` null: a decimal exponent travels with each value, because the meter sends floats. */
export interface Column {
  readonly field: string
  readonly obis: Obis | null
  readonly unit: Unit
  readonly scaler: number | null
  /** Stored as an integer for ever: counts and flags. */
  readonly integer?: boolean
}

/** The columns of a row, shared by every row of the same plan. Made once by {@link shapeOf}, compared by `key`. */
export interface Shape {
  readonly columns: readonly Column[]
  readonly key: string
}

/** Quality (质量) of a whole reading, as bits; 0 is good. */
export const QUALITY = {
  /** at least one value the profile promises is absent */
  partial: 1,
  /** the meter's clock, or ours, could not be trusted */
  clockDoubtful: 2,
  /** made up by a rule, never read */
  estimated: 4,
  /** entered by a person */
  manual: 8,
  /** no freeze in the meter: a live read at the set time stands in for it */
  liveAsFreeze: 16,
  /** the meter, or its point, is not in the ledger */
  unregistered: 32,
  /** outside the limits of what is physically plausible; kept, not booked */
  quarantined: 64,
} as const
export type QualityFlag = keyof typeof QUALITY

/** Names of the bits that are set, `['good']` when none is. */
export const qualityNames = (quality: number): string[] => {
  const set = Object.entries(QUALITY).flatMap(([name, bit]) => (quality & bit ? [name] : []))
  return set.length > 0 ? set : ['good']
}

/**
 * One reading (读数): everything one meter said about one instant, never edited.
 *
 * Registers are as displayed, `ratio` (综合倍率) stands beside them; instantaneous values are primary, their ratio already applied.
 * An absent value is `null` in `raws` and has its reason in `absent`; it never becomes zero.
 */
export interface Reading {
  readonly series: Series
  readonly shape: Shape
  /** Integer values, one a column; value = raw × 10^scaler in the column's unit. */
  readonly raws: readonly (Raw | null)[]
  /** Exponents of the columns whose own scaler is null; null when there is no such column. */
  readonly scalers: readonly number[] | null
  /** Column index → error code, for the columns that are null. */
  readonly absent: ReadonlyMap<number, string> | null
  /** CT × PT as decimal text. */
  readonly ratio: string
  /** Meter's time or freeze instant, milliseconds since 1970 UTC. */
  readonly measuredAt: number
  /** Our time when the last byte had come, milliseconds since 1970 UTC. */
  readonly receivedAt: number
  /** Bits of {@link QUALITY}. */
  readonly quality: number
}

/** Makes a series; missing and empty tags become `-`, so that the whole tag set is there from the first point. */
export const seriesOf = (measurement: Measurement, tags: Readonly<Record<string, string>>): Series => {
  const names: readonly string[] = TAGS[measurement]
  const full: Record<string, string> = {}
  for (const name of names) full[name] = tags[name] || '-'
  return { measurement, tags: full, key: JSON.stringify([measurement, ...names.map((name) => full[name])]) }
}

/** The series a {@link Series.key} names, or null when the text is none. */
export const seriesFromKey = (key: string): Series | null => {
  const [measurement, ...values] = JSON.parse(key) as [Measurement, ...string[]]
  const names: readonly string[] | undefined = TAGS[measurement]
  if (!names || names.length !== values.length) return null
  return seriesOf(measurement, Object.fromEntries(names.map((name, at) => [name, values[at] ?? '-'])))
}

/** Every shape there is; a site has a few dozen. */
const shapes = new Map<string, Shape>()

/** The shape of these columns: always the same object for the same columns, so that what is worked out of it is worked out once. */
export const shapeOf = (columns: readonly Column[]): Shape => {
  const key = JSON.stringify(columns.map(({ field, obis, unit, scaler, integer }) => [field, obis, unit, scaler, integer ? 1 : 0]))
  const known = shapes.get(key)
  if (known) return known
  const shape = { columns, key }
  shapes.set(key, shape)
  return shape
}

export const shapeFromKey = (key: string): Shape =>
  shapeOf(
    (JSON.parse(key) as [string, string | null, Unit, number | null, number][]).map(([field, obis, unit, scaler, integer]) => ({
      field,
      obis,
      unit,
      scaler,
      ...(integer ? { integer: true } : {}),
    })),
  )

/** Decimal exponent of one value. */
export const scalerAt = (reading: Pick<Reading, 'shape' | 'scalers'>, column: number): number =>
  reading.shape.columns[column]?.scaler ?? reading.scalers?.[column] ?? 0
