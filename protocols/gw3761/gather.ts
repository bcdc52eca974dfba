import { type GatewayError, ok, type Result } from '../../src/core/result.ts'
import { AFN, ask, type Manner, type Talk, type Used, verdictOf } from './ask.ts'
import { auxPlaces } from './aux.ts'
import { ordinalOf } from './formats.ts'
import { type Frame, HEAD, OVERHEAD } from './frame.ts'
import { groupPoints, IDENTIFIER_SIZE, MAX_PN, type PointItem, writeIdentifier, writeIdentifiers } from './identifiers.ts'
import { refusal } from './talk-errors.ts'
import { type DataUnit, decodeUnits } from './units.ts'

/** Bytes of an answer beside its data units: frame, EC and Tp. */
export const ANSWER_OVERHEAD = OVERHEAD + HEAD + 8

/** Points of a curve that are wanted. Times are ordinals: milliseconds of the wall clock as if it were UTC. */
export interface Span {
  readonly step: number
  readonly to: number
  /** What is later may not be there yet: it is not asked for twice. */
  readonly settled: number
  /** First point that nothing was heard of yet. */
  next: number
}

/** One item of one measuring point at one time: what is asked for, answered, denied or left out. */
export interface Want extends PointItem {
  /** Which day or month, as the answer names it; null = of now, or a curve. */
  readonly of: number | null
  /** Points of a curve; null = no curve. */
  readonly span: Span | null
  /** The time behind the identifier, as it stands now. */
  readonly scale: () => Uint8Array
  /** Bytes of the answer, identifier included, as far as they can be told. */
  readonly answerBytes: () => number
  state: 'open' | 'done'
  error: GatewayError | null
}

export interface Gathered {
  readonly units: readonly GatheredUnit[]
  /** The first reason why nothing more came at all; null = the terminal spoke. */
  readonly silence: GatewayError | null
}

export interface GatheredUnit {
  readonly unit: DataUnit
  readonly frame: Frame
}

export interface GatherOptions {
  readonly afn: number
  readonly frameLimit: number
  /** One identifier may name several points and items. */
  readonly combine: boolean
  /** Most points in one request. */
  readonly most: number
  readonly reach: 'terminal' | 'field'
}

const NO_SCALE = new Uint8Array(0)
export const noScale = (): Uint8Array => NO_SCALE

/** Cuts wants into requests: neither one of them nor the answer it makes may be longer than a frame. */
export const requestsOf = (wants: readonly Want[], { frameLimit, most }: Pick<GatherOptions, 'frameLimit' | 'most'>): Want[][] => {
  const requests: Want[][] = []
  let batch: Want[] = []
  let [down, up] = [0, 0]
  let points = new Set<number>()
  for (const want of wants) {
    const [ownDown, ownUp] = [IDENTIFIER_SIZE + want.scale().length, want.answerBytes()]
    const isFull =
      OVERHEAD + HEAD + down + ownDown > frameLimit ||
      ANSWER_OVERHEAD + up + ownUp > frameLimit ||
      (points.size >= most && !points.has(want.pn))
    if (batch.length > 0 && isFull) {
      requests.push(batch)
      batch = []
      ;[down, up] = [0, 0]
      points = new Set()
    }
    batch.push(want)
    down += ownDown
    up += ownUp
    points.add(want.pn)
  }
  if (batch.length > 0) requests.push(batch)
  return requests
}

/** Data of a request: an identifier each with its time, or identifiers for all points and items that share groups of eight. */
export const dataOf = (wants: readonly Want[], combine: boolean): Uint8Array => {
  const pieces: Uint8Array[] = []
  if (combine && wants.every((want) => want.scale().length === 0)) {
    // Points with the same items, then these by groups: an identifier names all its points with all its items.
    const items = new Map<number, number[]>()
    for (const { pn, fn } of wants) items.set(pn, [...(items.get(pn) ?? []), fn])
    const alike = new Map<string, { points: number[]; fns: number[] }>()
    for (const [pn, fns] of items) {
      const sorted = [...new Set(fns)].sort((a, b) => a - b)
      const key = sorted.join()
      const known = alike.get(key)
      if (known) known.points.push(pn)
      else alike.set(key, { points: [pn], fns: sorted })
    }
    for (const { points, fns } of alike.values())
      for (const group of groupPoints(points)) for (const some of groupItems(fns)) pieces.push(writeIdentifiers(group, some))
  } else for (const want of wants) pieces.push(writeIdentifier(want.pn, want.fn), want.scale())
  return concat(pieces)
}

const groupItems = (fns: readonly number[]): readonly (readonly number[])[] => {
  const groups = new Map<number, number[]>()
  for (const fn of fns) groups.set((fn - 1) >> 3, [...(groups.get((fn - 1) >> 3) ?? []), fn])
  return [...groups.values()]
}

