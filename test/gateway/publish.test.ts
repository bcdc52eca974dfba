import { connect, createServer, type Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { HealthView } from '../../src/api/index.ts'
import type { MqttConfig, PublishConfig } from '../../src/config/index.ts'
import { systemClock } from '../../src/core/index.ts'
import { openMappings } from '../../src/gateway/mappings.ts'
import { openProfiles } from '../../src/gateway/profiles.ts'
import { Publisher, publishProblems, takenFilters } from '../../src/gateway/publish.ts'
import { brings } from '../../src/gateway/publish-topics.ts'
import { pushWorld } from '../../src/gateway/push-world.ts'
import { reading } from '../outbox/support.ts'
import { startMosquitto } from '../support/mosquitto.ts'
import { plainClient, until } from '../transport/mqtt-listener.ts'

const broker = {
  url: 'mqtt://broker.example',
  version: '3.1.1' as const,
  clientId: 'g',
  username: null,
  password: null,
  tls: null,
  keepaliveS: 30,
}
const target = (more: Partial<PublishConfig>): PublishConfig => ({
  ...{ ...broker, id: 'scada', readings: null, findings: null, health: null, qos: 1, retain: false },
  ...more,
})
const source = (more: Partial<MqttConfig> = {}): MqttConfig => ({
  ...{ ...broker, id: 'plant', mappings: [], connections: 1, share: 'gridtally', sessionExpiryS: 1, maxPayloadBytes: 1, maxInFlight: 1 },
  ...{ unregistered: 'keep', maxUnregistered: 10, rebirth: true },
  ...more,
})
const publisher = (config: PublishConfig) => Publisher.of(config, { gateway: 'site-1', version: '0', clock: systemClock, log: () => {} })
const opened = (config: PublishConfig): Publisher => {
  const made = publisher(config)
  if (!made.ok) throw new Error(made.error.message)
  onTestFinished(() => made.value.stop(1000))
  return made.value
}

/** A way to the broker that can be cut, as a cable is: the broker hears no goodbye. */
const cable = async (port: number) => {
  const ends = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect({ host: '127.0.0.1', port })
    for (const [one, other] of [[near, far] as const, [far, near] as const]) {
      ends.add(one)
      one.on('error', () => {})
      one.on('close', () => other.destroy())
      one.pipe(other)
    }
  })
  await new Promise<void>((listens) => server.listen(0, '127.0.0.1', listens))
  onTestFinished(() => {
    for (const end of ends) end.destroy()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `mqtt://127.0.0.1:${address.port}`,
    cut: () => {
      for (const end of ends) end.destroy()
      ends.clear()
    },
  }
}

const HEALTH: HealthView = { ready: true, parts: [{ part: 'store', state: 'degraded', sentence: 'slow', cure: null }] }

describe('health', () => {
  it('is said anew on every connection: the will of the one that was lost does not stand', async () => {
    const mosquitto = await startMosquitto()
    onTestFinished(() => mosquitto.destroy())
    const { url, cut } = await cable(mosquitto.port)
    const said: { state: string; figures: object }[] = []
    const listener = plainClient(mosquitto.port)
    listener.on('message', (_, payload) => void said.push(JSON.parse(payload.toString())))
    await listener.subscribeAsync('grid/site-1/health', { qos: 1 })
    const end = opened(target({ url, health: 'grid/{gateway}/health' }))
    end.start()
    end.sayHealth(HEALTH) // before it is connected
    // At least once: what a cut left unacknowledged is said again.
    const states = () => said.map(({ state }) => state).filter((state, at, all) => state !== all[at - 1])
    await until(() => states().length === 1)
    cut()
    await until(() => states().length === 3)
    expect(states()).toEqual(['online', 'offline', 'online'])
    expect(said.at(-1)?.figures).toEqual({ ready: true, parts: 1, degraded: 1, failed: 0, why: 'store: slow' })
    cut()
    await until(() => states().length === 5)
    expect(states().slice(3)).toEqual(['offline', 'online'])
    end.sayHealth(HEALTH) // nothing new
    await end.stop(1000)
    await until(() => states().length >= 6)
    expect(states().slice(5)).toEqual(['offline'])
  })
})

it('before the start a reading waits: nothing is lost, and nothing is stopped', async () => {
  const { sink } = opened(target({ readings: 'r/{meter}' }))
  expect(await sink?.write([reading(1)])).toMatchObject({
    kind: 'later',
    error: { code: 'PUBLISH_NOT_STARTED', recovery: 'wait', hint: expect.stringContaining('by itself') },
  })
})

