import { createDeframer } from '../protocols/gw3761/deframer.ts'
import { NUMBERS, writeNumber, writeTime } from '../protocols/gw3761/formats.ts'
import { encodeFrame } from '../protocols/gw3761/frame.ts'
import { writeIdentifier } from '../protocols/gw3761/identifiers.ts'
import { SINGLE } from '../protocols/gw3761/seq.ts'
import { decodeUnits } from '../protocols/gw3761/units.ts'
import { isDiscarded } from '../src/core/index.ts'
import { type Anchor, interleaved } from './anchor.ts'

/** Frames a second that one core must decode. */
export const BAR = 100_000
const TARIFFS = 4
const FRAMES = 2000
/** Bytes as TCP brings them: frames begin and end anywhere in a piece. */
export const PIECE = 1448

/** A daily freeze of forward active energy (0D F161) of one point: total and four tariffs. */
const freeze = (pn: number): Uint8Array => {
  const time = { year: 2026, month: 11, day: 22, hour: 0, minute: 5 }
  const registers = Array.from({ length: TARIFFS + 1 }, (_, at) => writeNumber((pn * 7919 + at * 104_729) % 9_999_999_999, NUMBERS['A.14']))
  const data = [
    ...writeIdentifier(pn, 161),
    ...writeTime({ ...time, day: 21 }, 'A.20'),
    ...writeTime(time, 'A.15'),
    TARIFFS,
    ...registers.flatMap((bytes) => [...bytes]),
  ]
  return encodeFrame({
    ...{ region: '3301', terminal: 1001, group: false, msa: 1, dir: 'up', prm: false, acd: false, fcb: false, fcv: false, function: 8 },
    ...{ protocolId: 2, afn: 0x0d, seq: { ...SINGLE, number: pn & 15 }, data: Uint8Array.from(data) },
  })
}

export const joined = (parts: readonly Uint8Array[]): Uint8Array => {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** Calls `round` until the time is over. @returns  frames a second */
export const rateOf = (seconds: number, round: () => number): number => {
  const began = performance.now()
  const until = began + seconds * 1000
  let frames = 0
  while (performance.now() < until) frames += round()
  return (frames * 1000) / (performance.now() - began)
}

/** Ours: the stream cut into frames, each taken apart by the tables, every register an integer. */
const ours = (stream: Uint8Array, sum: number): number => {
  const line = createDeframer()
  let [frames, found] = [0, 0]
  for (let at = 0; at < stream.length; at += PIECE)
    for (const item of line.push(stream.subarray(at, at + PIECE))) {
      if (isDiscarded(item)) throw new Error('a frame was thrown away')
      frames++
      for (const { raws } of decodeUnits(item).units) for (let slot = 1; slot < raws.length; slot++) found += raws[slot]!
    }
  if (found !== sum) throw new Error(`registers add up to ${found}, not ${sum}`)
  return frames
}

/** The reference: written for this one frame, none of it ours. It finds the length, checks it and the sum, and reads five numbers at fixed places. */
const reference = (stream: Uint8Array, sum: number): number => {
  const digits = (byte: number): number => (byte >> 4) * 10 + (byte & 15)
  let [at, frames, found] = [0, 0, 0]
  while (at < stream.length) {
    const length = (stream[at + 1]! | (stream[at + 2]! << 8)) >> 2
    let check = 0
    for (let index = at + 6; index < at + 6 + length; index++) check += stream[index]!
    if (stream[at] !== 0x68 || stream[at + 5] !== 0x68 || stream[at + 6 + length] !== (check & 255)) throw new Error('no frame')
    for (let place = at + 27; place < at + 27 + 5 * (TARIFFS + 1); place += 5)
      found +=
        digits(stream[place]!) +
        digits(stream[place + 1]!) * 1e2 +
        digits(stream[place + 2]!) * 1e4 +
        digits(stream[place + 3]!) * 1e6 +
        digits(stream[place + 4]!) * 1e8
    frames++
    at += length + 8
  }
  if (found !== sum) throw new Error(`registers add up to ${found}, not ${sum}`)
  return frames
}

/** A16: class-2 answers of concentrators decoded on one core, beside a reader that can do nothing else than this one frame. */
export const concentratorDecode: Anchor = {
  id: 'A16',
  title: 'Q/GDW 376.1: class-2 frames (daily freeze, 5 registers) out of a byte stream, on one core ÷ 100,000 a second',
  better: 'higher',
  must: 1,
  goal: 3,
  async run(context) {
    const points = Array.from({ length: FRAMES }, (_, at) => (at % 2040) + 1)
    const stream = joined(points.map(freeze))
    const sum = points.reduce(
      (total, pn) =>
        total + Array.from({ length: TARIFFS + 1 }, (_, at) => (pn * 7919 + at * 104_729) % 9_999_999_999).reduce((a, b) => a + b, 0),
      0,
    )
    // Both are compiled before the first round counts.
    for (const side of [ours, reference]) rateOf(Math.min(1, context.seconds), () => side(stream, sum))
    const measured = await interleaved(
      context,
      async () => rateOf(context.seconds, () => ours(stream, sum)),
      async () => rateOf(context.seconds, () => reference(stream, sum)),
    )
    return {
      ours: measured.ours,
      reference: measured.reference,
      ratio: measured.ours / BAR,
      unit: 'frames/s',
      detail: {
        reference: 'a reader for this one frame',
        'ours ÷ reference': Number(measured.ratio.toFixed(3)),
        'bytes a frame': stream.length / FRAMES,
        'registers/s': Math.round(measured.ours * (TARIFFS + 1)),
      },
    }
  },
}
