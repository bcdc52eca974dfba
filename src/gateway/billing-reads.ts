import {
  type BillingEvidence,
  type BillingPoint,
  type BillingReads,
  type BillingRegister,
  type BillingScope,
  bestRead,
  type Choice,
  type Hanging,
  holdsOf,
  type NearRead,
  type PointHold,
  type ReleasedBook,
} from '../billing/index.ts'
import {
  compare,
  type Decimal,
  decimalText,
  explain,
  multiply,
  parseDecimal,
  QUALITY,
  type RatioKind,
  type Reading,
  type ReadingStore,
  rescale,
  type ScanQuery,
  SOURCES,
  type Source,
  scalerAt,
} from '../core/index.ts'
import { type EvidenceBook, type EvidenceKey, evidenceKey } from '../evidence/index.ts'
import { compareIds, type Ledger, type MeterFact, type PointAt } from '../ledger/index.ts'
import { parseRatio } from '../normalise/index.ts'
import { type RegisterModels, ratioOf } from './energy-facts.ts'

/** What is billed and how far around an instant is looked. */
export interface BillingRules {
  readonly windowMs: number
  /** Registers that are due, short OBIS codes. */
  readonly registers: readonly string[]
  /** Roles of points that are billed. */
  readonly roles: readonly string[]
}

export interface BillingReadParts {
  readonly store: Pick<ReadingStore, 'scan'>
  readonly ledger: Pick<Ledger, 'pointsAt' | 'exchanges' | 'get'>
  readonly models: RegisterModels
  readonly evidence: () => EvidenceBook
  readonly book: Pick<ReleasedBook, 'holdsAt'>
  readonly rules: () => BillingRules
}

/** Points looked at together. */
const PIECE = 400
const PAGE = 10_000
const MOST_EXCHANGES = 10_000
/** Without it no point can be billed. */
const TOTAL = '1.8.0'
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
    // The next piece is asked for before it is needed: the store's thread works while this one is written out.
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
    let piece: Piece | null = begin(after)
    let left = scope.limit ?? Number.POSITIVE_INFINITY
    while (piece) {
      const last: string | null = piece.last
      const ahead: Piece | null = last === null || left <= size ? null : begin(last)
      const points = await piece.points
      if (points.length > 0) yield points.length > left ? points.slice(0, left) : points
      left -= points.length
      const next: Piece | null = left <= 0 || last === null ? null : (ahead ?? begin(last))
      piece = next
    }
  },
})

interface Piece {
  readonly points: Promise<readonly BillingPoint[]>
  readonly last: string | null
}

const word = (value: unknown): string => (typeof value === 'string' ? value : '')

/** Is the point billed at the instant it was looked at? */
export const isBilled = ({ attributes, state }: Pick<PointAt, 'attributes' | 'state'>, roles: readonly string[]): boolean =>
  state === 'in-service' && roles.includes(word(attributes.role) || 'customer')

const isWithin = (
  { id, attributes }: PointAt,
  { area, zone, sees }: BillingScope,
  zoneOf: (area: string) => ReadonlySet<string>,
): boolean => {
  const own = word(attributes.area)
  if (area !== undefined && own !== area) return false
  if (zone !== undefined && !zoneOf(own).has(zone)) return false
  return sees === undefined || sees(id)
}

/** The zone of an area at an instant, and the zones that one lies in. */
export const zonesAt = (ledger: Pick<Ledger, 'get'>, at: number): ((area: string) => ReadonlySet<string>) => {
  const known = new Map<string, ReadonlySet<string>>()
  const attributesOf = (kind: 'area' | 'zone', id: string) => (ledger.get(kind, id, at) ?? ledger.get(kind, id, null))?.attributes ?? {}
  return (area) => {
    const found = known.get(area)
    if (found) return found
    const zones = new Set<string>()
    if (area !== '')
      for (
        let zone = word(attributesOf('area', area).zone);
        zone !== '' && !zones.has(zone);
        zone = word(attributesOf('zone', zone).parent)
      )
        zones.add(zone)
    known.set(area, zones)
    return zones
  }
}

