import type {
  BillingEndView,
  BillingEnergyPointView,
  BillingEnergyView,
  BillingPointView,
  BillingRegisterView,
  BillingSegmentView,
  TariffCheckView,
} from '../api/index.ts'
import {
  compare,
  type Decimal,
  decimalText,
  explain,
  fullObis,
  multiply,
  parseDecimal,
  type ReadingStore,
  rescale,
  SOURCES,
  type Source,
  subtract,
} from '../core/index.ts'
import {
  deriveEnergy,
  ENERGY_FLAGS,
  type EnergyInput,
  type EnergyInterval,
  energyFlagNames,
  type RatioPeriod,
  type RegisterRead,
  sumOf,
} from '../energy/index.ts'
import { leastOf } from './billing-states.ts'
import { type EnergyLedger, type PointFacts, pointFacts, type RegisterModels } from './energy-facts.ts'
import { PointReads } from './energy-reads.ts'
import { registerUnit } from './register-unit.ts'

export interface BillingEnergyParts {
  readonly store: Pick<ReadingStore, 'range'>
  readonly ledger: EnergyLedger
  readonly models: RegisterModels
}

/** A point at both ends of a time; null: it was not billed then. */
export interface Ends {
  readonly point: string
  readonly start: BillingPointView | null
  readonly end: BillingPointView | null
}

const TOTAL = '1.8.0'
const TARIFFS = ['1.8.1', '1.8.2', '1.8.3', '1.8.4']

/**
 * Energy of a point between two billing instants: the registers that stand for them (what was released, where it was), times the ratio, across
 * exchanges, rollovers and changes of ratio. Without any of these it is the register difference times the ratio, to the last digit.
 */
export const billingEnergyOf = async (
  parts: BillingEnergyParts,
  { point, start, end }: Ends,
  from: number,
  to: number,
): Promise<BillingEnergyPointView> => {
  const facts = pointFacts(parts.ledger, parts.models, point, to)
  const between = facts ? await readsBetween(parts, facts, point, from, to) : new Map<string, readonly RegisterRead[]>()
  const starts = new Map(start?.registers.map((register) => [register.register, register]))
  const ends = new Map(end?.registers.map((register) => [register.register, register]))
  const due = [...(start?.missing ?? []), ...(end?.missing ?? [])]
  const fields = [...new Set([...starts.keys(), ...ends.keys(), ...due])].sort()
  const registers = fields.map((field) =>
    registerEnergy(facts, field, [starts.get(field), ends.get(field)], between.get(field) ?? [], from, to),
  )
  const held = (at: number, side: BillingPointView | null) =>
    side
      ? side.state === 'released'
        ? []
        : side.holds.map((hold) => ({ at, ...hold }))
      : [{ at, reason: 'not-billed', text: 'the point was not billed at this instant' }]
  return {
    point,
    area: end?.area ?? start?.area ?? null,
    customer: end?.customer ?? start?.customer ?? null,
    state: leastOf([start?.state ?? 'held', end?.state ?? 'held']),
    registers,
    tariffs: tariffCheck(registers),
    holds: [...held(from, start), ...held(to, end)],
  }
}

const isSource = (word: string): word is Source => SOURCES.some((source) => source === word)

const readOf = (view: BillingRegisterView | undefined, at: number): RegisterRead[] => {
  const value = parseDecimal(view?.value ?? '')
  if (!view || !value || !isSource(view.source)) return []
  // It stands for the instant, whenever it was taken.
  return [{ at, receivedAt: view.receivedAt, value, meter: view.meter, source: view.source, quality: view.quality }]
}

