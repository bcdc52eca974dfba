import { HIGH_LOSS, LOSS_WATCH, limitsOf, NEGATIVE_LOSS, NOT_COMPUTABLE } from './loss-limits.ts'
import { isBeyond, type ThresholdLayers, type ThresholdTarget } from './rule.ts'

/** Part a metering point plays in the balance of an area: a gateway (台区总表) feeds it, a customer draws, a generator feeds in. */
export type LossRole = 'gateway' | 'customer' | 'generation'

/** What the loss of an area is judged to be (线损状态); `not-judged`: computable, but below what the gateway's register can resolve. */
export const LOSS_STATES = ['qualified', 'high', 'negative', 'not-computable', 'not-judged'] as const
export type LossState = (typeof LOSS_STATES)[number]

/** Why a loss is not computable, or what is odd about the archive of an area. */
export const LOSS_FAULTS = [
  'no-gateway',
  'gateway-missing',
  'several-gateways',
  'wrong-ratio',
  'no-meters',
  'meters-missing',
  'no-supply',
] as const
export type LossFault = (typeof LOSS_FAULTS)[number]

/** Lists of areas to keep an eye on (关注台区). */
export const WATCHES = ['zero-volume', 'small-volume', 'generation', 'exchange', 'stopped-supply', 'running-high'] as const
export type Watch = (typeof WATCHES)[number]

/** What a metering point usually uses in such a time, kWh: middle, and robust ends. */
export interface Usual {
  readonly value: number
  readonly low: number
  readonly high: number
}

/** One metering point of the balance over one time. */
export interface MemberFigure {
  readonly id: string
  readonly role: LossRole
  /** kWh, primary side; null = not known. */
  readonly imp: number | null
  /** Likewise; undefined = it has no such register. */
  readonly exp: number | null | undefined
  /** Registers at both ends were read. */
  readonly good: boolean
  /** Share of its energy that rests on no register of its own, millionths. */
  readonly estimatedPpm: number
  readonly wrongRatio: boolean
  readonly exchanged: boolean
  readonly usual: Usual | null
  /** Step of its register times its ratio, kWh. */
  readonly stepKwh: number
}

/** Null: a meter is missing of which nobody knows what it uses. */
export interface Bound {
  readonly low: number | null
  readonly likely: number | null
  readonly high: number
}

/** The balance of an area over one time. Rates are per cent. */
export interface LossFigure {
  readonly supply: number | null
  /** Back through the gateway (反向). */
  readonly reverse: number | null
  /** What customers and generators feed in (上网电量). */
  readonly generation: number | null
  /** Of the meters that are known. */
  readonly measured: number
  /** Made up for those that are not; part of `sold` only while the loss is computable. */
  readonly made: number
  readonly sold: number | null
  readonly loss: number | null
  /** loss / (supply + generation). */
  readonly ofInput: number | null
  /** loss / (supply + generation - reverse): 线损率 of Chinese reports. */
  readonly ofNet: number | null
  readonly meters: number
  readonly good: number
  readonly meterPpm: number
  /** Null = nobody knows what the meters used last week. */
  readonly energyPpm: number | null
  readonly estimatedPpm: number
  readonly state: LossState
  readonly grade: 'very-high' | 'small-negative' | null
  readonly judgedIn: '%' | 'kWh' | null
  readonly faults: readonly LossFault[]
  readonly missing: readonly string[]
  /** Between what the loss lies when missing meters used nothing, the usual, their most; null while the gateway itself is not known. */
  readonly bound: Bound | null
  readonly stepKwh: number
  readonly watches: readonly Watch[]
}

export interface LossTerms {
  readonly thresholds: ThresholdLayers
  readonly target: ThresholdTarget
  /** Days the time lasts: limits in kWh are per day. */
  readonly days: number
}

const PPM = 1_000_000

/** Sums and judges the members of an area over one time. */
export const lossFigure = (members: readonly MemberFigure[], terms: LossTerms): LossFigure => figureOf(sumsOf(members), terms)

