import { ok, type Result } from '../../src/core/result.ts'
import type { TerminalRequest, TerminalTalk } from '../../src/core/terminal.ts'
import { type Parsed, parseApdu } from './apdu.ts'
import type { Apdu, RecordItem, ResultItem } from './apdu-types.ts'
import { refusal } from './dar.ts'
import { type Out, put16 } from './encode.ts'
import { fail } from './errors.ts'
import { C, encodeFrame, type Frame, singleAddress } from './frame.ts'

/** Whom to ask, as who. */
export interface Peer {
  /** Digits of the terminal's address. */
  readonly terminal: string
  /** Client address (CA) that the master goes by. */
  readonly client: number
}

/** One service asked for. */
export interface Service {
  /** Tag of the request; its answer has the same with D7 set. */
  readonly tag: number
  readonly choice: number
  /** What follows the PIID, time tag included. */
  readonly body: Uint8Array
  readonly reach?: 'terminal' | 'field'
  readonly writes?: boolean
  readonly follows?: boolean
  /** Longest frame the terminal takes; longer APDUs go in fragments. */
  readonly frameLimit?: number
  /** Told apart from an answer to something else by what it is about; absent: the sequence number says enough. */
  readonly isOurs?: (apdu: Apdu) => boolean
}

const TAG_ERROR = 0xee
const TAG_SECURITY = 0x90
/** Delimiters, length, control, addresses of 16 bytes, both checks and the fragment header. */
const FRAME_COST = 2 + 2 + 1 + 17 + 1 + 2 + 2 + 2
const SMALLEST_LIMIT = 64
const MOST_BLOCKS = 4096

const parsedFrames = new WeakMap<Frame, Parsed>()

/** APDU of a frame, taken apart once; a plain APDU inside SECURITY in its place. */
export const apduOf = (frame: Frame): Parsed => {
  const known = parsedFrames.get(frame)
  if (known) return known
  const parsed = parseApdu(frame.apdu)
  parsedFrames.set(frame, parsed)
  return parsed
}

const unwrapped = (apdu: Apdu): Apdu => apdu.inner ?? apdu

/** Sequence number of an answer, by its first bytes: most frames are told apart without reading them. */
const isAnswer = (frame: Frame, tag: number, sequence: number): boolean => {
  const { apdu, fragment } = frame
  if (fragment !== null || apdu.length < 3) return false
  if (apdu[0] === (tag | 0x80)) return (apdu[2]! & 0x3f) === sequence
  if (apdu[0] === TAG_ERROR) return (apdu[1]! & 0x3f) === sequence
  if (apdu[0] !== TAG_SECURITY) return false
  const parsed = apduOf(frame)
  return parsed.ok && parsed.apdu.inner?.tag === (tag | 0x80) && parsed.apdu.inner.piid_acd?.seq === sequence
}

const answerOf = (frames: readonly Frame[]): Result<Apdu> => {
  const last = frames.at(-1)
  if (!last) return fail('DLT698_NO_DATA', 'the terminal answered without a frame')
  const parsed = apduOf(last)
  if (!parsed.ok) return parsed
  if (parsed.apdu.tag === TAG_ERROR) return fail('DLT698_DAR', `the terminal refused the service: ${parsed.apdu.type}`)
  if (parsed.apdu.tag === TAG_SECURITY && !parsed.apdu.inner)
    return fail('DLT698_SECURITY', 'the terminal answered under SECURITY, in cipher text or with a refusal')
  return ok(unwrapped(parsed.apdu))
}

