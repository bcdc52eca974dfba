import { once } from 'node:events'
import * as http from 'node:http'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { freePort } from '../../simulators/free-port.ts'
import { type InfluxOptions, openInfluxStore } from '../../src/store/influx/index.ts'
import { batchOf, poisonShape, readingOf, START } from '../support/influx-readings.ts'

interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: http.IncomingHttpHeaders
  readonly lines: string[]
}
type Respond = (response: http.ServerResponse, seen: Seen) => void

/** Where an answer is to come, on whatever machine, and where none comes. */
const TIMEOUT = 30_000
const SOON = 250
const deadlineFor = (code: string | null) => ({ timeoutMs: code?.includes('TIMEOUT') ? SOON : TIMEOUT })

/** A server that answers every write as it is told, and /ping like an honest one. */
const fakeServer = async (respond: Respond) => {
  const seen: Seen[] = []
  const state = { respond }
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('error', () => {})
    request.on('end', () => {
      if (request.url?.endsWith('/ping')) return response.writeHead(204, { 'x-influxdb-version': 'fake' }).end()
      if (request.url?.includes('SHOW%20DIAGNOSTICS')) return response.end('{"results":[{"error":"forbidden"}]}')
      const body = Buffer.concat(chunks)
      const plain = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
      const one = {
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        lines: plain.toString().split('\n').slice(0, -1),
      }
      seen.push(one)
      state.respond(response, one)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${address.port}`, seen, state, server }
}

const openSink = async (url: string, more: Partial<InfluxOptions> = {}, now?: () => number) => {
  const opened = await openInfluxStore(
    { url, version: 'v1', timeoutMs: TIMEOUT, ...(more.version === 'v2' ? {} : { database: 'd' }), ...more },
    now,
  )
  if (!opened.ok) throw new Error(opened.error.message)
  onTestFinished(() => opened.value.close())
  return opened.value
}

const status =
  (code: number, body: string = '', headers: http.OutgoingHttpHeaders = { 'content-type': 'application/json' }): Respond =>
  (response) =>
    response.writeHead(code, headers).end(body)
const influxError = (words: string) => JSON.stringify({ error: words })

describe('answers of a server', () => {
  it.each<[string, Respond, string, string | null, number | null]>([
    ['204', status(204), 'stored', null, null],
    ['200 without a body, from nobody knows whom', status(200), 'later', 'INFLUX_NOT_INFLUX', null],
    ['200 with JSON, from nobody knows whom', status(200, '{}'), 'later', 'INFLUX_NOT_INFLUX', null],
    ['200 of a server that says it is InfluxDB', status(200, '', { 'x-influxdb-version': '3.0.0' }), 'stored', null, null],
    ['200 with an error in JSON', status(200, influxError('no')), 'later', 'INFLUX_NOT_INFLUX', null],
    ['200 with a page', status(200, '<html>welcome</html>', { 'content-type': 'text/html' }), 'later', 'INFLUX_NOT_INFLUX', null],
    ['a redirect', status(302, '', { location: 'https://elsewhere/' }), 'stop', 'INFLUX_REDIRECT', null],
    ['400 of a proxy', status(400, '<html>bad request</html>', { 'content-type': 'text/html' }), 'later', 'INFLUX_NOT_INFLUX', null],
    ['400 about the request', status(400, influxError('database is required')), 'stop', 'INFLUX_ENDPOINT', null],
    ['400 nobody has heard of, to everything', status(400, influxError('the moon is full')), 'stop', 'INFLUX_ENDPOINT', null],
    ['401', status(401, influxError('authorization failed')), 'stop', 'INFLUX_AUTH', null],
    ['403', status(403, influxError('"u" user is not authorized')), 'stop', 'INFLUX_AUTH', null],
    ['404, no such database', status(404, influxError('database not found: "d"')), 'stop', 'INFLUX_DATABASE', null],
    ['404, no such path', status(404, '404 page not found', {}), 'stop', 'INFLUX_ENDPOINT', null],
    ['500, no such policy', status(500, influxError('retention policy not found: x')), 'stop', 'INFLUX_DATABASE', null],
    [
      '400, too many series',
      status(400, influxError('partial write: max-series-per-database limit exceeded: (5) dropped=3')),
      'stop',
      'INFLUX_LIMIT',
      null,
    ],
    ['429 with seconds', status(429, '', { 'retry-after': '7' }), 'later', 'INFLUX_BUSY', 7000],
    ['503 with seconds', status(503, '', { 'retry-after': '7' }), 'later', 'INFLUX_BUSY', 7000],
    ['503 with a date', status(503, '', { 'retry-after': new Date(START + 90_000).toUTCString() }), 'later', 'INFLUX_BUSY', 90_000],
    ['503 with a date gone by', status(503, '', { 'retry-after': new Date(START - 90_000).toUTCString() }), 'later', 'INFLUX_BUSY', 0],
    ['503 with a year', status(503, '', { 'retry-after': '31536000' }), 'later', 'INFLUX_BUSY', 3_600_000],
    ['503 with nonsense', status(503, '', { 'retry-after': 'soon' }), 'later', 'INFLUX_BUSY', null],
    ['500', status(500, influxError('timeout')), 'later', 'INFLUX_SERVER', null],
    ['502', status(502, '<html>bad gateway</html>'), 'later', 'INFLUX_SERVER', null],
    ['504', status(504), 'later', 'INFLUX_SERVER', null],
    ['no answer within the deadline', () => {}, 'later', 'INFLUX_TIMEOUT', null],
    [
      'a head and then nothing',
      (response) => void response.writeHead(400, { 'content-length': 100 }).flushHeaders(),
      'later',
      'INFLUX_TIMEOUT',
      null,
    ],
    [
      'a body that never ends',
      (response) => {
        const drip = setInterval(() => response.write('x'), 20)
        response.on('close', () => clearInterval(drip))
        response.writeHead(500)
      },
      'later',
      'INFLUX_TIMEOUT',
      null,
    ],
    [
      'an answer cut in the middle',
      (response) => {
        response.writeHead(400, { 'content-length': 1000 })
        response.write('{"error":"partial', () => response.destroy())
      },
      'later',
      'INFLUX_CUT',
      null,
    ],
    ['a reset instead of an answer', (response) => void response.socket?.resetAndDestroy(), 'later', 'INFLUX_NETWORK', null],
    ['no HTTP at all', (response) => void response.socket?.end('MQTT\r\n\r\n'), 'later', 'INFLUX_NETWORK', null],
  ])('%s', async (_, respond, kind, code, waitMs) => {
    const server = await fakeServer(respond)
    const sink = await openSink(server.url, deadlineFor(code), () => START)
    const answer = await sink.write(batchOf(20))
    expect(answer.kind).toBe(kind)
    if (answer.kind !== 'stored') expect(answer.error.code).toBe(code)
    if (answer.kind === 'later') expect(answer.waitMs).toBe(waitMs)
    expect(sink.stats().state).toBe({ stored: 'up', later: 'down', stop: 'stopped' }[kind])
    expect(server.seen.length).toBeLessThanOrEqual(16)
  })

  it('ends at its deadline, and hears nothing of a 204 that comes later', async () => {
    const held: http.ServerResponse[] = []
    const server = await fakeServer((response) => held.push(response))
    const sink = await openSink(server.url, { timeoutMs: SOON })
    const answer = await sink.write([readingOf('m', START)])
    expect(answer).toMatchObject({ kind: 'later', error: { code: 'INFLUX_TIMEOUT' } })
    for (const response of held) response.writeHead(204).end()
    server.state.respond = status(204)
    // Once, unless the machine stands still for as long as the deadline.
    await expect.poll(() => sink.write([readingOf('m', START)])).toEqual({ kind: 'stored', dead: [] })
    expect(server.seen.length).toBeGreaterThan(1)
    for (const { lines } of server.seen) expect(lines).toEqual(server.seen[0]!.lines)
  })

  it('says down, not failed, when nobody listens', async () => {
    const sink = await openSink(`http://127.0.0.1:${await freePort()}`, { createDatabase: true })
    expect(sink.stats()).toMatchObject({ state: 'down', lastError: { code: 'INFLUX_NETWORK' } })
    expect(await sink.write(batchOf(3))).toMatchObject({ kind: 'later', error: { code: 'INFLUX_NETWORK', recovery: 'wait' } })
    expect(await sink.ping()).toMatchObject({ ok: false, error: { code: 'INFLUX_NETWORK' } })
  })

  it('does not read an endless error text', async () => {
    let sent = 0
    const server = await fakeServer((response) => {
      response.writeHead(500, { 'content-type': 'text/plain' })
      const chunk = Buffer.alloc(65_536, 'x')
      const pump = () => {
        while (!response.destroyed && sent < 200 * 2 ** 20) {
          sent += chunk.length
          if (!response.write(chunk)) return void response.once('drain', pump)
        }
      }
      pump()
    })
    const sink = await openSink(server.url)
    const answer = await sink.write([readingOf('m', START)])
    expect(answer).toMatchObject({ kind: 'later', error: { code: 'INFLUX_SERVER' } })
    if (answer.kind === 'later') expect(answer.error.message.length).toBeLessThan(600)
    expect(sent).toBeLessThan(32 * 2 ** 20)
  })

  it('repeats a request at once when a kept connection turns out to be closed', async () => {
    const server = await fakeServer(status(204))
    const sink = await openSink(server.url)
    for (let round = 0; round < 20; round++) {
      expect(await sink.write([readingOf('m', START)])).toEqual({ kind: 'stored', dead: [] })
      server.server.closeIdleConnections()
    }
  })

  it('closes while a write is under way: later, not lost', async () => {
    const server = await fakeServer(() => void sink.close())
    const sink = await openSink(server.url)
    expect(await sink.write([readingOf('m', START)])).toMatchObject({ kind: 'later', error: { code: 'INFLUX_CLOSED' } })
  })
})

