import type { Entity, Ledger, Value } from '../ledger/index.ts'
import type { ArchivedMeter } from './archive-wanted.ts'

interface Placed {
  readonly meter: ArchivedMeter
  readonly concentrators: readonly string[]
}

/**
 * Which meters of the ledger are behind which concentrator: those whose line it is, and those that name it. Made when somebody asks
 * first, then told by the ledger what changed; nothing is read again that was not touched.
 */
export class ConcentratorIndex {
  readonly #ledger: Pick<Ledger, 'seq' | 'touchedSince' | 'list' | 'get'>
  readonly #placed = new Map<string, Placed>()
  readonly #behind = new Map<string, Map<string, ArchivedMeter>>()
  #seq: number | null = null

  constructor(ledger: Pick<Ledger, 'seq' | 'touchedSince' | 'list' | 'get'>) {
    this.#ledger = ledger
  }

  /** By id. */
  metersOf(concentrator: string): readonly ArchivedMeter[] {
    this.#catchUp()
    return [...(this.#behind.get(concentrator)?.values() ?? [])].sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  countOf(concentrator: string): number {
    this.#catchUp()
    return this.#behind.get(concentrator)?.size ?? 0
  }

  #catchUp(): void {
    const seq = this.#ledger.seq
    if (this.#seq === seq) return
    if (this.#seq === null)
      for (const entity of this.#ledger.list({ kind: 'meter', limit: Number.MAX_SAFE_INTEGER })) this.#put(entity.id, entity)
    else
      for (const { kind, id } of this.#ledger.touchedSince(this.#seq).entities)
        if (kind === 'meter') this.#put(id, this.#ledger.get('meter', id, null))
    this.#seq = seq
  }

  #put(id: string, entity: Entity | null): void {
    for (const concentrator of this.#placed.get(id)?.concentrators ?? []) this.#behind.get(concentrator)?.delete(id)
    const placed = entity && placedOf(entity)
    if (!placed || placed.concentrators.length === 0) {
      this.#placed.delete(id)
      return
    }
    this.#placed.set(id, placed)
    for (const concentrator of placed.concentrators) {
      const beside = this.#behind.get(concentrator) ?? new Map<string, ArchivedMeter>()
      beside.set(id, placed.meter)
      this.#behind.set(concentrator, beside)
    }
  }
}

const word = (value: Value | undefined): string => (typeof value === 'string' ? value : '')
const number = (value: Value | undefined): number | null => (typeof value === 'number' ? value : null)

/** A meter that hangs nowhere is behind nobody. */
const placedOf = ({ id, attributes }: Entity): Placed => {
  const { line, concentrator, point, address, profile, measuringPoint, archiveNumber, port, collector } = attributes
  const named = word(point) === '' ? [] : [word(concentrator), word(line)].filter((name) => name !== '')
  return {
    meter: {
      ...{ id, address: word(address), profile: word(profile), measuringPoint: number(measuringPoint) },
      ...{ archiveNumber: number(archiveNumber), port: number(port), collector: word(collector) === '' ? null : word(collector) },
    },
    concentrators: [...new Set(named)],
  }
}
