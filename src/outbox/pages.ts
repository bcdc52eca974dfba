import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs'
import { type ChunkHead, HEAD, MAGIC, readHead } from './entry.ts'
import { framePage, liveFrames } from './wal.ts'

/** A record found on a leaf page: its key and the bytes of its columns. Nothing about it has been checked. */
export interface LooseRecord {
  readonly key: number
  readonly columns: readonly (Uint8Array | number | null)[]
}

/**
 * Reads the records of a SQLite file page by page, without its tree: what is left when an inner page is gone. Pages that are
 * free, or that hold something else, give nonsense or old records; the caller believes only what carries a checksum.
 *
 * @source sqlite.org/fileformat2.html, sections 1.5, 1.6 and 2.1
 */
export function* looseRecords(path: string, pageSize: number): Generator<LooseRecord> {
  const pages = openPages(path, pageSize)
  try {
    for (let number = 1; number <= pages.count; number++) {
      const page = pages.read(number)
      const start = number === 1 ? 100 : 0
      if (page?.[start] !== LEAF) continue
      const cells = page.readUInt16BE(start + 3)
      for (let cell = 0; cell < cells && start + 10 + cell * 2 <= pageSize; cell++) {
        const record = recordAt(page, page.readUInt16BE(start + 8 + cell * 2), pages)
        if (record) yield record
      }
    }
  } finally {
    pages.close()
  }
}

/**
 * Bodies of chunks wherever their magic stands, without believing in cells or page headers: the head says how long a chunk is, the
 * length of the record around it follows from that, and with it where the overflow pages begin.
 */
export function* looseChunks(path: string, pageSize: number): Generator<{ readonly head: ChunkHead; readonly body: Buffer }> {
  const pages = openPages(path, pageSize)
  try {
    for (let number = 1; number <= pages.count; number++) {
      const page = pages.read(number)
      if (!page) continue
      for (let at = page.indexOf(MAGIC); at >= 0; at = page.indexOf(MAGIC, at + 1)) {
        const head = readHead(page.subarray(at, at + HEAD))
        if (!head) continue
        const before = recordHead(head)
        const body = payloadOf(page, at - before, before + head.length, pages)?.subarray(before)
        if (body) yield { head, body }
      }
    }
  } finally {
    pages.close()
  }
}

/** Bytes of a chunk's record before its body: length, four types, no key, count, six bytes of time. */
const recordHead = ({ count, length }: ChunkHead): number => {
  const type = length * 2 + 12
  const typeBytes = type < 128 ? 1 : type < 16_384 ? 2 : type < 2_097_152 ? 3 : 4
  return 4 + typeBytes + (count < 2 ? 0 : count < 128 ? 1 : 2) + 6
}

const LEAF = 0x0d
const LARGEST = 4 << 20

interface Pages {
  readonly count: number
  readonly size: number
  read(number: number): Buffer | null
  close(): void
}

const openPages = (path: string, size: number): Pages => {
  const descriptor = openSync(path, 'r')
  const newer = logPages(`${path}-wal`, size)
  const count = Math.max(Math.ceil(fstatSync(descriptor).size / size), ...newer.keys())
  return {
    count,
    size,
    read: (number) => {
      const logged = newer.get(number)
      if (logged) return logged
      const page = Buffer.alloc(size)
      return readSync(descriptor, page, 0, size, (number - 1) * size) > 0 ? page : null
    },
    close: () => closeSync(descriptor),
  }
}

/** Pages that so far are only in the log. */
const logPages = (path: string, size: number): Map<number, Buffer> => {
  const pages = new Map<number, Buffer>()
  let wal: Buffer
  try {
    wal = readFileSync(path)
  } catch {
    return pages
  }
  const { frames } = liveFrames(wal, size)
  for (let frame = 0; frame < frames; frame++) {
    const page = framePage(wal, frame, size)
    if (page.number < 2 ** 24) pages.set(page.number, page.bytes)
  }
  return pages
}

const recordAt = (page: Buffer, at: number, pages: Pages): LooseRecord | null => {
  const cursor = { at }
  const length = varint(page, cursor)
  const key = varint(page, cursor)
  if (length === null || key === null || length < 2 || length > LARGEST) return null
  const payload = payloadOf(page, cursor.at, length, pages)
  if (!payload) return null
  const head = { at: 0 }
  const headEnd = varint(payload, head)
  if (headEnd === null || headEnd > payload.length) return null
  const columns: (Uint8Array | number | null)[] = []
  let body = headEnd
  while (head.at < headEnd) {
    const type = varint(payload, head)
    if (type === null) return null
    const size = type >= 12 ? Math.floor((type - 12) / 2) : (SIZES[type] ?? 0)
    // The last column may have been cut short by a broken chain of pages: what is there is still worth looking at.
    const bytes = payload.subarray(body, body + size)
    columns.push(type === 0 ? null : type >= 12 ? bytes : type >= 8 ? type - 8 : bytes.length === size ? integer(bytes) : null)
    body += size
  }
  return { key, columns }
}

const SIZES: readonly number[] = [0, 1, 2, 3, 4, 6, 8, 8]

/** The bytes of a record, gathered from its chain of overflow pages as far as that goes. */
const payloadOf = (page: Buffer, at: number, length: number, pages: Pages): Buffer | null => {
  const { size } = pages
  if (length <= size - 35) return at + length <= size ? page.subarray(at, at + length) : null
  const least = Math.floor(((size - 12) * 32) / 255) - 23
  const fitting = least + ((length - least) % (size - 4))
  const local = fitting <= size - 35 ? fitting : least
  if (at + local + 4 > size) return null
  const parts = [page.subarray(at, at + local)]
  let left = length - local
  let next = page.readUInt32BE(at + local)
  while (left > 0 && next > 0 && next <= pages.count) {
    const overflow = pages.read(next)
    if (!overflow) break
    parts.push(overflow.subarray(4, 4 + Math.min(left, size - 4)))
    left -= size - 4
    next = overflow.readUInt32BE(0)
  }
  return Buffer.concat(parts)
}

const integer = (bytes: Buffer): number => (bytes.length === 8 ? Number(bytes.readBigInt64BE(0)) : bytes.readIntBE(0, bytes.length))

/** SQLite's variable-length integer: big end first, seven bits a byte, the ninth byte whole. Beyond 2^53 it is not for us. */
const varint = (bytes: Buffer, cursor: { at: number }): number | null => {
  let value = 0
  for (let count = 0; count < 8; count++) {
    const byte = bytes[cursor.at++]
    if (byte === undefined) return null
    value = value * 128 + (byte & 0x7f)
    if (byte < 0x80) return value <= Number.MAX_SAFE_INTEGER ? value : null
  }
  return null
}
