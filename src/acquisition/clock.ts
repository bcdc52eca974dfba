import {
  type Clock,
  type DeviceMemory,
  type MeterClock,
  type MeterCredentials,
  type MeterTime,
  ok,
  type Result,
  type TimeTeller,
} from '../core/index.ts'
import type { Calendar } from './calendar.ts'
import { type Conduct, converse } from './converse.ts'
import { fail } from './errors.ts'
import type { Asking, Channel, ExchangeTiming } from './line.ts'

/** What a meter's clock showed, and between which two instants it was looked at. */
export interface ClockRead {
  readonly time: MeterTime
  readonly timing: ExchangeTiming
}

/** The clock of one meter on its line. */
export interface DeviceClock {
  /** @errors CLOCK_UNTIMED, and what the meter or the line says */
  read(conduct: Conduct): Promise<Result<ClockRead>>
  /** Sets it by password; null where that cannot be done. Never repeated. */
  readonly set: ((teller: TimeTeller, shows: MeterTime, who: MeterCredentials, conduct: Conduct) => Promise<Result<null>>) | null
  /** Tells every meter on the line the time; null where that cannot be done. */
  readonly broadcast: ((teller: TimeTeller, conduct: Conduct) => Promise<Result<null>>) | null
}

/** Binds the clock of a protocol to one meter on a line. */
export const deviceClock = <Frame extends object>(
  clock: MeterClock<Frame>,
  channel: Channel<Frame>,
  asking: Asking,
  address: string,
  memory: DeviceMemory,
): DeviceClock => {
  const { set, broadcast } = clock
  return {
    read: async (conduct) => {
      let timing: ExchangeTiming | null = null
      const listening: Asking = {
        ...asking,
        onTimed: (heard) => {
          timing = heard
        },
      }
      const time = await converse(clock.read(address, memory), channel, listening, conduct)
      if (!time.ok) return time
      return timing ? ok({ time: time.value, timing }) : fail('CLOCK_UNTIMED', `${asking.device}: nobody measured when it answered`)
    },
    set: set
      ? (teller, shows, who, conduct) => converse(set(address, teller, shows, who), channel, asking, { ...conduct, tries: 1 })
      : null,
    broadcast: broadcast ? (teller, conduct) => converse(broadcast(teller), channel, asking, { ...conduct, tries: 1 }) : null,
  }
}

/** How far a meter's clock is off, milliseconds. */
export interface Drift {
  /** Our wall clock when the meter looked at its own, milliseconds since 1970 UTC. */
  readonly at: number
  /** Meter − ours: positive = the meter is ahead. */
  readonly driftMs: number
  /** The true drift lies within this of it. */
  readonly uncertaintyMs: number
}

/** A clock that shows seconds is on average half a second further than it shows. */
const HALF_SECOND_MS = 500

/** Wall-clock time as if it were UTC: for comparing wall clocks, never for zones. */
const ordinalOf = ({ year, month, day, hour, minute, second }: MeterTime): number => Date.UTC(year, month - 1, day, hour, minute, second)

/**
 * Drift (时钟偏差) of a meter: what it showed against our clock at the moment it looked. That moment lies between the end of the
 * request and the beginning of the answer; the middle is taken, and half of the time between is the uncertainty, beside the half
 * second of a clock that shows whole ones. The delay of the channel is in the same two figures.
 *
 * In the hours around a change of the zone's offset one wall-clock time can be two instants: the nearer one is meant.
 *
 * @returns  null when the meter showed a date that is none
 */
export const driftOf = (read: ClockRead, clock: Clock, calendar: Pick<Calendar, 'instantOf' | 'meterTime'>): Drift | null => {
  const instant = calendar.instantOf(read.time)
  if (instant === null) return null
  const { askedAt, beganAt } = read.timing
  const agoMs = clock.monotonic() - (askedAt + beganAt) / 2
  const at = Math.round(clock.now() - agoMs * clock.speed)
  const byInstant = instant - at
  const byLabel = ordinalOf(read.time) - ordinalOf(calendar.meterTime(at)) - (((at % 1000) + 1000) % 1000)
  const shown = Math.abs(byLabel) < Math.abs(byInstant) ? byLabel : byInstant
  return {
    at,
    driftMs: shown + HALF_SECOND_MS,
    uncertaintyMs: HALF_SECOND_MS + Math.ceil(((beganAt - askedAt) / 2) * clock.speed),
  }
}

/** Tells the time of our clock, rounded to the second: what a meter is given is at most half a second off. */
export const timeTeller =
  (clock: Clock, calendar: Pick<Calendar, 'meterTime'>): TimeTeller =>
  (inMs) =>
    calendar.meterTime(Math.floor((clock.now() + inMs * clock.speed) / 1000 + 0.5) * 1000)