/** Exchanges up to an instant that billing has not acknowledged, by point. */
const unacknowledged = (ledger: Pick<Ledger, 'exchanges'>, at: number): ReadonlyMap<string, string> => {
  const open = new Map<string, string>()
  for (let after = 0; ; ) {
    const some = ledger.exchanges({ unacknowledged: true, after, limit: MOST_EXCHANGES })
    for (const { id, point, kind, at: when } of some)
      if (when <= at && !open.has(point)) open.set(point, `exchange ${id} (${kind}) of ${new Date(when).toISOString()} is not acknowledged`)
    const last = some.at(-1)
    if (!last || some.length < MOST_EXCHANGES) return open
    after = last.id
  }
}

/** A point with the meter that hung there, and what has been found so far. */
interface Looked {
  readonly point: PointAt
  readonly fact: MeterFact | null
  readonly hanging: Hanging | null
  readonly due: readonly string[]
  readonly reads: NearRead[]
  choices: ReadonlyMap<string, Choice>
  /** The nearest reading has not every register: another one may be nearer for that. */
  isPatchy: boolean
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
  await take(parts, lacking(looked, isImprovable), at, { ...around, near: at })
  await take(parts, lacking(looked, isUnread), at, around)
  const evidence = await evidenceOf(parts, looked)
  const holds = await held
  return looked.map((one) => pointOf(parts, at, one, evidence, { exchange: open.get(one.point.id), person: holds.get(one.point.id) }))
}

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
    choices: new Map(),
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
  const wanted = new Set([...registers, TOTAL])
  const byPoint = new Map(looked.map((one) => [one.point.id, one]))
  const touched = new Set<Looked>()
  let cursor: string | undefined
  do {
    const page = await parts.store.scan({
      ...{ measurement: 'register', points: new Set(byPoint.keys()), limit: PAGE, ...question },
      ...(cursor === undefined ? {} : { cursor }),
    })
    if (!page.ok) throw new Error(explain(page.error))
    for (const reading of page.value.readings) {
      const one = byPoint.get(reading.series.tags.point ?? '')
      if (!one?.hanging || reading.series.tags.meter !== one.hanging.meter) continue
      const found = nearReads(parts, reading, one, wanted)
      if (question.near !== undefined) one.isPatchy ||= one.due.some((register) => found.every((read) => read.register !== register))
      one.reads.push(...found)
      touched.add(one)
    }
    cursor = page.value.next ?? undefined
  } while (cursor !== undefined)
  for (const one of touched) one.choices = chosen(at, windowMs, one)
}

const chosen = (at: number, windowMs: number, { hanging, reads }: Looked): ReadonlyMap<string, Choice> => {
  const choices = new Map<string, Choice>()
  if (!hanging) return choices
  const groups = new Map<string, NearRead[]>()
  for (const read of reads) {
    const group = groups.get(read.register)
    if (group) group.push(read)
    else groups.set(read.register, [read])
  }
  for (const [register, group] of [...groups].sort(([a], [b]) => (a < b ? -1 : 1)))
    choices.set(register, bestRead(at, windowMs, hanging, group))
  return choices
}

const isSource = (name: string | undefined): name is Source => SOURCES.some((source) => source === name)

/** Registers of one reading that matter. The same reading twice is no harm. */
const nearReads = ({ models }: BillingReadParts, reading: Reading, { fact }: Looked, wanted: ReadonlySet<string>): readonly NearRead[] => {
  const { series, shape, raws, ratio, quality, measuredAt, receivedAt } = reading
  const { source, meter } = series.tags
  if (!isSource(source) || meter === undefined) return []
  return shape.columns.flatMap(({ field, obis, unit }, column): NearRead[] => {
    const raw = raws[column]
    if (raw === null || raw === undefined || !wanted.has(field) || obis === null) return []
    const value: Decimal = { raw, scaler: scalerAt(reading, column) }
    // A store of doubles forgets the zeros at the end; the model knows how many digits the face has.
    const shown = fact ? (models.of(fact.profile, field)?.scaler ?? null) : null
    return [
      {
        ...{ register: field, unit, storedRatio: ratio, meter, source, quality, measuredAt, receivedAt },
        value: shown === null ? value : rescale(value, shown),
      },
    ]
  })
}

