/**
 * A Modbus RTU meter in memory, written by hand: every register holds its own address, so a wrong answer names itself.
 * It knows nothing of the codec under test.
 */
export const crc = (bytes: Uint8Array): number => {
  let sum = 0xffff
  for (const byte of bytes) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xa001 : sum >>> 1
  }
  return sum
}

export const withCrc = (body: readonly number[]): Uint8Array => {
  const sum = crc(Uint8Array.from(body))
  return Uint8Array.from([...body, sum & 0xff, sum >>> 8])
}

/** The right answer to a read request (functions 3 and 4). */
export const answerTo = (request: Uint8Array): Uint8Array => {
  const [unit = 0, code = 0, high = 0, low = 0, , quantity = 0] = request
  const address = high * 256 + low
  const words = Array.from({ length: quantity }, (_, at) => (address + at) & 0xffff)
  return withCrc([unit, code, quantity * 2, ...words.flatMap((word) => [word >>> 8, word & 0xff])])
}

/** A repeatable source of numbers from 0 to 1. @source mulberry32 */
export const seeded = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
}
