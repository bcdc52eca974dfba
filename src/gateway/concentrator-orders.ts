import type { ConcentratorOrder } from '../api/index.ts'
import {
  hexOf,
  type MeterTime,
  ok,
  type Result,
  type Selection,
  type TerminalEvent,
  type TerminalQuestion,
  type TerminalRoute,
} from '../core/index.ts'
import type { ArchiveActs } from './archive-acts.ts'
import type { ConcentratorClocks } from './concentrator-clocks.ts'
import { concentratorFailure as fail } from './concentrator-errors.ts'
import type { ConcentratorFile } from './concentrator-file.ts'
import type { JobProgress } from './concentrator-jobs.ts'
import type { ParameterActs, ParameterValue } from './concentrator-parameters.ts'
import { type ConcentratorReads, obisList, type ReadOrder, wallText, wallTime } from './concentrator-reads.ts'
import { adapterFacts, askNow, type ConcentratorWorld, chosenMeters, reach, terminalMeters } from './concentrator-world.ts'

/** Everything an order is carried out with. */
export interface OrderTools {
  readonly world: ConcentratorWorld
  readonly file: ConcentratorFile
  readonly archive: ArchiveActs
  readonly parameters: ParameterActs
  readonly clocks: ConcentratorClocks
  readonly reads: ConcentratorReads
  /** Makes events of a concentrator safe. */
  readonly takeEvents: (id: string, events: readonly TerminalEvent[]) => Promise<Result<void>>
}

/** An order that was found possible: what carries it out. */
export type ReadyOrder = (progress: JobProgress, by: { readonly who: string; readonly why: string }) => Promise<Result<unknown>>

export const isWriting = ({ what }: ConcentratorOrder): boolean =>
  what === 'archive-download' || what === 'archive-delete' || what === 'parameters-set' || what === 'clock-set'
/** Orders of which a concentrator carries out one at a time. */
export const isAlone = (order: ConcentratorOrder): boolean => isWriting(order) || order.what === 'archive-read'

/**
 * Judges an order before anything is sent: whoever gives it is told at once.
 *
 * @errors  CONCENTRATOR_…, PARAMETER_…, CLOCK_…
 */
export const readyOrder = (tools: OrderTools, id: string, order: ConcentratorOrder): Result<ReadyOrder> => {
  const reached = reach(tools.world, id, isWriting(order))
  if (!reached.ok) return reached
  // Each maker takes the order it is listed under.
  const make: (tools: OrderTools, id: string, order: never) => Result<ReadyOrder> = MAKERS[order.what]
  return make(tools, id, order as never)
}

type Maker<What extends ConcentratorOrder['what']> = (
  tools: OrderTools,
  id: string,
  order: Extract<ConcentratorOrder, { what: What }>,
) => Result<ReadyOrder>

