import { type Dlt645Meter, dlt645Meter } from '../dlt645/meter.ts'
import { Instrument } from '../instrument.ts'
import { loneTrace } from '../meters.ts'
import { between, fraction, mix, numberOf } from '../random.ts'
import type { Habits, WiredMeter } from './habits.ts'

/** The meters that really hang on a concentrator's wires, whatever stands in its archive. */
export interface Wiring {
  readonly count: number
  at(index: number): WiredMeter | null
  byAddress(address: string): WiredMeter | null
  /** What it measures. Made when first asked for; one that nobody changed may be forgotten and made again. */
  instrument(meter: WiredMeter): Instrument
  /** The meter as it speaks DL/T 645. */
  speaker(meter: WiredMeter): Dlt645Meter
}

/** Meters that are known one by one. */
export const listedWiring = (meters: readonly WiredMeter[], instrumentOf: (meter: WiredMeter) => Instrument): Wiring => {
  const byAddress = new Map(meters.map((meter) => [meter.address, meter]))
  const instruments = new Map<string, Instrument>()
  const speakers = new Map<string, Dlt645Meter>()
  const instrument = (meter: WiredMeter): Instrument => {
    let known = instruments.get(meter.id)
    if (!known) {
      known = instrumentOf(meter)
      instruments.set(meter.id, known)
    }
    return known
  }
  return {
    count: meters.length,
    at: (index) => meters[index] ?? null,
    byAddress: (address) => byAddress.get(address) ?? null,
    instrument,
    speaker(meter) {
      let known = speakers.get(meter.id)
      if (!known) {
        known = dlt645Meter({ instrument: instrument(meter), address: meter.address, wakeUps: 0 })
        speakers.set(meter.id, known)
      }
      return known
    },
  }
}

/** Different days among meters that are otherwise alike. */
const TRACES = 8
/** Instruments held at once by a fleet; each costs about a kilobyte. */
const HELD = 2048

/** Instruments of meters made by rule, shared by a whole fleet: the last ones used, and those that somebody changed. */
export interface InstrumentPool {
  get(meter: WiredMeter): Instrument
  /** Keeps it for good. */
  keep(meter: WiredMeter): Instrument
}

export const instrumentPool = (seed: number): InstrumentPool => {
  const kept = new Map<string, Instrument>()
  let young = new Map<string, Instrument>()
  let old = new Map<string, Instrument>()
  const made = (meter: WiredMeter): Instrument => ruledInstrument(seed, meter)
  const get = (meter: WiredMeter): Instrument => {
    const known = kept.get(meter.id) ?? young.get(meter.id)
    if (known) return known
    const instrument = old.get(meter.id) ?? made(meter)
    if (young.size >= HELD / 2) {
      old = young
      young = new Map()
    }
    young.set(meter.id, instrument)
    return instrument
  }
  return {
    get,
    keep(meter) {
      const instrument = get(meter)
      kept.set(meter.id, instrument)
      return instrument
    },
  }
}

/** What a meter made by rule measures: a pure function of the seed and its id. */
export const ruledInstrument = (seed: number, meter: WiredMeter): Instrument =>
  new Instrument({ id: meter.id, seed, trace: loneTrace(seed + (numberOf(meter.id) % TRACES), meter.phases) })

/** `C00012-M0003`. */
export const meterIdOf = (concentrator: number, index: number): string =>
  `${concentratorIdOf(concentrator)}-M${String(index + 1).padStart(4, '0')}`
export const concentratorIdOf = (concentrator: number): string => `C${String(concentrator).padStart(5, '0')}`

/** Meters made by rule: nothing is kept for them until they are asked for. Every tenth is three-phase and on RS-485, the rest on the power line. */
export const ruledWiring = (concentrator: number, count: number, pool: InstrumentPool): Wiring => {
  const head = `21${String(concentrator).padStart(6, '0')}`
  let speakers: Map<string, Dlt645Meter> | null = null
  const at = (index: number): WiredMeter | null =>
    index < 0 || index >= count
      ? null
      : {
          id: meterIdOf(concentrator, index),
          address: `${head}${String(index + 1).padStart(4, '0')}`,
          pn: index + 1,
          number: index + 1,
          port: index % 10 === 9 ? 2 : 31,
          phases: index % 10 === 9 ? 3 : 1,
        }
  return {
    count,
    at,
    byAddress: (address) => (address.startsWith(head) ? at(Number(address.slice(8)) - 1) : null),
    instrument: (meter) => pool.get(meter),
    speaker(meter) {
      speakers ??= new Map()
      let known = speakers.get(meter.id)
      if (!known) {
        known = dlt645Meter({ instrument: pool.keep(meter), address: meter.address, wakeUps: 0 })
        speakers.set(meter.id, known)
      }
      return known
    },
  }
}

/**
 * World instant from which a concentrator has a value of `mark`; Infinity = it never gets it. A pure function of seed, meter and mark.
 *
 * @param lost  moves an instant at which the meter could not be reached to the first one at which it could
 */
export const collectedAt = (habits: Habits, seed: number, meter: WiredMeter, mark: number, lost: (at: number) => number): number => {
  const dice = mix(seed, numberOf(meter.id), Math.floor(mark / 60_000))
  const first = lost(mark + between(habits.collectMs[0], habits.collectMs[1], dice, 1))
  if (fraction(dice, 2) < habits.successRate) return first
  if (fraction(dice, 3) < habits.lostRate) return Number.POSITIVE_INFINITY
  return lost(mark + between(habits.catchUpMs[0], habits.catchUpMs[1], dice, 4))
}
