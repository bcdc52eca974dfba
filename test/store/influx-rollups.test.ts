import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seriesOf, shapeOf } from '../../src/core/index.ts'
import { openInfluxStore } from '../../src/store/influx/index.ts'
import { setUpRollups } from '../../src/store/influx/rollup-setup.ts'
import { dayBuckets } from '../../src/store/influx/rollups.ts'
import { readingOf } from '../support/influx-readings.ts'
import { type Influxd, startInfluxd } from '../support/influxd.ts'

const HOUR = 3_600_000
const NOW = Math.floor(Date.now() / 86_400_000) * 86_400_000 + 12 * HOUR
/** Midnight in Shanghai, two days ago. */
const DAY = NOW - 12 * HOUR - 2 * 86_400_000 - 8 * HOUR

describe('roll-ups on a real influxd', () => {
  let server: Influxd
  beforeAll(async () => {
    server = await startInfluxd()
  })
  afterAll(() => server?.destroy())

  const database = 'db "1"'
  const options = () => ({ url: server.url, version: 'v1' as const, database, createDatabase: true })
  const setUp = (apply: boolean, more: object = {}) =>
    setUpRollups(options(), { zone: 'Asia/Shanghai', hourDays: 1095, rawDays: null, since: null, ...more }, apply, () => NOW)
  const done = async (apply: boolean, more: object = {}) => {
    const answer = await setUp(apply, more)
    if (!answer.ok) throw new Error(answer.error.message)
    return answer.value
  }

  it('are shown first, set up when asked, and then there is nothing left to do', async () => {
    expect(await setUp(false)).toMatchObject({ ok: false, error: { code: 'INFLUX_DATABASE' } })
    const store = await openInfluxStore(options())
    if (!store.ok) throw new Error(store.error.message)
    const volt = shapeOf([{ field: '32.7.0', obis: '1-0:32.7.0', unit: 'V', scaler: -1 }])
    const instant = (minutes: number, raw: number, quality = 0) =>
      readingOf('m', DAY + minutes * 60_000, [raw], {
        ...{ series: seriesOf('instant', { meter: 'm', point: 'P', area: 'A', source: 'live' }), shape: volt, quality },
      })
    const count = (field: string) => ({ field, obis: null, unit: '' as const, scaler: 0, integer: true })
    const energy = (at: number, period: string, raw: number, flags: number) =>
      readingOf('m', at, [raw, flags], {
        series: seriesOf('interval', { point: 'P', area: 'A', period }),
        shape: shapeOf([{ field: '1.8.0', obis: null, unit: 'kWh', scaler: -2 }, count('1.8.0_flags')]),
      })
    const stored = await store.value.write([
      ...[instant(0, 2300), instant(15, 2310), instant(30, 2500, 2), instant(45, 9999, 64), instant(60, 2290)],
      ...[energy(DAY, 'day', 1234, 0), energy(DAY + 24 * HOUR, 'day', 999, 8192), energy(DAY, '15m', 5, 0)],
      readingOf('m', DAY, [10, 9], {
        series: seriesOf('comm', { kind: 'meter', id: 'm', area: 'A' }),
        shape: shapeOf([count('due'), count('read')]),
      }),
      readingOf('m', DAY + 60_000, [1, 1], {
        ...{ series: seriesOf('comm', { kind: 'meter', id: 'm', area: 'A' }), shape: shapeOf([count('due'), count('read')]) },
      }),
    ])
    expect(stored).toEqual({ kind: 'stored', dead: [] })
    await store.value.close()

    const plan = await done(false)
    expect([plan.raw, plan.done]).toEqual(['autogen', 0])
    expect((await server.query('SHOW CONTINUOUS QUERIES')).flatMap(({ values = [] }) => values)).toEqual([])
    expect(plan.steps.map(({ why }) => why)).toHaveLength(8)
    expect(await done(true)).toMatchObject({ done: 8 })
    expect((await done(true)).steps).toEqual([])
    // A query of another name, and one of ours that somebody changed.
    const quoted = '"db \\"1\\""'
    await server.query(`CREATE CONTINUOUS QUERY theirs ON ${quoted} BEGIN SELECT mean("32.7.0") INTO x FROM instant GROUP BY time(1h) END`)
    await server.query(`DROP CONTINUOUS QUERY gridtally_comm_1h ON ${quoted}`)
    await server.query(
      `CREATE CONTINUOUS QUERY gridtally_comm_1h ON ${quoted} BEGIN SELECT sum("due") INTO x FROM comm GROUP BY time(1h) END`,
    )
    expect((await done(true)).steps.map(({ statement }) => statement.split(' ')[0])).toEqual(['DROP', 'CREATE'])
    expect((await done(true)).steps).toEqual([])
    expect(await done(true, { hourDays: 400, rawDays: 500 })).toMatchObject({
      steps: [
        { statement: 'ALTER RETENTION POLICY "autogen" ON "db \\"1\\"" DURATION 500d' },
        { statement: 'ALTER RETENTION POLICY "gridtally_hour" ON "db \\"1\\"" DURATION 400d' },
      ],
    })
    expect((await server.query('SHOW CONTINUOUS QUERIES')).flatMap(({ values = [] }) => values.map(([name]) => name)).sort()).toEqual([
      ...[
        'gridtally_area_long',
        'gridtally_comm_1h',
        'gridtally_instant_1h',
        'gridtally_instant_1h_doubtful',
        'gridtally_instant_1h_set_aside',
      ],
      ...['gridtally_interval_long', 'theirs'],
    ])
  })

  it('say what the readings say: nothing set aside in a mean, days where they begin, flags beside them', async () => {
    const { backfill, done: carried } = await done(true, { hourDays: 400, since: DAY })
    expect(carried).toBe(backfill.length)
    expect(backfill).toHaveLength(4 * 6)
    const [hours] = await server.query('SELECT * FROM "gridtally_hour"."instant_1h"', database)
    const rows = hours!.values.map((row) => Object.fromEntries(row.map((value, at) => [hours!.columns[at], value])))
    expect(rows[0]).toMatchObject({
      time: DAY,
      '32.7.0_min': 230,
      '32.7.0_max': 250,
      reads: 3,
      doubtful: 1,
      set_aside: 1,
      point: 'P',
      source: 'live',
    })
    expect(rows[0]!['32.7.0_mean']).toBeCloseTo((230 + 231 + 250) / 3, 9)
    expect(rows[1]).toMatchObject({ time: DAY + HOUR, reads: 1, doubtful: null, set_aside: null })
    const [comm] = await server.query('SELECT "due", "read", "id" FROM "gridtally_hour"."comm_1h"', database)
    expect(comm!.values).toEqual([[DAY, 11, 10, 'm']])
    const [days] = await server.query('SELECT "1.8.0", "1.8.0_flags", "period" FROM "gridtally_long"."interval"', database)
    expect(days!.values).toEqual([
      [DAY, 12.34, 0, 'day'],
      [DAY + 24 * HOUR, 9.99, 8192, 'day'],
    ])
    const types = await server.query('SHOW FIELD KEYS FROM "gridtally_long"."interval"', database)
    expect(Object.fromEntries(types[0]!.values as [string, string][])).toMatchObject({ '1.8.0': 'float', '1.8.0_flags': 'integer' })
  })

  it('are for 1.x only', async () => {
    const answer = await setUpRollups(
      { url: server.url, version: 'v2', org: 'o', bucket: 'b', token: 't' },
      { zone: 'UTC', hourDays: 1, rawDays: null, since: null },
      false,
    )
    expect(answer).toMatchObject({ ok: false, error: { code: 'INFLUX_CONFIG' } })
  })
})

describe('buckets that begin where days begin', () => {
  it.each([
    ['Asia/Shanghai', 'time(1d, 16h)'],
    ['UTC', 'time(1d)'],
    ['Asia/Kolkata', 'time(1d, 1110m)'],
    ['America/Bogota', 'time(1d, 5h)'],
    ['Europe/Berlin', 'time(1h)'],
    ['Australia/Lord_Howe', 'time(1h)'],
  ])('%s: %s', (zone, buckets) => expect(dayBuckets(zone)).toBe(buckets))
})
