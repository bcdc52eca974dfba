import { readTime, timeText } from './bcd.ts'
import { BAUD_CODES, RELAY_COMMANDS } from './commands.ts'
import { type Decoded, decodeItem, type FieldValue } from './data.ts'
import { errorNames } from './errors.ts'
import { addressText, CONTROL, diText, type Frame, hexByte, type Variant } from './frame.ts'
import { DI_DIGITS, itemOf } from './items.ts'
import { itemLeaves, type Leaves, spoken, valueLeaves } from './value-leaves.ts'

/** One field inside the data field. */
export interface Piece {
  readonly at: number
  readonly size: number
  readonly name: string
  readonly meaning: string
  /** Password bytes: shown only when asked for. */
  readonly secret?: true
}

/** What a data field says. */
export interface DataExplanation {
  readonly pieces: readonly Piece[]
  readonly leaves: Leaves
}

const NAMES: Readonly<Record<Variant, Readonly<Record<number, string>>>> = {
  2007: {
    3: 'security authentication',
    8: 'broadcast time sync',
    17: 'read data',
    18: 'read follow-up data',
    19: 'read address',
    20: 'write data',
    21: 'write address',
    22: 'freeze',
    23: 'change baud rate',
    24: 'change password',
    25: 'clear demand',
    26: 'clear meter',
    27: 'clear events',
    28: 'relay / alarm / keep-power control',
  },
  1997: {
    1: 'read data',
    2: 'read follow-up data',
    3: 're-read data',
    4: 'write data',
    8: 'broadcast time sync',
    10: 'write address',
    12: 'change baud rate',
    15: 'change password',
    16: 'clear demand',
  },
}

/** The edition a control code belongs to; 08 is the same in both, 03 is told by its data. */
export const variantOf = ({ control, data }: Frame): Variant => {
  const fn = control & CONTROL.function
  if (fn === 0x03) return data.length >= 4 && data[3] === 0x07 ? '2007' : '1997'
  return NAMES['1997'][fn] !== undefined && fn !== 0x08 ? '1997' : '2007'
}

/** What a function is called; `?` for those of no edition. */
export const functionName = (variant: Variant, fn: number): string => NAMES[variant][fn] ?? '?'

const plainHex = (data: Uint8Array, at: number, size: number): string => {
  let text = ''
  for (let index = at; index < Math.min(at + size, data.length); index++) text += (index === at ? '' : ' ') + hexByte(data[index]!)
  return text
}

const timeAt = (data: Uint8Array, at: number, order: 'smhDMY' | 'mhDMY'): string | null => {
  const time = readTime(data, at, order)
  return time && timeText(time)
}

const PASSTHROUGH = 'vendor or security function, payload passed through'
const rest = (data: Uint8Array, from: number, name = 'data'): Piece[] =>
  data.length > from ? [{ at: from, size: data.length - from, name, meaning: `${data.length - from} bytes` }] : []

/** Fields of a decoded answer as pieces, `shift` bytes into the data field. */
const valuePieces = ({ item, groups, labels, points, blocks }: Decoded, shift: number): Piece[] => {
  const one = (field: FieldValue, name: string): Piece => ({ at: shift + field.at, size: field.size, name, meaning: spoken(field) })
  if (item.layout === 'curve') return points.flatMap(({ fields }) => fields.map((field) => one(field, field.label)))
  if (item.layout === 'load-record')
    return blocks.map(({ at, offset, size, error }) => ({
      at: shift + offset,
      size,
      name: 'load-record block',
      meaning: error?.message ?? timeText(at ?? {}),
    }))
  return groups.flatMap((group, index) =>
    group.map((field) => one(field, [labels?.[index], field.label].filter(Boolean).join(' ') || 'value')),
  )
}

const LENGTH_REMARK = ': report a length error, no value'

