import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pino from 'pino'
import { expect, it, onTestFinished } from 'vitest'
import { stringify } from 'yaml'
import { loadGatewayConfig } from '../../src/config/index.ts'
import { startGateway } from '../../src/main.ts'
import { startMosquitto } from '../support/mosquitto.ts'
import { patient, scratch, TOKEN } from '../support/processes.ts'

interface Items {
  readonly items: readonly Readonly<Record<string, unknown>>[]
}
interface Part {
  readonly part: string
  readonly state: string
  readonly sentence: string
  readonly cure: string | null
}

/** A gateway in this process: one meter of the ledger behind a real broker, to which its readings go back. */
const site = async () => {
  const broker = await startMosquitto()
  onTestFinished(() => broker.destroy())
  const directory = scratch()
  const file = join(directory, 'gateway.yaml')
  const gateway = {
    version: 1,
    gateway: { id: 'g1', timezone: 'UTC', data: 'data' },
    http: { port: 0 },
    ledger: 'ledger.yaml',
    lines: [],
    tasks: [],
    mqtt: [{ id: 'plant', url: broker.url, mappings: ['tasmota'] }],
    publish: [{ id: 'plant', url: broker.url, clientId: 'sender', readings: 'out/{meter}' }],
  }
  const ledger = {
    version: 1,
    areas: [{ id: 'A1' }],
    points: [{ id: 'P-1', area: 'A1' }],
    meters: [{ id: 'M1', point: 'P-1', line: 'plant', address: 'boiler 3', profile: 'mqtt/tasmota' }],
  }
  writeFileSync(file, stringify(gateway))
  writeFileSync(join(directory, 'ledger.yaml'), stringify(ledger))
  const config = loadGatewayConfig(file)
  if (!config.ok) throw new Error(JSON.stringify(config.problems))
  const started = await startGateway(config.value, pino({ level: 'silent' }), { GRIDTALLY_TOKEN: TOKEN })
  if (!started.ok) throw new Error(`${started.message} ${JSON.stringify(started.problems)}`)
  onTestFinished(() => started.value.close())
  const { address } = started.value
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
  const text = async (path: string) => (await patient(`${address}${path}`, { headers })).text()
  const get = async <Answer = Items>(path: string): Promise<Answer> => JSON.parse(await text(path))
  const post = async (path: string, body: unknown) => {
    const answer = await patient(`${address}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    const answered: unknown = await answer.json()
    return { status: answer.status, body: answered }
  }
  const partOf = async (name: string): Promise<Part | undefined> =>
    (await get<{ parts: Part[] }>('/health/ready')).parts.find(({ part }) => part === name)
  await expect.poll(async () => (await get('/api/v1/brokers')).items.map(({ state }) => state)).toEqual(['up', 'up'])
  return { broker, address, headers, get, post, text, partOf }
}

const sensor = (time: string, total: number) => JSON.stringify({ Time: time, ENERGY: { Total: total, Power: 5 } })
/** A few minutes ago, as Tasmota writes it. */
const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString().slice(0, 19)

it('shows a message from the broker to the metrics, and says of what it cannot do why', async () => {
  const { broker, address, headers, get, post, text, partOf } = await site()
  expect(await partOf('broker plant')).toMatchObject({ state: 'ok', sentence: '1 connection, 0 meters heard' })
  expect(await partOf('publish plant')).toMatchObject({ state: 'ok', sentence: 'is connected' })

  const trace = await fetch(`${address}/api/v1/lines/plant/trace?format=text`, { headers })
  expect(trace.status).toBe(200)
  const reader = trace.body!.getReader()
  const payload = sensor(minutesAgo(5), 12.5)
  await broker.publish('tele/boiler 3/SENSOR', payload)
  await broker.publish('tele/stranger/SENSOR', sensor(minutesAgo(5), 7))
  let seen = ''
  for (let done = false; !done && !seen.includes('stranger'); ) {
    const chunk = await reader.read()
    done = chunk.done
    seen += Buffer.from(chunk.value ?? []).toString()
  }
  await reader.cancel()
  const frame = JSON.parse(seen.trim().split('\n')[0] ?? '')
  expect(frame).toMatchObject({ event: 'frame', direction: 'rx', device: 'boiler 3' })
  expect(Buffer.from(frame.hex.replaceAll(' ', ''), 'hex').toString()).toBe(payload)
  expect(frame.description).toMatch(/^tele\/boiler 3\/SENSOR: .*boiler 3 .*1\.8\.0 12\.5 kWh/)

  await expect.poll(async () => await get('/api/v1/points/P-1/latest')).toMatchObject({ readings: [{ meter: 'M1' }, { meter: 'M1' }] })
  expect(await get('/api/v1/brokers/plant/devices/boiler%203')).toMatchObject({ registered: true, meter: 'M1', point: 'P-1', messages: 1 })
  expect((await get('/api/v1/brokers/plant/devices?registered=false')).items).toMatchObject([{ name: 'stranger', meter: null }])
  const [source, target] = (await get('/api/v1/brokers')).items
  expect(source).toMatchObject({
    ...{ id: 'plant', direction: 'in', address: broker.url, meters: { registered: 1, unregistered: 1, inLedger: 1 }, sink: null },
    counts: { received: 2, acknowledged: 2, used: 2, refused: 0 },
  })
  expect(source?.subscriptions).toContainEqual({ filter: 'tele/+/SENSOR', granted: true, reason: null })
  expect(target).toMatchObject({ id: 'plant', direction: 'out', counts: null, meters: null, sink: 'publish-plant' })

  const asked = await post('/api/v1/points/P-1/read-now', {})
  expect([asked.status, asked.body]).toEqual([
    422,
    expect.objectContaining({
      code: 'METER_PUSHES',
      detail: 'meter M1 at point P-1 pushes by itself through broker plant and cannot be asked',
    }),
  ])

  await broker.publish('tele/boiler 3/SENSOR', '{"Time":')
  await expect.poll(async () => (await get('/api/v1/refused-messages')).items.length).toBe(1)
  const [refused] = (await get('/api/v1/refused-messages?broker=plant')).items
  expect(refused).toMatchObject({ topic: 'tele/boiler 3/SENSOR', bytes: 8, head: { text: '{"Time":', hex: null }, replayable: true })
  expect(await partOf('broker plant')).toMatchObject({ state: 'degraded', sentence: '1 message of the last hour was refused' })
  expect(await post('/api/v1/refused-messages/replay', { all: true })).toEqual({ status: 200, body: { replayed: 0, left: 1 } })

  const metrics = (await text('/metrics')).split('\n')
  for (const line of [
    'gridtally_broker_connections{broker="plant",state="up"} 1',
    'gridtally_publish_connections{broker="plant",state="up"} 1',
    'gridtally_broker_messages_total{broker="plant"} 3',
    'gridtally_broker_refused_total{broker="plant"} 1',
    'gridtally_broker_devices{broker="plant",registered="true"} 1',
    'gridtally_refused_messages 1',
    'gridtally_dead_letters{sink="publish-plant"} 0',
  ])
    expect(metrics).toContain(line)
  expect(await post('/api/v1/refused-messages/discard', { ids: [refused?.id] })).toEqual({ status: 200, body: { discarded: 1 } })
  expect(await partOf('broker plant')).toMatchObject({ state: 'ok' })
})

it('stays ready when its broker is dead, and says so without its address', async () => {
  const { broker, address, partOf } = await site()
  await broker.stop()
  await expect.poll(async () => (await partOf('broker plant'))?.state, { timeout: 60_000 }).toBe('failed')
  const ready = await fetch(`${address}/health/ready`)
  const body = await ready.text()
  expect(ready.status).toBe(200)
  expect(JSON.parse(body).parts).toContainEqual({
    ...{ part: 'broker plant', state: 'failed', cure: 'see GET /api/v1/brokers' },
    sentence: expect.stringMatching(/^is down: MQTT_[A-Z]+$/),
  })
  await expect
    .poll(async () => await partOf('publish plant'))
    .toMatchObject({ state: 'degraded', sentence: expect.stringMatching(/MQTT_/) })
  expect(body).not.toContain(String(broker.port))
})