describe('a request too large', () => {
  it('is halved until it fits, and later ones start small', async () => {
    const server = await fakeServer((response, { lines }) =>
      status(lines.length > 600 ? 413 : 204, influxError('Request Entity Too Large'))(response, server.seen[0]!),
    )
    const sink = await openSink(server.url)
    const readings = batchOf(5000)
    expect(await sink.write(readings)).toEqual({ kind: 'stored', dead: [] })
    const taken = server.seen.filter(({ lines }) => lines.length <= 600)
    expect(taken.flatMap(({ lines }) => lines)).toHaveLength(5000)
    for (let round = 0; round < 4; round++) await sink.write(readings)
    const before = server.seen.length
    await sink.write(readings)
    expect(server.seen.slice(before).every(({ lines }) => lines.length <= 600)).toBe(true)
  })

  it('of one row is a dead letter', async () => {
    const server = await fakeServer((response, { lines }) =>
      status(lines.some((line) => line.includes('meter=m3,')) ? 413 : 204, influxError('too large'))(response, server.seen[0]!),
    )
    const sink = await openSink(server.url)
    expect(await sink.write(batchOf(20))).toEqual({
      kind: 'stored',
      dead: [{ index: 3, error: expect.objectContaining({ code: 'INFLUX_TOO_LARGE' }) }],
    })
  })
})

