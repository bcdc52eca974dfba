import { ATTRIBUTES, HIDDEN, isKind, type Kind, mayTellPerson, type Value } from './kinds.ts'
import { type Problems, shown } from './problems.ts'
import { integer, type Sql, text } from './sql.ts'
import { type Body, bodyOf, newIn, type Patched, patched, stateAt } from './timeline.ts'
import type { DiffEntry, Patch } from './types.ts'
import { attributeOf, checkValue, dateText, ID_FORM } from './value.ts'

/** One entity that a change touches: its current rows before and after. No row after: it was never there. */
export interface Touched {
  readonly kind: Kind
  readonly id: string
  readonly isNew: boolean
  readonly before: readonly Patched[]
  readonly after: readonly Patched[]
  /** Attributes that are set or ended somewhere in time. */
  readonly names: ReadonlySet<string>
  /** Where it was written. */
  readonly place: string
}

/** What a change would do, before anything is written. */
export interface Draft {
  readonly touched: readonly Touched[]
  readonly added: number
  readonly changed: number
  readonly unchanged: number
  readonly entries: readonly DiffEntry[]
}

interface Known {
  readonly newest: number
  readonly body: string
}

interface Wish {
  readonly from: number | null
  readonly set: Record<string, Value>
  readonly places: Record<string, string>
  readonly place: string
}

const DAY_MS = 86_400_000
/** From so many patches on, a kind is read at once and not entity by entity. */
const BULK = 2000

export const rowsOf = (sql: Sql, kind: Kind, id: string): Patched[] =>
  sql
    .all('SELECT valid_from, since, body FROM fact WHERE kind = ? AND id = ? AND until IS NULL ORDER BY valid_from', kind, id)
    .map((row) => ({ from: integer(row, 'valid_from'), since: integer(row, 'since'), body: bodyOf(row.body) }))

/** Works out what patches change. What cannot be so is a problem; nothing is written. */
export const draftOf = (sql: Sql, patches: readonly Patch[], at: number, most: number, problems: Problems): Draft => {
  const wishes = gather(patches, problems)
  const known = knownOf(sql, wishes)
  const touched: Touched[] = []
  const entries: DiffEntry[] = []
  let added = 0
  let changed = 0
  let unchanged = 0
  for (const { kind, id, said: written } of wishes.values()) {
    const found = known(kind, id)
    const dated = datedOf(kind, written, found === null ? 0 : at, problems)
    // Whoever only repeats what holds since the newest fact needs no history.
    const now = found && dated.every(({ from }) => from >= found.newest) ? bodyOf(found.body) : null
    if (now && dated.every(({ set }) => isEmpty(newIn(now, set)))) {
      unchanged += dated.length
      continue
    }
    const before = found ? rowsOf(sql, kind, id) : []
    let after: readonly Patched[] = before
    const names = new Set<string>()
    let place: string | null = null
    for (const wish of dated) {
      const state = stateAt(after, wish.from)
      const fresh = newIn(state, wish.set)
      const isBirth = after.length === 0
      if (isEmpty(fresh) && !isBirth) {
        unchanged++
        continue
      }
      place ??= wish.place
      after = patched(after, wish.from, fresh)
      for (const name in fresh) names.add(name)
      if (found || !isBirth) changed++
      else added++
      checkFuture(kind, id, wish, stateAt(after, wish.from), at, problems)
      if (entries.length < most)
        entries.push({
          ...{ kind, id, from: wish.from, change: isBirth ? 'added' : 'changed', place: wish.place },
          attributes: Object.entries(fresh).map(([name, value]) => ({ name, before: state[name] ?? null, after: value })),
        })
    }
    if (place !== null) touched.push({ kind, id, isNew: found === null, before, after, names, place })
  }
  return { touched, added, changed, unchanged, entries }
}

const isEmpty = (body: Body): boolean => {
  for (const _ in body) return false
  return true
}

type Wishes = Map<string, { readonly kind: Kind; readonly id: string; readonly said: Wish[] }>

