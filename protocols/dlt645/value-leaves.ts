import type { MeterTime } from '../../src/core/adapter.ts'
import { decimalNumber, decimalText } from '../../src/core/decimal.ts'
import { timeText } from './bcd.ts'
import type { CurvePoint, Decoded, FieldValue } from './data.ts'
import type { Item } from './item.ts'
import { LOAD_CLASSES } from './load-items.ts'
import type { LoadBlock } from './load-record.ts'
import { statusFlags } from './status.ts'

/** What is known about a frame, by name; the names are those of the vector files. */
export type Leaves = Record<string, unknown>

/** A field as JSON: a number in its unit, text, or null where the meter has no value. */
export const plain = (field: FieldValue | undefined): number | string | null => {
  if (!field || field.error) return null
  if (field.format.kind === 'number' && field.raw !== null) return decimalNumber(field.raw, field.format.scaler)
  return field.text
}

/** A field for a person: `1234.56 kWh`, `2015-10-09 00:00`, or why there is nothing. */
export const spoken = (field: FieldValue): string => {
  if (field.error) return field.error.message
  if (field.format.kind !== 'number' || field.raw === null) return field.text ?? ''
  const unit = field.format.unit ?? ''
  return `${decimalText(field.raw, field.format.scaler)}${unit && ' '}${unit}`
}

const unitOf = (field: FieldValue | undefined): string | null => (field?.format.kind === 'number' ? field.format.unit : null)
const withUnit = (field: FieldValue | undefined): Leaves => {
  const unit = unitOf(field)
  return unit === null ? {} : { unit }
}
const key = (label: string): string => label.toLowerCase().replaceAll(/[^a-z0-9]+/g, '_')

/** What an identifier says by itself, asked or answered. */
export const itemLeaves = (item: Item): Leaves => ({
  di: item.di,
  quantity: item.quantity,
  ...(item.zh !== '' && { quantity_zh: item.zh }),
  ...(item.settlement !== null && { settlement: item.settlement }),
  ...(item.tariff !== null && { tariff: item.tariff }),
  ...(item.phase !== null && { phase: item.phase }),
  ...(item.obis !== null && { obis: item.obis }),
})

const errorsOf = (fields: readonly FieldValue[]): Leaves => {
  const errors = fields.flatMap(({ error }) => (error ? [error.message] : []))
  return errors.length > 0 ? { absent: errors } : {}
}

const single = (field: FieldValue): Leaves => {
  const weekday = field.time?.weekday
  const flags = field.format.kind === 'word' && field.raw !== null ? { flags: statusFlags(field.format.word, field.raw) } : {}
  return { value: plain(field), ...withUnit(field), ...(weekday !== undefined && { weekday }), ...flags, ...errorsOf([field]) }
}

const record = (fields: readonly FieldValue[]): Leaves => {
  const named = Object.fromEntries(fields.map((field) => [key(field.label), plain(field)]))
  const flags = fields.flatMap(({ label, format, raw }) =>
    format.kind === 'word' && raw !== null ? [[label, statusFlags(format.word, raw)] as const] : [],
  )
  const units = fields.map(unitOf)
  const same = units.every((unit) => unit === units[0]) && units[0] != null ? { unit: units[0] } : {}
  return {
    values: fields.map(plain),
    labels: fields.map(({ label }) => label),
    ...same,
    ...named,
    ...(flags.length > 0 && { flags: Object.fromEntries(flags) }),
    ...errorsOf(fields),
  }
}

const minuteText = ({ year, month, day, hour, minute }: MeterTime): string => timeText({ year, month, day, hour, minute })

const curve = (points: readonly CurvePoint[]): Leaves => {
  const one = ({ at, fields }: CurvePoint): Leaves => ({
    point_time: at && minuteText(at),
    ...(fields.length === 1 ? { value: plain(fields[0]) } : { values: fields.map(plain), labels: fields.map(({ label }) => label) }),
    ...withUnit(fields[0]),
    ...errorsOf(fields),
  })
  const first = points[0]
  if (!first) return { points: [] }
  return points.length === 1 ? one(first) : { ...one(first), points: points.map(one) }
}

const load = (blocks: readonly LoadBlock[]): Leaves => ({
  blocks: blocks.map(({ at, groups, error }) => {
    if (error || !at) return { time: null, error: error?.message ?? 'no time' }
    const named = groups.flatMap((values, index) =>
      (values ?? []).map((raw, place) => {
        const field = LOAD_CLASSES[index]!.fields[place]!
        return [key(field.label), Number.isNaN(raw) ? null : decimalNumber(raw, field.format.scaler)] as const
      }),
    )
    return { time: minuteText(at), ...Object.fromEntries(named) }
  }),
})

/** Values of a decoded answer by name. */
export const valueLeaves = ({ item, groups, labels, blockEnd, points, blocks }: Decoded): Leaves => {
  if (item.layout === 'curve') return curve(points)
  if (item.layout === 'load-record') return load(blocks)
  if (labels) {
    const seconds = groups.map((group) => group[1])
    return {
      values: groups.map((group) => plain(group[0])),
      labels,
      ...withUnit(groups[0]?.[0]),
      ...(seconds[0] && { times: seconds.map(plain) }),
      ...(blockEnd && { block_end: '0xAA' }),
      ...errorsOf(groups.flat()),
    }
  }
  const fields = groups[0] ?? []
  const [first, second] = fields
  if (!first) return {}
  // A demand and its time, or one value; records name their fields.
  if (first.label === '') return { ...single(first), ...(second && { [key(second.label)]: plain(second) }) }
  if (fields.length === 1) return { ...single(first) }
  return record(fields)
}
