import type { GatewayError, Raw } from '../../src/core/index.ts'
import {
  bcdOf,
  byteOffsets,
  decimalOf32,
  decimalOf64,
  doubleOfBits,
  floatOfBits,
  type RegisterType,
  signed64,
  TYPE_LENGTH,
  unsigned64,
} from './data.ts'
import { errorOf, type ModbusErrorCode } from './errors.ts'
import type { Block } from './planner.ts'
import type { ValueItem } from './select.ts'

/**
 * A block with its decoding worked out: for each value an operation and the places of its bytes in the answer. The arrays run side by
 * side, so that a poll makes no object per value.
 */
export interface CompiledBlock extends Block<ValueItem> {
  /** Registers to ask for. */
  readonly quantity: number
  /** Data bytes of a whole answer. */
  readonly byteCount: number
  readonly ops: Uint8Array
  /** Eight places a value, most significant byte first, counted from the function code. */
  readonly places: Uint16Array
  readonly targets: Uint16Array
  /** Exponents to add for values that bring their own. */
  readonly exponents: Int16Array
  /** Place of the scale factor register, 0 = none. */
  readonly factors: Uint16Array
  readonly absentRaws: readonly (readonly Raw[] | null)[]
  readonly errors: Map<string, GatewayError>
}

const OPS = { u16: 0, i16: 1, u32: 2, i32: 3, f32: 4, u64: 5, i64: 6, f64: 7, bit: 8, bcd16: 9, bcd32: 10 } as const satisfies Record<
  Exclude<RegisterType, 'string'>,
  number
>
/** Operation of a bit: this plus its number. */
const BIT = 16

export const compileBlock = (block: Block<ValueItem>): CompiledBlock => {
  const { items, start, end } = block
  const count = items.length
  const places = new Uint16Array(count * 8)
  for (const [at, { register, order }] of items.entries()) {
    const first = 2 + 2 * (register.address - start)
    places.set(
      byteOffsets(TYPE_LENGTH[register.type], order).map((offset) => first + offset),
      at * 8,
    )
  }
  return {
    ...block,
    quantity: end - start,
    byteCount: 2 * (end - start),
    ops: Uint8Array.from(items, ({ register: { type, bit } }) => (type === 'bit' ? BIT + (bit ?? 0) : type === 'string' ? 0 : OPS[type])),
    places,
    targets: Uint16Array.from(items, ({ index }) => index),
    exponents: Int16Array.from(items, ({ exponent }) => exponent),
    factors: Uint16Array.from(items, ({ register: { scaleFactor } }) => (scaleFactor === undefined ? 0 : 2 + 2 * (scaleFactor - start))),
    absentRaws: items.map(({ absentRaws }) => (absentRaws.length > 0 ? absentRaws : null)),
    errors: new Map(),
  }
}

/**
 * Decodes an answer into `raws` (and `scalers`, for values that bring their own exponent).
 *
 * @param pdu  function, byte count and `2 × quantity` bytes: the judge has checked that
 * @returns    why values are absent, by their position in the plan; null when none is
 */
export const decodeBlock = (
  block: CompiledBlock,
  pdu: Uint8Array,
  raws: (Raw | null)[],
  scalers: number[] | null,
): Map<number, GatewayError> | null => {
  const { ops, places, targets } = block
  let absent: Map<number, GatewayError> | null = null
  for (let at = 0, p = 0; at < ops.length; at++, p += 8) {
    const op = ops[at]!
    const target = targets[at]!
    let raw: Raw | null = null
    const high = (pdu[places[p]!]! << 8) | pdu[places[p + 1]!]!
    if (op === 0) raw = high
    else if (op === 1) raw = (high << 16) >> 16
    else if (op >= BIT) raw = (high >>> (op - BIT)) & 1
    else if (op === 9) raw = bcdOf(high, 4)
    else {
      const low = (high << 16) | (pdu[places[p + 2]!]! << 8) | pdu[places[p + 3]!]!
      if (op === 2) raw = low >>> 0
      else if (op === 3) raw = low
      else if (op === 10) raw = bcdOf(low, 8)
      else {
        const float =
          op === 4 ? decimalOf32(floatOfBits(low)) : op === 7 ? decimalOf64(doubleOfBits(low >>> 0, low32(pdu, places, p + 4))) : null
        if (float !== null) {
          raw = float.raw
          scalers![target] = float.scaler + block.exponents[at]!
          const none = block.absentRaws[at]
          if (float.scaler === 0 && none?.includes(raw)) raw = null
        } else if (op === 5) raw = unsigned64(low >>> 0, low32(pdu, places, p + 4))
        else if (op === 6) raw = signed64(low >>> 0, low32(pdu, places, p + 4))
      }
    }
    if (raw !== null) {
      const none = block.absentRaws[at]!
      if (none !== null && op !== 4 && op !== 7 && none.includes(raw)) raw = null
    }
    raws[target] = raw
    if (raw === null) {
      absent ??= new Map()
      absent.set(target, absenceOf(block, at))
      if (scalers !== null) scalers[target] = 0
      continue
    }
    const place = block.factors[at]!
    if (place === 0) continue
    const factor = (((pdu[place]! << 8) | pdu[place + 1]!) << 16) >> 16
    if (factor < -10 || factor > 10) {
      raws[target] = null
      absent ??= new Map()
      absent.set(target, errorAt(block, at, 'MODBUS_SCALE_FACTOR', `scale factor ${factor} is no exponent from -10 to 10`))
    } else scalers![target] = factor + block.exponents[at]!
  }
  return absent
}

const low32 = (pdu: Uint8Array, places: Uint16Array, p: number): number =>
  ((pdu[places[p]!]! << 24) | (pdu[places[p + 1]!]! << 16) | (pdu[places[p + 2]!]! << 8) | pdu[places[p + 3]!]!) >>> 0

/** Why a value that was answered is no number: it depends on the type alone, apart from the patterns of the profile. */
const absenceOf = (block: CompiledBlock, at: number): GatewayError => {
  const { type } = block.items[at]!.register
  if (type === 'bcd16' || type === 'bcd32') return errorAt(block, at, 'MODBUS_BCD', 'a digit above 9')
  if ((type === 'f32' || type === 'f64') && block.absentRaws[at] === null) return errorAt(block, at, 'MODBUS_NOT_FINITE', 'NaN or infinity')
  return errorAt(block, at, 'MODBUS_NOT_AVAILABLE', 'the device marks this value as not available')
}

/** Errors are made once per value and code: a meter without a quantity says so at every poll. */
const errorAt = (block: CompiledBlock, at: number, code: ModbusErrorCode, message: string): GatewayError => {
  const key = `${at}:${message}`
  let error = block.errors.get(key)
  if (error === undefined) {
    const { register, obis } = block.items[at]!
    error = errorOf(code, `${register.addressHex} ${register.description}: ${message}`, {
      obis,
      address: register.address,
      function: register.function,
    })
    block.errors.set(key, error)
  }
  return error
}
