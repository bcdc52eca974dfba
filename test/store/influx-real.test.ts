import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type Reading, seriesOf, shapeOf } from '../../src/core/index.ts'
import { type InfluxOptions, nameProblem, openInfluxStore } from '../../src/store/influx/index.ts'
import { unitOfField } from '../../src/store/influx/units.ts'
import { batchOf, poisonShape, readingOf, START } from '../support/influx-readings.ts'
import { fetchText, type Influxd, startInfluxd, startVictoria } from '../support/influxd.ts'

const DAY = 86_400_000

describe('a real influxd', () => {
  let server: Influxd
  let databases = 0
  beforeAll(async () => {
    server = await startInfluxd()
  })
  afterAll(() => server?.destroy())

  const openStore = async (more: Partial<InfluxOptions> = {}) => {
    const database = `db ${++databases} "',=电`
    const opened = await openInfluxStore({ url: server.url, version: 'v1', database, createDatabase: true, ...more })
    if (!opened.ok) throw new Error(opened.error.message)
    onTestFinished(() => opened.value.close())
    return Object.assign(opened.value, { database })
  }
  const count = async (database: string, field = '1.8.0', measurement = 'register') => {
    const [block] = await server.query(`SELECT count("${field}") FROM "${measurement}"`, database)
    return Number(block?.values[0]?.[1] ?? 0)
  }

  it('says which version it is', async () => {
    const store = await openStore()
    expect(await store.ping()).toEqual({ ok: true, value: { version: expect.stringMatching(/^1\.6\.7/), ms: expect.any(Number) } })
    expect(store.stats()).toMatchObject({ state: 'up', lastError: null })
  })

  it('stores every name as given or not at all: points written = points meant', async () => {
    const store = await openStore()
    const name = fc.oneof(
      fc.string({
        unit: fc.constantFrom('a', 'b', '\\', ',', ' ', '=', '"', "'", '\n', '\t', '#', '电', '😀', '\u202e', '\u00a0', '%', ';', '--'),
        minLength: 1,
        maxLength: 10,
      }),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }),
      fc.constantFrom('__proto__', 'constructor', 'a'.repeat(1024), 'a'.repeat(1025), 'x'.repeat(65_536), "';DROP DATABASE x;--", 'time'),
    )
    const names = [...new Set(fc.sample(fc.tuple(name, name, name), { numRuns: 2000, seed: 7 }).map((one) => JSON.stringify(one)))]
    const readings = names.map((text, index) => {
      const [meter, point, area] = JSON.parse(text) as [string, string, string]
      return readingOf(meter, START + index, [index, 1], { series: seriesOf('register', { meter, point, area, source: 'live' }) })
    })
    const answer = await store.write(readings)
    if (answer.kind !== 'stored') throw new Error(answer.error.message)
    const refused = new Set(answer.dead.map(({ index }) => index))
    for (const { error } of answer.dead) expect(error.code).toBe('INFLUX_NAME')
    expect(readings.flatMap(({ series }, index) => (Object.values(series.tags).some(nameProblem) ? [index] : []))).toEqual([...refused])
    expect(refused.size).toBeGreaterThan(100)
    expect(refused.size).toBeLessThan(readings.length - 500)

    const kept = readings.filter((_, index) => !refused.has(index))
    const [block] = await server.query('SELECT "1.8.0", "meter", "point", "area", "source" FROM "register"', store.database)
    const asWritten = ({ measuredAt, raws, series: { tags } }: Reading) => [
      measuredAt,
      Number(raws[0]) / 100,
      tags.meter,
      tags.point,
      tags.area,
      'live',
    ]
    expect(block!.values).toEqual(kept.map(asWritten))
    expect((await server.query('SHOW MEASUREMENTS', store.database))[0]!.values).toEqual([['register']])
    expect((await server.query('SHOW TAG KEYS', store.database))[0]!.values).toEqual([['area'], ['meter'], ['point'], ['source']])
    expect((await server.query('SHOW FIELD KEYS', store.database))[0]!.values.map(([field]) => field)).toEqual([
      '1.8.0',
      '2.8.0',
      'absent',
      'quality',
      'ratio',
      'received',
    ])
    // And each is found again by its name, whatever quotes are in it.
    for (const reading of kept.slice(0, 150)) {
      const { meter = '', point = '', area = '' } = reading.series.tags
      const page = await store.range({ measurement: 'register', tags: { meter, point, area }, from: START, to: START + DAY, limit: 2000 })
      if (!page.ok) throw new Error(page.error.message)
      expect(page.value.readings.map(({ series }) => series.key)).toContain(reading.series.key)
    }
  })

  it.each([1, 50])(
    '%s field-type conflicts among 5,000: the others are stored, the culprits are dead with the server’s words',
    async (culprits) => {
      const store = await openStore()
      await store.write(batchOf(1, START - DAY))
      const bad = new Set(Array.from({ length: culprits }, (_, nth) => (nth * 97 + 1234) % 5000))
      const readings = batchOf(5000).map((reading, index) => (bad.has(index) ? { ...reading, shape: poisonShape } : reading))
      const before = store.stats().requests
      const answer = await store.write(readings)
      if (answer.kind !== 'stored') throw new Error(answer.error.message)
      expect(answer.dead.map(({ index }) => index)).toEqual([...bad].sort((a, b) => a - b))
      for (const { error } of answer.dead)
        expect(error).toMatchObject({
          code: 'INFLUX_REFUSED',
          message: expect.stringMatching(/field type conflict: input field "1\.8\.0".*is type integer, already exists as type float/),
        })
      expect(await count(store.database)).toBe(5000 - culprits + 1)
      expect(store.stats().requests - before).toBeLessThanOrEqual(14 * culprits)
      expect(store.stats()).toMatchObject({ state: 'up', rowsDead: culprits })
    },
  )

  it('sorts out conflicts that lie in forty shards at once', async () => {
    const store = await openStore()
    const weeks = 40
    // A shard takes the first type it sees, so each has seen the right one.
    await store.write(Array.from({ length: weeks }, (_, week) => readingOf('first', START - week * 7 * DAY)))
    const readings = Array.from({ length: 4000 }, (_, index) =>
      readingOf(`m${index}`, START - (index % weeks) * 7 * DAY, [index, 1], index % 100 === 3 ? { shape: poisonShape } : {}),
    )
    const answer = await store.write(readings)
    if (answer.kind !== 'stored') throw new Error(answer.error.message)
    expect(answer.dead.map(({ index }) => index)).toEqual(Array.from({ length: 40 }, (_, nth) => nth * 100 + 3))
    const [rows] = await server.query('SELECT "received", "meter" FROM "register"', store.database)
    expect(new Set(rows!.values.map(([, , meter]) => meter)).size).toBe(1 + 4000 - 40)
  })

  it('buries what lies beyond the retention policy, with the reason, and stores the rest', async () => {
    const store = await openStore({ retentionPolicy: 'short', retentionDays: 30 })
    const now = Date.now()
    const readings = Array.from({ length: 1000 }, (_, index) =>
      readingOf(`m${index}`, index % 10 === 0 ? now - 400 * DAY : now - index * 1000),
    )
    const answer = await store.write(readings)
    if (answer.kind !== 'stored') throw new Error(answer.error.message)
    expect(answer.dead.map(({ index }) => index)).toEqual(Array.from({ length: 100 }, (_, nth) => nth * 10))
    expect(answer.dead[0]!.error).toMatchObject({
      code: 'INFLUX_REFUSED',
      message: expect.stringContaining('points beyond retention policy'),
    })
    expect(await count(store.database)).toBe(900)
    expect((await server.query('SHOW RETENTION POLICIES', store.database))[0]!.values.find(([name]) => name === 'short')).toEqual([
      'short',
      '720h0m0s',
      '24h0m0s',
      1,
      true,
    ])
    expect((await store.range({ measurement: 'register', tags: { meter: 'm1' }, from: now - DAY, to: now + 1, limit: 5 })).ok).toBe(true)
  })

  it('creates a database that somebody dropped only when it may', async () => {
    const store = await openStore()
    await server.query(`DROP DATABASE "${store.database.replace(/[\\"]/g, '\\$&')}"`)
    expect(await store.write(batchOf(3))).toEqual({ kind: 'stored', dead: [] })
    const other = await openStore({ createDatabase: false })
    expect(await other.write(batchOf(3))).toMatchObject({ kind: 'stop', error: { code: 'INFLUX_DATABASE' } })
    expect(await other.range({ measurement: 'register', tags: { meter: 'x' }, from: 0, to: 1, limit: 1 })).toMatchObject({
      ok: false,
      error: { code: 'INFLUX_DATABASE' },
    })
    expect(other.stats()).toMatchObject({ state: 'stopped' })
  })

  it('rebuilds units and integer columns of what it reads', async () => {
    const store = await openStore()
    const shape = shapeOf([
      { field: 'due', obis: null, unit: '', scaler: 0, integer: true },
      { field: 'rssi', obis: null, unit: '', scaler: -1 },
    ])
    const comm = readingOf('7', START, [96, -870], { series: seriesOf('comm', { kind: 'meter', id: '7', area: 'A' }), shape })
    await store.write([comm, readingOf('7', START, [12345678, 100])])
    const first = await store.range({ measurement: 'comm', tags: { id: '7' }, from: START, to: START + 1, limit: 1 })
    expect(first).toMatchObject({
      ok: true,
      value: {
        readings: [
          {
            raws: [96, -87],
            scalers: [0, 0],
            receivedAt: comm.receivedAt,
            shape: {
              columns: [
                { field: 'due', integer: true, scaler: 0 },
                { field: 'rssi', scaler: null },
              ],
            },
          },
        ],
      },
    })
    const second = await store.range({ measurement: 'register', tags: { meter: '7' }, from: START, to: START + 1, limit: 1 })
    expect(second).toMatchObject({
      ok: true,
      value: {
        readings: [
          {
            raws: [12345678, 1],
            scalers: [-2, 0],
            shape: {
              columns: [
                { obis: '1-0:1.8.0', unit: 'kWh' },
                { obis: '1-0:2.8.0', unit: 'kWh' },
              ],
            },
          },
        ],
      },
    })
    // What was read can be written again: no type changes on the way.
    if (first.ok && second.ok)
      expect(await store.write([...first.value.readings, ...second.value.readings])).toEqual({ kind: 'stored', dead: [] })
  })

  it('refuses more buckets than anybody can read', async () => {
    const store = await openStore()
    const query = { measurement: 'register', tags: { meter: 'm' }, field: '1.8.0', fn: 'last', from: 0, to: START, everyMs: 1000 } as const
    expect(await store.aggregate(query)).toMatchObject({ ok: false, error: { code: 'INFLUX_QUERY' } })
  })
})

