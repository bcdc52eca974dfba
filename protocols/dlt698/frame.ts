import { hexOf } from '../../src/core/hex.ts'
import { ok, type Result } from '../../src/core/result.ts'
import { crcOf } from './crc.ts'
import { type Dlt698Error, fail } from './errors.ts'

/** Kinds of server address, by D7-6 of its first byte. */
export const ADDRESS_TYPES = ['single', 'wildcard', 'group', 'broadcast'] as const
export type AddressType = (typeof ADDRESS_TYPES)[number]

/** Server address (服务器地址, SA): the terminal or meter a frame is to or from. */
export interface ServerAddress {
  readonly type: AddressType
  /** Logical address, D5-4, or the extra byte where one follows. */
  readonly logical: number
  /** Bytes of the address. */
  readonly length: number
  /** Digits, most significant first; the wire carries the low byte first. */
  readonly address: string
}

/** Where a block stands in a message that was cut into fragments (分帧). */
export interface FragmentHeader {
  /** 0 to 4095. */
  readonly index: number
  readonly kind: 'first' | 'last' | 'confirm' | 'middle'
}

/** A frame whose two checks held. */
export interface Frame {
  /** D7 DIR, D6 PRM, D5 fragment, D3 scramble, D2-D0 function. */
  readonly control: number
  readonly sa: ServerAddress
  /** Client address, 0 = do not care. */
  readonly ca: number
  readonly fragment: FragmentHeader | null
  /** Application data, scramble (33H) taken off, without the fragment header. */
  readonly apdu: Uint8Array
  /** The whole frame as it came; of a message in fragments all its frames. */
  readonly raw: Uint8Array
}

/** Bits of the control byte C. */
export const CONTROL = { dir: 0x80, prm: 0x40, fragment: 0x20, scramble: 0x08, function: 0x07 } as const

/** C values senders use: 1 = link management, 3 = user data. */
export const C = { login: 0x81, loginAnswer: 0x01, request: 0x43, answer: 0xc3, report: 0x83, reportAnswer: 0x03 } as const

export const START = 0x68
export const END = 0x16
export const WAKE_UP = 0xfe
/** Longest value of the length field that is read: 14 bits; a frame has two delimiters more. */
export const MAX_LENGTH = 0x3fff
export const LONGEST_FRAME = MAX_LENGTH + 2
/** C, SA byte, one address byte, CA, HCS, FCS and the length itself. */
const SHORTEST = 2 + 1 + 1 + 1 + 1 + 2 + 2
const SCRAMBLE = 0x33

/** D15-D14 of a fragment header. */
const FRAGMENT_KINDS = ['first', 'last', 'confirm', 'middle'] as const

/** Where the parts of a frame lie, counted from its 68H. */
export interface Layout {
  /** Value of the length field in bytes. */
  readonly length: number
  /** Bytes of the server address behind its first byte. */
  readonly addressBytes: number
  /** An extra logical-address byte stands before the address. */
  readonly hasExtra: boolean
  readonly caAt: number
  readonly bodyAt: number
  /** First byte behind 16H. */
  readonly end: number
}

/**
 * Looks at the header at `at`, which must be 68H: nothing behind the header check is needed.
 *
 * @param end     bytes there are
 * @errors        DLT698_TRUNCATED: more bytes are needed; DLT698_LENGTH, DLT698_HCS: no frame begins here
 */
export const readHeader = (bytes: Uint8Array, at: number, end: number): Result<Layout, Dlt698Error> => {
  if (end - at < 5) return fail('DLT698_TRUNCATED', `${end - at} bytes of a header`, { at: end - at })
  const field = bytes[at + 1]! | (bytes[at + 2]! << 8)
  const length = (field & 0x3fff) * (field & 0x4000 ? 1024 : 1)
  if (length < SHORTEST || length > MAX_LENGTH || field & 0x8000)
    return fail('DLT698_LENGTH', `length field ${hexOf(bytes.subarray(at + 1, at + 3))} is no length of a frame`, { at: 1 })
  const flag = bytes[at + 4]!
  const size = (flag & 0x0f) + 1
  // Later editions put an extra logical-address byte there when D5 is set; which of both it is only the header check tells.
  for (const extra of flag & 0x20 ? [0, 1] : [0]) {
    const caAt = 5 + size + extra
    const bodyAt = caAt + 3
    if (bodyAt + 2 > length + 1) return fail('DLT698_LENGTH', `length ${length} is too small for the header`, { at: 1 })
    if (end - at < bodyAt) return fail('DLT698_TRUNCATED', `${end - at} bytes of a header`, { at: end - at })
    if (crcOf(bytes, at + 1, at + caAt + 1) === (bytes[at + caAt + 1]! | (bytes[at + caAt + 2]! << 8)))
      return ok({ length, addressBytes: size, hasExtra: extra === 1, caAt, bodyAt, end: length + 2 })
  }
  return fail('DLT698_HCS', 'header check wrong', { at: 6 + size })
}

/**
 * Decodes the frame that begins at `at`.
 *
 * @errors  DLT698_DELIMITER, DLT698_LENGTH, DLT698_HCS, DLT698_FCS: no frame; DLT698_TRUNCATED: more bytes are needed
 */
