import { deflateSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodePayload, encodePayload } from '../../../../protocols/mqtt/sparkplug/codec.ts'
import { unpack } from '../../../../protocols/mqtt/sparkplug/compressed.ts'
import {
  emptyPayload,
  LIMITS,
  type Metric,
  type Payload,
  type Property,
  type WireValue,
} from '../../../../protocols/mqtt/sparkplug/payload.ts'
import { interpret, wireOf } from '../../../../protocols/mqtt/sparkplug/value.ts'
import { tidy } from '../../../../src/core/decimal.ts'
import { inflate, metric, payloadsOfVectors, vector } from './help.ts'

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
const decoded = (payload: Uint8Array): Payload => {
  const result = decodePayload(payload)
  if (!result.ok) throw new Error(result.error.message)
  return result.value
}

describe('a payload', () => {
  it.each(payloadsOfVectors)('comes back byte for byte: %s', (_, payload) => {
    // The order of seq and metrics is the writer's own; both stand in the vectors in order of their numbers.
    expect(Buffer.from(encodePayload(decoded(payload))).toString('hex')).toBe(Buffer.from(payload).toString('hex'))
  })

  it.each([
    ['a metric longer than the payload', '12 05 0a', 'SPARKPLUG_TRUNCATED'],
    ['half a number', '08 80', 'SPARKPLUG_TRUNCATED'],
    ['half a double', '12 04 69 00 00 00', 'SPARKPLUG_TRUNCATED'],
    ['a number of eleven bytes', '08 ff ff ff ff ff ff ff ff ff ff 01', 'SPARKPLUG_VARINT'],
    ['field number 0', '00 00', 'SPARKPLUG_VARINT'],
    ['a timestamp of fixed width', '09 00 00 00 00 00 00 00 00', 'SPARKPLUG_WIRE'],
    ['a metric as a number', '10 01', 'SPARKPLUG_WIRE'],
    ['a group', '1b 1c', 'SPARKPLUG_WIRE'],
    ['a group of a field nobody knows', 'f3 01 f4 01', 'SPARKPLUG_WIRE'],
    ['a name that is not UTF-8', '12 04 0a 02 c3 28', 'SPARKPLUG_UTF8'],
    ['a value of more than 32 bits in int_value', '12 06 50 80 80 80 80 10', 'SPARKPLUG_VARINT'],
    ['a property key without a value', '12 05 4a 03 0a 01 61', 'SPARKPLUG_WIRE'],
  ])('refuses %s', (_, hex, code) => expect(decodePayload(bytes(hex))).toMatchObject({ ok: false, error: { code } }))

  it('passes over fields it does not know, metadata included', () => {
    const known = metric({ name: 'a', datatype: 3 }, -1200)
    expect(decoded(bytes('12 13 0a 01 61 42 02 08 01 20 03 50 d0 f6 ff ff 0f a2 06 01 00 32 01 00')).metrics).toEqual([known])
  })

  it('takes the last of a repeated field, and minus one of ten bytes', () => {
    expect(decoded(bytes('18 01 18 02')).seq).toBe(2)
    expect(decoded(bytes('12 0b 50 ff ff ff ff ff ff ff ff ff 01')).metrics[0]?.value).toEqual({ field: 'int', value: 0xffff_ffff })
  })

  it('keeps datasets, templates and nested properties as bytes', () => {
    const deep = new Uint8Array(50_000).fill(0x4a)
    const value = { field: 'template', value: deep } as const
    expect(decoded(encodePayload({ ...emptyPayload, metrics: [metric({ name: 't', datatype: 19, value })] })).metrics[0]?.value).toEqual(
      value,
    )
  })

  it.each([
    ['a million metrics', new Uint8Array(2_000_000).map((_, at) => (at % 2 === 0 ? 0x12 : 0)), 'SPARKPLUG_LIMIT'],
    ['a name of 513 bytes', encodePayload({ ...emptyPayload, metrics: [metric({ name: 'n'.repeat(513) })] }), 'SPARKPLUG_LIMIT'],
    ['a million properties', bytes(`12 84897a 4a 80897a${'1200'.repeat(1_000_000)}`), 'SPARKPLUG_LIMIT'],
  ])('refuses %s', (_, payload, code) => {
    expect(decodePayload(payload)).toMatchObject({ ok: false, error: { code } })
  })

  it('of every truncation of every vector is refused or the beginning of the whole', () => {
    for (const [, payload] of payloadsOfVectors) {
      const whole = decoded(payload)
      for (let length = 0; length < payload.length; length++) {
        const cut = decodePayload(payload.subarray(0, length))
        if (cut.ok) expect(cut.value.metrics).toEqual(whole.metrics.slice(0, cut.value.metrics.length))
      }
    }
  })

  it('of any bytes, or with any byte changed, is a value or an error, never a throw', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (any) => typeof unpack(any, inflate).ok === 'boolean'))
    const whole = bytes(vector('meter-dbirth-three-phase-meter').hex ?? '')
    fc.assert(fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => typeof decodePayload(whole.with(at, byte)).ok === 'boolean'))
  })
})

