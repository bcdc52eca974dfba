import { bytesOf } from '../../src/core/hex.ts'
import { absentTime, TIMES, type TimeFormatId, type TimeParts, weekdayOf, writeNumber, writeTime, writeUint } from './formats.ts'
import { writeIdentifier } from './identifiers.ts'
import type { BitsField, Field, Layout, NumberField, TimeField, UintField } from './layout.ts'
import { timesOf } from './raws.ts'

/** What a content is made from: named values, as reading it gives them. */
export type Values = Readonly<Record<string, unknown>>

/**
 * Writes a content from named values: the counterpart of `readContent`. Counts come from the lists they count, or are given; a value that
 * is null is written as fill EE; what was added for people (words, units) is passed over.
 *
 * @param counters  counts that stand in front of it: `points` of a curve's time
 * @throws          an Error that names the place and what is allowed there, when a value is missing or does not fit
 */
export const writeContent = (layout: Layout, values: Values, counters: Readonly<Counts> = {}): Uint8Array => {
  const bytes: number[] = []
  writeAll(layout, values, '', { ...counters }, bytes)
  return Uint8Array.from(bytes)
}

type Counts = Record<string, number>

const wrong = (path: string, wanted: string, got: unknown): never => {
  throw new Error(`${path === '' ? 'value' : path}: wanted ${wanted}, got ${JSON.stringify(got) ?? 'nothing'}`)
}

const writeAll = (layout: Layout, values: Values, path: string, counts: Counts, out: number[]): void => {
  for (const field of layout) writeField(field, layout, values, path, counts, out)
}

const at = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`)

const integer = (value: unknown, path: string): number => {
  const number = typeof value === 'string' && /^0x[0-9a-f]+$/i.test(value) ? Number.parseInt(value, 16) : value
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : wrong(path, 'a whole number', value)
}

const writeField = (field: Field, layout: Layout, values: Values, path: string, counts: Counts, out: number[]): void => {
  switch (field.kind) {
    case 'number':
    case 'uint':
    case 'time':
      writeList(field, values, path, counts, out)
      return
    case 'bits':
      writeBits(field, values, path, out)
      return
    case 'count': {
      const place = at(path, field.name)
      const count = countOf(field.counter, layout, values) ?? integer(values[field.name], place)
      if (count > field.max) wrong(place, `at most ${field.max}`, count)
      counts[field.counter] = count
      out.push(...fitting(() => writeUint(count, field.size), place))
      return
    }
    case 'hex': {
      const place = at(path, field.name)
      const bytes = hexBytes(values[field.name], place)
      const size = typeof field.size === 'number' ? field.size : (counts[field.size] ?? 0)
      if (bytes.length !== size) wrong(place, `${size} bytes in hexadecimal digits`, values[field.name])
      out.push(...bytes)
      return
    }
    case 'digits': {
      const text = values[field.name]
      const digits =
        typeof text === 'string' && /^[0-9A-F]+$/i.test(text) && text.length <= field.size * 2
          ? text
          : wrong(at(path, field.name), `up to ${field.size * 2} digits`, text)
      const padded = digits.padStart(field.size * 2, '0')
      for (let end = padded.length; end > 0; end -= 2) out.push(Number.parseInt(padded.slice(end - 2, end), 16))
      return
    }
    case 'text': {
      const text = values[field.name]
      const place = at(path, field.name)
      const ascii =
        typeof text === 'string' && /^[ -~]*$/.test(text) && text.length <= field.size
          ? text
          : wrong(place, `up to ${field.size} ASCII characters`, text)
      for (let index = 0; index < field.size; index++) out.push(index < ascii.length ? ascii.charCodeAt(index) : 0)
      return
    }
    case 'ip': {
      const text = values[field.name]
      const parts = typeof text === 'string' ? text.split('.') : []
      if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256))
        wrong(at(path, field.name), 'an address like 10.0.0.1', text)
      out.push(...parts.map(Number))
      return
    }
    case 'each':
      writeRecords(field, values, path, counts, out)
      return
    case 'optional':
      if (field.of.some((one) => 'name' in one && values[one.name] != null)) writeAll(field.of, values, path, counts, out)
      return
    case 'identifier':
      out.push(...identifierOf(values, path))
      return
    case 'identifiers': {
      const list = listOf(values[field.name], at(path, field.name))
      for (const [index, one] of list.entries())
        out.push(...identifierOf(record(one, `${at(path, field.name)}[${index}]`), `${at(path, field.name)}[${index}]`))
      return
    }
    case 'rest':
      if (values[field.name] !== undefined) out.push(...hexBytes(values[field.name], at(path, field.name)))
      return
    case 'events':
      for (const [index, one] of listOf(values[field.name], at(path, field.name)).entries()) {
        const place = `${at(path, field.name)}[${index}]`
        const event = record(one, place)
        const body = hexBytes(event.body_hex, `${place}.body_hex`)
        out.push(
          ...fitting(() => writeUint(integer(event.erc, `${place}.erc`), 1), place),
          ...fitting(() => writeUint(body.length, 1), place),
          ...body,
        )
      }
  }
}

/** Runs what throws when a number does not fit, and names the place. */
const fitting = (write: () => Uint8Array, path: string): Uint8Array => {
  try {
    return write()
  } catch (error) {
    throw new Error(`${path}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

