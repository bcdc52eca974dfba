import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileBlock, decodeBlock } from '../../../protocols/modbus/compiled.ts'
import {
  BYTE_ORDERS,
  type ByteOrder,
  byteOffsets,
  decodeNumber,
  decodeText,
  encodeNumber,
  REGISTER_TYPES,
  type RegisterType,
  TYPE_LENGTH,
} from '../../../protocols/modbus/data.ts'
import type { ModbusRegister } from '../../../protocols/modbus/profile.ts'
import { itemOf } from '../../../protocols/modbus/select.ts'
import { decimalText } from '../../../src/core/index.ts'
import { bytes } from './help.ts'

type NumberType = Exclude<RegisterType, 'string'>
const text = (type: NumberType, order: ByteOrder, hex: string, bit = 0) => {
  const value = decodeNumber(type, order, bytes(hex), 0, bit)
  return typeof value === 'string' ? value : decimalText(value.raw, value.scaler)
}

describe('decodes', () => {
  it.each<[NumberType, ByteOrder, string, string]>([
    ['u16', 'ABCD', 'FFFE', '65534'],
    ['u16', 'DCBA', '1234', '13330'],
    ['i16', 'ABCD', 'FFFE', '-2'],
    ['u32', 'ABCD', '89AB CDEF', '2309737967'],
    ['u32', 'CDAB', 'CDEF 89AB', '2309737967'],
    ['u32', 'BADC', 'AB89 EFCD', '2309737967'],
    ['u32', 'DCBA', 'EFCD AB89', '2309737967'],
    ['i32', 'ABCD', '89AB CDEF', '-1985229329'],
    ['u64', 'ABCD', '0000 0000 000D 1290', '856720'],
    ['u64', 'ABCD', '0020 0000 0000 0001', '9007199254740993'],
    ['u64', 'ABCD', 'FFFF FFFF FFFF FFFF', '18446744073709551615'],
    ['u64', 'CDAB', '1290 000D 0000 0000', '856720'],
    ['u64', 'DCBA', '9012 0D00 0000 0000', '856720'],
    ['i64', 'ABCD', 'FFFF FFFF FFFF FFFF', '-1'],
    ['i64', 'ABCD', 'FFE0 0000 0000 0001', '-9007199254740991'],
    ['i64', 'ABCD', 'FFE0 0000 0000 0000', '-9007199254740992'],
    ['i64', 'ABCD', '8000 0000 0000 0000', '-9223372036854775808'],
    ['f32', 'ABCD', '4366 3333', '230.2'],
    ['f32', 'CDAB', '3333 4366', '230.2'],
    ['f32', 'BADC', '6643 3333', '230.2'],
    ['f32', 'DCBA', '3333 6643', '230.2'],
    ['f32', 'ABCD', '8000 0000', '0'],
    ['f32', 'ABCD', '7FC0 0000', 'not-finite'],
    ['f32', 'ABCD', 'FF80 0000', 'not-finite'],
    ['f64', 'ABCD', '4132 D687 E6B7 4F06', '1234567.9012345686'],
    ['f64', 'ABCD', 'FFF8 0000 0000 0000', 'not-finite'],
    ['bcd16', 'ABCD', '1234', '1234'],
    ['bcd16', 'ABCD', '12A4', 'bcd'],
    ['bcd32', 'CDAB', '5678 1234', '12345678'],
  ])('%s %s %s as %s', (type, order, hex, expected) => expect(text(type, order, hex)).toBe(expected))
  it('a bit: 0 is the least significant', () => expect([0, 3, 15].map((bit) => text('bit', 'ABCD', '8008', bit))).toEqual(['0', '1', '1']))
  it.each([
    ['4142 4331 3200', 'ABCD', 'ABC12'],
    ['4241 3143 0032', 'BADC', 'ABC12'],
    ['4142 2020', 'ABCD', 'AB'],
    ['0045 004D 0033', 'ABCD', 'EM3'],
    ['0000 0000', 'ABCD', ''],
  ] as const)('text %s %s', (hex, order, expected) => expect(decodeText(bytes(hex), 0, bytes(hex).length / 2, order)).toBe(expected))
})

