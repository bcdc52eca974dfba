import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crc16, lrc8 } from '../../../protocols/modbus/crc.ts'
import { decodeFrame, encodeFrame, type Framing, stampTransaction } from '../../../protocols/modbus/frame.ts'
import {
  checkRequest,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  type ModbusRequest,
  type ModbusResponse,
} from '../../../protocols/modbus/pdu.ts'
import { hexOf } from '../../../src/core/index.ts'
import { anyFraming, anyRequest, anyResponse, bytes, unwrap } from './help.ts'

describe('checks', () => {
  it('CRC-16/MODBUS: the check value of the catalogue', () => expect(crc16(bytes('31 32 33 34 35 36 37 38 39'), 0, 9)).toBe(0x4b37))
  it('LRC: the example of the serial line specification', () => expect(lrc8(bytes('11 03 00 6B 00 03'), 0, 6)).toBe(0x7e))
})

describe('examples of the Application Protocol V1.1b3, chapter 6', () => {
  it.each<[string, ModbusRequest]>([
    ['01 0013 0013', { function: 1, address: 0x13, quantity: 0x13 }],
    ['02 00C4 0016', { function: 2, address: 0xc4, quantity: 0x16 }],
    ['03 006B 0003', { function: 3, address: 0x6b, quantity: 3 }],
    ['04 0008 0001', { function: 4, address: 8, quantity: 1 }],
    ['05 00AC FF00', { function: 5, address: 0xac, on: true }],
    ['06 0001 0003', { function: 6, address: 1, value: 3 }],
    ['0F 0013 000A 02 CD 01', { function: 15, address: 0x13, bits: [true, false, true, true, false, false, true, true, true, false] }],
    ['10 0001 0002 04 000A 0102', { function: 16, address: 1, registers: [10, 0x102] }],
    ['2B 0E 01 00', { function: 43, readCode: 1, objectId: 0 }],
  ])('request %s', (hex, request) => {
    expect(hexOf(encodeRequest(request))).toBe(hexOf(bytes(hex)))
    expect(unwrap(decodeRequest(bytes(hex)))).toEqual(request)
  })
  it.each<[string, ModbusResponse]>([
    ['03 06 022B 0000 0064', { function: 3, registers: [0x22b, 0, 0x64] }],
    ['04 02 000A', { function: 4, registers: [10] }],
    ['05 00AC FF00', { function: 5, address: 0xac, on: true }],
    ['06 0001 0003', { function: 6, address: 1, value: 3 }],
    ['0F 0013 000A', { function: 15, address: 0x13, quantity: 10 }],
    ['10 0001 0002', { function: 16, address: 1, quantity: 2 }],
    ['81 02', { function: 1, exceptionCode: 2 }],
    [
      '2B 0E 01 01 00 00 02 00 03 616263 02 01 31',
      {
        function: 43,
        readCode: 1,
        conformity: 1,
        moreFollows: false,
        nextObjectId: 0,
        objects: [
          { id: 0, text: 'abc' },
          { id: 2, text: '1' },
        ],
      },
    ],
  ])('answer %s', (hex, response) => {
    expect(hexOf(encodeResponse(response))).toBe(hexOf(bytes(hex)))
    expect(unwrap(decodeResponse(bytes(hex)))).toEqual(response)
  })
  it('coils: least significant bit of the first byte is the first coil', () => {
    const answer = unwrap(decodeResponse(bytes('01 03 CD 6B 05')))
    expect('bits' in answer && answer.bits.slice(0, 19).map(Number).join('')).toBe('1011001111010110101')
  })
})

