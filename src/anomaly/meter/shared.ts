import type { Estimate, Finding, FindingKind, SeriesRef, Severity, Words } from '../finding.ts'
import type { AreaFrame, MeterColumns, MeterFact } from '../frame.ts'
import { type RuleSpec, type ThresholdSpec, thresholdOf } from '../rule.ts'
import type { AreaView } from '../view.ts'

/** Asks a threshold of one rule by its name. */
export type Limit<R extends RuleSpec> = (name: keyof R['thresholds'] & string) => number

/** Makes a rule, so that its thresholds are known by name. */
export const rule = <const T extends Readonly<Record<string, ThresholdSpec>>>(of: {
  readonly id: string
  readonly version: number
  readonly title: Words
  readonly thresholds: T
}) => of

/** Written short: a threshold with its closed end, unit, range, meaning and where it comes from. */
export const threshold = (
  value: number,
  op: ThresholdSpec['op'],
  unit: string,
  [min, max]: readonly [number, number],
  meaning: Words,
  source: string,
): ThresholdSpec => ({ value, op, unit, min, max, meaning, source })

/** Thresholds in force for a metering point, or for the area itself. */
export const limitsOf = <R extends RuleSpec>(view: AreaView, of: R, fact?: MeterFact): Limit<R> => {
  const target = fact
    ? { zone: view.frame.fact.zone, category: fact.category, id: fact.id }
    : { zone: view.frame.fact.zone, id: view.frame.fact.id }
  return (name) => thresholdOf(view.thresholds, of, name, target).value
}

/** Thresholds as a finding shows them. */
const inForce = <R extends RuleSpec>(of: R, limit: Limit<R>): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.keys(of.thresholds).map((name) => [`${of.id}.${name}`, limit(name)]))

/** What a detector says of a finding; the rest follows from its rule and target. */
export interface Claim {
  readonly kind: FindingKind
  /** What tells two causes at one target apart. */
  readonly apart?: string
  readonly from: number
  readonly to: number | null
  readonly score: number
  readonly severity: Severity
  readonly kwh?: Estimate | null
  readonly cause?: string
  readonly numbers: Finding['numbers']
  readonly series: readonly SeriesRef[]
  readonly ruledOut?: readonly Words[]
  readonly why: Words
  readonly action: Words
}

export const findingOf = <R extends RuleSpec>(view: AreaView, of: R, fact: MeterFact | null, limit: Limit<R>, claim: Claim): Finding => {
  const { apart, kwh = null, ruledOut = [], cause, ...rest } = claim
  const area = view.frame.fact.id
  const target = fact?.id ?? area
  return {
    rule: of.id,
    version: of.version,
    key: keyOf(of, target, apart),
    target,
    area,
    level: fact ? 'meter' : 'area',
    kwh,
    ...(cause === undefined ? {} : { cause }),
    ...rest,
    thresholds: inForce(of, limit),
    ruledOut,
  }
}

export const keyOf = (of: RuleSpec, target: string, apart?: string): string => `${of.id}/${target}${apart === undefined ? '' : `/${apart}`}`

/** Start of a slot, milliseconds; of the slot after the last one: the end of the frame. */
export const timeOf = (frame: AreaFrame, slot: number): number => frame.start + slot * frame.stepMs

/** First slot of the last `days` days of a frame. */
export const daysBack = (frame: AreaFrame, days: number): number => frame.dayStarts[Math.max(0, frame.days.length - days)] ?? 0

/** Day of a slot, as an index into `days`. */
export const dayOf = (frame: AreaFrame, slot: number): number => {
  let [low, high] = [0, frame.days.length - 1]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((frame.dayStarts[middle] ?? 0) <= slot) low = middle
    else high = middle - 1
  }
  return low
}

/** Median of what is known; NaN when nothing is. Sorts a copy. */
export const median = (values: Iterable<number>): number => quantile(values, 0.5)

