import {
  lossFigure,
  lossFigures,
  type MemberFigure,
  type MemberSlots,
  type ThresholdLayers,
  type ThresholdTarget,
  type Usual,
} from '../anomaly/index.ts'
import { type Decimal, decimalOfFloat64, decimalText, subtract } from '../core/index.ts'
import { ENERGY_FLAGS, sumOf } from '../energy/index.ts'
import type { EnergyBook } from './energy-book.ts'
import type { EnergyDays } from './energy-days.ts'
import { decimalOf, type Figure, type RegisterFigures } from './energy-figures.ts'
import type { AreaPoint } from './loss-members.ts'
import type { AreaLoss, LossItem, MemberLoss } from './loss-types.ts'

export interface LossWorkDeps {
  readonly energy: Pick<EnergyBook, 'figures'>
  readonly days: EnergyDays
  readonly thresholds: ThresholdLayers
}

/** Days whose energies say what a meter usually uses; of them, those that weigh it. */
export const USUAL_DAYS = 14
const WEEK = 7
const LEAST_DAYS = 3
const SIGMAS = 3
const MAD_SIGMA = 1.4826
const [IMPORT, EXPORT] = ['1.8.0', '2.8.0'] as const
/** More of an energy than this is spread by guess: its ends were not read. */
export const SPLIT_PPM = 50_000

/** What a point used on a day, quarter by quarter; 15-minute figures are numbers, exact to a millionth of a kWh. */
interface PointDay {
  readonly point: AreaPoint
  readonly imp: Figure | null
  /** undefined = no such register. */
  readonly exp: Figure | null | undefined
  readonly quarters: { readonly imp: readonly Figure[]; readonly exp: readonly Figure[] | undefined }
  readonly step: number
}

/**
 * Works out the loss of an area on one day: the whole day with exact decimals, quarter hours with numbers.
 *
 * @param past  days of the area before, newest last: what its meters usually use
 */
export const workLoss = (
  { energy, days, thresholds }: LossWorkDeps,
  area: string,
  day: string,
  now: number,
  points: readonly AreaPoint[],
  past: readonly AreaLoss[],
  target: ThresholdTarget,
): Omit<AreaLoss, 'version'> => {
  const [start, end] = [days.start(day), days.end(day)]
  const usual = usualOf(past.slice(-USUAL_DAYS))
  const hadExport = new Set(past.flatMap(({ members }) => members.flatMap(({ id, exp }) => (exp === undefined ? [] : [id]))))
  const found = points.map((point) => pointDay(point, energy.figures(point.id, day), hadExport))
  const members = found.map((one) => memberOf(one, usual.get(one.point.id) ?? null))
  const isOver = end <= now
  const whole = isOver ? itemOf(start, end, members, found, { thresholds, target, days: 1 }) : null
  const quarters = quartersOf(days, day, found, usual, { thresholds, target })
  return { area, day, thresholds: thresholds.version, whole, quarters, members, month: null }
}

const pointDay = (point: AreaPoint, registers: readonly RegisterFigures[] | null, hadExport: ReadonlySet<string>): PointDay => {
  const find = (field: string) => registers?.find((register) => register.field === field)
  const [imp, exp] = [find(IMPORT), find(EXPORT)]
  const hasExport = exp !== undefined || hadExport.has(point.id)
  return {
    point,
    imp: imp?.periods.day?.[0] ?? null,
    exp: hasExport ? (exp?.periods.day?.[0] ?? null) : undefined,
    quarters: { imp: imp?.periods['15m'] ?? [], exp: hasExport ? (exp?.periods['15m'] ?? []) : undefined },
    step: 0.01 * Math.max(0, point.ratio || 0),
  }
}

const memberOf = ({ point, imp, exp }: PointDay, usual: Usual | null): MemberLoss => {
  const figures = [imp, ...(exp === undefined ? [] : [exp])]
  const isGood = figures.every((figure) => figure !== null && figure.value !== null && figure.estimatedPpm <= SPLIT_PPM)
  return {
    ...{ id: point.id, role: point.role, imp: imp?.value ?? null, ...(exp === undefined ? {} : { exp: exp?.value ?? null }) },
    good: isGood,
    estimatedPpm: imp?.estimatedPpm ?? 0,
    flags: figures.reduce((flags, figure) => flags | (figure?.flags ?? ENERGY_FLAGS.missing), 0),
    quality: figures.reduce((quality, figure) => quality | (figure?.quality ?? 0), 0),
    version: Math.max(0, ...figures.map((figure) => figure?.version ?? 0)),
    ...(point.ratio > 0 ? {} : { wrongRatio: true }),
    usual: usual && [usual.value, usual.low, usual.high],
  }
}