const MAKERS: { readonly [What in ConcentratorOrder['what']]: Maker<What> } = {
  'archive-read': ({ archive }, id) => ok((progress) => archive.read(id, progress)),
  'archive-download': ({ archive }, id, { meters }) => ok((progress) => archive.download(id, meters, progress)),
  'archive-delete': ({ archive }, id, { numbers, alsoInLedger }) => ok((progress) => archive.remove(id, numbers, alsoInLedger, progress)),
  'parameters-read': ({ parameters }, id, { items }) => {
    const checked = parameters.check(id, items, false)
    return checked.ok ? ok((progress) => parameters.read(id, items, progress)) : checked
  },
  'parameters-compare': ({ parameters, world }, id, { items, like }) => {
    const checked = parameters.check(id, items, false)
    if (!checked.ok) return checked
    if (like === undefined) {
      const lost = items.find(({ value }) => value === undefined)
      if (lost) return fail('CONCENTRATOR_VALUE', `no value is given for ${lost.id}, and no concentrator to compare with`)
      return ok((progress) => parameters.compare(id, items.map(valued), progress))
    }
    const other = reach(world, like, false)
    if (!other.ok) return other
    const both = parameters.check(like, items, false)
    if (!both.ok) return both
    return ok(async (progress) => {
      const wanted = await parameters.wantedOf(like, items, progress)
      return wanted.ok ? parameters.compare(id, wanted.value, progress) : wanted
    })
  },
  'parameters-set': ({ parameters }, id, { items }) => {
    const checked = parameters.check(id, items, true)
    return checked.ok ? ok((progress) => parameters.set(id, items, progress)) : checked
  },
  'clock-read': ({ clocks }, id) => ok((progress) => clocks.read(id, progress.signal)),
  'clock-set': ({ clocks }, id, { second, acceptCrossing }) => {
    const refused = clocks.refusal(id, { second })
    return refused.ok ? ok((progress, { who, why }) => clocks.set(id, { who, why, second, acceptCrossing }, progress.signal)) : refused
  },
  events: (tools, id, order) => ok((progress) => askEvents(tools, id, order, progress)),
  routes: (tools, id, { meters }) => {
    const chosen = chosenMeters(terminalMeters(tools.world, tools.file, id), meters, id)
    return chosen.ok ? ok((progress) => askRoutes(tools, id, chosen.value, progress)) : chosen
  },
  read: ({ world, file, reads }, id, order) => {
    const chosen = chosenMeters(terminalMeters(world, file, id), order.meters, id)
    if (!chosen.ok) return chosen
    if (chosen.value.length === 0) return fail('CONCENTRATOR_METER', `the ledger has no meter behind concentrator ${id}`)
    const wanted = readOrder(order)
    return wanted.ok ? ok((progress) => reads.read(id, chosen.value, wanted.value, progress)) : wanted
  },
  ask: ({ world, file, reads }, id, { item, meter, at, points = null, minutes = null }) => {
    const reached = reach(world, id, false)
    if (!reached.ok) return reached
    if (!adapterFacts(reached.value.adapter).canAsk)
      return fail('CONCENTRATOR_CANNOT', `questions by number cannot be put to ${reached.value.settings.protocol}`)
    const time = timeOf(at)
    if (!time.ok) return time
    const all = terminalMeters(world, file, id)
    const chosen = meter === undefined ? ok(null) : chosenMeters(all, [meter], id)
    if (!chosen.ok) return chosen
    const question: TerminalQuestion = { item, meter: chosen.value?.[0] ?? null, at: time.value, points, minutes }
    return ok(async (progress) => {
      const answer = await reads.ask(id, question, progress)
      return answer.ok ? ok(answer.value.map(({ raw, ...rest }) => ({ ...rest, raw: hexOf(raw) }))) : answer
    })
  },
}

const valued = ({ id, pn, ask, value }: { id: string; pn: number | null; ask?: unknown; value?: unknown }): ParameterValue => ({
  ...{ id, pn, value },
  ...(ask === undefined ? {} : { ask }),
})

const timeOf = (text: string | undefined): Result<MeterTime | null> => {
  if (text === undefined) return ok(null)
  const time = wallTime(text)
  return time ? ok(time) : fail('CONCENTRATOR_VALUE', `${JSON.stringify(text)} is no wall-clock time: 2026-11-21 or 2026-11-21T00:15`)
}

const readOrder = (order: Extract<ConcentratorOrder, { what: 'read' }>): Result<ReadOrder> => {
  const { read, registers, nth, since, until, profile, way, port, baud, waitMs } = order
  const obis = registers === undefined ? undefined : obisList(registers)
  if (obis === null) return fail('CONCENTRATOR_VALUE', `registers are OBIS codes such as 1.8.0: ${registers?.join(', ')}`)
  const [first, last] = [timeOf(since), timeOf(until)]
  if (!first.ok) return first
  if (!last.ok) return last
  const selection: Selection = {
    kind: read,
    ...(obis === undefined ? {} : { obis }),
    ...(nth === undefined && (read === 'current' || read === 'curve' || first.value) ? {} : { nth: nth ?? 1 }),
    ...(first.value === null ? {} : { since: first.value }),
    ...(last.value === null ? {} : { until: last.value }),
  }
  const forward = {
    ...(port === undefined ? {} : { port }),
    ...(baud === undefined ? {} : { baud }),
    ...(waitMs === undefined ? {} : { waitMs }),
  }
  return ok({ selection, forward, ...(profile === undefined ? {} : { profile }), ...(way === undefined ? {} : { way }) })
}

