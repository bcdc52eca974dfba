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

/** What stands before the value of a column, made once for each shape. */
const prefixes = new WeakMap<readonly ColumnView[], readonly string[]>()
const prefixesOf = (columns: readonly ColumnView[]): readonly string[] => {
  let known = prefixes.get(columns)
  if (known === undefined) {
    known = columns.map(({ obis, name, unit }) => `${JSON.stringify({ obis, name, unit }).slice(0, -1)},"value":"`)
    prefixes.set(columns, known)
  }
  return known
}

/** The same as JSON text, made in one go: of twenty thousand meters nothing stands in memory but what is being sent. */
export const readingText = (reading: Reading, { wanted, hintOf }: ReadingView): string => {
  const { series, shape, raws, ratio, absent, quality, measuredAt, receivedAt } = reading
  const { tags, measurement } = series
  const columns = measurement === 'event' ? eventColumns(shape, tags.code ?? '-') : columnsOf(shape)
  const factor = measurement === 'register' ? factorOf(ratio) : 1
  const before = prefixesOf(columns)
  let values = ''
  let missing = ''
  for (let at = 0; at < columns.length; at++) {
    const { obis, name, scaled } = columns[at]!
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
    values += `${values === '' ? '' : ','}${before[at]}${value}","primary":${primary === null ? 'null' : `"${primary}"`}}`
  }
  const head = JSON.stringify({ point: tags.point ?? '-', meter: tags.meter ?? '-', measurement, source: tags.source ?? '-' }).slice(0, -1)
  const times = `"measuredAt":"${new Date(measuredAt).toISOString()}","receivedAt":"${new Date(receivedAt).toISOString()}"`
  const names = quality === 0 ? '["good"]' : JSON.stringify(qualityNames(quality))
  return `${head},${times},"ratio":${JSON.stringify(ratio)},"quality":${names},"values":[${values}],"absent":[${missing}]}`
}

/** Texts of readings that are asked for again and again, for as long as they are the newest. */
const texts = new WeakMap<Reading, { readonly key: string; readonly text: string }>()
/** Longer ones are made anew: of a site they would be tens of megabytes. */
const MOST_KEPT = 700

/** {@link readingText}, kept as long as the reading is and the same registers are asked for. */
export const keptTexts = (view: ReadingView): ((reading: Reading) => string) => {
  const key = view.wanted === null ? '' : [...view.wanted].join()
  return (reading) => {
    const known = texts.get(reading)
    if (known?.key === key) return known.text
    const text = readingText(reading, view)
    if (text.length <= MOST_KEPT) texts.set(reading, { key, text })
    return text
  }
}

const SCALED: ReadonlySet<string> = new Set(['kWh', 'kvarh', 'kVAh', 'kW', 'kvar', 'kVA'])
const views = new WeakMap<Shape, readonly ColumnView[]>()

const columnsOf = (shape: Shape): readonly ColumnView[] => {
  let view = views.get(shape)
  if (view === undefined) {
    view = shape.columns.map(({ field, obis, unit }) => {
      const code = obis ?? fullObis(field) ?? field
      return { obis: code, name: nameOfObis(code).en, unit, scaled: SCALED.has(unit) }
    })
    views.set(shape, view)
  }
  return view
}

/** The first column of an event says that it was, its name what; the others are what the meter said with it. */
const eventColumns = (shape: Shape, code: string): readonly ColumnView[] => {
  const [first, ...others] = columnsOf(shape)
  return first ? [{ ...first, name: code }, ...others] : []
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
