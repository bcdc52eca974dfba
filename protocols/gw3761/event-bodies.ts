import { bits, count, digits, each, hex, identifiers, type Layout, num, part, text, time, uint } from './layout.ts'
import { ONE_LIBRARY } from './rows.ts'
import { statusWords } from './tables-class1.ts'
import { PHASES, pointWord } from './tables-common.ts'

/** A kind of event by its code (事件代码 ERC). */
export interface EventRow {
  readonly erc: number
  readonly en: string
  readonly zh: string
  /** Layouts of the body, of editions and makers; the first that fits exactly is taken. null = kept raw, but for its time. */
  readonly bodies: readonly Layout[] | null
  readonly source: string
}

const event = (erc: number, en: string, zh: string, body: Layout | null, source = ONE_LIBRARY): EventRow => ({
  erc,
  en,
  zh,
  bodies: body && [body],
  source,
})

const TWO = 'public libraries xiangruipuzhao/3761 and turtlerrrrr/protocol376.1, which agree'

const begins = time('time', 'time of the event (发生时间)', 'A.15')
const voltages = num('U_V', 'voltage (电压)', 'A.7', 'V', { each: ['Ua/Uab', 'Ub', 'Uc/Ucb'] })
const currents = num('I_A', 'current (电流)', 'A.25', 'A', { each: PHASES })
const energy = num('energy_kWh', 'forward active energy (正向有功总电能示值)', 'A.14', 'kWh')
const flag = (label: string, ...parts: Parameters<typeof bits>[2][]) => bits(label, 1, ...parts)
const phases = [part('phase_A', 'phase A', 0, 1), part('phase_B', 'phase B', 1, 1), part('phase_C', 'phase C', 2, 1)] as const
const whole = part('flag', 'flag', 0, 8)
const turns = uint('turns', 'turns, a bit each (跳闸轮次)', 1, { hex: true })

/** Abnormal current or voltage circuit: ERC 9 and 10. */
const circuit = (words: Readonly<Record<number, string>>): Layout => [
  begins,
  pointWord,
  flag('what is wrong (异常标志)', whole, ...phases, part('kind', 'kind', 6, 2, { words })),
  voltages,
  currents,
  energy,
]

const limits = (values: Layout[number], words: Readonly<Record<number, string>>): Layout => [
  begins,
  pointWord,
  flag('limit (越限标志)', whole, ...phases, part('kind', 'kind', 6, 2, { words })),
  values,
]

