import { HIDDEN, KINDS, type Kind, mayTellPerson, type Value } from '../ledger/kinds.ts'
import type { Patch } from '../ledger/types.ts'
import type { ProblemList } from './problems.ts'

interface Known {
  readonly patch: {
    readonly kind: Kind
    readonly id: string
    readonly from: number | null
    readonly set: Record<string, Value>
    readonly place: string
  }
  readonly placeOf: (name: string) => string
  /** Of attributes that other rows have added. */
  more: Record<string, (name: string) => string> | null
}

/**
 * Patches of a file: the same entity in several rows is one patch, as an area is named by every meter in it. Rows that contradict each
 * other are a problem that names both cells.
 */
export class Gathered {
  readonly #kinds: ReadonlyMap<Kind, Map<string, Known | Known[]>> = new Map(KINDS.map((kind) => [kind, new Map()]))
  readonly #problems: ProblemList

  constructor(problems: ProblemList) {
    this.#problems = problems
  }

  /** @param placeOf  the cell that an attribute stands in */
  add(patch: Known['patch'], placeOf: (name: string) => string): void {
    const entities = this.#kinds.get(patch.kind)
    if (!entities) return
    const known = entities.get(patch.id)
    if (known === undefined) {
      entities.set(patch.id, { patch, placeOf, more: null })
      return
    }
    const all = Array.isArray(known) ? known : [known]
    const same = all.find(({ patch: { from } }) => from === patch.from)
    if (!same) {
      entities.set(patch.id, [...all, { patch, placeOf, more: null }])
      return
    }
    for (const [name, value] of Object.entries(patch.set)) {
      const before = same.patch.set[name]
      if (before === value) continue
      if (before === undefined) {
        same.patch.set[name] = value
        same.more = { ...same.more, [name]: placeOf }
        continue
      }
      const other = (same.more?.[name] ?? same.placeOf)(name)
      this.#problems.add(
        'SHEET_CONTRADICTS',
        placeOf(name),
        `says ${shown(patch.kind, name, value)} for ${name} of ${patch.kind} ${patch.id}, ${other} says ${shown(patch.kind, name, before)}`,
        other,
      )
    }
  }

  /** What others refer to first. */
  patches(): Patch[] {
    const patches: Patch[] = []
    for (const entities of this.#kinds.values())
      for (const known of entities.values())
        if (Array.isArray(known)) for (const { patch } of known) patches.push(patch)
        else patches.push(known.patch)
    return patches
  }
}

/** Messages are read by whoever may not see persons. */
const shown = (kind: Kind, name: string, value: Value): string =>
  value === null ? 'nothing' : mayTellPerson(kind, name) ? HIDDEN : JSON.stringify(value)
