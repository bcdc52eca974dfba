import { isBackedOff, LATENCY_BOUNDS } from '../acquisition/index.ts'
import type {
  ApiDeps,
  CaseDeps,
  ConcentratorPort,
  DeadLetterView,
  EnergyDeps,
  EstimateDeps,
  HealthView,
  ImportPort,
  LedgerPort,
  LineDetail,
  LineMetrics,
  LineState,
  LineView,
  LossDeps,
  OutageDeps,
  ReadCounts,
  Refusal,
  RulesDeps,
  SignalDeps,
  StoredToken,
  TracedFrame,
} from '../api/index.ts'
import { type Clock, err, explain, type GatewayError, hintOf, many, ok, type ReadingStore } from '../core/index.ts'
import type { MeterFact } from '../ledger/index.ts'
import type { Outbox } from '../outbox/index.ts'
import type { Latest } from '../store/latest.ts'
import type { ClockViews } from './clock-views.ts'
import { type CollectionViewDeps, collectionViews } from './collection-views.ts'
import { fail } from './errors.ts'
import type { Field, FieldLine } from './field.ts'
import type { Hot } from './hot.ts'
import { configViews } from './hot-views.ts'
import { DeadLetterCounts, outboxView, rowsStored } from './outbox-views.ts'
import type { PointIndex } from './point-index.ts'
import type { Publisher } from './publish.ts'
import type { Push } from './push.ts'
import { pushViews } from './push-views.ts'
import { type ScanJobs, scanApi } from './scan-jobs.ts'
import { traceLine, traceViews } from './trace-views.ts'
import type { UnregisteredViews } from './unregistered-views.ts'

export { rowsStored } from './outbox-views.ts'

export interface ViewDeps {
  readonly version: string
  readonly startedAt: number
  readonly clock: Clock
  readonly field: Field
  readonly push: Push
  readonly publishers: readonly Publisher[]
  readonly outbox: Outbox
  readonly latest: Latest
  readonly store: ReadingStore
  readonly clocks: ClockViews
  readonly scans: ScanJobs
  readonly unregistered: UnregisteredViews
  readonly gaps: CollectionViewDeps
  readonly points: PointIndex
  readonly hot: Hot
  readonly energy: EnergyDeps
  readonly loss: LossDeps
  readonly signal: SignalDeps
  readonly rules: RulesDeps
  readonly outages: OutageDeps
  readonly cases: CaseDeps
  readonly estimates: EstimateDeps
  readonly ledgerPort: LedgerPort
  readonly imports: ImportPort
  readonly concentrators: ConcentratorPort
  readonly tokens: () => readonly StoredToken[]
  readonly maxOutboxBytes: number
}

/** How long a line's busy share looks back, milliseconds. */
const BUSY_WINDOW_MS = 60_000

