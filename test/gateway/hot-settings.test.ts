import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { stringify } from 'yaml'
import { loadGatewayConfig } from '../../src/config/index.ts'
import { linesInLedger } from '../../src/gateway/start-ledger.ts'
import { glance, Ledger } from '../../src/ledger/index.ts'
import { gridtally, patient, scratch, TOKEN } from '../support/processes.ts'
import { gatewayOf, ledgerOf, startSite, startWire } from './hot-site.ts'

const SOON = { timeout: 60_000, interval: 20 }
const act = { what: 'edit', who: 'test', why: 'a test', workOrder: null, at: Date.now() } as const

it('takes settings of collection and clocks up at once', async () => {
  const wire = await startWire()
  const lines = [{ id: 'one', port: wire.port }]
  const { write, api, said, gateway } = await startSite(lines, [{ id: 'M1', line: 'one', unit: 1 }])
  const cutoff = async () => {
    const { body } = await api('/api/v1/kpis?day=2026-11-20')
    // The thread of a gateway that has just started on a busy machine may say first that it is busy.
    return body.items?.[0].kpis.find(({ kpi }: { kpi: string }) => kpi === 'daily').cutoff
  }
  const sync = async () => {
    const answer = await patient(`${gateway.address}/api/v1/lines/one/clock-sync`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({ why: 'a test' }),
    })
    return JSON.parse(await answer.text()).code
  }
  await expect.poll(cutoff, { ...SOON, timeout: 60_000 }).toBeDefined()
  const before = Date.parse(await cutoff())
  expect(await sync()).toBe('CLOCK_OFF')
  write(gatewayOf(lines, { collection: { cutoff: '07:15' }, clocks: { set: true, password: '020637' } }))
  await expect.poll(async () => Date.parse(await cutoff()) - before, SOON).toBe(-45 * 60_000)
  // The line carries nothing that changes a meter: the switch is no longer what stands against it.
  await expect.poll(sync, SOON).toBe('CLOCK_READ_ONLY')
  const { body } = await api('/api/v1/config')
  expect(body).toMatchObject({ pending: [], config: { clocks: { set: true, password: '***' }, collection: { cutoffMinute: 435 } } })
  expect(said.filter((line) => line.includes('restart'))).toEqual([])
  write(gatewayOf(lines))
  await expect.poll(sync, SOON).toBe('CLOCK_OFF')
  await expect.poll(async () => Date.parse(await cutoff()), SOON).toBe(before)
})

it('tells people through a broker at once, and never on a topic that comes in again', async () => {
  const broker = { url: 'mqtt://127.0.0.1:9' }
  const brokers = {
    mqtt: [{ id: 'plant', ...broker, mappings: ['tasmota'] }],
    publish: [{ id: 'out', ...broker, readings: 'out/{meter}' }],
  }
  const { write, api } = await startSite([], [], brokers)
  const told = (topic: string) => gatewayOf([], { ...brokers, notify: { mqtt: [{ id: 'all', broker: 'out', topic }] } })
  write(told('tele/{zone}/SENSOR'))
  await expect
    .poll(async () => (await api('/api/v1/config')).body.wrong?.problems, SOON)
    .toMatchObject([{ path: '/notify/mqtt/0/topic', message: expect.stringContaining('mqtt plant takes "tele/+/SENSOR" in') }])
  write(told('notices/{zone}/cases'))
  await expect
    .poll(async () => (await api('/api/v1/notify')).body.items, SOON)
    .toMatchObject([{ id: 'all', kind: 'mqtt', to: 'out notices/{zone}/cases' }])
})

