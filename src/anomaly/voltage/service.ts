import type { AreaFrame, MeterColumns, Phase } from '../frame.ts'
import type { DataDoubt } from '../view.ts'
import { isVoltage } from './follow.ts'
import { median } from './linear.ts'
import { placesOf } from './phases.ts'
import { learntFit, regress, restOf } from './service-fit.ts'
import { clearest, dailyOf, type Series, type ServiceStep, sigmasOf } from './service-step.ts'
import { ownCurrents, type Supply, supplyOf } from './supply.ts'

/**
 * Current behind a customer's service cable that his meter does not see (表前分流), from voltages alone.
 *
 * The drop to a customer is `U_gateway − U_i = sum_j R_ij I_j`: a part that his neighbours on the same main have too, and the drop over his own service cable. Both are learnt on the
 * first days of the window, the shared part from the drops of the neighbours whose rests go most alike, which leaves little more than the error of the voltmeters (0.1 V). A bypass
 * then shows from its first hour: the own service cable carries a current the meter does not count. Energy is not used, so this is evidence of its own beside the balance.
 */
export interface ServiceEvidence {
  readonly id: string
  /** Resistance of the wires that only this customer uses, ohm, and its standard error; of a three-phase meter the mean of the places. */
  readonly ohm: number
  readonly ohmError: number
  /** What is left over of the drop on the days learnt from, standard deviation, volt. */
  readonly noiseV: number
  /** Power behind the service cable that the meter does not see, kW, at the END of each slot; single values are noise (noiseV / ohm × U), means over hours are not. NaN = not known. */
  readonly hiddenKw: Float32Array
  /** Mean of each day, kW, and of the drop behind it, volt; NaN = too little known. */
  readonly dailyKw: Float64Array
  readonly dailyV: Float64Array
  /** Days learnt from: the first of the window. A bypass that was there before shows only as a change of itself. */
  readonly learntDays: number
  /** The step that divides the days best, or null before there are days to compare. */
  readonly step: ServiceStep | null
}

export interface ServiceOptions {
  /** Days to learn from. */
  readonly learnDays?: number
  /** Doubts that stand: shifted clocks and meters from elsewhere are neither judged nor used as neighbours. */
  readonly doubts?: readonly DataDoubt[]
  /** Meters asked for; all by default. The others still serve as neighbours. */
  readonly ids?: ReadonlySet<string>
}

const NEIGHBOURS = 4
/** Days learnt from; with fewer in the window half of them, at least so many. */
const LEARN_DAYS = 10
const FEWEST_DAYS = 5
/** Share of the slots a neighbour must have. */
const PRESENT = 0.9
/** Resistance below which a drop says nothing of a current, ohm: 10 m of 16 mm² copper. */
const LEAST_OHM = 0.02

interface Place {
  readonly meter: MeterColumns
  readonly place: number
  readonly phase: number
  readonly drop: Float32Array
  readonly own: Float32Array
  /** Left over when own current and the gateway's currents are taken out; only over the days learnt from. */
  readonly rest: Float32Array
  readonly usable: boolean
}

/** Changes of a place's own current from slot to slot, and its middle: asked for where there is a step to explain. */
interface Course {
  readonly place: Place
  /** Of the slots that are compared. */
  readonly change: Float32Array
  readonly changePower: number
  readonly usual: number
}

/** What flows past one meter, without what is only told to people. */
interface Answer {
  readonly parts: readonly Hidden[]
  readonly hiddenKw: Float32Array
}

/** What all customers of an area are looked at with. */
interface Prepared {
  readonly phases: Readonly<Record<string, Phase>>
  readonly doubts: readonly DataDoubt[]
  readonly days: number
  readonly supply: Supply | null
  readonly places: readonly Place[]
  /** By phase. */
  readonly courses: Map<number, readonly Course[]>
  readonly answers: Map<MeterColumns, Answer | null>
}

/** Of frames that were looked at: suspects are asked for one by one, and the area around them stays the same. */
const looked = new WeakMap<AreaFrame, Prepared>()

