import { type Decimal, decimalText, multiply, parseDecimal, type Raw, subtract, tidy } from '../../core/decimal.ts'
import { DAY_FIELDS, type DayEnd } from './days.ts'
import type { Partition } from './partition.ts'
import type { Rollups } from './rollup.ts'
import { dayText } from './zone.ts'

/** One direction of energy of an area on one day. */
export interface EnergySum {
  /** exact decimal text, ratios applied; null when no meter could be booked: absent is never zero */
  readonly kwh: string | null
  /** meters in the sum */
  readonly meters: number
  /** known meters with fewer than two registers on this day */
  readonly without: number
  /** meters left out because their register ran backwards or their ratio changed during the day: exchange, rollover, correction */
  readonly doubtful: number
}

/** Energy (电量) of one area (台区) on one local day. */
export interface AreaDay {
  readonly area: string
  /** `2026-11-02` */
  readonly day: string
  readonly import: EnergySum
  readonly export: EnergySum
}

export interface EnergyQuery {
  /** Every local day touched by [from, to) is answered as a whole. */
  readonly from: number
  readonly to: number
  /** IANA name; the store's own zone is answered from kept registers, any other from the rows. */
  readonly zone: string
  /** Meters not to be counted among the consumers, the areas' own supply meters above all. */
  readonly exclude?: readonly string[]
}

/** A file and its registers of the day asked for. */
export interface DaySource {
  readonly partition: Partition
  readonly rollups: Rollups
  readonly registers: ReturnType<Rollups['day']>
}

interface Meter {
  readonly area: string
  readonly first: (End | null)[]
  readonly last: (End | null)[]
}

interface End extends DayEnd {
  readonly partition: Partition
}

/**
 * Energy by area on one day: last minus first register of each meter, whatever its source, times the ratio.
 *
 * @param sources  the files in which the day has rows; two at a month's border
 */
export const energyOfDay = (sources: readonly DaySource[], day: number, exclude: ReadonlySet<string>): AreaDay[] => {
  const meters = new Map<string, Meter>()
  for (const { partition, rollups, registers } of sources) {
    const places = rollups.places()
    for (let place = 0; place < places.length; place++) {
      const { key, tags } = partition.codec.seriesAt(places[place]!)
      const { meter = key, area = '-' } = tags
      if (exclude.has(meter)) continue
      const name = `${area}\0${meter}`
      let known = meters.get(name)
      if (!known) {
        known = { area, first: [null, null], last: [null, null] }
        meters.set(name, known)
      }
      for (let field = 0; field < DAY_FIELDS.length; field++) {
        const first = registers.first(place, field)
        const last = registers.last(place, field)
        if (!first || !last) continue
        const { first: firsts, last: lasts } = known
        if (firsts[field] === null || first.at < firsts[field]!.at) firsts[field] = { ...first, partition }
        if (lasts[field] === null || last.at > lasts[field]!.at) lasts[field] = { ...last, partition }
      }
    }
  }
  const areas = new Map<string, [Sum, Sum]>()
  for (const meter of meters.values()) {
    let sums = areas.get(meter.area)
    if (!sums) {
      sums = [new Sum(), new Sum()]
      areas.set(meter.area, sums)
    }
    for (let field = 0; field < DAY_FIELDS.length; field++) sums[field]!.add(meter.first[field] ?? null, meter.last[field] ?? null)
  }
  return [...areas]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([area, [taken, given]]) => ({ area, day: dayText(day), import: taken.result(), export: given.result() }))
}

/** Differences of one exponent and ratio are added as integers; the multiplications come last, and once. */
class Sum {
  #meters = 0
  #without = 0
  #doubtful = 0
  readonly #differences = new Map<string, Map<number, Raw>>()

  add(first: End | null, last: End | null): void {
    if (!first || !last || first.at === last.at) {
      this.#without++
      return
    }
    const ratio = ratioOf(last)
    const difference =
      first.scaler === last.scaler
        ? { raw: last.raw - first.raw, scaler: last.scaler }
        : subtract({ raw: last.raw, scaler: last.scaler }, { raw: first.raw, scaler: first.scaler })
    if (ratio !== ratioOf(first) || difference.raw < 0) {
      this.#doubtful++
      return
    }
    this.#meters++
    let scalers = this.#differences.get(ratio)
    if (!scalers) {
      scalers = new Map()
      this.#differences.set(ratio, scalers)
    }
    scalers.set(difference.scaler, plus(scalers.get(difference.scaler) ?? 0, difference.raw))
  }

  result(): EnergySum {
    let total: Decimal = { raw: 0, scaler: 0 }
    let unknownRatio = false
    for (const [ratio, scalers] of this.#differences) {
      const factor = parseDecimal(ratio)
      if (!factor) unknownRatio = true
      else for (const [scaler, raw] of scalers) total = add(total, multiply({ raw, scaler }, factor))
    }
    const kwh = this.#meters === 0 || unknownRatio ? null : decimalText(total.raw, total.scaler)
    return { kwh, meters: this.#meters, without: this.#without, doubtful: this.#doubtful }
  }
}

const ratioOf = ({ partition, ratio }: End): string => partition.words.textOf(ratio) ?? '?'

const plus = (a: Raw, b: Raw): Raw => {
  if (typeof a === 'number' && typeof b === 'number' && Number.isSafeInteger(a + b)) return a + b
  return tidy(BigInt(a) + BigInt(b))
}

const add = (a: Decimal, b: Decimal): Decimal => subtract(a, { raw: tidy(-BigInt(b.raw)), scaler: b.scaler })
