import { instantOf, SLOT_MS, startOfDay } from '../calendar.ts'
import { ENERGIES, ENERGY, type Giver, type Question, SIGNED_ENERGY, TARIFFS } from './energies.ts'
import { type Cut, cutOf, type Drawing, demandCut, drawing, type Moment, pair, silentCut, stamp } from './sheet.ts'

/** Days of freezes and of quarter-hour records a meter keeps. */
export const DAYS_KEPT = 62
const HOUR_MS = 3_600_000

/** Freezes (冻结) by class DI2: the meter's own time of the n-th last one; null = none. */
const frozenAt = ({ meter, at, di: [, d2, , d0] }: Question): Moment | null => {
  const { instrument } = meter
  const own = instrument.ownTime(at)
  if (d0 < 1 || d0 > DAYS_KEPT) return null
  if (d2 === 1) {
    const then = meter.frozen[d0 - 1]
    return then === undefined ? null : { at: then, own: instrument.ownTime(then), kind: 'live' }
  }
  const mark = d2 === 6 ? startOfDay(own, d0 - 1) : d2 === 4 ? Math.floor(own / HOUR_MS) * HOUR_MS - (d0 - 1) * HOUR_MS : null
  if (mark === null) return null
  const then = instrument.worldTime(mark)
  return then < instrument.installedAt ? null : { at: then, own: mark, kind: d2 === 6 ? 'day-freeze' : 'curve' }
}

/** Active and reactive power, total and by phase: item 10 of a freeze. */
const POWERS: readonly (readonly [code: string, unit: string])[] = [
  ['16.7.0', 'kW'],
  ['36.7.0', 'kW'],
  ['56.7.0', 'kW'],
  ['76.7.0', 'kW'],
  ['131.7.0', 'kvar'],
  ['151.7.0', 'kvar'],
  ['171.7.0', 'kvar'],
  ['191.7.0', 'kvar'],
]
const POWER = drawing('XX.XXXX', true)

export const freezeCuts: Giver = (question) => {
  const when = frozenAt(question)
  if (!when || when.own === null) return null
  const { instrument } = question.meter
  const item = question.di[2]
  if (item === 0) return [silentCut(stamp(when.own, 'mhDMY'))]
  const energy = item <= 8 ? ENERGIES[item] : undefined
  if (energy) {
    const picture = item === 3 || item === 4 ? SIGNED_ENERGY : ENERGY
    return TARIFFS.map((tariff) => cutOf(instrument, `1-0:${energy[0]}.8.${tariff}`, energy[1], picture, when))
  }
  if (item === 9 || item === 10) {
    const channel = item === 9 ? 1 : 2
    const from = when.at - new Date(when.at + 8 * HOUR_MS).getUTCDate() * 24 * HOUR_MS
    return demandCut(instrument, channel, instrument.demand(channel, from, when.at), when)
  }
  return item === 0x10 ? POWERS.map(([code, unit]) => cutOf(instrument, `1-0:${code}`, unit, POWER, when)) : null
}

type Line = readonly [code: string, unit: string, picture: Drawing]
const phased = (codes: readonly string[], unit: string, picture: Drawing): Line[] => codes.map((code) => [code, unit, picture])
const VOLTS = phased(['32.7.0', '52.7.0', '72.7.0'], 'V', drawing('XXX.X'))
const AMPS = phased(['31.7.0', '51.7.0', '71.7.0'], 'A', drawing('XXX.XXX', true))
const ACTIVE = phased(['16.7.0', '36.7.0', '56.7.0', '76.7.0'], 'kW', POWER)
const REACTIVE = phased(['131.7.0', '151.7.0', '171.7.0', '191.7.0'], 'kvar', POWER)
const FACTORS = phased(['13.7.0', '33.7.0', '53.7.0', '73.7.0'], '', drawing('X.XXX', true))
const TOTALS: readonly Line[] = [
  ['1.8.0', 'kWh', ENERGY],
  ['2.8.0', 'kWh', ENERGY],
  ['3.8.0', 'kvarh', SIGNED_ENERGY],
  ['4.8.0', 'kvarh', SIGNED_ENERGY],
]
const QUADRANTS = phased(['5.8.0', '6.8.0', '7.8.0', '8.8.0'], 'kvarh', ENERGY)
const PRESENT: readonly Line[] = [
  ['1.4.0', 'kW', POWER],
  ['3.4.0', 'kvar', POWER],
]

/** The six classes of a load record (负荷记录), in the order in which they stand in a block. */
const CLASSES: readonly (readonly Line[])[] = [
  [...VOLTS, ...AMPS, ['14.7.0', 'Hz', drawing('XX.XX')]],
  [...ACTIVE, ...REACTIVE],
  FACTORS,
  TOTALS,
  QUADRANTS,
  PRESENT,
]

