import { bits, count, digits, each, hex, identifiers, ip, type Layout, num, part, text, time, uint } from './layout.ts'
import { type FnRow, ONE_LIBRARY, row } from './rows.ts'
import { PHASES } from './tables-common.ts'

const one = { source: ONE_LIBRARY } as const

/** Speeds of a port in the archive, by code. */
export const ARCHIVE_BAUDS: Readonly<Record<number, string>> = {
  0: "the port's own",
  1: '600',
  2: '1200',
  3: '2400',
  4: '4800',
  5: '7200',
  6: '9600',
  7: '19200',
}
/** Protocols of meters in the archive, by code; makers add more. */
export const ARCHIVE_PROTOCOLS: Readonly<Record<number, string>> = {
  0: 'none',
  1: 'DL/T 645-1997',
  2: 'AC sampling',
  30: 'DL/T 645-2007',
  31: 'PLC serial',
}

/** F10: 27 bytes a meter. @source two libraries and a captured frame */
const meterArchive: Layout = [
  count('count', 'meters in this frame (本次配置数量)', 2, 'meters', 2040),
  each(
    'meters',
    'meter',
    'meters',
    uint('seq', 'archive number (装置序号)', 2),
    uint('pn', 'measuring point (所属测量点号)', 2),
    bits('port and speed (通信速率及端口号)', 1, part('port', 'port', 0, 5), part('baud_code', 'speed', 5, 3, { words: ARCHIVE_BAUDS })),
    uint('protocol', 'protocol (通信协议类型)', 1, { words: ARCHIVE_PROTOCOLS }),
    digits('address', 'address (通信地址)'),
    hex('password_hex', 'password (通信密码)', 6, true),
    uint('tariffs', 'tariffs (电能费率个数)', 1),
    bits(
      'digits of the register (有功电能示值整数位及小数位个数)',
      1,
      part('int_digits', 'digits before the point', 2, 2, { plus: 4 }),
      part('dec_digits', 'behind it', 0, 2, { plus: 1 }),
    ),
    digits('collector', 'collector (所属采集器通信地址)'),
    bits('user class (用户大类号及用户小类号)', 1, part('big_class', 'class', 4, 4), part('small_class', 'subclass', 0, 4)),
  ),
]

/** F33. @source two libraries and a captured frame */
const readingSchedule: Layout = [
  count('count', 'blocks in this frame (参数块个数)', 1, 'ports', 31),
  each(
    'ports',
    'block',
    'ports',
    uint('port', 'port (终端通信端口号)', 1),
    uint('control_word', 'control word (台区集中抄表运行控制字)', 2, { hex: true }),
    uint('reading_days_bitmap', 'reading days, a bit each (抄表日)', 4, { hex: true }),
    time('reading_time_hhmm', 'reading time (抄表时间)', 'A.19'),
    uint('interval_min', 'reading interval (抄表间隔时间)', 1, { unit: 'min' }),
    hex('broadcast_sync_a18', 'broadcast of time: minute, hour, day (广播校时定时时间)', 3),
    count('windows_count', 'windows (允许抄表时段数)', 1, 'windows', 24),
    each('windows', 'window', 'windows', time('from', 'from (开始时间)', 'A.19'), time('to', 'to (结束时间)', 'A.19')),
  ),
]

/** A list of items of one user class. */
const classItems: Layout = [
  uint('big_class', 'user class (用户大类号)', 1),
  count('count', 'groups in this frame (组数 m)', 1, 'groups', 16),
  each(
    'groups',
    'group',
    'groups',
    uint('small_class', 'user subclass (用户小类号)', 1),
    count('item_groups', 'groups of items (信息类组数 n)', 1, 'item_bytes', 31),
    hex('items_hex', 'items, a bit each: F1 is the lowest (信息类元标志位)', 'item_bytes'),
  ),
]
const classAsk: Layout = [
  uint('big_class', 'user class (用户大类号)', 1),
  count('count', 'subclasses asked for (本次查询数量 n)', 1, 'small', 16),
  uint('small_classes', 'user subclass (用户小类号)', 1, { times: { counter: 'small', plus: 0 } }),
]