const raw64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const someBytes = fc.uint8Array({ maxLength: 20 })
const scalar: fc.Arbitrary<WireValue> = fc.oneof(
  fc.record({ field: fc.constant('int' as const), value: fc.integer({ min: 0, max: 0xffff_ffff }) }),
  fc.record({ field: fc.constant('long' as const), value: raw64 }),
  fc.record({ field: fc.constant('float' as const), value: fc.float() }),
  fc.record({ field: fc.constant('double' as const), value: fc.double() }),
  fc.record({ field: fc.constant('boolean' as const), value: fc.boolean() }),
  fc.record({ field: fc.constant('string' as const), value: fc.string({ unit: 'grapheme', maxLength: 20 }) }),
)
const wire = fc.oneof(
  scalar,
  fc.record({ field: fc.constantFrom('bytes' as const, 'dataset' as const, 'template' as const, 'extension' as const), value: someBytes }),
)
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null })
const name = fc.string({ unit: 'grapheme', maxLength: 20 })
const property: fc.Arbitrary<Property> = fc.record({ datatype: fc.nat(34), isNull: fc.boolean(), value: optional(scalar) })
const anyMetric: fc.Arbitrary<Metric> = fc.record({
  ...{ name: optional(name), alias: optional(raw64.map(tidy)), timestamp: optional(raw64.map(tidy)), datatype: fc.nat(40) },
  ...{ isHistorical: fc.boolean(), isTransient: fc.boolean(), isNull: fc.boolean(), value: optional(wire) },
  properties: fc.array(fc.tuple(name, property), { maxLength: 3 }).map((entries) => new Map(entries)),
})
const anyPayload: fc.Arbitrary<Payload> = fc.record({
  ...{ timestamp: optional(raw64.map(tidy)), metrics: fc.array(anyMetric, { maxLength: 5 }), seq: optional(fc.nat(255)) },
  ...{ uuid: optional(name), body: optional(someBytes) },
})

it('encodes what it decodes, every field of it', () => {
  fc.assert(fc.property(anyPayload, (payload) => void expect(decoded(encodePayload(payload))).toEqual(payload)))
})

