import { columns, count, digits, type Layout, measured, num, PER_POINT, time, uint } from './layout.ts'
import { type FnRow, ONE_LIBRARY, row, type ScaleKind } from './rows.ts'
import { demandPairs, parameterChanges, phaseFailures, purchase, settlement, switchCounts, switchState } from './tables-class1.ts'
import {
  amounts,
  curve,
  DIRECTIONS,
  forwardDemands,
  forwardEnergies,
  minutes,
  PHASES,
  REGISTERS,
  readingTime,
  reverseDemands,
  reverseEnergies,
  TOTAL_AND_PHASES,
} from './tables-common.ts'

const one = { source: ONE_LIBRARY } as const

/** A value of each phase with its time in the month or day. */
const extremes = (name: string, label: string, format: 'A.23' | 'A.7' | 'A.25', unit: string, whose: readonly string[]): Layout =>
  whose.flatMap((phase) => [
    num(`${name}_${phase}_${unit}`, `${label}, ${phase}`, format, unit),
    time(`${name}_${phase}_time`, `time of ${label}, ${phase}`, 'A.18'),
  ])

const powerExtremes: Layout = [
  ...extremes('max_P', 'highest active power (最大有功功率)', 'A.23', 'kW', TOTAL_AND_PHASES),
  minutes('zero_P_min', 'time without active power (有功功率为零时间)', TOTAL_AND_PHASES),
]
const demandExtremes: Layout = extremes('max_demand', 'maximum demand (有功最大需量)', 'A.23', 'kW', TOTAL_AND_PHASES)

const voltageTimes = ['above upper limit 2', 'below lower limit 2', 'above upper limit', 'below lower limit', 'within limits'] as const
/** F27: minutes out of limits, extremes and mean of each phase. */
const voltageStatistics: Layout = [
  ...PHASES.map((phase) => minutes(`U${phase}_min`, `time of voltage ${phase} (电压越限/合格累计时间)`, voltageTimes)),
  ...PHASES.flatMap((phase) => [
    num(`U${phase}_max_V`, `highest voltage ${phase} (电压最大值)`, 'A.7', 'V'),
    time(`U${phase}_max_time`, `time of highest voltage ${phase}`, 'A.18'),
    num(`U${phase}_min_V`, `lowest voltage ${phase} (电压最小值)`, 'A.7', 'V'),
    time(`U${phase}_min_time`, `time of lowest voltage ${phase}`, 'A.18'),
  ]),
  num('U_mean_V', 'mean voltage (平均电压)', 'A.7', 'V', { each: PHASES }),
]

const unbalance = (format: 'A.17' | 'A.18'): Layout => [
  minutes('I_unbalance_min', 'time of current unbalance above limit (电流不平衡度越限累计时间)'),
  minutes('U_unbalance_min', 'time of voltage unbalance above limit (电压不平衡度越限累计时间)'),
  num('I_unbalance_max_percent', 'highest current unbalance (电流不平衡最大值)', 'A.5', '%'),
  time('I_unbalance_max_time', 'its time', format),
  num('U_unbalance_max_percent', 'highest voltage unbalance (电压不平衡最大值)', 'A.5', '%'),
  time('U_unbalance_max_time', 'its time', format),
]

const currentLimits: Layout = [
  ...PHASES.map((phase) =>
    minutes(`I${phase}_min`, `time of current ${phase} (电流越限累计时间)`, ['above upper limit 2', 'above upper limit']),
  ),
  minutes('I0_min', 'time of zero sequence current above limit (零序电流越上限累计时间)'),
  ...extremes('max_I', 'highest current (电流最大值)', 'A.25', 'A', [...PHASES, 'zero']),
]

const apparentPowerLimits: Layout = [
  minutes('S_over_limit2_min', 'time of apparent power above limit 2 (视在功率越上上限累计时间)'),
  minutes('S_over_limit_min', 'time of apparent power above limit (视在功率越上限累计时间)'),
]

const loadRate: Layout = [
  num('load_max_percent', 'highest load rate (负载率最大值)', 'A.5', '%'),
  time('load_max_time', 'its time', 'A.18'),
  num('load_min_percent', 'lowest load rate (负载率最小值)', 'A.5', '%'),
  time('load_min_time', 'its time', 'A.18'),
]