const task: Layout = [
  bits(
    'period (定时上报周期及单位)',
    1,
    part('period', 'period', 0, 6),
    part('period_unit', 'unit', 6, 2, { words: { 0: 'minutes', 1: 'hours', 2: 'days', 3: 'months' } }),
  ),
  time('base_time', 'base time (上报基准时间)', 'A.1', { shape: 'clock' }),
  uint('curve_step', 'every how many points of a curve (曲线数据抽取倍率 R)', 1),
  count('count', 'identifiers (数据单元标识个数 n)', 1, 'items', 255),
  identifiers('items', 'identifier (数据单元标识)', 'items'),
]
const taskSwitch: Layout = [uint('state', 'task (任务启动/停止标志)', 1, { words: { 85: 'runs', 170: 'stands' } })]

const limit = (name: string, label: string, format: 'A.7' | 'A.25' | 'A.23' | 'A.5', unit: string): Layout => [
  num(`${name}_${unit === '%' ? 'percent' : unit}`, label, format, unit),
  uint(`${name}_min`, `${label}: for how long (越限持续时间)`, 1, { unit: 'min' }),
  num(`${name}_recovery_percent`, `${label}: recovery (越限恢复系数)`, 'A.5', '%'),
]

/** AFN 04 sets them, AFN 0A asks for them. */
export const PARAMETERS: readonly FnRow[] = [
  row(1, 'up-link communication', '终端上行通信口通信参数设置', [
    uint('RTS_20ms', 'delay of the modem (数传机延时时间 RTS)', 1, { unit: 'x 20 ms' }),
    uint('RTM_min', 'delay a started exchange may have (传输延时时间)', 1, { unit: 'min' }),
    bits('waiting and repeating (等待超时时间和重发次数)', 2, part('wait_s', 'wait', 0, 12), part('resend', 'repeats', 12, 2)),
    bits(
      'reports to be confirmed (需要主站确认的通信服务)',
      1,
      part('confirm_class1', 'class 1', 0, 1),
      part('confirm_class2', 'class 2', 1, 1),
      part('confirm_class3', 'class 3', 2, 1),
    ),
    uint('heartbeat_min', 'heartbeat (心跳周期)', 1, { unit: 'min' }),
  ]),
  row(2, 'wireless relaying', '终端上行通信口无线中继转发设置', null, one),
  row(3, "master's address", '主站IP地址和端口', [
    ip('main_ip', 'main address (主用IP地址)'),
    uint('main_port', 'main port (主用端口)', 2),
    ip('backup_ip', 'backup address (备用IP地址)'),
    uint('backup_port', 'backup port (备用端口)', 2),
    text('apn', 'access point (APN)', 16),
  ]),
  row(4, 'telephone numbers', '主站电话号码和短信中心号码', [
    hex('master_phone_hex', "master's number (主站电话号码)", 8),
    hex('sms_center_hex', 'short message centre (短信中心号码)', 8),
  ]),
  row(
    5,
    'authentication of messages',
    '终端上行通信消息认证参数设置',
    [uint('scheme', 'scheme (消息认证方案号)', 1), uint('parameter', 'parameter (消息认证方案参数)', 2, { hex: true })],
    one,
  ),
  row(6, 'group addresses', '终端组地址设置', [uint('group_addresses', 'group address (终端组地址)', 2, { times: 8 })], one),
  row(7, "terminal's address", '终端IP地址和端口', [
    ip('terminal_ip', 'address (终端IP地址)'),
    ip('subnet_mask', 'subnet mask (子网掩码)'),
    ip('gateway', 'gateway (网关)'),
    uint('proxy_type', 'proxy (代理类型)', 1, { words: { 0: 'none', 1: 'HTTP', 2: 'SOCKS4', 3: 'SOCKS5' } }),
    ip('proxy_ip', 'proxy address (代理服务器地址)'),
    uint('proxy_port', 'proxy port (代理服务器端口)', 2),
    uint('proxy_login', 'how to log in at the proxy (代理服务器连接方式)', 1, { words: { 0: 'no check', 1: 'name and password' } }),
    count('user_length', 'length of the name (用户名长度)', 1, 'user_length', 20),
    hex('user_hex', 'name at the proxy (用户名)', 'user_length', true),
    count('password_length', 'length of the password (密码长度)', 1, 'password_length', 20),
    hex('password_hex', 'password at the proxy (密码)', 'password_length', true),
    uint('listening_port', 'listening port (终端侦听端口)', 2),
  ]),
  row(8, 'way of the up-link', '终端上行通信工作方式', [
    bits(
      'way of working (工作模式)',
      1,
      part('online_mode', 'online', 0, 2, { words: { 1: 'always', 2: 'when called', 3: 'at certain hours' } }),
      part('tcp_mode', 'role', 4, 2, { words: { 0: 'mixed', 1: 'client', 2: 'server' } }),
      part('udp', 'transport', 7, 1, { words: { 0: 'TCP', 1: 'UDP' } }),
    ),
    uint('redial_s', 'redial after (永久在线模式重拨间隔)', 2, { unit: 's' }),
    uint('redial_count', 'redials (被动激活模式重拨次数)', 1),
    uint('hang_up_min', 'hang up after silence (连续无通信自动断线时间)', 1, { unit: 'min' }),
    uint('hours_bitmap', 'hours online, a bit each (允许在线时段标志)', 3, { hex: true }),
  ]),
  row(9, 'events to keep', '终端事件记录配置设置', [
    hex('record_flags_hex', 'events to record, a bit each: ERC1 is the lowest (事件记录有效标志位)', 8),
    hex('important_flags_hex', 'events that are important (事件重要性等级标志位)', 8),
  ]),
  row(10, 'meter archive', '终端电能表/交流采样装置配置参数', meterArchive, {
    ask: [
      count('count', 'how many are asked for (本次查询数量)', 2, 'asked', 2040),
      uint('sequence_numbers', 'archive number (装置序号)', 2, { times: { counter: 'asked', plus: 0 } }),
    ],
  }),
  row(
    12,
    'state inputs',
    '终端状态量输入参数',
    [
      uint('inputs', 'inputs connected (状态量接入标志位)', 1, { hex: true }),
      uint('normally_open', 'normally open (状态量属性标志位)', 1, { hex: true }),
    ],
    one,
  ),
  row(
    23,
    'dunning alarm hours',
    '终端催费告警参数',
    [uint('hours_bitmap', 'hours with alarm, a bit each (告警时段)', 3, { hex: true })],
    one,
  ),
  row(25, 'basics of the measuring point', '测量点基本参数', [
    uint('PT', 'voltage transformer ratio (电压互感器倍率)', 2),
    uint('CT', 'current transformer ratio (电流互感器倍率)', 2),
    num('rated_U_V', 'rated voltage (额定电压)', 'A.7', 'V'),
    num('rated_I_A', 'rated current (额定电流)', 'A.22', 'A'),
    num('rated_load_kVA', 'rated load (额定负荷)', 'A.23', 'kVA'),
    bits(
      'wiring (电源接线方式)',
      1,
      part('wiring', 'wiring', 0, 2, { words: { 1: 'three phases, three wires', 2: 'three phases, four wires', 3: 'single phase' } }),
      part('phase', 'phase of a single-phase meter', 2, 2, { words: { 0: 'unknown', 1: 'A', 2: 'B', 3: 'C' } }),
    ),
  ]),
  row(26, 'limits of the measuring point', '测量点限值参数', [
    num('U_upper_V', 'voltage, upper limit (电压合格上限)', 'A.7', 'V'),
    num('U_lower_V', 'voltage, lower limit (电压合格下限)', 'A.7', 'V'),
    num('U_failure_V', 'voltage of a lost phase (电压断相门限)', 'A.7', 'V'),
    ...limit('U_over', 'overvoltage (过压门限)', 'A.7', 'V'),
    ...limit('U_under', 'undervoltage (欠压门限)', 'A.7', 'V'),
    ...limit('I_over', 'overcurrent (过流门限)', 'A.25', 'A'),
    ...limit('I_rated', 'rated current (额定电流门限)', 'A.25', 'A'),
    ...limit('I0_over', 'zero sequence current (零序电流上限)', 'A.25', 'A'),
    ...limit('S_over2', 'apparent power, upper limit 2 (视在功率上上限)', 'A.23', 'kVA'),
    ...limit('S_over', 'apparent power, upper limit (视在功率上限)', 'A.23', 'kVA'),
    ...limit('U_unbalance', 'voltage unbalance (三相电压不平衡限值)', 'A.5', '%'),
    ...limit('I_unbalance', 'current unbalance (三相电流不平衡限值)', 'A.5', '%'),
    uint('U_loss_min', 'lasting loss of voltage (连续失压时间限值)', 1, { unit: 'min' }),
  ]),
  row(
    27,
    'losses of the measuring point',
    '测量点铜损、铁损参数',
    PHASES.flatMap((phase) => [
      num(`R${phase}_ohm`, `resistance ${phase} (电阻)`, 'A.26', 'ohm'),
      num(`X${phase}_ohm`, `reactance ${phase} (电抗)`, 'A.26', 'ohm'),
      num(`G${phase}_S`, `conductance ${phase} (电导)`, 'A.26', 'S'),
      num(`B${phase}_S`, `susceptance ${phase} (电纳)`, 'A.26', 'S'),
    ]),
    one,
  ),
  row(
    28,
    'power factor limits',
    '测量点功率因数分段限值',
    [num('PF_limit1_percent', 'limit 1 (分段限值1)', 'A.5', '%'), num('PF_limit2_percent', 'limit 2 (分段限值2)', 'A.5', '%')],
    one,
  ),
  row(29, 'display number of the meter', '终端当地电能表显示号', [text('display_number', 'display number (显示号)', 12)], one),
  row(
    30,
    'reading on or off',
    '台区集中抄表停抄/投抄设置',
    [uint('stopped', 'reading (停抄/投抄)', 1, { words: { 0: 'on', 1: 'off' } })],
    one,
  ),
  row(33, 'reading schedule', '终端抄表运行参数设置', readingSchedule, {
    ask: [
      count('count', 'how many are asked for (本次查询数量)', 1, 'asked', 31),
      uint('ports', 'port (端口号)', 1, { times: { counter: 'asked', plus: 0 } }),
    ],
  }),
  row(
    34,
    'module of the down-link',
    '集中器下行通信模块的参数设置',
    [
      count('count', 'blocks in this frame (参数块个数)', 1, 'ports', 31),
      each(
        'ports',
        'block',
        'ports',
        uint('port', 'port (端口号)', 1),
        uint('control_word', 'control word (通信控制字)', 1, { hex: true }),
        uint('baud', 'speed (通信速率)', 4),
      ),
    ],
    {
      source: 'public library xiangruipuzhao/3761 alone; it has one byte of speed, the four-byte form is another edition',
      also: [
        [
          count('count', 'blocks in this frame (参数块个数)', 1, 'ports', 31),
          each(
            'ports',
            'block',
            'ports',
            uint('port', 'port (端口号)', 1),
            uint('control_word', 'control word (通信控制字)', 1, { hex: true }),
            uint('baud', 'speed (通信速率)', 1),
          ),
        ],
      ],
    },
  ),
  row(35, 'key meters', '台区集中抄表重点户设置', [
    count('count', 'key meters (重点户个数)', 1, 'key', 255),
    uint('sequence_numbers', 'archive number (装置序号)', 2, { times: { counter: 'key', plus: 0 } }),
  ]),
  row(36, 'traffic limit', '终端上行通信流量门限设置', [uint('month_limit_bytes', 'limit of the month (月通信流量门限)', 4)], one),
  row(38, 'class-1 items of a user class', '1类数据配置设置', classItems, { ask: classAsk, ...one }),
  row(39, 'class-2 items of a user class', '2类数据配置设置', classItems, { ask: classAsk, ...one }),
  row(65, 'task of class 1', '定时上报1类数据任务设置', task),
  row(66, 'task of class 2', '定时上报2类数据任务设置', task),
  row(67, 'task of class 1 on or off', '定时上报1类数据任务启动/停止设置', taskSwitch),
  row(68, 'task of class 2 on or off', '定时上报2类数据任务启动/停止设置', taskSwitch),
]