/** What the API may see of the gateway, as plain functions. */
export const apiDeps = (deps: ViewDeps): ApiDeps & { readonly busy: BusyShares; close(): void } => {
  const { field, outbox, latest, store, clock } = deps
  const busy = new BusyShares(field)
  const dead = new DeadLetterCounts(outbox)
  const { push, publishers, startedAt, points, hot } = deps
  const { pushedAt, trace: traceSource, health: pushHealth, ...brokers } = pushViews({ push, publishers, clock, startedAt })

  return {
    ...brokers,
    ...deps.clocks.api,
    ...scanApi(deps.scans),
    ...deps.unregistered,
    ...collectionViews(deps.gaps),
    ...configViews(hot),
    ...deps.energy,
    ...deps.loss,
    ...deps.signal,
    ...deps.rules,
    ...deps.outages,
    ...deps.cases,
    ...deps.estimates,
    ledger: deps.ledgerPort,
    imports: deps.imports,
    concentrators: deps.concentrators,
    version: deps.version,
    startedAt,
    now: () => clock.now(),
    tokens: deps.tokens,
    hintOf,
    points: (filter, after, limit) => points.list(filter, after, limit),
    point: (id) => points.point(id),
    latest: (id) => latest.latestOf({ point: id }),
    range: (query) => store.range(query),
    lines: () => field.lines.map((line) => lineView(line, busy)),
    line: (id) => {
      const line = field.lines.find(({ config }) => config.id === id)
      return line ? lineDetail(line, busy) : null
    },
    ...traceViews({ field, clock, traceSource, sources: push.sources }),
    readNow: async (id, request, signal) => {
      const meter = field.at(id)
      if (!meter) return refuseNow(id, pushedAt(id))
      const began = clock.monotonic()
      const frames: TracedFrame[] = []
      const stop = request.trace ? traceLine(field, meter.fact.line, (frame) => frames.push(frame), meter.fact.meter) : null
      try {
        const limit = AbortSignal.any([signal, AbortSignal.timeout(request.timeoutMs)])
        const readings = await field.readNow(meter.fact.meter, request.registers ?? null, limit)
        if (!readings.ok) return refuse(becauseOf(readings.error), readings.error)
        return ok({ readings: readings.value, frames, tookMs: Math.round(clock.monotonic() - began) })
      } finally {
        stop?.()
      }
    },
    outbox: () => outboxView(outbox, dead, deps.maxOutboxBytes),
    deadLetters: async (after, limit) => {
      const page = await outbox.deadLetters({ after, limit })
      // An empty list would say that there are none.
      if (!page.ok) throw new Error(explain(page.error))
      return page.value.map(
        ({ id, sink, firstTry, reason, reading }): DeadLetterView => ({ id, sink, at: firstTry, error: reason, reading }),
      )
    },
    replay: async (ids) => {
      const chosen: number[] = []
      if (ids === 'all')
        for (let after = 0; ; ) {
          const page = await outbox.deadLetters({ after, limit: 1000 })
          if (!page.ok) return refuse('unavailable', page.error)
          if (page.value.length === 0) break
          chosen.push(...page.value.map(({ id }) => id))
          after = chosen.at(-1) ?? after
        }
      else chosen.push(...ids)
      const done = await outbox.replayDeadLetters(chosen)
      dead.forget()
      return done.ok ? done : refuse('unavailable', done.error)
    },
    tasks: () =>
      field.schedule.status().map(({ id, kind, devices, nextAt, due, read, firstTry, missed, reasons, everyMs, lastAt }) => ({
        id,
        group: many(devices, 'meter'),
        kind,
        everyS: everyMs / 1000,
        lastRunAt: lastAt,
        nextRunAt: nextAt,
        due,
        read,
        firstTry,
        missed,
        reasons: Object.fromEntries(reasons),
      })),
    health: () =>
      healthView(field, outbox, [...pushHealth(), ...deps.clocks.health(), ...deps.unregistered.unregisteredHealth(), hot.health()]),
    metrics: async () => ({
      lines: field.lines.map((line) => lineMetrics(line, busy)),
      outbox: await outboxView(outbox, dead, deps.maxOutboxBytes),
      rowsStored: rowsStored(outbox),
      brokers: brokers.brokers(),
      refusedMessages: push.letters.count(),
      clocks: deps.clocks.counts(),
      unregistered: deps.unregistered.unregisteredCounts(),
      cases: await deps.cases.caseCounts(),
    }),
    busy,
    close: () => busy.close(),
  }
}

const refuse = (because: Refusal['because'], error: GatewayError) => err<Refusal>({ because, error })

/** Nothing is read at a point: a meter there pushes, or there is none. */
const refuseNow = (point: string, pushed: MeterFact | null) =>
  pushed
    ? refuse(
        'not-possible',
        fail('METER_PUSHES', `meter ${pushed.meter} at point ${point} pushes by itself through broker ${pushed.line} and cannot be asked`, {
          point,
          meter: pushed.meter,
          broker: pushed.line,
        }).error,
      )
    : refuse('unknown', fail('METER_UNKNOWN', `no meter is read at point ${point}`, { point }).error)

const becauseOf = ({ code }: GatewayError): Refusal['because'] =>
  code === 'METER_UNKNOWN'
    ? 'unknown'
    : code === 'LINE_DOWN' || code === 'LINE_CLOSED' || code === 'TERMINAL_OFFLINE' || code === 'TERMINAL_LOST'
      ? 'line-down'
      : code.startsWith('OUTBOX_')
        ? 'unavailable'
        : code.startsWith('LINE_') || code.startsWith('TERMINAL_') || code === 'READ_CANCELLED' || code === 'DEVICE_BACKED_OFF'
          ? 'no-answer'
          : 'not-possible'

const STATES: Readonly<Record<string, LineState>> = { up: 'up', opening: 'opening', idle: 'opening', down: 'down', closed: 'down' }

/** Reads of a line's meters, and how its exchanges ended. */
const countsOf = ({ line, meters, gone }: FieldLine): ReadCounts => {
  const { due, read, firstTry, missed } = gone
  const sum = { due, read, firstTry, missed }
  for (const { device } of meters) {
    sum.due += device.health.due
    sum.read += device.health.read
    sum.firstTry += device.health.firstTry
    sum.missed += device.health.missed
  }
  const reasons = new Map(line.stats.failures)
  // Exchanges name the line's own failures; what a meter refused, or was never asked in time, is known of its reads.
  for (const known of [gone.reasons, ...meters.map(({ device }) => device.health.reasons)])
    for (const [code, count] of known) if (!code.startsWith('LINE_')) reasons.set(code, (reasons.get(code) ?? 0) + count)
  return { ...sum, reasons: Object.fromEntries(reasons) }
}

