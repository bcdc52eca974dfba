import type { Conversation, DeviceMemory, Request } from '../../src/core/adapter.ts'
import { ok, type Result } from '../../src/core/result.ts'
import { fail, refusal } from './errors.ts'
import {
  addressMatches,
  addressText,
  BROADCAST,
  CONTROL,
  diBytes,
  encodeFrame,
  type Frame,
  MAX_DATA,
  OVERHEAD,
  type Variant,
  WILDCARD,
} from './frame.ts'

/** Function codes that differ between the two editions. */
export const FUNCTIONS: Readonly<
  Record<
    Variant,
    {
      readonly read: number
      readonly follow: number
      readonly write: number
      readonly address: number
      readonly baud: number
      readonly password: number
      readonly clearDemand: number
    }
  >
> = {
  2007: { read: 0x11, follow: 0x12, write: 0x14, address: 0x15, baud: 0x17, password: 0x18, clearDemand: 0x19 },
  1997: { read: 0x01, follow: 0x02, write: 0x04, address: 0x0a, baud: 0x0c, password: 0x0f, clearDemand: 0x10 },
}
export const READ_ADDRESS = 0x13

/** How the meter is spoken to. */
export interface Manner {
  readonly variant: Variant
  /** FEH bytes in front of each request. */
  readonly wakeUps: number
}
export const MANNER: Readonly<Record<Variant, Manner>> = { 2007: { variant: '2007', wakeUps: 4 }, 1997: { variant: '1997', wakeUps: 4 } }

const startsWith = (data: Uint8Array, head: Uint8Array): boolean => {
  if (data.length < head.length) return false
  for (let at = 0; at < head.length; at++) if (data[at] !== head[at]) return false
  return true
}

/** What a request expects to hear. */
interface Expectation {
  readonly address: string
  readonly fn: number
  /** Data identifier that a good answer repeats. */
  readonly head: Uint8Array | null
  /** Sequence number at the end of a follow-up answer. */
  readonly seq: number | null
  readonly follow: boolean
}

/**
 * Whether a frame answers a request: from the meter, same function, good, abnormal or with more to follow, same address (AA matches any
 * pair, because meters asked by wildcard answer with their own address and simulated ones echo it), same data identifier.
 */
const answers = ({ address, fn, head, seq, follow }: Expectation, { address: from, control, data }: Frame): boolean => {
  const normal = CONTROL.response | fn
  const abnormal = normal | CONTROL.abnormal
  if (control !== normal && control !== abnormal && !(follow && control === (normal | CONTROL.follow))) return false
  if (!addressMatches(address, from)) return false
  if (control === abnormal) return data.length <= 2
  if (head !== null && !startsWith(data, head)) return false
  return seq === null || (data.length > (head?.length ?? 0) && data[data.length - 1] === seq)
}

/**
 * One request with the rule that knows its answer.
 *
 * @param replyData  longest data field of the answer; null = nobody answers
 */
export const requestOf = (
  frame: Frame,
  wakeUps: number,
  expect: {
    head?: Uint8Array
    seq?: number
    follow?: boolean
    replyData: number | null
    writes?: boolean
    follows?: boolean
    timed?: boolean
    /** Makes the frame's data anew when it leaves, of the same length. */
    remake?: (wireMs: number) => Uint8Array
  },
): Request<Frame> => {
  const fn = frame.control & CONTROL.function
  const { remake } = expect
  const expectation: Expectation = {
    address: frame.address,
    fn,
    head: expect.head ?? null,
    seq: expect.seq ?? null,
    follow: expect.follow ?? false,
  }
  return {
    bytes: encodeFrame(frame, wakeUps),
    judge: (heard) => (answers(expectation, heard) ? 'answer' : 'stranger'),
    replyBytes: expect.replyData === null ? 0 : wakeUps + OVERHEAD + Math.min(expect.replyData, MAX_DATA),
    ...(expect.writes && { writes: true }),
    ...(expect.follows && { follows: true }),
    ...(expect.timed && { timed: true }),
    ...(remake && { remake: (wireMs: number) => encodeFrame({ ...frame, data: remake(wireMs) }, wakeUps) }),
  }
}

const isAbnormal = ({ control }: Frame): boolean => (control & CONTROL.abnormal) !== 0
const hasMore = ({ control }: Frame): boolean => (control & CONTROL.follow) !== 0

/** Most frames of one answer: the sequence number is one byte. */
const MAX_SEQ = 255

