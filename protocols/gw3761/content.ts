import { decimalNumber, decimalText } from '../../src/core/decimal.ts'
import { hexOf } from '../../src/core/hex.ts'
import { errorOf, type Gw3761Error } from './errors.ts'
import { eventOf } from './event-bodies.ts'
import { isFill, readNumber, readTime, readUint, type TimeParts, timeSize, timeText } from './formats.ts'
import { hexByte } from './frame.ts'
import { ALL_POINTS, readItems, readPoints } from './identifiers.ts'
import type { BitsField, Field, Layout, NumberField, TimeField, UintField } from './layout.ts'
import { type Counters, readCount, timesOf } from './raws.ts'
import { pointWord } from './tables-common.ts'

/** Named values of a content as JSON; the names are those of the vector files. */
export type Leaves = Record<string, unknown>

/** A field for a person: where it is and what it says. */
export interface Piece {
  readonly at: number
  readonly size: number
  readonly name: string
  readonly meaning: string
  /** Nobody who only watches may see it. */
  readonly secret?: boolean
}

/** A content read with its layout. */
export interface Content {
  readonly leaves: Leaves
  readonly pieces: readonly Piece[]
  /** Behind the last byte read. */
  readonly end: number
  /** Where it does not fit its layout; what stands before is good. */
  readonly error: Gw3761Error | null
}

interface State {
  readonly bytes: Uint8Array
  readonly limit: number
  readonly counters: Counters
  readonly pieces: Piece[]
  at: number
  error: Gw3761Error | null
}

/**
 * Reads a content for people and programs: named values and a word on every byte.
 *
 * @param counters  counts that stand in front of it: `points` of a curve's time
 * @errors          GW3761_CONTENT
 */
export const readContent = (
  layout: Layout,
  bytes: Uint8Array,
  at = 0,
  limit = bytes.length,
  counters: Readonly<Counters> = {},
): Content => {
  const state: State = { bytes, limit, counters: { ...counters }, pieces: [], at, error: null }
  const leaves: Leaves = {}
  readAll(layout, state, leaves)
  return { leaves, pieces: state.pieces, end: state.at, error: state.error }
}

const readAll = (layout: Layout, state: State, leaves: Leaves): void => {
  for (const [index, field] of layout.entries()) {
    if (state.error) return
    readOne(field, layout, index, state, leaves)
  }
}

/** Takes so many bytes; -1 and an error when they are not there. */
const take = (state: State, size: number, what: string): number => {
  const { at } = state
  if (at + size > state.limit) {
    state.error = errorOf('GW3761_CONTENT', `${what}: ${state.limit - at} of ${size} bytes are there`, { at })
    return -1
  }
  state.at += size
  return at
}

const say = (state: State, at: number, size: number, name: string, meaning: string, secret = false): void => {
  state.pieces.push(secret ? { at, size, name, meaning, secret } : { at, size, name, meaning })
}

const readOne = (field: Field, layout: Layout, index: number, state: State, leaves: Leaves) => {
  const { bytes, counters } = state
  switch (field.kind) {
    case 'number':
    case 'uint':
    case 'time':
      return readList(field, state, leaves)
    case 'count': {
      const value = readCount(field, layout, index, bytes, state.at, state.limit)
      const at = take(state, field.size, field.label)
      if (at < 0) return
      if (Number.isNaN(value)) {
        state.error = errorOf('GW3761_CONTENT', `${field.label} is ${readUint(bytes, at, field.size)}, at most ${field.max}`, { at })
        return
      }
      counters[field.counter] = value
      const filled = field.fills && isFill(bytes, at, field.size)
      leaves[field.name] = filled ? null : value
      return say(state, at, field.size, field.label, filled ? `filled (${hexByte(bytes[at]!)}): no value` : String(value))
    }
    case 'hex': {
      const at = take(state, typeof field.size === 'number' ? field.size : (counters[field.size] ?? 0), field.label)
      if (at < 0) return
      const value = hexOf(bytes.subarray(at, state.at))
      leaves[field.name] = value
      return say(state, at, state.at - at, field.label, value === '' ? 'nothing' : value, field.secret)
    }
    case 'digits': {
      const at = take(state, field.size, field.label)
      if (at < 0) return
      leaves[field.name] = isFill(bytes, at, field.size) ? null : digitsOf(bytes, at, field.size)
      return say(state, at, field.size, field.label, String(leaves[field.name] ?? 'filled: no value'))
    }
    case 'text': {
      const at = take(state, field.size, field.label)
      if (at < 0) return
      leaves[field.name] = textOf(bytes, at, field.size)
      return say(state, at, field.size, field.label, JSON.stringify(leaves[field.name]))
    }
    case 'ip': {
      const at = take(state, 4, field.label)
      if (at < 0) return
      leaves[field.name] = bytes.subarray(at, at + 4).join('.')
      return say(state, at, 4, field.label, String(leaves[field.name]))
    }
    case 'bits':
      return readBits(field, state, leaves)
    case 'each': {
      const list: Leaves[] = []
      const lists: Record<string, unknown[]> = {}
      if (field.columns) for (const name of namesOf(field.of)) leaves[name] = lists[name] = []
      else leaves[field.name] = list
      const times = field.counter === null ? Number.POSITIVE_INFINITY : (counters[field.counter] ?? 0) + field.plus
      for (let done = 0; done < times && !state.error; done++) {
        if (field.counter === null && state.at >= state.limit) break
        const before = state.at
        const one: Leaves = {}
        readAll(field.of, state, one)
        if (!field.columns) list.push(one)
        else for (const [name, value] of Object.entries(one)) lists[name]?.push(value)
        if (state.at === before) break
      }
      return
    }
    case 'optional':
      if (state.limit - state.at >= field.size) readAll(field.of, state, leaves)
      return
    case 'identifier': {
      const at = take(state, 4, field.label)
      if (at < 0) return
      const { points, items } = identifierAt(bytes, at)
      leaves.pn = alone(points.map((pn) => (pn === ALL_POINTS ? 'all' : pn)))
      leaves.fn = alone(items)
      return say(state, at, 4, field.label, identifierText(points, items))
    }
    case 'identifiers': {
      const list: Leaves[] = []
      leaves[field.name] = list
      const times = field.counter === null ? Math.floor((state.limit - state.at) / 4) : (counters[field.counter] ?? 0)
      for (let done = 0; done < times; done++) {
        const at = take(state, 4, field.label)
        if (at < 0) return
        const { points, items } = identifierAt(bytes, at)
        for (const pn of points) for (const fn of items) list.push({ pn: pn === ALL_POINTS ? 'all' : pn, fn })
        say(state, at, 4, field.label, identifierText(points, items))
      }
      return
    }
    case 'events':
      return readEvents(field.name, state, leaves)
    case 'rest': {
      const at = take(state, state.limit - state.at, field.label)
      if (at === state.limit) return
      leaves[field.name] = hexOf(bytes.subarray(at, state.at))
      return say(state, at, state.at - at, field.label, 'kept as it came')
    }
  }
}

