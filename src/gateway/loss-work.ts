import {
  type LossFigure,
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
import { decimalOf, type Figure } from './energy-figures.ts'
import { figuresOfPeriod, kwhAt, numberAt, type PeriodColumns, type RegisterColumns } from './energy-pack.ts'
import type { AreaPoint } from './loss-members.ts'
import type { AreaLoss, LossItem, MemberLoss } from './loss-types.ts'
import { type Habits, SPLIT_PPM } from './loss-usual.ts'

export interface LossWorkDeps {
  readonly energy: Pick<EnergyBook, 'columns'>
  readonly days: EnergyDays
  readonly thresholds: ThresholdLayers
}

const QUARTER_MS = 900_000
const [IMPORT, EXPORT] = ['1.8.0', '2.8.0'] as const

/** What a point used on a day, and quarter by quarter. */
interface PointDay {
  readonly point: AreaPoint
  readonly imp: Figure | null
  /** undefined = no such register. */
  readonly exp: Figure | null | undefined
  readonly quarters: { readonly imp: PeriodColumns | null; readonly exp: PeriodColumns | null | undefined }
  readonly step: number
}

/**
 * Works out the loss of an area on one day: the whole day with exact decimals, quarter hours with numbers.
 *
 * @param habits  what its meters usually use
 */
export const workLoss = (
  { energy, days, thresholds }: LossWorkDeps,
  area: string,
  day: string,
  now: number,
  points: readonly AreaPoint[],
  { usual, exporting }: Habits,
  target: ThresholdTarget,
): Omit<AreaLoss, 'version'> => {
  const [start, end] = [days.start(day), days.end(day)]
  const found = points.map((point) => pointDay(point, energy.columns(point.id, day), exporting))
  const members = found.map((one) => memberOf(one, usual.get(one.point.id) ?? null))
  const isOver = end <= now
  const whole = isOver ? itemOf(start, end, members, found, { thresholds, target, days: 1 }) : null
  const quarters = quartersOf(days, day, found, usual, { thresholds, target })
  return { area, day, thresholds: thresholds.version, whole, quarters, members, month: null }
}

const pointDay = (point: AreaPoint, registers: readonly RegisterColumns[] | null, exporting: ReadonlySet<string>): PointDay => {
  const find = (field: string) => registers?.find((register) => register.field === field)
  const [imp, exp] = [find(IMPORT), find(EXPORT)]
  const hasExport = exp !== undefined || exporting.has(point.id)
  const whole = (register: RegisterColumns | undefined) =>
    register?.periods.day ? (figuresOfPeriod(register.periods.day)[0] ?? null) : null
  return {
    point,
    imp: whole(imp),
    exp: hasExport ? whole(exp) : undefined,
    quarters: { imp: imp?.periods['15m'] ?? null, exp: hasExport ? (exp?.periods['15m'] ?? null) : undefined },
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
  const { ofInput, ofNet } = figure
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
    bound: roundedBound(figure.bound),
  }
}

const toTenThousandth = (value: number): number => Math.round(value * 1e4) / 1e4
const rounded = (value: number | null): number | null => (value === null ? null : toTenThousandth(value))
const roundedBound = (bound: LossFigure['bound']): LossItem['bound'] =>
  bound && [rounded(bound.low), rounded(bound.likely), toTenThousandth(bound.high)]

/** Quarter hours of a day up to the last of which a figure is known. */
const quartersOf = (
  days: EnergyDays,
  day: string,
  found: readonly PointDay[],
  usual: ReadonlyMap<string, Usual>,
  terms: { readonly thresholds: ThresholdLayers; readonly target: ThresholdTarget },
): LossItem[] => {
  const marks = days.marks(day, '15m')
  const slots = marks.length - 1
  const start = marks[0] ?? 0
  const [imp, exp] = [new SlotValues(slots), new SlotValues(slots)]
  let [isThere, last] = [false, -1]
  function* members(): Generator<MemberSlots> {
    for (const { point, step, quarters } of found) {
      imp.fill(quarters.imp, start)
      if (imp.isThere) isThere = true
      if (imp.last > last) last = imp.last
      if (quarters.exp !== undefined) exp.fill(quarters.exp, start)
      yield {
        ...{ id: point.id, role: point.role, wrongRatio: !(point.ratio > 0), stepKwh: step },
        ...{ imp: imp.kwh, exp: quarters.exp === undefined ? undefined : exp.kwh, usual: quarterUsual(usual.get(point.id), slots) },
        ...{ good: imp.good, exchanged: imp.exchanged, estimatedPpm: imp.estimatedPpm },
      }
    }
  }
  const figures = lossFigures(members(), slots, { ...terms, days: 1 / slots })
  if (!isThere) return []
  return figures.slice(0, last + 1).map((figure, slot) => quarterItem(marks[slot] ?? 0, marks[slot + 1] ?? 0, figure))
}

const quarterItem = (from: number, to: number, figure: LossFigure): LossItem => ({
  ...{ from, to, supply: micro(figure.supply), reverse: micro(figure.reverse), generation: micro(figure.generation) ?? '0' },
  ...{ measured: micro(figure.measured) ?? '0', sold: micro(figure.sold), loss: micro(figure.loss) },
  ...{ ofInput: rounded(figure.ofInput), ofNet: rounded(figure.ofNet), meters: figure.meters, good: figure.good },
  ...{ meterPpm: figure.meterPpm, energyPpm: figure.energyPpm, estimatedPpm: figure.estimatedPpm, state: figure.state },
  ...{ grade: figure.grade, judgedIn: figure.judgedIn, faults: figure.faults, missing: figure.missing },
  bound: roundedBound(figure.bound),
  ...{ stepKwh: rounded(figure.stepKwh) ?? 0, watches: figure.watches, version: 1 },
})

/** A quarter hour can be a whole evening's share: nobody uses a third of the day in one. */
const quarterUsual = (known: Usual | undefined, slots: number): Usual | null =>
  known ? { value: known.value / slots, low: 0, high: known.high / 3 } : null

/** To a millionth of a kWh: a float's dust does not become a new version. */
const micro = (value: number | null): string | null => (value === null ? null : String(Math.round(value * 1e6) / 1e6 + 0))

/** Quarter hours of a register on a day; filled again for every point. */
class SlotValues {
  /** NaN = not known. */
  readonly kwh: Float64Array
  readonly good: Uint8Array
  readonly exchanged: Uint8Array
  readonly estimatedPpm: Int32Array
  /** There is a figure, be it one that is not known. */
  isThere = false
  /** Slot of the last that is known, -1 = none. */
  last = -1

  constructor(slots: number) {
    this.kwh = new Float64Array(slots)
    this.good = new Uint8Array(slots)
    this.exchanged = new Uint8Array(slots)
    this.estimatedPpm = new Int32Array(slots)
  }

  fill(period: PeriodColumns | null, start: number): void {
    const { kwh, good, exchanged, estimatedPpm } = this
    kwh.fill(Number.NaN)
    for (const column of [good, exchanged, estimatedPpm]) column.fill(0)
    this.isThere = false
    this.last = -1
    if (period === null) return
    let { from } = period
    for (let at = 0; at < period.count; at++) {
      const slot = Math.round((from - start) / QUARTER_MS)
      from += numberAt(period.step, at)
      if (slot < 0 || slot >= kwh.length) continue
      this.isThere = true
      const guessed = numberAt(period.estimatedPpm, at)
      estimatedPpm[slot] = guessed
      exchanged[slot] = (numberAt(period.flags, at) & ENERGY_FLAGS.exchange) !== 0 ? 1 : 0
      const value = kwhAt(period, at)
      if (Number.isNaN(value)) continue
      kwh[slot] = value
      good[slot] = guessed <= SPLIT_PPM ? 1 : 0
      if (slot > this.last) this.last = slot
    }
  }
}
