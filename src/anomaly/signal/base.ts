import { countsOf, median, quantile } from './hours.ts'
import type { Situation } from './state.ts'
import type { Link } from './topology.ts'

/** What is usual for one kind of channel in this area: design differs between places, so nothing is judged by one global limit. */
export interface Base {
  /** Share of attempts that fail at a usual link of this kind, or on a usual day of this link, up to what curves can bear. */
  readonly failRate: (link: Link) => number
  readonly signal: (link: Link) => Signal | null
}

/** Signal of one link: signal-to-noise ratio where it is known, else received power. */
export interface Signal {
  readonly unit: 'snrDb' | 'rssiDbm'
  /** What the link had while it was well. */
  readonly usual: number
  readonly sigma: number
  /** Median of the links of its kind, and the lower end of what is usual among them. */
  readonly kindMedian: number
  readonly kindFloor: number
  /** Drop below the usual level in each hour, dB, the common dip of that hour taken away; NaN = not known. */
  readonly drop: Float32Array
}

/** A link kind with this many links can say what an hour was like for all. */
const ENOUGH = 5
/** A common dip of one hour is believed up to this many dB a link: a broken link must not speak for all. */
const CLIP = 3

export const baseOf = (situation: Situation): Base => {
  const { topology, comm } = situation
  const whole = { from: 0, to: comm.hours }
  const rates = new Map<string, number[]>()
  for (const { fact, columns, classes } of topology.links) {
    const { failed, attempts } = countsOf(columns, whole, classes)
    if (attempts === 0) continue
    const list = rates.get(fact.link) ?? []
    list.push(failed / attempts)
    rates.set(fact.link, list)
  }
  const floor = situation.limit('baseRate')
  const ofArea = Math.max(floor, median([...rates.values()].flat()) || 0)
  // A kind that is found on one bad bus only must not be its own measure: it may be four times as bad as the area.
  const ofKind = new Map([...rates].map(([kind, list]) => [kind, Math.max(floor, Math.min(median(list), 4 * ofArea))]))
  const most = situation.limit('lostShare')
  return {
    failRate: (link) => Math.max(ofKind.get(link.fact.link) ?? floor, Math.min(most, ownRate(situation, link))),
    signal: signalsOf(situation),
  }
}

/** Share of failed attempts on the middle one of a link's days: some are poor by design, and that is no news. */
const ownRate = ({ comm }: Situation, { columns, classes }: Link): number => {
  const shares: number[] = []
  for (let day = 0; day + 1 < comm.dayStarts.length; day++) {
    const { failed, attempts } = countsOf(columns, { from: comm.dayStarts[day] ?? 0, to: comm.dayStarts[day + 1] ?? 0 }, classes)
    if (attempts > 0) shares.push(failed / attempts)
  }
  return median(shares) || 0
}

/** Signals are worked out when first asked for: most days nobody asks. */
const signalsOf = (situation: Situation): ((link: Link) => Signal | null) => {
  const { topology } = situation
  const levels = new Map<string, Level>()
  let isRead = false
  const dips = new Map<string, Float32Array>()
  const read = () => {
    isRead = true
    for (const link of topology.links) {
      const level = levelOf(situation, link)
      if (level) levels.set(link.id, level)
    }
  }
  return (link) => {
    if (!isRead) read()
    const own = levels.get(link.id)
    if (!own) return null
    const peers = [...levels.values()].filter(({ kind, unit }) => kind === link.fact.link && unit === own.unit)
    const usuals = peers.map(({ usual }) => usual)
    const kindMedian = median(usuals)
    const spread = 1.4826 * median(usuals.map((usual) => Math.abs(usual - kindMedian)))
    // With few links of a kind nobody can say what is low.
    const kindFloor = peers.length >= ENOUGH ? kindMedian - 3 * Math.max(spread, 1) : Number.NEGATIVE_INFINITY
    const usual = Math.max(own.usual, kindFloor)
    const key = `${link.fact.link} ${own.unit}`
    let dip = dips.get(key)
    if (!dip) {
      dip = dipOf(situation, peers)
      dips.set(key, dip)
    }
    const drop = new Float32Array(own.values.length)
    for (let hour = 0; hour < drop.length; hour++) drop[hour] = usual + (dip[hour] ?? 0) - (own.values[hour] ?? Number.NaN)
    return { unit: own.unit, usual, sigma: own.sigma, kindMedian, kindFloor, drop }
  }
}

interface Level {
  readonly kind: string
  readonly unit: 'snrDb' | 'rssiDbm'
  readonly usual: number
  readonly sigma: number
  readonly values: Float32Array
}

const isKnown = (values: Float32Array): boolean => {
  for (const value of values) if (Number.isFinite(value)) return true
  return false
}

/**
 * What a link had while it was well: a high quantile of its daily means, so that a fault of most of the window does not become the rule.
 * Scatter from hour to hour comes from differences, which a step does not disturb.
 */
const levelOf = ({ comm }: Situation, { fact, columns }: Link): Level | null => {
  const unit = isKnown(columns.snrDb) ? 'snrDb' : isKnown(columns.rssiDbm) ? 'rssiDbm' : null
  if (!unit) return null
  const values = columns[unit]
  const means: number[] = []
  let steps = 0
  let squares = 0
  let before = Number.NaN
  for (let day = 0; day + 1 < comm.dayStarts.length; day++) {
    let sum = 0
    let count = 0
    for (let hour = comm.dayStarts[day] ?? 0; hour < (comm.dayStarts[day + 1] ?? 0); hour++) {
      const value = values[hour] ?? Number.NaN
      if (Number.isFinite(value)) {
        sum += value
        count++
        const step = value - before
        if (Math.abs(step) < 8) {
          squares += step * step
          steps++
        }
      }
      before = value
    }
    if (count > 0) means.push(sum / count)
  }
  const sigma = steps > 0 ? Math.sqrt(squares / steps / 2) : 1
  return { kind: fact.link, unit, usual: quantile(means, 0.9), sigma: Math.max(1, sigma), values }
}

/** How far all links of a kind are off their usual level in each hour, dB, negative = down: evenings are noisy for everybody. */
const dipOf = ({ comm }: Situation, peers: readonly Level[]): Float32Array => {
  const dip = new Float32Array(comm.hours)
  if (peers.length < ENOUGH) return dip
  const counts = new Uint16Array(comm.hours)
  for (const { values, usual } of peers)
    for (let hour = 0; hour < dip.length; hour++) {
      const off = (values[hour] ?? Number.NaN) - usual
      if (!Number.isFinite(off)) continue
      dip[hour] = (dip[hour] ?? 0) + Math.min(CLIP, Math.max(off, -CLIP))
      counts[hour] = (counts[hour] ?? 0) + 1
    }
  for (let hour = 0; hour < dip.length; hour++) if (counts[hour]) dip[hour] = (dip[hour] ?? 0) / (counts[hour] ?? 1)
  return dip
}
