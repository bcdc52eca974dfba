import type { MeterTime } from '../../src/core/adapter.ts'
import type { TerminalEvent } from '../../src/core/terminal.ts'
import { type Datum, integerOf, jsonText } from './datum.ts'
import { objectOf } from './objects.ts'
import { timeOf } from './time.ts'

/** One kind of event object. `phases`: attributes 6 to 9 are total, A, B, C; else attribute 2 has the records. */
export interface EventRow {
  readonly oi: string
  readonly en: string
  readonly zh: string
  readonly hasPhases: boolean
}

const of = (oi: string, en: string, zh: string, hasPhases = false): EventRow => ({ oi, en, zh, hasPhases })

/** @source DL/T 698.45-2017, event objects; wording after icprog/dlt698.45 and DL/T 645-2007 */
export const EVENTS: readonly EventRow[] = [
  of('3000', 'voltage loss', '失压', true),
  of('3001', 'undervoltage', '欠压', true),
  of('3002', 'overvoltage', '过压', true),
  of('3003', 'phase failure', '断相', true),
  of('3004', 'current loss', '失流', true),
  of('3005', 'overcurrent', '过流', true),
  of('3006', 'current interruption', '断流', true),
  of('3007', 'reverse power', '潮流反向', true),
  of('3008', 'overload', '过载', true),
  of('3009', 'forward demand exceeded', '正向有功需量超限'),
  of('300A', 'reverse demand exceeded', '反向有功需量超限'),
  of('300B', 'reactive demand exceeded', '无功需量超限'),
  of('300C', 'power factor low', '功率因数超下限'),
  of('300D', 'all voltages lost', '全失压'),
  of('300E', 'auxiliary supply lost', '辅助电源掉电'),
  of('300F', 'voltage phase sequence reversed', '电压逆相序'),
  of('3010', 'current phase sequence reversed', '电流逆相序'),
  of('3011', 'power failure', '掉电'),
  of('3012', 'programming', '编程'),
  of('3013', 'meter cleared', '电表清零'),
  of('3014', 'demand cleared', '需量清零'),
  of('3015', 'events cleared', '事件清零'),
  of('3016', 'clock set', '校时'),
  of('301B', 'cover opened', '开盖'),
  of('301C', 'terminal cover opened', '开端钮盒'),
  of('301D', 'voltage unbalance', '电压不平衡'),
  of('301E', 'current unbalance', '电流不平衡'),
  of('301F', 'tripped', '跳闸'),
  of('3020', 'closed', '合闸'),
  of('302A', 'constant magnetic field', '恒定磁场干扰'),
  of('302B', 'load switch fault', '负荷开关误动作'),
  of('302C', 'supply fault', '电源异常'),
  of('302D', 'heavy current unbalance', '电流严重不平衡'),
  of('3100', 'terminal initialised', '终端初始化'),
  of('3101', 'terminal version changed', '终端版本变更'),
  of('3104', 'input changed', '状态量变位'),
  of('3105', 'meter clock deviates', '电能表时钟超差'),
  of('3106', 'terminal power off or on', '终端停/上电'),
  of('310A', 'device fault', '设备故障'),
  of('310B', 'meter reading went down', '电能表示度下降'),
  of('310C', 'energy out of tolerance', '电能量超差'),
  of('310D', 'meter running away', '电能表飞走'),
  of('310E', 'meter stopped', '电能表停走'),
  of('310F', 'reading failed', '抄表失败'),
  of('3110', 'traffic exceeded', '通信流量超限'),
  of('3111', 'unknown meter found', '发现未知电能表'),
  of('3112', 'meter of another area', '跨台区电能表'),
  of('3114', 'terminal clock set', '终端对时'),
  of('3119', 'current circuit', '电流回路异常'),
  of('311B', 'meter clock set by the terminal', '电能表被终端校时'),
]

const BY_OI: ReadonlyMap<string, EventRow> = new Map(EVENTS.map((row) => [row.oi, row]))

export const isEvent = (oad: string): boolean => /^3[01]/.test(oad)

const PHASE_NAMES: Readonly<Record<number, string>> = { 7: 'A', 8: 'B', 9: 'C' }

type Fact = TerminalEvent['facts'][string]

const factOf = (datum: Datum): Fact => {
  if (datum.t === 'null') return null
  const integer = integerOf(datum)
  if (integer !== null) return typeof integer === 'bigint' ? integer.toString() : integer
  if (datum.t === 'array' || datum.t === 'structure')
    return datum.v.map((element) => {
      const fact = factOf(element)
      return typeof fact === 'object' && fact !== null ? jsonText(fact) : typeof fact === 'boolean' ? Number(fact) : fact
    })
  return typeof datum.v === 'string' || typeof datum.v === 'number' || typeof datum.v === 'boolean' || datum.v === null
    ? datum.v
    : jsonText(datum.v)
}

const factName = (oad: string): string => (objectOf(oad)?.en ?? oad).replaceAll(' ', '_')

/** One cell of a record with the attribute it is of. */
export interface Cell {
  readonly oad: string
  readonly datum: Datum
}

const timeCell = (cells: readonly Cell[], oi: string): MeterTime | null => {
  const cell = cells.find(({ oad }) => oad.startsWith(oi))?.datum
  return cell?.t === 'date_time_s' ? timeOf(cell.v) : null
}

/**
 * One record of an event object.
 *
 * @param table    OAD of the event object: attribute 2, or 6 to 9 for total and phases
 * @param address  meter it is about; null = the terminal
 */
export const eventOf = (table: string, cells: readonly Cell[], address: string | null, raw: Uint8Array): TerminalEvent => {
  const row = BY_OI.get(table.slice(0, 4))
  const phase = row?.hasPhases ? PHASE_NAMES[Number.parseInt(table.slice(4, 6), 16) & 0x1f] : undefined
  const begins = timeCell(cells, '201E')
  const ends = timeCell(cells, '2020')
  const lasts = cells.some(({ oad, datum }) => oad.startsWith('2020') && datum.t === 'null')
  const others = cells.filter(({ oad }) => !/^(201E|2020|202A)/.test(oad))
  return {
    code: `oad-${table}`,
    meter: address === null ? null : { address },
    begins,
    ends,
    edge: begins && !ends && lasts ? 'begin' : null,
    facts: {
      name: row?.en ?? table,
      ...(phase !== undefined && { phase }),
      ...Object.fromEntries(others.map(({ oad, datum }) => [factName(oad), factOf(datum)])),
    },
    raw,
    // Reported, reported again and read back it has other bytes each time.
    ...(begins && { identity: '' }),
  }
}
