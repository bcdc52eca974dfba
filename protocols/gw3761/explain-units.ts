import type { ExplainedField } from '../../src/core/explained.ts'
import { hexOf } from '../../src/core/hex.ts'
import { wantsPassword } from './aux.ts'
import { identifierText, type Leaves, type Piece, readContent } from './content.ts'
import { timeText } from './formats.ts'
import { type Frame, hexByte } from './frame.ts'
import { ALL_POINTS, readItems, readPoints } from './identifiers.ts'
import { FUNCTIONS } from './seq.ts'
import { FORWARD_BAUDS } from './tables.ts'
import { type DataUnit, type DataUnits, decodeUnits, type Place, type Scale } from './units.ts'

/** A frame of another protocol that is passed through. Offsets count from its first byte. */
export interface InnerFrame {
  readonly leaves: Leaves
  readonly fields: readonly ExplainedField[]
}

interface Options {
  readonly passwords?: boolean
  readonly inner?: (bytes: Uint8Array, passwords: boolean) => InnerFrame | null
}

/** Data begin here in a frame. */
const DATA_AT = 14
const DATA_FORWARDING = 0x10

const two = (value: number): string => String(value).padStart(2, '0')

/** Time of stored data by its name in the vector files. */
const scaleLeaves = (scale: Scale): Leaves => {
  switch (scale.kind) {
    case 'd':
      return { Td_d: scale.day && `${scale.day.year}-${two(scale.day.month)}-${two(scale.day.day)}` }
    case 'm':
      return { Td_m: scale.month && `${scale.month.year}-${two(scale.month.month)}` }
    case 'c': {
      const { start } = scale
      const { year, month, day, hour, minute } = start ?? {}
      const text = start && timeText({ year: year ?? 0, month: month ?? 0, day: day ?? 0, hour: hour ?? 0, minute: minute ?? 0 })
      return { Td_c: { start: text, density: scale.density, points: scale.points } }
    }
    case 'h':
      return { Td_h: { hour: scale.hour, density: scale.density } }
  }
}

const scaleMeaning = (scale: Scale): string => {
  const every = 'minutes' in scale ? (scale.minutes === null ? `density ${scale.density}` : `every ${scale.minutes} min`) : ''
  const leaves = scaleLeaves(scale)
  if (scale.kind === 'd') return `the day that ended ${leaves.Td_d ?? '(no such day)'} 24:00`
  if (scale.kind === 'm') return `the month ${leaves.Td_m ?? '(none such)'}`
  if (scale.kind === 'h') return `hour ${scale.hour ?? '(none such)'}, ${every}`
  return `${scale.points} points, ${every}, from ${scale.start ? timeText(scale.start).slice(0, 16) : '(no such time)'}`
}

const SCALE_NAMES: Readonly<Record<Scale['kind'], string>> = {
  d: 'day of the data (日冻结类数据时标 Td_d)',
  m: 'month of the data (月冻结类数据时标 Td_m)',
  c: 'points of the curve (曲线类数据时标 Td_c)',
  h: 'hour of the data (小时冻结类数据时标 Td_h)',
}

/** Settings of a port as AFN 10 sends them down, in words. */
const serialLeaves = (content: Leaves): Leaves => {
  const number = (name: string): number => (typeof content[name] === 'number' ? content[name] : 0)
  if (!('baud_code' in content)) return {}
  return {
    serial: {
      baud: FORWARD_BAUDS[number('baud_code')] ?? null,
      stop_bits: number('stop_bit'),
      parity: number('parity_on') === 0 ? 'none' : number('parity_odd') === 1 ? 'odd' : 'even',
      data_bits: number('data_bits'),
    },
    packet_timeout_s: number('packet_timeout_unit') === 1 ? number('packet_timeout') : number('packet_timeout') / 100,
    byte_timeout_ms: number('byte_timeout') * 10,
  }
}

/** A unit in words, with every byte of it. */
interface UnitWords {
  readonly leaves: Leaves
  readonly pieces: readonly Piece[]
}

const unitWords = (frame: Frame, unit: DataUnit, options: Options): UnitWords => {
  const { data } = frame
  const { row, scale, at, body, end, layout } = unit
  const head: Leaves = {
    pn: unit.pn === ALL_POINTS ? 'all' : unit.pn,
    fn: unit.fn,
    ...(row && { name: row.en, name_zh: row.zh }),
  }
  const pieces: Piece[] = []
  if (layout && scale && body > at) pieces.push({ at, size: body - at, name: SCALE_NAMES[scale.kind], meaning: scaleMeaning(scale) })
  if (!layout) {
    const why =
      unit.problem === 'GW3761_CONTENT' ? 'shorter or longer than the item is: kept as they came' : 'not in the tables: kept as they came'
    if (end > at) pieces.push({ at, size: end - at, name: `bytes of F${unit.fn}`, meaning: why })
    return { leaves: { ...head, ...rawLeaf(data, at, end, pieces, options) }, pieces }
  }
  const content = readContent(layout, data, body, end, unit.counters)
  const inner = frame.afn === DATA_FORWARDING ? innerFrame(content.pieces.at(-1), content.leaves, data, options) : null
  // Bytes for a meter that nobody could take apart may hold its password.
  const isDark = frame.afn === DATA_FORWARDING && frame.dir === 'down' && !inner
  pieces.push(...content.pieces.slice(0, inner || isDark ? -1 : undefined), ...(inner?.pieces ?? []))
  if (isDark) pieces.push(...content.pieces.slice(-1).map((piece) => ({ ...piece, secret: piece.name.startsWith('bytes for the meter') })))
  const leaves = {
    ...head,
    ...(scale && scaleLeaves(scale)),
    ...content.leaves,
    ...(frame.afn === DATA_FORWARDING && { ...serialLeaves(content.leaves), inner_645: inner?.leaves ?? null }),
    ...rawLeaf(data, at, end, pieces, options),
  }
  return { leaves: options.passwords ? leaves : withoutSecrets(leaves, pieces), pieces }
}

