/** What the ledger (档案) keeps facts about. */
export const KINDS = ['zone', 'feeder', 'area', 'customer', 'point', 'meter', 'transformer', 'concentrator', 'channel'] as const
export type Kind = (typeof KINDS)[number]

/** A value of a fact. Decimals and ratios are text, digit for digit; instants are milliseconds since 1970 UTC; null = no longer so. */
export type Value = string | number | boolean | null

/** How a value is written and checked. `date`: a calendar day, `2026-11-21`; `reference`: the id of another entity. */
export type ValueType = 'text' | 'integer' | 'decimal' | 'ratio' | 'date' | 'instant' | 'choice' | 'flag' | 'reference'

/** One attribute of a kind: the vocabulary of API, sheets and forms alike. */
export interface AttributeSpec {
  readonly type: ValueType
  /** Column heads of a template, and words of a form. */
  readonly label: { readonly en: string; readonly zh: string }
  /** Other column heads that mean it; compared without blanks, case and punctuation. */
  readonly aliases?: readonly string[]
  /** Allowed values and what a sheet may say instead. */
  readonly choices?: Readonly<Record<string, readonly string[]>>
  readonly refers?: Kind
  /** An entity without it means nothing. */
  readonly required?: boolean
  /** Longest text; 200 unless said. */
  readonly longest?: number
  /** Says something of a person: shown to those who may see that (`personal:read`), to others as {@link HIDDEN}. */
  readonly personal?: boolean
  /** Shown as {@link HIDDEN} where it tells who somebody is. */
  readonly mayBeHidden?: boolean
  /** Identifies something where leading zeros and every digit count: a sheet must have it as text. */
  readonly digits?: boolean
}

type Attributes = Readonly<Record<string, AttributeSpec>>

const text = (en: string, zh: string, aliases: readonly string[] = [], more: Partial<AttributeSpec> = {}): AttributeSpec => ({
  type: 'text',
  label: { en, zh },
  aliases,
  ...more,
})
const of = (
  type: ValueType,
  en: string,
  zh: string,
  aliases: readonly string[] = [],
  more: Partial<AttributeSpec> = {},
): AttributeSpec => ({
  type,
  label: { en, zh },
  aliases,
  ...more,
})
const refer = (
  refers: Kind,
  en: string,
  zh: string,
  aliases: readonly string[] = [],
  more: Partial<AttributeSpec> = {},
): AttributeSpec => ({
  type: 'reference',
  refers,
  label: { en, zh },
  aliases,
  ...more,
})

const PERSON = text('responsible', '责任人', ['person in charge', '负责人', '抄表员', '台区经理'])
const TEAM = text('team', '班组', ['reading team', '抄表班组'])
const NAME = (zh: string, en = 'name', aliases: readonly string[] = []) => text(en, zh, aliases)

/** Commissioning states (投运状态), in their order. A point is read from `installed` on and billed while `in-service`. */
export const STATES = ['planned', 'installed', 'trial', 'in-service', 'archived'] as const
export type PointState = (typeof STATES)[number]

/**
 * Every attribute of every kind. `id` is no attribute: it names the entity for ever.
 *
 * @source  fields: requirements of metering departments (business expansion, inspection, key accounts); marketing system column names as
 *          utilities export them
 */
