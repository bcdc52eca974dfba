import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectAsync, type MqttClient } from 'mqtt'
import { expect, onTestFinished } from 'vitest'
import { stringify } from 'yaml'
import { type Mosquitto, startMosquitto } from './mosquitto.ts'
import { type RunningGateway, scratch } from './processes.ts'

export interface ReadingJson {
  readonly meter: string
  readonly measuredAt: string
  readonly receivedAt: string
  readonly source: string
  readonly quality: readonly string[]
  readonly ratio: string
  readonly values: readonly { readonly obis: string; readonly value: string; readonly primary: string }[]
}

export interface BrokerJson {
  readonly id: string
  readonly state: string
  readonly counts: Readonly<Record<string, number>>
}

/** Meters of the ledger: point, address at the broker, mapping. */
export type Meters = readonly (readonly [id: string, address: string, mapping: string, ct?: string])[]

/** A broker, and the configuration of a gateway that listens to it. */
export const site = async (
  meters: Meters,
  more: Readonly<Record<string, unknown>> = {},
  mappings: readonly unknown[] = ['site-json', 'tasmota', 'acrel'],
) => {
  const broker = await startMosquitto()
  onTestFinished(() => broker.destroy())
  const directory = scratch()
  const config = join(directory, 'gateway.yaml')
  writeFileSync(
    config,
    stringify({
      version: 1,
      gateway: { id: 'g1', timezone: 'Asia/Shanghai' },
      http: { port: 0 },
      ledger: 'ledger.yaml',
      lines: [],
      tasks: [],
      mqtt: [{ id: 'push', url: broker.url, mappings, ...more }],
    }),
  )
  writeFileSync(
    join(directory, 'ledger.yaml'),
    stringify({
      version: 1,
      areas: [{ id: 'A1' }],
      points: meters.map(([id]) => ({ id: `P-${id}`, area: 'A1' })),
      meters: meters.map(([id, address, mapping, ct]) => ({
        id,
        point: `P-${id}`,
        line: 'push',
        address,
        profile: `mqtt/${mapping}`,
        ...(ct ? { ct } : {}),
      })),
    }),
  )
  return { broker, directory, config }
}

export const publisher = async (broker: Mosquitto): Promise<MqttClient> => {
  const client = await connectAsync(broker.url, { reconnectPeriod: 50 })
  onTestFinished(() => client.endAsync(true))
  return client
}

export const latestOf = async (gateway: RunningGateway, point: string): Promise<ReadingJson[]> =>
  ((await gateway.get(`/api/v1/points/${point}/latest`)) as { readings?: ReadingJson[] }).readings ?? []

/** Every stored reading of a point, page by page. */
export const storedOf = async (gateway: RunningGateway, point: string, from: number, to: number): Promise<ReadingJson[]> => {
  const found: ReadingJson[] = []
  const range = `from=${new Date(from).toISOString()}&to=${new Date(to).toISOString()}&measurement=register&limit=1000`
  for (let cursor: string | null = null; ; ) {
    const page = (await gateway.get(
      `/api/v1/points/${point}/readings?${range}${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
    )) as {
      items: ReadingJson[]
      next: string | null
    }
    found.push(...page.items)
    cursor = page.next
    if (!cursor) return found
  }
}

export const drained = (gateway: RunningGateway) =>
  expect.poll(async () => ((await gateway.get('/api/v1/outbox')) as { depth: number }).depth, { timeout: 60_000, interval: 50 }).toBe(0)

export const brokerOf = async (gateway: RunningGateway): Promise<BrokerJson> => {
  const { items } = (await gateway.get('/api/v1/brokers')) as { items: BrokerJson[] }
  const found = items.find(({ id }) => id === 'push')
  if (!found) throw new Error('no such broker')
  return found
}

export const connected = (gateway: RunningGateway) =>
  expect.poll(async () => (await brokerOf(gateway)).state, { timeout: 60_000 }).toBe('up')
/** Until a counter of the broker has come so far. */
export const counted = (gateway: RunningGateway, name: string, count: number) =>
  expect.poll(async () => (await brokerOf(gateway)).counts[name], { timeout: 60_000, interval: 25 }).toBeGreaterThanOrEqual(count)

export const now = () => Math.floor(Date.now() / 1000)
