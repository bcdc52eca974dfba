import type { RatioKind } from '../../src/core/adapter.ts'
import { eventItem, fieldEventItem } from './events.ts'
import { hexByte } from './frame.ts'
import { freezeItem } from './freezes.ts'
import { type Format, hex, type Item, item, num, type Part, part, tariffName, time, word } from './item.ts'
import { loadItem } from './load-items.ts'

/** A quantity by DI2: name, Chinese, unit, OBIS group C, signed. */
type Quantity = readonly [name: string, zh: string, unit: string, c: number, signed: boolean]

/** Energies by DI2, DI3 = 00. @source DL/T 645-2007, Annex A, energy */
export const ENERGIES: readonly Quantity[] = [
  ['combined active', '组合有功', 'kWh', 16, true],
  ['forward active', '正向有功', 'kWh', 1, false],
  ['reverse active', '反向有功', 'kWh', 2, false],
  ['combined reactive 1', '组合无功1', 'kvarh', 3, true],
  ['combined reactive 2', '组合无功2', 'kvarh', 4, true],
  ['reactive quadrant I', '第一象限无功', 'kvarh', 5, false],
  ['reactive quadrant II', '第二象限无功', 'kvarh', 6, false],
  ['reactive quadrant III', '第三象限无功', 'kvarh', 7, false],
  ['reactive quadrant IV', '第四象限无功', 'kvarh', 8, false],
  ['forward apparent', '正向视在', 'kVAh', 9, false],
  ['reverse apparent', '反向视在', 'kVAh', 10, false],
]
const DEMAND_UNIT: Readonly<Record<string, string>> = { kWh: 'kW', kvarh: 'kvar', kVAh: 'kVA' }

/** Energies of one phase by DI2: index into {@link ENERGIES} and phase. */
const PHASE_ENERGIES = new Map<number, readonly [energy: number, phase: number]>(
  [
    [0x15, 0x16, 0x17, 0x18],
    [0x29, 0x2a, 0x2b, 0x2c],
    [0x3d, 0x3e, 0x3f, 0x40],
  ].flatMap((codes, phase) => codes.map((code, at) => [code, [at + 1, phase + 1]] as const)),
)
const PHASE_NAMES = ['total', 'A', 'B', 'C'] as const
const LAST_SETTLEMENT = 0x0c

const settlementOf = (b0: number): number | 'block' => (b0 === 0xff ? 'block' : b0)

/** Energy and demand share the way tariffs and settlement days are numbered. */
const registerItem = (
  di: string,
  name: string,
  zh: string,
  parts: readonly Part[],
  obis: (e: number) => string | null,
  more: Partial<Item>,
): Item | null => {
  const [b1, b0] = [Number.parseInt(di.slice(4, 6), 16), Number.parseInt(di.slice(6, 8), 16)]
  if ((b1 > 0x3f && b1 !== 0xff) || (b0 > LAST_SETTLEMENT && b0 !== 0xff)) return null
  const settlement = settlementOf(b0)
  if (b1 === 0xff) {
    const repeat = { max: 64, label: tariffName, obis }
    return item('2007', di, name, zh, parts, { repeat, tariff: 'block', settlement, ratio: 'ctpt', ...more })
  }
  const tariff = tariffName(b1)
  if (b0 !== 0xff) return item('2007', di, name, zh, parts, { tariff, settlement, obis: obis(b1), ratio: 'ctpt', ...more })
  const repeat = { max: LAST_SETTLEMENT + 1, label: (at: number) => (at === 0 ? 'now' : `settlement${at}`), obis: () => null }
  return item('2007', di, name, zh, parts, { repeat, tariff, settlement, ratio: 'ctpt', ...more })
}

const energyItem = (di: string, b2: number, b1: number, b0: number): Item | null => {
  if (b2 === 0x90) return prepaidItem(di)
  if (b2 === 0xff) {
    const repeat = { max: ENERGIES.length, label: (at: number) => `${ENERGIES[at]?.[0]} energy`, obis: () => null }
    return item('2007', di, 'all energies', '全部电能数据块', num(4, -2, null, true), {
      repeat,
      tariff: b1 === 0xff ? 'block' : tariffName(b1),
      settlement: settlementOf(b0),
      ratio: 'ctpt',
    })
  }
  const phased = PHASE_ENERGIES.get(b2)
  if (phased) {
    const [name, zh, unit, c, signed] = ENERGIES[phased[0]]!
    const phase = PHASE_NAMES[phased[1]]!
    const obis = (e: number) => `1-0:${c + 20 * phased[1]}.8.${e}`
    return registerItem(di, `${name} energy`, `${phase}相${zh}电能`, [part('', num(4, -2, unit, signed))], obis, { phase })
  }
  const energy = ENERGIES[b2]
  if (!energy) return registerItem(di, `energy class DI2=${hexByte(b2)}H`, '', [part('', num(4, -2, null))], () => null, {})
  const [name, zh, unit, c, signed] = energy
  return registerItem(di, `${name} energy`, `${zh}电能`, [part('', num(4, -2, unit, signed))], (e) => `1-0:${c}.8.${e}`, {})
}

