import { startOfMonth } from '../calendar.ts'
import type { Channel } from '../instrument.ts'
import { fraction } from '../random.ts'
import { ENERGIES, ENERGY, type Giver, type Question, SIGNED_ENERGY, TARIFFS } from './energies.ts'
import { eventCuts } from './events.ts'
import { curveCuts, freezeCuts, loadRecordCuts } from './memory.ts'
import { asciiBytes, bcd, cutOf, demandCut, drawing, filled, type Moment, silentCut, stamp } from './sheet.ts'
import type { MeterState } from './state.ts'

const BLOCK = 0xff
const NOW: Pick<Moment, 'own' | 'kind'> = { own: null, kind: 'live' }

/** Forward and reverse active, both reactive of phases A, B, C. */
const PHASE_ENERGIES: ReadonlyMap<number, readonly [c: number, unit: string]> = new Map(
  [0x15, 0x29, 0x3d].flatMap((first, phase) =>
    [1, 2, 3, 4].map((c, at): [number, readonly [number, string]] => [first + at, [c + 20 * (phase + 1), c <= 2 ? 'kWh' : 'kvarh']]),
  ),
)

/** When a register is asked for: now, or on a settlement day (the first of a month, 00:00 by the meter's clock). */
const settled = ({ meter, at }: Question, back: number): Moment | null => {
  if (back === 0) return { at, ...NOW }
  if (back > 12) return null
  const own = startOfMonth(meter.instrument.ownTime(at), back - 1)
  const then = meter.instrument.worldTime(own)
  return then < meter.instrument.installedAt ? null : { at: then, own, kind: 'month-freeze' }
}

const energies: Giver = (question) => {
  const [, d2, d1, d0] = question.di
  const entry = ENERGIES[d2] ?? PHASE_ENERGIES.get(d2)
  const when = settled(question, d0)
  if (!entry || !when || (d1 > 4 && d1 !== BLOCK)) return null
  const [c, unit] = entry
  const { instrument } = question.meter
  if (c > 20 && Math.floor((c - 1) / 20) > instrument.elements) return null
  const picture = c === 16 || c % 20 === 3 || c % 20 === 4 ? SIGNED_ENERGY : ENERGY
  // Tariffs are kept for the sum of the phases only.
  if (d1 !== 0 && c > 20) return null
  return (d1 === BLOCK ? TARIFFS : [d1]).map((tariff) => cutOf(instrument, `1-0:${c}.8.${tariff}`, unit, picture, when))
}

const CHANNELS: readonly Channel[] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
const demands: Giver = (question) => {
  const [, d2, d1, d0] = question.di
  const channel = CHANNELS[d2 - 1]
  const when = settled(question, d0)
  if (!channel || !when || (d1 !== 0 && d1 !== BLOCK)) return null
  const { instrument } = question.meter
  const from = startOfMonth(d0 === 0 ? when.at : when.at - 86_400_000)
  return demandCut(instrument, channel, instrument.demand(channel, from, when.at), when)
}

/** Instantaneous values by DI2: picture, unit, OBIS groups C.D.E for total, A, B, C (null = not defined). */
const VARIABLES: Readonly<Record<number, readonly [picture: string, signed: boolean, unit: string, codes: readonly (string | null)[]]>> = {
  1: ['XXX.X', false, 'V', [null, '32.7.0', '52.7.0', '72.7.0']],
  2: ['XXX.XXX', true, 'A', [null, '31.7.0', '51.7.0', '71.7.0']],
  3: ['XX.XXXX', true, 'kW', ['16.7.0', '36.7.0', '56.7.0', '76.7.0']],
  4: ['XX.XXXX', true, 'kvar', ['131.7.0', '151.7.0', '171.7.0', '191.7.0']],
  5: ['XX.XXXX', true, 'kVA', ['9.7.0', '29.7.0', '49.7.0', '69.7.0']],
  6: ['X.XXX', true, '', ['13.7.0', '33.7.0', '53.7.0', '73.7.0']],
  7: ['XXX.X', false, 'deg', [null, '81.7.4', '81.7.15', '81.7.26']],
  8: ['XX.XX', false, '%', [null, '32.7.124', '52.7.124', '72.7.124']],
  9: ['XX.XX', false, '%', [null, '31.7.124', '51.7.124', '71.7.124']],
}

/** Items 028000xx. */
const SINGLES: Readonly<Record<number, readonly [picture: string, signed: boolean, unit: string, code: string]>> = {
  1: ['XXX.XXX', true, 'A', '91.7.0'],
  2: ['XX.XX', false, 'Hz', '14.7.0'],
  3: ['XX.XXXX', true, 'kW', '16.7.0'],
  4: ['XX.XXXX', true, 'kW', '1.4.0'],
  5: ['XX.XXXX', true, 'kvar', '3.7.0'],
  6: ['XX.XXXX', true, 'kVA', '9.7.0'],
}

