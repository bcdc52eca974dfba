import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ALL_PERMISSIONS, mayDo, type Permission, type Principal, permissionsOf } from '../../src/access/index.ts'
import { buildApi } from '../../src/api/index.ts'
import { checkToken, hashToken, makeToken, principalOf } from '../../src/api/tokens.ts'
import { api, asReader, asRole, bearer, field, NOW, OPTIONS, ROLE_TOKENS, TOKENS } from './fake.ts'
import { FORMER_ROUTES } from './former-routes.ts'
import { type Needed, ROUTES } from './routes-table.ts'

interface Operation {
  readonly 'x-permission': string
  readonly 'x-also-permission'?: string
  readonly 'x-own'?: boolean
  readonly 'x-everywhere'?: boolean
}
type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>

/** What nobody is let in with. */
const STRANGERS = {
  none: undefined,
  wrong: makeToken().text,
  revoked: TOKENS.revoked.text,
  expired: TOKENS.expired.text,
  'other case': TOKENS.operate.text.toUpperCase(),
  truncated: TOKENS.operate.text.slice(0, -1),
} as const
/** Who is let in, and what he may. */
const KNOWN = { ...ROLE_TOKENS, read: TOKENS.read, operate: TOKENS.operate }

const words = (operation: Operation): string =>
  [
    operation['x-permission'],
    ...(operation['x-own'] ? ['own'] : []),
    ...(operation['x-also-permission'] ? [`with ${operation['x-also-permission']}`] : []),
    ...(operation['x-everywhere'] ? ['everywhere'] : []),
  ].join(' ')

const isPermission = (text: string): text is Permission => ALL_PERMISSIONS.some((each) => each === text)

/** What the committed table says, worked out once more and in another way than the guard does. */
const maySay = (needed: Needed, who: Principal): boolean => {
  const [permission = '', ...more] = needed.split(' ')
  if (permission === 'public' || permission === 'self') return true
  const has = new Set<string>(permissionsOf(who))
  if (more.includes('own') && has.has('own:read')) return true
  if (!isPermission(permission)) throw new Error(`${permission} is no permission`)
  if (more.includes('everywhere') && (who.zones !== null || who.customer !== null)) return false
  return has.has(permission) && (!more.includes('export') || has.has('export'))
}

/** Routes that go on telling until somebody leaves: asked in a way there is not, they end at once. */
const isEndless = (route: string): boolean => route.endsWith('/stream')
const isRoute = (text: string): text is keyof typeof ROUTES => Object.hasOwn(ROUTES, text)

/** One API and one document for all of the matrix: making them takes longer than asking. */
let shared: Awaited<ReturnType<typeof buildApi>>
beforeAll(async () => {
  shared = await buildApi(field().deps, { ...OPTIONS, rateLimit: false })
})
afterAll(() => shared.close())

const matrix = async () => {
  const app = shared
  const { paths }: { paths: Paths } = (await app.inject('/openapi.json')).json()
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => [`${method.toUpperCase()} ${path}`, words(operation)] as const),
  )
  expect(Object.fromEntries(operations)).toEqual(ROUTES)
  const ask = (route: string, text: string | undefined) => {
    const [method, path] = route.split(' ') as ['GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', string]
    return app.inject({
      method,
      url: path.replaceAll(/\{\w+\}/g, 'nobody') + (isEndless(route) ? '?nobody=1' : ''),
      headers: text === undefined ? {} : bearer(text),
    })
  }
  return { routes: operations.map(([route]) => route).filter(isRoute), ask }
}

// A test for each credential: all routes with all of them in one is long on a loaded machine.
it.each(Object.entries(STRANGERS))('every route in the OpenAPI document refuses a token that is %s', async (_, text) => {
  const { routes, ask } = await matrix()
  for (const route of routes) {
    const answer = await ask(route, text)
    if (ROUTES[route] === 'public') {
      expect(`${route}: ${answer.statusCode}`).toMatch(/: (200|400|404|422)$/)
      continue
    }
    expect(`${route}: ${answer.statusCode}`).toBe(`${route}: 401`)
    expect(answer.headers['www-authenticate']).toBe(`Bearer realm="gridtally"${text === undefined ? '' : ', error="invalid_token"'}`)
    expect(answer.json()).toMatchObject({ status: 401, code: text === undefined ? 'API_TOKEN_MISSING' : 'API_TOKEN_REFUSED' })
  }
})

