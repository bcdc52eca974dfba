import {
  type AnyAdapter,
  canonicalUnit,
  type Decimal,
  decimalText,
  fieldOf,
  multiply,
  type PlannedValue,
  type Profile,
  parseDecimal,
  type RatioKind,
} from '../core/index.ts'
import type { EnergyInput, ExchangeRecord, MeterPeriod, RatioPeriod } from '../energy/index.ts'
import type { Ledger, MeterFact } from '../ledger/index.ts'
import { parseRatio } from '../normalise/index.ts'

/** What energy asks of the ledger. */
export type EnergyLedger = Pick<Ledger, 'seq' | 'history' | 'exchanges' | 'get' | 'facts' | 'list' | 'changes' | 'change' | 'touchedPages'>

/** What a meter model says of a register. */
export interface RegisterModel {
  readonly ratio: RatioKind
  /** Exponent of the last digit on the face, in its stored unit; null = it travels with each value. */
  readonly scaler: number | null
  /** The register starts again from zero there, in its stored unit; null = the model does not say. */
  readonly capacity: Decimal | null
}

const ONE: Decimal = { raw: 1, scaler: 0 }
/** Digits of an energy register on the wire. @source DL/T 645-2007 table A.1: XXXXXX.XX, four bytes BCD */
const DLT645_DIGITS = 8
const BITS: Readonly<Record<string, number>> = { u16: 16, i16: 15, u32: 32, i32: 31 }

/** Registers of meter models, worked out once a model. */
export class RegisterModels {
  readonly #profiles: { get(id: string): Profile | undefined }
  readonly #adapterOf: (protocol: string, framing: 'tcp' | 'rtu' | 'ascii') => AnyAdapter | null
  readonly #known = new Map<string, ReadonlyMap<string, RegisterModel>>()

  constructor(
    profiles: { get(id: string): Profile | undefined },
    adapterOf: (protocol: string, framing: 'tcp' | 'rtu' | 'ascii') => AnyAdapter | null,
  ) {
    this.#profiles = profiles
    this.#adapterOf = adapterOf
  }

  /** Is anything known of the model's registers? */
  knows(profile: string): boolean {
    return this.#of(profile).size > 0
  }

  /** Null: nobody knows the model, or it has no such register. */
  of(profile: string, field: string): RegisterModel | null {
    return this.#of(profile).get(field) ?? null
  }

  #of(profile: string): ReadonlyMap<string, RegisterModel> {
    let known = this.#known.get(profile)
    if (!known) {
      known = this.#work(profile)
      this.#known.set(profile, known)
    }
    return known
  }

  #work(id: string): ReadonlyMap<string, RegisterModel> {
    const profile = this.#profiles.get(id)
    const adapter = profile && this.#adapterOf(profile.protocol, 'rtu')
    if (!profile || !adapter) return new Map()
    const values = adapter.bind((bound) => {
      const plan = bound.plan(profile, { kind: 'current' })
      return plan.ok ? plan.value.values : []
    })
    return new Map(
      values.map((value) => [
        fieldOf(value.obis),
        { ratio: value.ratio, scaler: shownScaler(value), capacity: capacityOf(profile, value) },
      ]),
    )
  }
}

const shownScaler = ({ scaler, unit }: PlannedValue): number | null => {
  const shift = canonicalUnit(unit)?.[1]
  return scaler === null || shift === undefined ? null : scaler + shift
}

const capacityOf = (profile: Profile, { obis, scaler, unit }: PlannedValue): Decimal | null => {
  const shift = canonicalUnit(unit)?.[1]
  if (scaler === null || shift === undefined) return null
  if (profile.protocol.startsWith('dlt645')) return { raw: 1, scaler: DLT645_DIGITS + scaler + shift }
  const { registers } = profile
  const entry: unknown = Array.isArray(registers) ? registers.find((register: unknown) => memberOf(register, 'obis') === obis) : null
  const bits = BITS[String(memberOf(entry, 'type'))]
  return bits === undefined ? null : { raw: 2 ** bits, scaler: scaler + shift }
}

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Object.entries(value).find(([key]) => key === name)?.[1] : undefined

/** Facts of one point that its energy rests on. */
export interface PointFacts {
  readonly area: string
  readonly history: readonly MeterFact[]
  /** For one register. `stored`: ratios that stand beside its rows, where the model does not say whether it is primary. */
  of(field: string, obis: string, stored: ReadonlySet<string>): Omit<EnergyInput, 'reads' | 'outages' | 'shape' | 'estimateOpen'>
}

