import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { ok, type Result } from '../core/index.ts'
import { fail, type SheetError } from './errors.ts'

/** Bytes that can be read anywhere, of a file or of memory. */
export interface ByteSource {
  readonly size: number
  /** At most `length` bytes from `offset` on; fewer at the end. Valid until the next call. */
  read(offset: number, length: number): Buffer
  close(): void
}

/** Opens a file by its path, or takes bytes as they are. @errors SHEET_FILE */
export const openSource = (file: string | Uint8Array): Result<ByteSource, SheetError> => {
  if (typeof file !== 'string') {
    const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength)
    return ok({ size: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length), close: () => {} })
  }
  try {
    const descriptor = openSync(file, 'r')
    const facts = fstatSync(descriptor)
    if (!facts.isFile()) {
      closeSync(descriptor)
      return fail('SHEET_FILE', 'is no file')
    }
    let buffer = Buffer.alloc(CHUNK)
    const read = (offset: number, length: number): Buffer => {
      if (buffer.length < length) buffer = Buffer.alloc(length)
      return buffer.subarray(0, readSync(descriptor, buffer, 0, length, offset))
    }
    return ok({ size: facts.size, read, close: () => closeSync(descriptor) })
  } catch (error) {
    return fail('SHEET_FILE', `cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

export const CHUNK = 64 * 1024

/** The bytes of a source in pieces, each valid until the next is asked for. */
export function* chunksOf(source: ByteSource, from = 0, to = source.size): Generator<Buffer, void> {
  for (let offset = from; offset < to; ) {
    const chunk = source.read(offset, Math.min(CHUNK, to - offset))
    if (chunk.length === 0) return
    yield chunk
    offset += chunk.length
  }
}
