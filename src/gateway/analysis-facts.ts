import type { AreaFact, KnownExchange, MeterFact, Phase } from '../anomaly/index.ts'
import { type Decimal, decimalText, multiply } from '../core/index.ts'
import type { MeterFact as Hanging, Ledger, Value } from '../ledger/index.ts'
import { parseRatio } from '../normalise/index.ts'
import type { IsKeyAccount } from './account-keys.ts'
import type { RegisterModels } from './energy-facts.ts'

export type FactsLedger = Pick<Ledger, 'get' | 'history' | 'exchanges' | 'facts'>

/** Volt between phase and neutral where the ledger says nothing. @source GB/T 156: 220/380 V */
const NOMINAL_V = 220
const ONE: Decimal = { raw: 1, scaler: 0 }
/** Points in these states have no meter that counts. */
const NOT_THERE: readonly string[] = ['planned', 'archived']
const PHASES: Readonly<Record<string, Phase>> = { L1: 'A', L2: 'B', L3: 'C', L123: 'ABC' }

const text = (value: Value | undefined): string | null => (typeof value === 'string' && value !== '' ? value : null)
const number = (value: Value | undefined): number | null => {
  const found = typeof value === 'string' || typeof value === 'number' ? Number(value) : Number.NaN
  return Number.isFinite(found) ? found : null
}

/** What the ledger believes of an area at an instant. */
export const areaFactOf = (ledger: FactsLedger, area: string, at: number): AreaFact => {
  const attributes = (ledger.get('area', area, at) ?? ledger.get('area', area, null))?.attributes ?? {}
  const feeder = text(attributes.feeder)
  const zone = text(attributes.zone) ?? (feeder ? text(ledger.get('feeder', feeder, at)?.attributes.zone) : null)
  return {
    id: area,
    name: text(attributes.name) ?? area,
    zone,
    feeder,
    transformerKva: number(attributes.capacityKva),
    nominalV: number(attributes.nominalV) ?? NOMINAL_V,
    network: null,
  }
}

/** A metering point as a frame needs it, and whether it feeds the area. */
export interface PointBelief {
  readonly fact: MeterFact
  readonly isGateway: boolean
  /** The ledger says how many phases it has; else what was read says. */
  readonly isTypeKnown: boolean
}

/**
 * What the ledger believes of a metering point at an instant; null: nothing hangs there that counts.
 * Whatever holds later is left out: an exchange of next week is not known today.
 *
 * @param pushes  whether a line is a broker
 * @param isKey   whether a customer is on the list of key accounts; the ledger may name others
 */
export const pointBelief = (
  ledger: FactsLedger,
  models: Pick<RegisterModels, 'of'>,
  point: string,
  area: string,
  at: number,
  pushes: (line: string) => boolean,
  isKey: IsKeyAccount = () => false,
): PointBelief | null => {
  const attributes = ledger.get('point', point, at)?.attributes
  if (!attributes || NOT_THERE.includes(String(attributes.state ?? ''))) return null
  const history = ledger.history(point).filter(({ from, state }) => from <= at && !NOT_THERE.includes(state))
  const hanging = history.findLast(({ to }) => to === null || to > at)
  const meter = hanging ? (ledger.get('meter', hanging.meter, at)?.attributes ?? {}) : {}
  const customer = text(attributes.customer)
  const said = customer ? (ledger.get('customer', customer, at)?.attributes ?? {}) : {}
  const ratio = (written: string | undefined) => parseRatio(written || '1') ?? ONE
  const ct = hanging ? ratio(hanging.ct) : ONE
  const isCt = Number(decimalText(ct.raw, ct.scaler)) !== 1
  const phase = PHASES[String(attributes.phase ?? '')] ?? null
  const isThree = phase === 'ABC' || (phase === null && (isCt || /three|3p/i.test(hanging?.profile ?? '')))
  const isTypeKnown = phase !== null || isCt || /three|single|1p|3p/i.test(hanging?.profile ?? '')
  const rated = ratedOf(text(meter.currentRange))
  const since = sinceOf(ledger, history, point, area, at)
  const isBroker = hanging !== undefined && pushes(hanging.line)
  const isGeneration = attributes.role === 'generation'
  return {
    isGateway: attributes.role === 'area-supply',
    isTypeKnown,
    fact: {
      id: point,
      meter: hanging?.meter ?? point,
      area,
      type: isThree ? (isCt ? '3P-CT' : '3P') : '1P',
      multiplier: hanging ? multiplierOf(models, hanging) : 1,
      phase: phase ?? (isThree ? 'ABC' : null),
      contractKw: number(attributes.contractKva),
      ratedA: rated === null ? null : rated * Number(decimalText(ct.raw, ct.scaler)),
      category: text(said.category) ?? (isGeneration ? 'generation' : 'other'),
      keyAccount: said.keyAccount === true || (customer !== null && isKey(customer, at)),
      pfStandard: number(attributes.pfStandard),
      link: isBroker ? 'mqtt' : (hanging?.profile.split(/[-/]/)[0] ?? 'unknown'),
      bus: hanging && !isBroker && hanging.line !== '' ? hanging.line : null,
      concentrator: hanging?.concentrator || null,
      solar: solarOf(attributes, isGeneration, at),
      exchanges: ledger
        .exchanges({ point, limit: 1000 })
        .filter((one) => one.kind === 'meter' && one.undoneBy === null && one.at <= at)
        .map(({ at: when, end, start }): KnownExchange => ({ at: when, oldFinal: importOf(end), newInitial: importOf(start) }))
        .sort((a, b) => a.at - b.at),
      since: since > 0 ? since : null,
      node: null,
      serviceOhm: null,
    },
  }
}

/** The ratio of the import register: a model whose registers are primary has none. */
const multiplierOf = (models: Pick<RegisterModels, 'of'>, { profile, ct, pt }: Hanging): number => {
  const kind = models.of(profile, '1.8.0')?.ratio ?? 'ctpt'
  const [current, voltage] = [parseRatio(ct || '1') ?? ONE, parseRatio(pt || '1') ?? ONE]
  const chosen = { none: ONE, ct: current, pt: voltage, ctpt: multiply(current, voltage) }[kind]
  return Number(decimalText(chosen.raw, chosen.scaler))
}

/** `5(60)A`: the current in brackets is the largest. */
const ratedOf = (range: string | null): number | null => {
  const found = range?.match(/\(\s*([0-9]+(?:\.[0-9]+)?)\s*\)/)?.[1]
  return found === undefined ? null : Number(found)
}

const importOf = (registers: Readonly<Record<string, string>>): number | null =>
  number(registers['1-0:1.8.0'] ?? registers['1.8.0'] ?? null)

const solarOf = (attributes: Readonly<Record<string, Value>>, isGeneration: boolean, at: number): MeterFact['solar'] => {
  const kwp = number(attributes.solarKw)
  const since = text(attributes.solarSince)
  if (!isGeneration && kwp === null && since === null) return null
  const from = since === null ? 0 : Date.parse(`${since}T00:00:00Z`)
  return from > at ? null : { kwp, since: Number.isFinite(from) ? from : 0 }
}

/** When the point came into the area, or its first meter was hung up, whichever was later. */
const sinceOf = (ledger: FactsLedger, history: readonly Hanging[], point: string, area: string, at: number): number => {
  const stay = ledger
    .facts('point', point)
    .find(({ name, value, from, to }) => name === 'area' && value === area && from <= at && (to === null || to > at))
  return Math.max(stay?.from ?? 0, history[0]?.from ?? 0)
}
