import type { Static } from 'typebox'
import {
  type Decimal,
  decimalText,
  fullObis,
  multiply,
  nameOfObis,
  parseDecimal,
  qualityNames,
  type Reading,
  type Series,
  type Shape,
  scalerAt,
} from '../core/index.ts'
import type { ReadingSchema } from './schemas.ts'

/** A reading as the schema has it. */
export type ReadingJson = Static<typeof ReadingSchema>

/** What is said about every reading of one answer. */
export interface ReadingView {
  /** Full OBIS codes; null = all. */
  readonly wanted: ReadonlySet<string> | null
  hintOf(code: string): string | null
}

interface ColumnView {
  readonly obis: string
  readonly name: string
  readonly unit: string
  /** The ratio still has to be applied for the primary value: energy, power and demand registers. */
  readonly scaled: boolean
  /** What stands before the value in JSON. */
  readonly before: string
}

/**
 * A reading (读数) as the API gives it. `value` is the register as displayed, `primary` the same with the ratio applied, both exact;
 * instantaneous values are primary already. An absent value stands in `absent` with its reason and never as zero.
 */
export const readingJson = (reading: Reading, { wanted, hintOf }: ReadingView): ReadingJson => {
  const { series, shape, raws, ratio, absent } = reading
  const columns = series.measurement === 'event' ? eventColumns(shape, series.tags.code ?? '-') : columnsOf(shape)
  const factor = series.measurement === 'register' ? factorOf(ratio) : 1
  const values: ReadingJson['values'] = []
  const missing: ReadingJson['absent'] = []
  for (let at = 0; at < columns.length; at++) {
    const { obis, name, unit, scaled } = columns[at]!
    if (wanted !== null && !wanted.has(obis)) continue
    const raw = raws[at]
    if (raw === null || raw === undefined) {
      const code = absent?.get(at) ?? 'NOT_READ'
      missing.push({ obis, name, code, hint: hintOf(code) ?? '' })
      continue
    }
    const scaler = scalerAt(reading, at)
    const value = decimalText(raw, scaler)
    values.push({ obis, name, unit, value, primary: factor === 1 || !scaled ? value : factor && productText({ raw, scaler }, factor) })
  }
  return {
    point: series.tags.point ?? '-',
    meter: series.tags.meter ?? '-',
    measurement: series.measurement,
    source: series.tags.source ?? '-',
    measuredAt: new Date(reading.measuredAt).toISOString(),
    receivedAt: new Date(reading.receivedAt).toISOString(),
    ratio,
    quality: qualityNames(reading.quality),
    values,
    absent: missing,
  }
}

/** What is said about every reading of one answer, and what was made for the reading before: series and shapes repeat. */
interface Written {
  series: Series | null
  head: string
  quality: number
  names: string
}

/**
 * The same as JSON text, byte for byte, made in one go: of twenty thousand meters nothing stands in memory but what is being sent.
 *
 * @returns  writes one reading after the other
 */
export const readingTexts = (view: ReadingView): ((reading: Reading) => string) => {
  const last: Written = { series: null, head: '', quality: 0, names: '["good"]' }
  return (reading) => {
    const { series, ratio, quality, measuredAt, receivedAt } = reading
    if (series !== last.series) {
      const { tags, measurement } = series
      last.series = series
      last.head = JSON.stringify({ point: tags.point ?? '-', meter: tags.meter ?? '-', measurement, source: tags.source ?? '-' }).slice(
        0,
        -1,
      )
    }
    if (quality !== last.quality) {
      last.quality = quality
      last.names = JSON.stringify(qualityNames(quality))
    }
    const times = `"measuredAt":"${new Date(measuredAt).toISOString()}","receivedAt":"${new Date(receivedAt).toISOString()}"`
    return `${last.head},${times},"ratio":${JSON.stringify(ratio)},"quality":${last.names},${valuesText(reading, view)}}`
  }
}

/** Whether a text of {@link readingTexts} has no value, and none that is absent either. */
export const saysNothing = (text: string): boolean => text.endsWith('"values":[],"absent":[]}')

/** The two members of values that are there and of those that are not. */
const valuesText = (reading: Reading, { wanted, hintOf }: ReadingView): string => {
  const { series, shape, raws, ratio, absent } = reading
  const columns = series.measurement === 'event' ? eventColumns(shape, series.tags.code ?? '-') : columnsOf(shape)
  const factor = series.measurement === 'register' ? factorOf(ratio) : 1
  let values = ''
  let missing = ''
  for (let at = 0; at < columns.length; at++) {
    const { obis, name, scaled, before } = columns[at]!
    if (wanted !== null && !wanted.has(obis)) continue
    const raw = raws[at]
    if (raw === null || raw === undefined) {
      const code = absent?.get(at) ?? 'NOT_READ'
      missing += `${missing === '' ? '' : ','}${JSON.stringify({ obis, name, code, hint: hintOf(code) ?? '' })}`
      continue
    }
    const scaler = scalerAt(reading, at)
    const value = decimalText(raw, scaler)
    const primary = factor === 1 || !scaled ? value : factor && productText({ raw, scaler }, factor)
    values += `${values === '' ? '' : ','}${before}${value}","primary":${primary === null ? 'null' : `"${primary}"`}}`
  }
  return `"values":[${values}],"absent":[${missing}]`
}

const SCALED: ReadonlySet<string> = new Set(['kWh', 'kvarh', 'kVAh', 'kW', 'kvar', 'kVA'])
const columnView = (obis: string, name: string, unit: string): ColumnView => ({
  ...{ obis, name, unit, scaled: SCALED.has(unit) },
  before: `${JSON.stringify({ obis, name, unit }).slice(0, -1)},"value":"`,
})
const views = new WeakMap<Shape, readonly ColumnView[]>()

const columnsOf = (shape: Shape): readonly ColumnView[] => {
  let view = views.get(shape)
  if (view === undefined) {
    view = shape.columns.map(({ field, obis, unit }) => {
      const code = obis ?? fullObis(field) ?? field
      return columnView(code, nameOfObis(code).en, unit)
    })
    views.set(shape, view)
  }
  return view
}

/** The first column of an event says that it was, its name what; the others are what the meter said with it. */
const eventColumns = (shape: Shape, code: string): readonly ColumnView[] => {
  const [first, ...others] = columnsOf(shape)
  return first ? [columnView(first.obis, code, first.unit), ...others] : []
}

/** The ratio as a factor: 1 where it changes nothing, null when it is no number. Few ratios exist; each is parsed once. */
const factorOf = (ratio: string): Decimal | 1 | null => {
  let factor = factors.get(ratio)
  if (factor === undefined) {
    const shortest = ratio.includes('.') ? ratio.replace(/\.?0+$/, '') : ratio
    factor = shortest === '1' ? 1 : parseDecimal(shortest)
    if (factors.size < 10_000) factors.set(ratio, factor)
  }
  return factor
}
const factors = new Map<string, Decimal | 1 | null>()

const productText = (value: Decimal, factor: Decimal): string => {
  const { raw, scaler } = multiply(value, factor)
  return decimalText(raw, scaler)
}