/** Asks for events by their counters and keeps them; without counters for those the concentrator still has. */
const askEvents = async (
  { world, takeEvents }: OrderTools,
  id: string,
  { level, from, to }: Extract<ConcentratorOrder, { what: 'events' }>,
  progress: JobProgress,
): Promise<Result<unknown>> => {
  const settings = world.find(id)?.settings ?? null
  if (!settings) return fail('CONCENTRATOR_UNUSABLE', `concentrator ${id} is no longer in the ledger`)
  progress.say('asks for its counters')
  const counters = await askNow(world, id, (adapter) => adapter.eventCounters(settings.address), progress.signal)
  // A protocol without counters gives the newest so many.
  const hasCounters = counters.ok || counters.error.code.startsWith('TERMINAL_') || counters.error.recovery === 'retry'
  if (hasCounters && !counters.ok && (from === undefined || to === undefined)) return counters
  const newest = counters.ok ? counters.value[level] : null
  const end = to ?? newest ?? USUAL_EVENTS
  // Whether a counter went round nobody can say: further back is asked for by whoever names it.
  const start = from ?? Math.max(0, end - USUAL_EVENTS)
  if (newest !== null && start === end)
    return ok({ counters: counters.ok ? counters.value : null, level, from: start, to: end, events: [] })
  progress.say(`asks for events ${start} to ${end}`)
  const found = await askNow<readonly TerminalEvent[]>(
    world,
    id,
    (adapter) => adapter.events(settings.address, level, start, end),
    progress.signal,
  )
  if (!found.ok) return found
  const kept = found.value.length === 0 ? ok(undefined) : await takeEvents(id, found.value)
  if (!kept.ok) return kept
  return ok({ counters: counters.ok ? counters.value : null, level, from: start, to: end, events: found.value.map(eventJson) })
}

/** Events asked for when nobody says from which one. */
const USUAL_EVENTS = 10

const eventJson = ({ code, meter, begins, ends, edge, facts, raw }: TerminalEvent) => ({
  ...{ code, meter, edge, facts, raw: hexOf(raw) },
  ...{ begins: begins && wallText(begins), ends: ends && wallText(ends) },
})

const askRoutes = async (
  { world, file }: OrderTools,
  id: string,
  meters: ReturnType<typeof terminalMeters>,
  progress: JobProgress,
): Promise<Result<unknown>> => {
  const settings = world.find(id)?.settings ?? null
  if (!settings) return fail('CONCENTRATOR_UNUSABLE', `concentrator ${id} is no longer in the ledger`)
  progress.say('asks for signal and routes')
  const found = await askNow<readonly TerminalRoute[]>(world, id, (adapter) => adapter.routes(settings.address, meters), progress.signal)
  if (!found.ok) return found
  const byPn = new Map(meters.flatMap((meter) => (meter.pn === null ? [] : [[meter.pn, meter] as const])))
  const byAddress = new Map(meters.map((meter) => [meter.address, meter]))
  const items = found.value.map(({ meter, facts }) => {
    const own = 'pn' in meter ? byPn.get(meter.pn) : byAddress.get(meter.address)
    const address = own?.address ?? ('address' in meter ? meter.address : null)
    return { meter: own?.id ?? null, address, pn: 'pn' in meter ? meter.pn : (own?.pn ?? null), facts }
  })
  file.keepRoutes(id, world.clock.now(), JSON.stringify(items))
  return ok(items)
}
