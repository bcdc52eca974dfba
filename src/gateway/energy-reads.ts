import {
  parseObis,
  QUALITY,
  type Reading,
  type ReadingStore,
  type Result,
  SOURCES,
  type Source,
  scalerAt,
  type Unit,
} from '../core/index.ts'
import type { RegisterRead } from '../energy/index.ts'
import type { MeterFact } from '../ledger/index.ts'

/** Reads of one register of a point, whichever meter hung there. */
export interface RegisterReads {
  readonly field: string
  readonly obis: string
  readonly unit: Unit
  readonly reads: RegisterRead[]
  /** Ratios that stand beside the stored rows. */
  readonly stored: Set<string>
}

const HOUR = 3_600_000
const DAY = 24 * HOUR
/** So much of the neighbouring days is looked at first; with daily freezes that is one read on either side. */
const MARGIN_MS = 26 * HOUR
/** Where too few reads are found, so much further. */
const FURTHER_MS = [3 * DAY, 10 * DAY, 35 * DAY, 70 * DAY]
/** Reads wanted on either side: one says what the register was, the other that it can be believed. */
const ENOUGH = 2
const PAGE = 20_000
/** Group C of cumulative registers that never run backwards: import, export, reactive, quadrants, apparent. */
const MOST_C = 10

const isSource = (word: string | undefined): word is Source => SOURCES.some((source) => source === word)

/** The registers stored for the meters of a point in a time, a little beyond it, and further where there is little. */
export class PointReads {
  readonly #store: Pick<ReadingStore, 'range'>
  readonly #history: readonly MeterFact[]
  readonly registers = new Map<string, RegisterReads>()

  constructor(store: Pick<ReadingStore, 'range'>, history: readonly MeterFact[]) {
    this.#store = store
    this.#history = history
  }

  /**
   * Loads what figures of [from, to) need.
   *
   * @param wanted  registers that are known to exist here besides those that are found
   * @param known   nothing is stored outside of it
   */
  async load(
    from: number,
    to: number,
    wanted: ReadonlyMap<string, Pick<RegisterReads, 'obis' | 'unit'>>,
    known: { readonly first: number; readonly last: number },
  ): Promise<Result<null>> {
    let start = from - MARGIN_MS
    let end = to + MARGIN_MS
    const first = await this.#fetch(start, end)
    if (!first.ok) return first
    for (const [field, { obis, unit }] of wanted) this.#register(field, obis, unit)
    for (const further of FURTHER_MS) {
      const { before, after } = this.#lacking(from, to)
      if (before && start > known.first) {
        const more = await this.#fetch(from - further, start)
        if (!more.ok) return more
        start = from - further
      }
      if (after && end < known.last) {
        const more = await this.#fetch(end, to + further)
        if (!more.ok) return more
        end = to + further
      }
    }
    return first
  }

  /** Whether some register has too few reads on a side. */
  #lacking(from: number, to: number): { before: boolean; after: boolean } {
    const lacking = { before: false, after: false }
    for (const { reads } of this.registers.values()) {
      const good = reads.filter(({ quality }) => (quality & QUALITY.quarantined) === 0)
      if (good.filter(({ at }) => at <= from).length < ENOUGH) lacking.before = true
      if (good.filter(({ at }) => at >= to).length < ENOUGH) lacking.after = true
    }
    return lacking
  }

  async #fetch(from: number, to: number): Promise<Result<null>> {
    const meters = new Set(
      this.#history.filter((fact) => fact.from < to && (fact.to === null || fact.to >= from)).map(({ meter }) => meter),
    )
    for (const meter of meters) {
      let cursor: string | undefined
      do {
        const page = await this.#store.range({
          ...{ measurement: 'register', tags: { meter }, from, to, limit: PAGE },
          ...(cursor === undefined ? {} : { cursor }),
        })
        if (!page.ok) return page
        for (const reading of page.value.readings) this.#take(reading, meter)
        cursor = page.value.next ?? undefined
      } while (cursor !== undefined)
    }
    return { ok: true, value: null }
  }

  #take(reading: Reading, meter: string): void {
    const { shape, raws, measuredAt, receivedAt, quality, series, ratio } = reading
    const { source } = series.tags
    if (!isSource(source)) return
    for (const [column, { field, obis, unit }] of shape.columns.entries()) {
      const raw = raws[column]
      if (raw === null || raw === undefined || obis === null || !isCumulative(obis)) continue
      const register = this.#register(field, obis, unit)
      register.stored.add(ratio)
      register.reads.push({ at: measuredAt, receivedAt, value: { raw, scaler: scalerAt(reading, column) }, meter, source, quality })
    }
  }

  #register(field: string, obis: string, unit: Unit): RegisterReads {
    let register = this.registers.get(field)
    if (!register) {
      register = { field, obis, unit, reads: [], stored: new Set() }
      this.registers.set(field, register)
    }
    return register
  }
}

const cumulative = new Map<string, boolean>()
const isCumulative = (obis: string): boolean => {
  let known = cumulative.get(obis)
  if (known === undefined) {
    const parts = parseObis(obis)
    known = parts !== null && parts.a === 1 && parts.d === 8 && parts.c >= 1 && parts.c <= MOST_C
    cumulative.set(obis, known)
  }
  return known
}
