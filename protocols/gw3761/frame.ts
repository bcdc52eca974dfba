import { ok, type Result } from '../../src/core/result.ts'
import { fail, type Gw3761Error } from './errors.ts'

/** Sequence field (帧序列域 SEQ). */
export interface Seq {
  /** A time tag (时间标签 Tp) stands at the end of the data. */
  readonly tpv: boolean
  readonly fir: boolean
  readonly fin: boolean
  /** The receiver must confirm with AFN 00. */
  readonly con: boolean
  /** PSEQ of a request, RSEQ of its answer: 0 to 15. */
  readonly number: number
}

/** What makes a frame, without the bytes that follow from it. */
export interface FrameParts {
  /** Administrative region (行政区划码): 4 digits, most significant first. */
  readonly region: string
  /** Terminal number (终端地址): 1 to 65535; 65535 with the group flag is everybody. */
  readonly terminal: number
  readonly group: boolean
  /** Master address (主站地址 MSA), 0 to 127; an answer echoes its request's, a terminal's own words have 0. */
  readonly msa: number
  /** `up` = from the terminal. */
  readonly dir: 'up' | 'down'
  /** From the side that started the exchange. */
  readonly prm: boolean
  /** Up: important events wait (要求访问位). */
  readonly acd: boolean
  /** Down: frame count bit; most terminals ignore it. */
  readonly fcb: boolean
  readonly fcv: boolean
  /** Function code, 0 to 15: informative only, terminals differ. */
  readonly function: number
  /** 1 = Q/GDW 130-2005, 2 = Q/GDW 376.1 and 1376.1. */
  readonly protocolId: number
  readonly afn: number
  readonly seq: Seq
  /** Everything between SEQ and CS: data units and what stands behind them (PW, EC, Tp). */
  readonly data: Uint8Array
}

/** One frame (帧) of Q/GDW 376.1. */
export interface Frame extends FrameParts {
  /** The whole frame as it came. */
  readonly raw: Uint8Array
}

/** 68H, length twice, 68H, checksum, 16H. */
export const OVERHEAD = 8
/** C, A1, A2, A3, AFN, SEQ. */
export const HEAD = 8
/** Most bytes from C to before CS. @source Q/GDW 376.1-2009, 5.3: 14 bits; channels allow less */
export const MAX_USER = 16383
/** Longest frame on the wire. */
export const MAX_FRAME = MAX_USER + OVERHEAD
/** Terminal number that every terminal listens to, with the group flag. */
export const BROADCAST = 0xffff

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).toUpperCase().padStart(2, '0'))
export const hexByte = (byte: number): string => HEX[byte & 0xff]!

/** Sum of the bytes from `from` up to `to`, modulo 256. */
export const sumOf = (bytes: Uint8Array, from: number, to: number): number => {
  let sum = 0
  for (let at = from; at < to; at++) sum += bytes[at]!
  return sum & 0xff
}

/** Whether the frame names nobody in particular. */
export const isGroup = (frame: Pick<Frame, 'group' | 'terminal'>): boolean => frame.group || frame.terminal === BROADCAST

/**
 * Makes a frame ready for the wire.
 *
 * @param parts  data at most 16375 bytes, units and AUX together
 */
export const encodeFrame = (parts: FrameParts): Uint8Array => {
  const { data, seq } = parts
  const size = HEAD + data.length
  if (size > MAX_USER) throw new Error(`${data.length} data bytes, at most ${MAX_USER - HEAD}`)
  if (!/^[0-9A-F]{4}$/.test(parts.region)) throw new Error(`${parts.region} is no region code`)
  const bytes = new Uint8Array(size + OVERHEAD)
  const length = (size << 2) | (parts.protocolId & 3)
  bytes[0] = bytes[5] = 0x68
  bytes[1] = bytes[3] = length & 0xff
  bytes[2] = bytes[4] = length >> 8
  const bit5 = parts.dir === 'up' ? parts.acd : parts.fcb
  bytes[6] = (parts.dir === 'up' ? 0x80 : 0) | (parts.prm ? 0x40 : 0) | (bit5 ? 0x20 : 0) | (parts.fcv ? 0x10 : 0) | (parts.function & 0x0f)
  bytes[7] = Number.parseInt(parts.region.slice(2), 16)
  bytes[8] = Number.parseInt(parts.region.slice(0, 2), 16)
  bytes[9] = parts.terminal & 0xff
  bytes[10] = parts.terminal >> 8
  bytes[11] = ((parts.msa & 0x7f) << 1) | (parts.group ? 1 : 0)
  bytes[12] = parts.afn
  bytes[13] = seqByte(seq)
  bytes.set(data, 14)
  bytes[bytes.length - 2] = sumOf(bytes, 6, bytes.length - 2)
  bytes[bytes.length - 1] = 0x16
  return bytes
}

export const seqByte = (seq: Seq): number =>
  (seq.tpv ? 0x80 : 0) | (seq.fir ? 0x40 : 0) | (seq.fin ? 0x20 : 0) | (seq.con ? 0x10 : 0) | (seq.number & 0x0f)

/** The sequence fields by their byte: there are only so many. */
const SEQS: readonly Seq[] = Array.from({ length: 256 }, (_, byte) => ({
  tpv: (byte & 0x80) !== 0,
  fir: (byte & 0x40) !== 0,
  fin: (byte & 0x20) !== 0,
  con: (byte & 0x10) !== 0,
  number: byte & 0x0f,
}))