/** One service and its answer; an APDU longer than the frame limit goes block by block, each confirmed by the terminal. */
export const exchange = function* (peer: Peer, service: Service): TerminalTalk<Apdu, Frame> {
  const sa = singleAddress(peer.terminal)
  const head = { control: C.request, sa, ca: peer.client }
  const apduFor = (sequence: number): Uint8Array => Uint8Array.of(service.tag, service.choice, sequence & 0x3f, ...service.body)
  const judgeAnswer = (frame: Frame, sequence: number): 'last' | 'stranger' => {
    if (!isAnswer(frame, service.tag, sequence)) return 'stranger'
    const parsed = apduOf(frame)
    return !parsed.ok || parsed.apdu.tag === TAG_ERROR || (service.isOurs?.(unwrapped(parsed.apdu)) ?? true) ? 'last' : 'stranger'
  }
  const marks = { ...(service.writes && { writes: true }), ...(service.follows && { follows: true }) }
  const reach = service.reach ?? 'terminal'
  const room = Math.max(service.frameLimit ?? 0x3fff, SMALLEST_LIMIT) - FRAME_COST
  if (service.body.length + 3 <= room) {
    const make = (sequence: number) => encodeFrame({ ...head, apdu: apduFor(sequence) })
    const heard = yield { make, judge: judgeAnswer, reach, ...marks }
    return heard.ok ? answerOf(heard.value) : heard
  }
  // The number given to the first block is the message's: later blocks are numbered by their header.
  let own: number | null = null
  const blocks = Math.ceil((service.body.length + 3) / room)
  for (let index = 0; index < blocks; index++) {
    const isLast = index === blocks - 1
    const kind = index === 0 ? 'first' : isLast ? 'last' : 'middle'
    const request: TerminalRequest<Frame> = {
      make: (sequence) => {
        if (index === 0 || own === null) own = sequence & 0x3f
        return encodeFrame({ ...head, apdu: apduFor(own).subarray(index * room, (index + 1) * room), fragment: { index, kind } })
      },
      judge: (frame) => {
        if (isLast) return judgeAnswer(frame, own ?? 0)
        const { fragment } = frame
        return fragment?.kind === 'confirm' && fragment.index === index ? 'last' : 'stranger'
      },
      reach: isLast ? reach : 'terminal',
      ...(service.writes && { writes: true }),
      ...((index > 0 || service.follows) && { follows: true }),
    }
    const heard = yield request
    if (!heard.ok) return heard
    if (isLast) return answerOf(heard.value)
  }
  return fail('DLT698_FRAGMENT', 'nothing was sent')
}

const isSameTable = (a: RecordItem, b: RecordItem): boolean => a.oad === b.oad && JSON.stringify(a.columns) === JSON.stringify(b.columns)

const addRecords = (into: RecordItem[], more: readonly RecordItem[]): void => {
  for (const record of more) {
    const last = into.at(-1)
    if (last?.rows && record.rows && isSameTable(last, record)) into[into.length - 1] = { ...last, rows: [...last.rows, ...record.rows] }
    else into.push(record)
  }
}

/** What a GET brought: single results, or records. */
export interface Got {
  readonly results: readonly ResultItem[]
  readonly records: readonly RecordItem[]
}

/**
 * GET with the blocks that follow: what does not fit comes as choice 5, and each block is asked for by the number of the one before.
 *
 * @errors  DLT698_DAR and its kin for a refusal of the whole, DLT698_FRAGMENT for a block that is not the next
 */
export const get = function* (peer: Peer, service: Omit<Service, 'tag'>): TerminalTalk<Got, Frame> {
  const first = yield* exchange(peer, { ...service, tag: 5 })
  if (!first.ok) return first
  const results: ResultItem[] = []
  const records: RecordItem[] = []
  let answer = first.value
  for (let count = 0; count < MOST_BLOCKS; count++) {
    if (answer.choice === 'next' && typeof answer.dar === 'number')
      return { ok: false, error: refusal(answer.dar, 'a block of the answer') }
    results.push(...(answer.results ?? []))
    addRecords(records, [...(answer.record ? [answer.record] : []), ...(answer.records ?? [])])
    const { block, last } = answer
    if (answer.choice !== 'next' || last === true || typeof block !== 'number') return ok({ results, records })
    const body: Out = []
    put16(body, block)
    body.push(0)
    const next = yield* exchange(peer, {
      tag: 5,
      choice: 5,
      body: Uint8Array.from(body),
      follows: true,
      ...(service.reach && { reach: service.reach }),
      isOurs: (apdu) => apdu.choice === 'next',
    })
    if (!next.ok) return next
    const following: unknown = next.value.block
    if (typeof following !== 'number' || following === block)
      return fail('DLT698_FRAGMENT', `block ${String(following)} came behind block ${block}`, { block })
    answer = next.value
  }
  return fail('DLT698_FRAGMENT', `more than ${MOST_BLOCKS} blocks of one answer`)
}