/** One metering point of the balance over the slots of a day. It is read at once: its columns may be filled again for the next point. */
export interface MemberSlots extends Omit<MemberFigure, 'imp' | 'exp' | 'good' | 'estimatedPpm' | 'exchanged'> {
  /** kWh a slot, NaN = not known. */
  readonly imp: Float64Array
  readonly exp: Float64Array | undefined
  /** 1 = registers at both ends were read. */
  readonly good: Uint8Array
  readonly estimatedPpm: Int32Array
  /** 1 = exchanged in that slot. */
  readonly exchanged: Uint8Array
}

/** The same as {@link lossFigure} slot by slot, at a tenth of the work: what is known is added up column by column, and no slot makes a hundred objects. */
export const lossFigures = (columns: Iterable<MemberSlots>, slots: number, terms: LossTerms): LossFigure[] => {
  const sums = Array.from({ length: slots }, noSums)
  for (const column of columns) addColumn(sums, column)
  return sums.map((sum) => figureOf(sum, terms))
}

const figureOf = (sums: Sums, terms: LossTerms): LossFigure => {
  const { gateways, missing, generation, measured } = sums
  const supply = totalOf(gateways.map(({ imp, wrongRatio }) => (wrongRatio ? null : imp)))
  const reverse = totalOf(gateways.map(({ exp }) => (exp === undefined ? 0 : exp)))
  const made = missing.reduce((sum, member) => sum + (useOf(member)?.value ?? 0), 0)
  const input = supply === null || gateways.length === 0 ? null : supply + generation
  const limit = limitsOf(terms.thresholds, NOT_COMPUTABLE, terms.target)
  const meterPpm = sums.meters > 0 ? Math.round((sums.good / sums.meters) * PPM) : 0
  const energyPpm = shareOf(sums)
  const faults = faultsOf(sums, { supply, reverse, input })
  const isThin =
    isBeyond(meterPpm / 10_000, '<', limit('meters_pct')) || energyPpm === null || isBeyond(energyPpm / 10_000, '<', limit('energy_pct'))
  const isComputable = input !== null && reverse !== null && input > 0 && !isThin && !faults.some(isFatal)
  const sold = isComputable ? measured + made : null
  const loss = sold === null || input === null || reverse === null ? null : input - sold - reverse
  const rate = (whole: number | null) => (loss === null || whole === null || !(whole > 0) ? null : (100 * loss) / whole)
  const guessed = sums.guessed + made
  const stepKwh = gateways.reduce((sum, { stepKwh: step }) => sum + step, 0)
  const [ofInput, ofNet] = [rate(input), rate(input === null || reverse === null ? null : input - reverse)]
  const verdict = loss === null || input === null ? NOTHING : judged(loss, input, ofInput, stepKwh, terms)
  return {
    ...{
      supply: gateways.length > 0 ? supply : null,
      reverse: gateways.length > 0 ? reverse : null,
      generation,
      measured,
      made,
      sold,
      loss,
    },
    ...{ ofInput, ofNet, meters: sums.meters, good: sums.good, meterPpm, energyPpm },
    estimatedPpm: measured + made > 0 ? Math.min(PPM, Math.round((guessed / (measured + made)) * PPM)) : 0,
    ...verdict,
    faults:
      missing.length > 0 || sums.good < sums.meters
        ? [...faults, ...(isThin && sums.meters > 0 ? (['meters-missing'] as const) : [])]
        : faults,
    missing: missing.map(({ id }) => id),
    bound: input === null || reverse === null ? null : boundOf(input - reverse - measured, missing),
    stepKwh,
    watches: watchesOf(sums, { supply, generation, state: verdict.state, input }, terms),
  }
}

const isMissing = ({ imp, exp, wrongRatio }: MemberFigure): boolean => wrongRatio || imp === null || exp === null

/** What one pass over the members adds up. */
interface Sums {
  readonly gateways: MemberFigure[]
  readonly missing: MemberFigure[]
  /** How many there are besides the gateways, and with registers at both ends. */
  meters: number
  good: number
  /** Of those that are known, kWh. */
  generation: number
  measured: number
  guessed: number
  /** What they usually use, kWh: all, and those that are good; of one that nobody knows, what it used now. */
  use: number
  goodUse: number
  /** One of them is not good, and nobody knows what it usually uses. */
  isUseUnknown: boolean
  isWrong: boolean
  isExchanged: boolean
  hasCustomers: boolean
  hasGenerators: boolean
}

