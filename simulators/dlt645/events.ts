import type { MeterEvent } from '../instrument.ts'
import type { Giver } from './energies.ts'
import { bcd, type Cut, cutOf, drawing, filled, silentCut, stamp } from './sheet.ts'
import type { MeterState } from './state.ts'

const COUNT = drawing('XXXXXX')
const ENERGY = drawing('XXXXXX.XX')

/** Six registers as an event record keeps them: forward, reverse, four quadrants. */
const sixEnergies = ({ instrument }: MeterState, at: number): number[] =>
  [1, 2, 5, 6, 7, 8].flatMap((c) => [
    ...cutOf(instrument, `1-0:${c}.8.0`, c <= 2 ? 'kWh' : 'kvarh', ENERGY, { at, own: null, kind: 'live' }).bytes,
  ])

const second = (at: number | null): number[] => (at === null ? filled(6) : stamp(at, 'smhDMY'))

const coverRecord = (meter: MeterState, { at, start, end }: MeterEvent): number[] => {
  const shut = end === null ? at : at + end - start
  return [...second(start), ...second(end), ...sixEnergies(meter, at), ...sixEnergies(meter, shut)]
}

/** Bytes of one record by event; `length` is what stands there when there is none. */
const RECORDS: Readonly<Record<number, { readonly length: number; readonly bytes: (meter: MeterState, event: MeterEvent) => number[] }>> = {
  4352: { length: 12, bytes: (_, { start, end }) => [...second(start), ...second(end)] },
  12288: { length: 50, bytes: (_, { start }) => [...second(start), ...filled(4), ...filled(40, 0xff)] },
  12289: { length: 34, bytes: (meter, { at, start }) => [...second(start), ...filled(4), ...sixEnergies(meter, at)] },
  12292: { length: 16, bytes: (_, { start, end }) => [...filled(4), ...second(start), ...second(end)] },
  12301: {
    length: 60,
    bytes: coverRecord,
  },
  12302: {
    length: 60,
    bytes: coverRecord,
  },
}

/** Events that have happened, the last one first. */
const happened = ({ instrument }: MeterState, code: number, at: number): MeterEvent[] =>
  instrument.events.filter((event) => codeOf(event) === code && event.at <= at).sort((a, b) => b.at - a.at)

const codeOf = ({ code }: MeterEvent): number => (code === 0x11 ? 0x1100 : code)

/**
 * Event counts (事件次数) and records, DI3 = 03; the item form 10 to 21 gives counts and minutes.
 * Phase events never happen in this world: their counters are zero.
 */
export const eventCuts: Giver = ({ meter, at, di: [d3, d2, d1, d0] }): readonly Cut[] | null => {
  if (d3 >= 0x10) {
    if (d1 !== 0 || (d0 !== 1 && d0 !== 2)) return null
    const times = d3 === 0x1d ? meter.trips : d3 === 0x1e ? meter.closes : []
    return [silentCut(bcd(d0 === 1 ? times.length : 0, COUNT))]
  }
  if (d2 >= 1 && d2 <= 0x0f && d2 !== 5 && d2 !== 6) {
    if (d0 !== 0 || d1 !== 0) return null
    // Phase events: count and minutes of A, B, C; the others count and minutes once.
    return [silentCut(filled(PHASE_EVENTS.has(d2) ? 18 : 6))]
  }
  if (d2 === 5) return d0 === 0 && d1 === 0 ? [silentCut(filled(6))] : null
  const code = d2 === 0x11 || d2 === 0x35 || d2 === 0x36 || d2 === 0x37 ? d2 * 0x100 : d2 === 0x30 ? 0x3000 + d1 : null
  if (code === null || (d2 !== 0x30 && d1 !== 0)) return null
  const list = happened(meter, code, at)
  if (d0 === 0) return [silentCut(bcd(list.length, COUNT))]
  if (d0 > 10) return null
  const record = RECORDS[code]
  if (!record) return [silentCut(filled(28))]
  const event = list[d0 - 1]
  return [silentCut(event ? record.bytes(meter, event) : filled(record.length))]
}

const PHASE_EVENTS: ReadonlySet<number> = new Set([1, 2, 3, 4, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f])
