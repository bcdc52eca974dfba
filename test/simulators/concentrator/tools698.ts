import { hexBytes } from '../tools.ts'
import { spaced } from './tools.ts'

/** A frame of 698.45 taken apart by hand. */
export interface Seen698 {
  readonly hex: string
  readonly control: number
  readonly address: string
  readonly client: number
  readonly apdu: string
}

/** CRC-16/X-25, bit by bit. */
export const crc = (bytes: Uint8Array): number => {
  let rest = 0xffff
  for (const byte of bytes) {
    rest ^= byte
    for (let bit = 0; bit < 8; bit++) rest = (rest & 1) === 1 ? (rest >> 1) ^ 0x8408 : rest >> 1
  }
  return rest ^ 0xffff
}

export const cut698 = (held: Buffer): { readonly seen: Seen698[]; readonly rest: Buffer } => {
  const seen: Seen698[] = []
  let at = 0
  while (held.length - at >= 12) {
    const size = held.readUInt16LE(at + 1) + 2
    if (held.length - at < size) break
    const frame = held.subarray(at, at + size)
    const head = 5 + (frame[4]! & 15) + 2
    if (frame[0] !== 0x68 || frame[size - 1] !== 0x16) throw new Error(`no frame: ${spaced(frame)}`)
    if (frame.readUInt16LE(head) !== crc(frame.subarray(1, head))) throw new Error(`HCS: ${spaced(frame)}`)
    if (frame.readUInt16LE(size - 3) !== crc(frame.subarray(1, size - 3))) throw new Error(`FCS: ${spaced(frame)}`)
    const address = Buffer.from(frame.subarray(5, head - 1))
      .reverse()
      .toString('hex')
    seen.push({
      hex: spaced(frame),
      control: frame[3]!,
      address,
      client: frame[head - 1]!,
      apdu: spaced(frame.subarray(head + 2, size - 3)),
    })
    at += size
  }
  return { seen, rest: held.subarray(at) }
}

export const request698 = (address: string, apdu: string, control = 0x43, client = 0x10): Buffer => {
  const body = hexBytes(apdu)
  const wire = Buffer.from(address, 'hex').reverse()
  const length = 2 + 1 + 1 + wire.length + 1 + 2 + body.length + 2
  const head = Buffer.concat([Buffer.from([length & 0xff, length >> 8, control, wire.length - 1]), wire, Buffer.from([client])])
  const word = (value: number): Buffer => Buffer.from([value & 0xff, value >> 8])
  const first = Buffer.concat([head, word(crc(head)), body])
  return Buffer.concat([Buffer.from([0x68]), first, word(crc(first)), Buffer.from([0x16])])
}

/** The answer to a login, heartbeat or logout: result, then three times. */
export const linkAnswer = ({ address, apdu }: Seen698): Buffer => {
  const bytes = hexBytes(apdu)
  const time = spaced(bytes.subarray(5, 15))
  return request698(address, `81 ${spaced(bytes.subarray(1, 2))} 80 ${time} ${time} ${time}`, 0x01, 0)
}
/** The answer to a report of a record list. */
export const reportAnswer = ({ address, apdu, client }: Seen698): Buffer => {
  const bytes = hexBytes(apdu)
  const number = (bytes[2]! & 0x3f).toString(16).padStart(2, '0')
  return request698(address, `08 ${spaced(bytes.subarray(1, 2))} ${number} 01 ${spaced(bytes.subarray(4, 8))} 00`, 0x03, client)
}
