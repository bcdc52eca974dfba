import { bits, columns, count, digits, each, hex, type Layout, measured, num, PER_TARIFF, part, tariffCount, time, uint } from './layout.ts'
import { type FnRow, ONE_LIBRARY, row } from './rows.ts'
import {
  amounts,
  curve,
  DIRECTIONS,
  forwardDemands,
  forwardEnergies,
  PHASES,
  REGISTERS,
  readingTime,
  reverseDemands,
  reverseEnergies,
  TOTAL_AND_PHASES,
} from './tables-common.ts'

const one = { source: ONE_LIBRARY } as const

/** F25: 67 bytes. Power factors are percents. @source two libraries and captured frames */
const instantaneous: Layout = [
  readingTime,
  num('P_kW', 'active power (有功功率)', 'A.9', 'kW', { each: TOTAL_AND_PHASES }),
  num('Q_kvar', 'reactive power (无功功率)', 'A.9', 'kvar', { each: TOTAL_AND_PHASES }),
  num('PF_percent', 'power factor (功率因数)', 'A.5', '%', { each: TOTAL_AND_PHASES }),
  num('U_V', 'voltage (电压)', 'A.7', 'V', { each: PHASES }),
  num('I_A_ABC_and_zero', 'current (电流)', 'A.25', 'A', { each: ['A', 'B', 'C', 'zero sequence'] }),
  num('S_kVA', 'apparent power (视在功率)', 'A.9', 'kVA', { each: TOTAL_AND_PHASES }),
]

/** Counts and times of lost phases: 0C F26, 0D F32. */
export const phaseFailures: Layout = [
  readingTime,
  num('failure_count', 'phase failures (断相次数)', 'A.8', '', { each: TOTAL_AND_PHASES }),
  num('failure_min', 'time without phase (断相时间累计值)', 'A.10', 'min', { each: TOTAL_AND_PHASES }),
  time('failure_begin', 'last failure begins (最近断相起始时刻)', 'A.17', { each: TOTAL_AND_PHASES }),
  time('failure_end', 'last failure ends (最近断相结束时刻)', 'A.17', { each: TOTAL_AND_PHASES }),
]

/** How often something was done to a meter, and when last. */
const operation = (name: string, en: string, zh: string): Layout => [
  num(`${name}_count`, `${en} (${zh}次数)`, 'A.10', ''),
  time(`${name}_last`, `last ${en} (最近一次${zh}时刻)`, 'A.1'),
]

const meterClock: Layout = [
  readingTime,
  time('clock', "meter's clock (电能表日历时钟)", 'A.1', { shape: 'clock' }),
  num('battery_min', 'battery in use (电池工作时间)', 'A.27', 'min'),
  ...operation('programming', 'programming (meter)', '编程'),
  ...operation('meter_clear', 'clearing of the meter', '电表清零'),
  ...operation('demand_clear', 'clearing of demand', '需量清零'),
  ...operation('event_clear', 'clearing of events', '事件清零'),
  ...operation('time_set', 'setting of the clock', '校时'),
]

/** Words of DL/T 645, and what changed in them. */
export const statusWords: Layout = [
  uint('change_words', 'changed bits of status word (运行状态字变位标志)', 2, { each: ['1', '2', '3', '4', '5', '6', '7'], hex: true }),
  uint('status_words', 'status word (运行状态字)', 2, { each: ['1', '2', '3', '4', '5', '6', '7'], hex: true }),
]

const perPhase = (phase: 'A' | 'B' | 'C'): Layout => [
  num(`forward_active_${phase}_kWh`, `forward active energy, phase ${phase} (正向有功电能示值)`, 'A.14', 'kWh'),
  num(`reverse_active_${phase}_kWh`, `reverse active energy, phase ${phase} (反向有功电能示值)`, 'A.14', 'kWh'),
  num(`reactive_1_${phase}_kvarh`, `combined reactive energy 1, phase ${phase} (组合无功1)`, 'A.11', 'kvarh'),
  num(`reactive_2_${phase}_kvarh`, `combined reactive energy 2, phase ${phase} (组合无功2)`, 'A.11', 'kvarh'),
]
const phaseEnergies: Layout = [readingTime, ...PHASES.flatMap(perPhase)]

