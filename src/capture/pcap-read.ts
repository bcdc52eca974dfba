import { ok, type Result } from '../core/index.ts'
import { fail } from './errors.ts'
import type { Capture, CapturedFrame } from './format.ts'
import { LINK_ETHERNET, LINK_RTAC_SERIAL } from './pcap.ts'

/** Magic number → whether numbers are turned round, and parts of a second. @source draft-ietf-opsawg-pcap, file header */
const MAGIC: Readonly<Record<number, readonly [little: boolean, perMs: number]>> = {
  3569595041: [true, 1000], // d4 c3 b2 a1
  2712847316: [false, 1000], // a1 b2 c3 d4
  1295823521: [true, 1_000_000], // 4d 3c b2 a1
  2712812621: [false, 1_000_000], // a1 b2 3c 4d
}
const HEAD = 24
const RECORD = 16
const MOST_PACKET = 262_144
const ETHERNET = 14
const RTAC = 12
const MODBUS_PORT = 502

export const isPcap = (bytes: Uint8Array): boolean => bytes.length >= 4 && MAGIC[viewOf(bytes).getUint32(0)] !== undefined

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/**
 * Reads a pcap file: ours, or one of tcpdump with Modbus TCP over IPv4. Who calls whom is known by the handshake, else by port 502.
 * Packets that carry nothing, and those of anybody else, are passed over; a segment sent twice counts once.
 *
 * @errors CAPTURE_FORMAT, CAPTURE_LINKTYPE
 */
export const readPcap = (bytes: Uint8Array): Result<Capture> => {
  const view = viewOf(bytes)
  const form = bytes.length >= HEAD ? MAGIC[view.getUint32(0)] : undefined
  if (!form) return fail('CAPTURE_FORMAT', 'it has not the head of a pcap file')
  const [little, perMs] = form
  const linkType = view.getUint32(20, little) & 0xffff
  const packetOf = { [LINK_ETHERNET]: ethernetReader(), [LINK_RTAC_SERIAL]: serialPacket }[linkType]
  if (!packetOf) return fail('CAPTURE_LINKTYPE', `its link type is ${linkType}`, { linkType })
  const frames: CapturedFrame[] = []
  let at = HEAD
  for (; at + RECORD <= bytes.length; ) {
    const size = view.getUint32(at + 8, little)
    if (size > MOST_PACKET) return fail('CAPTURE_FORMAT', `a packet of ${size} bytes at byte ${at}; at most ${MOST_PACKET}`, { at, size })
    if (at + RECORD + size > bytes.length) return ok({ head: null, frames, isCut: true })
    const instant = view.getUint32(at, little) * 1000 + Math.floor(view.getUint32(at + 4, little) / perMs)
    const found = packetOf(bytes.subarray(at + RECORD, at + RECORD + size))
    if (found) frames.push(frameOf(instant, found))
    at += RECORD + size
  }
  return ok({ head: null, frames, isCut: at < bytes.length })
}

interface Packet {
  readonly what: 'tx' | 'rx'
  readonly protocol: string | null
  readonly payload: Uint8Array
}

const frameOf = (at: number, { what, protocol, payload }: Packet): CapturedFrame => ({
  ...{ at, what, protocol, device: null, bytes: new Uint8Array(payload), hidden: [], text: '', tookMs: null },
  ...{ topic: null, retained: false },
})

/** Start and end of sending are odd, of receiving even; everything else is a state of the line. */
const serialPacket = (packet: Uint8Array): Packet | null => {
  const type = packet[8] ?? 0
  if (packet.length <= RTAC || type < 1 || type > 4) return null
  return { what: type % 2 === 1 ? 'tx' : 'rx', protocol: null, payload: packet.subarray(RTAC) }
}

const ethernetReader = (): ((packet: Uint8Array) => Packet | null) => {
  /** `address:port` of whoever was called. */
  const servers = new Set<string>()
  const nextOf = new Map<string, number>()
  return (packet) => {
    if (packet.length < ETHERNET + 40) return null
    const view = viewOf(packet)
    const ipSize = ((packet[ETHERNET] ?? 0) & 0x0f) * 4
    const isTcp = view.getUint16(12) === 0x0800 && (packet[ETHERNET] ?? 0) >> 4 === 4 && packet[ETHERNET + 9] === 6
    const tcpAt = ETHERNET + ipSize
    if (!isTcp || ipSize < 20 || packet.length < tcpAt + 20) return null
    const endAt = Math.min(packet.length, ETHERNET + view.getUint16(ETHERNET + 2))
    const dataAt = tcpAt + ((packet[tcpAt + 12] ?? 0) >> 4) * 4
    const [from, to] = [12, 16].map((at, side) => {
      const address = packet.subarray(ETHERNET + at, ETHERNET + at + 4).join('.')
      return `${address}:${view.getUint16(tcpAt + 2 * side)}`
    })
    if (from === undefined || to === undefined) return null
    const flags = packet[tcpAt + 13] ?? 0
    if ((flags & 0x12) === 0x02) servers.add(to)
    const payload = packet.subarray(dataAt, endAt)
    if (payload.length === 0) return null
    const isTo = servers.has(to) || (!servers.has(from) && to.endsWith(`:${MODBUS_PORT}`))
    const isFrom = servers.has(from) || from.endsWith(`:${MODBUS_PORT}`)
    if (!isTo && !isFrom) return null
    const flow = `${from} ${to}`
    const sequence = view.getUint32(tcpAt + 4)
    const next = nextOf.get(flow)
    // Sent again because an acknowledgement was late.
    if (next !== undefined && (next - sequence) >>> 0 > 0 && (next - sequence) >>> 0 < 0x8000_0000) return null
    nextOf.set(flow, (sequence + payload.length) >>> 0)
    return { what: isTo ? 'tx' : 'rx', protocol: 'modbus-tcp', payload }
  }
}
