import { join } from 'node:path'
import { expect, it } from 'vitest'
import { PushMeters } from '../../src/gateway/push-meters.ts'
import { Ledger, type MeterFact } from '../../src/ledger/index.ts'
import { openDevices } from '../../src/push/index.ts'
import { runGateway, scratch } from '../support/processes.ts'
import { brokerOf, connected, counted, latestOf, now, publisher, site } from '../support/push-site.ts'

const factOf = (meter: string, address: string, more: Partial<MeterFact> = {}): MeterFact => ({
  ...{ meter, point: `P-${meter}`, line: 'push', address, profile: 'mqtt/site-json', ct: '1', pt: '1', timeoutMs: null, from: 0, to: null },
  ...{ state: 'in-service', concentrator: '' },
  ...more,
})
const known = (fact: MeterFact) => ({ fact, point: { id: fact.point, name: '', area: 'A1', role: 'customer', phase: 'unknown' } })

const metersOf = async (facts: readonly MeterFact[]) => {
  const devices = await openDevices({ path: join(scratch(), 'd.json'), after: () => () => {}, say: () => {} })
  const config = {
    ...{ id: 'push', url: 'mqtt://h', version: '5' as const, clientId: 'g', username: null, password: null, tls: null, keepaliveS: 30 },
    ...{ mappings: [], connections: 1, share: 'g', sessionExpiryS: 1, maxPayloadBytes: 1, maxInFlight: 1, rebirth: true },
    ...{ unregistered: 'keep' as const, maxUnregistered: 10 },
  }
  return new PushMeters({ config, facts, points: new Map(), devices, log: () => undefined })
}

it('follows the ledger meter by meter: strangers become known, addresses change hands, what is alike stays the same object', async () => {
  const meters = await metersOf([factOf('M1', 'a'), factOf('M2', 'b')])
  const heard = () => ({ at: 1, topic: 't', rule: null, retained: false, isRegistered: false })
  expect(meters.find('c', heard)).toMatchObject({ isRegistered: false, mapping: null })
  expect(meters.update('M3', known(factOf('M3', 'c')))).toBe(true)
  expect(meters.find('c', heard)).toMatchObject({ isRegistered: true, mapping: 'site-json', facts: { meter: 'M3', area: 'A1' } })
  const before = meters.find('c', heard)
  expect(meters.update('M3', known(factOf('M3', 'c')))).toBe(false)
  expect(meters.find('c', heard)).toBe(before)
  expect(meters.update('M3', known(factOf('M3', 'c', { ct: '400/5' })))).toBe(true)
  expect(meters.find('c', heard)?.facts.ct).toEqual({ raw: 80, scaler: 0 })
  // Two that swap their addresses, one after the other.
  meters.update('M1', known(factOf('M1', 'b')))
  meters.update('M2', known(factOf('M2', 'a')))
  expect([meters.factAt('a')?.meter, meters.factAt('b')?.meter]).toEqual(['M2', 'M1'])
  expect(meters.update('M1', null)).toBe(true)
  expect([meters.factAt('b'), meters.factOf('P-M1'), meters.factOf('P-M2')?.meter]).toEqual([null, null, 'M2'])
  expect(meters.update('M1', null)).toBe(false)
})

it('takes a stranger for the meter it is as soon as the ledger has it, over the same connection', async () => {
  const { broker, config, directory } = await site([])
  const gateway = await runGateway(config)
  await connected(gateway)
  const client = await publisher(broker)
  const send = (kwh: number) => client.publishAsync('site/m9/json', JSON.stringify({ ts: now() + kwh, kwh }), { qos: 1 })
  await send(1)
  await counted(gateway, 'used', 1)
  const ledger = new Ledger(join(directory, 'data'))
  const applied = ledger.apply(
    [
      { kind: 'point', id: 'P9', from: null, set: { name: 'nine' } },
      { kind: 'meter', id: 'M9', from: null, set: { point: 'P9', line: 'push', address: 'm9', profile: 'mqtt/site-json' } },
    ],
    { what: 'adopt', who: 'test', why: 'it is ours', workOrder: null, at: Date.now() },
  )
  expect(applied).toMatchObject({ ok: true })
  ledger.close()
  const devices = async () =>
    ((await gateway.get('/api/v1/brokers/push/devices')) as { items: { meter: string | null; point: string | null }[] }).items
  await expect.poll(devices, { timeout: 60_000 }).toMatchObject([{ meter: 'M9', point: 'P9' }])
  await send(2)
  await expect
    .poll(async () => (await latestOf(gateway, 'P9')).filter(({ source }) => source === 'push').map(({ meter }) => meter), {
      timeout: 60_000,
    })
    .toContain('M9')
  expect((await brokerOf(gateway)).state).toBe('up')
  expect(gateway.output().match(/broker push is connected/g)).toHaveLength(1)
})
