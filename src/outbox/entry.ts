import { crc32 } from 'node:zlib'

/**
 * A chunk is what one commit adds: a head and up to {@link MAX_ENTRIES} entries, each with its own checksum, so that a damaged
 * one is set aside alone. All numbers are little-endian.
 *
 * head  = magic u32, first position f64, count u32, words u32, length of the chunk u32, CRC-32 of these u32
 * entry = marker u16, CRC-32 of the rest u32, index u16, length u32, packed reading (core/row.ts)
 */
export const HEAD = 28
export const ENTRY_HEAD = 12
export const MAX_ENTRIES = 1000
export const MAX_BYTES = 1 << 20
export const MAGIC = Uint8Array.of(0x47, 0x54, 0x63, 0x31) // GTc1
const MARKER = 0xa55a

export interface ChunkHead {
  /** Position of entry 0; entry n has first + n. */
  readonly first: number
  readonly count: number
  /** Words of the dictionary when it was written: none of its entries uses a number at or above. */
  readonly words: number
  readonly length: number
}

/** Writes an entry's index and length in front of `length` bytes that are already there; the checksum comes with {@link seal}. */
export const frameEntry = (chunk: Uint8Array, at: number, index: number, length: number): void => {
  chunk[at] = MARKER & 0xff
  chunk[at + 1] = MARKER >> 8
  chunk[at + 6] = index
  chunk[at + 7] = index >> 8
  chunk[at + 8] = length
  chunk[at + 9] = length >> 8
  chunk[at + 10] = length >> 16
  chunk[at + 11] = length >> 24
}

/** Fills in the head and every checksum. */
export const seal = (chunk: Uint8Array, head: Omit<ChunkHead, 'length'>): void => {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length)
  for (let at = HEAD; at < chunk.length; ) {
    const end = at + ENTRY_HEAD + view.getUint32(at + 8, true)
    view.setUint32(at + 2, crc32(chunk.subarray(at + 6, end)), true)
    at = end
  }
  chunk.set(MAGIC, 0)
  view.setFloat64(4, head.first, true)
  view.setUint32(12, head.count, true)
  view.setUint32(16, head.words, true)
  view.setUint32(20, chunk.length, true)
  view.setUint32(24, crc32(chunk.subarray(0, 24)), true)
}

/** The head, or null when it is not one or its checksum says no. */
export const readHead = (chunk: Uint8Array): ChunkHead | null => {
  if (chunk.length < HEAD || !MAGIC.every((byte, at) => chunk[at] === byte)) return null
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length)
  if (view.getUint32(24, true) !== crc32(chunk.subarray(0, 24))) return null
  return {
    first: view.getFloat64(4, true),
    count: view.getUint32(12, true),
    words: view.getUint32(16, true),
    length: view.getUint32(20, true),
  }
}

/** What a chunk still holds: readable entries as (index, start, end) triples, and what is missing between them. */
export interface Scan {
  readonly entries: number[]
  readonly damage: { readonly index: number; readonly count: number; readonly start: number; readonly end: number }[]
}

/**
 * Walks a chunk. Where an entry cannot be read, the next one is looked for byte by byte; marker, index, length and checksum must
 * all agree, so nothing is made up.
 *
 * @param count  entries that ought to be there
 */
export const scan = (chunk: Uint8Array, count: number): Scan => {
  const entries: number[] = []
  const damage: { index: number; count: number; start: number; end: number }[] = []
  let next = 0
  let sound = HEAD
  for (let at = HEAD; at + ENTRY_HEAD <= chunk.length && next < count; ) {
    const found = entryAt(chunk, at)
    if (!found || found.index < next || found.index >= count) {
      at++
      continue
    }
    if (found.index > next) damage.push({ index: next, count: found.index - next, start: sound, end: at })
    entries.push(found.index, at + ENTRY_HEAD, found.end)
    next = found.index + 1
    at = found.end
    sound = at
  }
  if (next < count) damage.push({ index: next, count: count - next, start: sound, end: chunk.length })
  return { entries, damage }
}

/** The entry that starts at this very byte, if one does. */
export const entryAt = (bytes: Uint8Array, at: number): { readonly index: number; readonly end: number } | null => {
  if (bytes[at] !== (MARKER & 0xff) || bytes[at + 1] !== MARKER >> 8 || at + ENTRY_HEAD > bytes.length) return null
  const end = at + ENTRY_HEAD + u32(bytes, at + 8)
  if (end > bytes.length || crc32(bytes.subarray(at + 6, end)) !== u32(bytes, at + 2)) return null
  return { index: bytes[at + 6]! | (bytes[at + 7]! << 8), end }
}

const u32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0

/** A chunk of packed readings that are already at hand. */
export const chunkOf = (bodies: readonly Uint8Array[]): Uint8Array => {
  const chunk = new Uint8Array(bodies.reduce((sum, body) => sum + ENTRY_HEAD + body.length, HEAD))
  let at = HEAD
  for (const [index, body] of bodies.entries()) {
    frameEntry(chunk, at, index, body.length)
    chunk.set(body, at + ENTRY_HEAD)
    at += ENTRY_HEAD + body.length
  }
  return chunk
}