const PREPAID: Readonly<Record<string, readonly [string, string, string]>> = {
  '00900100': ['remaining energy', '剩余电量', 'kWh'],
  '00900101': ['overdraft energy', '透支电量', 'kWh'],
  '00900200': ['remaining money', '剩余金额', 'yuan'],
  '00900201': ['overdraft money', '透支金额', 'yuan'],
}
const prepaidItem = (di: string): Item | null => {
  const entry = PREPAID[di]
  return entry ? item('2007', di, entry[0], entry[1], num(4, -2, entry[2])) : null
}

const demandItem = (di: string, b2: number): Item | null => {
  const energy = ENERGIES[b2]
  if (b2 === 0 || !energy) return null
  const [name, zh, unit, c, signed] = energy
  const parts = [part('', num(3, -4, DEMAND_UNIT[unit] ?? null, signed)), part('time', time('mhDMY'))]
  return registerItem(di, `maximum ${name} demand and its time`, `${zh}最大需量及发生时间`, parts, (e) => `1-0:${c}.6.${e}`, {})
}

/** Instantaneous values by DI2, DI3 = 02: OBIS of the first three are given by phase. @source DL/T 645-2007, Annex A, variables */
const VARIABLES: Readonly<
  Record<number, { name: string; zh: string; format: Format; total: boolean; ratio: RatioKind; obis: (phase: number) => string }>
> = {
  1: { name: 'voltage', zh: '电压', format: num(2, -1, 'V'), total: false, ratio: 'pt', obis: (p) => `1-0:${12 + 20 * p}.7.0` },
  2: { name: 'current', zh: '电流', format: num(3, -3, 'A', true), total: false, ratio: 'ct', obis: (p) => `1-0:${11 + 20 * p}.7.0` },
  3: {
    name: 'active power',
    zh: '有功功率',
    format: num(3, -4, 'kW', true),
    total: true,
    ratio: 'ctpt',
    obis: (p) => `1-0:${16 + 20 * p}.7.0`,
  },
  4: {
    name: 'reactive power',
    zh: '无功功率',
    format: num(3, -4, 'kvar', true),
    total: true,
    ratio: 'ctpt',
    obis: (p) => `1-0:${131 + 20 * p}.7.0`,
  },
  5: {
    name: 'apparent power',
    zh: '视在功率',
    format: num(3, -4, 'kVA', true),
    total: true,
    ratio: 'ctpt',
    obis: (p) => `1-0:${9 + 20 * p}.7.0`,
  },
  6: {
    name: 'power factor',
    zh: '功率因数',
    format: num(2, -3, '', true),
    total: true,
    ratio: 'none',
    obis: (p) => `1-0:${13 + 20 * p}.7.0`,
  },
  7: {
    name: 'phase angle',
    zh: '相角',
    format: num(2, -1, 'deg'),
    total: false,
    ratio: 'none',
    obis: (p) => `1-0:81.7.${[0, 4, 15, 26][p]}`,
  },
  8: {
    name: 'voltage distortion',
    zh: '电压波形失真度',
    format: num(2, -2, '%'),
    total: false,
    ratio: 'none',
    obis: (p) => `1-0:${12 + 20 * p}.7.124`,
  },
  9: {
    name: 'current distortion',
    zh: '电流波形失真度',
    format: num(2, -2, '%'),
    total: false,
    ratio: 'none',
    obis: (p) => `1-0:${11 + 20 * p}.7.124`,
  },
}

const SINGLES: Readonly<Record<number, readonly [name: string, zh: string, format: Format, obis: string, ratio: RatioKind]>> = {
  1: ['neutral current', '零线电流', num(3, -3, 'A', true), '1-0:91.7.0', 'ct'],
  2: ['grid frequency', '电网频率', num(2, -2, 'Hz'), '1-0:14.7.0', 'none'],
  3: ['average active power, 1 min', '一分钟有功总平均功率', num(3, -4, 'kW', true), '1-0:16.24.0', 'ctpt'],
  4: ['present active demand', '当前有功需量', num(3, -4, 'kW', true), '1-0:1.4.0', 'ctpt'],
  5: ['present reactive demand', '当前无功需量', num(3, -4, 'kvar', true), '1-0:3.4.0', 'ctpt'],
  6: ['present apparent demand', '当前视在需量', num(3, -4, 'kVA', true), '1-0:9.4.0', 'ctpt'],
  7: ['temperature inside', '表内温度', num(2, -1, '°C', true), '0-0:96.9.0', 'none'],
  8: ['clock battery voltage', '时钟电池电压', num(2, -2, 'V'), '0-0:96.6.3', 'none'],
  9: ['reading battery voltage', '停电抄表电池电压', num(2, -2, 'V'), '0-1:96.6.3', 'none'],
  10: ['battery minutes', '内部电池工作时间', num(4, 0, 'min'), '0-0:96.6.0', 'none'],
}

