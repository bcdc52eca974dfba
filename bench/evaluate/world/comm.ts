import type { Fault } from '../labels.ts'
import { type CommHours, type Dice, normal, timeOf, type World, type WorldMeter, within } from './world.ts'

/** What can go wrong between a meter and the head-end, the level at which it does, and whether whole hours of readings are lost. */
export const COMM_CAUSES = {
  weak_signal: 'meter',
  dead: 'meter',
  baud: 'meter',
  address_conflict: 'meter',
  evening_noise: 'meter',
  open: 'bus',
  noise: 'bus',
  downlink: 'concentrator',
  no_signal: 'backhaul',
} as const
export type CommCause = keyof typeof COMM_CAUSES

const HOURS = 24
const ROWS_AN_HOUR = 4

/** Counts of a day without faults: four polls an hour, now and then an answer that fails. */
export const healthyComm = (
  dice: Dice,
  targets: readonly { readonly id: string; readonly link: string }[],
  days: number,
): Map<string, CommHours> =>
  new Map(
    targets.map(({ id, link }) => {
      const hours = days * HOURS
      const column = (value: number) => new Float64Array(hours).fill(value)
      const isConcentrator = link === 'uplink'
      const base = link === 'rs485' ? within(dice, 80, 130) : link === 'uplink' ? 300 : within(dice, 450, 950)
      const snr = link === 'hplc' || link === 'rf' ? within(dice, 12, 22) : Number.NaN
      const rssi = link === 'rf' ? within(dice, -88, -70) : isConcentrator ? within(dice, -98, -80) : Number.NaN
      const counts: CommHours = {
        polls: column(4),
        ok: column(4),
        timeouts: column(0),
        crcErrors: column(0),
        addrErrors: column(0),
        latencyMs: column(base),
        snrDb: column(snr),
        rssiDbm: column(rssi),
      }
      for (let hour = 0; hour < hours; hour++) {
        if (dice() < 0.002) counts.timeouts[hour] = 1
        if (dice() < 0.003) counts.crcErrors[hour] = 1
        counts.latencyMs[hour] = base * Math.exp(0.12 * normal(dice))
        counts.snrDb[hour] = snr + 0.9 * normal(dice)
        counts.rssiDbm[hour] = rssi + 2 * normal(dice)
      }
      return [id, counts]
    }),
  )

/** One hour of a target with a fault. Each poll is tried twice at most. */
const spoil = (
  counts: CommHours,
  hour: number,
  dice: Dice,
  { fail, crc, stranger }: { fail: number; crc: number; stranger?: number },
): number => {
  let [ok, timeouts, crcErrors, addrErrors] = [0, 0, 0, 0]
  for (let poll = 0; poll < 4; poll++)
    for (let attempt = 0; attempt < 2; attempt++) {
      if (dice() >= fail) {
        ok++
        break
      }
      if (dice() < crc) crcErrors++
      else timeouts++
      if (stranger && dice() < stranger) addrErrors++
    }
  counts.ok[hour] = ok
  counts.timeouts[hour] = timeouts
  counts.crcErrors[hour] = crcErrors
  counts.addrErrors[hour] = addrErrors
  if (ok === 0) {
    if (crcErrors === 0) counts.latencyMs[hour] = Number.NaN
    counts.snrDb[hour] = Number.NaN
  }
  return ok
}

/**
 * Disturbs communication from one hour to another, and takes away the readings that cannot have come. With a lost uplink they come later:
 * they are kept.
 */
export const disturb = (world: World, cause: CommCause, target: string, from: number, to: number, dice: Dice): void => {
  const { comm, meters } = world
  if (!comm) return
  const level = COMM_CAUSES[cause]
  const field = level === 'bus' ? 'bus' : 'concentrator'
  const below =
    level === 'meter' ? meters.filter(({ seen }) => seen.id === target) : meters.filter(({ ledger }) => ledger[field] === target)
  const twin = cause === 'address_conflict' ? twinOf(meters, target) : null
  const fault: Fault = {
    kind: 'comm_fault',
    area: String(below[0]?.ledger.area ?? ''),
    from: timeOf(world, world.start + from * 3_600_000),
    to: timeOf(world, world.start + to * 3_600_000),
    level,
    cause,
    target,
    ...(level === 'meter' ? { meter: target } : {}),
    params: twin ? { meters: [target, twin.seen.id] } : {},
  }
  world.faults.push(fault)
  for (let hour = from; hour < to; hour++) {
    const evening = hour % HOURS >= 18 && hour % HOURS < 23
    for (const { seen } of twin ? [...below, twin] : below) {
      const counts = comm.get(seen.id)
      if (!counts) continue
      const ways: Readonly<Record<CommCause, () => number>> = {
        weak_signal: () => {
          counts.snrDb[hour] = within(dice, 1, 4)
          if (!Number.isNaN(counts.rssiDbm[hour] ?? 0)) counts.rssiDbm[hour] = within(dice, -112, -104)
          return spoil(counts, hour, dice, { fail: 0.45, crc: 0.4 })
        },
        dead: () => spoil(counts, hour, dice, { fail: 1, crc: 0 }),
        baud: () => {
          counts.latencyMs[hour] = within(dice, 50, 80)
          return spoil(counts, hour, dice, { fail: 1, crc: 1 })
        },
        address_conflict: () => spoil(counts, hour, dice, { fail: 0.35, crc: 0.75, stranger: 0.6 }),
        evening_noise: () => {
          if (!evening) return 4
          counts.snrDb[hour] = within(dice, 2, 5)
          return spoil(counts, hour, dice, { fail: 0.6, crc: 0.5 })
        },
        open: () => spoil(counts, hour, dice, { fail: 1, crc: 0 }),
        noise: () => spoil(counts, hour, dice, { fail: 0.6, crc: 0.9 }),
        downlink: () => spoil(counts, hour, dice, { fail: 1, crc: 0 }),
        no_signal: () => spoil(counts, hour, dice, { fail: 1, crc: 0 }),
      }
      const ok = ways[cause]()
      if (level === 'backhaul') continue
      // A reading stands at the end of a quarter; of four polls so many brought one.
      for (let poll = ok; poll < ROWS_AN_HOUR; poll++) seen.missing[hour * ROWS_AN_HOUR + 1 + ((poll + Math.floor(dice() * 4)) % 4)] = 1
      if (ok === 0) seen.missing.fill(1, hour * ROWS_AN_HOUR + 1, hour * ROWS_AN_HOUR + 5)
    }
    if (level === 'backhaul') {
      const counts = comm.get(target)
      if (!counts) continue
      const beats = dice() < 0.3 ? 2 : 0
      counts.ok[hour] = beats
      counts.timeouts[hour] = 4 - beats
      counts.rssiDbm[hour] = within(dice, -122, -116)
      counts.latencyMs[hour] = beats ? 2200 : Number.NaN
    }
  }
}

/** Another meter of the same bus. */
const twinOf = (meters: readonly WorldMeter[], target: string): WorldMeter | null => {
  const bus = meters.find(({ seen }) => seen.id === target)?.ledger.bus
  return meters.find(({ seen, ledger }) => ledger.bus === bus && seen.id !== target) ?? null
}
