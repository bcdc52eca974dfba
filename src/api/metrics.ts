import type { FastifyInstance } from 'fastify'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { accessMetrics } from './access-metrics.ts'
import { brokerMetrics, type MetricValue as Value } from './broker-metrics.ts'
import { caseMetrics } from './case-metrics.ts'
import { clockMetrics } from './clock-metrics.ts'
import type { ApiDeps, LineMetrics, MetricsSnapshot } from './deps.ts'
import { terminalMetrics } from './terminal-metrics.ts'
import { unregisteredMetrics } from './unregistered-metrics.ts'

/** Everything a scrape answers: what the rooms counted, what the API counts itself, and the process. */
export interface ApiMetrics {
  readonly contentType: string
  text(): Promise<string>
}

/** Registers the metrics in a registry of their own; the rooms are asked when somebody scrapes and at no other time. */
export const apiMetrics = (app: FastifyInstance, { metrics, version }: Pick<ApiDeps, 'metrics' | 'version'>): ApiMetrics => {
  const registry = new Registry()
  const registers = [registry]
  let snapshot: MetricsSnapshot | null = null
  const counter = (name: string, help: string, labelNames: readonly string[], read: (from: MetricsSnapshot) => readonly Value[]) =>
    new Counter({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset()
        for (const [labels, value] of snapshot ? read(snapshot) : []) this.inc(labels, value)
      },
    })
  const gauge = (name: string, help: string, labelNames: readonly string[], read: (from: MetricsSnapshot) => readonly Value[]) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset()
        for (const [labels, value] of snapshot ? read(snapshot) : []) this.set(labels, value)
      },
    })
  const perLine = (value: (line: LineMetrics) => number) => (from: MetricsSnapshot) =>
    from.lines.map((line): Value => [{ line: line.id }, value(line)])

  counter(
    'gridtally_reads_due_total',
    'Reads that were due',
    ['line'],
    perLine(({ due }) => due),
  )
  counter(
    'gridtally_reads_done_total',
    'Reads that brought values',
    ['line'],
    perLine(({ read }) => read),
  )
  counter(
    'gridtally_reads_first_try_total',
    'Reads that needed no second try',
    ['line'],
    perLine(({ firstTry }) => firstTry),
  )
  counter(
    'gridtally_reads_missed_total',
    'Reads not done in time, also those had since',
    ['line'],
    perLine(({ missed, late }) => missed + late),
  )
  counter(
    'gridtally_reads_late_total',
    'Reads not done in time and had since',
    ['line'],
    perLine(({ late }) => late),
  )
  counter('gridtally_exchange_failures_total', 'Exchanges that failed, by error code', ['line', 'reason'], ({ lines }) =>
    lines.flatMap(({ id, reasons }) => Object.entries(reasons).map(([reason, count]): Value => [{ line: id, reason }, count])),
  )
  gauge(
    'gridtally_line_up',
    '1 while the line is open and works',
    ['line'],
    perLine(({ state }) => (state === 'up' ? 1 : 0)),
  )
  gauge(
    'gridtally_line_busy_ratio',
    'Share of the last minute in which the wire was in use',
    ['line'],
    perLine(({ busyShare }) => busyShare),
  )
  gauge(
    'gridtally_line_queue',
    'Jobs that wait for the line',
    ['line'],
    perLine(({ queue }) => queue),
  )
  const exchanges = 'Exchanges with meters, from request to answer or failure'
  new ScrapedHistogram('gridtally_exchange_seconds', exchanges, registers, () => snapshot?.lines ?? [])
  counter('gridtally_rows_stored_total', 'Readings stored', [], ({ rowsStored }) => [[{}, rowsStored]])
  gauge('gridtally_outbox_entries', 'Entries at least one sink has not taken yet', [], ({ outbox }) => [[{}, outbox.depth]])
  gauge('gridtally_outbox_bytes', 'Size of the outbox on disk', [], ({ outbox }) => [[{}, outbox.bytes]])
  gauge('gridtally_outbox_limit_bytes', 'Size at which the outbox stops taking', [], ({ outbox }) => [[{}, outbox.limitBytes]])
  gauge('gridtally_outbox_taking', '1 while the outbox takes readings', [], ({ outbox }) => [[{}, outbox.taking ? 1 : 0]])
  gauge('gridtally_outbox_oldest_timestamp_seconds', 'When the oldest waiting entry came; absent when none waits', [], ({ outbox }) =>
    outbox.oldestAt === null ? [] : [[{}, outbox.oldestAt / 1000]],
  )
  counter('gridtally_outbox_damaged_total', 'Entries that could not be read back', [], ({ outbox }) => [[{}, outbox.damaged]])
  gauge('gridtally_sink_state', '1 for the state the sink is in', ['sink', 'state'], ({ outbox }) =>
    outbox.sinks.flatMap(({ id, state }) =>
      ['storing', 'waiting', 'stopped'].map((one): Value => [{ sink: id, state: one }, one === state ? 1 : 0]),
    ),
  )
  gauge('gridtally_sink_behind', 'Entries the sink has not taken yet', ['sink'], ({ outbox }) =>
    outbox.sinks.map(({ id, behind }): Value => [{ sink: id }, behind]),
  )
  counter('gridtally_sink_stored_total', 'Readings the sink has stored', ['sink'], ({ outbox }) =>
    outbox.sinks.map(({ id, stored }): Value => [{ sink: id }, stored]),
  )
  gauge('gridtally_dead_letters', 'Readings a sink refused for good', ['sink'], ({ outbox }) =>
    outbox.sinks.map(({ id, deadLetters }): Value => [{ sink: id }, deadLetters]),
  )
  brokerMetrics(counter, gauge)
  clockMetrics(counter, gauge)
  unregisteredMetrics(counter, gauge)
  terminalMetrics(counter, gauge)
  caseMetrics(counter, gauge)
  accessMetrics(counter, gauge)
  new Gauge({ name: 'gridtally_info', help: 'Version of the gateway', labelNames: ['version'], registers }).set({ version }, 1)
  collectDefaultMetrics({ register: registry })
  countRequests(app, registry)

  return {
    contentType: registry.contentType,
    text: async () => {
      snapshot = await metrics()
      return registry.metrics()
    },
  }
}