/** Quantile (linear between neighbours) of what is known; NaN when nothing is. */
export const quantile = (values: Iterable<number>, share: number): number => {
  const known = Float64Array.from(values).filter((value) => !Number.isNaN(value))
  if (known.length === 0) return Number.NaN
  known.sort()
  const at = share * (known.length - 1)
  const [below, above] = [known[Math.floor(at)] ?? 0, known[Math.ceil(at)] ?? 0]
  return below + (above - below) * (at - Math.floor(at))
}

/** Robust standard deviation: 1.4826 × median absolute deviation. */
export const spread = (values: readonly number[], middle = median(values)): number =>
  1.4826 * median(values.map((value) => Math.abs(value - middle)))

/** Rounded for a reader; what is not known stays unknown. */
export const round = (value: number, digits = 3): number | null =>
  Number.isFinite(value) ? Math.round(value * 10 ** digits) / 10 ** digits : null

/** A figure in a sentence. */
export const say = (value: number, digits = 1): string => (Number.isFinite(value) ? value.toFixed(digits) : '?')

export const estimate = (value: number, low: number, high: number): Estimate => ({
  value: round(value, 2) ?? 0,
  low: round(Math.min(low, high), 2) ?? 0,
  high: round(Math.max(low, high), 2) ?? 0,
})

/** Meters and gateways of the area: what every single-meter rule looks at. */
export const everyMeter = (frame: AreaFrame): readonly MeterColumns[] => [...frame.gateways, ...frame.meters]

export const isGateway = (frame: AreaFrame, of: MeterColumns): boolean => frame.gateways.includes(of)

/** Step of the register, kWh on the primary side: two decimals on the face (DL/T 645-2007) times the ratio. */
export const FACE_STEP = 0.01

/** Hours of a slot. */
export const slotHours = (frame: AreaFrame): number => frame.stepMs / 3_600_000

/** Largest power a meter can be asked to count, kW, and what says so. */
export const powerCapOf = (
  frame: AreaFrame,
  { fact }: MeterColumns,
): { readonly kw: number; readonly by: 'contract' | 'rating' | 'type' } => {
  const phases = fact.type === '1P' ? 1 : 3
  const rated = fact.ratedA === null ? null : (fact.ratedA * frame.fact.nominalV * phases) / 1000
  if (fact.contractKw !== null && fact.contractKw > 0) return { kw: fact.contractKw, by: 'contract' }
  if (rated !== null && rated > 0) return { kw: rated, by: 'rating' }
  // Largest current of common meters: 100 A direct, 6 A behind transformers (GB/T 17215.321).
  const ampere = fact.type === '3P-CT' || fact.multiplier > 1 ? 6 * fact.multiplier : 100
  return { kw: (ampere * frame.fact.nominalV * phases) / 1000, by: 'type' }
}

/** Whether something the area knows of (planned outage) covers a time at this point. */
export const isOut = (frame: AreaFrame, id: string, from: number, to: number): boolean =>
  frame.outages.some((one) => one.from < to && one.to > from && (one.ids === null || one.ids.includes(id)))

/** A date and hour for a sentence: as the day of the frame and the clock in it. */
export const sayWhen = (frame: AreaFrame, time: number): string => {
  const slot = Math.max(0, Math.min(frame.slots, Math.round((time - frame.start) / frame.stepMs)))
  const day = dayOf(frame, Math.min(slot, frame.slots - 1))
  const minutes = (slot - (frame.dayStarts[day] ?? 0)) * (frame.stepMs / 60_000)
  if (slot === frame.slots) return `${frame.days[day] ?? ''} 24:00`
  return `${frame.days[day] ?? ''} ${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`
}

/** Which slots of a meter's energy an earlier detector found unusable; null = none. */
export const unusableSlots = (view: AreaView, of: MeterColumns): ((slot: number) => boolean) | null => {
  const { frame } = view
  const ranges = view.doubts
    .filter(({ id, what }) => id === of.fact.id && what === 'unusable')
    .map(({ from, to }) => [(from - frame.start) / frame.stepMs, to === null ? frame.slots : (to - frame.start) / frame.stepMs] as const)
  return ranges.length === 0 ? null : (slot) => ranges.some(([from, to]) => slot + 1 > from && slot < to)
}
