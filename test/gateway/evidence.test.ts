import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { stringify } from 'yaml'
import { digestText } from '../../src/gateway/evidence-pack.ts'
import { scratch } from '../support/processes.ts'
import { publisher, site } from '../support/push-site.ts'
import { expectProved, open } from './evidence-site.ts'
import { gatewayOf, ledgerOf, startWire } from './hot-site.ts'

it('what was read on demand is kept with its frames, who asked, and every register follows from them', async () => {
  const wire = await startWire()
  const directory = scratch()
  const meters = [{ id: 'M1', line: 'l1', unit: 3 }]
  writeFileSync(join(directory, 'ledger.yaml'), stringify(ledgerOf(meters)))
  const file = join(directory, 'gateway.yaml')
  writeFileSync(file, stringify(gatewayOf([{ id: 'l1', port: wire.port }], { tasks: [] })))
  const { api, evidenceOf, packOf } = await open(file)
  const read = await api('/api/v1/points/P-M1/read-now', { method: 'POST', body: '{}' })
  expect(read.status).toBe(200)
  const reading = read.body.readings.find(({ measurement }: { measurement: string }) => measurement === 'register')
  const [item] = await evidenceOf('M1', reading.measuredAt, 'live')
  expect(item).toMatchObject({ kind: 'frame', channel: 'l1', by: 'read now by GRIDTALLY_TOKEN', of: [{ meter: 'M1', source: 'live' }] })
  const frames = item?.parts.flatMap(({ frame }) => frame ?? []) ?? []
  expect(frames.map(({ direction }) => direction).slice(0, 2)).toEqual(['tx', 'rx'])
  // Bytes as they passed: the answer has the number of its request.
  expect(frames[1]?.hex.slice(0, 5)).toBe(frames[0]?.hex.slice(0, 5))
  expect(frames[0]?.fields?.length).toBeGreaterThan(3)
  expect(item?.sha256).toBe(digestText(Buffer.concat(frames.map(({ hex }) => Buffer.from(hex.replaceAll(' ', ''), 'hex')))))
  const one = await api(`/api/v1/evidence/${item?.id}`)
  expect(one.body).toEqual(item)
  expectProved(await packOf(item?.id ?? '', 'M1'))
  expect((await api('/api/v1/evidence/999')).status).toBe(404)
  expect((await api('/api/v1/readings/evidence?meter=M1&measuredAt=2020-01-01T00:00:00Z')).body.code).toBe('API_EVIDENCE')
})

it('a pushed register of midnight is proved by its message', async () => {
  const { broker, config } = await site([['M10', 'm10', 'site-json', '5/5']])
  const { gateway, evidenceOf, packOf } = await open(config)
  await expect.poll(() => gateway.push.sources[0]?.state()?.subscriptions.every(({ granted }) => granted), { timeout: 60_000 }).toBe(true)
  const client = await publisher(broker)
  const midnight = gateway.field.calendar.dayStart(Date.now())
  const send = (at: number, kwh: string) => client.publishAsync('site/m10/json', `{"ts":${at / 1000},"kwh":${kwh}}`, { qos: 1 })
  await send(midnight, '1234.50')
  await send(midnight + 3 * 3_600_000, '1236.00')
  await expect.poll(async () => (await evidenceOf('M10', midnight, 'push')).length, { timeout: 60_000 }).toBe(1)
  const [item] = await evidenceOf('M10', midnight, 'push')
  const sent = `{"ts":${midnight / 1000},"kwh":1234.50}`
  expect(item).toMatchObject({ kind: 'message', about: 'site/m10/json', channel: 'push', by: 'pushed', sha256: digestText(sent) })
  expectProved(await packOf(item?.id ?? '', 'M10'))
  // Three in the morning is billed by nobody.
  expect(await evidenceOf('M10', midnight + 3 * 3_600_000, 'push')).toEqual([])
})