const hexBytes = (value: unknown, path: string): Uint8Array =>
  (typeof value === 'string' ? bytesOf(value) : null) ?? wrong(path, 'hexadecimal digits', value)

const record = (value: unknown, path: string): Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value))
    : wrong(path, 'an object', value)

const listOf = (value: unknown, path: string): readonly unknown[] => (Array.isArray(value) ? value : wrong(path, 'a list', value))

/** How many elements the values have of what a count counts; null when no list tells. */
const countOf = (counter: string, layout: Layout, values: Values): number | null => {
  for (const field of layout) {
    if (field.kind === 'each' && field.counter === counter) {
      const list = values[field.columns ? (firstName(field.of) ?? '') : field.name]
      if (Array.isArray(list)) return list.length - field.plus
    }
    if (field.kind === 'identifiers' && field.counter === counter && Array.isArray(values[field.name]))
      return listOf(values[field.name], field.name).length
    if (field.kind === 'hex' && field.size === counter && typeof values[field.name] === 'string')
      return bytesOf(String(values[field.name]))?.length ?? null
    if (
      (field.kind === 'number' || field.kind === 'uint' || field.kind === 'time') &&
      typeof field.times === 'object' &&
      field.times?.counter === counter
    ) {
      const list = values[field.name]
      if (Array.isArray(list)) return list.length - field.times.plus
    }
  }
  return null
}

const firstName = (layout: Layout): string | undefined => layout.flatMap((field) => ('name' in field ? [field.name] : []))[0]

const writeRecords = (field: Extract<Field, { kind: 'each' }>, values: Values, path: string, counts: Counts, out: number[]): void => {
  if (!field.columns) {
    const place = at(path, field.name)
    for (const [index, one] of listOf(values[field.name], place).entries())
      writeAll(field.of, record(one, `${place}[${index}]`), `${place}[${index}]`, counts, out)
    return
  }
  const names = field.of.flatMap((one) => ('name' in one ? [one.name] : []))
  const lists = names.map((name) => listOf(values[name], at(path, name)))
  for (let index = 0; index < (lists[0]?.length ?? 0); index++)
    writeAll(field.of, Object.fromEntries(names.map((name, column) => [name, lists[column]?.[index]])), `${path}[${index}]`, counts, out)
}

const identifierOf = (values: Values, path: string): Uint8Array =>
  fitting(() => writeIdentifier(integer(values.pn, at(path, 'pn')), integer(values.fn, at(path, 'fn'))), path === '' ? 'identifier' : path)

