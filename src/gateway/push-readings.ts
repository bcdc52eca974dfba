import { type Decimal, type MeterTime, type PlannedValue, type PushedRecord, QUALITY, type Reading } from '../core/index.ts'
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

/** Ways one meter's messages look; more are made up. */
const MOST_FORMS = 64

/**
 * Turns what a message said about one meter into readings. A normaliser is made once for each set of quantities a meter sends:
 * partial updates come in a few forms.
 */
export class PushNormaliser {
  readonly #meter: PushMeter
  readonly #forms = new Map<string, Normaliser>()

  constructor(meter: PushMeter) {
    this.#meter = meter
  }

  /** @param at  the instant under which it is stored: its own, or that of arrival */
  readings(record: PushedRecord, at: number, receivedAt: number): readonly Reading[] {
    const values = record.values.filter(({ obis }) => obis !== null)
    if (values.length === 0) return []
    let key = `${record.ct ?? ''} ${record.pt ?? ''}`
    for (const { obis, unit, ratio } of values) key += `|${obis} ${unit} ${ratio}`
    let normalise = this.#forms.get(key)
    if (!normalise) {
      if (this.#forms.size >= MOST_FORMS) this.#forms.clear()
      // Each value brings its own exponent: a sender writes 1.5 and 1.25.
      const planned = values.map(({ obis, unit, ratio }): PlannedValue => ({ obis: obis ?? '', unit: unit ?? '', scaler: null, ratio }))
      normalise = normaliserOf(this.#factsOf(record), { source: 'push', values: planned }, noTime)
      this.#forms.set(key, normalise)
    }
    let quality = this.#meter.isRegistered ? 0 : QUALITY.unregistered
    for (const flag of record.flags) quality |= FLAGS[flag] ?? 0
    const sample = { at: null, raws: values.map(({ value }) => value.raw), scalers: values.map(({ value }) => value.scaler), absent: null }
    return normalise(sample, receivedAt, quality, at)
  }

  /** Ratios that come with the message are the ones its values were measured behind. */
  #factsOf({ ct, pt }: PushedRecord): MeterFacts {
    const { facts } = this.#meter
    const own = (text: string | null, ledger: Decimal): Decimal => (text === null ? ledger : (parseRatio(text) ?? ledger))
    return { ...facts, ct: own(ct, facts.ct), pt: own(pt, facts.pt) }
  }
}

/** A pushed record's instant is worked out before. */
const noTime = (_time: MeterTime): number | null => null
