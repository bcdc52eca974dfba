import type { Device, DeviceSpec, Poller } from '../acquisition/index.ts'
import type { MeterFact } from '../ledger/index.ts'
import type { FieldMeter, MeterReader } from './field-meter.ts'

/** How reads ended: see `DeviceHealth`. */
export interface ReadFigures {
  readonly due: number
  readonly read: number
  readonly firstTry: number
  readonly missed: number
  readonly late: number
  readonly reasons: ReadonlyMap<string, number>
}

/** A device with who asks it. `bus` = the line's own queue; null where a concentrator answers for the meter. */
export interface Made {
  readonly device: Device
  readonly poller: MeterReader
  readonly bus: Poller | null
}

/** What carries meters: a line, or a concentrator. Meters come and go, it stays. */
export interface MeterHost {
  readonly id: string
  /** Longest reaction of a meter that says none itself, milliseconds. */
  readonly reactionMs: number
  readonly meters: readonly FieldMeter[]
  /** Reads of meters that have left it, so that its figures never fall. */
  readonly gone: ReadFigures
  has(meter: FieldMeter): boolean
  /** Gives a meter its device; null when nothing here can read its profile. */
  make(spec: DeviceSpec, fact: MeterFact): Made | null
  /** Whether a device made for one fact does for another. */
  isSamePlace(before: MeterFact, now: MeterFact): boolean
  put(meter: FieldMeter): void
  delete(meter: string): void
  keepFigures(figures: ReadFigures): void
}

/** The meters of a host and the figures of those that have left. */
export class Members {
  readonly gone = { due: 0, read: 0, firstTry: 0, missed: 0, late: 0, reasons: new Map<string, number>() }
  readonly #meters = new Map<string, FieldMeter>()
  #list: readonly FieldMeter[] | null = null

  get list(): readonly FieldMeter[] {
    this.#list ??= [...this.#meters.values()]
    return this.#list
  }

  get size(): number {
    return this.#meters.size
  }

  has(meter: FieldMeter): boolean {
    return this.#meters.get(meter.fact.meter)?.device === meter.device
  }

  put(meter: FieldMeter): void {
    this.#meters.set(meter.fact.meter, meter)
    this.#list = null
  }

  delete(meter: string): void {
    if (this.#meters.delete(meter)) this.#list = null
  }

  /** Counts the reads of a meter that leaves for good. */
  keepFigures({ due, read, firstTry, missed, late, reasons }: ReadFigures): void {
    this.gone.due += due
    this.gone.read += read
    this.gone.firstTry += firstTry
    this.gone.missed += missed
    this.gone.late += late
    for (const [code, count] of reasons) this.gone.reasons.set(code, (this.gone.reasons.get(code) ?? 0) + count)
  }
}
