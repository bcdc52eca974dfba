import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeToken } from '../../src/api/index.ts'
import { firstLine } from '../../src/cli/run.ts'
import { ACT, good, tamper } from '../access/support.ts'
import { accessSite, browser, filesOf, GOOD, rights } from './access-site.ts'

const OPERATOR = { roles: ['operator'] as const }
/** One gateway for all tests that leave no trace others would meet: each has users of its own. */
let site: Awaited<ReturnType<typeof accessSite>>
const ends: (() => Promise<void>)[] = []
beforeAll(async () => {
  site = await accessSite({}, undefined, (work) => ends.push(work))
})
afterAll(async () => {
  for (const end of ends) await end()
})
let nth = 0
/** Names of this test. */
const named = () => {
  nth++
  return { sec: `sec${nth}`, li: `li.na${nth}`, wang: `wang${nth}` }
}
const soon = { timeout: 60_000, interval: 50 }

it('is open to nobody at first, and to the first administrator by a link that works once', async () => {
  const { gateway, address, data, file, config } = await accessSite()
  expect(firstLine(gateway, config)).toBe(`gridtally user first -c ${file}`)
  const nobody = browser(address)
  expect((await nobody.get('/api/v1/points')).status).toBe(401)
  for (const [name, password] of [
    ['admin', 'admin'],
    ['admin', ''],
    ['root', 'gridtally'],
    ['first', 'operate'],
  ] as const)
    expect([400, 401]).toContain((await nobody.logIn(name, password)).status)

  const link = good(filesOf(data).links.makeFirst(ACT, Date.now()))
  expect((await nobody.post('/api/v1/links/look', { link })).body).toEqual({ kind: 'first-admin', name: null })
  expect(await nobody.post('/api/v1/links/redeem', { link, name: 'sec', password: 'short' })).toMatchObject({
    ...{ status: 422, body: { code: 'ACCESS_PASSWORD' } },
  })
  expect(await nobody.post('/api/v1/links/redeem', { link, name: 'sec', password: GOOD })).toMatchObject({
    ...{ status: 200, body: { name: 'sec', roles: ['secadm'], state: 'in-use' } },
  })
  expect((await nobody.post('/api/v1/links/redeem', { link, name: 'evil', password: GOOD })).body.code).toBe('ACCESS_LINK')
  expect(firstLine(gateway, config)).toBeNull()

  const admin = browser(address)
  const { status, body, headers } = await admin.logIn('SEC')
  expect([status, body.name, body.permissions]).toEqual([200, 'sec', ['config:read', 'users:admin']])
  const [session = '', device = ''] = headers.getSetCookie()
  expect(session).toMatch(/^gridtally=gs_[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/)
  expect(device).toMatch(/^gridtally-device=gd_[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=7776000$/)
  // Who gives rights has none of them.
  expect((await admin.get('/api/v1/points')).status).toBe(403)
  expect((await admin.get('/api/v1/audit')).status).toBe(403)
  expect((await admin.get('/api/v1/users')).status).toBe(200)
})

describe('an administrator', () => {
  const admins = async () => {
    const files = filesOf(site.data)
    const names = named()
    await files.addUser(names.sec, { roles: ['secadm'] })
    const admin = browser(site.address)
    expect((await admin.logIn(names.sec)).status).toBe(200)
    return { address: site.address, ...files, ...names, admin }
  }

  it('makes an account, whose holder sets the password, and takes it away again', async () => {
    const { admin, address, log, sec, li } = await admins()
    const made = await admin.post('/api/v1/users', { name: li, roles: ['operator'], zones: ['Z1'], why: 'night shift' })
    expect(made).toMatchObject({ status: 200, body: { user: { name: li, zones: ['Z1'], state: 'no-password' } } })
    const person = browser(address)
    expect((await person.logIn(li)).status).toBe(401)
    expect((await person.post('/api/v1/links/redeem', { link: made.body.link, password: GOOD })).body.state).toBe('in-use')
    expect((await person.logIn(li)).body).toMatchObject({ name: li, roles: ['operator'], zones: ['Z1'] })
    expect((await person.get('/api/v1/points')).status).toBe(200)
    expect((await person.get('/api/v1/users')).status).toBe(403)

    const changed = await admin.ask('PUT', `/api/v1/users/${li}/rights`, { roles: ['viewer'] })
    expect(changed.body).toMatchObject({ roles: ['viewer'], zones: null, sessions: 1 })
    expect((await person.get('/api/v1/me')).body).toMatchObject({ roles: ['viewer'], zones: null, session: { isCurrent: true } })

    expect((await admin.get(`/api/v1/users/${li}/sessions`)).body.items).toHaveLength(1)
    expect((await admin.ask('DELETE', `/api/v1/users/${li}/sessions`)).body).toEqual({ ended: 1 })
    expect((await person.get('/api/v1/me')).status).toBe(401)
    expect((await person.logIn(li)).status).toBe(200)
    expect((await admin.post(`/api/v1/users/${li}/disable`, { why: 'has left' })).body.state).toBe('disabled')
    expect((await person.get('/api/v1/me')).status).toBe(401)
    expect((await person.logIn(li)).body.code).toBe('ACCESS_LOGIN')
    expect((await admin.post(`/api/v1/users/${li}/enable`)).body.state).toBe('in-use')
    expect((await person.logIn(li)).status).toBe(200)

    const told = good(log.list({ limit: 1000 })).filter(({ on }) => on === `user:${li}`)
    expect(told.map(({ what, who }) => `${what} ${who.name}`).reverse()).toEqual([
      ...[`user-added ${sec}`, `link-made ${sec}`, `login-refused ${li}`, 'link-used holder of a one-time link', `login ${li}`],
      ...[`user-changed ${sec}`, `session-ended ${sec}`, `login ${li}`, `user-disabled ${sec}`, `login-refused ${li}`],
      ...[`user-changed ${sec}`, `login ${li}`],
    ])
    expect(JSON.stringify(good(log.list({ limit: 1000 })))).not.toMatch(/violet|g[sldt]_[\w-]{43}/)
  })

  it('cannot change his own rights, give impossible ones, or leave the house without an administrator', async () => {
    const { admin, users, sec } = await admins()
    expect((await admin.ask('PUT', `/api/v1/users/${sec}/rights`, { roles: ['engineer'] })).body.code).toBe('ACCESS_SELF')
    expect((await admin.post(`/api/v1/users/${sec.toUpperCase()}/disable`)).body.code).toBe('ACCESS_SELF')
    for (const [asked, code] of [
      [{ roles: ['secadm', 'engineer'] }, 'ACCESS_ROLES'],
      [{ roles: ['customer'] }, 'ACCESS_SCOPE'],
      [{ roles: ['viewer'], customer: 'C-1' }, 'ACCESS_SCOPE'],
      [{ roles: ['viewer'], expiresAt: '2020-01-01T00:00:00Z' }, 'ACCESS_EXPIRY'],
      [{ roles: [] }, 'API_VALUE'],
      [{ roles: ['root'] }, 'API_VALUE'],
    ] as const)
      expect((await admin.post('/api/v1/users', { name: 'other', ...asked })).body.code).toBe(code)
    expect((await admin.post('/api/v1/users', { name: sec.toUpperCase(), roles: ['viewer'] })).body.code).toBe('ACCESS_NAME')
    expect((await admin.get('/api/v1/users/nobody')).status).toBe(404)
    expect(users.byName('other')).toBeNull()
    expect(users.byName(sec)?.roles).toEqual(['secadm'])
  })

  it('of one zone knows of nobody else and gives nothing beyond it', async () => {
    const { address, addUser, tokens } = await admins()
    await addUser('east', { roles: ['secadm'], zones: ['Z1'] })
    await addUser('east.viewer', { zones: ['Z1'] })
    await addUser('west.viewer', { zones: ['Z2'] })
    good(tokens.add('west', rights({ zones: ['Z2'] }), ACT, Date.now()))
    const east = browser(address)
    await east.logIn('east')
    expect((await east.get('/api/v1/users')).body.items?.map(({ name }) => name)).toEqual(['east', 'east.viewer'])
    expect((await east.get('/api/v1/tokens')).body.items).toEqual([])
    for (const path of ['', '/sessions']) expect((await east.get(`/api/v1/users/west.viewer${path}`)).status).toBe(404)
    expect((await east.post('/api/v1/users/west.viewer/disable')).status).toBe(404)
    expect((await east.post('/api/v1/users', { name: 'x.y', roles: ['viewer'] })).body.code).toBe('ACCESS_BEYOND')
    expect((await east.post('/api/v1/users', { name: 'x.y', roles: ['viewer'], zones: ['Z1', 'Z2'] })).status).toBe(403)
    expect((await east.ask('PUT', '/api/v1/users/east.viewer/rights', { roles: ['viewer'] })).body.code).toBe('ACCESS_BEYOND')
    expect((await east.post('/api/v1/tokens', { name: 'all', roles: ['viewer'] })).body.code).toBe('ACCESS_BEYOND')
    // A token of somebody counts as him where two are needed, and finds what he sent.
    const owned = async (owner: string) =>
      (await east.post('/api/v1/tokens', { name: `of.${owner}`, roles: ['viewer'], zones: ['Z1'], owner })).body.code
    expect([await owned('west.viewer'), await owned('nobody'), await owned('east.viewer')]).toEqual([
      'ACCESS_UNKNOWN',
      'ACCESS_UNKNOWN',
      undefined,
    ])
    expect((await east.post('/api/v1/users', { name: 'x.y', roles: ['viewer'], zones: ['Z1'] })).status).toBe(200)
  })

  it('makes tokens with roles, zones and an owner, and pages through them', async () => {
    const { admin, address, addUser, li } = await admins()
    await addUser(li)
    const made = await admin.post('/api/v1/tokens', {
      name: 'billing',
      roles: ['billing'],
      zones: ['Z2'],
      expiresAt: '2099-01-01T00:00:00Z',
    })
    expect(made.body.text).toMatch(/^gt_[\w-]{43}$/)
    const script = await admin.post('/api/v1/tokens', { name: 'script', roles: ['viewer'], owner: li })
    expect((await admin.post('/api/v1/tokens', { name: 'root', roles: ['secadm'] })).body.code).toBe('ACCESS_ROLES')
    expect((await admin.post('/api/v1/tokens', { name: 'billing', roles: ['viewer'] })).body.code).toBe('ACCESS_NAME')
    const as = (text: unknown) => ({ authorization: `Bearer ${text}` })
    const nobody = browser(address)
    expect((await nobody.get('/api/v1/me', as(made.body.text))).body).toMatchObject({
      kind: 'token',
      name: 'billing',
      zones: ['Z2'],
      session: null,
    })
    expect((await nobody.get('/api/v1/me', as(script.body.text))).status).toBe(200)
    expect((await nobody.post('/api/v1/logout', {}, as(script.body.text))).body.code).toBe('API_NOT_A_USER')

    const names: unknown[] = []
    for (let next: string | null | undefined = ''; next !== null && next !== undefined; ) {
      const page = await admin.get(`/api/v1/tokens?limit=1&valid=true${next === '' ? '' : `&cursor=${next}`}`)
      names.push(...(page.body.items ?? []).map(({ name }) => name))
      next = page.body.next
    }
    expect(names).toEqual(expect.arrayContaining(['billing', 'script']))
    expect(JSON.stringify((await admin.get('/api/v1/tokens')).body)).not.toContain('gt_')
    // It ends with its owner.
    await admin.post(`/api/v1/users/${li}/disable`)
    expect((await nobody.get('/api/v1/me', as(script.body.text))).status).toBe(401)
    expect((await admin.ask('DELETE', `/api/v1/tokens/${made.body.token?.id}`)).body.state).toBe('revoked')
    expect((await nobody.get('/api/v1/me', as(made.body.text))).status).toBe(401)
    expect((await admin.ask('DELETE', '/api/v1/tokens/t-0')).status).toBe(404)
  })
})

describe('somebody who has logged in', () => {
  const person = async () => {
    const files = filesOf(site.data)
    const names = named()
    await files.addUser(names.li, OPERATOR)
    const own = browser(site.address)
    await own.logIn(names.li)
    return { address: site.address, ...files, ...names, own }
  }

  it('logs out, and his cookie opens nothing any more', async () => {
    const { own, address, log, li } = await person()
    const stolen = own.jar.get('gridtally') ?? ''
    expect((await own.post('/api/v1/logout')).body).toEqual({ ended: 1 })
    expect(own.jar.has('gridtally')).toBe(false)
    expect(good(log.list({ limit: 1 }))).toMatchObject([{ what: 'logout', who: { kind: 'user', name: li }, from: '127.0.0.1' }])
    expect((await browser(address).get('/api/v1/me', { cookie: `gridtally=${stolen}` })).status).toBe(401)
  })

  it('changes his password with the present one; every other log-in ends', async () => {
    const { own, address, li } = await person()
    const other = browser(address)
    await other.logIn(li)
    const next = 'a brass kettle of rain'
    expect((await own.post('/api/v1/me/password', { password: 'not the one', next })).body.code).toBe('ACCESS_LOGIN')
    for (const worse of ['password1234', GOOD])
      expect((await own.post('/api/v1/me/password', { password: GOOD, next: worse })).body.code).toBe('ACCESS_PASSWORD')
    expect((await own.get('/api/v1/me')).status).toBe(200)
    expect((await own.post('/api/v1/me/password', { password: GOOD, next })).body).toMatchObject({ name: li })
    expect([(await own.get('/api/v1/me')).status, (await other.get('/api/v1/me')).status]).toEqual([200, 401])
    expect((await other.logIn(li, next)).status).toBe(200)
  })

  it('sees his log-ins and ends one of them, and none of others', async () => {
    const { own, address, addUser, li, wang: name } = await person()
    await addUser(name)
    const [second, wang] = [browser(address), browser(address)]
    await second.logIn(li)
    await wang.logIn(name)
    const { items = [] } = (await own.get('/api/v1/me/sessions')).body
    expect(items.map(({ isCurrent }) => isCurrent).sort()).toEqual([false, true])
    const id = items.find(({ isCurrent }) => !isCurrent)?.id
    expect((await wang.ask('DELETE', `/api/v1/me/sessions/${id}`)).status).toBe(404)
    expect((await own.ask('DELETE', `/api/v1/me/sessions/${id}`)).body).toEqual({ ended: 1 })
    expect([(await second.get('/api/v1/me')).status, (await own.get('/api/v1/me')).status]).toEqual([401, 200])
  })

  it('is not spoken for by a page of another site', async () => {
    const { own, address } = await person()
    const cookie = `gridtally=${own.jar.get('gridtally')}`
    for (const headers of [
      { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.example' },
      { origin: 'null' },
      {},
    ]) {
      const sent = { cookie, 'content-type': 'application/json', ...headers }
      const answer = await fetch(`${address}/api/v1/logout`, { method: 'POST', body: '{}', headers: sent })
      expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([403, null])
    }
    const preflight = await fetch(`${address}/api/v1/logout`, {
      ...{ method: 'OPTIONS', headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' } },
    })
    expect([preflight.ok, preflight.headers.get('access-control-allow-origin')]).toEqual([false, null])
    // Nobody is logged in under a name of somebody else's choice either.
    const forged = await own.post('/api/v1/login', { name: 'x', password: 'y' }, { 'sec-fetch-site': 'cross-site' })
    expect(forged.body.code).toBe('API_ORIGIN')
    expect((await own.get('/api/v1/me')).status).toBe(200)
  })
})

it('ends what streams within a second of a revocation, also by another process', async () => {
  const { address, data } = site
  const { tokens, users, addUser } = filesOf(data)
  const { li } = named()
  await addUser(li, OPERATOR)
  const { text } = good(tokens.add('wall', rights(), ACT, Date.now()))
  const own = browser(address)
  await own.logIn(li)
  let opened = 0
  const open = async (headers: Readonly<Record<string, string>>) => {
    const answer = await fetch(`${address}/api/v1/cases/stream`, { headers })
    expect(answer.status).toBe(200)
    opened++
    return answer.text()
  }
  const streams = [open({ authorization: `Bearer ${text}` }), open({ cookie: `gridtally=${own.jar.get('gridtally')}` })]
  await expect.poll(() => opened, soon).toBe(2)
  good(tokens.revoke('wall', ACT, Date.now()))
  good(users.disable(li, true, ACT, Date.now()))
  for (const ended of await Promise.all(streams)) expect(ended).toMatch(/event: end/)
  expect((await own.get('/api/v1/me')).status).toBe(401)
})

it('takes up a tokens.json, and what another process makes or revokes', async () => {
  const { text, hash } = makeToken()
  const { address, data } = await accessSite({}, ({ data }) =>
    writeFileSync(
      join(data, 'tokens.json'),
      JSON.stringify([{ id: 'own-1', name: 'scada', hash, permission: 'operate', expiresAt: null, revokedAt: null }]),
    ),
  )
  const nobody = browser(address)
  const status = async (shown: string) => (await nobody.get('/api/v1/points', { authorization: `Bearer ${shown}` })).status
  expect(await status(text)).toBe(200)
  const { tokens } = filesOf(data)
  const other = good(tokens.add('other', rights(), ACT, Date.now())).text
  await expect.poll(() => status(other), soon).toBe(200)
  good(tokens.revoke('scada', ACT, Date.now()))
  await expect.poll(() => status(text), soon).toBe(401)
  expect(await status(other)).toBe(200)
})

describe('the audit log', () => {
  const auditor = async (at: Awaited<ReturnType<typeof accessSite>>) => {
    const files = filesOf(at.data)
    await files.addUser('aud', { roles: ['auditor'] })
    const own = browser(at.address)
    await own.logIn('aud')
    return { ...at, ...files, own }
  }

  it('is read page by page, searched, and verified in a thread', async () => {
    const { own } = await auditor(site)
    const all: unknown[] = []
    for (let next: string | null | undefined = ''; next !== null && next !== undefined; ) {
      const page = await own.get(`/api/v1/audit?limit=20${next === '' ? '' : `&cursor=${next}`}`)
      all.push(...(page.body.items ?? []).map(({ seq }) => seq))
      next = page.body.next
    }
    expect(all).toEqual(Array.from({ length: all.length }, (_, at) => all.length - at))
    expect((await own.get('/api/v1/audit?what=login&who=aud')).body.items).toMatchObject([{ what: 'login', on: 'user:aud' }])
    expect((await own.get('/api/v1/audit?from=2099-01-01T00:00:00Z')).body.items).toEqual([])
    expect((await own.get('/api/v1/audit?cursor=x')).body.code).toBe('API_CURSOR')
    const head = (await own.get('/api/v1/audit/head')).body
    const verdict = await own.post('/api/v1/audit/verify', { anchors: [head.anchor] })
    expect(verdict.body).toMatchObject({ isWhole: true, faults: [], head: { anchor: head.anchor } })
    expect((await own.post('/api/v1/audit/verify', { anchors: ['x'] })).body.code).toBe('ACCESS_ANCHOR')
  })

  it('that was tampered with is said to be, with the place, and takes no further change', async () => {
    const { own, data, address } = await auditor(await accessSite())
    tamper(data, "UPDATE record SET text = replace(text, 'aud', 'eve') WHERE seq = 2")
    expect((await own.post('/api/v1/audit/verify', {})).body).toMatchObject({ isWhole: false, faults: [{ kind: 'edited', at: 2 }] })
    writeFileSync(join(data, 'audit.head'), readFileSync(join(data, 'audit.head'), 'utf8').replace(/"hash":"./, '"hash":"g'))
    const nobody = browser(address)
    expect(await nobody.logIn('aud')).toMatchObject({ status: 503, body: { code: 'AUDIT_BROKEN' } })
    expect((await nobody.get('/health/ready')).body).toMatchObject({ status: 'ready' })
  })
})
