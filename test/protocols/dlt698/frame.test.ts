import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crcOf } from '../../../protocols/dlt698/crc.ts'
import { createDeframer } from '../../../protocols/dlt698/deframer.ts'
import { explain } from '../../../protocols/dlt698/explain.ts'
import { CONTROL, decodeFrame, encodeFrame, type Frame, singleAddress } from '../../../protocols/dlt698/frame.ts'
import { bytesOf, hexOf } from '../../../src/core/hex.ts'
import { type Discarded, isDiscarded } from '../../../src/core/index.ts'

// Captured: GET 4001-2 of 201605190907, in every public codec.
const CAPTURED = bytesOf('68 17 00 43 05 07 09 19 05 16 20 00 15 60 05 01 01 40 01 02 00 00 C6 07 16')!

const parts = fc.record({
  control: fc.constantFrom(0x43, 0xc3, 0x81, 0x4b, 0xcb),
  sa: fc.record({
    type: fc.constantFrom('single', 'wildcard', 'group', 'broadcast'),
    logical: fc.integer({ min: 0, max: 3 }),
    address: fc.stringMatching(/^([1-9][0-9]){1,16}$/),
  }),
  ca: fc.nat(255),
  apdu: fc.uint8Array({ maxLength: 300 }),
  fragment: fc.option(fc.record({ index: fc.nat(0xfff), kind: fc.constantFrom('first', 'middle', 'last', 'confirm') })),
})

const framesOf = (items: readonly (Frame | Discarded)[]): Frame[] => items.flatMap((item) => (isDiscarded(item) ? [] : [item]))

describe('frame', () => {
  it('checks by CRC-16/X-25', () => expect(crcOf(new TextEncoder().encode('123456789'), 0, 9)).toBe(0x906e))

  it('is made as public codecs make it', () =>
    expect(hexOf(encodeFrame({ control: 0x43, sa: singleAddress('201605190907'), ca: 0, apdu: bytesOf('05 01 01 40 01 02 00 00')! }))).toBe(
      hexOf(CAPTURED),
    ))

  it('comes back as it was made', () =>
    fc.assert(
      fc.property(parts, ({ sa, fragment, ...rest }) => {
        const address = { ...sa, length: sa.address.length / 2 }
        const control = fragment ? rest.control | CONTROL.fragment : rest.control
        const bytes = encodeFrame({ ...rest, sa: address, fragment })
        expect(decodeFrame(bytes)).toEqual({
          ok: true,
          value: { control, sa: address, ca: rest.ca, apdu: rest.apdu, fragment, raw: bytes },
        })
      }),
      { numRuns: 2000 },
    ))

  it('with any one bit wrong is refused', () => {
    for (let bit = 0; bit < CAPTURED.length * 8; bit++) {
      const bytes = CAPTURED.slice()
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      expect(decodeFrame(bytes).ok).toBe(false)
    }
  })

  it.each([
    ['68 17 00 43 05 07 09 19 05 16 20 00 15', 'DLT698_TRUNCATED', 13],
    ['68 16 00 43 05 07 09 19 05 16 20 00 15 60 05 01 01 40 01 02 00 00 C6 07 16', 'DLT698_HCS', 12],
    ['68 17 00 43 05 07 09 19 05 16 20 00 15 60 05 01 01 40 01 02 00 00 C6 07 17', 'DLT698_DELIMITER', 24],
    ['68 17 00 43 05 07 09 19 05 16 20 00 15 60 05 01 01 40 01 02 00 00 C6 08 16', 'DLT698_FCS', 22],
    ['68 03 00 43 05 07 09', 'DLT698_LENGTH', 1],
    ['68 17 80 43 05 07 09', 'DLT698_LENGTH', 1],
    ['', 'DLT698_TRUNCATED', 0],
    ['6', 'DLT698_DELIMITER', 0],
  ])('%s is %s', (hex, code, offset) => expect(explain(hex).error).toMatchObject({ code, offset }))

  it('fills up an odd number of digits with F, and takes it off', () => {
    const bytes = encodeFrame({ control: 0x81, sa: singleAddress('1234567'), ca: 0, apdu: Uint8Array.of(1) })
    expect(hexOf(bytes.subarray(4, 9))).toBe('03 67 45 23 F1')
    expect(decodeFrame(bytes)).toMatchObject({ ok: true, value: { sa: { address: '1234567', length: 4 } } })
  })

  it('takes an extra logical-address byte where the header check says so', () => {
    const sa = { type: 'single', logical: 17, length: 6, address: '201605190907' } as const
    expect(decodeFrame(encodeFrame({ control: 0x43, sa, ca: 1, apdu: Uint8Array.of(5) }))).toMatchObject({ ok: true, value: { sa, ca: 1 } })
  })

  it('reads a length in kilobytes', () => {
    const bytes = new Uint8Array(1026)
    bytes.set(bytesOf('68 01 40 C3 05 01 02 00 00 00 00 10')!)
    const hcs = crcOf(bytes, 1, 12)
    bytes.set([hcs & 0xff, hcs >> 8], 12)
    const fcs = crcOf(bytes, 1, 1023)
    bytes.set([fcs & 0xff, fcs >> 8, 0x16], 1023)
    expect(decodeFrame(bytes)).toMatchObject({ ok: true, value: { apdu: { length: 1009 } } })
  })
})

