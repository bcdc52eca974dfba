import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { parse } from 'yaml'
import { ruledConcentrators, simulateConcentrators } from '../../../simulators/index.ts'
import { startMaster } from './tools.ts'

it('as ordered on a command line: they dial, a ledger knows them, and the end says what came of it', async () => {
  const master = await startMaster()
  const folder = mkdtempSync(join(tmpdir(), 'concentrators-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const ledger = join(folder, 'ledger.yaml')
  const said: string[] = []
  const running = await simulateConcentrators(
    { to: `127.0.0.1:${master.port}`, count: 3, meters: 12, protocol: 'mixed', ledger, truth: join(folder, 'truth.jsonl') },
    (line) => said.push(line),
  )
  expect(running).toMatchObject({ ok: true })
  if (!running.ok) return
  await master.until(() => master.seen.length >= 2 && master.seen698.length >= 1)
  await running.value.stop()
  expect(said[0]).toBe(`3 concentrators with 12 meters each dial 127.0.0.1:${master.port}; the first is C00001, address 4510-1`)
  expect(said.at(-1)).toContain('logins ')
  const file = parse(readFileSync(ledger, 'utf8'))
  expect(file.concentrators.map(({ id, protocol, address }: Record<string, string>) => [id, protocol, address])).toEqual([
    ['C00001', 'gw3761', '4510-1'],
    ['C00002', 'dlt698', '451000000002'],
    ['C00003', 'gw3761', '4510-3'],
  ])
  expect(file.meters).toHaveLength(36)
  expect(file.meters[9]).toMatchObject({ line: 'C00001', profile: 'gw3761/three-phase', measuringPoint: 10, archiveNumber: 10, port: 2 })
})

it('orders that mean nothing are refused before anybody dials', async () => {
  expect(await simulateConcentrators({ to: 'nowhere' })).toMatchObject({ ok: false, error: { code: 'SIMULATOR_TARGET' } })
  expect(await simulateConcentrators({ to: '127.0.0.1:1', faults: ['sleepy'] })).toMatchObject({
    ok: false,
    error: { code: 'SIMULATOR_FAULT' },
  })
})

it('the same rule makes the same meters, and their values follow from the seed', () => {
  const value = (seed: number) => {
    const [one] = ruledConcentrators({ count: 1, first: 7, meters: 20, seed })
    const meter = one!.wiring.at(13)!
    expect(meter).toMatchObject({ id: 'C00007-M0014', address: '210000070014', pn: 14, port: 31 })
    return one!.wiring.instrument(meter).energy(1, 0, 0, Date.UTC(2026, 10, 21))
  }
  expect(value(3)).toBe(value(3))
  expect(value(3)).not.toBe(value(4))
})