const noSums = (): Sums => ({
  ...{ gateways: [], missing: [], meters: 0, good: 0, generation: 0, measured: 0, guessed: 0, use: 0, goodUse: 0 },
  ...{ isUseUnknown: false, isWrong: false, isExchanged: false, hasCustomers: false, hasGenerators: false },
})

const valueAt = (column: Float64Array, slot: number): number | null => {
  const value = column[slot]
  return value === undefined || Number.isNaN(value) ? null : value
}

const memberAt = (
  { id, role, wrongRatio, usual, stepKwh, imp, exp, good, estimatedPpm, exchanged }: MemberSlots,
  slot: number,
): MemberFigure => ({
  ...{ id, role, wrongRatio, usual, stepKwh },
  ...{ imp: valueAt(imp, slot), exp: exp && valueAt(exp, slot), good: good[slot] === 1 },
  ...{ estimatedPpm: estimatedPpm[slot] ?? 0, exchanged: exchanged[slot] === 1 },
})

/** Adds a point to the sums of every slot, in the same order as {@link sumsOf} would. */
const addColumn = (all: readonly Sums[], column: MemberSlots): void => {
  const { role, wrongRatio, imp, exp, good, estimatedPpm, exchanged, usual } = column
  for (let slot = 0; slot < all.length; slot++) {
    const sums = all[slot]
    if (sums === undefined) return
    if (wrongRatio) sums.isWrong = true
    if (exchanged[slot] === 1) sums.isExchanged = true
    if (role === 'gateway') {
      sums.gateways.push(memberAt(column, slot))
      continue
    }
    if (role === 'customer') sums.hasCustomers = true
    else sums.hasGenerators = true
    sums.meters++
    const kwh = imp[slot] ?? Number.NaN
    const back = exp === undefined ? 0 : (exp[slot] ?? Number.NaN)
    const use = usual?.value ?? (Number.isNaN(kwh) ? 0 : kwh)
    sums.use += use
    if (wrongRatio || Number.isNaN(kwh) || Number.isNaN(back)) {
      if (usual === null) sums.isUseUnknown = true
      sums.missing.push(memberAt(column, slot))
      continue
    }
    if (good[slot] === 1) {
      sums.good++
      sums.goodUse += use
    } else if (usual === null) sums.isUseUnknown = true
    sums.generation += back
    sums.measured += kwh
    sums.guessed += (kwh * (estimatedPpm[slot] ?? 0)) / PPM
  }
}

const sumsOf = (members: readonly MemberFigure[]): Sums => {
  const sums = noSums()
  for (const member of members) {
    if (member.wrongRatio) sums.isWrong = true
    if (member.exchanged) sums.isExchanged = true
    if (member.role === 'gateway') {
      sums.gateways.push(member)
      continue
    }
    if (member.role === 'customer') sums.hasCustomers = true
    else sums.hasGenerators = true
    sums.meters++
    const use = member.usual?.value ?? member.imp ?? 0
    sums.use += use
    if (isMissing(member)) {
      if (member.usual === null) sums.isUseUnknown = true
      sums.missing.push(member)
      continue
    }
    if (member.good) {
      sums.good++
      sums.goodUse += use
    } else if (member.usual === null) sums.isUseUnknown = true
    sums.generation += member.exp ?? 0
    sums.measured += member.imp ?? 0
    sums.guessed += ((member.imp ?? 0) * member.estimatedPpm) / PPM
  }
  return sums
}

const NOTHING = { state: 'not-computable', grade: null, judgedIn: null } as const
const isFatal = (fault: LossFault): boolean => fault !== 'several-gateways'

const totalOf = (values: readonly (number | null)[]): number | null => {
  let sum = 0
  for (const value of values) {
    if (value === null) return null
    sum += value
  }
  return sum
}

/** Share of last week's energy that meters carry, millionths; a meter nobody knows the use of makes it unknown while it is missing. */
const shareOf = ({ meters, good, use, goodUse, isUseUnknown }: Sums): number | null => {
  if (good === meters) return meters > 0 ? PPM : null
  if (isUseUnknown) return null
  return use > 0 ? Math.round((goodUse / use) * PPM) : PPM
}