/** Everything behind the identifier, as it came. */
const rawLeaf = (data: Uint8Array, at: number, end: number, pieces: readonly Piece[], options: Options): Leaves => {
  if (end <= at) return {}
  const pairs = Array.from(data.subarray(at, end), hexByte)
  if (!options.passwords) for (const { at: from, size, secret } of pieces) if (secret) pairs.fill('**', from - at, from - at + size)
  return { raw_hex: pairs.join(' ') }
}

/** Names of leaves that hold secrets, and of those that repeat bytes among which a secret may stand. */
const SECRET_NAMES: ReadonlySet<string> = new Set([
  ...['password_hex', 'pw_hex', 'user_hex', 'challenge_hex', 'response_hex', 'random_hex'],
])
const REPEATING_NAMES: ReadonlySet<string> = new Set(['body_hex', 'inner_hex'])

const withoutSecrets = (leaves: Leaves, pieces: readonly Piece[]): Leaves => {
  const hasSecrets = pieces.some(({ secret }) => secret)
  if (!hasSecrets) return leaves
  const clean = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(clean)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [name, SECRET_NAMES.has(name) || REPEATING_NAMES.has(name) ? '**' : clean(one)]),
    )
  }
  return Object.fromEntries(
    Object.entries(leaves).map(([name, value]) => [name, SECRET_NAMES.has(name) || REPEATING_NAMES.has(name) ? '**' : clean(value)]),
  )
}

const innerFrame = (
  piece: Piece | undefined,
  leaves: Leaves,
  data: Uint8Array,
  options: Options,
): { leaves: Leaves; pieces: readonly Piece[] } | null => {
  if (!piece || !options.inner || typeof leaves.inner_hex !== 'string' || piece.size === 0) return null
  const found = options.inner(data.subarray(piece.at, piece.at + piece.size), options.passwords === true)
  if (!found) return null
  return {
    leaves: found.leaves,
    pieces: found.fields.map(({ offset, length, hex, name, meaning }) => ({
      at: piece.at + offset,
      size: length,
      name: `DL/T 645 ${name}`,
      meaning,
      secret: hex.startsWith('**'),
    })),
  }
}

/** What stands behind the units, by name. */
const auxLeaves = (frame: Frame, units: DataUnits, options: Options): Leaves => {
  const { tag, counters, password } = units
  const guarded = frame.dir === 'down' && frame.prm && wantsPassword(frame.afn)
  const aux: Leaves = {
    ...(tag && { tp: { pfc: tag.pfc, sent: tag.text, delay_min: tag.delay } }),
    ...(counters && { ec: { EC1: counters.important, EC2: counters.normal } }),
    ...(password
      ? { pw_hex: options.passwords ? hexOf(frame.data.subarray(password.at, password.at + password.size)) : '**' }
      : guarded && { pw_hex: null }),
  }
  return Object.keys(aux).length > 0 ? { aux } : {}
}

/** What is odd about a frame that is well formed. */
const anomalyOf = (frame: Frame, units: DataUnits): string | null => {
  const odd = [surplusOf(frame, units), passwordOf(frame, units), contentOf(units), headOf(frame, units)].filter((one) => one !== null)
  return odd.length > 0 ? odd.join('; ') : null
}

const surplusOf = (frame: Frame, { surplus, password, units }: DataUnits): string | null => {
  if (!surplus) return null
  const last = units.at(-1)
  const bytes = hexOf(frame.data.subarray(surplus.at, surplus.at + surplus.size))
  const guess = frame.afn === 0x05 && last?.fn === 25 ? ' (keep-power duration of later editions?)' : ''
  const where = password ? 'precedes the password' : 'is left behind the last unit'
  const what = last?.layout?.length === 0 ? `2009 edition lists no data for F${last.fn}` : 'the items end before the frame does'
  return surplus.size === 1
    ? `${what}; a surplus ${bytes} byte${guess} ${where}`
    : `${what}; ${surplus.size} surplus bytes ${bytes} stand there`
}

