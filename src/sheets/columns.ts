import { ATTRIBUTES, KINDS, type Kind } from '../ledger/kinds.ts'

/** What a column means: the id of a kind, an attribute of it, or something about the whole row. */
export type Meaning =
  | { readonly is: 'id'; readonly kind: Kind }
  | { readonly is: 'attribute'; readonly kind: Kind; readonly name: string }
  /** Since when the row holds; `installed`: since when its meter hangs there. */
  | { readonly is: 'from'; readonly of: 'row' | 'installed' }
  /** CT × PT (综合倍率): checked, not kept. */
  | { readonly is: 'multiplier' }

/** Heads of the column that names an entity. The first of each language stands in templates. */
export const ID_HEADS: Readonly<Record<Kind, { readonly en: readonly string[]; readonly zh: readonly string[] }>> = {
  zone: { en: ['zone id', 'zone', 'zone no'], zh: ['供电所编号', '供电单位编号', '单位编号'] },
  feeder: { en: ['feeder id', 'feeder', 'feeder no'], zh: ['线路编号', '线路编码', '10kV线路编号'] },
  area: { en: ['area id', 'area', 'transformer area', 'tg no', 'area no'], zh: ['台区编号', '台区编码', '台区号'] },
  customer: { en: ['customer number', 'customer id', 'customer no', 'customer'], zh: ['户号', '用户编号', '客户编号', '用户号'] },
  point: { en: ['point id', 'metering point id', 'metering point', 'point', 'point no'], zh: ['计量点编号', '计量点编码', '计量点'] },
  meter: { en: ['meter id', 'meter', 'meter no'], zh: ['电表编号', '电能表编号', '表计编号', '电能表标识'] },
  transformer: { en: ['transformer id', 'instrument transformer id'], zh: ['互感器标识', '互感器序号'] },
  concentrator: { en: ['concentrator id', 'concentrator'], zh: ['集中器地址', '集中器编号', '集中器', '终端地址', '采集终端'] },
  channel: { en: ['line id', 'communication line', 'line', 'channel', 'channel id'], zh: ['通信线路', '通信线路编号', '采集通道', '通道'] },
}

/** Words for a kind: of a sheet's tab, and before a head to say whose attribute it is. */
export const KIND_WORDS: Readonly<Record<Kind, { readonly en: readonly string[]; readonly zh: readonly string[] }>> = {
  zone: { en: ['zones', 'zone'], zh: ['供电所', '供电单位'] },
  feeder: { en: ['feeders', 'feeder'], zh: ['配电线路', '线路', '馈线'] },
  area: { en: ['areas', 'area'], zh: ['台区'] },
  customer: { en: ['customers', 'customer'], zh: ['用户', '客户'] },
  point: { en: ['points', 'point', 'metering point'], zh: ['计量点'] },
  meter: { en: ['meters', 'meter'], zh: ['电能表', '电表', '表计'] },
  transformer: { en: ['transformers', 'transformer', 'instrument transformer'], zh: ['互感器'] },
  concentrator: { en: ['concentrators', 'concentrator'], zh: ['集中器', '终端'] },
  channel: { en: ['channels', 'channel', 'communication line'], zh: ['通信线路', '通道'] },
}

export const FROM_HEADS = { en: ['valid from', 'effective from', 'effective date', 'from'], zh: ['生效日期', '生效时间'] } as const
export const INSTALLED_HEADS = {
  en: ['installed on', 'installation date', 'installed'],
  zh: ['安装日期', '装表日期', '装表接电日期'],
} as const
export const MULTIPLIER_HEADS = { en: ['multiplier', 'overall ratio', 'combined ratio'], zh: ['综合倍率', '倍率', '计费倍率'] } as const

/** A head in the form in which heads are compared: no blanks, no case, no punctuation, no full-width forms. */
export const plainHead = (head: string): string =>
  head
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\s\p{P}\p{S}\p{Cf}]/gu, '')

/** The same without what stands in brackets at its end: a unit, a note. */
export const bareHead = (head: string): string => plainHead(head.normalize('NFKC').replace(/[([【][^)\]】]*[)\]】]\s*$/u, ''))

