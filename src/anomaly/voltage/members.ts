import type { AreaFrame, MeterColumns } from '../frame.ts'
import type { AreaView } from '../view.ts'
import { lastDays, swingsOf } from './follow.ts'
import { areaSwings, fitsOf, MEMBERSHIP_MARGIN } from './membership.ts'

/** A voltage that follows its own gateway as well as this is not looked for elsewhere. */
const AT_HOME = 0.8
/** Days for the first look, and for the comparison. */
const FIRST_DAYS = 3
const DAYS = 7

/**
 * Meters that hang in the area of `view.frame` by what their voltages say, whatever the ledger believes: its own without those that fit
 * another area better by the margin, and those of the neighbours that fit here. Meters fed elsewhere by an earlier finding are left out too.
 */
export const membersOf = (view: Pick<AreaView, 'frame' | 'neighbours' | 'doubts'>): readonly MeterColumns[] => {
  const { frame, neighbours, doubts } = view
  const elsewhere = new Set(doubts.flatMap(({ id, what }) => (what === 'not-here' ? [id] : [])))
  const here = frame.meters.filter(({ fact }) => !elsewhere.has(fact.id))
  if (neighbours.length === 0) return here
  const areas = areaSwings([frame, ...neighbours], DAYS)
  const homes = new Map([frame, ...neighbours].map((of) => [of, swingsOf(of, lastDays(of, FIRST_DAYS), of.slots)]))
  const belongs = (meter: MeterColumns, of: AreaFrame): boolean => {
    const swings = homes.get(of)
    const home = swings ? fitsOf(meter, [{ frame: of, swings }])[0] : undefined
    if (!home || home.correlation >= AT_HOME) return of === frame
    const fits = fitsOf(meter, areas)
    const own = fits.find(({ area }) => area === of.fact.id)
    const [best] = fits
    if (!own || !best || best.correlation - own.correlation < MEMBERSHIP_MARGIN) return of === frame
    return best.area === frame.fact.id
  }
  return [...here.filter((meter) => belongs(meter, frame)), ...neighbours.flatMap((of) => of.meters.filter((meter) => belongs(meter, of)))]
}
