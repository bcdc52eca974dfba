import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { encodeFrame } from '../../../protocols/modbus/frame.ts'
import { evaluateInvalid, evaluateVector } from '../../../protocols/modbus/vectors.ts'
import { hexOf } from '../../../src/core/index.ts'
import { bytes } from './help.ts'

interface Vector {
  readonly name: string
  readonly hex: string
  readonly expect: Record<string, unknown>
}
const file = JSON.parse(readFileSync(new URL('../../vectors/modbus.json', import.meta.url), 'utf8')) as {
  vectors: Vector[]
  invalid?: Vector[]
}

describe('shared vectors', () => {
  it.each(file.vectors.map((vector) => [vector.name, vector] as const))('%s', (_, vector) => {
    expect(evaluateVector(vector).differences).toEqual([])
  })
  it.each((file.invalid ?? []).map((entry) => [entry.name, entry] as const))('refuses %s', (_, entry) => {
    expect(evaluateInvalid(entry).differences).toEqual([])
  })
})

/** Every path to a leaf. */
const leaves = (value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] =>
  typeof value === 'object' && value !== null ? Object.entries(value).flatMap(([key, child]) => leaves(child, [...path, key])) : [path]
const spoil = (leaf: unknown): unknown =>
  typeof leaf === 'number' ? leaf + 7 : typeof leaf === 'string' ? `${leaf}x` : typeof leaf === 'boolean' ? !leaf : 12.5

/** The value of the reading a leaf belongs to. */
const valueBeside = ({ expect: { readings } }: Vector, path: readonly (string | number)[]): unknown =>
  Array.isArray(readings) ? readings[Number(path[1])]?.value : undefined

/** A copy of a tree in which one leaf is another. */
const spoilt = (value: unknown, [key, ...rest]: readonly (string | number)[]): unknown => {
  if (key === undefined) return spoil(value)
  if (Array.isArray(value)) return value.map((child, at) => (at === Number(key) ? spoilt(child, rest) : child))
  return Object.fromEntries(Object.entries(value as object).map(([name, child]) => [name, name === key ? spoilt(child, rest) : child]))
}

it('a vector with any one leaf changed is told from the frame', () => {
  const blind: string[] = []
  let leafCount = 0
  for (const vector of file.vectors)
    for (const path of leaves(vector.expect)) {
      leafCount++
      // How exact, and where a frame without readings was read, cannot be seen in the frame.
      if (path[0] === 'readings' && !valueBeside(vector, path) && ['scale', 'register'].includes(String(path.at(-1)))) continue // zero is zero at any scale
      if (path.at(-1) === 'tol' || path.at(-1) === 'tolerance' || path.at(-1) === 'startAddress') continue
      const result = evaluateVector({ ...vector, expect: spoilt(vector.expect, path) })
      if (result.differences.length === 0) blind.push(`${vector.name} ${path.join('.')}`)
    }
  expect(leafCount).toBeGreaterThan(800)
  expect(blind).toEqual([])
})

it('a leaf the decoder does not know is a difference, not a pass', () => {
  const [vector] = file.vectors
  expect(evaluateVector({ ...vector, expect: { ...vector!.expect, colour: 'blue' } }).differences).toEqual([
    { path: 'colour', expected: 'blue', got: 'not produced by the decoder' },
  ])
  expect(evaluateVector({ name: 'x', hex: 'zz', expect: {} }).differences).toHaveLength(1)
  expect(evaluateVector(7).differences).toHaveLength(1)
})

/** Frames made by hand from the Application Protocol's own examples (V1.1b3, chapter 6), wrapped with checks from an independent calculator. */
const rtu = (unitAndPdu: string) => hexOf(encodeFrame('rtu', bytes(unitAndPdu)[0]!, bytes(unitAndPdu).subarray(1)))