const registerEnergy = (
  facts: PointFacts | null,
  field: string,
  [start, end]: readonly [BillingRegisterView | undefined, BillingRegisterView | undefined],
  between: readonly RegisterRead[],
  from: number,
  to: number,
): BillingEnergyView => {
  const unit = end?.unit ?? start?.unit ?? registerUnit(fullObis(field) ?? field) ?? ''
  const base = {
    ...{ register: field, unit, start: start ? endOf(start) : null, end: end ? endOf(end) : null },
    released: start?.state === 'released' && end?.state === 'released',
  }
  if (!facts) return { ...base, energy: null, segments: [], estimatedPpm: 0, reasons: ['no-meter'] }
  const stored = new Set([start, end].flatMap((view) => (view ? [view.storedRatio ?? view.ratio] : [])))
  const known = facts.of(field, fullObis(field) ?? field, stored)
  const waits = [start, end].some((view) => view?.pending) ? ['correction-waits'] : []
  const ratios = releasedRatios(known.ratios, [start, from], [end, to])
  if (ratios === null)
    return { ...base, energy: null, segments: [], estimatedPpm: 0, reasons: [...waits, ...energyFlagNames(ENERGY_FLAGS.missing)] }
  const input: EnergyInput = { ...known, ratios, reads: [...readOf(start, from), ...between, ...readOf(end, to)], outages: [] }
  const interval = deriveEnergy(input, [from, to], { evidence: true }).intervals[0]
  // What the registers at both ends do not say themselves is no figure for a bill.
  const isWhole =
    interval !== undefined &&
    interval.kwh !== null &&
    (hasRead(start, interval) || startsWithin(input, from, to)) &&
    (end !== undefined || endsWithin(input, from, to))
  // Signed registers of an exchange at the very end stand there in the place of what was read.
  const atEnd = isWhole && input.exchanges.some(({ at, oldMeter }) => at === to && oldMeter !== null) ? ENERGY_FLAGS.exchange : 0
  const flags = (interval?.flags ?? ENERGY_FLAGS.missing) | atEnd
  return {
    ...base,
    energy: isWhole && interval.kwh ? text(interval.kwh) : null,
    segments: interval && isWhole ? segmentsOf(interval, input) : [],
    estimatedPpm: isWhole ? interval.estimatedPpm : 0,
    reasons: [...waits, ...energyFlagNames(isWhole || interval?.kwh === null ? flags : flags | ENERGY_FLAGS.missing)],
  }
}

type End = readonly [view: BillingRegisterView | undefined, at: number]

/**
 * Ratios with those of the released figures where the ledger has another one by now: what was released stands until somebody corrects it. Null:
 * both ends have other ratios for the same time.
 */
const releasedRatios = (ratios: readonly RatioPeriod[], ...ends: readonly [End, End]): readonly RatioPeriod[] | null => {
  const said = new Map<RatioPeriod, Decimal>()
  for (const [view, at] of ends) {
    const ratio = view?.state === 'released' ? parseDecimal(view.ratio) : null
    const period = ratios.find(({ from, to }) => from <= at && (to === null || to > at))
    if (!ratio || !period) continue
    const other = said.get(period)
    if (other && compare(other, ratio) !== 0) return null
    said.set(period, ratio)
  }
  return ratios.map((period) => ({ ...period, ratio: said.get(period) ?? period.ratio }))
}

const hasRead = (start: BillingRegisterView | undefined, { evidence }: EnergyInterval): boolean =>
  start !== undefined && evidence?.start !== null
/** The first meter was hung up in that time: its start register stands in for a read. */
const startsWithin = ({ meters }: EnergyInput, from: number, to: number): boolean =>
  (meters[0]?.from ?? 0) > from && (meters[0]?.from ?? 0) < to
const endsWithin = ({ meters }: EnergyInput, from: number, to: number): boolean => {
  const last = meters.at(-1)?.to ?? null
  return last !== null && last > from && last < to
}

const text = ({ raw, scaler }: Decimal): string => decimalText(raw, scaler)

const endOf = ({ value, meter, source, measuredAt, state, version }: BillingRegisterView): BillingEndView => ({
  ...{ value, meter, source, measuredAt, state, version },
})

