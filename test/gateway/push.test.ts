import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectAsync } from 'mqtt'
import { expect, it, onTestFinished } from 'vitest'
import { stringify } from 'yaml'
import { startMosquitto } from '../support/mosquitto.ts'
import { runGateway } from '../support/processes.ts'
import { brokerOf, connected, counted, drained, latestOf, now, publisher, site, storedOf } from '../support/push-site.ts'

it('keeps what is late, new, doubled, contradictory and from the future apart', async () => {
  const { broker, config } = await site([['M10', 'm10', 'site-json']])
  const client = await publisher(broker)
  const t = now() - 3600
  await client.publishAsync('site/m10/json', JSON.stringify({ ts: t - 900, kwh: 100 }), { qos: 1, retain: true })
  const gateway = await runGateway(config)
  await connected(gateway)
  const send = (message: object) => client.publishAsync('site/m10/json', JSON.stringify(message), { qos: 1 })
  await send({ ts: t + 900, kwh: 101.2 })
  await send({ ts: t + 900, kwh: 101.2 })
  await send({ ts: t, kwh: 100.9 })
  await send({ ts: t + 900, kwh: 101.9 })
  await send({ ts: t + 900, kwh_reverse: 5 })
  await send({ ts: now() + 86_400, kwh: 999 })
  await send({ ts: 12, kwh: 998 })
  await counted(gateway, 'used', 8)
  await drained(gateway)
  const stored = await storedOf(gateway, 'P-M10', (t - 7200) * 1000, Date.now() + 60_000)
  const good = stored.filter(({ quality }) => quality.includes('good'))
  expect(good.map(({ measuredAt, values }) => [Date.parse(measuredAt) / 1000 - t, values.map(({ value }) => value)])).toEqual([
    [-900, ['100']],
    [0, ['100.9']],
    // The first value stays, the other register of the same instant is added.
    [900, ['101.2', '5']],
  ])
  // What cannot be believed is kept, marked, under the time of its arrival.
  const doubtful = stored.filter(({ quality }) => quality.includes('quarantined'))
  expect(doubtful.map(({ values, quality }) => [values[0]?.value, quality.includes('clockDoubtful')])).toEqual([
    ['999', true],
    ['998', true],
  ])
  const [latest] = (await latestOf(gateway, 'P-M10')).filter(({ source }) => source === 'push')
  expect(latest?.values.map(({ value }) => value)).toEqual(['101.2', '5'])
  expect((await brokerOf(gateway)).counts).toMatchObject({ duplicates: 1, conflicts: 1, late: 1 })
  expect(await gateway.stop()).toBe(0)
})

it('tells a meter of the ledger from a stranger, and secondary values from primary ones', async () => {
  const { broker, config } = await site([['M1', '12209263660002', 'acrel', '400/5']])
  const gateway = await runGateway(config)
  await connected(gateway)
  const local = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'medium', timeZone: 'Asia/Shanghai' }).format(Date.now())
  const time = local.replace(/\D/g, '')
  const values = { time, ua: 220.1, ia: 1.25, wh: 1234.56, ct: 40, pt: 1 }
  await broker.publish('/gw/acrelHW/adw300/data/12209263660002', JSON.stringify(values))
  await broker.publish('/gw/acrelHW/adw300/data/999', JSON.stringify(values))
  await expect.poll(async () => (await latestOf(gateway, 'P-M1')).length, { timeout: 60_000 }).toBe(2)
  const latest = await latestOf(gateway, 'P-M1')
  const register = latest.find(({ values: [first] }) => first?.obis === '1-0:1.8.0')
  // The ratio that came with the values counts, not the ledger's; the register stays as the face shows it.
  expect(register).toMatchObject({ meter: 'M1', ratio: '40', quality: ['good'], values: [{ value: '1234.56', primary: '49382.40' }] })
  const instant = latest.find(({ values: all }) => all.some(({ obis }) => obis === '1-0:31.7.0'))
  expect(instant?.values.find(({ obis }) => obis === '1-0:31.7.0')?.value).toMatch(/^50(\.0*)?$/)
  const strangers = async () =>
    ((await gateway.get('/api/v1/brokers/push/devices?registered=false')) as { items: { name: string }[] }).items.map(({ name }) => name)
  await expect.poll(strangers, { timeout: 60_000 }).toEqual(['999'])
  await gateway.stop()
})

