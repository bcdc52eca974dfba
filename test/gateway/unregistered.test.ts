import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pino from 'pino'
import { expect, it, onTestFinished } from 'vitest'
import { stringify } from 'yaml'
import { loadGatewayConfig } from '../../src/config/index.ts'
import { type Gateway, startGateway } from '../../src/main.ts'
import { startMosquitto } from '../support/mosquitto.ts'
import { patient, scratch, TOKEN } from '../support/processes.ts'
import { now } from '../support/push-site.ts'

interface Unregistered {
  readonly id: number
  readonly address: string
  readonly state: string
  readonly readings: number
  readonly overdue: boolean
  readonly suggestedArea: string | null
  readonly profile: string | null
  readonly register: { readonly value: string } | null
  readonly adopted: { readonly meter: string; readonly attached: number; readonly complete: boolean; readonly by: string } | null
}
interface ReadingJson {
  readonly measuredAt: string
  readonly meter: string
  readonly ratio: string
  readonly quality: readonly string[]
  readonly values: readonly { readonly obis: string; readonly value: string }[]
}

const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }

/** A gateway in this process, one known meter behind a real broker; everybody else is a stranger. */
const site = async () => {
  const broker = await startMosquitto()
  onTestFinished(() => broker.destroy())
  const directory = scratch()
  const file = join(directory, 'gateway.yaml')
  const gateway = {
    version: 1,
    gateway: { id: 'g1', timezone: 'Asia/Shanghai', data: 'data' },
    http: { port: 0 },
    ledger: 'ledger.yaml',
    lines: [],
    tasks: [],
    mqtt: [{ id: 'plant', url: broker.url, mappings: ['site-json'] }],
  }
  writeFileSync(file, stringify(gateway))
  writeFileSync(
    join(directory, 'ledger.yaml'),
    stringify({
      version: 1,
      areas: [{ id: 'A1' }],
      points: [{ id: 'P-1', area: 'A1' }],
      meters: [{ id: 'M1', point: 'P-1', line: 'plant', address: 'known', profile: 'mqtt/site-json' }],
    }),
  )
  let running: Gateway | null = null
  const start = async () => {
    const config = loadGatewayConfig(file)
    if (!config.ok) throw new Error(JSON.stringify(config.problems))
    const started = await startGateway(config.value, pino({ level: 'silent' }), { GRIDTALLY_TOKEN: TOKEN })
    if (!started.ok) throw new Error(`${started.message} ${JSON.stringify(started.problems)}`)
    running = started.value
    await expect
      .poll(async () => (await get<{ items: { state: string }[] }>('/api/v1/brokers')).items?.[0]?.state, { timeout: 60_000 })
      .toBe('up')
  }
  const stop = async () => {
    await running?.close()
    running = null
  }
  onTestFinished(stop)
  const get = async <Answer>(path: string): Promise<Answer> =>
    JSON.parse(await (await patient(`${running?.address}${path}`, { headers })).text())
  const post = async (path: string, body: unknown) => {
    const answer = await patient(`${running?.address}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    const answered: unknown = await answer.json()
    return { status: answer.status, body: answered }
  }
  const push = (meter: string, at: number, kWh: string) => broker.publish(`site/${meter}/json`, `{"ts":${at},"kwh":${kWh},"voltage":230.5}`)
  const list = async () => (await get<{ items: Unregistered[] }>('/api/v1/unregistered')).items
  const stored = async (point: string) =>
    (
      await get<{ items: ReadingJson[] }>(
        `/api/v1/points/${point}/readings?from=${new Date(Date.now() - 40 * 86_400_000).toISOString()}&measurement=register&limit=1000`,
      )
    ).items
  return { broker, start, stop, get, post, push, list, stored }
}

it('lists a meter that pushes, keeps its readings, adopts it without a restart, and puts what came before to its point', async () => {
  const { start, stop, get, post, push, list, stored } = await site()
  await start()
  const at = now() - 3600
  await push('known', at, '5')
  for (let nth = 0; nth < 5; nth++) await push('roof 12', at + nth * 60, `10${nth}.25`)
  await expect.poll(async () => (await list())[0]?.register?.value, { timeout: 60_000 }).toBe('104.25')
  const [found] = await list()
  expect(found).toMatchObject({
    ...{
      address: 'roof 12',
      channel: 'plant',
      by: 'broker',
      state: 'open',
      profile: 'mqtt/site-json',
      suggestedArea: 'A1',
      overdue: false,
    },
    register: { obis: '1-0:1.8.0', value: '104.25', unit: 'kWh' },
  })
  expect(found?.readings).toBeGreaterThanOrEqual(5)
  const parts = (await get<{ parts: { part: string; state: string; sentence: string }[] }>('/health/ready')).parts
  expect(parts.find(({ part }) => part === 'unregistered')).toMatchObject({ state: 'ok', sentence: '1 meter is not in the ledger' })

  const refused = await post(`/api/v1/unregistered/${found?.id}/adopt`, { meter: 'M2', point: 'P-2', area: 'nowhere', why: 'found' })
  expect(refused).toMatchObject({ status: 422, body: { code: 'STRANGER_LEDGER' } })
  const adopted = await post(`/api/v1/unregistered/${found?.id}/adopt`, {
    ...{ meter: 'M2', point: 'P-2', ct: '400/5', why: 'found on the roof', workOrder: 'W-17' },
    from: new Date((at - 60) * 1000).toISOString(),
  })
  expect(adopted).toMatchObject({ status: 200, body: { state: 'adopted', adopted: { meter: 'M2', point: 'P-2' } } })
  await expect.poll(async () => (await list())[0]?.adopted, { timeout: 60_000 }).toMatchObject({ complete: true })
  await expect.poll(async () => (await stored('P-2')).length, { timeout: 60_000 }).toBe(5)
  expect(await stored('P-2')).toMatchObject(
    Array.from({ length: 5 }, (_, nth) => ({
      ...{ meter: 'M2', measuredAt: new Date((at + nth * 60) * 1000).toISOString(), quality: ['good'] },
      values: [{ obis: '1-0:1.8.0', value: `10${nth}.25` }],
    })),
  )
  // What it pushes from now on is its own, with the ratio of the ledger.
  await push('roof 12', at + 600, '110.25')
  await expect.poll(async () => (await stored('P-2')).length, { timeout: 60_000 }).toBe(6)
  expect((await stored('P-2')).at(-1)).toMatchObject({ meter: 'M2', quality: ['good'], ratio: (await stored('P-2'))[0]?.ratio })
  expect((await list()).map(({ state }) => state)).toEqual(['adopted'])
  const again = await post(`/api/v1/unregistered/${found?.id}/adopt`, { meter: 'M3', point: 'P-3', why: 'x' })
  expect(again).toMatchObject({ status: 422, body: { code: 'STRANGER_STATE' } })

  const statement = await get<{ used: string; months: unknown[] }>(`/api/v1/unregistered/${found?.id}/statement`)
  expect(statement.used).toBe('4.00')
  expect(await get(`/api/v1/unregistered/${found?.id}`)).toMatchObject({
    history: [{ what: 'attached' }, { what: 'adopted', why: 'found on the roof' }],
  })
  await stop()
  await start()
  expect(await list()).toMatchObject([{ state: 'adopted', adopted: { complete: true } }])
  expect((await stored('P-2')).length).toBe(6)
})

it('knows a stranger after a restart, closes it with a reason, and opens it when it pushes again', async () => {
  const { start, stop, post, push, list } = await site()
  await start()
  await push('fitter', now() - 60, '1')
  await expect.poll(async () => (await list()).length, { timeout: 60_000 }).toBe(1)
  await stop()
  await start()
  const [found] = await list()
  expect(found).toMatchObject({ address: 'fitter', state: 'open' })
  const closed = await post(`/api/v1/unregistered/${found?.id}/close`, { why: 'check meter, taken away' })
  expect(closed).toMatchObject({ status: 200, body: { state: 'closed', closed: { why: 'check meter, taken away' } } })
  await push('fitter', now() - 5, '2')
  await expect.poll(async () => (await list())[0]?.state, { timeout: 60_000 }).toBe('open')
  await post(`/api/v1/unregistered/${found?.id}/close`, { why: 'not ours', forever: true })
  await push('fitter', now() - 1, '3')
  await push('witness', now() - 1, '3')
  await expect.poll(async () => (await list()).length, { timeout: 60_000 }).toBe(2)
  expect((await list())[0]?.state).toBe('closed')
})