const lossEnergies: Layout = [
  readingTime,
  num('copper_loss_kWh', 'energy of copper loss (铜损有功总电能示值)', 'A.14', 'kWh'),
  num('iron_loss_kWh', 'energy of iron loss (铁损有功总电能示值)', 'A.14', 'kWh'),
]

/** Demand and its time in pairs, total first: F145 and its like. */
export const demandPairs = (isActive: boolean): Layout => [
  readingTime,
  tariffCount,
  columns(
    'maximum demand and its time, total first',
    'tariffs',
    1,
    num('values', 'maximum demand (最大需量)', 'A.23', isActive ? 'kW' : 'kvar'),
    time('times', 'its time (发生时间)', 'A.17'),
  ),
]

/** Switch state of a meter: 0C F161, 0D F209. */
export const switchState: Layout = [
  readingTime,
  uint('switch_state', 'switch (通断电状态)', 1, { words: { 0: 'open: no power', 17: 'closed' } }),
  time('closed_last', 'last closed from afar (最后一次远程控制通电时间)', 'A.15'),
  time('opened_last', 'last opened from afar (最后一次远程控制断电时间)', 'A.15'),
]
const twoOperations = (first: string, firstLabel: string, second: string, secondLabel: string): Layout => [
  readingTime,
  num(`${first}_count`, firstLabel, 'A.8', ''),
  time(`${first}_last`, `last: ${firstLabel}`, 'A.15'),
  num(`${second}_count`, secondLabel, 'A.8', ''),
  time(`${second}_last`, `last: ${secondLabel}`, 'A.15'),
]
export const switchCounts = twoOperations(
  'programming_switch',
  'programming switch used (编程开关操作次数)',
  'tail_cover',
  'tail cover opened (尾盖打开次数)',
)
export const parameterChanges = twoOperations(
  'clock_change',
  'clock changed (时钟修改次数)',
  'tariff_change',
  'tariff periods changed (时段参数修改次数)',
)
export const purchase: Layout = [
  readingTime,
  num('purchase_count', 'purchases (购电次数)', 'A.8', ''),
  num('balance_CNY', 'money left (剩余金额)', 'A.14', 'CNY'),
  num('paid_CNY', 'money paid (累计购电金额)', 'A.14', 'CNY'),
  num('left_kWh', 'energy left (剩余电量)', 'A.11', 'kWh'),
  num('overdrawn_kWh', 'energy overdrawn (透支电量)', 'A.11', 'kWh'),
  num('bought_kWh', 'energy bought (累计购电量)', 'A.11', 'kWh'),
  num('credit_limit_kWh', 'credit limit (赊欠门限电量)', 'A.11', 'kWh'),
  num('alarm_kWh', 'alarm threshold (报警电量)', 'A.11', 'kWh'),
  num('fault_kWh', 'energy at fault (故障电量)', 'A.11', 'kWh'),
]
export const settlement: Layout = [
  readingTime,
  tariffCount,
  num('settled_kWh', 'settled energy (已结有功总电能)', 'A.14', 'kWh', { times: PER_TARIFF }),
  num('unsettled_kWh', 'energy not settled (未结有功总电能)', 'A.14', 'kWh', { times: PER_TARIFF }),
]

const reading: Layout = [
  count('blocks_count', 'number of ports (数据块个数)', 1, 'blocks', 31),
  each(
    'blocks',
    'reading status of a port',
    'blocks',
    uint('port', 'port (终端通信端口号)', 1),
    uint('meters', 'meters to read (要抄电表总数)', 2),
    uint('work_state', 'work state (当前抄表工作状态标志)', 1, { hex: true }),
    uint('meters_read', 'meters read (抄表成功块数)', 2),
    uint('key_meters_read', 'key meters read (抄重点表成功块数)', 1),
    time('began', 'begun (开始时间)', 'A.1'),
    time('ended', 'ended (结束时间)', 'A.1'),
  ),
]