it('answers what a device waits for, notes presence and how well it is heard', async () => {
  const { broker, config } = await site([['M1', 'plug', 'tasmota']])
  const client = await publisher(broker)
  const heard: string[] = []
  client.on('message', (topic, payload) => heard.push(`${topic} ${payload.toString()}`))
  await client.subscribeAsync('/server/#', { qos: 1 })
  const gateway = await runGateway(config)
  await connected(gateway)
  await client.publishAsync('/gw/acrelHW/adw300/login/7', JSON.stringify({ type: 'login', rssi: 40 }), { qos: 1 })
  await client.publishAsync('tele/plug/LWT', 'Online', { qos: 1, retain: true })
  await client.publishAsync('tele/plug/STATE', JSON.stringify({ Wifi: { RSSI: 64, Signal: -68 } }), { qos: 1 })
  await expect.poll(() => heard, { timeout: 60_000 }).toEqual(['/server/acrelHW/adw300/login/7 {"type":"login","res":1}'])
  const device = async () => (await gateway.get('/api/v1/brokers/push/devices/plug')) as Record<string, unknown>
  await expect.poll(device, { timeout: 60_000 }).toMatchObject({ presence: 'online', signal: { figures: { dBm: -68, percent: 64 } } })
  await gateway.stop()
})

it('puts aside what it cannot use, acknowledges it, and takes it again when told to', async () => {
  const { broker, config } = await site([['M1', 'm1', 'site-json']], { unregistered: 'refuse' })
  const gateway = await runGateway(config)
  await connected(gateway)
  await broker.publish('site/m1/json', '{"ts": 1, "kwh": 1e999}')
  await broker.publish('site/m1/json', '{"kwh": NaN}')
  await broker.publish('site/m1/json', new Uint8Array([0x7b, 0xff, 0xfe, 0x7d]))
  await broker.publish('site/m1/json', '['.repeat(100_000))
  await broker.publish('site/m1/json', `{${Array.from({ length: 20_000 }, (_, n) => `"k${n}":1`).join(',')},"k0":2}`)
  await broker.publish('site/m1/json', 'x'.repeat(300_000))
  await broker.publish('site/stranger/json', JSON.stringify({ ts: now(), kwh: 3 }))
  await broker.publish('site/m1/json', JSON.stringify({ ts: now(), kwh: 5, __proto__: 1, constructor: { prototype: 2 } }))
  await expect.poll(async () => (await latestOf(gateway, 'P-M1')).length, { timeout: 60_000 }).toBe(1)
  const refused = (await gateway.get('/api/v1/refused-messages')) as {
    items: { error: { code: string }; replayable: boolean; bytes: number }[]
  }
  expect(refused.items.map(({ error }) => error.code)).toEqual([
    'MQTT_JSON_LIMIT',
    'MQTT_JSON',
    'MQTT_UTF8',
    'MQTT_JSON_LIMIT',
    expect.stringMatching(/MQTT_JSON/),
    'PUSH_SIZE',
    'PUSH_UNREGISTERED',
  ])
  // Acknowledged: a broker that is asked again has nothing left to send.
  expect(await gateway.stop()).toBe(0)
  const again = await runGateway(config)
  await connected(again)
  await broker.publish('site/m1/json', JSON.stringify({ ts: now(), kwh: 6 }))
  await counted(again, 'used', 1)
  expect((await brokerOf(again)).counts).toMatchObject({ received: 1, refused: 0 })
  await again.stop()
})

