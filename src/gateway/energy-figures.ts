import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { type Column, compare, type Decimal, decimalText, parseDecimal, type Reading, seriesOf, shapeOf, type Unit } from '../core/index.ts'
import { ENERGY_FLAGS, type EnergyInterval } from '../energy/index.ts'
import type { EnergyPeriod } from './energy-days.ts'

/** One figure as it was given out. */
export interface Figure {
  readonly from: number
  readonly to: number
  /** Exact decimal text; null = not known. */
  readonly value: string | null
  readonly quality: number
  readonly flags: number
  readonly estimatedPpm: number
  readonly coveredPpm: number
  /** Grows with every change of the figure. */
  readonly version: number
}

/** What is known of one register on one day (or, as `2026-11`, in one month). */
export interface RegisterFigures {
  /** Name of the stored field. */
  readonly field: string
  readonly obis: string
  readonly unit: Unit
  /** The finest period its reads are dense enough for. */
  readonly dense: '15m' | '1h' | null
  /** What lies across the start and the end of the day: both neighbours must see the same. */
  readonly across: readonly [start: string, end: string]
  readonly periods: Readonly<Partial<Record<EnergyPeriod, readonly Figure[]>>>
}

/** A column of a period: one value where all are the same, which most columns are, else one a figure. */
type PackedColumn<T> = T | readonly T[]
interface PackedPeriod {
  readonly count: number
  /** Milliseconds since 1970 UTC, and from there on the distance to the figure before. */
  readonly from: number
  readonly step: PackedColumn<number>
  readonly length: PackedColumn<number>
  readonly value: PackedColumn<string | null>
  readonly quality: PackedColumn<number>
  readonly flags: PackedColumn<number>
  readonly estimatedPpm: PackedColumn<number>
  readonly coveredPpm: PackedColumn<number>
  readonly version: PackedColumn<number>
}
/** A figure as it was packed before: one list each. */
type FormerFigure = readonly [number, number, string | null, number, number, number, number, number]
type Packed = Omit<RegisterFigures, 'periods'> & {
  readonly columns?: Readonly<Record<string, PackedPeriod>>
  readonly periods?: Readonly<Record<string, readonly FormerFigure[]>>
}

const packed = <T extends string | number | null>(values: readonly T[]): PackedColumn<T> => {
  const [first] = values
  return first !== undefined && values.every((value) => value === first) ? first : values
}

const packPeriod = (figures: readonly Figure[]): PackedPeriod => ({
  ...{ count: figures.length, from: figures[0]?.from ?? 0 },
  step: packed(figures.slice(1).map(({ from }, at) => from - (figures[at]?.from ?? 0))),
  length: packed(figures.map(({ from, to }) => to - from)),
  value: packed(figures.map(({ value }) => value)),
  quality: packed(figures.map(({ quality }) => quality)),
  flags: packed(figures.map(({ flags }) => flags)),
  estimatedPpm: packed(figures.map(({ estimatedPpm }) => estimatedPpm)),
  coveredPpm: packed(figures.map(({ coveredPpm }) => coveredPpm)),
  version: packed(figures.map(({ version }) => version)),
})

const numberAt = (column: PackedColumn<number>, at: number): number => (typeof column === 'number' ? column : (column[at] ?? 0))
const textAt = (column: PackedColumn<string | null>, at: number): string | null =>
  column === null || typeof column === 'string' ? column : (column[at] ?? null)

const unpackPeriod = (period: PackedPeriod): readonly Figure[] => {
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
  from,
  to: from + length,
  value,
  quality,
  flags,
  estimatedPpm,
  coveredPpm,
  version,
})

const each = <T, U>(record: Readonly<Record<string, T>>, change: (value: T) => U): Record<string, U> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]))

/** A day fits; zlib's own 16 kB a call would be the most of what is thrown away when thousands of points are worked out. */
const CHUNK = 4096

/** Figures of a point and a day as bytes, column by column: a quarter-hourly register takes about a third of a kilobyte. */
export const packFigures = (registers: readonly RegisterFigures[]): Uint8Array => {
  const all = registers.map(({ periods, ...register }): Packed => ({ ...register, columns: each(periods, packPeriod) }))
  return deflateRawSync(Buffer.from(JSON.stringify(all)), { level: 6, chunkSize: CHUNK })
}