const isSame = (a: Prepared, phases: Prepared['phases'], doubts: readonly DataDoubt[], days: number): boolean => {
  const names = Object.keys(phases)
  return (
    a.days === days &&
    a.doubts.length === doubts.length &&
    a.doubts.every((doubt, at) => doubt === doubts[at]) &&
    names.length === Object.keys(a.phases).length &&
    names.every((name) => a.phases[name] === phases[name])
  )
}

const prepare = (frame: AreaFrame, phases: Prepared['phases'], doubts: readonly DataDoubt[], days: number): Prepared => {
  const before = looked.get(frame)
  if (before && isSame(before, phases, doubts, days)) return before
  const supply = supplyOf(
    frame,
    frame.meters.flatMap((meter) => placesOf(meter, phases).map((phase, place) => ({ meter, place, phase }))),
  )
  const strange = new Set(doubts.flatMap(({ id, what }) => (what === 'unusable' ? [] : [id])))
  const learnt = frame.dayStarts[days] ?? 0
  const places = frame.meters.flatMap((meter) =>
    !supply || strange.has(meter.fact.id)
      ? []
      : placesOf(meter, phases).flatMap((phase, place) => placeOf(frame, supply, meter, place, phase, learnt) ?? []),
  )
  const now = { phases, doubts, days, supply, places, courses: new Map(), answers: new Map() }
  looked.set(frame, now)
  return now
}

/** Days to learn from; 0 = there are too few. */
const learntOf = (frame: AreaFrame, wanted: number): number => {
  const days = Math.min(wanted, frame.days.length >> 1)
  return days < FEWEST_DAYS ? 0 : days
}

/** Evidence for every meter of `frame` that has a voltage and enough days; in the order of the frame's meters. */
export const serviceEvidence = (
  frame: AreaFrame,
  phases: Readonly<Record<string, Phase>>,
  { learnDays = LEARN_DAYS, doubts = [], ids }: ServiceOptions = {},
): readonly ServiceEvidence[] => {
  const days = learntOf(frame, learnDays)
  if (days === 0) return []
  const asked = frame.meters.filter((meter) => !ids || ids.has(meter.fact.id))
  if (asked.length === 0) return []
  const prepared = prepare(frame, phases, doubts, days)
  return asked.flatMap((meter) => {
    const answer = answerOf(frame, prepared, meter)
    return answer ? evidenceOf(frame, meter, answer, days) : []
  })
}

/** The hidden power of one meter alone, as {@link serviceEvidence} has it; null when nothing can be said. */
export const hiddenPower = (
  frame: AreaFrame,
  meter: MeterColumns,
  phases: Readonly<Record<string, Phase>>,
  doubts: readonly DataDoubt[],
): Pick<ServiceEvidence, 'hiddenKw' | 'learntDays'> | null => {
  const days = learntOf(frame, LEARN_DAYS)
  const answer = days === 0 ? null : answerOf(frame, prepare(frame, phases, doubts, days), meter)
  return answer && { hiddenKw: answer.hiddenKw, learntDays: days }
}

const answerOf = (frame: AreaFrame, prepared: Prepared, meter: MeterColumns): Answer | null => {
  const { answers } = prepared
  const before = answers.get(meter)
  if (before !== undefined) return before
  const parts = partsOf(frame, prepared, meter)
  const answer = parts && { parts, hiddenKw: hiddenKwOf(frame, parts) }
  answers.set(meter, answer)
  return answer
}

const partsOf = (frame: AreaFrame, { supply, places, days, courses }: Prepared, meter: MeterColumns): readonly Hidden[] | null => {
  if (!supply) return null
  const learnt = frame.dayStarts[days] ?? 0
  const own = places.filter((one) => one.meter === meter)
  const parts = own.flatMap((one) => hiddenOf(frame, supply, one, neighboursOf(one, places, learnt), learnt) ?? [])
  if (own.length === 0 || parts.length < own.length) return null
  const sigmas = sigmasOf(frame, { ...meansOf(frame, parts), ohmError: ohmErrorOf(parts) })
  if (Math.abs(sigmas) < WORTH_A_LOOK) return parts
  return parts.map((part, at) => withoutOthers(part, coursesOf(own[at]?.phase ?? 0, places, courses), meter))
}

