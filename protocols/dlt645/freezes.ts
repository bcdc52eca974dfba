import { type Format, hex, type Item, item, nthLast, num, part, tariffName, time } from './item.ts'

/** Classes of frozen data by DI2, DI3 = 05. @source DL/T 645-2007, Annex A, frozen data; classes 02 and 03 not seen in captures */
const CLASSES: Readonly<Record<number, readonly [name: string, zh: string]>> = {
  0: ['timed freeze', '定时冻结'],
  1: ['instantaneous freeze', '瞬时冻结'],
  2: ['time-zone switch freeze', '两套时区表切换冻结'],
  3: ['day-table switch freeze', '两套日时段表切换冻结'],
  4: ['hourly freeze', '整点冻结'],
  6: ['daily freeze', '日冻结'],
}

/** Items of a freeze by DI1; OBIS group C and sign as in the present energies. */
const REGISTERS: Readonly<Record<number, readonly [name: string, zh: string, unit: string, c: number, signed: boolean]>> = {
  1: ['forward active energy', '正向有功电能', 'kWh', 1, false],
  2: ['reverse active energy', '反向有功电能', 'kWh', 2, false],
  3: ['combined reactive 1 energy', '组合无功1电能', 'kvarh', 3, true],
  4: ['combined reactive 2 energy', '组合无功2电能', 'kvarh', 4, true],
  5: ['reactive quadrant I energy', '第一象限无功电能', 'kvarh', 5, false],
  6: ['reactive quadrant II energy', '第二象限无功电能', 'kvarh', 6, false],
  7: ['reactive quadrant III energy', '第三象限无功电能', 'kvarh', 7, false],
  8: ['reactive quadrant IV energy', '第四象限无功电能', 'kvarh', 8, false],
}
const DEMANDS: Readonly<Record<number, readonly [name: string, zh: string, c: number]>> = {
  9: ['maximum forward active demand and its time', '正向有功最大需量及发生时间', 1],
  10: ['maximum reverse active demand and its time', '反向有功最大需量及发生时间', 2],
}
const POWERS = ['active power', 'reactive power'].flatMap((name, at) =>
  ['total', 'A', 'B', 'C'].map((phase) => part(`${name} ${phase}`, num(3, -4, at === 0 ? 'kW' : 'kvar', true))),
)

const block = (format: Format, c: number, d: number) =>
  ({
    repeat: { max: 64, label: tariffName, obis: (e: number) => `1-0:${c}.${d}.${e}` },
    tariff: 'block',
    ratio: 'ctpt',
    format,
  }) as const

/** Frozen data (冻结数据): DI1 = item, DI0 = n-th last. A freeze stamped 2015-10-09 00:00 holds the end of 8 October. */
export const freezeItem = (di: string, b2: number, b1: number, b0: number): Item | null => {
  const kind = CLASSES[b2]
  if (!kind || b0 === 0 || b0 > 0x3f) return null
  const name = `${nthLast(b0)} ${kind[0]}`
  const zh = `上${b0}次${kind[1]}`
  if (b1 === 0) return item('2007', di, `${name} time`, `${zh}时间`, time('mhDMY'))
  const register = REGISTERS[b1]
  if (register) {
    const { format, ...more } = block(num(4, -2, register[2], register[4]), register[3], 8)
    return item('2007', di, `${name} ${register[0]}`, `${zh}${register[1]}`, format, more)
  }
  const demand = DEMANDS[b1]
  if (demand) {
    const { format, ...more } = block(num(3, -4, 'kW'), demand[2], 6)
    return item('2007', di, `${name} ${demand[0]}`, `${zh}${demand[1]}`, [part('', format), part('time', time('mhDMY'))], more)
  }
  if (b1 === 0x10) return item('2007', di, `${name} variables`, `${zh}变量`, POWERS, { ratio: 'ctpt' })
  if (b1 === 0xff) return item('2007', di, `${name} block`, `${zh}数据块`, hex(0))
  return null
}
