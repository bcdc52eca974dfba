import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { explain, explainFrame } from '../../../protocols/modbus/explain.ts'
import { encodeFrame } from '../../../protocols/modbus/frame.ts'
import { encodeRequest, encodeResponse } from '../../../protocols/modbus/pdu.ts'
import { anyFraming, anyRequest, anyResponse, unwrap } from './help.ts'

const told = (hex: string) => unwrap(explain(hex))

describe('explains', () => {
  it('an answer, field by field', () => {
    const explanation = told('01 04 04 43 66 33 34 1B 38')
    expect(explanation).toMatchObject({
      transport: 'rtu',
      direction: 'response',
      directionFrom: 'length',
      ok: true,
      unit: 1,
      function: 4,
      functionName: 'read input registers',
      byteCount: 4,
      registers: [17254, 13108],
      crcOk: true,
    })
    expect(explanation.fields).toEqual([
      { offset: 0, length: 1, hex: '01', name: 'unit', meaning: 'unit 1' },
      { offset: 1, length: 1, hex: '04', name: 'function', meaning: 'read input registers' },
      { offset: 2, length: 1, hex: '04', name: 'byteCount', meaning: '4 data bytes' },
      { offset: 3, length: 2, hex: '43 66', name: 'registers[0]', meaning: '17254 (0x4366)' },
      { offset: 5, length: 2, hex: '33 34', name: 'registers[1]', meaning: '13108 (0x3334)' },
      { offset: 7, length: 2, hex: '1B 38', name: 'crc', meaning: 'CRC holds' },
    ])
  })
  it('a Modbus TCP request', () =>
    expect(told('0007 0000 0006 11 03 0BD3 0002')).toMatchObject({
      transport: 'tcp',
      transactionId: 7,
      protocolId: 0,
      length: 6,
      unit: 17,
      address: 3027,
      quantity: 2,
      direction: 'request',
      ok: true,
    }))
  it('an exception', () =>
    expect(told('01 84 02 C2 C1')).toMatchObject({
      function: 4,
      exceptionCode: 2,
      exceptionName: 'illegal data address',
      direction: 'response',
    }))
  it('an ASCII frame, offsets counted in characters', () => {
    const { fields, ...rest } = told(':1103006B00037E')
    expect(rest).toMatchObject({ transport: 'ascii', unit: 17, function: 3, address: 107, quantity: 3, lrcOk: true, ok: true })
    expect(fields.find(({ name }) => name === 'address')).toMatchObject({ offset: 5, length: 4, hex: '00 6B' })
    expect(fields.at(-1)).toMatchObject({ offset: 13, name: 'lrc', hex: '7E' })
  })
  it('a write says that it cannot tell request from answer', () =>
    expect(told('f80600020001fda3')).toMatchObject({ unit: 248, address: 2, value: 1, directionFrom: 'guess' }))
})

describe('says what is wrong, where, and what to do', () => {
  it('a wrong CRC', () =>
    expect(told('01 04 04 43 66 33 34 1B 39').errors).toEqual([
      { offset: 7, code: 'MODBUS_CRC', message: 'CRC 1B 39, expected 1B 38', cure: expect.stringContaining('A/B polarity') },
    ]))
  it('CRC bytes in the order of some manuals', () =>
    expect(told('01 03 20 3C 00 02 C7 0F')).toMatchObject({ crcOk: false, crcSwapped: true, crcExpected: '0F C7' }))
  it('a frame cut short', () => expect(told('01 04 04').errors[0]).toMatchObject({ offset: 3, code: 'MODBUS_TRUNCATED' }))
  it('a lying length', () => expect(told('0001 0000 0009 01 03 02 0001')).toMatchObject({ ok: false }))
  it('noise before a frame', () =>
    expect(told('00 FF 01 04 04 43 66 33 34 1B 38').errors.at(-1)).toMatchObject({
      offset: 2,
      message: 'a whole read input registers response of unit 1 starts at byte 2',
    }))
  it('an impossible request', () =>
    expect(unwrap(explain('0001 0000 0006 01 05 0000 1200', 'tcp', 'request')).errors[0]).toMatchObject({ code: 'MODBUS_PDU', offset: 8 }))
  it.each(['', 'xyz', '123'])('no hexadecimal: %j', (text) =>
    expect(explain(text)).toMatchObject({ ok: false, error: { code: 'MODBUS_NOISE' } }),
  )
})

describe('properties', () => {
  it('fields cover every byte of a sound frame, once and in order', () =>
    fc.assert(
      fc.property(
        anyFraming,
        fc.oneof(
          anyRequest.map((request) => ['request', encodeRequest(request)] as const),
          anyResponse.map((response) => ['response', encodeResponse(response)] as const),
        ),
        (framing, [direction, pdu]) => {
          const frame = encodeFrame(framing, 5, pdu, 77)
          const { fields, ok, errors } = explainFrame(frame, framing, direction)
          expect([ok, errors]).toEqual([true, []])
          let at = framing === 'ascii' ? 1 : 0
          for (const field of fields) {
            expect(field.offset).toBe(at)
            at += field.length
          }
          expect(at).toBe(framing === 'ascii' ? frame.length - 2 : frame.length)
        },
      ),
    ))
  it('any bytes are explained without a throw', () =>
    fc.assert(
      fc.property(anyFraming, fc.uint8Array({ maxLength: 300 }), (framing, noise) => void JSON.stringify(explainFrame(noise, framing))),
    ))
})
