import { type Obis, parseObis } from '../../src/core/obis.ts'
import { canonicalUnit, type Unit } from '../../src/core/unit.ts'

/** Units of the C groups of one phase; of all phases together they begin at 1, of a single one at 21, 41 and 61. @source IEC 62056-61, 5.3 */
const UNITS: Readonly<Record<number, readonly [energy: Unit, power: Unit]>> = {
  1: ['kWh', 'kW'],
  2: ['kWh', 'kW'],
  3: ['kvarh', 'kvar'],
  4: ['kvarh', 'kvar'],
  5: ['kvarh', 'kvar'],
  6: ['kvarh', 'kvar'],
  7: ['kvarh', 'kvar'],
  8: ['kvarh', 'kvar'],
  9: ['kVAh', 'kVA'],
  10: ['kVAh', 'kVA'],
  15: ['kWh', 'kW'],
  16: ['kWh', 'kW'],
}
const INSTANT: Readonly<Record<number, Unit>> = { 11: 'A', 12: 'V', 14: 'Hz' }
const REACTIVE_NET: readonly number[] = [131, 151, 171, 191]

/** Whether a unit can be that of a quantity: kWh is none of a voltage. What is not known to have one unit takes any. */
export const unitFits = (obis: Obis, unit: string): boolean => {
  const parts = parseObis(obis)
  const stored = canonicalUnit(unit)?.[0]
  if (!parts || stored === undefined || parts.a !== 1) return true
  const { c, d } = parts
  const quantity = c > 20 && c <= 80 ? c - 20 * Math.floor((c - 1) / 20) : c
  const [energy, power] = REACTIVE_NET.includes(c) ? (['kvarh', 'kvar'] as const) : (UNITS[quantity] ?? [])
  const wanted = d === 8 ? energy : d === 7 ? (power ?? INSTANT[quantity]) : d === 6 ? power : undefined
  return wanted === undefined || wanted === stored
}
