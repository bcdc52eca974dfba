import { type Dice, normal, SLOTS_A_DAY, within } from './world.ts'

/** Where and when: what weather and light depend on. */
export interface Climate {
  /** °C, mean of the year and half the way from winter to summer. */
  readonly meanC: number
  readonly swingC: number
  /** Degrees north. */
  readonly latitude: number
}

/** Day of the year, 0 = 1 January. */
const yearDay = (at: number): number => (at / 86_400_000) % 365.2425

/** °C an hour: season, weather of days that follow each other, hour of the day. */
export const temperatureOf = (dice: Dice, { meanC, swingC, latitude }: Climate, start: number, days: number): number[] => {
  const hours: number[] = []
  let weather = 0
  const side = latitude < 0 ? -1 : 1
  for (let day = 0; day < days; day++) {
    weather = 0.8 * weather + 2 * normal(dice)
    const season = meanC - side * swingC * Math.cos((2 * Math.PI * (yearDay(start + day * 86_400_000) - 20)) / 365.2425)
    for (let hour = 0; hour < 24; hour++)
      hours.push(Math.round((season + weather + 3.5 * Math.sin((2 * Math.PI * (hour - 9)) / 24)) * 10) / 10)
  }
  return hours
}

/** Cosine of the sun's angle from the zenith, 0 at night. @source Duffie & Beckman, Solar Engineering of Thermal Processes, eq. 1.6.5 */
export const sunOf = ({ latitude }: Climate, at: number, offsetHours: number): number => {
  const rad = Math.PI / 180
  const declination = 23.45 * rad * Math.sin((2 * Math.PI * (284 + yearDay(at))) / 365)
  const hour = ((at + offsetHours * 3_600_000) / 3_600_000) % 24
  const angle = (hour - 12) * 15 * rad
  return Math.max(0, Math.sin(latitude * rad) * Math.sin(declination) + Math.cos(latitude * rad) * Math.cos(declination) * Math.cos(angle))
}

/** Clearness of the sky in each slot, the same for a whole area. */
export const skyOf = (dice: Dice, days: number): Float64Array => {
  const sky = new Float64Array(days * SLOTS_A_DAY)
  let cloud = 0
  for (let day = 0; day < days; day++) {
    const clear = 0.25 + 0.75 * Math.sqrt(dice())
    for (let slot = 0; slot < SLOTS_A_DAY; slot++) {
      cloud = 0.8 * cloud + 0.2 * normal(dice)
      sky[day * SLOTS_A_DAY + slot] = Math.min(1, Math.max(0.05, clear + (1 - clear) * cloud))
    }
  }
  return sky
}

/** kW of a roof of so many kW peak. */
export const solarOf = (climate: Climate, sky: Float64Array, kwp: number, start: number, offsetHours: number): Float64Array =>
  sky.map((clear, slot) => 0.85 * kwp * clear * sunOf(climate, start + (slot + 0.5) * 900_000, offsetHours) ** 1.15)

/**
 * kW a household draws, mean of each quarter hour: standby, a refrigerator that comes and goes, people who are at home and awake or not,
 * single appliances, heat that follows the cold for some, a boiler at night for some. No shape is shared: every house has its own hours.
 */
export const householdOf = (dice: Dice, temperature: readonly number[], start: number, days: number): Float64Array => {
  const kw = new Float64Array(days * SLOTS_A_DAY)
  const size = Math.exp(0.45 * normal(dice))
  const [standby, fridge] = [within(dice, 0.03, 0.12) * size, within(dice, 0.05, 0.12)]
  const [rise, leave, back, sleep] = [within(dice, 5.5, 8), within(dice, 7.5, 9.5), within(dice, 15.5, 19), within(dice, 21.5, 24)]
  const isHomeByDay = dice() < 0.35
  const heatKw = dice() < 0.35 ? within(dice, 0.5, 2.2) * size : 0
  const coolKw = dice() < 0.3 ? within(dice, 0.5, 1.5) * size : 0
  const boiler = dice() < 0.3 ? { hour: within(dice, 22, 24), kw: within(dice, 1.5, 3), hours: within(dice, 1, 3) } : null
  const busy = within(dice, 0.5, 1.6) * size
  let cycle = Math.floor(dice() * 6)
  let cooking = 0
  let washing = 0
  const weekday = Math.floor(start / 86_400_000 + 4) % 7
  for (let day = 0; day < days; day++) {
    const isWeekend = (weekday + day) % 7 === 0 || (weekday + day) % 7 === 6
    const mood = Math.exp(0.18 * normal(dice))
    const late = isWeekend ? within(dice, 0, 2) : within(dice, -0.3, 0.3)
    const isOut = !isHomeByDay && !isWeekend && dice() < 0.9
    for (let slot = 0; slot < SLOTS_A_DAY; slot++) {
      const at = day * SLOTS_A_DAY + slot
      const hour = slot / 4
      const awake = hour > rise + late && hour < sleep + late / 2
      const home = awake && !(isOut && hour > leave && hour < back)
      cycle = (cycle + 1) % 6
      let power = standby + (cycle < 3 ? fridge : 0.01)
      if (home) power += busy * mood * (0.12 + 0.18 * dice()) + (hour > 17 || hour < 7 ? 0.12 * size : 0)
      if (
        home &&
        cooking === 0 &&
        dice() < (Math.abs(hour - 12) < 1 || Math.abs(hour - 18.5) < 1.5 || Math.abs(hour - rise - 0.5) < 0.6 ? 0.12 : 0.012)
      )
        cooking = 1 + Math.floor(dice() * 4)
      if (home && washing === 0 && dice() < (isWeekend ? 0.014 : 0.007)) washing = 3 + Math.floor(dice() * 5)
      if (cooking > 0) {
        power += within(dice, 0.5, 2.2)
        cooking--
      }
      if (washing > 0) {
        power += within(dice, 0.3, 1.6)
        washing--
      }
      const cold = temperature[Math.floor(at / 4)] ?? 15
      power += heatKw * Math.max(0, (16 - cold) / 16) * (home ? 1 : 0.6) * (0.6 + 0.8 * dice())
      if (home) power += coolKw * Math.max(0, (cold - 25) / 8) * (0.5 + dice())
      if (boiler && (hour - boiler.hour + 24) % 24 < boiler.hours) power += boiler.kw * within(dice, 0.7, 1)
      kw[at] = power
    }
  }
  return kw
}

/** kW of a workshop or shop: base, opening hours, machines; quiet at the weekend. */
export const workshopOf = (dice: Dice, start: number, days: number): Float64Array => {
  const kw = new Float64Array(days * SLOTS_A_DAY)
  const size = within(dice, 4, 18)
  const [open, close] = [within(dice, 6, 9), within(dice, 16.5, 20)]
  const worksSaturday = dice() < 0.5
  const weekday = Math.floor(start / 86_400_000 + 4) % 7
  let level = 0.5
  for (let at = 0; at < kw.length; at++) {
    const of = (weekday + Math.floor(at / SLOTS_A_DAY)) % 7
    const hour = (at % SLOTS_A_DAY) / 4
    const isOpen = of !== 0 && (of !== 6 || worksSaturday) && hour > open && hour < close
    level = Math.min(1, Math.max(0.15, level + 0.12 * normal(dice)))
    kw[at] = size * (0.06 + 0.02 * dice() + (isOpen ? 0.75 * level : 0))
  }
  return kw
}
