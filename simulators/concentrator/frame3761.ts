import { Pen } from './pen.ts'

/**
 * Frames of Q/GDW 376.1 as a terminal sees them. Written from the public description of the frame, on purpose without any code of the gateway's
 * codec, so that a mistake there meets somebody who does not share it.
 */

/** A frame that was whole and right. */
export interface Frame3761 {
  readonly whole: Uint8Array
  /** 1 = Q/GDW 130-2005, 2 = 376.1. */
  readonly protocolId: number
  readonly control: number
  /** A1 and A2 as they stand on the wire. */
  readonly address: Uint8Array
  /** A3: master address MSA and group flag. */
  readonly a3: number
  readonly afn: number
  readonly seq: number
  /** Behind SEQ, up to the checksum: data units, and what stands behind them. */
  readonly data: Uint8Array
}

const START = 0x68
const END = 0x16
/** C, A1, A1, A2, A2, A3, AFN, SEQ. */
const HEAD = 8

export const CON = 0x10
const FIN = 0x20
const FIR = 0x40
export const TPV = 0x80

/** Frames out of bytes. Noise costs one byte at a time; a frame that never becomes whole is given up with the connection. */
export const listen3761 = (heard: (frame: Frame3761) => void): { take(bytes: Uint8Array): void } => {
  let held: Uint8Array | null = null
  return {
    take(bytes) {
      const all = held ? joined(held, bytes) : bytes
      let from = 0
      while (from < all.length) {
        const size = sizeAt(all, from)
        if (size === 'more') break
        if (size === 'no') {
          from++
          continue
        }
        const whole = all.slice(from, from + size)
        from += size
        heard({
          whole,
          protocolId: whole[1]! & 3,
          control: whole[6]!,
          address: whole.subarray(7, 11),
          a3: whole[11]!,
          afn: whole[12]!,
          seq: whole[13]!,
          data: whole.subarray(14, size - 2),
        })
      }
      held = from < all.length ? all.slice(from) : null
    },
  }
}

/** Length of the frame that begins here. */
const sizeAt = (bytes: Uint8Array, from: number): number | 'more' | 'no' => {
  if (bytes[from] !== START) return 'no'
  const left = bytes.length - from
  if (left < 6) return 'more'
  const low = bytes[from + 1]!
  const high = bytes[from + 2]!
  if (bytes[from + 3] !== low || bytes[from + 4] !== high || bytes[from + 5] !== START) return 'no'
  const user = ((high << 8) | low) >> 2
  if (user < HEAD) return 'no'
  const size = user + 8
  if (left < size) return 'more'
  let sum = 0
  for (let at = from + 6; at < from + 6 + user; at++) sum += bytes[at]!
  return bytes[from + size - 2] === (sum & 0xff) && bytes[from + size - 1] === END ? size : 'no'
}

const joined = (a: Uint8Array, b: Uint8Array): Uint8Array => {
  const all = new Uint8Array(a.length + b.length)
  all.set(a)
  all.set(b, a.length)
  return all
}

/** What is said in one frame. `seq` holds TpV, FIR, FIN, CON and the number; see {@link seqOf}. */
export interface Saying3761 {
  readonly protocolId: number
  readonly control: number
  readonly address: ArrayLike<number>
  readonly a3: number
  readonly afn: number
  readonly seq: number
  readonly data: Uint8Array
  /** EC1 and EC2, when ACD is set. */
  readonly ec: readonly [number, number] | null
  /** PFC, four pairs of the send time, allowed delay. */
  readonly tp: Uint8Array | null
}

/** SEQ of one frame of a message. */
export const seqOf = (
  number: number,
  is: { readonly first: boolean; readonly last: boolean; readonly confirm?: boolean; readonly tp?: boolean },
) => (is.tp ? TPV : 0) | (is.first ? FIR : 0) | (is.last ? FIN : 0) | (is.confirm ? CON : 0) | (number & 15)

/** Puts a frame together: length twice with the protocol's two bits, sum of the user bytes. */
export const frame3761 = ({ protocolId, control, address, a3, afn, seq, data, ec, tp }: Saying3761): Uint8Array => {
  const user = HEAD + data.length + (ec ? 2 : 0) + (tp?.length ?? 0)
  const length = (user << 2) | protocolId
  const pen = new Pen(user + 8)
  pen.byte(START).word(length).word(length).byte(START).byte(control).put(address).byte(a3).byte(afn).byte(seq).put(data)
  if (ec) pen.byte(ec[0]).byte(ec[1])
  if (tp) pen.put(tp)
  let sum = 0
  for (const byte of pen.since(6)) sum += byte
  return pen
    .byte(sum & 0xff)
    .byte(END)
    .done()
}

/** Data unit identifier of one point and one item: DA and DT. */
export const identifier = (pen: Pen, pn: number, fn: number): Pen => {
  if (pn === 0) pen.byte(0).byte(0)
  else pen.byte(1 << ((pn - 1) & 7)).byte(((pn - 1) >> 3) + 1)
  return pen.byte(1 << ((fn - 1) & 7)).byte((fn - 1) >> 3)
}

/** Points and items an identifier names. */
export interface Named {
  /** Empty for DA = FF 00, all points. */
  readonly points: readonly number[]
  readonly everyPoint: boolean
  readonly items: readonly number[]
}

export const namedBy = (data: Uint8Array, at: number): Named | null => {
  const da1 = data[at]
  const da2 = data[at + 1]
  const dt1 = data[at + 2]
  const dt2 = data[at + 3]
  if (da1 === undefined || da2 === undefined || dt1 === undefined || dt2 === undefined || dt2 > 30) return null
  const everyPoint = da1 === 0xff && da2 === 0
  const points = da1 === 0 && da2 === 0 ? [0] : everyPoint ? [] : bitsOf(da1).map((bit) => (da2 - 1) * 8 + bit + 1)
  if (da2 === 0 && da1 !== 0 && !everyPoint) return null
  const items = bitsOf(dt1).map((bit) => dt2 * 8 + bit + 1)
  return items.length === 0 || (points.length === 0 && !everyPoint) ? null : { points, everyPoint, items }
}

const bitsOf = (byte: number): number[] => [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => (byte & (1 << bit)) !== 0)

/** Wire bytes of a terminal address written `4510-21` or `4510-0015H`. */
export const addressBytes = (text: string): Uint8Array => {
  const [region = '0000', number = '1'] = text.split('-')
  const value = number.endsWith('H') ? Number.parseInt(number, 16) : Number(number)
  return Uint8Array.of(Number.parseInt(region.slice(2, 4), 16), Number.parseInt(region.slice(0, 2), 16), value & 0xff, value >> 8)
}
