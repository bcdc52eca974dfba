import { ok, type Result } from '../../src/core/result.ts'
import type { TerminalParameter, TerminalTalk } from '../../src/core/terminal.ts'
import { callMethod, getOne, setOne } from './ask.ts'
import { type Datum, jsonText } from './datum.ts'
import { DatumSchema, datumFrom } from './datum-json.ts'
import { fail } from './errors.ts'
import type { Peer } from './exchange.ts'
import type { Frame } from './frame.ts'

/** How a parameter is changed: SET of the attribute, or a method of its object. */
interface Row {
  readonly id: string
  readonly en: string
  readonly zh: string
  /** Method that takes the value; absent = SET, null = it is only read. */
  readonly method?: string | null
}

/** @source DL/T 698.45-2017 interface objects; methods of 6012 and 6014 after icprog/dlt698.45, one source: UNVERIFIED */
const ROWS: readonly Row[] = [
  { id: '40000200', en: 'clock', zh: '日期时间' },
  { id: '40000300', en: 'clock synchronising mode', zh: '校时模式' },
  { id: '40000400', en: 'precise synchronising', zh: '精准校时' },
  { id: '40010200', en: 'address', zh: '通信地址' },
  { id: '40030200', en: 'customer number', zh: '客户编号' },
  { id: '40060200', en: 'clock source', zh: '时钟源' },
  { id: '43000200', en: 'device name', zh: '设备名称', method: null },
  { id: '43000300', en: 'version', zh: '版本信息', method: null },
  { id: '43000700', en: 'permission to report', zh: '允许主动上报' },
  { id: '45000200', en: 'public network: communication', zh: '公网通信配置' },
  { id: '45000300', en: 'public network: master addresses', zh: '公网主站通信参数' },
  { id: '45100200', en: 'Ethernet: communication', zh: '以太网通信配置' },
  { id: '45100300', en: 'Ethernet: master addresses', zh: '以太网主站通信参数' },
  { id: '60000200', en: 'meter archive', zh: '采集档案配置表', method: null },
  { id: '60120200', en: 'tasks', zh: '任务配置表', method: null },
  { id: '60127F00', en: 'task: add or replace', zh: '增加任务', method: '60127F00' },
  { id: '60128000', en: 'tasks: delete', zh: '删除任务', method: '60128000' },
  { id: '60128200', en: 'task: switch on or off', zh: '任务状态', method: '60128200' },
  { id: '60140200', en: 'normal schemes', zh: '普通采集方案集', method: null },
  { id: '60147F00', en: 'normal scheme: add or replace', zh: '增加普通采集方案', method: '60147F00' },
  { id: '60148000', en: 'normal scheme: delete', zh: '删除普通采集方案', method: '60148000' },
  { id: '60160200', en: 'event schemes', zh: '事件采集方案集', method: null },
  { id: '60180200', en: 'transparent schemes', zh: '透明方案集', method: null },
  { id: '601C0200', en: 'report schemes', zh: '上报方案集', method: null },
  { id: '60340200', en: 'task execution', zh: '采集任务监控集', method: null },
  { id: 'F1010200', en: 'security mode', zh: '安全模式参数' },
]

const BY_ID: ReadonlyMap<string, Row> = new Map(ROWS.map((row) => [row.id, row]))

/** Parameters of a terminal by OAD, methods that set something up by OMD. Their values are Data: `{"t": "enum", "v": 1}`. */
export const PARAMETERS: readonly TerminalParameter[] = ROWS.map(({ id, en, zh, method }) => ({
  id,
  label: { en, zh },
  perPoint: false,
  isSettable: method !== null,
  schema: DatumSchema,
}))

const NO_SUCH = `one of ${ROWS.map(({ id }) => id).join(', ')}`

/** Where a password stands in the archive: never shown. */
const withoutSecrets = (datum: Datum): Datum => {
  if (datum.t !== 'array' && datum.t !== 'structure') return datum
  const isBasic = datum.v[0]?.t === 'TSA' && datum.v[3]?.t === 'OAD' && datum.v[4]?.t === 'octet-string'
  return { t: datum.t, v: datum.v.map((one, at) => (isBasic && at === 4 ? { t: 'null' } : withoutSecrets(one))) }
}

export const getParameter = function* (peer: Peer, id: string): TerminalTalk<unknown, Frame> {
  const row = BY_ID.get(id)
  if (!row) return fail('DLT698_COMMAND', `no parameter ${id}: ${NO_SUCH}`)
  if (row.method) return fail('DLT698_COMMAND', `${id} is a method: it is called, not read`)
  const got = yield* getOne(peer, id)
  if (!got.ok) return got
  // Integers beyond 2^53 have no place in JSON: they are text.
  const plain: unknown = JSON.parse(jsonText(withoutSecrets(got.value)))
  return ok(plain)
}

const settable = (id: string, value: unknown): Result<{ readonly row: Row; readonly datum: Datum }> => {
  const row = BY_ID.get(id)
  if (!row) return fail('DLT698_COMMAND', `no parameter ${id}: ${NO_SUCH}`)
  if (row.method === null) return fail('DLT698_COMMAND', `${id} is only read`)
  const datum = datumFrom(value)
  return datum.ok ? ok({ row, datum: datum.value }) : datum
}

export const setParameter = function* (peer: Peer, id: string, value: unknown): TerminalTalk<null, Frame> {
  const made = settable(id, value)
  if (!made.ok) return made
  const { row, datum } = made.value
  return yield* row.method ? callMethod(peer, row.method, datum) : setOne(peer, id, datum)
}