/**
 * A quarter-hour record of the meter. Powers and voltages are those of the quarter hour that ended, registers as they stood.
 *
 * @param own  the meter's own time of the record
 */
const lineCuts = (question: Question, lines: readonly Line[], own: number): Cut[] | null => {
  const { instrument } = question.meter
  const then = instrument.worldTime(own)
  if (
    own > instrument.ownTime(question.at) ||
    then < instrument.installedAt ||
    own < startOfDay(instrument.ownTime(question.at), DAYS_KEPT)
  )
    return null
  return lines.map(([code, unit, picture]) =>
    cutOf(instrument, `1-0:${code}`, unit, picture, { at: code.includes('.8.') ? then : then - 1, own, kind: 'curve' }),
  )
}

const timeOf = (bytes: readonly number[]): number => {
  const [minute, hour, day, month, year] = bytes.map(pair) as [number, number, number, number, number]
  return instantOf({ year: 2000 + year, month, day, hour, minute, second: 0 })
}
const slotStart = (own: number): number => Math.floor(own / SLOT_MS) * SLOT_MS

/** Load record: A0 A0, length, time, six groups each ended by AA, sum, E5. DI0: 0 earliest, 1 from a given time, 2 latest. */
export const loadRecordCuts: Giver = (question) => {
  const [, kind, d1, which] = question.di
  if (kind > 6 || d1 !== 0 || which > 2) return null
  const { instrument } = question.meter
  const latest = slotStart(instrument.ownTime(question.at))
  const count = Math.max(1, question.extra[0] ?? 1)
  const earliest = Math.max(startOfDay(latest, DAYS_KEPT), Math.ceil(instrument.ownTime(instrument.installedAt) / SLOT_MS) * SLOT_MS)
  const asked = which === 1 ? timeOf(question.extra.slice(1, 6)) : 0
  if (Number.isNaN(asked)) return null
  const first =
    which === 0 ? earliest : which === 1 ? Math.max(earliest, Math.ceil(asked / SLOT_MS) * SLOT_MS) : latest - (count - 1) * SLOT_MS
  const cuts: Cut[] = []
  for (let at = 0; at < count; at++) {
    const own = first + at * SLOT_MS
    const block = blockCuts(question, own, kind)
    if (!block) break
    cuts.push(...block)
  }
  return cuts.length > 0 ? cuts : null
}

const blockCuts = (question: Question, own: number, kind: number): Cut[] | null => {
  const cuts: Cut[] = []
  for (const [at, lines] of CLASSES.entries()) {
    if (kind === 0 || kind === at + 1) {
      const group = lineCuts(question, lines, own)
      if (!group) return null
      cuts.push(...group)
    }
    cuts.push(silentCut([0xaa]))
  }
  const time = stamp(own, 'mhDMY')
  const length = cuts.reduce((sum, { bytes }) => sum + bytes.length, time.length)
  const head = [0xa0, 0xa0, length, ...time]
  const sum = [...head, ...cuts.flatMap(({ bytes }) => bytes)].reduce((all, byte) => all + byte, 0)
  return [silentCut(head), ...cuts, silentCut([sum % 256, 0xe5])]
}

/** Curve items 0610xxyy by DI1: first DI0 and the lines behind it. */
const CURVES: Readonly<Record<number, readonly [first: number, lines: readonly Line[]]>> = {
  1: [1, VOLTS],
  2: [1, AMPS],
  3: [0, ACTIVE],
  4: [0, REACTIVE],
  5: [0, FACTORS],
  6: [1, TOTALS],
  7: [1, QUADRANTS],
  8: [1, PRESENT],
}

/** Points of a curve, each its time and one value or the block. Asked with a count and a time, or a time alone, else the latest point. */
export const curveCuts: Giver = (question) => {
  const [, , d1, d0] = question.di
  const curve = CURVES[d1]
  const lines = curve && (d0 === 0xff ? curve[1] : curve[1].slice(d0 - curve[0], d0 - curve[0] + 1))
  if (!lines || lines.length === 0) return null
  const { extra } = question
  const dated = extra.length >= 5
  const first = slotStart(dated ? timeOf(extra.slice(-5)) : question.meter.instrument.ownTime(question.at))
  const count = extra.length === 6 ? Math.max(1, extra[0]!) : 1
  const cuts: Cut[] = []
  for (let at = 0; at < count && !Number.isNaN(first); at++) {
    const own = first + at * SLOT_MS
    const values = lineCuts(question, lines, own)
    if (!values) break
    cuts.push(silentCut(stamp(own, 'mhDMY')), ...values)
  }
  return cuts.length > 0 ? cuts : null
}
