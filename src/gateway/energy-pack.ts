import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { decimalNumber, decimalText, parseDecimal } from '../core/index.ts'
import type { EnergyPeriod } from './energy-days.ts'
import type { Figure, RegisterFigures } from './energy-figures.ts'

/** A column of a period: one value where all are the same, which most columns are, else one a figure. */
type PackedColumn<T> = T | readonly T[]

/** Values that all have the same places, which nearly all have: `raws` × 10^`scaler`. Their text is exactly what it was. */
interface PackedDecimals {
  readonly scaler: number
  readonly raws: readonly (number | null)[]
}

/** The figures of a register and a period column by column, as they lie on the disk. */
export interface PeriodColumns {
  readonly count: number
  /** Milliseconds since 1970 UTC, and from there on the distance to the figure before. */
  readonly from: number
  readonly step: PackedColumn<number>
  readonly length: PackedColumn<number>
  readonly value: PackedColumn<string | null> | PackedDecimals
  readonly quality: PackedColumn<number>
  readonly flags: PackedColumn<number>
  readonly estimatedPpm: PackedColumn<number>
  readonly coveredPpm: PackedColumn<number>
  readonly version: PackedColumn<number>
}

/** The same as {@link RegisterFigures} without an object for each figure: what sums over the quarter hours of thousands of points read. */
export interface RegisterColumns extends Omit<RegisterFigures, 'periods'> {
  readonly periods: Readonly<Partial<Record<EnergyPeriod, PeriodColumns>>>
}

/** A figure as it was packed in the first form: one list each. */
type FormerFigure = readonly [number, number, string | null, number, number, number, number, number]
type Packed = Omit<RegisterFigures, 'periods'> & {
  readonly columns?: Readonly<Record<string, PeriodColumns>>
  readonly periods?: Readonly<Record<string, readonly FormerFigure[]>>
}

const packed = <T extends string | number | null>(values: readonly T[]): PackedColumn<T> => {
  const [first] = values
  return first !== undefined && values.every((value) => value === first) ? first : values
}

const packValues = (values: readonly (string | null)[]): PeriodColumns['value'] => {
  const column = packed(values)
  return typeof column === 'string' || column === null ? column : (decimalsOf(values) ?? column)
}

/** null: they have not all the same places, or one is too long for a number, or is not written as we would. */
const decimalsOf = (values: readonly (string | null)[]): PackedDecimals | null => {
  let scaler: number | null = null
  const raws: (number | null)[] = []
  for (const value of values) {
    const decimal = value === null ? null : parseDecimal(value)
    if (value !== null && (decimal === null || typeof decimal.raw !== 'number')) return null
    if (decimal !== null && typeof decimal.raw === 'number') {
      if (decimal.scaler !== (scaler ?? decimal.scaler) || decimalText(decimal.raw, decimal.scaler) !== value) return null
      scaler = decimal.scaler
      raws.push(decimal.raw)
    } else raws.push(null)
  }
  return scaler === null ? null : { scaler, raws }
}

/** Figures column by column. */
export const periodColumns = (figures: readonly Figure[]): PeriodColumns => ({
  ...{ count: figures.length, from: figures[0]?.from ?? 0 },
  step: packed(figures.slice(1).map(({ from }, at) => from - (figures[at]?.from ?? 0))),
  length: packed(figures.map(({ from, to }) => to - from)),
  value: packValues(figures.map(({ value }) => value)),
  quality: packed(figures.map(({ quality }) => quality)),
  flags: packed(figures.map(({ flags }) => flags)),
  estimatedPpm: packed(figures.map(({ estimatedPpm }) => estimatedPpm)),
  coveredPpm: packed(figures.map(({ coveredPpm }) => coveredPpm)),
  version: packed(figures.map(({ version }) => version)),
})

export const numberAt = (column: PackedColumn<number>, at: number): number => (typeof column === 'number' ? column : (column[at] ?? 0))

const isDecimals = (value: PeriodColumns['value']): value is PackedDecimals =>
  typeof value === 'object' && value !== null && 'raws' in value

const textAt = (column: PeriodColumns['value'], at: number): string | null => {
  if (column === null || typeof column === 'string') return column
  if (!isDecimals(column)) return column[at] ?? null
  const raw = column.raws[at] ?? null
  return raw === null ? null : decimalText(raw, column.scaler)
}

/** The nearest number to the value of a figure; NaN = not known. */
export const kwhAt = ({ value }: PeriodColumns, at: number): number => {
  if (value === null) return Number.NaN
  if (typeof value === 'object' && isDecimals(value)) {
    const raw = value.raws[at] ?? null
    return raw === null ? Number.NaN : decimalNumber(raw, value.scaler)
  }
  const text = typeof value === 'string' ? value : (value[at] ?? null)
  return text === null ? Number.NaN : Number(text)
}

/** The figures of a period, one object each. */
export const figuresOfPeriod = (period: PeriodColumns): readonly Figure[] => {
  const { step, length, value, quality, flags, estimatedPpm, coveredPpm, version } = period
  const figures: Figure[] = []
  let { from } = period
  for (let at = 0; at < period.count; at++) {
    figures.push({
      from,
      to: from + numberAt(length, at),
      value: textAt(value, at),
      quality: numberAt(quality, at),
      flags: numberAt(flags, at),
      estimatedPpm: numberAt(estimatedPpm, at),
      coveredPpm: numberAt(coveredPpm, at),
      version: numberAt(version, at),
    })
    from += numberAt(step, at)
  }
  return figures
}

const formerFigure = ([from, length, value, quality, flags, estimatedPpm, coveredPpm, version]: FormerFigure): Figure => ({
  ...{ from, to: from + length, value, quality, flags, estimatedPpm, coveredPpm, version },
})

const each = <T, U>(record: Readonly<Record<string, T>>, change: (value: T) => U): Record<string, U> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]))

/** A day fits; zlib's own 16 kB a call would be the most of what is thrown away when thousands of points are worked out. */
const CHUNK = 4096

/** Figures of a point and a day as bytes, column by column: a quarter-hourly register takes about a quarter of a kilobyte. */
export const packFigures = (registers: readonly RegisterFigures[]): Uint8Array => {
  const all = registers.map(({ periods, ...register }): Packed => ({ ...register, columns: each(periods, periodColumns) }))
  return deflateRawSync(Buffer.from(JSON.stringify(all)), { level: 6, chunkSize: CHUNK })
}

/** Reads what {@link packFigures} writes and wrote before, and leaves it in columns. */
export const unpackColumns = (bytes: Uint8Array): readonly RegisterColumns[] => {
  const all: readonly Packed[] = JSON.parse(inflateRawSync(bytes, { chunkSize: CHUNK }).toString('utf8'))
  return all.map(
    ({ field, obis, unit, dense, across, columns, periods = {} }): RegisterColumns => ({
      ...{ field, obis, unit, dense, across },
      periods: columns ?? each(periods, (figures) => periodColumns(figures.map(formerFigure))),
    }),
  )
}

/** Reads what {@link packFigures} writes and wrote before. */
export const unpackFigures = (bytes: Uint8Array): readonly RegisterFigures[] =>
  unpackColumns(bytes).map(({ periods, ...register }) => ({ ...register, periods: each(periods, figuresOfPeriod) }))