describe('topic templates', () => {
  const wrong = target({ readings: 'grid/{metre}', findings: 'grid/+', health: '$SYS/{gateway}' })

  it('are tried: every place, what stands there, and what may', () => {
    const problems = publishProblems({
      file: '/etc/g.yaml',
      id: 'site-1',
      mqtt: [],
      publish: [target({ id: 'good', readings: 'r' }), wrong],
    })
    expect(problems.map(({ file, path, message }) => [file, path, message])).toEqual([
      [
        '/etc/g.yaml',
        '/publish/scada/readings',
        expect.stringMatching(/^has the topic template "grid\/\{metre\}": \{metre\} is none of .*; a topic template has/),
      ],
      ['/etc/g.yaml', '/publish/scada/findings', expect.stringMatching(/^has the topic template "grid\/\+": \+, # and control characters/)],
      [
        '/etc/g.yaml',
        '/publish/scada/health',
        expect.stringMatching(/^has the topic template "\$SYS\/\{gateway\}": topics that begin with \$/),
      ],
    ])
  })

  it('that are none keep a publisher from opening, with their place', () => {
    const made = publisher(wrong)
    expect(made).toMatchObject({ ok: false, error: { code: 'PUSH_TEMPLATE', message: expect.stringContaining('/publish/scada/readings') } })
  })
})

describe('topics that would come back', () => {
  it.each([
    ['tele/+/SENSOR', 'tele/{meter}/SENSOR', true],
    ['tele/+/SENSOR', 'tele/{meter}/STATE', false],
    ['tele/#', 'tele', true],
    ['tele/#', 'tele/{meter}/x/y', true],
    ['tele/#', 'grid/{meter}', false],
    ['#', 'grid/{meter}', true],
    ['+/+', 'grid/{meter}', true],
    ['+/+', 'grid/{area}/{meter}', false],
    ['site/em-7/status', 'site/{meter}/status', true],
    ['site/em-7/status', 'site/em-{meter}/status', true],
    ['site/em-7/status', 'site/m-{meter}/status', false],
    ['site/em-7/status', 'site/em-{meter}-7/status', false],
    ['site-1/+', '{gateway}/{meter}', true],
    ['site-2/+', '{gateway}/{meter}', false],
    ['+/register', '{meter}/{measurement}', true],
    ['+/status', '{meter}/{measurement}', false],
    ['+/event', '{meter}/{measurement}', false],
  ])('%s brings %s: %s', (filter, template, expected) => expect(brings(filter, template, 'readings', 'site-1')).toBe(expected))

  const problems = (
    publish: Partial<PublishConfig>,
    mqtt: Partial<MqttConfig> = {},
    filters: readonly string[] | null = ['tele/+/SENSOR', 'grid/#'],
  ) =>
    publishProblems(
      { file: 'g.yaml', id: 'site-1', mqtt: [source(mqtt)], publish: [target(publish)] },
      ...(filters === null ? [] : [new Map([['plant', filters]])]),
    ).map(({ path, message }) => `${path} ${message}`)

  it('are refused, with the filter and the cure', () => {
    expect(problems({ readings: 'grid/{meter}', findings: 'event/{code}', health: 'grid/{gateway}/health' })).toEqual([
      '/publish/scada/readings is "grid/{meter}", and mqtt plant takes "grid/#" in from the same broker: begin the topic with a word that no mapping there asks for',
      expect.stringMatching(/^\/publish\/scada\/health is "grid\/\{gateway\}\/health", and mqtt plant takes "grid\/#"/),
    ])
  })

  it.each([
    ['a topic nobody asks for', { readings: 'out/{meter}' }, {}],
    ['another broker', { readings: 'grid/{meter}', url: 'mqtt://other.example' }, {}],
    ['another port', { readings: 'grid/{meter}' }, { url: 'mqtt://broker.example:1884' }],
  ])('%s is none', (_, publish, mqtt) => expect(problems(publish, mqtt)).toEqual([]))

  it('the same broker written in another way is one', () =>
    expect(problems({ readings: 'grid/{meter}' }, { url: 'mqtt://Broker.Example:1883/' })).toHaveLength(1))

  it('nothing is said of it while the filters are not known', () => expect(problems({ readings: 'grid/{meter}' }, {}, null)).toEqual([]))

  it('filters are those of the mappings, with the prefix of their use; one that is not there has none', () => {
    const mappings = openMappings(null, pushWorld('UTC', openProfiles(null)), new Set(['tasmota']))
    const use = (id: string, prefix: string | null) => ({ id, zone: null, prefix })
    const taken = takenFilters(
      { mqtt: [source({ mappings: [use('tasmota', 'hall/'), use('nobody', null)] }), source({ id: 'empty' })] },
      mappings,
    )
    expect(taken.get('plant')).toContain('hall/tele/+/SENSOR')
    expect(taken.get('empty')).toEqual([])
  })
})
