/** Which way a frame goes; the same function has another shape in each. */
export type Direction = 'request' | 'response'

/** Names of the function codes. @source Modbus Application Protocol V1.1b3, 6 */
export const FUNCTIONS: Readonly<Record<number, string>> = {
  1: 'read coils',
  2: 'read discrete inputs',
  3: 'read holding registers',
  4: 'read input registers',
  5: 'write single coil',
  6: 'write single register',
  15: 'write multiple coils',
  16: 'write multiple registers',
  43: 'encapsulated interface transport',
}

/** Names of codes we know by name only; a server answers them with exception 1. */
export const OTHER_FUNCTIONS: Readonly<Record<number, string>> = {
  7: 'read exception status',
  8: 'diagnostics',
  11: 'get comm event counter',
  12: 'get comm event log',
  17: 'report server id',
  20: 'read file record',
  21: 'write file record',
  22: 'mask write register',
  23: 'read/write multiple registers',
  24: 'read fifo queue',
}

export const functionName = (code: number): string => FUNCTIONS[code & 0x7f] ?? OTHER_FUNCTIONS[code & 0x7f] ?? `function ${code & 0x7f}`

/** Longest reads and writes in one request. @source Modbus Application Protocol V1.1b3, 6.1–6.12 */
export const LIMITS = { readBits: 2000, readRegisters: 125, writeBits: 1968, writeRegisters: 123 } as const

/** Function 2BH with this sub-function (MEI type) reads the identification. */
export const MEI_IDENTIFICATION = 0x0e

const KNOWN = new Uint8Array(256)
for (const code of Object.keys(FUNCTIONS)) KNOWN[Number(code)] = KNOWN[Number(code) | 0x80] = 1
export const isKnownFunction = (code: number): boolean => KNOWN[code] === 1

/**
 * Length of the PDU whose function code is `bytes[at]`, out of function code and byte count alone: never out of silence.
 *
 * @param end  bytes from here on have not come yet
 * @returns    0 = more bytes are needed to tell; -1 = no PDU of this direction starts here
 */
export const pduLength = (direction: Direction, bytes: Uint8Array, at: number, end: number): number =>
  direction === 'response' ? responseLength(bytes, at, end) : requestLength(bytes, at, end)

const responseLength = (bytes: Uint8Array, at: number, end: number): number => {
  if (at >= end) return 0
  const code = bytes[at]!
  if (KNOWN[code] !== 1) return -1
  if (code & 0x80) {
    if (at + 1 >= end) return 2
    const exception = bytes[at + 1]!
    return exception >= 1 && exception <= 11 ? 2 : -1
  }
  switch (code) {
    case 1:
    case 2:
    case 3:
    case 4: {
      if (at + 1 >= end) return 0
      const count = bytes[at + 1]!
      return count >= 1 && count <= 250 ? 2 + count : -1
    }
    case 5:
      return coilValue(bytes, at, end) ? 5 : -1
    case 6:
      return 5
    case 15:
    case 16:
      return quantityWithin(bytes, at, end, code === 15 ? LIMITS.writeBits : LIMITS.writeRegisters) ? 5 : -1
    default:
      return identificationLength(bytes, at, end)
  }
}

const requestLength = (bytes: Uint8Array, at: number, end: number): number => {
  if (at >= end) return 0
  const code = bytes[at]!
  if (KNOWN[code] !== 1 || code & 0x80) return -1
  if (code <= 4 || code === 6) return 5
  if (code === 5) return coilValue(bytes, at, end) ? 5 : -1
  if (code === 43) return at + 1 < end && bytes[at + 1] !== MEI_IDENTIFICATION ? -1 : 4
  if (at + 5 >= end) return 0
  const quantity = (bytes[at + 3]! << 8) | bytes[at + 4]!
  const count = code === 15 ? Math.ceil(quantity / 8) : quantity * 2
  return quantity >= 1 && count <= 246 && bytes[at + 5] === count ? 6 + count : -1
}

/** A coil is written FF00 (on) or 0000 (off); bytes still to come are given the benefit of the doubt. */
const coilValue = (bytes: Uint8Array, at: number, end: number): boolean =>
  (at + 3 >= end || bytes[at + 3] === 0 || bytes[at + 3] === 0xff) && (at + 4 >= end || bytes[at + 4] === 0)

const quantityWithin = (bytes: Uint8Array, at: number, end: number, limit: number): boolean => {
  if (at + 4 >= end) return true
  const quantity = (bytes[at + 3]! << 8) | bytes[at + 4]!
  return quantity >= 1 && quantity <= limit
}

/** Walks the objects of an identification answer. @source Modbus Application Protocol V1.1b3, 6.21 */
const identificationLength = (bytes: Uint8Array, at: number, end: number): number => {
  if (at + 1 < end && bytes[at + 1] !== MEI_IDENTIFICATION) return -1
  if (at + 6 >= end) return 0
  let next = at + 7
  for (let left = bytes[at + 6]!; left > 0; left--) {
    if (next + 1 >= end) return next + 2 - at > 253 ? -1 : 0
    next += 2 + bytes[next + 1]!
  }
  return next - at > 253 ? -1 : next - at
}
