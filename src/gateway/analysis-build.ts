import type { CommDay, MeterEvent, Stretch } from '../anomaly/index.ts'
import { OUTAGE_SCOPES, type Outage } from '../collection/index.ts'
import type { Reading, ReadingStore, Result } from '../core/index.ts'
import { type BlockPoint, packBlock } from './analysis-block.ts'
import type { KeptBlock } from './analysis-book.ts'
import { NEAR_MS, pointDayOf } from './analysis-columns.ts'
import { type FactsLedger, pointBelief } from './analysis-facts.ts'
import { slotsOf } from './analysis-frames.ts'
import type { EnergyBook } from './energy-book.ts'
import type { EnergyDays } from './energy-days.ts'
import type { RegisterModels } from './energy-facts.ts'
import { eventWord } from './event-words.ts'
import { isUnder, type PlaceLedger } from './outage-places.ts'

export interface BuildParts {
  readonly store: Pick<ReadingStore, 'range'>
  readonly energy: Pick<EnergyBook, 'figures'>
  readonly ledger: FactsLedger
  readonly models: Pick<RegisterModels, 'of'>
  readonly days: EnergyDays
  /** Communication of an area on one day; null = nothing was counted. */
  readonly comm: (area: string, points: readonly string[], day: string) => Promise<Result<CommDay | null>>
}

const PAGE = 20_000

/**
 * Makes the block of one area and closed day out of what is stored now.
 *
 * @param points  that belong to the area at the end of the day
 * @errors        those of the store
 */
export const buildBlock = async (parts: BuildParts, area: string, day: string, points: readonly string[]): Promise<Result<KeptBlock>> => {
  const { days, energy, ledger, models } = parts
  const [start, end] = [days.start(day), days.end(day)]
  const slots = slotsOf(days, day)
  const made: BlockPoint[] = []
  let complete = 0
  for (const id of points) {
    const belief = pointBelief(ledger, models, id, area, end - 1, () => false)
    if (!belief) continue
    const read = await readingsOf(parts, id, start - NEAR_MS, end + NEAR_MS)
    if (!read.ok) return read
    const columns = pointDayOf({ start, slots, ...read.value, figures: energy.figures(id, day) })
    if (columns.known.every((known) => known === 2)) complete++
    made.push({ id, isGateway: belief.isGateway, multiplier: belief.fact.multiplier, day: columns })
  }
  const comm = await parts.comm(area, points, day)
  if (!comm.ok) return comm
  const packed = packBlock(slots, made)
  return { ok: true, value: { ...packed, area, day, start, members: made.length, complete, comm: comm.value } }
}

/** Rows of a point, whichever meter hung there, and those of its meters that were stored before they had a point. */
const readingsOf = async (
  { store, ledger }: BuildParts,
  point: string,
  from: number,
  to: number,
): Promise<Result<{ readonly registers: readonly Reading[]; readonly instants: readonly Reading[] }>> => {
  const meters = [
    ...new Set(ledger.history(point).flatMap((fact) => (fact.from < to && (fact.to === null || fact.to > from) ? [fact.meter] : []))),
  ]
  const all = async (measurement: 'register' | 'instant'): Promise<Result<readonly Reading[]>> => {
    const found: Reading[] = []
    for (const meter of meters) {
      let cursor: string | undefined
      do {
        const page = await store.range({
          ...{ measurement, tags: { meter }, from, to: to + 1, limit: PAGE },
          ...(cursor === undefined ? {} : { cursor }),
        })
        if (!page.ok) return page
        // What a meter said while it hung elsewhere is not of this point.
        for (const reading of page.value.readings)
          if (reading.series.tags.point === '-' || reading.series.tags.point === point) found.push(reading)
        cursor = page.value.next ?? undefined
      } while (cursor !== undefined)
    }
    return { ok: true, value: found }
  }
  const [registers, instants] = await Promise.all([all('register'), all('instant')])
  if (!registers.ok) return registers
  if (!instants.ok) return instants
  return { ok: true, value: { registers: registers.value, instants: instants.value } }
}

/** Times without power of an area within [from, to), for its points or all of it. @param now  nothing later is known */
export const stretchesOf = (
  ledger: PlaceLedger,
  outages: readonly Outage[],
  points: readonly string[],
  from: number,
  to: number,
): readonly Stretch[] =>
  outages.flatMap((outage): Stretch[] => {
    if (!OUTAGE_SCOPES.includes(outage.scope)) return []
    const under = points.filter((point) => isUnder(ledger, point, outage))
    if (under.length === 0) return []
    const ids = under.length === points.length ? null : under
    return [
      { from: Math.max(outage.from, from), to: Math.min(outage.to ?? outage.expectedTo ?? to, to), ids, what: `${outage.kind} outage` },
    ]
  })

/** An event row as detectors know it, by their word for it. */
export const eventOf = ({ series, measuredAt }: Reading): MeterEvent | null => {
  const { point = '-', meter = '-', code = '-' } = series.tags
  const id = point === '-' ? meter : point
  return id === '-' || code === '-' || code.startsWith('PUSH_CONFLICT') ? null : { id, at: measuredAt, event: eventWord(code) }
}