describe('an influxd that asks for credentials', () => {
  it('stops on wrong ones and works with right ones', async () => {
    const server = await startInfluxd({ http: { 'auth-enabled': true } })
    onTestFinished(() => server.destroy())
    await server.query("CREATE USER admin WITH PASSWORD 'p w' WITH ALL PRIVILEGES")
    const open = async (more: Partial<InfluxOptions>) => {
      const opened = await openInfluxStore({ url: server.url, version: 'v1', database: 'd', createDatabase: true, ...more })
      if (!opened.ok) throw new Error(opened.error.message)
      onTestFinished(() => opened.value.close())
      return opened.value
    }
    for (const wrong of [{}, { username: 'admin', password: 'wrong' }]) {
      const store = await open(wrong)
      expect(await store.write(batchOf(1))).toMatchObject({ kind: 'stop', error: { code: 'INFLUX_AUTH' } })
      expect(await store.range({ measurement: 'register', tags: { meter: 'm0' }, from: START, to: START + 1, limit: 1 })).toMatchObject({
        ok: false,
        error: { code: 'INFLUX_AUTH' },
      })
    }
    const store = await open({ username: 'admin', password: 'p w' })
    expect(await store.write(batchOf(2))).toEqual({ kind: 'stored', dead: [] })
    expect(await store.range({ measurement: 'register', tags: { meter: 'm0' }, from: START, to: START + 1, limit: 1 })).toMatchObject({
      ok: true,
      value: { readings: [{}] },
    })
  })
})

