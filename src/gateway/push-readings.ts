import {
  canonicalUnit,
  type Decimal,
  type MeterTime,
  type PlannedValue,
  type PushedRecord,
  type PushedValue,
  type PushFlag,
  QUALITY,
  type Raw,
  type Reading,
} from '../core/index.ts'
import { type MeterFacts, type Normaliser, normaliserOf, parseRatio } from '../normalise/index.ts'

/** What the ledger says of a pushing meter. */
export interface PushMeter {
  readonly facts: MeterFacts
  readonly isRegistered: boolean
}

/** Bits a record's flags mean. */
const FLAGS: Readonly<Record<PushFlag, number>> = {
  'time-ambiguous': QUALITY.clockDoubtful,
  'clock-unset': QUALITY.clockDoubtful | QUALITY.quarantined,
  'time-implausible': QUALITY.clockDoubtful | QUALITY.quarantined,
  identity: QUALITY.quarantined,
  'quality-bad': QUALITY.quarantined,
}

/** Ways one meter's messages look that are remembered; what was seen last comes first. */
const MOST_FORMS = 16
/** Each set of quantities is a form of row for ever: a sender that makes up sets gets one row a quantity. */
const MOST_SETS = 64
/** Codes of one meter: there are no more in any that was ever built. */
const MOST_CODES = 500

/**
 * Turns what a message said about one meter into readings. A normaliser is made once for each set of quantities a meter sends:
 * partial updates come in a few forms.
 */
export class PushNormaliser {
  readonly #meter: PushMeter
  #forms: Form[] = []
  /** Sets of quantities seen, in whatever order they came. */
  readonly #sets = new Set<string>()
  readonly #codes = new Set<string>()

  constructor(meter: PushMeter) {
    this.#meter = meter
  }

  /** @param at  the instant under which it is stored: its own, or that of arrival */
  readings(record: PushedRecord, at: number, receivedAt: number): readonly Reading[] {
    let values = record.values
    let form = this.#formOf(record, values)
    if (form === null) {
      values = values.filter(isQuantity)
      if (values.length === 0) return []
      form = this.#formOf(record, values) ?? this.#newForm(record, values)
    }
    if (form === null) return values.flatMap((value) => this.#alone(record, value, at, receivedAt))
    let quality = this.#meter.isRegistered ? 0 : QUALITY.unregistered
    for (const flag of record.flags) quality |= FLAGS[flag]
    const { order, normalise } = form
    const raws: Raw[] = new Array(order.length)
    const scalers: number[] = new Array(order.length)
    for (let index = 0; index < order.length; index++) {
      const { raw, scaler } = values[order[index]!]!.value
      raws[index] = raw
      scalers[index] = scaler
    }
    return normalise({ at: null, raws, scalers, absent: null }, receivedAt, quality, at)
  }

  #formOf(record: PushedRecord, values: readonly PushedValue[]): Form | null {
    for (const form of this.#forms) if (isForm(form, record, values)) return form
    return null
  }

  #alone(record: PushedRecord, value: PushedValue, at: number, receivedAt: number): readonly Reading[] {
    if (value.obis === null || (!this.#codes.has(value.obis) && this.#codes.size >= MOST_CODES)) return []
    return this.readings({ ...record, values: [value] }, at, receivedAt)
  }

  /** Null: there are too many sets already, and this is one more. */
  #newForm(record: PushedRecord, values: readonly PushedValue[]): Form | null {
    // The same quantities in another order are the same row.
    const order = values.map((_, index) => index).sort((a, b) => compareText(values[a]?.obis ?? '', values[b]?.obis ?? ''))
    const set = order.map((index) => values[index]?.obis ?? '').join(' ')
    if (values.length > 1 && !this.#sets.has(set)) {
      if (this.#sets.size >= MOST_SETS) return null
      this.#sets.add(set)
    }
    for (const { obis } of values) if (obis !== null && this.#codes.size < MOST_CODES) this.#codes.add(obis)
    const said = values.map(({ obis, unit, ratio }): PlannedValue => ({ obis: obis ?? '', unit: unit ?? '', scaler: null, ratio }))
    // Each value brings its own exponent: a sender writes 1.5 and 1.25.
    const planned = order.map((index) => said[index]!)
    const normalise = normaliserOf(this.#factsOf(record), { source: 'push', values: planned }, noTime)
    const form: Form = { ct: record.ct, pt: record.pt, said, order, normalise }
    this.#forms = [form, ...this.#forms].slice(0, MOST_FORMS)
    return form
  }

  /** Ratios that come with the message are the ones its values were measured behind. */
  #factsOf({ ct, pt }: PushedRecord): MeterFacts {
    const { facts } = this.#meter
    const own = (text: string | null, ledger: Decimal): Decimal => (text === null ? ledger : (parseRatio(text) ?? ledger))
    return { ...facts, ct: own(ct, facts.ct), pt: own(pt, facts.pt) }
  }
}

/** One way a meter's messages look: the quantities, in their order, and the ratios that came with them. */
interface Form {
  readonly ct: string | null
  readonly pt: string | null
  /** In the order of the message. */
  readonly said: readonly PlannedValue[]
  /** Places in the message, in the order of the row. */
  readonly order: readonly number[]
  readonly normalise: Normaliser
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const isForm = ({ ct, pt, said }: Form, record: PushedRecord, values: readonly PushedValue[]): boolean => {
  if (said.length !== values.length || ct !== record.ct || pt !== record.pt) return false
  for (let at = 0; at < said.length; at++) {
    const [want, got] = [said[at]!, values[at]!]
    if (want.obis !== got.obis || want.unit !== got.unit || want.ratio !== got.ratio) return false
  }
  return true
}

/** Without code or unit it is no quantity: a figure that might be Wh or kWh is none. */
const isQuantity = ({ obis, unit }: PushedValue): boolean => obis !== null && unit !== null && canonicalUnit(unit) !== null

/** A pushed record's instant is worked out before. */
const noTime = (_time: MeterTime): number | null => null
