import { decimalText } from '../../src/core/decimal.ts'
import { ok, type Result } from '../../src/core/result.ts'
import type { TerminalItem, TerminalQuestion } from '../../src/core/terminal.ts'
import { askOne, rawOfUnit } from './acts.ts'
import { AFN, type Manner, type Talk } from './ask.ts'
import { type Leaves, readContent } from './content.ts'
import { type Values, writeContent } from './content-write.ts'
import { densityCode, writeTime } from './formats.ts'
import { concat, type GatheredUnit } from './gather.ts'
import { MAX_FN, MAX_PN, writeIdentifier } from './identifiers.ts'
import type { Field, Layout } from './layout.ts'
import type { FnRow } from './rows.ts'
import { rowOf } from './tables.ts'
import { refuse } from './talk-errors.ts'

/** AFNs that only read. */
const READABLE: ReadonlySet<number> = new Set([AFN.configuration, AFN.query, AFN.now, AFN.past, AFN.events])
const ALLOWED = '09, 0A, 0C, 0D or 0E and an item: 0C F25, 0D F161'

interface Item {
  readonly afn: number
  readonly fn: number
  readonly row: FnRow
  readonly text: string
}

const itemOf = (text: string): Result<Item> => {
  const match = /^\s*([0-9A-Fa-f]{2})\s*[Ff](\d{1,3})\s*$/.exec(text)
  const [afn, fn] = [Number.parseInt(match?.[1] ?? '', 16), Number(match?.[2])]
  if (!match || !READABLE.has(afn) || !(fn >= 1 && fn <= MAX_FN))
    return refuse('GW3761_PARAMETER', `${JSON.stringify(text)} cannot be asked for: wanted AFN ${ALLOWED}`, {})
  const name = `${match[1]?.toUpperCase()} F${fn}`
  const row = rowOf(afn, fn)
  return row
    ? ok({ afn, fn, row, text: name })
    : refuse('GW3761_PARAMETER', `the tables do not know ${name}, so nobody knows what it is asked with`, {})
}

/** What is named behind an identifier when only the item is given: one archive number, the power line's port, the newest event. */
const USUAL: Readonly<Record<string, Values>> = {
  '0A F10': { count: 1, sequence_numbers: [1] },
  '0A F33': { ports: [31] },
  '0A F38': { big_class: 5, small_classes: [0] },
  '0A F39': { big_class: 5, small_classes: [0] },
  '0E F1': { Pm: 0, Pn: 1 },
  '0E F2': { Pm: 0, Pn: 1 },
}

/** Time and names behind the identifier. @errors GW3761_PARAMETER */
const behind = ({ row, text }: Item, { at, points, minutes }: TerminalQuestion): Result<Uint8Array> => {
  const pieces: Uint8Array[] = []
  if (row.scale && row.scale !== 'h') {
    if (!at)
      return refuse(
        'GW3761_PARAMETER',
        `${text} is asked for by its ${row.scale === 'd' ? 'day' : row.scale === 'm' ? 'month' : 'first point'}`,
        {},
      )
    if (at.year < 2000 || at.year > 2099) return refuse('GW3761_PARAMETER', `the protocol has no year ${at.year}`, {})
    if (row.scale === 'd') pieces.push(writeTime(at, 'A.20'))
    else if (row.scale === 'm') pieces.push(writeTime(at, 'A.21'))
    else {
      const density = densityCode(minutes ?? 15)
      const count = points ?? 1
      if (density === null) return refuse('GW3761_PARAMETER', `curves of ${minutes} minutes cannot be asked for: 1, 5, 15, 30, 60`, {})
      if (!(Number.isInteger(count) && count >= 1 && count <= 255))
        return refuse('GW3761_PARAMETER', `${count} points: 1 to 255 can be asked for`, {})
      pieces.push(writeTime(at, 'A.15'), Uint8Array.of(density, count))
    }
  }
  if (row.ask.length > 0) pieces.push(writeContent(row.ask, USUAL[text] ?? {}))
  return ok(concat(pieces))
}

/** Asks for one item by its name and gives what came, taken apart as far as the tables go. */
export function* query(manner: Manner, question: TerminalQuestion): Talk<readonly TerminalItem[]> {
  const { terminal } = manner
  const item = itemOf(question.item)
  if (!item.ok) return item
  const { afn, fn } = item.value
  const pn = question.meter ? question.meter.pn : 0
  if (pn === null || !Number.isInteger(pn) || pn < 0 || pn > MAX_PN)
    return refuse('GW3761_POINT', `${question.meter?.id ?? terminal}: its measuring point is not known`, { terminal })
  const more = behind(item.value, question)
  if (!more.ok) return more
  const data = concat([writeIdentifier(pn, fn), more.value])
  const found = yield* askOne(manner, { afn, data, reach: afn === AFN.now && pn > 0 ? 'field' : 'terminal' }, pn, fn, item.value.text)
  return found.ok ? ok([itemFrom(item.value, found.value)]) : found
}

const itemFrom = ({ text, row }: Item, found: GatheredUnit): TerminalItem => {
  const { unit, frame } = found
  const facts: TerminalItem['facts'][number][] = []
  const { scale } = unit
  if (scale?.kind === 'c')
    facts.push(
      { name: 'points', value: String(scale.points), unit: '' },
      { name: 'minutes', value: scale.minutes === null ? null : String(scale.minutes), unit: 'min' },
    )
  if (unit.layout) {
    const { leaves } = readContent(unit.layout, frame.data, unit.body, unit.end, unit.counters)
    const layout: Layout = unit.layout
    facts.push(...factsOf(leaves, layout))
  }
  return {
    item: text,
    label: { en: row.en, zh: row.zh },
    meter: unit.pn > 0 ? { pn: unit.pn } : null,
    facts,
    raw: rawOfUnit(found),
  }
}

const fieldNamed = (layout: Layout, name: string): Field | null => {
  for (const field of layout) {
    if ('name' in field && field.name === name) return field
    if (field.kind === 'each' || field.kind === 'optional') {
      const inside = fieldNamed(field.of, name)
      if (inside) return inside
    }
  }
  return null
}

/** Named values flat, lists by their places; what is secret is left out. */
const factsOf = (leaves: Leaves, layout: Layout, path = ''): TerminalItem['facts'][number][] =>
  Object.entries(leaves).flatMap(([name, value]) => {
    const field = fieldNamed(layout, name)
    if ((field?.kind === 'hex' && field.secret) || name === 'pw_hex') return []
    if (name === 'unit' && field === null) return []
    return flat(value, path + name, field, layout)
  })

const isLeaves = (value: unknown): value is Leaves => typeof value === 'object' && value !== null && !Array.isArray(value)

const flat = (value: unknown, name: string, field: Field | null, layout: Layout): TerminalItem['facts'][number][] => {
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value
    return items.flatMap((one, at) => flat(one, `${name}[${at}]`, field, layout))
  }
  if (isLeaves(value)) return factsOf(value, field?.kind === 'each' ? field.of : layout, `${name}.`)
  const unit = field?.kind === 'number' || field?.kind === 'uint' ? field.unit : ''
  if (value === null || value === undefined) return [{ name, value: null, unit }]
  if (field?.kind === 'number' && typeof value === 'number') {
    const { scaler } = field.format
    return [{ name, value: decimalText(Math.round(value * 10 ** -scaler), scaler), unit }]
  }
  return [{ name, value: String(value), unit }]
}
