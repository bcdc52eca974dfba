/** What the far ends of A13 do to their answers. */
import type { WireMeter } from './fuzz-meters.ts'

/** Longest reaction the gateway is told to wait for. */
export const REACTION_MS = 100

/** What one answer goes through on its way. */
export type Fault =
  | 'none'
  | 'split'
  | 'late'
  | 'silent'
  | 'doubled'
  | 'late and doubled'
  | 'noise before'
  | 'noise after'
  | 'noise alone'
  | 'bits'
  | 'torn'
  | 'stranger before'
  | 'stranger alone'

/** How often in 1000. */
export type Mix = Readonly<Partial<Record<Fault, number>>>
export const BUS: Mix = {
  split: 100,
  late: 60,
  silent: 20,
  doubled: 40,
  'late and doubled': 20,
  'noise before': 40,
  'noise after': 40,
  'noise alone': 20,
  bits: 60,
  torn: 40,
  'stranger before': 30,
  'stranger alone': 20,
}
const FAULTS: readonly Fault[] = [
  'split',
  'late',
  'silent',
  'doubled',
  'late and doubled',
  'noise before',
  'noise after',
  'noise alone',
  'bits',
  'torn',
  'stranger before',
  'stranger alone',
]
const faultOf = (mix: Mix, pick: number): Fault => {
  let left = pick
  for (const fault of FAULTS) {
    left -= mix[fault] ?? 0
    if (left < 0) return fault
  }
  return 'none'
}
/** TCP delivers bytes whole and in order: what remains is time, repetition and numbers. */
export const TCP: Mix = {
  split: 150,
  late: 80,
  silent: 20,
  doubled: 60,
  'late and doubled': 20,
  'stranger before': 80,
  'stranger alone': 30,
}

/** A far end and its temper. */
export interface FarSide {
  readonly meter: WireMeter
  readonly mix: Mix
  /** Bits that may flip in one frame: as many as its checksum is sure to notice. */
  readonly flips: number
  /** The adapter returns our own bytes. */
  readonly echoes: boolean
  readonly dice: () => number
}

/** Runs something so many milliseconds from now. */
export type Later = (ms: number, run: () => void) => void

export interface Outlet {
  send(bytes: Uint8Array): void
  sendInTwo(first: Uint8Array, gapMs: number, second: Uint8Array): void
}

/** A bus: whatever is sent meanwhile goes in between. */
export const busOutlet = (send: (bytes: Uint8Array) => void, later: Later): Outlet => ({
  send,
  sendInTwo: (first, gapMs, second) => {
    send(first)
    later(gapMs, () => send(second))
  },
})

/** A stream: an answer that comes in two pieces is whole before the next one begins. */
export const streamOutlet = (send: (bytes: Uint8Array) => void, later: Later): Outlet => {
  let isHeld = false
  const waiting: (() => void)[] = []
  const whenFree = (run: () => void): void => {
    if (isHeld) waiting.push(run)
    else run()
  }
  return {
    send: (bytes) => whenFree(() => send(bytes)),
    sendInTwo: (first, gapMs, second) =>
      whenFree(() => {
        isHeld = true
        send(first)
        later(gapMs, () => {
          send(second)
          isHeld = false
          while (!isHeld && waiting.length > 0) waiting.shift()!()
        })
      }),
  }
}

/** Plays what the far end does with one request. */
export const play = (request: Uint8Array, { send, sendInTwo }: Outlet, field: FarSide, serial: number, later: Later): Fault => {
  const { meter, mix, dice } = field
  const within = (from: number, to: number): number => from + dice() * (to - from)
  const noise = (most: number): Uint8Array => Uint8Array.from({ length: 1 + Math.floor(dice() * most) }, () => Math.floor(dice() * 256))
  const answer = meter.answer(request, serial)
  if (!answer) return 'none'
  if (field.echoes) send(request.slice())
  const fault = faultOf(mix, dice() * 1000)
  const at = within(1, 30)
  const say = (ms: number, bytes: Uint8Array | null): void => {
    if (bytes && bytes.length > 0) later(ms, () => send(bytes))
  }
  const cut = 1 + Math.floor(dice() * (answer.length - 1))
  switch (fault) {
    case 'none':
      say(at, answer)
      break
    case 'split':
      later(at, () => sendInTwo(answer.slice(0, cut), within(0, 60), answer.slice(cut)))
      break
    case 'late':
      say(REACTION_MS * within(1.02, 1.9), answer)
      break
    case 'silent':
      break
    case 'doubled':
      say(at, answer)
      say(at + within(0, 25), answer)
      break
    case 'late and doubled': {
      const late = REACTION_MS * within(1.02, 1.6)
      say(late, answer)
      say(late + within(0, 25), answer)
      break
    }
    case 'noise before':
      say(at, noise(12))
      say(at + within(0, 3), answer)
      break
    case 'noise after':
      say(at, answer)
      say(at + within(0, 3), noise(12))
      break
    case 'noise alone':
      say(at, noise(40))
      break
    case 'bits': {
      const damaged = answer.slice()
      const flips = 1 + Math.floor(dice() * field.flips)
      const flipped = new Set<number>()
      while (flipped.size < flips) flipped.add(Math.floor(dice() * damaged.length * 8))
      for (const bit of flipped) damaged[bit >> 3]! ^= 1 << (bit & 7)
      say(at, damaged)
      break
    }
    case 'torn':
      say(at, answer.slice(0, cut))
      break
    case 'stranger before':
      say(at, meter.stranger(request))
      say(at + within(0, 20), answer)
      break
    case 'stranger alone':
      say(at, meter.stranger(request))
      break
  }
  return fault
}