/** @source one public library, but ERC 1, 3, 4, 14, 17, 32, which two have */
const EVENTS: readonly EventRow[] = [
  event(
    1,
    'initialisation or version change',
    '数据初始化和版本变更记录',
    [
      begins,
      flag('what happened (事件标志)', whole, part('initialised', 'initialised', 0, 1), part('version_changed', 'version changed', 1, 1)),
      text('version_before', 'version before (变更前软件版本号)', 4),
      text('version_after', 'version after (变更后软件版本号)', 4),
    ],
    'public library xiangruipuzhao/3761, and a captured frame',
  ),
  event(2, 'parameters lost', '参数丢失记录', [
    begins,
    flag(
      'what was lost (事件标志)',
      whole,
      part('terminal_lost', 'of the terminal', 0, 1),
      part('points_lost', 'of measuring points', 1, 1),
    ),
  ]),
  event(
    3,
    'parameters changed',
    '参数变更记录',
    [begins, uint('msa', 'by which master (启动站地址)', 1), identifiers('items', 'changed parameter (变更参数数据单元标识)', null)],
    TWO,
  ),
  event(
    4,
    'state input changed',
    '状态量变位记录',
    [begins, uint('changes', 'changed inputs (状态变位)', 1, { hex: true }), uint('inputs', 'inputs after (变位后状态)', 1, { hex: true })],
    TWO,
  ),
  event(5, 'trip from afar', '遥控跳闸记录', [
    begins,
    turns,
    num('power_kW', 'power at the trip (跳闸时功率)', 'A.2', 'kW'),
    num('power_2min_kW', 'power two minutes later (跳闸后2分钟功率)', 'A.2', 'kW'),
  ]),
  event(6, 'trip by power control', '功控跳闸记录', [
    begins,
    uint('group', 'total group (总加组号)', 1),
    turns,
    uint('kind', 'kind of control (功控类别)', 1, { hex: true }),
    num('power_kW', 'power at the trip (跳闸时功率)', 'A.2', 'kW'),
    num('power_2min_kW', 'power two minutes later (跳闸后2分钟功率)', 'A.2', 'kW'),
    num('limit_kW', 'limit (跳闸时功率定值)', 'A.2', 'kW'),
  ]),
  event(7, 'trip by energy control', '电控跳闸记录', [
    begins,
    uint('group', 'total group (总加组号)', 1),
    turns,
    uint('kind', 'kind of control (电控类别)', 1, { hex: true }),
    num('energy_kWh', 'energy at the trip (跳闸时电能量)', 'A.3', 'kWh'),
    num('limit_kWh', 'limit (电控定值)', 'A.3', 'kWh'),
  ]),
  event(8, 'meter parameter changed', '电能表参数变更', [
    begins,
    pointWord,
    flag(
      'what changed (变更标志)',
      whole,
      part('tariff_periods', 'tariff periods', 0, 1),
      part('programming_time', 'programming time', 1, 1),
      part('reading_day', 'reading day', 2, 1),
      part('pulse_constant', 'pulse constant', 3, 1),
      part('transformer_ratio', 'transformer ratio', 4, 1),
      part('demand_cleared', 'demand cleared', 5, 1),
    ),
  ]),
  event(9, 'current circuit abnormal', '电流回路异常', circuit({ 1: 'short', 2: 'open', 3: 'reversed' })),
  event(10, 'voltage circuit abnormal', '电压回路异常', circuit({ 1: 'phase failure', 2: 'loss of voltage' })),
  event(11, 'phase sequence abnormal', '相序异常', [
    begins,
    pointWord,
    num('angles_deg', 'phase angle (相位角)', 'A.5', 'deg', { each: ['Ua/Uab', 'Ub', 'Uc/Ucb', 'Ia', 'Ib', 'Ic'] }),
    energy,
  ]),
  event(12, 'meter clock deviates', '电能表时间超差', [begins, pointWord]),
  event(13, 'meter fault', '电表故障信息', [
    begins,
    pointWord,
    flag(
      'fault (异常标志)',
      whole,
      part('programmed_or_cleared', 'programmed or demand cleared', 0, 1),
      part('phase_failures', 'phase failures', 1, 1),
      part('voltage_losses', 'losses of voltage', 2, 1),
      part('power_cuts', 'power cuts', 3, 1),
      part('battery_low', 'battery low', 4, 1),
    ),
  ]),
  {
    ...event(14, 'terminal power off or on', '终端停/上电事件', null, TWO),
    bodies: [
      [time('off_time', 'power off (停电发生时间)', 'A.15'), time('on_time', 'power on (上电时间)', 'A.15')],
      [
        time('off_time', 'power off (停电发生时间)', 'A.15'),
        time('on_time', 'power on (上电时间)', 'A.15'),
        num('I_A', 'highest current in the last minute (停电前1分钟内最大电流)', 'A.25', 'A', { each: PHASES }),
      ],
    ],
  },
  event(15, 'harmonics above limit', '谐波越限告警', null),
  event(16, 'direct current input beyond limit', '直流模拟量越限记录', null),
  event(
    17,
    'unbalance above limit',
    '电压/电流不平衡度越限记录',
    [
      begins,
      pointWord,
      flag('what is unbalanced (异常标志)', whole, part('U_over', 'voltage', 0, 1), part('I_over', 'current', 1, 1)),
      num('U_unbalance_percent', 'voltage unbalance (电压不平衡度)', 'A.5', '%'),
      num('I_unbalance_percent', 'current unbalance (电流不平衡度)', 'A.5', '%'),
      voltages,
      currents,
    ],
    TWO,
  ),
  event(18, 'capacitor locked itself', '电容器投切自锁记录', [
    begins,
    pointWord,
    flag('cause (异常标志)', whole),
    uint('capacitors', 'capacitor groups, a bit each (电容器组标志)', 2, { hex: true }),
    num('PF_percent', 'power factor (功率因数)', 'A.5', '%'),
    num('Q_kvar', 'reactive power (无功功率)', 'A.23', 'kvar'),
    num('voltage_V', 'voltage (电压)', 'A.7', 'V'),
  ]),
  event(19, 'purchase parameters set', '购电参数设置记录', [
    begins,
    uint('group', 'total group (总加组号)', 1),
    uint('order', 'number of the purchase (购电单号)', 4),
    uint('mode', 'adds or replaces (追加/刷新标志)', 1, { words: { 85: 'adds', 170: 'replaces' } }),
    num('bought_kWh', 'bought (购电量值)', 'A.3', 'kWh'),
    num('alarm_kWh', 'alarm threshold (报警门限)', 'A.3', 'kWh'),
    num('trip_kWh', 'trip threshold (跳闸门限)', 'A.3', 'kWh'),
    num('before_kWh', 'left before (本次购电前剩余电能量)', 'A.3', 'kWh'),
    num('after_kWh', 'left after (本次购电后剩余电能量)', 'A.3', 'kWh'),
  ]),
  event(20, 'authentication failed', '消息认证错误记录', [
    begins,
    hex('pw_hex', 'PW that came (消息认证码)', 16, true),
    uint('msa', 'from which master (启动站地址)', 1),
  ]),
  event(21, 'terminal fault', '终端故障记录', [
    begins,
    uint('fault_code', 'fault (终端故障编码)', 1, {
      words: { 1: 'memory', 2: 'clock', 3: 'board communication', 4: 'RS-485 reading', 5: 'display', 6: 'carrier channel' },
    }),
  ]),
  event(22, 'energy difference between groups', '有功总电能量差动越限事件记录', null),
  event(23, 'energy control warns', '电控告警事件记录', [
    begins,
    uint('group', 'total group (总加组号)', 1),
    turns,
    uint('kind', 'kind of control (电控类别)', 1, { hex: true }),
    num('energy_kWh', 'energy (告警时电能量)', 'A.3', 'kWh'),
    num('limit_kWh', 'limit (告警时电控定值)', 'A.3', 'kWh'),
  ]),
  event(24, 'voltage beyond limit', '电压越限记录', limits(voltages, { 1: 'above upper limit 2', 2: 'below lower limit 2' })),
  event(25, 'current above limit', '电流越限记录', limits(currents, { 1: 'above upper limit 2', 2: 'above upper limit' })),
  event(26, 'apparent power above limit', '视在功率越限记录', [
    begins,
    pointWord,
    flag('limit (越限标志)', whole, part('kind', 'kind', 6, 2, { words: { 1: 'above upper limit 2', 2: 'above upper limit' } })),
    num('S_kVA', 'apparent power (视在功率)', 'A.23', 'kVA'),
    num('limit_kVA', 'limit (视在功率限值)', 'A.23', 'kVA'),
  ]),
  event(27, 'reading went down', '电能表示度下降记录', [
    begins,
    pointWord,
    num('before_kWh', 'reading before (下降前正向有功总电能示值)', 'A.14', 'kWh'),
    num('after_kWh', 'reading after (下降后正向有功总电能示值)', 'A.14', 'kWh'),
  ]),
  event(28, 'energy out of tolerance', '电能量超差记录', [
    begins,
    pointWord,
    num('expected_kWh', 'reading it is compared with (对应正向有功总电能示值)', 'A.14', 'kWh'),
    num('energy_kWh', 'reading (正向有功总电能示值)', 'A.14', 'kWh'),
    num('threshold', 'threshold (电能量超差阈值)', 'A.22', ''),
  ]),
  event(29, 'meter runs away', '电能表飞走记录', [
    begins,
    pointWord,
    num('before_kWh', 'reading before (飞走发生前正向有功总电能示值)', 'A.14', 'kWh'),
    num('after_kWh', 'reading after (飞走发生后正向有功总电能示值)', 'A.14', 'kWh'),
    num('threshold', 'threshold (飞走阈值)', 'A.22', ''),
  ]),
  event(30, 'meter stopped', '电能表停走记录', [
    begins,
    pointWord,
    energy,
    uint('threshold', 'threshold (停走阈值)', 1, { unit: 'x 15 min' }),
  ]),
  event(31, 'RS-485 reading failed', '终端485抄表失败事件记录', [
    begins,
    pointWord,
    time('last_success', 'last good reading (最近一次抄表成功时间)', 'A.15'),
    num('energy_kWh', 'its forward active energy (正向有功总电能示值)', 'A.14', 'kWh'),
    num('reactive_kvarh', 'its forward reactive energy (正向无功总电能示值)', 'A.11', 'kvarh'),
  ]),
  event(
    32,
    'traffic above limit',
    '终端与主站通信流量超门限事件记录',
    [begins, uint('month_bytes', 'traffic of the month (当月通信流量)', 4), uint('limit_bytes', 'limit (月通信流量门限)', 4)],
    TWO,
  ),
  event(33, 'meter status word changed', '电能表运行状态字变位事件记录', [begins, pointWord, ...statusWords]),
  event(34, 'current transformer abnormal', 'CT异常事件记录', [
    begins,
    pointWord,
    flag(
      'what is wrong (异常标志)',
      whole,
      ...phases,
      part('kind', 'kind', 6, 2, { words: { 1: 'primary shorted', 2: 'secondary shorted', 3: 'secondary open' } }),
    ),
  ]),
  event(
    35,
    'unknown meter found',
    '发现未知电表事件记录',
    [
      begins,
      uint('port', 'port (终端通信端口号)', 1),
      count('count', 'unknown meters (未知电表块数)', 1, 'meters', 31),
      each(
        'meters',
        'unknown meter',
        'meters',
        digits('address', 'address (通信地址)'),
        flag(
          'phase and signal (所在相别及信号品质)',
          part('signal_quality', 'signal', 0, 4),
          part('phase_A', 'phase A', 5, 1),
          part('phase_B', 'phase B', 6, 1),
          part('phase_C', 'phase C', 7, 1),
        ),
        flag('protocol (通信协议)', part('protocol', 'protocol', 0, 2, { words: { 0: 'DL/T 645-1997', 1: 'DL/T 645-2007' } })),
      ),
    ],
    'a public decoder and the code of a public terminal, which agree',
  ),
]

const BY_CODE: ReadonlyMap<number, EventRow> = new Map(EVENTS.map((one) => [one.erc, one]))

/** The kind of an event; null = not in the table. */
export const eventOf = (erc: number): EventRow | null => BY_CODE.get(erc) ?? null
