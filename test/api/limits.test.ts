import { readdirSync, readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ApiDeps, type ApiOptions, buildApi, listenApi } from '../../src/api/index.ts'
import { api, asOperator, asReader, dayOf, fail, field, OPTIONS } from './fake.ts'

const listening = async (change: Partial<ApiDeps> = {}, options: Partial<ApiOptions> = {}) => {
  const world = await api(change, options)
  const address = await listenApi(world.app, OPTIONS)
  const { hostname, port } = new URL(address)
  return { ...world, address, hostname, port: Number(port) }
}

/** Writes raw bytes and gives everything that came until the server closed the connection. */
const raw = (port: number, text: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    let heard = ''
    socket.setEncoding('latin1').on('data', (more) => {
      heard += more
    })
    socket.on('close', () => resolve(heard))
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' || error.code === 'EPIPE' ? resolve(heard) : reject(error),
    )
  })

const problemIn = (answer: string) => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))
const post = '/api/v1/dead-letters/replay'
const json = { ...asOperator, 'content-type': 'application/json' }

describe('over the wire', () => {
  it('gives up on a body that comes too slowly', async () => {
    const { port } = await listening({}, { requestTimeoutMs: 300 })
    const answer = await raw(
      port,
      `POST ${post} HTTP/1.1\r\nhost: x\r\nauthorization: ${asOperator.authorization}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{`,
    )
    expect(answer).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/)
    expect(problemIn(answer)).toMatchObject({ status: 408, code: 'API_SLOW', hint: expect.stringMatching(/./) })
  })

  it('gives up on headers that come too slowly', async () => {
    const { port } = await listening({}, { requestTimeoutMs: 300 })
    expect(await raw(port, 'GET /health/live HTTP/1.1\r\nhost: x\r\nx-a: ')).toMatch(/^HTTP\/1\.1 408 /)
  })

  it('refuses more header than 16 KiB', async () => {
    const { port } = await listening()
    const answer = await raw(port, `GET /health/live HTTP/1.1\r\nhost: x\r\nx-a: ${'a'.repeat(50_000)}\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1\.1 431 /)
    expect(problemIn(answer)).toMatchObject({ status: 431, code: 'API_HEADER_SIZE' })
  })

  it.each([
    ['no HTTP', 'hello\r\n\r\n'],
    ['two lengths', 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello'],
    ['a length and chunks', 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a blank before the colon', 'GET / HTTP/1.1\r\nhost: x\r\nx-a : b\r\n\r\n'],
    ['a bare line feed in a chunk', 'POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\nhello\n0\n\n'],
    ['a wrong chunk size', 'POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\nhello\r\n0\r\n\r\n'],
  ])('refuses and closes on %s', async (_, text) => {
    const { port } = await listening()
    const answer = await raw(port, text)
    expect(answer).toMatch(/HTTP\/1\.1 4\d\d /)
    expect(problemIn(answer)).toMatchObject({ code: expect.stringMatching(/^API_(REQUEST|ROUTE|METHOD)$/) })
  })

  it('takes no more connections than allowed', async () => {
    const { port, app } = await listening({}, { maxConnections: 3 })
    const open = await Promise.all(
      Array.from(
        { length: 3 },
        () =>
          new Promise<ReturnType<typeof connect>>((resolve) => {
            const socket = connect(port, '127.0.0.1', () => resolve(socket))
          }),
      ),
    )
    // The server has to have seen the three before the fourth knocks.
    await new Promise<void>((resolve) => app.server.getConnections(() => resolve()))
    expect(await raw(port, 'GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')).toBe('')
    for (const socket of open) socket.destroy()
  })

  it('tells a reading that nobody waits any more', async () => {
    let begun = () => {}
    const started = new Promise<void>((resolve) => {
      begun = resolve
    })
    let aborted: Promise<void> | undefined
    const { address } = await listening({
      readNow: (_point, _request, signal) => {
        aborted = new Promise((resolve) => signal.addEventListener('abort', () => resolve()))
        begun()
        return new Promise(() => {})
      },
    })
    const gone = new AbortController()
    const asked = fetch(`${address}/api/v1/points/P-001/read-now`, { method: 'POST', headers: json, body: '{}', signal: gone.signal })
    await started
    gone.abort()
    await expect(asked).rejects.toThrow()
    await aborted
  })

  it('lets a reading take its time: the signal holds while the client waits', async () => {
    const seen: boolean[] = []
    const { address } = await listening({
      readNow: async (_point, _request, signal) => {
        for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
        seen.push(signal.aborted)
        return { ok: true, value: { readings: [], frames: [], tookMs: 1 } }
      },
    })
    const answer = await fetch(`${address}/api/v1/points/P-001/read-now`, { method: 'POST', headers: json, body: '{}' })
    expect([answer.status, seen]).toEqual([200, [false]])
  })
})

describe('bodies', () => {
  it.each([
    ['2 MB', JSON.stringify({ ids: [1], pad: 'a'.repeat(2_000_000) }), 413, 'API_BODY_SIZE'],
    ['__proto__', '{"__proto__":{"a":1},"ids":[1]}', 400, 'API_JSON'],
    ['constructor.prototype', '{"constructor":{"prototype":{}},"ids":[1]}', 400, 'API_JSON'],
    ['400,000 brackets', '['.repeat(400_000), 400, 'API_JSON'],
    ['half a document', '{"ids":[1', 400, 'API_JSON'],
    ['nothing', '', 400, 'API_JSON'],
  ])('of %s', async (_, payload, status, code) => {
    const { app } = await api()
    const answer = await app.inject({ method: 'POST', url: post, headers: json, payload })
    expect([answer.statusCode, answer.json().code]).toEqual([status, code])
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8')
  })

  it.each([
    'text/plain',
    'application/json; charset=latin1',
    'application/json, text/plain',
    'application/json;x=y',
    'application/jsonx',
    ' text/json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json\ttext/plain',
    'application/json; charset=utf-8; a=b',
  ])('are not taken as %j', async (type) => {
    const { app } = await api()
    const answer = await app.inject({
      method: 'POST',
      url: post,
      headers: { ...asOperator, 'content-type': type },
      payload: '{"all":true}',
    })
    expect([answer.statusCode, answer.json().code]).toEqual([415, 'API_CONTENT_TYPE'])
  })

  it.each(['application/json', 'Application/JSON', 'application/json; charset=utf-8', 'application/json;charset="UTF-8"'])(
    'are taken as %s',
    async (type) => {
      const { app } = await api()
      const answer = await app.inject({
        method: 'POST',
        url: post,
        headers: { ...asOperator, 'content-type': type },
        payload: '{"all":true}',
      })
      expect(answer.statusCode).toBe(200)
    },
  )

  it('that nest without end are refused before anything looks at them', async () => {
    const { app } = await api()
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
    for (const [url, payload] of [
      [post, deep],
      ['/api/v1/login', deep],
      ['/api/v1/login', `{"name":${deep},"password":"x"}`],
    ] as const) {
      const answer = await app.inject({ method: 'POST', url, headers: json, payload })
      expect(answer.json()).toMatchObject({ status: 400, code: 'API_JSON', detail: 'the body nests deeper than 64 levels' })
    }
    const text = await app.inject({
      method: 'POST',
      url: '/api/v1/login',
      headers: json,
      payload: JSON.stringify({ name: '[{"'.repeat(50), password: 'x' }),
    })
    expect(text.json().code).not.toBe('API_JSON')
  })

  it('without a type are not taken', async () => {
    const { app } = await api()
    const answer = await app.inject({ method: 'POST', url: post, headers: asOperator, payload: '{"all":true}' })
    expect(answer.statusCode).toBeGreaterThanOrEqual(400)
  })
})

describe('paths and methods', () => {
  it('refuses an id of 500 characters', async () => {
    const { app } = await api()
    const answer = await app.inject({ url: `/api/v1/points/${'a'.repeat(500)}`, headers: asReader })
    expect([answer.statusCode, answer.json().code]).toEqual([414, 'API_URL_SIZE'])
  })

  it.each(['/', '/api', '/api/v1', '/api/v1/nothing', '/health', '/api/v1/points/'])('has nothing at %s', async (url) => {
    const { app } = await api()
    const answer = await app.inject({ url, headers: asReader })
    expect(answer.statusCode).toBeGreaterThanOrEqual(400)
    expect(answer.statusCode).toBeLessThan(405)
    expect(answer.json()).toMatchObject({
      code: expect.stringMatching(/^API_/),
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      instance: url,
    })
  })

  it.each([
    ['DELETE', '/api/v1/points', 'GET, HEAD'],
    ['PUT', '/api/v1/points/P-001/read-now', 'POST'],
    ['GET', '/api/v1/points/P-001/read-now', 'POST'],
    ['OPTIONS', '/api/v1/lines', 'GET, HEAD'],
    ['POST', '/health/live', 'GET, HEAD'],
    ['QUERY', '/api/v1/lines', 'GET, HEAD'],
  ] as const)('says which method is right instead of %s %s', async (method, url, allow) => {
    const { app } = await api()
    const answer = await app.inject({ method, url, headers: asOperator })
    expect([answer.statusCode, answer.json().code]).toEqual([405, 'API_METHOD'])
    expect(new Set(String(answer.headers.allow).split(', '))).toEqual(new Set(allow.split(', ')))
  })

  it('says so before it looks at what was sent', async () => {
    const { app } = await api()
    const sent = {
      method: 'PUT',
      url: '/api/v1/lines',
      headers: { ...asOperator, 'content-type': 'text/x-nothing' },
      payload: 'x',
    } as const
    expect((await app.inject(sent)).statusCode).toBe(405)
    expect((await app.inject({ ...sent, url: '/api/v1/nothing' })).statusCode).toBe(404)
  })

  const pieces = [
    '..',
    '.',
    '%2e%2e',
    '%2e',
    '%252e%252e',
    '%5c',
    '\\',
    '%00',
    '%2f',
    '//',
    '/',
    'etc',
    'passwd',
    'package.json',
    '%c0%ae',
    'static',
    'index.html',
    'C:',
    'con',
    '~',
    '%ff',
    'node_modules',
    'csp.json',
    '....//',
    '%u002e',
    'file:',
    'proc',
    'self',
    'environ',
  ]
  it('never leaves the served set, whatever the path', async () => {
    const { app, hostname, port } = await listening({}, { rateLimit: false })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    // Not fetch and not inject: both tidy a path up before it leaves.
    const ask = (path: string) =>
      new Promise<{ status: number; payload: string }>((resolve, reject) => {
        const asked = request({ agent, hostname, port, path }, (answer) => {
          let payload = ''
          answer.setEncoding('utf8').on('data', (more) => {
            payload += more
          })
          answer.on('end', () => resolve({ status: answer.statusCode ?? 0, payload }))
        })
        asked.on('error', reject).end()
      })
    const served = new Set<string>()
    for (const page of ['/docs', '/docs/', '/docs/json', '/docs/yaml', '/openapi.json', '/docs/static/swagger-initializer.js'])
      served.add((await app.inject(page)).payload)
    const folder = fileURLToPath(new URL('../../node_modules/@fastify/swagger-ui/static/', import.meta.url))
    for (const file of readdirSync(folder)) served.add(readFileSync(join(folder, file), 'utf8'))
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('/docs/', '/docs/static/', '/api/v1/points/', '/api/v1/lines/', '/'),
        fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 8 }),
        async (prefix, parts) => {
          const { status, payload } = await ask(`${prefix}${parts.join('/')}`)
          expect([200, 302, 400, 401, 404, 405, 414]).toContain(status)
          expect(payload).not.toMatch(/root:x|"dependencies"|NODE_/)
          if (status === 200) expect(served.has(payload)).toBe(true)
        },
      ),
      { numRuns: 2_000 },
    )
    agent.destroy()
  })
})

describe('load', () => {
  it('refuses the request too much and says when to come back, but always answers health', async () => {
    const { app } = await api({}, { rateLimit: { max: 3, windowMs: 60_000 } })
    const ask = (url: string) => app.inject({ url, headers: asReader })
    for (let turn = 0; turn < 3; turn++) expect((await ask('/api/v1/lines')).statusCode).toBe(200)
    const refused = await ask('/api/v1/lines')
    expect([refused.statusCode, refused.json().code, refused.headers['content-type']]).toEqual([
      429,
      'API_RATE',
      'application/problem+json; charset=utf-8',
    ])
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    expect((await ask('/health/ready')).statusCode).toBe(200)
  })

  it('counts refused tokens and unknown routes too', async () => {
    const { app } = await api({}, { rateLimit: { max: 4, windowMs: 60_000 } })
    const statuses: number[] = []
    for (const url of ['/api/v1/lines', '/none', '/api/v1/lines', '/none', '/api/v1/lines', '/none'])
      statuses.push((await app.inject(url)).statusCode)
    expect(statuses).toEqual([401, 404, 401, 404, 429, 429])
  })

  it('believes a proxy only where the configuration names it', async () => {
    const statuses = async (options: Partial<ApiOptions>) => {
      const { app } = await api({}, { rateLimit: { max: 1, windowMs: 60_000 }, ...options })
      const ask = (from: string) => app.inject({ url: '/api/v1/lines', headers: { ...asReader, 'x-forwarded-for': from } })
      return [(await ask('10.0.0.1')).statusCode, (await ask('10.0.0.2')).statusCode]
    }
    expect(await statuses({})).toEqual([200, 429])
    expect(await statuses({ trustProxy: ['127.0.0.1'] })).toEqual([200, 200])
  })

  it('sheds load while the process cannot keep up, but never health', async () => {
    const { app } = await api({}, { maxEventLoopDelayMs: 100 })
    const ask = () => app.inject({ url: '/api/v1/lines', headers: asReader })
    let answer = await ask()
    for (let turn = 0; turn < 20 && answer.statusCode === 200; turn++) {
      const until = performance.now() + 300
      while (performance.now() < until);
      await new Promise((resolve) => setImmediate(resolve))
      answer = await ask()
    }
    expect([answer.statusCode, answer.json().code, answer.headers['retry-after']]).toEqual([503, 'API_BUSY', '5'])
    expect((await app.inject('/health/live')).statusCode).toBe(200)
  })
})

it('says that it is stopping to whoever still asks', async () => {
  const { deps } = field()
  const heard: unknown[] = []
  let address = ''
  const app = await buildApi(deps, OPTIONS, (one) => {
    one.addHook('preClose', async () => {
      const answer = await fetch(`${address}/health/live`)
      heard.push(answer.status, answer.headers.get('connection'), await answer.json())
    })
  })
  address = await listenApi(app, OPTIONS)
  await app.close()
  expect(heard).toEqual([503, 'close', expect.objectContaining({ code: 'API_CLOSING' })])
})

describe('an error of ours', () => {
  it('gives a number to look for and no word of the inside', async () => {
    const logged: unknown[] = []
    const { app } = await api(
      {
        lines: () => {
          throw new Error('secret path /var/lib')
        },
      },
      { log: { error: (context, message) => logged.push([context, message]) } },
    )
    const answer = await app.inject({ url: '/api/v1/lines', headers: asReader })
    expect([answer.statusCode, answer.json().code]).toEqual([500, 'API_INTERNAL'])
    expect(answer.payload).not.toMatch(/secret|at .*\.ts/)
    expect(logged).toEqual([[expect.objectContaining({ requestId: answer.json().requestId, route: '/api/v1/lines' }), 'request failed']])
  })

  it.each([
    ['GET', '/api/v1/outbox', { outbox: () => new Promise<never>(() => {}) }],
    ['GET', '/api/v1/points/P-001/readings', { range: () => new Promise<never>(() => {}) }],
    ['POST', '/api/v1/dead-letters/replay', { replay: () => new Promise<never>(() => {}) }],
  ] as const)('is no endless wait: %s %s', async (method, url, change) => {
    const { app } = await api(change, { answerTimeoutMs: 50 })
    const answer = await app.inject({ method, url, headers: json, ...(method === 'POST' ? { payload: '{"all":true}' } : {}) })
    expect([answer.statusCode, answer.json().code]).toEqual([503, 'API_LATE'])
  })

  it('breaks a CSV off, so that half is never taken for all', async () => {
    const { address } = await listening({
      range: async ({ cursor }) =>
        cursor === undefined ? { ok: true, value: { readings: dayOf('P-001'), next: '1' } } : fail('STORE_CLOSED', 'disk full'),
    })
    const answer = await fetch(`${address}/api/v1/points/P-001/readings?format=csv`, { headers: asReader })
    expect(answer.status).toBe(200)
    await expect(answer.text()).rejects.toThrow()
  })
})

it('sends the headers browsers need', async () => {
  const { app } = await api()
  const { headers } = await app.inject({ url: '/api/v1/lines', headers: asReader })
  expect(headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
  })
  expect(headers['content-security-policy']).toContain("script-src 'self';")
  expect(headers['content-security-policy']).toContain("frame-ancestors 'none'")
  expect(headers).not.toHaveProperty('access-control-allow-origin')
  expect(headers).not.toHaveProperty('x-powered-by')
})
