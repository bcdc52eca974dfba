import { bits, count, each, events, hex, identifier, type Layout, num, optional, part, rest, text, time, uint } from './layout.ts'
import { type AfnTable, type FnRow, ONE_LIBRARY, row, table } from './rows.ts'
import { CLASS1 } from './tables-class1.ts'
import { CLASS2 } from './tables-class2.ts'
import { PARAMETERS } from './tables-parameters.ts'

const one = { source: ONE_LIBRARY } as const
const NOTHING: Layout = []

/** The terminal's clock behind a heartbeat and in some terminals behind a login's answer. @source Q/GDW 1376.1-2013, as captured */
const clock = optional(6, time('clock', 'clock of the terminal (终端时钟)', 'A.1', { shape: 'clock' }))

const CONFIRM: readonly FnRow[] = [
  row(1, 'all confirmed', '全部确认', [clock]),
  row(2, 'all denied', '全部否认', NOTHING),
  row(3, 'confirmed and denied one by one', '按数据单元标识确认和否认', [
    uint('confirmed_afn', 'AFN of the request (要被确认的报文的AFN)', 1, { hex: true }),
    each(
      'items',
      'result of an item',
      null,
      identifier('item (数据单元标识)'),
      uint('err', 'result (数据单元标识对应的错误状态字 ERR)', 1, { words: { 0: 'done' } }),
    ),
  ]),
]

const RESET: readonly FnRow[] = [
  row(1, 'restart', '硬件初始化', NOTHING, one),
  row(2, 'clear data', '数据区初始化', NOTHING, one),
  row(3, 'factory settings', '参数及全体数据区初始化（恢复至出厂配置）', NOTHING, one),
  row(4, 'settings except of the link, and data', '参数（除与系统主站通信有关的）及全体数据区初始化', NOTHING, one),
]

const LINK: readonly FnRow[] = [
  row(1, 'login', '登录', [clock]),
  row(2, 'logout', '退出登录', NOTHING),
  row(3, 'heartbeat', '心跳', [clock]),
]

const port = uint('port', 'port (端口号)', 1)
const plain = (fn: number, en: string, zh: string, source?: string): FnRow => row(fn, en, zh, NOTHING, source ? { source } : one)

