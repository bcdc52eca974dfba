import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { parse, stringify } from 'yaml'
import { startVillage, writeVillageFiles } from '../../simulators/index.ts'
import { scaledClock } from '../../src/core/index.ts'
import { gridtally, patient, runGateway, scratch, TOKEN } from '../support/processes.ts'
import { readTruth } from '../support/truth.ts'

interface ReadingJson {
  readonly meter: string
  readonly point: string
  readonly measurement: string
  readonly source: string
  readonly measuredAt: string
  readonly quality: readonly string[]
  readonly ratio: string
  readonly values: readonly { readonly obis: string; readonly value: string; readonly primary: string }[]
}

/** A village whose minute takes a second, started shortly before midnight. */
const site = async (edit: (config: { tasks: unknown[]; http: Record<string, unknown> }) => void = () => {}) => {
  const directory = scratch()
  const start = Date.parse('2026-11-20T23:57:00+08:00')
  const realStart = Date.now()
  const village = await startVillage({ seed: 5, meters: 20, out: directory, clock: scaledClock(start, realStart, 60) })
  onTestFinished(() => village.close())
  const files = writeVillageFiles(village, directory, { clock: { start, realStart, speed: 60 }, every: '5m' })
  const config = parse(readFileSync(files.gateway, 'utf8'))
  edit(config)
  writeFileSync(files.gateway, stringify(config))
  return { directory, village, config: files.gateway, truth: join(directory, 'truth.jsonl') }
}

/** Ten seconds of a busy machine, in village time. */
const NEAR_MS = 600_000

/** The latest reading of every series of every point. */
const latestOf = async (gateway: { get(path: string): Promise<unknown> }): Promise<ReadingJson[]> =>
  (await itemsOf<{ readings: ReadingJson[] }>(gateway, '/api/v1/latest?limit=500')).flatMap(({ readings }) => readings)

const itemsOf = async <T>(gateway: { get(path: string): Promise<unknown> }, path: string): Promise<T[]> =>
  ((await gateway.get(path)) as { items: T[] }).items

it('turns real traffic of three kinds of line into readings that the meters themselves confirm, freezes of midnight included', async () => {
  const { village, config, truth } = await site()
  const gateway = await runGateway(config)
  await expect.poll(async () => (await gateway.get('/health/ready')) as { status: string }).toMatchObject({ status: 'ready' })
  const frozen = async () => (await latestOf(gateway)).filter(({ source }) => source === 'day-freeze')
  const keepers = village.meters.filter(({ profile }) => profile.startsWith('dlt645-2007'))
  // Village midnight passes about three seconds after the start, freezes are read five village minutes later.
  await expect
    .poll(async () => (await frozen()).filter(({ measuredAt }) => measuredAt === '2026-11-20T16:00:00.000Z').length, {
      timeout: 60_000,
      interval: 250,
    })
    .toBe(keepers.length)
  const liveMeters = async () => new Set((await latestOf(gateway)).filter(({ source }) => source === 'live').map(({ meter }) => meter)).size
  await expect.poll(liveMeters, { timeout: 60_000, interval: 250 }).toBe(20)
  const all = await latestOf(gateway)
  expect(new Set(all.filter(({ source }) => source === 'live').map(({ meter }) => meter)).size).toBe(20)
  const said = readTruth(truth)
  let compared = 0
  for (const { meter, source, measuredAt, values } of all) {
    if (source !== 'live' && source !== 'day-freeze') continue
    const at = Date.parse(measuredAt)
    for (const { obis, value } of values) {
      if (!obis.startsWith('1-0:1.8.')) continue
      const heard = said.filter(
        (row) =>
          row.meter === meter &&
          row.register === obis &&
          row.kind === source &&
          (source === 'live' ? Math.abs(at - row.instant) < NEAR_MS : true),
      )
      expect(
        heard.map((row) => Number(row.value)),
        `${meter} ${obis} ${source}`,
      ).toContain(Number(value))
      compared++
    }
  }
  expect(compared).toBeGreaterThan(40)
  expect(await gateway.stop()).toBe(0)
})

