import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createDeframer } from '../../../protocols/gw3761/deframer.ts'
import { explainBytes } from '../../../protocols/gw3761/explain.ts'
import { encodeFrame, type Frame, OVERHEAD } from '../../../protocols/gw3761/frame.ts'
import { decodeUnits } from '../../../protocols/gw3761/units.ts'
import { isDiscarded } from '../../../src/core/adapter.ts'
import { bytes, frameOf } from './wire.ts'

const login = '68 32 00 32 00 68 C9 00 02 34 12 00 02 71 00 00 01 00 85 16'
const good = frameOf(bytes(login))
const thrown = (hex: string, code: string) => expect.objectContaining({ discarded: bytes(hex), error: expect.objectContaining({ code }) })
const feed = (hex: string) => createDeframer().push(bytes(hex))
const NOTHING = new Uint8Array(0)

describe('deframer', () => {
  it.each([
    ['one frame', login, [good]],
    ['two frames in one piece', `${login} ${login}`, [good, good]],
    ['noise before, in one piece', `00 11 22 ${login}`, [thrown('00 11 22', 'GW3761_DELIMITER'), good]],
    ['a false start just before a frame', `68 ${login}`, [thrown('68', 'GW3761_LENGTHS'), good]],
    ['lengths that differ', `68 32 00 36 00 68 ${login}`, [thrown('68 32 00 36 00 68', 'GW3761_LENGTHS'), good]],
    [
      'a bad sum, then a good frame',
      `${login.replace('85 16', '86 16')} ${login}`,
      [thrown(login.replace('85 16', '86 16'), 'GW3761_CHECKSUM'), good],
    ],
    ['a reserved protocol id', `68 33 00 33 00 68 ${login}`, [thrown('68 33 00 33 00 68', 'GW3761_PROTOCOL'), good]],
  ])('cuts %s', (_, hex, expected) => expect(feed(hex)).toEqual(expected))

  it('finds a frame inside a candidate that failed', () => {
    // Says 24 user bytes; the end byte is missing there, and a whole frame lies inside.
    const inside = `68 62 00 62 00 68 01 02 ${login} 00 00 00 00`
    expect(feed(inside)).toEqual([thrown('68 62 00 62 00 68 01 02', 'GW3761_END'), good])
  })

  it('keeps a half frame until it is whole, and gives it back after silence', () => {
    const line = createDeframer()
    const whole = bytes(login)
    expect(line.push(whole.subarray(0, 11))).toEqual([])
    expect(line.push(whole.subarray(11))).toEqual([good])
    expect(line.flush()).toBe(null)
    line.push(whole.subarray(0, 11))
    expect(line.flush()).toEqual(thrown(login.slice(0, 32), 'GW3761_TRUNCATED'))
    expect(line.push(whole)).toEqual([good])
  })

  it('gives up a false beginning after silence without the frames behind it', () => {
    const line = createDeframer()
    // A beginning that waits for 16383 bytes which never come; heartbeats lie behind it.
    expect(line.push(bytes(`68 FE FF FE FF 68 ${login} ${login} 68 32`))).toEqual([])
    expect(line.flush()).toEqual(thrown('68 FE FF FE FF 68', 'GW3761_TRUNCATED'))
    expect(line.push(NOTHING)).toEqual([good, good, thrown('68 32', 'GW3761_DELIMITER')])
    expect(line.push(bytes(login))).toEqual([good])
  })

  it('refuses a length above its own limit at once', () => {
    expect(createDeframer(2048).push(bytes(`68 FE FF FE FF 68 ${login}`))).toEqual([thrown('68 FE FF FE FF 68', 'GW3761_LENGTH'), good])
  })

  const frame = fc
    .record({ control: fc.nat(255), afn: fc.nat(16), data: fc.uint8Array({ maxLength: 120 }) })
    .map(({ control, afn, data }) => ({ ...good, function: control & 15, fcv: (control & 16) !== 0, afn, data }))
  const noise = fc.uint8Array({ maxLength: 600 }).map((some) => some.map((byte) => (byte === 0x68 ? 0x55 : byte)))

  const collect = (stream: Uint8Array, cuts: readonly number[]) => {
    const line = createDeframer()
    const found = [...cuts.map((cut) => Math.min(cut, stream.length)), stream.length]
      .sort((a, b) => a - b)
      .flatMap((to, at, all) => line.push(stream.subarray(at === 0 ? 0 : all[at - 1], to)))
    const rest = line.flush()
    const rescued = line.push(NOTHING)
    const all = [...found, ...(rest ? [rest] : []), ...rescued]
    const frames = all.filter((one): one is Frame => !isDiscarded(one))
    const lost = all.reduce((sum, one) => sum + (isDiscarded(one) ? one.discarded.length : 0), 0)
    return { frames, lost }
  }

  it('finds every frame and reports every other byte, however the stream is cut', () =>
    fc.assert(
      fc.property(fc.array(fc.record({ frame, noise }), { maxLength: 6 }), fc.array(fc.nat(3000), { maxLength: 20 }), (pieces, cuts) => {
        const stream = Uint8Array.from(pieces.flatMap((one) => [...one.noise, ...encodeFrame(one.frame)]))
        const { frames, lost } = collect(stream, cuts)
        expect(frames.map(({ raw }) => raw)).toEqual(pieces.map((one) => encodeFrame(one.frame)))
        expect(lost).toBe(pieces.reduce((sum, one) => sum + one.noise.length, 0))
      }),
    ))

  it('gives back every byte once, in any cut', () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.array(fc.nat(2000), { maxLength: 10 }), (stream, cuts) => {
        const { frames, lost } = collect(stream, cuts)
        expect(lost + frames.reduce((sum, { raw }) => sum + raw.length, 0)).toBe(stream.length)
      }),
    ))

  it.each([
    ['starts', [0x68]],
    ['beginnings of the longest frame', [0x68, 0xfe, 0xff, 0xfe, 0xff, 0x68]],
    ['beginnings and ends', [0x68, 0xfe, 0xff, 0xfe, 0xff, 0x68, 0x16, 0x00]],
    ['beginnings of the shortest frame', [0x68, 0x22, 0x00, 0x22, 0x00, 0x68, 0x16, 0x16]],
  ])('takes a megabyte of %s without keeping it', (_, pattern) => {
    const line = createDeframer()
    const hostile = Uint8Array.from({ length: 1 << 20 }, (__, at) => pattern[at % pattern.length]!)
    let lost = 0
    for (let at = 0; at < hostile.length; at += 1460)
      for (const item of line.push(hostile.subarray(at, at + 1460))) lost += isDiscarded(item) ? item.discarded.length : OVERHEAD
    expect(hostile.length - lost).toBeLessThan(17_000)
  })
})

