import type { AreaFrame, MeterColumns, Phase } from '../frame.ts'
import type { AreaView } from '../view.ts'
import { follow, lastDays, PHASES, type Swings, swingsOf } from './follow.ts'

/** How well a meter's voltage follows one area's gateway. */
export interface AreaFit {
  readonly area: string
  /** Partial correlation with the phase that fits best (mean of the three places of a three-phase meter); own current taken out. */
  readonly correlation: number
  /** Phase that fits best; of a three-phase meter ABC. */
  readonly phase: Phase
  readonly rows: number
}

/** Which area the voltages of a meter belong to (户变关系). */
export interface Belonging {
  readonly id: string
  /** Best first; the ledger's own area is always among them when its gateway has voltages. */
  readonly fits: readonly AreaFit[]
  /** Area that fits best. */
  readonly best: AreaFit
  /** Fit in the area of the ledger; null when its gateway has no voltages. */
  readonly own: AreaFit | null
  /** Correlation of the best less that of the own area (0 when the own is best) … */
  readonly against: number
  /** … and correlation of the best less the next best: what `best` is better by. */
  readonly margin: number
}

/** Margin that another area must be better by. @source areas on one MV feeder share much of their voltage; Lee et al., 2022 */
export const MEMBERSHIP_MARGIN = 0.1
/** Days compared. */
export const MEMBERSHIP_DAYS = 14

/** Gateway swings of the area and its neighbours over the same slots, for {@link fitsOf}; build them once per judged day. */
export const areaSwings = (
  frames: readonly AreaFrame[],
  days = MEMBERSHIP_DAYS,
): readonly { readonly frame: AreaFrame; readonly swings: Swings }[] =>
  frames.flatMap((frame) => {
    const swings = swingsOf(frame, lastDays(frame, days), frame.slots)
    return swings ? [{ frame, swings }] : []
  })

/** Fit of one meter in each of the areas; the frames cover the same slots as the meter's own. */
export const fitsOf = (meter: MeterColumns, areas: readonly { readonly frame: AreaFrame; readonly swings: Swings }[]): readonly AreaFit[] =>
  areas
    .flatMap(({ frame, swings }): readonly AreaFit[] => {
      const places = meter.fact.type === '1P' ? [0] : [0, 1, 2]
      const follows = places.flatMap((place) => {
        const one = follow(meter, place, swings, frame.fact.nominalV)
        return one ? [one] : []
      })
      const [first] = follows
      if (!first) return []
      const bestOf = (of: (typeof follows)[number]) => Math.max(...of.correlation)
      const correlation = follows.reduce((sum, one) => sum + bestOf(one), 0) / follows.length
      const at = first.correlation.indexOf(bestOf(first))
      return [{ area: frame.fact.id, correlation, phase: places.length === 1 ? (PHASES[at] ?? 'A') : 'ABC', rows: first.rows }]
    })
    .sort((x, y) => y.correlation - x.correlation)

/**
 * Where one meter of `view.frame` (or of a neighbour) belongs, by its voltage: correlation in its own area and in each neighbour.
 *
 * Read it so: `against >= MEMBERSHIP_MARGIN` = another area (`best.area`) fits better, a reason to look for the meter's energy in that area's balance;
 * `best === own && margin >= MEMBERSHIP_MARGIN` = it does hang here, a wrong-area claim must not be made. Below the margin the voltage says nothing.
 * A meter with a shifted clock fits nowhere (all correlations low): look at `view.doubts` first.
 *
 * @returns null when the meter, or every gateway, has too few voltages
 */
export const belongsTo = (
  view: Pick<AreaView, 'frame' | 'neighbours'>,
  meterId: string,
  areas = areaSwings([view.frame, ...view.neighbours]),
): Belonging | null => {
  for (const frame of [view.frame, ...view.neighbours]) {
    const meter = frame.meters.find(({ fact }) => fact.id === meterId)
    if (!meter) continue
    const fits = fitsOf(meter, areas)
    const [best, next] = fits
    if (!best) return null
    const own = fits.find(({ area }) => area === frame.fact.id) ?? null
    return {
      id: meterId,
      fits,
      best,
      own,
      against: own ? best.correlation - own.correlation : 0,
      margin: best.correlation - (next?.correlation ?? 0),
    }
  }
  return null
}
