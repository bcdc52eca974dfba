import { Readable } from 'node:stream'
import { crc32, createInflateRaw } from 'node:zlib'
import { many, ok, type Result } from '../core/index.ts'
import type { Caps } from './caps.ts'
import { fail, type SheetError } from './errors.ts'
import { type ByteSource, chunksOf } from './source.ts'

/** One file inside an archive. Its name is only ever compared; it never touches the file system. */
export interface ZipEntry {
  readonly name: string
  readonly packed: number
  readonly unpacked: number
  readonly isDeflated: boolean
  /** CRC-32 of the unpacked bytes. */
  readonly checksum: number
  /** Of its local header in the archive. */
  readonly offset: number
}

const END = 0x06054b50
const END_BYTES = 22
const LONGEST_COMMENT = 0xffff
const END64_LOCATOR = 0x07064b50
const END64 = 0x06064b50
const DIRECTORY = 0x02014b50
const DIRECTORY_BYTES = 46
const LOCAL = 0x04034b50
const LOCAL_BYTES = 30
const ZIP64_EXTRA = 0x0001
const IN_64 = 0xffffffff
const ENCRYPTED = 0x0001
const STORED = 0
const DEFLATED = 8
const RATIO_FROM_BYTES = 1024 * 1024

/**
 * Reads the directory at the end of a ZIP archive and judges it before anything is unpacked: number of entries, declared sizes, ratios,
 * names, encryption, and whether the packed parts fit into the file at all.
 *
 * @errors SHEET_FORMAT, SHEET_DAMAGED, SHEET_BOMB
 * @source PKWARE APPNOTE 6.3.9, 4.3.7 local header, 4.3.12 central directory, 4.3.14-16 ends, 4.5.3 Zip64
 */
export const readDirectory = (source: ByteSource, caps: Caps): Result<readonly ZipEntry[], SheetError> => {
  const end = endOf(source)
  if (!end.ok) return end
  const { count, bytes, offset } = end.value
  if (count > caps.entries) return fail('SHEET_BOMB', `holds ${count} files; a workbook has at most ${caps.entries}`, { count })
  if (offset + bytes > source.size || bytes > caps.entries * 1024) return fail('SHEET_DAMAGED', 'its directory lies outside the file')
  const directory = Buffer.from(source.read(offset, bytes))
  const entries: ZipEntry[] = []
  const names = new Set<string>()
  let packed = 0
  for (let at = 0, left = count; left > 0; left--) {
    const found = entryAt(directory, at)
    if (!found.ok) return found
    const { entry, size } = found.value
    const refused = judge(entry, caps)
    if (refused) return refused
    if (names.has(entry.name)) return fail('SHEET_BOMB', `holds two files with the name ${shown(entry.name)}`)
    names.add(entry.name)
    packed += entry.packed
    entries.push(entry)
    at += size
  }
  if (packed > source.size) return fail('SHEET_BOMB', 'its parts overlap: together they are larger than the file')
  return ok(entries)
}

interface End {
  readonly count: number
  readonly bytes: number
  readonly offset: number
}

const endOf = (source: ByteSource): Result<End, SheetError> => {
  const from = Math.max(0, source.size - END_BYTES - LONGEST_COMMENT)
  const tail = Buffer.from(source.read(from, source.size - from))
  for (let at = tail.length - END_BYTES; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== END || at + END_BYTES + tail.readUInt16LE(at + 20) !== tail.length) continue
    const end = { count: tail.readUInt16LE(at + 10), bytes: tail.readUInt32LE(at + 12), offset: tail.readUInt32LE(at + 16) }
    if (end.count !== 0xffff && end.bytes !== IN_64 && end.offset !== IN_64) return ok(end)
    return end64Of(source, tail, at - 20)
  }
  return fail('SHEET_DAMAGED', 'is no whole ZIP archive: its end is missing')
}

const end64Of = (source: ByteSource, tail: Buffer, locator: number): Result<End, SheetError> => {
  if (locator < 0 || tail.readUInt32LE(locator) !== END64_LOCATOR) return fail('SHEET_DAMAGED', 'has no Zip64 end where it says so')
  const record = source.read(Number(tail.readBigUInt64LE(locator + 8)), 56)
  if (record.length < 56 || record.readUInt32LE(0) !== END64) return fail('SHEET_DAMAGED', 'has no Zip64 end where it says so')
  const [count, bytes, offset] = [32, 40, 48].map((at) => Number(record.readBigUInt64LE(at)))
  return ok({ count: count ?? 0, bytes: bytes ?? 0, offset: offset ?? 0 })
}