export const ATTRIBUTES: Readonly<Record<Kind, Attributes>> = {
  zone: {
    name: NAME('供电所名称', 'zone name', ['供电单位', '供电所', '分区名称', '单位名称']),
    parent: refer('zone', 'parent zone', '上级单位', ['上级供电单位']),
    responsible: PERSON,
    team: TEAM,
  },
  feeder: {
    name: NAME('线路名称', 'feeder name', ['10kV线路', '10千伏线路', '线路', 'line name']),
    zone: refer('zone', 'zone', '所属供电所', []),
    voltageKv: of('decimal', 'voltage kV', '电压等级(kV)', ['电压等级']),
    bus: text('bus of feeder', '线路母线', ['所属母线', '所接母线']),
    responsible: PERSON,
  },
  area: {
    name: NAME('台区名称', 'area name', ['台区', 'transformer area name']),
    zone: refer('zone', 'zone of area', '供电所编号', ['供电单位编号', 'zone']),
    feeder: refer('feeder', 'feeder of area', '线路编号', ['feeder']),
    capacityKva: of('decimal', 'transformer capacity kVA', '变压器容量(kVA)', ['变压器容量', '公变容量', '容量']),
    nominalV: of('decimal', 'nominal phase voltage V', '额定相电压(V)', ['额定相电压', '标称电压', 'nominal voltage']),
    responsible: PERSON,
    team: TEAM,
  },
  customer: {
    name: text('customer name', '户名', ['用户名称', '客户名称', '用户名'], { personal: true }),
    address: text('customer address', '用电地址', ['用户地址', '地址'], { personal: true }),
    category: of('choice', 'category', '用电类别', ['用电性质', '用户类别', '用户分类'], {
      choices: {
        residential: ['居民', '居民生活', '城镇居民', '乡村居民', '居民生活用电'],
        commercial: ['商业', '一般工商业', '工商业', '商业用电', 'general commercial'],
        industrial: ['工业', '大工业', '普通工业', '大工业用电'],
        agricultural: ['农业', '农业生产', '农业生产用电'],
        government: ['政府', '机关'],
        military: ['军队', '部队'],
        media: ['媒体', '广播电视'],
        hospital: ['医院'],
        school: ['学校'],
        hotel: ['宾馆', '酒店'],
        'state-project': ['国家重点项目', '重点项目'],
        other: ['其他', '其它'],
      },
    }),
    priority: text('priority', '优先等级', ['重要性等级', '用户重要等级']),
    temporaryUntil: of('date', 'temporary until', '临时用电到期日', ['临时用电终止日期']),
    special: of('flag', 'special', '特殊用户', ['特殊客户']),
    keyAccount: of('flag', 'key account', '大客户', ['重点用户', '重点客户', '大用户']),
  },
  point: {
    name: { ...NAME('计量点名称', 'point name', []), mayBeHidden: true },
    area: refer('area', 'area', '台区编号', ['台区编码', '台区号', 'transformer area', 'tg no']),
    feeder: refer('feeder', 'feeder of point', '计量点线路', ['计量点所属线路']),
    bus: text('bus of point', '计量点母线', ['母线编号']),
    customer: refer('customer', 'customer number', '户号', ['用户编号', '客户编号', '用户号', 'customer no', 'customer'], { digits: true }),
    role: of('choice', 'role', '计量点性质', ['计量点类型', '计量点用途'], {
      choices: {
        customer: ['用户', '售电侧结算', '结算', '客户', '用户计量点'],
        'area-supply': ['台区总表', '总表', '考核', '台区供电考核', '关口'],
        'line-supply': ['线路关口', '线路总表', '馈线关口'],
        'bus-in': ['母线进线', '主变低压侧'],
        'bus-out': ['母线出线'],
        generation: ['发电', '上网', '光伏', '分布式电源'],
        other: ['其他', '其它'],
      },
    }),
    phase: of('choice', 'phase', '相别', ['接入相别', '相位', '供电相位'], {
      choices: {
        L1: ['A', 'A相', '1'],
        L2: ['B', 'B相', '2'],
        L3: ['C', 'C相', '3'],
        L123: ['ABC', '三相', 'ABC相', '三相四线', '三相三线'],
        unknown: ['未知', '不明', ''],
      },
    }),
    state: of('choice', 'state', '投运状态', ['计量点状态', '状态', 'commissioning state'], {
      choices: {
        planned: ['计划', '设立', '待装'],
        installed: ['已装', '已安装'],
        trial: ['试运行'],
        'in-service': ['在用', '运行', '投运', '正常'],
        archived: ['撤销', '拆除', '停用', '注销', '归档'],
      },
    }),
    ct: of('ratio', 'CT ratio', 'CT变比', ['电流互感器变比', '电流变比', 'TA变比', 'ct']),
    pt: of('ratio', 'PT ratio', 'PT变比', ['电压互感器变比', '电压变比', 'TV变比', 'pt', 'vt ratio']),
    contractKva: of('decimal', 'contract capacity kVA', '合同容量', ['合同容量(kVA)', '受电容量', '运行容量']),
    billingSign: of('choice', 'billing sign', '计费符号', ['电量加减', '加减标志'], {
      choices: { '1': ['加', '+', '+1', '正'], '-1': ['减', '-', '扣减', '负'] },
    }),
    priceClass: text('price class', '电价类别', ['电价码', '执行电价', '电价名称']),
    pfStandard: of('decimal', 'power factor standard', '力率标准', ['功率因数标准', '力调标准']),
    solarKw: of('decimal', 'solar capacity kW', '光伏容量(kW)', ['光伏容量', '光伏装机容量', '发电容量', 'solar kw', 'pv capacity']),
    solarSince: of('date', 'solar since', '光伏并网日期', ['并网日期', '光伏投运日期', 'pv since']),
    meteringMode: of('choice', 'metering mode', '计量方式', [], {
      choices: {
        'high-high': ['高供高计'],
        'high-low': ['高供低计'],
        'low-low': ['低供低计'],
      },
    }),
    voltageKv: of('decimal', 'supply voltage kV', '供电电压(kV)', ['供电电压']),
    registeredOn: of('date', 'registered on', '立户日期', ['建档日期', '立户时间', '开户日期', 'registration date']),
    energisedOn: of('date', 'energised on', '送电日期', ['通电日期', '投运日期', 'energised']),
    startRegister: of('decimal', 'start register', '起始示数', ['起始表码', '新装示数', '初始示数']),
    plannedUntil: of('date', 'plan valid until', '方案有效期', ['供电方案有效期至']),
    verifiedValuesOn: of('date', 'field verified on', '现场核查日期', ['用电检查日期']),
    cableLengthM: of('decimal', 'secondary cable length m', '二次电缆长度(m)', ['二次电缆长度']),
    cableMm2: of('decimal', 'secondary cable mm2', '二次电缆截面(mm2)', ['二次电缆截面']),
    cabinet: text('cabinet', '计量箱', ['表箱', '计量箱资产编号'], { digits: true }),
    seals: text('seals', '封印', ['封印编号'], { digits: true }),
    responsible: PERSON,
  },
  meter: {
    point: refer('point', 'metering point', '计量点编号', ['计量点编码', '计量点', 'point', 'metering point id'], { digits: true }),
    /** A bus, a broker, or the concentrator it is read through. */
    line: refer('channel', 'communication line', '通信线路', ['采集通道', '通道', 'line', 'channel']),
    concentrator: refer('concentrator', 'concentrator', '集中器地址', ['集中器', '终端地址', '采集终端'], { digits: true }),
    address: text('communication address', '通信地址', ['表地址', '通讯地址', '电表地址', 'address', 'meter address'], {
      digits: true,
      required: true,
    }),
    profile: text('profile', '规约型号', ['通信规约', '规约', '表计型号模板', 'profile', 'meter model profile']),
    timeoutMs: of('integer', 'time-out ms', '超时(毫秒)', ['timeoutms']),
    measuringPoint: of('integer', 'measuring point number', '测量点号', ['测量点', '测量点编号', 'measuring point', 'pn']),
    archiveNumber: of('integer', 'archive number', '装置序号', ['电能表序号', '电能表装置序号', '表计序号', 'device number']),
    port: of('integer', 'concentrator port', '集中器端口', ['通信端口号', '端口号', '通信端口', 'port']),
    collector: text('collector address', '采集器地址', ['采集器', '所属采集器', '采集器通信地址'], { digits: true }),
    asset: text('asset number', '资产编号', ['表号', '电能表资产编号', '出厂编号', '条形码', 'serial number', 'serial'], { digits: true }),
    maker: text('maker', '生产厂家', ['制造厂', '厂家', '制造单位', 'manufacturer']),
    model: text('model', '型号', ['表型号', '电能表型号', 'meter model']),
    batch: text('batch', '批次', ['招标批次']),
    accuracy: text('accuracy class', '准确度等级', ['有功准确度', '精度等级']),
    currentRange: text('current range', '标定电流', ['电流规格', '额定电流']),
    digits: of('decimal', 'register digits', '示数位数', ['表位数', '计度器位数', '位数']),
    owner: text('owner', '产权', ['产权单位', '资产归属']),
    madeOn: of('date', 'made on', '出厂日期', []),
    verifiedOn: of('date', 'verified on', '检定日期', ['上次检定日期']),
    verifyBy: of('date', 'verify by', '检定有效期', ['检定到期日', '轮换日期', '下次检定日期']),
  },
  transformer: {
    point: refer('point', 'point of transformer', '互感器计量点', []),
    type: of('choice', 'transformer type', '互感器类型', [], {
      choices: { ct: ['电流互感器', 'TA'], pt: ['电压互感器', 'TV', 'vt'] },
      required: true,
    }),
    ratio: of('ratio', 'transformer ratio', '互感器变比', []),
    phase: text('transformer phase', '互感器相别', []),
    asset: text('transformer asset number', '互感器资产编号', ['互感器编号'], { digits: true }),
    accuracy: text('transformer class', '互感器准确度', []),
    burdenVa: of('decimal', 'rated burden VA', '额定负荷(VA)', []),
    verifiedOn: of('date', 'transformer verified on', '互感器检定日期', []),
    verifyBy: of('date', 'transformer verify by', '互感器检定有效期', []),
  },
  concentrator: {
    name: NAME('集中器名称', 'concentrator name', ['终端名称']),
    address: text('concentrator address', '终端逻辑地址', ['集中器逻辑地址'], { digits: true }),
    area: refer('area', 'area of concentrator', '集中器台区', []),
    protocol: of('choice', 'concentrator protocol', '终端规约', ['集中器规约', '主站规约', '终端通信规约'], {
      choices: {
        gw3761: ['376.1', 'Q/GDW 376.1', 'Q/GDW 1376.1', 'QGDW376.1', '376.1规约', '1376.1', '国网376.1'],
        dlt698: ['698', '698.45', 'DL/T 698.45', 'DLT698.45', '面向对象', '面向对象协议', '698.45规约'],
      },
    }),
    allowWrites: of('flag', 'writes allowed', '允许写操作', ['允许下发', '允许控制']),
    heartbeatMinutes: of('integer', 'heartbeat minutes', '心跳周期(分)', ['心跳周期', '心跳间隔']),
    frameLimit: of('integer', 'frame limit bytes', '最大帧长(字节)', ['最大帧长', '帧长限制']),
    window: of('integer', 'requests at once', '并发请求数', ['请求窗口']),
    maker: text('concentrator maker', '终端厂家', []),
    model: text('concentrator model', '终端型号', []),
    sim: text('SIM', 'SIM卡号', ['ICCID'], { digits: true }),
    responsible: PERSON,
  },
  channel: {
    name: NAME('通信线路名称', 'line name', []),
    transport: text('transport', '通信参数', ['接口参数'], { longest: 300 }),
    framing: of('choice', 'framing', 'Modbus帧格式', [], {
      choices: { tcp: ['modbus tcp'], rtu: ['modbus rtu'], ascii: ['modbus ascii'] },
    }),
    timeoutMs: of('integer', 'line time-out ms', '线路超时(毫秒)', []),
    quietMs: of('integer', 'line quiet ms', '静默时间(毫秒)', []),
    area: refer('area', 'area of line', '线路所属台区', []),
    note: text('change mark', '变更记录', ['改造记录'], { longest: 500 }),
    responsible: PERSON,
  },
}

