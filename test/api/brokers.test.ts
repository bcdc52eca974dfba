import { request } from 'node:http'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { listenApi } from '../../src/api/index.ts'
import { api, asOperator, asReader, NOW, OPTIONS, pushDeviceOf } from './fake.ts'

const at = (ms: number) => new Date(ms).toISOString()
const DEVICES = '/api/v1/brokers/plant/devices'
const path = (name: string) => `${DEVICES}/${encodeURIComponent(name)}`

describe('brokers', () => {
  it('shows connections, subscriptions and what came of the messages, most frequent first', async () => {
    const { app } = await api()
    const { items } = (await app.inject({ url: '/api/v1/brokers', headers: asReader })).json()
    const since = at(NOW - 60_000)
    expect(items).toEqual([
      {
        id: 'plant',
        direction: 'in',
        address: 'mqtts://10.0.0.9:8883',
        state: 'partly',
        connections: [
          { clientId: 'gridtally-plant', state: 'up', since, error: null, reconnects: 2, inFlight: 5 },
          {
            clientId: 'gridtally-plant-1',
            state: 'down',
            since,
            error: { code: 'LINE_DOWN', message: 'plant mqtts://10.0.0.9:8883 went', hint: 'plug the adapter in' },
            reconnects: 2,
            inFlight: 5,
          },
        ],
        subscriptions: [
          { filter: 'tele/+/SENSOR', granted: true, reason: null },
          { filter: 'secret/#', granted: false, reason: 'not authorized' },
        ],
        counts: {
          ...{ received: 100, acknowledged: 99, oversize: 1, used: 80, refused: 7, readings: 160, values: 900 },
          ...{ duplicates: 4, conflicts: 3, late: 2, unmapped: 11, answers: 6 },
          putAside: [
            { reason: 'no-rule', count: 9 },
            { reason: 'empty-payload', count: 1 },
          ],
        },
        lastMessageAt: at(NOW - 2_000),
        meters: { registered: 12, unregistered: 3, inLedger: 20 },
        unmatched: [
          { topic: 'c/d', count: 8 },
          { topic: 'a/b', count: 1 },
        ],
        sink: null,
      },
      {
        ...{ id: 'cloud', direction: 'out', address: 'mqtt://10.0.0.8:1883', state: 'connecting', subscriptions: [], counts: null },
        connections: [{ clientId: 'gridtally-cloud', state: 'connecting', since, error: null, reconnects: 2, inFlight: 5 }],
        ...{ lastMessageAt: null, meters: null, unmatched: [], sink: 'publish-cloud' },
      },
    ])
  })
})

