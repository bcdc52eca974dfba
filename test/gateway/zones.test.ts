import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { verifyAudit } from '../../src/access/index.ts'
import { ACT, good } from '../access/support.ts'
import { patient } from '../support/processes.ts'
import { accessSite, filesOf, rights } from './access-site.ts'

/** Two areas with a customer each, on one line; the second zone lies in the first one's neighbour. */
const LEDGER = {
  version: 1,
  zones: [{ id: 'N', name: 'north' }, { id: 'S' }, { id: 'S-1', parent: 'S' }],
  areas: [
    { id: 'A-N', zone: 'N' },
    { id: 'A-S', zone: 'S-1' },
  ],
  customers: [
    { id: 'C-1', name: 'Li Na', address: 'New Street 3' },
    { id: 'C-2', name: 'Wu Min' },
  ],
  points: [
    { id: 'P-N', area: 'A-N', customer: 'C-1', name: 'flat of Li Na' },
    { id: 'P-S', area: 'A-S', customer: 'C-2' },
    { id: 'P-0', name: 'in no area' },
  ],
  meters: [
    { id: 'M-N', point: 'P-N', line: 'bus', address: '1', profile: 'eastron-sdm120' },
    { id: 'M-S', point: 'P-S', line: 'bus', address: '2', profile: 'eastron-sdm120' },
  ],
}

let site: Awaited<ReturnType<typeof accessSite>>
const ends: (() => Promise<void>)[] = []
beforeAll(async () => {
  const lines = [{ id: 'bus', transport: { kind: 'tcp', host: '127.0.0.1', port: 9 } }]
  site = await accessSite(
    { lines },
    ({ directory }) => writeFileSync(join(directory, 'ledger.yaml'), stringify(LEDGER)),
    (work) => ends.push(work),
  )
})
afterAll(async () => {
  for (const end of ends) await end()
})

