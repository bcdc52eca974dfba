import { ok, type Result } from '../../src/core/result.ts'
import { type Dlt645Error, fail } from './errors.ts'

/** One frame (帧): address most significant digit first, data with the 33H offset taken off. */
export interface Frame {
  /** 12 hexadecimal digits, upper case: decimal in a meter address, A in a wildcard. */
  readonly address: string
  readonly control: number
  readonly data: Uint8Array
}

export type Variant = '2007' | '1997'

/** 68H, address 6, 68H, control, length, checksum, 16H. */
export const OVERHEAD = 12
/** Longest data field a meter may send. @source DL/T 645-2007, 5.2 frame format, length L; from one source, not confirmed by captures */
export const MAX_DATA = 200
export const WAKE_UP = 0xfe
/** Broadcast (广播): every meter obeys, none answers. */
export const BROADCAST = '999999999999'
/** Any meter; for a line with one meter on it. */
export const WILDCARD = 'AAAAAAAAAAAA'

/** Bits of the control code. @source DL/T 645-2007, 5.2 frame format, control code C */
export const CONTROL = { response: 0x80, abnormal: 0x40, follow: 0x20, function: 0x1f } as const

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).toUpperCase().padStart(2, '0'))
export const hexByte = (byte: number): string => HEX[byte & 0xff]!

/** Sum of the bytes from `from` up to `to`, modulo 256. */
export const sumOf = (bytes: Uint8Array, from: number, to: number): number => {
  let sum = 0
  for (let at = from; at < to; at++) sum += bytes[at]!
  return sum & 0xff
}

/** Address out of six wire bytes, lowest pair first on the wire. */
export const addressText = (bytes: Uint8Array, at: number): string =>
  HEX[bytes[at + 5]!]! + HEX[bytes[at + 4]!]! + HEX[bytes[at + 3]!]! + HEX[bytes[at + 2]!]! + HEX[bytes[at + 1]!]! + HEX[bytes[at]!]!

/** Whether an answer of `heard` may be meant for `asked`; AA on either side stands for any pair, because simulated meters echo it. */
export const addressMatches = (asked: string, heard: string): boolean => {
  if (asked === heard) return true
  for (let at = 0; at < 12; at += 2) {
    const [a, b] = [asked.slice(at, at + 2), heard.slice(at, at + 2)]
    if (a !== b && a !== 'AA' && b !== 'AA') return false
  }
  return true
}

/**
 * Checks an address as people write it.
 *
 * @param text  12 digits, leading zeros included; a shortened address (缩位寻址) carries AA in front: `AAAAAAAA0042`; `AAAAAAAAAAAA` = any meter
 * @errors      DLT645_ADDRESS
 */
export const parseAddress = (text: string): Result<string, Dlt645Error> => {
  const address = text.trim().toUpperCase()
  if (address === BROADCAST) return fail('DLT645_ADDRESS', 'address 999999999999 is the broadcast address: nobody answers it', { address })
  if (address.length === 12 && /^(?:AA)*\d*$/.test(address)) return ok(address)
  const why = /^\d{1,11}$/.test(address)
    ? `has ${address.length} digits, not 12: write ${address.padStart(12, '0')}, or ${(address.length % 2 ? `0${address}` : address).padStart(12, 'A')} for any meter that ends so`
    : 'is not 12 decimal digits'
  return fail('DLT645_ADDRESS', `address ${JSON.stringify(text)} ${why}`, { address: text })
}

/**
 * Makes a frame ready for the wire.
 *
 * @param frame    data without offset, at most {@link MAX_DATA} bytes
 * @param wakeUps  FEH bytes (前导字节) in front; four is what the standard recommends
 */
