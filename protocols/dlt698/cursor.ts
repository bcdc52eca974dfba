import { hexOf } from '../../src/core/hex.ts'
import { type Dlt698Code, type Dlt698Error, errorOf } from './errors.ts'

/** One piece of an APDU, for a person. */
export interface Note {
  readonly at: number
  readonly to: number
  readonly name: string
  readonly meaning: string
  /** Nobody may see its bytes. */
  readonly isSecret: boolean
}

/**
 * Where a parser stands. A read beyond the end fails the cursor and gives zeros from then on: who reads asks once, at the end, whether all
 * went well, and loops end because counts are never larger than the bytes there are.
 */
export interface Cursor {
  readonly bytes: Uint8Array
  at: number
  readonly end: number
  error: Dlt698Error | null
  /** Arrays and structures around the datum that is read. */
  depth: number
  /** Cells of a ROAD column stand one by one in a row, not in one array. */
  readonly isFlat: boolean
  /** Kept only when a person wants to see them. */
  readonly notes: Note[] | null
}

export const cursorOf = (bytes: Uint8Array, options: { readonly isFlat?: boolean; readonly notes?: boolean } = {}): Cursor => ({
  bytes,
  at: 0,
  end: bytes.length,
  error: null,
  depth: 0,
  isFlat: options.isFlat ?? false,
  notes: options.notes ? [] : null,
})

/** Fails the cursor; the first failure stays. */
export const stop = (c: Cursor, code: Dlt698Code, message: string, at = c.at): void => {
  c.error ??= errorOf(code, message, { at })
  c.at = c.end
}

export const left = (c: Cursor): number => c.end - c.at

const needs = (c: Cursor, bytes: number): boolean => {
  if (c.at + bytes <= c.end) return true
  stop(c, 'DLT698_APDU', `the APDU ends within a field: ${bytes} bytes wanted, ${c.end - c.at} there`)
  return false
}

export const u8 = (c: Cursor): number => (needs(c, 1) ? c.bytes[c.at++]! : 0)

export const u16 = (c: Cursor): number => {
  if (!needs(c, 2)) return 0
  c.at += 2
  return (c.bytes[c.at - 2]! << 8) | c.bytes[c.at - 1]!
}

export const u32 = (c: Cursor): number => {
  if (!needs(c, 4)) return 0
  const { bytes, at } = c
  c.at += 4
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}

export const take = (c: Cursor, size: number): Uint8Array => {
  if (!needs(c, size)) return new Uint8Array(0)
  c.at += size
  return c.bytes.subarray(c.at - size, c.at)
}

const PAIRS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).toUpperCase().padStart(2, '0'))

/** Four bytes as eight digits: object identifiers stand everywhere, so this one is quick. */
export const digits8 = (c: Cursor): string => {
  if (!needs(c, 4)) return ''
  const { bytes, at } = c
  c.at += 4
  return `${PAIRS[bytes[at]!]}${PAIRS[bytes[at + 1]!]}${PAIRS[bytes[at + 2]!]}${PAIRS[bytes[at + 3]!]}`
}

/** Upper-case digits of so many bytes. */
export const hexText = (c: Cursor, size: number, separator = ''): string => hexOf(take(c, size), separator)

/** A length or count: one byte below 80H, else 81H + one byte or 82H + two. */
export const lengthField = (c: Cursor): number => {
  const first = u8(c)
  if (first < 0x80) return first
  if (first === 0x81) return u8(c)
  if (first === 0x82) return u16(c)
  stop(c, 'DLT698_APDU', `${first.toString(16).toUpperCase()}H is no form of a length`, c.at - 1)
  return 0
}

/** A count of things of at least `smallest` bytes each; more than the bytes there are is an error, not a loop. */
export const countField = (c: Cursor, smallest = 1): number => {
  const count = lengthField(c)
  if (count * smallest <= left(c)) return count
  stop(c, 'DLT698_APDU', `${count} elements cannot stand in ${left(c)} bytes`)
  return 0
}

/** Notes a piece for a person; where its meaning takes work, ask first whether notes are kept. */
export const note = (c: Cursor, from: number, name: string, meaning: string): void => {
  if (c.notes !== null && c.at > from) c.notes.push({ at: from, to: c.at, name, meaning, isSecret: false })
}

/** Notes a password that ends here: its tag and length may be seen, its bytes not. */
export const noteSecret = (c: Cursor, from: number, size: number): void => {
  if (c.notes === null) return
  const at = c.at - size
  if (at > from) c.notes.push({ at: from, to: at, name: 'length of the password', meaning: String(size), isSecret: false })
  if (size > 0) c.notes.push({ at, to: c.at, name: 'password', meaning: 'not shown', isSecret: true })
}

/** Reads `count` things; ends early when the cursor failed. */
export const several = <T>(c: Cursor, count: number, one: (c: Cursor) => T): T[] => {
  const out: T[] = []
  for (let index = 0; index < count && c.error === null; index++) out.push(one(c))
  return out
}
