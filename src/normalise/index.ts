import {
  type Column,
  canonicalUnit,
  type Decimal,
  fieldOf,
  type Measurement,
  type MeterTime,
  measurementOf,
  multiply,
  type PlannedValue,
  parseDecimal,
  parseObis,
  QUALITY,
  type RatioKind,
  type Raw,
  type Reading,
  type RegisterPlan,
  type Sample,
  type Series,
  type Shape,
  type Source,
  seriesOf,
  shapeOf,
  tidy,
} from '../core/index.ts'

/** What the ledger says of a meter at the time of its readings. Ratios are exact decimals. */
export interface MeterFacts {
  readonly meter: string
  readonly point: string
  readonly area: string
  readonly ct: Decimal
  readonly pt: Decimal
}

/** Before this, a clock has plainly not been set. */
const EARLIEST = Date.UTC(2020, 0, 1)
/** A meter's own instant this far ahead of ours means that one of the clocks is wrong. */
const AHEAD_MS = 15 * 60_000

/** One stored row of a plan: which planned values go into it, and what happens to them. */
interface Part {
  readonly measurement: Measurement
  readonly series: Series
  readonly shape: Shape
  readonly from: readonly number[]
  /** Planned value i is column i of this part: the arrays can be handed on as they are. */
  readonly isWhole: boolean
  readonly factors: readonly (Decimal | null)[]
  readonly shifts: readonly number[]
  readonly ratio: string
}

export type Normaliser = (
  sample: Sample,
  receivedAt: number,
  quality?: number,
  /** Replaces the sample's instant: the set time of a live read that stands in for a freeze. */
  at?: number,
) => readonly Reading[]

/**
 * Works out how a meter's register values become readings: unit, scaler, CT and PT ratio, series and columns. Registers stay as
 * displayed with their ratio beside them; instantaneous values become primary here and nowhere else.
 *
 * @param instantOf  the meter's wall-clock time as an instant; null for an impossible one
 */
export const normaliserOf = (
  facts: MeterFacts,
  plan: Pick<RegisterPlan, 'values'> & { readonly source: Source },
  instantOf: (time: MeterTime) => number | null,
): Normaliser => {
  const parts = partsOf(facts, plan.values, plan.source)
  return (sample, receivedAt, extraQuality = 0, at) => {
    let quality = extraQuality
    let measuredAt = at ?? receivedAt
    if (at === undefined && sample.at) {
      const instant = instantOf(sample.at)
      if (instant === null || instant < EARLIEST || instant > receivedAt + AHEAD_MS) quality |= QUALITY.clockDoubtful
      if (instant !== null) measuredAt = instant
    }
    if (receivedAt < EARLIEST) quality |= QUALITY.clockDoubtful
    const readings: Reading[] = []
    for (const part of parts) {
      const reading = fill(part, sample, measuredAt, receivedAt, quality)
      if (reading) readings.push(reading)
    }
    return readings
  }
}

const fill = (part: Part, sample: Sample, measuredAt: number, receivedAt: number, quality: number): Reading | null => {
  const { series, shape, ratio } = part
  let raws: readonly (Raw | null)[] = sample.raws
  let scalers: readonly number[] | null = sample.scalers
  let absent: Map<number, string> | null = null
  if (part.isWhole) {
    if (sample.absent) {
      absent = new Map()
      for (const [index, error] of sample.absent) absent.set(index, error.code)
    }
  } else {
    const count = part.from.length
    const chosen: (Raw | null)[] = []
    const exponents: number[] | null = sample.scalers ? [] : null
    let present = 0
    for (let column = 0; column < count; column++) {
      const index = part.from[column]!
      const raw = sample.raws[index]
      if (raw === null || raw === undefined) {
        absent ??= new Map()
        absent.set(column, sample.absent?.get(index)?.code ?? 'NOT_AVAILABLE')
        chosen.push(null)
        if (exponents) exponents.push(0)
        continue
      }
      present++
      const factor = part.factors[column]!
      const product = factor ? multiply({ raw, scaler: 0 }, factor) : null
      chosen.push(product ? product.raw : raw)
      if (exponents) exponents.push((sample.scalers?.[index] ?? 0) + part.shifts[column]! + (product?.scaler ?? 0))
    }
    // Nothing of this kind came at all: its absence shows in the other part and in the comm statistics.
    if (present === 0 && sample.raws.length > count) return null
    raws = chosen
    scalers = exponents
  }
  return { series, shape, raws, scalers, absent, ratio, measuredAt, receivedAt, quality: absent ? quality | QUALITY.partial : quality }
}