const numberOf = (value: string | null | undefined): number | null | undefined =>
  value === null || value === undefined ? value : Number(value)
export const figureOfMember = (
  { id, role, imp, exp, good, estimatedPpm, flags, wrongRatio, usual }: MemberLoss,
  stepKwh: number,
): MemberFigure => ({
  id,
  role,
  imp: numberOf(imp) ?? null,
  exp: numberOf(exp),
  good,
  estimatedPpm,
  wrongRatio: wrongRatio === true,
  stepKwh,
  exchanged: (flags & ENERGY_FLAGS.exchange) !== 0,
  usual: usual && { value: usual[0], low: usual[1], high: usual[2] },
})

const text = ({ raw, scaler }: Decimal): string => decimalText(raw, scaler)
/** Exact, whatever the places. Nearly all have the same places, and are added as they stand. */
const exactSum = (members: readonly MemberLoss[], which: 'imp' | 'exp', isIn: (member: MemberLoss) => boolean): Decimal => {
  let raw = 0
  let scaler: number | null = null
  const others: Decimal[] = []
  for (const member of members) {
    if (!isIn(member)) continue
    const value = decimalOf(member[which] ?? null)
    if (!value) continue
    if (typeof value.raw === 'number' && (scaler ?? value.scaler) === value.scaler && Number.isSafeInteger(raw + value.raw)) {
      scaler = value.scaler
      raw += value.raw
    } else others.push(value)
  }
  return sumOf(scaler === null ? others : [{ raw, scaler }, ...others])
}

/** The balance over one time: states and shares from numbers, energies exact. */
export const itemOf = (
  from: number,
  to: number,
  members: readonly MemberLoss[],
  found: readonly Pick<PointDay, 'point' | 'step'>[],
  terms: { readonly thresholds: ThresholdLayers; readonly target: ThresholdTarget; readonly days: number },
): LossItem => {
  const steps = new Map(found.map(({ point, step }) => [point.id, step]))
  const figure = lossFigure(
    members.map((member) => figureOfMember(member, steps.get(member.id) ?? 0)),
    terms,
  )
  const gone = new Set(figure.missing)
  const isGateway = ({ role }: MemberLoss) => role === 'gateway'
  const isThere = ({ id, role }: MemberLoss) => role !== 'gateway' && !gone.has(id)
  const supply = exactSum(members, 'imp', isGateway)
  const reverse = exactSum(members, 'exp', isGateway)
  const generation = exactSum(members, 'exp', isThere)
  const measured = exactSum(members, 'imp', isThere)
  const made = decimalOfFloat64(Math.round(figure.made * 100) / 100)
  const sold = sumOf([measured, made])
  const loss = subtract(subtract(sumOf([supply, generation]), sold), reverse)
  const { bound, ofInput, ofNet } = figure
  return {
    ...{ from, to, supply: figure.supply === null ? null : text(supply), reverse: figure.reverse === null ? null : text(reverse) },
    ...{ generation: text(generation), measured: text(measured) },
    ...{ sold: figure.sold === null ? null : text(sold), loss: figure.loss === null ? null : text(loss), version: 1 },
    ...{ ofInput: rounded(ofInput), ofNet: rounded(ofNet), meters: figure.meters, good: figure.good, meterPpm: figure.meterPpm },
    ...{
      energyPpm: figure.energyPpm,
      estimatedPpm: figure.estimatedPpm,
      state: figure.state,
      grade: figure.grade,
      judgedIn: figure.judgedIn,
    },
    ...{ faults: figure.faults, missing: figure.missing, stepKwh: rounded(figure.stepKwh) ?? 0, watches: figure.watches },
    bound: bound && [rounded(bound.low) ?? 0, rounded(bound.likely) ?? 0, rounded(bound.high) ?? 0],
  }
}

const rounded = (value: number | null): number | null => (value === null ? null : Math.round(value * 1e4) / 1e4)

