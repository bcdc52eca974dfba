import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pino from 'pino'
import { Value } from 'typebox/value'
import { expect, it, onTestFinished } from 'vitest'
import { parse, stringify } from 'yaml'
import { ruledConcentrators, startConcentrators, startVillage, writeVillageFiles } from '../../simulators/index.ts'
import { loadGatewayConfig } from '../../src/config/index.ts'
import { scaledClock } from '../../src/core/index.ts'
import { digestText, type Pack, PackSchema } from '../../src/gateway/evidence-pack.ts'
import { verifyPack } from '../../src/gateway/evidence-verify.ts'
import { startGateway } from '../../src/main.ts'
import { scratch, TOKEN } from '../support/processes.ts'
import { gatewayOf, ledgerOf, startWire } from './hot-site.ts'

interface Item {
  readonly id: string
  readonly kind: string
  readonly sha256: string
  readonly by: string
  readonly channel: string
  readonly parts: readonly {
    readonly frame: { readonly hex: string; readonly direction: string; readonly fields?: readonly object[] } | null
  }[]
  readonly of: readonly { readonly meter: string; readonly measuredAt: string; readonly source: string }[]
}

const open = async (file: string) => {
  const loaded = loadGatewayConfig(file)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const said: string[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void said.push(line) })
  const started = await startGateway(loaded.value, log, { ...process.env, GRIDTALLY_TOKEN: TOKEN })
  if (!started.ok) throw new Error(`${started.message} ${JSON.stringify(started.problems)}`)
  const gateway = started.value
  onTestFinished(() => gateway.close())
  const api = async (path: string, init: RequestInit = {}) => {
    const headers = { authorization: `Bearer ${TOKEN}`, ...(init.body ? { 'content-type': 'application/json' } : {}) }
    const answer = await fetch(`${gateway.address}${path}`, { ...init, headers })
    return { status: answer.status, body: JSON.parse(await answer.text()) }
  }
  const evidenceOf = async (meter: string, at: number | string, source?: string): Promise<readonly Item[]> => {
    const query = new URLSearchParams({ meter, measuredAt: new Date(at).toISOString(), ...(source ? { source } : {}) })
    const { status, body } = await api(`/api/v1/readings/evidence?${query}`)
    return status === 200 ? body.items : []
  }
  const packOf = async (id: string, meter: string): Promise<Pack> => {
    const { body } = await api(`/api/v1/evidence/${id}/pack?meter=${encodeURIComponent(meter)}`)
    if (!Value.Check(PackSchema, body)) throw new Error(`no pack: ${JSON.stringify(body).slice(0, 500)}`)
    return body
  }
  return { gateway, api, evidenceOf, packOf, said }
}

/** Every figure of a pack follows from its bytes, and one that was changed does not. */
const expectProved = (pack: Pack): void => {
  const checks = verifyPack(pack)
  const about = `${pack.evidence[0]?.protocol} ${pack.reading.meter} ${pack.reading.source} ${JSON.stringify(checks)}`
  expect(
    checks.filter(({ isRight }) => isRight !== true),
    about,
  ).toEqual([])
  expect(checks.length, about).toBeGreaterThan(2)
  const [first] = pack.reading.stored
  const [value] = first?.values ?? []
  if (!first || !value) throw new Error(about)
  const forged = { ...first, values: [{ ...value, value: `${Number(value.value) + 1}` }] }
  const wrong = verifyPack({ ...pack, reading: { ...pack.reading, stored: [forged] } })
  expect(wrong.find(({ what }) => what === 'document')?.isRight).toBe(false)
  if (first.measurement === 'register') expect(wrong.find(({ what }) => what.startsWith(value.name))?.isRight).toBe(false)
}

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

