import { describe, expect, it } from 'vitest'
import { buildApi } from '../../src/api/index.ts'
import { checkToken, hashToken, makeToken, permits } from '../../src/api/tokens.ts'
import { api, asReader, bearer, field, NOW, OPTIONS, TOKENS } from './fake.ts'
import { ROUTES } from './routes-table.ts'

interface Operation {
  readonly 'x-permission': 'public' | 'read' | 'operate'
}
type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>

const CREDENTIALS = {
  none: undefined,
  wrong: makeToken().text,
  revoked: TOKENS.revoked.text,
  expired: TOKENS.expired.text,
  'other case': TOKENS.operate.text.toUpperCase(),
  truncated: TOKENS.operate.text.slice(0, -1),
  read: TOKENS.read.text,
  operate: TOKENS.operate.text,
} as const
type Credential = keyof typeof CREDENTIALS

/** What each permission answers to each credential; null = whatever the route itself says. */
const refusedAs = (needed: Operation['x-permission'], credential: Credential): number | null => {
  if (needed === 'public' || credential === 'operate') return null
  if (credential === 'read') return needed === 'read' ? null : 403
  return 401
}

/** Routes that go on telling until somebody leaves: asked for what there is not, they end at once. */
const ENDLESS: Readonly<Record<string, string>> = { 'GET /api/v1/cases/stream': '?after=nobody' }

// A test for each credential: all routes with all of them in one is long on a loaded machine.
it.each(Object.keys(CREDENTIALS) as Credential[])(
  'holds the matrix of every route in the OpenAPI document, credential: %s',
  async (credential) => {
    const { app } = await api({}, { rateLimit: false })
    const { paths }: { paths: Paths } = (await app.inject('/openapi.json')).json()
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => [`${method.toUpperCase()} ${path}`, operation['x-permission']] as const),
    )
    expect(Object.fromEntries(operations)).toEqual(ROUTES)
    const text = CREDENTIALS[credential]
    for (const [route, needed] of operations) {
      const [method, path] = route.split(' ') as ['GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', string]
      // A line that is unknown keeps the trace from running on; guarding comes first anyway.
      const answer = await app.inject({
        method,
        url: path.replaceAll(/\{\w+\}/g, 'nobody') + (ENDLESS[route] ?? ''),
        headers: text === undefined ? {} : bearer(text),
      })
      const refused = refusedAs(needed, credential)
      const seen = `${route} with ${credential}: ${answer.statusCode}`
      if (refused === null) expect(seen).toMatch(/: (200|400|404)$/)
      else expect(seen).toBe(`${route} with ${credential}: ${refused}`)
      if (refused === 401) {
        expect(answer.headers['www-authenticate']).toBe(`Bearer realm="gridtally"${text === undefined ? '' : ', error="invalid_token"'}`)
        expect(answer.json()).toMatchObject({ status: 401, code: text === undefined ? 'API_TOKEN_MISSING' : 'API_TOKEN_REFUSED' })
      }
      if (refused === 403) {
        expect(answer.headers['www-authenticate']).toContain('insufficient_scope')
        expect(answer.json()).toMatchObject({ status: 403, code: 'API_PERMISSION' })
      }
    }
  },
)

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
    one.get('/api/v1/secret', { config: { permission: 'read' } }, async () => 'open')
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

  it('read may read, operate may both', () => {
    expect([permits(TOKENS.read.stored, 'read'), permits(TOKENS.read.stored, 'operate')]).toEqual([true, false])
    expect([permits(one.stored, 'read'), permits(one.stored, 'operate')]).toEqual([true, true])
  })
})
