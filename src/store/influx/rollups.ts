import { identifier } from './influxql.ts'

/** What the roll-ups of a 1.x server are made of. */
export interface RollupOptions {
  readonly database: string
  /** Policy that holds the readings. */
  readonly raw: string
  /** How long hourly figures are kept, days. */
  readonly hourDays: number
  /** Zone whose days the figures are of: IANA name. */
  readonly zone: string
}

/** Names are a public interface, like those of measurements: dashboards query them. */
export const HOUR_POLICY = 'gridtally_hour'
export const LONG_POLICY = 'gridtally_long'

/** One continuous query. */
export interface Rollup {
  readonly name: string
  /** How often it runs, and how far it looks back: readings and figures come late. */
  readonly resample: string
  readonly target: string
  /** From `SELECT` to the end of `WHERE`, which may be empty. */
  readonly select: string
  readonly from: string
  readonly where: string
  readonly groupBy: string
}

const PHASES = [0, 20, 40, 60] as const
/** Instantaneous values worth an hour: voltages, currents, powers, power factors, frequency. */
export const HOUR_FIELDS: readonly string[] = [
  ...[32, 52, 72, 31, 51, 71, 91].map((c) => `${c}.7.0`),
  ...[1, 2, 3, 4, 16].flatMap((c) => PHASES.map((phase) => `${c + phase}.7.0`)),
  ...PHASES.map((phase) => `${13 + phase}.7.0`),
  '14.7.0',
  ...[131, 151, 171, 191].map((c) => `${c}.7.0`),
]
/** Counts of `comm` that add up. */
export const COMM_COUNTS: readonly string[] = [
  ...['due', 'read', 'first_try', 'missed', 'exchanges', 'answered', 'retries', 'no_reply', 'damaged', 'stray', 'late', 'lost', 'refused'],
  ...[
    'messages',
    'values',
    'duplicates',
    'conflicts',
    'readings',
    'reconnects',
    'heartbeats',
    'expected',
    'logins',
    'reports',
    'takeovers',
  ],
]
const TARIFFS = [0, 1, 2, 3, 4] as const
/** Registers of day and month energy that are kept for good. */
export const LONG_REGISTERS: readonly string[] = [
  ...['1', '2', '3', '4'].flatMap((c) => TARIFFS.map((tariff) => `${c}.8.${tariff}`)),
  ...['5', '6', '7', '8', '9', '10'].map((c) => `${c}.8.0`),
]
const AREA_FIELDS = [
  ...['supply_kwh', 'reverse_kwh', 'generation_kwh', 'sold_kwh', 'loss_kwh', 'loss_pct', 'net_loss_pct', 'low_kwh', 'high_kwh'],
  ...['known', 'state', 'faults', 'watches', 'meters', 'good_meters', 'missing', 'energy_ppm', 'estimated_ppm', 'version'],
] as const

const MINUTE_MS = 60_000
const DAY_MINUTES = 1440

/** Minutes east of UTC. */
const minutesEast = (zone: string, at: number): number => {
  const format = new Intl.DateTimeFormat('en-US-u-hc-h23', {
    ...{ timeZone: zone, year: 'numeric', month: 'numeric', day: 'numeric' },
    ...{ hour: 'numeric', minute: 'numeric' },
  })
  const {
    year = 1970,
    month = 1,
    day = 1,
    hour = 0,
    minute = 0,
  } = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]))
  return Math.round((Date.UTC(year, month - 1, day, hour, minute) - at) / MINUTE_MS)
}

/**
 * Buckets that begin where days of a zone begin, so that a figure of a day keeps its time. With summer time they are hours, because no day
 * of a server fits.
 */
export const dayBuckets = (zone: string): string => {
  const [winter, summer] = [minutesEast(zone, Date.UTC(2026, 0, 15)), minutesEast(zone, Date.UTC(2026, 6, 15))]
  const [bucket, length] = winter === summer ? (['1d', DAY_MINUTES] as const) : (['1h', 60] as const)
  const from = ((-winter % length) + length) % length
  // As a server writes it: what differs from its own words would look like another query.
  return from === 0 ? `time(${bucket})` : `time(${bucket}, ${from % 60 === 0 ? `${from / 60}h` : `${from}m`})`
}

/** An InfluxQL call with the name of its result. */
const call = (fn: string, field: string, as = field): string => `${fn}("${field}") AS "${as}"`

/** QUALITY.quarantined is the highest bit: what is below it is not set aside. */
const NOT_SET_ASIDE = '"quality" < 64'

/**
 * Hourly figures of instantaneous values and communication, and days and months for good.
 *
 * What was set aside takes no part in a mean and is counted instead. Day and month figures are copied with their flags: a figure whose flags
 * say that it does not hold must be left out there as well. They are looked at again for 40 days, because energy is worked out again.
 */
