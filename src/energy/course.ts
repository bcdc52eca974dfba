import { QUALITY } from '../core/index.ts'
import { type Chain, stepOf, type Walk, walkOf } from './chain.ts'
import { atScale, decimalOf, EXTRA_DIGITS } from './exact.ts'
import { covers, flownBy, joined } from './flow.ts'
import { type Mark, markAt, marksOf } from './reads.ts'
import { ENERGY_FLAGS, type EnergyFinding, type EnergyInput, type ShapeSlot, type Span, type UnknownReason } from './types.ts'

/** A register that stands: its own figure, and lifted by what rollovers took off the face. */
export interface Knot {
  readonly at: number
  readonly face: bigint
  readonly register: bigint
  readonly quality: number
  /** No read says it. */
  readonly isMade: boolean
}

/** A part of a known piece under one ratio. */
interface Cut {
  readonly from: number
  readonly to: number
  readonly register: bigint
  readonly ratio: bigint
  /** Energy from the start of the piece to `from`. */
  readonly energy: bigint
}

/** Between two registers of one meter that can both be true. */
export interface KnownPiece extends Span {
  readonly kind: 'known'
  readonly meter: string
  readonly a: Knot
  readonly b: Knot
  readonly cuts: readonly Cut[]
  readonly energy: bigint
  readonly flags: number
  readonly isMade: boolean
  readonly shape: readonly ShapeSlot[] | null
  readonly capacity: bigint | null
}

/** The newest register of a meter that still hangs there. */
export interface OpenEnd {
  readonly meter: string
  readonly knot: Knot
  readonly capacity: bigint | null
}

export type Piece =
  | KnownPiece
  /** `last`: the register after which nothing is known yet. */
  | (Span & {
      readonly kind: 'unknown'
      readonly reason: UnknownReason
      readonly isOpen: boolean
      readonly last: OpenEnd | null
    })
  | (Span & { readonly kind: 'none' })

/** What one register of one point did from the beginning to the end of time, without a hole between the pieces. */
export interface Course {
  readonly pieces: readonly Piece[]
  readonly exchanges: readonly number[]
  readonly aside: readonly number[]
  readonly findings: readonly EnergyFinding[]
  readonly outages: readonly Span[]
  /** Powers of ten of a register, and of an energy, in this course. */
  readonly scale: number
  readonly energyScale: number
  readonly ratioScale: number
  /** Digits below these show interpolation only. */
  readonly shown: number
  readonly energyShown: number
  readonly estimateOpen: EnergyInput['estimateOpen']
}

const SHORT_GAP_MS = 2 * 3_600_000
const BRACKET_MS = 3_600_000

interface Stretch {
  readonly meter: string
  readonly from: number
  readonly to: number
  readonly capacity: bigint | null
  /** An exchange record stands at that end; null register: it says nothing of this one. */
  readonly start: { readonly register: bigint | null } | null
  readonly end: { readonly register: bigint | null } | null
}

/** Works out the whole course of a register. Every sum taken from it is exact: it is made of differences of the same function. */
export const courseOf = (input: EnergyInput): Course => new Builder(input).build()

class Builder {
  readonly #input: EnergyInput
  readonly #scale: number
  readonly #shown: number
  readonly #ratioScale: number
  readonly #ratios: readonly { readonly from: number; readonly to: number; readonly ratio: bigint }[]
  readonly #outages: readonly Span[]
  readonly #pieces: Piece[] = []
  readonly #findings: EnergyFinding[] = []
  readonly #aside: number[] = []