const writeBits = (field: BitsField, values: Values, path: string, out: number[]): void => {
  let word = 0
  for (const { name, from, width, plus } of field.parts) {
    // A part that covers others (the whole flag) is theirs to give.
    if (values[name] === undefined && field.parts.length > 1) continue
    const value = integer(values[name], at(path, name)) - plus
    if (value < 0 || value >= 2 ** width) wrong(at(path, name), `${plus} to ${2 ** width - 1 + plus}`, values[name])
    word = setBits(word, from, width, value)
  }
  out.push(...writeUint(word, field.size))
}

const setBits = (word: number, from: number, width: number, value: number): number => {
  const before = Math.floor(word / 2 ** from) % 2 ** width
  return word + (value - before) * 2 ** from
}

const writeList = (field: NumberField | UintField | TimeField, values: Values, path: string, counts: Counts, out: number[]): void => {
  const place = at(path, field.name)
  if (field.times === null) {
    const value = field.kind === 'time' && field.shape === 'spread' ? values.time : values[field.name]
    out.push(...scalar(field, value, place))
    return
  }
  const list = listOf(values[field.name], place)
  const times = timesOf(field.times, counts)
  if (list.length !== times) wrong(place, `${times} values`, list)
  for (const [index, value] of list.entries()) out.push(...scalar(field, value, `${place}[${index}]`))
}

const scalar = (field: NumberField | UintField | TimeField, value: unknown, path: string): Uint8Array => {
  if (field.kind === 'number') {
    if (value === null) return writeNumber(null, field.format)
    if (typeof value !== 'number') return wrong(path, `a number${field.unit === '' ? '' : ` of ${field.unit}`}, or null`, value)
    const scaled = value * 10 ** -field.format.scaler
    const raw = Math.round(scaled)
    if (Math.abs(scaled - raw) > 1e-6 * Math.max(1, Math.abs(scaled)))
      wrong(path, `at most ${-field.format.scaler} digits behind the point`, value)
    return fitting(() => writeNumber(raw, field.format), path)
  }
  if (field.kind === 'uint') {
    if (value === null && field.fills) return new Uint8Array(field.size).fill(0xee)
    return fitting(() => writeUint(integer(value, path), field.size), path)
  }
  const text = typeof value === 'object' && value !== null && 'time' in value ? value.time : value
  if (text === null) return absentTime(field.format)
  const parts = typeof text === 'string' ? timeOfText(text, field.format) : null
  if (!parts) return wrong(path, `a time like ${EXAMPLES[field.format]}`, value)
  return fitting(() => writeTime(parts, field.format), path)
}

export const EXAMPLES: Readonly<Record<TimeFormatId, string>> = {
  'A.1': '2026-11-22 07:30:00',
  'A.15': '2026-11-22 07:30',
  'A.16': 'day 22 07:30:00',
  'A.17': '11-22 07:30',
  'A.18': 'day 22 07:30',
  'A.19': '07:30',
  'A.20': '2026-11-22',
  'A.21': '2026-11',
  'A.24': 'day 22 07 h',
}

/** Numbers of a time as people read it, in the order in which they stand there. */
const TEXT_ORDER = ['Y', 'M', 'D', 'h', 'm', 's'] as const
const NAMES = { Y: 'year', M: 'month', D: 'day', h: 'hour', m: 'minute', s: 'second' } as const

/** Reads a time as `timeText` writes it. @returns null when it has not exactly the parts of the format */
export const timeOfText = (text: string, format: TimeFormatId): TimeParts | null => {
  const letters = TEXT_ORDER.filter((letter) => TIMES[format].includes(letter) || (letter === 'M' && TIMES[format].includes('W')))
  const numbers = text.match(/\d+/g) ?? []
  if (numbers.length !== letters.length || !/^(?:day )?[\d\-: hT]+$/.test(text)) return null
  const parts: { -readonly [name in keyof TimeParts]: number } = {}
  for (const [index, letter] of letters.entries()) parts[NAMES[letter]] = Number(numbers[index])
  return TIMES[format].includes('W') ? { ...parts, weekday: weekdayOf(parts) } : parts
}
