import { many } from '../core/index.ts'
import { type AttributeSpec, HIDDEN, type Kind, type Value } from '../ledger/kinds.ts'
import type { LedgerProblem, Patch } from '../ledger/types.ts'
import { AS_TEXT, CutColumn, identityOf } from './digits.ts'
import { Gathered } from './gathered.ts'
import { headsKnown, isExplanation, type KindLayout, type Layout, layoutOf } from './layout.ts'
import { checkMultiplier, type Ratios } from './multiplier.ts'
import { ProblemList } from './problems.ts'
import { type Row, type Sheet, unguarded } from './row.ts'
import { type CellText, cellValue, choiceText } from './values.ts'

export interface InterpretOptions {
  /** IANA name of the gateway's zone: a plain day is its midnight there. */
  readonly zone: string
  /** Since when rows hold that say nothing about it; null: since always for what is new, from now on for what is known. */
  readonly from?: number | null
  /** Digits of an address under a meter model; null when it has no fixed number of them. */
  readonly addressDigits?: (profile: string) => number | null
  /** Ratios of a point that the ledger has already; null when it has none. */
  readonly ratiosOf?: (point: string) => Ratios | null
  /** Problems kept at most. */
  readonly problems?: number
}

export interface SheetWarning {
  readonly place: string
  readonly message: string
}

/** What a file says, in the ledger's words. */
export interface Interpretation {
  readonly patches: readonly Patch[]
  readonly problems: readonly LedgerProblem[]
  readonly problemCount: number
  readonly warnings: readonly SheetWarning[]
  /** Places of patches whose row has a problem: what else is wrong with them may only follow from it. */
  readonly doubtful: ReadonlySet<string>
  /** Rows below the heads. */
  readonly rows: number
  readonly sheets: readonly { readonly name: string; readonly rows: number; readonly kinds: readonly Kind[] }[]
}

export interface Interpreter {
  row(row: Row): void
  finish(): Interpretation
}

/** Rows above the heads: titles, dates of printing. */
const MOST_ROWS_BEFORE_HEADS = 10
const MOST_WARNINGS = 1000

interface Open {
  readonly sheet: Sheet
  readonly before: Row[]
  layout: Layout | null
  /** Nothing can be made of it. */
  isClosed: boolean
  rows: number
  readonly headless: Set<number>
}

/** The same cell text for everything that repeats: a category, an area, a model. */
const MOST_SHARED = 20_000