const entryAt = (directory: Buffer, at: number): Result<{ readonly entry: ZipEntry; readonly size: number }, SheetError> => {
  if (at + DIRECTORY_BYTES > directory.length || directory.readUInt32LE(at) !== DIRECTORY)
    return fail('SHEET_DAMAGED', 'its directory ends before its last file')
  const nameBytes = directory.readUInt16LE(at + 28)
  const extraBytes = directory.readUInt16LE(at + 30)
  const size = DIRECTORY_BYTES + nameBytes + extraBytes + directory.readUInt16LE(at + 32)
  const name = directory.toString('utf8', at + DIRECTORY_BYTES, at + DIRECTORY_BYTES + nameBytes)
  if (directory.readUInt16LE(at + 8) & ENCRYPTED) return fail('SHEET_FORMAT', `is encrypted (${shown(name)})`)
  const method = directory.readUInt16LE(at + 10)
  if (method !== STORED && method !== DEFLATED)
    return fail('SHEET_FORMAT', `packs ${shown(name)} by method ${method}, which no spreadsheet uses`)
  const [unpacked, packed, offset] = wide(
    [directory.readUInt32LE(at + 24), directory.readUInt32LE(at + 20), directory.readUInt32LE(at + 42)],
    directory.subarray(at + DIRECTORY_BYTES + nameBytes, at + DIRECTORY_BYTES + nameBytes + extraBytes),
  )
  return ok({ entry: { name, packed, unpacked, offset, isDeflated: method === DEFLATED, checksum: directory.readUInt32LE(at + 16) }, size })
}

/** Sizes that did not fit into 32 bits stand in the extra field, in this order, only those that did not fit. */
const wide = (narrow: readonly [number, number, number], extra: Buffer): [number, number, number] => {
  const values: [number, number, number] = [...narrow]
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== ZIP64_EXTRA) continue
    let next = at + 4
    for (let nth = 0; nth < 3; nth++) {
      if (values[nth] !== IN_64 || next + 8 > extra.length) continue
      values[nth] = Number(extra.readBigUInt64LE(next))
      next += 8
    }
  }
  return values
}

const judge = ({ name, packed, unpacked }: ZipEntry, caps: Caps): Result<never, SheetError> | null => {
  if (/(^|[\\/])\.\.([\\/]|$)|^[\\/]|^[A-Za-z]:|\p{Cc}/u.test(name) || name === '')
    return fail('SHEET_BOMB', `holds a file with the name ${shown(name)}, which leads out of the archive`)
  if (unpacked > caps.unpackedBytes)
    return fail('SHEET_BOMB', `${shown(name)} unpacks to ${unpacked} bytes; allowed are ${caps.unpackedBytes}`, { bytes: unpacked })
  if (unpacked > RATIO_FROM_BYTES && unpacked > packed * caps.ratio)
    return fail('SHEET_BOMB', `${shown(name)} unpacks ${packed} bytes to ${unpacked}; a sheet does at most ${caps.ratio} to 1`, {
      bytes: unpacked,
    })
  return null
}

const shown = (name: string): string => JSON.stringify(name.length > 80 ? `${name.slice(0, 77)}...` : name)

/**
 * Unpacks one entry piece by piece, and stops at the first byte more than its directory promised.
 *
 * @errors SHEET_DAMAGED, SHEET_BOMB
 */
export async function* unpack(source: ByteSource, entry: ZipEntry): AsyncGenerator<Result<Buffer, SheetError>, void> {
  const { name, packed, unpacked, offset, isDeflated, checksum } = entry
  const local = source.read(offset, LOCAL_BYTES)
  if (local.length < LOCAL_BYTES || local.readUInt32LE(0) !== LOCAL)
    return yield fail('SHEET_DAMAGED', `${shown(name)} is not where the directory says`)
  const from = offset + LOCAL_BYTES + local.readUInt16LE(26) + local.readUInt16LE(28)
  if (from + packed > source.size) return yield fail('SHEET_DAMAGED', `${shown(name)} goes on after the end of the file`)
  if (!isDeflated) {
    if (packed !== unpacked) return yield fail('SHEET_BOMB', `${shown(name)} is not packed, and yet has two sizes`)
    let found = 0
    for (const chunk of chunksOf(source, from, from + packed)) {
      found = crc32(chunk, found)
      yield ok(chunk)
    }
    if (found !== checksum) yield fail('SHEET_DAMAGED', `${shown(name)} has another checksum than its directory says`)
    return
  }
  // The source reads into the same buffer again while a piece may still wait.
  function* copies(): Generator<Buffer, void> {
    for (const chunk of chunksOf(source, from, from + packed)) yield Buffer.from(chunk)
  }
  const input = Readable.from(copies())
  const inflate = input.pipe(createInflateRaw())
  let sum = 0
  let found = 0
  try {
    for await (const chunk of inflate) {
      if (!Buffer.isBuffer(chunk)) throw new Error('zlib gave no bytes')
      sum += chunk.length
      if (sum > unpacked)
        return yield fail('SHEET_BOMB', `${shown(name)} unpacks to more than the ${many(unpacked, 'byte')} its directory promises`)
      found = crc32(chunk, found)
      yield ok(chunk)
    }
    if (sum === unpacked && found !== checksum) yield fail('SHEET_DAMAGED', `${shown(name)} has another checksum than its directory says`)
    if (sum < unpacked) yield fail('SHEET_DAMAGED', `${shown(name)} ends after ${sum} of ${unpacked} bytes`)
  } catch (error) {
    yield fail('SHEET_DAMAGED', `${shown(name)} cannot be unpacked: ${error instanceof Error ? error.message : String(error)}`)
  } finally {
    input.destroy()
    inflate.destroy()
  }
}
