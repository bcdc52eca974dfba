import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { adapterOf } from '../../protocols/index.ts'
import { type GatewayConfig, loadGatewayConfig, problemText } from '../../src/config/index.ts'
import { ledgerWorld, worldData } from '../../src/gateway/ledger-world.ts'
import { openProfiles } from '../../src/gateway/profiles.ts'
import { mayBeKnown, syncLedgerFile } from '../../src/gateway/start-ledger.ts'
import { scratch } from '../support/processes.ts'
import { act, day, good, NOW, open, patch } from './support.ts'

const profiles = openProfiles(null)
const METER = 'line: hall, profile: dlt645-2007/three-phase'

const start = (ledgerYaml: string) => {
  const directory = scratch()
  writeFileSync(
    join(directory, 'gateway.yaml'),
    `version: 1
gateway: { id: site-1, timezone: Asia/Shanghai }
ledger: ledger.yaml
lines: [{ id: hall, transport: { kind: tcp, host: 127.0.0.1, port: 502 } }]
tasks: [{ id: now, read: current, every: 15m, meters: { ids: [M1] } }]
`,
  )
  const write = (yaml: string) => writeFileSync(join(directory, 'ledger.yaml'), yaml)
  write(ledgerYaml)
  const loaded = loadGatewayConfig(join(directory, 'gateway.yaml'))
  if (!loaded.ok) expect.fail(loaded.problems.map(problemText).join('\n'))
  const config: GatewayConfig = loaded.value
  const { ledger } = open(directory, ledgerWorld(worldData(config), profiles, adapterOf))
  const sync = (at: number) => syncLedgerFile(ledger, config, profiles, adapterOf, at)
  return { ledger, write, sync, directory }
}
const yaml = (points: string, meters: string, more = '') => `version: 1\n${more}points:\n${points}\nmeters:\n${meters}\n`
const P1 = '  - { id: P1, name: mill }'
const P2 = '  - { id: P2 }'
const M1 = `  - { id: M1, point: P1, address: "000000000001", ct: 400/5, ${METER} }`
const M2 = `  - { id: M2, point: P2, address: "000000000002", ${METER} }`

it('brings the file in, and the same file again changes nothing', () => {
  const { sync, ledger } = start(yaml(`${P1}\n${P2}`, `${M1}\n${M2}`))
  expect(sync(NOW)).toMatchObject({ ok: true, changes: { change: 1, added: 4 } })
  expect(sync(NOW + 1)).toEqual({ ok: true, changes: null })
  expect(ledger.meters(null).map(({ meter, point, ct, from }) => [meter, point, ct, from])).toEqual([
    ['M1', 'P1', '400/5', 0],
    ['M2', 'P2', '1', 0],
  ])
  expect(ledger.changes({ limit: 1 })).toMatchObject([{ what: 'file', who: 'ledger file' }])
})

it('changes only what the file says differently: what others wrote stays', () => {
  const { sync, write, ledger } = start(yaml(P1, M1))
  sync(NOW)
  good(ledger.apply([patch('point', 'P1', { name: 'saw mill', priceClass: 'b' }), patch('point', 'P9', {})], act({ at: NOW + 1 })))
  good(
    ledger.apply([patch('meter', 'M9', { point: 'P9', address: '000000000009', line: 'hall', profile: 'dlt645-2007/three-phase' })], act()),
  )
  write(yaml(`${P1}\n${P2}`, `${M1.replace('400/5', '600/5')}\n${M2}`))
  expect(sync(NOW + 5)).toMatchObject({ ok: true, changes: { added: 2, changed: 1 } })
  expect(ledger.get('point', 'P1', null)?.attributes).toMatchObject({ name: 'saw mill', priceClass: 'b', ct: '600/5' })
  expect(ledger.history('P1').map(({ ct, from }) => [ct, from])).toEqual([
    ['400/5', 0],
    ['600/5', NOW + 5],
  ])
  expect(ledger.metersOf(['M9'])).toHaveLength(1)
})

