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
  readonly points: ReadonlyMap<string, Point>
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
  readonly #strangers = new Map<string, KnownMeter>()
  #toldAt = Number.NEGATIVE_INFINITY

  constructor(deps: MetersDeps) {
    this.#deps = deps
    for (const fact of deps.facts) this.#registered.set(fact.address, this.#ofLedger(fact))
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

  #ofLedger({ meter, point, address, profile, ct, pt }: MeterFact): KnownMeter {
    const area = this.#deps.points.get(point)?.area ?? ''
    const facts = { meter, point, area, ct: parseRatio(ct) ?? ONE, pt: parseRatio(pt) ?? ONE }
    return known({ facts, isRegistered: true }, address, profile.replace(/^mqtt\//, ''))
  }

  #stranger(address: string): KnownMeter {
    // The slash keeps it apart from every id the ledger allows.
    const facts = { meter: `${this.#deps.config.id}/${address}`, point: '-', area: '-', ct: ONE, pt: ONE }
    return known({ facts, isRegistered: false }, address, null)
  }
}

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