/** AFN 05. @source two libraries for F1, F2, F25, F31, F33, F34, F38, F53; one for the others */
const CONTROL: readonly FnRow[] = [
  row(1, 'trip', '遥控跳闸', [
    bits(
      'warning and duration (告警延时, 限电时间)',
      1,
      part('warn_min', 'warn minutes before', 0, 4),
      part('limit_half_hours', 'half hours', 4, 4),
    ),
  ]),
  plain(2, 'permit closing', '允许合闸', 'two libraries and captured frames'),
  row(
    9,
    'period power control on',
    '时段功控投入',
    [uint('periods', 'periods, a bit each (时段功控投入标志)', 1, { hex: true }), uint('scheme', 'scheme (时段功控定值方案号)', 1)],
    one,
  ),
  plain(10, 'holiday power control on', '厂休功控投入'),
  plain(11, 'closed-for-business power control on', '营业报停功控投入'),
  row(
    12,
    'floating power control on',
    '当前功率下浮控投入',
    [
      uint('slide_min', 'sliding time (定值滑差时间)', 1, { unit: 'min' }),
      num('float_percent', 'float (定值浮动系数)', 'A.4', '%'),
      uint('freeze_delay_min', 'delay of the freeze (控后总加有功功率冻结延时时间)', 1, { unit: 'min' }),
      uint('control_half_hours', 'duration (控制时间)', 1, { unit: 'x 0.5 h' }),
      uint('warn_min', 'warning of a turn (各轮告警时间)', 1, { unit: 'min', each: ['1', '2', '3', '4'] }),
    ],
    one,
  ),
  plain(15, 'month energy control on', '月电控投入'),
  plain(16, 'purchase control on', '购电控投入'),
  plain(17, 'period power control off', '时段功控解除'),
  plain(18, 'holiday power control off', '厂休功控解除'),
  plain(19, 'closed-for-business power control off', '营业报停功控解除'),
  plain(20, 'floating power control off', '当前功率下浮控解除'),
  plain(23, 'month energy control off', '月电控解除'),
  plain(24, 'purchase control off', '购电控解除'),
  plain(25, 'keep power', '终端保电投入', 'two libraries and a captured frame with one byte more'),
  plain(26, 'dunning on', '催费告警投入'),
  plain(27, 'allow calls with the master', '允许终端与主站通话'),
  plain(28, 'exclude the terminal', '终端剔除投入'),
  plain(29, 'allow reports', '允许终端主动上报'),
  row(31, 'set the clock', '对时命令', [time('time', 'time (对时命令)', 'A.1', { shape: 'spread' })]),
  row(
    32,
    'message in Chinese',
    '中文信息',
    [
      uint('kind', 'kind and number (中文信息种类, 编号)', 1, { hex: true }),
      count('length', 'length (长度)', 1, 'message_length', 200),
      hex('message_hex', 'text (汉字信息)', 'message_length'),
    ],
    one,
  ),
  plain(33, 'end of keeping power', '终端保电解除', 'two libraries and a captured frame'),
  plain(34, 'dunning off', '催费告警解除', 'two libraries and a captured frame'),
  plain(35, 'forbid calls with the master', '禁止终端与主站通话'),
  plain(36, 'include the terminal again', '终端剔除解除'),
  plain(37, 'forbid reports', '禁止终端主动上报'),
  plain(38, 'connect to the master', '激活终端连接主站', 'two libraries and a captured frame'),
  plain(39, 'disconnect', '命令终端断开连接'),
  row(49, 'stop reading on a port', '命令指定通信端口暂停抄表', [port], one),
  row(50, 'resume reading on a port', '命令指定通信端口恢复抄表', [port], one),
  row(51, 'read a port anew', '命令指定通信端口重新抄表', [port], one),
  row(52, 'reset the routes of a port', '初始化指定通信端口下的全部中继路由信息', [port], one),
  row(53, 'delete all meters of a port', '删除指定通信端口下的全部电表', [port]),
]

const AUTHENTICATION: readonly FnRow[] = [
  row(1, 'request of identity', '身份认证请求', [hex('challenge_hex', 'request (身份认证请求)', 16, true)], one),
  row(2, 'answer of identity', '身份认证响应', [hex('response_hex', 'answer (身份认证响应)', 16, true)], one),
  row(3, 'random number asked for', '取随机数', [hex('challenge_hex', 'request (取随机数)', 16, true)], one),
  row(4, 'random number', '取随机数响应', [hex('random_hex', 'random number (随机数)', 16, true)], one),
]

const itemFlags: Layout = [
  count('item_groups', 'groups of items (信息类组数 n)', 1, 'item_bytes', 31),
  hex('items_hex', 'items, a bit each (信息类元标志位)', 'item_bytes'),
]

