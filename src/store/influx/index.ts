/** InfluxDB as a sink and as a store: own line-protocol writer, the `influx` package for administration and queries. */
import { ok, type ReadingStore, type Result, type Sink } from '../../core/index.ts'
import { askWithToken, openAdmin } from './admin.ts'
import { fail } from './errors.ts'
import { type Answer, HttpClient } from './http.ts'
import { endpointOf, type InfluxOptions } from './options.ts'
import { InfluxQueries } from './queries.ts'
import { InfluxSink, type SinkStats } from './sink.ts'

export type { InfluxCode } from './errors.ts'
export { nameProblem } from './names.ts'
export type { InfluxOptions } from './options.ts'
export type { SinkStats } from './sink.ts'

export interface InfluxStore extends Sink, ReadingStore {
  /**
   * Asks the server who it is.
   *
   * @returns  its version (`unknown` where it does not say) and the milliseconds it took
   * @errors   INFLUX_NETWORK, INFLUX_TIMEOUT, INFLUX_CUT, INFLUX_AUTH, INFLUX_NOT_INFLUX
   */
  ping(): Promise<Result<{ readonly version: string; readonly ms: number }>>
  stats(): SinkStats
}

/**
 * Opens InfluxDB. A server that is down is no failure: the outbox holds the readings, `stats().state` says `down`.
 *
 * @param now  wall clock, for a Retry-After that is a date
 * @errors     INFLUX_CONFIG
 */
export const openInfluxStore = async (options: InfluxOptions, now: () => number = Date.now): Promise<Result<InfluxStore>> => {
  const endpoint = endpointOf(options)
  if (!endpoint.ok) return endpoint
  const { base, headers, timeoutMs, version, pingPath } = endpoint.value
  // Queries and health have a connection of their own: a write under way does not make them wait.
  const asking = new HttpClient(base, { headers, timeoutMs, connections: 1 })
  const admin = version === 'v1' ? openAdmin(options, endpoint.value) : null
  const createDatabase = options.createDatabase === true && admin !== null ? admin.createDatabase : null
  const sink = new InfluxSink(endpoint.value, { createDatabase, bootOf: admin?.bootOf ?? null, now })
  const queries = new InfluxQueries(admin?.ask ?? askWithToken(asking, endpoint.value))

  const ping: InfluxStore['ping'] = async () => {
    const answer = await asking.exchange({ method: 'GET', path: pingPath })
    const found = answer.ok ? readPing(answer.value) : answer
    sink.noteState(found.ok ? 'up' : 'down', found.ok ? null : found.error)
    return found
  }

  const alive = await ping()
  if (alive.ok) {
    await createDatabase?.()
    await sink.learnBoot()
  }

  return ok({
    id: sink.id,
    batch: sink.batch,
    write: (readings) => sink.write(readings),
    range: (query) => queries.range(query),
    aggregate: (query) => queries.aggregate(query),
    scan: (query) => queries.scan(query),
    retain: () => queries.retain(),
    ping,
    stats: () => sink.stats(),
    close: async () => {
      asking.close()
      await sink.close()
    },
  })
}

const readPing = ({ status, headers, text, ms }: Answer): Result<{ version: string; ms: number }> => {
  if (status === 401 || status === 403) return fail('INFLUX_AUTH', `HTTP ${status} to /ping`, { status })
  const said = headers['x-influxdb-version'] ?? /"version"\s*:\s*"([^"]{1,80})"/.exec(text)?.[1]
  if (status === 204 || (status === 200 && said !== undefined)) return ok({ version: String(said ?? 'unknown'), ms })
  return fail('INFLUX_NOT_INFLUX', `HTTP ${status} to /ping`, { status })
}
