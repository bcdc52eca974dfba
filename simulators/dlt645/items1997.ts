import { startOfMonth } from '../calendar.ts'
import type { Channel } from '../instrument.ts'
import { type Cut, cutOf, demandCut, drawing, type Moment, silentCut, stamp } from './sheet.ts'
import type { MeterState } from './state.ts'

/** Energy families by the two middle digits of 9xyz: quadrants stand in the order I, IV, II, III. */
const FAMILIES: Readonly<Record<string, readonly [c: Channel, unit: string]>> = {
  '01': [1, 'kWh'],
  '02': [2, 'kWh'],
  '11': [3, 'kvarh'],
  '12': [4, 'kvarh'],
  '13': [5, 'kvarh'],
  '14': [8, 'kvarh'],
  '15': [6, 'kvarh'],
  '16': [7, 'kvarh'],
}

/** Variables by the third digit of B6xy. */
const VARIABLES: Readonly<Record<string, readonly [picture: string, signed: boolean, unit: string, codes: readonly (string | null)[]]>> = {
  '1': ['XXXX', false, 'V', [null, '32.7.0', '52.7.0', '72.7.0']],
  '2': ['XX.XX', false, 'A', [null, '31.7.0', '51.7.0', '71.7.0']],
  '3': ['XX.XXXX', true, 'kW', ['16.7.0', '36.7.0', '56.7.0', '76.7.0']],
  '4': ['XX.XX', true, 'kvar', ['131.7.0', '151.7.0', '171.7.0', '191.7.0']],
  '5': ['X.XXX', true, '', ['13.7.0', '33.7.0', '53.7.0', '73.7.0']],
}

/** Months back by the second digit: 0 and 1 now, 4 and 5 last month, 8 and 9 the one before. */
const backOf = (digit: number): number | null => (([0, 1, null, null, 1, 1, null, null, 2, 2] as const)[digit] === null ? null : digit >> 2)

/**
 * What a DL/T 645-1997 meter answers to a two-byte identifier.
 *
 * @param key  four hexadecimal digits, high byte first
 * @returns    null when the meter has no such item
 */
export const answer1997 = (meter: MeterState, key: string, at: number): readonly Cut[] | null => {
  const { instrument } = meter
  const own = instrument.ownTime(at)
  const [family = '', second = '', third = '', last = ''] = key
  if (family === '9' || family === 'A' || family === 'B') {
    const back = backOf(Number.parseInt(second, 16))
    const entry = FAMILIES[`${Number.parseInt(second, 16) & 3}${third}`]
    if (back !== null && entry && (family !== 'B' || second !== '6')) return registers(meter, family, entry, back, last, at, own)
  }
  if (family === 'B' && second === '6') {
    const entry = VARIABLES[third]
    if (!entry) return null
    const [picture, signed, unit, codes] = entry
    const wanted =
      last === 'F' ? codes.filter((code) => code !== null) : codes[Number.parseInt(last, 16)] ? [codes[Number.parseInt(last, 16)]] : []
    if (wanted.length === 0) return null
    const cuts = wanted.map((code) => cutOf(instrument, `1-0:${code}`, unit, drawing(picture, signed), { at, own: null, kind: 'live' }))
    return last === 'F' ? [...cuts, silentCut([0xaa])] : cuts
  }
  const others: Readonly<Record<string, () => readonly number[]>> = {
    C010: () => stamp(own, 'WDMY'),
    C011: () => stamp(own, 'smh'),
    C020: () => [instrument.relayOpen ? 0x40 : 0],
    C021: () => [0],
    C032: () => meter.pairs,
    C034: () => meter.pairs,
  }
  const give = others[key]
  return give ? [silentCut(give())] : null
}

const registers = (
  meter: MeterState,
  family: string,
  [c, unit]: readonly [Channel, string],
  back: number,
  last: string,
  at: number,
  own: number,
): readonly Cut[] | null => {
  const { instrument } = meter
  const mark = startOfMonth(own, back - 1)
  const when: Moment = back === 0 ? { at, own: null, kind: 'live' } : { at: instrument.worldTime(mark), own: mark, kind: 'month-freeze' }
  if (when.at < instrument.installedAt) return null
  const tariffs = last === 'F' ? [0, 1, 2, 3, 4] : [Number.parseInt(last, 16)]
  if (tariffs.some((tariff) => tariff > 4)) return null
  const end = last === 'F' ? [silentCut([0xaa])] : []
  if (family === '9')
    return [...tariffs.map((tariff) => cutOf(instrument, `1-0:${c}.8.${tariff}`, unit, drawing('XXXXXX.XX'), when)), ...end]
  if (tariffs[0] !== 0) return null
  const [value, time] = demandCut(instrument, c, instrument.demand(c, startOfMonth(back === 0 ? at : when.at - 86_400_000), when.at), when)
  // The time has no year in this edition.
  return family === 'A' ? [value!, ...end] : [silentCut(time!.bytes.slice(0, 4)), ...end]
}
