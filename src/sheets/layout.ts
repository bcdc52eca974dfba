import { ATTRIBUTES, type AttributeSpec, KINDS, type Kind } from '../ledger/kinds.ts'
import { bareHead, DICTIONARY, headOf, kindOfSheet, type Meaning, meaningKey, meaningsOf, plainHead } from './columns.ts'
import { nearest } from './near.ts'
import type { ProblemList } from './problems.ts'
import type { Row, Sheet } from './row.ts'

/** Where one kind's cells stand in a row. Columns from 0. */
export interface KindLayout {
  readonly kind: Kind
  /** Null: the id is made of other cells, as a meter's of its asset number or address. */
  readonly id: number | null
  readonly attributes: readonly { readonly name: string; readonly spec: AttributeSpec; readonly at: number }[]
}

/** What the columns of one sheet mean. */
export interface Layout {
  readonly sheet: Sheet
  readonly line: number
  /** What others refer to first. */
  readonly kinds: readonly KindLayout[]
  /** Kind the rows are about; the others of a row come with it. */
  readonly leading: Kind
  readonly from: number | null
  readonly installed: number | null
  readonly multiplier: number | null
  readonly heads: readonly string[]
  /** Heads of columns that nothing is made of. */
  readonly ignored: readonly { readonly head: string; readonly place: string; readonly meant: string | null }[]
}

/** Which kind a row is about when it names several: the one that refers to the others. */
const LEADS: readonly Kind[] = ['transformer', 'meter', 'point', 'customer', 'concentrator', 'channel', 'area', 'feeder', 'zone']

/** Where the id of one kind beside another says how they hang together. `leading`: only in rows that are about it. */
const LINKS: readonly { readonly of: Kind; readonly name: string; readonly to: Kind; readonly when: 'always' | 'leading' }[] = [
  { of: 'transformer', name: 'point', to: 'point', when: 'always' },
  { of: 'meter', name: 'point', to: 'point', when: 'always' },
  { of: 'meter', name: 'line', to: 'channel', when: 'always' },
  { of: 'meter', name: 'concentrator', to: 'concentrator', when: 'always' },
  { of: 'point', name: 'area', to: 'area', when: 'always' },
  { of: 'point', name: 'customer', to: 'customer', when: 'always' },
  { of: 'area', name: 'zone', to: 'zone', when: 'always' },
  { of: 'area', name: 'feeder', to: 'feeder', when: 'always' },
  { of: 'feeder', name: 'zone', to: 'zone', when: 'leading' },
  { of: 'concentrator', name: 'area', to: 'area', when: 'leading' },
  { of: 'channel', name: 'area', to: 'area', when: 'leading' },
]

/** Kind whose id column is this reference, in rows about `leading`; null: in rows about anything. */
export const linkOf = (kind: Kind, name: string, leading: Kind | null): Kind | null =>
  LINKS.find((link) => link.of === kind && link.name === name && (link.when === 'always' || kind === leading))?.to ?? null

/** How many cells of a row are heads that are known. */
export const headsKnown = ({ texts }: Row): number => texts.filter((text) => text.length <= 100 && meaningsOf(text).length > 0).length

/** Sheets that explain and hold no rows. */
const EXPLAINS: ReadonlySet<string> = new Set(['legend', 'readme', 'notes', '说明', '填写说明', '图例', '备注'])
export const isExplanation = (name: string): boolean => EXPLAINS.has(plainHead(name))

/**
 * What the columns under a head row mean. A head that several kinds know belongs to the one whose id stands beside it.
 *
 * @returns null when no entity could be made of the rows; the problems say why
 */
