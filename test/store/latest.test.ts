import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { QUALITY, seriesOf, shapeOf } from '../../src/core/reading.ts'
import { type Latest, openLatest } from '../../src/store/latest.ts'
import { registers } from './contract.ts'

const START = Date.UTC(2026, 9, 1)
const HOUR = 3_600_000

const temporary = async (): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'gridtally-latest-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  return directory
}

const open = async (directory: string, log: string[] = []): Promise<Latest> => {
  const opened = await openLatest({ directory, log: ({ code }) => log.push(code) })
  if (!opened.ok) throw new Error(opened.error.message)
  onTestFinished(() => opened.value.close())
  return opened.value
}

const written = async (latest: Latest, ...readings: Parameters<Latest['write']>[0]) =>
  expect(await latest.write(readings)).toEqual({ kind: 'stored', dead: [] })

it('keeps the newest reading of every series; a late one never replaces it', async () => {
  const directory = await temporary()
  const latest = await open(directory)
  const newer = registers('m1', START + HOUR, { raws: [2, 2] })
  await written(latest, registers('m1', START), newer, registers('m1', START + 1000))
  await written(latest, registers('m1', START - HOUR))
  expect(latest.newest(newer.series.key)).toEqual(newer)
  await latest.close()
  expect((await open(directory)).newest(newer.series.key)).toEqual(newer)
})

it('lets a corrected value of the same instant win', async () => {
  const latest = await open(await temporary())
  await written(latest, registers('m1', START, { raws: [1, 1] }))
  const corrected = registers('m1', START, { raws: [2, 2] })
  await written(latest, corrected)
  expect(latest.all()).toEqual([corrected])
})

it('does not believe for ever in an instant that a doubtful clock once gave', async () => {
  const latest = await open(await temporary())
  const future = registers('m1', Date.UTC(2099, 0, 1), { receivedAt: START, quality: QUALITY.clockDoubtful })
  const trusted = registers('m1', START + HOUR)
  await written(latest, future)
  await written(latest, trusted)
  expect(latest.all()).toEqual([trusted])
})

const { clockDoubtful, quarantined } = QUALITY
const pushed = (measuredAt: number, more: Parameters<typeof registers>[2] = {}) => registers('m1', measuredAt, { source: 'push', ...more })

it.each([
  [
    'polled, by a doubtful clock: what came later',
    registers('m1', START + HOUR),
    registers('m1', START, { receivedAt: START + 2 * HOUR, quality: clockDoubtful }),
    1,
  ],
  [
    'pushed, sent afterwards with a doubtful time: the newer instant',
    pushed(START + HOUR),
    pushed(START, { receivedAt: START + 2 * HOUR, quality: clockDoubtful }),
    0,
  ],
  [
    'pushed, the doubtful one is the newer',
    pushed(START, { receivedAt: START + HOUR }),
    pushed(START + 1, { receivedAt: START + 1, quality: clockDoubtful }),
    1,
  ],
  [
    'pushed, after a doubtful one: the newer instant',
    pushed(START + HOUR, { quality: clockDoubtful }),
    pushed(START, { receivedAt: START + 2 * HOUR }),
    0,
  ],
  ['pushed, none doubtful, sent afterwards', pushed(START + HOUR), pushed(START, { receivedAt: START + 2 * HOUR }), 0],
  ['quarantined after good, polled', registers('m1', START), registers('m1', START + HOUR, { quality: quarantined }), 0],
  ['quarantined after good, pushed', pushed(START), pushed(START + HOUR, { quality: quarantined | clockDoubtful }), 0],
  ['good after quarantined, though it is older', pushed(START + HOUR, { quality: quarantined | clockDoubtful }), pushed(START), 1],
  ['quarantined after quarantined', pushed(START, { quality: quarantined }), pushed(START + HOUR, { quality: quarantined }), 1],
])('of two readings keeps the right one: %s', async (_, first, second, wanted) => {
  const latest = await open(await temporary())
  await written(latest, first)
  await written(latest, second)
  expect(latest.all()).toEqual([[first, second][wanted]])
})