export const concat = (pieces: readonly Uint8Array[]): Uint8Array => {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return all
}

const withoutAux = (frame: Frame): Uint8Array => frame.data.subarray(0, auxPlaces(frame).limit)
const isCut = (units: readonly DataUnit[]): boolean => units.at(-1)?.problem === 'GW3761_CONTENT'

/**
 * Units of the frames of one answer. Every frame is read by itself; where the last unit of one stops short and the next frame makes no
 * sense alone, the terminal has cut its answer wherever the frame was full, and both are read as one.
 */
export const unitsOf = (frames: readonly Frame[]): GatheredUnit[] => {
  const found: GatheredUnit[] = []
  let open: Frame | null = null
  for (const frame of frames) {
    if (open) {
      const alone = decodeUnits(frame).units
      if (alone.length === 0 || alone[0]?.problem || !alone[0]?.row) {
        const joined: Frame = {
          ...frame,
          acd: false,
          seq: { ...frame.seq, tpv: false },
          data: concat([withoutAux(open), withoutAux(frame)]),
        }
        const { units } = decodeUnits(joined)
        for (const unit of units) if (unit.problem === null) found.push({ unit, frame: joined })
        open = isCut(units) ? joined : null
        continue
      }
    }
    const { units } = decodeUnits(frame)
    for (const unit of units) if (unit.problem === null) found.push({ unit, frame })
    open = isCut(units) && !frame.seq.fin ? frame : null
  }
  return found
}

const keyOf = ({ pn, fn }: PointItem): number => fn * (MAX_PN + 1) + pn

/** Books what a unit answers. @returns the want it brought something for; null = nobody's, or known already */
const book = ({ scale }: DataUnit, wants: readonly Want[]): Want | null => {
  for (const want of wants) {
    if (want.state === 'done') continue
    if (want.span) {
      if (scale?.kind !== 'c' || scale.start === null || scale.minutes === null || scale.points === 0) continue
      const first = ordinalOf(scale.start)
      const last = first + (scale.points - 1) * scale.minutes * 60_000
      // Points that the terminal left out in front are not there; the rest of a cut answer begins behind its last one.
      if (last < want.span.next || first > want.span.to) continue
      want.span.next = last + want.span.step
      if (want.span.next > Math.min(want.span.to, want.span.settled)) want.state = 'done'
      return want
    }
    const of = scale?.kind === 'd' ? scale.day : scale?.kind === 'm' ? scale.month : null
    if (want.of !== null && (of === null || ordinalOf(of) !== want.of)) continue
    want.state = 'done'
    return want
  }
  return null
}

/** What a denied request is asked for in: item by item, as one the terminal has not is the usual cause; then by halves. */
const smaller = (wants: readonly Want[]): Want[][] => {
  const byItem = new Map<number, Want[]>()
  for (const want of wants) byItem.set(want.fn, [...(byItem.get(want.fn) ?? []), want])
  if (byItem.size > 1) return [...byItem.values()]
  return [wants.slice(0, wants.length >> 1), wants.slice(wants.length >> 1)]
}

/** Denials after which an item, or a point, is not asked for again in the same talk. */
const ENOUGH = 2

/**
 * Remembers what a terminal denies. An item that it denied for two points of which it gave others is one it has not, and would else be
 * denied for every meter by itself; a point is unknown to it when it denied two items of it that it gave of others. Nothing is concluded
 * from points and items of which nothing is known.
 */
const denialBook = () => {
  const denied = { fn: new Map<number, Set<number>>(), pn: new Map<number, Set<number>>() }
  const given = { fn: new Set<number>(), pn: new Set<number>() }
  const add = (map: Map<number, Set<number>>, key: number, other: number) => map.set(key, (map.get(key) ?? new Set()).add(other))
  const isGivenUp = (kind: 'fn' | 'pn', key: number): boolean => {
    if (given[kind].has(key)) return false
    const others = given[kind === 'fn' ? 'pn' : 'fn']
    return [...(denied[kind].get(key) ?? [])].filter((other) => others.has(other)).length >= ENOUGH
  }
  return {
    answered: ({ fn, pn }: PointItem): void => {
      given.fn.add(fn)
      given.pn.add(pn)
    },
    denied: ({ fn, pn }: PointItem): void => {
      add(denied.fn, fn, pn)
      add(denied.pn, pn, fn)
    },
    isHopeless: ({ fn, pn }: PointItem): boolean => isGivenUp('fn', fn) || isGivenUp('pn', pn),
  }
}

/**
 * Asks for all wants in as few requests as frames allow, and again only for what an answer did not hold: a terminal may cut its answer
 * behind any unit or point, send it in several frames, deny all of it for the sake of one, or leave out what it does not know.
 *
 * Every want ends as `done` or with its error.
 */
