import type { PushedRecord, PushedValue } from '../../src/core/push.ts'

/** A record while the message is worked through. */
export interface Building extends Omit<PushedRecord, 'values'> {
  readonly values: PushedValue[]
}

/**
 * Values grouped by meter, instant and everything else that a record says of all its values: ratio, doubt, whether it is stored data.
 * A value that differs in one of them must not be put under the other's.
 */
export class Records {
  readonly list: Building[] = []
  /** More than a few are found by key. */
  #byKey: Map<string, Building> | null = null

  /** @returns  the record these values belong to, and the value that has its code already for each that cannot go in */
  add(head: Omit<PushedRecord, 'values'>, values: readonly PushedValue[]): readonly (readonly [refused: PushedValue, kept: PushedValue])[] {
    let record = this.#find(head)
    if (!record) {
      record = { ...head, values: [] }
      this.list.push(record)
      this.#byKey?.set(keyOf(record), record)
    }
    let refused: (readonly [PushedValue, PushedValue])[] | null = null
    for (const value of values) {
      const kept = keptFor(record, value.obis)
      if (kept === null) record.values.push(value)
      else {
        refused ??= []
        refused.push([value, kept])
      }
    }
    return refused ?? NONE
  }

  #find(head: Omit<PushedRecord, 'values'>): Building | undefined {
    if (this.list.length < 8) {
      for (const one of this.list) if (isSame(one, head)) return one
      return undefined
    }
    this.#byKey ??= new Map(this.list.map((one) => [keyOf(one), one]))
    return this.#byKey.get(keyOf(head))
  }
}

const NONE: readonly (readonly [PushedValue, PushedValue])[] = []

const keptFor = ({ values }: Building, obis: string | null): PushedValue | null => {
  if (obis !== null) for (const value of values) if (value.obis === obis) return value
  return null
}

type Head = Omit<PushedRecord, 'values'>

const isSame = (a: Head, b: Head): boolean =>
  a.meter === b.meter &&
  a.measuredAt === b.measuredAt &&
  a.historical === b.historical &&
  a.ct === b.ct &&
  a.pt === b.pt &&
  a.flags.length === b.flags.length &&
  a.flags.every((flag, at) => flag === b.flags[at])

const keyOf = ({ meter, measuredAt, historical, ct, pt, flags }: Head): string =>
  JSON.stringify([meter, measuredAt, historical, ct, pt, flags])
