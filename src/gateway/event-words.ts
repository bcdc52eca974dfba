/**
 * What meters and platforms call an event (事件), by the word detectors know. Names are compared without case, blanks and punctuation, so that
 * `Cover Open`, `cover-open` and `coverOpen` are one.
 *
 * @source DL/T 645-2007, Annex A, table of event records (DI3 = 03) and its State Grid extension (DI3 = 10 … 21): names and data identifiers;
 *         Q/GDW 1376.1, ERC events of concentrators; DLMS/COSEM Blue Book, event codes as platforms spell them
 */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  cover_open: [
    'cover open',
    'cover opened',
    'meter cover open',
    'meter cover opened',
    'case open',
    'tamper',
    '开表盖',
    '表盖打开',
    '电能表开盖',
    '开盖',
  ],
  terminal_cover_open: [
    ...['terminal cover open', 'terminal cover opened', 'terminal cover removed'],
    ...['开端钮盖', '开端钮盒', '开尾盖', '端钮盖打开', '端钮盒打开', '端子盖打开'],
  ],
  magnetic_field: [
    ...[
      'magnetic field',
      'constant magnetic field',
      'strong dc field',
      'strong dc field detected',
      'magnetic tamper',
      'magnetic interference',
    ],
    ...['恒定磁场干扰', '磁场干扰', '强磁场干扰', '强磁干扰', '磁场异常'],
  ],
  programming: ['programming', 'programmed', 'meter programmed', 'parameter changed', '编程', '电表编程', '参数变更'],
  clock_set: ['clock set', 'time set', 'clock adjusted', 'time adjusted', '校时', '时钟调整', '对时'],
  power_off: [
    ...['power off', 'power down', 'power failure', 'power outage', 'power lost', 'last gasp', 'outage'],
    ...['掉电', '停电', '终端停电', '电能表停电', '停电事件', '全失压', 'all phases lost'],
  ],
  power_on: ['power on', 'power up', 'power restored', 'power return', 'restoration', '上电', '来电', '复电', '终端上电', '上电事件'],
  meter_exchange_work_order: [
    'meter exchange work order',
    'meter exchange',
    'meter change',
    'meter replaced',
    '换表工单',
    '换表',
    '电能表更换',
    '装换表',
  ],
  register_clear: [
    'register clear',
    'register cleared',
    'register reset',
    'meter clear',
    'meter cleared',
    'meter reset',
    '电表清零',
    '示数清零',
  ],
  demand_clear: ['demand clear', 'demand cleared', 'demand reset', 'max demand reset', '需量清零'],
  event_clear: ['event clear', 'event cleared', 'event log cleared', '事件清零'],
  voltage_loss: ['loss of voltage', 'voltage loss', 'voltage missing', '失压'],
  undervoltage: ['undervoltage', 'under voltage', 'voltage sag', '欠压', '欠电压', '电压越下限'],
  overvoltage: ['overvoltage', 'over voltage', 'voltage swell', '过压', '过电压', '电压越上限'],
  phase_failure: ['phase failure', 'phase loss', 'missing phase', '断相', '缺相'],
  voltage_reversed_sequence: ['voltage reverse sequence', 'phase sequence reversed', 'wrong phase sequence', '电压逆相序', '逆相序'],
  current_reversed_sequence: ['current reverse sequence', '电流逆相序'],
  voltage_unbalance: ['voltage unbalance', 'voltage imbalance', '电压不平衡'],
  current_unbalance: ['current unbalance', 'current imbalance', 'current heavily unbalanced', '电流不平衡', '电流严重不平衡'],
  current_loss: ['loss of current', 'current loss', '失流'],
  overcurrent: ['overcurrent', 'over current', '过流', '过电流'],
  current_interrupted: ['current interrupted', '断流'],
  power_reversed: ['power reversed', 'power reversal', 'reverse power', 'current reversal', '潮流反向', '功率反向', '电流反向', '反向电量'],
  overload: ['overload', 'over load', '过载', '过负荷'],
  demand_exceeded: ['demand exceeded', 'over demand', '需量超限'],
  low_power_factor: ['power factor low', 'low power factor', '功率因数超下限', '功率因数越下限'],
  relay_open: ['relay trip', 'relay open', 'relay opened', 'disconnected', 'load switch opened', '跳闸', '拉闸', '负荷开关断开'],
  relay_close: ['relay close', 'relay closed', 'reconnected', 'load switch closed', '合闸', '负荷开关闭合'],
  relay_fault: ['load switch malfunction', 'relay fault', '负荷开关误动', '负荷开关误动作'],
  auxiliary_supply_lost: ['auxiliary supply lost', '辅助电源失电'],
  supply_fault: ['supply fault', '电源异常'],
  battery_low: ['battery low', 'low battery', 'clock battery low', '时钟电池欠压', '电池欠压', '停抄电池欠压', '电池电压低'],
}