export const encodeFrame = (frame: Frame, wakeUps = 4): Uint8Array => {
  const { address, control, data } = frame
  if (!/^[0-9A-F]{12}$/.test(address)) throw new Error(`${address} is no DL/T 645 address`)
  if (data.length > MAX_DATA) throw new Error(`${data.length} data bytes, at most ${MAX_DATA}`)
  const bytes = new Uint8Array(wakeUps + OVERHEAD + data.length).fill(WAKE_UP, 0, wakeUps)
  bytes[wakeUps] = 0x68
  for (let pair = 0; pair < 6; pair++) bytes[wakeUps + 6 - pair] = Number.parseInt(address.slice(pair * 2, pair * 2 + 2), 16)
  bytes[wakeUps + 7] = 0x68
  bytes[wakeUps + 8] = control
  bytes[wakeUps + 9] = data.length
  for (let at = 0; at < data.length; at++) bytes[wakeUps + 10 + at] = (data[at]! + 0x33) & 0xff
  bytes[bytes.length - 2] = sumOf(bytes, wakeUps, bytes.length - 2)
  bytes[bytes.length - 1] = 0x16
  return bytes
}

/**
 * Decodes the frame that starts at `bytes[at]`; wake-up bytes FEH are already dropped. Bytes after the frame are left alone.
 *
 * @param bytes  data field still carrying its 33H offset
 * @errors       DLT645_DELIMITER, DLT645_OVERLONG, DLT645_TRUNCATED, DLT645_CHECKSUM; context.at = offending byte, counted from the first 68H
 * @source       DL/T 645-2007, 5.2 frame format
 */
export const decodeFrame = (bytes: Uint8Array, at = 0, end = bytes.length): Result<Frame, Dlt645Error> => {
  const have = end - at
  // Delimiters before length: a length read out of noise would have us wait for bytes that never come.
  if (have > 0 && bytes[at] !== 0x68) return fail('DLT645_DELIMITER', 'no frame starts at this byte', { at: 0, byte: bytes[at]! })
  if (have > 7 && bytes[at + 7] !== 0x68)
    return fail('DLT645_DELIMITER', `second start byte is ${hexByte(bytes[at + 7]!)}H, not 68H`, { at: 7, byte: bytes[at + 7]! })
  const length = have > 9 ? bytes[at + 9]! : 0
  if (length > MAX_DATA) return fail('DLT645_OVERLONG', `length ${length} is above ${MAX_DATA}`, { at: 9, byte: length })
  const size = OVERHEAD + length
  if (have < size) return fail('DLT645_TRUNCATED', `${have} of ${have > 9 ? size : `at least ${size}`} bytes`, { at: have })
  const last = at + size - 1
  if (bytes[last] !== 0x16)
    return fail('DLT645_DELIMITER', `end byte is ${hexByte(bytes[last]!)}H, not 16H`, { at: size - 1, byte: bytes[last]! })
  const received = bytes[last - 1]!
  const expected = sumOf(bytes, at, last - 1)
  if (received !== expected)
    return fail('DLT645_CHECKSUM', `checksum ${hexByte(received)}H, expected ${hexByte(expected)}H`, { at: size - 2, received, expected })
  const data = new Uint8Array(length)
  for (let index = 0; index < length; index++) data[index] = bytes[at + 10 + index]! - 0x33
  return ok({ address: addressText(bytes, at + 1), control: bytes[at + 8]!, data })
}

/** Data identifier (数据标识) as wire bytes, lowest first: `00010000` is 00 00 01 00. */
export const diBytes = (di: string): Uint8Array => {
  const size = di.length / 2
  const bytes = new Uint8Array(size)
  for (let at = 0; at < size; at++) bytes[size - 1 - at] = Number.parseInt(di.slice(at * 2, at * 2 + 2), 16)
  return bytes
}

/** Data identifier out of wire bytes: four in 2007, two in 1997. */
export const diText = (data: Uint8Array, size: number, at = 0): string => {
  let text = ''
  for (let index = at + size - 1; index >= at; index--) text += HEX[data[index]!]!
  return text
}
