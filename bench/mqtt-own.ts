/**
 * The two ends of the MQTT anchor as programs of their own, so that nothing of the bench shares their process.
 *
 *   node mqtt-own.js publish URL MESSAGES              QoS 1, about 270 bytes each; prints how many a second were acknowledged
 *   node mqtt-own.js bare URL MESSAGES CONNECTIONS     acknowledges at once; prints messages a second
 *   node mqtt-own.js gateway URL MESSAGES CONNECTIONS  mapping, outbox, synced, then acknowledged; prints messages a second
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectAsync, type MqttClient } from 'mqtt'
import type { GatewayConfig, MqttConfig } from '../src/config/index.ts'
import { ok, type Sink, systemClock } from '../src/core/index.ts'
import { openMappings } from '../src/gateway/mappings.ts'
import { Push } from '../src/gateway/push.ts'
import { pushWorld } from '../src/gateway/push-world.ts'
import type { MeterFact } from '../src/ledger/index.ts'
import { openOutbox } from '../src/outbox/index.ts'
import { messageOf } from './mqtt-message.ts'

const METERS = 200
const IN_FLIGHT = 100

/** One connection with a hundred messages that wait for their PUBACK. */
const publish = async (url: string, messages: number): Promise<number> => {
  const client = await connectAsync(url)
  let next = 0
  const began = performance.now()
  const lane = async (): Promise<void> => {
    for (let n = next++; n < messages; n = next++)
      await client.publishAsync(`tele/meter-${n % METERS}/SENSOR`, messageOf(n % METERS, Math.floor(n / METERS)), { qos: 1 })
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane))
  const rate = (messages * 1000) / (performance.now() - began)
  await client.endAsync()
  return rate
}

/** A gateway runs for months; what the compiler does with the first messages is not what is asked about. */
const WARM_UP = 30_000

/** From the end of the warm-up to the last message. */
class Span {
  readonly #messages: number
  #count = 0
  #first = 0
  #firstAt = 0
  #done: (rate: number) => void = () => {}
  readonly rate = new Promise<number>((resolve) => {
    this.#done = resolve
  })

  constructor(messages: number) {
    this.#messages = messages
  }

  add(count: number): void {
    this.#count += count
    if (this.#first === 0 && this.#count >= WARM_UP) {
      this.#first = this.#count
      this.#firstAt = performance.now()
    }
    if (this.#count >= this.#messages) this.#done(((this.#count - this.#first) * 1000) / (performance.now() - this.#firstAt))
  }
}

const ready = (): void => void process.stdout.write('ready\n')

const bare = async (url: string, messages: number, connections: number): Promise<number> => {
  const span = new Span(messages)
  const clients: MqttClient[] = []
  for (let n = 0; n < connections; n++) {
    const client = await connectAsync(url, { clientId: `bare-${process.pid}-${n}`, clean: false })
    client.on('message', () => span.add(1))
    await client.subscribeAsync('$share/bare/tele/+/SENSOR', { qos: 1 })
    clients.push(client)
  }
  ready()
  const rate = await span.rate
  await Promise.all(clients.map((client) => client.endAsync(true)))
  return rate
}

const gateway = async (url: string, messages: number, connections: number): Promise<number> => {
  const directory = mkdtempSync(join(tmpdir(), 'gridtally-bench-'))
  const sink: Sink = { id: 'null', batch: 5000, write: async () => ({ kind: 'stored', dead: [] }), close: async () => {} }
  const outbox = await openOutbox({ directory: join(directory, 'outbox'), maxBytes: 4 * 2 ** 30, whenFull: 'stop-taking', sinks: [sink] })
  if (!outbox.ok) throw new Error(outbox.error.message)
  const world = pushWorld('UTC', { get: () => undefined })
  const source: MqttConfig = {
    id: 'bench',
    url,
    version: '3.1.1',
    clientId: `bench-${process.pid}`,
    username: null,
    password: null,
    tls: null,
    keepaliveS: 30,
    mappings: [{ id: 'tasmota', zone: 'UTC', prefix: null }],
    connections,
    share: 'gridtally',
    sessionExpiryS: 3600,
    maxPayloadBytes: 262_144,
    maxInFlight: 64,
    unregistered: 'keep',
    maxUnregistered: 1000,
    rebirth: false,
  }
  const config: Pick<GatewayConfig, 'dataDirectory' | 'mqtt'> = { dataDirectory: directory, mqtt: [source] }
  const meters = Array.from(
    { length: METERS },
    (_, n): MeterFact => ({
      meter: `M${n}`,
      point: `P${n}`,
      line: 'bench',
      address: `meter-${n}`,
      profile: 'mqtt/tasmota',
      ct: '1',
      pt: '1',
      timeoutMs: null,
      from: 0,
      to: null,
      state: 'in-service',
      concentrator: '',
    }),
  )
  const span = new Span(messages)
  const push = await Push.open({
    config,
    clock: systemClock,
    mappings: openMappings(null, world, new Set(['tasmota'])),
    world,
    meters,
    points: new Map(),
    put: async (readings) => {
      const done = await outbox.value.put(readings)
      // Each message brings one row of registers, and one of what is measured now.
      span.add(readings.filter(({ series }) => series.measurement === 'register').length)
      return done
    },
    store: { range: async () => ok({ readings: [], next: null }) },
    newest: () => undefined,
    log: (level, message) => {
      if (level !== 'info' && level !== 'debug') process.stderr.write(`${message}\n`)
    },
  })
  if (!push.ok) throw new Error(push.error.message)
  push.value.start()
  const source0 = push.value.sources[0]
  while (source0?.state()?.subscriptions.some(({ granted }) => !granted) ?? true) await new Promise((resolve) => setTimeout(resolve, 20))
  ready()
  const rate = await span.rate
  await push.value.stop(2000)
  await push.value.close()
  await outbox.value.close()
  rmSync(directory, { recursive: true, force: true })
  return rate
}

const [what, url = '', measured = '0', connections = '1'] = process.argv.slice(2)
const messages = Number(measured) + WARM_UP
if (what === 'publish') console.log(await publish(url, messages))
else if (what === 'bare') console.log(await bare(url, messages, Number(connections)))
else if (what === 'gateway') console.log(await gateway(url, messages, Number(connections)))
process.exit(0)
