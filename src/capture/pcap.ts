import { isIPv4 } from 'node:net'
import type { CaptureHead, WritableFrame } from './format.ts'

/** Ethernet. @source IANA, PCAP-related LINKTYPE values */
export const LINK_ETHERNET = 1
/** Serial line of an RTAC: time, direction, payload; Wireshark reads Modbus in it. @source tcpdump.org, LINKTYPE_RTAC_SERIAL */
export const LINK_RTAC_SERIAL = 250

/** Our side of the conversation: an address for documents, and a port from the range for clients. @source RFC 5737, RFC 6335 */
const OUR_ADDRESS = '192.0.2.1'
/** Stands for a meter that is known by name only. */
const NAMED_ADDRESS = '192.0.2.2'
const OUR_PORT = 50_000
const SNAPLEN = 262_144
/** A TCP segment of ours carries at most so much; frames of meters are shorter. */
const MOST_PAYLOAD = 65_495

const SYN = 0x02
const ACK = 0x10
const PSH = 0x08

/** Writes frames as packets, one call after another, in order. */
export interface PcapWriter {
  /** The file's head; for TCP the handshake too, so that a reader knows who called whom. */
  head(): Uint8Array
  /** Empty for notes: there is nothing on the wire. */
  frame(frame: WritableFrame): Uint8Array
}

/** Whether a capture has packets at all: messages of a broker have none. */
export const hasPackets = ({ line }: Pick<CaptureHead, 'line'>): boolean => line.kind !== 'broker'

/**
 * A writer of pcap files that Wireshark opens. Modbus TCP becomes Ethernet, IPv4 and TCP with the meter's real port; everything else
 * becomes a serial line (RTAC), also behind a transparent serial server: the bytes are those of the serial side.
 *
 * @source  draft-ietf-opsawg-pcap (file), RFC 791 and RFC 9293 (checksums), tcpdump.org LINKTYPE_RTAC_SERIAL
 */
export const pcapWriter = (head: CaptureHead): PcapWriter =>
  head.line.kind === 'tcp' && head.line.framing === 'tcp' && !head.meters.some(({ profile }) => /^dlt645/.test(profile))
    ? tcpWriter(head)
    : serialWriter()

const fileHead = (linkType: number): Buffer => {
  const bytes = Buffer.alloc(24)
  bytes.writeUInt32LE(0xa1b2c3d4, 0)
  bytes.writeUInt16LE(2, 4)
  bytes.writeUInt16LE(4, 6)
  bytes.writeUInt32LE(SNAPLEN, 16)
  bytes.writeUInt32LE(linkType, 20)
  return bytes
}

const record = (at: number, packet: Buffer): Buffer => {
  const bytes = Buffer.alloc(16)
  bytes.writeUInt32LE(Math.floor(at / 1000), 0)
  bytes.writeUInt32LE(Math.floor(at % 1000) * 1000, 4)
  bytes.writeUInt32LE(packet.length, 8)
  bytes.writeUInt32LE(packet.length, 12)
  return Buffer.concat([bytes, packet])
}

const NOTHING = new Uint8Array(0)

const serialWriter = (): PcapWriter => ({
  head: () => fileHead(LINK_RTAC_SERIAL),
  frame: ({ at, what, bytes }) => {
    if (bytes.length === 0) return NOTHING
    // Network byte order; the pcap record says the same time.
    const header = Buffer.alloc(12)
    header.writeUInt32BE(Math.floor(at / 1000), 0)
    header.writeUInt32BE(Math.floor(at % 1000) * 1000, 4)
    header[8] = what === 'tx' ? 0x01 : 0x02
    return record(at, Buffer.concat([header, bytes]))
  },
})

interface End {
  readonly address: Buffer
  readonly mac: Buffer
  readonly port: number
  /** Next sequence number. */
  next: number
}

const endOf = (address: string, last: number, port: number): End => ({
  address: Buffer.from(address.split('.').map(Number)),
  // Locally administered: nobody's card.
  mac: Buffer.from([0x02, 0, 0, 0, 0, last]),
  port,
  next: 1000 * last,
})

const tcpWriter = ({ line, startedAt }: CaptureHead): PcapWriter => {
  const host = line.host !== null && isIPv4(line.host) ? line.host : NAMED_ADDRESS
  const us = endOf(OUR_ADDRESS, 1, OUR_PORT)
  const meter = endOf(host, 2, line.port ?? 502)
  let number = 0
  const segment = (at: number, from: End, to: End, flags: number, payload: Uint8Array): Buffer => {
    const packet = record(at, packetOf(from, to, flags, payload, ++number & 0xffff))
    from.next = (from.next + payload.length + (flags & SYN ? 1 : 0)) >>> 0
    return packet
  }
  return {
    head: () => {
      const at = Date.parse(startedAt)
      return Buffer.concat([
        fileHead(LINK_ETHERNET),
        segment(at, us, meter, SYN, NOTHING),
        segment(at, meter, us, SYN | ACK, NOTHING),
        segment(at, us, meter, ACK, NOTHING),
      ])
    },
    frame: ({ at, what, bytes }) => {
      if (bytes.length === 0) return NOTHING
      const [from, to] = what === 'tx' ? [us, meter] : [meter, us]
      return segment(at, from, to, PSH | ACK, bytes.subarray(0, MOST_PAYLOAD))
    },
  }
}

const packetOf = (from: End, to: End, flags: number, payload: Uint8Array, number: number): Buffer => {
  const ethernet = Buffer.concat([to.mac, from.mac, Buffer.from([0x08, 0x00])])
  const ip = Buffer.alloc(20)
  ip[0] = 0x45
  ip.writeUInt16BE(40 + payload.length, 2)
  ip.writeUInt16BE(number, 4)
  ip.writeUInt16BE(0x4000, 6) // not to be cut in pieces
  ip[8] = 64
  ip[9] = 6
  from.address.copy(ip, 12)
  to.address.copy(ip, 16)
  ip.writeUInt16BE(internetSum([ip]), 10)
  const tcp = Buffer.alloc(20)
  tcp.writeUInt16BE(from.port, 0)
  tcp.writeUInt16BE(to.port, 2)
  tcp.writeUInt32BE(from.next, 4)
  tcp.writeUInt32BE(flags & ACK ? to.next : 0, 8)
  tcp[12] = 0x50
  tcp[13] = flags
  tcp.writeUInt16BE(65_535, 14)
  const pseudo = Buffer.alloc(12)
  from.address.copy(pseudo, 0)
  to.address.copy(pseudo, 4)
  pseudo[9] = 6
  pseudo.writeUInt16BE(20 + payload.length, 10)
  tcp.writeUInt16BE(internetSum([pseudo, tcp, payload]), 16)
  return Buffer.concat([ethernet, ip, tcp, payload])
}

/** The sum of the Internet protocols. Every part but the last has an even length. @source RFC 1071 */
export const internetSum = (parts: readonly Uint8Array[]): number => {
  let sum = 0
  for (const part of parts) for (let at = 0; at < part.length; at += 2) sum += (part[at]! << 8) | (part[at + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}