const factorTimes: Layout = [
  minutes('PF_section_min', 'time of power factor by section (功率因数区段累计时间)', ['below limit 1', 'between', 'above limit 2']),
]

const poweredTime: Layout = [measured('powered_min', 'powered (供电时间)', 2, 'min'), measured('reset_count', 'resets (复位累计次数)', 2)]
const traffic: Layout = [measured('traffic_bytes', 'traffic (通信流量)', 4, 'byte')]

/** @param rows  18 harmonics (2 to 19), or with the total distortion 19: the library counts 18 and speaks of the total */
const harmonicExtremes = (what: string, format: 'A.6' | 'A.5', unit: string, rows: 18 | 19): Layout => [
  columns(
    `harmonics 2 to 19: ${what}`,
    'none',
    rows,
    num('values', `highest ${what} of harmonic`, format, unit),
    time('times', 'its time', 'A.17'),
  ),
]

/** Daily rows, and the same again with other numbers and time: reading day (抄表日) and month. */
const SETS: readonly { readonly at: number; readonly scale: ScaleKind; readonly en: string; readonly zh: string }[] = [
  { at: 0, scale: 'd', en: 'daily freeze', zh: '日冻结' },
  { at: 8, scale: 'd', en: 'freeze of the reading day', zh: '抄表日冻结' },
  { at: 16, scale: 'm', en: 'monthly freeze', zh: '月冻结' },
]

const freezes: readonly FnRow[] = SETS.flatMap(({ at, scale, en, zh }) => [
  row(at + 1, `${en} of forward energies`, `${zh}正向有/无功电能示值、一/四象限无功电能示值`, forwardEnergies, { scale }),
  row(at + 2, `${en} of reverse energies`, `${zh}反向有/无功电能示值、二/三象限无功电能示值`, reverseEnergies, { scale }),
  row(at + 3, `${en} of forward demand`, `${zh}正向有/无功最大需量及发生时间`, forwardDemands, { scale }),
  row(at + 4, `${en} of reverse demand`, `${zh}反向有/无功最大需量及发生时间`, reverseDemands, { scale }),
])

/** Amounts: one library has a time of reading in front of M, another has not. */
const amountRows: readonly FnRow[] = SETS.filter(({ at }) => at !== 8).flatMap(({ at, scale, en, zh }) =>
  DIRECTIONS.map((direction, index) => {
    const body = amounts(direction.en, direction.zh, direction.isActive)
    return row(at + 5 + index, `${direction.en} energy, ${en}`, `${zh}${direction.zh}电能量`, body, {
      scale,
      also: [[readingTime, ...body]],
      source: 'public libraries xiangruipuzhao/3761 (with the time of reading) and yangboshan/C3761Protocol (without)',
    })
  }),
)

const registerRows: readonly FnRow[] = SETS.flatMap(({ at, scale, en, zh }) =>
  REGISTERS.map((register, index) => row(161 + at + index, `${register.en}, ${en}`, `${zh}${register.zh}`, register.layout, { scale })),
)

const demandRows: readonly FnRow[] = SETS.flatMap(({ at, scale, en, zh }) =>
  DIRECTIONS.map((direction, index) =>
    row(185 + at / 2 + index, `${direction.en} demand, ${en}`, `${zh}${direction.zh}最大需量及发生时间`, demandPairs(direction.isActive), {
      scale,
      ...one,
    }),
  ),
)

const phaseReading = (label: string, isActive: boolean): Layout => [
  readingTime,
  num('values', label, isActive ? 'A.14' : 'A.11', isActive ? 'kWh' : 'kvarh', { each: PHASES }),
]
const phaseRows: readonly FnRow[] = (['d', 'm'] as const).flatMap((scale, at) =>
  DIRECTIONS.map(({ en, zh, isActive }, index) =>
    row(
      153 + at * 4 + index,
      `${en} energy of each phase, ${scale === 'd' ? 'daily' : 'monthly'} freeze`,
      `${scale === 'd' ? '日' : '月'}冻结分相${zh}电能示值`,
      phaseReading(`${en} energy (${zh}电能示值)`, isActive),
      { scale, ...one },
    ),
  ),
)

const curveRow = (fn: number, en: string, zh: string, format: Parameters<typeof curve>[1], unit: string, source?: string): FnRow =>
  row(fn, `curve of ${en}`, `${zh}曲线`, curve(`${en} (${zh})`, format, unit), source ? { scale: 'c', source } : { scale: 'c' })

