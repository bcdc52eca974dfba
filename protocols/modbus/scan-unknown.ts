import { decimalNumber, type ScanStrategy } from '../../src/core/index.ts'
import { BYTE_ORDERS, decodeNumber } from './data.ts'
import type { ReadFunction } from './scan.ts'
import { obtain, type RegisterMemory } from './scan-memory.ts'

/** A value that looks like a frequency or a voltage, and how it would have to be read. */
export interface Guess {
  readonly function: ReadFunction
  readonly address: number
  readonly type: string
  readonly order: string
  readonly scale: string
  readonly text: string
  readonly looksLike: 'frequency' | 'voltage'
}

/** A unit that no profile fits. */
export interface UnknownUnit {
  /** Which reads answer: function → first registers of places that gave something, or the exception that all of them gave. */
  readonly answers: readonly {
    readonly function: ReadFunction
    readonly places: readonly number[]
    readonly exceptions: readonly number[]
  }[]
  readonly guesses: readonly Guess[]
}

/** Places where maps of meters begin. */
const PLACES = [
  0, 0x10, 0x40, 0x46, 0x64, 0x100, 0x200, 1000, 0x400, 2000, 3000, 0x1000, 5000, 0x2000, 10_000, 0x3000, 0x4000, 19_000, 0x5000, 0x5b00,
  30_000, 40_000, 0xb000, 50_000,
]
const MOST_GUESSES = 8

const isFrequency = (value: number): boolean => (value >= 49 && value <= 51) || (value >= 59 && value <= 61)
const isVoltage = (value: number): boolean => value >= 190 && value <= 260

/** Finds where an unknown unit answers, and values there that look like a frequency or a voltage. */
export function* exploreUnknown(memory: RegisterMemory, most: number): ScanStrategy<UnknownUnit> {
  const answers: { function: ReadFunction; places: number[]; exceptions: number[] }[] = []
  const found: Guess[] = []
  for (const fn of [3, 4] as const) {
    const places: number[] = []
    for (const place of PLACES.slice(0, most)) {
      const words = (yield* obtain(memory, fn, place, 16)) ?? (yield* obtain(memory, fn, place, 2)) ?? (yield* obtain(memory, fn, place, 1))
      if (!words) continue
      places.push(place)
      found.push(...guessesIn(fn, place, words))
    }
    const codes = [...memory.refused].flatMap(([key, code]) => (key.startsWith(`${fn}:`) && code > 0 ? [code] : []))
    answers.push({ function: fn, places, exceptions: [...new Set(codes)].sort((a, b) => a - b) })
  }
  // A frequency is the rarer find: first.
  found.sort((a, b) => (a.looksLike === b.looksLike ? 0 : a.looksLike === 'frequency' ? -1 : 1))
  return { answers, guesses: found.slice(0, MOST_GUESSES) }
}

const guessesIn = (fn: ReadFunction, place: number, words: readonly number[]): Guess[] => {
  const bytes = Uint8Array.from(words.flatMap((word) => [word >> 8, word & 0xff]))
  const guesses: Guess[] = []
  const look = (at: number, type: 'u16' | 'f32', order: (typeof BYTE_ORDERS)[number], scale: number) => {
    const raw = decodeNumber(type, order, bytes, 2 * at)
    if (typeof raw === 'string') return
    const value = decimalNumber(raw.raw, raw.scaler + scale)
    const looksLike = isFrequency(value) ? 'frequency' : isVoltage(value) ? 'voltage' : null
    if (!looksLike || (type === 'u16' && scale === 0)) return
    guesses.push({
      function: fn,
      address: place + at,
      type,
      order,
      scale: `1e${scale}`,
      text: String(Number(value.toPrecision(6))),
      looksLike,
    })
  }
  for (let at = 0; at < words.length; at++) {
    for (const scale of [-1, -2]) look(at, 'u16', 'ABCD', scale)
    if (at + 1 < words.length) for (const order of BYTE_ORDERS) look(at, 'f32', order, 0)
  }
  return guesses
}