describe('poison', () => {
  /** A server that refuses whole requests with a bad row in them and gives no hint which. */
  const picky =
    (bad: ReadonlySet<string>, stored: Set<string>): Respond =>
    (response, { lines }) => {
      if (lines.some((line) => bad.has(line)))
        return status(400, influxError(`unable to parse: ${lines.find((line) => bad.has(line))}`))(response, {
          method: '',
          url: '',
          headers: {},
          lines,
        })
      for (const line of lines) stored.add(line)
      status(204)(response, { method: '', url: '', headers: {}, lines })
    }
  const meterOf = (line: string) => Number(/meter=m(\d+),/.exec(line)![1])

  it('is found by halving: all others stored, at most 14 requests for one culprit among 5,000', async () => {
    for (const culprit of [0, 1, 2499, 2500, 4095, 4999]) {
      const server = await fakeServer(status(204))
      const sink = await openSink(server.url)
      const readings = batchOf(5000)
      await sink.write(readings)
      const lines = server.seen.flatMap((one) => one.lines)
      const bad = new Set(lines.filter((line) => meterOf(line) === culprit))
      const stored = new Set<string>()
      const before = server.seen.length
      server.state.respond = picky(bad, stored)
      const answer = await sink.write(readings)
      expect(answer).toEqual({ kind: 'stored', dead: [{ index: culprit, error: expect.objectContaining({ code: 'INFLUX_REFUSED' }) }] })
      if (answer.kind === 'stored') expect(answer.dead[0]!.error.message).toContain(`meter=m${culprit},`)
      expect(stored.size).toBe(4999)
      // Two are the batch itself, which takes two requests without any poison.
      expect(server.seen.length - before - 2).toBeLessThanOrEqual(14)
    }
  })

  it('any number of culprits anywhere: exactly they are dead, everything else is stored', async () => {
    const server = await fakeServer(status(204))
    const sink = await openSink(server.url)
    const readings = batchOf(64)
    await sink.write(readings)
    const lineOf = new Map(server.seen.flatMap((one) => one.lines).map((line) => [meterOf(line), line]))
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.nat(63), { maxLength: 64 }), async (culprits) => {
        const stored = new Set<string>()
        server.state.respond = picky(new Set(culprits.map((culprit) => lineOf.get(culprit)!)), stored)
        const answer = await sink.write(readings)
        if (answer.kind !== 'stored') throw new Error(answer.error.message)
        expect(answer.dead.map(({ index }) => index)).toEqual([...culprits].sort((a, b) => a - b))
        for (const { index, error } of answer.dead) expect(error.message).toContain(`meter=m${index},`)
        expect(stored.size).toBe(64 - culprits.length)
      }),
      { numRuns: 60 },
    )
  })

  it('of a 3.x server that names the line is found without halving', async () => {
    const server = await fakeServer((response, { lines }) => {
      const at = lines.findIndex((line) => line.includes('1.8.0=') && /1\.8\.0=\d+i/.test(line))
      if (at < 0) return status(204)(response, server.seen[0]!)
      const data = [{ original_line: lines[at], line_number: at + 1, error_message: "invalid column type for column '1.8.0'" }]
      status(400, JSON.stringify({ error: 'parsing failed for write_lp endpoint', data }))(response, server.seen[0]!)
    })
    const sink = await openSink(server.url, { version: 'v3', token: 't' })
    const readings = batchOf(5000).map((reading, index) => (index === 1234 ? { ...reading, shape: poisonShape } : reading))
    const answer = await sink.write(readings)
    expect(answer).toMatchObject({
      kind: 'stored',
      dead: [{ index: 1234, error: { message: expect.stringContaining('invalid column type') } }],
    })
    expect(server.seen.length).toBeLessThanOrEqual(5)
  })
})