/** Names of the fields of a record that become columns. */
const namesOf = (layout: Layout): readonly string[] => layout.flatMap((field) => ('name' in field ? [field.name] : []))

const alone = <T>(list: readonly T[]): T | readonly T[] => {
  const [first] = list
  return list.length === 1 && first !== undefined ? first : list
}

const identifierAt = (bytes: Uint8Array, at: number) => ({
  points: readPoints(bytes[at]!, bytes[at + 1]!),
  items: readItems(bytes[at + 2]!, bytes[at + 3]!),
})

/** An identifier in words: `p9 F161`, `p1,3 F129,130`. */
export const identifierText = (points: readonly number[], items: readonly number[]): string => {
  const pn = points.map((one) => (one === ALL_POINTS ? 'all' : one)).join(',')
  return `p${pn || '?'} F${items.join(',') || '?'}`
}

/** Digits most significant first; what is no digit stays visible as hexadecimal. */
const digitsOf = (bytes: Uint8Array, at: number, size: number): string => {
  let text = ''
  for (let index = at + size - 1; index >= at; index--) text += hexByte(bytes[index]!)
  return text
}

/** ASCII up to the first zero; blanks at the end are dropped, what cannot be printed is shown as a point. */
const textOf = (bytes: Uint8Array, at: number, size: number): string => {
  let text = ''
  for (let index = at; index < at + size && bytes[index] !== 0; index++) {
    const byte = bytes[index]!
    text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : byte === 0xff || byte === 0xee ? '' : '.'
  }
  return text.trimEnd()
}

type ListField = NumberField | UintField | TimeField
interface Scalar {
  readonly value: unknown
  readonly meaning: string
}

const readList = (field: ListField, state: State, leaves: Leaves): void => {
  const size = field.kind === 'number' ? field.format.size : field.kind === 'time' ? timeSize(field.format) : field.size
  const times = timesOf(field.times, state.counters)
  const values: unknown[] = []
  for (let index = 0; index < times; index++) {
    const at = take(state, size, field.label)
    if (at < 0) break
    const { value, meaning } = scalarOf(field, state.bytes, at)
    values.push(value)
    say(state, at, size, field.times === null ? field.label : `${field.label} ${elementName(field, index)}`, meaning)
  }
  if (field.times !== null) leaves[field.name] = values
  else if (values.length > 0) {
    const [value] = values
    if (field.kind === 'time' && field.shape === 'spread' && isRecord(value)) Object.assign(leaves, value)
    else leaves[field.name] = value
  }
  if (field.name === 'values' && field.kind !== 'time' && field.unit !== '') leaves.unit = field.unit
}

const isRecord = (value: unknown): value is Leaves => typeof value === 'object' && value !== null

const elementName = ({ times, each }: ListField, index: number): string => {
  if (each) return each[index] ?? String(index + 1)
  if (typeof times === 'object' && times?.counter === 'tariffs')
    return times.plus === 1 ? (index === 0 ? 'total' : `T${index}`) : `T${index + 1}`
  return `#${index + 1}`
}

const NO_VALUE: Scalar = { value: null, meaning: 'no value' }

