/**
 * The far ends of A13: meters that answer by arithmetic of their own, not by our codecs, and say what is true of each register.
 */
export interface WireMeter {
  /** The answer to a request, null when it is not for us or not understood. `serial` marks which request it answers. */
  answer(request: Uint8Array, serial: number): Uint8Array | null
  /** A sound frame of another unit with other values: what a late reply or a second master looks like. */
  stranger(request: Uint8Array): Uint8Array | null
}

/** CRC-16 of Modbus, bit by bit. @source MODBUS over serial line V1.02, 6.2.2 */
const crc16 = (bytes: Uint8Array): number => {
  let crc = 0xffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xa001 : crc >>> 1
  }
  return crc
}

/** A register holds its unit and its address; the last one of an answer holds the number of the request. */
export const truthOf = (unit: number, address: number): number => ((unit << 10) | (address & 0x3ff)) & 0xffff

const registers = (unit: number, request: Uint8Array, serial: number): Uint8Array => {
  const from = (request[2]! << 8) | request[3]!
  const count = (request[4]! << 8) | request[5]!
  const pdu = new Uint8Array(2 + 2 * count)
  pdu[0] = request[1]!
  pdu[1] = 2 * count
  for (let at = 0; at < count; at++) {
    const value = at === count - 1 ? serial & 0xffff : truthOf(unit, from + at)
    pdu[2 + 2 * at] = value >> 8
    pdu[3 + 2 * at] = value & 0xff
  }
  return pdu
}

const rtu = (unit: number, pdu: Uint8Array): Uint8Array => {
  const frame = new Uint8Array(pdu.length + 3)
  frame[0] = unit
  frame.set(pdu, 1)
  const crc = crc16(frame.subarray(0, -2))
  frame[frame.length - 2] = crc & 0xff
  frame[frame.length - 1] = crc >> 8
  return frame
}

export const rtuMeter: WireMeter = {
  answer: (request, serial) => (request.length === 8 ? rtu(request[0]!, registers(request[0]!, request, serial)) : null),
  stranger: (request) => (request.length === 8 ? rtu((request[0]! % 8) + 1, registers((request[0]! % 8) + 1, request, 0)) : null),
}

/** Modbus TCP: the same behind a head of transaction id, protocol 0 and length. */
const mbap = (request: Uint8Array, id: number, unit: number, pdu: Uint8Array): Uint8Array => {
  const frame = new Uint8Array(7 + pdu.length)
  frame.set([id >> 8, id & 0xff, 0, 0, (pdu.length + 1) >> 8, (pdu.length + 1) & 0xff, unit])
  frame.set(pdu, 7)
  return request.length === 12 ? frame : new Uint8Array(0)
}
const idOf = (request: Uint8Array): number => (request[0]! << 8) | request[1]!

export const tcpMeter: WireMeter = {
  answer: (request, serial) => mbap(request, idOf(request), request[6]!, registers(request[6]!, request.subarray(6), serial)),
  // A number that was used long ago, as a gateway with an old queue sends it.
  stranger: (request) => {
    const unit = (request[6]! % 8) + 1
    return mbap(request, (idOf(request) - 1000) & 0xffff, unit, registers(unit, request.subarray(6), 0))
  },
}

/** Energy in 0.01 kWh of a DL/T 645 meter: its number and its data item, digit for digit. */
export const energyOf = (address: string, item: string): number => Number(address.slice(-4)) * 10_000 + (Number.parseInt(item, 16) % 10_000)

const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => (total + byte) & 0xff, 0)

const dlt645Frame = (addressBytes: Uint8Array, itemBytes: Uint8Array): Uint8Array => {
  const address = [...addressBytes]
    .reverse()
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')
  const item = [...itemBytes]
    .reverse()
    .map((byte) => ((byte - 0x33) & 0xff).toString(16).padStart(2, '0'))
    .join('')
  const digits = String(energyOf(address, item)).padStart(8, '0')
  const value = [6, 4, 2, 0].map((at) => (Number.parseInt(digits.slice(at, at + 2), 16) + 0x33) & 0xff)
  const frame = Uint8Array.of(0x68, ...addressBytes, 0x68, 0x91, 8, ...itemBytes, ...value, 0, 0x16)
  frame[frame.length - 2] = sum(frame.subarray(0, -2))
  return frame
}

/** Answers reads (control 11H) of one data item; wake-up bytes in front are skipped. @source DL/T 645-2007, 7.1 */
export const dlt645Meter: WireMeter = {
  answer: (request) => {
    const start = request.indexOf(0x68)
    return request[start + 8] === 0x11 ? dlt645Frame(request.slice(start + 1, start + 7), request.slice(start + 10, start + 14)) : null
  },
  stranger: (request) => {
    const start = request.indexOf(0x68)
    const address = request.slice(start + 1, start + 7)
    address[0] = (address[0]! & 0xf0) | ((address[0]! + 1) % 10)
    return dlt645Frame(address, request.slice(start + 10, start + 14))
  },
}
