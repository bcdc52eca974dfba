import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesOf } from '../../../src/core/index.ts'
import { codes, decoded, mappingOf, shown } from './tools.ts'

const bytes = (hex: string): Uint8Array => bytesOf(hex) ?? new Uint8Array()
/** @source DL/T 645-2007, 5.2: 2.19 kWh of meter 000000000001 */
const ANSWER = '68 01 00 00 00 00 00 68 91 08 33 33 33 33 4C 35 33 33 1D 16'
/** Sum of all bytes before it. */
const signed = (hex: string): string => {
  const body = bytes(hex)
  const sum = body.reduce((all, byte) => (all + byte) & 0xff, 0)
  return `${hex} ${sum.toString(16).padStart(2, '0')} 16`
}

const dlt645 = (encoding: 'hex' | 'base64' = 'hex') =>
  mappingOf([{ device: '{meter}', frame: { path: '$.data', encoding, protocol: 'dlt645', obis: { '00000000': '1.8.0' } } }])

describe('a DL/T 645 frame in a message', () => {
  it.each([
    ['hex with blanks', ANSWER, 'hex', 0],
    ['hex', ANSWER.replaceAll(' ', '').toLowerCase(), 'hex', 0],
    ['hex with wake-up bytes', `FE FE FE FE ${ANSWER}`, 'hex', 4],
    ['base64', Buffer.from(bytes(`FEFE${ANSWER.replaceAll(' ', '')}`)).toString('base64'), 'base64', 2],
    ['base64 for URLs', Buffer.from(bytes(ANSWER)).toString('base64url'), 'base64', 0],
  ] as const)('%s', (_, data, encoding, preambleBytes) => {
    const outcome = decoded(dlt645(encoding), { data })
    expect(shown(outcome)).toEqual(['000000000001 @ arrival: 1-0:1.8.0 = 2.19 kWh'])
    expect(outcome.frames).toMatchObject([
      { device: 'm1', protocol: 'dlt645-2007', address: '000000000001', checksumOk: true, preambleBytes },
    ])
    expect(outcome.records[0]?.values[0]).toMatchObject({ di: '00000000', text: '00000219' })
  })
  it('of the 1997 standard', () => {
    const outcome = decoded(dlt645(), { data: signed('68 01 00 00 00 00 00 68 81 06 43 C3 4C 35 33 33') })
    expect([shown(outcome), outcome.frames[0]?.protocol]).toEqual([['000000000001 @ arrival: 1-0:1.8.0 = 2.19 kWh'], 'dlt645-1997'])
  })
  it.each([
    ['a wrong checksum', ANSWER.replace('1D 16', '1E 16'), '$.data DLT645_CHECKSUM', false],
    ['a byte short', ANSWER.slice(0, -3), '$.data DLT645_TRUNCATED', false],
    ['bytes behind it', `${ANSWER} 00 11`, '$.data DLT645_DELIMITER', true],
    ['a question', signed('68 01 00 00 00 00 00 68 11 04 33 33 33 33'), '$.data DLT645_NO_DATA', true],
    ['a refusal: no such data', signed('68 01 00 00 00 00 00 68 D1 01 35'), '$.data DLT645_NO_DATA', true],
    ['no value', signed('68 01 00 00 00 00 00 68 91 04 33 33 33 33'), '$.data DLT645_LENGTH', true],
    ['a fill pattern', signed('68 01 00 00 00 00 00 68 91 08 33 33 33 33 32 32 32 32'), '00000000 DLT645_ABSENT', true],
    ['an unknown identifier', signed('68 01 00 00 00 00 00 68 91 08 32 32 32 32 4C 35 33 33'), null, true],
  ])('%s is no reading', (_, data, code, checksumOk) => {
    const outcome = decoded(dlt645(), { data })
    expect([outcome.records, outcome.frames.map((frame) => frame.checksumOk)]).toEqual([[], [checksumOk]])
    if (code) expect(codes(outcome)).toContain(code)
    else expect(outcome.skipped).toHaveLength(1)
  })
  it.each([
    ['hex', 'xyz'],
    ['hex', '680'],
    ['base64', '%%%'],
    ['base64', ''],
  ] as const)('%s that is none: %j', (encoding, data) => expect(codes(decoded(dlt645(encoding), { data }))).toEqual(['$.data MQTT_FRAME']))
  it('any bytes become something and never an exception', () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (noise, framed) => {
        const data = Buffer.from(framed ? [...bytes(ANSWER).slice(0, 8), ...noise] : noise).toString('hex')
        const { refused } = decoded(dlt645(), { data })
        expect(refused).toBe(null)
      }),
    ))
  it('no flipped bit becomes another value', () =>
    fc.assert(
      fc.property(fc.nat(bytes(ANSWER).length * 8 - 1), (bit) => {
        const data = Buffer.from(bytes(ANSWER).map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))).toString('hex')
        expect(decoded(dlt645(), { data }).records).toEqual([])
      }),
    ))
})

/** Voltage 230.5 V of an SDM120: float32 in input registers 0 and 1. */
const RTU = '01 04 04 43 66 80 00 6F DF'
const modbus = (context: object = { profile: 'eastron-sdm120', start: 0, function: 4 }) =>
  mappingOf([
    {
      payload: 'raw',
      device: '{meter}',
      meter: '{meter}/{frame}',
      frame: { path: '$', encoding: 'raw', protocol: 'modbus-rtu', ...context },
    },
  ])

describe('a Modbus answer as it comes from a transparent DTU', () => {
  it('names no register: with profile and start it has a value', () => {
    const outcome = decoded(modbus(), bytes(RTU))
    expect(shown(outcome)).toEqual(['m1/1 @ arrival: 1-0:32.7.0 = 230.5 V'])
    expect(outcome.frames).toMatchObject([{ encoding: 'raw', protocol: 'modbus-rtu', address: '1', checksumOk: true }])
  })
  it.each([
    ['without them it is checked and not decoded', {}, RTU, 'MODBUS_PLAN', true],
    ['a wrong check', undefined, RTU.replace('6F DF', '6F DE'), 'MODBUS_CRC', false],
    ['an exception', undefined, '01 84 02 C2 C1', 'MODBUS_REFUSED', true],
    ['another function than the mapping says', { profile: 'eastron-sdm120', start: 0, function: 3 }, RTU, 'MODBUS_PDU', true],
    ['registers the profile has nothing in', { profile: 'eastron-sdm120', start: 2000 }, RTU, 'MODBUS_PLAN', true],
    ['a profile that is not there', { profile: 'nobody', start: 0 }, RTU, 'MODBUS_PLAN', true],
    ['a question', undefined, '01 04 00 00 00 02 71 CB', 'MODBUS_PDU', true],
    ['no frame', undefined, '01', 'MODBUS_TRUNCATED', false],
  ])('%s', (_, context, hex, code, checksumOk) => {
    const outcome = decoded(modbus(context), bytes(hex))
    expect([outcome.records, outcome.frames.map((frame) => frame.checksumOk)]).toEqual([[], [checksumOk]])
    expect(outcome.skipped.map(({ error }) => error.code)).toEqual([code])
  })
  it('no flipped bit becomes another value', () =>
    fc.assert(
      fc.property(fc.nat(bytes(RTU).length * 8 - 1), (bit) => {
        const payload = bytes(RTU).map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
        expect(decoded(modbus(), payload).records).toEqual([])
      }),
    ))
})
