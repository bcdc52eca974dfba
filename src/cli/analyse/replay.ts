import {
  type AreaDay,
  type AreaFrame,
  areaHistory,
  type CommFrame,
  type MeterDay,
  type MeterFact,
  WINDOW_DAYS,
} from '../../anomaly/index.ts'
import { type CommHours, commFrame } from './comm.ts'
import { type MeterEnergy, meterEnergy, STEP_MS } from './energy.ts'
import type { LedgerArea, OfflineLedger } from './ledger.ts'
import type { Readings, Series } from './readings.ts'
import type { LocalDay } from './zone.ts'

/** What is known at the end of one local day: the window of every area, and its communication. */
export interface DayShown {
  readonly day: LocalDay
  readonly areas: readonly { readonly frame: AreaFrame; readonly comm: CommFrame | null }[]
}

/** The files, read. */
export interface Offline {
  readonly ledger: OfflineLedger
  readonly readings: Readings
  /** Communication by area; null = there is none. */
  readonly comm: ReadonlyMap<string, CommHours> | null
  readonly days: readonly LocalDay[]
}

/**
 * Shows an area's files day by day: after each local day what was known by its end, as the running gateway would know it.
 * Facts of the ledger that carry a date are in it from that date on; a register that comes after a gap settles the gap.
 * The frames are good until the next day is asked for.
 */
export function* replay({ ledger, readings, comm, days }: Offline, windowDays = WINDOW_DAYS): Generator<DayShown> {
  const slots = days.reduce((sum, { start, end }) => sum + (end - start) / STEP_MS, 0)
  const expected = days.length <= windowDays ? slots : 0
  const areas = ledger.areas.map((area) => {
    const points = [...area.gateways, ...area.meters].map((fact) => ({
      fact,
      series: readings.series.get(fact.id) ?? null,
      energy: meterEnergy(fact, readings.series.get(fact.id) ?? null),
      next: 0,
    }))
    return {
      area,
      points,
      history: areaHistory(windowDays, expected),
      hours: comm?.get(area.fact.id) ?? null,
    }
  })
  const starts = days.map(({ start }) => start)
  for (const [place, day] of days.entries()) {
    const shown = areas.map(({ area, points, history, hours }) => {
      const dayOf = (from: number, to: number, energy: ReturnType<MeterEnergy['close']>, point: (typeof points)[number]) =>
        meterDay(asOf(point.fact, day.end), point.series, energy, from, to)
      const closed = points.map((point) => ({ point, energy: point.energy.close(day.start, day.end) }))
      const isGateway = new Set(area.gateways.map(({ id }) => id))
      const today = closed.map(({ point, energy }) => dayOf(day.start, day.end, energy, point))
      // Days before it, where a gap has closed or a read is seen in another light.
      for (const { point, energy } of closed)
        for (let at = starts.length - 1; at >= 0; at--) {
          const earlier = days[at]
          if (!earlier || earlier.start >= day.start) continue
          if (earlier.end <= energy.from) break
          const from = Math.max(earlier.start, energy.from)
          const known = history.slice(earlier.day, point.fact.id)
          if (!known) continue
          const whole = meterDay(asOf(point.fact, day.end), point.series, energy, earlier.start, earlier.end)
          const keep = (from - earlier.start) / STEP_MS
          whole.imp.set(known.imp.subarray(0, keep))
          whole.exp.set(known.exp.subarray(0, keep))
          whole.known.set(known.known.subarray(0, keep))
          history.amend(earlier.day, [whole])
        }
      history.put(
        areaDay(
          ledger,
          area,
          day,
          today.filter(({ fact }) => isGateway.has(fact.id)),
          today.filter(({ fact }) => !isGateway.has(fact.id)),
        ),
      )
      const frame = history.frame()
      return frame ? [{ frame, comm: hours && commFrame(hours, Math.max(0, place - windowDays + 1), place) }] : []
    })
    yield { day, areas: shown.flat() }
  }
}

/** What the ledger says at an instant: nothing with a later date. */
const asOf = (fact: MeterFact, at: number): MeterFact => {
  const exchanges = fact.exchanges.filter((exchange) => exchange.at <= at)
  const solar = fact.solar && fact.solar.since <= at ? fact.solar : null
  return exchanges.length === fact.exchanges.length && solar === fact.solar ? fact : { ...fact, exchanges, solar }
}

