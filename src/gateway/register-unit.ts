import { type Obis, parseObis, type Unit } from '../core/index.ts'

/** Units of cumulative registers by their C group. @source IEC 62056-61 */
const UNITS: Readonly<Record<number, Unit>> = {
  ...{ 1: 'kWh', 2: 'kWh', 15: 'kWh', 16: 'kWh', 9: 'kVAh', 10: 'kVAh' },
  ...{ 3: 'kvarh', 4: 'kvarh', 5: 'kvarh', 6: 'kvarh', 7: 'kvarh', 8: 'kvarh' },
}
const CUMULATIVE = 8

/** The unit of a register that counts up, as it is stored; null: it is none. */
export const registerUnit = (obis: Obis): Unit | null => {
  const parts = parseObis(obis)
  return parts?.d === CUMULATIVE ? (UNITS[parts.c] ?? null) : null
}
