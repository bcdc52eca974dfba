import { fraction, numberOf } from '../random.ts'
import type { EventOrder } from './brain.ts'
import { identifier } from './frame3761.ts'
import type { WiredMeter } from './habits.ts'
import { Pen, stampInto } from './pen.ts'
import type { Wiring } from './wired.ts'

/** One kept record: code, length, body. */
export type Record3761 = Uint8Array

/** Events of a terminal in two lists with their counters, modulo 256; the last 255 of each are kept. */
export interface EventBook {
  readonly counters: readonly [important: number, normal: number]
  /** Important events that nobody has fetched or confirmed (ACD). */
  readonly waiting: boolean
  add(level: 'important' | 'normal', record: Record3761): void
  /** Records of the counters from `from` up to but not including `to`; what is not kept any more is left out. */
  range(level: 'important' | 'normal', from: number, to: number): readonly Record3761[]
  /** Everything up to this counter is known to the master. */
  seen(to: number): void
}

const KEPT = 255

export const eventBook = (): EventBook => {
  const lists = { important: [] as Record3761[], normal: [] as Record3761[] }
  const totals = { important: 0, normal: 0 }
  let known = 0
  return {
    get counters(): readonly [number, number] {
      return [totals.important & 0xff, totals.normal & 0xff]
    },
    get waiting() {
      return known < totals.important
    },
    add(level, record) {
      lists[level].push(record)
      if (lists[level].length > KEPT) lists[level].shift()
      totals[level]++
    },
    range(level, from, to) {
      const count = (to - from + 256) % 256
      // The counter that was `from` when it was last passed.
      const back = (totals[level] - from + 256 * 2) % 256
      const first = lists[level].length - back
      return Array.from({ length: count }, (_, at) => lists[level][first + at]).filter((record) => record !== undefined)
    },
    seen(to) {
      const behind = (totals.important - to + 256 * 2) % 256
      known = Math.max(known, totals.important - behind)
    },
  }
}

/** Body of an event: time, then by its code. Figures follow from the meter and the instant. */
export const recordOf = (
  order: EventOrder,
  at: number,
  own: (at: number) => number,
  wiring: Wiring,
  meter: WiredMeter | null,
): Record3761 => {
  const body = new Pen(40)
  stampInto(body, own(at), 'mhDMY')
  ;(BODIES[order.code] ?? plainBody)({ body, order, at, own, wiring, meter })
  const bytes = body.done()
  return new Pen(bytes.length + 2).byte(order.code).byte(bytes.length).put(bytes).done()
}

interface Telling {
  readonly body: Pen
  readonly order: EventOrder
  readonly at: number
  readonly own: (at: number) => number
  readonly wiring: Wiring
  readonly meter: WiredMeter | null
}
type Body = (telling: Telling) => void

/** Measuring point with the begin mark in its top bit. */
const point: Body = ({ body, order, meter }) => {
  body.word((meter?.pn ?? 0) | (order.edge === 'end' ? 0 : 0x8000))
}
const plainBody: Body = (telling) => {
  if (telling.meter) point(telling)
}
const flagged =
  (flag: number): Body =>
  (telling) => {
    point(telling)
    telling.body.byte(flag)
  }

/** Voltages, currents and the register of the moment. */
const circuit: Body = (telling) => {
  const { body, meter, wiring, at } = telling
  flagged(1)(telling)
  const instrument = meter && wiring.instrument(meter)
  for (const element of [1, 2, 3])
    if (instrument && element <= instrument.elements) body.bcd(Math.round(instrument.volts(element, at) * 10), 2)
    else body.fill(2, 0xee)
  for (const element of [1, 2, 3])
    if (instrument && element <= instrument.elements) body.bcd(Math.round(instrument.amps(element, at) * 1000), 3, true)
    else body.fill(3, 0xee)
  register(telling, 1)
}
const register = ({ body, meter, wiring, at }: Telling, channel: 1 | 3): void => {
  const instrument = meter && wiring.instrument(meter)
  if (!instrument) body.fill(channel === 1 ? 5 : 4, 0xee)
  else if (channel === 1) body.bcd(Math.floor(instrument.energy(1, 0, 0, at) / 36_000) * 100, 5)
  else body.bcd(Math.floor(instrument.energy(3, 0, 0, at) / 36_000), 4)
}

const BODIES: Readonly<Record<number, Body>> = {
  1: ({ body }) => body.byte(2).put(Buffer.from('V1.0V1.1', 'latin1')),
  3: ({ body }) => body.byte(1).put([0, 0, 2, 1]),
  4: ({ body }) => body.byte(1).byte(1),
  8: flagged(1),
  9: circuit,
  10: circuit,
  12: plainBody,
  13: flagged(2),
  // Power off at the record's time; on again, or EE.
  14: ({ body, order, at, own }) => {
    if (order.edge === 'begin') body.fill(5, 0xee)
    else stampInto(body, own(at + 60_000), 'mhDMY')
  },
  27: (telling) => {
    point(telling)
    register(telling, 1)
    register({ ...telling, at: telling.at - 900_000 }, 1)
  },
  31: (telling) => {
    point(telling)
    stampInto(telling.body, telling.own(telling.at - 86_400_000), 'mhDMY')
    register({ ...telling, at: telling.at - 86_400_000 }, 1)
    register({ ...telling, at: telling.at - 86_400_000 }, 3)
  },
  33: (telling) => {
    point(telling)
    const bit = Math.floor(16 * fraction(numberOf(telling.meter?.id ?? ''), telling.at))
    telling.body
      .word(1 << bit)
      .fill(12, 0)
      .word(1 << bit)
      .fill(12, 0)
  },
}

/** Records from one counter to another as units of an answer; each frame says which counters it holds. */
export const eventPieces = (
  counters: readonly [number, number],
  fn: number,
  records: readonly Record3761[],
  from: number,
  to: number,
  room: number,
): Uint8Array[] => {
  const pieces: Uint8Array[] = []
  let at = 0
  while (at < records.length) {
    const first = at
    let size = 8
    while (at < records.length && (at === first || size + records[at]!.length <= room)) size += records[at++]!.length
    const begin = (from + first) & 0xff
    const end = at === records.length ? to : (from + at) & 0xff
    const pen = identifier(new Pen(size), 0, fn).byte(counters[0]).byte(counters[1]).byte(begin).byte(end)
    for (const record of records.slice(first, at)) pen.put(record)
    pieces.push(pen.done())
  }
  return pieces
}