describe('the shapes of three generations', () => {
  it.each<[string, Partial<InfluxOptions>, string, string | undefined]>([
    [
      'v1 without credentials',
      { version: 'v1', database: 'mein db', retentionPolicy: 'a&b' },
      '/write?db=mein+db&rp=a%26b&precision=ms',
      undefined,
    ],
    [
      'v1 with credentials',
      { version: 'v1', database: 'd', username: 'u', password: 'p:ä' },
      '/write?db=d&precision=ms',
      `Basic ${Buffer.from('u:p:ä').toString('base64')}`,
    ],
    [
      'v2',
      { version: 'v2', org: 'o 1', bucket: 'b/1', token: 'secret' },
      '/api/v2/write?org=o+1&bucket=b%2F1&precision=ms',
      'Token secret',
    ],
    [
      'v3',
      { version: 'v3', database: 'd', token: 'secret' },
      '/api/v3/write_lp?db=d&precision=millisecond&accept_partial=false',
      'Bearer secret',
    ],
  ])('%s', async (_, options, url, authorization) => {
    const server = await fakeServer(status(204))
    const sink = await openSink(`${server.url}/prefix/`, options)
    expect(await sink.write([readingOf('m', START)])).toEqual({ kind: 'stored', dead: [] })
    expect(server.seen[0]).toMatchObject({ method: 'POST', url: `/prefix${url}` })
    expect(server.seen[0]!.headers.authorization).toBe(authorization)
    expect(server.seen[0]!.lines[0]!.endsWith(` ${START}`)).toBe(true)
    expect(server.seen[0]!.url).not.toContain('secret')
  })

  it('queries 2.x and 3.x with the token, and 1.x without inventing a user', async () => {
    const answer = status(200, JSON.stringify({ results: [{}] }))
    for (const [options, expected] of [
      [{ version: 'v2', org: 'o', bucket: 'b', token: 'secret' }, 'Token secret'],
      [{ version: 'v3', database: 'b', token: 'secret' }, 'Bearer secret'],
      [{ version: 'v1', database: 'b' }, `Basic ${Buffer.from(':').toString('base64')}`],
    ] as const) {
      const server = await fakeServer(answer)
      const store = await openSink(server.url, options)
      expect(await store.range({ measurement: 'register', tags: { meter: 'm' }, from: 0, to: 1, limit: 5 })).toEqual({
        ok: true,
        value: { readings: [], next: null },
      })
      expect(server.seen[0]!.headers.authorization).toBe(expected)
      expect(new URL(server.seen[0]!.url, server.url).searchParams.get('db')).toBe('b')
    }
  })

  it('packs the body when told to', async () => {
    const server = await fakeServer(status(204))
    const sink = await openSink(server.url, { gzip: true })
    await sink.write(batchOf(100))
    expect(server.seen[0]!.headers['content-encoding']).toBe('gzip')
    expect(server.seen.flatMap(({ lines }) => lines)).toHaveLength(100)
  })

  it.each<[string, Partial<InfluxOptions>]>([
    ['no URL', { url: 'influx.example' }],
    ['another protocol', { url: 'ftp://influx.example' }],
    ['a password in the URL', { url: 'http://u:p@influx.example:8086' }],
    ['a query in the URL', { url: 'http://influx.example:8086/?db=x' }],
    ['no database', { database: '' }],
    ['2.x without a token', { version: 'v2', org: 'o', bucket: 'b' }],
    ['a token with a line feed', { version: 'v2', org: 'o', bucket: 'b', token: 'a\nb' }],
    ['no rows a request', { batch: 0 }],
  ])('refuses to open with %s', async (_, options) => {
    const opened = await openInfluxStore({ url: 'http://127.0.0.1:1', version: 'v1', database: 'd', ...options })
    expect(opened).toMatchObject({ ok: false, error: { code: 'INFLUX_CONFIG' } })
    expect(JSON.stringify(opened)).not.toContain('u:p')
  })
})

