import { createHash } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { DamagedPage } from './errors.ts'
import type { EvidenceFacts, EvidencePart } from './types.ts'

/** A page is never larger when unpacked, bytes. */
const MOST_BYTES = 64 << 20

/** Facts of one record with the lengths of its parts in place of their bytes. */
type Head = Omit<EvidenceFacts, 'parts'> & { readonly parts: readonly (Omit<EvidencePart, 'bytes'> & { readonly size: number })[] }

/**
 * Packs records that were kept together: facts as JSON, the bytes behind them, deflated. Frames of one site are much alike: together they
 * take a fifth of the room.
 */
export const packPage = (records: readonly EvidenceFacts[]): Uint8Array => {
  const heads = records.map(
    ({ parts, ...facts }): Head => ({
      ...facts,
      parts: parts.map(({ bytes, ...part }) => ({ ...part, size: bytes.length })),
    }),
  )
  const json = Buffer.from(JSON.stringify(heads))
  const size = Buffer.alloc(4)
  size.writeUInt32BE(json.length)
  return deflateRawSync(Buffer.concat([size, json, ...records.flatMap(({ parts }) => parts.map(({ bytes }) => bytes))]))
}

/** The record at a place of a page. @throws DamagedPage */
export const unpack = (page: Uint8Array, slot: number): EvidenceFacts => {
  try {
    const body = inflateRawSync(page, { maxOutputLength: MOST_BYTES })
    const end = 4 + body.readUInt32BE(0)
    const json: unknown = JSON.parse(body.subarray(4, end).toString())
    if (!isHeads(json)) throw new DamagedPage('its table of contents is none')
    const head = json[slot]
    if (!head) throw new DamagedPage(`there is no record ${slot} in it`)
    let at = end
    for (const before of json.slice(0, slot)) for (const { size } of before.parts) at += size
    const parts = head.parts.map(({ size, ...part }): EvidencePart => {
      const bytes = new Uint8Array(body.subarray(at, at + size))
      at += size
      if (bytes.length !== size) throw new DamagedPage('it is shorter than its table of contents says')
      return { ...part, bytes }
    })
    return { ...head, parts }
  } catch (error) {
    if (error instanceof DamagedPage) throw error
    throw new DamagedPage(error instanceof Error ? error.message : String(error))
  }
}

/** Written by {@link packPage} alone, and sealed: its form is looked at, not every word. */
const isHeads = (json: unknown): json is readonly Head[] => Array.isArray(json) && json.every(isHead)

// By hand: what checks schemas would take a third of the thread's memory.
const isHead = (head: unknown): boolean =>
  isObject(head) &&
  'kind' in head &&
  typeof head.kind === 'string' &&
  'parts' in head &&
  Array.isArray(head.parts) &&
  head.parts.every(isPart)

const isPart = (part: unknown): boolean =>
  isObject(part) && 'size' in part && typeof part.size === 'number' && Number.isInteger(part.size) && part.size >= 0

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

/** SHA-256 over pieces one behind the other. */
export const digestOf = (pieces: Iterable<Uint8Array>): Uint8Array => {
  const hash = createHash('sha256')
  for (const piece of pieces) hash.update(piece)
  return hash.digest()
}