/**
 * Reads one data item of one meter, follow-up frames included.
 *
 * @param di         data identifier, most significant byte first
 * @param extra      bytes behind it: count of load-record blocks, time
 * @param replyData  data bytes expected behind the identifier, for the time allowed
 * @param timed      the answer shows the meter's clock
 * @returns          the data behind the identifier, joined
 * @errors           DLT645_NO_DATA, DLT645_UNAUTHORISED, DLT645_REFUSED, and what the line says
 * @source           DL/T 645-2007, 7 application layer, read data and read follow-up data
 */
export function* readData(
  address: string,
  di: string,
  manner: Manner,
  extra: Uint8Array = NOTHING,
  replyData = MAX_DATA,
  timed = false,
): Conversation<Uint8Array, Frame> {
  const { variant, wakeUps } = manner
  const { read, follow } = FUNCTIONS[variant]
  const head = diBytes(di)
  const first = requestOf({ address, control: read, data: extra.length > 0 ? join([head, extra]) : head }, wakeUps, {
    head,
    follow: true,
    replyData: head.length + replyData,
    timed,
  })
  let reply = yield first
  if (!reply.ok) return reply
  if (isAbnormal(reply.value)) return { ok: false, error: refusal(reply.value.control, reply.value.data, `item ${di}`) }
  if (!hasMore(reply.value)) return ok(reply.value.data.subarray(head.length))
  const parts = [reply.value.data.subarray(head.length)]
  for (let seq = 1; seq <= MAX_SEQ; seq++) {
    // 1997 asks for the rest without a number.
    const numbered = variant === '2007'
    const data = numbered ? join([head, Uint8Array.of(seq)]) : head
    reply = yield requestOf({ address, control: follow, data }, wakeUps, {
      head,
      follow: true,
      replyData: MAX_DATA,
      follows: true,
      ...(numbered && { seq }),
    })
    if (!reply.ok) return reply
    if (isAbnormal(reply.value)) return { ok: false, error: refusal(reply.value.control, reply.value.data, `item ${di}, part ${seq + 1}`) }
    const heard = reply.value.data
    parts.push(heard.subarray(head.length, numbered ? heard.length - 1 : heard.length))
    if (!hasMore(reply.value)) return ok(join(parts))
  }
  return fail('DLT645_LENGTH', `item ${di}: more than ${MAX_SEQ} follow-up frames`)
}

const NOTHING = new Uint8Array(0)

export const join = (parts: readonly Uint8Array[]): Uint8Array => {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of parts) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}

/**
 * Asks the only meter on a line for its address (读通信地址). Two meters would answer at once and collide.
 *
 * @returns  12 digits
 * @source   DL/T 645-2007, 7 application layer, read address
 */
export function* readAddress(manner: Manner = MANNER['2007']): Conversation<string, Frame> {
  const reply = yield requestOf({ address: WILDCARD, control: READ_ADDRESS, data: NOTHING }, manner.wakeUps, { replyData: 6 })
  if (!reply.ok) return reply
  const { control, data } = reply.value
  if (isAbnormal(reply.value)) return { ok: false, error: refusal(control, data, 'read address') }
  if (data.length !== 6) return fail('DLT645_LENGTH', `address of ${data.length} bytes, not 6`)
  return ok(addressText(data, 0))
}

/** Shortest item that every meter of an edition has. */
const ALIVE: Readonly<Record<Variant, string>> = { 2007: '00010000', 1997: '9010' }

/**
 * Proves a meter alive with one short exchange. A refusal is a proof too.
 *
 * @returns  the data identifier that was asked for
 */
export function* ping(address: string, manner: Manner): Conversation<string, Frame> {
  const di = ALIVE[manner.variant]
  const head = diBytes(di)
  const reply = yield requestOf({ address, control: FUNCTIONS[manner.variant].read, data: head }, manner.wakeUps, {
    head,
    follow: true,
    replyData: head.length + 4,
  })
  return reply.ok ? ok(di) : reply
}

/** Where {@link detectVersion} keeps what it found. */
export const VERSION_KEY = 'dlt645.version'

/**
 * Finds the edition a meter speaks: 2007 first, then 1997, because a 1997 meter stays silent on function 11H. Remembered for the device.
 *
 * @errors  the line's error of the last try when the meter answers neither
 */
export function* detectVersion(address: string, memory: DeviceMemory): Conversation<Variant, Frame> {
  const known = memory.get(VERSION_KEY)
  if (known === '2007' || known === '1997') return ok(known)
  let last: Result<string> | null = null
  for (const variant of ['2007', '1997'] as const) {
    last = yield* ping(address, MANNER[variant])
    if (last.ok) {
      memory.set(VERSION_KEY, variant)
      return ok(variant)
    }
    if (last.error.recovery === 'stop') break
  }
  return last !== null && !last.ok ? last : fail('DLT645_TRUNCATED', 'no answer in either edition')
}

export const isBroadcast = (address: string): boolean => address === BROADCAST
