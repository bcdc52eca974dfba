import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressMatches, decodeFrame, diBytes, diText, encodeFrame, parseAddress } from '../../../protocols/dlt645/frame.ts'
import { bytes } from './help.ts'

const reply = '68 42 00 15 08 26 20 68 91 08 33 33 34 33 AB 89 67 45 BB 16'
const address = fc.stringMatching(/^\d{12}$/)
const frame = fc.record({ address, control: fc.integer({ min: 0, max: 255 }), data: fc.uint8Array({ maxLength: 200 }) })

describe('frame', () => {
  it.each([
    ['an energy reply, 123456.78 kWh', reply, { address: '202608150042', control: 0x91, data: '00 00 01 00 78 56 34 12' }],
    ['no data', '68 61 10 01 30 12 15 68 9C 00 35 16', { address: '151230011061', control: 0x9c, data: '' }],
    [
      'a checksum that equals the end byte',
      '68 61 01 00 00 00 00 68 91 07 33 34 35 35 CC 7C 33 16 16',
      { address: '000000000161', control: 0x91, data: '00 01 02 02 99 49 00' },
    ],
  ])('decodes %s', (_, hex, { data, ...head }) =>
    expect(decodeFrame(bytes(hex))).toEqual({ ok: true, value: { ...head, data: bytes(data) } }),
  )

  it.each([
    ['a wrong checksum', reply.replace('BB 16', 'BC 16'), 'DLT645_CHECKSUM', 18],
    ['a reply one byte short', reply.slice(0, -3), 'DLT645_TRUNCATED', 19],
    ['noise', '00 11 22', 'DLT645_DELIMITER', 0],
    ['a wrong second start', reply.replace('20 68', '20 69'), 'DLT645_DELIMITER', 7],
    ['a wrong end', `${reply.slice(0, -2)}17`, 'DLT645_DELIMITER', 19],
    ['a length of 201', reply.replace('91 08', '91 C9'), 'DLT645_OVERLONG', 9],
  ])('refuses %s and names the byte', (_, hex, code, at) =>
    expect(decodeFrame(bytes(hex))).toMatchObject({ ok: false, error: { code, context: { at } } }),
  )

  it('encodes what a foreign program encodes', () => {
    const data = bytes('00 00 01 00')
    expect(encodeFrame({ address: '123456789012', control: 0x11, data }, 0)).toEqual(
      bytes('68 12 90 78 56 34 12 68 11 04 33 33 34 33 68 16'),
    )
    expect(encodeFrame({ address: 'AAAAAAAAAAAA', control: 0x13, data: bytes('') })).toEqual(
      bytes('FE FE FE FE 68 AA AA AA AA AA AA 68 13 00 DF 16'),
    )
  })

  it('gives every frame back, whatever its control code', () =>
    fc.assert(
      fc.property(frame, fc.nat(7), (one, wakeUps) => {
        const encoded = encodeFrame(one, wakeUps)
        expect(encoded.subarray(0, wakeUps).every((byte) => byte === 0xfe)).toBe(true)
        expect(decodeFrame(encoded, wakeUps)).toEqual({ ok: true, value: one })
      }),
    ))

  it('refuses every single flipped bit', () => {
    const whole = bytes(reply)
    for (let bit = 0; bit < whole.length * 8; bit++)
      expect(decodeFrame(whole.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))).ok, `bit ${bit}`).toBe(false)
  })

  it('never throws on random bytes', () => fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => void decodeFrame(noise))))
})

describe('addresses', () => {
  it.each([['000000000042'], ['AAAAAAAA0042'], ['AAAAAAAAAAAA'], ['990000000002']])('takes %s', (text) =>
    expect(parseAddress(text)).toEqual({ ok: true, value: text }),
  )
  it('takes lower case and blanks around', () => expect(parseAddress(' aaaaaaaa0042 ')).toEqual({ ok: true, value: 'AAAAAAAA0042' }))
  it.each([['999999999999'], ['42'], [''], ['1.2E+11'], ['1234567890123'], ['00420000AAAA'], ['A00000000042'], ['00000000004B']])(
    'refuses %s',
    (text) => expect(parseAddress(text)).toMatchObject({ ok: false, error: { code: 'DLT645_ADDRESS' } }),
  )
  it('says how to write a short one', () => {
    const short = parseAddress('42')
    expect(short.ok ? '' : short.error.message).toContain('000000000042, or AAAAAAAAAA42')
  })

  it.each([
    ['000000000042', '000000000042', true],
    ['AAAAAAAAAAAA', '000000000042', true],
    ['000000000042', 'AAAAAAAAAAAA', true],
    ['AAAAAAAA0042', '123456780042', true],
    ['AAAAAAAA0042', '123456780043', false],
    ['000000000042', '000000000043', false],
  ])('%s hears %s: %s', (asked, heard, same) => expect(addressMatches(asked, heard)).toBe(same))

  it('turns identifiers round', () => {
    expect(diBytes('00010203')).toEqual(bytes('03 02 01 00'))
    expect(diText(bytes('03 02 01 00'), 4)).toBe('00010203')
  })
})
