import { isName } from '../../protocols/index.ts'
import type { MqttConfig } from '../config/index.ts'
import { many } from '../core/index.ts'
import type { MeterFact, Point } from '../ledger/index.ts'
import { parseRatio } from '../normalise/index.ts'
import { type Devices, type Heard, keptText } from '../push/index.ts'
import { type PushMeter, PushNormaliser } from './push-readings.ts'

/** A meter as a source knows it, of the ledger or a stranger. */
export interface KnownMeter extends PushMeter {
  readonly address: string
  /** Mapping its messages must come through; null when it is not in the ledger. */
  readonly mapping: string | null
  readonly normaliser: PushNormaliser
  /** Event codes that came from outside: each is a series. */
  readonly codes: Set<string>
}

export interface MetersDeps {
  readonly config: MqttConfig
  readonly facts: readonly MeterFact[]
  readonly points: Pick<ReadonlyMap<string, Point>, 'get'>
  readonly devices: Devices
  readonly log: (level: 'info', message: string) => void
}

const ONE = { raw: 1, scaler: 0 }
/** Strangers are told of again after this long, milliseconds. */
const AGAIN_MS = 15 * 60_000
/** Event codes of one meter that come from its messages; more are one series together. */
const MOST_CODES = 100
const OTHER = 'other'

/** The meters of a broker: those of the ledger, and strangers while there is room for them. */
export class PushMeters {
  readonly #deps: MetersDeps
  readonly #registered = new Map<string, KnownMeter>()
  /** Ledger id → what the ledger says of it. */
  readonly #facts = new Map<string, MeterFact>()
  readonly #byPoint = new Map<string, string>()
  readonly #strangers = new Map<string, KnownMeter>()
  #toldAt = Number.NEGATIVE_INFINITY

  constructor(deps: MetersDeps) {
    this.#deps = deps
    for (const fact of deps.facts) this.#put(fact, deps.points.get(fact.point)?.area ?? '')
  }

  /** Meters of the ledger on this broker. */
  facts(): Iterable<MeterFact> {
    return this.#facts.values()
  }

  /** The ledger's meter at an address of this broker. */
  factAt(address: string): MeterFact | null {
    return this.#facts.get(this.registered(address)?.facts.meter ?? '') ?? null
  }

  /** The meter at a metering point. */
  factOf(point: string): MeterFact | null {
    return this.#facts.get(this.#byPoint.get(point) ?? '') ?? null
  }

  /**
   * What the ledger says of a meter now; null: it is none of this broker's. Whoever was a stranger until now is known from here on.
   *
   * @returns  whether anything differs
   */
  update(meter: string, known: { readonly fact: MeterFact; readonly point: Point } | null): boolean {
    const before = this.#facts.get(meter)
    if (!before && !known) return false
    const area = known?.point.area ?? ''
    if (before && known && isSame(before, known.fact) && this.#registered.get(before.address)?.facts.area === area) {
      this.#facts.set(meter, known.fact)
      return false
    }
    if (before) this.#remove(before)
    if (known) this.#put(known.fact, area)
    return true
  }

  #put(fact: MeterFact, area: string): void {
    this.#facts.set(fact.meter, fact)
    this.#byPoint.set(fact.point, fact.meter)
    this.#registered.set(fact.address, ofLedger(fact, area))
    this.#strangers.delete(fact.address)
  }

  /** Another meter may have its address or its point by now. */
  #remove({ meter, address, point }: MeterFact): void {
    this.#facts.delete(meter)
    if (this.#byPoint.get(point) === meter) this.#byPoint.delete(point)
    if (this.#registered.get(address)?.facts.meter === meter) this.#registered.delete(address)
  }

  /** Every meter the ledger has here. */
  all(): Iterable<KnownMeter> {
    return this.#registered.values()
  }

  /** The ledger's meter at an address. */
  registered(address: string): KnownMeter | null {
    return this.#registered.get(address) ?? null
  }

  /**
   * Who is meant by an address that stood in a message.
   *
   * @returns  null when strangers are not wanted, are too many already, or cannot be called so
   */
  find(address: string, heard: () => Heard): KnownMeter | null {
    const known = this.#registered.get(address) ?? this.#strangers.get(address)
    if (known) return known
    const { config, devices } = this.#deps
    if (config.unregistered === 'refuse' || !isName(address) || !devices.reserve(address, { ...heard(), isRegistered: false })) return null
    if (this.#strangers.size > config.maxUnregistered) this.#strangers.clear()
    // A name cut out of a message keeps the whole message alive.
    const own = keptText(address, address.length)
    const stranger = this.#stranger(own)
    this.#strangers.set(own, stranger)
    this.#tell(address, heard().at)
    return stranger
  }

  #tell(address: string, at: number): void {
    if (at - this.#toldAt < AGAIN_MS) return
    this.#toldAt = at
    const { config, devices, log } = this.#deps
    log(
      'info',
      `${config.id}: meter ${JSON.stringify(address)} is not in the ledger, ${many(devices.unregisteredCount(), 'such meter')} in all; their readings are kept, marked unregistered`,
    )
  }

  #stranger(address: string): KnownMeter {
    // The slash keeps it apart from every id the ledger allows.
    const facts = { meter: `${this.#deps.config.id}/${address}`, point: '-', area: '-', ct: ONE, pt: ONE }
    return known({ facts, isRegistered: false }, address, null)
  }
}

const ofLedger = ({ meter, point, address, profile, ct, pt }: MeterFact, area: string): KnownMeter => {
  const facts = { meter, point, area, ct: parseRatio(ct) ?? ONE, pt: parseRatio(pt) ?? ONE }
  return known({ facts, isRegistered: true }, address, profile.replace(/^mqtt\//, ''))
}

/** Whether its readings would be kept alike. */
const isSame = (a: MeterFact, b: MeterFact): boolean =>
  a.point === b.point && a.address === b.address && a.profile === b.profile && a.ct === b.ct && a.pt === b.pt

const known = (meter: PushMeter, address: string, mapping: string | null): KnownMeter => ({
  ...meter,
  address,
  mapping,
  normaliser: new PushNormaliser(meter),
  codes: new Set(),
})

/** An event code of a message as it may stand in a series: few, and printable. */
export const eventCode = ({ codes }: KnownMeter, key: string): string => {
  if (codes.has(key)) return key
  if (codes.size >= MOST_CODES || !isName(key)) return OTHER
  codes.add(keptText(key, key.length))
  return key
}
