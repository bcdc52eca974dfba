import type { Fault } from '../faults.ts'
import { mix } from '../random.ts'
import type { Act, Brain } from './brain.ts'

type Answer = Extract<Act, { kind: 'answer' }>

/** An answer as it goes out, after the faults that were ordered. */
export interface Spoilt {
  readonly frames: readonly Uint8Array[]
  /** Later than it would have been, milliseconds. */
  readonly lateMs: number
  /** No values are in it. */
  readonly refused: boolean
  /** Byte by byte. */
  readonly single: boolean
  /** Faults that were at work. */
  readonly names: readonly string[]
}

export interface SpoilContext {
  readonly craft: Brain['craft']
  readonly now: number
  /** The last frame that went out before; null = none. */
  readonly previous: Uint8Array | null
}

/** What ordered faults make of an answer: other frames, later ones, or none at all. */
export const spoil = (act: Answer, faults: readonly Fault[], { craft, now, previous }: SpoilContext): Spoilt | 'nothing' | 'hang-up' => {
  let frames = act.frames
  let lateMs = 0
  let refused = false
  let single = false
  const names: string[] = []
  for (const fault of faults) {
    if (fault.kind === 'clock' || fault.kind === 'unread' || fault.kind === 'halved' || fault.kind === 'unreached') continue
    names.push(fault.kind)
    if (fault.kind === 'silent' || fault.kind === 'reboot' || fault.kind === 'half-open') return 'nothing'
    if (fault.kind === 'hang-up') return 'hang-up'
    if (fault.kind === 'exception' || fault.kind === 'busy') {
      frames = [craft.refuse(act.request, fault.code ?? null, now)]
      refused = true
    } else if (fault.kind === 'late') lateMs += fault.ms ?? 900
    else if (fault.kind === 'wrong-unit') frames = frames.map(craft.readdress)
    else if (fault.kind === 'wrong-function') frames = frames.map(craft.refunction)
    else if (fault.kind === 'truncated') {
      const last = frames.at(-1)
      if (last) frames = [...frames.slice(0, -1), last.subarray(0, Math.max(1, last.length - (fault.bytes ?? 3)))]
    } else if (fault.kind === 'doubled') frames = [...frames, ...frames]
    else if (fault.kind === 'glued' && previous) frames = [previous, ...frames]
    else if (fault.kind === 'echo') frames = [act.request, ...frames]
    else if (fault.kind === 'noise') {
      const noise = Uint8Array.from({ length: fault.bytes ?? 3 }, (_, at) => mix(fault.seed ?? 0, now % 0x1_0000_0000, at) & 0xff)
      frames =
        fault.where === 'after'
          ? [...frames, noise]
          : fault.where === 'inside'
            ? frames.flatMap((frame) => torn(frame, noise))
            : [noise, ...frames]
    } else if (fault.kind === 'split') single = true
  }
  return { frames, lateMs, refused, single, names }
}

/** A frame with noise in its middle. */
const torn = (frame: Uint8Array, noise: Uint8Array): Uint8Array[] => {
  const middle = Math.floor(frame.length / 2)
  return [frame.subarray(0, middle), noise, frame.subarray(middle)]
}
