import { decimalNumber, type Raw } from '../../src/core/decimal.ts'
import { type Datum, elementsOf, integerOf } from './datum.ts'

/** What one attribute of an interface object holds. */
export interface Attribute {
  readonly scaler: number
  /** Unit as the meter has it; empty = none. */
  readonly unit: string
}

/** One object identifier (OI). Numbers of attribute 2 unless another row says otherwise. */
export interface ObjectRow {
  readonly oi: string
  readonly en: string
  readonly zh: string
  /** By attribute number; attributes without scale have no row. */
  readonly attributes?: Readonly<Record<number, Attribute>>
}

const ENERGY: readonly (readonly [oi: string, en: string, zh: string, unit: string])[] = [
  ['000', 'combined active energy', '组合有功电能', 'kWh'],
  ['001', 'forward active energy', '正向有功电能', 'kWh'],
  ['002', 'reverse active energy', '反向有功电能', 'kWh'],
  ['003', 'combined reactive energy 1', '组合无功1电能', 'kvarh'],
  ['004', 'combined reactive energy 2', '组合无功2电能', 'kvarh'],
  ['005', 'reactive energy quadrant I', '第一象限无功电能', 'kvarh'],
  ['006', 'reactive energy quadrant II', '第二象限无功电能', 'kvarh'],
  ['007', 'reactive energy quadrant III', '第三象限无功电能', 'kvarh'],
  ['008', 'reactive energy quadrant IV', '第四象限无功电能', 'kvarh'],
  ['009', 'forward apparent energy', '正向视在电能', 'kVAh'],
  ['00A', 'reverse apparent energy', '反向视在电能', 'kVAh'],
]
const PHASES = ['', ' A', ' B', ' C'] as const
const PHASES_ZH = ['', 'A相', 'B相', 'C相'] as const

const DEMAND_UNITS: Readonly<Record<string, string>> = { kWh: 'kW', kvarh: 'kvar', kVAh: 'kVA' }

const energyRows = ENERGY.flatMap(([oi, en, zh, unit]) =>
  PHASES.map(
    (phase, index): ObjectRow => ({
      oi: `${oi}${index}`,
      en: `${en}${phase}`,
      zh: `${PHASES_ZH[index]}${zh}`,
      attributes: { 2: { scaler: -2, unit }, 4: { scaler: -4, unit } },
    }),
  ),
)
/** Class 2: structure { value, date_time_s } for total and tariffs. The scale -4 has one public source only. */
const demandRows = ENERGY.slice(1).flatMap(([oi, en, zh, unit]) =>
  PHASES.map(
    (phase, index): ObjectRow => ({
      oi: `1${oi.slice(1)}${index}`,
      en: `maximum demand of ${en}${phase}`.replace(' energy', ''),
      zh: `${PHASES_ZH[index]}${zh.replace('电能', '')}最大需量`,
      attributes: { 2: { scaler: -4, unit: DEMAND_UNITS[unit] ?? unit } },
    }),
  ),
)

const row = (
  oi: string,
  en: string,
  zh: string,
  attribute?: readonly [scaler: number, unit: string],
  more?: ObjectRow['attributes'],
): ObjectRow => ({
  oi,
  en,
  zh,
  ...(attribute && { attributes: { 2: { scaler: attribute[0], unit: attribute[1] }, ...more } }),
})