export const lineView = (field: FieldLine, busy: BusyShares): LineView => {
  const { config, line, poller, meters } = field
  return {
    ...countsOf(field),
    id: config.id,
    address: line.name,
    state: STATES[line.state] ?? 'down',
    quarantined: line.isQuarantined,
    since: line.since,
    busyShare: busy.of(config.id),
    queue: poller.queue.depth,
    devices: meters.length,
    error: line.why,
  }
}

const lineDetail = (field: FieldLine, busy: BusyShares): LineDetail => ({
  ...lineView(field, busy),
  health: field.meters.map(({ fact, device: { health } }) => ({
    address: fact.address,
    meter: fact.meter,
    point: fact.point,
    lastAnswerAt: health.lastAnswerAt,
    consecutiveFailures: health.failures,
    backedOff: isBackedOff(health),
    reasons: Object.fromEntries(health.reasons),
  })),
})

const lineMetrics = (field: FieldLine, busy: BusyShares): LineMetrics => {
  const { config, line, poller } = field
  return {
    ...countsOf(field),
    id: config.id,
    state: STATES[line.state] ?? 'down',
    busyShare: busy.of(config.id),
    queue: poller.queue.depth,
    exchanges: { boundsS: LATENCY_BOUNDS.map((ms) => ms / 1000), counts: [...line.stats.latency], sumS: line.stats.latencySumMs / 1000 },
  }
}

/**
 * One sentence for each part. Ready means: what is read now can be made safe. Anybody may ask, so codes stand here and no addresses:
 * the messages are behind a token.
 */
const healthView = (field: Field, outbox: Outbox, push: HealthView['parts']): HealthView => {
  const parts: HealthView['parts'][number][] = []
  const { ready, reason, depth, deadLetters, damaged, sinks } = outbox.state()
  parts.push({
    part: 'outbox',
    state: ready ? (damaged > 0 ? 'degraded' : 'ok') : 'failed',
    sentence: ready
      ? `takes readings; ${depth} wait for a sink${damaged > 0 ? `, ${damaged} entries were found damaged and set aside` : ''}`
      : `takes nothing: ${reason?.code ?? 'closed'}`,
    cure: ready ? null : 'see GET /api/v1/outbox',
  })
  for (const { id, state, lastError, depth: behind } of sinks)
    parts.push({
      part: `sink ${id}`,
      state: state === 'running' || state === 'lagging' ? 'ok' : state === 'stopped' ? 'failed' : 'degraded',
      sentence:
        lastError && state !== 'running'
          ? `${state}: ${lastError.code}; ${behind} readings wait safely`
          : `${state}, ${behind} readings wait`,
      cure: state === 'running' || state === 'lagging' ? null : 'see GET /api/v1/outbox',
    })
  if (deadLetters > 0)
    parts.push({
      part: 'dead letters',
      state: 'degraded',
      sentence: `${deadLetters} readings were refused by a sink`,
      cure: 'see GET /api/v1/dead-letters',
    })
  for (const { config, line, meters } of field.lines) {
    const silent = meters.filter(({ device }) => isBackedOff(device.health)).length
    parts.push({
      part: `line ${config.id}`,
      state: line.state === 'down' ? 'failed' : silent > 0 ? 'degraded' : 'ok',
      sentence:
        line.state === 'down'
          ? `is down: ${line.why?.code ?? 'unknown'}`
          : silent > 0
            ? `${silent} of ${many(meters.length, 'meter')} ${silent === 1 ? 'does' : 'do'} not answer`
            : many(meters.length, 'meter'),
      cure: line.state === 'down' || silent > 0 ? `see GET /api/v1/lines/${config.id}` : null,
    })
  }
  return { ready, parts: [...parts, ...push] }
}

/** Busy time of the lines over the last minute, sampled coarsely. */
export class BusyShares {
  readonly #field: Field
  readonly #samples: { readonly at: number; readonly busy: ReadonlyMap<string, number> }[] = []
  readonly #timer: NodeJS.Timeout

  constructor(field: Field) {
    this.#field = field
    this.#sample()
    this.#timer = setInterval(() => this.#sample(), BUSY_WINDOW_MS / 12)
    this.#timer.unref()
  }

  of(line: string): number {
    const oldest = this.#samples[0]
    const found = this.#field.lines.find(({ config }) => config.id === line)
    if (!oldest || !found) return 0
    const passed = performance.now() - oldest.at
    return passed <= 0 ? 0 : Math.min(1, Math.max(0, (found.line.stats.busyMs - (oldest.busy.get(line) ?? 0)) / passed))
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #sample(): void {
    this.#samples.push({
      at: performance.now(),
      busy: new Map(this.#field.lines.map(({ config, line }) => [config.id, line.stats.busyMs])),
    })
    if (this.#samples.length > 12) this.#samples.shift()
  }
}