/** Patches by entity, every value checked. */
const gather = (patches: readonly Patch[], problems: Problems): Wishes => {
  const wishes: Wishes = new Map()
  for (const { kind, id, from, set, place: written } of patches) {
    const place = written ?? `${kind} ${id}`
    if (!isKind(kind)) {
      problems.add('LEDGER_VALUE', place, `${shown(kind)} is no kind; allowed: ${Object.keys(ATTRIBUTES).join(', ')}`)
      continue
    }
    if (!ID_FORM.test(id)) problems.add('LEDGER_ID', place, `${shown(id)} cannot be the id of a ${kind}`)
    if (from !== null && !(Number.isSafeInteger(from) && from >= 0))
      problems.add('LEDGER_VALUE', place, `${shown(from)} is no instant since 1970`)
    const checked: Record<string, Value> = {}
    const places: Record<string, string> = {}
    for (const [name, value] of Object.entries(set)) {
      const spec = attributeOf(kind, name)
      if (!spec) {
        problems.add('LEDGER_ATTRIBUTE', place, `a ${kind} has no ${shown(name)}; allowed: ${Object.keys(ATTRIBUTES[kind]).join(', ')}`)
        continue
      }
      const found = checkValue(spec, value)
      if (!found.ok) {
        problems.refused.add(`${kind} ${id} ${name}`)
        problems.add('LEDGER_VALUE', place, `${kind} ${id}: ${name} is ${said(kind, name, value)}; allowed: ${found.allowed}`)
        continue
      }
      checked[name] = found.value
      places[name] = place
    }
    const key = `${kind} ${id}`
    const wish: Wish = { from, set: checked, places, place }
    const entry = wishes.get(key)
    if (entry) entry.said.push(wish)
    else wishes.set(key, { kind, id, said: [wish] })
  }
  return wishes
}

/** The wishes for one entity by instant, those of one instant as one. Two that contradict each other are a problem. */
const datedOf = (kind: Kind, wishes: readonly Wish[], otherwise: number, problems: Problems): (Wish & { readonly from: number })[] => {
  const only = wishes[0]
  if (wishes.length === 1 && only) return [{ ...only, from: only.from ?? otherwise }]
  const byInstant = new Map<number, Wish & { readonly from: number }>()
  for (const wish of wishes) {
    const from = wish.from ?? otherwise
    const before = byInstant.get(from)
    if (!before) {
      byInstant.set(from, { ...wish, from, set: { ...wish.set }, places: { ...wish.places } })
      continue
    }
    for (const [name, value] of Object.entries(wish.set)) {
      const other = before.set[name]
      if (other !== undefined && other !== value)
        problems.add(
          'LEDGER_TWICE',
          wish.place,
          `says ${name} is ${said(kind, name, value)}, ${before.places[name] ?? before.place} says ${said(kind, name, other)} for the same time`,
          before.places[name] ?? before.place,
        )
      before.set[name] = value
      before.places[name] = wish.place
    }
  }
  return [...byInstant.values()].sort((a, b) => a.from - b.from)
}

/** A value for a message; messages are read by whoever may not see persons. */
const said = (kind: Kind, name: string, value: Value): string => (value !== null && mayTellPerson(kind, name) ? HIDDEN : shown(value))

const checkFuture = (kind: Kind, id: string, wish: Wish & { readonly from: number }, state: Body, at: number, problems: Problems): void => {
  if (wish.from <= at + DAY_MS || (kind === 'point' && state.state === 'planned')) return
  problems.add('LEDGER_FUTURE', wish.place, `${kind} ${id} from ${dateText(wish.from)} on is still to come; it is ${dateText(at)}`)
}

const knownOf = (sql: Sql, wishes: Wishes): ((kind: Kind, id: string) => Known | null) => {
  const perKind = new Map<Kind, number>()
  for (const { kind } of wishes.values()) perKind.set(kind, (perKind.get(kind) ?? 0) + 1)
  const whole = new Map<Kind, Map<string, Known>>()
  for (const [kind, count] of perKind) {
    if (count < BULK) continue
    const all = new Map<string, Known>()
    for (const row of sql.all('SELECT id, newest, body FROM entity WHERE kind = ?', kind))
      all.set(text(row, 'id'), { newest: integer(row, 'newest'), body: text(row, 'body') })
    whole.set(kind, all)
  }
  return (kind, id) => {
    const all = whole.get(kind)
    if (all) return all.get(id) ?? null
    const row = sql.get('SELECT newest, body FROM entity WHERE kind = ? AND id = ?', kind, id)
    return row ? { newest: integer(row, 'newest'), body: text(row, 'body') } : null
  }
}