/** @source DL/T 698.45-2017 Annex A as public codecs have it (icprog/dlt698.45, chitandahua/dlt698_rs, 600888/dlt698) */
const ROWS: readonly ObjectRow[] = [
  ...energyRows,
  ...demandRows,
  row('2000', 'voltage', '电压', [-1, 'V']),
  row('2001', 'current', '电流', [-3, 'A'], { 4: { scaler: -3, unit: 'A' }, 5: { scaler: -3, unit: 'A' } }),
  row('2002', 'voltage angle', '电压相角', [-1, 'deg']),
  row('2003', 'current angle', '电压电流相角', [-1, 'deg']),
  row('2004', 'active power', '有功功率', [-1, 'W']),
  row('2005', 'reactive power', '无功功率', [-1, 'var']),
  row('2006', 'apparent power', '视在功率', [-1, 'VA']),
  row('200A', 'power factor', '功率因数', [-3, '']),
  row('200B', 'voltage harmonic content', '电压波形失真度'),
  row('200C', 'current harmonic content', '电流波形失真度'),
  row('200F', 'frequency', '电网频率', [-2, 'Hz']),
  row('2010', 'temperature', '表内温度', [-1, 'C']),
  row('2011', 'clock battery', '时钟电池电压', [-2, 'V']),
  row('2012', 'reading battery', '停电抄表电池电压', [-2, 'V']),
  row('2014', 'status words', '电能表运行状态字'),
  row('2017', 'present active demand', '当前有功需量', [-4, 'kW']),
  row('2018', 'present reactive demand', '当前无功需量', [-4, 'kvar']),
  row('201E', 'event start', '事件发生时间'),
  row('2020', 'event end', '事件结束时间'),
  row('2021', 'freeze time', '数据冻结时间'),
  row('2022', 'event number', '事件记录序号'),
  row('2023', 'freeze number', '冻结记录序号'),
  row('2024', 'event source', '事件发生源'),
  row('202A', 'target server address', '目标服务器地址'),
  row('202C', 'wallet', '(当前)钱包文件'),
  row('3300', 'report state', '事件上报状态'),
  row('4000', 'clock', '日期时间'),
  row('4001', 'address', '通信地址'),
  row('4002', 'meter number', '表号'),
  row('4003', 'customer number', '客户编号'),
  row('4004', 'position', '设备地理位置'),
  row('4005', 'group addresses', '组地址'),
  row('4006', 'clock source', '时钟源'),
  row('4104', 'rated voltage', '额定电压'),
  row('4300', 'device', '电气设备'),
  row('4500', 'public network module', '公网通信模块'),
  row('4510', 'Ethernet module', '以太网通信模块'),
  row('5000', 'instant freeze', '瞬时冻结'),
  row('5001', 'second freeze', '秒冻结'),
  row('5002', 'minute freeze', '分钟冻结'),
  row('5003', 'hour freeze', '小时冻结'),
  row('5004', 'daily freeze', '日冻结'),
  row('5005', 'settlement freeze', '结算日冻结'),
  row('5006', 'monthly freeze', '月冻结'),
  row('5007', 'yearly freeze', '年冻结'),
  row('6000', 'meter archive', '采集档案配置表'),
  row('6002', 'meter search', '搜表'),
  row('6012', 'tasks', '任务配置表'),
  row('6014', 'normal schemes', '普通采集方案集'),
  row('6016', 'event schemes', '事件采集方案集'),
  row('6018', 'transparent schemes', '透明方案集'),
  row('601C', 'report schemes', '上报方案集'),
  row('6034', 'task execution', '采集任务监控集'),
  row('6035', 'task counts', '采集任务监控单元'),
  row('6040', 'collection start', '采集启动时标'),
  row('6041', 'collection success', '采集成功时标'),
  row('6042', 'collection store', '采集存储时标'),
  row('F100', 'ESAM', 'ESAM'),
  row('F101', 'security mode', '安全模式参数'),
  row('F201', 'RS-485 port', 'RS485'),
  row('F202', 'infrared port', '红外'),
  row('F209', 'power line port', '载波/微功率无线接口'),
]

const OBJECTS: ReadonlyMap<string, ObjectRow> = new Map(ROWS.map((entry) => [entry.oi, entry]))

/** What is known of an object; null = only its number. @param oad  OAD or OI, digits */
export const objectOf = (oad: string): ObjectRow | null => OBJECTS.get(oad.slice(0, 4)) ?? null

/** D4-D0 of the attribute byte. */
export const attributeOf = (oad: string): number => Number.parseInt(oad.slice(4, 6), 16) & 0x1f

/** Scale of an attribute; null = it has none here. */
export const scaleOf = (oad: string): Attribute | null => objectOf(oad)?.attributes?.[attributeOf(oad)] ?? null

export interface Scaled {
  readonly oad: string
  readonly value: unknown
  readonly unit: string
}

const scaledValue = (datum: Datum, scaler: number): unknown => {
  const raw: Raw | null = integerOf(datum)
  if (raw !== null) return decimalNumber(raw, scaler)
  if (datum.t === 'array') return datum.v.map((element) => scaledValue(element, scaler))
  // A demand and when it was.
  if (datum.t === 'structure') return datum.v[0] ? scaledValue(datum.v[0], scaler) : null
  return datum.t === 'float32' || datum.t === 'float64' ? datum.v : null
}

const holdsNumber = (datum: Datum): boolean => integerOf(datum) !== null || elementsOf(datum).some(holdsNumber)

/** A value in its unit; null where the object has no scale or the value no number. */
export const scaledOf = (oad: string, datum: Datum): Scaled | null => {
  const scale = scaleOf(oad)
  return scale && holdsNumber(datum) ? { oad, value: scaledValue(datum, scale.scaler), unit: scale.unit } : null
}