/** Stretches of one meter under one ratio with the registers between which they lie. */
const segmentsOf = ({ evidence }: EnergyInterval, { exchanges, meters }: EnergyInput): readonly BillingSegmentView[] => {
  let before: { readonly meter: string; readonly end: Decimal | null } | null = null
  const segments: BillingSegmentView[] = []
  for (const { meter, from, to, ratio, delta } of evidence?.segments ?? []) {
    const hung: Decimal | null = exchanges.find((exchange) => exchange.at === from && exchange.newMeter === meter)?.start ?? null
    const start: Decimal | null = before === null ? (evidence?.start?.register ?? hung) : before.meter === meter ? before.end : hung
    const capacity = meters.find((period) => period.meter === meter)?.capacity ?? null
    const end: Decimal | null = start && wrapped(sumOf([start, delta]), capacity)
    segments.push({
      ...{ meter, from, to, ratio: text(ratio), start: start && text(start), end: end && text(end) },
      ...{ delta: text(delta), energy: text(multiply(delta, ratio)) },
    })
    before = { meter, end }
  }
  return segments
}

const wrapped = (value: Decimal, capacity: Decimal | null): Decimal => {
  if (!capacity) return value
  const less = subtract(value, capacity)
  return less.raw < 0 ? value : less
}

/** Around an exchange or a change of ratio what was read there says more than the registers a month apart. */
const readsBetween = async (
  { store }: BillingEnergyParts,
  { history, of }: PointFacts,
  point: string,
  from: number,
  to: number,
): Promise<ReadonlyMap<string, readonly RegisterRead[]>> => {
  const { exchanges } = of(TOTAL, fullObis(TOTAL) ?? TOTAL, new Set())
  const cuts = new Set<number>()
  for (const fact of history) for (const at of [fact.from, fact.to]) if (at !== null && at > from && at < to) cuts.add(at)
  for (const { at } of exchanges) if (at > from && at < to) cuts.add(at)
  const found = new Map<string, Map<string, RegisterRead>>()
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    const reads = new PointReads(store, history)
    const loaded = await reads.load(cut, cut, new Map(), { first: from, last: to })
    if (!loaded.ok) throw new Error(`${point}: ${explain(loaded.error)}`)
    for (const { field, reads: some } of reads.registers.values()) {
      const known = found.get(field) ?? new Map<string, RegisterRead>()
      found.set(field, known)
      for (const read of some) if (read.at > from && read.at < to) known.set(`${read.meter}\n${read.source}\n${read.at}`, read)
    }
  }
  return new Map([...found].map(([field, reads]) => [field, [...reads.values()]]))
}

/** The tariffs of a meter add up to its total, but for the digits that are cut off. */
const tariffCheck = (registers: readonly BillingEnergyView[]): TariffCheckView | null => {
  const total = registers.find(({ register }) => register === TOTAL)
  const tariffs = registers.filter(({ register }) => TARIFFS.includes(register))
  const whole = parseDecimal(total?.energy ?? '')
  const parts = tariffs.flatMap(({ energy }) => parseDecimal(energy ?? '') ?? [])
  if (!total || !whole || parts.length === 0 || parts.length < tariffs.length) return null
  const sum = sumOf(parts)
  const difference = subtract(whole, sum)
  const apart = difference.raw < 0 ? { ...difference, raw: -difference.raw } : difference
  return {
    ...{ total: text(whole), sum: text(sum), difference: text(difference) },
    agrees: subtract(allowed(total, parts.length), apart).raw >= 0,
  }
}

/** A last digit of each register, at each end of each meter, times its ratio. */
const allowed = ({ segments, end }: BillingEnergyView, tariffs: number): Decimal => {
  const shown = parseDecimal(end?.value ?? '')?.scaler ?? 0
  const each = segments.map(({ ratio }) => multiply({ raw: tariffs + 1, scaler: shown }, parseDecimal(ratio) ?? { raw: 1, scaler: 0 }))
  return rescale(sumOf(each), Math.min(shown, 0))
}
