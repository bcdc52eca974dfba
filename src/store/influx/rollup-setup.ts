import { ok, type Result } from '../../core/index.ts'
import { openAdmin } from './admin.ts'
import { fail } from './errors.ts'
import type { Block } from './influxql.ts'
import { endpointOf, type InfluxOptions } from './options.ts'
import { questionOf, type RollupState, type RollupStep, rollupSteps, rollupsOf } from './rollups.ts'

export interface SetupOptions {
  /** Zone whose days the figures are of. */
  readonly zone: string
  /** How long hourly figures are kept, days. */
  readonly hourDays: number
  /** How long readings are kept, days; null: as it is. */
  readonly rawDays: number | null
  /** Milliseconds since 1970 UTC: what is stored from then on is rolled up now; null: only what comes. */
  readonly since: number | null
}

export interface SetupReport {
  /** Policy that holds the readings. */
  readonly raw: string
  readonly steps: readonly RollupStep[]
  /** Questions that roll up what is stored, oldest first; none without `since`. */
  readonly backfill: readonly string[]
  /** How many of the steps and questions were carried out. */
  readonly done: number
}

const DAY_MS = 86_400_000
/** A day of 20,000 meters is rolled up in one question; that takes its time. */
const STATEMENT_MS = 300_000

const column = ({ columns, values }: Block, name: string): readonly unknown[] => {
  const at = columns.indexOf(name)
  return values.map((row) => row[at])
}

/** Text without quotes: servers write them only where they must. */
const bare = (text: string): string => text.replace(/["\\]/g, '')

/** Hours in a duration as a server tells it: `720h0m0s`, `0s`. */
const hoursOf = (text: unknown): number => Number(/^(\d+)h/.exec(String(text))?.[1] ?? 0)

/**
 * Sees what roll-ups a 1.x server has, and sets up what is missing.
 *
 * @param apply  false: nothing is changed, the report says what would be
 * @errors INFLUX_CONFIG for 2.x and 3.x, which have no continuous queries; INFLUX_DATABASE, INFLUX_AUTH, INFLUX_NETWORK, INFLUX_QUERY, INFLUX_TIMEOUT
 */
export const setUpRollups = async (
  options: InfluxOptions,
  { hourDays, rawDays, since, zone }: SetupOptions,
  apply: boolean,
  now: () => number = Date.now,
): Promise<Result<SetupReport>> => {
  const endpoint = endpointOf(options)
  if (!endpoint.ok) return endpoint
  const { version, database, retentionPolicy } = endpoint.value
  if (version !== 'v1')
    return fail('INFLUX_CONFIG', `${version} has no continuous queries: gridtally influx tasks prints what it has instead`)
  const admin = openAdmin(options, endpoint.value)
  const found = await admin.order(`SHOW RETENTION POLICIES ON "${database.replace(/[\\"]/g, '\\$&')}"`)
  if (!found.ok) return found
  const [policies] = found.value
  const names = policies ? column(policies, 'name').map(String) : []
  const isDefault = policies ? column(policies, 'default') : []
  const raw = retentionPolicy ?? names[isDefault.indexOf(true)] ?? 'autogen'
  const durations = policies ? column(policies, 'duration') : []
  const asked = await admin.order('SHOW CONTINUOUS QUERIES')
  if (!asked.ok) return asked
  const queries = asked.value.flatMap((block) => {
    const texts = column(block, 'query')
    return column(block, 'name').map((name, at) => [String(name), String(texts[at])] as const)
  })
  const state: RollupState = {
    policies: new Map(names.map((name, at) => [name, hoursOf(durations[at])])),
    // Queries of other databases stand in the answer too; their text names its own.
    queries: new Map(
      queries.filter(([name, text]) => bare(text).startsWith(`CREATE CONTINUOUS QUERY ${bare(name)} ON ${bare(database)} `)),
    ),
  }
  const steps = rollupSteps({ database, raw, hourDays, zone }, state, rawDays)
  const backfill: string[] = []
  if (since !== null)
    for (let day = Math.floor(since / DAY_MS) * DAY_MS; day < now(); day += DAY_MS)
      for (const rollup of rollupsOf(zone))
        backfill.push(questionOf(rollup, { database, raw }, `time >= ${day}ms AND time < ${day + DAY_MS}ms`))
  let done = 0
  if (apply)
    for (const statement of [...steps.map((step) => step.statement), ...backfill]) {
      const carried = await admin.order(statement, STATEMENT_MS)
      if (!carried.ok) return carried
      done++
    }
  return ok({ raw, steps, backfill, done })
}
