import { listen } from '../dlt645/link.ts'
import type { WiredMeter } from './habits.ts'
import type { Said } from './items3761.ts'
import { hex } from './pen.ts'
import type { Wiring } from './wired.ts'

/**
 * Passes bytes on to the meters behind a concentrator (透明转发) and gives what the meter that is meant answers, if it can be reached.
 *
 * @returns  null = silence
 */
export const passOn = (
  bytes: Uint8Array,
  on: {
    readonly now: number
    readonly wiring: Wiring
    readonly reach: (meter: string, at: number) => number
    readonly fits: (meter: WiredMeter) => boolean
  },
): { readonly frame: Uint8Array; readonly said: readonly Said[] } | null => {
  const replies: { readonly frame: Uint8Array; readonly said: readonly Said[] }[] = []
  const ear = listen((question) => {
    const meter = on.wiring.byAddress(hex(question.to.toReversed()))
    if (!meter || !on.fits(meter) || on.reach(meter.id, on.now) > on.now) return
    const reply = on.wiring.speaker(meter).answer(question, on.now)
    if (reply) replies.push({ frame: reply.frame, said: reply.values.map((value) => ({ meter: meter.id, value })) })
  })
  ear.take(bytes, 0)
  return replies[0] ?? null
}