it('lets tasks and the ledger file name lines that stand in the ledger alone, now and at the next start, and no others', async () => {
  const [one, two] = [await startWire(), await startWire()]
  const lines = [{ id: 'one', port: one.port }]
  const { directory, files, write, gateway, api } = await startSite(lines, [{ id: 'M1', line: 'one', unit: 1 }])
  const ledger = new Ledger(join(directory, 'data'))
  const transport = `tcp://127.0.0.1:${two.port}`
  expect(ledger.apply([{ kind: 'channel', id: 'L2', from: null, set: { transport, framing: 'tcp' } }], act)).toMatchObject({ ok: true })
  expect(ledger.apply([{ kind: 'channel', id: 'bare', from: null, set: { name: 'no transport' } }], act)).toMatchObject({ ok: true })
  ledger.close()
  const task = (line: string) => ({ tasks: [{ id: 'current', read: 'current', every: '1s', meters: { lines: [line] } }] })
  const meters = (line: string) => [
    { id: 'M1', line: 'one', unit: 1 },
    { id: 'M2', line, unit: 5 },
  ]
  writeFileSync(files.ledger, stringify(ledgerOf(meters('L2'))))
  write(gatewayOf(lines, task('L2')))
  await expect.poll(() => two.asked.get(5)?.length ?? 0, SOON).toBeGreaterThan(0)
  await expect.poll(() => gateway.field.schedule.status(), SOON).toMatchObject([{ devices: 1 }])
  expect(await gridtally(['check', '-c', files.gateway])).toMatchObject({ code: 0 })

  for (const line of ['L3', 'bare']) {
    write(gatewayOf(lines, task(line)))
    await expect
      .poll(async () => (await api('/api/v1/config')).body.wrong?.problems, SOON)
      .toMatchObject([
        { path: '/tasks/0/meters/lines/0', message: expect.stringContaining(`is "${line}", which is no line; allowed: one, L2`) },
      ])
  }
  const check = await gridtally(['check', '-c', files.gateway])
  expect(check.code).toBe(2)
  expect(check.stderr).toContain('is "bare", which is no line; allowed: one, L2')
  write(gatewayOf(lines, task('L2')))
  writeFileSync(files.ledger, stringify(ledgerOf(meters('L3'))))
  const wrong = await gridtally(['check', '-c', files.gateway])
  expect(wrong.code).toBe(2)
  expect(wrong.stderr).toContain('is "L3", which is no line; did you mean "L2"?')

  // A gateway that starts has no other ledger to ask than the one on the disk.
  writeFileSync(files.ledger, stringify(ledgerOf(meters('L2'))))
  await gateway.close()
  expect(await gridtally(['check', '-c', files.gateway])).toMatchObject({ code: 0 })
  expect(loadGatewayConfig(files.gateway, {}, linesInLedger)).toMatchObject({ ok: true, value: { tasks: [{ filter: { lines: ['L2'] } }] } })
})

it('looks into a ledger without making or changing one', () => {
  const empty = scratch()
  expect(glance(empty, () => 1)).toBe('none')
  expect(glance(empty, () => 1)).toBe('none')
  writeFileSync(join(empty, 'ledger.db'), 'no database at all, but long enough to be looked at by somebody')
  expect(glance(empty, () => 1)).toBe('unreadable')
  expect(linesInLedger(empty)).toEqual([])
})

it('takes a former state up again, but for one that lets somebody else in', async () => {
  const wire = await startWire()
  const lines = [{ id: 'one', port: wire.port }]
  const { write, api, files } = await startSite(lines, [{ id: 'M1', line: 'one', unit: 1 }])
  const restore = (version: number) => api(`/api/v1/config/versions/${version}/restore`, { method: 'POST' })
  const first = readFileSync(files.gateway, 'utf8')
  const other = { name: 'other', sha256: 'ab'.repeat(32), permission: 'operate' }
  const changed = gatewayOf(lines, { collection: { cutoff: '07:15' } })
  write(changed)
  const versions = async () => (await api('/api/v1/config/versions')).body.items.map(({ version }: { version: number }) => version)
  await expect.poll(versions, SOON).toEqual([2, 1])
  expect(await restore(1)).toMatchObject({ status: 200, body: { version: 3, changes: [{ path: 'collection/cutoffMinute' }] } })
  expect(readFileSync(files.gateway, 'utf8')).toBe(first)
  expect(readFileSync(`${files.gateway}.before`, 'utf8')).toBe(stringify(changed))
  expect(await restore(99)).toMatchObject({ status: 404, body: { code: 'API_CONFIG_VERSION' } })

  const { http } = gatewayOf(lines)
  write({ ...gatewayOf(lines), http: { ...http, tokens: [other] } })
  await expect.poll(versions, SOON).toEqual([4, 3, 2, 1])
  write(gatewayOf(lines))
  await expect.poll(versions, SOON).toEqual([5, 4, 3, 2, 1])
  expect(await restore(4)).toMatchObject({
    status: 422,
    body: { code: 'CONFIG_DOOR', detail: expect.stringContaining('http/tokens') },
  })
  expect(readFileSync(files.gateway, 'utf8')).toBe(first)
})
