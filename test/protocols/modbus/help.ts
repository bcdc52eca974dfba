import { bytesOf, type Conversation, explain, type GatewayError, type Request, type Result } from '../../../src/core/index.ts'
import type { ModbusFrame } from '../../../protocols/modbus/frame.ts'

/** The value of a result that a test relies on. */
export const unwrap = <T>(result: Result<T, GatewayError>): T => {
  if (!result.ok) throw new Error(explain(result.error))
  return result.value
}

export const bytes = (hex: string): Uint8Array => {
  const parsed = bytesOf(hex)
  if (parsed === null) throw new Error(`no hexadecimal: ${hex}`)
  return parsed
}

/** Carries a conversation out against a function that answers. */
export const converse = <T>(talk: Conversation<T, ModbusFrame>, answer: (request: Request<ModbusFrame>) => Result<ModbusFrame>): Result<T> => {
  let step = talk.next()
  while (!step.done) step = talk.next(answer(step.value))
  return step.value
}