describe('further forms of vectors', () => {
  it.each([
    [
      '01 read coils request',
      'request',
      rtu('11 01 0013 0013'),
      { unit: 17, function: 1, functionName: 'Read Coils', address: 19, quantity: 19, crcOk: true },
    ],
    [
      '01 read coils response, padding behind 19 coils',
      'response',
      rtu('11 01 03 CD 6B 05'),
      { function: 1, byteCount: 3, coils: [1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1] },
    ],
    [
      '02 discrete inputs',
      'response',
      rtu('11 02 03 AC DB 35'),
      { function: 2, bits: '101011001101101100110101'.match(/.{8}/g)!.flatMap((byte) => [...byte].reverse().map((bit) => bit === '1')) },
    ],
    ['05 write coil', 'request', rtu('11 05 00AC FF00'), { function: 5, address: 172, value: true }],
    ['06 write register', 'response', rtu('11 06 0001 0003'), { function: 6, address: 1, value: 3, functionName: 'write_single_register' }],
    [
      '15 write coils',
      'request',
      rtu('11 0F 0013 000A 02 CD01'),
      { function: 15, address: 19, quantity: 10, byteCount: 2, values: [true, false, true, true, false, false, true, true, true, false] },
    ],
    ['15 answer', 'response', rtu('11 0F 0013 000A'), { function: 15, address: 19, quantity: 10 }],
    [
      '16 write registers',
      'request',
      rtu('11 10 0001 0002 04 000A 0102'),
      { function: 16, address: 1, quantity: 2, byteCount: 4, values: [10, 258] },
    ],
    ['16 answer', 'response', rtu('11 10 0001 0002'), { function: 16, address: 1, quantity: 2 }],
    ['exception 6', 'response', rtu('11 83 06'), { function: 3, exceptionCode: 6, exceptionName: 'SLAVE_DEVICE_BUSY' }],
    [
      'exception 11 over TCP',
      'response',
      '0007 0000 0003 11 83 0B',
      {
        transport: 'tcp',
        transactionId: 7,
        protocolId: 0,
        length: 3,
        unit: 17,
        exceptionCode: 11,
        exceptionName: 'Gateway Target Device Failed To Respond',
      },
    ],
    [
      'ASCII request as characters',
      'request',
      ':1103006B00037E',
      { transport: 'ascii', lrcOk: true, unit: 17, function: 3, address: 107, quantity: 3 },
    ],
    [
      'ASCII request as bytes',
      'request',
      '3A 31 31 30 33 30 30 36 42 30 30 30 33 37 45 0D 0A',
      { transport: 'ascii', lrcOk: true, unit: 17, function: 3, quantity: 3 },
    ],
    [
      'ASCII with a wrong check',
      'request',
      ':1103006B00037F',
      { transport: 'ascii', lrcOk: false, action: 'reject the frame, no reading' },
    ],
    [
      '2B identification',
      'response',
      '0001 0000 001C 01 2B 0E 01 01 00 00 03 00 04 41636D65 01 06 5A31322D3334 02 04 56322E31',
      {
        transport: 'tcp',
        function: 43,
        meiType: 14,
        conformityLevel: 1,
        moreFollows: false,
        objects: [{ id: 0, value: 'Acme' }, { id: 1, text: 'Z12-34' }, { id: 2 }],
        vendorName: 'Acme',
        majorMinorRevision: 'V2.1',
      },
    ],
    [
      'i64, negative, low word first',
      'response',
      rtu('01 03 08 8000 FFFF FFFF FFFF'),
      { readings: [{ register: 0, type: 'i64', wordOrder: 'lsw-first', scale: 0.01, value: -327.68, unit: 'kWh' }] },
    ],
    [
      'u64 beyond 2^53',
      'response',
      rtu('01 03 08 0123 4567 89AB CDEF'),
      { readings: [{ register: 0, type: 'u64', scale: 1, value: '81985529216486895', unit: 'Wh' }] },
    ],
    [
      'f64',
      'response',
      rtu('01 03 08 4132 D687 E6B7 4F05'),
      { readings: [{ register: 0, type: 'f64', scale: 1, value: 1234567.901234, unit: 'Wh', tol: 0.001 }] },
    ],
    ['f32 BADC', 'response', rtu('01 03 04 6643 3333'), { byteOrder: 'BADC', value: 230.2 }],
    ['a string', 'response', rtu('01 03 06 4142 4331 3200'), { readings: [{ register: 0, type: 'string', length: 3, value: 'ABC12' }] }],
    [
      'one bit',
      'response',
      rtu('01 03 02 0008'),
      {
        readings: [
          { register: 0, type: 'bit', bit: 3, value: 1 },
          { register: 0, type: 'bit', bit: 2, value: 0 },
        ],
      },
    ],
    [
      'bcd32',
      'response',
      rtu('01 03 04 1234 5678'),
      { readings: [{ register: 0, type: 'bcd32', scale: 0.01, value: 123456.78, unit: 'kWh' }] },
    ],
    ['a bcd with a digit above 9', 'response', rtu('01 03 02 12A4'), { readings: [{ register: 0, type: 'bcd16', value: null }] }],
    ['NaN', 'response', rtu('01 03 04 FFC0 0000'), { readings: [{ register: 0, type: 'f32', value: null }] }],
    [
      'a scale factor register',
      'response',
      rtu('01 03 04 0901 FFFE'),
      { readings: [{ register: 0, type: 'i16', scaleFactor: 1, value: 23.05, unit: 'V' }] },
    ],
    [
      'a request that writes too much',
      'request',
      rtu(`01 10 0000 007C F8${'0001'.repeat(124)}`),
      { serverMustAnswer: { exceptionCode: 3, exceptionName: 'illegal data value' } },
    ],
    [
      'a request beyond the last register',
      'request',
      rtu('01 03 FFFF 0002'),
      { serverMustAnswer: { exceptionCode: 2, hex: rtu('01 83 02') } },
    ],
    ['a request that may be served', 'request', rtu('01 03 0000 007D'), { serverMustAnswer: null }],
  ])('%s', (name, direction, hex, expected) => {
    expect(evaluateVector({ name, direction, hex, expect: expected })).toEqual({ name, differences: [] })
  })

  it.each([
    ['an answer one byte short', { hex: '010404436633341b' }],
    ['a wrong CRC', { hex: '010404436633341b39' }],
    ['a byte count that lies', { hex: rtu('01 03 04 1234'), direction: 'response' }],
    ['no register asked for', { hex: rtu('01 03 0000 0000'), direction: 'request' }],
    ['126 registers', { hex: rtu('01 03 0000 007E'), direction: 'request' }],
    ['a coil half on', { hex: rtu('01 05 0000 1200') }],
    ['a foreign protocol id', { hex: '0001 0001 0006 01 03 0000 0001', transport: 'tcp' }],
    ['a length that lies', { hex: '0001 0000 0007 01 03 0000 0001' }],
    ['an ASCII frame without its end', { hex: '3A 31 31 30 33' }],
    ['nothing', { hex: '' }],
  ])('refuses %s', (name, entry) => expect(evaluateInvalid({ name, ...entry })).toEqual({ name, differences: [] }))
  it('says when an invalid frame is accepted', () =>
    expect(evaluateInvalid({ name: 'good', hex: '010404436633341b38' }).differences).toEqual([
      { path: 'hex', expected: 'refused or incomplete', got: 'accepted as rtu response' },
    ]))
})