const CONFIGURATION: readonly FnRow[] = [
  row(1, 'versions', '终端版本信息', [
    text('vendor', 'maker (厂商代号)', 4),
    text('device', 'device number (设备编号)', 8),
    text('software', 'software version (终端软件版本号)', 4),
    time('software_date', 'software of (终端软件发布日期)', 'A.20'),
    text('config', 'capacity (终端配置容量信息码)', 11),
    text('protocol', 'protocol version (终端通信协议版本号)', 4),
    text('hardware', 'hardware version (终端硬件版本号)', 4),
    time('hardware_date', 'hardware of (终端硬件发布日期)', 'A.20'),
  ]),
  row(
    2,
    'inputs, outputs and ports',
    '终端支持的输入、输出及通信端口配置',
    [
      uint('pulse_inputs', 'pulse inputs (脉冲量输入路数)', 1),
      uint('state_inputs', 'state inputs (开关量输入路数)', 1),
      uint('dc_inputs', 'direct current inputs (直流模拟量输入路数)', 1),
      uint('outputs', 'outputs (开关量输出路数)', 1),
      uint('max_meters', 'meters at most (支持的抄电能表/交流采样装置最多个数)', 2),
      uint('receive_buffer', 'receive buffer (最大接收缓存区字节数)', 2, { unit: 'byte' }),
      uint('send_buffer', 'send buffer (最大发送缓存区字节数)', 2, { unit: 'byte' }),
      hex('mac', 'MAC address (MAC地址)', 6),
      count('ports_count', 'ports (通信端口数量)', 1, 'ports', 31),
      each(
        'ports',
        'port',
        'ports',
        uint('port_word', 'port and kind (端口号及信息字)', 2, { hex: true }),
        uint('max_baud', 'highest speed (最高波特率)', 4),
        uint('max_devices', 'devices at most (支持的设备个数)', 2),
        uint('receive_buffer', 'receive buffer (最大接收缓存区字节数)', 2),
        uint('send_buffer', 'send buffer (最大发送缓存区字节数)', 2),
      ),
    ],
    one,
  ),
  row(
    3,
    'other capacities',
    '终端支持的其他配置',
    [
      uint('max_points', 'measuring points at most (支持的测量点最多点数)', 2),
      uint('max_groups', 'total groups (总加组最多组数)', 1),
      uint('max_tasks', 'tasks (任务最多个数)', 1),
      uint('max_difference_groups', 'difference groups (差动组最多组数)', 1),
      uint('densities', 'finest density of a curve (最大冻结密度)', 1, {
        each: ['points', 'group active power', 'group reactive power', 'group active energy', 'group reactive energy'],
      }),
      uint('days', 'days kept (日数据最多存放天数)', 1),
      uint('months', 'months kept (月数据最多存放月数)', 1),
      uint('schemes', 'schemes of power control (时段功控定值方案最多个数)', 1),
      uint('harmonic_order', 'highest harmonic (最高谐波次数)', 1),
      uint('capacitor_groups', 'capacitor groups (电容器组最多组数)', 1),
      uint('key_meters', 'key meters (重点户最多户数)', 1),
      uint('user_classes', 'user classes, a bit each (用户大类号标志)', 2, { hex: true }),
      uint('subclasses', 'subclasses of a user class (用户小类号个数)', 1, { times: 16 }),
    ],
    one,
  ),
  row(4, 'parameters that are supported', '终端支持的参数配置', itemFlags, one),
  row(5, 'controls that are supported', '终端支持的控制配置', itemFlags, one),
  row(6, 'class-1 items that are supported', '终端支持的1类数据配置', [rest('raw_hex', 'user classes and items')], one),
  row(7, 'class-2 items that are supported', '终端支持的2类数据配置', [rest('raw_hex', 'user classes and items')], one),
  row(
    8,
    'events that are supported',
    '终端支持的事件记录配置',
    [hex('event_flags_hex', 'events, a bit each ERC (事件记录标志位)', 8)],
    one,
  ),
]

const eventsAsk: Layout = [
  uint('Pm', 'first record (事件记录起始指针 Pm)', 1),
  uint('Pn', 'behind the last record (事件记录结束指针 Pn)', 1),
]
const eventsBody: Layout = [
  uint('EC1', 'important events (重要事件计数器 EC1)', 1),
  uint('EC2', 'normal events (一般事件计数器 EC2)', 1),
  ...eventsAsk,
  events(),
]
const EVENT_ROWS: readonly FnRow[] = [
  row(1, 'important events', '重要事件', eventsBody, { ask: eventsAsk }),
  row(2, 'normal events', '一般事件', eventsBody, { ask: eventsAsk }),
]

/** Speeds of the control word of AFN 10, by code. */
export const FORWARD_BAUDS = [300, 600, 1200, 2400, 4800, 7200, 9600, 19200] as const
const baudWords: Readonly<Record<number, string>> = Object.fromEntries(FORWARD_BAUDS.map((baud, code) => [code, `${baud} bit/s`]))