const scalarOf = (field: ListField, bytes: Uint8Array, at: number): Scalar => {
  if (field.kind === 'number') {
    const raw = readNumber(bytes, at, field.format)
    if (Number.isNaN(raw)) return { value: null, meaning: absence(bytes, at, field.format.size) }
    const { scaler } = field.format
    return { value: decimalNumber(raw, scaler), meaning: `${decimalText(raw, scaler)}${field.unit && ` ${field.unit}`}` }
  }
  if (field.kind === 'uint') {
    if (field.fills && isFill(bytes, at, field.size)) return { value: null, meaning: absence(bytes, at, field.size) }
    const value = readUint(bytes, at, field.size)
    const shown =
      field.shape === 'hex'
        ? `0x${value
            .toString(16)
            .toUpperCase()
            .padStart(field.size * 2, '0')}`
        : value
    return { value: shown, meaning: [String(shown), field.unit, wordOf(field.words, value)].filter(Boolean).join(' ') }
  }
  const parts = readTime(bytes, at, field.format)
  if (!parts) {
    const nothing = absence(bytes, at, timeSize(field.format))
    return field.shape === 'text' ? { value: null, meaning: nothing } : { value: { time: null, weekday: null }, meaning: nothing }
  }
  const said = timeText(parts)
  return { value: field.shape === 'text' ? said : { time: said, weekday: parts.weekday ?? null }, meaning: said + weekdayWord(parts) }
}

const DAYS = ['', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'] as const
const weekdayWord = ({ weekday }: TimeParts): string => (weekday ? `, ${DAYS[weekday] ?? ''}` : '')

const absence = (bytes: Uint8Array, at: number, size: number): string =>
  isFill(bytes, at, size) ? `filled (${hexByte(bytes[at]!)}): no value` : NO_VALUE.meaning

const wordOf = (words: Readonly<Record<number, string>> | null, value: number): string => {
  const word = words?.[value]
  return word === undefined ? '' : `(${word})`
}

const readBits = (field: BitsField, state: State, leaves: Leaves): void => {
  const at = take(state, field.size, field.label)
  if (at < 0) return
  const word = readUint(state.bytes, at, field.size)
  const said = field.parts.map(({ name, label, from, width, plus, words }) => {
    const value = (Math.floor(word / 2 ** from) % 2 ** width) + plus
    leaves[name] = value
    return [`${label} ${value}`, wordOf(words, value)].filter(Boolean).join(' ')
  })
  say(state, at, field.size, field.label, said.join(', '))
}

/** Event records: ERC, length, body. A body that is not as its ERC has it, or of an ERC nobody knows, keeps its bytes and its time. */
const readEvents = (name: string, state: State, leaves: Leaves): void => {
  const list: Leaves[] = []
  leaves[name] = list
  const { bytes } = state
  while (state.at < state.limit && !state.error) {
    const head = take(state, 2, 'event code and length (事件代码 ERC, 长度 Le)')
    if (head < 0) return
    const [erc, length] = [bytes[head]!, bytes[head + 1]!]
    const event = eventOf(erc)
    say(state, head, 1, 'event code (事件代码 ERC)', `${erc}${event ? `: ${event.en} (${event.zh})` : ': not in the tables'}`)
    say(state, head + 1, 1, 'length of the record (事件记录长度 Le)', `${length} bytes`)
    const body = take(state, length, 'event record (事件记录)')
    if (body < 0) return
    const one: Leaves = { erc, length, body_hex: hexOf(bytes.subarray(body, body + length)) }
    if (event) Object.assign(one, { event: event.en, event_zh: event.zh })
    list.push(one)
    for (const piece of bodyPieces(event?.bodies ?? null, bytes, body, body + length, one)) state.pieces.push(piece)
  }
}

/**
 * Reads a body with the first of its layouts that fits it exactly; else what all events of measuring points begin with, time and point;
 * else its time alone.
 */
const bodyPieces = (bodies: readonly Layout[] | null, bytes: Uint8Array, at: number, end: number, leaves: Leaves): readonly Piece[] => {
  for (const layout of bodies ?? []) {
    const content = readContent(layout, bytes, at, end)
    if (content.error || content.end !== end) continue
    Object.assign(leaves, content.leaves)
    return content.pieces
  }
  const head = bodies?.[0]?.slice(0, 2) ?? []
  if (head[1] === pointWord) {
    const content = readContent(head, bytes, at, end)
    if (!content.error) {
      Object.assign(leaves, content.leaves)
      return [...content.pieces, ...(content.end < end ? [{ at: content.end, size: end - content.end, ...KEPT }] : [])]
    }
  }
  const size = timeSize('A.15')
  if (end - at < size) return end > at ? [{ at, size: end - at, ...KEPT }] : []
  const begins = readTime(bytes, at, 'A.15')
  leaves.time = begins && timeText(begins)
  return [
    { at, size, name: 'time of the event (发生时间)', meaning: begins ? timeText(begins) : 'no value' },
    ...(end - at > size ? [{ at: at + size, size: end - at - size, ...KEPT }] : []),
  ]
}

const KEPT = { name: 'body of the record', meaning: 'kept as it came' } as const
