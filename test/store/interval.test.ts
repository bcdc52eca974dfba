import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { type Reading, type ReadingStore, type Sink, seriesOf, shapeOf } from '../../src/core/index.ts'
import { intervalRows, UNKNOWN_FLAG } from '../../src/gateway/energy-figures.ts'
import { openDatabase } from '../../src/sqlite/index.ts'
import { openEmbeddedStore } from '../../src/store/embedded.ts'
import { openInfluxStore } from '../../src/store/influx/index.ts'
import { fetchText, startInfluxd } from '../support/influxd.ts'

const FROM = Date.UTC(2026, 9, 4, 16)
const DAY = 86_400_000

const rowOf = (value: string | null, version: number): Reading[] =>
  intervalRows(
    { point: 'P 1', area: 'A', period: 'day', now: FROM + 2 * DAY },
    [
      {
        ...{ field: '1.8.0', obis: '1-0:1.8.0', unit: 'kWh', dense: null, across: ['', ''] },
        periods: {
          day: [
            { from: FROM, to: FROM + DAY, value, quality: 0, flags: value === null ? 512 : 0, estimatedPpm: 0, coveredPpm: 0, version },
          ],
        },
      },
    ],
    () => true,
  )

const register: Reading = {
  series: seriesOf('register', { meter: 'M', point: 'P 1', area: 'A', source: 'curve' }),
  shape: shapeOf([{ field: '1.8.0', obis: '1-0:1.8.0', unit: 'kWh', scaler: -2 }]),
  ...{ raws: [100], scalers: null, absent: null, ratio: '1', measuredAt: FROM, receivedAt: FROM, quality: 0 },
}

const stored = async (sink: Sink, ...rows: Reading[]) => expect(await sink.write(rows)).toEqual({ kind: 'stored', dead: [] })
const intervals = async (store: ReadingStore) => {
  const page = await store.range({ measurement: 'interval', tags: { point: 'P 1' }, from: FROM, to: FROM + DAY, limit: 10 })
  if (!page.ok) throw new Error(page.error.message)
  return page.value.readings.map(({ shape, raws, series }) => ({
    tags: series.tags,
    values: Object.fromEntries(shape.columns.map(({ field }, at) => [field, raws[at] ?? null])),
  }))
}
const tags = { point: 'P 1', area: 'A', period: 'day' }

it('is kept, and replaced as a whole, by the embedded store, in a file of before it came up too', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'gridtally-interval-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const open = async () => {
    const opened = await openEmbeddedStore({ directory, hotDays: 0 })
    if (!opened.ok) throw new Error(opened.error.message)
    return opened.value
  }
  const old = await open()
  await stored(old, register)
  await old.close()
  const file = readdirSync(directory).find((name) => name.endsWith('.db'))
  const database = openDatabase(join(directory, file ?? ''))
  database.exec('DROP TABLE interval; DROP TABLE interval_packed')
  database.close()

  const store = await open()
  onTestFinished(() => store.close())
  expect(await intervals(store)).toEqual([])
  expect(await store.stats()).toMatchObject({ ok: true, value: { rows: 1 } })
  await stored(store, ...rowOf('1234567.891', 1))
  expect(await intervals(store)).toMatchObject([{ tags, values: { '1.8.0': 1_234_567_891, '1.8.0_flags': 0, version: 1 } }])
  await stored(store, ...rowOf(null, 2))
  const replaced = [{ tags, values: { '1.8.0': null, '1.8.0_flags': 512 | UNKNOWN_FLAG, version: 2 } }]
  expect(await intervals(store)).toMatchObject(replaced)
  expect(await store.pack(FROM + 40 * DAY)).toMatchObject({ ok: true, value: 2 })
  expect(await intervals(store)).toMatchObject(replaced)
})

it('says in InfluxDB, which keeps a field that is not named, that the figure is known no more', async () => {
  const server = await startInfluxd()
  onTestFinished(() => server.destroy())
  const opened = await openInfluxStore({ url: server.url, version: 'v1', database: 'energy', createDatabase: true })
  if (!opened.ok) throw new Error(opened.error.message)
  const store = opened.value
  onTestFinished(() => store.close())
  await stored(store, ...rowOf('12.345', 1))
  expect(await intervals(store)).toMatchObject([{ tags, values: { '1.8.0_flags': 0, version: 1 } }])
  await stored(store, ...rowOf(null, 2))
  const asked = (where: string) =>
    fetchText(`${server.url}/query?db=energy&q=${encodeURIComponent(`SELECT "1.8.0","1.8.0_flags","version" FROM interval ${where}`)}`)
  // The old figure still stands there; the query of the documentation leaves it out.
  expect(JSON.parse((await asked('')).text).results[0].series[0].values[0].slice(1)).toEqual([12.345, 512 | UNKNOWN_FLAG, 2])
  expect(JSON.parse((await asked(`WHERE "1.8.0_flags" < ${UNKNOWN_FLAG}`)).text).results[0].series).toBeUndefined()
  await stored(store, ...rowOf('13.5', 3))
  expect(JSON.parse((await asked(`WHERE "1.8.0_flags" < ${UNKNOWN_FLAG}`)).text).results[0].series[0].values[0].slice(1)).toEqual([
    13.5, 0, 3,
  ])
})
