import type { MeterTime } from '../../src/core/adapter.ts'
import { auxPlaces, EC_SIZE, type EventCounters, OLD_PW_SIZE, PW_SIZE, readTp, type TimeTag, wantsPassword } from './aux.ts'
import type { Gw3761Code } from './errors.ts'
import { densityMinutes, instantOf, pair, readTime } from './formats.ts'
import type { Frame } from './frame.ts'
import { IDENTIFIER_SIZE, readItems, readPoints } from './identifiers.ts'
import type { Layout } from './layout.ts'
import { type Counters, readRaws } from './raws.ts'
import type { FnRow, ScaleKind } from './rows.ts'
import { rowOf, tableOf } from './tables.ts'

/** Time of stored data (数据时标 Td). Years are 2000 to 2099; null = filled, or no such time. */
export type Scale =
  | { readonly kind: 'd'; readonly day: MeterTime | null }
  | { readonly kind: 'm'; readonly month: MeterTime | null }
  /** Points of a curve: the first at `start`, so many, `minutes` apart (null: a density nobody knows). */
  | {
      readonly kind: 'c'
      readonly start: MeterTime | null
      readonly density: number
      readonly minutes: number | null
      readonly points: number
    }
  | { readonly kind: 'h'; readonly hour: number | null; readonly density: number; readonly minutes: number | null; readonly points: number }

/** One item of one measuring point. */
export interface DataUnit {
  readonly pn: number
  readonly fn: number
  /** null = the tables do not know the item. */
  readonly row: FnRow | null
  /** Where its bytes begin in `frame.data`, behind the identifier; with its time. */
  readonly at: number
  readonly end: number
  readonly scale: Scale | null
  /** How it was read; null = kept raw. */
  readonly layout: Layout | null
  /** Where the bytes of the layout begin. */
  readonly body: number
  /** Numbers of the layout in wire order: integers to be taken times 10^scaler, times as digits, NaN = absent. See {@link readRaws}. */
  readonly raws: readonly number[]
  /** M, where it has tariffs; points of its curve. */
  readonly counters: Readonly<Counters>
  /** Why it was kept raw. */
  readonly problem: Gw3761Code | null
}

/** A place in `frame.data`. */
export interface Place {
  readonly at: number
  readonly size: number
}

/** The data of a frame taken apart. */
export interface DataUnits {
  readonly units: readonly DataUnit[]
  /** Where identifiers stand, in their order. */
  readonly identifiers: readonly number[]
  /** Bytes behind the last unit that belong to nothing. */
  readonly surplus: Place | null
  readonly password: Place | null
  readonly counters: EventCounters | null
  readonly ec: Place | null
  readonly tag: TimeTag | null
  readonly tp: Place | null
}

/** Bytes of a time of stored data. */
export const SCALE_SIZES: Readonly<Record<ScaleKind, number>> = { d: 3, m: 2, c: 7, h: 2 }

const readScale = (kind: ScaleKind, bytes: Uint8Array, at: number): Scale => {
  if (kind === 'd') return { kind, day: instantOf(readTime(bytes, at, 'A.20')) }
  if (kind === 'm') {
    const month = readTime(bytes, at, 'A.21')
    return { kind, month: month && instantOf({ ...month, day: 1 }) }
  }
  if (kind === 'c') {
    const density = bytes[at + 5]!
    return { kind, start: instantOf(readTime(bytes, at, 'A.15')), density, minutes: densityMinutes(density), points: bytes[at + 6]! }
  }
  const hour = pair(bytes[at])
  const minutes = densityMinutes(bytes[at + 1]!)
  return { kind, hour: hour < 24 ? hour : null, density: bytes[at + 1]!, minutes, points: minutes === null ? 0 : 60 / minutes }
}

/** How a frame is read where editions and makers differ. */
interface Edition {
  /** Which of a row's layouts. */
  readonly body: number
  /** One time for all items of an identifier instead of one each. */
  readonly sharedScale: boolean
}
const EDITIONS: readonly Edition[] = [
  { body: 0, sharedScale: false },
  { body: 1, sharedScale: false },
  { body: 0, sharedScale: true },
  { body: 1, sharedScale: true },
]

interface Attempt {
  readonly units: DataUnit[]
  readonly identifiers: number[]
  end: number
  /** More than one way to read it. */
  isOpen: boolean
}

const NO_RAWS: readonly number[] = []
const NO_COUNTERS: Readonly<Counters> = {}
const NOTHING: Layout = []

