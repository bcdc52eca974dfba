import type { WiredMeter } from './habits.ts'
import { bytesOfHex, hex } from './pen.ts'
import type { Wiring } from './wired.ts'

/** Bytes of one record of the meter archive (电能表配置, F10). */
export const RECORD = 27
const PROTOCOL_2007 = 30
/** Six digits before the point, two behind it. */
const DIGITS = 0x09
const RESIDENT = 0x51
const SMALL_BUSINESS = 0x41

/** Records of a terminal by archive number. Until somebody writes one it is what hangs on its wires, and costs nothing. */
export interface Archive {
  readonly size: number
  record(number: number): Uint8Array | null
  numbers(): readonly number[]
  /** The wired meter behind a measuring point; null = the point is not in the archive. `unwired`: it is, and nothing answers there. */
  meter(pn: number): WiredMeter | 'unwired' | null
  points(): readonly number[]
  /** pn = 0 deletes. */
  write(record: Uint8Array): void
  remove(which: (port: number) => boolean): void
}

export const archiveOf = (wiring: Wiring, begins: 'wired' | 'empty'): Archive => {
  let records: Map<number, Uint8Array> | null = begins === 'empty' ? new Map() : null
  let points: Map<number, number> | null = begins === 'empty' ? new Map() : null
  const wired = function* (): Generator<WiredMeter> {
    for (let at = 0; at < wiring.count; at++) yield wiring.at(at)!
  }
  const known = (by: 'number' | 'pn', wanted: number): WiredMeter | null => {
    const guess = wiring.at(wanted - 1)
    if (guess?.[by] === wanted) return guess
    for (const meter of wired()) if (meter[by] === wanted) return meter
    return null
  }
  const opened = (): { records: Map<number, Uint8Array>; points: Map<number, number> } => {
    if (!records || !points) {
      records = new Map()
      points = new Map()
      for (const meter of wired()) {
        records.set(meter.number, recordOf(meter))
        points.set(meter.pn, meter.number)
      }
    }
    return { records, points }
  }
  return {
    get size() {
      return records?.size ?? wiring.count
    },
    record(number) {
      if (records) return records.get(number) ?? null
      const meter = known('number', number)
      return meter && recordOf(meter)
    },
    numbers: () => (records ? [...records.keys()].sort((a, b) => a - b) : Array.from(wired(), ({ number }) => number)),
    points: () => (points ? [...points.keys()].sort((a, b) => a - b) : Array.from(wired(), ({ pn }) => pn)),
    meter(pn) {
      if (!records || !points) return known('pn', pn)
      const number = points.get(pn)
      const record = number === undefined ? undefined : records.get(number)
      return record ? (wiring.byAddress(addressOf(record)) ?? 'unwired') : null
    },
    write(record) {
      const open = opened()
      const number = record[0]! | (record[1]! << 8)
      const pn = record[2]! | (record[3]! << 8)
      const before = open.records.get(number)
      if (before) open.points.delete(before[2]! | (before[3]! << 8))
      if (pn === 0) open.records.delete(number)
      else {
        open.records.set(number, record.slice())
        open.points.set(pn, number)
      }
    },
    remove(which) {
      const open = opened()
      for (const [number, record] of open.records)
        if (which(record[4]! & 31)) {
          open.records.delete(number)
          open.points.delete(record[2]! | (record[3]! << 8))
        }
    },
  }
}

const addressOf = (record: Uint8Array): string => hex(record.subarray(6, 12).toReversed())

const recordOf = ({ number, pn, port, address, phases }: WiredMeter): Uint8Array => {
  const record = new Uint8Array(RECORD)
  record.set([number & 0xff, number >> 8, pn & 0xff, pn >> 8, port | ((port === 31 ? 0 : 3) << 5), PROTOCOL_2007])
  record.set(bytesOfHex(address).reverse(), 6)
  record.set([4, DIGITS], 18)
  record[26] = phases === 3 ? SMALL_BUSINESS : RESIDENT
  return record
}