const itemData = (variant: Variant, data: Uint8Array, from: number, to: number, di: string, partial: boolean): DataExplanation => {
  const item = itemOf(variant, di)
  const body = data.subarray(from, to)
  if (body.length === 0 && partial) return { pieces: [], leaves: {} }
  const decoded = decodeItem(item, body, partial)
  if (decoded.ok) return { pieces: valuePieces(decoded.value, from), leaves: valueLeaves(decoded.value) }
  return {
    pieces: [{ at: from, size: body.length, name: 'value', meaning: decoded.error.message }],
    leaves: { anomaly: decoded.error.message + LENGTH_REMARK, value_error: { code: decoded.error.code, hint: decoded.error.hint } },
  }
}

const identified = (variant: Variant, data: Uint8Array): { piece: Piece; di: string; size: number; leaves: Leaves } | null => {
  const size = DI_DIGITS[variant] / 2
  if (data.length < size) return null
  const di = diText(data, size)
  const item = itemOf(variant, di)
  return { di, size, leaves: itemLeaves(item), piece: { at: 0, size, name: 'data identifier', meaning: `${di} ${item.quantity}` } }
}

const readRequest = (variant: Variant, data: Uint8Array, follow: boolean): DataExplanation => {
  const head = identified(variant, data)
  if (!head) return { pieces: rest(data, 0), leaves: {} }
  const pieces = [head.piece]
  const leaves = { ...head.leaves }
  const at = head.size
  if (follow && data.length === at + 1) {
    pieces.push({ at, size: 1, name: 'sequence', meaning: `part ${data[at]}` })
    leaves.frame_seq = data[at]!
  } else if (!follow && head.di.startsWith('06') && variant === '2007' && data.length > at) {
    pieces.push({ at, size: 1, name: 'blocks wanted', meaning: `${data[at]}` })
    leaves.blocks_wanted = data[at]!
    if (data.length >= at + 6) {
      leaves.from_time = timeAt(data, at + 1, 'mhDMY')
      pieces.push({ at: at + 1, size: 5, name: 'from', meaning: String(leaves.from_time) })
    }
  } else pieces.push(...rest(data, at))
  return { pieces, leaves }
}

const readAnswer = (variant: Variant, data: Uint8Array, follow: boolean, more: boolean): DataExplanation => {
  const head = identified(variant, data)
  if (!head) return { pieces: rest(data, 0), leaves: {} }
  const numbered = follow && variant === '2007' && data.length > head.size
  const to = numbered ? data.length - 1 : data.length
  const value = itemData(variant, data, head.size, to, head.di, follow || more)
  const seq: Piece[] = numbered ? [{ at: to, size: 1, name: 'sequence', meaning: `part ${data[to]}` }] : []
  return {
    pieces: [head.piece, ...value.pieces, ...seq],
    leaves: { ...head.leaves, ...value.leaves, ...(numbered && { frame_seq: data[to]! }) },
  }
}

const PASSWORD_SIZE = 4
const passwordPiece = (at: number, name = 'password'): Piece => ({
  at,
  size: PASSWORD_SIZE,
  name: `${name} (PA P0 P1 P2)`,
  meaning: 'level and password',
  secret: true,
})
const passwordLeaf = (data: Uint8Array, at: number) => ({ level_PA: plainHex(data, at, 1), P0P1P2: plainHex(data, at + 1, 3) })

/** Password and operator code at `at`, when they are there. */
const signed = (data: Uint8Array, at: number): DataExplanation | null =>
  data.length < at + 8
    ? null
    : {
        pieces: [passwordPiece(at), { at: at + 4, size: 4, name: 'operator code', meaning: plainHex(data, at + 4, 4) }],
        leaves: { password: passwordLeaf(data, at), operator_code: plainHex(data, at + 4, 4) },
      }

const both = (...parts: readonly DataExplanation[]): DataExplanation => ({
  pieces: parts.flatMap(({ pieces }) => pieces),
  leaves: Object.assign({}, ...parts.map(({ leaves }) => leaves)),
})

