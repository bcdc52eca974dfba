import type { MeterFact } from '../../anomaly/index.ts'
import { type Decimal, parseDecimal } from '../../core/index.ts'
import { deriveEnergy, ENERGY_FLAGS, type EnergyInput, type ExchangeRecord, type MeterPeriod } from '../../energy/index.ts'
import type { Series } from './readings.ts'

/** Energy of a stretch of slots, kWh of the primary side; NaN = not known. */
export interface SlotEnergy {
  readonly imp: Float64Array
  readonly exp: Float64Array
  /** As MeterColumns.known. */
  readonly known: Uint8Array
}

export const STEP_MS = 15 * 60_000
const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000

/** 100 A at 3 × 230 V and a fifth more: what a meter without transformers can carry; 6 A behind them. As in the running gateway. */
const KW_DIRECT = 83
const KW_A_RATIO = 5
const TIMES_CONTRACT = 3
/** Most that can have flowed, kW on the primary side. The larger limit counts: the ledger's contract and ratio may both be wrong. */
export const limitKw = ({ type, multiplier, contractKw }: MeterFact): number =>
  Math.max(TIMES_CONTRACT * (contractKw ?? 0), type === '3P-CT' ? KW_A_RATIO * multiplier : KW_DIRECT)

/** How far back a trouble is worked out again when more is known. */
const LOOK_BACK_MS = 3 * DAY_MS
/** No window is longer. */
const LONGEST_MS = 63 * DAY_MS
/** Reads before a trouble that say what was usual. */
const CONTEXT_MS = DAY_MS

/**
 * Interval energy of one meter, worked out as the days close.
 *
 * Between two registers that can both be true the difference is spread evenly, as `src/energy` does it, without its exact decimals.
 * Wherever there is anything to decide (a register that falls, leaps or is off the grid, an exchange) it is `src/energy` that decides,
 * over the reads of those days; and again on the next day, which may tell a bad read from a new register.
 */
export interface MeterEnergy {
  /**
   * Closes the day that ends at `end`.
   * @returns  energy of the slots from `from` on up to `end`: earlier than the day where a gap before it has closed
   */
  close(start: number, end: number): SlotEnergy & { readonly from: number }
}

/** Registers of a meter by time, as {@link Series} has them. */
export type Registers = Pick<Series, 'count' | 'times' | 'imp' | 'exp'>

export const meterEnergy = (fact: MeterFact, series: Registers | null): MeterEnergy => {
  const limit = limitKw(fact)
  /** Next row to be looked at, and the newest of import and of export that can be relied on. */
  let next = 0
  const last = { imp: -1, exp: -1 }
  /** First instant of something that the next day may show in another light; null = all is settled. */
  let trouble: number | null = null

  const step = (column: Float64Array, from: number, to: number): number => (column[to] ?? Number.NaN) - (column[from] ?? Number.NaN)
  const isPlausible = (delta: number, ms: number): boolean => delta >= 0 && (delta - SLACK) * fact.multiplier * HOUR_MS <= limit * ms

  return {
    close: (start, end) => {
      if (!series || Number.isNaN(fact.multiplier)) return { from: start, ...unknown((end - start) / STEP_MS) }
      const { times, imp, exp, count } = series
      const firstRow = next
      while (next < count && (times[next] ?? 0) <= end) next++
      let odd: number | null = fact.exchanges.find(({ at }) => at > start && at <= end)?.at ?? null
      for (const name of ['imp', 'exp'] as const) {
        const column = series[name]
        let before = last[name]
        for (let row = firstRow; row < next; row++) {
          if (Number.isNaN(column[row] ?? Number.NaN)) continue
          const at = times[row] ?? 0
          const isOff = at % STEP_MS !== 0 || (before >= 0 && (times[before] ?? 0) % STEP_MS !== 0)
          if (isOff || (before >= 0 && !isPlausible(step(column, before, row), at - (times[before] ?? 0))))
            odd = Math.min(odd ?? at, before >= 0 ? (times[before] ?? at) : at)
          before = row
        }
      }
      const wasTrouble = trouble
      if (odd !== null) trouble = Math.max(Math.min(trouble ?? odd, odd), end - LOOK_BACK_MS)
      const [oldImp, oldExp] = [last.imp, last.exp]
      for (let row = firstRow; row < next; row++) {
        if (!Number.isNaN(imp[row] ?? Number.NaN)) last.imp = row
        if (!Number.isNaN(exp[row] ?? Number.NaN)) last.exp = row
      }
      if (trouble !== null) {
        const from = Math.min(
          start,
          Math.floor(Math.min(trouble, startOf(times, oldImp, start), startOf(times, oldExp, start)) / STEP_MS) * STEP_MS,
        )
        const least = Math.max(from, start - LONGEST_MS)
        if (odd === null && wasTrouble !== null) trouble = null
        return { from: least, ...exactly(fact, series, next, least, end, limit) }
      }
      const from = Math.min(start, startOf(times, oldImp, start), startOf(times, oldExp, start))
      const slots = (end - from) / STEP_MS
      const energy = unknown(slots)
      const fill = (column: Float64Array, first: number, into: Float64Array, known: Uint8Array | null) => {
        let before = first
        for (let row = firstRow; row < next; row++) {
          if (Number.isNaN(column[row] ?? Number.NaN)) continue
          if (before >= 0) {
            const [a, b] = [((times[before] ?? 0) - from) / STEP_MS, ((times[row] ?? 0) - from) / STEP_MS]
            const kwh = (rounded(step(column, before, row)) * fact.multiplier) / (b - a)
            for (let slot = Math.max(0, a); slot < b; slot++) {
              into[slot] = kwh
              // Between two equal registers nothing was used, wherever one cuts.
              if (known) known[slot] = b - a === 1 || kwh === 0 ? 2 : 1
            }
          }
          before = row
        }
      }
      fill(imp, oldImp, energy.imp, energy.known)
      fill(exp, oldExp, energy.exp, null)
      return { from, ...energy }
    },
  }
}