describe('a real victoria-metrics', () => {
  it('takes the 2.x write shape', async () => {
    const server = await startVictoria()
    onTestFinished(() => server.destroy())
    const opened = await openInfluxStore({ url: server.url, version: 'v2', org: 'o', bucket: 'b', token: 't' })
    if (!opened.ok) throw new Error(opened.error.message)
    onTestFinished(() => opened.value.close())
    const names = ['plain', 'a,b', 'a b', 'a=b', 'a\\b', '电 表', `it's "q"`]
    const at = Date.now() - 3_600_000
    expect(await opened.value.write(names.map((meter, index) => readingOf(meter, at, [index * 100 + 1, 1])))).toEqual({
      kind: 'stored',
      dead: [],
    })
    await fetchText(`${server.url}/internal/force_flush`)
    const { text } = await fetchText(`${server.url}/api/v1/export?${new URLSearchParams({ 'match[]': '{__name__="register_1.8.0"}' })}`)
    const rows = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { metric: Record<string, string>; values: number[]; timestamps: number[] })
    expect(rows.map(({ metric, values, timestamps }) => [metric.meter, values, timestamps]).sort()).toEqual(
      names.map((meter, index) => [meter, [index + 0.01], [at]]).sort(),
    )
  })
})

describe('units of stored fields', () => {
  it.each([
    ['1.8.0', 'kWh'],
    ['3.8.2', 'kvarh'],
    ['9.8.0', 'kVAh'],
    ['1.6.0', 'kW'],
    ['16.7.0', 'kW'],
    ['36.7.0', 'kW'],
    ['29.7.0', 'kVA'],
    ['75.8.0', 'kWh'],
    ['63.8.0', 'kvarh'],
    ['131.7.0', 'kvar'],
    ['191.7.0', 'kvar'],
    ['31.7.0', 'A'],
    ['72.7.0', 'V'],
    ['91.7.0', 'A'],
    ['13.7.0', ''],
    ['14.7.0', 'Hz'],
    ['81.7.26', 'deg'],
    ['32.7.124', '%'],
    ['due', ''],
  ])('%s is in %s', (field, unit) => expect(unitOfField(field)).toBe(unit))
})
