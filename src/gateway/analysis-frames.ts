import {
  type AreaDay,
  type AreaFrame,
  areaHistory,
  type ColumnMemory,
  type CommFrame,
  commFrameOf,
  type MeterColumns,
  type MeterDay,
  type MeterEvent,
  type MeterFact,
  type Stretch,
} from '../anomaly/index.ts'
import type { IsKeyAccount } from './account-keys.ts'
import { type BlockPart, type PointDay, reusedSlab, unpackBlock } from './analysis-block.ts'
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
  /** Whether a customer is on the list of key accounts; without it those are key accounts that the ledger names. */
  readonly isKey?: IsKeyAccount
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
 * @param light  for a neighbour: without the instantaneous values of its customers; their energy is worked out when it is asked for
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
  const slots = dates.reduce((sum, date) => sum + slotsOf(days, date), 0)
  const believed = beliefsOf(parts, area, newest, day)
  const dressed = surrounded(days, dates, around)
  const frameOf = (wanted: Wanted): AreaFrame | null => {
    const history = areaHistory(dates.length, slots, memory)
    const walk = daysOf(parts, area, blocks, day, believed, wanted)
    for (const date of dates) history.put(dressed(walk(date)))
    return history.frame()
  }
  if (!light) {
    const frame = frameOf('all')
    return frame && { frame, comm: commOf(area, blocks, dates, days) }
  }
  const gateways = frameOf('gateways')
  if (!gateways) return null
  // Most days nobody asks what a neighbour's customers took.
  let whole: AreaFrame | null = null
  const energies = () => {
    whole ??= frameOf('energy')
    return whole
  }
  const customers = [...believed.values()].filter(({ isGateway }) => !isGateway)
  return {
    frame: { ...gateways, meters: customers.map(({ fact }, at) => whenAsked(fact, () => energies()?.meters[at] ?? null)) },
    comm: null,
  }
}

/** Columns of a customer of which nothing but the energy is known, and that only when somebody asks. */
const whenAsked = (fact: MeterFact, columns: () => MeterColumns | null): MeterColumns => {
  const known = (): MeterColumns => {
    const of = columns()
    if (!of) throw new Error(`the window of ${fact.id} is gone`)
    return of
  }
  return {
    fact,
    get imp() {
      return known().imp
    },
    get exp() {
      return known().exp
    },
    get known() {
      return known().known
    },
    get faceImp() {
      return known().faceImp
    },
    get faceExp() {
      return known().faceExp
    },
    get rates() {
      return known().rates
    },
    ...{ u: [null, null, null], i: [null, null, null], iN: null, p: null, pf: null },
  }
}

/**
 * Days of an area one after the other, out of its blocks; what the ledger says is as of the last one. A day without a block is not known.
 * The columns of a day are good until the next one is asked for.
 */
export const areaDays = (parts: FrameParts, area: string, blocks: readonly KeptBlock[], day: string): ((date: string) => AreaDay) => {
  const newest = blocks.find((block) => block.day === day)
  return daysOf(parts, area, blocks, day, newest ? beliefsOf(parts, area, newest, day) : new Map(), 'all')
}

/** What of a day is taken out of its block: everything; everything of gateways alone; of the customers their energy alone. */
type Wanted = 'all' | 'gateways' | 'energy'

/** What the ledger says at the end of a day of the points of its block. */
const beliefsOf = (
  { days, ledger, models, pushes, isKey }: FrameParts,
  area: string,
  { points }: KeptBlock,
  day: string,
): ReadonlyMap<string, PointBelief> => {
  const at = days.end(day) - 1
  const believed = new Map<string, PointBelief>()
  for (const { id } of points) {
    const belief = pointBelief(ledger, models, id, area, at, pushes, isKey)
    if (belief) believed.set(id, belief)
  }
  return believed
}

const daysOf = (
  parts: FrameParts,
  area: string,
  blocks: readonly KeptBlock[],
  day: string,
  believed: ReadonlyMap<string, PointBelief>,
  wanted: Wanted,
): ((date: string) => AreaDay) => {
  const { days, ledger, reader } = parts
  const fact = areaFactOf(ledger, area, days.end(day) - 1)
  const byDay = new Map(blocks.map((block) => [block.day, block]))
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
    const columns = block && block.slots === slots ? unpackBlock(block, PARTS[wanted], slab) : new Map<string, PointDay>()
    const gateways: MeterDay[] = []
    const meters: MeterDay[] = []
    for (const [id, belief] of believed) {
      if (wanted !== 'all' && belief.isGateway !== (wanted === 'gateways')) continue
      const found = columns.get(id)
      if (!found && date !== day) continue
      const { imp, exp, known, faceImp, faceExp, u, i, iN, p, pf, rates } = found ?? nothing(slots)
      const own: MeterDay = { fact: withType(belief, found), imp, exp, known, faceImp, faceExp, u, i, iN, p, pf, rates }
      ;(belief.isGateway ? gateways : meters).push(own)
    }
    const events = wanted !== 'all' ? [] : eventsOf(start, days.end(date))
    return { fact, day: date, start, slots, gateways, meters, temperature: null, isRest: false, outages: [], events }
  }
}

const PARTS: Readonly<Record<Wanted, readonly BlockPart[]>> = {
  all: ['gateways', 'energy', 'instants'],
  gateways: ['gateways'],
  energy: ['energy'],
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