/** Stands for a value that whoever asks may not see. It is no value itself: an import leaves what is there. */
export const HIDDEN = '***'
/** Whether an attribute says something of a person. */
export const isPersonal = (kind: Kind, name: string): boolean =>
  Object.hasOwn(ATTRIBUTES[kind], name) && ATTRIBUTES[kind][name]?.personal === true
/** The attributes of an entity as they are shown to whoever may not see persons. */
export const withoutPersonal = (kind: Kind, attributes: Readonly<Record<string, Value>>): Readonly<Record<string, Value>> =>
  Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, value !== null && isPersonal(kind, name) ? HIDDEN : value]))

/** Whether an attribute may tell who somebody is though it is not meant to: a point is often named after its customer. */
export const mayTellPerson = (kind: Kind, name: string): boolean =>
  isPersonal(kind, name) || (Object.hasOwn(ATTRIBUTES[kind], name) && ATTRIBUTES[kind][name]?.mayBeHidden === true)

type FactsOf = (kind: Kind, id: string) => readonly { readonly name: string; readonly value: Value }[]
/**
 * Whether a text tells who the customer of a point is or was, by any name he has had.
 *
 * @param factsOf  all facts of an entry, of every time
 */
export const tellsPerson = (factsOf: FactsOf, point: string, text: string): boolean => {
  const lower = text.toLowerCase()
  const customers = new Set(
    factsOf('point', point).flatMap(({ name, value }) => (name === 'customer' && typeof value === 'string' ? value : [])),
  )
  return [...customers].some((customer) =>
    factsOf('customer', customer).some(
      ({ name, value }) => name === 'name' && typeof value === 'string' && value.length > 1 && lower.includes(value.toLowerCase()),
    ),
  )
}
/** An entity as it is shown to whoever may not see persons: a point without a name that tells who its customer is or was. */
export const withoutPersons = <
  Of extends { readonly kind: Kind; readonly id: string; readonly attributes: Readonly<Record<string, Value>> },
>(
  factsOf: FactsOf,
  entity: Of,
): Of => {
  const attributes = withoutPersonal(entity.kind, entity.attributes)
  const { name } = attributes
  const tells = entity.kind === 'point' && typeof name === 'string' && tellsPerson(factsOf, entity.id, name)
  return { ...entity, attributes: tells ? { ...attributes, name: HIDDEN } : attributes }
}

/** Which kinds a reference may point at besides those that exist: lines of gateway.yaml and brokers are channels too. */
export const isKind = (word: string): word is Kind => (KINDS as readonly string[]).includes(word)
