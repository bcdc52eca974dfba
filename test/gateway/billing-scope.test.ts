import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { ACT, good } from '../access/support.ts'
import { patient } from '../support/processes.ts'
import { accessSite, filesOf, rights } from './access-site.ts'

/** Two zones with a customer each, and one who has a point in both. Names tell where they lie: all of the south ends in S or begins with it. */
const LEDGER = {
  version: 1,
  zones: [{ id: 'ZN' }, { id: 'ZS' }],
  areas: [
    { id: 'AN', zone: 'ZN' },
    { id: 'AS', zone: 'ZS' },
  ],
  customers: [
    { id: 'CN', name: 'Li Na', category: 'residential' },
    { id: 'CS', name: 'Wu Min', category: 'residential' },
    { id: 'CB', name: 'Zhao Lei', category: 'industrial' },
  ],
  points: [
    { id: 'PN', area: 'AN', customer: 'CN', name: 'flat of Li Na' },
    { id: 'PS', area: 'AS', customer: 'CS' },
    { id: 'PBN', area: 'AN', customer: 'CB' },
    { id: 'PBS', area: 'AS', customer: 'CB' },
  ],
  meters: ['PN', 'PS', 'PBN', 'PBS'].map((point, at) => ({
    ...{ id: `M-${point}`, point, line: 'bus', address: `${at + 1}`, profile: 'eastron-sdm120' },
  })),
}
/** Whatever lies in the south alone. */
const FOREIGN = /PS\b|PBS\b|"CS"|\bCS\b|\bAS\b|\bZS\b|Wu Min/

let site: Awaited<ReturnType<typeof accessSite>>
const ends: (() => Promise<void>)[] = []
beforeAll(async () => {
  const lines = [{ id: 'bus', transport: { kind: 'tcp', host: '127.0.0.1', port: 9 } }]
  const billing = {
    cycles: [
      { id: 'all', name: 'All', day: 1 },
      { id: 'south', name: 'South', day: 1, zones: ['ZS'] },
    ],
  }
  site = await accessSite(
    { lines, billing },
    ({ directory }) => writeFileSync(join(directory, 'ledger.yaml'), stringify(LEDGER)),
    (work) => ends.push(work),
  )
})
afterAll(async () => {
  for (const end of ends) await end()
})

