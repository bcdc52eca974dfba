import { count, type Format, hex, type Item, item, minutes, nthLast, num, type Part, part, time } from './item.ts'

const STAMP = time('smhDMY')
const ENERGY = num(4, -2, 'kWh')
const KVARH = num(4, -2, 'kvarh')
const PHASES = ['', 'A', 'B', 'C'] as const
const di2 = (byte: number): string => byte.toString(16).toUpperCase().padStart(2, '0')

/** Events of DI3 = 03 by DI2: name, Chinese, whether counted phase by phase. @source DL/T 645-2007, Annex A, event records */
const EVENTS: Readonly<Record<number, readonly [name: string, zh: string, phases: boolean]>> = {
  1: ['loss of voltage', '失压', true],
  2: ['undervoltage', '欠压', true],
  3: ['overvoltage', '过压', true],
  4: ['phase failure', '断相', true],
  5: ['all phases lost', '全失压', false],
  6: ['auxiliary supply lost', '辅助电源失电', false],
  7: ['voltage reverse sequence', '电压逆相序', false],
  8: ['current reverse sequence', '电流逆相序', false],
  9: ['voltage unbalance', '电压不平衡', false],
  10: ['current unbalance', '电流不平衡', false],
  11: ['loss of current', '失流', true],
  12: ['overcurrent', '过流', true],
  13: ['current interrupted', '断流', true],
  14: ['power reversed', '潮流反向', true],
  15: ['overload', '过载', true],
  16: ['voltage qualification', '电压合格率', false],
  17: ['power-down', '掉电', false],
  18: ['demand exceeded', '需量超限', false],
  53: ['constant magnetic field', '恒定磁场干扰', false],
  54: ['load switch malfunction', '负荷开关误动', false],
  55: ['supply fault', '电源异常', false],
}

/** Events of DI3 DI2 = 0330 by DI1. */
const OPERATIONS: Readonly<Record<number, readonly [name: string, zh: string]>> = {
  0: ['programming', '编程'],
  1: ['meter clear', '电表清零'],
  2: ['demand clear', '需量清零'],
  3: ['event clear', '事件清零'],
  4: ['time set', '校时'],
  13: ['cover-open', '开表盖'],
  14: ['terminal-cover-open', '开端钮盖'],
}

const before = (when: string): Part[] => [
  part(`forward active energy ${when}`, ENERGY),
  part(`reverse active energy ${when}`, ENERGY),
  ...['I', 'II', 'III', 'IV'].map((quadrant) => part(`reactive quadrant ${quadrant} energy ${when}`, KVARH)),
]
const SPAN = [part('start', STAMP), part('end', STAMP)]
const COVER: readonly Part[] = [...SPAN, ...before('before'), ...before('after')]
const MAGNET: readonly Part[] = [
  ...SPAN,
  ...['before', 'after'].flatMap((when) => [part(`forward active energy ${when}`, ENERGY), part(`reverse active energy ${when}`, ENERGY)]),
]
const OPERATOR = part('operator code', { kind: 'digits', bytes: 4 })
const PROGRAMMING: readonly Part[] = [
  part('time', STAMP),
  OPERATOR,
  ...Array.from({ length: 10 }, (_, at): Part => part(`item ${at + 1}`, { kind: 'digits', bytes: 4 })),
]
const TIME_SET: readonly Part[] = [OPERATOR, part('time before', STAMP), part('time after', STAMP)]
const CLEAR: readonly Part[] = [part('time', STAMP), OPERATOR, part('rest', hex(0))]
const OPEN_RECORD: readonly Part[] = [...SPAN, part('rest', hex(0))]

const PHASE_COUNTS: readonly Part[] = ['A', 'B', 'C'].flatMap((phase) => [
  part(`${phase} count`, count()),
  part(`${phase} minutes`, minutes()),
])
/** Two numbers, count and minutes, in most meters; one in the newer ones. */
const counted: readonly Part[] = [part('count', count()), part('minutes', minutes())]
const COUNT_AND_MINUTES = new Set([0x05, 0x06, 0x07, 0x08, 0x09, 0x0a])