export const layoutOf = (row: Row, problems: ProblemList): Layout | null => {
  const { sheet, line, texts } = row
  const place = (at: number) => sheet.place(line, at + 1)
  const before = problems.count
  const candidates = texts.map((text) => (text.trim() === '' ? [] : meaningsOf(text)))
  const named = kindsNamed(candidates)
  const hint = kindOfSheet(sheet.name)
  if (hint !== null && named.size === 0) named.add(hint)
  const leading = LEADS.find((kind) => named.has(kind)) ?? null
  const chosen = new Map<string, { readonly at: number; readonly meaning: Meaning; readonly isLabel: boolean }>()
  const ignored: { head: string; place: string; meant: string | null }[] = []
  for (const [at, meanings] of candidates.entries()) {
    const head = texts[at]?.trim() ?? ''
    if (head === '') continue
    const meaning = settle(meanings, named, hint)
    if (meaning === null) {
      const meant = nearest(bareHead(head), DICTIONARY.keys())
      ignored.push({ head, place: place(at), meant: meant === null ? null : nameOf(meant) })
      continue
    }
    if (meaning === 'unclear') {
      problems.add('SHEET_HEAD_UNCLEAR', place(at), `"${head}" may be ${meanings.map(meaningKey).join(' or ')}`)
      continue
    }
    const key = meaningKey(meaning)
    const other = chosen.get(key)
    const isLabel = isLabelOf(head, meaning)
    if (!other || (isLabel && !other.isLabel)) {
      if (other) ignored.push({ head: texts[other.at] ?? '', place: place(other.at), meant: null })
      chosen.set(key, { at, meaning, isLabel })
    } else if (isLabel === other.isLabel)
      problems.add('SHEET_HEAD_TWICE', place(at), `"${head}" means ${key}, as "${texts[other.at] ?? ''}" does`, place(other.at))
    else ignored.push({ head, place: place(at), meant: null })
  }
  const columnOf = (key: string): number | null => chosen.get(key)?.at ?? null
  if (leading === null) {
    const near = ignored.flatMap(({ head, meant }) => (meant ? [`"${head}": did you mean "${meant}"?`] : [])).slice(0, 5)
    problems.add(
      'SHEET_HEADS',
      place(0),
      `no column names what the rows are about, such as 计量点编号 or point id${near.length > 0 ? `; ${near.join(' ')}` : ''}`,
    )
    return null
  }
  const standing = KINDS.filter(
    (kind) =>
      kind === leading ||
      (named.has(kind) && [...chosen.values()].some(({ meaning }) => meaning.is === 'attribute' && meaning.kind === kind)),
  )
  // A point that is only named, and whose area or customer stands beside it, is described by them.
  if (
    !standing.includes('point') &&
    named.has('point') &&
    (columnOf('area.id') !== null || columnOf('customer.id') !== null || columnOf('multiplier') !== null)
  )
    standing.push('point')
  const used = new Set<number>()
  const kinds = ORDER.filter((kind) => standing.includes(kind)).map((kind): KindLayout => {
    const attributes = Object.entries(ATTRIBUTES[kind]).flatMap(([name, spec]) => {
      const own = columnOf(`${kind}.${name}`)
      const link = LINKS.find((one) => one.of === kind && one.name === name && (one.when === 'always' || kind === leading))
      const at = own ?? (link ? columnOf(`${link.to}.id`) : null)
      if (at === null) return []
      used.add(at)
      return [{ name, spec, at }]
    })
    const id = columnOf(`${kind}.id`)
    if (id !== null) used.add(id)
    return { kind, id, attributes }
  })
  for (const [at, head] of texts.entries()) {
    const meaning = [...chosen.values()].find((one) => one.at === at)?.meaning
    if (meaning === undefined || used.has(at) || (meaning.is !== 'id' && meaning.is !== 'attribute')) continue
    ignored.push({ head: head.trim(), place: place(at), meant: null })
  }
  for (const { kind, id } of kinds)
    if (id === null && kind !== 'meter')
      problems.add(
        'SHEET_HEADS',
        place(0),
        `there is no column "${headOf({ is: 'id', kind }, 'zh')}" (${headOf({ is: 'id', kind }, 'en')}): the rows are about ${kind}s`,
      )
  if (problems.count > before) return null
  return {
    ...{ sheet, line, kinds, leading, heads: texts.map((text) => text.trim()), ignored },
    ...{ from: columnOf('row'), installed: columnOf('installed'), multiplier: columnOf('multiplier') },
  }
}

/** What others refer to first: a contradiction then names the row of the thing, not of what hangs on it. */
const ORDER: readonly Kind[] = [...KINDS]

/** Kinds whose id stands in a column; a meter's may be its asset number or its address. */
const kindsNamed = (candidates: readonly (readonly Meaning[])[]): Set<Kind> => {
  const named = new Set<Kind>()
  for (const meanings of candidates)
    for (const meaning of meanings) {
      if (meaning.is === 'id') named.add(meaning.kind)
      if (
        meaning.is === 'attribute' &&
        meaning.kind === 'meter' &&
        (meaning.name === 'address' || meaning.name === 'asset') &&
        meanings.length === 1
      )
        named.add('meter')
    }
  return named
}

const settle = (meanings: readonly Meaning[], named: ReadonlySet<Kind>, hint: Kind | null): Meaning | 'unclear' | null => {
  const [only] = meanings
  if (only === undefined) return null
  if (meanings.length === 1) return only
  const whole = meanings.filter((meaning) => meaning.is !== 'id' && meaning.is !== 'attribute')
  if (whole.length === 1 && whole[0]) return whole[0]
  const fits = meanings.filter((meaning) => 'kind' in meaning && named.has(meaning.kind))
  if (fits.length === 1 && fits[0]) return fits[0]
  const hinted = fits.filter((meaning) => 'kind' in meaning && meaning.kind === hint)
  return hinted.length === 1 && hinted[0] ? hinted[0] : 'unclear'
}

/** The proper name of an attribute, alone or behind its kind; not another word for it. */
const isLabelOf = (head: string, meaning: Meaning): boolean => {
  const bare = bareHead(head)
  return (['zh', 'en'] as const).some((language) => {
    const label = meaning.is === 'attribute' ? (ATTRIBUTES[meaning.kind][meaning.name]?.label[language] ?? '') : headOf(meaning, language)
    return bareHead(label) !== '' && bare.endsWith(bareHead(label))
  })
}

/** A plain head as a person would write it. */
const nameOf = (plain: string): string => {
  const meaning = DICTIONARY.get(plain)?.[0]
  if (!meaning) return plain
  const isChinese = /\p{Script=Han}/u.test(plain)
  const label = headOf(meaning, isChinese ? 'zh' : 'en')
  return plainHead(label) === plain ? label : plain
}
