import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseApdu } from '../../../protocols/dlt698/apdu.ts'
import { createDeframer } from '../../../protocols/dlt698/deframer.ts'
import { createEar } from '../../../protocols/dlt698/ear.ts'
import { explainBytes } from '../../../protocols/dlt698/explain.ts'
import { C, encodeFrame, type Frame, singleAddress } from '../../../protocols/dlt698/frame.ts'
import { bytesOf } from '../../../src/core/hex.ts'
import { type Discarded, isDiscarded } from '../../../src/core/index.ts'

const file: { vectors: { hex: string }[] } = JSON.parse(readFileSync(new URL('../../vectors/dlt698-45.json', import.meta.url), 'utf8'))
const good = file.vectors.map(({ hex }) => bytesOf(hex)!)
const now = { year: 2026, month: 11, day: 21, hour: 8, minute: 0, second: 0 }
const frame = (apdu: Uint8Array, fragment: Frame['fragment'] = null) =>
  encodeFrame({ control: C.answer, sa: singleAddress('000000000201'), ca: 16, apdu, fragment })

/** Hears everything that a stream gives, as a session would. */
const hearAll = (pieces: readonly Uint8Array[]): Frame[] => {
  const deframer = createDeframer()
  const ear = createEar()
  const frames: Frame[] = []
  const take = (items: readonly (Frame | Discarded)[]) => {
    for (const one of items) {
      if (isDiscarded(one)) continue
      frames.push(one)
      ear.hear(one, now)
      ear.eventsWait(one)
      ear.counters(one)
    }
  }
  for (const piece of pieces) take(deframer.push(piece))
  deframer.flush()
  take(deframer.push(new Uint8Array(0)))
  return frames
}

/** A stream out of frames that were damaged: bytes flipped, dropped, put in; frames cut and run together. */
const damaged = fc
  .array(
    fc.record({
      which: fc.nat(good.length - 1),
      flips: fc.array(fc.tuple(fc.nat(400), fc.integer({ min: 1, max: 255 })), { maxLength: 3 }),
      cut: fc.option(fc.nat(400)),
      noise: fc.uint8Array({ maxLength: 12 }),
    }),
    { minLength: 1, maxLength: 3 },
  )
  .map((parts) =>
    parts.flatMap(({ which, flips, cut, noise }) => {
      const bytes = good[which]!.slice()
      for (const [at, flip] of flips) bytes[at % bytes.length]! ^= flip
      return [noise, bytes.subarray(0, cut === null ? bytes.length : cut % bytes.length)]
    }),
  )

describe('hostile bytes', () => {
  it('random streams never throw', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 4 }), (pieces) => {
        hearAll(pieces)
      }),
      { numRuns: 20_000 },
    )
  })

  it('damaged, cut and concatenated frames never throw', () => {
    fc.assert(
      fc.property(damaged, (pieces) => {
        hearAll(pieces)
      }),
      { numRuns: 40_000 },
    )
  })

  it('well framed APDUs of any bytes never throw, and are explained', () => {
    const tags = [1, 2, 3, 5, 6, 7, 8, 9, 16, 69, 110, 129, 130, 131, 132, 133, 134, 135, 136, 137, 144, 197, 238]
    fc.assert(
      fc.property(fc.constantFrom(...tags), fc.uint8Array({ maxLength: 80 }), (tag, rest) => {
        const bytes = frame(Uint8Array.of(tag, ...rest))
        expect(hearAll([bytes])).toHaveLength(1)
        const explained = explainBytes(bytes, { passwords: true })
        expect(explained.fields.every(({ offset, length }) => offset + length <= bytes.length)).toBe(true)
      }),
      { numRuns: 20_000 },
    )
  })

  it('APDUs of good frames with bytes changed never throw, and hold no more than their bytes', () => {
    const apdus = good.flatMap((bytes) => createDeframer().push(bytes)).flatMap((item) => (isDiscarded(item) ? [] : [item.apdu]))
    fc.assert(
      fc.property(fc.constantFrom(...apdus), fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 3 }), (apdu, changes) => {
        const bytes = apdu.slice()
        for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value
        const parsed = parseApdu(bytes)
        if (parsed.ok)
          expect(JSON.stringify(parsed.apdu, (_, v) => (typeof v === 'bigint' ? Number(v) : v)).length).toBeLessThan(
            200 + bytes.length * 80,
          )
      }),
      { numRuns: 20_000 },
    )
  })

  it('counts beyond the bytes there are end at once', () => {
    for (const hex of [
      '85 01 00 20 00 02 00 01 01 82 FF FF',
      '85 03 00 50 04 02 00 00 01 82 FF FF',
      '85 02 00 82 FF FF 20 00 02 00 01 00',
      '88 02 00 7F 50 04 02 00 01 00 00 10 02 00 01 7F 00',
      '85 01 00 20 00 02 00 01 04 82 FF FF 00',
      '09 01 00 00 00 82 FF FF 00 00 00 00',
    ])
      expect(parseApdu(bytesOf(hex)!)).toMatchObject({ ok: false, error: { code: 'DLT698_APDU' } })
  })

  it('values within values are followed only so far', () => {
    for (const [head, layer] of [
      ['85 01 00 20 00 02 00 01', '01 01'],
      ['85 01 00 20 00 02 00 01', '5A 01 20 21 02 00'],
      ['85 01 00 20 00 02 00 01', '58 00 00'],
    ] as const) {
      const apdu = bytesOf(`${head} ${`${layer} `.repeat(3000)}00 00 00`)!
      expect(parseApdu(apdu)).toMatchObject({ ok: false, error: { message: expect.stringContaining('values within values') } })
    }
    const secure = bytesOf('10 00 82 0F 00 '.repeat(3000))!
    expect(() => parseApdu(secure)).not.toThrow()
  })

  it('headers within headers cost no more than a share of their bytes', () => {
    // Each header is good and says that the frame ends far behind, where a 16H stands; each frame check is wrong.
    const size = 12_000
    const stream = new Uint8Array(size).fill(0x16)
    for (let at = 0; at + 2000 < size; at += 12) stream.set(frame(new Uint8Array(1500)).subarray(0, 14), at)
    const deframer = createDeframer()
    let given = 0
    for (let round = 0; round < 100; round++)
      for (const item of deframer.push(stream)) if (isDiscarded(item)) given += item.discarded.length
    const rest = deframer.flush()
    expect(given + (rest?.discarded.length ?? 0)).toBeGreaterThan(size * 99)
  })

  it('a message that never ends is given up', () => {
    const ear = createEar()
    const deframer = createDeframer()
    const block = new Uint8Array(1000)
    let said = 0
    for (let index = 0; index < 600; index++) {
      const [one] = deframer.push(frame(block, { index: index & 0xfff, kind: index === 0 ? 'first' : 'middle' }))
      if (!one || isDiscarded(one)) throw new Error('no frame')
      said += ear.hear(one, now).filter(({ kind }) => kind === 'say').length
    }
    expect(said).toBeLessThan(300)
  })
})