const areaDay = (
  ledger: OfflineLedger,
  { fact }: LedgerArea,
  { day, start, end, isWeekend }: LocalDay,
  gateways: readonly MeterDay[],
  meters: readonly MeterDay[],
): AreaDay => {
  const ids = new Set([...gateways, ...meters].map((point) => point.fact.id))
  return {
    fact,
    day,
    start,
    slots: (end - start) / STEP_MS,
    gateways,
    meters: meters.filter((point) => point.fact.since === null || point.fact.since < end),
    temperature: temperatureOf(ledger, start, end),
    isRest: isWeekend || ledger.holidays.has(day),
    outages: ledger.outages.filter(
      ({ from, to, ids: some }) => from < end && to > start && (some === null || some.some((id) => ids.has(id))),
    ),
    events: ledger.events.filter(({ id, at }) => at > start && at <= end && ids.has(id)),
  }
}

/** The temperature a slot ends in. */
const temperatureOf = ({ temperature }: OfflineLedger, start: number, end: number): Float32Array | null => {
  if (!temperature) return null
  return Float32Array.from({ length: (end - start) / STEP_MS }, (_, slot) => {
    const at = Math.floor((start + slot * STEP_MS - temperature.start) / temperature.stepMs)
    return temperature.values[at] ?? Number.NaN
  })
}

/** The slots [from, to) of a meter: energy as worked out, registers and instantaneous values as read at the end of each slot. */
const meterDay = (fact: MeterFact, series: Series | null, energy: ReturnType<MeterEnergy['close']>, from: number, to: number): MeterDay => {
  const slots = (to - from) / STEP_MS
  const part = (column: Float64Array): Float64Array => {
    const values = new Float64Array(slots).fill(Number.NaN)
    const shift = (energy.from - from) / STEP_MS
    for (let slot = Math.max(0, shift); slot < slots; slot++) values[slot] = column[slot - shift] ?? Number.NaN
    return values
  }
  const known = new Uint8Array(slots)
  const shift = (energy.from - from) / STEP_MS
  for (let slot = Math.max(0, shift); slot < slots; slot++) known[slot] = energy.known[slot - shift] ?? 0
  const first = series ? rowAfter(series, from) : 0
  const last = series ? rowAfter(series, to) : 0
  const faceImp = new Float64Array(slots).fill(Number.NaN)
  const faceExp = new Float64Array(slots).fill(Number.NaN)
  for (let row = first; row < last; row++) {
    const slot = ((series?.times[row] ?? 0) - from) / STEP_MS - 1
    if (!Number.isInteger(slot)) continue
    faceImp[slot] = series?.imp[row] ?? Number.NaN
    faceExp[slot] = series?.exp[row] ?? Number.NaN
  }
  const instant = (place: number, ratio: number): Float32Array | null => {
    const column = series?.instants[place]
    if (!column || Number.isNaN(ratio)) return null
    const values = new Float32Array(slots).fill(Number.NaN)
    for (let row = first; row < last; row++) {
      const slot = ((series?.times[row] ?? 0) - from) / STEP_MS - 1
      if (Number.isInteger(slot)) values[slot] = (column[row] ?? Number.NaN) * ratio
    }
    return values
  }
  const { multiplier } = fact
  return {
    fact,
    imp: part(energy.imp),
    exp: part(energy.exp),
    known,
    faceImp,
    faceExp,
    u: [instant(0, 1), instant(1, 1), instant(2, 1)],
    i: [instant(3, multiplier), instant(4, multiplier), instant(5, multiplier)],
    iN: instant(6, multiplier),
    p: instant(7, multiplier),
    pf: instant(8, 1),
    rates: null,
  }
}

/** First row after an instant. */
const rowAfter = ({ times, count }: Series, at: number): number => {
  let [low, high] = [0, count]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((times[middle] ?? 0) <= at) low = middle + 1
    else high = middle
  }
  return low
}

/** Whose communication counts an area is judged by: its meters and concentrators, and what else hangs on those. */
export const commTargets = (
  ledger: OfflineLedger,
  area: LedgerArea,
): { readonly id: string; readonly kind: 'meter' | 'concentrator' }[] => {
  const concentrators = new Set([...area.concentrators, ...area.meters.flatMap(({ concentrator }) => concentrator ?? [])])
  const buses = new Set(area.meters.flatMap(({ bus }) => bus ?? []))
  const others = ledger.areas
    .filter((other) => other !== area)
    .flatMap(({ meters }) => meters)
    .filter(({ bus, concentrator }) => (concentrator !== null && concentrators.has(concentrator)) || (bus !== null && buses.has(bus)))
  return [
    ...[...area.gateways, ...area.meters, ...others].map(({ id }) => ({ id, kind: 'meter' as const })),
    ...[...concentrators].map((id) => ({ id, kind: 'concentrator' as const })),
  ]
}
