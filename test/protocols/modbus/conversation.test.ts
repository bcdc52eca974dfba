import { describe, expect, it } from 'vitest'
import {
  readBits,
  readIdentification,
  readRegisters,
  writeCoil,
  writeCoils,
  writeRegister,
  writeRegisters,
} from '../../../protocols/modbus/conversation.ts'
import { encodeFrame, type ModbusFrame } from '../../../protocols/modbus/frame.ts'
import { encodeResponse, type ModbusResponse } from '../../../protocols/modbus/pdu.ts'
import { type Conversation, hexOf, ok, type Request } from '../../../src/core/index.ts'
import { bytes, converse } from './help.ts'

const frame = (response: ModbusResponse, unit = 17): ModbusFrame => {
  const pdu = encodeResponse(response)
  return { unit, function: pdu[0]!, transactionId: 0, pdu }
}
/** The first request of a talk. */
const first = <T>(talk: Conversation<T, ModbusFrame>): Request<ModbusFrame> => {
  const step = talk.next()
  if (step.done) throw new Error('no request')
  return step.value
}

describe('writes', () => {
  it.each([
    ['a coil', writeCoil('rtu', 17, 0xac, true), '11 05 00AC FF00', { writes: true, mirrors: true }],
    ['a register', writeRegister('rtu', 17, 1, 3), '11 06 0001 0003', { writes: true, mirrors: true }],
    [
      'coils',
      writeCoils('rtu', 17, 0x13, [true, false, true, true, false, false, true, true, true, false]),
      '11 0F 0013 000A 02 CD01',
      { writes: true },
    ],
    ['registers', writeRegisters('rtu', 17, 1, [10, 258]), '11 10 0001 0002 04 000A 0102', { writes: true }],
  ])('%s is marked as one, 8 bytes come back', (_, talk, hex, marks) => {
    const request = first(talk)
    expect(hexOf(request.bytes)).toBe(hexOf(encodeFrame('rtu', 17, bytes(hex).subarray(1))))
    expect(request).toMatchObject({ ...marks, replyBytes: 8 })
  })
  it('reads are no writes', () => {
    const request = first(readRegisters('rtu', 17, 3, 0, 1))
    expect([request.writes, request.mirrors]).toEqual([undefined, undefined])
  })
  it('an answer about another register or value is a stranger', () => {
    const { judge } = first(writeRegister('rtu', 17, 1, 3))
    expect(judge(frame({ function: 6, address: 1, value: 3 }))).toBe('answer')
    expect(judge(frame({ function: 6, address: 2, value: 3 }))).toBe('stranger')
    expect(judge(frame({ function: 6, address: 1, value: 4 }))).toBe('stranger')
    expect(judge(frame({ function: 6, address: 1, value: 3 }, 18))).toBe('stranger')
    expect(judge(frame({ function: 6, exceptionCode: 4 }))).toBe('answer')
    expect(first(writeRegisters('rtu', 17, 1, [1, 2])).judge(frame({ function: 16, address: 1, quantity: 1 }))).toBe('stranger')
  })
  it('a broadcast waits for nobody', () => {
    const talk = writeRegister('rtu', 0, 1, 3)
    expect(first(talk).replyBytes).toBe(0)
    expect(talk.next(ok(frame({ function: 6, address: 1, value: 3 }, 0)))).toEqual({ done: true, value: ok(undefined) })
  })
  it('a refusal is a failure with its code', () =>
    expect(converse(writeRegister('rtu', 17, 1, 3), () => ok(frame({ function: 6, exceptionCode: 3 })))).toMatchObject({
      ok: false,
      error: { code: 'MODBUS_ILLEGAL_VALUE', context: { unit: 17, function: 6, address: 1, exceptionCode: 3 } },
    }))
})

it.each([
  ['126 registers', () => readRegisters('tcp', 1, 3, 0, 126)],
  ['no registers', () => readRegisters('tcp', 1, 3, 0, 0)],
  ['2001 coils', () => readBits('tcp', 1, 1, 0, 2001)],
  ['beyond the last register', () => readRegisters('tcp', 1, 3, 65535, 2)],
  ['half an address', () => readRegisters('tcp', 1, 3, 0.5, 2)],
  ['a value above 65535', () => writeRegister('tcp', 1, 0, 65536)],
  ['124 registers to write', () => writeRegisters('tcp', 1, 0, new Array<number>(124).fill(0))],
  ['nothing to write', () => writeCoils('tcp', 1, 0, [])],
])('refuses to ask for %s, and sends nothing', (_, talk) =>
  expect((talk() as Conversation<unknown, ModbusFrame>).next()).toMatchObject({
    done: true,
    value: { ok: false, error: { code: 'MODBUS_REQUEST' } },
  }),
)

describe('identification', () => {
  const page = (moreFollows: boolean, nextObjectId: number, id: number): ModbusResponse => ({
    function: 43,
    readCode: 1,
    conformity: 1,
    moreFollows,
    nextObjectId,
    objects: [{ id, text: `object ${id}` }],
  })
  it('follows the pages', () => {
    const pages = [page(true, 1, 0), page(true, 2, 1), page(false, 0, 2)]
    expect(converse(readIdentification('tcp', 17), () => ok(frame(pages.shift()!)))).toEqual(
      ok([0, 1, 2].map((id) => ({ id, text: `object ${id}` }))),
    )
  })
  it('a device that says "more" for ever is cut off', () => {
    let asked = 0
    converse(readIdentification('tcp', 17), () => ok(frame(page(true, ++asked, 0))))
    expect(asked).toBe(16)
    asked = 0
    converse(readIdentification('tcp', 17), () => {
      asked++
      return ok(frame(page(true, 0, 0)))
    })
    expect(asked).toBe(1)
  })
})
