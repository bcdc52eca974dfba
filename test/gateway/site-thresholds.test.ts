import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pino from 'pino'
import { expect, it, onTestFinished } from 'vitest'
import { stringify } from 'yaml'
import { loadGatewayConfig } from '../../src/config/index.ts'
import { startGateway } from '../../src/main.ts'
import { patient, scratch, TOKEN } from '../support/processes.ts'

const LEDGER = {
  version: 1,
  zones: [{ id: 'Z-1' }],
  feeders: [{ id: 'F-1', zone: 'Z-1', voltageKv: '10', bus: 'B-1' }],
  areas: [{ id: 'A-1', zone: 'Z-1', feeder: 'F-1' }],
  points: [
    { id: 'IN', role: 'bus-in', bus: 'B-1', ct: '2000/5', pt: '10000/100' },
    { id: 'HEAD', role: 'line-supply', feeder: 'F-1' },
    { id: 'OUT', role: 'bus-out', bus: 'B-1' },
    { id: 'G', role: 'area-supply', area: 'A-1' },
  ],
  meters: [],
}

const start = async (ledger: object) => {
  const directory = scratch()
  const file = join(directory, 'gateway.yaml')
  writeFileSync(
    file,
    stringify({
      version: 1,
      gateway: { id: 'g', timezone: 'Asia/Shanghai', data: './data' },
      http: { port: 0 },
      ledger: 'ledger.yaml',
      lines: [],
      tasks: [],
    }),
  )
  writeFileSync(join(directory, 'ledger.yaml'), stringify(ledger))
  const loaded = loadGatewayConfig(file)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  return startGateway(loaded.value, pino({ level: 'silent' }), { ...process.env, GRIDTALLY_TOKEN: TOKEN })
}

it('judges line loss by thresholds that people set, and knows the buses and lines of ledger.yaml', async () => {
  const started = await start(LEDGER)
  if (!started.ok) throw new Error(`${started.message} ${JSON.stringify(started.problems)}`)
  onTestFinished(() => started.value.close())
  const ask = async (path: string, init: RequestInit = {}) => {
    const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', ...init.headers }
    const answer = await patient(`${started.value.address}/api/v1${path}`, { ...init, headers })
    return { status: answer.status, body: JSON.parse(await answer.text()) }
  }
  const high = async () => {
    const { body } = await ask('/areas/A-1/loss')
    return body.thresholds.inForce.find(({ rule, name }: { rule: string; name: string }) => rule === 'high_loss' && name === 'high_pct')
  }
  expect(await high()).toMatchObject({ value: 7, layer: 'default' })
  const set = { layer: 'zone', target: 'Z-1', set: { high_pct: 9 }, why: 'old wires' }
  const put = { method: 'PUT', headers: { 'if-match': '"0"' }, body: JSON.stringify(set) }
  expect((await ask('/rules/high_loss/thresholds', put)).status).toBe(200)
  expect(await high()).toMatchObject({ value: 9, layer: 'zone' })
  const bus = await ask('/buses/B-1/balance')
  expect([bus.status, bus.body.voltageKv]).toEqual([200, 10])
  expect(bus.body.items[0].flows.map(({ id, direction }: { id: string; direction: string }) => [id, direction])).toEqual([
    ['IN', 'in'],
    ['OUT', 'out'],
    ['HEAD', 'out'],
  ])
  // A bus and a line are nobody's point, and have thresholds of their own all the same.
  for (const [version, target] of ['B-1', 'F-1'].entries()) {
    const own = { layer: 'point', target, set: { low_voltage_pct: 3 }, why: 'an old transformer' }
    const mine = { method: 'PUT', headers: { 'if-match': `"${version + 1}"` }, body: JSON.stringify(own) }
    expect((await ask('/rules/bus_unbalance/thresholds', mine)).status).toBe(200)
  }
  expect((await ask('/buses/B-1/balance')).body.items[0].limitPct).toBe(3)
})

it('refuses a head meter of a line that is not there', async () => {
  const started = await start({ ...LEDGER, points: [{ id: 'HEAD', role: 'line-supply', feeder: 'F-2' }] })
  expect(started).toMatchObject({ ok: false, message: 'the ledger file is wrong' })
  expect(JSON.stringify(!started.ok && started.problems)).toContain('F-2')
})
