import { type Decimal, decimalText, multiply, parseDecimal, type Raw, subtract, tidy } from '../../core/decimal.ts'
import { DAY_FIELDS, DayEnds, type DayRegisters } from './days.ts'
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
  readonly registers: DayRegisters
}

/** Numbers for texts, given out as they come. */
class Numbers {
  readonly #ids = new Map<string, number>()
  readonly texts: string[] = []

  of(text: string): number {
    const known = this.#ids.get(text)
    if (known !== undefined) return known
    const id = this.texts.push(text) - 1
    this.#ids.set(text, id)
    return id
  }
}

/** What is known of a file's series, worked out once: whose they are. */
interface FileNumbers {
  /** number of the meter at each place */
  readonly meters: number[]
  /** number of the ratio of each word */
  readonly ratios: number[]
}

/**
 * Adds up energy by area. Meters, areas and ratios are numbers here and their registers plain arrays, so that a day of 20,000
 * meters takes a few milliseconds even while it changes.
 */
export class EnergyBook {
  readonly #meters = new Numbers()
  readonly #areas = new Numbers()
  readonly #ratios = new Numbers()
  readonly #areaOfMeter: number[] = []
  readonly #nameOfMeter: string[] = []
  readonly #files = new WeakMap<Rollups, FileNumbers>()

  /**
   * Energy by area on one day: last minus first register of each meter, whatever its source, times the ratio.
   *
   * @param sources  the files in which the day has rows; two at a month's border
   */
  day(sources: readonly DaySource[], day: number, exclude: ReadonlySet<string>): AreaDay[] {
    const files = sources.map(({ partition, rollups }) => this.#fileOf(partition, rollups))
    const ends = new DayEnds(this.#nameOfMeter.length)
    const known = new Uint8Array(this.#nameOfMeter.length)
    for (const [at, { partition, registers }] of sources.entries()) {
      const { meters, ratios } = files[at]!
      for (const meter of meters) known[meter] = 1
      registers.mergeInto(ends, meters, (word) => {
        ratios[word] ??= this.#ratios.of(partition.words.textOf(word) ?? '?')
        return ratios[word]
      })
    }
    const areas: ([Sum, Sum] | undefined)[] = []
    for (let meter = 0; meter < known.length; meter++) {
      if (known[meter] === 0 || (exclude.size > 0 && exclude.has(this.#nameOfMeter[meter]!))) continue
      const area = this.#areaOfMeter[meter]!
      areas[area] ??= [new Sum(), new Sum()]
      const sums = areas[area]
      for (let field = 0; field < DAY_FIELDS.length; field++) sums[field]!.add(ends, meter * DAY_FIELDS.length + field)
    }
    return areas
      .flatMap((sums, area) => (sums ? [{ area: this.#areas.texts[area]!, sums }] : []))
      .sort((a, b) => (a.area < b.area ? -1 : 1))
      .map(({ area, sums: [taken, given] }) => ({
        area,
        day: dayText(day),
        import: taken.result(this.#ratios.texts),
        export: given.result(this.#ratios.texts),
      }))
  }

  #fileOf({ codec }: Partition, rollups: Rollups): FileNumbers {
    let file = this.#files.get(rollups)
    if (!file) {
      file = { meters: [], ratios: [] }
      this.#files.set(rollups, file)
    }
    const places = rollups.places()
    for (let place = file.meters.length; place < places.length; place++) {
      const { key, tags } = codec.seriesAt(places[place]!)
      const { meter = key, area = '-' } = tags
      const number = this.#meters.of(`${area}\0${meter}`)
      if (number === this.#nameOfMeter.length) {
        this.#nameOfMeter.push(meter)
        this.#areaOfMeter.push(this.#areas.of(area))
      }
      file.meters.push(number)
    }
    return file
  }
}

/** Differences of one exponent and ratio are added as integers; the multiplications come last, and once. */
class Sum {
  #meters = 0
  #without = 0
  #doubtful = 0
  /** by ratio × 256 + exponent + 128 */
  readonly #differences = new Map<number, Raw>()

  add({ firstAt, lastAt, firstRaw, lastRaw, firstScaler, lastScaler, firstRatio, lastRatio }: DayEnds, index: number): void {
    if (!(firstAt[index]! < lastAt[index]!)) {
      this.#without++
      return
    }
    let scaler = lastScaler[index]!
    let raw: Raw = lastRaw[index]! - firstRaw[index]!
    if (scaler !== firstScaler[index]) {
      const difference = subtract({ raw: lastRaw[index]!, scaler }, { raw: firstRaw[index]!, scaler: firstScaler[index]! })
      scaler = difference.scaler
      raw = difference.raw
    }
    const ratio = lastRatio[index]!
    if (ratio !== firstRatio[index] || raw < 0) {
      this.#doubtful++
      return
    }
    this.#meters++
    const name = ratio * 256 + scaler + 128
    this.#differences.set(name, plus(this.#differences.get(name) ?? 0, raw))
  }

  result(ratios: readonly string[]): EnergySum {
    let total: Decimal = { raw: 0, scaler: 0 }
    let unknownRatio = false
    for (const [name, raw] of this.#differences) {
      const factor = parseDecimal(ratios[Math.floor(name / 256)]!)
      if (factor) total = add(total, multiply({ raw, scaler: (name % 256) - 128 }, factor))
      else unknownRatio = true
    }
    const kwh = this.#meters === 0 || unknownRatio ? null : decimalText(total.raw, total.scaler)
    return { kwh, meters: this.#meters, without: this.#without, doubtful: this.#doubtful }
  }
}

const plus = (a: Raw, b: Raw): Raw => {
  if (typeof a === 'number' && typeof b === 'number' && Number.isSafeInteger(a + b)) return a + b
  return tidy(BigInt(a) + BigInt(b))
}

const add = (a: Decimal, b: Decimal): Decimal => subtract(a, { raw: tidy(-BigInt(b.raw)), scaler: b.scaler })
