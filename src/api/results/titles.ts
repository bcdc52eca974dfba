/** Chinese for the last word of a member of a list; others keep their name. */
const ZH: Readonly<Record<string, string>> = {
  ...{
    id: '编号',
    name: '名称',
    point: '计量点',
    meter: '电能表',
    area: '台区',
    areaName: '台区名称',
    zone: '供电所',
    feeder: '线路',
    line: '通道',
  },
  ...{
    from: '起',
    to: '止',
    at: '时间',
    measuredAt: '数据时间',
    receivedAt: '接收时间',
    raisedAt: '发现时间',
    changedAt: '变更时间',
    createdAt: '创建时间',
  },
  ...{
    state: '状态',
    kind: '类别',
    severity: '严重程度',
    score: '得分',
    title: '标题',
    why: '原因',
    reason: '原因',
    reasons: '说明',
    quality: '质量',
  },
  ...{
    owner: '负责人',
    who: '操作人',
    by: '操作人',
    note: '备注',
    version: '版本',
    seq: '序号',
    register: '寄存器',
    obis: 'OBIS 码',
    unit: '单位',
  },
  ...{
    before: '变更前',
    after: '变更后',
    value: '数值',
    source: '来源',
    day: '日期',
    loss: '损失电量 kWh',
    supply: '供电量 kWh',
    sold: '售电量 kWh',
  },
  ...{
    ofInput: '线损率 %（占输入）',
    ofNet: '线损率 %（占供电量）',
    role: '角色',
    phase: '相别',
    address: '地址',
    profile: '规约型号',
    code: '代码',
  },
  ...{
    meters: '表计',
    tries: '次数',
    missedAt: '漏采时间',
    filledAt: '补采时间',
    result: '结果',
    dueAt: '期限',
    cause: '原因',
    action: '处理建议',
  },
  ...{
    reverse: '反送电量 kWh',
    generation: '上网电量 kWh',
    good: '有效表计数',
    missing: '缺失表计',
    rule: '规则',
    overdue: '逾期',
    workOrder: '工单',
  },
}
/** Units of members whose name does not say them. */
const UNITS: Readonly<Record<string, string>> = {
  supply: 'kWh',
  sold: 'kWh',
  loss: 'kWh',
  reverse: 'kWh',
  generation: 'kWh',
  measured: 'kWh',
  ofInput: '%',
  ofNet: '%',
}

/** Head of a column of a list: its path as in JSON, with the unit. */
export const titleOf = (path: readonly string[]): { readonly en: string; readonly zh: string } => {
  const last = path.at(-1) ?? 'value'
  const unit = UNITS[last]
  const words = path.join('.') || 'value'
  const before = path.slice(0, -1).map((part) => ZH[part] ?? part)
  return { en: unit === undefined ? words : `${words} ${unit}`, zh: [...before, ZH[last] ?? last].join('.') }
}