it('a meter that leaves the file leaves its point, the point is archived, and both come back', () => {
  const { sync, write, ledger } = start(yaml(`${P1}\n${P2}`, `${M1}\n${M2}`))
  sync(NOW)
  write(yaml(P1, M1))
  sync(NOW + 1000)
  expect(ledger.meters(null).map(({ meter }) => meter)).toEqual(['M1'])
  expect(ledger.meters(NOW).map(({ meter }) => meter)).toEqual(['M1', 'M2'])
  expect(ledger.get('point', 'P2', null)?.attributes.state).toBe('archived')
  write(yaml(`${P1}\n${P2}`, `${M1}\n${M2}`))
  sync(NOW + 2000)
  expect(ledger.metersOf(['M2'])).toMatchObject([{ from: NOW + 2000, state: 'in-service' }])
  expect(ledger.meters(NOW + 1500).map(({ meter }) => meter)).toEqual(['M1'])
})

it('a date in the file is a correction from then on', () => {
  const { sync, write, ledger } = start(yaml(P1, M1))
  sync(NOW)
  write(yaml(P1, M1.replace('400/5', '600/5').replace('id: M1', 'id: M1, from: "2026-03-01T00:00:00Z"')))
  sync(NOW + 1)
  expect(ledger.meters(day('2026-02-28'))[0]?.ct).toBe('400/5')
  expect(ledger.meters(day('2026-03-01'))[0]?.ct).toBe('600/5')
})

it('names line and column of what the ledger will not take, and takes nothing', () => {
  const { sync, write, ledger } = start(yaml(P1, M1))
  sync(NOW)
  good(ledger.apply([patch('point', 'P2', {})], act()))
  good(ledger.apply([patch('meter', 'M9', { point: 'P2', address: '000000000009', line: 'hall' })], act()))
  write(yaml(`${P1}\n${P2}`, `${M1}\n${M2}`))
  const refused = sync(NOW + 1)
  if (refused.ok) expect.fail('taken')
  expect(refused.problems.map(problemText)).toEqual([
    expect.stringMatching(
      /ledger\.yaml:7:5 \/meters\/1 meter M2 would be at point P2 since always, where the ledger has meter M9 since .* one meter at a time/,
    ),
  ])
  expect(ledger.seq).toBe(3)
})

it('takes feeders, customers, concentrators and states too', () => {
  const more = `feeders: [{ id: F1, name: 10 kV north }]
areas: [{ id: A1, feeder: F1, capacityKva: "315" }]
customers: [{ id: "0012345678", name: 张三 }]
concentrators: [{ id: K1, address: "370100001", area: A1 }]
`
  const point = '  - { id: P1, area: A1, customer: "0012345678", state: trial, contractKva: "8", ct: 400/5, energisedOn: "2026-08-01" }'
  const { sync, ledger } = start(yaml(point, M1.replace('ct: 400/5', 'concentrator: K1, verifyBy: "2031-01-01"'), more))
  expect(sync(NOW)).toMatchObject({ ok: true, changes: { added: 6 } })
  expect(ledger.metersOf(['M1'])).toMatchObject([{ ct: '400/5', state: 'trial', concentrator: 'K1' }])
  expect(ledger.areas()).toEqual([{ id: 'A1', name: '', zone: '', feeder: 'F1' }])
})

it('a task may name what only the ledger has', () => {
  const { sync, directory, write, ledger } = start(yaml(P2, M2))
  expect(sync(NOW)).toMatchObject({ ok: false, problems: [{ path: '/tasks/now/meters/ids' }] })
  good(ledger.apply([patch('meter', 'M1', { address: '000000000001' })], act()))
  expect(sync(NOW)).toMatchObject({ ok: true })
  expect(mayBeKnown(directory).has('meter', 'M1')).toBe(true)
  expect(mayBeKnown(scratch()).has('meter', 'M1')).toBe(false)
  write(yaml(P2, M2))
})
