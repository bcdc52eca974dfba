import { crc32 } from 'node:zlib'

/**
 * Form of a file of records:
 *
 *   file   = "GTPUSH1\n", salt u32, its checksum u32, record…
 *   record = "GREC", length u32, checksum of these two u32, checksum of the bytes u32, bytes
 *
 * Numbers are little-endian; every checksum of a record begins with the salt, which nobody outside knows: a message that holds
 * something like a record is never taken for one when a damaged stretch is searched for the next.
 */
const MAGIC = Buffer.from('GTPUSH1\n')
const MARK = Buffer.from('GREC')

export const FILE_HEAD = 16
export const RECORD_HEAD = 16
/** Most bytes of one record. */
export const RECORD_LIMIT = 1 << 20

export const fileHead = (salt: number): Buffer => {
  const head = Buffer.alloc(FILE_HEAD)
  MAGIC.copy(head)
  head.writeUInt32LE(salt, 8)
  head.writeUInt32LE(crc32(head.subarray(0, 12)), 12)
  return head
}

/** The salt of a file, null when these bytes are no head of ours. */
export const saltOf = (file: Buffer): number | null =>
  file.length >= FILE_HEAD && file.subarray(0, 8).equals(MAGIC) && file.readUInt32LE(12) === crc32(file.subarray(0, 12))
    ? file.readUInt32LE(8)
    : null

/** Whether the bytes can be the beginning of a head that a crash cut short. */
export const isTornHead = (file: Buffer): boolean =>
  file.length < FILE_HEAD && file.subarray(0, MAGIC.length).equals(MAGIC.subarray(0, file.length))

export const encodeRecord = (bytes: Uint8Array, salt: number): Buffer => {
  const record = Buffer.allocUnsafe(RECORD_HEAD + bytes.length)
  MARK.copy(record)
  record.writeUInt32LE(bytes.length, 4)
  record.writeUInt32LE(crc32(record.subarray(0, 8), salt), 8)
  record.writeUInt32LE(crc32(bytes, salt), 12)
  record.set(bytes, RECORD_HEAD)
  return record
}

export interface Scan {
  /** Where the last good record ends. What follows is a torn tail. */
  readonly end: number
  readonly records: number
  /** Bytes between good records that are none. */
  readonly damaged: number
}

/** Gives every sound record of a file in order. A damaged stretch costs the records in it and no other. */
export const scanRecords = (file: Buffer, salt: number, take: (bytes: Buffer) => void): Scan => {
  let end = FILE_HEAD
  let records = 0
  let damaged = 0
  for (let at = FILE_HEAD; at >= 0 && at < file.length; ) {
    const size = sizeAt(file, at, salt)
    if (size < 0) {
      at = file.indexOf(MARK, at + 1)
      continue
    }
    take(file.subarray(at + RECORD_HEAD, at + size))
    records++
    damaged += at - end
    at += size
    end = at
  }
  return { end, records, damaged }
}

/** Size of the record at a place with its head, -1 when there is none. */
const sizeAt = (file: Buffer, at: number, salt: number): number => {
  if (at + RECORD_HEAD > file.length || file.compare(MARK, 0, 4, at, at + 4) !== 0) return -1
  const length = file.readUInt32LE(at + 4)
  const end = at + RECORD_HEAD + length
  if (length > RECORD_LIMIT || end > file.length || file.readUInt32LE(at + 8) !== crc32(file.subarray(at, at + 8), salt)) return -1
  return file.readUInt32LE(at + 12) === crc32(file.subarray(at + RECORD_HEAD, end), salt) ? RECORD_HEAD + length : -1
}
