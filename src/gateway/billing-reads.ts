import {
  type BillingEvidence,
  type BillingPoint,
  type BillingReads,
  bestRead,
  type Choice,
  type Hanging,
  type NearRead,
} from '../billing/index.ts'
import {
  type Decimal,
  isSource,
  PartFailed,
  QUALITY,
  type Reading,
  rescale,
  type ScanQuery,
  type Shape,
  type Source,
  scalerAt,
  type Unit,
} from '../core/index.ts'
import type { EvidenceKey } from '../evidence/index.ts'
import { compareIds, type MeterFact, type PointAt } from '../ledger/index.ts'
import { type BillingReadParts, evidenceKeys, type Looked, pointOf } from './billing-point.ts'
import { isBilled, isWithin, unacknowledged, word, zonesAt } from './billing-scope.ts'

/** Without it no point can be billed. */
const TOTAL = '1.8.0'
/** Points looked at together: V8 takes a message of more than 100 kB for something that stays, and the heap grows. */
const PIECE = 50
/** Pieces under way at once: one is written out while the threads work on the next. More leave more behind that lived too long to be swept with the young. */
const AHEAD = 2
const PAGE = 10_000
/** Points of which only the ledger is asked. */
const BILLED_PIECE = 500
const LABELLED: readonly Source[] = ['day-freeze', 'month-freeze', 'curve', 'estimated']
const SHOWN: readonly Source[] = ['live', 'push', 'manual']

/**
 * Reads for billing out of the store, the ledger and the kept frames. Billed are the points whose role is one of the configured ones and that
 * are in service at the instant; one that was not read, or has no meter, is given with the reason and never left out.
 *
 * @throws  when the store or the evidence cannot be read: a list that ends early is no list
 */
export const billingReads = (parts: BillingReadParts): BillingReads => ({
  at: async function* (at, scope, after) {
    const { ledger, rules } = parts
    const { windowMs, roles } = rules()
    const zones = zonesAt(ledger, at)
    const open = unacknowledged(ledger, at)
    const ids = scope.points ? [...new Set(scope.points)].sort(compareIds) : undefined
    const size = Math.min(PIECE, scope.limit ?? PIECE)
    const begin = (from: string | null): Piece => {
      const { points, last } = ledger.pointsAt({
        ...{ at, from: at - windowMs, to: at + windowMs, after: from, limit: size },
        ...(ids ? { ids } : {}),
      })
      const wanted = points.filter((point) => isBilled(point, roles) && isWithin(point, scope, zones))
      const work = pieceOf(parts, at, wanted, open)
      // Whoever stops half-way does not wait for it, and it must not end the process.
      work.catch(() => undefined)
      return { points: work, last }
    }
    let left = scope.limit ?? Number.POSITIVE_INFINITY
    const pieces: Piece[] = []
    let from: string | null = after
    let isDone = false
    while (left > 0) {
      while (!isDone && pieces.length < AHEAD && (pieces.length === 0 || pieces.length * size < left)) {
        const piece = begin(from)
        pieces.push(piece)
        from = piece.last
        isDone = from === null
      }
      const piece = pieces.shift()
      if (!piece) return
      const points = await piece.points
      if (points.length > 0) yield points.length > left ? points.slice(0, left) : points
      left -= points.length
    }
  },
  billed: async function* (at, scope) {
    const { ledger, rules } = parts
    const zones = zonesAt(ledger, at)
    const ids = scope.points ? { ids: [...new Set(scope.points)].sort(compareIds) } : {}
    for (let after: string | null = null, isFirst = true; isFirst || after !== null; isFirst = false) {
      const { points, last } = ledger.pointsAt({ ...{ at, from: at, to: at, after, limit: BILLED_PIECE }, ...ids })
      const billed = points.filter((point) => isBilled(point, rules().roles) && isWithin(point, scope, zones))
      yield billed.map(({ id, attributes }) => ({ point: id, area: word(attributes.area) || null }))
      after = last
    }
  },
})

