import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { parse, stringify } from 'yaml'
import { ruledConcentrators, startConcentrators, startVillage, writeVillageFiles } from '../../simulators/index.ts'
import { scaledClock } from '../../src/core/index.ts'
import { scratch } from '../support/processes.ts'
import { expectProved, open } from './evidence-site.ts'

it('freezes, curves and live registers of a village round midnight are proved by their frames', async () => {
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
      .poll(async () => (await evidenceOf(id, midnight, 'day-freeze')).length, { timeout: 60_000, interval: 250 })
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

it('freezes that several meters of a concentrator share a request for are each proved by it', async () => {
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
    await expect.poll(async () => (await evidenceOf(meter.id, midnight)).length, { timeout: 60_000 }).toBeGreaterThan(0)
    const [item] = await evidenceOf(meter.id, midnight)
    expect(item).toMatchObject({ channel: line, by: 'task daily' })
    const pack = await packOf(item?.id ?? '', meter.id)
    expect(pack.reading.meter).toBe(meter.id)
    expectProved(pack)
    protocols.add(protocol)
  }
  expect([...protocols].sort()).toEqual(['dlt698', 'gw3761'])
})
