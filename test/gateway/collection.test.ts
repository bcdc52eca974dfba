import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { parse, stringify } from 'yaml'
import { startVillage, writeVillageFiles } from '../../simulators/index.ts'
import { scaledClock } from '../../src/core/index.ts'
import { gridtally, patient, runGateway, scratch, TOKEN } from '../support/processes.ts'
import { readTruth } from '../support/truth.ts'

interface Gap {
  readonly id: number
  readonly kind: string
  readonly label: string
  readonly meter: string
  readonly point: string
  readonly state: string
  readonly fill: string | null
  readonly instant: string | null
  readonly reason: { readonly code: string } | null
  readonly history: readonly { readonly what: string; readonly who: string | null; readonly note: string | null }[]
}
interface Reading {
  readonly source: string
  readonly measuredAt: string
  readonly quality: readonly string[]
  readonly ratio: string
  readonly values: readonly { readonly obis: string; readonly value: string }[]
}
type Gateway = Awaited<ReturnType<typeof runGateway>>
type Edit = (config: { tasks: { id: string; every: string }[]; collection?: object; http: Record<string, unknown> }) => void

/** A village in which an hour takes a second, shortly before midnight. */
const site = async (edit: Edit, speed = 3600) => {
  const directory = scratch()
  const start = Date.parse('2026-11-20T23:40:00+08:00')
  const realStart = Date.now()
  const village = await startVillage({ seed: 5, meters: 12, out: directory, clock: scaledClock(start, realStart, speed) })
  onTestFinished(() => village.close())
  const files = writeVillageFiles(village, directory, { clock: { start, realStart, speed }, every: '1h' })
  const config = parse(readFileSync(files.gateway, 'utf8'))
  edit(config)
  writeFileSync(files.gateway, stringify(config))
  const keepers = village.meters.filter(({ profile }) => profile.startsWith('dlt645-2007'))
  return { directory, village, keepers, config: files.gateway, truth: join(directory, 'truth.jsonl') }
}
const freezesOnly: Edit = (config) => {
  config.tasks = config.tasks.filter(({ id }) => id === 'day' || id === 'current')
}
/** A page of a list; a gateway that has just started on a busy machine may say first that it is busy. */
const itemsOf = async <T>(gateway: Gateway, path: string): Promise<T[]> => {
  for (const deadline = Date.now() + 60_000; ; await new Promise((resolve) => setTimeout(resolve, 200))) {
    const answer = (await gateway.get(path)) as { items?: T[] }
    if (answer.items) return answer.items
    if (Date.now() > deadline) throw new Error(`${path}: ${JSON.stringify(answer)}`)
  }
}
const gapsOf = (gateway: Gateway, query: string) => itemsOf<Gap>(gateway, `/api/v1/gaps?limit=500&${query}`)
const post = async (gateway: Gateway, path: string, body: object | null, token = TOKEN) => {
  const headers = { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) }
  const answer = await patient(`${gateway.address}/api/v1${path}`, {
    method: 'POST',
    headers,
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  return { status: answer.status, body: (await answer.json()) as Gap & { code?: string } }
}
const HOUR_MS = 3_600_000
const MIDNIGHT = ['2026-11-20T16:00:00.000Z', '2026-11-21T16:00:00.000Z'] as const

it('fills what a meter that was silent for a day and a half did not give from its own freezes, each under its own midnight', async () => {
  const { village, keepers, config, truth } = await site(freezesOnly)
  const [silent] = keepers
  if (!silent) throw new Error('no meter keeps freezes')
  const back = village.inject({ kind: 'silent', meter: silent.id })
  const gateway = await runGateway(config)
  // On a slow machine a third midnight may pass.
  const asked = new Set<string>(MIDNIGHT)
  const gaps = async () => (await gapsOf(gateway, `meter=${silent.id}`)).filter(({ label }) => asked.has(label))
  await expect.poll(async () => (await gaps()).map(({ label }) => label), { timeout: 60_000, interval: 250 }).toEqual([...MIDNIGHT])
  expect((await gaps()).map(({ state }) => state)).toEqual(['scheduled', 'scheduled'])
  expect((await gaps())[0]?.reason?.code).toMatch(/^(LINE_NO_REPLY|DEVICE_BACKED_OFF)$/)
  // Nobody else became a gap for its sake.
  expect(new Set((await gapsOf(gateway, '')).map(({ meter }) => meter))).toEqual(new Set([silent.id]))
  back()
  await expect
    .poll(async () => (await gaps()).map(({ state, fill, instant }) => [state, fill, instant]), { timeout: 60_000, interval: 250 })
    .toEqual(MIDNIGHT.map((instant) => ['filled', 'freeze', instant]))
  const from = encodeURIComponent('2026-11-20T00:00:00Z')
  const to = encodeURIComponent('2026-11-22T15:00:00Z')
  const stored = await itemsOf<Reading>(gateway, `/api/v1/points/${silent.point}/readings?from=${from}&to=${to}&source=day-freeze`)
  const said = readTruth(truth).filter(
    ({ meter, register, kind }) => meter === silent.id && register === '1-0:1.8.0' && kind === 'day-freeze',
  )
  for (const midnight of MIDNIGHT) {
    const reading = stored.find(({ measuredAt }) => measuredAt === midnight)
    const value = reading?.values.find(({ obis }) => obis === '1-0:1.8.0')?.value
    expect(reading?.quality, midnight).toEqual(['good'])
    expect(
      said.filter(({ at }) => at !== null && Date.parse(`${at}+08:00`) === Date.parse(midnight)).map((row) => Number(row.value)),
    ).toContain(Number(value))
  }
  const [first] = await gaps()
  const { history } = (await gateway.get(`/api/v1/gaps/${first?.id}`)) as Gap
  expect(history.map(({ what }) => what)).toEqual(expect.arrayContaining(['missed', 'filled']))
  // The figure of the day knows who is missing at the cut-off, and who came since.
  const out = await itemsOf<{ meter: string; reason: string }>(gateway, '/api/v1/kpis/daily/members?day=2026-11-21&list=out&at=cutoff')
  expect(out.filter(({ meter }) => meter === silent.id)).toEqual([expect.objectContaining({ reason: 'came-later' })])
  expect(await gateway.stop()).toBe(0)
})

it('keeps what was due when it is killed, and works out what was due while it was not there', async () => {
  // Two hours take a second: it is the time without gateway that takes so long.
  const { village, keepers, config } = await site(freezesOnly, 7200)
  const [silent] = keepers
  if (!silent) throw new Error('no meter keeps freezes')
  village.inject({ kind: 'silent', meter: silent.id })
  const first = await runGateway(config)
  await expect.poll(async () => (await gapsOf(first, `meter=${silent.id}`)).length, { timeout: 60_000, interval: 250 }).toBeGreaterThan(0)
  const before = await gapsOf(first, `meter=${silent.id}`)
  await first.kill()
  const now = () => village.clock.now()
  // The first midnight that nobody sees.
  const unseen = Math.ceil((now() + 8 * HOUR_MS) / (24 * HOUR_MS)) * 24 * HOUR_MS - 8 * HOUR_MS
  await expect.poll(now, { timeout: 90_000, interval: 250 }).toBeGreaterThan(unseen + HOUR_MS)
  const second = await runGateway(config)
  const after = async () => (await gapsOf(second, `meter=${silent.id}`)).map(({ id, label }) => [id, label] as const)
  await expect
    .poll(async () => (await after()).map(([, label]) => label), { timeout: 60_000, interval: 250 })
    .toEqual(expect.arrayContaining([before[0]?.label, new Date(unseen).toISOString()]))
  expect((await after()).map(([id]) => id)).toContain(before[0]?.id)
  // Everybody's freeze of the midnight in between is read now, out of the meters themselves.
  const missed = async () => (await gapsOf(second, 'state=filled')).filter(({ label }) => label === new Date(unseen).toISOString())
  await expect
    .poll(async () => new Set((await missed()).map(({ meter }) => meter)).size, { timeout: 60_000, interval: 250 })
    .toBeGreaterThan(0)
  expect((await missed()).every(({ fill }) => fill === 'freeze')).toBe(true)
  await second.stop()
}, 200_000)

it('takes a value that two persons have looked at, as what it is, and refuses one alone', async () => {
  const { village, keepers, config } = await site((file) => {
    freezesOnly(file)
    file.collection = { firstPass: '30m' }
  })
  const [silent] = keepers
  if (!silent) throw new Error('no meter keeps freezes')
  village.inject({ kind: 'silent', meter: silent.id })
  const gateway = await runGateway(config)
  const { stdout } = await gridtally(['token', 'add', 'second', '-c', config, '--permission', 'operate'])
  const second = /gt_\S+/.exec(stdout)?.[0] ?? ''
  const silentGaps = () => gapsOf(gateway, `meter=${silent.id}`)
  await expect.poll(async () => (await silentGaps()).length, { timeout: 60_000, interval: 250 }).toBeGreaterThan(0)
  const [gap] = await silentGaps()
  const path = `/gaps/${gap?.id}`
  expect((await post(gateway, `${path}/manual/confirm`, null)).body.code).toBe('GAP_NO_ENTRY')
  const entry = { values: { '1.8.0': '123.45' }, at: '2026-11-21T09:30:00+08:00', why: 'read on site' }
  expect((await post(gateway, `${path}/manual`, { ...entry, values: { '32.7.0': '230.1' } })).body.code).toBe('GAP_VALUES')
  expect((await post(gateway, `${path}/manual`, entry)).status).toBe(200)
  expect(await post(gateway, `${path}/manual/confirm`, null)).toMatchObject({ status: 422, body: { code: 'GAP_SAME_PERSON' } })
  // A token that was made while the gateway runs is known a moment later.
  const isKnown = async () =>
    (await fetch(`${gateway.address}/api/v1/gap-counts`, { headers: { authorization: `Bearer ${second}` } })).status
  await expect.poll(isKnown, { timeout: 60_000, interval: 100 }).toBe(200)
  const confirmed = await post(gateway, `${path}/manual/confirm`, null, second)
  expect(confirmed.body).toMatchObject({ state: 'filled', fill: 'manual', instant: '2026-11-21T01:30:00.000Z', by: 'second' })
  const stored = () =>
    itemsOf<Reading>(gateway, `/api/v1/points/${silent.point}/readings?from=2026-11-21T00:00:00Z&to=2026-11-21T02:00:00Z&source=manual`)
  await expect.poll(async () => (await stored()).length, { timeout: 60_000 }).toBe(1)
  expect((await stored())[0]).toMatchObject({
    ...{ source: 'manual', measuredAt: '2026-11-21T01:30:00.000Z', quality: ['manual'] },
    values: [{ obis: '1-0:1.8.0', value: '123.45' }],
  })
  const listed = await gridtally(['gaps', '--meter', silent.id, '--state', 'filled', '--url', gateway.address, '--token', TOKEN])
  expect(listed.stdout).toContain('manual')
  const kpi = await gridtally(['kpi', '--url', gateway.address, '--token', TOKEN])
  expect([kpi.code, kpi.stdout]).toEqual([0, expect.stringMatching(/all +daily +\d+\.\d\d %/)])
  await gateway.stop()
})