/** Quarter hours of a day, those of which any figure is known. */
const quartersOf = (
  days: EnergyDays,
  day: string,
  found: readonly PointDay[],
  usual: ReadonlyMap<string, Usual>,
  terms: { readonly thresholds: ThresholdLayers; readonly target: ThresholdTarget },
): LossItem[] => {
  const marks = days.marks(day, '15m')
  const slots = marks.length - 1
  const columns = found.map(({ point, step, quarters }) => {
    const imp = valuesOf(quarters.imp, marks)
    return {
      ...{ id: point.id, role: point.role, wrongRatio: !(point.ratio > 0), stepKwh: step },
      ...{ ...imp, exp: quarters.exp && valuesOf(quarters.exp, marks).imp, usual: quarterUsual(usual.get(point.id), slots) },
    }
  })
  if (!columns.some(({ isThere }) => isThere)) return []
  const last = Math.max(...columns.map((column) => column.last))
  return lossFigures(columns, last + 1, { ...terms, days: 1 / slots }).map((figure, slot): LossItem => {
    const [from, to] = [marks[slot] ?? 0, marks[slot + 1] ?? 0]
    const { supply, reverse, generation, measured, sold, loss, bound, made, ...rest } = figure
    return {
      ...{ from, to, supply: micro(supply), reverse: micro(reverse), generation: micro(generation), measured: micro(measured) ?? '0' },
      ...{ sold: micro(sold), loss: micro(loss), ...rest, ofInput: rounded(rest.ofInput), ofNet: rounded(rest.ofNet) },
      stepKwh: rounded(rest.stepKwh) ?? 0,
      bound: bound && [rounded(bound.low) ?? 0, rounded(bound.likely) ?? 0, rounded(bound.high) ?? 0],
      version: 1,
    }
  })
}

/** A quarter hour can be a whole evening's share: nobody uses a third of the day in one. */
const quarterUsual = (known: Usual | undefined, slots: number): Usual | null =>
  known ? { value: known.value / slots, low: 0, high: known.high / 3 } : null

/** To a millionth of a kWh: a float's dust does not become a new version. */
const micro = (value: number | null): string | null => (value === null ? null : String(Math.round(value * 1e6) / 1e6 + 0))

/** Quarter hours of a register on a day; NaN = not known. */
interface QuarterValues extends Pick<MemberSlots, 'imp' | 'good' | 'estimatedPpm' | 'exchanged'> {
  /** There is a figure, be it one that is not known. */
  readonly isThere: boolean
  /** Slot of the last that is known, -1 = none. */
  readonly last: number
}

const valuesOf = (figures: readonly Figure[], marks: readonly number[]): QuarterValues => {
  const slots = marks.length - 1
  const imp = new Float64Array(slots).fill(Number.NaN)
  const [good, exchanged, estimatedPpm] = [new Uint8Array(slots), new Uint8Array(slots), new Int32Array(slots)]
  const start = marks[0] ?? 0
  let [isThere, last] = [false, -1]
  for (const figure of figures) {
    const slot = Math.round((figure.from - start) / 900_000)
    if (slot < 0 || slot >= slots) continue
    isThere = true
    estimatedPpm[slot] = figure.estimatedPpm
    exchanged[slot] = (figure.flags & ENERGY_FLAGS.exchange) !== 0 ? 1 : 0
    if (figure.value === null) continue
    imp[slot] = Number(figure.value)
    good[slot] = figure.estimatedPpm <= SPLIT_PPM ? 1 : 0
    if (slot > last) last = slot
  }
  return { imp, good, exchanged, estimatedPpm, isThere, last }
}

/** Middle of the last week's known days, and what a day has been at least and at most in two weeks, three robust deviations on. */
const usualOf = (past: readonly AreaLoss[]): ReadonlyMap<string, Usual> => {
  const values = new Map<string, number[]>()
  for (const { members } of past)
    for (const { id, imp, estimatedPpm } of members) {
      if (imp === null || estimatedPpm > SPLIT_PPM) continue
      const known = values.get(id)
      if (known) known.push(Number(imp))
      else values.set(id, [Number(imp)])
    }
  const usual = new Map<string, Usual>()
  for (const [id, kwh] of values) {
    if (kwh.length < LEAST_DAYS) continue
    const week = kwh.slice(-WEEK)
    const value = week.reduce((sum, one) => sum + one, 0) / week.length
    const middle = medianOf(kwh)
    const spread = SIGMAS * MAD_SIGMA * medianOf(kwh.map((one) => Math.abs(one - middle)))
    const [low, high] = [Math.min(...kwh, middle - spread), Math.max(...kwh, middle + spread)]
    usual.set(id, { value: round2(value), low: round2(Math.max(0, low)), high: round2(high) })
  }
  return usual
}

const round2 = (value: number): number => Math.round(value * 100) / 100
const medianOf = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const at = sorted.length >> 1
  return sorted.length % 2 === 1 ? (sorted[at] ?? 0) : ((sorted[at - 1] ?? 0) + (sorted[at] ?? 0)) / 2
}
