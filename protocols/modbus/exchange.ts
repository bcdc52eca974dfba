import type { Request } from '../../src/core/index.ts'
import { encodeFrame, type Framing, frameLength, type ModbusFrame } from './frame.ts'
import { encodeRequest, type ModbusRequest } from './pdu.ts'

/** Data bytes of the answer to a read. */
const readBytes = (code: number, quantity: number): number => (code <= 2 ? Math.ceil(quantity / 8) : 2 * quantity)

/**
 * Works out a request once; it may be sent many times. An answer counts only if unit, function and length fit: an answer has no register address, so a late one
 * of another length is told apart here, and one of the same length by the line's silence or the transaction id.
 */
export const prepare = (framing: Framing, unit: number, request: ModbusRequest): Request<ModbusFrame> => {
  const pdu = encodeRequest(request)
  const code = request.function
  const writes = code === 5 || code === 6 || code === 15 || code === 16
  const count = writes || code === 43 ? 0 : readBytes(code, 'quantity' in request ? request.quantity : 0)
  const length = writes ? 5 : code === 43 ? 253 : 2 + count
  const fits = (answer: Uint8Array): boolean => {
    if (writes) return answer.length === 5 && startsLike(answer, pdu, 5)
    if (code === 43) return answer[1] === pdu[1] && answer[2] === pdu[2]
    return answer.length === length && answer[1] === count
  }
  return {
    bytes: encodeFrame(framing, unit, pdu),
    judge: (frame) => {
      if (frame.unit !== unit) return 'stranger'
      if (frame.function === code) return fits(frame.pdu) ? 'answer' : 'stranger'
      return frame.function === (code | 0x80) && frame.pdu.length === 2 ? 'answer' : 'stranger'
    },
    // Unit 0 is a broadcast: nobody answers.
    replyBytes: unit === 0 ? 0 : frameLength(framing, length),
    ...(code === 5 || code === 6 ? { mirrors: true } : {}),
    ...(writes ? { writes } : {}),
    // Over TCP the transaction id tells them apart.
    ...(framing === 'tcp' ? {} : { twins: `${code} ${count}` }),
  }
}

/** Functions 5 and 6 come back whole, 15 and 16 with address and quantity: the first five bytes either way. */
const startsLike = (answer: Uint8Array, pdu: Uint8Array, count: number): boolean => {
  for (let at = 0; at < count; at++) if (answer[at] !== pdu[at]) return false
  return true
}