const evidenceOf = async ({ evidence }: BillingReadParts, looked: readonly Looked[]): Promise<ReadonlyMap<string, BillingEvidence>> => {
  const keys = new Map<string, EvidenceKey>()
  for (const { choices } of looked)
    for (const { best } of choices.values())
      if (best) keys.set(evidenceKey(best), { meter: best.meter, measuredAt: best.measuredAt, source: best.source })
  return keys.size === 0 ? new Map() : evidence().refsOf([...keys.values()])
}

const pointOf = (
  { models, rules }: BillingReadParts,
  at: number,
  { point: { id, attributes }, fact, hanging, due, choices }: Looked,
  evidence: ReadonlyMap<string, BillingEvidence>,
  {
    exchange,
    person,
  }: { readonly exchange: string | undefined; readonly person: { readonly by: string; readonly why: string } | undefined },
): BillingPoint => {
  const { windowMs } = rules()
  const minutes = Math.round(windowMs / 60_000)
  const holds: PointHold[] = hanging
    ? [...holdsOf(choices, due, `within ${minutes} minutes of it`)]
    : [{ reason: 'no-read', text: 'no meter hung there' }]
  const registers = [...choices].flatMap(([register, { best }]): BillingRegister[] => {
    if (!best || !fact) return []
    const factor = factorOf(models, fact, register, best.storedRatio)
    if (factor === null) {
      holds.push({ reason: 'incomplete', text: `${register}: the ledger has no ratio that can be used (CT ${fact.ct}, PT ${fact.pt})` })
      return []
    }
    return [registerOf(best, factor, evidence.get(evidenceKey(best)) ?? null)]
  })
  if (exchange !== undefined) holds.push({ reason: 'exchange-unacknowledged', text: exchange })
  if (person) holds.push({ reason: 'held-by-person', text: `${person.by} holds it: ${person.why}` })
  return {
    ...{ point: id, area: word(attributes.area) || null, customer: word(attributes.customer) || null, at, meter: hanging?.meter ?? null },
    registers,
    missing: due.filter((register) => !registers.some((given) => given.register === register)),
    holds,
  }
}

/** Factors by transformers and kind: few differ, and a division of decimals costs more than all else of a register. */
const factors = new Map<string, Decimal | null>()

/** The ratio the ledger has now for that time; a register that is primary already has none. */
const factorOf = (models: RegisterModels, fact: MeterFact, register: string, stored: string): Decimal | null => {
  const kind: RatioKind = models.of(fact.profile, register)?.ratio ?? (stored === '1' ? 'none' : 'ctpt')
  const key = `${kind}\n${fact.ct}\n${fact.pt}`
  const known = factors.get(key)
  if (known !== undefined) return known
  const factor = kind !== 'none' && (parseRatio(fact.ct) === null || parseRatio(fact.pt) === null) ? null : ratioOf(fact, kind)
  if (factors.size > 10_000) factors.clear()
  factors.set(key, factor)
  return factor
}

const registerOf = (
  { register, unit, value, meter, source, quality, measuredAt, receivedAt, storedRatio }: NearRead,
  ratio: Decimal,
  evidence: BillingEvidence | null,
): BillingRegister => {
  const primary = multiply(value, ratio)
  const written = decimalText(ratio.raw, ratio.scaler)
  const stored = written === storedRatio ? ratio : parseDecimal(storedRatio)
  return {
    ...{ register, unit, value: decimalText(value.raw, value.scaler), ratio: written },
    ...(stored && compare(stored, ratio) === 0 ? {} : { storedRatio }),
    primary: decimalText(primary.raw, primary.scaler),
    ...{ meter, source, quality, measuredAt, receivedAt, evidence },
  }
}
