import { decodeFrame, type Frame } from '../../../protocols/gw3761/frame.ts'
import { bytesOf } from '../../../src/core/hex.ts'

export const bytes = (hex: string): Uint8Array => {
  const found = bytesOf(hex)
  if (!found) throw new Error(`no hexadecimal text: ${hex}`)
  return found
}

/** A frame made by hand for the tests, not by the encoder. @param user  everything from C to before CS */
export const wire = (user: string, id = 2): Uint8Array => {
  const body = Array.from(bytes(user))
  const length = (body.length << 2) | id
  const head = [0x68, length & 0xff, length >> 8, length & 0xff, length >> 8, 0x68]
  return Uint8Array.from([...head, ...body, body.reduce((sum, byte) => sum + byte, 0) % 256, 0x16])
}

/** Head of an answer of terminal 3301-1001 to master 1, number 2. */
export const ANSWER = '88 01 33 E9 03 02'
/** Head of a request to it. */
export const REQUEST = '4B 01 33 E9 03 02'

/** @param data  everything behind SEQ */
export const answer = (afn: string, data: string, seq = '62', control = ANSWER): Frame => frameOf(wire(`${control} ${afn} ${seq} ${data}`))
export const request = (afn: string, data: string, seq = '62'): Frame => frameOf(wire(`${REQUEST} ${afn} ${seq} ${data}`))

export const frameOf = (raw: Uint8Array): Frame => {
  const result = decodeFrame(raw)
  if (!result.ok) throw new Error(result.error.message)
  return result.value
}

export const ZEROS = '00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00'