/** Event records by DI3 DI2 (DI1 of the operations). The lower bytes count records back and name fields. */
const IDENTIFIERS: readonly (readonly [pattern: RegExp, word: string])[] = (
  [
    ...[
      ['0301', 'voltage_loss'],
      ['0302', 'undervoltage'],
      ['0303', 'overvoltage'],
      ['0304', 'phase_failure'],
      ['0305', 'power_off'],
    ],
    ...[
      ['0306', 'auxiliary_supply_lost'],
      ['0307', 'voltage_reversed_sequence'],
      ['0308', 'current_reversed_sequence'],
    ],
    ...[
      ['0309', 'voltage_unbalance'],
      ['030A', 'current_unbalance'],
      ['030B', 'current_loss'],
      ['030C', 'overcurrent'],
    ],
    ...[
      ['030D', 'current_interrupted'],
      ['030E', 'power_reversed'],
      ['030F', 'overload'],
      ['0311', 'power_off'],
      ['0312', 'demand_exceeded'],
    ],
    ...[
      ['033000', 'programming'],
      ['033001', 'register_clear'],
      ['033002', 'demand_clear'],
      ['033003', 'event_clear'],
      ['033004', 'clock_set'],
    ],
    ...[
      ['03300D', 'cover_open'],
      ['03300E', 'terminal_cover_open'],
      ['0335', 'magnetic_field'],
      ['0336', 'relay_fault'],
      ['0337', 'supply_fault'],
    ],
    ...[
      ['10', 'voltage_loss'],
      ['11', 'undervoltage'],
      ['12', 'overvoltage'],
      ['13', 'phase_failure'],
      ['14', 'voltage_reversed_sequence'],
    ],
    ...[
      ['15', 'current_reversed_sequence'],
      ['16', 'voltage_unbalance'],
      ['17', 'current_unbalance'],
      ['18', 'current_loss'],
    ],
    ...[
      ['19', 'overcurrent'],
      ['1A', 'current_interrupted'],
      ['1B', 'power_reversed'],
      ['1C', 'overload'],
      ['1D', 'relay_open'],
    ],
    ...[
      ['1E', 'relay_close'],
      ['1F', 'low_power_factor'],
      ['20', 'current_unbalance'],
      ['21', 'power_reversed'],
    ],
  ] as const
).map(([start = '', word = '']) => [new RegExp(`^(?:0X)?${start}[0-9A-F]{${8 - start.length}}$`), word] as const)

const plain = (text: string): string =>
  text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[\s\p{P}\p{S}]+/gu, '')

const BY_NAME: ReadonlyMap<string, string> = new Map(
  Object.entries(WORDS).flatMap(([word, names]) => [word, ...names].map((name) => [plain(name), word] as const)),
)
/** What stands round a name and says nothing: the n-th last record, its start, that it is a record at all. */
const AROUND =
  /^上\d+次|(?:事件)?(?:记录|发生时刻|结束时刻|发生)$|事件$|^\d+(?:st|nd|rd|th)?last|(?:record|starttime|endtime|event|alarm)$/u

/**
 * The word detectors know for what a meter or a platform calls an event; what nobody knows stays as it came. That it ended is no event of its own:
 * power back is `power_on`, everything else that ended stays as it came.
 */
export const eventWord = (code: string): string => {
  const identifier = code.trim().toUpperCase()
  for (const [pattern, word] of IDENTIFIERS) if (pattern.test(identifier)) return word
  let name = plain(code)
  for (let tries = 0; tries < 3; tries++) {
    const word = BY_NAME.get(name)
    if (word !== undefined) return word
    const shorter = name.replace(AROUND, '')
    if (shorter === name || shorter === '') break
    name = shorter
  }
  return code
}
