import type { Raw } from '../../../src/core/decimal.ts'
import type { Metric } from './payload.ts'

/** What a birth said of one metric. */
export interface Definition {
  readonly name: string
  readonly alias: Raw | null
  /** Null: of the edge node itself. */
  readonly device: string | null
  readonly datatype: number
  /** Property `engUnit`. */
  readonly unit: string | null
  /** Property `obis`, as it was written. */
  readonly obis: string | null
}

/** Why a metric of a DATA message has no definition. */
export type Unresolved = 'unknown' | 'ambiguous' | 'contradiction'

/**
 * The metrics of one edge node and its devices, by alias (别名) and by name. Aliases are unique over the node and all its devices;
 * one that a birth gave to two names counts for neither.
 *
 * @source Sparkplug B 3.0, 6.4.7 metric alias
 */
export class Definitions {
  readonly #byAlias = new Map<Raw, Definition | null>()
  readonly #byDevice = new Map<string | null, Map<string, Definition>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  *all(): Generator<Definition> {
    for (const names of this.#byDevice.values()) yield* names.values()
  }

  clear(): void {
    this.#byAlias.clear()
    this.#byDevice.clear()
    this.#size = 0
  }

  /** Forgets what one device had. */
  forget(device: string | null): void {
    const names = this.#byDevice.get(device)
    for (const { alias } of names?.values() ?? []) if (alias !== null) this.#byAlias.delete(alias)
    this.#size -= names?.size ?? 0
    this.#byDevice.delete(device)
  }

  add(definition: Definition): void {
    const { device, name, alias } = definition
    const names = this.#byDevice.get(device) ?? new Map<string, Definition>()
    this.#byDevice.set(device, names)
    if (!names.has(name)) this.#size++
    names.set(name, definition)
    if (alias === null) return
    const known = this.#byAlias.get(alias)
    const other = known === null || (known !== undefined && (known.name !== name || known.device !== device))
    this.#byAlias.set(alias, other ? null : definition)
  }

  /**
   * The definition of a metric in a DATA message: by its name, or else by its alias.
   *
   * @returns  `contradiction` when the alias is another device's or has another datatype: a newer birth was missed
   */
  find(device: string | null, { name, alias, datatype }: Pick<Metric, 'name' | 'alias' | 'datatype'>): Definition | Unresolved {
    if (name !== null) return this.#byDevice.get(device)?.get(name) ?? 'unknown'
    const found = alias === null ? undefined : this.#byAlias.get(alias)
    if (found === undefined) return 'unknown'
    if (found === null) return 'ambiguous'
    const differs = found.device !== device || (datatype !== 0 && found.datatype !== 0 && datatype !== found.datatype)
    return differs ? 'contradiction' : found
  }
}

/** What a metric of a birth defines; null without a name. */
export const definitionOf = (metric: Metric, device: string | null): Definition | null =>
  metric.name === null
    ? null
    : {
        name: metric.name,
        alias: metric.alias,
        device,
        datatype: metric.datatype,
        unit: textProperty(metric, 'engUnit'),
        obis: textProperty(metric, 'obis'),
      }

/** Longest unit or OBIS code that is kept. */
const MAX_PROPERTY = 100

const textProperty = ({ properties }: Metric, key: string): string | null => {
  const value = properties.get(key)?.value
  const text = value?.field === 'string' ? value.value.trim() : ''
  return text === '' || text.length > MAX_PROPERTY ? null : text
}
