import type { AreaFrame, MeterColumns } from '../frame.ts'
import { isVoltage } from './follow.ts'
import { addFive, median, momentsOf, solve } from './linear.ts'
import { ownCurrents, type PhasedPlace, type Supply } from './supply.ts'

/**
 * What the voltage of one place of a meter shows of the wires before it: `U_gateway − U_meter = offset + own × own current + sum_p of[p] × gateway current of phase p`,
 * active currents in ampere, resistances in ohm as the active current sees them (they hold the reactive part at the usual power factor).
 */
export interface DropModel {
  readonly meter: MeterColumns
  readonly place: number
  /** Gateway phase, 0 to 2. */
  readonly phase: number
  /** Volt at no load: difference of the two voltage measurements' errors. */
  readonly offset: number
  readonly own: number
  readonly of: readonly [number, number, number]
  /** Standard deviation of what is left over, volt. */
  readonly sd: number
  readonly rows: number
  /** False: too little data or a voltage from elsewhere; the coefficients are those of its neighbours. */
  readonly measured: boolean
}

/** Slots the coefficients are learnt from; more do not make them better, only slower. */
const ROWS = 1500
const FEWEST_ROWS = 96
/** Class 0.5 voltage measurement at both ends, volt per volt. @source GB/T 17215.321, sampling error of voltages in class 1 and better meters */
const OFFSET_SHARE = 0.003
/** Widest spread that a service cable (0.1 Ω) and a shared main (0.01 Ω) have in low voltage networks, ohm. */
const OWN_PRIOR = { value: 0.1, sd: 0.2 }
const SHARED_PRIOR = { value: 0, sd: 0.1 }

/** What is left over lasts for hours (other customers' loads): so many neighbouring quarter hours count as one observation. */
const PERSISTENCE = 8

/** Learns the wires before one place of a meter; null when the data do not say. */
export const learnDrop = (
  frame: AreaFrame,
  supply: Supply,
  meter: MeterColumns,
  place: number,
  phase: number,
  from = 0,
  to = frame.slots,
): DropModel | null => {
  const nominal = frame.fact.nominalV
  const [volts, amperes] = [meter.u[place], meter.i[place]]
  const reference = supply.u[phase]
  const [a, b, c] = supply.now
  if (!volts || !amperes || !reference || !a || !b || !c) return null
  const moments = momentsOf(5)
  const stride = Math.max(1, Math.floor((to - from) / ROWS))
  // An odd stride walks through all hours of the day.
  const step = stride % 2 === 0 ? stride + 1 : stride
  const owns = ownCurrents(meter, place)
  for (let slot = from; slot < to; slot += step) {
    const volt = volts[slot]!
    const source = reference[slot]!
    if (!isVoltage(volt, nominal) || !isVoltage(source, nominal)) continue
    const own = owns[slot]!
    const ofA = a[slot]!
    const ofB = b[slot]!
    const ofC = c[slot]!
    if (Number.isNaN(own + ofA + ofB + ofC)) continue
    addFive(moments, own, ofA, ofB, ofC, source - volt)
  }
  if (moments.rows < FEWEST_ROWS) return null
  const first = solve(moments, [1e-6, 1e-6, 1e-6, 1e-6, 1e-6])
  if (!first) return null
  const variance = Math.max(first.variance, 1e-4)
  const weight = (sd: number) => (PERSISTENCE * variance) / (sd * sd)
  const shared = weight(SHARED_PRIOR.sd)
  const fit = solve(
    moments,
    [weight(OFFSET_SHARE * nominal), weight(OWN_PRIOR.sd), shared, shared, shared],
    [0, OWN_PRIOR.value, SHARED_PRIOR.value, SHARED_PRIOR.value, SHARED_PRIOR.value],
  )
  if (!fit) return null
  const at = (index: number) => fit.beta[index] ?? 0
  return {
    meter,
    place,
    phase,
    offset: at(0),
    own: at(1),
    of: [at(2), at(3), at(4)],
    sd: Math.sqrt(fit.variance),
    rows: moments.rows,
    measured: true,
  }
}

/** Left over more than this many times what is usual in the area: the voltage is not of this network, or not of this time. */
const STRANGE = 5

/** All places of all meters: those that cannot be learnt, or whose voltage is strange, get the middle of the others. */
export const learnDrops = (frame: AreaFrame, supply: Supply, places: readonly PhasedPlace[]): readonly DropModel[] => {
  const learnt = places.map(({ meter, place, phase }) => (phase === null ? null : learnDrop(frame, supply, meter, place, phase)))
  const good = learnt.flatMap((one) => (one ? [one] : []))
  const usual = median(good.map(({ sd }) => sd))
  const sane = good.filter(({ sd }) => sd <= STRANGE * usual)
  if (sane.length === 0) return []
  // Turned to its own phase first, so that meters of all phases can be compared.
  const turned = (index: number) => median(sane.map(({ of, phase }) => of[(phase + index) % 3] ?? 0))
  const middle = [turned(0), turned(1), turned(2)]
  const own = median(sane.map((one) => one.own))
  return places.map(({ meter, place, phase }, at) => {
    const one = learnt[at]
    if (one && one.sd <= STRANGE * usual) return one
    const on = phase ?? 0
    const of = (gateway: number) => middle[(gateway - on + 3) % 3] ?? 0
    return { meter, place, phase: on, offset: 0, own, of: [of(0), of(1), of(2)], sd: usual, rows: 0, measured: false }
  })
}