const variables: Giver = ({ meter, at, di: [, d2, d1, d0] }) => {
  const moment = { at, ...NOW }
  if (d2 === 0x80 && d1 === 0) {
    const single = SINGLES[d0]
    if (single) {
      const cut = cutOf(meter.instrument, `1-0:${single[3]}`, single[2], drawing(single[0], single[1]), moment)
      // The one-minute average and the two other demands have no code of their own here.
      return [d0 === 3 || d0 > 4 ? silentCut(cut.bytes) : cut]
    }
    if (d0 === 7) return [silentCut(bcd(180 + Math.round(fraction(meter.instrument.seed, 6) * 90), drawing('XXX.X', true)))]
    if (d0 === 8 || d0 === 9) return [silentCut(bcd(360 - Math.round(fraction(meter.instrument.seed, d0) * 10), drawing('XX.XX')))]
    return d0 === 0x0a ? [silentCut(bcd(120, drawing('XXXXXXXX')))] : null
  }
  const entry = VARIABLES[d2]
  if (!entry || d0 !== 0) return null
  const [picture, signed, unit, codes] = entry
  const wanted = d1 === BLOCK ? codes.filter((code) => code !== null) : codes[d1] ? [codes[d1]] : null
  if (!wanted || (d1 !== BLOCK && d1 > meter.instrument.elements)) return null
  return wanted.map((code) => cutOf(meter.instrument, `1-0:${code}`, unit, drawing(picture, signed), moment))
}

/** Status word n (运行状态字), low byte first. */
export const statusWord = ({ instrument }: MeterState, number: number, at: number): number[] => {
  let word = 0
  if (number === 1 && instrument.watts(0, at) < 0) word |= 1 << 4
  if (number === 2) for (let phase = 1; phase <= instrument.elements; phase++) if (instrument.watts(phase, at) < 0) word |= 1 << (phase - 1)
  if (number === 3 && instrument.relayOpen) word |= (1 << 4) | (1 << 6)
  const phase = number - 3
  if (phase >= 1 && phase <= instrument.elements && instrument.watts(phase, at) < 0) word |= 1 << 6
  return [word & 0xff, word >> 8]
}

const parameters: Giver = ({ meter, at, di }) => {
  const key = di
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')
    .toUpperCase()
  const written = meter.written.get(key)
  if (written) return [silentCut(written)]
  const own = meter.instrument.ownTime(at)
  const [, d2, d1, d0] = di
  if (d2 === 0 && d1 === 5) {
    if (d0 === BLOCK) return [1, 2, 3, 4, 5, 6, 7].map((number) => silentCut(statusWord(meter, number, at)))
    return d0 >= 1 && d0 <= 7 ? [silentCut(statusWord(meter, d0, at))] : null
  }
  const known: Readonly<Record<string, () => readonly number[]>> = {
    '04000101': () => stamp(own, 'WDMY'),
    '04000102': () => stamp(own, 'smh'),
    '04000103': () => [0x15],
    '04000401': () => meter.pairs,
    '04000402': () => meter.pairs,
    '04000403': () => asciiBytes(`SIM${meter.instrument.id}`, 32),
    '04000409': () => bcd(1200, drawing('XXXXXX')),
    '0400040A': () => bcd(1200, drawing('XXXXXX')),
    '04000901': () => [0x3f],
    '04000902': () => [0x03],
    '04000B01': () => [0x00, 0x01],
    '04000B02': () => filled(2, 0x99),
    '04000B03': () => filled(2, 0x99),
    '04800001': () => asciiBytes('SIM-SW-1.0', 32),
    '04800002': () => asciiBytes('SIM-HW-1.0', 32),
    '04800003': () => asciiBytes('SIM', 32),
  }
  const give = known[key]
  return give ? [silentCut(give())] : null
}

const loadRecords: Giver = (question) => (question.di[1] === 0x10 ? curveCuts(question) : loadRecordCuts(question))

/** Who answers for an identifier, by DI3. */
const ROOMS: Readonly<Record<number, Giver>> = {
  0: energies,
  1: demands,
  2: variables,
  3: eventCuts,
  4: parameters,
  5: freezeCuts,
  6: loadRecords,
}

/**
 * The table of items: what a DL/T 645-2007 meter answers to an identifier.
 *
 * @returns  null when the meter has no such item
 */
export const answerItem: Giver = (question) => {
  const room = question.di[0]
  if (room >= 0x10 && room <= 0x21) return eventCuts(question)
  return ROOMS[room]?.(question) ?? null
}