/** Below it nobody asks what else might explain a step. */
const WORTH_A_LOOK = 5
/** Other meters' currents that may explain a rest, and the correlation of changes each must have: five times the error over a week. */
const OTHERS = 4
const EXPLAINS = 0.2

/**
 * Takes out of a rest what the counted currents of others explain: a load that was not on in the days learnt from, on wires shared with this customer.
 * Told by changes from slot to slot: two customers' habits go alike over the day, their switching does not.
 */
const withoutOthers = (part: Hidden, others: readonly Course[], meter: MeterColumns): Hidden => {
  const volts = part.volts.slice()
  for (let pick = 0; pick < OTHERS; pick++) {
    const change = comparedChanges(volts)
    const power = sumOfProducts(change, change)
    let best: Course | null = null
    let bestR = 0
    let ohm = 0
    for (const of of others) {
      if (of.place.meter === meter) continue
      const common = sumOfProducts(change, of.change)
      const r = common / Math.sqrt(power * of.changePower)
      if (Math.abs(r) > Math.max(EXPLAINS, Math.abs(bestR))) {
        best = of
        bestR = r
        ohm = common / of.changePower
      }
    }
    if (!best) break
    const { usual } = best
    const { own } = best.place
    for (let slot = 0; slot < volts.length; slot++) {
      const ampere = own[slot]!
      // A current that was not read is taken as usual: the rest of the slot stays as it was.
      if (!Number.isNaN(ampere)) volts[slot]! -= ohm * (ampere - usual)
    }
  }
  return { ...part, volts }
}

const coursesOf = (phase: number, places: readonly Place[], known: Map<number, readonly Course[]>): readonly Course[] => {
  const before = known.get(phase)
  if (before) return before
  const courses = places.flatMap((place): Course[] => {
    if (place.phase !== phase) return []
    const change = comparedChanges(place.own)
    return [{ place, change, changePower: sumOfProducts(change, change), usual: median(place.own) }]
  })
  known.set(phase, courses)
  return courses
}

/** Slots compared when others are looked through: the error of a correlation is then 0.03. */
const COMPARED = 1200

/** Changes from slot to slot at the slots that are compared; 0 where one of the two is not known, which adds nothing to a sum of products. */
const comparedChanges = (values: Float32Array): Float32Array => {
  const { length } = values
  const stride = Math.max(1, Math.floor(length / COMPARED))
  const out = new Float32Array(Math.max(0, Math.ceil((length - 1) / stride)))
  for (let at = 0, slot = 1; slot < length; at++, slot += stride) {
    const change = values[slot]! - values[slot - 1]!
    out[at] = Number.isNaN(change) ? 0 : change
  }
  return out
}

const sumOfProducts = (x: Float32Array, y: Float32Array): number => {
  let sum = 0
  for (let at = 0; at < x.length; at++) sum += x[at]! * y[at]!
  return sum
}

const placeOf = (
  frame: AreaFrame,
  supply: Supply,
  meter: MeterColumns,
  place: number,
  phase: number | null,
  learnt: number,
): Place | null => {
  const volts = meter.u[place]
  const reference = phase === null ? undefined : supply.u[phase]
  if (phase === null || !volts || !meter.i[place] || !reference) return null
  const { slots } = frame
  const nominal = frame.fact.nominalV
  const drop = new Float32Array(slots).fill(Number.NaN)
  const own = new Float32Array(slots).fill(Number.NaN)
  let present = 0
  let late = 0
  const lately = frame.dayStarts[Math.max(0, frame.days.length - 7)] ?? 0
  const owns = ownCurrents(meter, place)
  for (let slot = 0; slot < slots; slot++) {
    const volt = volts[slot]!
    const source = reference[slot]!
    if (!isVoltage(volt, nominal) || !isVoltage(source, nominal)) continue
    drop[slot] = source - volt
    own[slot] = owns[slot]!
    if (slot < learnt) present++
    if (slot >= lately) late++
  }
  if (present < PRESENT * learnt * 0.5) return null
  const usable = present >= PRESENT * learnt && late >= PRESENT * (slots - lately) && meter.fact.exchanges.length === 0
  const columns = [own, ...supply.now]
  const fit = regress(drop, columns, 0, learnt, THIN)
  if (!fit) return null
  return {
    meter,
    place,
    phase,
    drop,
    own,
    rest: restOf(drop, columns, fit, 0, learnt),
    usable,
  }
}

