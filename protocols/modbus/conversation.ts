import { type Conversation, ok, type Result } from '../../src/core/index.ts'
import { exceptionError, fail, type ModbusError } from './errors.ts'
import { prepare } from './exchange.ts'
import type { Framing, ModbusFrame } from './frame.ts'
import { LIMITS } from './functions.ts'
import { decodeResponse, type IdentificationObject, isException, type ModbusRequest, type ModbusResponse } from './pdu.ts'

/**
 * Asks one thing and takes the answer apart. An exception is a failure.
 *
 * @errors MODBUS_PDU, the error of the exception, or why there was no answer
 */
export function* ask(framing: Framing, unit: number, request: ModbusRequest): Conversation<ModbusResponse, ModbusFrame> {
  const answer = yield prepare(framing, unit, request)
  if (!answer.ok) return answer
  const response = decodeResponse(answer.value.pdu)
  if (!response.ok || !isException(response.value)) return response
  const where = 'address' in request ? { address: request.address, quantity: 'quantity' in request ? request.quantity : 1 } : {}
  return { ok: false, error: exceptionError(response.value.exceptionCode, { unit, function: request.function, ...where }) }
}

/** Reads holding (3) or input registers (4) as plain words. @errors as {@link ask}; MODBUS_REQUEST */
export function* readRegisters(
  framing: Framing,
  unit: number,
  code: 3 | 4,
  address: number,
  quantity: number,
): Conversation<readonly number[], ModbusFrame> {
  const checked = within(address, quantity, LIMITS.readRegisters)
  if (!checked.ok) return checked
  const response = yield* ask(framing, unit, { function: code, address, quantity })
  if (!response.ok) return response
  return 'registers' in response.value ? ok(response.value.registers) : unexpected(response.value)
}

/** Reads coils (1) or discrete inputs (2). @errors as {@link ask}; MODBUS_REQUEST */
export function* readBits(
  framing: Framing,
  unit: number,
  code: 1 | 2,
  address: number,
  quantity: number,
): Conversation<readonly boolean[], ModbusFrame> {
  const checked = within(address, quantity, LIMITS.readBits)
  if (!checked.ok) return checked
  const response = yield* ask(framing, unit, { function: code, address, quantity })
  if (!response.ok) return response
  return 'bits' in response.value ? ok(response.value.bits.slice(0, quantity)) : unexpected(response.value)
}

/** Switches a coil (function 5). A line refuses it unless writing is switched on. @errors as {@link ask}; MODBUS_REQUEST */
export function* writeCoil(framing: Framing, unit: number, address: number, on: boolean): Conversation<void, ModbusFrame> {
  return yield* write(framing, unit, within(address, 1, 1), { function: 5, address, on })
}

/** Writes one holding register (function 6). @errors as {@link ask}; MODBUS_REQUEST */
export function* writeRegister(framing: Framing, unit: number, address: number, value: number): Conversation<void, ModbusFrame> {
  return yield* write(framing, unit, within(address, 1, 1, [value]), { function: 6, address, value })
}

/** Writes coils in a row (function 15). @errors as {@link ask}; MODBUS_REQUEST */
export function* writeCoils(framing: Framing, unit: number, address: number, bits: readonly boolean[]): Conversation<void, ModbusFrame> {
  return yield* write(framing, unit, within(address, bits.length, LIMITS.writeBits), { function: 15, address, bits })
}

/** Writes holding registers in a row (function 16), which some meters want even for one (Hiking). @errors as {@link ask}; MODBUS_REQUEST */
export function* writeRegisters(
  framing: Framing,
  unit: number,
  address: number,
  registers: readonly number[],
): Conversation<void, ModbusFrame> {
  return yield* write(framing, unit, within(address, registers.length, LIMITS.writeRegisters, registers), {
    function: 16,
    address,
    registers,
  })
}

function* write(
  framing: Framing,
  unit: number,
  checked: Result<void, ModbusError>,
  request: ModbusRequest,
): Conversation<void, ModbusFrame> {
  if (!checked.ok) return checked
  if (unit === 0) {
    // A broadcast is not answered: the line says so by failing or by an echo, and nothing can be known from either.
    yield prepare(framing, unit, request)
    return ok(undefined)
  }
  const response = yield* ask(framing, unit, request)
  return response.ok ? ok(undefined) : response
}

/** Most requests for one identification: a device that always says "more" is cut off. */
const MOST_PAGES = 16

/**
 * Reads who made the device (function 2BH/0EH, basic identification): vendor, product, revision and what follows.
 *
 * @param readCode  1 basic, 2 regular, 3 extended
 * @errors          as {@link ask}
 */
export function* readIdentification(
  framing: Framing,
  unit: number,
  readCode = 1,
): Conversation<readonly IdentificationObject[], ModbusFrame> {
  const objects: IdentificationObject[] = []
  let objectId = 0
  for (let page = 0; page < MOST_PAGES; page++) {
    const response = yield* ask(framing, unit, { function: 43, readCode, objectId })
    if (!response.ok) return response
    if (!('objects' in response.value)) return unexpected(response.value)
    objects.push(...response.value.objects)
    if (!response.value.moreFollows || response.value.nextObjectId <= objectId) break
    objectId = response.value.nextObjectId
  }
  return ok(objects)
}

const unexpected = (response: ModbusResponse) =>
  fail('MODBUS_PDU', `an answer to another function: ${response.function}`, { function: response.function })

/** Checks what a person or a profile asks for, before it becomes bytes. */
const within = (address: number, quantity: number, limit: number, values: readonly number[] = []): Result<void, ModbusError> => {
  if (!Number.isInteger(address) || address < 0 || address > 0xffff)
    return fail('MODBUS_REQUEST', `address ${address} is not within 0 and 65535`, { address })
  if (!Number.isInteger(quantity) || quantity < 1 || quantity > limit)
    return fail('MODBUS_REQUEST', `quantity ${quantity} is not within 1 and ${limit}`, { address, quantity })
  if (address + quantity > 0x10000) return fail('MODBUS_REQUEST', `${quantity} from ${address} runs beyond 65535`, { address, quantity })
  const bad = values.find((value) => !Number.isInteger(value) || value < 0 || value > 0xffff)
  return bad === undefined ? ok(undefined) : fail('MODBUS_REQUEST', `value ${bad} is not within 0 and 65535`, { address, value: bad })
}
