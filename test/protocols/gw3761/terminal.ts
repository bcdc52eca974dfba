import { decodeFrame, type Frame } from '../../../protocols/gw3761/frame.ts'
import { err, type GatewayError, ok, type Result } from '../../../src/core/result.ts'
import type { TerminalRequest, TerminalTalk } from '../../../src/core/terminal.ts'

export const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
export const hex = (data: Uint8Array): string => (Buffer.from(data).toString('hex').toUpperCase().match(/../g) ?? []).join(' ')

export const silence: GatewayError = { code: 'TERMINAL_NO_REPLY', message: 'no reply', recovery: 'retry', hint: 'wait', context: {} }
export const offline: GatewayError = { ...silence, code: 'TERMINAL_OFFLINE', recovery: 'wait' }

/** A frame of terminal 3301-1001 made by hand for the tests, not by the encoder. */
export const wire = (afn: string, seq: string, data: string, { control = '88', a3 = '02', a2 = 'E9 03' } = {}): Uint8Array => {
  const user = bytes(`${control} 01 33 ${a2} ${a3} ${afn} ${seq} ${data}`)
  const length = user.length * 4 + 2
  const [low, high] = [length % 256, Math.floor(length / 256)]
  const sum = user.reduce((total, byte) => total + byte, 0) % 256
  return Uint8Array.from([0x68, low, high, low, high, 0x68, ...user, sum, 0x16])
}

export const frame = (raw: Uint8Array): Frame => {
  const result = decodeFrame(raw)
  if (!result.ok) throw new Error(result.error.message)
  return result.value
}

/** What a scripted terminal is told. */
export interface Told {
  readonly afn: string
  /** Number of the request, one hexadecimal digit. */
  readonly number: string
  /** Data units and PW. */
  readonly data: string
  readonly raw: string
  readonly request: TerminalRequest<Frame>
}
/** Frames that come back, oldest first; null or an error = nothing, and why. */
export type Script = (told: Told, turn: number) => readonly Uint8Array[] | GatewayError | null

export interface Run<T> {
  readonly result: Result<T>
  readonly told: readonly Told[]
  readonly strangers: number
}

/** Carries a talk out the way a session does: numbers requests, shows every frame to the request, ends at `last`. */
export const run = <T>(talk: TerminalTalk<T, Frame>, script: Script, first = 1): Run<T> => {
  const told: Told[] = []
  let strangers = 0
  let sequence = first
  let step = talk.next()
  while (!step.done) {
    const request = step.value
    const raw = request.make(sequence)
    const entry: Told = {
      afn: hex(raw.subarray(12, 13)),
      number: (raw[13]! & 15).toString(16).toUpperCase(),
      data: hex(raw.subarray(14, -2)),
      raw: hex(raw),
      request,
    }
    told.push(entry)
    if (told.length > 3000) throw new Error('the talk does not end')
    const answer = script(entry, told.length)
    const parts: Frame[] = []
    let reply: Result<readonly Frame[]> = err(answer !== null && 'code' in answer ? answer : silence)
    for (const each of answer !== null && !('code' in answer) ? answer : []) {
      const heard = frame(each)
      const verdict = request.judge(heard, sequence)
      if (verdict === 'stranger') {
        strangers++
        continue
      }
      parts.push(heard)
      if (verdict === 'last') {
        reply = ok(parts)
        break
      }
    }
    sequence = (sequence + 1) % 16
    step = talk.next(reply)
  }
  return { result: step.value, told, strangers }
}

export const valueIn = <T>({ result }: Pick<Run<T>, 'result'>): T => {
  if (!result.ok) throw new Error(`${result.error.code} ${result.error.message}`)
  return result.value
}

export const at = (text: string) => {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = (text.match(/\d+/g) ?? []).map(Number)
  return { year, month, day, hour, minute, second }
}