describe('streams that somebody damaged', () => {
  const captured = [
    login,
    '68 BA 00 BA 00 68 88 01 33 E9 03 02 0D 62 01 02 01 14 20 07 24 05 00 21 07 24 04 00 07 81 21 00 00 50 00 03 00 00 00 00 09 00 00 57 80 05 00 00 00 00 04 00 B6 16',
    '68 6E 00 6E 00 68 88 01 33 E9 03 02 0D 63 01 01 01 0B 15 00 20 07 24 01 04 01 23 99 22 EE EE 12 23 7D 16',
    '68 82 00 82 00 68 88 00 25 01 00 04 0E 61 00 00 01 00 01 01 00 01 01 0E 35 10 16 01 14 02 32 2E 30 31 32 2E 30 32 29 16',
    '68 AE 00 AE 00 68 A8 00 02 34 12 04 10 E0 00 00 01 00 1F 14 00 68 61 10 01 30 12 15 68 91 08 33 33 34 33 AB 39 33 33 49 16 4F 00 00 06 50 23 21 05 AE 16',
    '68 E6 00 E6 00 68 5A 01 01 BA 07 02 04 65 00 00 02 01 01 00 01 00 01 00 21 00 66 55 44 33 22 11 22 22 22 11 11 11 00 05 66 66 66 33 22 11 31 67 89 00 00 00 00 00 00 00 00 00 00 00 00 00 00 6B 16',
  ].map(bytes)
  const mutated = fc
    .record({
      whole: fc.constantFrom(...captured),
      changes: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
      cut: fc.option(fc.nat(), { nil: null, freq: 3 }),
      repairs: fc.boolean(),
    })
    .map(({ whole, changes, cut, repairs }) => {
      const one = whole.slice()
      for (const [at, value] of changes) one[at % one.length] = value
      // With sum and end put right, what was damaged reaches the layouts behind the frame.
      if (repairs && one.length > 9) {
        one.set(whole.subarray(0, 6))
        one[one.length - 1] = 0x16
        one[one.length - 2] = one.subarray(6, -2).reduce((sum, byte) => sum + byte, 0) & 0xff
      }
      return cut === null ? one : one.subarray(0, cut % one.length)
    })

  it('never throw, never stall: 100,000 damaged frames, and the good one behind them is found', () => {
    let cases = 0
    fc.assert(
      fc.property(fc.array(mutated, { minLength: 20, maxLength: 40 }), (pieces) => {
        const line = createDeframer()
        for (const piece of pieces) {
          cases++
          for (const item of line.push(piece))
            if (!isDiscarded(item)) {
              const { units } = decodeUnits(item)
              for (const { at, end } of units) expect(at <= end && end <= item.data.length).toBe(true)
              const { fields } = explainBytes(item.raw)
              expect(fields.length).toBeGreaterThan(5)
            }
        }
        line.flush()
        line.push(NOTHING)
        const last = line.push(bytes(login)).at(-1)
        expect(last && !isDiscarded(last) && last.raw).toEqual(bytes(login))
      }),
      { numRuns: 3600 },
    )
    expect(cases).toBeGreaterThan(100_000)
  })

  it('any data behind any head are taken apart without a throw, every byte once', () =>
    fc.assert(
      fc.property(
        fc.nat(0x12),
        fc.boolean(),
        fc.nat(255),
        fc.nat(255),
        fc.uint8Array({ maxLength: 120 }),
        (afn, up, control, seq, data) => {
          const head = {
            ...good,
            dir: up ? ('up' as const) : ('down' as const),
            prm: (control & 64) !== 0,
            acd: up && (control & 32) !== 0,
            afn,
            data,
          }
          const raw = encodeFrame({ ...head, seq: { tpv: (seq & 128) !== 0, fir: true, fin: true, con: false, number: seq & 15 } })
          const { fields } = explainBytes(raw, { passwords: true })
          let next = 0
          for (const { offset, length } of fields) {
            expect(offset).toBe(next)
            next = offset + length
          }
          expect(next).toBe(raw.length)
        },
      ),
      { numRuns: 5000 },
    ))
})
