import type { Archive } from './archive3761.ts'
import { RECORD } from './archive3761.ts'
import { addressBytes } from './frame3761.ts'
import { Pen, pairOf } from './pen.ts'

/** Parameters of a terminal, as bytes of their data unit, by item and point. Archive F10 is kept apart. */
export interface Parameters {
  get(fn: number, pn: number): Uint8Array | null
  set(fn: number, pn: number, bytes: Uint8Array): void
  clear(): void
}

/**
 * Bytes of one data unit of AFN04; null = not known here: then it is the rest of the frame.
 * Lists say their own length.
 */
export const settingLength = (fn: number, data: Uint8Array, at: number): number | null => {
  const fixed = FIXED[fn]
  if (fixed !== undefined) return fixed
  if (fn === 7) {
    const user = data[at + 20] ?? 0
    return 24 + user + (data[at + 21 + user] ?? 0)
  }
  if (fn === 10) return 2 + RECORD * ((data[at] ?? 0) | ((data[at + 1] ?? 0) << 8))
  if (fn === 33) {
    let end = at + 1
    for (let left = data[at] ?? 0; left > 0; left--) end += scheduleLength(data, end)
    return end - at
  }
  if (fn === 35) return 1 + 2 * (data[at] ?? 0)
  if (fn === 38 || fn === 39) {
    let end = at + 2
    for (let left = data[at + 1] ?? 0; left > 0; left--) end += 2 + (data[end + 1] ?? 0)
    return end - at
  }
  if (fn === 65 || fn === 66) return 9 + 4 * (data[at + 8] ?? 0)
  return null
}
const FIXED: Readonly<Record<number, number>> = { 1: 6, 3: 28, 4: 16, 8: 8, 9: 16, 25: 11, 26: 57, 67: 1, 68: 1 }

/** One port of the reading schedule (F33): port, control word, days, time, interval, broadcast time, windows. */
export const scheduleLength = (data: Uint8Array, at: number): number => 14 + 4 * (data[at + 13] ?? 0)

export const parametersOf = (address: string, heartbeatMin: number, archive: Archive): Parameters => {
  let written: Map<string, Uint8Array> | null = null
  return {
    get: (fn, pn) => written?.get(`${fn} ${pn}`) ?? DEFAULTS[fn]?.(address, heartbeatMin, archive, pn) ?? null,
    set(fn, pn, bytes) {
      written ??= new Map()
      written.set(`${fn} ${pn}`, bytes.slice())
    },
    clear() {
      written = null
    },
  }
}

type Default = (address: string, heartbeatMin: number, archive: Archive, pn: number) => Uint8Array | null

const text = (pen: Pen, value: string, length: number): Pen => pen.put(Buffer.from(value.padEnd(length, '\0').slice(0, length), 'latin1'))

/** What a terminal comes with out of its box. */
const DEFAULTS: Readonly<Record<number, Default>> = {
  // RTS 20 ms, no delay of a relay station, 10 s and 3 resends, all three kinds of reports confirmed.
  1: (_, heartbeatMin) => Uint8Array.of(1, 0, 10, 0x30, 7, heartbeatMin),
  3: () => text(new Pen(28).put([127, 0, 0, 1]).word(3761).put([0, 0, 0, 0]).word(0), 'cmnet', 16).done(),
  4: () => new Uint8Array(16).fill(0xff),
  7: (address) =>
    new Pen(24)
      .put([192, 168, 1, addressBytes(address)[2]! || 1])
      .put([255, 255, 255, 0, 192, 168, 1, 1])
      .fill(12, 0)
      .done(),
  8: () => Uint8Array.of(0x11, 60, 0, 3, 10, 0xff, 0xff, 0xff),
  9: () => new Pen(16).fill(8, 0xff).put([0x0d, 0x27, 0, 0xc0, 0x05, 0, 0, 0]).done(),
  25: (_, __, archive, pn) => {
    const meter = archive.meter(pn)
    if (meter === null || meter === 'unwired') return null
    const pen = new Pen(11).word(1).word(1).bcd(2200, 2).byte(pairOf(50))
    return pen
      .bcd(110_000, 3)
      .byte(meter.phases === 3 ? 2 : 3)
      .done()
  },
  26: () => null,
  33: () => new Pen(15).byte(1).put([31, 0, 0, 0xff, 0xff, 0xff, 0x7f, 5, 0, 60, 0x30, 0x23, 0, 1, 0x15, 0, 0x45, 0x23]).done(),
  35: () => Uint8Array.of(0),
}
