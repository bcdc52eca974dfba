import { localTime } from '../calendar.ts'
import type { Archive } from './archive3761.ts'
import { identifier, namedBy } from './frame3761.ts'
import type { Habits, WiredMeter } from './habits.ts'
import {
  CURVE_ITEMS,
  DAY_ITEMS,
  dayOf,
  isRegisterCurve,
  MONTH_ITEMS,
  monthOf,
  PRESENT_ITEMS,
  PRESENT_REGISTERS,
  type Said,
  startOfPresent,
  stretchOf,
  type Writing,
  writeBody,
} from './items3761.ts'
import type { OwnClock } from './own-clock.ts'
import { Pen, stampInto } from './pen.ts'
import { collectedAt, type Wiring } from './wired.ts'

/** One point and item that was asked for, with its time scale where class 2 has one. */
export interface Wanted {
  readonly pn: number
  readonly fn: number
  /** Bytes of the time scale; empty for class 1. */
  readonly scale: Uint8Array
}

/** What data are taken from. */
export interface DataSource {
  readonly habits: Habits
  readonly seed: number
  readonly archive: Archive
  readonly wiring: Wiring
  readonly clock: OwnClock
  /** The first instant from `at` on at which a meter can be reached. */
  readonly reach: (meter: string, at: number) => number
  /** Orders of the moment: nothing is collected; curves end half-way. */
  readonly orders: { readonly unread: boolean; readonly halved: boolean }
}

/** A piece of an answer that stays in one frame. */
export interface Piece {
  readonly bytes: Uint8Array
  readonly said: readonly Said[]
}

const DAY_SCALE = 3
const MONTH_SCALE = 2
const CURVE_SCALE = 7

/** Bytes of the time scale of a class-2 item; null = no item of this terminal. */
export const scaleLength = (fn: number): number | null =>
  CURVE_ITEMS.has(fn) ? CURVE_SCALE : MONTH_ITEMS.has(fn) || fn === 51 ? MONTH_SCALE : DAY_ITEMS.has(fn) || fn === 49 ? DAY_SCALE : null

/**
 * Points and items of a request, pn by pn and inside each by rising Fn. A time scale stands once behind an identifier or, of an identifier that
 * names several, once for each: what makes the request come out even is believed.
 *
 * @returns  what could be named, and whether all of it could
 */
export const wantedOf = (
  data: Uint8Array,
  classTwo: boolean,
  points: () => readonly number[],
): { readonly wanted: readonly Wanted[]; readonly whole: boolean } => {
  const once = walk(data, classTwo, points, false)
  if (once.whole) return once
  const each = walk(data, classTwo, points, true)
  return each.whole ? each : once
}

const walk = (data: Uint8Array, classTwo: boolean, points: () => readonly number[], each: boolean) => {
  const wanted: Wanted[] = []
  let at = 0
  while (at + 4 <= data.length) {
    const named = namedBy(data, at)
    if (!named) return { wanted, whole: false }
    at += 4
    const of = named.everyPoint ? points() : named.points
    const first = classTwo ? scaleLength(named.items[0]!) : 0
    if (first === null) return { wanted, whole: false }
    for (const pn of of)
      for (const fn of named.items) {
        wanted.push({ pn, fn, scale: data.subarray(at, at + first) })
        if (each) at += first
      }
    if (!each) at += first
    if (at > data.length) return { wanted, whole: false }
  }
  return { wanted, whole: at === data.length }
}

/** The units of an answer, in the order of the request. What the terminal does not know is not there. */
export const piecesOf = (
  source: DataSource,
  wanted: readonly Wanted[],
  classTwo: boolean,
  at: number,
  room: number,
  recording: boolean,
): Piece[] => wanted.flatMap((one) => (classTwo ? historyOf(source, one, at, room, recording) : presentOf(source, one, at, recording)))

/** What a measuring point leads to: a meter, nothing that answers, or nothing to be said at all. */
const meterOf = ({ archive, habits }: DataSource, pn: number): WiredMeter | 'nobody' | null => {
  const meter = archive.meter(pn)
  if (meter === 'unwired') return 'nobody'
  return meter ?? (habits.unknown === 'filled' ? 'nobody' : null)
}

/** A body for a point where nothing answers is written with any instrument: every byte of it is EE. */
const blank = (source: DataSource): WiredMeter | null => source.wiring.at(0)

const presentOf = (source: DataSource, { pn, fn }: Wanted, at: number, recording: boolean): Piece[] => {
  const { clock, wiring, habits, seed, orders } = source
  const body = PRESENT_ITEMS.get(fn)
  if (!body) return []
  const found = meterOf(source, pn)
  if (found === null) return []
  const meter = found === 'nobody' ? blank(source) : found
  if (!meter) return []
  const instrument = wiring.instrument(meter)
  const own = clock.own(at)
  const minute = own - (own % 60_000)
  let read = minute
  if (habits.staleRegisters && meter.port === 31 && PRESENT_REGISTERS.has(fn)) {
    const midnight = startOfPresent(own).day
    const got = collectedAt(habits, seed, meter, midnight, (when) => source.reach(meter.id, when))
    read = (got <= at ? clock.own(got) : midnight - 86_400_000) as number
    read -= read % 60_000
  }
  const when = clock.world(read)
  const empty = found === 'nobody' || orders.unread || source.reach(meter.id, when) > when
  if (empty && habits.missing === 'left-out') return []
  const said: Said[] = []
  const pen = identifier(new Pen(128), pn, fn)
  const from = startOfPresent(read).month
  writeBody(body, { pen, said: recording ? said : null, instrument, at: when, from, own: read, read, kind: 'live', empty })
  return [{ bytes: pen.done(), said }]
}