export const rollupsOf = (zone: string): readonly Rollup[] => [
  {
    name: 'gridtally_instant_1h',
    resample: 'EVERY 1h FOR 6h',
    target: `${HOUR_POLICY}"."instant_1h`,
    select: [
      ...HOUR_FIELDS.flatMap((field) => ['mean', 'min', 'max'].map((fn) => call(fn, field, `${field}_${fn}`))),
      call('count', 'quality', 'reads'),
      call('sum', 'absent'),
    ].join(', '),
    from: 'instant',
    where: NOT_SET_ASIDE,
    groupBy: 'time(1h), "meter", "point", "area", "source"',
  },
  {
    name: 'gridtally_instant_1h_doubtful',
    resample: 'EVERY 1h FOR 6h',
    target: `${HOUR_POLICY}"."instant_1h`,
    select: call('count', 'quality', 'doubtful'),
    from: 'instant',
    where: `"quality" > 0 AND ${NOT_SET_ASIDE}`,
    groupBy: 'time(1h), "meter", "point", "area", "source"',
  },
  {
    name: 'gridtally_instant_1h_set_aside',
    resample: 'EVERY 1h FOR 6h',
    target: `${HOUR_POLICY}"."instant_1h`,
    select: call('count', 'quality', 'set_aside'),
    from: 'instant',
    where: '"quality" >= 64',
    groupBy: 'time(1h), "meter", "point", "area", "source"',
  },
  {
    name: 'gridtally_comm_1h',
    resample: 'EVERY 1h FOR 6h',
    target: `${HOUR_POLICY}"."comm_1h`,
    select: [
      ...COMM_COUNTS.map((field) => call('sum', field)),
      ...['busy_share', 'online', 'latency'].map((field) => call('mean', field)),
      call('max', 'latency', 'latency_max'),
    ].join(', '),
    from: 'comm',
    where: '',
    groupBy: 'time(1h), "kind", "id", "area"',
  },
  {
    name: 'gridtally_interval_long',
    resample: 'EVERY 1d FOR 40d',
    target: `${LONG_POLICY}"."interval`,
    select: [
      ...LONG_REGISTERS.flatMap((register) => [call('last', register), call('last', `${register}_flags`)]),
      ...['estimated_ppm', 'flags', 'version', 'quality'].map((field) => call('last', field)),
    ].join(', '),
    from: 'interval',
    where: `("period" = 'day' OR "period" = 'month')`,
    groupBy: `${dayBuckets(zone)}, "point", "area", "period"`,
  },
  {
    name: 'gridtally_area_long',
    resample: 'EVERY 1d FOR 40d',
    target: `${LONG_POLICY}"."area`,
    select: AREA_FIELDS.map((field) => call('last', field)).join(', '),
    from: 'area',
    where: `("period" = 'day' OR "period" = 'month')`,
    groupBy: `${dayBuckets(zone)}, "area", "period"`,
  },
]

/** The question of a roll-up, as a continuous query runs it. `times`: only of this time, for what was stored before. */
export const questionOf = (rollup: Rollup, { database, raw }: Pick<RollupOptions, 'database' | 'raw'>, times = ''): string => {
  const { select, target, from, where, groupBy } = rollup
  const conditions = [where, times].filter((one) => one !== '').join(' AND ')
  return [
    `SELECT ${select} INTO ${identifier(database)}."${target}"`,
    `FROM ${identifier(database)}.${identifier(raw)}."${from}"`,
    ...(conditions === '' ? [] : [`WHERE ${conditions}`]),
    `GROUP BY ${groupBy}`,
  ].join(' ')
}

export const continuousQuery = (rollup: Rollup, options: Pick<RollupOptions, 'database' | 'raw'>): string =>
  `CREATE CONTINUOUS QUERY ${identifier(rollup.name)} ON ${identifier(options.database)} RESAMPLE ${rollup.resample} BEGIN ${questionOf(rollup, options)} END`

/** What stands on a server. */
export interface RollupState {
  /** Names of policies with their durations in hours; 0 = for ever. */
  readonly policies: ReadonlyMap<string, number>
  /** Names of continuous queries with their text as the server tells it. */
  readonly queries: ReadonlyMap<string, string>
}

/** One statement, and why. */
export interface RollupStep {
  readonly statement: string
  readonly why: string
}

/** A query without what a server writes in its own way: quotes, blanks, one length of time in two words. */
const plain = (text: string): string => text.replace(/["\\\s]/g, '').toLowerCase()

/** What has to be done so that a server has the roll-ups: nothing when it has them. Queries of other names are left alone. */
export const rollupSteps = (options: RollupOptions, state: RollupState, rawDays: number | null): RollupStep[] => {
  const { database, raw, hourDays } = options
  const steps: RollupStep[] = []
  const policy = (name: string, hours: number, duration: string, more = '') => {
    const there = state.policies.get(name)
    const text = `RETENTION POLICY ${identifier(name)} ON ${identifier(database)} DURATION ${duration}`
    if (there === undefined) steps.push({ statement: `CREATE ${text} REPLICATION 1${more}`, why: `policy ${name} is not there` })
    else if (there !== hours)
      steps.push({ statement: `ALTER ${text}`, why: `policy ${name} keeps ${there === 0 ? 'for ever' : `${there} h`}` })
  }
  if (rawDays !== null) policy(raw, rawDays * 24, `${rawDays}d`)
  policy(HOUR_POLICY, hourDays * 24, `${hourDays}d`)
  policy(LONG_POLICY, 0, 'INF')
  for (const rollup of rollupsOf(options.zone)) {
    const wanted = continuousQuery(rollup, options)
    const there = state.queries.get(rollup.name)
    if (there !== undefined && plain(there) === plain(wanted)) continue
    if (there !== undefined)
      steps.push({
        statement: `DROP CONTINUOUS QUERY ${identifier(rollup.name)} ON ${identifier(database)}`,
        why: `query ${rollup.name} is another one`,
      })
    steps.push({
      statement: wanted,
      why: there === undefined ? `query ${rollup.name} is not there` : `query ${rollup.name} as it is to be`,
    })
  }
  return steps
}