export function* gather(manner: Manner, wants: readonly Want[], options: GatherOptions): Talk<Gathered> {
  const byPair = new Map<number, Want[]>()
  for (const want of wants) {
    const list = byPair.get(keyOf(want))
    if (list) list.push(want)
    else byPair.set(keyOf(want), [want])
  }
  const units: GatheredUnit[] = []
  const used: Used = new Set()
  const queue = requestsOf(wants, options)
  let silence: GatewayError | null = null
  let silent = 0
  const about = (pair: PointItem) => byPair.has(keyOf(pair))
  const denials = denialBook()

  for (let lot = queue.shift(); lot; lot = queue.shift()) {
    const batch = lot.filter((want) => {
      if (denials.isHopeless(want)) want.error ??= deniedOf(manner, want, null)
      return want.error === null
    })
    if (batch.length === 0) continue
    const heard = yield* ask(manner, { afn: options.afn, data: dataOf(batch, options.combine), about, reach: options.reach }, used)
    if (!heard.ok) return heard
    const { frames, failure } = heard.value
    const answered = new Set<Want>()
    let verdict: ReturnType<typeof verdictOf> = null
    for (const frame of frames) verdict ??= verdictOf(frame)
    for (const found of unitsOf(frames.filter(({ afn }) => afn === options.afn))) {
      const mine = byPair.get(keyOf(found.unit))
      if (!mine) continue
      units.push(found)
      denials.answered(found.unit)
      const booked = book(found.unit, mine)
      if (booked) answered.add(booked)
    }
    const open = batch.filter(({ state }) => state === 'open')
    if (open.length === 0) {
      silent = 0
      continue
    }
    if (verdict?.kind === 'each')
      for (const want of open) {
        const denied = verdict.items.find(({ pn, fn, error }) => pn === want.pn && fn === want.fn && error !== 0)
        if (denied) {
          want.error = deniedOf(manner, want, denied.error)
          denials.denied(want)
        }
      }
    const left = open.filter(({ error }) => error === null)
    if (left.length === 0) continue
    if (left.length < open.length && answered.size === 0) {
      silent = 0
      queue.unshift(...requestsOf(left, options))
      continue
    }
    if (verdict !== null && verdict.kind !== 'each' && answered.size === 0) {
      silent = 0
      if (verdict.kind === 'confirmed') for (const want of left) want.error = leftOut(manner, want)
      else if (left.length === 1)
        for (const want of left) {
          want.error = deniedOf(manner, want, null)
          denials.denied(want)
        }
      // One unknown meter or item, or an identifier with too many bits, makes some deny all the others with it.
      else queue.unshift(...smaller(left))
      continue
    }
    if (answered.size > 0) {
      silent = 0
      // What lies behind the last thing that was answered was cut off; what lies between was left out.
      const last = batch.findLastIndex((want) => answered.has(want))
      const cut = batch.filter((want, index) => want.state === 'open' && want.error === null && (index > last || answered.has(want)))
      for (const want of left) if (!cut.includes(want)) want.error = leftOut(manner, want)
      if (cut.length > 0) queue.unshift(...requestsOf(cut, options))
      continue
    }
    for (const want of left) want.error = failure ?? leftOut(manner, want)
    if (!failure) continue
    silence ??= failure
    silent++
    const isOver = silent > 1 || failure.recovery === 'stop' || failure.recovery === 'wait'
    if (isOver) {
      for (const rest of queue) for (const want of rest) want.error ??= failure
      break
    }
  }
  return ok({ units, silence })
}

const itemText = (afn: number, { pn, fn }: PointItem): string => `${afn.toString(16).toUpperCase().padStart(2, '0')} F${fn} of point ${pn}`

const deniedOf = ({ terminal }: Manner, want: Want, error: number | null): GatewayError =>
  refusal(
    'GW3761_DENIED',
    `${terminal} denies ${itemText(want.of === null && !want.span ? AFN.now : AFN.past, want)}${error === null ? '' : ` with ERR ${error}`}`,
    {
      terminal,
      pn: want.pn,
      fn: want.fn,
      ...(error === null ? {} : { err: error }),
    },
  )

const leftOut = ({ terminal }: Manner, want: Want): GatewayError =>
  refusal('GW3761_NOT_ANSWERED', `${terminal} left out ${itemText(want.of === null && !want.span ? AFN.now : AFN.past, want)}`, {
    terminal,
    pn: want.pn,
    fn: want.fn,
  })

/** Whether a gathering got nothing at all, and why. */
export const nothingOf = ({ units, silence }: Gathered, wants: readonly Want[]): Result<never> | null =>
  units.length === 0 && silence !== null && wants.every(({ error }) => error === silence) ? { ok: false, error: silence } : null