describe('refuses', () => {
  it.each([
    ['a byte count that lies', '03 06 022B 0000', 'response'],
    ['half a register', '03 03 022B 00', 'response'],
    ['no data', '03 00', 'response'],
    ['an exception with more behind it', '83 02 00', 'response'],
    ['exception 0', '83 00', 'response'],
    ['a function unknown to us', '07 00', 'response'],
    ['a coil half on', '05 0001 1200', 'request'],
    ['data that do not fit the quantity', '10 0001 0002 04 000A', 'request'],
    ['a byte count that does not fit the quantity', '10 0001 0002 02 000A', 'request'],
    ['identification cut short', '2B 0E 01 01 00 00 02 00 03 6162', 'response'],
    ['an empty PDU', '', 'request'],
  ])('%s', (_, hex, direction) => {
    const decoded = direction === 'request' ? decodeRequest(bytes(hex)) : decodeResponse(bytes(hex))
    expect(decoded).toMatchObject({ ok: false, error: { code: 'MODBUS_PDU' } })
  })
  it.each<[Framing, string, string]>([
    ['rtu', '01 04 04 43 66 33 34 1B 39', 'MODBUS_CRC'],
    ['rtu', '01 04 04', 'MODBUS_TRUNCATED'],
    ['tcp', '0001 0000 0006 01 03 0000 00', 'MODBUS_TRUNCATED'],
    ['tcp', '0001 0002 0006 01 03 0000 0001', 'MODBUS_MBAP'],
    ['tcp', '0001 0000 0005 01 03 0000 0001', 'MODBUS_MBAP'],
    ['ascii', '3A 31 31 30 33 30 30 36 42 30 30 30 33 37 46 0D 0A', 'MODBUS_LRC'],
    ['ascii', '3A 31 31 30 33 30 30 36 42 30 30 30 33 37 45', 'MODBUS_TRUNCATED'],
    ['ascii', '3A 31 31 30 58 30 30 36 42 30 30 30 33 37 45 0D 0A', 'MODBUS_NOISE'],
  ])('%s %s: %s', (framing, hex, code) => expect(decodeFrame(framing, bytes(hex))).toMatchObject({ ok: false, error: { code } }))
  it.each<ModbusRequest>([
    { function: 3, address: 0, quantity: 126 },
    { function: 1, address: 0, quantity: 2001 },
    { function: 4, address: 70000, quantity: 1 },
    { function: 6, address: 0, value: -1 },
    { function: 16, address: 0, registers: [] },
    { function: 16, address: 0, registers: new Array(124).fill(0) },
  ])('to encode %j', (request) => expect(() => encodeRequest(request)).toThrow(RangeError))
})

describe('what a server must answer', () => {
  it.each([
    ['07', 1],
    ['2B 0D 00 00', 1],
    ['01 0000 07D0', null],
    ['01 0000 07D1', 3],
    ['03 0000 007D', null],
    ['03 0000 007E', 3],
    ['04 0000 0000', 3],
    ['03 FFFF 0001', null],
    ['03 FFFF 0002', 2],
    ['05 0000 FF00', null],
    ['05 0000 0001', 3],
    ['06 0000 1234', null],
    ['10 0000 0002 03 000000', 3],
    ['2B 0E 05 00', 3],
  ])('%s: %j', (hex, exceptionCode) => expect(checkRequest(bytes(hex))).toBe(exceptionCode))
})

describe('properties', () => {
  it('every request comes back through every framing', () =>
    fc.assert(
      fc.property(anyFraming, fc.integer({ min: 0, max: 255 }), anyRequest, fc.nat(0xffff), (framing, unit, request, id) => {
        const frame = unwrap(decodeFrame(framing, encodeFrame(framing, unit, encodeRequest(request), id)))
        expect([frame.unit, frame.transactionId]).toEqual([unit, framing === 'tcp' ? id : 0])
        expect(unwrap(decodeRequest(frame.pdu))).toEqual(request)
      }),
    ))
  it('every answer comes back through every framing', () =>
    fc.assert(
      fc.property(anyFraming, anyResponse, (framing, response) => {
        const frame = unwrap(decodeFrame(framing, encodeFrame(framing, 17, encodeResponse(response))))
        expect(unwrap(decodeResponse(frame.pdu))).toEqual(response)
      }),
    ))
  it('a stamped request carries its id and nothing else changes', () =>
    fc.assert(
      fc.property(fc.nat(0xffff), (id) => {
        const frame = encodeFrame('tcp', 3, bytes('03 0001 0002'))
        stampTransaction(frame, id)
        expect(hexOf(frame)).toBe(hexOf(encodeFrame('tcp', 3, bytes('03 0001 0002'), id)))
      }),
    ))
  it('random bytes are refused or decoded, never thrown over', () =>
    fc.assert(
      fc.property(anyFraming, fc.uint8Array({ maxLength: 300 }), (framing, noise) => {
        decodeFrame(framing, noise)
        decodeRequest(noise)
        decodeResponse(noise)
        checkRequest(noise)
      }),
    ))
  it('every single flipped bit is refused (RTU, ASCII)', () => {
    for (const [framing, step] of [
      ['rtu', 1],
      ['ascii', 1],
    ] as const) {
      const frame = encodeFrame(framing, 1, bytes('04 04 43 66 33 34'))
      for (let bit = 0; bit < frame.length * 8; bit += step) {
        const flipped = frame.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
        const decoded = decodeFrame(framing, flipped)
        // A lower-case digit is the same digit: the only flip that changes nothing.
        if (framing === 'ascii' && decoded.ok) expect([bit & 7, hexOf(decoded.value.pdu)]).toEqual([5, '04 04 43 66 33 34'])
        else expect(decoded.ok).toBe(false)
      }
    }
  })
})