/** AFN 10. Down: settings of the port and the bytes for it; up: the bytes that came back. */
const FORWARDING: readonly FnRow[] = [
  row(
    1,
    'transparent forwarding',
    '透明转发',
    [
      port,
      count('inner_length', 'length (透明转发接收内容字节数)', 2, 'inner', 0xffff),
      hex('inner_hex', 'bytes of the meter (透明转发接收内容)', 'inner'),
    ],
    {
      ask: [
        port,
        bits(
          'serial settings (透明转发通信控制字)',
          1,
          part('baud_code', 'speed', 5, 3, { words: baudWords }),
          part('stop_bit', 'stop bits', 4, 1, { plus: 1 }),
          part('parity_on', 'parity', 3, 1, { words: { 0: 'none', 1: 'used' } }),
          part('parity_odd', 'parity kind', 2, 1, { words: { 0: 'even', 1: 'odd' } }),
          part('data_bits', 'data bits', 0, 2, { plus: 5 }),
        ),
        bits(
          'wait for the answer (接收等待报文超时时间)',
          1,
          part('packet_timeout', 'wait', 0, 7),
          part('packet_timeout_unit', 'unit', 7, 1, { words: { 0: '10 ms', 1: '1 s' } }),
        ),
        uint('byte_timeout', 'wait for a byte (接收等待字节超时时间)', 1, { unit: 'x 10 ms' }),
        count('inner_length', 'length (透明转发内容字节数)', 2, 'inner', 0xffff),
        hex('inner_hex', 'bytes for the meter (透明转发内容)', 'inner'),
      ],
      source: 'two libraries and captured frames',
    },
  ),
]

const FILES: readonly FnRow[] = [row(1, 'file, way 1', '文件传输方式1', null, one)]
const nameOnly = (fn: number, en: string, zh: string): FnRow => row(fn, en, zh, null, one)

/** Every application function (AFN). */
const TABLES: ReadonlyMap<number, AfnTable> = new Map(
  [
    table(0x00, 'confirm/deny', '确认/否认', 'both', CONFIRM),
    table(0x01, 'reset', '复位', 'down', RESET),
    table(0x02, 'link test', '链路接口检测', 'up', LINK),
    table(0x03, 'relay station', '中继站命令', 'both', []),
    table(0x04, 'set parameters', '设置参数', 'down', PARAMETERS),
    table(0x05, 'control', '控制命令', 'down', CONTROL),
    table(0x06, 'authentication', '身份认证及密钥协商', 'both', AUTHENTICATION),
    table(0x08, 'cascade', '请求被级联终端主动上报', 'both', []),
    table(0x09, 'terminal configuration', '请求终端配置', 'up', CONFIGURATION),
    table(0x0a, 'query parameters', '查询参数', 'up', PARAMETERS),
    table(0x0b, 'task data', '请求任务数据', 'up', [
      nameOnly(1, 'task data of class 1', '定时上报1类数据任务'),
      nameOnly(2, 'task data of class 2', '定时上报2类数据任务'),
    ]),
    table(0x0c, 'class-1 data', '请求1类数据', 'up', CLASS1),
    table(0x0d, 'class-2 data', '请求2类数据', 'up', CLASS2),
    table(0x0e, 'class-3 data (events)', '请求3类数据', 'up', EVENT_ROWS),
    table(0x0f, 'file transfer', '文件传输', 'both', FILES),
    table(0x10, 'data forwarding', '数据转发', 'up', FORWARDING),
  ].map((one) => [one.afn, one]),
)

/** The items of an AFN; null = not an AFN of the protocol. */
export const tableOf = (afn: number): AfnTable | null => TABLES.get(afn) ?? null

/** One item; null = not in the tables. */
export const rowOf = (afn: number, fn: number): FnRow | null => TABLES.get(afn)?.rows.get(fn) ?? null

/** All tables, for docs and tests. */
export const allTables = (): readonly AfnTable[] => [...TABLES.values()]
