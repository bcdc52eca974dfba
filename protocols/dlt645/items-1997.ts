import type { RatioKind } from '../../src/core/adapter.ts'
import { type Format, hex, type Item, item, num, tariffName, time } from './item.ts'

/** Energies by the second and third digit of the present month: 90 1x, 90 2x, 91 1x ... 91 6x. Quadrants stand in the order I, IV, II, III. */
const ENERGIES: Readonly<Record<string, readonly [name: string, zh: string, unit: string, c: number]>> = {
  '01': ['forward active', '正向有功', 'kWh', 1],
  '02': ['reverse active', '反向有功', 'kWh', 2],
  '11': ['forward reactive', '正向无功', 'kvarh', 3],
  '12': ['reverse reactive', '反向无功', 'kvarh', 4],
  '13': ['reactive quadrant I', '第一象限无功', 'kvarh', 5],
  '14': ['reactive quadrant IV', '第四象限无功', 'kvarh', 8],
  '15': ['reactive quadrant II', '第二象限无功', 'kvarh', 6],
  '16': ['reactive quadrant III', '第三象限无功', 'kvarh', 7],
}
/** Second digit of the identifier without its low bit: month, 0 = this, 4 = last, 8 = the one before. */
const MONTHS: Readonly<Record<number, number>> = { 0: 0, 4: 1, 8: 2 }
const END = 0xaa
const DEMAND_UNIT: Readonly<Record<string, string>> = { kWh: 'kW', kvarh: 'kvar' }

/** Energy (9), demand (A) and its time (B0..) share their numbering. @source DL/T 645-1997, Annex A */
const registerItem = (di: string): Item | null => {
  const digits = Array.from(di, (digit) => Number.parseInt(digit, 16))
  const [family, second, third, tariff] = digits as [number, number, number, number]
  const settlement = MONTHS[second & 0b1100]
  const entry = ENERGIES[`${second & 0b11}${third}`]
  if (settlement === undefined || !entry) return null
  const [name, zh, unit, c] = entry
  const kinds: Readonly<Record<number, readonly [quantity: string, zh: string, format: Format, d: number | null]>> = {
    9: [`${name} energy`, `${zh}电能`, num(4, -2, unit), 8],
    10: [`maximum ${name} demand`, `${zh}最大需量`, num(3, -4, DEMAND_UNIT[unit] ?? null), 6],
    11: [`maximum ${name} demand time`, `${zh}最大需量发生时间`, time('mhDM'), null],
  }
  const [quantity, chinese, format, d] = kinds[family]!
  const obis = (e: number) => (d === null ? null : `1-0:${c}.${d}.${e}`)
  const ratio: RatioKind = d === null ? 'none' : 'ctpt'
  if (tariff === 15) {
    const repeat = { max: 15, label: tariffName, obis, end: END }
    return item('1997', di, `${quantity} block`, `${chinese}数据块`, format, { repeat, tariff: 'block', settlement, ratio })
  }
  return item('1997', di, quantity, chinese, format, { tariff: tariffName(tariff), settlement, obis: obis(tariff), ratio })
}

interface Variable {
  readonly name: string
  readonly zh: string
  readonly format: Format
  readonly first: number
  readonly ratio: RatioKind
  readonly c: number
}

/** Variables B6xy by x. */
const VARIABLES: Readonly<Record<number, Variable>> = {
  1: { name: 'voltage', zh: '电压', format: num(2, 0, 'V'), first: 1, ratio: 'pt', c: 12 },
  2: { name: 'current', zh: '电流', format: num(2, -2, 'A'), first: 1, ratio: 'ct', c: 11 },
  3: { name: 'active power', zh: '瞬时有功功率', format: num(3, -4, 'kW', true), first: 0, ratio: 'ctpt', c: 16 },
  4: { name: 'reactive power', zh: '瞬时无功功率', format: num(2, -2, 'kvar', true), first: 0, ratio: 'ctpt', c: 131 },
  5: { name: 'power factor', zh: '功率因数', format: num(2, -3, '', true), first: 0, ratio: 'none', c: 13 },
}
const PHASES = ['total', 'A', 'B', 'C'] as const

const variableItem = (di: string): Item | null => {
  const [kind, which] = [Number.parseInt(di[2]!, 16), Number.parseInt(di[3]!, 16)]
  const variable = VARIABLES[kind]
  if (!variable) return null
  const { name, zh, format, first, ratio, c } = variable
  const obis = (at: number) => `1-0:${c + 20 * at}.7.0`
  if (which === 15) {
    const repeat = {
      max: 4 - first,
      label: (at: number) => PHASES[at + first] ?? `${at}`,
      obis: (at: number) => obis(at + first),
      end: END,
    }
    return item('1997', di, `${name} block`, `${zh}数据块`, format, { repeat, phase: 'block', ratio })
  }
  const phase = which < first ? undefined : PHASES[which]
  return phase === undefined ? null : item('1997', di, name, `${zh}${phase}`, format, { phase, obis: obis(which), ratio })
}

const DIGITS6: Format = { kind: 'digits', bytes: 6 }
const COUNT = num(2, 0, null)

/** Other items. @source DL/T 645-1997, Annex A; B2xx and B3xx not confirmed by captures */
const OTHERS: Readonly<Record<string, readonly [name: string, zh: string, format: Format]>> = {
  B210: ['last programming time', '最近一次编程时间', time('mhDM')],
  B211: ['last demand-clear time', '最近一次最大需量清零时间', time('mhDM')],
  B212: ['programming count', '编程次数', COUNT],
  B213: ['demand-clear count', '最大需量清零次数', COUNT],
  B214: ['battery minutes', '电池工作时间', num(3, 0, 'min')],
  C010: ['date and weekday', '日期及周次', time('WDMY')],
  C011: ['time', '时间', time('smh')],
  C020: ['meter state word', '电表运行状态字', hex(1)],
  C021: ['grid state word', '电网状态字', hex(1)],
  C030: ['active constant', '电表常数（有功）', num(3, 0, 'imp/kWh')],
  C031: ['reactive constant', '电表常数（无功）', num(3, 0, 'imp/kvarh')],
  C032: ['meter number', '表号', DIGITS6],
  C033: ['user number', '用户号', DIGITS6],
  C034: ['device number', '设备码', DIGITS6],
}
/** B31x phase-failure counts, B32x minutes, B33x last start, B34x last end; x = 0 all phases, 1 to 3 = A, B, C. */
const PHASE_FAILURES: Readonly<Record<number, readonly [name: string, zh: string, format: Format]>> = {
  1: ['phase failure count', '断相次数', COUNT],
  2: ['phase failure minutes', '断相时间累计值', num(3, 0, 'min')],
  3: ['last phase failure start time', '最近一次断相起始时刻', time('mhDM')],
  4: ['last phase failure end time', '最近一次断相结束时刻', time('mhDM')],
}

/**
 * The item of a 1997 identifier.
 *
 * @param di  four hexadecimal digits, DI1 first
 * @returns   null when the tables do not hold it
 */
export const item1997 = (di: string): Item | null => {
  const other = OTHERS[di]
  if (other) return item('1997', di, ...other)
  if (di.startsWith('B6')) return variableItem(di)
  if (di.startsWith('B3')) {
    const entry = PHASE_FAILURES[Number.parseInt(di[2]!, 16)]
    const phase = PHASES[Number.parseInt(di[3]!, 16)]
    return entry && phase ? item('1997', di, ...entry, { phase }) : null
  }
  return /^[9AB]/.test(di) ? registerItem(di) : null
}
