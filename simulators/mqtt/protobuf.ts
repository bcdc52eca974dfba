/**
 * As much of protocol buffers as a Sparkplug node needs. Written from the public description of the wire format, on purpose without
 * any code of the gateway's codec. @source  protobuf.dev, encoding
 */

/** Base 128, seven bits a byte, lowest first. Negative numbers must have been made unsigned. */
export const varint = (value: number | bigint): number[] => {
  const bytes: number[] = []
  let rest = BigInt(value)
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128)
    rest >>= 7n
  }
  bytes.push(Number(rest))
  return bytes
}

/** Wire types: 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes. */
export const field = {
  number: (id: number, value: number | bigint): number[] => [...varint(id << 3), ...varint(value)],
  bytes: (id: number, value: ArrayLike<number>): number[] => [...varint((id << 3) | 2), ...varint(value.length), ...Array.from(value)],
  text: (id: number, value: string): number[] => field.bytes(id, Buffer.from(value)),
  float: (id: number, value: number): number[] => {
    const bytes = Buffer.alloc(4)
    bytes.writeFloatLE(value)
    return [...varint((id << 3) | 5), ...bytes]
  },
}

/** One field of a message: varints as numbers, everything else as bytes. */
export interface Found {
  readonly id: number
  readonly value: number | Uint8Array
}

/** The fields of a message in order; what is damaged ends the list. */
export const fieldsOf = (bytes: Uint8Array): readonly Found[] => {
  const found: Found[] = []
  let at = 0
  const number = (): number => {
    let value = 0
    for (let power = 1; at < bytes.length; power *= 128) {
      const byte = bytes[at++]!
      value += (byte & 127) * power
      if (byte < 128) return value
    }
    return Number.NaN
  }
  const take = (size: number): Uint8Array => {
    const part = bytes.subarray(at, at + size)
    at += size
    return part
  }
  while (at < bytes.length) {
    const tag = number()
    const type = tag % 8
    const value = type === 0 ? number() : type === 1 ? take(8) : type === 2 ? take(number()) : type === 5 ? take(4) : null
    if (value === null || Number.isNaN(value) || !(at <= bytes.length)) return found
    found.push({ id: Math.floor(tag / 8), value })
  }
  return found
}