const routes: Layout = [
  uint('port', 'port (所属终端通信端口号)', 1),
  count('routes_count', 'number of routes (中继路由个数)', 1, 'routes', 255),
  each(
    'routes',
    'route (中继路由)',
    'routes',
    count('levels', 'hops (中继级数)', 1, 'hops', 15),
    each('addresses', 'hop', 'hops', digits('address', 'address of the hop (中继地址)')),
  ),
]
/** F170: what a reader wants to know of a meter behind a power line. */
const meterReading: Layout = [
  uint('port', 'port (所属终端通信端口号)', 1),
  uint('relay_levels', 'hops of the route (中继级数)', 1),
  bits(
    'phases (电表实际相位, 载波抄读相位)',
    1,
    part('phase_A', 'meter on phase A', 0, 1),
    part('phase_B', 'B', 1, 1),
    part('phase_C', 'C', 2, 1),
    part('read_phase_A', 'read on phase A', 4, 1),
    part('read_phase_B', 'B', 5, 1),
    part('read_phase_C', 'C', 6, 1),
    part('wiring_abnormal', 'wiring abnormal', 7, 1),
  ),
  bits(
    'signal quality, 1 to 15 (载波信号品质)',
    1,
    part('signal_quality', 'byte', 0, 8),
    part('signal_received', 'received', 0, 4),
    part('signal_sent', 'sent', 4, 4),
  ),
  uint('last_read_ok', 'last reading (最近一次抄表成功/失败标志)', 1, { words: { 0: 'failed', 1: 'succeeded' } }),
  time('last_success', 'last success (最近一次抄表成功时间)', 'A.1'),
  time('last_failure', 'last failure (最近一次抄表失败时间)', 'A.1'),
  uint('failures_in_a_row', 'failures in a row (最近连续失败累计次数)', 1),
]

/** Hourly freeze of the last hour: F89 to F116, by quantity. */
const hourly: readonly FnRow[] = [
  ...(['active', 'reactive'] as const).flatMap((kind, at) =>
    TOTAL_AND_PHASES.map((phase, index) =>
      row(
        89 + at * 4 + index,
        `hourly freeze of ${kind} power, ${phase}`,
        `小时冻结${at === 0 ? '有功' : '无功'}功率`,
        curve(`${kind} power`, 'A.9', at === 0 ? 'kW' : 'kvar'),
        {
          scale: 'h',
          ...one,
        },
      ),
    ),
  ),
  ...PHASES.map((phase, index) =>
    row(97 + index, `hourly freeze of voltage ${phase}`, `小时冻结${phase}相电压`, curve('voltage', 'A.7', 'V'), { scale: 'h', ...one }),
  ),
  ...[...PHASES, 'zero sequence'].map((phase, index) =>
    row(
      100 + index,
      `hourly freeze of current ${phase}`,
      `小时冻结${index < 3 ? `${phase}相` : '零序'}电流`,
      curve('current', 'A.25', 'A'),
      { scale: 'h', ...one },
    ),
  ),
  ...DIRECTIONS.map(({ en, zh, isActive }, index) =>
    row(
      105 + index,
      `hourly freeze of ${en} energy of the interval`,
      `小时冻结${zh}总电能量`,
      curve(`${en} energy`, 'A.13', isActive ? 'kWh' : 'kvarh'),
      {
        scale: 'h',
        ...one,
      },
    ),
  ),
  ...DIRECTIONS.map(({ en, zh, isActive }, index) =>
    row(
      109 + index,
      `hourly freeze of ${en} energy reading`,
      `小时冻结${zh}总电能示值`,
      curve(`${en} energy reading`, 'A.11', isActive ? 'kWh' : 'kvarh'),
      {
        scale: 'h',
        ...one,
      },
    ),
  ),
  ...TOTAL_AND_PHASES.map((phase, index) =>
    row(113 + index, `hourly freeze of power factor, ${phase}`, '小时冻结功率因数', curve('power factor', 'A.5', '%'), {
      scale: 'h',
      ...one,
    }),
  ),
]

