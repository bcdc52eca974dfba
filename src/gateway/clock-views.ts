import type { ClockActView, ClockCounts, ClockDeps, ClockDetail, ClockView, HealthView, Refusal } from '../api/index.ts'
import { CLOCK_STATES, type ClockState } from '../collection/clock-rules.ts'
import { type GatewayError, hintOf, many, ok, type Result } from '../core/index.ts'
import type { ClockActs } from './clock-acts.ts'
import type { ClockKeeper } from './clock-keeper.ts'
import { fail } from './errors.ts'
import type { FieldMeter } from './field.ts'

/** A clock as the check-list of a point asks for it. */
export interface ClockOfMeter {
  readonly driftS: number
  /** Milliseconds since 1970 UTC. */
  readonly at: number
  readonly state: ClockState
}

export interface ClockViews {
  readonly api: ClockDeps
  /** Null while it was never read. */
  clockOf(meter: string): ClockOfMeter | null
  health(): HealthView['parts']
  counts(): ClockCounts
}

const HISTORY = 400
const ACTS = 100

/** What the API and other rooms may see of the clocks. */
export const clockViews = (keeper: ClockKeeper, acts: ClockActs): ClockViews => {
  const { field, store } = keeper.deps
  const viewOf = ({ fact, point, device }: FieldMeter): ClockView => {
    const { record, state } = keeper.judge(fact.meter)
    const { kind, triedAt, error, lockedBy } = record
    const rate = record.point && keeper.rate(fact.meter)
    return {
      meter: fact.meter,
      kind,
      point: fact.point,
      area: point.area,
      line: fact.line,
      state: device.clock() === null ? 'no-clock' : state,
      newest: record.point,
      rate: rate && { msPerDay: rate.msPerDay, uncertaintyMs: rate.uncertaintyMs, isOver: rate.isOver },
      triedAt,
      error: error && { ...error, recovery: 'wait', hint: hintOf(error.code) ?? '', context: {} },
      isLocked: lockedBy !== null,
    }
  }
  const stateOf = ({ fact, device }: FieldMeter): ClockState => (device.clock() === null ? 'no-clock' : keeper.judge(fact.meter).state)
  const detail = (meter: FieldMeter): ClockDetail => ({
    ...viewOf(meter),
    history: store.history(meter.fact.meter, HISTORY),
    acts: store.actsOf(meter.fact.meter, ACTS),
  })
  const unknown = (meter: string) => refuse('unknown', fail('METER_UNKNOWN', `meter ${meter} is not read over a line`, { meter }).error)
  const answered = (result: Result<ClockActView>): Result<ClockActView, Refusal> =>
    result.ok ? result : refuse(becauseOf(result.error), result.error)
  const counts = (): ClockCounts => {
    const states: Record<ClockState, number> = { good: 0, fair: 0, off: 0, 'far-off': 0, faulty: 0, unknown: 0, 'no-clock': 0 }
    let worstMs = 0
    let locked = 0
    for (const meter of field.meters()) {
      states[stateOf(meter)]++
      const { point, lockedBy } = store.get(meter.fact.meter)
      worstMs = Math.max(worstMs, Math.abs(point?.driftMs ?? 0))
      if (lockedBy !== null) locked++
    }
    return { states, worstMs, locked, acts: store.counts() }
  }
  const api: ClockDeps = {
    clocks: ({ state, line, area }, after, limit) => {
      const isMeant = (meter: FieldMeter) =>
        (line === undefined || meter.fact.line === line) &&
        (area === undefined || meter.point.area === area) &&
        (state === undefined || stateOf(meter) === state)
      return firstOf(field.meters(), after, limit, isMeant).map(viewOf)
    },
    clock: (id) => {
      const meter = field.meter(id)
      return meter && detail(meter)
    },
    readClock: async (id, signal) => {
      const read = await keeper.read(id, 'demand', { priority: 'demand', insist: true, signal })
      const meter = field.meter(id)
      if (!meter) return unknown(id)
      return read.ok ? ok(detail(meter)) : refuse(becauseOf(read.error), read.error)
    },
    setClock: async (id, order) => {
      const meter = field.meter(id)
      return meter ? answered(await acts.set(meter, order)) : unknown(id)
    },
    clearClock: (id, person) => {
      const meter = field.meter(id)
      return meter ? answered(acts.clear(id, meter.fact.line, person)) : unknown(id)
    },
    syncClocks: async (id, person) => {
      const line = field.lines.find(({ config }) => config.id === id)
      return line
        ? answered(await acts.broadcast(line, person))
        : refuse('unknown', fail('LINE_UNKNOWN', `there is no line ${id} with meters that are asked`, { line: id }).error)
    },
  }
  return {
    api,
    clockOf: (id) => {
      const { record, state } = keeper.judge(id)
      return record.point && { driftS: record.point.driftMs / 1000, at: record.point.at, state }
    },
    health: () => {
      const { states, locked } = counts()
      const known = CLOCK_STATES.reduce((sum, state) => sum + (state === 'unknown' || state === 'no-clock' ? 0 : states[state]), 0)
      if (known === 0 && locked === 0) return []
      const wrong = [
        ...(['off', 'far-off', 'faulty'] as const).flatMap((state) => (states[state] > 0 ? [`${states[state]} ${state}`] : [])),
        ...(locked > 0 ? [`${locked} refused a password`] : []),
      ]
      return [
        {
          part: 'clocks',
          state: wrong.length > 0 ? 'degraded' : 'ok',
          sentence: `of ${many(known, 'meter clock')} seen, ${wrong.length > 0 ? wrong.join(', ') : 'none is off by more than a minute'}`,
          cure: wrong.length > 0 ? 'see GET /api/v1/clocks?state=off (far-off, faulty)' : null,
        },
      ]
    },
    counts,
  }
}

/** The first of the meters behind `after` by id, without sorting all of them. */
const firstOf = (
  meters: Iterable<FieldMeter>,
  after: string | null,
  limit: number,
  isMeant: (meter: FieldMeter) => boolean,
): FieldMeter[] => {
  const chosen: FieldMeter[] = []
  for (const meter of meters) {
    const id = meter.fact.meter
    if (after !== null && id <= after) continue
    const last = chosen.length >= limit ? chosen.at(-1) : undefined
    if (last && id >= last.fact.meter) continue
    if (!isMeant(meter)) continue
    const place = chosen.findIndex(({ fact }) => fact.meter > id)
    chosen.splice(place < 0 ? chosen.length : place, 0, meter)
    if (chosen.length > limit) chosen.pop()
  }
  return chosen
}

const refuse = (because: Refusal['because'], error: GatewayError) => ({ ok: false as const, error: { because, error } })

const becauseOf = ({ code }: GatewayError): Refusal['because'] => {
  if (code === 'LINE_DOWN' || code === 'LINE_CLOSED') return 'line-down'
  if (code === 'CLOCK_BUSY') return 'busy'
  return code.startsWith('LINE_') || code === 'READ_CANCELLED' || code === 'DEVICE_BACKED_OFF' ? 'no-answer' : 'not-possible'
}
