import { ATTRIBUTES, type AttributeSpec, type Kind } from '../ledger/kinds.ts'
import { FROM_HEADS, headOf, ID_HEADS, KIND_WORDS, type Meaning, MULTIPLIER_HEADS } from './columns.ts'
import type { Language } from './export.ts'
import { shownValue } from './values.ts'
import type { OutTable } from './write-csv.ts'

type Example = readonly [string, string, string]

/** Columns of the template, in the order in which a site is taken down, with what the three example rows say. */
const COLUMNS: readonly (readonly [Meaning, Example])[] = [
  [{ is: 'id', kind: 'zone' }, ['GD01', 'GD01', 'GD01']],
  [{ is: 'attribute', kind: 'zone', name: 'name' }, ['城东供电所', '城东供电所', '城东供电所']],
  [{ is: 'id', kind: 'area' }, ['TG0007', 'TG0007', 'TG0007']],
  [{ is: 'attribute', kind: 'area', name: 'name' }, ['新村1号台区', '新村1号台区', '新村1号台区']],
  [{ is: 'attribute', kind: 'area', name: 'capacityKva' }, ['315', '315', '315']],
  [{ is: 'attribute', kind: 'area', name: 'responsible' }, ['王强', '王强', '王强']],
  [{ is: 'id', kind: 'customer' }, ['', '0012345678', '0012345679']],
  [{ is: 'attribute', kind: 'customer', name: 'name' }, ['', '李明', '新村超市']],
  [{ is: 'attribute', kind: 'customer', name: 'address' }, ['', '新村1组8号', '新村1组9号']],
  [{ is: 'attribute', kind: 'customer', name: 'category' }, ['', 'residential', 'commercial']],
  [{ is: 'id', kind: 'point' }, ['P0007-0', 'P0007-1', 'P0007-2']],
  [{ is: 'attribute', kind: 'point', name: 'name' }, ['新村1号台区总表', '李明', '新村超市']],
  [{ is: 'attribute', kind: 'point', name: 'role' }, ['area-supply', 'customer', 'customer']],
  [{ is: 'attribute', kind: 'point', name: 'phase' }, ['L123', 'L1', 'L123']],
  [{ is: 'attribute', kind: 'point', name: 'ct' }, ['600/5', '1', '100/5']],
  [{ is: 'attribute', kind: 'point', name: 'pt' }, ['1', '1', '1']],
  [{ is: 'multiplier' }, ['120', '1', '20']],
  [{ is: 'id', kind: 'meter' }, ['M0007-0', 'M0007-1', 'M0007-2']],
  [{ is: 'attribute', kind: 'meter', name: 'asset' }, ['3330001000000000012345', '3330001000000000012346', '3330001000000000012347']],
  [{ is: 'attribute', kind: 'meter', name: 'address' }, ['000000012345', '000000012346', '7']],
  [{ is: 'attribute', kind: 'meter', name: 'profile' }, ['dlt645-2007/three-phase', 'dlt645-2007/single-phase', 'eastron-sdm630']],
  [{ is: 'id', kind: 'channel' }, ['rs485-1', 'rs485-1', 'rs485-2']],
  [{ is: 'from', of: 'row' }, ['2026-03-01', '2026-03-01', '2026-03-02']],
]

/** What a column means, where its head and its type do not say it. */
const NOTES: Readonly<Record<string, { readonly en: string; readonly zh: string }>> = {
  'area.id': { en: 'transformer area; beside a point: the area it lies in', zh: '台区；与计量点同行时为该计量点所属台区' },
  'customer.id': {
    en: "number of the marketing system, as text; an area's own meter has none",
    zh: '营销系统户号，文本格式；台区总表可空',
  },
  'point.id': { en: 'the place that is billed; it stays when meters are exchanged', zh: '计费位置；换表后编号不变' },
  'point.ct': { en: 'as on the transformer: 400/5, or 80', zh: '按铭牌填写：400/5 或 80' },
  'point.pt': { en: 'as on the transformer: 10000/100, or 100', zh: '按铭牌填写：10000/100 或 100' },
  'meter.id': {
    en: 'name of the meter in the gateway; empty: its asset number, else its address',
    zh: '电表在系统中的编号；空则取资产编号，再取通信地址',
  },
  'meter.address': {
    en: 'as text, leading zeros and all: 12 digits for DL/T 645, 1 to 247 for Modbus',
    zh: '文本格式，保留前导零：DL/T 645 为12位，Modbus 为1至247',
  },
  'meter.profile': { en: 'meter model: gridtally profile list', zh: '表计型号模板：gridtally profile list' },
  'channel.id': { en: 'line or broker of gateway.yaml', zh: 'gateway.yaml 中的线路或消息代理' },
  row: { en: 'since when the row holds; a plain day is its midnight', zh: '该行自何日起生效；只写日期则为当日零点' },
  multiplier: { en: 'CT × PT, checked against both; it is not kept', zh: 'CT×PT，仅用于核对，不保存' },
}

