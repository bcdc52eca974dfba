import { parseApdu } from '../protocols/dlt698/apdu.ts'
import { elementsOf } from '../protocols/dlt698/datum.ts'
import { createDeframer } from '../protocols/dlt698/deframer.ts'
import { C, encodeFrame, singleAddress } from '../protocols/dlt698/frame.ts'
import { rowsOf } from '../protocols/dlt698/rows.ts'
import { bytesOf, isDiscarded } from '../src/core/index.ts'
import { type Anchor, interleaved } from './anchor.ts'
import { BAR, joined, PIECE, rateOf } from './codec.ts'

const TARIFFS = 4
const FRAMES = 2000

const registerOf = (meter: number, at: number): number => (meter * 7919 + at * 104_729) % 4_000_000_000
const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')

/** Answer to a GET of what was collected: one meter's daily freeze of forward active energy, total and four tariffs. */
const freeze = (meter: number): Uint8Array => {
  const registers = Array.from({ length: TARIFFS + 1 }, (_, at) => `06${hex(registerOf(meter, at), 8)}`).join('')
  const apdu = [
    `8503${hex(meter & 0x3f, 2)}60120300 02 00202A0200 015004020002 20210200 00100200 01 01`,
    `550705${String(meter).padStart(12, '0')} 0102 1C07EA0B15000000 01${hex(TARIFFS + 1, 2)}${registers} 0000`,
  ].join('')
  return encodeFrame({ control: C.answer, sa: singleAddress('000000000201'), ca: 16, apdu: bytesOf(apdu) ?? new Uint8Array(0) })
}

/** Ours: cut into frames, both checks, every value with its type, every register an integer. */
const ours = (stream: Uint8Array, sum: number): number => {
  const line = createDeframer()
  let [frames, found] = [0, 0]
  for (let at = 0; at < stream.length; at += PIECE)
    for (const item of line.push(stream.subarray(at, at + PIECE))) {
      if (isDiscarded(item)) throw new Error('a frame was thrown away')
      const parsed = parseApdu(item.apdu)
      if (!parsed.ok) throw new Error(parsed.error.message)
      frames++
      const { record } = parsed.apdu
      for (const { quoted } of record ? rowsOf(record) : [])
        for (const { cells } of quoted)
          for (const { datum } of cells)
            for (const value of elementsOf(datum)) found += value.t === 'double-long-unsigned' ? Number(value.v) : 0
    }
  if (found !== sum) throw new Error(`registers add up to ${found}, not ${sum}`)
  return frames
}

const CRC = Uint16Array.from({ length: 256 }, (_, byte) => {
  let rest = byte
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >> 1) ^ 0x8408 : rest >> 1
  return rest
})

/** The reference: written for this one frame, none of it ours. It finds the length, checks the frame check, and reads five numbers at fixed places. */
const reference = (stream: Uint8Array, sum: number): number => {
  let [at, frames, found] = [0, 0, 0]
  while (at < stream.length) {
    const end = at + (stream[at + 1]! | (stream[at + 2]! << 8)) + 2
    let crc = 0xffff
    for (let index = at + 1; index < end - 3; index++) crc = CRC[(crc ^ stream[index]!) & 0xff]! ^ (crc >> 8)
    crc ^= 0xffff
    if (stream[at] !== 0x68 || stream[end - 1] !== 0x16 || (stream[end - 3]! | (stream[end - 2]! << 8)) !== crc) throw new Error('no frame')
    for (let place = end - 5 - 5 * (TARIFFS + 1); place < end - 5; place += 5)
      found += ((stream[place + 1]! << 24) | (stream[place + 2]! << 16) | (stream[place + 3]! << 8) | stream[place + 4]!) >>> 0
    frames++
    at = end
  }
  if (found !== sum) throw new Error(`registers add up to ${found}, not ${sum}`)
  return frames
}

/** A16 698: what a concentrator collected, decoded on one core, beside a reader that can do nothing else than this one frame. */
export const recordDecode: Anchor = {
  id: 'A16 698',
  title: 'DL/T 698.45: records (daily freeze, 5 registers) out of a byte stream, on one core ÷ 100,000 a second',
  better: 'higher',
  must: 1,
  goal: 3,
  async run(context) {
    const meters = Array.from({ length: FRAMES }, (_, at) => at + 1)
    const stream = joined(meters.map(freeze))
    const sum = meters.reduce(
      (total, meter) => total + Array.from({ length: TARIFFS + 1 }, (_, at) => registerOf(meter, at)).reduce((a, b) => a + b, 0),
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