const attempt = (frame: Frame, limit: number, edition: Edition): Attempt => {
  const { data, afn } = frame
  const carries = tableOf(afn)?.carries
  const hasContent = carries === 'both' || carries === frame.dir
  const result: Attempt = { units: [], identifiers: [], end: 0, isOpen: false }
  let at = 0
  while (at + IDENTIFIER_SIZE <= limit) {
    const points = readPoints(data[at]!, data[at + 1]!)
    const items = readItems(data[at + 2]!, data[at + 3]!)
    if (points.length === 0 || items.length === 0) break
    if (points.length * items.length > 1) result.isOpen = true
    result.identifiers.push(at)
    at += IDENTIFIER_SIZE
    let shared: { scale: Scale; at: number } | null = null
    for (const pn of points)
      for (const fn of items) {
        const row = rowOf(afn, fn)
        if (row?.bodies && row.bodies.length > 1) result.isOpen = true
        const from = at
        let scale: Scale | null = null
        if (row?.scale && shared) scale = shared.scale
        else if (row?.scale && at + SCALE_SIZES[row.scale] <= limit) {
          scale = readScale(row.scale, data, at)
          at += SCALE_SIZES[row.scale]
          if (edition.sharedScale) shared = { scale, at: from }
        } else if (row?.scale) return stop(result, frame, limit, { pn, fn, row, at: from, scale: null, problem: 'GW3761_CONTENT' })
        const layout = !row ? (hasContent || !isBareRequest(data, at, limit) ? null : NOTHING) : hasContent ? bodyOf(row, edition) : row.ask
        if (!layout) return stop(result, frame, limit, { pn, fn, row, at: from, scale, problem: 'GW3761_UNKNOWN' })
        const counters: Counters = {}
        if (scale?.kind === 'c' || scale?.kind === 'h') counters.points = scale.points
        const raws: number[] = []
        const end = layout.length === 0 ? at : readRaws(layout, data, at, limit, counters, raws)
        if (end < 0) return stop(result, frame, limit, { pn, fn, row, at: from, scale, problem: 'GW3761_CONTENT' })
        result.units.push({ pn, fn, row, at: from, end, scale, layout, body: at, raws, counters, problem: null })
        at = end
        result.end = at
      }
  }
  return result
}

const bodyOf = (row: FnRow, edition: Edition): Layout | null => row.bodies && (row.bodies[edition.body] ?? row.bodies[0] ?? null)

/** Whether an unknown item of a request has nothing behind it but further identifiers. */
const isBareRequest = (data: Uint8Array, at: number, limit: number): boolean =>
  (limit - at) % IDENTIFIER_SIZE === 0 &&
  (at === limit || (readPoints(data[at]!, data[at + 1]!).length > 0 && readItems(data[at + 2]!, data[at + 3]!).length > 0))

/** The rest of the frame belongs to an item whose length nobody knows. */
const stop = (
  result: Attempt,
  frame: Frame,
  limit: number,
  unit: Pick<DataUnit, 'pn' | 'fn' | 'row' | 'at' | 'scale' | 'problem'>,
): Attempt => {
  const password = frame.dir === 'down' && wantsPassword(frame.afn) ? (frame.protocolId === 1 ? OLD_PW_SIZE : PW_SIZE) : 0
  const end = limit - unit.at >= password ? limit - password : limit
  result.units.push({ ...unit, end, layout: null, body: unit.at, raws: NO_RAWS, counters: NO_COUNTERS })
  result.end = end
  return result
}

const lastProblem = ({ units }: Attempt): Gw3761Code | null => units.at(-1)?.problem ?? null

/** Whether what is left behind the units is what may be left: nothing, or in a guarded request a PW. */
const fits = (frame: Frame, one: Attempt, limit: number): boolean => {
  if (lastProblem(one) !== null) return false
  const left = limit - one.end
  return left === 0 || (frame.dir === 'down' && wantsPassword(frame.afn) && (left === PW_SIZE || left === OLD_PW_SIZE))
}

/**
 * Takes the data of a frame apart: every identifier with its items in order, then what stands behind them. An item that the tables do not
 * know, or that does not fit, keeps the rest of the frame as its raw bytes: what stood before it is good. Never throws.
 *
 * Where editions differ in an item's length the one is taken with which the whole frame comes out even.
 *
 * @source  Q/GDW 376.1-2009, 5.4 (data units) and 5.5 (AUX); order of points and items as a vector shows it
 */
export const decodeUnits = (frame: Frame): DataUnits => {
  const places = auxPlaces(frame)
  const { limit } = places
  let best = attempt(frame, limit, EDITIONS[0]!)
  let { ec, tp } = places
  let end = limit
  if (!fits(frame, best, limit)) {
    if (best.isOpen)
      for (const edition of EDITIONS.slice(1)) {
        const other = attempt(frame, limit, edition)
        if (fits(frame, other, limit)) {
          best = other
          break
        }
      }
    // Some terminals announce counters or a tag and leave them out.
    if (lastProblem(best) === 'GW3761_CONTENT' && limit < frame.data.length) {
      const whole = attempt(frame, frame.data.length, EDITIONS[0]!)
      if (fits(frame, whole, frame.data.length)) {
        best = whole
        ec = tp = null
        end = frame.data.length
      }
    }
  }
  const password = frame.dir === 'down' && wantsPassword(frame.afn) ? passwordSize(frame, end - best.end) : 0
  const surplus = end - best.end - password
  return {
    units: best.units,
    identifiers: best.identifiers,
    surplus: surplus > 0 ? { at: best.end, size: surplus } : null,
    password: password > 0 ? { at: end - password, size: password } : null,
    counters: ec === null ? null : { important: frame.data[ec]!, normal: frame.data[ec + 1]! },
    ec: ec === null ? null : { at: ec, size: EC_SIZE },
    tag: tp === null ? null : readTp(frame.data, tp),
    tp: tp === null ? null : { at: tp, size: frame.data.length - tp },
  }
}

/** A PW has 16 bytes, in Q/GDW 130-2005 and in one public code base 2; AFN 10 often comes without. */
const passwordSize = ({ protocolId }: Frame, left: number): number => {
  if (protocolId === 1) return left >= OLD_PW_SIZE && left !== PW_SIZE ? OLD_PW_SIZE : left === PW_SIZE ? PW_SIZE : 0
  return left >= PW_SIZE ? PW_SIZE : left === OLD_PW_SIZE ? OLD_PW_SIZE : 0
}
