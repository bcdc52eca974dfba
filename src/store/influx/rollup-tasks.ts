import { COMM_COUNTS, HOUR_FIELDS, HOUR_POLICY, LONG_POLICY } from './rollups.ts'

/** The same roll-ups for servers without continuous queries, as text for a person to set up. */
export interface TaskText {
  readonly name: string
  readonly text: string
}

const flux = (name: string, every: string, bucket: string, lines: readonly string[]): TaskText => ({
  name,
  text: [`option task = {name: "${name}", every: ${every}, offset: 10m}`, '', `from(bucket: ${JSON.stringify(bucket)})`, ...lines].join(
    '\n',
  ),
})

/** Flux tasks of a 2.x server: hourly figures go to one bucket, days and months to another. */
const fluxTasks = (bucket: string): readonly TaskText[] => {
  const instants = HOUR_FIELDS.map((field) => `r._field == "${field}"`).join(' or ')
  const counts = COMM_COUNTS.map((field) => `r._field == "${field}"`).join(' or ')
  const hour = (fn: string) =>
    flux(`gridtally_instant_1h_${fn}`, '1h', bucket, [
      '  |> range(start: -6h)',
      '  |> filter(fn: (r) => r._measurement == "instant")',
      // Quality stands in the same row: what was set aside takes no part.
      '  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")',
      '  |> filter(fn: (r) => r.quality < 64)',
      '  |> experimental.unpivot()',
      `  |> filter(fn: (r) => ${instants})`,
      `  |> aggregateWindow(every: 1h, fn: ${fn}, createEmpty: false, timeSrc: "_start")`,
      `  |> map(fn: (r) => ({r with _measurement: "instant_1h", _field: r._field + "_${fn}"}))`,
      `  |> to(bucket: "${HOUR_POLICY}")`,
    ])
  const copy = (measurement: string) =>
    flux(`gridtally_${measurement}_long`, '1d', bucket, [
      '  |> range(start: -40d)',
      `  |> filter(fn: (r) => r._measurement == "${measurement}" and (r.period == "day" or r.period == "month"))`,
      `  |> to(bucket: "${LONG_POLICY}")`,
    ])
  return [
    ...['mean', 'min', 'max'].map(hour).map(({ name, text }) => ({ name, text: `import "experimental"\n\n${text}` })),
    flux('gridtally_comm_1h', '1h', bucket, [
      '  |> range(start: -6h)',
      `  |> filter(fn: (r) => r._measurement == "comm" and (${counts}))`,
      '  |> aggregateWindow(every: 1h, fn: sum, createEmpty: false, timeSrc: "_start")',
      '  |> map(fn: (r) => ({r with _measurement: "comm_1h"}))',
      `  |> to(bucket: "${HOUR_POLICY}")`,
    ]),
    copy('interval'),
    copy('area'),
  ]
}

/** Questions of a 3.x server, for whatever runs them every hour there: its processing engine, or a job of the house. */
const sqlTasks = (): readonly TaskText[] => [
  {
    name: 'gridtally_instant_1h',
    text: [
      "SELECT date_bin(INTERVAL '1 hour', time) AS time, meter, point, area, source,",
      ...HOUR_FIELDS.map(
        (field) => `  avg("${field}") AS "${field}_mean", min("${field}") AS "${field}_min", max("${field}") AS "${field}_max",`,
      ),
      '  count(*) AS reads',
      "FROM instant WHERE quality < 64 AND time >= now() - INTERVAL '6 hours'",
      'GROUP BY 1, meter, point, area, source',
    ].join('\n'),
  },
  {
    name: 'gridtally_comm_1h',
    text: [
      "SELECT date_bin(INTERVAL '1 hour', time) AS time, kind, id, area,",
      `${COMM_COUNTS.map((field) => `  sum("${field}") AS "${field}"`).join(',\n')}`,
      "FROM comm WHERE time >= now() - INTERVAL '6 hours'",
      'GROUP BY 1, kind, id, area',
    ].join('\n'),
  },
]

/** @param bucket  where the readings are (2.x) */
export const rollupTasks = (version: 'v2' | 'v3', bucket: string): readonly TaskText[] =>
  version === 'v2' ? fluxTasks(bucket) : sqlTasks()