const historyOf = (source: DataSource, one: Wanted, at: number, room: number, recording: boolean): Piece[] => {
  const { pn, fn, scale } = one
  const expected = scaleLength(fn)
  if (expected === null || scale.length < expected) return []
  const found = meterOf(source, pn)
  if (found === null) return []
  const meter = found === 'nobody' ? blank(source) : found
  if (!meter) return []
  if (CURVE_ITEMS.has(fn)) return curveOf(source, one, found === 'nobody', meter, at, room, recording)
  const daily = DAY_ITEMS.get(fn)
  const body = daily ?? MONTH_ITEMS.get(fn)
  if (!body) return []
  const { habits, seed, clock, wiring, orders } = source
  const { from, to } = daily ? dayOf(scale, 0) : monthOf(scale, 0)
  if (Number.isNaN(from)) return []
  const instrument = wiring.instrument(meter)
  const froze = instrument.worldTime(to)
  const got = collectedAt(habits, seed, meter, to, (when) => source.reach(meter.id, when))
  const read = Math.max(froze, got)
  const empty = found === 'nobody' || orders.unread || read > at || froze < instrument.installedAt
  if (empty && habits.missing === 'left-out') return []
  const said: Said[] = []
  const pen = identifier(new Pen(64), pn, fn).put(scale)
  const writing: Writing = {
    pen,
    said: recording ? said : null,
    instrument,
    at: froze,
    from: instrument.worldTime(from),
    own: to,
    read: empty ? 0 : clock.own(read),
    kind: daily ? 'day-freeze' : 'month-freeze',
    empty,
  }
  writeBody(body, writing)
  return [{ bytes: pen.done(), said }]
}

/** Days of curves a concentrator keeps. */
const CURVE_DAYS = 31

const curveOf = (
  source: DataSource,
  { pn, fn, scale }: Wanted,
  nobody: boolean,
  meter: WiredMeter,
  at: number,
  room: number,
  recording: boolean,
): Piece[] => {
  const { habits, seed, clock, wiring, orders } = source
  const part = CURVE_ITEMS.get(fn)
  const { start, stepMs, density, points } = stretchOf(scale, 0)
  if (!part || Number.isNaN(start) || stepMs === 0) return []
  const instrument = wiring.instrument(meter)
  const now = clock.own(at)
  const passed = Math.floor((now - start) / stepMs) + 1
  let count = Math.min(points, Math.max(0, passed))
  if (orders.halved) count = Math.ceil(count / 2)
  if (count === 0) return []
  const pieces: Piece[] = []
  let pen: Pen | null = null
  let said: Said[] = []
  let left = 0
  const probe = new Pen(8)
  part({ pen: probe, said: null, instrument, at, from: at, own: at, read: at, kind: 'curve', empty: true })
  const most = Math.max(1, Math.floor((room - 4 - CURVE_SCALE) / probe.length))
  for (let index = 0; index < count; index++) {
    const own = start + index * stepMs
    if (!pen || left === 0) {
      if (pen) pieces.push({ bytes: pen.done(), said })
      left = Math.min(most, count - index)
      pen = identifier(new Pen(64), pn, fn)
      stampInto(pen, own, 'mhDMY').byte(density).byte(left)
      said = []
    }
    left--
    const then = instrument.worldTime(own)
    const got = collectedAt(habits, seed, meter, own, (when) => source.reach(meter.id, when))
    const empty = nobody || orders.unread || got > at || then > at || then < instrument.installedAt || now - own > CURVE_DAYS * 86_400_000
    part({
      pen,
      said: recording ? said : null,
      instrument,
      at: isRegisterCurve(fn) ? then : then - 1,
      from: instrument.worldTime(own - stepMs),
      own,
      read: own,
      kind: 'curve',
      empty,
    })
  }
  if (pen) pieces.push({ bytes: pen.done(), said })
  return pieces
}

/** Units of the terminal itself, p0, class 1. */
export const terminalPresent = (fn: number, own: number, counters: readonly [number, number], archive: Archive): Uint8Array | null => {
  const pen = identifier(new Pen(40), 0, fn)
  if (fn === 2) stampInto(pen, own, 'smhDWY')
  else if (fn === 4) pen.byte(0x05)
  else if (fn === 7) pen.byte(counters[0]).byte(counters[1])
  else if (fn === 8) pen.fill(8, 0)
  else if (fn === 9) pen.byte(0).byte(0)
  else if (fn === 10) pen.put([0, 0x10, 0, 0, 0, 0, 4, 0])
  else if (fn === 11) {
    const today = own - ((own + 8 * 3_600_000) % 86_400_000)
    pen.byte(1).byte(31).word(archive.size).byte(2).word(archive.size).byte(0)
    stampInto(stampInto(pen, today + 300_000, 'smhDWY'), today + 1_800_000, 'smhDWY')
  } else return null
  return pen.done()
}

/** Units of the terminal itself, class 2: minutes under power and resets of a day or a month. */
export const terminalHistory = (fn: number, scale: Uint8Array, own: number): Uint8Array | null => {
  if (fn !== 49 && fn !== 51) return null
  const { from, to } = fn === 49 ? dayOf(scale, 0) : monthOf(scale, 0)
  if (Number.isNaN(from)) return null
  const minutes = Math.max(0, Math.min(65_535, Math.floor((Math.min(own, to) - from) / 60_000)))
  return identifier(new Pen(16), 0, fn)
    .put(scale)
    .word(minutes)
    .word(localTime(from).month === 1 ? 1 : 0)
    .done()
}
