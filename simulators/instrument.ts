import { EPOCH, SLOT_MS, SLOTS_A_DAY, TARIFFS } from './calendar.ts'
import { fraction, mix, numberOf } from './random.ts'
import type { Trace } from './village/grid.ts'
import { PERIOD_DAYS, PERIOD_SLOTS } from './village/load.ts'

/** Cumulative quantities by their OBIS group C of the total: 1 import … 10 apparent export; see {@link flowAt}. */
export type Channel = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10

/** A maximum demand (最大需量) and the end of its quarter hour. */
export interface Demand {
  readonly watts: number
  readonly at: number
}

/** Something that happened to a meter, in its own event list: start and end by its own clock, `end` null = still going on. */
export interface MeterEvent {
  /** Group of the DL/T 645 event table: 0x11 power-down, 0x3000 programming, 0x3001 meter clear, 0x3004 time set. */
  readonly code: number
  /** World instant. */
  readonly at: number
  readonly start: number
  readonly end: number | null
}

interface ClockState {
  /** World instant from which this holds. */
  readonly since: number
  readonly offsetMs: number
  readonly ppm: number
}

const FIRST_PREFIX = PERIOD_DAYS + 1

/** Sums over the days of a trace, worked out when first asked for. Meters with the same trace share them: a hundred thousand may. */
interface Sums {
  readonly prefixes: Map<number, Float64Array>
  readonly peaks: Map<number, Int32Array>
}
const sums = new WeakMap<Trace, Sums>()
const sumsOf = (trace: Trace): Sums => {
  let known = sums.get(trace)
  if (!known) {
    known = { prefixes: new Map(), peaks: new Map() }
    sums.set(trace, known)
  }
  return known
}

/**
 * What a meter measures and remembers, on no protocol: exact registers at any instant, voltages and currents, its own clock and events.
 * Energies are whole watt-seconds (var-seconds) on the primary side; the face cuts them to the meter's resolution.
 */
export class Instrument {
  readonly id: string
  readonly ct: number
  readonly pt: number
  readonly seed: number
  readonly trace: Trace
  readonly events: MeterEvent[] = []
  /** Open relay (拉闸); the load is not changed by it. */
  relayOpen = false
  /** When this piece of hardware was put in. Nothing before it is in its memory. */
  installedAt = EPOCH
  readonly #sums: Sums
  readonly #clock: ClockState[]
  #exchangedAt: number | null = null
  #added = 0

  constructor(options: { id: string; seed: number; trace: Trace; ct?: number; pt?: number }) {
    this.id = options.id
    this.seed = mix(options.seed, numberOf(options.id))
    this.trace = options.trace
    this.#sums = sumsOf(options.trace)
    this.ct = options.ct ?? 1
    this.pt = options.pt ?? 1
    // A healthy clock is off by up to two seconds and stays there.
    this.#clock = [{ since: -Infinity, offsetMs: Math.round((fraction(this.seed, 1) - 0.5) * 4000), ppm: 0 }]
    this.events.push({ code: 0x3001, at: EPOCH, start: EPOCH, end: EPOCH }, { code: 0x3000, at: EPOCH, start: EPOCH, end: EPOCH })
  }

  get elements(): number {
    return this.trace.watts.length
  }