it.each(Object.entries(KNOWN))('every route in the OpenAPI document lets %s do what the table says', async (_, { text, stored }) => {
  const { routes, ask } = await matrix()
  const who = principalOf(stored)
  for (const route of routes) {
    const answer = await ask(route, text)
    if (maySay(ROUTES[route], who)) expect(`${route}: ${answer.statusCode}`).toMatch(/: (200|400|404|422)$/)
    else {
      expect(`${route}: ${answer.statusCode}`).toBe(`${route}: 403`)
      expect(answer.headers['www-authenticate']).toContain('insufficient_scope')
      expect(answer.json().code).toMatch(/^API_(PERMISSION|EVERYWHERE)$/)
    }
  }
})

it('tokens of before open the routes they opened, and no others of that time', () => {
  for (const [route, before] of Object.entries(FORMER_ROUTES)) {
    if (!isRoute(route)) throw new Error(`${route} is gone`)
    const may = (['read', 'operate'] as const).filter((former) => maySay(ROUTES[route], principalOf(TOKENS[former].stored)))
    expect([route, may]).toEqual([route, before === 'operate' ? ['operate'] : ['read', 'operate']])
  }
})

it('who sees some zones only is refused what cannot be told apart by zones', async () => {
  const { app, tokens } = await api()
  const { text, hash } = makeToken()
  tokens.push({ ...ROLE_TOKENS.engineer.stored, id: 'north', name: 'north', hash, zones: ['N'] })
  const ask = async (url: string) => {
    const answer = await app.inject({ url, headers: bearer(text) })
    return [answer.statusCode, answer.json().code]
  }
  expect(await ask('/api/v1/outbox')).toEqual([403, 'API_EVERYWHERE'])
  expect(await ask('/api/v1/lines')).toEqual([200, undefined])
})

const withSession = async () => {
  const who: Principal = {
    ...{ kind: 'user', id: 'u-1', name: 'li.na', roles: ['engineer'], former: null, zones: null, customer: null, expiresAt: null },
  }
  const asked: boolean[] = []
  const world = await api({
    authenticate: ({ kind, text }, isUse) => {
      asked.push(isUse)
      return kind === 'cookie' && text === 'gs_1' ? who : null
    },
  })
  return { ...world, asked }
}

describe('a session', () => {
  it('is a cookie, and a token goes before it', async () => {
    const { app, asked } = await withSession()
    const ask = async (headers: Record<string, string>) => {
      const answer = await app.inject({ url: '/api/v1/lines', headers })
      return [answer.statusCode, answer.json().code]
    }
    expect(await ask({ cookie: 'a=b; gridtally=gs_1; c=d' })).toEqual([200, undefined])
    expect(asked).toEqual([true])
    expect(await ask({ cookie: 'gridtally=gs_2' })).toEqual([401, 'API_SESSION'])
    expect(await ask({ cookie: 'gridtally=' })).toEqual([401, 'API_TOKEN_MISSING'])
    expect(await ask({ cookie: 'gridtally-device=gs_1' })).toEqual([401, 'API_TOKEN_MISSING'])
    // The name for TLS is not taken where anybody on the way could have set it.
    expect(await ask({ cookie: '__Host-gridtally=gs_1' })).toEqual([401, 'API_TOKEN_MISSING'])
    expect(await ask({ cookie: 'gridtally=gs_1', authorization: 'Bearer gs_1' })).toEqual([401, 'API_TOKEN_REFUSED'])
  })

  const HOST = 'meters.example:8080'
  it.each([
    [{ 'sec-fetch-site': 'same-origin' }, true],
    [{ 'sec-fetch-site': 'same-site' }, false],
    [{ 'sec-fetch-site': 'cross-site' }, false],
    [{ 'sec-fetch-site': 'none' }, false],
    [{ 'sec-fetch-site': 'cross-site', origin: `http://${HOST}` }, false],
    [{ origin: `http://${HOST}` }, true],
    [{ origin: `https://${HOST}` }, false],
    [{ origin: 'http://evil.example' }, false],
    [{ origin: 'null' }, false],
    [{}, false],
  ])('acts only for pages of the gateway: %o', async (given, isTaken) => {
    const { app } = await withSession()
    const headers = { cookie: 'gridtally=gs_1', host: HOST, ...given }
    const answer = await app.inject({ method: 'POST', url: '/api/v1/lines/line-1/scan', headers, payload: {} })
    expect(answer.json().code === 'API_ORIGIN').toBe(!isTaken)
    expect(answer.statusCode === 403).toBe(!isTaken)
    // Looking needs no page of ours: another site cannot read the answer.
    expect((await app.inject({ url: '/api/v1/lines', headers })).statusCode).toBe(200)
  })

  it('needs no such header with a token', async () => {
    const { app } = await api()
    const answer = await app.inject({
      method: 'POST',
      url: '/api/v1/dead-letters/replay',
      headers: bearer(TOKENS.operate.text),
      payload: { all: true },
    })
    expect(answer.statusCode).not.toBe(403)
  })
})