/** Reads the facts of a point from the ledger; null when it has none. @param at  the instant whose area and contract count */
export const pointFacts = (ledger: EnergyLedger, models: RegisterModels, point: string, at: number): PointFacts | null => {
  const history = ledger.history(point).filter(({ state }) => state !== 'archived')
  const entity = ledger.get('point', point, at) ?? ledger.get('point', point, null)
  if (history.length === 0 && !entity) return null
  const attributes = entity?.attributes ?? {}
  const exchanges = ledger.exchanges({ point, limit: 10_000 }).filter(({ undoneBy }) => undoneBy === null)
  const area = typeof attributes.area === 'string' ? attributes.area : ''
  const digitsOf = (meter: string): Decimal | null => {
    const digits = ledger.get('meter', meter, null)?.attributes.digits
    const whole = digits === undefined || digits === null ? Number.NaN : Number(String(digits).split('.')[0])
    return Number.isInteger(whole) && whole >= 1 && whole <= 12 ? { raw: 1, scaler: whole } : null
  }
  const meters = joinedMeters(history)
  return {
    area,
    history,
    of: (field, obis, stored) => {
      const kindOf = ({ profile }: MeterFact): RatioKind =>
        models.of(profile, field)?.ratio ?? ([...stored].some((ratio) => ratio !== '1') ? 'ctpt' : 'none')
      return {
        meters: meters.map(
          ({ meter, from, to, profile }): MeterPeriod => ({
            meter,
            from,
            to,
            capacity: digitsOf(meter) ?? models.of(profile, field)?.capacity ?? null,
          }),
        ),
        ratios: history.map((fact): RatioPeriod => ({ from: fact.from, to: fact.to, ratio: ratioOf(fact, kindOf(fact)) })),
        exchanges: [
          ...exchanges.map(({ kind, at, oldMeter, newMeter, end, start }): ExchangeRecord => {
            const there =
              kind === 'meter' ? null : (history.find((fact) => fact.from <= at && (fact.to === null || fact.to > at))?.meter ?? null)
            return {
              at,
              oldMeter: there ?? oldMeter,
              newMeter: there ?? newMeter,
              end: parseDecimal(end[obis] ?? ''),
              start: parseDecimal(start[obis] ?? ''),
            }
          }),
          ...installed(meters[0], attributes.startRegister, field),
        ],
        plausibility: limitOf(history, attributes.contractKva, at),
      }
    },
  }
}

/** The start register of a point is that of its first meter, from the day it was put in. */
const installed = (first: MeterFact | undefined, startRegister: unknown, field: string): ExchangeRecord[] => {
  const start = typeof startRegister === 'string' ? parseDecimal(startRegister) : null
  if (!first || first.from === 0 || !start || field !== '1.8.0') return []
  return [{ at: first.from, oldMeter: null, newMeter: first.meter, end: null, start }]
}

/** Facts of one meter that follow each other are one period, whatever else of them changed. */
const joinedMeters = (history: readonly MeterFact[]): MeterFact[] => {
  const periods: MeterFact[] = []
  for (const fact of history) {
    const last = periods.at(-1)
    if (last && last.meter === fact.meter && last.to === fact.from)
      periods[periods.length - 1] = { ...last, to: fact.to, profile: fact.profile }
    else periods.push(fact)
  }
  return periods
}

/** The factor of a register under the transformers of a fact. */
export const ratioOf = ({ ct, pt }: Pick<MeterFact, 'ct' | 'pt'>, kind: RatioKind): Decimal => {
  const of: Readonly<Record<RatioKind, () => Decimal>> = {
    none: () => ONE,
    ct: () => parseRatio(ct) ?? ONE,
    pt: () => parseRatio(pt) ?? ONE,
    ctpt: () => multiply(parseRatio(ct) ?? ONE, parseRatio(pt) ?? ONE),
  }
  return of[kind]()
}

/** Contracts are overrun for hours; nobody draws three times as much. */
const TIMES_CONTRACT: Decimal = { raw: 3, scaler: 0 }
/** 6 A at 3 × 230 V, and at √3 × 100 V behind voltage transformers, and a fifth more. */
const KW_A_CT: Decimal = { raw: 5, scaler: 0 }
const KW_A_CTPT: Decimal = { raw: 125, scaler: -2 }
/** 100 A at 3 × 230 V and a fifth more. */
const KW_DIRECT: Decimal = { raw: 83, scaler: 0 }

/** The most power that can flow at a point, and who says so. */
const limitOf = (history: readonly MeterFact[], contract: unknown, at: number): EnergyInput['plausibility'] => {
  const contractKva = typeof contract === 'string' ? parseDecimal(contract) : null
  const say = ({ raw, scaler }: Decimal) => decimalText(raw, scaler)
  if (contractKva && contractKva.raw > 0)
    return { maxKw: multiply(contractKva, TIMES_CONTRACT), source: `3 times the contract capacity of ${say(contractKva)} kVA` }
  const fact = history.findLast(({ from }) => from <= at) ?? history.at(-1)
  const ct = (fact && parseRatio(fact.ct)) ?? ONE
  const pt = (fact && parseRatio(fact.pt)) ?? ONE
  const isOne = (ratio: Decimal) => ratio.raw === 1 && ratio.scaler === 0
  if (isOne(ct) && isOne(pt)) return { maxKw: KW_DIRECT, source: 'what a meter without transformers can carry (100 A)' }
  return isOne(pt)
    ? { maxKw: multiply(ct, KW_A_CT), source: `what a CT of ratio ${say(ct)} can carry (6 A)` }
    : { maxKw: multiply(multiply(ct, pt), KW_A_CTPT), source: `what CT ${say(ct)} and PT ${say(pt)} can carry (6 A)` }
}