it('finds everything of a meter, a point, an id and a measurement, and all of it after a restart', async () => {
  const directory = await temporary()
  const before = await open(directory)
  const register = registers('m1', START)
  const frozen = registers('m1', START, { source: 'day-freeze', raws: [null, 9007199254740993n], absent: new Map([[0, 'DLT645_BCD']]) })
  const other = registers('m2', START)
  const comm = {
    ...registers('m1', START),
    series: seriesOf('comm', { kind: 'meter', id: 'm1', area: 'A1' }),
    shape: shapeOf([{ field: 'rssi', obis: null, unit: '' as const, scaler: null }]),
    raws: [-71],
    scalers: [-1],
  }
  await written(before, register, frozen, other, comm)
  const check = (latest: Latest) => {
    expect(latest.latestOf({ meter: 'm1' })).toEqual([register, frozen])
    expect(latest.latestOf({ point: 'P-m2' })).toEqual([other])
    expect(latest.latestOf({ id: 'm1' })).toEqual([comm])
    expect(latest.latestOf({ meter: 'nobody' })).toEqual([])
    expect(latest.all('comm')).toEqual([comm])
    expect(latest.all()).toHaveLength(4)
  }
  check(before)
  await before.close()
  check(await open(directory))
})

it('refuses what it could not give back', async () => {
  const latest = await open(await temporary())
  const good = registers('m3', START)
  const answer = await latest.write([registers('m1', Number.NaN), registers('m2', START, { raws: [1.5, 2] }), good])
  expect(answer).toMatchObject({
    kind: 'stored',
    dead: [
      { index: 0, error: { code: 'STORE_TIME' } },
      { index: 1, error: { code: 'STORE_VALUE' } },
    ],
  })
  expect(latest.all()).toEqual([good])
})

it('forgets series not heard of since', async () => {
  const directory = await temporary()
  const latest = await open(directory)
  const kept = registers('m2', START + HOUR)
  await written(latest, registers('m1', START), kept)
  expect(await latest.forget(START + HOUR)).toEqual({ ok: true, value: 1 })
  expect(latest.latestOf({ meter: 'm1' })).toEqual([])
  await latest.close()
  const again = await open(directory)
  expect(again.all()).toEqual([kept])
  await written(again, registers('m1', START))
  expect(again.all()).toHaveLength(2)
})

it('sets a damaged file aside and begins afresh', async () => {
  const directory = await temporary()
  await writeFile(join(directory, 'latest.db'), 'this is no database, but long enough to look like one'.repeat(100))
  const log: string[] = []
  const latest = await open(directory, log)
  await written(latest, registers('m1', START))
  expect(log).toEqual(['STORE_DAMAGED'])
  expect((await readdir(directory)).filter((name) => name.includes('damaged'))).toHaveLength(1)
})

it('belongs to one process', async () => {
  const directory = await temporary()
  await open(directory)
  expect(await openLatest({ directory })).toMatchObject({ ok: false, error: { code: 'STORE_LOCKED' } })
})

it('gives the same list of a point as long as nothing newer came, and another one then', async () => {
  const latest = await open(await temporary())
  await written(latest, registers('m1', START), registers('m1', START, { source: 'push' }), registers('m2', START))
  const before = latest.latestOf({ meter: 'm1' })
  expect(before).toHaveLength(2)
  await written(latest, registers('m1', START - HOUR), registers('m2', START + HOUR))
  expect(latest.latestOf({ meter: 'm1' })).toBe(before)
  const newer = registers('m1', START + HOUR)
  await written(latest, newer)
  expect(latest.latestOf({ meter: 'm1' })).toEqual([newer, before[1]])
  expect(before[0]).not.toEqual(newer)
  await latest.forget(START + HOUR)
  expect(latest.latestOf({ meter: 'm1' })).toEqual([newer])
})