export const decodeFrame = (bytes: Uint8Array, at = 0, end = bytes.length): Result<Frame, Dlt698Error> => {
  if (bytes[at] !== START) return fail('DLT698_DELIMITER', 'a frame begins with 68H', { at: 0 })
  const header = readHeader(bytes, at, end)
  if (!header.ok) return header
  const { caAt, bodyAt, end: size } = header.value
  if (end - at < size) return fail('DLT698_TRUNCATED', `${end - at} of ${size} bytes`, { at: end - at })
  if (bytes[at + size - 1] !== END) return fail('DLT698_DELIMITER', 'the byte at the end of the frame is not 16H', { at: size - 1 })
  if (crcOf(bytes, at + 1, at + size - 3) !== (bytes[at + size - 3]! | (bytes[at + size - 2]! << 8)))
    return fail('DLT698_FCS', 'frame check wrong', { at: size - 3 })
  const control = bytes[at + 3]!
  // Of a Buffer `slice` would be a view: what comes next into it would be in the frame.
  const raw = new Uint8Array(bytes.subarray(at, at + size))
  let body = raw.subarray(bodyAt, size - 3)
  let fragment: FragmentHeader | null = null
  if (control & CONTROL.fragment) {
    if (body.length < 2) return fail('DLT698_LENGTH', 'a fragment without its two-byte header', { at: bodyAt })
    fragment = { index: (body[0]! | (body[1]! << 8)) & 0x0fff, kind: FRAGMENT_KINDS[body[1]! >> 6]! }
    body = body.subarray(2)
  }
  if (control & CONTROL.scramble) body = body.map((byte) => (byte - SCRAMBLE) & 0xff)
  return ok({ control, sa: addressAt(bytes, at, header.value), ca: bytes[at + caAt]!, fragment, apdu: body, raw })
}

const addressAt = (bytes: Uint8Array, at: number, { addressBytes, hasExtra }: Layout): ServerAddress => {
  const flag = bytes[at + 4]!
  const from = at + 5 + (hasExtra ? 1 : 0)
  const address = hexOf(new Uint8Array(bytes.subarray(from, from + addressBytes)).reverse(), '')
  return {
    type: ADDRESS_TYPES[flag >> 6]!,
    logical: hasExtra ? bytes[at + 5]! : (flag >> 4) & 3,
    length: addressBytes,
    // An odd number of digits is filled up with F; wildcards of A and a lone F are no fill.
    address: /^F\d+$/.test(address) ? address.slice(1) : address,
  }
}

const bytesOfAddress = (sa: ServerAddress): Uint8Array => {
  const digits = sa.address.padStart(sa.length * 2, sa.address.length % 2 === 1 && sa.address.length === sa.length * 2 - 1 ? 'F' : '0')
  return Uint8Array.from({ length: sa.length }, (_, index) => Number.parseInt(digits.slice(-2 * (index + 1)).slice(0, 2), 16))
}

/** What a frame is made of; `scramble` is added here. */
export interface FrameParts {
  readonly control: number
  readonly sa: ServerAddress
  readonly ca: number
  readonly apdu: Uint8Array
  readonly fragment?: FragmentHeader | null
}

/** Makes a whole frame; both checks and the length come from here. */
export const encodeFrame = ({ control, sa, ca, apdu, fragment }: FrameParts): Uint8Array => {
  const address = bytesOfAddress(sa)
  const extra = sa.logical > 3 ? 1 : 0
  const headed = fragment ? 2 : 0
  const bodyAt = 8 + extra + address.length
  const size = bodyAt + headed + apdu.length + 3
  const bytes = new Uint8Array(size)
  const field = size - 2
  bytes[0] = START
  bytes[1] = field & 0xff
  bytes[2] = field >> 8
  bytes[3] = fragment ? control | CONTROL.fragment : control
  bytes[4] = (ADDRESS_TYPES.indexOf(sa.type) << 6) | (extra ? 0x20 : sa.logical << 4) | (address.length - 1)
  if (extra) bytes[5] = sa.logical
  bytes.set(address, 5 + extra)
  bytes[bodyAt - 3] = ca
  put16(bytes, bodyAt - 2, crcOf(bytes, 1, bodyAt - 2))
  if (fragment) put16(bytes, bodyAt, fragment.index | (FRAGMENT_KINDS.indexOf(fragment.kind) << 14))
  bytes.set(apdu, bodyAt + headed)
  if (control & CONTROL.scramble) for (let at = bodyAt + headed; at < size - 3; at++) bytes[at] = (bytes[at]! + SCRAMBLE) & 0xff
  put16(bytes, size - 3, crcOf(bytes, 1, size - 3))
  bytes[size - 1] = END
  return bytes
}

const put16 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value & 0xff
  bytes[at + 1] = value >> 8
}

/** The single address of these digits, logical address 0; six bytes where they fit, as terminals have. */
export const singleAddress = (digits: string): ServerAddress => ({
  type: 'single',
  logical: 0,
  length: digits.length === 12 ? 6 : Math.ceil(digits.length / 2),
  address: digits,
})
