import { DAY_MS, EPOCH, startOfDay } from '../calendar.ts'
import type { Fault } from '../faults.ts'
import type { VillageMeter, VillagePlan } from './describe.ts'
import { PERIOD_DAYS } from './load.ts'

/** Something that is wrong in the village, or only looks so. */
export interface Scene {
  readonly kind: 'bypass' | 'wrong-ct' | 'unregistered' | 'clock' | 'dead' | 'noisy-bus' | 'vacation'
  /** Meter or line. */
  readonly target: string
  readonly point: string | null
  readonly area: string | null
  /** Village instants; null = always, or still. */
  readonly from: number | null
  readonly to: number | null
  readonly note: string
}

/** A village in which something goes on, and what. */
export interface Scenes {
  readonly plan: VillagePlan
  readonly scenes: readonly Scene[]
  /** Orders that come with them. */
  readonly faults: readonly Fault[]
}

const BYPASS_DAYS = 8
const BYPASS_SHARE = 0.7
const VACATION = { before: 9, days: 5 }
const CLOCK_DAYS = 14
/** Three minutes a day: a quartz that is plainly broken. */
const CLOCK_PPM = 2083
const DEAD_MS = 1.5 * DAY_MS
const NOISE_MS = 2 * DAY_MS

/**
 * Lets things go wrong in a village: a bypass (绕越用电), a shop whose current transformers are larger than the ledger says, a meter that nobody
 * registered, a clock that runs away, a dead meter, a noisy bus; and a family on vacation, with whom nothing is wrong.
 *
 * @param start  village instant before which they began
 */
export const scenesOf = (plan: VillagePlan, start: number): Scenes => {
  const today = startOfDay(start)
  const taken = new Set<string>()
  const scenes: Scene[] = []
  const faults: Fault[] = []
  const changes = new Map<string, Partial<VillageMeter>>()
  const plain = plan.meters.filter(({ role, solarW }) => role === 'customer' && solarW === 0)
  const polled = plain.filter(({ family }) => family === undefined)
  const pick = (
    from: readonly VillageMeter[],
    better: (a: VillageMeter, b: VillageMeter) => number = () => 0,
  ): VillageMeter | undefined => {
    const [best] = from.filter(({ id }) => !taken.has(id)).sort((a, b) => better(a, b) || (a.id < b.id ? -1 : 1))
    if (best) taken.add(best.id)
    return best
  }
  const tell = (kind: Scene['kind'], meter: VillageMeter, from: number | null, to: number | null, note: string) =>
    scenes.push({ kind, target: meter.id, point: meter.point, area: meter.area, from, to, note })
  const larger = (a: VillageMeter, b: VillageMeter) => b.size - a.size
  const smaller = (a: VillageMeter, b: VillageMeter) => a.size - b.size
  const homes = polled.filter(({ use }) => use === 'household')
  const dlt = homes.filter(({ profile }) => profile.startsWith('dlt645'))

  const thief = pick(dlt, larger)
  if (thief) {
    const from = startOfDay(start, BYPASS_DAYS)
    changes.set(thief.id, { bypass: { first: periodDay(from), days: PERIOD_DAYS - BYPASS_DAYS, share: BYPASS_SHARE } })
    tell('bypass', thief, from, null, `${BYPASS_SHARE * 100} % of the current passes the meter`)
  }
  const shop =
    pick(polled.filter(({ use, area, profile }) => use === 'shop' && area !== thief?.area && profile.startsWith('dlt645'))) ??
    pick(polled.filter(({ use, profile }) => use === 'shop' && profile.startsWith('dlt645')))
  if (shop) {
    changes.set(shop.id, { ct: '150/5', ledger: { ct: '100/5' } })
    tell('wrong-ct', shop, null, null, 'current transformers 150/5, the ledger says 100/5')
  }
  const stranger = pick(
    plain.filter(({ family, use, area }) => family !== undefined && use === 'household' && area !== thief?.area),
    smaller,
  )
  if (stranger) {
    changes.set(stranger.id, { ledger: null })
    tell('unregistered', stranger, null, null, 'runs and answers, and is in no ledger')
  }
  const clock = pick(dlt.filter(({ area }) => area !== thief?.area))
  if (clock) {
    const from = startOfDay(start, CLOCK_DAYS)
    faults.push({ kind: 'clock', meter: clock.id, from, offset: 0, ppm: CLOCK_PPM })
    tell('clock', clock, from, null, `the clock gains ${((CLOCK_PPM * 0.0864) / 60).toFixed(1)} minutes a day`)
  }
  const dead = pick(homes.filter(({ profile, area }) => !profile.startsWith('dlt645') && area !== thief?.area)) ?? pick(homes)
  if (dead) {
    const from = today - DEAD_MS
    faults.push({ kind: 'silent', meter: dead.id, from })
    tell('dead', dead, from, null, 'no answer')
  }
  const away = pick(homes.filter(({ area }) => area === thief?.area))
  if (away) {
    const from = startOfDay(start, VACATION.before)
    changes.set(away.id, { away: { first: periodDay(from), days: VACATION.days } })
    tell('vacation', away, from, from + VACATION.days * DAY_MS, 'nobody at home; nothing is wrong')
  }
  const busy = new Set(plan.meters.filter(({ id, role }) => taken.has(id) || role === 'area-supply').map(({ line }) => line))
  const noisy =
    plan.lines.find(({ id, kind }) => kind === 'modbus-rtu' && !busy.has(id)) ??
    plan.lines.find(({ id, kind }) => kind === 'dlt645' && !busy.has(id))
  if (noisy) {
    const from = today - NOISE_MS
    faults.push({ kind: 'noise', line: noisy.id, from, probability: 0.6, where: 'inside', bytes: 3 })
    scenes.push({
      kind: 'noisy-bus',
      target: noisy.id,
      point: null,
      area: null,
      from,
      to: null,
      note: 'three answers in five are disturbed',
    })
  }
  const meters = plan.meters.map((meter) => ({ ...meter, ...changes.get(meter.id) }))
  return { plan: { ...plan, meters }, scenes, faults }
}

const periodDay = (at: number): number => Math.floor((at - EPOCH) / DAY_MS) % PERIOD_DAYS