const faultsOf = (
  { gateways, meters, isWrong }: Sums,
  { supply, reverse, input }: { readonly supply: number | null; readonly reverse: number | null; readonly input: number | null },
): readonly LossFault[] => {
  const isBlind = gateways.some(({ wrongRatio, imp, exp }) => !wrongRatio && (imp === null || exp === null))
  return [
    ...(gateways.length === 0 ? (['no-gateway'] as const) : []),
    ...(gateways.length > 1 ? (['several-gateways'] as const) : []),
    ...(isWrong ? (['wrong-ratio'] as const) : []),
    ...(isBlind ? (['gateway-missing'] as const) : []),
    ...(meters === 0 ? (['no-meters'] as const) : []),
    ...(supply !== null && reverse !== null && input !== null && input <= 0 ? (['no-supply'] as const) : []),
  ]
}

/** The loss when missing meters used their most, the usual, nothing. One of which nobody knows the use leaves it open below. */
const boundOf = (rest: number, missing: readonly MemberFigure[]): Bound => {
  const uses = missing.map(useOf)
  const less = (end: keyof Usual): number | null => {
    const total = totalOf(uses.map((use) => use?.[end] ?? null))
    return total === null ? null : rest - total
  }
  return { low: less('high'), likely: less('value'), high: rest - uses.reduce((sum, use) => sum + (use?.low ?? 0), 0) }
}

/** What a missing meter will have used: as measured, where only what it fed in is not known; at least nothing. */
const useOf = ({ imp, wrongRatio, usual }: MemberFigure): Usual | null =>
  imp !== null && !wrongRatio ? { value: imp, low: imp, high: imp } : usual && { ...usual, low: 0 }

/** The band a loss lies in, with the ends as the limits close them. */
const judged = (loss: number, input: number, pct: number | null, stepKwh: number, { thresholds, target, days }: LossTerms) => {
  const [of, negative, high] = [NOT_COMPUTABLE, NEGATIVE_LOSS, HIGH_LOSS].map((rule) => limitsOf(thresholds, rule, target))
  const known = (limit: ((name: string) => number) | undefined, name: string) => limit?.(name) ?? Number.NaN
  if (isBeyond(input / days, '<', known(high, 'small_area_kwh'))) {
    if (isBeyond(stepKwh, '>', known(high, 'small_high_kwh') * days)) return { state: 'not-judged', grade: null, judgedIn: null } as const
    const state = isBeyond(loss / days, '>', known(high, 'small_high_kwh'))
      ? 'high'
      : isBeyond(loss / days, '<', known(negative, 'small_negative_kwh'))
        ? 'negative'
        : 'qualified'
    return { state, grade: state === 'qualified' && loss < 0 ? 'small-negative' : null, judgedIn: 'kWh' } as const
  }
  if (isBeyond((100 * stepKwh) / input, '>', known(of, 'step_points'))) return { state: 'not-judged', grade: null, judgedIn: null } as const
  const state = isBeyond(pct, '>', known(high, 'high_pct'))
    ? 'high'
    : isBeyond(pct, '<', known(negative, 'negative_pct'))
      ? 'negative'
      : 'qualified'
  const grade = isBeyond(pct, '>', known(high, 'very_high_pct')) ? 'very-high' : state === 'qualified' && loss < 0 ? 'small-negative' : null
  return { state, grade, judgedIn: '%' } as const
}

const watchesOf = (
  { hasCustomers, hasGenerators, isExchanged }: Sums,
  {
    supply,
    generation,
    state,
    input,
  }: { readonly supply: number | null; readonly generation: number; readonly state: LossState; readonly input: number | null },
  { thresholds, target, days }: LossTerms,
): readonly Watch[] => {
  const limit = limitsOf(thresholds, LOSS_WATCH, target)
  const small = limitsOf(thresholds, HIGH_LOSS, target)('small_area_kwh')
  const found: readonly (readonly [Watch, boolean])[] = [
    ['zero-volume', input === 0],
    ['small-volume', input !== null && input > 0 && isBeyond(input / days, '<', small)],
    ['generation', generation > 0 || hasGenerators],
    ['exchange', isExchanged],
    ['stopped-supply', !hasCustomers && isBeyond(supply, '>', limit('stopped_kwh'))],
    ['running-high', state === 'high' && isBeyond(supply, '>', limit('running_kwh'))],
  ]
  return found.flatMap(([watch, holds]) => (holds ? [watch] : []))
}
