import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createDeframer } from '../../../protocols/dlt645/deframer.ts'
import { encodeFrame, type Frame } from '../../../protocols/dlt645/frame.ts'
import { isDiscarded } from '../../../src/core/adapter.ts'
import { bytes } from './help.ts'

const reply = '68 42 00 15 08 26 20 68 91 08 33 33 34 33 AB 89 67 45 BB 16'
const good = { address: '202608150042', control: 0x91, data: bytes('00 00 01 00 78 56 34 12') }
const thrown = (hex: string, code: string) => expect.objectContaining({ discarded: bytes(hex), error: expect.objectContaining({ code }) })
const feed = (hex: string) => createDeframer().push(bytes(hex))

describe('deframer', () => {
  it.each([
    ['one frame', reply, [good]],
    ['wake-up bytes, not reported', `FE FE FE FE ${reply}`, [good]],
    ['two answers glued together', `${reply} ${reply}`, [good, good]],
    ['an FF behind the end', `${reply} FF FE FE ${reply}`, [good, good]],
    ['noise before, in one piece', `00 11 22 ${reply}`, [thrown('00 11 22', 'DLT645_DELIMITER'), good]],
    ['noise before wake-up bytes', `00 11 FE FE ${reply}`, [thrown('00 11', 'DLT645_DELIMITER'), good]],
    ['two FF, the second is noise', `${reply} FF FF ${reply}`, [good, thrown('FF', 'DLT645_DELIMITER'), good]],
    ['a false start just before a frame', `68 ${reply}`, [thrown('68', 'DLT645_DELIMITER'), good]],
    [
      'a bad frame, then a good one',
      `${reply.replace('BB 16', 'BC 16')} ${reply}`,
      [thrown(reply.replace('BB 16', 'BC 16'), 'DLT645_CHECKSUM'), good],
    ],
    [
      'a length of FF, not waited for',
      `68 12 90 78 56 34 12 68 91 FF ${reply}`,
      [thrown('68 12 90 78 56 34 12 68 91 FF', 'DLT645_OVERLONG'), good],
    ],
  ])('cuts %s', (_, hex, expected) => expect(feed(hex)).toEqual(expected))

  it('finds a frame that begins inside a candidate that failed', () => {
    // 68 + six bytes + 68 + 11 + length 10: twelve bytes later neither checksum nor end fit, and the true frame lies inside.
    const inside = `68 01 02 03 04 05 06 68 11 0A ${reply} 00 00`
    expect(feed(inside)).toEqual([thrown('68 01 02 03 04 05 06 68 11 0A', 'DLT645_DELIMITER'), good])
  })

  it('keeps a half frame until it is whole, and gives it back after silence', () => {
    const half = createDeframer()
    const whole = bytes(reply)
    expect(half.push(whole.subarray(0, 11))).toEqual([])
    expect(half.push(whole.subarray(11))).toEqual([good])
    expect(half.flush()).toBe(null)
    half.push(whole.subarray(0, 11))
    expect(half.flush()).toEqual(thrown(reply.slice(0, 32), 'DLT645_TRUNCATED'))
    expect(half.push(whole)).toEqual([good])
  })

  it('does not report wake-up bytes whose frame never came', () => {
    const line = createDeframer()
    expect(line.push(bytes('FE FE FE'))).toEqual([])
    expect(line.flush()).toBe(null)
  })

  const frame = fc.record({
    address: fc.stringMatching(/^\d{12}$/),
    control: fc.constantFrom(0x91, 0xb1, 0xd1, 0x81, 0x9c),
    data: fc.uint8Array({ maxLength: 200 }),
  })
  const noise = fc
    .uint8Array({ maxLength: 600 })
    .map((some) => some.map((byte) => (byte === 0x68 || byte === 0xfe || byte === 0xff ? 0x55 : byte)))
  const piece = fc.record({ frame, noise, wakeUps: fc.nat(7), tail: fc.boolean() })

  const collect = (stream: Uint8Array, cuts: readonly number[]) => {
    const line = createDeframer()
    const found = [...cuts, stream.length]
      .sort((a, b) => a - b)
      .flatMap((to, at, all) => line.push(stream.subarray(at === 0 ? 0 : all[at - 1], to)))
    const rest = line.flush()
    const frames = found.filter((one): one is Frame => !isDiscarded(one))
    const lost = [...found.filter(isDiscarded), ...(rest ? [rest] : [])]
    return { frames, lost: lost.reduce((sum, { discarded }) => sum + discarded.length, 0) }
  }

  it('finds every frame and reports every other byte, however the stream is cut', () =>
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), fc.array(fc.nat(3000), { maxLength: 20 }), (pieces, cuts) => {
        const stream = Uint8Array.from(
          pieces.flatMap((one) => [...one.noise, ...encodeFrame(one.frame, one.wakeUps), ...(one.tail ? [0xff] : [])]),
        )
        const { frames, lost } = collect(
          stream,
          cuts.map((cut) => Math.min(cut, stream.length)),
        )
        expect(frames).toEqual(pieces.map((one) => one.frame))
        expect(lost).toBe(pieces.reduce((sum, one) => sum + one.noise.length, 0))
      }),
    ))

  it('gives back every byte of pure noise once, in any cut', () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.array(fc.nat(2000), { maxLength: 10 }), (stream, cuts) => {
        const clean = stream.map((byte) => (byte === 0xfe || byte === 0xff ? 0x68 : byte))
        const { frames, lost } = collect(
          clean,
          cuts.map((cut) => Math.min(cut, clean.length)),
        )
        expect(lost + frames.reduce((sum, { data }) => sum + 12 + data.length, 0)).toBe(clean.length)
      }),
    ))

  it('takes a megabyte of hostile bytes without keeping them', () => {
    const line = createDeframer()
    const hostile = Uint8Array.from({ length: 1 << 20 }, (_, at) => [0x68, 1, 2, 3, 4, 5, 6, 0x68, 0x91, 0xc8][at % 10]!)
    let lost = 0
    for (const item of line.push(hostile)) lost += isDiscarded(item) ? item.discarded.length : 0
    expect(hostile.length - lost).toBeLessThan(1000)
  })
})