/** Half a unit of the last of two digits at either end. */
const SLACK = 0.02
const rounded = (kwh: number): number => Math.round(kwh * 1e6) / 1e6
const startOf = (times: Float64Array, row: number, otherwise: number): number => (row >= 0 ? (times[row] ?? otherwise) : otherwise)

const unknown = (slots: number): SlotEnergy => ({
  imp: new Float64Array(slots).fill(Number.NaN),
  exp: new Float64Array(slots).fill(Number.NaN),
  known: new Uint8Array(slots),
})

const decimal = (value: number): Decimal => parseDecimal(String(value)) ?? { raw: 0, scaler: 0 }
const numberOf = ({ raw, scaler }: Decimal): number => Number(`${raw}e${scaler}`)

/** The slots from `from` to `end`, by the rules of `src/energy`. */
const exactly = (fact: MeterFact, series: Registers, rows: number, from: number, end: number, limit: number): SlotEnergy => {
  const exchanges = fact.exchanges.filter(({ at }) => at <= end)
  const name = (at: number) => `${fact.id}#${exchanges.filter((exchange) => exchange.at <= at).length}`
  const meters = [Number.NEGATIVE_INFINITY, ...exchanges.map(({ at }) => at)].map(
    (at, index): MeterPeriod => ({
      meter: `${fact.id}#${index}`,
      from: at,
      to: exchanges[index]?.at ?? null,
      capacity: null,
    }),
  )
  let first = rows
  while (first > 0 && (series.times[first - 1] ?? 0) >= from - CONTEXT_MS) first--
  // The register before a long silence is what the next one is measured by.
  if (first > 0) first--
  const boundaries = Array.from({ length: (end - from) / STEP_MS + 1 }, (_, slot) => from + slot * STEP_MS)
  const derive = (column: Float64Array, registers: (exchange: MeterFact['exchanges'][number]) => Pick<ExchangeRecord, 'end' | 'start'>) => {
    const reads: EnergyInput['reads'][number][] = []
    for (let row = first; row < rows; row++) {
      const value = column[row] ?? Number.NaN
      const at = series.times[row] ?? 0
      if (!Number.isNaN(value)) reads.push({ at, receivedAt: at, value: decimal(value), meter: name(at), source: 'curve', quality: 0 })
    }
    return deriveEnergy(
      {
        reads,
        meters,
        ratios: [{ from: Number.NEGATIVE_INFINITY, to: null, ratio: decimal(fact.multiplier) }],
        exchanges: exchanges.map((exchange, index) => ({
          at: exchange.at,
          oldMeter: `${fact.id}#${index}`,
          newMeter: `${fact.id}#${index + 1}`,
          ...registers(exchange),
        })),
        outages: [],
        plausibility: { maxKw: decimal(limit), source: 'the larger of three times the contract and what the meter can carry' },
      },
      boundaries,
    ).intervals
  }
  const energy = unknown(boundaries.length - 1)
  const imported = derive(series.imp, ({ oldFinal, newInitial }) => ({
    end: oldFinal === null ? null : decimal(oldFinal),
    start: newInitial === null ? null : decimal(newInitial),
  }))
  for (const [slot, { kwh, flags }] of imported.entries()) {
    if (kwh === null) continue
    energy.imp[slot] = numberOf(kwh)
    energy.known[slot] = flags & (ENERGY_FLAGS.split | ENERGY_FLAGS.estimated) ? 1 : 2
  }
  // What an exchange record says is the import register; that of export starts anew with the meter.
  for (const [slot, { kwh }] of derive(series.exp, () => ({ end: null, start: null })).entries())
    if (kwh !== null) energy.exp[slot] = numberOf(kwh)
  return energy
}