const RECORDS: Readonly<Record<string, readonly Part[]>> = {
  '11': SPAN,
  '35': MAGNET,
  '3000': PROGRAMMING,
  '3001': CLEAR,
  '3002': CLEAR,
  '3003': CLEAR,
  '3004': TIME_SET,
  '300D': COVER,
  '300E': COVER,
}

/** Event counters and records, DI3 = 03. */
export const eventItem = (di: string, b2: number, b1: number, b0: number): Item | null => {
  if (b2 === 0x30) {
    const operation = OPERATIONS[b1]
    if (!operation) return null
    const [name, zh] = operation
    if (b0 === 0) return item('2007', di, `${name} count`, `${zh}总次数`, count())
    return item('2007', di, `${nthLast(b0)} ${name} record`, `上${b0}次${zh}记录`, RECORDS[`30${di2(b1)}`] ?? OPEN_RECORD)
  }
  const event = EVENTS[b2]
  if (!event) return null
  const [name, zh, phases] = event
  if (b1 === 0 && b0 === 0) {
    if (phases) return item('2007', di, `${name} counts and minutes`, `${zh}总次数、总累计时间`, PHASE_COUNTS, { phase: 'block' })
    if (COUNT_AND_MINUTES.has(b2)) return item('2007', di, `${name} count and minutes`, `${zh}总次数、总累计时间`, counted, { optional: 1 })
    return item('2007', di, `${name} count`, `${zh}总次数`, count())
  }
  if (b2 === 0x10) return null
  const phase = phases ? (PHASES[b1] ?? null) : null
  return item('2007', di, `${nthLast(b0)} ${name} record`, `上${b0}次${zh}记录`, RECORDS[di2(b2)] ?? OPEN_RECORD, { phase: phase || null })
}

/** Events of DI3 = 10 to 21, one field at a time: name, Chinese, field number of the end time. */
const FIELD_EVENTS: Readonly<Record<number, readonly [name: string, zh: string, end: number | null]>> = {
  16: ['loss of voltage', '失压', 0x25],
  17: ['undervoltage', '欠压', 0x25],
  18: ['overvoltage', '过压', 0x25],
  19: ['phase failure', '断相', 0x25],
  20: ['voltage reverse sequence', '电压逆相序', 0x12],
  21: ['current reverse sequence', '电流逆相序', 0x12],
  22: ['voltage unbalance', '电压不平衡', 0x13],
  23: ['current unbalance', '电流不平衡', 0x13],
  24: ['loss of current', '失流', 0x21],
  25: ['overcurrent', '过流', 0x21],
  26: ['current interrupted', '断流', 0x21],
  27: ['power reversed', '潮流反向', 0x12],
  28: ['overload', '过载', 0x12],
  29: ['relay trip', '跳闸', null],
  30: ['relay close', '合闸', null],
  31: ['power factor low', '功率因数超下限', 0x06],
  32: ['current heavily unbalanced', '电流严重不平衡', 0x13],
  33: ['power reversal', '潮流反向', null],
}

/** Item form of events, DI3 = 10 to 21. @source State Grid extension of DL/T 645-2007 */
export const fieldEventItem = (di: string, b3: number, b2: number, b1: number, b0: number): Item | null => {
  const event = FIELD_EVENTS[b3]
  if (!event) return null
  const [name, zh, end] = event
  const more = { phase: PHASES[b2] || null }
  const make = (quantity: string, chinese: string, format: Format | readonly Part[]) => item('2007', di, quantity, chinese, format, more)
  if (b1 === 0 && b0 === 1) return make(`${name} count`, `${zh}总次数`, count())
  if (b1 === 0 && b0 === 2) return make(`${name} minutes`, `${zh}累计时间`, minutes())
  if (b1 === 0 || b0 === 0) return null
  if (b1 === 1) return make(`${nthLast(b0)} ${name} start time`, `上${b0}次${zh}发生时刻`, STAMP)
  if (b1 === end) return make(`${nthLast(b0)} ${name} end time`, `上${b0}次${zh}结束时刻`, STAMP)
  if (b1 === 0xff) return make(`${nthLast(b0)} ${name} record`, `上${b0}次${zh}记录`, [part('start', STAMP), part('rest', hex(0))])
  return make(`${nthLast(b0)} ${name} field ${di2(b1)}H`, `上${b0}次${zh}数据项`, hex(0))
}
