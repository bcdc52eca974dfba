import { join } from 'node:path'
import { it, onTestFinished } from 'vitest'
import { openMappings } from '../../src/gateway/mappings.ts'
import { PushSource } from '../../src/gateway/push-source.ts'
import { SparkplugHosts } from '../../src/gateway/push-sparkplug.ts'
import { pushWorld } from '../../src/gateway/push-world.ts'
import { ok, type Reading, QUALITY, qualityNames, shapeOf, decimalText } from '../../src/core/index.ts'
import { openArrivals, openDevices, openLetters } from '../../src/push/index.ts'
import { scratch } from '../support/processes.ts'

const world = pushWorld('Asia/Shanghai', { get: () => undefined })
const mappings = openMappings(null, world)
const compiled = (ids: string[]) => ids.flatMap((id) => { const m = mappings.get(id)!.compile({}); if (!m.ok) throw new Error(id); return [m.value] })

export const setup = async (more: any = {}, ids = ['site-json', 'cet', 'thingsboard', 'sparkplug'], meters: any[] = []) => {
  const directory = scratch()
  const letters = await openLetters({ path: join(directory, 'l.log'), ...(more.letters ?? {}) })
  const arrivals = await openArrivals({ path: join(directory, 'a.log') })
  if (!letters.ok || !arrivals.ok) throw new Error('x')
  const devices = await openDevices({ path: join(directory, 'd.json'), maxUnregistered: more.maxUnregistered ?? 1000, after: () => () => {}, say: () => {} })
  const put: Reading[] = []
  const logs: string[] = []
  const state = { fail: false }
  const source = new PushSource({
    config: { id: 'push', unregistered: 'keep', maxUnregistered: 1000, maxPayloadBytes: 262144, ...more } as any,
    clock: { now: () => Date.now(), monotonic: () => performance.now(), speed: 1 } as any,
    mappings: compiled(ids), environment: { ...world, windows: true, explain: false },
    meters: meters.map(([meter, address, mapping]) => ({ meter, address, profile: `mqtt/${mapping}`, point: `P-${meter}`, ct: '1', pt: '1', line: 'push' })) as any,
    points: new Map(), put: async (r) => { if (state.fail) return { ok: false, error: { code: 'X', message: 'x', recovery: 'wait', hint: '', context: {} } } as any; put.push(...r); return ok(undefined) },
    lookUp: more.lookUp ?? (async () => ok(null)), newest: more.newest ?? (() => undefined),
    arrivals: arrivals.value, letters: letters.value, devices, sparkplug: new SparkplugHosts(null, true), before: [], retired: [], drained: () => {},
    log: (l, m) => logs.push(`${l} ${m}`),
  })
  const send = (topic: string, payload: unknown, at = Date.now()) => source.replay(topic, Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload)), at, false)
  return { source, put, logs, letters: letters.value, arrivals: arrivals.value, devices, send, state }
}
const show = (r: Reading) => `${r.series.key} ${new Date(r.measuredAt).toISOString()} ${r.shape.columns.map((c, i) => `${c.field}=${r.raws[i] === null ? null : decimalText(r.raws[i]!, c.scaler ?? r.scalers?.[i] ?? 0)}`)} ${qualityNames(r.quality)}`

it('T1 merge of a quarantined into a good row', async () => {
  const g = await setup({}, ['site-json', 'thingsboard', 'tasmota'], [['M1', 'm1', 'site-json']])
  const T = Math.floor(Date.now() / 1000) - 60
  await g.send('site/m1/json', { ts: T, kwh: 100 })
  await g.send('v1/gateway/telemetry', { m1: [{ ts: T * 1000, values: { energy_kwh: 1, kwh_reverse: 777, kwh_export: 777, power_w: 5, energy: 3 } }] })
  console.log('T1', g.put.map(show))
})
it('T2 spoof first', async () => {
  const g = await setup({}, ['site-json', 'thingsboard'], [['M1', 'm1', 'thingsboard']])
  const T = Math.floor(Date.now() / 1000) - 60
  await g.send('site/m1/json', { ts: T, kwh: 999 })
  await g.send('v1/gateway/telemetry', { m1: [{ ts: T * 1000, values: { energy: 1, kwh: 100, energy_kwh: 1 } }] })
  console.log('T2', g.put.map(show), g.source.counts())
})
it('T7 same ms conflict with news', async () => {
  const g = await setup({}, ['zigbee2mqtt'], [['M1', 'm1', 'zigbee2mqtt']])
  const at = Date.now()
  await g.send('zigbee2mqtt/m1', { power: 5 }, at)
  await g.send('zigbee2mqtt/m1', { power: 6, voltage: 230 }, at)
  console.log('T7', g.put.map(show))
})
it('T6 arrivals race', async () => {
  const g = await setup()
  const r = await Promise.all([g.arrivals.assign('x id 1', 't', new Uint8Array(), 1000, true), g.arrivals.assign('x id 1', 't', new Uint8Array(), 1001, true)])
  console.log('T6', r)
})
it('T13 stepped overwrite when the store lags', async () => {
  const before = await setup({}, ['site-json'], [['M1', 'm1', 'site-json']])
  const at = Date.now() - 5000
  await before.send('site/m1/energy', '1 kWh', at)
  await before.send('site/m1/energy', '2 kWh', at)
  await before.send('site/m1/energy', '3 kWh', at + 10)
  console.log('T13a', before.put.map(show))
  const newest = before.put.at(-1)!
  const g = await setup({ newest: (k: string) => (k === newest.series.key ? newest : undefined) }, ['site-json'], [['M1', 'm1', 'site-json']])
  await g.send('site/m1/energy', '2 kWh', at) // repeat: arrival found in the journal
  console.log('T13b', g.put.map(show))
})
it('T13c quarantined rows are not in latest', async () => {
  const before = await setup({}, ['site-json'], [['M1', 'm1', 'site-json']])
  const at = Date.now() - 5000
  const good = Math.floor(at / 1000) - 600
  await before.send('site/m1/json', { ts: good, kwh: 1 }, at - 500)
  await before.send('site/m1/json', { ts: 12, kwh: 998 }, at)
  await before.send('site/m1/json', { ts: 12, kwh: 999 }, at)
  console.log('T13c', before.put.map(show))
  const latest = before.put[0]!
  const store = new Map(before.put.map((r) => [`${r.series.key} ${r.measuredAt}`, r]))
  const g = await setup({ newest: (k: string) => (k === latest.series.key ? latest : undefined), lookUp: async (s: any, t: number) => ok(store.get(`${s.key} ${t}`) ?? null) }, ['site-json'], [['M1', 'm1', 'site-json']])
  await g.send('site/m1/json', { ts: 12, kwh: 999 }, at)
  console.log('T13d', g.put.map(show))
})
