import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseTerminal, terminalText } from '../../../protocols/gw3761/address.ts'
import { decodeFrame, encodeFrame, type FrameParts, MAX_USER } from '../../../protocols/gw3761/frame.ts'
import { placeOf } from '../../../protocols/gw3761/seq.ts'
import { bytes, frameOf, wire } from './wire.ts'

const login = bytes('68 32 00 32 00 68 C9 00 02 34 12 00 02 71 00 00 01 00 85 16')

const parts: fc.Arbitrary<FrameParts> = fc
  .record({
    region: fc.stringMatching(/^\d{4}$/),
    terminal: fc.nat(65535),
    group: fc.boolean(),
    msa: fc.nat(127),
    up: fc.boolean(),
    prm: fc.boolean(),
    bit5: fc.boolean(),
    fcv: fc.boolean(),
    function: fc.nat(15),
    protocolId: fc.constantFrom(1, 2),
    afn: fc.nat(255),
    seq: fc.record({ tpv: fc.boolean(), fir: fc.boolean(), fin: fc.boolean(), con: fc.boolean(), number: fc.nat(15) }),
    data: fc.uint8Array({ maxLength: 300 }),
  })
  .map(({ up, bit5, ...rest }) => ({ ...rest, dir: up ? 'up' : 'down', acd: up && bit5, fcb: !up && bit5 }))

describe('frame', () => {
  it('reads a captured login', () => {
    const { raw, data, ...head } = frameOf(login)
    expect(head).toEqual({
      region: '0200',
      terminal: 0x1234,
      group: false,
      msa: 0,
      dir: 'up',
      prm: true,
      acd: false,
      fcb: false,
      fcv: false,
      function: 9,
      protocolId: 2,
      afn: 2,
      seq: { tpv: false, fir: true, fin: true, con: true, number: 1 },
    })
    expect([raw, data]).toEqual([login, bytes('00 00 01 00')])
  })

  it('keeps nothing of the bytes it was given', () => {
    const stream = login.slice()
    const frame = frameOf(stream)
    stream.fill(0)
    expect(frame.raw).toEqual(login)
  })

  it('comes back as it was made', () =>
    fc.assert(
      fc.property(parts, (one) => {
        const raw = encodeFrame(one)
        expect(decodeFrame(raw)).toEqual({ ok: true, value: { ...one, raw } })
      }),
    ))

  it('leaves bytes behind it alone', () => {
    expect(decodeFrame(Uint8Array.from([1, ...login, 9, 9]), 1)).toMatchObject({ ok: true, value: { raw: login } })
  })

  it.each([
    ['nothing', '', 'GW3761_TRUNCATED', 0],
    ['no start', '16 68', 'GW3761_DELIMITER', 0],
    ['a length that differs in its low byte', '68 32 00 36', 'GW3761_LENGTHS', 3],
    ['no second start', '68 32 00 32 00 67', 'GW3761_DELIMITER', 5],
    ['seven user bytes', '68 1E 00 1E 00 68 00 00', 'GW3761_LENGTH', 1],
    ['protocol id 0', '68 30 00 30 00 68', 'GW3761_PROTOCOL', 1],
    ['protocol id 3', '68 33 00 33 00 68', 'GW3761_PROTOCOL', 1],
    ['a wrong sum', '68 32 00 32 00 68 C9 00 02 34 12 00 02 71 00 00 01 00 86 16', 'GW3761_CHECKSUM', 18],
  ])('refuses %s', (_, hex, code, at) => expect(decodeFrame(bytes(hex))).toMatchObject({ ok: false, error: { code, context: { at } } }))

  it('refuses every cut, and every single flipped bit, of every kind of frame', () =>
    fc.assert(
      fc.property(parts, fc.nat(), fc.nat(), (one, cut, flip) => {
        const raw = encodeFrame(one)
        expect(decodeFrame(raw.subarray(0, cut % raw.length)).ok).toBe(false)
        const bit = flip % (raw.length * 8)
        const bad = raw.slice()
        bad[bit >> 3] = bad[bit >> 3]! ^ (1 << (bit & 7))
        expect(decodeFrame(bad).ok).toBe(false)
      }),
      { numRuns: 1000 },
    ))

  it('refuses every flipped bit of a login, one after another', () => {
    for (let bit = 0; bit < login.length * 8; bit++) {
      const bad = login.slice()
      bad[bit >> 3] = bad[bit >> 3]! ^ (1 << (bit & 7))
      expect(decodeFrame(bad).ok).toBe(false)
    }
  })

  it('takes the longest frame the length field can say, and makes none longer', () => {
    const { raw: _, ...head } = frameOf(login)
    const data = new Uint8Array(MAX_USER - 8).fill(7)
    expect(frameOf(encodeFrame({ ...head, data })).data).toEqual(data)
    expect(() => encodeFrame({ ...head, data: new Uint8Array(MAX_USER - 7) })).toThrow('at most')
    expect(() => encodeFrame({ ...head, region: '12' })).toThrow('region')
  })

  it.each([
    ['71', 'single'],
    ['51', 'first'],
    ['11', 'middle'],
    ['31', 'last'],
  ])('places SEQ %s: %s', (seq, place) => expect(placeOf(frameOf(wire(`88 01 33 E9 03 02 0C ${seq}`)).seq)).toBe(place))
})

describe('address of a terminal', () => {
  it.each([
    ['4510-21', '4510-21'],
    ['4510-0015H', '4510-21'],
    [' 0200-1234h ', '0200-4660'],
    ['0000-65534', '0000-65534'],
  ])('%s is %s', (text, known) => {
    const result = parseTerminal(text)
    expect(result.ok && terminalText(result.value)).toBe(known)
  })

  it.each(['4510', '451-21', '4510-0', '4510-65535', '4510-FFFFH', '4510-70000', '45A0-1', '4510-15Hx', ''])('%j is none', (text) =>
    expect(parseTerminal(text)).toMatchObject({ ok: false, error: { code: 'GW3761_ADDRESS' } }),
  )
})
