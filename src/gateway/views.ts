import { isBackedOff } from '../acquisition/index.ts'
import type {
  ApiDeps,
  BillingBookDeps,
  BillingReadDeps,
  CaseDeps,
  CodecDeps,
  ConcentratorPort,
  DeadLetterView,
  EnergyDeps,
  EstimateDeps,
  EvidenceDeps,
  ExportPort,
  HealthView,
  ImportPort,
  InterchangeDeps,
  KeyAccountDeps,
  LedgerPort,
  LossDeps,
  OutageDeps,
  Refusal,
  RepeatPort,
  ReportDeps,
  RulesDeps,
  SeriesPort,
  SignalDeps,
  TierDeps,
  TracedFrame,
} from '../api/index.ts'
import { type Clock, err, explain, type GatewayError, hintOf, many, ok, type ReadingStore } from '../core/index.ts'
import type { MeterFact } from '../ledger/index.ts'
import type { Outbox } from '../outbox/index.ts'
import type { Latest } from '../store/latest.ts'
import type { Audit } from './audit.ts'
import type { ClockViews } from './clock-views.ts'
import { type CollectionViewDeps, collectionViews } from './collection-views.ts'
import { fail } from './errors.ts'
import type { Field, FieldLine } from './field.ts'
import type { Hot } from './hot.ts'
import { configViews } from './hot-views.ts'
import { BusyShares, lineDetail, lineMetrics, lineView } from './line-views.ts'
import { DeadLetterCounts, outboxView, rowsStored } from './outbox-views.ts'
import type { PointIndex } from './point-index.ts'
import type { Publisher } from './publish.ts'
import type { Push } from './push.ts'
import { pushViews } from './push-views.ts'
import { type ScanJobs, scanApi } from './scan-jobs.ts'
import type { ScopeIndex } from './scope-index.ts'
import type { OpenAccess } from './start-access.ts'
import type { OpenTerminals } from './start-terminals.ts'
import { terminalViews } from './terminal-views.ts'
import type { OpenTls } from './tls.ts'
import { traceLine, traceViews } from './trace-views.ts'
import type { UnregisteredViews } from './unregistered-views.ts'

export { type BusyShares, lineView } from './line-views.ts'
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
  readonly scopes: Pick<ScopeIndex, 'scopeOf'>
  readonly isEntry: ApiDeps['isEntry']
  readonly hot: Hot
  readonly codecs: CodecDeps
  readonly energy: EnergyDeps
  readonly billing: BillingBookDeps & BillingReadDeps
  readonly tiers: TierDeps
  readonly reports: ReportDeps['reports']
  readonly keyAccounts: KeyAccountDeps & { readonly health: () => readonly HealthView['parts'][number][] }
  readonly liveReadings: ApiDeps['liveReadings']
  readonly evidence: EvidenceDeps & { readonly health: () => HealthView['parts'][number] }
  readonly loss: LossDeps
  readonly signal: SignalDeps
  readonly rules: RulesDeps
  readonly outages: OutageDeps
  readonly cases: CaseDeps
  readonly estimates: EstimateDeps
  readonly ledgerPort: LedgerPort
  readonly imports: ImportPort
  readonly interchange: InterchangeDeps
  readonly concentrators: ConcentratorPort
  readonly exports: ExportPort
  readonly series: SeriesPort
  readonly terminals: Pick<OpenTerminals, 'terminals' | 'book' | 'presence'>
  readonly access: Pick<OpenAccess, 'authenticate' | 'standing' | 'views' | 'health' | 'counts'>
  readonly tls: Pick<OpenTls, 'health' | 'expiresAt'> | null
  readonly audit: Pick<Audit, 'port' | 'health'>
  readonly repeats: RepeatPort
  readonly maxOutboxBytes: number
}

