import type { AreaFrame, MeterColumns } from '../frame.ts'
import type { DataDoubt } from '../view.ts'

/** Quarter hours of an ordinary day. */
const QUARTERS = 96

/** What one metering point takes in each slot, kW, negative = feeds in. */
export interface Net {
  readonly value: Float64Array
  /** 1 where it was not read; null = it always was. */
  readonly guessed: Uint8Array | null
  /** Variance of a guess by quarter hour of the day, kW². */
  readonly spread: Float64Array | null
}

/** Variance of what is never read, kW²: any household may be behind it; 0.5 kW is the mean of one (4,400 kWh a year), taken as its spread. */
const NO_HOUSEHOLD = 0.25

/** Quarter hour of the local day of each slot. */
export const quartersOf = (frame: AreaFrame): Uint8Array => {
  const quarter = new Uint8Array(frame.slots)
  for (let day = 0; day < frame.days.length; day++) {
    const [from, to] = [frame.dayStarts[day]!, frame.dayStarts[day + 1]!]
    for (let slot = from; slot < to; slot++) quarter[slot] = Math.min(QUARTERS - 1, slot - from)
  }
  return quarter
}

const slotAt = (frame: AreaFrame, time: number): number => Math.floor((time - frame.start) / frame.stepMs)

/** Voltage below this share of nominal while current flows: the meter has lost the phase (失压) and counts nothing of it. @source DL/T 1496, 78 % */
const LOST = 0.78

/**
 * Instantaneous power at the end of each slot, kW; NaN = not read. What flows on a phase whose voltage the meter has lost is put back from its
 * current, the gateway's voltage of that phase and the power factor of the other two: a fault of the meter must not look like a theft of others.
 */
export const powerOf = (frame: AreaFrame, { fact, p, u, i }: MeterColumns): Float64Array => {
  const out = new Float64Array(frame.slots).fill(Number.NaN)
  if (!p) return out
  out.set(p)
  if (fact.type === '1P') return out
  const { nominalV } = frame.fact
  const { slots } = frame
  const root = frame.gateways[0]
  const lost = new Float64Array(slots)
  const seen = new Float64Array(slots)
  for (let phase = 0; phase < 3; phase++) {
    const amperes = i[phase]
    const volts = u[phase]
    const supplies = root?.u[phase]
    if (!amperes || !volts) continue
    for (let slot = 0; slot < slots; slot++) {
      const volt = volts[slot]!
      const ampere = Math.abs(amperes[slot]!)
      if (!(ampere > 0)) continue
      const read = supplies ? supplies[slot]! : Number.NaN
      const supply = read > 0 || read < 0 ? read : nominalV
      // What voltage is left still counts.
      if (volt < LOST * supply) lost[slot]! += ampere * (supply - volt)
      if (volt > 0) seen[slot]! += ampere * volt
    }
  }
  for (let slot = 0; slot < slots; slot++) {
    if (!(lost[slot]! > 0)) continue
    const factor = seen[slot]! > 0 ? Math.min(1, Math.abs(out[slot]! * 1000) / seen[slot]!) : 1
    out[slot]! += (lost[slot]! * factor) / 1000
  }
  return out
}

/** Mean power of each slot from its two registers, kW; NaN where either was not read. */
export const energyOf = (frame: AreaFrame, { known, imp, exp }: MeterColumns): Float64Array => {
  const out = new Float64Array(frame.slots).fill(Number.NaN)
  const hours = frame.stepMs / 3_600_000
  for (let slot = 0; slot < frame.slots; slot++) if (known[slot] === 2) out[slot] = (imp[slot]! - (exp[slot] || 0)) / hours
  return out
}

/** Share of slots in which a column has a value. */
export const coverage = (column: Float64Array): number => {
  let good = 0
  for (let at = 0; at < column.length; at++) if (!Number.isNaN(column[at]!)) good++
  return column.length === 0 ? 0 : good / column.length
}