it('drops subscriptions that a former configuration had, although the broker kept the session', async () => {
  const { broker, config, directory } = await site([], {}, ['site-json', 'tasmota'])
  const first = await runGateway(config)
  await connected(first)
  await first.stop()
  const text = stringify({
    version: 1,
    gateway: { id: 'g1', timezone: 'Asia/Shanghai' },
    http: { port: 0 },
    lines: [],
    tasks: [],
    mqtt: [{ id: 'push', url: broker.url, mappings: ['tasmota'] }],
  })
  writeFileSync(join(directory, 'gateway.yaml'), text)
  const second = await runGateway(config)
  await connected(second)
  await broker.publish('site/m1/json', JSON.stringify({ ts: now(), kwh: 5 }))
  await broker.publish('tele/plug/SENSOR', JSON.stringify({ ENERGY: { Total: 1.5 } }))
  await counted(second, 'used', 1)
  expect((await brokerOf(second)).counts.received).toBe(1)
  await second.stop()
})

it('loses nothing and doubles nothing when it is killed with messages in hand', { timeout: 600_000 }, async () => {
  const plain = Array.from({ length: 20 }, (_, n) => [`N${n}`, `plain-${n}`, 'site-json'] as const)
  const { broker, config } = await site([['M1', 'timed', 'site-json'], ...plain])
  const began = Date.now()
  const client = await publisher(broker)
  const base = now() - 86_400
  let sent = 0
  let isOver = false
  // Two kinds of message: with a time of their own, and without, where the arrival stands in.
  const lane = async () => {
    while (!isOver) {
      const n = sent++
      await Promise.all([
        client.publishAsync('site/timed/json', JSON.stringify({ ts: base + n, kwh: n }), { qos: 1 }),
        client.publishAsync(`site/plain-${n % plain.length}/energy`, `${n} kWh`, { qos: 1 }),
      ])
    }
  }
  let running: Promise<unknown> | null = null
  for (let round = 0; round < 5; round++) {
    const gateway = await runGateway(config)
    await connected(gateway)
    // What is published before anybody has ever subscribed is nobody's.
    running ??= Promise.all(Array.from({ length: 8 }, lane))
    await counted(gateway, 'used', 150 + 85 * round)
    await gateway.kill()
  }
  isOver = true
  await running
  const gateway = await runGateway(config)
  await connected(gateway)
  const registers = async (point: string, from: number, to: number) =>
    (await storedOf(gateway, point, from, to)).map(({ values }) => Number(values[0]?.value)).sort((a, b) => a - b)
  const all = Array.from({ length: sent }, (_, n) => n)
  await expect
    .poll(async () => (await registers('P-M1', base * 1000, (base + sent) * 1000)).length, { timeout: 60_000, interval: 200 })
    .toBeGreaterThanOrEqual(sent)
  await drained(gateway)
  expect(await registers('P-M1', base * 1000, (base + sent) * 1000)).toEqual(all)
  const arrived = async () =>
    (await Promise.all(plain.map(([id]) => registers(`P-${id}`, began, Date.now() + 1000)))).flat().sort((a, b) => a - b)
  await expect.poll(async () => (await arrived()).length, { timeout: 60_000, interval: 200 }).toBeGreaterThanOrEqual(sent)
  expect(await arrived()).toEqual(all)
  expect(sent).toBeGreaterThan(500)
  await gateway.stop()
})

