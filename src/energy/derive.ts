import { type Decimal, QUALITY } from '../core/index.ts'
import { type Course, courseOf, energyBy, type KnownPiece, type Piece, registerBetween } from './course.ts'
import { atScale, decimalOf, ppmOf } from './exact.ts'
import {
  ENERGY_FLAGS,
  type EnergyEvidence,
  type EnergyFinding,
  type EnergyInput,
  type EnergyInterval,
  type EnergySegment,
} from './types.ts'

/** What passes from a read to the figure made of it. */
const PASSED = QUALITY.clockDoubtful | QUALITY.manual | QUALITY.liveAsFreeze | QUALITY.unregistered | QUALITY.estimated | QUALITY.partial
const WHOLE = 1_000_000

export interface IntervalOptions {
  /** With the registers and segments each figure rests on. */
  readonly evidence?: boolean
}

/**
 * Energy of one register of one point between neighbouring boundaries (区间电量), from registers, ratios, exchanges and rollovers.
 *
 * Exact: the sum of the intervals between two good reads is the register difference times the ratio, to the last digit.
 *
 * @param boundaries  rising instants
 */
export const deriveEnergy = (
  input: EnergyInput,
  boundaries: readonly number[],
  options: IntervalOptions = {},
): { readonly intervals: readonly EnergyInterval[]; readonly findings: readonly EnergyFinding[] } => {
  const course = courseOf(input)
  return { intervals: intervalsOf(course, boundaries, options), findings: course.findings }
}

/** The intervals of a course between neighbouring boundaries. */
export const intervalsOf = (course: Course, boundaries: readonly number[], options: IntervalOptions = {}): EnergyInterval[] => {
  const intervals: EnergyInterval[] = []
  let first = 0
  for (let index = 1; index < boundaries.length; index++) {
    const [from, to] = [boundaries[index - 1]!, boundaries[index]!]
    while (first < course.pieces.length - 1 && course.pieces[first]!.to <= from) first++
    let end = first
    while (end < course.pieces.length && course.pieces[end]!.from < to) end++
    intervals.push(intervalOf(course, course.pieces.slice(first, end), from, to, options))
  }
  return intervals
}

const intervalOf = (
  course: Course,
  pieces: readonly Piece[],
  from: number,
  to: number,
  { evidence = false }: IntervalOptions,
): EnergyInterval => {
  const { outages, energyScale, energyShown } = course
  let energy = 0n
  let guessed = 0n
  let quality = 0
  let flags = 0
  let knownMs = 0
  let guessedMs = 0
  let meterMs = 0
  let isKnown = true
  const measured = measuredOf(pieces, from, to)
  for (const piece of pieces) {
    const [start, end] = [Math.max(from, piece.from), Math.min(to, piece.to)]
    if (piece.kind === 'none') {
      flags |= ENERGY_FLAGS['no-meter']
      continue
    }
    meterMs += end - start
    if (piece.kind === 'unknown') {
      const made = piece.isOpen ? averageOf(course, start, end) : null
      if (made === null) {
        isKnown = false
        flags |= ENERGY_FLAGS[piece.reason]
        continue
      }
      energy += made
      guessed += made
      guessedMs += end - start
      flags |= ENERGY_FLAGS.estimated
      continue
    }
    const part = energyBy(piece, end, outages) - energyBy(piece, start, outages)
    energy += part
    knownMs += end - start
    flags |= piece.flags & (start < end ? flagsWithin(piece, start, end, course) : 0)
    quality |= qualityOf(piece, start, end, [from, to])
    const isCut = start > piece.from || end < piece.to
    // Between two equal registers nothing was used, wherever one cuts.
    const isGuessed = (piece.isMade && !measured.has(piece)) || (isCut && piece.energy !== 0n)
    if (!isGuessed) continue
    guessed += part
    guessedMs += end - start
    flags |= piece.isMade ? ENERGY_FLAGS.estimated : ENERGY_FLAGS.split
  }
  if (meterMs === 0) isKnown = false
  else if (flags & ENERGY_FLAGS['no-meter']) quality |= QUALITY.partial
  if (within(course.exchanges, from, to)) flags |= ENERGY_FLAGS.exchange
  if (within(course.aside, from, to)) flags |= ENERGY_FLAGS['read-quarantined']
  if (isKnown && flags & (ENERGY_FLAGS.split | ENERGY_FLAGS.estimated)) quality |= QUALITY.estimated
  const share = energy > 0n ? ppmOf(guessed, energy) : ppmOf(BigInt(guessedMs), BigInt(Math.max(1, meterMs)))
  return {
    from,
    to,
    kwh: isKnown ? decimalOf(energy, energyScale, energyShown) : null,
    quality: isKnown ? quality & PASSED : 0,
    flags,
    estimatedPpm: isKnown ? Math.min(WHOLE, share) : 0,
    coveredPpm: ppmOf(BigInt(knownMs), BigInt(to - from)),
    evidence: evidence ? evidenceOf(course, pieces, from, to) : null,
  }
}