  /**
   * A register at an instant: the integral of the flow since the world began, plus what stood on the meter then.
   *
   * @param element  0 = all phases together, 1-3 = one phase
   * @param tariff   0 = all tariffs
   * @returns        watt-seconds, whole
   */
  energy(channel: Channel, element: number, tariff: number, at: number): number {
    if (this.#exchangedAt !== null && at >= this.#exchangedAt)
      return this.#integral(channel, element, tariff, at) - this.#integral(channel, element, tariff, this.#exchangedAt)
    const added = channel === 1 && element === 0 && (tariff === 0 || tariff === 3) ? this.#added : 0
    return this.#integral(channel, element, tariff, at) + this.#stood(channel, element, tariff) + added
  }

  /** Watts through an element (0 = all) at an instant, see {@link shownSlot}; negative = feeding in. */
  watts(element: number, at: number): number {
    return sumAt(this.trace.watts, element, shownSlot(at))
  }

  vars(element: number, at: number): number {
    return sumAt(this.trace.vars, element, shownSlot(at))
  }

  /** Volts of an element, to a tenth. */
  volts(element: number, at: number): number {
    return (this.trace.volts[Math.max(1, element) - 1]?.[shownSlot(at)] ?? 0) / 10
  }

  /** Amperes through one element, never negative. */
  amps(element: number, at: number): number {
    return Math.hypot(this.watts(element, at), this.vars(element, at)) / this.volts(element, at)
  }

  /** Largest quarter-hour average between two instants; null when no quarter hour has ended in between. */
  demand(channel: Channel, from: number, to: number): Demand | null {
    const start = Math.max(from, this.installedAt)
    let slot = Math.ceil((start - EPOCH) / SLOT_MS)
    const end = Math.floor((to - EPOCH) / SLOT_MS)
    if (end <= slot) return null
    let best = -1
    let where = slot
    while (slot < end) {
      if (slot % SLOTS_A_DAY === 0 && slot + SLOTS_A_DAY <= end) {
        const day = Math.floor(slot / SLOTS_A_DAY) % PERIOD_DAYS
        const peak = this.#dayPeak(channel)[day]!
        const watts = flowAt(this.trace, channel, 0, day * SLOTS_A_DAY + peak)
        if (watts > best) {
          best = watts
          where = slot + peak
        }
        slot += SLOTS_A_DAY
      } else {
        const watts = flowAt(this.trace, channel, 0, slot % PERIOD_SLOTS)
        if (watts > best) {
          best = watts
          where = slot
        }
        slot++
      }
    }
    return { watts: best, at: EPOCH + (where + 1) * SLOT_MS }
  }

  /** What the meter's own clock shows, as an instant. */
  ownTime(at: number): number {
    return at + clockError(this.#clock.findLast(({ since }) => since <= at)!, at)
  }

  /** When the meter's clock showed, or jumped over, an own time. */
  worldTime(own: number): number {
    for (let at = 0; at < this.#clock.length; at++) {
      const state = this.#clock[at]!
      const begin = state.since
      const until = this.#clock[at + 1]?.since ?? Infinity
      if (begin !== -Infinity && own < begin + clockError(state, begin)) return begin
      const base = begin === -Infinity ? 0 : begin
      const instant = state.ppm === 0 ? own - state.offsetMs : base + Math.round((own - state.offsetMs - base) / (1 + state.ppm / 1e6))
      if (instant < until) return instant
    }
    return own
  }

  /** Puts the clock `offsetMs` ahead of the world from `at` on, gaining `ppm` millionths. */
  setClock(at: number, offsetMs: number, ppm = 0): void {
    this.#clock.push({ since: at, offsetMs, ppm })
  }

  /** The meter is exchanged (换表): registers start from zero, memory is empty. */
  exchange(at: number): void {
    this.#exchangedAt = at
    this.installedAt = at
    this.events.length = 0
    this.events.push({ code: 0x3000, at, start: at, end: at })
  }

  /** Moves the import register so that it reaches `limitWs` at `at`. Holds for all time: order it before anybody reads the meter. */
  rollAt(at: number, limitWs: number): void {
    this.#added = 0
    this.#added = limitWs - this.energy(1, 0, 0, at)
  }

  #stood(channel: Channel, element: number, tariff: number): number {
    if (channel !== 1) return 0
    const of = (number: number): number => Math.round(fraction(this.seed, 2, number) * 400) * 3_600_000 * this.ct * this.pt
    if (tariff > 0) return of(tariff)
    const all = of(1) + of(2) + of(3) + of(4)
    return element === 0 ? all : Math.floor(all / this.elements)
  }

  #integral(channel: Channel, element: number, tariff: number, at: number): number {
    const seconds = Math.max(0, Math.floor((at - EPOCH) / 1000))
    const period = Math.floor(seconds / (PERIOD_DAYS * 86_400))
    const rest = seconds - period * PERIOD_DAYS * 86_400
    const day = Math.floor(rest / 86_400)
    const prefix = this.#prefix(channel, element, tariff)
    let sum = period * prefix[PERIOD_DAYS]! + prefix[day]!
    const last = Math.floor(rest / 900)
    for (let slot = day * SLOTS_A_DAY; slot < last; slot++)
      if (tariff === 0 || TARIFFS[slot % SLOTS_A_DAY] === tariff) sum += 900 * flowAt(this.trace, channel, element, slot)
    if (tariff === 0 || TARIFFS[last % SLOTS_A_DAY] === tariff) sum += (rest % 900) * flowAt(this.trace, channel, element, last)
    return sum
  }

