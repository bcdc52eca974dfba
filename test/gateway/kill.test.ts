import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { parse, stringify } from 'yaml'
import { startVillage, writeVillageFiles } from '../../simulators/index.ts'
import { systemClock } from '../../src/core/index.ts'
import { startInfluxd } from '../support/influxd.ts'
import { type RunningGateway, runGateway, scratch } from '../support/processes.ts'
import { judge, readTruth, type StoredRow } from '../support/truth.ts'

/** A village read every second, stored in a real influxd. */
const site = async () => {
  const server = await startInfluxd()
  onTestFinished(() => server.destroy())
  const directory = scratch()
  const village = await startVillage({ seed: 11, meters: 16, out: directory, clock: systemClock })
  onTestFinished(() => village.close())
  const files = writeVillageFiles(village, directory, { influx: server.url, every: '1s' })
  const config = parse(readFileSync(files.gateway, 'utf8'))
  config.tasks = config.tasks
    .filter(({ id }: { id: string }) => id === 'current')
    .map((task: object) => ({ ...task, registers: ['1.8.0', '32.7.0'] }))
  writeFileSync(files.gateway, stringify(config))
  // An answer that comes when nobody waits for it any more is no loss, but the truth does not know: here everybody waits.
  const ledger = parse(readFileSync(files.ledger, 'utf8'))
  writeFileSync(files.ledger, stringify({ ...ledger, meters: ledger.meters.map((meter: object) => ({ ...meter, timeoutMs: 10_000 })) }))
  return { server, directory, village, config: files.gateway, truth: join(directory, 'truth.jsonl') }
}

const storedIn = async (url: string): Promise<StoredRow[]> => {
  const query = encodeURIComponent(`SELECT meter, "1.8.0" FROM "register" WHERE source = 'live'`)
  const response = await fetch(`${url}/query?db=gridtally&epoch=ms&q=${query}`)
  const body = (await response.json()) as { results: { series?: { values: [number, string, number][] }[] }[] }
  return (body.results[0]?.series?.[0]?.values ?? []).map(([measuredAt, meter, value]) => ({ meter, field: '1.8.0', measuredAt, value }))
}

/** Until the outbox is empty. */
const drained = (gateway: RunningGateway) =>
  expect.poll(async () => ((await gateway.get('/api/v1/outbox')) as { depth: number }).depth, { timeout: 60_000, interval: 100 }).toBe(0)

const readsOf = async (gateway: RunningGateway): Promise<number> =>
  ((await gateway.get('/api/v1/tasks')) as { items: { read: number }[] }).items.reduce((sum, { read }) => sum + read, 0)

/** Waits until so many more reads were done. */
const moreReads = async (gateway: RunningGateway, count: number): Promise<void> => {
  const before = await readsOf(gateway)
  await expect.poll(() => readsOf(gateway), { timeout: 60_000, interval: 50 }).toBeGreaterThanOrEqual(before + count)
}

/** When each meter was read last, as the gateway tells. What it tells it has on its disk. */
const toldOf = async (gateway: RunningGateway): Promise<ReadonlyMap<string, number>> => {
  const { items } = (await gateway.get('/api/v1/latest?limit=500')) as {
    items: { readings: { meter: string; source: string; measuredAt: string }[] }[]
  }
  const read = items.flatMap(({ readings }) => readings).filter(({ source }) => source === 'live')
  return new Map(read.map(({ meter, measuredAt }) => [meter, Date.parse(measuredAt)]))
}

it('loses nothing, doubles nothing and makes nothing up when the gateway is killed under load', async () => {
  const { server, config, truth } = await site()
  /** What was answered after the last reading that was told may not have been on the disk when the gateway died. */
  const deaths: { readonly told: ReadonlyMap<string, number>; readonly next: number }[] = []
  let gateway = await runGateway(config)
  for (let round = 0; round < 4; round++) {
    await moreReads(gateway, 24 + 7 * round)
    const told = await toldOf(gateway)
    expect(told.size).toBe(16)
    await gateway.kill()
    gateway = await runGateway(config)
    deaths.push({ told, next: Date.now() })
  }
  await moreReads(gateway, 16)
  expect(await gateway.stop()).toBe(0)
  const again = await runGateway(config)
  await drained(again)
  await again.stop()
  const verdict = judge(
    readTruth(truth),
    await storedIn(server.url),
    '1.8.0',
    (instant, meter) => !deaths.some(({ told, next }) => instant > (told.get(meter) ?? 0) && instant <= next),
  )
  expect(verdict).toMatchObject({ lost: 0, wrong: 0, double: 0 })
  expect(verdict.compared).toBeGreaterThan(100)
})

it('loses nothing and doubles nothing when influxd is killed under load; reading goes on meanwhile', async () => {
  const { server, config, truth } = await site()
  const gateway = await runGateway(config)
  for (let round = 0; round < 3; round++) {
    await moreReads(gateway, 24)
    await server.stop('SIGKILL')
    await moreReads(gateway, 24)
    await server.start()
  }
  await moreReads(gateway, 16)
  await expect
    .poll(async () => ((await gateway.get('/api/v1/outbox')) as { depth: number }).depth, { timeout: 60_000, interval: 100 })
    .toBeLessThan(40)
  expect(await gateway.stop()).toBe(0)
  const again = await runGateway(config)
  await drained(again)
  await again.stop()
  const verdict = judge(readTruth(truth), await storedIn(server.url), '1.8.0', () => true)
  expect(verdict).toMatchObject({ lost: 0, wrong: 0, double: 0 })
})