/** What the head of a candidate says. `size` = whole frame in bytes; 0 = the head itself is not there yet. */
type Head = { readonly ok: true; readonly size: number } | { readonly ok: false; readonly error: Gw3761Error }

/**
 * Looks at the first six bytes of a candidate: start bytes, both lengths, protocol id. The rest of the frame need not be there.
 *
 * @errors  GW3761_DELIMITER, GW3761_LENGTHS, GW3761_LENGTH, GW3761_PROTOCOL
 */
export const readHead = (bytes: Uint8Array, at: number, end: number, maxUser = MAX_USER): Head => {
  const have = end - at
  if (have > 0 && bytes[at] !== 0x68) return fail('GW3761_DELIMITER', 'no frame starts at this byte', { at: 0, byte: bytes[at]! })
  if (have > 3 && bytes[at + 1] !== bytes[at + 3]) return lengthsDiffer(bytes, at, have)
  if (have > 4 && bytes[at + 2] !== bytes[at + 4]) return lengthsDiffer(bytes, at, have)
  if (have > 5 && bytes[at + 5] !== 0x68)
    return fail('GW3761_DELIMITER', `second start byte is ${hexByte(bytes[at + 5]!)}H, not 68H`, { at: 5, byte: bytes[at + 5]! })
  if (have < 3) return { ok: true, size: 0 }
  const length = bytes[at + 1]! | (bytes[at + 2]! << 8)
  const user = length >> 2
  const id = length & 3
  if (user < HEAD) return fail('GW3761_LENGTH', `length says ${user} user bytes, a frame has at least ${HEAD}`, { at: 1, user })
  if (user > maxUser) return fail('GW3761_LENGTH', `length says ${user} user bytes, at most ${maxUser} are taken here`, { at: 1, user })
  if (id !== 1 && id !== 2) return fail('GW3761_PROTOCOL', `protocol id ${id} is reserved`, { at: 1, id })
  return { ok: true, size: have < 6 ? 0 : user + OVERHEAD }
}

const lengthsDiffer = (bytes: Uint8Array, at: number, have: number) => {
  const word = (from: number) => `${hexByte(bytes[at + from + 1] ?? 0)}${hexByte(bytes[at + from]!)}H`
  const text = have > 4 ? `length fields differ: ${word(1)} and ${word(3)}` : 'length fields differ in their low byte'
  return fail('GW3761_LENGTHS', text, { at: 3 })
}

/**
 * Decodes the frame that starts at `bytes[at]`. Bytes after the frame are left alone.
 *
 * @returns  a frame whose `raw` and `data` are copies: the bytes may be used again
 * @errors   GW3761_DELIMITER, GW3761_LENGTHS, GW3761_LENGTH, GW3761_PROTOCOL, GW3761_TRUNCATED, GW3761_END, GW3761_CHECKSUM;
 *           context.at = offending byte, counted from the first 68H
 * @source   Q/GDW 376.1-2009, 5 frame structure, as public decoders have it (xiangruipuzhao/3761, yangboshan/C3761Protocol)
 */
export const decodeFrame = (bytes: Uint8Array, at = 0, end = bytes.length): Result<Frame, Gw3761Error> => {
  const head = readHead(bytes, at, end)
  if (!head.ok) return head
  const { size } = head
  const have = end - at
  if (size === 0 || have < size)
    return fail('GW3761_TRUNCATED', `${have} of ${size > 0 ? size : `at least ${HEAD + OVERHEAD}`} bytes`, { at: have })
  const last = at + size - 1
  if (bytes[last] !== 0x16) {
    const why = `length says ${size - OVERHEAD} user bytes, but the byte behind them is ${hexByte(bytes[last]!)}H, not the end byte 16H`
    return fail('GW3761_END', why, { at: size - 1, byte: bytes[last]! })
  }
  const received = bytes[last - 1]!
  const expected = sumOf(bytes, at + 6, last - 1)
  if (received !== expected)
    return fail('GW3761_CHECKSUM', `checksum ${hexByte(received)}H, expected ${hexByte(expected)}H`, { at: size - 2, received, expected })
  return ok(frameAt(bytes, at, size))
}

/** The frame out of bytes whose delimiters, lengths and checksum are known to be right. */
export const frameAt = (bytes: Uint8Array, at: number, size: number): Frame => {
  // Of a Buffer `slice` would be a view: what comes next into it would be in the frame.
  const raw = new Uint8Array(bytes.subarray(at, at + size))
  const control = raw[6]!
  const up = (control & 0x80) !== 0
  const bit5 = (control & 0x20) !== 0
  return {
    region: HEX[raw[8]!]! + HEX[raw[7]!]!,
    terminal: raw[9]! | (raw[10]! << 8),
    group: (raw[11]! & 1) !== 0,
    msa: raw[11]! >> 1,
    dir: up ? 'up' : 'down',
    prm: (control & 0x40) !== 0,
    acd: up && bit5,
    fcb: !up && bit5,
    fcv: (control & 0x10) !== 0,
    function: control & 0x0f,
    protocolId: raw[1]! & 3,
    afn: raw[12]!,
    seq: SEQS[raw[13]!]!,
    data: raw.subarray(14, size - 2),
    raw,
  }
}

/** The control byte of a frame. */
export const controlByte = (frame: Frame): number => frame.raw[6]!
