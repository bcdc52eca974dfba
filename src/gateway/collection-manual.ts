import { fail as gapFailure } from '../collection/errors.ts'
import type { GapDetail, ManualEntry } from '../collection/index.ts'
import {
  type Column,
  decimalText,
  fieldOf,
  fullObis,
  multiply,
  type Obis,
  ok,
  parseDecimal,
  QUALITY,
  type RatioKind,
  type Raw,
  type Reading,
  type Result,
  seriesOf,
  shapeOf,
} from '../core/index.ts'
import type { MeterFact } from '../ledger/index.ts'
import { parseRatio } from '../normalise/index.ts'
import { registerUnit } from './register-unit.ts'

const MOST_DIGITS = 15

/**
 * Registers as a person writes them, by full OBIS code.
 *
 * @errors  GAP_VALUES
 */
export const manualValues = (values: Readonly<Record<string, string>>): Result<Record<string, string>> => {
  const read: Record<string, string> = {}
  for (const [code, text] of Object.entries(values)) {
    const obis = fullObis(code.trim())
    if (obis === null || registerUnit(obis) === null) return gapFailure('GAP_VALUES', `${code} is no cumulative register such as 1.8.0`)
    const decimal = /^\d+(\.\d+)?$/.test(text.trim()) ? parseDecimal(text) : null
    if (!decimal || text.replace('.', '').trim().length > MOST_DIGITS)
      return gapFailure('GAP_VALUES', `${code} is "${text.slice(0, 40)}"; must be digits as on the meter, at most ${MOST_DIGITS}`)
    read[obis] = decimalText(decimal.raw, decimal.scaler)
  }
  return Object.keys(read).length > 0 ? ok(read) : gapFailure('GAP_VALUES', 'no register is given')
}

const ONE = { raw: 1, scaler: 0 }

/**
 * The reading that a person's value, or an estimate, becomes: as displayed, with the ratio that held then beside it.
 *
 * @param fact     the meter as it was at the instant
 * @param ratioOf  what the ratio does to a register of this model
 */
export const manualReading = (
  gap: Pick<GapDetail, 'meter' | 'point' | 'area'>,
  { values, instant, at }: Pick<ManualEntry, 'values' | 'instant' | 'at'>,
  fact: Pick<MeterFact, 'ct' | 'pt'> | null,
  ratioOf: (obis: Obis) => RatioKind,
  source: 'manual' | 'estimated' = 'manual',
): readonly Reading[] => {
  const ct = (fact && parseRatio(fact.ct)) ?? ONE
  const pt = (fact && parseRatio(fact.pt)) ?? ONE
  const ratios = { none: ONE, ct, pt, ctpt: multiply(ct, pt) }
  const groups = new Map<string, { column: Column; raw: Raw }[]>()
  for (const [obis, text] of Object.entries(values)) {
    const decimal = parseDecimal(text)
    const unit = registerUnit(obis)
    if (!decimal || unit === null) continue
    const { raw, scaler } = ratios[ratioOf(obis)]
    const ratio = decimalText(raw, scaler)
    const beside = groups.get(ratio) ?? []
    beside.push({ column: { field: fieldOf(obis), obis, unit, scaler: decimal.scaler }, raw: decimal.raw })
    groups.set(ratio, beside)
  }
  const series = seriesOf('register', { meter: gap.meter, point: gap.point, area: gap.area, source })
  return [...groups].map(([ratio, list]) => ({
    ...{ series, shape: shapeOf(list.map(({ column }) => column)), raws: list.map(({ raw }) => raw), scalers: null, absent: null, ratio },
    ...{ measuredAt: instant, receivedAt: at, quality: QUALITY[source] },
  }))
}