const variableItem = (di: string, b2: number, b1: number, b0: number): Item | null => {
  if (b2 === 0x80 && b1 === 0) {
    const entry = SINGLES[b0]
    return entry ? item('2007', di, entry[0], entry[1], entry[2], { obis: entry[3], ratio: entry[4] }) : null
  }
  const variable = VARIABLES[b2]
  if (!variable || b0 !== 0) return null
  const { name, zh, format, total, ratio, obis } = variable
  const first = total ? 0 : 1
  if (b1 === 0xff) {
    const repeat = { max: 4 - first, label: (at: number) => PHASE_NAMES[at + first] ?? `${at}`, obis: (at: number) => obis(at + first) }
    return item('2007', di, name, `${zh}数据块`, format, { repeat, phase: 'block', ratio })
  }
  if (b1 > 3) return null
  if (b1 < first) return item('2007', di, `not a defined item (${name} has no total)`, '', hex(0), { known: false })
  return item('2007', di, name, b1 === 0 ? `总${zh}` : `${PHASE_NAMES[b1]}相${zh}`, format, {
    phase: PHASE_NAMES[b1]!,
    obis: obis(b1),
    ratio,
  })
}

const ASCII32: Format = { kind: 'ascii', bytes: 32 }
const DIGITS6: Format = { kind: 'digits', bytes: 6 }
const SETTLEMENT_DAY = time('hD')

/** Parameters and state, DI3 = 04. @source DL/T 645-2007, Annex A, parameters */
const PARAMETERS: Readonly<Record<string, readonly [name: string, zh: string, format: Format | readonly Part[]]>> = {
  '04000101': ['date and weekday', '日期及星期', time('WDMY')],
  '04000102': ['time', '时间', time('smh')],
  '04000103': ['demand period', '最大需量周期', num(1, 0, 'min')],
  '04000401': ['communication address', '通信地址', DIGITS6],
  '04000402': ['meter number', '表号', DIGITS6],
  '04000403': ['asset number', '资产管理编码', ASCII32],
  '04000409': ['active constant', '电表有功常数', num(3, 0, 'imp/kWh')],
  '0400040A': ['reactive constant', '电表无功常数', num(3, 0, 'imp/kvarh')],
  '04000901': ['load-record mode word', '负荷记录模式字', hex(1)],
  '04000902': ['freeze mode word', '冻结数据模式字', hex(1)],
  '04000B01': ['settlement day 1', '每月第1结算日', SETTLEMENT_DAY],
  '04000B02': ['settlement day 2', '每月第2结算日', SETTLEMENT_DAY],
  '04000B03': ['settlement day 3', '每月第3结算日', SETTLEMENT_DAY],
  '04800001': ['vendor software version', '厂家软件版本号', ASCII32],
  '04800002': ['vendor hardware version', '厂家硬件版本号', ASCII32],
  '04800003': ['vendor factory code', '厂家编号', ASCII32],
}

const parameterItem = (di: string): Item | null => {
  const entry = PARAMETERS[di]
  if (entry) return item('2007', di, entry[0], entry[1], entry[2])
  if (!di.startsWith('040005')) return null
  const number = Number.parseInt(di.slice(6), 16)
  if (number >= 1 && number <= 7) return item('2007', di, `status word ${number}`, `电表运行状态字${number}`, word(number))
  if (number !== 0xff) return null
  return item(
    '2007',
    di,
    'status word block',
    '电表运行状态字数据块',
    Array.from({ length: 7 }, (_, at) => part(`status word ${at + 1}`, word(at + 1))),
  )
}

/**
 * The item of a 2007 identifier.
 *
 * @param di  eight hexadecimal digits, DI3 first
 * @returns   null when the tables do not hold it
 * @source    DL/T 645-2007, Annex A
 */
export const item2007 = (di: string): Item | null => {
  const code = Number.parseInt(di, 16)
  const [b3, b2, b1, b0] = [code >>> 24, (code >>> 16) & 255, (code >>> 8) & 255, code & 255]
  if (b3 === 0x00) return energyItem(di, b2, b1, b0)
  if (b3 === 0x01) return demandItem(di, b2)
  if (b3 === 0x02) return variableItem(di, b2, b1, b0)
  if (b3 === 0x03) return eventItem(di, b2, b1, b0)
  if (b3 === 0x04) return parameterItem(di)
  if (b3 === 0x05) return freezeItem(di, b2, b1, b0)
  if (b3 === 0x06) return loadItem(di, b2, b1, b0)
  if (b3 === 0x07) return item('2007', di, 'security authentication data', '安全认证数据', hex(0))
  return fieldEventItem(di, b3, b2, b1, b0)
}