it('freezes, curves and live registers of a village round midnight are proved by their frames', { timeout: 60_000 }, async () => {
  const directory = scratch()
  const start = Date.parse('2026-11-20T23:57:00+08:00')
  const realStart = Date.now()
  const clock = scaledClock(start, realStart, 60)
  const village = await startVillage({ seed: 5, meters: 12, out: directory, clock })
  onTestFinished(() => village.close())
  const files = writeVillageFiles(village, directory, { clock: { start, realStart, speed: 60 }, every: '5m' })
  const config = parse(readFileSync(files.gateway, 'utf8'))
  config.tasks = config.tasks.map((task: object) => ({ ...task, registers: ['1.8.0', '1.8.1'] }))
  writeFileSync(files.gateway, stringify(config))
  const { gateway, evidenceOf, packOf } = await open(files.gateway)
  const midnight = Date.parse('2026-11-21T00:00:00+08:00')
  const keepers = village.meters.filter(({ profile }) => profile.startsWith('dlt645-2007'))
  expect(keepers.length).toBeGreaterThan(1)
  for (const { id } of keepers) {
    await expect
      .poll(async () => (await evidenceOf(id, midnight, 'day-freeze')).length, { timeout: 30_000, interval: 250 })
      .toBeGreaterThan(0)
    const [item] = await evidenceOf(id, midnight, 'day-freeze')
    expect(item?.by).toMatch(/^task day|^gap read again/)
    expectProved(await packOf(item?.id ?? '', id))
  }
  const seen = new Set<string>()
  for (const { id, profile } of village.meters) {
    const found = await gateway.store.range({
      measurement: 'register',
      tags: { meter: id },
      source: 'live',
      from: 0,
      to: clock.now(),
      limit: 1,
    })
    const at = found.ok ? found.value.readings[0]?.measuredAt : undefined
    if (at === undefined) continue
    const [item] = await evidenceOf(id, at, 'live')
    expect(item, `${id} ${profile}`).toBeDefined()
    expectProved(await packOf(item?.id ?? '', id))
    seen.add(profile.split('/')[0] ?? '')
  }
  expect(seen.size).toBeGreaterThan(1)
})

const SITE = { count: 2, meters: 5, protocol: 'mixed', seed: 3 } as const

it('freezes that several meters of a concentrator share a request for are each proved by it', { timeout: 60_000 }, async () => {
  const directory = scratch()
  const made = ruledConcentrators(SITE)
  const meters = made.flatMap(({ id, protocol, wiring }) =>
    Array.from({ length: SITE.meters }, (_, at) => wiring.at(at) ?? [])
      .flat()
      .map((meter) => ({ line: id, protocol, meter })),
  )
  const file = join(directory, 'gateway.yaml')
  const write = (tasks: readonly object[]) =>
    writeFileSync(
      file,
      stringify({
        ...{ version: 1, gateway: { id: 'g', timezone: 'Asia/Shanghai', data: './data' }, http: { port: 0 }, ledger: 'ledger.yaml' },
        ...{ lines: [], concentrators: { listeners: [{ id: 'all', port: 0 }] }, tasks },
      }),
    )
  write([])
  writeFileSync(
    join(directory, 'ledger.yaml'),
    stringify({
      version: 1,
      concentrators: made.map(({ id, protocol, address }) => ({ id, protocol, address })),
      points: meters.map(({ meter }) => ({ id: `P-${meter.id}` })),
      meters: meters.map(({ line, protocol, meter }) => ({
        ...{ id: meter.id, point: `P-${meter.id}`, line, address: meter.address, profile: `${protocol}/single-phase` },
        measuringPoint: meter.pn,
      })),
    }),
  )
  const { gateway, evidenceOf, packOf } = await open(file)
  const fleet = startConcentrators({ ...SITE, port: gateway.listening[0]?.port ?? 0 })
  onTestFinished(() => fleet.close())
  await fleet.whenOnline()
  write([{ id: 'daily', read: 'day-freeze', every: '1d', registers: ['1.8.0'] }])
  await gateway.reload('test')
  const midnight = gateway.field.calendar.dayStart(gateway.clock.now())
  const protocols = new Set<string>()
  for (const { meter, protocol, line } of meters) {
    await expect.poll(async () => (await evidenceOf(meter.id, midnight)).length, { timeout: 20_000 }).toBeGreaterThan(0)
    const [item] = await evidenceOf(meter.id, midnight)
    expect(item).toMatchObject({ channel: line, by: 'task daily' })
    const pack = await packOf(item?.id ?? '', meter.id)
    expect(pack.reading.meter).toBe(meter.id)
    expectProved(pack)
    protocols.add(protocol)
  }
  expect([...protocols].sort()).toEqual(['dlt698', 'gw3761'])
})