interface Piece {
  readonly points: Promise<readonly BillingPoint[]>
  readonly last: string | null
}

const pieceOf = async (
  parts: BillingReadParts,
  at: number,
  points: readonly PointAt[],
  open: ReadonlyMap<string, string>,
): Promise<readonly BillingPoint[]> => {
  if (points.length === 0) return []
  const { book, rules } = parts
  const { windowMs } = rules()
  const ids = points.map(({ id }) => id)
  const held = book.holdsAt(at, ids)
  held.catch(() => undefined)
  const looked = points.map((point) => lookedAt(parts, at, point))
  // What stands for its own instant needs no look around; most points are done with that.
  await take(parts, looked, at, { from: at, to: at + 1, sources: LABELLED })
  const around = { from: at - windowMs, to: at + windowMs + 1, sources: SHOWN }
  const improvable = lacking(looked, isImprovable)
  await take(parts, improvable, at, { ...around, near: at })
  await take(parts, lacking(improvable, isUnread), at, around)
  const evidence = await evidenceOf(parts, looked)
  const holds = await held
  const found = looked.map((one) =>
    pointOf(parts, at, one, evidence, { exchange: open.get(one.point.id), person: holds.get(one.point.id) }),
  )
  // What waited long is freed late, and all it holds with it: it lets go of what came afterwards.
  for (const one of looked) {
    one.reads.length = 0
    one.choices = NOTHING_CHOSEN
  }
  return found
}

const NOTHING_CHOSEN: ReadonlyMap<string, Choice> = new Map()

const lacking = (looked: readonly Looked[], isWanting: (choice: Choice | undefined) => boolean): readonly Looked[] =>
  looked.filter(
    ({ hanging, due, choices, isPatchy }) => hanging !== null && (isPatchy || due.some((register) => isWanting(choices.get(register)))),
  )

const MAKESHIFT = QUALITY.estimated | QUALITY.clockDoubtful
/** A made up value, or one whose clock cannot be trusted, gives way to a read. */
const isUnread = (choice: Choice | undefined): boolean =>
  !choice?.best || choice.setAside !== null || choice.best.source === 'estimated' || (choice.best.quality & MAKESHIFT) !== 0
/** So does a live read that stands in for a freeze, to one that is nearer. */
const isImprovable = (choice: Choice | undefined): boolean =>
  isUnread(choice) || ((choice?.best?.quality ?? 0) & QUALITY.liveAsFreeze) !== 0

const lookedAt = ({ models, rules }: BillingReadParts, at: number, point: PointAt): Looked => {
  const fact = point.meters.findLast(({ from, to }) => from <= at && (to === null || to > at)) ?? null
  const { registers } = rules()
  const due = fact && models.knows(fact.profile) ? registers.filter((register) => models.of(fact.profile, register)) : [TOTAL]
  return {
    point,
    fact,
    hanging: fact && hangingOf(point.meters, fact),
    due: due.length > 0 ? due : [TOTAL],
    reads: [],
    choices: NOTHING_CHOSEN,
    isPatchy: false,
  }
}

/** Facts of one meter that follow each other are one stay, whatever else of them changed. */
const hangingOf = (meters: readonly MeterFact[], { meter, from, to }: MeterFact): Hanging => {
  const own = meters.filter((fact) => fact.meter === meter)
  const stay = { from, to }
  for (const fact of own.toReversed()) if (fact.to === stay.from) stay.from = fact.from
  for (const fact of own) if (fact.from === stay.to) stay.to = fact.to
  return { meter, ...stay }
}

