import type { AreaFrame, MeterColumns } from '../frame.ts'
import { dayOf, timeOf } from '../meter/shared.ts'
import type { AreaView } from '../view.ts'
import { type Component, type Explanation, explain } from './explain.ts'
import type { Foreign } from './hypotheses.ts'
import { netOf, powerOf, quartersOf } from './net.ts'
import { meansOf, type Rows, rowsOf } from './rows.ts'

/** The balance of a view explained, and what detectors ask of it. */
export interface Study {
  readonly explanation: Explanation
  readonly foreign: readonly Foreign[]
}

/** Meters of the neighbouring areas in the rows of this one: one of them may hang here. */
const foreignOf = ({ frame, neighbours }: AreaView, rows: Rows): Foreign[] => {
  const quarter = quartersOf(frame)
  return neighbours.flatMap((other) => {
    if (other.start !== frame.start || other.slots !== frame.slots) return []
    return other.meters.map((meter) => ({
      id: meter.fact.id,
      area: other.fact.id,
      use: meter.p ? meansOf(rows, netOf(other, meter, powerOf(other, meter), quarter).value) : energyMeans(rows, other, meter),
    }))
  })
}

/** What {@link netOf} says of a meter of which only the energy is known, without a column of its own: areas of a feeder have thousands of them. */
const energyMeans = ({ rowOf, slotsOf, count }: Rows, { stepMs }: AreaFrame, { known, imp, exp }: MeterColumns): Float64Array => {
  const out = new Float64Array(count)
  const hours = stepMs / 3_600_000
  for (let slot = 0; slot < rowOf.length; slot++) {
    const row = rowOf[slot]!
    if (row < 0 || known[slot] === 0) continue
    const kw = (imp[slot]! - (exp[slot]! || 0)) / hours
    if (Number.isFinite(kw)) out[row]! += kw
  }
  for (let row = 0; row < count; row++) out[row]! /= slotsOf[row]!
  return out
}

const studies = new WeakMap<AreaFrame, { readonly view: AreaView; readonly study: Study | null }>()

const sameInputs = (a: AreaView, b: AreaView): boolean => {
  const same = <T>(one: readonly T[], other: readonly T[]) => one.length === other.length && one.every((value, at) => value === other[at])
  const phases = (view: AreaView) => Object.entries(view.phases).flat()
  return a.technical === b.technical && same(a.doubts, b.doubts) && same(a.neighbours, b.neighbours) && same(phases(a), phases(b))
}

/**
 * One joint explanation serves all detectors of the balance: a wrong ratio and a theft are told apart only by being fitted together.
 * It is kept as long as the frame lives and nothing it rests on differs; a cache, no memory: the same view always gives the same study.
 */
export const studyOf = (view: AreaView): Study | null => {
  const kept = studies.get(view.frame)
  if (kept && sameInputs(kept.view, view)) return kept.study
  const rows = rowsOf(view)
  let foreign: readonly Foreign[] | null = null
  const study =
    rows && rows.count > 0 ? { explanation: explain(view, rows, () => (foreign ??= foreignOf(view, rows))), foreign: foreign ?? [] } : null
  studies.set(view.frame, { view, study })
  return study
}

/** Whole days from the onset of a component to the end of the window. */
export const daysOf = ({ onset }: Component, rows: Rows): number => rows.days - onset

/** Energy of a component since its onset, kWh. */
export interface Energy {
  readonly value: number
  readonly low: number
  readonly high: number
  readonly aDay: number
}

/** 90 % of a normal distribution. */
const NINETY = 1.645

/** Share of an energy that class errors of gateway and meters leave open. */
const CLASS_ERROR = 0.01

/** Below this purity a share of the meter describes what is taken only roughly. */
const ROUGH = 0.7

const isRough = ({ shape, size, purity }: Component): boolean => shape !== 'foreign' && (shape !== 'share' || (size > 0 && purity < ROUGH))

/**
 * Energy behind a component.
 * One in step with its meter is the coefficient times what the meter counted. Of a form that is only roughly known the balance itself says how
 * much it was: the component and what is left in its rows, shared with others of that kind by their size.
 */
export const energyOf = (frame: AreaFrame, { rows, components, residual, noise }: Explanation, one: Component): Energy => {
  const { values, size, error, onset } = one
  const from = rows.dayRows[onset]!
  const present = rows.count - from
  const whole = (frame.slots - frame.dayStarts[onset]!) * (frame.stepMs / 3_600_000)
  const scale = present > 0 ? whole / (present * rows.hours) : 0
  const rough = components.filter(isRough)
  let sum = 0
  let left = 0
  let unsure = 0
  for (let row = from; row < rows.count; row++) {
    const part = size * values[row]!
    sum += part
    if (!isRough(one) || part === 0) continue
    const all = rough.reduce((total, other) => total + Math.abs(other.size * other.values[row]!), 0)
    const mine = all > 0 ? Math.abs(part) / all : 1
    left += mine * residual[row]!
    // What is shared out between several may be anybody's.
    unsure += noise + (1 - mine) * Math.abs(part)
  }
  const value = (sum + left) * rows.hours * scale
  const coefficient = size === 0 ? 0 : Math.abs(error / size)
  const spreadShare = !isRough(one) ? 0 : Math.abs(sum) > 0 ? unsure / Math.abs(sum) : 0
  const margin = Math.abs(value) * Math.min(1, NINETY * Math.hypot(coefficient, 0.3 * spreadShare) + CLASS_ERROR)
  return { value, low: value - margin, high: value + margin, aDay: whole > 0 ? (value / whole) * 24 : 0 }
}

/** Mean unexplained power before and after a day, kWh a day, as the balance shows it without any explanation. */
export const beforeAndAfter = ({ rows }: Explanation, onset: number): { readonly before: number | null; readonly after: number | null } => {
  const mean = (from: number, to: number) => {
    let sum = 0
    for (let row = from; row < to; row++) sum += rows.unexplained[row]!
    return to > from ? (sum / (to - from)) * 24 : null
  }
  const at = rows.dayRows[onset]!
  return { before: mean(0, at), after: mean(at, rows.count) }
}

/** Recorded use a day before and after, kWh. */
export const useBeforeAndAfter = (
  { rows }: Explanation,
  meter: number,
  onset: number,
): { readonly before: number | null; readonly after: number | null } => {
  const use = rows.use[meter]!
  const mean = (from: number, to: number) => {
    let sum = 0
    for (let row = from; row < to; row++) sum += use[row]!
    return to > from ? (sum / (to - from)) * 24 : null
  }
  const at = rows.dayRows[onset]!
  return { before: mean(0, at), after: mean(at, rows.count) }
}

/** Start of the first day of a component; a window that begins with it says nothing of the time before. */
export const onsetTime = (frame: AreaFrame, onset: number): number => timeOf(frame, frame.dayStarts[onset]!)

export const dayName = (frame: AreaFrame, time: number): string =>
  frame.days[dayOf(frame, Math.floor((time - frame.start) / frame.stepMs))] ?? ''

/** 0 to 1 from a figure in nats beyond its threshold. */
export const logistic = (nats: number): number => 1 / (1 + Math.exp(-nats))