/** AFN 0C: class 1, real time. */
export const CLASS1: readonly FnRow[] = [
  row(2, 'clock of the terminal', '终端日历时钟', [time('clock', 'clock (终端日历时钟)', 'A.1', { shape: 'clock' })]),
  row(3, 'parameter state', '终端参数状态', [hex('parameter_state_hex', 'parameters set, a bit each (参数状态)', 31)], one),
  row(
    4,
    'link state',
    '终端上行通信状态',
    [
      bits(
        'link (上行通信状态)',
        1,
        part('report_state', 'reporting', 0, 2, { words: { 1: 'allowed', 2: 'forbidden' } }),
        part('call_state', 'calling', 2, 2, { words: { 1: 'allowed', 2: 'forbidden' } }),
      ),
    ],
    one,
  ),
  row(5, 'settings of control', '终端控制设置状态', null, one),
  row(6, 'state of control', '终端当前控制状态', null, one),
  row(
    7,
    'event counters',
    '终端事件计数器当前值',
    [uint('EC1', 'important events (重要事件计数器 EC1)', 1), uint('EC2', 'normal events (一般事件计数器 EC2)', 1)],
    one,
  ),
  row(8, 'event flags', '终端事件标志状态', [hex('event_flags_hex', 'events that happened, a bit each ERC (事件标志)', 8)], one),
  row(
    9,
    'state inputs',
    '终端状态量及变位标志',
    [uint('inputs', 'state of inputs (状态量)', 1, { hex: true }), uint('changes', 'changed inputs (变位标志)', 1, { hex: true })],
    one,
  ),
  row(
    10,
    'traffic',
    '终端与主站当日、月通信流量',
    [
      measured('day_bytes', 'traffic of the day (当日通信流量)', 4, 'byte'),
      measured('month_bytes', 'traffic of the month (当月通信流量)', 4, 'byte'),
    ],
    one,
  ),
  row(11, 'reading status of ports', '终端集中抄表状态信息', reading, one),
  row(17, 'active power of a total group', '当前总加有功功率', [num('value', 'active power (总加有功功率)', 'A.2', 'kW')], one),
  row(18, 'reactive power of a total group', '当前总加无功功率', [num('value', 'reactive power (总加无功功率)', 'A.2', 'kvar')], one),
  ...(
    [
      [19, 'active energy of the day of a total group', '当日总加有功电能量', 'kWh'],
      [20, 'reactive energy of the day of a total group', '当日总加无功电能量', 'kvarh'],
      [21, 'active energy of the month of a total group', '当月总加有功电能量', 'kWh'],
      [22, 'reactive energy of the month of a total group', '当月总加无功电能量', 'kvarh'],
    ] as const
  ).map(([fn, en, zh, unit]) => row(fn, en, zh, [tariffCount, num('values', `${en} (${zh})`, 'A.3', unit, { times: PER_TARIFF })], one)),
  row(
    25,
    'powers, power factors, voltages and currents',
    '当前三相及总有/无功功率、功率因数，三相电压、电流、零序电流、视在功率',
    instantaneous,
  ),
  row(26, 'phase failures', '断相统计数据及最近一次断相记录', phaseFailures),
  row(27, "meter's clock and programming", '电能表日历时钟、编程次数及其最近一次操作时间', meterClock),
  row(28, 'status words of the meter', '电表运行状态字及其变位标志', [readingTime, ...statusWords]),
  row(29, 'loss energies', '当前铜损、铁损有功总电能示值', lossEnergies),
  row(30, 'loss energies of the last settlement', '上一结算日铜损、铁损有功总电能示值', lossEnergies),
  row(31, 'energies of each phase', '当前A、B、C三相正/反向有功电能示值、组合无功1/2电能示值', phaseEnergies),
  row(32, 'energies of each phase of the last settlement', '上一结算日A、B、C三相电能示值', phaseEnergies),
  row(33, 'forward energies', '当前正向有/无功电能示值、一/四象限无功电能示值', forwardEnergies),
  row(34, 'reverse energies', '当前反向有/无功电能示值、二/三象限无功电能示值', reverseEnergies),
  row(35, "month's forward demand", '当月正向有/无功最大需量及发生时间', forwardDemands),
  row(36, "month's reverse demand", '当月反向有/无功最大需量及发生时间', reverseDemands),
  row(37, 'forward energies of the last settlement', '上月（上一结算日）正向有/无功电能示值', forwardEnergies),
  row(38, 'reverse energies of the last settlement', '上月（上一结算日）反向有/无功电能示值', reverseEnergies),
  row(39, 'forward demand of the last settlement', '上月（上一结算日）正向有/无功最大需量及发生时间', forwardDemands),
  row(40, 'reverse demand of the last settlement', '上月（上一结算日）反向有/无功最大需量及发生时间', reverseDemands),
  ...DIRECTIONS.map(({ en, zh, isActive }, at) => row(41 + at, `${en} energy of today`, `当日${zh}电能量`, amounts(en, zh, isActive), one)),
  ...DIRECTIONS.map(({ en, zh, isActive }, at) =>
    row(45 + at, `${en} energy of this month`, `当月${zh}电能量`, amounts(en, zh, isActive), one),
  ),
  row(49, 'phase angles', '当前电压、电流相位角', [
    num('angles_deg', 'phase angle (相位角)', 'A.5', 'deg', { each: ['Uab/Ua', 'Ub', 'Ucb/Uc', 'Ia', 'Ib', 'Ic'] }),
  ]),
  row(
    57,
    'harmonics',
    '当前A、B、C三相电压、电流2～N次谐波有效值',
    [
      count('order', 'highest harmonic (谐波次数 N)', 1, 'order', 19),
      ...PHASES.map((phase) =>
        num(`U${phase}_V`, `voltage of harmonic, phase ${phase} (谐波电压)`, 'A.7', 'V', { times: { counter: 'order', plus: -1 } }),
      ),
      ...PHASES.map((phase) =>
        num(`I${phase}_A`, `current of harmonic, phase ${phase} (谐波电流)`, 'A.6', 'A', { times: { counter: 'order', plus: -1 } }),
      ),
    ],
    one,
  ),
  row(
    58,
    'harmonic ratios',
    '当前A、B、C三相电压、电流2～N次谐波含有率',
    [
      count('order', 'highest harmonic (谐波次数 N)', 1, 'order', 19),
      ...PHASES.map((phase) =>
        num(`U${phase}_percent`, `voltage ratio, total first, phase ${phase} (谐波电压含有率)`, 'A.5', '%', {
          times: { counter: 'order', plus: 0 },
        }),
      ),
      ...PHASES.map((phase) =>
        num(`I${phase}_percent`, `current ratio, phase ${phase} (谐波电流含有率)`, 'A.5', '%', { times: { counter: 'order', plus: -1 } }),
      ),
    ],
    one,
  ),
  ...hourly,
  ...REGISTERS.map(({ en, zh, layout }, at) => row(129 + at, en, `当前${zh}`, layout)),
  ...REGISTERS.map(({ en, zh, layout }, at) => row(137 + at, `${en} of the last settlement`, `上月（上一结算日）${zh}`, layout)),
  ...DIRECTIONS.map(({ en, zh, isActive }, at) =>
    row(145 + at, `month's ${en} demand`, `当月${zh}最大需量及发生时间`, demandPairs(isActive), one),
  ),
  ...DIRECTIONS.map(({ en, zh, isActive }, at) =>
    row(149 + at, `${en} demand of the last settlement`, `上月（上一结算日）${zh}最大需量及发生时间`, demandPairs(isActive), one),
  ),
  row(161, 'switch of the meter', '电能表远程控制通断电状态及记录', switchState, one),
  row(165, 'switch operations of the meter', '电能表开关操作次数及时间', switchCounts, one),
  row(166, 'parameter changes of the meter', '电能表参数修改次数及时间', parameterChanges, one),
  row(167, 'purchases', '电能表购、用电信息', purchase, one),
  row(168, 'settlement', '电能表结算信息', settlement, one),
  row(169, 'routes', '集中抄表中继路由信息', routes, one),
  row(170, 'reading of the meter', '集中抄表电表抄读信息', meterReading, {
    source: `${ONE_LIBRARY}; bits of phase and signal from public masters`,
  }),
]
