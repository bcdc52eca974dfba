import { localTime } from '../calendar.ts'
import { bytesOfHex, hex, type Pen } from './pen.ts'

/** Data of DL/T 698.45 written and skipped. Inside the APDU everything is high byte first. */

export const double = (pen: Pen, value: number): Pen =>
  pen.wordHighFirst(Math.floor(value / 0x1_0000) & 0xffff).wordHighFirst(value & 0xffff)

/** Types a value is written in, with their bytes. */
export const TYPES = {
  'double-long': { tag: 0x05, bytes: 4 },
  'double-long-unsigned': { tag: 0x06, bytes: 4 },
  long: { tag: 0x10, bytes: 2 },
  'long-unsigned': { tag: 0x12, bytes: 2 },
  'long64-unsigned': { tag: 0x15, bytes: 8 },
  unsigned: { tag: 0x11, bytes: 1 },
  enum: { tag: 0x16, bytes: 1 },
} as const
export type TypeName = keyof typeof TYPES

/** A number with its tag; registers wrap, negative numbers are two's complement. */
export const number = (pen: Pen, type: TypeName, raw: number): Pen => {
  const { tag, bytes } = TYPES[type]
  pen.byte(tag)
  const all = BigInt.asUintN(bytes * 8, BigInt(Math.trunc(raw)))
  for (let shift = (bytes - 1) * 8; shift >= 0; shift -= 8) pen.byte(Number((all >> BigInt(shift)) & 0xffn))
  return pen
}

export const length = (pen: Pen, count: number): Pen =>
  count < 0x80 ? pen.byte(count) : count < 0x100 ? pen.byte(0x81).byte(count) : pen.byte(0x82).wordHighFirst(count)

export const octets = (pen: Pen, bytes: ArrayLike<number>): Pen => length(pen.byte(0x09), bytes.length).put(bytes)
export const visible = (pen: Pen, text: string): Pen => length(pen.byte(0x0a), text.length).put(Buffer.from(text, 'latin1'))

/** Seven bytes of a local time: date_time_s. */
export const secondsTime = (pen: Pen, at: number): Pen => {
  const { year, month, day, hour, minute, second } = localTime(at)
  return pen.wordHighFirst(year).byte(month).byte(day).byte(hour).byte(minute).byte(second)
}
/** Ten bytes: date_time; Monday is 1. */
export const longTime = (pen: Pen, at: number): Pen => {
  const { year, month, day, hour, minute, second } = localTime(at)
  const weekday = ((Math.floor(Date.UTC(year, month - 1, day) / 86_400_000) + 3) % 7) + 1
  pen.wordHighFirst(year).byte(month).byte(day).byte(weekday).byte(hour).byte(minute).byte(second)
  return pen.wordHighFirst(((at % 1000) + 1000) % 1000)
}

/** A target address as it stands in MS and PROXY: length, kind, digits. */
export const target = (pen: Pen, address: string): Pen => {
  const bytes = bytesOfHex(address)
  return pen
    .byte(bytes.length + 1)
    .byte(bytes.length - 1)
    .put(bytes)
}

export const oadText = (bytes: Uint8Array, at: number): string => hex(bytes.subarray(at, at + 4))

/** Goes through bytes; past the end everything is 0 and `broken` is set. */
export interface Reader {
  at: number
  broken: boolean
  byte(): number
  word(): number
  oad(): string
  take(count: number): Uint8Array
  /** Address of a target without its tag 55. */
  target(): string
  /** A local time of seven bytes; NaN = not a date. */
  time(): readonly number[]
  /** Steps over one Data and gives its bytes. */
  data(): Uint8Array
}

export const reader = (bytes: Uint8Array, from = 0): Reader => {
  const self: Reader = {
    at: from,
    broken: false,
    byte() {
      const byte = bytes[self.at++]
      if (byte === undefined) self.broken = true
      return byte ?? 0
    },
    word: () => (self.byte() << 8) | self.byte(),
    oad: () => hex(self.take(4)),
    take(count) {
      if (self.at + count > bytes.length) self.broken = true
      const part = bytes.subarray(self.at, self.at + count)
      self.at += count
      return part
    },
    target() {
      const size = self.byte()
      self.byte()
      return hex(self.take(size - 1))
    },
    time: () => [self.word(), self.byte(), self.byte(), self.byte(), self.byte(), self.byte()],
    data() {
      const start = self.at
      skip(self)
      return bytes.subarray(start, self.at)
    },
  }
  return self
}

/** A count or length: one byte, or 81 and one, or 82 and two. */
export const counted = (from: Reader): number => {
  const first = from.byte()
  if (first < 0x80) return first
  return first === 0x81 ? from.byte() : from.word()
}

/** Bytes of types that have a fixed length. */
const FIXED: Readonly<Record<number, number>> = {
  0: 0,
  3: 1,
  5: 4,
  6: 4,
  15: 1,
  16: 2,
  17: 1,
  18: 2,
  20: 8,
  21: 8,
  22: 1,
  23: 4,
  24: 8,
  25: 10,
  26: 5,
  27: 3,
  28: 7,
  80: 2,
  81: 4,
  83: 4,
  84: 3,
  89: 2,
  95: 5,
}

const skip = (from: Reader): void => {
  const tag = from.byte()
  const fixed = FIXED[tag]
  if (fixed !== undefined) from.take(fixed)
  else if (tag === 1 || tag === 2) for (let left = counted(from); left > 0 && !from.broken; left--) skip(from)
  else if (tag === 4) from.take(Math.ceil(counted(from) / 8))
  else if (tag === 9 || tag === 0x0a || tag === 0x0c || tag === 0x55 || tag === 0x56 || tag === 0x57) from.take(counted(from))
  else if (tag === 0x52) {
    from.take(4)
    from.take(4 * counted(from))
  } else if (tag === 0x5b) columnOf(from)
  else if (tag === 0x5c) selectionOf(from)
  else from.broken = true
}

/** One column that was asked for: an object, or objects of a stored record. */
export interface Column698 {
  readonly oad: string
  /** null = not a record. */
  readonly inside: readonly string[] | null
}
export const columnOf = (from: Reader): Column698 => {
  if (from.byte() === 0) return { oad: from.oad(), inside: null }
  const oad = from.oad()
  return { oad, inside: Array.from({ length: Math.min(64, counted(from)) }, () => from.oad()) }
}
export const columnsOf = (from: Reader): Column698[] => Array.from({ length: Math.min(64, counted(from)) }, () => columnOf(from))

export const putColumns = (pen: Pen, columns: readonly Column698[]): Pen => {
  pen.byte(columns.length)
  for (const { oad, inside } of columns) {
    pen.byte(inside ? 1 : 0).put(bytesOfHex(oad))
    if (inside) {
      pen.byte(inside.length)
      for (const one of inside) pen.put(bytesOfHex(one))
    }
  }
  return pen
}

/** Which meters: nobody, all, by address or by archive number. */
export type Meters698 = 'all' | { readonly addresses: readonly string[] } | { readonly numbers: readonly number[] }
export const selectionOf = (from: Reader): Meters698 => {
  const choice = from.byte()
  if (choice === 3) return { addresses: Array.from({ length: Math.min(4096, counted(from)) }, () => from.target()) }
  if (choice === 4) return { numbers: Array.from({ length: Math.min(4096, counted(from)) }, () => from.word()) }
  if (choice === 2) from.take(counted(from))
  return choice === 0 ? { numbers: [] } : 'all'
}