let nth = 0
const asking = async (change: Parameters<typeof rights>[0]) => {
  const { text } = good(filesOf(site.data).tokens.add(`token-${++nth}`, rights(change), ACT, Date.now()))
  const ask = async (path: string, method = 'GET', body?: object) => {
    const answer = await patient(`${site.address}/api/v1${path}`, {
      ...{ method, headers: { authorization: `Bearer ${text}`, ...(body ? { 'content-type': 'application/json' } : {}) } },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    const content = await answer.text()
    return { status: answer.status, content, json: () => JSON.parse(content) }
  }
  await expect.poll(async () => (await ask('/me')).status).not.toBe(401)
  return ask
}

const midnight = new Date(Math.floor(Date.now() / 86_400_000) * 86_400_000)
const AT = midnight.toISOString()
const FROM = new Date(midnight.getTime() - 40 * 86_400_000).toISOString()
const SPAN = `from=${FROM}&to=${AT}`

it('somebody with a zone sees it in everything that is billed, analysed and taken away, and nothing of another', async () => {
  const ask = await asking({ roles: ['billing', 'engineer'], zones: ['ZN'] })
  const everything = await asking({ roles: ['billing', 'engineer'] })
  await everything('/billing/holds', 'POST', { point: 'PS', from: FROM, why: 'disputed' })
  await everything('/billing/holds', 'POST', { point: 'PN', from: FROM, why: 'disputed' })
  expect((await everything(`/key-accounts/${new Date().getFullYear()}/run`, 'POST', { why: 'now' })).status).toBe(200)
  const kept = await everything('/billing/customers/CB/reports', 'POST', { from: FROM, to: AT, why: 'visit' })
  expect([kept.status, FOREIGN.test(kept.content)]).toEqual([200, true])
  const paths = [
    `/billing/readings?at=${AT}`,
    `/billing/readings?at=${AT}&state=held`,
    `/billing/readings?at=${AT}&format=ndjson`,
    `/billing/energy?${SPAN}`,
    `/billing/energy?${SPAN}&format=ndjson`,
    `/billing/completeness?at=${AT}`,
    `/billing/completeness?at=${AT}&by=zone`,
    '/billing/cycles',
    '/billing/cycles/all/completeness',
    '/billing/holds',
    '/billing/changes',
    '/billing/notices',
    '/billing/releases',
    '/billing/corrections/pending',
    `/billing/customers/CB/energy?${SPAN}`,
    `/billing/customers/CB/report?${SPAN}`,
    `/billing/customers/CB/report.html?${SPAN}`,
    '/billing/reports',
    '/suspicions?area=AN',
    '/key-accounts?all=true',
    '/key-accounts/checks',
    `/series?${SPAN}&zone=ZN`,
    `/series?${SPAN}&kind=area&zone=ZN&registers=sold`,
    ...['readings', 'series', 'energy', 'loss', 'billing-readings', 'billing-energy'].map(
      (name) => `/results/${name}?${name.startsWith('billing-r') ? `at=${AT}` : SPAN}&format=ndjson`,
    ),
    ...['points', 'areas', 'cases', 'gaps', 'billing-holds', 'key-accounts', 'latest', 'clocks'].map(
      (name) => `/results/${name}?format=csv`,
    ),
    `/interchange/cim/meter-readings?${SPAN}`,
    '/interchange/espi/usage-points',
    '/ledger/export?format=csv',
    '/cases/export',
    '/results',
  ]
  for (const path of paths) {
    const { status, content } = await ask(path)
    expect([path, status, FOREIGN.exec(content)?.[0]]).toEqual([path, 200, undefined])
  }
  for (const path of paths.slice(0, 5)) expect((await everything(path)).content).toMatch(FOREIGN)
  expect((await ask(`/billing/completeness?at=${AT}`)).json().total.due).toBe(2)
  expect((await everything(`/billing/completeness?at=${AT}`)).json().total.due).toBe(4)
  expect((await ask('/billing/cycles/all/completeness')).json().total.due).toBe(2)
  expect((await ask('/billing/holds')).json().items).toHaveLength(1)
  // A report that was kept of both halves is not for whoever sees one.
  expect([(await ask('/billing/reports')).json().items.length, (await ask('/billing/reports/1')).status]).toEqual([0, 404])
  expect((await everything('/billing/reports/1')).json().report).toMatchObject({
    customer: 'CB',
    sums: expect.arrayContaining([expect.objectContaining({ register: '1.8.0', energy: null, due: 2 })]),
  })
})

it('answers for what is outside in the words for what is not there', async () => {
  const ask = await asking({ roles: ['billing', 'engineer'], zones: ['ZN'] })
  const why = 'order 7 of the shift'
  const asked: readonly (readonly [path: string, method?: string, body?: object])[] = [
    [`/billing/readings?at=${AT}&point=PS`],
    [`/billing/readings?at=${AT}&area=AS`],
    [`/billing/readings?at=${AT}&zone=ZS`],
    [`/billing/energy?${SPAN}&point=PS`],
    [`/billing/completeness?at=${AT}&zone=ZS`],
    [`/billing/customers/CS/energy?${SPAN}`],
    ['/billing/customers/CS/tiers'],
    ['/billing/customers/CS/tiers.html'],
    ['/billing/points/PS/tiers'],
    [`/billing/customers/CS/report?${SPAN}`],
    [`/billing/customers/CS/report.html?${SPAN}`],
    ['/billing/customers/CS/reports', 'POST', { from: FROM, to: AT, why }],
    ['/billing/reports?customer=CS'],
    ...['suspicions?area=AS', 'cases?area=AS', 'cases?zone=ZS', 'points?area=AS', 'gaps?meter=M-PS', 'areas?zone=ZS', 'signal?zone=ZS'].map(
      (path) => [`/${path}`] as const,
    ),
    ...['energy/findings?point=PS', 'exchanges?point=PS', 'billing/holds?point=PS', 'latest?area=AS', 'readings/stream?point=PN,PS'].map(
      (path) => [`/${path}`] as const,
    ),
    ['/billing/points/PS/tiers.html'],
    ['/billing/figures?point=PS'],
    ['/billing/cycles/south/completeness'],
    ['/billing/holds', 'POST', { point: 'PS', at: AT, why }],
    ['/billing/holds/1/lift', 'POST', { why }],
    ['/billing/figures/withdraw', 'POST', { point: 'PS', at: AT, why }],
    ['/billing/releases', 'POST', { at: AT, scope: { points: ['PN', 'PS'] }, note: why }],
    ['/billing/releases', 'POST', { at: AT, scope: { area: 'AS' }, note: why }],
    ['/billing/releases', 'POST', { at: AT, scope: { zone: 'ZS' }, note: why }],
    ['/key-accounts/customers/CS/grade', 'PUT', { grade: 'A', why }],
    [`/readings/evidence?meter=M-PS&measuredAt=${AT}`],
    [`/series?${SPAN}&point=PS`],
    [`/series?${SPAN}&area=AS`],
    [`/series?${SPAN}&kind=area&area=AS`],
    [`/series?${SPAN}&zone=ZS`],
    [`/results/readings?${SPAN}&point=PS`],
    [`/results/loss?${SPAN}&area=AS`],
    ['/exports', 'POST', { result: 'readings', query: { from: FROM, to: AT, point: 'PS' } }],
    [`/interchange/cim/meter-readings?${SPAN}&point=PS`],
    [`/interchange/cim/meter-readings?${SPAN}&zone=ZS`],
    ['/interchange/espi/usage-points/PS/feed.xml'],
  ]
  const plain = (content: string) => {
    const { instance: _, requestId: __, ...rest } = JSON.parse(content)
    return JSON.stringify(rest)
  }
  const other = (text: string) =>
    text.replace(/\b(M-)?PS\b|\bAS\b|\bZS\b|\bCS\b|\bsouth\b|holds\/1\b/g, (id) => (id === 'holds/1' ? 'holds/999' : `${id}9`))
  for (const [path, method, body] of asked) {
    const outside = await ask(path, method, body)
    const nowhere = await ask(other(path), method, body && JSON.parse(other(JSON.stringify(body))))
    expect([path, outside.status < 400]).toEqual([path, false])
    expect([path, outside.status, other(plain(outside.content)).replace('hold 1', 'hold 999')]).toEqual([
      path,
      nowhere.status,
      plain(nowhere.content),
    ])
  }
})

it('a release of everything by somebody with a zone is one of all he sees', async () => {
  const ask = await asking({ roles: ['billing'], zones: ['ZN'] })
  const south = await asking({ roles: ['billing'], zones: ['ZS'] })
  const everything = await asking({ roles: ['billing'] })
  const { id } = (await ask('/billing/releases', 'POST', { at: AT, note: 'north' })).json()
  await expect.poll(async () => (await ask(`/billing/releases/${id}`)).json().state).toBe('done')
  const { points } = (await ask(`/billing/releases/${id}`)).json()
  expect(points).toBe(2)
  const left = (await ask(`/billing/releases/${id}/left-out`)).json()
  expect(left.items.map(({ point }: { point: string }) => point)).toEqual(['PBN', 'PN'])
  expect((await everything(`/billing/releases/${id}`)).status).toBe(200)
  for (const path of ['', '/left-out', '/figures']) expect((await south(`/billing/releases/${id}${path}`)).status).toBe(404)
  expect((await south(`/billing/releases/${id}/resume`, 'POST', {})).status).toBe(404)
})

it('a customer has the report of their own, and of nobody else', async () => {
  const ask = await asking({ roles: ['customer'], customer: 'CN' })
  const own = await ask(`/billing/customers/CN/report?${SPAN}`)
  expect([own.status, FOREIGN.exec(own.content)?.[0]]).toEqual([200, undefined])
  expect(own.json()).toMatchObject({ customer: 'CN', name: 'Li Na', cases: null, account: null, withheld: ['account', 'check', 'cases'] })
  expect((await ask(`/billing/customers/CN/report.html?${SPAN}`)).content).toContain('Li Na')
  for (const id of ['CS', 'CB', 'C9']) expect((await ask(`/billing/customers/${id}/report?${SPAN}`)).status).toBe(404)
  expect((await ask('/billing/customers/CN/reports', 'POST', { why: 'mine' })).status).toBe(403)
})
