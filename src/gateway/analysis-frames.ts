import {
  type AreaDay,
  type AreaFrame,
  areaHistory,
  type ColumnMemory,
  type CommFrame,
  commFrameOf,
  type MeterDay,
  type MeterEvent,
  type Stretch,
} from '../anomaly/index.ts'
import { type PointDay, reusedSlab, unpackBlock } from './analysis-block.ts'
import type { BlockReader, KeptBlock } from './analysis-book.ts'
import { STEP_MS } from './analysis-columns.ts'
import { areaFactOf, type FactsLedger, type PointBelief, pointBelief } from './analysis-facts.ts'
import type { EnergyDays } from './energy-days.ts'
import type { RegisterModels } from './energy-facts.ts'

/** What stands beside the meters of a window. */
export interface Surroundings {
  /** 1 = rest day, one for each day of the window. */
  readonly restDays: Uint8Array
  /** °C for each slot of the window; null = nobody knows. */
  readonly temperature: Float32Array | null
  readonly outages: readonly Stretch[]
}

export interface FrameParts {
  readonly reader: Pick<BlockReader, 'blocks' | 'events'>
  readonly ledger: FactsLedger
  readonly models: Pick<RegisterModels, 'of'>
  readonly days: EnergyDays
  /** Whether a communication line is a broker. */
  readonly pushes: (line: string) => boolean
}

export const NO_SURROUNDINGS: Surroundings = { restDays: new Uint8Array(0), temperature: null, outages: [] }

/** A window of an area as detectors look at it. */
export interface WindowFrame {
  readonly frame: AreaFrame
  readonly comm: CommFrame | null
}

/**
 * Puts the blocks of an area together to the frame that ends with a day; the ledger as of that day. Null: nothing is kept of that day.
 *
 * @param first  first day of the window; it begins later when nothing is known of before
 * @param light  for a neighbour: without the instantaneous values of its customers
 * @param memory where the columns are; memory of their own by default
 */
export const windowFrame = (
  parts: FrameParts,
  area: string,
  first: string,
  day: string,
  around: Surroundings = NO_SURROUNDINGS,
  light = false,
  memory?: ColumnMemory,
): WindowFrame | null => {
  const { reader, days } = parts
  const blocks = reader.blocks(area, first, day, light)
  const newest = blocks.at(-1)
  const oldest = blocks[0]
  if (!newest || !oldest || newest.day !== day) return null
  const dates = days.between(oldest.day, day)
  const history = areaHistory(
    dates.length,
    dates.reduce((sum, date) => sum + slotsOf(days, date), 0),
    memory,
  )
  const walk = areaDays(parts, area, blocks, day, light)
  const dressed = surrounded(days, dates, around)
  for (const date of dates) history.put(dressed(walk(date)))
  const frame = history.frame()
  if (!frame) return null
  return { frame, comm: light ? null : commOf(area, blocks, dates, days) }
}

/**
 * Days of an area one after the other, out of its blocks; what the ledger says is as of the last one. A day without a block is not known.
 * The columns of a day are good until the next one is asked for.
 */
