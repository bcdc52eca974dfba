import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { parse } from 'yaml'
import { instantOf } from '../../../simulators/calendar.ts'
import { startVillage, villageOf, writeVillageFiles } from '../../../simulators/index.ts'
import { withConcentrators } from '../../../simulators/village/concentrators.ts'
import { loadGatewayConfig } from '../../../src/config/index.ts'
import { startMaster } from '../concentrator/tools.ts'
import { handClock } from '../tools.ts'

const now = instantOf({ year: 2026, month: 11, day: 21, hour: 9, minute: 40, second: 12 })

it('adds two areas and leaves everything else as it is', () => {
  const plan = villageOf(11)
  const more = withConcentrators(plan)
  expect(more.meters.slice(0, plan.meters.length)).toEqual(plan.meters)
  expect(more.areas.slice(0, plan.areas.length)).toEqual(plan.areas)
  expect(more.lines.slice(plan.lines.length)).toEqual([
    { id: 'conc-01', kind: 'gw3761' },
    { id: 'conc-02', kind: 'dlt698' },
  ])
  const added = more.meters.slice(plan.meters.length)
  expect(added).toHaveLength(16)
  expect(new Set(more.meters.map(({ id }) => id)).size).toBe(more.meters.length)
  expect(new Set(more.meters.map(({ address, line }) => `${line} ${address}`)).size).toBe(more.meters.length)
  expect(added.filter(({ role }) => role === 'area-supply').map(({ area }) => area)).toEqual(['A03', 'A04'])
  expect(withConcentrators(villageOf(11))).toEqual(more)
})

it('its concentrators dial in, answer for their meters, and stand in files a gateway takes', async () => {
  const master = await startMaster('10 45 01 00')
  const out = mkdtempSync(join(tmpdir(), 'village-'))
  onTestFinished(() => rmSync(out, { recursive: true, force: true }))
  const ports = new Map([['dial-in', master.port]])
  const village = await startVillage({ seed: 11, out, clock: handClock(now), concentrators: true, ports })
  onTestFinished(() => village.close())
  await village.concentrators!.whenOnline()
  const [answer] = await master.ask(0x4b, 0x0c, '02 01 01 10', { address: '10 45 01 00' })
  const shown = Number(answer!.data.split(' ').slice(10, 15).reverse().join('')) / 10_000
  const meter = village.meters.filter(({ line }) => line === 'conc-01')[1]!
  const minute = now - (now % 60_000)
  expect(shown.toFixed(2)).toBe(village.faceAt(meter.id, '1-0:1.8.0', minute)!.text)
  const own = await master.ask698('05 01 05 40 01 02 00 00', { address: '451000000002' })
  expect(own.apdu).toBe('85 01 05 40 01 02 00 01 09 06 45 10 00 00 00 02 00 00')

  const files = writeVillageFiles(village, out)
  const config = loadGatewayConfig(files.gateway)
  expect(config).toMatchObject({ ok: true })
  const ledger = parse(readFileSync(files.ledger, 'utf8'))
  expect(ledger.concentrators).toMatchObject([
    { id: 'conc-01', protocol: 'gw3761', address: '4510-1', area: 'A03' },
    { id: 'conc-02', protocol: 'dlt698', address: '451000000002', area: 'A04' },
  ])
  expect(ledger.meters.find(({ id }: { id: string }) => id === meter.id)).toMatchObject({
    line: 'conc-01',
    measuringPoint: 2,
    archiveNumber: 2,
    port: 31,
  })
})