describe('questions to a server that dies or lies', () => {
  const range = { measurement: 'register', tags: { meter: 'm' }, from: 0, to: 1, limit: 5 } as const
  it.each<[string, Respond, string]>([
    [
      'dies inside its answer',
      (response) => {
        response.writeHead(200, { 'content-length': 1000 })
        response.write('{"results":[', () => response.destroy())
      },
      'INFLUX_(TIMEOUT|CUT)',
    ],
    ['never ends its answer', (response) => void response.writeHead(200).write('{"results":['), 'INFLUX_TIMEOUT'],
    ['says 401', status(401, influxError('unable to parse authentication credentials')), 'INFLUX_AUTH'],
    ['complains', status(200, JSON.stringify({ results: [{ error: 'found EOF' }] })), 'INFLUX_QUERY'],
    ['knows no such database', status(200, JSON.stringify({ results: [{ error: 'database not found: d' }] })), 'INFLUX_DATABASE'],
    ['answers with another form', status(200, '[]'), 'INFLUX_ANSWER'],
    ['resets', (response) => void response.socket?.resetAndDestroy(), 'INFLUX_NETWORK'],
  ])('%s', async (_, respond, code) => {
    const server = await fakeServer(respond)
    for (const options of [{}, { version: 'v2', org: 'o', bucket: 'b', token: 't' }] as const) {
      const store = await openSink(server.url, { ...options, ...deadlineFor(code) })
      const answer = await store.range(range)
      expect(answer.ok ? '' : answer.error.code).toMatch(new RegExp(`^${code}$`))
    }
  })

  it('asks again at once after a failure: no host is turned off', async () => {
    const server = await fakeServer(status(503))
    const store = await openSink(server.url)
    expect((await store.range(range)).ok).toBe(false)
    server.state.respond = status(200, JSON.stringify({ results: [{}] }))
    expect((await store.range(range)).ok).toBe(true)
  })
})