/** A histogram that somebody else has counted. */
class ScrapedHistogram extends Histogram<string> {
  readonly #head: { readonly name: string; readonly help: string }
  readonly #read: () => readonly LineMetrics[]

  constructor(name: string, help: string, registers: Registry[], read: () => readonly LineMetrics[]) {
    super({ name, help, labelNames: ['line'], registers })
    this.#head = { name, help }
    this.#read = read
  }

  /** What the registry asks of a histogram when it writes text. */
  async getForPromString() {
    const { name } = this.#head
    const values = this.#read().flatMap(({ id: line, exchanges: { boundsS, counts, sumS } }) => {
      let count = 0
      const buckets = counts.map((more, at) => {
        count += more
        return { labels: { le: boundsS[at] ?? '+Inf', line }, value: count, metricName: `${name}_bucket` }
      })
      const total = [
        { labels: { line }, value: sumS, metricName: `${name}_sum` },
        { labels: { line }, value: count, metricName: `${name}_count` },
      ]
      return [...buckets, ...total]
    })
    return { ...this.#head, type: 'histogram', values }
  }
}

/** How long requests took, by route and status; never by path, which anybody can make up. */
const countRequests = (app: FastifyInstance, registry: Registry): void => {
  const seconds = new Histogram({
    name: 'gridtally_http_request_seconds',
    help: 'HTTP requests, by route and status',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
    registers: [registry],
  })
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none'
    seconds.observe(
      { method: request.routeOptions.url ? request.method : 'any', route, status: reply.statusCode },
      reply.elapsedTime / 1000,
    )
  })
}
