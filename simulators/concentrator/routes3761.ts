import { fraction, numberOf } from '../random.ts'
import type { DataSource, Wanted } from './data3761.ts'
import { identifier } from './frame3761.ts'
import { Pen, stampInto } from './pen.ts'
import { collectedAt } from './wired.ts'

/**
 * How a meter on the power line was reached, F170: port, relays on the way, phase and signal, successes and failures with their times.
 * The fields are those of one public reading of the standard.
 */
export const routeUnit = (source: DataSource, { pn, fn }: Wanted, at: number): Uint8Array | null => {
  const { archive, clock, habits, seed, wiring } = source
  const meter = archive.meter(pn)
  if (fn !== 170 || meter === null || meter === 'unwired' || wiring.count === 0) return null
  const dice = numberOf(meter.id)
  const own = clock.own(at)
  const midnight = own - ((own + 8 * 3_600_000) % 86_400_000)
  const got = collectedAt(habits, seed, meter, midnight, (when) => source.reach(meter.id, when))
  const isRead = got <= at
  const hops = Math.floor(4 * fraction(dice, 3))
  const pen = identifier(new Pen(24), pn, fn)
  pen
    .byte(meter.port)
    .byte(hops)
    .byte((meter.phases === 3 ? 7 : 1 << Math.floor(3 * fraction(dice, 4))) & 7)
  pen.byte((Math.floor(4 + 11 * fraction(dice, 5)) << 4) | hops).byte(isRead ? 1 : 0)
  if (isRead) stampInto(pen, clock.own(got), 'smhDWY')
  else pen.fill(6, 0xee)
  if (isRead) pen.fill(6, 0xee)
  else stampInto(pen, own, 'smhDWY')
  return pen.byte(isRead ? 0 : 3).done()
}