export const areaDays = (
  parts: FrameParts,
  area: string,
  blocks: readonly KeptBlock[],
  day: string,
  light = false,
): ((date: string) => AreaDay) => {
  const { days, ledger, models, pushes, reader } = parts
  const at = days.end(day) - 1
  const fact = areaFactOf(ledger, area, at)
  const byDay = new Map(blocks.map((block) => [block.day, block]))
  const believed = new Map<string, PointBelief>()
  for (const { id } of byDay.get(day)?.points ?? []) {
    const belief = pointBelief(ledger, models, id, area, at, pushes)
    if (belief) believed.set(id, belief)
  }
  const slab = reusedSlab()
  const [began, ended] = [days.start(blocks[0]?.day ?? day), days.end(day)]
  let known: readonly MeterEvent[] | null = null
  // Asked once for all days: a question for every point and day takes longer than to unpack the day.
  const eventsOf = (from: number, to: number): readonly MeterEvent[] => {
    known ??= reader.events([...believed.keys()], Math.min(began, from), ended)
    return known.filter((event) => event.at >= from && event.at < to)
  }
  return (date) => {
    slab.again()
    const block = byDay.get(date)
    const start = days.start(date)
    const slots = slotsOf(days, date)
    const columns = block && block.slots === slots ? unpackBlock(block, light, slab) : new Map<string, PointDay>()
    const gateways: MeterDay[] = []
    const meters: MeterDay[] = []
    for (const [id, belief] of believed) {
      const found = columns.get(id)
      if (!found && date !== day) continue
      const { imp, exp, known, faceImp, faceExp, u, i, iN, p, pf, rates } = found ?? nothing(slots)
      const own: MeterDay = { fact: withType(belief, found), imp, exp, known, faceImp, faceExp, u, i, iN, p, pf, rates }
      ;(belief.isGateway ? gateways : meters).push(own)
    }
    const events = light ? [] : eventsOf(start, days.end(date))
    return { fact, day: date, start, slots, gateways, meters, temperature: null, isRest: false, outages: [], events }
  }
}

/** Puts what surrounds a window beside its days; what is given ends with the last of them. */
export const surrounded = (days: EnergyDays, dates: readonly string[], around: Surroundings): ((day: AreaDay) => AreaDay) => {
  const starts = new Map<string, readonly [index: number, slot: number]>()
  let slots = 0
  for (const [index, date] of dates.entries()) {
    starts.set(date, [index, slots])
    slots += slotsOf(days, date)
  }
  const earlierDays = around.restDays.length - dates.length
  const earlierSlots = (around.temperature?.length ?? 0) - slots
  return (day) => {
    const [index, slot] = starts.get(day.day) ?? [0, 0]
    const from = earlierSlots + slot
    return {
      ...day,
      temperature: around.temperature && from >= 0 ? around.temperature.subarray(from, from + day.slots) : null,
      isRest: around.restDays[earlierDays + index] === 1,
      outages: touching(around.outages, day),
    }
  }
}

/** Quarter hours of a local day. */
export const slotsOf = (days: EnergyDays, day: string): number => Math.round((days.end(day) - days.start(day)) / STEP_MS)

const nothing = (slots: number): PointDay => {
  const none = () => new Float64Array(slots).fill(Number.NaN)
  return {
    ...{ imp: none(), exp: none(), known: new Uint8Array(slots), faceImp: none(), faceExp: none() },
    ...{ u: [null, null, null], i: [null, null, null], iN: null, p: null, pf: null, rates: null },
  }
}

/** A meter of which the ledger names no phases has as many as it shows. */
const withType = ({ fact, isTypeKnown }: PointBelief, day: PointDay | undefined) => {
  if (isTypeKnown || (!day?.u[1] && !day?.i[1])) return fact
  return { ...fact, type: '3P' as const, phase: fact.phase ?? ('ABC' as const) }
}

const touching = (outages: readonly Stretch[], { start, slots }: Pick<AreaDay, 'start' | 'slots'>): readonly Stretch[] =>
  outages.filter(({ from, to }) => from < start + slots * STEP_MS && to > start)

const HOUR_MS = 3_600_000

/** Null when nothing was counted on any day. */
const commOf = (area: string, blocks: readonly KeptBlock[], dates: readonly string[], days: EnergyDays): CommFrame | null => {
  if (!blocks.some(({ comm }) => comm)) return null
  const byDay = new Map(blocks.map((block) => [block.day, block.comm]))
  return commFrameOf(
    dates.map((date) => {
      const start = days.start(date)
      const hours = Math.round((days.end(date) - start) / HOUR_MS)
      const comm = byDay.get(date)
      return comm && comm.hours === hours ? { area, ...comm } : { area, start, hours, targets: [] }
    }),
  )
}