/** A column without what the doubts of its meter forbid, and put back to true time: a clock that is ahead stamps what happens now with a later slot. */
export const trusted = (frame: AreaFrame, column: Float64Array, doubts: readonly DataDoubt[]): Float64Array => {
  let out = column
  for (const { what, from, to, shiftMs = 0 } of doubts) {
    const first = Math.max(0, slotAt(frame, from))
    const end = to === null ? frame.slots : Math.min(frame.slots, slotAt(frame, to) + 1)
    if (what === 'unusable') {
      out = out === column ? Float64Array.from(column) : out
      out.fill(Number.NaN, first, Math.max(first, end))
    }
    const steps = Math.round(shiftMs / frame.stepMs)
    if (what !== 'shift' || steps === 0) continue
    out = out === column ? Float64Array.from(column) : out
    for (let slot = first; slot < end; slot++) out[slot] = column[slot + steps] ?? Number.NaN
  }
  return out
}

/** Nothing of it was read. */
export const isStranger = ({ guessed }: Net): boolean => guessed !== null && !guessed.includes(0)

/**
 * The net power of customers of which nothing was read, whatever the reason, is what the others take: the mean of each quarter hour, and as its
 * variance how far households lie from it. Absent is not zero, or the balance would look for somebody who takes it.
 */
export const withStrangers = (nets: readonly Net[], quarter: Uint8Array): readonly Net[] => {
  const seen = nets.filter((net) => !isStranger(net))
  if (seen.length === 0 || seen.length === nets.length) return nets
  const [sum, squares, number] = [new Float64Array(QUARTERS), new Float64Array(QUARTERS), new Float64Array(QUARTERS)]
  for (const { value } of seen)
    for (let slot = 0; slot < value.length; slot++) {
      const q = quarter[slot]!
      sum[q]! += value[slot]!
      squares[q]! += value[slot]! ** 2
      number[q]! += 1
    }
  const usual = sum.map((kw, q) => kw / Math.max(1, number[q]!))
  const like = {
    value: Float64Array.from(quarter, (q) => usual[q]!),
    guessed: new Uint8Array(quarter.length).fill(1),
    spread: squares.map((square, q) => Math.max(NO_HOUSEHOLD, square / Math.max(1, number[q]!) - usual[q]! ** 2)),
  }
  return nets.map((net) => (isStranger(net) ? like : net))
}

/**
 * Net power of one customer in every slot: read where it was read, else the gap's measured total, else the usual of that quarter hour
 * with the variance that such a guess has. A row with a guess in it is not left out but counts as little as the guess is good.
 */
export const netOf = (frame: AreaFrame, { known, imp, exp }: MeterColumns, read: Float64Array, quarter: Uint8Array): Net => {
  if (coverage(read) === 1) return { value: read, guessed: null, spread: null }
  const [sum, squares, number] = [new Float64Array(QUARTERS), new Float64Array(QUARTERS), new Float64Array(QUARTERS)]
  const [value, guessed] = [Float64Array.from(read), new Uint8Array(frame.slots)]
  for (let slot = 0; slot < frame.slots; slot++) {
    const kw = read[slot]!
    if (Number.isNaN(kw)) continue
    const q = quarter[slot]!
    sum[q]! += kw
    squares[q]! += kw * kw
    number[q]! += 1
  }
  const [usual, spread] = [new Float64Array(QUARTERS), new Float64Array(QUARTERS)]
  for (let q = 0; q < QUARTERS; q++) {
    // Neighbouring quarters share their experience: with few days a single quarter knows too little.
    let total = 0
    let square = 0
    let count = 0
    for (let beside = -2; beside <= 2; beside++) {
      const at = (q + beside + QUARTERS) % QUARTERS
      total += sum[at]!
      square += squares[at]!
      count += number[at]!
    }
    usual[q] = count === 0 ? 0 : total / count
    spread[q] = count < 4 ? NO_HOUSEHOLD : Math.max(1e-4, square / count - usual[q]! ** 2)
  }
  const hours = frame.stepMs / 3_600_000
  for (let slot = 0; slot < frame.slots; slot++) {
    if (!Number.isNaN(value[slot]!)) continue
    guessed[slot] = 1
    const total = known[slot]! > 0 ? (imp[slot]! - (exp[slot] || 0)) / hours : Number.NaN
    value[slot] = Number.isFinite(total) ? total : usual[quarter[slot]!]!
  }
  return { value, guessed, spread }
}