it('reads a meter at once on request, with the frames, and keeps the reading', async () => {
  const { config, village } = await site((file) => {
    file.tasks = []
  })
  const gateway = await runGateway(config)
  const meter = village.meters.find(({ profile }) => profile.startsWith('dlt645-2007'))
  if (!meter) throw new Error('no such meter')
  const response = await patient(`${gateway.address}/api/v1/points/${meter.point}/read-now`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ registers: ['1.8.0'], trace: true }),
  })
  expect(response.status).toBe(200)
  const body = (await response.json()) as { readings: ReadingJson[]; frames: { direction: string; hex: string }[] }
  expect(body.readings[0]?.values[0]).toMatchObject({ obis: '1-0:1.8.0' })
  expect(body.frames.map(({ direction }) => direction)).toEqual(expect.arrayContaining(['tx', 'rx']))
  await expect
    .poll(async () => (await gateway.get(`/api/v1/points/${meter.point}/latest`)) as { readings: unknown[] })
    .toMatchObject({ readings: [{ source: 'live' }] })
  await gateway.stop()
})

it('survives a dead meter, a noisy line and a line that is not there: the others go on, and it says which and why', async () => {
  const { config, village } = await site((file) => {
    Object.assign(file, {
      lines: [...(file as unknown as { lines: unknown[] }).lines, { id: 'gone', transport: { kind: 'tcp', host: '127.0.0.1', port: 1 } }],
    })
  })
  const [dead, noisy] = village.meters.filter(({ profile }) => profile.startsWith('dlt645-2007'))
  if (!dead || !noisy) throw new Error('no meters')
  village.inject({ kind: 'silent', meter: dead.id })
  village.inject({ kind: 'noise', meter: noisy.id, where: 'before', probability: 0.5 })
  const gateway = await runGateway(config)
  await expect
    .poll(async () => new Set((await latestOf(gateway)).map(({ meter }) => meter)).size, { timeout: 60_000, interval: 250 })
    .toBe(19)
  const healthOf = async (meter: string) => {
    const { health } = (await gateway.get(`/api/v1/lines/${dead.line}`)) as {
      health: { meter: string; consecutiveFailures: number; reasons: unknown }[]
    }
    return health.find((one) => one.meter === meter)
  }
  // It may be the last of its line whose turn comes.
  await expect.poll(async () => JSON.stringify((await healthOf(dead.id))?.reasons)).toContain('LINE_NO_REPLY')
  expect((await healthOf(dead.id))?.consecutiveFailures).toBeGreaterThan(0)
  // Who asks without a token learns which line and what kind of fault; the address is behind the token.
  await expect.poll(async () => JSON.stringify(await gateway.get('/health/ready'))).toMatch(/"line gone".*is down: [A-Z_]+"/)
  const ready = JSON.stringify(await gateway.get('/health/ready'))
  expect(ready).toMatch(/"status":"ready"/)
  expect(ready).not.toContain('127.0.0.1')
  expect(JSON.stringify(await gateway.get('/api/v1/lines/gone'))).toMatch(/127\.0\.0\.1.*refused the connection/)
  await gateway.stop()
})

it('goes on where it stopped: nothing stored is asked again, the store answers for the time before', async () => {
  const { config } = await site()
  const first = await runGateway(config)
  await expect.poll(async () => (await latestOf(first)).length, { timeout: 60_000, interval: 200 }).toBeGreaterThan(30)
  const before = await latestOf(first)
  expect(await first.stop()).toBe(0)
  const second = await runGateway(config)
  const after = await latestOf(second)
  expect(after.length).toBeGreaterThanOrEqual(before.length)
  const one = before.find(({ source, measurement }) => source === 'live' && measurement === 'register')
  if (!one) throw new Error('nothing was read')
  const from = new Date(Date.parse(one.measuredAt) - 1000).toISOString()
  const to = new Date(Date.parse(one.measuredAt) + 1000).toISOString()
  const stored = await itemsOf<ReadingJson>(second, `/api/v1/points/${one.point}/readings?from=${from}&to=${to}&measurement=register`)
  expect(stored.map(({ values }) => values[0]?.value)).toContain(one.values[0]?.value)
  await second.stop()
})

it('refuses to start twice on one data directory, and says who holds it', async () => {
  const { config } = await site()
  const gateway = await runGateway(config)
  const { code, stderr } = await gridtally(['run', '-c', config])
  expect(code).toBe(1)
  expect(stderr).toContain(String(gateway.child.pid))
  await gateway.stop()
})

it('starts nothing and touches nothing when the configuration is wrong', async () => {
  const { config, directory } = await site()
  const good = readFileSync(config, 'utf8')
  writeFileSync(config, good.replace('every: 5m', 'every: 5x'))
  const { code, stderr } = await gridtally(['run', '-c', config])
  expect(code).toBe(2)
  expect(stderr).toMatch(/gateway\.yaml:\d+:\d+ \/tasks\/0\/every is "5x"; must be a number and s, m or h/)
  expect(() => readFileSync(join(directory, 'data', 'outbox', 'outbox.db'))).toThrow(/ENOENT/)
})