/** Turns rows into patches of the ledger, one sheet after the other, as they come. */
export const interpreter = (options: InterpretOptions): Interpreter => {
  const { zone, from: otherwise = null, addressDigits = () => null, ratiosOf = () => null, problems: most = 1000 } = options
  const problems = new ProblemList(most)
  const warnings: SheetWarning[] = []
  const doubtful = new Set<string>()
  const gathered = new Gathered(problems)
  const sheets: Open[] = []
  const cuts = new Map<string, CutColumn<{ readonly sheet: Sheet; readonly line: number; readonly at: number }>>()
  const shared = new Map<string, string>()
  const warn = (place: string, message: string): void => {
    if (warnings.length < MOST_WARNINGS) warnings.push({ place, message })
  }
  const share = (text: string): string => {
    const known = shared.get(text)
    if (known !== undefined) return known
    if (shared.size < MOST_SHARED) shared.set(text, text)
    return text
  }

  const placeOf = ({ sheet, heads }: Layout, line: number, at: number): string => {
    const place = sheet.place(line, at + 1)
    // A spreadsheet shows letters above its columns; the column of a text file is found by its head.
    return place.includes('!') || !heads[at] ? place : `${place} (${heads[at]})`
  }

  /** The cell as it is meant: null when it says nothing. `literal`: behind an apostrophe, so `-` is a dash. */
  const cellAt = (row: Row, at: number | null): (CellText & { readonly isLiteral: boolean }) | null => {
    const raw = at === null ? undefined : row.texts[at]
    if (raw === undefined || raw === '') return null
    const literal = raw.charCodeAt(0) === 39 ? unguarded(raw) : null
    const text = literal ?? raw.trim()
    return text === '' ? null : { text, kind: row.kinds[at ?? 0] ?? 'text', isLiteral: literal !== null }
  }

  const addProblem = (
    layout: Layout,
    row: Row,
    at: number,
    found: { code: string; message: string; hint: string },
    against: string | null = null,
  ): void => {
    const head = layout.heads[at] ?? ''
    problems.push({
      code: found.code,
      place: placeOf(layout, row.line, at),
      against,
      message: `${head} ${found.message}`,
      hint: found.hint,
    })
  }

  /** Id of the entity in this row; null when there is none, false when it has one that cannot be believed. */
  const idIn = (
    layout: Layout,
    { kind, id, attributes }: KindLayout,
    row: Row,
  ): { readonly id: string; readonly at: number } | null | false => {
    const own = cellAt(row, id)
    const columns =
      own !== null || kind !== 'meter'
        ? [id]
        : ['asset', 'address'].map((wanted) => attributes.find(({ name }) => name === wanted)?.at ?? null)
    for (const at of columns) {
      const cell = cellAt(row, at)
      if (cell === null || at === null || isClear(cell)) continue
      const identity = identityOf(cell.text, cell.kind)
      if (identity.ok) {
        // Attributes are watched with the others.
        if (at === id) watch(layout, row, at, identity.value, cell.isLiteral)
        return { id: identity.value, at }
      }
      // Attributes name their own problems.
      if (at === id) addProblem(layout, row, at, identity)
      return false
    }
    return null
  }

  const watch = (layout: Layout, row: Row, at: number, text: string, isLiteral: boolean): void => {
    if (text.length <= 15 || isLiteral) return
    const key = `${layout.sheet.name}\0${at}`
    const column = cuts.get(key) ?? new CutColumn()
    cuts.set(key, column)
    column.look(text, { sheet: layout.sheet, line: row.line, at })
  }

  const instantIn = (layout: Layout, row: Row, at: number | null): number | null | false => {
    const cell = cellAt(row, at)
    if (cell === null || at === null || isClear(cell)) return null
    const found = cellValue(cell, { type: 'instant', label: { en: '', zh: '' } }, zone)
    if (found.ok) return typeof found.value === 'number' ? found.value : null
    addProblem(layout, row, at, found)
    return false
  }

  const rowOf = (layout: Layout, row: Row): void => {
    const before = problems.count
    const places: string[] = []
    const valid = instantIn(layout, row, layout.from)
    const installed = instantIn(layout, row, layout.installed)
    if (valid === false || installed === false) return
    for (const part of layout.kinds) {
      const { kind, attributes } = part
      const named = idIn(layout, part, row)
      const set: Record<string, Value> = {}
      let hasOwn = false
      for (const { name, spec, at } of attributes) {
        const cell = cellAt(row, at)
        // What an export did not show is not what stands there now.
        if (cell === null || ((spec.personal || spec.mayBeHidden) && cell.text === HIDDEN)) continue
        hasOwn ||= spec.refers === undefined
        if (isClear(cell) && cell.text === '-' && hasWord(spec, '-'))
          addProblem(layout, row, at, {
            code: 'SHEET_VALUE',
            message: `is a dash, which ends a fact and is a word for one of ${choiceText(spec.choices ?? {})} here`,
            hint: 'write 空 to end it, or another word for the value',
          })
        else if (isClear(cell)) set[name] = null
        else {
          const found = cellValue(cell, spec, zone)
          if (!found.ok) {
            addProblem(layout, row, at, found)
            continue
          }
          set[name] = typeof found.value === 'string' ? share(found.value) : found.value
          if (spec.digits && typeof found.value === 'string') watch(layout, row, at, found.value, cell.isLiteral)
        }
      }
      if (named === false) continue
      if (named === null) {
        // In a row that is about a meter, a customer may be absent: a supply meter of an area has none.
        const first = hasOwn ? attributes.find(({ at, spec }) => spec.refers === undefined && cellAt(row, at) !== null) : undefined
        if (first)
          problems.add(
            'SHEET_NO_ID',
            placeOf(layout, row.line, part.id ?? first.at),
            `has ${layout.heads[first.at]} of a ${kind}, and no number of the ${kind}`,
          )
        continue
      }
      if (kind === 'meter') checkWidth(layout, row, part, set)
      if (kind === 'point' && layout.multiplier !== null) {
        const said = cellAt(row, layout.multiplier)
        const isDoubtful = attributes.some(
          ({ name, at }) => (name === 'ct' || name === 'pt') && set[name] === undefined && cellAt(row, at) !== null,
        )
        if (said !== null && !isClear(said) && !isDoubtful) {
          const judged = checkMultiplier(said, set, ratiosOf, named.id)
          const place = placeOf(layout, row.line, layout.multiplier)
          if (judged.is === 'wrong') problems.add('SHEET_MULTIPLIER', place, `${layout.heads[layout.multiplier]} ${judged.message}`)
          if (judged.is === 'taken') {
            set.ct = judged.ct
            warn(place, `${judged.ct} is taken as the CT ratio: the row has neither CT nor PT`)
          }
        }
      }
      // A line or a concentrator that is only named may be none of the ledger's.
      if (kind !== layout.leading && isEmpty(set) && !isAlone(layout, part, row)) continue
      const isDated = kind === layout.leading || kind === 'point' || kind === 'meter' || kind === 'transformer'
      const hung = kind === 'meter' || kind === 'transformer' ? installed : null
      const place = placeOf(layout, row.line, named.at)
      places.push(place)
      gathered.add({ kind, id: share(named.id), from: (isDated ? (valid ?? hung) : null) ?? otherwise, set, place }, (name) =>
        placeOf(layout, row.line, attributes.find((one) => one.name === name)?.at ?? named.at),
      )
    }
    if (problems.count > before) for (const place of places) doubtful.add(place)
  }

  /** Whether a row says nothing but this id. */
  const isAlone = (layout: Layout, { id }: KindLayout, row: Row): boolean =>
    id !== null && row.texts.every((text, at) => at === id || at === layout.from || text.trim() === '')

  /** A short number in an address column has lost the zeros before it, where addresses have a fixed length. */
  const checkWidth = (layout: Layout, row: Row, { attributes }: KindLayout, set: Readonly<Record<string, Value>>): void => {
    const at = attributes.find(({ name }) => name === 'address')?.at
    const cell = at === undefined ? null : cellAt(row, at)
    const { address, profile } = set
    if (
      at === undefined ||
      cell === null ||
      cell.kind === 'text' ||
      cell.isLiteral ||
      typeof address !== 'string' ||
      !/^\d+$/.test(address)
    )
      return
    const width = typeof profile === 'string' ? addressDigits(profile) : null
    const isShort =
      width === null ? cell.kind === 'number' && profile === undefined && address.length > 3 && address.length < 12 : address.length < width
    if (!isShort) return
    addProblem(layout, row, at, {
      code: 'SHEET_ZEROS',
      message: `is ${address}: ${many(address.length, 'digit')} where ${width ?? 12} are expected; zeros before it may be gone`,
      hint: AS_TEXT,
    })
  }

  const open = (row: Row): Open => {
    const known = sheets.at(-1)
    if (known && known.sheet.name === row.sheet.name) return known
    const next: Open = { sheet: row.sheet, before: [], layout: null, isClosed: isExplanation(row.sheet.name), rows: 0, headless: new Set() }
    sheets.push(next)
    return next
  }

  const head = (state: Open, row: Row): void => {
    state.layout = layoutOf(row, problems)
    if (state.layout === null) {
      state.isClosed = true
      return
    }
    for (const { head, place, meant } of state.layout.ignored)
      warn(place, `the column "${head}" is left out${meant === null ? '' : `; did you mean "${meant}"?`}`)
  }

  const body = (state: Open, layout: Layout, row: Row): void => {
    state.rows++
    for (let at = 0; at < row.texts.length; at++)
      if (!layout.heads[at] && row.texts[at]?.trim() && !state.headless.has(at)) {
        state.headless.add(at)
        problems.add('SHEET_HEAD_EMPTY', placeOf(layout, row.line, at), `stands in a column without a head (line ${layout.line})`)
      }
    rowOf(layout, row)
  }

  /** No row has two heads that are known: the one with a single one it is, and what was read after it are its rows. */
  const settle = (state: Open): void => {
    const at = state.before.findIndex((row) => headsKnown(row) > 0)
    const found = state.before[at]
    if (state.layout !== null || state.isClosed || found === undefined) {
      state.isClosed ||= state.layout === null
      return
    }
    head(state, found)
    if (state.layout !== null) for (const row of state.before.slice(at + 1)) body(state, state.layout, row)
  }

  return {
    row: (row) => {
      const last = sheets.at(-1)
      const state = open(row)
      if (last && last !== state) settle(last)
      if (state.isClosed) return
      if (state.layout !== null) body(state, state.layout, row)
      else if (headsKnown(row) >= 2) head(state, row)
      else if (state.before.push(row) > MOST_ROWS_BEFORE_HEADS) settle(state)
    },
    finish: () => {
      const last = sheets.at(-1)
      if (last) settle(last)
      const used = sheets.filter(({ layout }) => layout !== null)
      for (const { sheet, before, layout } of sheets) {
        const first = before[0]
        if (layout !== null || first === undefined || isExplanation(sheet.name)) continue
        if (used.length > 0) warn(sheet.place(first.line, 1), `the sheet ${sheet.name} is left out: it has no heads that are known`)
        else if (problems.count === 0) layoutOf(first, problems)
      }
      const rows = used.reduce((sum, state) => sum + state.rows, 0)
      if (rows === 0 && problems.count === 0) problems.add('SHEET_EMPTY', sheets[0]?.sheet.place(1, 1) ?? '1', 'there is no row to import')
      for (const [key, column] of cuts)
        for (const { place, text } of column.suspects()) {
          const layout = used.find(({ sheet }) => key.startsWith(`${sheet.name}\0`))?.layout
          const said = `is ${text}: every number of this column has zeros after its 15th digit, as a spreadsheet cuts them`
          const head = layout?.heads[place.at] ?? ''
          const where = layout ? placeOf(layout, place.line, place.at) : place.sheet.place(place.line, place.at + 1)
          problems.push({ code: 'SHEET_ROUNDED', place: where, against: null, message: `${head} ${said}`, hint: AS_TEXT })
        }
      return {
        ...{ patches: gathered.patches(), problems: problems.kept, problemCount: problems.count, warnings, doubtful, rows },
        sheets: used.map(({ sheet, rows: count, layout }) => ({
          name: sheet.name,
          rows: count,
          kinds: layout?.kinds.map(({ kind }) => kind) ?? [],
        })),
      }
    },
  }
}

const isEmpty = (set: object): boolean => {
  for (const _ in set) return false
  return true
}

const hasWord = ({ choices = {} }: AttributeSpec, word: string): boolean => Object.values(choices).some((words) => words.includes(word))

/** A cell that ends a fact: a single dash, or 空. */
const isClear = ({ text, isLiteral }: { readonly text: string; readonly isLiteral: boolean }): boolean =>
  !isLiteral && (text === '-' || text === '空')
