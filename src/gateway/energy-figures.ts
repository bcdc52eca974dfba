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
