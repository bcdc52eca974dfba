import {
  canonicalUnit,
  type Decimal,
  type MeterTime,
  type PlannedValue,
  type PushedRecord,
  type PushedValue,
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
const FLAGS: Readonly<Record<string, number>> = {
  'time-ambiguous': QUALITY.clockDoubtful,
  'clock-unset': QUALITY.clockDoubtful | QUALITY.quarantined,
  'time-implausible': QUALITY.clockDoubtful | QUALITY.quarantined,
  identity: QUALITY.quarantined,
}

/** Ways one meter's messages look that are remembered; what was seen last comes first. */
const MOST_FORMS = 16

/**
 * Turns what a message said about one meter into readings. A normaliser is made once for each set of quantities a meter sends:
 * partial updates come in a few forms.
 */
export class PushNormaliser {
  readonly #meter: PushMeter
  #forms: Form[] = []

  constructor(meter: PushMeter) {
    this.#meter = meter
  }

  /** @param at  the instant under which it is stored: its own, or that of arrival */
  readings(record: PushedRecord, at: number, receivedAt: number): readonly Reading[] {
    const values = record.values.every(isQuantity) ? record.values : record.values.filter(isQuantity)
    if (values.length === 0) return []
    const form = this.#forms.find((one) => isForm(one, record, values)) ?? this.#newForm(record, values)
    let quality = this.#meter.isRegistered ? 0 : QUALITY.unregistered
    for (const flag of record.flags) quality |= FLAGS[flag] ?? 0
    const raws: Raw[] = new Array(values.length)
    const scalers: number[] = new Array(values.length)
    for (let index = 0; index < values.length; index++) {
      const { raw, scaler } = values[index]!.value
      raws[index] = raw
      scalers[index] = scaler
    }
    return form.normalise({ at: null, raws, scalers, absent: null }, receivedAt, quality, at)
  }

  #newForm(record: PushedRecord, values: readonly PushedValue[]): Form {
    // Each value brings its own exponent: a sender writes 1.5 and 1.25.
    const planned = values.map(({ obis, unit, ratio }): PlannedValue => ({ obis: obis ?? '', unit: unit ?? '', scaler: null, ratio }))
    const normalise = normaliserOf(this.#factsOf(record), { source: 'push', values: planned }, noTime)
    const form = { ct: record.ct, pt: record.pt, planned, normalise }
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
  readonly planned: readonly PlannedValue[]
  readonly normalise: Normaliser
}

const isForm = ({ ct, pt, planned }: Form, record: PushedRecord, values: readonly PushedValue[]): boolean => {
  if (planned.length !== values.length || ct !== record.ct || pt !== record.pt) return false
  for (let at = 0; at < planned.length; at++) {
    const [want, got] = [planned[at]!, values[at]!]
    if (want.obis !== got.obis || want.unit !== got.unit || want.ratio !== got.ratio) return false
  }
  return true
}

/** Without code or unit it is no quantity: a figure that might be Wh or kWh is none. */
const isQuantity = ({ obis, unit }: PushedValue): boolean => obis !== null && unit !== null && canonicalUnit(unit) !== null

/** A pushed record's instant is worked out before. */
const noTime = (_time: MeterTime): number | null => null