/** Adds the reads of a time to some points, and chooses again. */
const take = async (
  parts: BillingReadParts,
  looked: readonly Looked[],
  at: number,
  question: Pick<ScanQuery, 'from' | 'to' | 'sources' | 'near'>,
): Promise<void> => {
  if (looked.length === 0) return
  const { registers, windowMs } = parts.rules()
  const columns = columnsOf(parts, new Set([...registers, TOTAL]))
  const byPoint = new Map(looked.map((one) => [one.point.id, one]))
  const touched = new Set<Looked>()
  let cursor: string | undefined
  do {
    const page = await parts.store.scan({
      ...{ measurement: 'register', points: new Set(byPoint.keys()), limit: PAGE, ...question },
      ...(cursor === undefined ? {} : { cursor }),
    })
    if (!page.ok) throw new PartFailed(page.error)
    for (const reading of page.value.readings) {
      const one = byPoint.get(reading.series.tags.point ?? '')
      if (!one?.hanging || reading.series.tags.meter !== one.hanging.meter) continue
      const known = one.reads.length
      addReads(one.reads, reading, columns(reading.shape, one.fact?.profile ?? null))
      if (question.near !== undefined) {
        const found = one.reads.slice(known)
        one.isPatchy ||= one.due.some((register) => found.every((read) => read.register !== register))
      }
      touched.add(one)
    }
    cursor = page.value.next ?? undefined
  } while (cursor !== undefined)
  for (const one of touched) one.choices = chosen(at, windowMs, one)
}

const chosen = (at: number, windowMs: number, { hanging, reads }: Looked): ReadonlyMap<string, Choice> => {
  const choices = new Map<string, Choice>()
  if (!hanging) return choices
  const registers: string[] = []
  for (const { register } of reads) if (!registers.includes(register)) registers.push(register)
  for (const register of registers.sort()) {
    const own = reads.filter((read) => read.register === register)
    choices.set(register, bestRead(at, windowMs, hanging, own))
  }
  return choices
}

/** A column of a row that matters for billing. */
interface BilledColumn {
  readonly column: number
  readonly register: string
  readonly unit: Unit
  /** A store of doubles forgets the zeros at the end; the model knows how many digits the face has. Null: it does not say. */
  readonly shown: number | null
}

/** Columns that matter of a row by its shape and the meter's model, worked out once each. */
const columnsOf = ({ models }: BillingReadParts, wanted: ReadonlySet<string>) => {
  const known = new Map<Shape, Map<string | null, readonly BilledColumn[]>>()
  return (shape: Shape, profile: string | null): readonly BilledColumn[] => {
    let ofShape = known.get(shape)
    if (!ofShape) {
      ofShape = new Map()
      known.set(shape, ofShape)
    }
    let found = ofShape.get(profile)
    if (!found) {
      found = shape.columns.flatMap(({ field, obis, unit }, column): BilledColumn[] => {
        if (!wanted.has(field) || obis === null) return []
        return [{ column, register: field, unit, shown: profile === null ? null : (models.of(profile, field)?.scaler ?? null) }]
      })
      ofShape.set(profile, found)
    }
    return found
  }
}

/** Adds the registers of one reading that matter. The same reading twice is no harm. */
const addReads = (reads: NearRead[], reading: Reading, columns: readonly BilledColumn[]): void => {
  const { series, raws, ratio, quality, measuredAt, receivedAt } = reading
  const { source, meter } = series.tags
  if (source === undefined || !isSource(source) || meter === undefined) return
  for (const { column, register, unit, shown } of columns) {
    const raw = raws[column]
    if (raw === null || raw === undefined) continue
    const value: Decimal = { raw, scaler: scalerAt(reading, column) }
    reads.push({
      register,
      unit,
      value: shown === null || shown >= value.scaler ? value : rescale(value, shown),
      storedRatio: ratio,
      meter,
      source,
      quality,
      measuredAt,
      receivedAt,
    })
  }
}

const evidenceOf = async ({ evidence }: BillingReadParts, looked: readonly Looked[]): Promise<ReadonlyMap<string, BillingEvidence>> => {
  const keys = new Map<string, EvidenceKey>()
  const keyOf = evidenceKeys()
  for (const { choices } of looked)
    for (const { best } of choices.values()) {
      if (!best) continue
      const key = keyOf(best)
      if (!keys.has(key)) keys.set(key, { meter: best.meter, measuredAt: best.measuredAt, source: best.source })
    }
  return keys.size === 0 ? new Map() : evidence().refsOf([...keys.values()])
}