  constructor(input: EnergyInput) {
    this.#input = input
    const scalers = [
      ...input.reads.map(({ value }) => value.scaler),
      ...input.exchanges.flatMap(({ end, start }) => [end, start].flatMap((register) => register?.scaler ?? [])),
    ]
    this.#shown = Math.min(0, ...scalers)
    this.#scale = this.#shown - EXTRA_DIGITS
    this.#ratioScale = Math.min(0, ...input.ratios.map(({ ratio }) => ratio.scaler))
    this.#ratios = input.ratios
      .map(({ from, to, ratio }) => ({ from, to: to ?? Number.POSITIVE_INFINITY, ratio: atScale(ratio, this.#ratioScale) }))
      .toSorted((a, b) => a.from - b.from)
    this.#outages = joined(input.outages)
  }

  build(): Course {
    const stretches = this.#stretches()
    let at = Number.NEGATIVE_INFINITY
    for (const [index, stretch] of stretches.entries()) {
      if (stretch.from > at) this.#pieces.push({ kind: 'none', from: at, to: stretch.from })
      this.#stretch(stretch, stretches[index - 1]?.to === stretch.from, stretches[index + 1]?.from === stretch.to)
      at = stretch.to
    }
    if (at < Number.POSITIVE_INFINITY) this.#pieces.push({ kind: 'none', from: at, to: Number.POSITIVE_INFINITY })
    return {
      pieces: this.#pieces,
      exchanges: this.#input.exchanges.map((exchange) => exchange.at).toSorted((a, b) => a - b),
      aside: this.#aside.toSorted((a, b) => a - b),
      findings: this.#findings.toSorted((a, b) => a.at - b.at || (a.code < b.code ? -1 : 1)),
      outages: this.#outages,
      scale: this.#scale,
      energyScale: this.#scale + this.#ratioScale,
      ratioScale: this.#ratioScale,
      shown: this.#shown,
      energyShown: this.#shown + this.#ratioScale,
      estimateOpen: this.#input.estimateOpen,
    }
  }

  /** Meter periods in order, parted where an exchange of CT or PT gives registers of the same meter. */
  #stretches(): Stretch[] {
    const { meters, exchanges } = this.#input
    const scaled = (value: { raw: number | bigint; scaler: number } | null) => (value === null ? null : atScale(value, this.#scale))
    return meters
      .toSorted((a, b) => a.from - b.from)
      .flatMap(({ meter, from, to, capacity }) => {
        const end = to ?? Number.POSITIVE_INFINITY
        const inside = exchanges
          .filter(
            ({ at, oldMeter, newMeter, ...registers }) =>
              oldMeter === meter && newMeter === meter && at > from && at < end && (registers.end !== null || registers.start !== null),
          )
          .map(({ at }) => at)
          .toSorted((a, b) => a - b)
        const bounds = [from, ...inside, end]
        return bounds.slice(0, -1).map((start, index): Stretch => {
          const stop = bounds[index + 1]!
          const before = exchanges.find(({ at, newMeter }) => newMeter === meter && at === start)
          const after = exchanges.find(({ at, oldMeter }) => oldMeter === meter && at === stop)
          // A CT exchange leaves the meter as it is: what was said of one side holds for the other.
          const startRegister = before && (before.start ?? (before.oldMeter === meter ? before.end : null))
          const endRegister = after && (after.end ?? (after.newMeter === meter ? after.start : null))
          return {
            meter,
            from: start,
            to: stop,
            capacity: scaled(capacity),
            start: before ? { register: scaled(startRegister ?? null) } : null,
            end: after ? { register: scaled(endRegister ?? null) } : null,
          }
        })
      })
  }

  #stretch(stretch: Stretch, followsMeter: boolean, isFollowed: boolean): void {
    const { meter, from, to, capacity } = stretch
    const reads = this.#input.reads.filter((read) => read.meter === meter && read.at >= from && read.at <= to)
    const { marks, findings } = marksOf(reads, this.#scale, capacity)
    this.#findings.push(...findings)
    const walk = walkOf(withExchange(marks, stretch), { capacity, isPlausible: this.#isPlausible })
    this.#judge(meter, walk, capacity)
    const chains = walk.chains.map((chain) => chain.map(knotOf))
    const first = chains[0]?.[0]
    const last = chains.at(-1)?.at(-1)
    const isOpen = to === Number.POSITIVE_INFINITY
    if (!first || !last) {
      if (to > from) this.#unknown(from, to, followsMeter || isFollowed ? 'exchange-register-missing' : 'missing', isOpen)
      return
    }
    if (first.at > from) {
      const made = followsMeter ? this.#extended(chains[0]!, from, 'before') : null
      if (made) this.#known(meter, made, first, capacity)
      else this.#unknown(from, first.at, followsMeter ? 'exchange-register-missing' : 'missing', false)
    }
    for (const [index, chain] of chains.entries()) {
      const before = chains[index - 1]?.at(-1)
      const head = chain[0]
      if (before && head) this.#unknown(before.at, head.at, head.face < before.face ? 'register-reset' : 'increment-quarantined', false)
      for (let at = 1; at < chain.length; at++) this.#known(meter, chain[at - 1]!, chain[at]!, capacity)
    }
    if (last.at < to) {
      const made = isFollowed ? this.#extended(chains.at(-1)!, to, 'after') : null
      if (made) this.#known(meter, last, made, capacity)
      else this.#unknown(last.at, to, isFollowed ? 'exchange-register-missing' : 'missing', isOpen, { meter, knot: last, capacity })
    }
  }

  #unknown(from: number, to: number, reason: UnknownReason, isOpen: boolean, last: OpenEnd | null = null): void {
    this.#pieces.push({ kind: 'unknown', from, to, reason, isOpen, last })
  }

  /** The register at an exchange that gives none, when a read is near: as fast on as between the last two reads. */
  #extended(chain: readonly Knot[], at: number, side: 'before' | 'after'): Knot | null {
    const near = side === 'after' ? chain.at(-1) : chain[0]
    const other = side === 'after' ? chain.at(-2) : chain[1]
    if (!near || Math.abs(near.at - at) > (this.#input.bracketMs ?? BRACKET_MS)) return null
    const [low, high] = side === 'after' ? [other, near] : [near, other]
    const rise = low && high ? ((high.register - low.register) * BigInt(Math.abs(at - near.at))) / BigInt(high.at - low.at) : 0n
    const change = side === 'after' ? rise : rise > near.face ? -near.face : -rise
    return { at, face: near.face + change, register: near.register + change, quality: near.quality, isMade: true }
  }

  #known(meter: string, a: Knot, b: Knot, capacity: bigint | null): void {
    if (b.at === a.at) return
    const gap = b.at - a.at
    const { shape, shortGapMs = SHORT_GAP_MS } = this.#input
    const used = shape && gap > shortGapMs && covers(shape, a.at, b.at) ? shape : null
    const cuts: Cut[] = []
    let energy = 0n
    let at = a.at
    let register = a.register
    for (const ratio of this.#ratios) {
      if (ratio.to <= at) continue
      if (ratio.from > at || at >= b.at) break
      const to = Math.min(ratio.to, b.at)
      const end = to === b.at ? b.register : registerBetween(a, b, to, this.#outages, used)
      cuts.push({ from: at, to, register, ratio: ratio.ratio, energy })
      energy += (end - register) * ratio.ratio
      at = to
      register = end
    }
    if (at < b.at) {
      this.#unknown(a.at, b.at, 'no-ratio', false)
      return
    }
    const isParted = cuts.some(({ ratio }) => ratio !== cuts[0]!.ratio)
    const isOff = this.#outages.some(({ from, to }) => from < b.at && to > a.at)
    const flags =
      (b.register - a.register !== b.face - a.face ? ENERGY_FLAGS.rollover : 0) |
      (isParted ? ENERGY_FLAGS['ratio-change'] : 0) |
      (isOff ? ENERGY_FLAGS['power-off'] : 0)
    const isMade = a.isMade || b.isMade || (isParted && b.register !== a.register)
    this.#pieces.push({ kind: 'known', from: a.at, to: b.at, meter, a, b, cuts, energy, flags, isMade, shape: used, capacity })
  }

  readonly #isPlausible = (from: Mark, to: Mark, delta: bigint): boolean => {
    const { maxKw } = this.#input.plausibility
    if (maxKw === null) return true
    const slack = from.step + to.step
    if (delta <= slack) return true
    const ms = BigInt(to.at - from.at)
    const scale = Math.min(this.#scale + this.#ratioScale, maxKw.scaler)
    const energy = (delta - slack) * this.#ratioOver(from.at, to.at) * 10n ** BigInt(this.#scale + this.#ratioScale - scale)
    return energy * 3_600_000n <= atScale(maxKw, scale) * ms
  }

  /** The largest ratio in force between two instants. */
  #ratioOver(from: number, to: number): bigint {
    let most = 0n
    for (const ratio of this.#ratios) if (ratio.from < to && ratio.to > from && ratio.ratio > most) most = ratio.ratio
    return most
  }

  #judge(meter: string, { chains, aside }: Walk, capacity: bigint | null): void {
    const { maxKw, source } = this.#input.plausibility
    const limit = maxKw === null ? 'no limit of power is known' : `more than ${decimalText(maxKw)} kW, which is ${source}`
    const would = (from: Mark, to: Mark) =>
      decimalOf(
        (to.register - from.register) * this.#ratioOver(from.at, to.at),
        this.#scale + this.#ratioScale,
        this.#shown + this.#ratioScale,
      )
    const show = (mark: Mark) => markAt(mark, this.#scale, this.#shown)
    for (const { mark, before, after } of aside) {
      this.#aside.push(mark.at)
      const other = before ?? after
      const isDip = other !== null && mark.register < other.register
      this.#findings.push({
        code: isDip ? 'read-dip' : 'read-jump',
        meter,
        at: mark.at,
        before: before && show(before),
        after: show(mark),
        would: before && would(before, mark),
        note: isDip ? `lower than the ${before ? 'read before' : 'read after'}, and not kept up` : limit,
      })
    }
    for (let index = 1; index < chains.length; index++) {
      const before = chains[index - 1]!.at(-1)!.mark
      const after = chains[index]![0]!.mark
      const isReset = after.register < before.register
      const lost = capacity !== null && stepOf(before, after, { capacity, isPlausible: () => true }) !== null
      this.#findings.push({
        code: isReset ? 'register-reset' : 'increment-quarantined',
        meter,
        at: after.at,
        before: show(before),
        after: show(after),
        would: would(before, after),
        note: !isReset
          ? limit
          : lost
            ? `a rollover would be ${limit}`
            : 'the register fell and stays low: an exchange that is not in the ledger, or a meter that was reset',
      })
    }
  }
}

const decimalText = ({ raw, scaler }: { raw: number | bigint; scaler: number }): string =>
  scaler === 0 ? String(raw) : String(Number(`${raw}e${scaler}`))

const knotOf = ({ mark, lift }: Chain[number]): Knot => ({
  at: mark.at,
  face: mark.register,
  register: mark.register + lift,
  quality: mark.quality | (mark.source === 'manual' ? QUALITY.manual : 0),
  isMade: mark.source === 'estimated' || (mark.quality & QUALITY.estimated) !== 0,
})

/** Two persons have signed the registers of an exchange: they stand in the place of whatever was read at that instant. */
const withExchange = (marks: readonly Mark[], { from, to, start, end }: Stretch): readonly Mark[] => {
  const signed = [
    ...(start && start.register !== null ? [{ at: from, register: start.register }] : []),
    ...(end && end.register !== null ? [{ at: to, register: end.register }] : []),
  ]
  if (signed.length === 0) return marks
  const others = marks.filter(({ at }) => !signed.some((mark) => mark.at === at))
  return [...others, ...signed.map((mark): Mark => ({ ...mark, source: 'exchange', quality: 0, step: 1n, weight: 16 }))].toSorted(
    (a, b) => a.at - b.at,
  )
}

/** The register at an instant between two reads. */
export const registerBetween = (a: Knot, b: Knot, at: number, outages: readonly Span[], shape: readonly ShapeSlot[] | null): bigint => {
  const [part, whole] = flownBy(a.at, b.at, at, outages, shape)
  return a.register + ((b.register - a.register) * part) / whole
}

/** Energy from the start of a piece to an instant in it. */
export const energyBy = (piece: KnownPiece, at: number, outages: readonly Span[]): bigint => {
  if (at <= piece.from) return 0n
  if (at >= piece.to) return piece.energy
  const cut = piece.cuts.findLast(({ from }) => from <= at)!
  return cut.energy + (registerBetween(piece.a, piece.b, at, outages, piece.shape) - cut.register) * cut.ratio
}