const TYPES: Readonly<Record<AttributeSpec['type'], { readonly en: string; readonly zh: string }>> = {
  text: { en: 'text', zh: '文本' },
  integer: { en: 'whole number', zh: '整数' },
  decimal: { en: 'number', zh: '数字' },
  ratio: { en: 'ratio', zh: '变比' },
  date: { en: 'day: 2026-11-21', zh: '日期：2026-11-21' },
  instant: { en: 'day or instant', zh: '日期或时刻' },
  choice: { en: 'one of', zh: '可选' },
  flag: { en: 'yes or no', zh: '是或否' },
  reference: { en: 'number of', zh: '编号' },
}

const keyOf = (meaning: Meaning): string =>
  meaning.is === 'id'
    ? `${meaning.kind}.id`
    : meaning.is === 'attribute'
      ? `${meaning.kind}.${meaning.name}`
      : meaning.is === 'from'
        ? 'row'
        : 'multiplier'

/** A table to fill in: every column a site needs, with three rows as examples. It can be imported as it is. */
export const templateOf = (language: Language): OutTable => ({
  name: language === 'zh' ? '台账' : 'Ledger',
  heads: COLUMNS.map(([meaning]) => headOf(meaning, language)),
  rows: [0, 1, 2].map((nth) =>
    COLUMNS.map(([meaning, examples]) => {
      const text = examples[nth] ?? ''
      const spec = meaning.is === 'attribute' ? ATTRIBUTES[meaning.kind][meaning.name] : undefined
      return text === '' ? null : spec ? shownValue(text, spec, language) : text
    }),
  ),
})

/** Every column that is understood, what it means, what may stand in it, and other heads for it. */
export const legendOf = (language: Language): OutTable => {
  const isChinese = language === 'zh'
  const head = isChinese
    ? ['列', '属于', '含义', '可填内容', '示例', '同义列名', '英文列名']
    : ['column', 'belongs to', 'meaning', 'may hold', 'example', 'other heads', 'Chinese head']
  const other: Language = isChinese ? 'en' : 'zh'
  const exampleOf = (meaning: Meaning): string =>
    COLUMNS.find(([one]) => keyOf(one) === keyOf(meaning))?.[1].find((text) => text !== '') ?? ''
  const line = (meaning: Meaning, kind: Kind | null, type: string, aliases: readonly string[]): string[] => [
    headOf(meaning, language),
    kind === null ? '' : (KIND_WORDS[kind][language][0] ?? kind),
    NOTES[keyOf(meaning)]?.[language] ?? '',
    type,
    exampleOf(meaning),
    [keyOf(meaning) === 'row' || keyOf(meaning) === 'multiplier' ? '' : keyOf(meaning), ...aliases]
      .filter((one) => one !== '')
      .join(isChinese ? '、' : ', '),
    headOf(meaning, other),
  ]
  function* rows(): Generator<string[], void> {
    yield line({ is: 'from', of: 'row' }, null, TYPES.instant[language], FROM_HEADS[language].slice(1))
    yield line({ is: 'from', of: 'installed' }, null, TYPES.instant[language], [])
    yield line({ is: 'multiplier' }, null, TYPES.ratio[language], MULTIPLIER_HEADS[language].slice(1))
    for (const kind of LEGEND_ORDER) {
      yield line(
        { is: 'id', kind },
        kind,
        isChinese ? '字母、数字与 . _ -，最长64位' : 'letters, digits and . _ -, at most 64',
        ID_HEADS[kind][language].slice(1),
      )
      for (const [name, { type, choices, refers, aliases = [] }] of Object.entries(ATTRIBUTES[kind])) {
        const allowed = choices
          ? Object.keys(choices)
              .map((value) => shownValue(value, ATTRIBUTES[kind][name]!, language))
              .join(isChinese ? '、' : ', ')
          : refers
            ? `${isChinese ? KIND_WORDS[refers].zh[0] : refers}${TYPES.reference.zh && isChinese ? TYPES.reference.zh : ' id'}`
            : TYPES[type][language]
        yield line({ is: 'attribute', kind, name }, kind, allowed, aliases)
      }
    }
  }
  return { name: isChinese ? '说明' : 'Legend', heads: head, rows: rows() }
}

const LEGEND_ORDER: readonly Kind[] = ['zone', 'feeder', 'area', 'customer', 'point', 'meter', 'transformer', 'concentrator', 'channel']
