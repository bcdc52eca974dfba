import { localText } from '../calendar.ts'
import type { Piece } from './data3761.ts'
import { type Frame3761, namedBy } from './frame3761.ts'
import { numberOfPair, Pen } from './pen.ts'

export const TP_BYTES = 6
/** Length fields, delimiters, checksum and end around the user bytes, and the eight bytes that begin these. */
export const OVERHEAD = 8 + 8

/** Puts units into frames; what is larger than a frame goes alone. */
export const packed = (pieces: readonly Piece[], room: number): Uint8Array[] => {
  const packs: Uint8Array[] = []
  let pen = new Pen(room)
  for (const { bytes } of pieces) {
    if (pen.length > 0 && pen.length + bytes.length > room) {
      packs.push(pen.done())
      pen = new Pen(room)
    }
    pen.put(bytes)
  }
  packs.push(pen.done())
  return packs
}

/** The request's identifier, once, in front of all units, when it names everything the answer holds. */
export const grouped = (body: Uint8Array, wanted: number, pieces: readonly Piece[]): readonly Piece[] => {
  const named = namedBy(body, 0)
  const count = (named?.points.length ?? 0) * (named?.items.length ?? 0)
  if (count < 2 || count !== wanted || pieces.length !== count) return pieces
  const pen = new Pen(256).put(body.subarray(0, 4))
  for (const { bytes } of pieces) pen.put(bytes.subarray(4))
  return [{ bytes: pen.done(), said: pieces.flatMap(({ said }) => said) }]
}

/** Tp: PFC, send time, allowed delay in minutes; 0 = no check. */
export const isTooOld = (data: Uint8Array, at: number, own: number): boolean => {
  const delay = data[at + 5] ?? 0
  const [second, minute, hour, day] = [1, 2, 3, 4].map((index) => numberOfPair(data[at + index])) as [number, number, number, number]
  if (delay === 0 || Number.isNaN(second + minute + hour + day)) return false
  const text = localText(own)
  const sent = ((day * 24 + hour) * 60 + minute) * 60 + second
  const shows =
    ((Number(text.slice(8, 10)) * 24 + Number(text.slice(11, 13))) * 60 + Number(text.slice(14, 16))) * 60 + Number(text.slice(17, 19))
  // A request of the last day of a month that is read on the first of the next is let through.
  return Math.abs(shows - sent) > delay * 60 && Math.abs(shows - sent) < 27 * 86_400
}
/** PFC of a request's time tag. */
export const tagOf = ({ data }: Frame3761): number => data[data.length - TP_BYTES] ?? 0

/** Changes one byte of a frame and makes its sum right again. */
export const altered = (frame: Uint8Array, at: number, change: (byte: number) => number): Uint8Array => {
  const copy = frame.slice()
  copy[at] = change(copy[at]!)
  let sum = 0
  for (let index = 6; index < copy.length - 2; index++) sum += copy[index]!
  copy[copy.length - 2] = sum & 0xff
  return copy
}
