import { fraction, numberOf } from '../random.ts'
import type { DataSource, Wanted } from './data3761.ts'
import { identifier } from './frame3761.ts'
import type { WiredMeter } from './habits.ts'
import { bytesOfHex, Pen, stampInto } from './pen.ts'
import { collectedAt } from './wired.ts'

/**
 * How a meter on the power line is reached. F169: port and the addresses of the meters that pass it on. F170: port, hops, phase and signal,
 * successes and failures with their times. Fields after two public readings of the standard.
 */
export const routeUnit = (source: DataSource, { pn, fn }: Wanted, at: number): Uint8Array | null => {
  const { archive } = source
  const meter = archive.meter(pn)
  if (meter === null || meter === 'unwired') return null
  return fn === 169 ? hopsOf(source, pn, meter) : fn === 170 ? readingOf(source, pn, meter, at) : null
}

const hops = (meter: WiredMeter): number => (meter.port === 31 ? Math.floor(4 * fraction(numberOf(meter.id), 3)) : 0)

const hopsOf = ({ wiring }: DataSource, pn: number, meter: WiredMeter): Uint8Array => {
  const count = Math.min(hops(meter), wiring.count)
  const pen = identifier(new Pen(32), pn, 169)
    .byte(meter.port)
    .byte(count === 0 ? 0 : 1)
  if (count > 0) pen.byte(count)
  for (let hop = 1; hop <= count; hop++) {
    const by = wiring.at((meter.pn + hop) % wiring.count)
    if (by) pen.put(bytesOfHex(by.address).reverse())
  }
  return pen.done()
}

const readingOf = (source: DataSource, pn: number, meter: WiredMeter, at: number): Uint8Array => {
  const { clock, habits, seed } = source
  const dice = numberOf(meter.id)
  const own = clock.own(at)
  const midnight = own - ((own + 8 * 3_600_000) % 86_400_000)
  const got = collectedAt(habits, seed, meter, midnight, (when) => source.reach(meter.id, when))
  const isRead = got <= at
  const pen = identifier(new Pen(24), pn, 170).byte(meter.port).byte(hops(meter))
  pen.byte(meter.phases === 3 ? 7 : 1 << Math.floor(3 * fraction(dice, 4))).byte(Math.floor(4 + 11 * fraction(dice, 5)))
  pen.byte(isRead ? 1 : 0)
  if (isRead) stampInto(pen, clock.own(got), 'smhDWY').fill(6, 0xee)
  else stampInto(pen.fill(6, 0xee), own, 'smhDWY')
  return pen.byte(isRead ? 0 : 3).done()
}