const partsOf = ({ meter, point, area, ct, pt }: MeterFacts, values: readonly PlannedValue[], source: Source): Part[] => {
  const tags = { meter, point, area, source }
  const ratios: Readonly<Record<RatioKind, Decimal>> = { none: { raw: 1, scaler: 0 }, ct, pt, ctpt: multiply(ct, pt) }
  const groups = new Map<string, number[]>()
  for (const [index, { obis, ratio }] of values.entries()) {
    const measurement = measurementOf(obis)
    // Registers of different ratio cannot share a row: one `ratio` stands beside all of them.
    const key = measurement === 'instant' ? 'instant' : `register ${textOf(ratios[ratio])}`
    groups.set(key, [...(groups.get(key) ?? []), index])
  }
  return [...groups].map(([key, from]) => {
    const measurement = key === 'instant' ? 'instant' : 'register'
    const columns: Column[] = []
    const factors: (Decimal | null)[] = []
    const shifts: number[] = []
    for (const index of from) {
      const { obis, unit, scaler, ratio } = values[index]!
      // A power factor has no unit; meters that show per cent differ in the place of the point only.
      const known = unit === '%' && POWER_FACTORS.has(parseObis(obis)?.c ?? 0) ? (['', -2] as const) : canonicalUnit(unit)
      const [stored, shift] = known ?? (['', 0] as const)
      const factor = measurement === 'instant' ? ratios[ratio] : ratios.none
      const isOne = factor.raw === 1 && factor.scaler === 0
      factors.push(isOne ? null : factor)
      shifts.push(shift)
      columns.push({
        field: fieldOf(obis),
        obis,
        unit: stored,
        scaler: scaler === null ? null : scaler + shift + (isOne ? 0 : factor.scaler),
      })
    }
    const isWhole =
      from.length === values.length &&
      factors.every((factor) => factor === null) &&
      shifts.every((shift, at) => shift === 0 || columns[at]!.scaler !== null)
    const ratio = measurement === 'register' ? key.slice('register '.length) : '1'
    return { measurement, series: seriesOf(measurement, tags), shape: shapeOf(columns), from, isWhole, factors, shifts, ratio }
  })
}

/** C groups of the power factor, of all phases and of each. @source IEC 62056-61 */
const POWER_FACTORS: ReadonlySet<number> = new Set([13, 33, 53, 73])

const textOf = ({ raw, scaler }: Decimal): string => {
  const digits = String(raw)
  if (scaler >= 0) return digits + '0'.repeat(raw === 0 ? 0 : scaler)
  const padded = digits.padStart(1 - scaler, '0')
  return `${padded.slice(0, scaler)}.${padded.slice(scaler)}`.replace(/\.?0+$/, '')
}

/**
 * A ratio as the ledger writes it: `400/5`, `80`, `1.5`.
 *
 * @returns  null when it is no positive ratio; a quotient that never ends is kept to 12 places
 */
export const parseRatio = (text: string): Decimal | null => {
  const [over, under, ...rest] = text.split('/')
  if (rest.length > 0 || over === undefined) return null
  const a = parseDecimal(over)
  const b = under === undefined ? { raw: 1, scaler: 0 } : parseDecimal(under)
  if (!a || !b || !(a.raw > 0) || !(b.raw > 0)) return null
  let quotient = (BigInt(a.raw) * 10n ** BigInt(RATIO_PLACES)) / BigInt(b.raw)
  let scaler = a.scaler - b.scaler - RATIO_PLACES
  while (quotient % 10n === 0n && quotient !== 0n && scaler < 0) {
    quotient /= 10n
    scaler++
  }
  return quotient === 0n ? null : { raw: tidy(quotient), scaler }
}

const RATIO_PLACES = 12
