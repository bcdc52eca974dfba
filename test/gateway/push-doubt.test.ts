import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { runGateway } from '../support/processes.ts'
import { brokerOf, connected, counted, drained, latestOf, now, publisher, site, storedOf } from '../support/push-site.ts'

interface LetterJson {
  readonly error: { readonly code: string; readonly message: string }
}
const refusedOf = async (gateway: { get(path: string): Promise<unknown> }) =>
  ((await gateway.get('/api/v1/refused-messages')) as { items: LetterJson[] }).items

it('doubts a meter of the ledger that comes through another mapping, and believes the right one at the same instant', async () => {
  const { broker, config } = await site([['M1', 'plug', 'tasmota']])
  const gateway = await runGateway(config)
  await connected(gateway)
  const t = now() - 60
  // An outsider says he is the plug, in another sender's words.
  await broker.publish('site/plug/json', JSON.stringify({ ts: t, kwh: 9, kwh_reverse: 7 }))
  await counted(gateway, 'used', 1)
  const time = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'medium', timeZone: 'Asia/Shanghai' }).format(t * 1000)
  await broker.publish('tele/plug/SENSOR', JSON.stringify({ Time: time.replace(' ', 'T'), ENERGY: { Total: 5.5 } }))
  await counted(gateway, 'used', 2)
  await drained(gateway)
  const stored = await storedOf(gateway, 'P-M1', (t - 10) * 1000, Date.now() + 10_000)
  expect(
    stored.map(({ measuredAt, quality, values }) => [Date.parse(measuredAt) - t * 1000, quality, values.map(({ value }) => value)]),
  ).toEqual([
    [0, ['good'], ['5.5']],
    // Kept as evidence beside it, marked.
    [1, ['quarantined'], ['9', '7']],
  ])
  expect((await latestOf(gateway, 'P-M1')).find(({ source }) => source === 'push')?.values[0]?.value).toBe('5.5')
  const { finding } = (await gateway.get('/api/v1/brokers/push/devices/plug')) as { finding: { code: string; message: string } }
  expect(finding).toMatchObject({ code: 'PUSH_IDENTITY', message: expect.stringMatching(/site-json.*tasmota/) })
  expect(await gateway.stop()).toBe(0)
})

it('stops at the limit of strangers inside of one message, and keeps that message once', async () => {
  const { broker, config, directory } = await site([['M1', 'm1', 'ours']], { maxUnregistered: 2 }, ['ours'])
  mkdirSync(join(directory, 'mappings'))
  writeFileSync(
    join(directory, 'mappings', 'ours.yaml'),
    stringify({
      id: 'ours',
      title: 'Many meters in one message',
      source: 'test',
      rules: [
        {
          id: 'all',
          topic: 'all',
          each: [{ items: '$.meters' }],
          meter: '{@.id}',
          time: [{ of: '$.ts', form: 's' }],
          values: [{ path: '@.kwh', obis: '1.8.0', unit: 'kWh' }],
        },
      ],
      examples: [{ name: 'none', topic: 'all', json: { meters: [] }, expect: { points: [] } }],
    }),
  )
  writeFileSync(config, `${readFileSync(config, 'utf8')}mappings: mappings\n`)
  const gateway = await runGateway(config)
  await connected(gateway)
  const meters = ['s1', 's2', 's3', 's4', 'm1'].map((id, n) => ({ id, kwh: n + 1 }))
  await broker.publish('all', JSON.stringify({ ts: now(), meters }))
  await counted(gateway, 'used', 1)
  await drained(gateway)
  const names = ((await gateway.get('/api/v1/brokers/push/devices')) as { items: { name: string }[] }).items.map(({ name }) => name)
  expect(names.sort()).toEqual(['m1', 's1', 's2'])
  expect((await latestOf(gateway, 'P-M1'))[0]?.values[0]?.value).toBe('5')
  const letters = await refusedOf(gateway)
  expect(letters.map(({ error }) => error.code)).toEqual(['PUSH_STRANGERS'])
  expect(letters[0]?.error.message).toMatch(/s3.*s4/)
  expect(await gateway.stop()).toBe(0)
})

it('keeps what was for a mapping that broke since, and leaves its subscriptions alone', async () => {
  const { broker, config, directory } = await site([['M1', 'm1', 'ours']], {}, ['site-json', 'ours'])
  const file = join(directory, 'mappings', 'ours.yaml')
  const mapping = (meter: string) =>
    stringify({
      id: 'ours',
      title: 'Ours',
      source: 'test',
      rules: [{ id: 'one', topic: 'ours/{meter}', meter, values: [{ path: '$.kwh', obis: '1.8.0', unit: 'kWh' }] }],
      examples: [{ name: 'one', topic: 'ours/m1', json: { kwh: 1 }, expect: { points: [{ meterId: 'm1' }] } }],
    })
  mkdirSync(join(directory, 'mappings'))
  writeFileSync(file, mapping('{meter}'))
  writeFileSync(config, `${readFileSync(config, 'utf8')}mappings: mappings\n`)
  const first = await runGateway(config)
  await connected(first)
  await first.stop()
  await broker.publish('ours/m1', JSON.stringify({ kwh: 1 }))
  writeFileSync(file, mapping('{metre}'))
  const second = await runGateway(config)
  await connected(second)
  await broker.publish('ours/m1', JSON.stringify({ kwh: 2 }))
  await expect
    .poll(async () => (await refusedOf(second)).map(({ error }) => error.code), { timeout: 60_000 })
    .toEqual(['PUSH_MAPPING', 'PUSH_MAPPING'])
  await second.stop()
})

it('fetches what a connection that is no longer wanted still had at the broker', async () => {
  const { broker, config } = await site([['M1', 'm1', 'site-json']], { connections: 4 })
  const first = await runGateway(config)
  await connected(first)
  await first.stop()
  const client = await publisher(broker)
  const t = now() - 3600
  await Promise.all(
    Array.from({ length: 40 }, (_, n) => client.publishAsync('site/m1/json', JSON.stringify({ ts: t + n, kwh: n }), { qos: 1 })),
  )
  const text = parse(readFileSync(config, 'utf8')) as { mqtt: Record<string, unknown>[] }
  writeFileSync(config, stringify({ ...text, mqtt: text.mqtt.map((one) => ({ ...one, connections: 1 })) }))
  const second = await runGateway(config)
  await connected(second)
  await expect
    .poll(async () => (await storedOf(second, 'P-M1', t * 1000, (t + 60) * 1000)).length, { timeout: 60_000, interval: 100 })
    .toBe(40)
  expect((await brokerOf(second)).counts).toMatchObject({ conflicts: 0, refused: 0 })
  await second.stop()
})