const passwordOf = (frame: Frame, { password }: DataUnits): string | null => {
  if (password?.size === 2 && frame.protocolId === 2)
    return 'two-byte password though the protocol id says 376.1 (16 bytes): seen in one public code base'
  const isMissing = frame.dir === 'down' && frame.prm && wantsPassword(frame.afn) && !password
  return isMissing ? 'no password where the protocol has one' : null
}

const contentOf = ({ units }: DataUnits): string | null => {
  const broken = units.find(({ problem }) => problem === 'GW3761_CONTENT')
  return broken ? `the content of p${broken.pn} F${broken.fn} does not have the length of its item: kept raw` : null
}

const headOf = (frame: Frame, { ec, tp, tag }: DataUnits): string | null => {
  if (frame.acd && !ec) return 'ACD is set, and no event counters follow'
  if (frame.seq.tpv && !tp) return 'TpV is set, and no time tag follows'
  if (tag && !tag.sent) return 'the time tag holds no such time'
  if (FUNCTIONS[frame.prm ? 'primary' : 'secondary'][frame.function] === undefined)
    return `function code ${frame.function} is not in the protocol`
  return null
}

/** The data of a frame in words: leaves, a word on every byte, and one line. */
export const explainUnits = (
  frame: Frame,
  options: Options,
): { readonly leaves: Leaves; readonly fields: readonly ExplainedField[]; readonly summary: string } => {
  const units = decodeUnits(frame)
  const { data } = frame
  const words = units.units.map((unit) => unitWords(frame, unit, options))
  const pieces: Piece[] = [
    ...units.identifiers.flatMap((at) => identifierPieces(data, at)),
    ...words.flatMap((one) => one.pieces),
    ...place(units.surplus, 'surplus bytes', 'belong to no item'),
    ...place(units.password, 'authentication code (消息认证码 PW)', 'password', true),
    ...(units.ec && units.counters
      ? [
          { at: units.ec.at, size: 1, name: 'important events (重要事件计数器 EC1)', meaning: String(units.counters.important) },
          { at: units.ec.at + 1, size: 1, name: 'normal events (一般事件计数器 EC2)', meaning: String(units.counters.normal) },
        ]
      : []),
    ...(units.tp && units.tag
      ? [
          { at: units.tp.at, size: 1, name: 'frame counter (启动帧帧序号计数器 PFC)', meaning: String(units.tag.pfc) },
          { at: units.tp.at + 1, size: 4, name: 'sent (启动帧发送时标)', meaning: units.tag.text ?? 'no such time' },
          {
            at: units.tp.at + 5,
            size: 1,
            name: 'allowed delay (允许发送传输延时时间)',
            meaning: units.tag.delay === 0 ? 'any' : `${units.tag.delay} min`,
          },
        ]
      : []),
  ]
  const anomaly = anomalyOf(frame, units)
  return {
    leaves: {
      ...auxLeaves(frame, units, options),
      units: words.map((one) => one.leaves),
      ...(units.surplus && { unparsed_hex: hexOf(data.subarray(units.surplus.at, units.surplus.at + units.surplus.size)) }),
      ...(anomaly !== null && { anomaly }),
    },
    fields: pieces.sort((a, b) => a.at - b.at).map((piece) => fieldOf(data, piece, options)),
    summary: summaryOf(units.units),
  }
}

const place = (where: Place | null, name: string, meaning: string, secret = false): readonly Piece[] =>
  where ? [{ ...where, name, meaning, ...(secret && { secret }) }] : []

const identifierPieces = (data: Uint8Array, at: number): readonly Piece[] => {
  const points = readPoints(data[at]!, data[at + 1]!)
  const items = readItems(data[at + 2]!, data[at + 3]!)
  return [
    { at, size: 2, name: 'measuring points (信息点标识 DA)', meaning: identifierText(points, []).replace(/ F\?$/, '') },
    { at: at + 2, size: 2, name: 'items (信息类标识 DT)', meaning: identifierText([], items).replace(/^p\? /, '') },
  ]
}

const fieldOf = (data: Uint8Array, { at, size, name, meaning, secret }: Piece, options: Options): ExplainedField => {
  const isHidden = secret === true && !options.passwords
  return {
    offset: DATA_AT + at,
    length: size,
    hex: isHidden ? Array.from({ length: size }, () => '**').join(' ') : hexOf(data.subarray(at, at + size)),
    name,
    meaning: isHidden ? 'hidden' : meaning,
  }
}

/** Identifiers of a frame on one line; long lists are cut. */
const summaryOf = (units: readonly DataUnit[]): string => {
  const shown = units.slice(0, 4).map(({ pn, fn, row, scale }) => {
    const when = scale
      ? ` ${Object.values(scaleLeaves(scale))
          .map((value) => (typeof value === 'string' ? value : 'curve'))
          .join()}`
      : ''
    return `p${pn === ALL_POINTS ? ' all' : pn} F${fn}${row ? ` ${row.en}` : ''}${when}`
  })
  return units.length > shown.length ? `${shown.join(', ')} and ${units.length - shown.length} more` : shown.join(', ')
}
