import { meansOf, type Rows } from './rows.ts'

/**
 * Below this a meter shows nothing, kW: starting current (起动电流) of a class-1 meter of 5 A is 0.4 % of 230 V × 5 A = 5 W; a register step of
 * 0.01 kWh in a quarter hour is 40 W.
 */
const NOTHING: Readonly<Record<Rows['channel'], number>> = { power: 0.006, energy: 0.03, daily: 0.01 }

/** A customer counts as active from here on, kW: above what stands by in an empty flat. */
const ACTIVE_KW = 0.1

const hourOfSlot = (rows: Rows, slot: number): number => {
  const row = rows.rowOf[slot]!
  return row < 0 ? -1 : rows.hour[row]!
}

/** 1 in each row in which the meter was read and showed nothing, or the share of its slots. */
export const absenceOf = (rows: Rows, meter: number): Float64Array => {
  const { value, guessed } = rows.net[meter]!
  const limit = NOTHING[rows.channel]
  const flags = new Uint8Array(value.length)
  for (let slot = 0; slot < value.length; slot++) if (Math.abs(value[slot]!) <= limit && guessed?.[slot] !== 1) flags[slot] = 1
  return meansOf(rows, flags)
}

/** Usual use of each hour of the day while the meter shows anything, kW. Hours of little experience borrow from the customer's mean. */
const usualHours = (rows: Rows, meter: number): Float64Array => {
  const { value, guessed } = rows.net[meter]!
  const limit = NOTHING[rows.channel]
  const [sum, number] = [new Float64Array(24), new Float64Array(24)]
  let all = 0
  let count = 0
  for (let slot = 0; slot < value.length; slot++) {
    const kw = value[slot]!
    const hour = hourOfSlot(rows, slot)
    if (hour < 0 || kw <= limit || guessed?.[slot] === 1) continue
    sum[hour]! += kw
    number[hour]! += 1
    all += kw
    count++
  }
  const mean = count > 0 ? all / count : 0.5
  return sum.map((total, hour) => (total + 8 * mean) / (number[hour]! + 8))
}

/** Least share of hours of the last ten days in which a meter shows nothing before it can be suspected of being passed by then. */
const ABSENT_SHARE = 0.1
const ABSENT_DAYS = 10

/** The customer's usual where the meter shows nothing, kW; null when it hardly ever shows nothing. */
export const absentShape = (rows: Rows, meter: number): Float64Array | null => {
  const absence = absenceOf(rows, meter)
  const from = rows.dayRows[Math.max(0, rows.days - ABSENT_DAYS)]!
  let sum = 0
  for (let row = from; row < rows.count; row++) sum += absence[row]!
  if (sum < ABSENT_SHARE * (rows.count - from)) return null
  const usual = usualHours(rows, meter)
  return absence.map((share, row) => share * usual[rows.hour[row]!]!)
}

/** Who is active nearly always cannot be told from a steady load of the area by that. */
const ALWAYS_SHARE = 0.9

/** Share of each row in which the customer is active by its meter; null when it always is. */
export const activeShape = (rows: Rows, meter: number): Float64Array | null => {
  const { value, guessed } = rows.net[meter]!
  const flags = new Uint8Array(value.length)
  for (let slot = 0; slot < value.length; slot++) if (value[slot]! > ACTIVE_KW && guessed?.[slot] !== 1) flags[slot] = 1
  const shape = meansOf(rows, flags)
  return shape.reduce((sum, share) => sum + share, 0) > ALWAYS_SHARE * rows.count ? null : shape
}

/** 1 in the dark: between an evening and a morning hour. */
export const darkShape = (rows: Rows, on: number, off: number): Float64Array =>
  Float64Array.from(rows.hour, (hour) => (hour >= on || hour < off ? 1 : 0))

export const constantShape = (rows: Rows): Float64Array => new Float64Array(rows.count).fill(1)

/** Shapes of the customers, each computed once. */
export interface Shapes {
  active(meter: number): Float64Array | null
  absent(meter: number): Float64Array | null
  readonly constant: Float64Array
}

export const shapesOf = (rows: Rows): Shapes => {
  const active = new Map<number, Float64Array | null>()
  const absent = new Map<number, Float64Array | null>()
  const once = <T>(kept: Map<number, T>, meter: number, make: () => T): T => {
    const known = kept.get(meter)
    if (known !== undefined) return known
    const made = make()
    kept.set(meter, made)
    return made
  }
  return {
    active: (meter) => once(active, meter, () => activeShape(rows, meter)),
    absent: (meter) => once(absent, meter, () => absentShape(rows, meter)),
    constant: constantShape(rows),
  }
}
