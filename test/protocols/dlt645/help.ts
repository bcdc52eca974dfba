import { decodeFrame, type Frame } from '../../../protocols/dlt645/frame.ts'
import type { Conversation, Request } from '../../../src/core/adapter.ts'
import { err, type GatewayError, ok, type Result } from '../../../src/core/result.ts'

export const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'))

export const silence: GatewayError = { code: 'LINE_TIMEOUT', message: 'no reply', recovery: 'retry', hint: 'check the wiring', context: {} }

/** A frame made by hand for the tests, not by the encoder: data in plain, 33H added here. */
export const wire = (address: string, control: number, data: string): Uint8Array => {
  const plain = Array.from(bytes(data), (byte) => (byte + 0x33) % 256)
  const body = [0x68, ...Array.from(bytes(address)).reverse(), 0x68, control, plain.length, ...plain]
  return Uint8Array.from([...body, body.reduce((sum, byte) => sum + byte, 0) % 256, 0x16])
}

export const frameOf = (address: string, control: number, data: string): Frame => {
  const result = decodeFrame(wire(address, control, data))
  if (!result.ok) throw new Error(result.error.message)
  return result.value
}

/** What a scripted meter hears. */
export interface Heard {
  readonly address: string
  readonly control: number
  /** Identifier and the rest, plain. */
  readonly data: string
  readonly request: Request<Frame>
}
/** Frames that come in, oldest first; null = silence. */
export type Script = (heard: Heard, turn: number) => readonly Frame[] | null

/** Carries a conversation out the way a line does: strangers are passed over, silence is an error. */
export const run = <T>(talk: Conversation<T, Frame>, script: Script): { result: Result<T>; heard: Heard[]; strangers: number } => {
  const heard: Heard[] = []
  let strangers = 0
  let step = talk.next()
  while (!step.done) {
    const request = step.value
    const start = request.bytes.findIndex((byte) => byte !== 0xfe)
    const sent = decodeFrame(request.bytes.subarray(start))
    if (!sent.ok) throw new Error(sent.error.message)
    const entry: Heard = {
      address: sent.value.address,
      control: sent.value.control,
      data: Buffer.from(sent.value.data).toString('hex').toUpperCase(),
      request,
    }
    heard.push(entry)
    let reply: Result<Frame> = err(silence)
    for (const frame of script(entry, heard.length) ?? []) {
      if (request.judge(frame) === 'answer') {
        reply = ok(frame)
        break
      }
      strangers++
    }
    if (heard.length > 5000) throw new Error('the conversation does not end')
    step = talk.next(reply)
  }
  return { result: step.value, heard, strangers }
}

const reversed = (hex: string): string => (hex.match(/../g) ?? []).reverse().join('')

/** A meter with items: identifier → data, `refuse:02` → abnormal answer, null → silence. Everything else is "no such data". */
export const meter =
  (address: string, items: Readonly<Record<string, string | null>>, older = false): Script =>
  ({ control, data }) => {
    const size = older ? 4 : 8
    if (control !== (older ? 0x01 : 0x11)) return null
    const di = reversed(data.slice(0, size))
    const value = items[di]
    if (value === null) return null
    if (value === undefined || value.startsWith('refuse:')) return [frameOf(address, control | 0xc0, value?.slice(7) ?? '02')]
    return [frameOf(address, control | 0x80, data.slice(0, size) + value.replaceAll(' ', ''))]
  }