const write = (variant: Variant, data: Uint8Array): DataExplanation => {
  const head = identified(variant, data)
  if (!head) return { pieces: rest(data, 0), leaves: {} }
  const start = { pieces: [head.piece], leaves: head.leaves }
  if (variant === '1997') {
    if (data.length < 6) return both(start, { pieces: rest(data, 2), leaves: {} })
    const secret = { pieces: [passwordPiece(2)], leaves: { password: passwordLeaf(data, 2) } }
    return both(start, secret, itemData(variant, data, 6, data.length, head.di, true))
  }
  const who = signed(data, 4)
  if (!who) return both(start, { pieces: rest(data, 4), leaves: {} })
  return both(
    start,
    who,
    { pieces: [], leaves: { write_data_hex: plainHex(data, 12, data.length) } },
    itemData(variant, data, 12, data.length, head.di, true),
  )
}

const COMMANDS = Object.fromEntries(Object.entries(RELAY_COMMANDS).map(([name, code]) => [code, name]))
const TRIP_VARIANTS = [0x1d, 0x1e, 0x1f]

const relay = (data: Uint8Array): DataExplanation => {
  const who = signed(data, 0)
  if (!who || data.length < 16) return { pieces: rest(data, 0), leaves: {} }
  const code = data[8]!
  const name = COMMANDS[code] ?? (TRIP_VARIANTS.includes(code) ? `trip variant ${hexByte(code)}H` : 'unknown command')
  const until = timeAt(data, 10, 'smhDMY')
  return both(who, {
    pieces: [
      { at: 8, size: 1, name: 'command', meaning: name },
      { at: 9, size: 1, name: 'reserved', meaning: '' },
      { at: 10, size: 6, name: 'valid until', meaning: until ?? 'no date: no limit' },
    ],
    leaves: { command: `0x${hexByte(code)}`, command_name: name, valid_until_plain: plainHex(data, 10, 6), valid_until: until },
  })
}

const FREEZE_PARTS = ['minute', 'hour', 'day', 'month'] as const
const freezeOrder = (data: Uint8Array): DataExplanation => {
  if (data.length < 4) return { pieces: rest(data, 0), leaves: {} }
  const parts = FREEZE_PARTS.map((name, at) => ({ name, text: hexByte(data[at]!), at }))
  const now = parts.every(({ text }) => text === '99')
  return {
    pieces: parts.map(({ name, text, at }) => ({ at, size: 1, name, meaning: text === '99' ? `every ${name}` : text })),
    leaves: {
      freeze_time: parts
        .toReversed()
        .map(({ text }) => text)
        .join(' '),
      freeze_mode: now
        ? 'now'
        : (['hour', 'day', 'month'] as const).reduce<string>(
            (mode, name, at) =>
              parts[at + 1]!.text === '99' && mode === 'yearly' ? { hour: 'hourly', day: 'daily', month: 'monthly' }[name] : mode,
            'yearly',
          ),
    },
  }
}

const baud = (data: Uint8Array): DataExplanation => {
  if (data.length < 1) return { pieces: [], leaves: {} }
  const rate = Object.entries(BAUD_CODES).find(([, code]) => code === data[0])?.[0]
  return {
    pieces: [{ at: 0, size: 1, name: 'baud rate', meaning: rate === undefined ? 'no known speed' : `${rate} baud` }],
    leaves: { baud_code: `0x${hexByte(data[0]!)}`, baud_rate: rate === undefined ? null : Number(rate) },
  }
}

const addressData = (data: Uint8Array, name: string): DataExplanation => {
  if (data.length !== 6) return { pieces: rest(data, 0), leaves: {} }
  const address = addressText(data, 0)
  return { pieces: [{ at: 0, size: 6, name: name.replace('_', ' '), meaning: address }], leaves: { [name]: address } }
}