const curves: readonly FnRow[] = [
  curveRow(73, 'active power of a total group', '总加组有功功率', 'A.2', 'kW', ONE_LIBRARY),
  curveRow(74, 'reactive power of a total group', '总加组无功功率', 'A.2', 'kvar', ONE_LIBRARY),
  curveRow(75, 'active energy of a total group', '总加组有功电能量', 'A.3', 'kWh', ONE_LIBRARY),
  curveRow(76, 'reactive energy of a total group', '总加组无功电能量', 'A.3', 'kvarh', ONE_LIBRARY),
  ...TOTAL_AND_PHASES.map((phase, at) =>
    curveRow(81 + at, `active power, ${phase}`, at === 0 ? '有功功率' : `${phase}相有功功率`, 'A.9', 'kW'),
  ),
  ...TOTAL_AND_PHASES.map((phase, at) =>
    curveRow(85 + at, `reactive power, ${phase}`, at === 0 ? '无功功率' : `${phase}相无功功率`, 'A.9', 'kvar'),
  ),
  ...PHASES.map((phase, at) => curveRow(89 + at, `voltage ${phase}`, `${phase}相电压`, 'A.7', 'V')),
  ...PHASES.map((phase, at) => curveRow(92 + at, `current ${phase}`, `${phase}相电流`, 'A.25', 'A')),
  curveRow(95, 'zero sequence current', '零序电流', 'A.25', 'A'),
  ...DIRECTIONS.map(({ en, zh, isActive }, at) =>
    curveRow(97 + at, `${en} energy of each interval`, `${zh}总电能量`, 'A.13', isActive ? 'kWh' : 'kvarh'),
  ),
  ...DIRECTIONS.map(({ en, zh, isActive }, at) =>
    curveRow(101 + at, `${en} energy reading`, `${zh}总电能示值`, 'A.11', isActive ? 'kWh' : 'kvarh', ONE_LIBRARY),
  ),
  ...TOTAL_AND_PHASES.map((phase, at) =>
    curveRow(105 + at, `power factor, ${phase}`, at === 0 ? '总功率因数' : `${phase}相功率因数`, 'A.5', '%'),
  ),
  ...(['voltage', 'current'] as const).map((what, at) =>
    row(
      109 + at,
      `curve of phase angles of ${what}`,
      `${at === 0 ? '电压' : '电流'}相位角曲线`,
      [
        columns(
          'phase angles of a point',
          'points',
          0,
          ...PHASES.map((phase) => num(`${at === 0 ? 'U' : 'I'}${phase}_deg`, `phase angle (相位角) ${phase}`, 'A.5', 'deg')),
        ),
      ],
      { scale: 'c', ...one },
    ),
  ),
  curveRow(138, 'direct current input', '直流模拟量', 'A.2', '', ONE_LIBRARY),
  curveRow(145, 'reactive energy reading, quadrant I', '一象限无功总电能示值', 'A.11', 'kvarh', ONE_LIBRARY),
  curveRow(146, 'reactive energy reading, quadrant IV', '四象限无功总电能示值', 'A.11', 'kvarh', ONE_LIBRARY),
  curveRow(147, 'reactive energy reading, quadrant II', '二象限无功总电能示值', 'A.11', 'kvarh', ONE_LIBRARY),
  curveRow(148, 'reactive energy reading, quadrant III', '三象限无功总电能示值', 'A.11', 'kvarh', ONE_LIBRARY),
  row(217, 'white noise of the carrier', '载波主节点白噪声曲线', [uint('values', 'noise ratio (噪声比值)', 1, { times: PER_POINT })], {
    scale: 'c',
    ...one,
  }),
  row(
    218,
    'coloured noise of the carrier',
    '载波主节点色噪声曲线',
    [columns('noise ratio and node', 'points', 0, uint('values', 'noise ratio (噪声比值)', 1), digits('addresses', 'node (节点地址)'))],
    { scale: 'c', ...one },
  ),
]