/** What the API may see of the gateway, as plain functions. */
export const apiDeps = (deps: ViewDeps): ApiDeps & { readonly busy: BusyShares; close(): void } => {
  const { field, outbox, latest, store, clock } = deps
  const busy = new BusyShares(field)
  const dead = new DeadLetterCounts(outbox)
  const { push, publishers, startedAt, points, hot } = deps
  const { health: evidenceHealth, ...evidence } = deps.evidence
  const terminals = terminalViews(field, deps.terminals)
  const { pushedAt, trace: traceSource, health: pushHealth, ...brokers } = pushViews({ push, publishers, clock, startedAt })

  return {
    ...brokers,
    ...deps.clocks.api,
    ...scanApi(deps.scans),
    ...deps.unregistered,
    ...collectionViews(deps.gaps),
    ...configViews(hot),
    ...deps.codecs,
    ...deps.energy,
    ...deps.billing,
    ...deps.tiers,
    keyAccounts: deps.keyAccounts.keyAccounts,
    reports: deps.reports,
    ...evidence,
    liveReadings: deps.liveReadings,
    ...deps.loss,
    ...deps.signal,
    ...deps.rules,
    ...deps.outages,
    ...deps.cases,
    ...deps.estimates,
    ...deps.interchange,
    ledger: deps.ledgerPort,
    imports: deps.imports,
    concentrators: deps.concentrators,
    exports: deps.exports,
    series: deps.series,
    version: deps.version,
    startedAt,
    now: () => clock.now(),
    authenticate: deps.access.authenticate,
    standing: deps.access.standing,
    ...deps.access.views,
    audit: deps.audit.port,
    repeats: deps.repeats,
    scopeOf: (who) => deps.scopes.scopeOf(who),
    isEntry: deps.isEntry,
    hintOf,
    points: (filter, after, limit) => points.list(filter, after, limit),
    point: (id) => points.point(id),
    latest: (id) => latest.latestOf({ point: id }),
    range: (query) => store.range(query),
    scanReadings: (query) => store.scan(query),
    lines: () => [...field.lines.map((line) => lineView(line, busy)), ...terminals.lines()],
    line: (id) => {
      const line = field.lines.find(({ config }) => config.id === id)
      return line ? lineDetail(line, busy) : terminals.line(id)
    },
    ...traceViews({
      ...{ field, clock, traceSource, sources: push.sources },
      terminals: {
        trace: (id, listener) => deps.terminals.terminals.trace(id, listener),
        settings: (id) => deps.terminals.book.get(id),
        meters: (id) => field.terminal(id)?.meters ?? [],
      },
    }),
    readNow: async (id, request, signal) => {
      const meter = field.at(id)
      if (!meter) return refuseNow(id, pushedAt(id))
      const began = clock.monotonic()
      const frames: TracedFrame[] = []
      const stop = request.trace ? traceLine(field, meter.fact.line, (frame) => frames.push(frame), meter.fact.meter) : null
      try {
        const limit = AbortSignal.any([signal, AbortSignal.timeout(request.timeoutMs)])
        const readings = await field.readNow(meter.fact.meter, request.registers ?? null, limit, request.by)
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
      field.schedule.status().map(({ id, kind, devices, nextAt, due, read, firstTry, missed, late, reasons, everyMs, lastAt }) => ({
        id,
        group: many(devices, 'meter'),
        kind,
        everyS: everyMs / 1000,
        lastRunAt: lastAt,
        nextRunAt: nextAt,
        due,
        read,
        firstTry,
        late,
        missed: missed - late,
        reasons: Object.fromEntries(reasons),
      })),
    health: () =>
      healthView(field, outbox, [
        ...pushHealth(),
        ...terminals.health(),
        ...deps.clocks.health(),
        ...deps.unregistered.unregisteredHealth(),
        deps.audit.health(),
        evidenceHealth(),
        ...deps.keyAccounts.health(),
        deps.access.health(),
        ...(deps.tls ? [deps.tls.health()] : []),
        hot.health(),
      ]),
    metrics: async () => ({
      lines: field.lines.map((line) => lineMetrics(line, busy)),
      outbox: await outboxView(outbox, dead, deps.maxOutboxBytes),
      rowsStored: rowsStored(outbox),
      brokers: brokers.brokers(),
      refusedMessages: push.letters.count(),
      clocks: deps.clocks.counts(),
      unregistered: deps.unregistered.unregisteredCounts(),
      terminals: terminals.counts(),
      cases: await deps.cases.caseCounts(),
      access: {
        ...deps.access.counts(),
        isAuditWritten: deps.audit.port.problem() === null,
        tlsExpiresAt: deps.tls?.expiresAt() ?? null,
      },
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
  return { ready, parts: [...parts, ...field.lines.map(lineHealth), ...push] }
}

const lineHealth = ({ config, line, meters }: FieldLine): HealthView['parts'][number] => {
  const [part, all] = [`line ${config.id}`, many(meters.length, 'meter')]
  const cure = `see GET /api/v1/lines/${config.id}`
  if (line.state === 'down') return { part, state: 'failed', sentence: `is down: ${line.why?.code ?? 'unknown'}`, cure }
  const silent = meters.filter(({ device }) => isBackedOff(device.health)).length
  if (silent > 0) return { part, state: 'degraded', sentence: `${silent} of ${all} ${silent === 1 ? 'does' : 'do'} not answer`, cure }
  return { part, state: 'ok', sentence: line.state === 'up' ? all : `${all}, not open yet`, cure: null }
}