const password = (variant: Variant, data: Uint8Array, response: boolean): DataExplanation => {
  const at = response || variant === '1997' ? 0 : 4
  if (response && data.length === 4) return { pieces: [passwordPiece(0, 'new password')], leaves: { new_password: passwordLeaf(data, 0) } }
  if (data.length < at + 8)
    return { pieces: data.length > 0 ? [{ at: 0, size: data.length, name: 'passwords', meaning: '', secret: true }] : [], leaves: {} }
  const head = at > 0 ? identified(variant, data) : null
  const start = head ? [{ pieces: [head.piece], leaves: head.leaves }] : []
  return both(...start, {
    pieces: [passwordPiece(at, 'old password'), passwordPiece(at + 4, 'new password')],
    leaves: { password: passwordLeaf(data, at), old_password: passwordLeaf(data, at), new_password: passwordLeaf(data, at + 4) },
  })
}

const clearing = (fn: number, data: Uint8Array): DataExplanation => {
  const who = signed(data, 0)
  if (!who) return { pieces: data.length > 0 ? [{ ...passwordPiece(0), size: data.length }] : [], leaves: {} }
  if (fn !== 0x1b || data.length < 12) return both(who, { pieces: rest(data, 8), leaves: {} })
  const di = diText(data, 4, 8)
  const all = di === 'FFFFFFFF'
  const quantity = all ? 'all events' : itemOf('2007', di).quantity
  return both(who, { pieces: [{ at: 8, size: 4, name: 'events', meaning: `${di} ${quantity}` }], leaves: { di, quantity } })
}

const abnormal = (data: Uint8Array): DataExplanation => {
  if (data.length === 0) return { pieces: [], leaves: {} }
  if (data.length === 2) {
    const serr = `0x${hexByte(data[1]!)}${hexByte(data[0]!)}`
    return { pieces: [{ at: 0, size: 2, name: 'security error word (SERR)', meaning: serr }], leaves: { serr } }
  }
  const errors = errorNames(data[0]!)
  return {
    pieces: [{ at: 0, size: 1, name: 'error byte (ERR)', meaning: errors.join(', ') || 'no bit set' }, ...rest(data, 1)],
    leaves: { error_byte: `0x${hexByte(data[0]!)}`, errors },
  }
}

/** What the data field of a frame says. Never throws, whatever the bytes. */
export const explainData = (frame: Frame): DataExplanation => {
  const { control, data } = frame
  const variant = variantOf(frame)
  const fn = control & CONTROL.function
  const response = (control & CONTROL.response) !== 0
  const more = (control & CONTROL.follow) !== 0
  if (control & CONTROL.abnormal) return abnormal(data)
  if (fn === 0x08 && data.length === 6) {
    const time = timeAt(data, 0, 'smhDMY')
    return { pieces: [{ at: 0, size: 6, name: 'time', meaning: time ?? 'no date or time' }], leaves: { time } }
  }
  const kind = NAMES[variant][fn]
  if (kind === 'read data' || kind === 'read follow-up data') {
    const follow = kind !== 'read data'
    return response ? readAnswer(variant, data, follow, more) : readRequest(variant, data, follow)
  }
  if (kind === 'read address') return addressData(data, 'meter_address')
  if (kind === 'write address') return addressData(data, 'new_address')
  if (kind === 'write data' && !response) return write(variant, data)
  if (kind === 'change password') return password(variant, data, response)
  if (kind === 'change baud rate') return baud(data)
  if (kind === 'freeze' && !response) return freezeOrder(data)
  if (kind?.startsWith('clear') && !response) return variant === '1997' ? { pieces: rest(data, 0), leaves: {} } : clearing(fn, data)
  if (fn === 0x1c && !response) return relay(data)
  const passed = kind === undefined || fn === 0x03
  return { pieces: rest(data, 0), leaves: passed ? { data_kind: PASSTHROUGH } : {} }
}
