import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pino from 'pino'
import { expect, it, onTestFinished } from 'vitest'
import { stringify } from 'yaml'
import { ruledConcentrators, startConcentrators } from '../../simulators/index.ts'
import { loadGatewayConfig } from '../../src/config/index.ts'
import { startGateway } from '../../src/main.ts'
import { scratch } from '../support/processes.ts'

const SITE = { count: 2, meters: 6, protocol: 'mixed', seed: 3 } as const

it('stores the daily freezes of both protocols under the same midnight', async () => {
  const directory = scratch()
  const file = join(directory, 'gateway.yaml')
  const made = ruledConcentrators(SITE)
  const meters = made.flatMap(({ id, protocol, wiring }) =>
    Array.from({ length: SITE.meters }, (_, at) => wiring.at(at) ?? [])
      .flat()
      .map((meter) => ({ line: id, protocol, meter })),
  )
  const write = (tasks: readonly object[]) =>
    writeFileSync(
      file,
      stringify({
        ...{
          version: 1,
          gateway: { id: 'g', timezone: 'Asia/Shanghai', data: './data' },
          http: { port: 0 },
          ledger: 'ledger.yaml',
          lines: [],
        },
        concentrators: { listeners: [{ id: 'all', port: 0 }] },
        tasks,
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
  const loaded = loadGatewayConfig(file)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const started = await startGateway(loaded.value, pino({ level: 'silent' }))
  if (!started.ok) throw new Error(`${started.message} ${JSON.stringify(started.problems)}`)
  const gateway = started.value
  onTestFinished(() => gateway.close())
  const fleet = startConcentrators({ ...SITE, port: gateway.listening[0]?.port ?? 0 })
  onTestFinished(() => fleet.close())
  await fleet.whenOnline()
  write([{ id: 'daily', read: 'day-freeze', every: '1d', registers: ['1.8.0'] }])
  expect(await gateway.reload('test')).toMatchObject({ ok: true })
  const midnight = gateway.field.calendar.dayStart(gateway.clock.now())
  const stored = async () => {
    const found = await Promise.all(
      meters.map(({ meter }) =>
        gateway.store.range({
          measurement: 'register',
          tags: { meter: meter.id },
          source: 'day-freeze',
          from: 0,
          to: midnight + 1,
          limit: 10,
        }),
      ),
    )
    return found.flatMap((each) => (each.ok ? each.value.readings : []))
  }
  await expect.poll(async () => (await stored()).length, { timeout: 60_000 }).toBe(meters.length)
  const rows = await stored()
  expect(new Set(rows.map(({ series }) => series.tags.meter))).toEqual(new Set(meters.map(({ meter }) => meter.id)))
  for (const { measuredAt, raws, quality } of rows) {
    expect([measuredAt, quality]).toEqual([midnight, 0])
    expect(Number(raws[0])).toBeGreaterThan(0)
  }
})