/** Every second slot is enough to tell who hangs on the same main. */
const THIN = 2

const neighboursOf = (of: Place, places: readonly Place[], learnt: number): readonly Place[] =>
  places
    .filter((one) => one.meter !== of.meter && one.phase === of.phase && one.usable)
    .map((one) => ({ one, likeness: likeness(of.rest, one.rest, learnt) }))
    .sort((x, y) => y.likeness - x.likeness)
    .slice(0, NEIGHBOURS)
    .filter(({ likeness: r }) => r > 0.2)
    .map(({ one }) => one)

const likeness = (x: Float32Array, y: Float32Array, to: number): number => {
  let xx = 0
  let yy = 0
  let xy = 0
  for (let slot = 0; slot < to; slot += THIN) {
    const a = x[slot]!
    const b = y[slot]!
    const product = a * b
    if (Number.isNaN(product)) continue
    xx += a * a
    yy += b * b
    xy += product
  }
  return xx > 0 && yy > 0 ? xy / Math.sqrt(xx * yy) : 0
}

interface Hidden {
  readonly own: Float32Array
  readonly ohm: number
  readonly error: number
  readonly noise: number
  /** Volt not explained, over the whole window. */
  readonly volts: Float32Array
}

const hiddenOf = (frame: AreaFrame, supply: Supply, of: Place, neighbours: readonly Place[], learnt: number): Hidden | null => {
  const columns = [of.own, ...supply.now, ...neighbours.flatMap(({ drop, own }) => [drop, own])]
  const { fact } = of.meter
  const fit = learntFit(`${fact.area}/${fact.id}/${of.place}`, of.drop, columns, learnt)
  if (!fit) return null
  return {
    own: of.own,
    ohm: fit.beta[1] ?? 0,
    error: fit.error[1] ?? 0,
    noise: Math.sqrt(fit.variance),
    volts: restOf(of.drop, columns, fit, 0, frame.slots),
  }
}

/** Power that the meter does not see, of all places of a meter. */
const hiddenKwOf = (frame: AreaFrame, parts: readonly Hidden[]): Float32Array => {
  const kilo = frame.fact.nominalV / 1000
  const out = new Float32Array(frame.slots)
  for (const { volts, ohm } of parts) {
    const perVolt = kilo / Math.max(LEAST_OHM, ohm)
    for (let slot = 0; slot < out.length; slot++) out[slot]! += volts[slot]! * perVolt
  }
  return out
}

/** Volts not explained and current counted, mean and sum over the places of a meter. */
const meansOf = ({ slots }: AreaFrame, parts: readonly Hidden[]): Pick<Series, 'volts' | 'own'> => {
  const [only] = parts
  if (only && parts.length === 1) return { volts: only.volts, own: only.own }
  const volts = new Float32Array(slots)
  const own = new Float32Array(slots)
  for (const part of parts)
    for (let slot = 0; slot < slots; slot++) {
      volts[slot]! += part.volts[slot]! / parts.length
      own[slot]! += part.own[slot]!
    }
  return { volts, own }
}

const meanOf = (parts: readonly Hidden[], of: (part: Hidden) => number): number =>
  parts.reduce((sum, part) => sum + of(part), 0) / parts.length

const ohmErrorOf = (parts: readonly Hidden[]): number => meanOf(parts, ({ error }) => error) / Math.sqrt(parts.length)

const evidenceOf = (frame: AreaFrame, meter: MeterColumns, { parts, hiddenKw }: Answer, learntDays: number): ServiceEvidence => {
  const { volts, own } = meansOf(frame, parts)
  return {
    id: meter.fact.id,
    ohm: meanOf(parts, ({ ohm }) => ohm),
    ohmError: meanOf(parts, ({ error }) => error),
    noiseV: meanOf(parts, ({ noise }) => noise),
    hiddenKw,
    dailyKw: dailyOf(frame, hiddenKw),
    dailyV: dailyOf(frame, volts),
    learntDays,
    step: clearest(frame, { hiddenKw, volts, own, ohmError: ohmErrorOf(parts) }),
  }
}
