import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { errorOf, type SparkplugError } from './errors.ts'

/** What every field of a message may be, by field number; other numbers are passed over. */
export type Layout = Readonly<Record<number, WireType>>

/** The first fault of a payload, shared by the cursors of its parts. */
export interface Fault {
  error: SparkplugError | null
}

const WIRE_NAMES = ['varint', '64 bits', 'length', 'group', 'end of group', '32 bits'] as const

/**
 * Walks the fields of one protobuf message. The first fault stays and ends every loop over it: reading on after a fault gives
 * zeros and empty text, so a caller asks for the fault once, at the end. Never enters a part by itself.
 *
 * @source protocol buffers, encoding: message structure
 */
export class Cursor {
  readonly #reader: BinaryReader
  readonly #bytes: Uint8Array
  readonly #fault: Fault
  readonly #where: string

  constructor(bytes: Uint8Array, fault: Fault, where: string) {
    this.#reader = new BinaryReader(bytes)
    this.#bytes = bytes
    this.#fault = fault
    this.#where = where
  }

  /** Number of the next field of the layout; 0 at the end and after a fault. */
  next(layout: Layout): number {
    while (this.#fault.error === null && this.#reader.pos < this.#reader.len) {
      const [field, wire] = this.#guard(() => this.#reader.tag(), [0, WireType.Varint])
      if (this.#fault.error !== null) return 0
      if (wire === WireType.StartGroup || wire === WireType.EndGroup) return this.fault('SPARKPLUG_WIRE', `field ${field} is a group`)
      const wanted = layout[field]
      if (wanted === wire) return field
      if (wanted !== undefined)
        return this.fault('SPARKPLUG_WIRE', `field ${field} has wire type ${WIRE_NAMES[wire]}, expected ${WIRE_NAMES[wanted]}`)
      this.#guard(() => this.#reader.skip(wire, field), this.#bytes)
    }
    return 0
  }

  /** An unsigned number of up to 64 bits. */
  varint(): bigint {
    // One or two bytes are by far the most frequent.
    const at = this.#reader.pos
    const first = this.#bytes[at] ?? 0x80
    if (first < 0x80) {
      this.#reader.pos = at + 1
      return BigInt(first)
    }
    return this.#guard(() => BigInt(this.#reader.uint64()), 0n)
  }

  float(): number {
    return this.#guard(() => this.#reader.float(), 0)
  }

  double(): number {
    return this.#guard(() => this.#reader.double(), 0)
  }

  /** A part as it stands in the payload, not copied. */
  bytes(): Uint8Array {
    return this.#guard(() => this.#reader.bytes(), this.#bytes.subarray(0, 0))
  }

  /** @param most  longest text in bytes */
  text(most: number): string {
    const bytes = this.bytes()
    if (bytes.length > most) {
      this.fault('SPARKPLUG_LIMIT', `text of ${bytes.length} bytes, at most ${most} are taken`)
      return ''
    }
    const text = utf8(bytes)
    if (text === null) this.fault('SPARKPLUG_UTF8', 'text is not UTF-8')
    return text ?? ''
  }

  /** Sets the fault unless there is one; the answer is that of {@link next} at the end. */
  fault(code: SparkplugError['code'], what: string): 0 {
    const at = Math.min(this.#reader.pos, this.#bytes.length)
    this.#fault.error ??= errorOf(code, `${this.#where}, byte ${at}: ${what}`, { part: this.#where, at })
    return 0
  }

  /** Runs one read of the library, which throws where the bytes are wrong: a RangeError past the end, a plain Error inside. */
  #guard<T>(read: () => T, otherwise: T): T {
    if (this.#fault.error !== null) return otherwise
    try {
      return read()
    } catch (error) {
      if (error instanceof RangeError) this.fault('SPARKPLUG_TRUNCATED', 'stops inside a field')
      else this.fault('SPARKPLUG_VARINT', error instanceof Error ? error.message : String(error))
      return otherwise
    }
  }
}

const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Text out of UTF-8; null when the bytes are something else. */
export const utf8 = (bytes: Uint8Array): string | null => {
  try {
    return STRICT.decode(bytes)
  } catch {
    return null
  }
}
