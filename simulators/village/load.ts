import { SLOTS_A_DAY } from '../calendar.ts'
import { fraction, mix } from '../random.ts'
import type { PeriodDays, VillageMeter } from './describe.ts'

/**
 * Load and solar curves repeat after five weeks; registers go on counting. This makes a register at any instant a sum of at
 * most one day's quarter hours, whenever it is asked for.
 */
export const PERIOD_DAYS = 35
export const PERIOD_SLOTS = PERIOD_DAYS * SLOTS_A_DAY

/** Hourly shapes, watts of an ordinary consumer. */
const SHAPES = {
  household: [90, 80, 75, 75, 80, 120, 320, 420, 260, 170, 160, 260, 340, 210, 160, 160, 200, 340, 620, 760, 720, 560, 330, 160],
  shop: [
    150, 140, 140, 140, 150, 200, 450, 1200, 2400, 2900, 3000, 3100, 2800, 2900, 3000, 2900, 2800, 2900, 3000, 2700, 1800, 700, 250, 180,
  ],
  supply: [],
} as const satisfies Record<VillageMeter['use'], readonly number[]>

/**
 * Watts a customer draws, and its reactive power, over the whole period: shape × size × weekend × noise, with appliances of a
 * kilowatt or two switched on for a quarter hour now and then.
 *
 * @returns  active and reactive power without solar, watts and var, one for each quarter hour
 */
export const loadOf = (seed: number, meter: VillageMeter): { readonly watts: Int32Array; readonly vars: Int32Array } => {
  const watts = new Int32Array(PERIOD_SLOTS)
  const vars = new Int32Array(PERIOD_SLOTS)
  const shape: readonly number[] = SHAPES[meter.use]
  const mark = mix(seed, 3, Number(meter.id.slice(1)))
  const shift = Math.floor(fraction(mark, 1) * 5) - 2 // quarter hours: not everybody rises at the same time
  const angle = 0.2 + 0.2 * fraction(mark, 2)
  for (let slot = 0; slot < PERIOD_SLOTS; slot++) {
    const day = Math.floor(slot / SLOTS_A_DAY)
    const quarter = (slot + shift + SLOTS_A_DAY) % SLOTS_A_DAY
    const hour = quarter >> 2
    const part = (quarter & 3) / 4
    const base = shape[hour]! * (1 - part) + shape[(hour + 1) % 24]! * part
    const weekend = day % 7 >= 5
    const habit = meter.use === 'shop' ? (weekend ? 1.15 : 1) : weekend && hour >= 9 && hour < 17 ? 1.5 : 1
    const ofDay = 0.8 + 0.4 * fraction(mark, 3, day)
    const noise = 0.75 + 0.5 * fraction(mark, 4, slot)
    const appliance = meter.use === 'household' && fraction(mark, 5, slot) < base / 6000 ? 800 + 1400 * fraction(mark, 6, slot) : 0
    const power = base * meter.size * habit * ofDay * noise + appliance
    if (isWithin(meter.away, day)) {
      // A refrigerator that comes and goes, a router, clocks.
      watts[slot] = Math.round(25 + (fraction(mark, 8, slot) < 0.4 ? 80 : 0))
      vars[slot] = Math.round(watts[slot]! * angle)
      continue
    }
    watts[slot] = Math.round(power)
    // Heaters and kettles take no reactive power.
    vars[slot] = Math.round((power - appliance) * angle * (0.9 + 0.2 * fraction(mark, 7, slot)))
  }
  return { watts, vars }
}

/** Whether a day of the period lies in a stretch. */
export const isWithin = (stretch: PeriodDays | undefined, day: number): boolean =>
  stretch !== undefined && (day - stretch.first + PERIOD_DAYS) % PERIOD_DAYS < stretch.days

/** Watts of rooftop solar (屋顶光伏) in one quarter hour of the period; the sky is the same over the whole village. */
export const solarOf = (seed: number, peakW: number, slot: number): number => {
  const hour = (slot % SLOTS_A_DAY) / 4 + 0.125
  if (peakW === 0 || hour < 6.5 || hour > 17.5) return 0
  const day = Math.floor(slot / SLOTS_A_DAY)
  const sky = 0.25 + 0.75 * Math.sqrt(fraction(seed, 8, day))
  const cloud = 1 - (1 - sky) * fraction(seed, 9, slot)
  return Math.round(peakW * 0.85 * sky * cloud * Math.sin((Math.PI * (hour - 6.5)) / 11) ** 1.4)
}
