import type { PlannedValue, RatioKind } from '../../src/core/adapter.ts'
import type { Obis } from '../../src/core/obis.ts'
import { scaleOf } from './objects.ts'

/** OBIS group C of an energy, by the second and third digit of its OI: `10` of 0010 is forward active. */
const ENERGY: Readonly<Record<string, number>> = {
  '00': 16,
  '01': 1,
  '02': 2,
  '03': 3,
  '04': 4,
  '05': 5,
  '06': 6,
  '07': 7,
  '08': 8,
  '09': 9,
  '0A': 10,
}

/** Instantaneous values of attribute 2: codes of its elements in order. */
const INSTANTS: Readonly<Record<string, { readonly obis: readonly Obis[]; readonly ratio: RatioKind }>> = {
  '2000': { obis: ['1-0:32.7.0', '1-0:52.7.0', '1-0:72.7.0'], ratio: 'pt' },
  '2001': { obis: ['1-0:31.7.0', '1-0:51.7.0', '1-0:71.7.0'], ratio: 'ct' },
  '2004': { obis: ['1-0:16.7.0', '1-0:36.7.0', '1-0:56.7.0', '1-0:76.7.0'], ratio: 'ctpt' },
  '2005': { obis: ['1-0:131.7.0', '1-0:151.7.0', '1-0:171.7.0', '1-0:191.7.0'], ratio: 'ctpt' },
  '2006': { obis: ['1-0:9.7.0', '1-0:29.7.0', '1-0:49.7.0', '1-0:69.7.0'], ratio: 'ctpt' },
  '200A': { obis: ['1-0:13.7.0', '1-0:33.7.0', '1-0:53.7.0', '1-0:73.7.0'], ratio: 'none' },
  '200F': { obis: ['1-0:14.7.0'], ratio: 'none' },
}

/** Units as the house spells them. */
export const HOUSE_UNITS: Readonly<Record<string, string>> = { C: '°C' }

/**
 * The stored value an element of an attribute is; null where the house has no code for it.
 *
 * @param oad    attribute, its index byte zero or the element's own
 * @param index  place in the array, 0 = total or phase A
 */
export const plannedOf = (oad: string, index: number): PlannedValue | null => {
  const scale = scaleOf(oad)
  if (!scale) return null
  const oi = oad.slice(0, 4)
  const element = Number.parseInt(oad.slice(6, 8), 16)
  const at = element > 0 ? element - 1 : index
  const head = { unit: HOUSE_UNITS[scale.unit] ?? scale.unit, scaler: scale.scaler }
  const instant = INSTANTS[oi]
  if (instant) {
    const obis = oad.slice(4, 6) === '02' ? instant.obis[at] : undefined
    return obis === undefined ? null : { obis, ...head, ratio: instant.ratio }
  }
  const kind = /^[01]/.test(oi) ? ENERGY[`0${oi[2]}`] : undefined
  const phase = Number.parseInt(oi.slice(3), 16)
  if (kind === undefined || phase > 3 || at > 63) return null
  const c = phase === 0 ? kind : kind + 20 * phase
  return { obis: `1-0:${c}.${oi.startsWith('0') ? 8 : 6}.${at}`, ...head, ratio: 'ctpt' }
}