describe('a value under its datatype', () => {
  it.each([
    ['Int8, one byte', 1, { field: 'int', value: 0xb9 }, -71, 0],
    ['Int8, widened to 32 bits', 1, { field: 'int', value: 0xffff_ffb9 }, -71, 0],
    ['Int16', 2, { field: 'int', value: 0xfb50 }, -1200, 0],
    ['Int32 in long_value, 64 bits', 3, { field: 'long', value: 0xffff_ffff_ffff_fb50n }, -1200, 0],
    ['Int32 in long_value, 32 bits', 3, { field: 'long', value: 0xffff_fb50n }, -1200, 0],
    ['Int64', 4, { field: 'long', value: 0xffff_ffff_ffff_fffbn }, -5, 0],
    ['UInt8, sign carried up', 5, { field: 'int', value: 0xffff_ffff }, 255, 0],
    ['UInt32 in long_value', 7, { field: 'long', value: 0xffff_ffffn }, 4294967295, 0],
    ['UInt64 beyond 2^53', 8, { field: 'long', value: 9007199254740993n }, 9007199254740993n, 0],
    ['UInt64 in int_value', 8, { field: 'int', value: 88 }, 88, 0],
    ['Float', 9, { field: 'float', value: Math.fround(230.1) }, 2301, -1],
    ['Double', 10, { field: 'double', value: -0.001 }, -1, -3],
    ['minus zero', 10, { field: 'double', value: -0 }, 0, 0],
    ['Double without a datatype', 0, { field: 'double', value: 1.5 }, 15, -1],
  ] as const)('%s', (_, datatype, value, raw, scaler) =>
    expect(interpret(value, datatype)).toEqual({ ok: true, value: { kind: 'number', decimal: { raw, scaler } } }),
  )

  it.each([
    ['300 as UInt8', 5, { field: 'int', value: 300 }, 'SPARKPLUG_RANGE'],
    ['-251 as Int8', 1, { field: 'int', value: 0xffff_ff05 }, 'SPARKPLUG_RANGE'],
    ['2^40 as UInt32', 7, { field: 'long', value: 1n << 40n }, 'SPARKPLUG_RANGE'],
    ['a lost sign', 4, { field: 'int', value: 0xffff_fffb }, 'SPARKPLUG_RANGE'],
    ['NaN', 10, { field: 'double', value: Number.NaN }, 'SPARKPLUG_NAN'],
    ['infinity', 9, { field: 'float', value: Number.NEGATIVE_INFINITY }, 'SPARKPLUG_NAN'],
    ['a whole number without a datatype', 0, { field: 'int', value: 1 }, 'SPARKPLUG_DATATYPE'],
    ['a datatype nobody knows', 99, { field: 'int', value: 1 }, 'SPARKPLUG_DATATYPE'],
    ['text as a number', 3, { field: 'string', value: '1' }, 'SPARKPLUG_VALUE'],
    ['a number as text', 12, { field: 'double', value: 1 }, 'SPARKPLUG_VALUE'],
    ['a float as a whole number', 8, { field: 'float', value: 1 }, 'SPARKPLUG_VALUE'],
  ] as const)('%s is none', (_, datatype, value, code) => expect(interpret(value, datatype)).toMatchObject({ ok: false, error: { code } }))

  it('comes back whole for every whole number that fits, and none is sent that does not', () => {
    const typed = fc.constantFrom(
      [1, 8, true],
      [2, 16, true],
      [3, 32, true],
      [4, 64, true],
      [5, 8, false],
      [6, 16, false],
      [7, 32, false],
      [8, 64, false],
    )
    fc.assert(
      fc.property(typed, fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }), ([datatype, bits, signed], value) => {
        const fits = (signed ? BigInt.asIntN(Number(bits), value) : BigInt.asUintN(Number(bits), value)) === value
        const sent = wireOf(Number(datatype), value)
        expect(sent !== null).toBe(fits)
        if (sent)
          expect(interpret(sent, Number(datatype))).toEqual({
            ok: true,
            value: { kind: 'number', decimal: { raw: tidy(value), scaler: 0 } },
          })
      }),
      {
        examples: [
          [[4, 64, true], -(2n ** 63n)],
          [[1, 8, true], -128n],
          [[5, 8, false], 255n],
        ],
      },
    )
  })
})

describe('a compressed payload', () => {
  const inner = encodePayload({ ...emptyPayload, timestamp: 5, metrics: [metric({ name: 'a', datatype: 7 }, 1)] })
  const outer = (body: Uint8Array | null, algorithm?: string) =>
    encodePayload({
      ...{ ...emptyPayload, uuid: 'SPBV1.0_COMPRESSED', seq: 9, body },
      metrics: algorithm === undefined ? [] : [metric({ name: 'algorithm', datatype: 12 }, algorithm)],
    })

  it.each([
    ['DEFLATE', outer(deflateSync(inner), 'DEFLATE')],
    ['GZIP', outer(gzipSync(inner), 'gzip')],
    ['DEFLATE unless it says otherwise', outer(deflateSync(inner))],
  ])('is read: %s', (_, payload) =>
    expect(unpack(payload, inflate)).toMatchObject({ ok: true, value: { timestamp: 5, seq: 9, metrics: [{ name: 'a' }] } }),
  )

  it.each([
    ['another algorithm', outer(inner, 'LZ4'), inflate],
    ['damage', outer(deflateSync(inner).with(3, 0xff), 'DEFLATE'), inflate],
    ['no body', outer(null, 'DEFLATE'), inflate],
    ['no decompression', outer(deflateSync(inner)), null],
    ['a compressed one inside', outer(deflateSync(outer(deflateSync(inner)))), inflate],
    ['a bomb', outer(deflateSync(new Uint8Array(50_000_000))), inflate],
  ])('is refused: %s', (_, payload, by) =>
    expect(unpack(payload, by)).toMatchObject({ ok: false, error: { code: 'SPARKPLUG_COMPRESSION' } }),
  )

  it('is limited inside as outside', () => {
    const many = { ...emptyPayload, metrics: Array.from({ length: LIMITS.metrics + 1 }, () => metric({})) }
    expect(unpack(outer(deflateSync(encodePayload(many))), inflate)).toMatchObject({ ok: false, error: { code: 'SPARKPLUG_LIMIT' } })
  })
})
