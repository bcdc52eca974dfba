import {
  type BillingEvidence,
  type BillingPoint,
  type BillingRegister,
  type Choice,
  type Hanging,
  holdsOf,
  type NearRead,
  type PointHold,
  type ReleasedBook,
} from '../billing/index.ts'
import { compare, type Decimal, decimalText, multiply, parseDecimal, type RatioKind, type ReadingStore } from '../core/index.ts'
import { type EvidenceBook, evidenceKey } from '../evidence/index.ts'
import type { Ledger, MeterFact, PointAt } from '../ledger/index.ts'
import { parseRatio } from '../normalise/index.ts'
import { word } from './billing-scope.ts'
import { type RegisterModels, ratioOf } from './energy-facts.ts'

/** What is billed and how far around an instant is looked. */
export interface BillingRules {
  readonly windowMs: number
  /** Registers that are due, short OBIS codes. */
  readonly registers: readonly string[]
  /** Roles of points that are billed. */
  readonly roles: readonly string[]
}

export interface BillingReadParts {
  readonly store: Pick<ReadingStore, 'scan'>
  readonly ledger: Pick<Ledger, 'pointsAt' | 'exchanges' | 'get'>
  readonly models: RegisterModels
  readonly evidence: () => EvidenceBook
  readonly book: Pick<ReleasedBook, 'holdsAt'>
  readonly rules: () => BillingRules
}

/** A point with the meter that hung there, and what has been found so far. */
export interface Looked {
  readonly point: PointAt
  readonly fact: MeterFact | null
  readonly hanging: Hanging | null
  readonly due: readonly string[]
  readonly reads: NearRead[]
  choices: ReadonlyMap<string, Choice>
  /** The nearest reading has not every register: another one may be nearer for that. */
  isPatchy: boolean
}

/** Registers of one reading follow each other: its key is written once for all of them. */
export const evidenceKeys = (): ((read: NearRead) => string) => {
  let last: NearRead | null = null
  let key = ''
  return (read) => {
    if (last === null || read.measuredAt !== last.measuredAt || read.meter !== last.meter || read.source !== last.source)
      key = evidenceKey(read)
    last = read
    return key
  }
}

/** A point as it is given: its registers, primary, and why it cannot be billed. */
export const pointOf = (
  { models, rules }: BillingReadParts,
  at: number,
  { point: { id, attributes }, fact, hanging, due, choices }: Looked,
  evidence: ReadonlyMap<string, BillingEvidence>,
  {
    exchange,
    person,
  }: { readonly exchange: string | undefined; readonly person: { readonly by: string; readonly why: string } | undefined },
): BillingPoint => {
  const { windowMs } = rules()
  const minutes = Math.round(windowMs / 60_000)
  const holds: PointHold[] = hanging
    ? [...holdsOf(choices, due, `within ${minutes} minutes of it`)]
    : [{ reason: 'no-read', text: 'no meter hung there' }]
  const registers: BillingRegister[] = []
  const keyOf = evidenceKeys()
  for (const [register, { best }] of choices) {
    if (!best || !fact) continue
    const factor = factorOf(models, fact, register, best.storedRatio)
    if (factor === null)
      holds.push({ reason: 'incomplete', text: `${register}: the ledger has no ratio that can be used (CT ${fact.ct}, PT ${fact.pt})` })
    else registers.push(registerOf(best, factor, evidence.size === 0 ? null : (evidence.get(keyOf(best)) ?? null)))
  }
  if (exchange !== undefined) holds.push({ reason: 'exchange-unacknowledged', text: exchange })
  if (person) holds.push({ reason: 'held-by-person', text: `${person.by} holds it: ${person.why}` })
  return {
    ...{ point: id, area: word(attributes.area) || null, customer: word(attributes.customer) || null, at, meter: hanging?.meter ?? null },
    registers,
    missing: due.filter((register) => !registers.some((given) => given.register === register)),
    holds,
  }
}

/** A factor and how it is written. */
interface Factor {
  readonly ratio: Decimal
  readonly text: string
}

/** Factors by kind and transformers: few differ, and a division of decimals costs more than all else of a register. */
const factors = new Map<string, Factor | null>()

/** The ratio the ledger has now for that time; a register that is primary already has none. */
const factorOf = (models: RegisterModels, fact: MeterFact, register: string, stored: string): Factor | null => {
  const kind: RatioKind = models.of(fact.profile, register)?.ratio ?? (stored === '1' ? 'none' : 'ctpt')
  const key = `${kind}\n${fact.ct}\n${fact.pt}`
  const known = factors.get(key)
  if (known !== undefined) return known
  const isUnusable = kind !== 'none' && (parseRatio(fact.ct) === null || parseRatio(fact.pt) === null)
  const ratio = isUnusable ? null : ratioOf(fact, kind)
  const factor = ratio && { ratio, text: decimalText(ratio.raw, ratio.scaler) }
  if (factors.size > 10_000) factors.clear()
  factors.set(key, factor)
  return factor
}

/** Of every figure there is one such object: it is written out in full, since spreading parts together costs several times as much. */
const registerOf = (
  { register, unit, value, meter, source, quality, measuredAt, receivedAt, storedRatio }: NearRead,
  { ratio, text }: Factor,
  evidence: BillingEvidence | null,
): BillingRegister => {
  const shown = decimalText(value.raw, value.scaler)
  const isOne = ratio.raw === 1 && ratio.scaler === 0
  const product = isOne ? value : multiply(value, ratio)
  const found: BillingRegister = {
    register,
    unit,
    value: shown,
    ratio: text,
    primary: isOne ? shown : decimalText(product.raw, product.scaler),
    meter,
    source,
    quality,
    measuredAt,
    receivedAt,
    evidence,
  }
  if (text === storedRatio) return found
  const stored = parseDecimal(storedRatio)
  return stored && compare(stored, ratio) === 0 ? found : { ...found, storedRatio }
}