const statistics = (shift: number, scale: 'd' | 'm', en: string, zh: string): readonly FnRow[] => [
  row(25 + shift, `${en} highest powers`, `${zh}总及分相最大有功功率及发生时间、有功功率为零时间`, powerExtremes, { scale, ...one }),
  row(26 + shift, `${en} maximum demand of each phase`, `${zh}总及分相有功最大需量及发生时间`, demandExtremes, { scale, ...one }),
  row(27 + shift, `${en} voltage statistics`, `${zh}电压统计数据`, voltageStatistics, {
    scale,
    source:
      'several public terminals and masters, which have the highest voltage first; the library xiangruipuzhao/3761 has the lowest first',
  }),
  row(28 + shift, `${en} unbalance`, `${zh}不平衡度越限累计时间`, unbalance(scale === 'd' ? 'A.18' : 'A.17'), { scale, ...one }),
  row(29 + shift, `${en} current above limits`, `${zh}电流越限数据`, currentLimits, { scale, ...one }),
  row(30 + shift, `${en} apparent power above limits`, `${zh}视在功率越限累计时间`, apparentPowerLimits, { scale, ...one }),
]

/** AFN 0D: class 2, stored data. */
export const CLASS2: readonly FnRow[] = [
  ...freezes,
  ...amountRows,
  ...statistics(0, 'd', 'daily', '日'),
  row(31, 'daily load rate', '日负载率统计', loadRate, { scale: 'd', ...one }),
  row(32, 'daily phase failures', '日冻结电能表断相数据', phaseFailures, { scale: 'd', ...one }),
  ...statistics(8, 'm', 'monthly', '月'),
  row(39, 'monthly load rate', '月负载率统计', loadRate, { scale: 'm', ...one }),
  row(43, 'daily time of power factor by section', '日冻结日功率因数区段累计时间', factorTimes, { scale: 'd', ...one }),
  row(44, 'monthly time of power factor by section', '月冻结月功率因数区段累计时间', factorTimes, { scale: 'm', ...one }),
  row(49, 'powered time and resets of the terminal, daily', '终端日供电时间、日复位累计次数', poweredTime, { scale: 'd' }),
  row(51, 'powered time and resets of the terminal, monthly', '终端月供电时间、月复位累计次数', poweredTime, { scale: 'm' }),
  row(53, 'traffic of the day', '终端与主站日通信流量', traffic, { scale: 'd', ...one }),
  row(54, 'traffic of the month', '终端与主站月通信流量', traffic, { scale: 'm', ...one }),
  ...curves,
  ...PHASES.map((phase, at) =>
    row(
      113 + at,
      `highest harmonic currents of phase ${phase}`,
      `${phase}相2～19次谐波电流日最大值及发生时间`,
      harmonicExtremes('current', 'A.6', 'A', 18),
      { scale: 'd', also: [harmonicExtremes('current', 'A.6', 'A', 19)], ...one },
    ),
  ),
  ...PHASES.map((phase, at) =>
    row(
      116 + at,
      `highest harmonic voltage ratios of phase ${phase}`,
      `${phase}相2～19次谐波电压含有率及总畸变率日最大值及发生时间`,
      harmonicExtremes('voltage ratio', 'A.5', '%', 19),
      {
        scale: 'd',
        also: [harmonicExtremes('voltage ratio', 'A.5', '%', 18)],
        ...one,
      },
    ),
  ),
  ...PHASES.map((phase, at) =>
    row(
      121 + at,
      `harmonics of phase ${phase} above limits`,
      `${phase}相谐波越限日统计数据`,
      [
        count('order', 'highest harmonic (谐波次数 N)', 1, 'order', 19),
        measured('U_over_limit_min', 'time of voltage ratio above limit, total first (电压含有率越限累计时间)', 2, 'min', {
          times: { counter: 'order', plus: 0 },
        }),
        measured('I_over_limit_min', 'time of current above limit, total first (谐波电流越限累计时间)', 2, 'min', {
          times: { counter: 'order', plus: 0 },
        }),
      ],
      { scale: 'd', ...one },
    ),
  ),
  ...phaseRows,
  ...registerRows,
  ...demandRows,
  row(209, 'switch of the meter', '电能表远程控制通断电状态及记录', switchState, { scale: 'd', ...one }),
  row(213, 'switch operations of the meter', '电能表开关操作次数及时间', switchCounts, { scale: 'm', ...one }),
  row(214, 'parameter changes of the meter', '电能表参数修改次数及时间', parameterChanges, { scale: 'm', ...one }),
  row(215, 'purchases', '电能表购、用电信息', purchase, { scale: 'm', ...one }),
  row(216, 'settlement', '电能表结算信息', settlement, { scale: 'm', ...one }),
]
