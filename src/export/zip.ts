import { Readable } from 'node:stream'
import { crc32, createDeflateRaw } from 'node:zlib'
import { exportFailure, RowsStopped } from './errors.ts'

export interface ZipPart {
  readonly name: string
  readonly text: Iterable<string> | AsyncIterable<string>
}

const VERSION = 20
/** Sizes stand behind the data, names are UTF-8. */
const FLAGS = 0x0808
const DEFLATED = 8
/** 1 January 1980: the same content gives the same bytes. */
const DAY = 0x0021
/** What 32 bits hold. Longer archives have a form of their own (ZIP64) that not every spreadsheet reads. */
const MOST = 0xffff_ffff

/**
 * Packs texts into a ZIP archive while they are made.
 *
 * @param level  of compression, 1 to 9; 6 unless said
 * @throws       RowsStopped when the archive or one of its parts passes 4 GiB
 * @source       PKWARE APPNOTE 6.3.9, 4.3.7 local header, 4.3.9 data descriptor, 4.3.12 central directory, 4.3.16 end
 */
export async function* zipOf(parts: Iterable<ZipPart> | AsyncIterable<ZipPart>, level = 6): AsyncGenerator<Buffer, void> {
  const directory: Buffer[] = []
  let offset = 0
  const limit = (bytes: number): number => {
    if (bytes > MOST) throw new RowsStopped(exportFailure('EXPORT_SIZE', 'the workbook passes 4 GiB').error)
    return bytes
  }
  for await (const { name, text } of parts) {
    const label = Buffer.from(name)
    const local = Buffer.alloc(30)
    local.writeUInt32LE(0x04034b50, 0)
    local.writeUInt16LE(VERSION, 4)
    local.writeUInt16LE(FLAGS, 6)
    local.writeUInt16LE(DEFLATED, 8)
    local.writeUInt16LE(DAY, 12)
    local.writeUInt16LE(label.length, 26)
    const start = offset
    const sizes = { checksum: 0, unpacked: 0, packed: 0 }
    yield local
    yield label
    offset += local.length + label.length
    async function* bytes(): AsyncGenerator<Buffer, void> {
      for await (const piece of text) {
        const chunk = Buffer.from(piece)
        sizes.checksum = crc32(chunk, sizes.checksum)
        sizes.unpacked += chunk.length
        yield chunk
      }
    }
    const content = Readable.from(bytes())
    const packed = createDeflateRaw({ level })
    // A failure of the rows must end the reader too.
    content.once('error', (error) => packed.destroy(error))
    for await (const chunk of content.pipe(packed)) {
      if (!Buffer.isBuffer(chunk)) throw new Error('zlib gave no bytes')
      sizes.packed += chunk.length
      yield chunk
    }
    const descriptor = Buffer.alloc(16)
    descriptor.writeUInt32LE(0x08074b50, 0)
    descriptor.writeUInt32LE(sizes.checksum, 4)
    descriptor.writeUInt32LE(limit(sizes.packed), 8)
    descriptor.writeUInt32LE(limit(sizes.unpacked), 12)
    yield descriptor
    offset += sizes.packed + descriptor.length
    const entry = Buffer.alloc(46)
    entry.writeUInt32LE(0x02014b50, 0)
    entry.writeUInt16LE(VERSION, 4)
    entry.writeUInt16LE(VERSION, 6)
    entry.writeUInt16LE(FLAGS, 8)
    entry.writeUInt16LE(DEFLATED, 10)
    entry.writeUInt16LE(DAY, 14)
    entry.writeUInt32LE(sizes.checksum, 16)
    entry.writeUInt32LE(sizes.packed, 20)
    entry.writeUInt32LE(sizes.unpacked, 24)
    entry.writeUInt16LE(label.length, 28)
    entry.writeUInt32LE(limit(start), 42)
    directory.push(entry, label)
  }
  const central = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(directory.length / 2, 8)
  end.writeUInt16LE(directory.length / 2, 10)
  end.writeUInt32LE(central.length, 12)
  end.writeUInt32LE(limit(offset), 16)
  yield central
  yield end
}