/** Every head that is understood, in its plain form. A head with several meanings is settled by the columns beside it. */
const dictionary = (): ReadonlyMap<string, readonly Meaning[]> => {
  const found = new Map<string, Meaning[]>()
  const add = (head: string, meaning: Meaning): void => {
    for (const form of new Set([plainHead(head), bareHead(head)])) {
      if (form === '') continue
      const known = found.get(form) ?? []
      if (!known.some((other) => sameMeaning(other, meaning))) found.set(form, [...known, meaning])
    }
  }
  for (const kind of KINDS) for (const head of [...ID_HEADS[kind].en, ...ID_HEADS[kind].zh]) add(head, { is: 'id', kind })
  const isIdHead = (head: string, kind: Kind) =>
    (found.get(plainHead(head)) ?? []).some((known) => known.is === 'id' && known.kind === kind)
  for (const kind of KINDS)
    for (const [name, { label, aliases = [], refers }] of Object.entries(ATTRIBUTES[kind]))
      for (const head of [label.en, label.zh, ...aliases]) {
        // 台区编号 beside a point says in which area it lies: the id column of the area does that.
        if (refers !== undefined && isIdHead(head, refers)) continue
        add(head, { is: 'attribute', kind, name })
      }
  for (const head of [...FROM_HEADS.en, ...FROM_HEADS.zh]) add(head, { is: 'from', of: 'row' })
  for (const head of [...INSTALLED_HEADS.en, ...INSTALLED_HEADS.zh]) add(head, { is: 'from', of: 'installed' })
  for (const head of [...MULTIPLIER_HEADS.en, ...MULTIPLIER_HEADS.zh]) add(head, { is: 'multiplier' })
  return found
}

export const sameMeaning = (a: Meaning, b: Meaning): boolean => meaningKey(a) === meaningKey(b)
/** `meter.address`, `point.id`; of the whole row its own word. */
export const meaningKey = (meaning: Meaning): string =>
  meaning.is === 'id'
    ? `${meaning.kind}.id`
    : meaning.is === 'attribute'
      ? `${meaning.kind}.${meaning.name}`
      : meaning.is === 'from'
        ? meaning.of
        : meaning.is

export const DICTIONARY = dictionary()

/** `meter.address` and `电能表.通信地址`: heads that say whose attribute they are. */
const qualified = (): ReadonlyMap<string, Meaning> => {
  const found = new Map<string, Meaning>()
  for (const kind of KINDS) {
    const names = Object.entries(ATTRIBUTES[kind])
    found.set(`${kind}.id`, { is: 'id', kind })
    for (const [name] of names) found.set(`${kind}.${name}`.toLowerCase(), { is: 'attribute', kind, name })
    for (const word of [...KIND_WORDS[kind].en, ...KIND_WORDS[kind].zh])
      for (const [name, { label, aliases = [] }] of names)
        for (const head of [label.en, label.zh, ...aliases]) {
          const key = plainHead(`${word}${head}`)
          if (!DICTIONARY.has(key)) found.set(key, { is: 'attribute', kind, name })
        }
  }
  return found
}

const QUALIFIED = qualified()

/** Every meaning a head may have; none when nobody knows it. */
export const meaningsOf = (head: string): readonly Meaning[] => {
  const exact = QUALIFIED.get(head.normalize('NFKC').trim().toLowerCase())
  if (exact) return [exact]
  const plain = plainHead(head)
  const bare = bareHead(head)
  const known = DICTIONARY.get(plain) ?? DICTIONARY.get(bare)
  if (known) return known
  const whose = QUALIFIED.get(plain) ?? QUALIFIED.get(bare)
  return whose ? [whose] : []
}

/** Kind that a sheet's name names; the longest word wins. */
export const kindOfSheet = (name: string): Kind | null => {
  const plain = plainHead(name.replace(/\.(csv|xlsx)$/i, ''))
  const found = KINDS.flatMap((kind) =>
    [...KIND_WORDS[kind].en, ...KIND_WORDS[kind].zh]
      .map(plainHead)
      .filter((word) => plain.includes(word))
      .map((word) => ({ kind, word })),
  ).sort((a, b) => b.word.length - a.word.length)
  return found[0]?.kind ?? null
}

/** Head of a column in a template and in an export; one that would be ambiguous says whose it is. */
export const headOf = (meaning: Meaning, language: 'en' | 'zh'): string => {
  if (meaning.is === 'id') return ID_HEADS[meaning.kind][language][0] ?? `${meaning.kind}.id`
  if (meaning.is === 'from') return (meaning.of === 'row' ? FROM_HEADS : INSTALLED_HEADS)[language][0]
  if (meaning.is === 'multiplier') return MULTIPLIER_HEADS[language][0]
  const { kind, name } = meaning
  const label = ATTRIBUTES[kind][name]?.label[language] ?? ''
  const known = meaningsOf(label)
  if (known.length === 1 && known[0] && sameMeaning(known[0], meaning)) return label
  const whose = `${KIND_WORDS[kind][language][0] ?? kind}${language === 'en' ? ' ' : ''}${label}`
  const one = meaningsOf(whose)
  return one.length === 1 && one[0] && sameMeaning(one[0], meaning) ? whose : `${kind}.${name}`
}