let nth = 0
const asking = async (change: Parameters<typeof rights>[0]) => {
  nth++
  const name = `token-${nth}`
  const { text } = good(filesOf(site.data).tokens.add(name, rights(change), ACT, Date.now()))
  const ask = async (path: string, method = 'GET', body?: object) => {
    const answer = await patient(`${site.address}${path}`, {
      ...{ method, headers: { authorization: `Bearer ${text}`, ...(body ? { 'content-type': 'application/json' } : {}) } },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    const content = await answer.text()
    return { status: answer.status, body: JSON.parse(content), content }
  }
  const ids = async (path: string, name = 'id') => {
    const { items }: { items: Record<string, unknown>[] } = (await ask(path)).body
    return items.map((item) => item[name])
  }
  // What another process made is known within a quarter of a second.
  await expect.poll(async () => (await ask('/api/v1/points')).status).not.toBe(401)
  return { ask, ids, name }
}

const LISTS = ['points', 'latest', 'areas', 'lines', 'clocks', 'gaps', 'cases', 'exchanges', 'outages', 'concentrators', 'signal']
const KINDS = ['zone', 'area', 'customer', 'point', 'meter', 'channel']

it('a token of a zone sees its zone in every list, and nothing of another', async () => {
  const { ids, ask } = await asking({ roles: ['engineer'], zones: ['N'] })
  expect(await ids('/api/v1/points')).toEqual(['P-N'])
  expect(await ids('/api/v1/areas')).toEqual(['A-N'])
  expect(await ids('/api/v1/clocks', 'meter')).toEqual(['M-N'])
  expect(await ids('/api/v1/lines')).toEqual(['bus'])
  const { body: line } = await ask('/api/v1/lines/bus')
  expect([line.devices, line.health.map(({ meter }: { meter: string }) => meter)]).toEqual([1, ['M-N']])
  for (const kind of KINDS)
    expect(await ids(`/api/v1/ledger/${kind}`)).toEqual(
      { zone: ['N'], area: ['A-N'], customer: ['C-1'], point: ['P-N'], meter: ['M-N'] }[kind] ?? [],
    )
  for (const path of [...LISTS, ...KINDS.map((kind) => `ledger/${kind}`)]) {
    const { status, content } = await ask(`/api/v1/${path}`)
    expect([path, status]).toEqual([path, 200])
    expect(content).not.toMatch(/P-S|M-S|A-S|S-1|Wu|C-2|P-0/)
  }
})

it('answers for what is outside as for what is not there', async () => {
  const { ask } = await asking({ roles: ['engineer'], zones: ['N'] })
  const paths = [
    'points/P-S',
    'points/P-S/readings',
    'points/P-S/energy',
    'ledger/meter/M-S',
    'ledger/meter/M-S/history',
    'areas/A-S/loss',
    'clocks/M-S',
  ]
  for (const path of paths) {
    const outside = await ask(`/api/v1/${path}`)
    const nowhere = await ask(`/api/v1/${path.replace(/-S\b/, '-9')}`)
    expect([path, outside.status, nowhere.status, outside.body.code]).toEqual([path, 404, 404, nowhere.body.code])
  }
  // All of a line is for those who see all of its meters.
  expect((await ask('/api/v1/lines/bus/scan', 'POST', {})).status).toBe(404)
  expect((await ask('/api/v1/outbox')).body.code).toBe('API_EVERYWHERE')
  const patch = { why: 'order 7 of the shift', set: { area: 'A-S' } }
  expect((await ask('/api/v1/ledger/point/P-N', 'PATCH', patch)).body).toMatchObject({ status: 404, code: 'API_UNKNOWN' })
  expect((await ask('/api/v1/ledger/point/P-S', 'PATCH', patch)).status).toBe(404)
  expect((await ask('/api/v1/ledger/point/P-new', 'PUT', { ...patch, set: {} })).body.code).toBe('API_EVERYWHERE')
})

it('who sees no names sees none, and a point named after its customer has none', async () => {
  const viewer = await asking({ roles: ['viewer'], zones: ['N'] })
  expect((await viewer.ask('/api/v1/ledger/customer/C-1')).body.attributes).toEqual({ name: '***', address: '***' })
  expect((await viewer.ask('/api/v1/points/P-N')).body.name).toBe('***')
  expect(await viewer.ids('/api/v1/points?text=li%20na')).toEqual([])
  const operator = await asking({ roles: ['operator'], zones: ['N'] })
  expect((await operator.ask('/api/v1/ledger/customer/C-1')).body.attributes.name).toBe('Li Na')
  expect(await operator.ids('/api/v1/points?text=li%20na')).toEqual(['P-N'])
})

it('a customer sees his own points alone', async () => {
  const { ids, ask } = await asking({ roles: ['customer'], customer: 'C-1' })
  expect(await ids('/api/v1/points')).toEqual(['P-N'])
  expect((await ask('/api/v1/points/P-N')).body.name).toBe('flat of Li Na')
  expect((await ask('/api/v1/points/P-N/readings')).status).toBe(200)
  expect((await ask('/api/v1/points/P-S/readings')).status).toBe(404)
  expect((await ask('/api/v1/lines')).status).toBe(403)
})

it('what is moved in the ledger is seen elsewhere, and every act and refusal stands in the log', async () => {
  const south = await asking({ roles: ['engineer'], zones: ['S'] })
  const all = await asking({ roles: ['engineer'] })
  expect(await south.ids('/api/v1/points')).toEqual(['P-S'])
  const done = await all.ask('/api/v1/ledger/bulk', 'POST', {
    why: 'new transformer',
    patches: [{ kind: 'point', id: 'P-0', set: { area: 'A-S' } }],
  })
  expect(done.status).toBe(200)
  await expect.poll(() => south.ids('/api/v1/points'), { timeout: 60_000 }).toEqual(['P-0', 'P-S'])
  await south.ask('/api/v1/points/P-N')
  const records = good(filesOf(site.data).log.list({ limit: 1000 }))
  const acts = records.filter(({ who }) => who.name === all.name)
  expect(acts.map(({ what, outcome, why }) => [what, outcome, why])).toEqual([
    ['ledger-changed', 'done', null],
    ['ledger-changed', 'asked', 'new transformer'],
  ])
  const refused = records.filter(({ who, what }) => who.name === south.name && what === 'request-refused')
  expect(refused.map(({ on, outcome }) => [on, outcome])).toEqual([['GET /api/v1/points/{id}', 'refused']])
  expect(verifyAudit(site.data).isWhole).toBe(true)
})
