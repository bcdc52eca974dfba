import { parseApdu } from '../../../protocols/dlt698/apdu.ts'
import type { Apdu } from '../../../protocols/dlt698/apdu-types.ts'
import { createDeframer } from '../../../protocols/dlt698/deframer.ts'
import { createEar } from '../../../protocols/dlt698/ear.ts'
import { CONTROL, decodeFrame, encodeFrame, type Frame } from '../../../protocols/dlt698/frame.ts'
import { bytesOf } from '../../../src/core/hex.ts'
import { failWith, isDiscarded, type Result, type TerminalRequest, type TerminalTalk } from '../../../src/core/index.ts'

export const NOW = { year: 2026, month: 11, day: 21, hour: 8, minute: 7, second: 0 }
export const TERMINAL = '000000000201'

const fail = failWith({ TERMINAL_NO_REPLY: { recovery: 'retry', hint: 'nobody answered' } })

/** What a test's terminal says to a request: an APDU as hexadecimal text (`SS` = the PIID of the request), null = nothing. */
export type Answer = (request: Apdu, frame: Frame) => string | null

/** How long an APDU of the terminal may be before it goes in fragments. */
export interface Manner {
  readonly blockBytes?: number
}

export interface Driven<T> {
  readonly result: Result<T>
  readonly requests: readonly Apdu[]
  readonly asked: readonly TerminalRequest<Frame>[]
  readonly frames: readonly Frame[]
}

const two = (value: number) => value.toString(16).padStart(2, '0')

/** Carries out a talk against a terminal: frames, fragments and their confirmations in both directions go over bytes. */
export const drive = <T>(talk: TerminalTalk<T, Frame>, answer: Answer, manner: Manner = {}): Driven<T> => {
  const requests: Apdu[] = []
  const asked: TerminalRequest<Frame>[] = []
  const frames: Frame[] = []
  const deframer = createDeframer()
  const ear = createEar()
  let sequence = 61
  let half: Uint8Array[] = []
  /** Blocks the terminal still has to send; the next goes when the last was confirmed. */
  let waiting: Uint8Array[] = []

  /** Frames the terminal says to one of the master. */
  const terminal = (bytes: Uint8Array): Uint8Array[] => {
    const decoded = decodeFrame(bytes)
    if (!decoded.ok) throw new Error(decoded.error.message)
    const frame = decoded.value
    frames.push(frame)
    const head = { control: frame.control | CONTROL.dir, sa: frame.sa, ca: frame.ca }
    let { apdu } = frame
    if (frame.fragment?.kind === 'confirm') return waiting.splice(0, 1)
    if (frame.fragment) {
      half = frame.fragment.kind === 'first' ? [apdu] : [...half, apdu]
      if (frame.fragment.kind !== 'last')
        return [encodeFrame({ ...head, apdu: new Uint8Array(0), fragment: { index: frame.fragment.index, kind: 'confirm' } })]
      apdu = Uint8Array.from(half.flatMap((part) => [...part]))
    }
    const parsed = parseApdu(apdu)
    if (!parsed.ok) throw new Error(`request: ${parsed.error.message}`)
    requests.push(parsed.apdu)
    const said = answer(parsed.apdu, frame)
    if (said === null) return []
    const body = bytesOf(said.replaceAll('SS', two(apdu[2] ?? 0)))
    if (!body) throw new Error(`no hexadecimal text: ${said}`)
    const plain = { ...head, control: head.control & ~CONTROL.fragment }
    const { blockBytes = 16_000 } = manner
    if (body.length <= blockBytes) return [encodeFrame({ ...plain, apdu: body })]
    const count = Math.ceil(body.length / blockBytes)
    const blocks = Array.from({ length: count }, (_, index) =>
      encodeFrame({
        ...plain,
        apdu: body.subarray(index * blockBytes, (index + 1) * blockBytes),
        fragment: { index, kind: index === 0 ? 'first' : index === count - 1 ? 'last' : 'middle' },
      }),
    )
    waiting = blocks.slice(1)
    return blocks.slice(0, 1)
  }

  const ask = (request: TerminalRequest<Frame>): Result<readonly Frame[]> => {
    asked.push(request)
    sequence = (sequence + 1) % 64
    const own: Frame[] = []
    const queue = terminal(request.make(sequence))
    for (let bytes = queue.shift(); bytes; bytes = queue.shift())
      for (const item of deframer.push(bytes)) {
        if (isDiscarded(item)) throw new Error(item.error.message)
        for (const heard of ear.hear(item, NOW)) {
          if (heard.kind === 'say') queue.push(...terminal(heard.bytes))
          if (heard.kind !== 'answer') continue
          const verdict = request.judge(heard.frame, sequence)
          if (verdict === 'stranger') continue
          own.push(heard.frame)
          if (verdict === 'last') return { ok: true, value: own }
        }
      }
    return fail('TERMINAL_NO_REPLY', 'silent')
  }

  let step = talk.next()
  while (!step.done) step = talk.next(ask(step.value))
  return { result: step.value, requests, asked, frames }
}

/** The value of a good result. */
export const goodOf = <T>({ result }: Driven<T>): T => {
  if (!result.ok) throw new Error(result.error.message)
  return result.value
}