describe('anomalies', () => {
  const told = (control: number, apdu: string, address = '000000000002') =>
    explain(hexOf(encodeFrame({ control, sa: singleAddress(address), ca: 0, apdu: bytesOf(apdu)! }))).anomaly

  it.each([
    [0x83, '05 01 15 F1 01 02 00 00', 'client APDU in a server-initiated frame'],
    [0x43, '85 01 00 40 06 02 00 00 04 00 00', 'direction bit says client though the APDU is a response'],
    [0xc3, '05 01 15 F1 01 02 00 00', 'direction bit says server though the APDU is a request'],
    [0x43, '05 01 15 F1 01 02 00 00', undefined],
    [0x83, '88 01 00 00 00 00', undefined],
    [0x81, '01 00 00 00 B4 07 E9 04 0B 05 09 0D 01 00 00', undefined],
  ])('%s %s: %s', (control, apdu, anomaly) => expect(told(control, apdu)).toBe(anomaly))
})

describe('deframer', () => {
  it('finds a frame cut at any byte', () => {
    for (let cut = 0; cut <= CAPTURED.length; cut++) {
      const deframer = createDeframer()
      const items = [...deframer.push(CAPTURED.subarray(0, cut)), ...deframer.push(CAPTURED.subarray(cut))]
      expect(framesOf(items)).toHaveLength(1)
      expect(items).toHaveLength(1)
      expect(deframer.flush()).toBeNull()
    }
  })

  it('finds two frames cut anywhere, with half a frame and noise before them', () => {
    const stream = Uint8Array.of(0xfe, 0xfe, ...CAPTURED.subarray(0, 18), 1, 0x68, 2, ...CAPTURED, 0xfe, ...CAPTURED)
    for (let cut = 0; cut <= stream.length; cut++) {
      const deframer = createDeframer()
      const items = [...deframer.push(stream.subarray(0, cut)), ...deframer.push(stream.subarray(cut))]
      deframer.flush()
      expect(framesOf([...items, ...deframer.push(new Uint8Array(0))])).toHaveLength(2)
    }
  })

  it('gives up half a frame after silence, and finds what stood behind its beginning', () => {
    const long = encodeFrame({ control: 0xc3, sa: singleAddress('000000000201'), ca: 0, apdu: new Uint8Array(500) })
    const deframer = createDeframer()
    expect(deframer.push(Uint8Array.of(...long.subarray(0, 20), ...CAPTURED))).toEqual([])
    expect(deframer.flush()).toMatchObject({ discarded: { length: 20 }, error: { code: 'DLT698_TRUNCATED' } })
    expect(framesOf(deframer.push(new Uint8Array(0)))).toHaveLength(1)
  })

  it('does not wait for noise that looks like a beginning', () => {
    const deframer = createDeframer()
    const noise = bytesOf('68 FF 3F 43 05 01 02 03 04 05 06 00 11 22')!
    expect(framesOf(deframer.push(Uint8Array.of(...noise, ...CAPTURED)))).toHaveLength(1)
  })

  it('gives every byte back: frames and what was none', () =>
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constant(CAPTURED)), { maxLength: 12 }), (pieces) => {
        const deframer = createDeframer()
        const items = pieces.flatMap((piece) => deframer.push(piece))
        const rest = deframer.flush()
        const all = [...items, ...(rest ? [rest] : []), ...deframer.push(new Uint8Array(0))]
        const given = all.reduce((sum, item) => sum + (isDiscarded(item) ? item.discarded.length : item.raw.length), 0)
        const sent = pieces.reduce((sum, { length }) => sum + length, 0)
        const wakeUps = pieces.reduce((sum, piece) => sum + piece.filter((byte) => byte === 0xfe).length, 0)
        expect(given).toBeLessThanOrEqual(sent)
        expect(given).toBeGreaterThanOrEqual(sent - wakeUps)
      }),
      { numRuns: 2000 },
    ))
})
