import type { Calendar, Device, DeviceSpec, Poller, Taken } from '../acquisition/index.ts'
import { decimalText, type MeterTime, multiply, QUALITY, type Reading, type RegisterPlan, type Source } from '../core/index.ts'
import type { MeterFact, Point } from '../ledger/index.ts'
import { type MeterFacts, type Normaliser, normaliserOf, parseRatio } from '../normalise/index.ts'

/** A meter as the ledger has it, with its point. */
export interface KnownMeter {
  readonly fact: MeterFact
  readonly point: Point
}

/** Who carries out the reads of a meter. */
export type MeterReader = Pick<Poller, 'read'>

/** One meter of the ledger, bound to its line. */
export interface FieldMeter extends KnownMeter {
  readonly facts: MeterFacts
  /** CT × PT as decimal text. */
  readonly ratio: string
  readonly device: Device
  readonly poller: MeterReader
  /** The queue of the bus it hangs on; null where a concentrator answers for it. */
  readonly bus: Poller | null
  /** One for each plan it is read by: plans are shared among meters of a model, ratios are not. */
  readonly normalisers: WeakMap<RegisterPlan, Normaliser>
}

const ONE = { raw: 1, scaler: 0 }

/** The point of a meter whose point the ledger does not know. */
export const lonePoint = (id: string): Point => ({ id, name: '', area: '', role: 'customer', phase: 'unknown' })

/** A meter with its device. What it said before keeps the facts it was read under. */
export const fieldMeter = (
  { fact, point }: KnownMeter,
  { device, poller, bus }: Pick<FieldMeter, 'device' | 'poller' | 'bus'>,
): FieldMeter => {
  const facts: MeterFacts = {
    meter: fact.meter,
    point: fact.point,
    area: point.area,
    ct: parseRatio(fact.ct) ?? ONE,
    pt: parseRatio(fact.pt) ?? ONE,
  }
  const product = multiply(facts.ct, facts.pt)
  return { fact, point, facts, ratio: decimalText(product.raw, product.scaler), device, poller, bus, normalisers: new WeakMap() }
}

/** Whether a device can go on as it is. Everything else that the ledger says of a meter is no matter of the line. */
export const isSameDevice = (a: DeviceSpec, b: DeviceSpec): boolean =>
  a.id === b.id && a.address === b.address && a.profile === b.profile && a.reactionMs === b.reactionMs

/** Points that are planned have no meter yet, archived ones none any more. */
export const isRead = ({ fact }: KnownMeter): boolean => fact.state !== 'planned' && fact.state !== 'archived'

/** The figures of a meter go on under its new address or time-out. */
export const keepCounts = ({ health: from }: Device, { health: to }: Device): void => {
  to.due = from.due
  to.read = from.read
  to.firstTry = from.firstTry
  to.missed = from.missed
  to.late = from.late
  for (const [code, count] of from.reasons) to.reasons.set(code, count)
}

/** Whether readings would be normalised alike, and shown alike. */
export const isSameMeter = (a: KnownMeter, b: KnownMeter): boolean => sameValues(a.fact, b.fact) && sameValues(a.point, b.point)

const sameValues = (a: object, b: object): boolean => {
  const others = new Map<string, unknown>(Object.entries(b))
  const mine = Object.entries(a)
  return mine.length === others.size && mine.every(([name, value]) => others.get(name) === value)
}

/**
 * What was read as readings, by the facts of the meter.
 *
 * @param label      start of the period that was due
 * @param standsFor  the freeze a live read stands in for
 * @param quality    what is doubtful about all of it
 */
export const readingsOf = (
  { plan, samples, receivedAt }: Taken,
  { facts, normalisers }: FieldMeter,
  calendar: Calendar,
  label: number,
  standsFor: Source | null,
  quality = 0,
): readonly Reading[] => {
  const instantOf = (time: MeterTime) => calendar.instantOf(time)
  if (standsFor) {
    // A live read that stands in for a freeze is stored as the freeze of its set time, and says so.
    const normalise = normaliserOf(facts, { source: standsFor, values: plan.values }, instantOf)
    return samples
      .flatMap((sample) => normalise(sample, receivedAt, quality | QUALITY.liveAsFreeze, label))
      .filter(({ series }) => series.measurement === 'register')
  }
  let normalise = normalisers.get(plan)
  if (!normalise) {
    normalise = normaliserOf(facts, plan, instantOf)
    normalisers.set(plan, normalise)
  }
  const only = samples.length === 1 ? samples[0] : undefined
  if (only) return normalise(only, receivedAt, quality)
  const each = normalise
  return samples.flatMap((sample) => each(sample, receivedAt, quality))
}
