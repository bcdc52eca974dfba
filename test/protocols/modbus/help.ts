import fc from 'fast-check'
import type { Framing, ModbusFrame } from '../../../protocols/modbus/frame.ts'
import type { ModbusRequest, ModbusResponse } from '../../../protocols/modbus/pdu.ts'
import { bytesOf, type Conversation, explain, type GatewayError, type Request, type Result } from '../../../src/core/index.ts'

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
export const converse = <T>(
  talk: Conversation<T, ModbusFrame>,
  answer: (request: Request<ModbusFrame>) => Result<ModbusFrame>,
): Result<T> => {
  let step = talk.next()
  while (!step.done) step = talk.next(answer(step.value))
  return step.value
}

const word = fc.nat(0xffff)
export const anyFraming = fc.constantFrom<Framing>('rtu', 'tcp', 'ascii')
export const anyRequest: fc.Arbitrary<ModbusRequest> = fc.oneof(
  fc.record({ function: fc.constantFrom(1 as const, 2 as const), address: word, quantity: fc.integer({ min: 1, max: 2000 }) }),
  fc.record({ function: fc.constantFrom(3 as const, 4 as const), address: word, quantity: fc.integer({ min: 1, max: 125 }) }),
  fc.record({ function: fc.constant(5 as const), address: word, on: fc.boolean() }),
  fc.record({ function: fc.constant(6 as const), address: word, value: word }),
  fc.record({
    function: fc.constant(15 as const),
    address: word,
    bits: fc.array(fc.boolean(), { minLength: 1, maxLength: 1968, size: 'large' }),
  }),
  fc.record({ function: fc.constant(16 as const), address: word, registers: fc.array(word, { minLength: 1, maxLength: 123 }) }),
  fc.record({ function: fc.constant(43 as const), readCode: fc.integer({ min: 1, max: 4 }), objectId: fc.nat(255) }),
)
export const anyResponse: fc.Arbitrary<ModbusResponse> = fc.oneof(
  fc.record({
    function: fc.constantFrom(1 as const, 2 as const),
    bits: fc.array(fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }), { minLength: 1, maxLength: 250 }).map((list) => list.flat()),
  }),
  fc.record({ function: fc.constantFrom(3 as const, 4 as const), registers: fc.array(word, { minLength: 1, maxLength: 125 }) }),
  fc.record({ function: fc.constant(5 as const), address: word, on: fc.boolean() }),
  fc.record({ function: fc.constant(6 as const), address: word, value: word }),
  fc.record({ function: fc.constantFrom(15 as const, 16 as const), address: word, quantity: fc.integer({ min: 1, max: 123 }) }),
  fc.record({
    function: fc.constant(43 as const),
    readCode: fc.integer({ min: 1, max: 4 }),
    conformity: fc.nat(255),
    moreFollows: fc.boolean(),
    nextObjectId: fc.nat(255),
    objects: fc.array(fc.record({ id: fc.nat(255), text: fc.string({ maxLength: 20 }) }), { maxLength: 10 }),
  }),
  fc.record({ function: fc.constantFrom(1, 2, 3, 4, 5, 6, 15, 16, 43), exceptionCode: fc.integer({ min: 1, max: 11 }) }),
)