describe('properties', () => {
  const numeric = REGISTER_TYPES.filter((type): type is Exclude<NumberType, 'bit'> => type !== 'string' && type !== 'bit')
  const order = fc.constantFrom(...BYTE_ORDERS)

  it('the four orders are permutations that undo themselves', () => {
    for (const words of [1, 2, 4])
      for (const each of BYTE_ORDERS) {
        const offsets = byteOffsets(words, each)
        expect([...offsets].sort((a, b) => a - b)).toEqual(Array.from({ length: 2 * words }, (_, at) => at))
        expect(offsets.map((offset) => offsets[offset])).toEqual(Array.from({ length: 2 * words }, (_, at) => at))
      }
  })

  it('what is encoded comes back, for every type and order', () =>
    fc.assert(
      fc.property(fc.constantFrom(...numeric), order, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (type, each, bits) => {
        const value = meant(type, bits)
        const decoded = decodeNumber(type, each, encodeNumber(type, each, value), 0)
        if (typeof value === 'number' && !Number.isFinite(value)) expect(decoded).toBe('not-finite')
        else if (typeof decoded === 'string') throw new Error(decoded)
        else if (type === 'f32') expect(Math.fround(Number(`${decoded.raw}e${decoded.scaler}`))).toBe(value || 0)
        else if (type === 'f64') expect(Number(`${decoded.raw}e${decoded.scaler}`)).toBe(value || 0)
        else expect(BigInt(decoded.raw)).toBe(BigInt(value))
      }),
      { numRuns: 2000 },
    ))

  it('the compiled decoder of the poll path agrees with the plain one', () =>
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...numeric, 'bit' as const), order, fc.nat(5)), { minLength: 1, maxLength: 20 }),
        fc.infiniteStream(fc.nat(255)),
        (lines, noise) => {
          let address = 100
          const items = lines.map(([type, byteOrder, gap], index) => {
            address += gap
            const register = line(type, byteOrder, address)
            address += TYPE_LENGTH[type]
            return itemOf({ ...emptyProfile, registers: [register] }, register, index)
          })
          const block = { function: 3, start: 100, end: address, items }
          const pdu = Uint8Array.from({ length: 2 + 2 * (address - 100) }, () => noise.next().value ?? 0)
          const raws = items.map(() => null as number | bigint | null)
          const scalers = items.map(() => 0)
          const absent = decodeBlock(compileBlock(block), pdu, raws, scalers)
          for (const [index, { register, order: each, scaler }] of items.entries()) {
            if (register.type === 'string') continue
            const plain = decodeNumber(register.type, each, pdu, 2 + 2 * (register.address - 100), register.bit)
            if (typeof plain === 'string') expect([raws[index], absent?.has(index)]).toEqual([null, true])
            else expect([raws[index], scaler ?? scalers[index]]).toEqual([plain.raw, plain.scaler])
          }
        },
      ),
      { numRuns: 500 },
    ))
})

const meant = (type: NumberType, bits: bigint): number | bigint => {
  if (type === 'f32') return new Float32Array(new Uint32Array([Number(bits & 0xffffffffn)]).buffer)[0]!
  if (type === 'f64') return new Float64Array(new BigUint64Array([bits]).buffer)[0]!
  if (type === 'bcd16' || type === 'bcd32') return bits % (type === 'bcd16' ? 10n ** 4n : 10n ** 8n)
  const width = TYPE_LENGTH[type] * 16
  return type.startsWith('i') ? BigInt.asIntN(width, bits) : BigInt.asUintN(width, bits)
}

const emptyProfile = { notAvailable: [] } as unknown as Parameters<typeof itemOf>[0]
const line = (type: NumberType, byteOrder: ByteOrder, address: number): ModbusRegister => ({
  address,
  addressHex: `0x${address.toString(16).toUpperCase().padStart(4, '0')}`,
  function: 3,
  type,
  length: TYPE_LENGTH[type],
  ...(type === 'bit' ? { bit: address % 16 } : {}),
  wordOrder: 'big',
  byteOrder,
  scale: 1,
  unit: '',
  obis: '1-0:1.8.0',
  description: type,
  kind: 'instantaneous',
  sources: ['x'],
  verified: 'one-source',
  sample: { words: '0000', value: null },
})