/**
 * Pieces with a made-up register that was read on both sides of it within the time: under one ratio it cancels out, and their sum is the difference
 * of two reads.
 */
const measuredOf = (pieces: readonly Piece[], from: number, to: number): ReadonlySet<Piece> => {
  const measured = new Set<Piece>()
  let run: KnownPiece[] = []
  for (const piece of pieces) {
    const before = run.at(-1)
    const goesOn = piece.kind === 'known' && before !== undefined && before.b === piece.a && ratioOf(before) === ratioOf(piece)
    if (!goesOn) run = []
    if (piece.kind !== 'known' || ratioOf(piece) === null) continue
    if (!goesOn && (piece.a.isMade || piece.from < from)) continue
    run.push(piece)
    if (piece.b.isMade) continue
    if (piece.to <= to) for (const one of run) measured.add(one)
    run = []
  }
  return measured
}

/** The one ratio of a piece; null: it changes within. */
const ratioOf = ({ cuts }: KnownPiece): bigint | null => {
  const first = cuts[0]?.ratio ?? null
  return cuts.every(({ ratio }) => ratio === first) ? first : null
}

/** Of a piece's flags those whose instant lies in the part looked at. */
const flagsWithin = (piece: KnownPiece, from: number, to: number, { outages }: Course): number => {
  let flags = ENERGY_FLAGS.rollover
  if (piece.cuts.some((cut) => cut.from > from && cut.from < to)) flags |= ENERGY_FLAGS['ratio-change']
  if (outages.some((outage) => outage.from < to && outage.to > from)) flags |= ENERGY_FLAGS['power-off']
  return flags
}

/** A boundary that was read has the quality of that read, another one that of both neighbours. */
const qualityOf = ({ from, to, a, b }: KnownPiece, start: number, end: number, [first, last]: readonly [number, number]): number =>
  start > from || end < to ? a.quality | b.quality : (from === first ? a.quality : 0) | (to === last ? b.quality : 0)

const within = (instants: readonly number[], from: number, to: number): boolean => instants.some((at) => at >= from && at < to)

/** Mean of the similar days, never below zero; null when there are none. */
const averageOf = ({ estimateOpen, energyScale }: Course, from: number, to: number): bigint | null => {
  const days: readonly Decimal[] = estimateOpen?.(from, to) ?? []
  if (days.length === 0) return null
  const sum = days.reduce((total, day) => total + atScale(day, energyScale), 0n)
  return sum <= 0n ? 0n : sum / BigInt(days.length)
}

const evidenceOf = (course: Course, pieces: readonly Piece[], from: number, to: number): EnergyEvidence => {
  const { scale, shown, ratioScale, outages } = course
  const known = pieces.flatMap((piece) => (piece.kind === 'known' ? [piece] : []))
  const registerAt = (piece: KnownPiece, at: number): bigint =>
    at <= piece.from ? piece.a.register : at >= piece.to ? piece.b.register : registerBetween(piece.a, piece.b, at, outages, piece.shape)
  const faceAt = (piece: KnownPiece | undefined, at: number) => {
    if (!piece || at < piece.from || at > piece.to) return null
    const lifted = piece.a.face + registerAt(piece, at) - piece.a.register
    const face = piece.capacity !== null && lifted >= piece.capacity ? lifted - piece.capacity : lifted
    const knot = at === piece.from ? piece.a : at === piece.to ? piece.b : null
    return { register: decimalOf(face, scale, shown), meter: piece.meter, read: knot !== null && !knot.isMade }
  }
  const segments: { from: number; to: number; meter: string; ratio: bigint; delta: bigint }[] = []
  for (const piece of known)
    for (const cut of piece.cuts) {
      const [start, end] = [Math.max(from, cut.from), Math.min(to, cut.to)]
      if (end <= start) continue
      const delta = registerAt(piece, end) - registerAt(piece, start)
      const last = segments.at(-1)
      if (last && last.to === start && last.meter === piece.meter && last.ratio === cut.ratio) {
        last.to = end
        last.delta += delta
      } else segments.push({ from: start, to: end, meter: piece.meter, ratio: cut.ratio, delta })
    }
  return {
    start: faceAt(known[0], from),
    end: faceAt(known.at(-1), to),
    segments: segments.map(
      ({ ratio, delta, ...segment }): EnergySegment => ({
        ...segment,
        ratio: decimalOf(ratio, ratioScale, 0),
        delta: decimalOf(delta, scale, shown),
      }),
    ),
  }
}