  #prefix(channel: Channel, element: number, tariff: number): Float64Array {
    const key = (channel * 4 + element) * 8 + tariff
    let prefix = this.#sums.prefixes.get(key)
    if (!prefix) {
      prefix = new Float64Array(FIRST_PREFIX)
      for (let day = 0; day < PERIOD_DAYS; day++) {
        let sum = 0
        for (let slot = 0; slot < SLOTS_A_DAY; slot++)
          if (tariff === 0 || TARIFFS[slot] === tariff) sum += flowAt(this.trace, channel, element, day * SLOTS_A_DAY + slot)
        prefix[day + 1] = prefix[day]! + sum * 900
      }
      this.#sums.prefixes.set(key, prefix)
    }
    return prefix
  }

  #dayPeak(channel: Channel): Int32Array {
    let peaks = this.#sums.peaks.get(channel)
    if (!peaks) {
      peaks = new Int32Array(PERIOD_DAYS)
      for (let day = 0; day < PERIOD_DAYS; day++) {
        let best = -1
        for (let slot = 0; slot < SLOTS_A_DAY; slot++) {
          const watts = flowAt(this.trace, channel, 0, day * SLOTS_A_DAY + slot)
          if (watts > best) {
            best = watts
            peaks[day] = slot
          }
        }
      }
      this.#sums.peaks.set(channel, peaks)
    }
    return peaks
  }
}

/** Quarter hour of the period an instant lies in. */
export const slotOf = (at: number): number => Math.max(0, Math.floor((at - EPOCH) / SLOT_MS)) % PERIOD_SLOTS

/** A display follows the power by so much. */
const DISPLAY_MS = 5000

/**
 * Quarter hour whose power and voltage are shown at an instant. Power here is constant within a quarter hour and leaps at its end; were it shown at once, two meters whose
 * clocks differ by a second would record different quarter hours as their value of the same instant.
 */
const shownSlot = (at: number): number => slotOf(at - DISPLAY_MS)

const clockError = ({ since, offsetMs, ppm }: ClockState, at: number): number =>
  ppm === 0 ? offsetMs : offsetMs + Math.round(((at - (since === -Infinity ? 0 : since)) * ppm) / 1e6)

const sumAt = (parts: readonly Int32Array[], element: number, slot: number): number => {
  if (element > 0) return parts[element - 1]?.[slot] ?? 0
  let sum = 0
  for (const part of parts) sum += part[slot]!
  return sum
}

/**
 * Flow counted by a channel in one quarter hour. The total is the sum of the phases with their signs, not of their sizes.
 * Quadrants (象限): I import and inductive, II export and inductive, III export and capacitive, IV import and capacitive.
 */
const flowAt = (trace: Trace, channel: Channel, element: number, slot: number): number => {
  const watts = sumAt(trace.watts, element, slot)
  if (channel === 1) return Math.max(watts, 0)
  if (channel === 2) return watts < 0 ? -watts : 0
  const vars = sumAt(trace.vars, element, slot)
  if (channel === 3) return Math.max(vars, 0)
  if (channel === 4) return vars < 0 ? -vars : 0
  if (channel === 5) return watts >= 0 && vars > 0 ? vars : 0
  if (channel === 6) return watts < 0 && vars > 0 ? vars : 0
  if (channel === 7) return watts < 0 && vars < 0 ? -vars : 0
  if (channel === 8) return watts >= 0 && vars < 0 ? -vars : 0
  const apparent = Math.round(Math.hypot(watts, vars))
  return (channel === 9) === watts >= 0 ? apparent : 0
}
