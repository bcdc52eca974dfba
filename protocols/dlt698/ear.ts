import type { MeterTime } from '../../src/core/adapter.ts'
import type { Heard, TerminalEar } from '../../src/core/terminal.ts'
import type { Apdu } from './apdu-types.ts'
import { type Out, putLength, putOad } from './encode.ts'
import { apduOf } from './exchange.ts'
import { C, CONTROL, encodeFrame, type Frame } from './frame.ts'
import { toldBy } from './reports.ts'
import { dateTimeBytes, timeOf } from './time.ts'

const TAG = { link: 0x01, linkAnswer: 0x81, report: 0x88, reportAnswer: 0x08, security: 0x90 } as const
/** Tags of servers that answer a request of ours. */
const ANSWERS: ReadonlySet<number> = new Set([0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x89, 0x90, 0xc5, 0xc6, 0xc9, 0xee])
/** Longest message that is put together out of fragments. */
const MOST_BYTES = 256 * 1024

/** A message that is not whole yet. */
interface Half {
  readonly sender: string
  last: number
  size: number
  readonly parts: Frame[]
}

const concat = (parts: readonly Uint8Array[]): Uint8Array => {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

const confirmation = ({ control, sa, ca, fragment }: Frame): Uint8Array =>
  encodeFrame({
    control: (control & (CONTROL.prm | CONTROL.function)) | CONTROL.fragment,
    sa,
    ca,
    apdu: new Uint8Array(0),
    fragment: { index: fragment?.index ?? 0, kind: 'confirm' },
  })

/** Answer to login, heartbeat and logout (预连接响应): the terminal's own time comes back, and ours twice. */
const linkAnswer = ({ sa, ca, apdu }: Frame, now: MeterTime): Uint8Array => {
  const time = dateTimeBytes(now)
  const piid = apdu[1]! & 0xbf
  const body = [TAG.linkAnswer, piid, 0, ...apdu.subarray(5, 15), ...time, ...time]
  return encodeFrame({ control: C.loginAnswer, sa, ca, apdu: Uint8Array.from(body) })
}

/** Answer to a report (上报响应): the same choice and objects, or the terminal says it again. */
const reportAnswer = ({ sa, ca }: Frame, report: Apdu): Uint8Array => {
  const choices: Readonly<Record<string, number>> = { list: 1, 'record-list': 2, 'trans-data': 3 }
  const choice = choices[report.choice ?? ''] ?? 1
  const head = report.piid_acd
  const body: Out = [TAG.reportAnswer, choice, ((head?.priority ?? 0) << 7) | (head?.seq ?? 0)]
  if (choice !== 3) {
    const oads = [...(report.results ?? []), ...(report.records ?? [])].flatMap(({ oad }) => (oad === undefined ? [] : [oad]))
    putLength(body, oads.length)
    for (const oad of oads) putOad(body, oad)
  }
  body.push(0)
  return encodeFrame({ control: C.reportAnswer, sa, ca, apdu: Uint8Array.from(body) })
}

/**
 * A report that cannot be read is kept as it came. Where it is about one object, that can still be confirmed; otherwise the terminal says it
 * again and again.
 */
const unreadable = (frame: Frame, why: string): Heard<Frame> => {
  const { apdu, sa, ca } = frame
  const [, choice = 0, piid = 0, count] = apdu
  const isOne = (choice === 1 || choice === 2) && count === 1 && apdu.length >= 8
  const body = [TAG.reportAnswer, choice, piid & 0xbf, 1, ...apdu.subarray(4, 8), 0]
  const confirm = isOne ? encodeFrame({ control: C.reportAnswer, sa, ca, apdu: Uint8Array.from(body) }) : null
  return { kind: 'report', values: [], events: [], unknown: [{ what: `report that cannot be read: ${why}`, raw: apdu }], confirm, frame }
}

const hearMessage = (frame: Frame, now: MeterTime): Heard<Frame> => {
  const tag = frame.apdu[0] ?? 0
  if (tag === TAG.link) {
    const parsed = apduOf(frame)
    if (!parsed.ok) return { kind: 'other', why: parsed.error.message, frame }
    const { type, heartbeat_s: seconds, request_time: time } = parsed.apdu
    if (type !== 'login' && type !== 'heartbeat' && type !== 'logout')
      return { kind: 'other', why: `link request of ${String(type)}`, frame }
    const said = typeof time === 'object' && time !== null && 'time' in time && typeof time.time === 'string' ? time.time : null
    return {
      kind: type,
      reply: linkAnswer(frame, now),
      clock: timeOf(said),
      heartbeatMs: typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : null,
    }
  }
  if (tag !== TAG.report && !ANSWERS.has(tag)) return { kind: 'other', why: 'not of a server', frame }
  // A report may come inside SECURITY; everything else there is an answer.
  if (tag !== TAG.report && tag !== TAG.security) return { kind: 'answer', frame }
  const parsed = apduOf(frame)
  const report = parsed.ok ? (parsed.apdu.inner ?? parsed.apdu) : null
  if (report?.tag !== TAG.report) {
    if (tag === TAG.security) return { kind: 'answer', frame }
    return unreadable(frame, parsed.ok ? 'no report' : parsed.error.message)
  }
  return { kind: 'report', ...toldBy(report, frame.sa.address, frame.apdu), confirm: reportAnswer(frame, report), frame }
}

/**
 * Listens to one connection: joins fragments (each is confirmed at once, or the next never comes), answers logins, tells reports from
 * answers. Frames are told apart by their APDU: direction and function bits are often wrong.
 */
export const createEar = (): TerminalEar<Frame> => {
  let half: Half | null = null

  const hearBlock = (frame: Frame, now: MeterTime): readonly Heard<Frame>[] => {
    const { fragment, apdu, sa } = frame
    if (fragment === null) return []
    const say = { kind: 'say', bytes: confirmation(frame) } as const
    if (fragment.kind === 'first') {
      half = { sender: sa.address, last: fragment.index, size: apdu.length, parts: [frame] }
      return [say]
    }
    if (half === null || half.sender !== sa.address) return [{ kind: 'other', why: `block ${fragment.index} of no message`, frame }]
    // The confirmation got lost and the block was sent again.
    if (fragment.index === half.last) return [say]
    if (fragment.index !== ((half.last + 1) & 0x0fff)) {
      const why = `block ${fragment.index} behind block ${half.last}: the message is lost`
      half = null
      return [{ kind: 'other', why, frame }]
    }
    half.last = fragment.index
    half.size += apdu.length
    half.parts.push(frame)
    if (half.size > MOST_BYTES) {
      half = null
      return [{ kind: 'other', why: `a message of more than ${MOST_BYTES} bytes`, frame }]
    }
    if (fragment.kind !== 'last') return [say]
    const { parts } = half
    half = null
    const whole: Frame = {
      ...frame,
      control: frame.control & ~CONTROL.fragment,
      fragment: null,
      apdu: concat(parts.map((part) => part.apdu)),
      raw: concat(parts.map((part) => part.raw)),
    }
    return [say, hearMessage(whole, now)]
  }

  return {
    hear(frame, now) {
      if (frame.fragment === null) return [hearMessage(frame, now)]
      // Confirms a block of ours: belongs to the request that sent it.
      if (frame.fragment.kind === 'confirm') return [{ kind: 'answer', frame }]
      return hearBlock(frame, now)
    },
    counters: () => null,
    eventsWait({ apdu, fragment }) {
      if (fragment !== null) return false
      const [tag, second, third] = apdu
      if (tag === TAG.link) return ((second ?? 0) & 0x40) !== 0
      return tag !== undefined && tag >= 0x85 && tag <= 0x89 && ((third ?? 0) & 0x40) !== 0
    },
  }
}
