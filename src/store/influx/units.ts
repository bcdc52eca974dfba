import { fullObis, type Obis, parseObis, type Unit } from '../../core/index.ts'

/** Power of C groups 1 to 10, 15 and 16 of IEC 62056-61; phases lie 20, 40 and 60 further on. */
const POWER: Readonly<Record<number, 'kW' | 'kvar' | 'kVA'>> = {
  1: 'kW',
  2: 'kW',
  3: 'kvar',
  4: 'kvar',
  5: 'kvar',
  6: 'kvar',
  7: 'kvar',
  8: 'kvar',
  9: 'kVA',
  10: 'kVA',
  15: 'kW',
  16: 'kW',
}
const INSTANT: Readonly<Record<number, Unit>> = { 11: 'A', 12: 'V', 13: '', 14: 'Hz' }
const SPECIAL: Readonly<Record<number, Unit>> = { 81: 'deg', 90: 'A', 91: 'A', 131: 'kvar', 151: 'kvar', 171: 'kvar', 191: 'kvar' }
const ENERGY = { kW: 'kWh', kvar: 'kvarh', kVA: 'kVAh' } as const

/** The OBIS code a stored field stands for, null for fields that are no OBIS code. */
export const obisOfField = (field: string): Obis | null => fullObis(field)

/**
 * The unit a stored field is in. InfluxDB keeps none, so the code itself must say it.
 *
 * @source IEC 62056-61, value groups C and D; E = 124 is total harmonic distortion
 */
export const unitOfField = (field: string): Unit => {
  const parts = parseObis(field)
  if (parts?.a !== 1) return ''
  const { c, d, e } = parts
  const special = SPECIAL[c]
  if (special !== undefined) return d === 8 && special === 'kvar' ? 'kvarh' : special
  const quantity = c > 20 && c <= 80 ? ((c - 1) % 20) + 1 : c
  if (e === 124 && (quantity === 11 || quantity === 12)) return '%'
  const power = POWER[quantity]
  if (power) return d === 8 || d === 9 ? ENERGY[power] : power
  return INSTANT[quantity] ?? ''
}