it('publishes readings, findings and its health; what cannot be sent waits in a place of its own', async () => {
  const { broker, config, directory } = await site([['M1', 'm1', 'site-json']])
  const out = await startMosquitto()
  onTestFinished(() => out.destroy())
  const text = stringify({
    version: 1,
    gateway: { id: 'g1', timezone: 'Asia/Shanghai' },
    http: { port: 0 },
    ledger: 'ledger.yaml',
    lines: [],
    tasks: [],
    mqtt: [{ id: 'push', url: broker.url, mappings: ['site-json'] }],
    publish: [
      {
        id: 'scada',
        url: out.url,
        readings: 'grid/{gateway}/{meter}/{measurement}',
        findings: 'grid/{gateway}/findings/{code}',
        health: 'grid/{gateway}/health',
      },
    ],
  })
  writeFileSync(join(directory, 'gateway.yaml'), text)
  const client = await connectAsync(out.url, { clean: false, clientId: 'scada', reconnectPeriod: 50 })
  onTestFinished(() => client.endAsync(true))
  const heard = new Map<string, unknown[]>()
  client.on('message', (topic, payload) => heard.set(topic, [...(heard.get(topic) ?? []), JSON.parse(payload.toString())]))
  await client.subscribeAsync('grid/#', { qos: 1 })
  const gateway = await runGateway(config)
  await connected(gateway)
  const t = now() - 60
  await broker.publish('site/m1/json', JSON.stringify({ ts: t, kwh: 12.5 }))
  await broker.publish('site/m1/json', JSON.stringify({ ts: t, kwh: 13 }))
  await expect
    .poll(() => heard.get('grid/g1/M1/register'), { timeout: 60_000 })
    .toMatchObject([
      {
        meter: 'M1',
        point: 'P-M1',
        area: 'A1',
        source: 'push',
        measuredAt: new Date(t * 1000).toISOString(),
        values: [{ field: '1.8.0', unit: 'kWh', value: '12.5' }],
      },
    ])
  await expect
    .poll(() => [...heard.keys()].filter((topic) => topic.startsWith('grid/g1/findings/')), { timeout: 60_000 })
    .toEqual(['grid/g1/findings/PUSH_CONFLICT 1.8.0'])
  await expect.poll(() => heard.get('grid/g1/health')?.at(-1), { timeout: 60_000 }).toMatchObject({ state: 'online' })
  // Its broker goes away: storing goes on, and what waited is sent when it is back.
  await out.stop()
  await broker.publish('site/m1/json', JSON.stringify({ ts: t + 30, kwh: 14 }))
  await expect
    .poll(async () => (await latestOf(gateway, 'P-M1')).find(({ source }) => source === 'push')?.values[0]?.value, { timeout: 60_000 })
    .toBe('14')
  await out.start()
  await expect.poll(() => heard.get('grid/g1/M1/register')?.length, { timeout: 60_000 }).toBeGreaterThanOrEqual(2)
  expect(heard.get('grid/g1/M1/register')?.at(-1)).toMatchObject({ values: [{ value: '14' }] })
  await gateway.stop()
  await expect.poll(() => heard.get('grid/g1/health')?.at(-1), { timeout: 60_000 }).toMatchObject({ state: 'offline' })
})

it('starts with one broken mapping, names its place, and uses the others', async () => {
  const { broker, config, directory } = await site([['M1', 'm1', 'site-json']], {}, ['site-json', 'ours'])
  const folder = join(directory, 'mappings')
  const { mkdirSync, readFileSync } = await import('node:fs')
  mkdirSync(folder)
  writeFileSync(
    join(folder, 'ours.yaml'),
    `id: ours
title: Ours
source: our own notes
rules:
  - id: one
    topic: ours/{meter}
    meter: '{metre}'
    values: [{ path: $.kwh, obis: 1.8.0, unit: kWh }]
examples:
  - { name: one, topic: ours/m1, json: { kwh: 1 }, expect: { points: [] } }
`,
  )
  writeFileSync(config, `${readFileSync(config, 'utf8')}mappings: mappings\n`)
  const gateway = await runGateway(config)
  await connected(gateway)
  expect(gateway.output()).toMatch(/ours\.yaml:7:12 \/rules\/0\/meter has \{metre\}, which nothing captures; there are: \{meter\}/)
  await broker.publish('site/m1/json', JSON.stringify({ ts: now(), kwh: 5 }))
  await expect.poll(async () => (await latestOf(gateway, 'P-M1')).length, { timeout: 60_000 }).toBe(1)
  await gateway.stop()
})