it.each(['Basic cm9vdDpyb290', 'Bearer', 'bearer  ', TOKENS.read.text, `Token ${TOKENS.read.text}`])(
  'takes no %s',
  async (authorization) => {
    const { app } = await api()
    expect((await app.inject({ url: '/api/v1/lines', headers: { authorization } })).statusCode).toBe(401)
  },
)

it('takes no token in the address, where logs would keep it', async () => {
  const { app } = await api()
  expect((await app.inject(`/api/v1/lines?access_token=${TOKENS.read.text}`)).statusCode).toBe(401)
})

it('forgets a token at once when it is revoked', async () => {
  const { app, tokens } = await api()
  const ask = async () => (await app.inject({ url: '/api/v1/lines', headers: asReader })).statusCode
  expect(await ask()).toBe(200)
  tokens[0] = { ...tokens[0]!, revokedAt: NOW }
  expect(await ask()).toBe(401)
})

it('does not start with a route that declares no permission', async () => {
  const { deps } = field()
  const build = buildApi(deps, OPTIONS, (app) => {
    app.get('/api/v1/secret', async () => 'open')
  })
  await expect(build).rejects.toThrow('no permission declared for GET /api/v1/secret')
})

it('starts with the same route when it declares one', async () => {
  const { deps } = field()
  const app = await buildApi(deps, OPTIONS, (one) => {
    one.get('/api/v1/secret', { config: { permission: 'lines:read' } }, async () => 'open')
  })
  expect((await app.inject('/api/v1/secret')).statusCode).toBe(401)
  await app.close()
})

describe('tokens', () => {
  const one = TOKENS.operate

  it('are 32 random bytes and kept as their hash', () => {
    const { text, hash } = makeToken()
    expect(text).toMatch(/^gt_[A-Za-z0-9_-]{43}$/)
    expect(Buffer.from(text.slice(3), 'base64url')).toHaveLength(32)
    expect([hash, hash.length]).toEqual([hashToken(text), 64])
    expect(makeToken().text).not.toBe(text)
  })

  it.each([
    ['the right text', one.text, one.stored.id],
    ['nothing', '', null],
    ['its own hash', one.stored.hash, null],
    ['another case', one.text.toLowerCase(), null],
    ['a longer one', `${one.text}A`, null],
    ['a shorter one', one.text.slice(0, -1), null],
    ['a foreign one', makeToken().text, null],
  ])('know %s', (_, text, id) => expect(checkToken(text, [TOKENS.read.stored, one.stored], NOW)?.id ?? null).toBe(id))

  it.each([
    [{ revokedAt: NOW }, null],
    [{ revokedAt: NOW + 1 }, 'operator'],
    [{ expiresAt: NOW }, null],
    [{ expiresAt: NOW + 1 }, 'operator'],
    [{ hash: 'ab' }, null],
    [{ hash: '' }, null],
  ])('hold with %o', (change, id) => expect(checkToken(one.text, [{ ...one.stored, ...change }], NOW)?.id ?? null).toBe(id))

  it('with roles do what these may, and nothing more', () => {
    const billing = principalOf({ ...one.stored, roles: ['billing'] })
    expect([mayDo(billing, 'billing:release'), mayDo(billing, 'writes:meters')]).toEqual([true, false])
  })

  it('are refused a route by name', async () => {
    const { app } = await api()
    const answer = await app.inject({ url: '/api/v1/rules', headers: asRole('billing') })
    expect(answer.json()).toMatchObject({ status: 403, detail: 'the token "as-billing" may not do this: it needs rules:read' })
  })
})
