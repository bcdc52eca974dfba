import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { crc32 } from 'node:zlib'

/** How far the outbox had got: the end of what was committed, and the oldest entry still wanted. */
export interface Extent {
  readonly oldest: number
  readonly next: number
}

/**
 * Written after each commit, outside the database and without a sync: it survives every death of the process, and when the
 * database comes back shorter than it says, acknowledged entries are missing (a cut file, a damaged log) and can be counted.
 * After a power cut it may be older than the database, which is harmless.
 */
export interface Mark {
  write(extent: Extent): void
  close(): void
}

const SIZE = 24

export const openMark = (path: string): { readonly mark: Mark; readonly before: Extent | null } => {
  const before = readMark(path)
  const file = openSync(path, 'a+')
  closeSync(file)
  const descriptor = openSync(path, 'r+')
  const bytes = Buffer.alloc(SIZE)
  return {
    before,
    mark: {
      write: ({ oldest, next }) => {
        bytes.writeDoubleLE(oldest, 0)
        bytes.writeDoubleLE(next, 8)
        bytes.writeUInt32LE(crc32(bytes.subarray(0, 16)), 16)
        writeSync(descriptor, bytes, 0, SIZE, 0)
      },
      close: () => closeSync(descriptor),
    },
  }
}

const readMark = (path: string): Extent | null => {
  try {
    const bytes = readFileSync(path)
    if (bytes.length < SIZE || bytes.readUInt32LE(16) !== crc32(bytes.subarray(0, 16))) return null
    return { oldest: bytes.readDoubleLE(0), next: bytes.readDoubleLE(8) }
  } catch {
    return null
  }
}
