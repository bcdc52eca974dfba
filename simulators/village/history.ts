import { type Column, fieldOf, type Reading, type Series, type Shape, seriesOf, shapeOf } from '../../src/core/index.ts'
import { DAY_MS, SLOT_MS } from '../calendar.ts'
import type { Instrument } from '../instrument.ts'
import { fraction, numberOf } from '../random.ts'
import type { VillageMeter } from './describe.ts'
import type { Scene, Scenes } from './scenes.ts'
import { ratioOf } from './start.ts'

/** Share of the quarter hours that a noisy bus loses for good, after all tries. */
const LOST_BY_NOISE = 0.25

/** Communication statistics are made up for so many days before the end: what was polled, what came, and why not. */
const COMM_DAYS = 7
/** Share of the other polls of a noisy bus that need a second try. */
const REPEATED_BY_NOISE = 0.45

const count = (field: string): Column => ({ field, obis: null, unit: '', scaler: 0, integer: true })
const COMM = shapeOf([
  ...['due', 'read', 'first_try', 'missed', 'exchanges', 'answered', 'no_reply', 'damaged', 'stray'].map(count),
  { field: 'latency', obis: null, unit: 's', scaler: -6 },
])
/** Raw values of {@link COMM} for a quarter hour with one poll. */
const POLLED = {
  good: [1, 1, 1, 0, 1, 1, 0, 0, 0],
  repeated: [1, 1, 0, 0, 2, 1, 0, 1, 0],
  damaged: [1, 0, 0, 1, 3, 0, 0, 3, 0],
  silent: [1, 0, 0, 1, 3, 0, 3, 0, 0],
} as const

const column = (obis: `1-0:${string}`, unit: Column['unit'], scaler: number): Column => ({ field: fieldOf(obis), obis, unit, scaler })
const REGISTERS = shapeOf([column('1-0:1.8.0', 'kWh', -2), column('1-0:2.8.0', 'kWh', -2)])
const ELEMENT = [30, 50, 70] as const
const instants = (elements: number): Shape =>
  shapeOf([
    column('1-0:16.7.0', 'kW', -4),
    column('1-0:13.7.0', '', -3),
    ...ELEMENT.slice(0, elements).flatMap((base) => [column(`1-0:${base + 2}.7.0`, 'V', -1), column(`1-0:${base + 1}.7.0`, 'A', -3)]),
  ])
const SINGLE = instants(1)
const THREE = instants(3)

/**
 * What the village's meters would have in their load records (负荷记录) of the time before somebody came to read them: registers and
 * instantaneous values at every quarter hour of the meter's own clock, as rows the gateway stores. What a scene kept from being read is not there.
 *
 * @param from, to  village instants; points in (from, to]
 */
export function* historyOf(
  { plan, scenes, faults }: Scenes,
  instruments: ReadonlyMap<string, Instrument>,
  from: number,
  to: number,
): Generator<readonly Reading[]> {
  for (const { kind, meter, from: since = 0, offset = 0, ppm = 0 } of faults)
    if (kind === 'clock' && meter !== undefined) instruments.get(meter)?.setClock(since, offset * 1000, ppm)
  const known = plan.meters.filter(({ ledger }) => ledger !== null)
  const writers = known.map((meter) => writerOf(meter, instruments.get(meter.id)!, scenes, to - COMM_DAYS * DAY_MS))
  for (let at = from + SLOT_MS - (from % SLOT_MS); at <= to; at += SLOT_MS) yield writers.flatMap((write) => write(at))
}

const writerOf = (meter: VillageMeter, instrument: Instrument, scenes: readonly Scene[], commFrom: number): ((at: number) => Reading[]) => {
  const { id, point, area, line, ct, pt, ledger, family } = meter
  const series = (measurement: 'register' | 'instant'): Series => seriesOf(measurement, { meter: id, point, area, source: 'curve' })
  const [register, instant] = [series('register'), series('instant')]
  const known = String(ratioOf(ledger?.ct ?? ct) * ratioOf(pt))
  const primary = (ratioOf(ledger?.ct ?? ct) * ratioOf(pt)) / (instrument.ct * instrument.pt)
  const dead = scenes.find(({ kind, target }) => kind === 'dead' && target === id)?.from ?? Number.POSITIVE_INFINITY
  const noisy = scenes.find(({ kind, target }) => kind === 'noisy-bus' && target === line)?.from ?? Number.POSITIVE_INFINITY
  const seed = numberOf(id)
  const comm = seriesOf('comm', { kind: 'meter', id, area })
  const polled = (own: number, how: keyof typeof POLLED): Reading[] => {
    if (family !== undefined || own < commFrom) return []
    const answered = POLLED[how][5] > 0
    const latency = answered ? 60_000 + Math.round(60_000 * fraction(seed, 13, own / SLOT_MS)) : null
    const absent = answered ? null : new Map([[POLLED[how].length, 'LINE_NO_REPLY']])
    const rest = { scalers: null, absent, measuredAt: own - SLOT_MS, receivedAt: own, quality: 0 }
    return [{ series: comm, shape: COMM, raws: [...POLLED[how], latency], ratio: '1', ...rest }]
  }
  return (own) => {
    const at = Math.floor(instrument.worldTime(own) / 1000) * 1000
    if (at >= dead) return polled(own, 'silent')
    if (at >= noisy && fraction(seed, 11, own / SLOT_MS) < LOST_BY_NOISE) return polled(own, 'damaged')
    const how = at >= noisy && fraction(seed, 12, own / SLOT_MS) < REPEATED_BY_NOISE ? 'repeated' : 'good'
    const face = (channel: 1 | 2) => Math.floor(instrument.energy(channel, 0, 0, at) / (36_000 * instrument.ct * instrument.pt))
    const watts = instrument.watts(0, at)
    const vars = instrument.vars(0, at)
    const power = watts === 0 && vars === 0 ? 1 : watts / Math.hypot(watts, vars)
    const raws = [Math.round(watts * 10 * primary), Math.round(power * 1000)]
    for (let element = 1; element <= instrument.elements; element++)
      raws.push(Math.round(instrument.volts(element, at) * 10), Math.round(instrument.amps(element, at) * 1000 * primary))
    const rest = { scalers: null, absent: null, measuredAt: own, receivedAt: at, quality: 0 }
    return [
      { series: register, shape: REGISTERS, raws: [face(1), face(2)], ratio: known, ...rest },
      { series: instant, shape: instrument.elements === 1 ? SINGLE : THREE, raws, ratio: '1', ...rest },
      ...polled(own, how),
    ]
  }
}