describe('devices of a broker', () => {
  it('gives everything that is known of one, its slash and blank included', async () => {
    const { app } = await api()
    const answer = await app.inject({ url: path('boiler house/meter 3'), headers: asReader })
    expect([answer.statusCode, answer.json()]).toEqual([
      200,
      {
        ...{ name: 'boiler house/meter 3', registered: true, meter: 'M-P-003', point: 'P-003' },
        ...{ firstSeen: at(NOW - 1e8), lastSeen: at(NOW - 3_000), lastTopic: 'tele/boiler house/meter 3/SENSOR', rule: 'tasmota/sensor' },
        ...{ presence: 'online', presenceSince: at(NOW - 1e7), signal: { at: at(NOW - 3_000), figures: { rssi: -71.5 } } },
        ...{ messages: 50, values: 300, duplicates: 1, conflicts: 2, late: 3 },
        skipped: [
          { code: 'DLT645_BCD', count: 4, hint: 'remove it from the profile' },
          { code: 'MAPPING_TYPE', count: 2, hint: '' },
        ],
        failures: [{ item: 'Ua', code: '3007', count: 5 }],
        unmapped: [{ path: '$.ENERGY.Factor', text: '0.97' }],
        finding: { code: 'PUSH_CONFLICT', message: 'a second value', at: at(NOW - 4_000) },
      },
    ])
  })

  it.each([
    ['', ['boiler house/meter 3', 'gone', 'stranger']],
    ['registered=true', ['boiler house/meter 3']],
    ['registered=false', ['gone', 'stranger']],
    ['presence=offline', ['gone']],
    ['text=er', ['boiler house/meter 3', 'stranger']],
    ['silentForS=3600', ['gone', 'stranger']],
    ['silentForS=5', ['gone', 'stranger']],
    ['registered=false&silentForS=3600&text=go', ['gone']],
    ['after=gone', ['stranger']],
    ['after=gone&limit=1', ['stranger']],
    ['limit=2', ['boiler house/meter 3', 'gone']],
  ])('lists with "%s"', async (query, names) => {
    const { app } = await api()
    const { items } = (await app.inject({ url: `${DEVICES}?${query}`, headers: asReader })).json()
    expect(items.map(({ name }: { name: string }) => name)).toEqual(names)
  })

  it.each([1, 2, 50])('walks all once in pages of %i, hostile names included', async (limit) => {
    const { app, devices } = await api()
    const names = [
      '\u0000\u001b[2J',
      '__proto__',
      'a\nb',
      '\u202eevil',
      '\ud800',
      '台区',
      'x'.repeat(200),
      '\u0001'.repeat(200),
      '"}<script>',
    ]
    devices.push(...names.map((name) => pushDeviceOf(name)))
    const seen: string[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const query = { limit: String(limit), ...(cursor ? { cursor } : {}) }
      const answer = await app.inject({ url: DEVICES, query, headers: asReader })
      expect(answer.statusCode).toBe(200)
      const page: { items: { name: string }[]; next: string | null } = answer.json()
      seen.push(...page.items.map(({ name }) => name))
      cursor = page.next
    }
    expect(seen).toEqual(devices.map(({ name }) => name).sort((a, b) => (a < b ? -1 : 1)))
  })

  it.each([
    ['limit=0', 'querystring/limit'],
    ['limit=501', 'querystring/limit'],
    ['limit=x', 'querystring/limit'],
    ['registered=maybe', 'querystring/registered'],
    ['presence=gone', 'querystring/presence'],
    ['silentForS=-1', 'querystring/silentForS'],
    ['silentForS=1e99', 'querystring/silentForS'],
    [`text=${'x'.repeat(201)}`, 'querystring/text'],
    ['sort=name', 'querystring'],
  ])('refuses %s', async (query, place) => {
    const { app } = await api()
    const answer = await app.inject({ url: `${DEVICES}?${query}`, headers: asReader })
    expect([answer.statusCode, answer.json().code, answer.json().errors[0].place]).toEqual([400, 'API_VALUE', place])
  })

  it.each(['nonsense', Buffer.from('[7]').toString('base64url'), Buffer.from('["a","b"]').toString('base64url')])(
    'refuses the foreign cursor %s',
    async (cursor) => {
      const { app } = await api()
      const answer = await app.inject({ url: `${DEVICES}?cursor=${cursor}`, headers: asReader })
      expect([answer.statusCode, answer.json().code]).toEqual([400, 'API_CURSOR'])
    },
  )

  it.each([
    ['/api/v1/brokers/nowhere/devices', 'API_BROKER'],
    ['/api/v1/brokers/cloud/devices', 'API_BROKER'],
    ['/api/v1/brokers/nowhere/devices/gone', 'API_BROKER'],
    [`${DEVICES}/nobody`, 'API_DEVICE'],
    [`${DEVICES}/`, 'API_DEVICE'],
    [`${DEVICES}/gone%2Fx`, 'API_DEVICE'],
  ])('knows nothing of %s', async (url, code) => {
    const { app } = await api()
    const answer = await app.inject({ url, headers: asReader })
    expect([answer.statusCode, answer.json().code, answer.json().hint]).toEqual([404, code, expect.stringContaining('/api/v1/brokers')])
  })

  it.each([
    [`${DEVICES}/${'x'.repeat(201)}`, 414],
    [`${DEVICES}/%E0%A4%A`, 400],
  ])('refuses a name that can be none: %s', async (url, status) => {
    const { app } = await api()
    expect((await app.inject({ url, headers: asReader })).statusCode).toBe(status)
  })

  it('finds every name under its percent-encoded form', async () => {
    const { app, devices } = await api({}, { rateLimit: false })
    const tricky = fc.constantFrom(
      '/',
      '%',
      '%2F',
      '%252F',
      '#',
      '?',
      '+',
      ' ',
      '..',
      '\u0000',
      '\u001b',
      '\\',
      ';',
      '&',
      '=',
      '"',
      '台',
      '🔌',
    )
    const names = fc.array(fc.oneof(tricky, fc.string({ unit: 'binary', minLength: 1, maxLength: 8 })), { minLength: 1, maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(names, async (parts) => {
        const name = parts.join('')
        // What an address cannot say: dots alone are a step in every client, half a pair is no character.
        fc.pre(!/^\.{1,2}$/.test(name) && !/\p{Cs}/u.test(name) && name.length <= 200)
        devices[0] = pushDeviceOf(name)
        const answer = await app.inject({ url: path(name), headers: asReader })
        expect([answer.statusCode, answer.json().name]).toEqual([200, name])
      }),
      { numRuns: 200 },
    )
  })

  it('gives a device that is called like the folder above to whoever asks without tidying up', async () => {
    const { app, devices } = await api()
    devices.push(pushDeviceOf('..'))
    const { hostname, port } = new URL(await listenApi(app, OPTIONS))
    const status = await new Promise<number | undefined>((resolve, reject) => {
      request({ hostname, port, path: `${DEVICES}/%2E%2E`, headers: asReader }, (answer) => {
        answer.resume().on('end', () => resolve(answer.statusCode))
      })
        .on('error', reject)
        .end()
    })
    expect(status).toBe(200)
  })

  it('lets nothing through that the schema does not have', async () => {
    const { app, devices } = await api()
    devices[0] = { ...pushDeviceOf('boiler'), ...{ secret: 'canary', signal: { at: NOW, figures: { rssi: 1 }, ...{ secret: 'canary' } } } }
    for (const url of [DEVICES, path('boiler')]) expect((await app.inject({ url, headers: asReader })).payload).not.toContain('canary')
  })
})

it('counts in Prometheus text what a broker brought', async () => {
  const { app } = await api()
  const { payload } = await app.inject({ url: '/metrics', headers: asReader })
  const lines = payload.split('\n')
  for (const line of [
    'gridtally_broker_connections{broker="plant",state="up"} 1',
    'gridtally_broker_connections{broker="plant",state="connecting"} 0',
    'gridtally_broker_connections{broker="plant",state="down"} 1',
    'gridtally_publish_connections{broker="cloud",state="connecting"} 1',
    '# TYPE gridtally_broker_messages_total counter',
    'gridtally_broker_messages_total{broker="plant"} 100',
    'gridtally_broker_acknowledged_total{broker="plant"} 99',
    'gridtally_broker_oversize_total{broker="plant"} 1',
    'gridtally_broker_refused_total{broker="plant"} 7',
    'gridtally_broker_readings_total{broker="plant"} 160',
    'gridtally_broker_duplicates_total{broker="plant"} 4',
    'gridtally_broker_conflicts_total{broker="plant"} 3',
    'gridtally_broker_late_total{broker="plant"} 2',
    'gridtally_broker_devices{broker="plant",registered="true"} 12',
    'gridtally_broker_devices{broker="plant",registered="false"} 3',
    `gridtally_broker_last_message_timestamp_seconds{broker="plant"} ${(NOW - 2_000) / 1000}`,
    '# TYPE gridtally_refused_messages gauge',
    'gridtally_refused_messages 7',
  ])
    expect(lines).toContain(line)
  expect(payload).not.toMatch(/gridtally_broker_\w+\{broker="cloud"/)
})

describe('the trace of a broker', () => {
  it('goes under its id, as that of a line does', async () => {
    const asked: string[] = []
    const { app } = await api({
      trace: (id, listener) => {
        asked.push(id)
        queueMicrotask(() => listener({ at: NOW, direction: 'rx', bytes: Buffer.from('{}'), description: 'tele/x: no value' }))
        return { ok: true, value: () => {} }
      },
    })
    const { hostname, port } = new URL(await listenApi(app, OPTIONS))
    const answer = await fetch(`http://${hostname}:${port}/api/v1/lines/plant/trace?format=text`, { headers: asReader })
    expect(answer.status).toBe(200)
    const reader = answer.body!.getReader()
    let text = ''
    for (let done = false; !done && !text.includes('frame'); ) {
      const chunk = await reader.read()
      done = chunk.done
      text += Buffer.from(chunk.value ?? []).toString()
    }
    await reader.cancel()
    expect(asked).toEqual(['plant'])
    expect(JSON.parse(text)).toEqual({ event: 'frame', at: at(NOW), direction: 'rx', hex: '7B 7D', description: 'tele/x: no value' })
  })

  it.each(['cloud', 'nowhere'])('is not there for %s', async (id) => {
    const { app } = await api()
    const answer = await app.inject({ url: `/api/v1/lines/${id}/trace`, headers: asReader })
    expect([answer.statusCode, answer.json().code, answer.json().detail]).toEqual([
      404,
      'API_LINE',
      `there is no line, no concentrator and no broker "${id}"`,
    ])
  })
})

it('asks for a token before it says whether a broker is there', async () => {
  const { app } = await api()
  for (const url of ['/api/v1/brokers', DEVICES, path('gone'), '/api/v1/brokers/nowhere/devices'])
    expect((await app.inject(url)).statusCode).toBe(401)
  expect((await app.inject({ method: 'POST', url: '/api/v1/brokers', headers: asOperator })).statusCode).toBe(405)
})