/** Reads what {@link packFigures} writes and wrote before. */
export const unpackFigures = (bytes: Uint8Array): readonly RegisterFigures[] => {
  const all: readonly Packed[] = JSON.parse(inflateRawSync(bytes, { chunkSize: CHUNK }).toString('utf8'))
  return all.map(({ periods = {}, columns, ...register }) => ({
    ...register,
    periods: columns ? each(columns, unpackPeriod) : each(periods, (figures) => figures.map(formerFigure)),
  }))
}

export const figureOf = ({ from, to, kwh, quality, flags, estimatedPpm, coveredPpm }: EnergyInterval): Figure => ({
  from,
  to,
  value: kwh && decimalText(kwh.raw, kwh.scaler),
  quality,
  flags,
  estimatedPpm,
  coveredPpm,
  version: 1,
})

/** Whether two figures are the same energy; 1.50 is 1.5. */
export const isSameValue = (a: string | null, b: string | null): boolean => {
  if (a === b) return true
  const [x, y] = [decimalOf(a), decimalOf(b)]
  return x !== null && y !== null && compare(x, y) === 0
}

const isSame = (a: Figure, b: Figure): boolean =>
  isSameValue(a.value, b.value) && a.quality === b.quality && a.flags === b.flags && a.estimatedPpm === b.estimatedPpm

export const decimalOf = (value: string | null): Decimal | null => (value === null ? null : parseDecimal(value))

/** The figure with its version: that of before while nothing differs, one more when something does. */
export const versioned = (figure: Figure, before: Figure | undefined): Figure =>
  before === undefined ? figure : { ...figure, version: isSame(figure, before) ? before.version : before.version + 1 }

/** In column `…_flags`: the field beside it says nothing. */
export const UNKNOWN_FLAG = 8192

const integer = (field: string): Column => ({ field, obis: null, unit: '', scaler: 0, integer: true })

/**
 * Rows of the measurement `interval`, one for each interval of a period: a field for each register, and beside it `…_flags`.
 *
 * Every integer is written every time. Where a row is written again, InfluxDB keeps a field that is not named: only the flags beside it say
 * that a figure which was known before is known no more.
 */
export const intervalRows = (
  at: { readonly point: string; readonly area: string; readonly period: EnergyPeriod; readonly now: number },
  registers: readonly RegisterFigures[],
  isChanged: (register: RegisterFigures, figure: Figure) => boolean,
): Reading[] => {
  const { point, area, period, now } = at
  const present = registers.filter(({ periods }) => (periods[period]?.length ?? 0) > 0)
  if (present.length === 0) return []
  const shape = shapeOf([
    ...present.flatMap(({ field, obis, unit }): Column[] => [{ field, obis, unit, scaler: null }, integer(`${field}_flags`)]),
    integer('estimated_ppm'),
    integer('flags'),
    integer('version'),
  ])
  const series = seriesOf('interval', { point, area, period })
  const starts = [...new Set(present.flatMap(({ periods }) => periods[period]?.map(({ from }) => from) ?? []))].sort((a, b) => a - b)
  return starts.flatMap((from): Reading[] => {
    const figures = present.map((register) => ({ register, figure: register.periods[period]?.find((figure) => figure.from === from) }))
    if (!figures.some(({ register, figure }) => figure && isChanged(register, figure))) return []
    const raws: Reading['raws'][number][] = []
    const scalers: number[] = []
    const absent = new Map<number, string>()
    for (const { figure } of figures) {
      const value = decimalOf(figure?.value ?? null)
      if (value === null) absent.set(raws.length, 'ENERGY_UNKNOWN')
      raws.push(value?.raw ?? null, (figure?.flags ?? ENERGY_FLAGS.missing) | (value === null ? UNKNOWN_FLAG : 0))
      scalers.push(value?.scaler ?? 0, 0)
    }
    const all = figures.flatMap(({ figure }) => figure ?? [])
    raws.push(Math.max(...all.map(({ estimatedPpm }) => estimatedPpm)))
    raws.push(all.reduce((flags, figure) => flags | figure.flags, 0))
    raws.push(Math.max(...all.map(({ version }) => version)))
    return [
      {
        series,
        shape,
        raws,
        scalers: [...scalers, 0, 0, 0],
        absent: absent.size > 0 ? absent : null,
        ratio: '1',
        measuredAt: from,
        receivedAt: now,
        quality: all.reduce((quality, figure) => quality | figure.quality, 0) | (absent.size > 0 ? 1 : 0),
      },
    ]
  })
}
