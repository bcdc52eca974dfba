import { execFile } from 'node:child_process'
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { expect, it, onTestFinished } from 'vitest'
import { buildApi, listenApi } from '../../src/api/index.ts'
import type { TlsConfig } from '../../src/config/index.ts'
import { openTls, readTls, tlsWarning } from '../../src/gateway/tls.ts'
import { good } from '../access/support.ts'
import { field, OPTIONS } from '../api/fake.ts'
import { certificates, OPENSSL } from '../support/certificates.ts'
import { scratch } from '../support/processes.ts'

const DAY = 86_400_000
const soon = { timeout: 60_000, interval: 50 }

/** The API behind TLS, with the pair `server`; what it said of its certificates. */
const site = async (change: Partial<TlsConfig> = {}, prepare: (made: ReturnType<typeof certificates>) => void = () => undefined) => {
  const folder = scratch()
  const made = certificates(folder)
  made.sign('one', 400)
  made.sign('two', 400)
  const cert = join(folder, 'server.pem')
  const key = join(folder, 'server.key')
  /** Puts a pair in place. */
  const put = (name: string, keyOf = name): void => {
    copyFileSync(made.at(`${name}.pem`), cert)
    copyFileSync(made.at(`${keyOf}.key`), key)
  }
  put('one')
  prepare(made)
  const said: string[] = []
  const changed: unknown[] = []
  const config: TlsConfig = { cert, key, ca: null, crl: null, clientAuth: 'none', ...change }
  const parts = {
    now: () => Date.now(),
    everyMs: 50,
    log: (_: string, text: string) => void said.push(text),
    changed: (what: unknown) => void changed.push(what),
  }
  const tls = good(openTls(config, parts))
  const app = await buildApi(field().deps, { ...OPTIONS, rateLimit: false, tls: tls.options })
  const address = await listenApi(app, OPTIONS)
  tls.serve(app.server)
  onTestFinished(async () => {
    tls.stop()
    await app.close()
  })
  return {
    ...made,
    folder,
    address,
    port: Number(new URL(address).port),
    config,
    tls,
    app,
    put,
    said,
    changed,
    ca: readFileSync(made.at('ca.pem')),
  }
}

interface Client {
  readonly ca?: Buffer
  readonly cert?: string
  readonly key?: string
  readonly agent?: Agent
}

/** GET /health/live. @returns its status and the name on the certificate of the connection */
const ask = (
  port: number,
  client: Client,
  path = '/health/live',
): Promise<{ status: number; name: string; headers: Readonly<Record<string, unknown>> }> =>
  new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, agent: false, ...client }, (answer) => {
      const name = String((answer.socket as TLSSocket).getPeerCertificate().subject?.CN)
      answer.resume().on('end', () => resolve({ status: answer.statusCode ?? 0, name, headers: answer.headers }))
    })
    sent.on('error', reject)
    sent.end()
  })
const pairOf = (folder: string, name: string) => ({
  cert: readFileSync(join(folder, `${name}.pem`), 'utf8'),
  key: readFileSync(join(folder, `${name}.key`), 'utf8'),
})

it('speaks TLS 1.2 and newer and nothing else, with the headers that go with it', async () => {
  const { port, ca, address, at } = await site()
  expect(address).toBe(`https://127.0.0.1:${port}`)
  const { status, headers } = await ask(port, { ca })
  expect([status, headers['strict-transport-security']]).toEqual([200, 'max-age=31536000'])
  expect([headers['x-content-type-options'], headers['x-frame-options']]).toEqual(['nosniff', 'DENY'])
  /** What `openssl s_client` says of a connection. */
  const said = (...args: string[]) =>
    new Promise<string>((resolve) => {
      const given = ['s_client', '-connect', `127.0.0.1:${port}`, '-CAfile', at('ca.pem'), '-verify_return_error', ...args]
      execFile(OPENSSL, given, { timeout: 120_000 }, (_, out, err) => resolve(`${out}${err}`)).stdin?.end()
    })
  for (const version of ['-tls1_2', '-tls1_3']) expect(await said(version)).toMatch(/Verify return code: 0 \(ok\)/)
  for (const version of ['-tls1', '-tls1_1'])
    expect(await said(version, '-cipher', 'ALL:@SECLEVEL=0')).toMatch(/alert protocol version|no protocols available|unsupported protocol/)
  // A name the certificate does not have, and a CA that is not its own.
  expect(await said('-verify_hostname', 'other.example')).toMatch(/hostname mismatch/i)
  await expect(ask(port, {})).rejects.toThrow(/self-signed|unable to/)
})

it('takes up a new pair under load and drops no request', async () => {
  const { port, ca, put, said, changed } = await site()
  const agent = new Agent({ keepAlive: true, maxSockets: 8, ca })
  onTestFinished(() => agent.destroy())
  const names = new Set<string>()
  const counts = { answered: 0, other: 0 }
  let isOver = false
  const load = async (client: Client) => {
    while (!isOver) {
      const { status, name } = await ask(port, client)
      names.add(name)
      if (status === 200) counts.answered++
      else counts.other++
    }
  }
  const clients = [...Array.from({ length: 4 }, () => load({ agent, ca })), ...Array.from({ length: 4 }, () => load({ ca }))]
  await expect.poll(() => counts.answered, soon).toBeGreaterThan(20)
  put('two')
  await expect.poll(async () => (await ask(port, { ca })).name, soon).toBe('two')
  isOver = true
  await Promise.all(clients)
  expect([...names].sort()).toEqual(['one', 'two'])
  expect(counts.other).toBe(0)
  expect(said).toEqual([expect.stringMatching(/^new connections get the certificate that is good to /)])
  expect(changed).toEqual([{ before: expect.stringMatching(/^[0-9A-F:]{95}$/), after: expect.stringMatching(/^[0-9A-F:]{95}$/) }])
})

it('goes on with the old pair while the new one is wrong, and says why', async () => {
  const made = await site()
  const { tls, said, port, ca, put, changed, config, sign, openssl } = made
  sign('old', -1)
  const server = readFileSync(config.cert, 'utf8')
  const wrongs: readonly (readonly [string, RegExp, () => unknown])[] = [
    ['TLS_KEY', /key .*server\.key does not belong to certificate/, () => put('one', 'two')],
    ['TLS_FILE', /certificate .*server\.pem is no PEM file/, () => writeFileSync(config.cert, 'nothing')],
    ['TLS_FILE', /certificate .*server\.pem cannot be read/, () => writeFileSync(config.cert, server.slice(0, 300))],
    ['TLS_DATES', /certificate .*server\.pem is good from .* not now/, () => put('old')],
    ['TLS_KEY', /it has a passphrase/, () => openssl('ec', '-in', 'old.key', '-aes256', '-passout', 'pass:x', '-out', config.key)],
    ['TLS_FILE', /key .*server\.key cannot be read: ENOENT/, () => rmSync(config.key)],
  ]
  for (const [code, text, spoil] of wrongs) {
    spoil()
    await expect.poll(() => said.at(-1), soon).toMatch(text)
    expect(said.at(-1)).toMatch(new RegExp(`^the new certificate is not used, the old one goes on: ${code} `))
    expect(tls.health()).toMatchObject({ state: 'degraded', sentence: expect.stringContaining(code) })
    expect(changed.at(-1)).toMatchObject({ refused: { code } })
    expect((await ask(port, { ca })).name).toBe('one')
  }
  put('two')
  await expect.poll(async () => (await ask(port, { ca })).name, soon).toBe('two')
  expect(tls.health().state).toBe('ok')
})

it('takes other files from a change of the configuration at once', async () => {
  const { tls, config, at, port, ca, said } = await site()
  tls.use({ ...config, cert: at('two.pem'), key: at('two.key') })
  expect((await ask(port, { ca })).name).toBe('two')
  tls.use({ ...config, cert: at('nothing.pem') })
  expect(said.at(-1)).toMatch(/TLS_FILE certificate .*nothing\.pem cannot be read: ENOENT/)
  expect((await ask(port, { ca })).name).toBe('two')
})

it('lets in only who shows a certificate that is good, where it is required', async () => {
  const folder = scratch()
  const made = certificates(folder)
  for (const name of ['server', 'good', 'revoked']) made.sign(name, 30)
  made.sign('expired', -1)
  made.ca('stranger')
  made.sign('strange', 30, 'stranger')
  made.revoke('revoked')
  const config: TlsConfig = {
    cert: made.at('server.pem'),
    key: made.at('server.key'),
    ca: made.at('ca.pem'),
    crl: made.at('crl.pem'),
    clientAuth: 'require',
  }
  const ca = readFileSync(made.at('ca.pem'))
  const answers = async (clientAuth: TlsConfig['clientAuth']) => {
    const tls = good(openTls({ ...config, clientAuth }, { now: () => Date.now(), log: () => undefined }))
    const app = await buildApi(field().deps, { ...OPTIONS, rateLimit: false, tls: tls.options })
    onTestFinished(async () => {
      tls.stop()
      await app.close()
    })
    const { port } = new URL(await listenApi(app, OPTIONS))
    tls.serve(app.server)
    const said: Record<string, string> = {}
    for (const name of ['none', 'good', 'expired', 'revoked', 'strange'])
      said[name] = await ask(Number(port), { ca, ...(name === 'none' ? {} : pairOf(folder, name)) }).then(
        ({ status }) => String(status),
        (error: unknown) => (error instanceof Error ? error.message : String(error)),
      )
    return said
  }
  const required = await answers('require')
  expect(required).toMatchObject({ good: '200' })
  for (const name of ['none', 'expired', 'revoked', 'strange']) expect(required[name]).not.toMatch(/^\d+$/)
  const asked = await answers('request')
  expect(asked).toMatchObject({ none: '200', good: '200' })
  for (const name of ['expired', 'revoked', 'strange']) expect(asked[name]).not.toMatch(/^\d+$/)
})

it('a handshake and nothing more, or plain HTTP, is no connection', async () => {
  const { port, app } = await site()
  const plain = await fetch(`http://127.0.0.1:${port}/health/live`).then(
    ({ status }) => status,
    () => 'closed',
  )
  expect(plain).toBe('closed')
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, minVersion: 'TLSv1.2' })
  await new Promise((open) => socket.once('secureConnect', open))
  await app.close()
  await new Promise((closed) => socket.once('close', closed).resume())
})

it('warns from 30 days before the end on', () => {
  const folder = scratch()
  const made = certificates(folder)
  made.sign('short', 20)
  made.sign('old', -1)
  const config = (name: string): TlsConfig => ({
    cert: made.at(`${name}.pem`),
    key: made.at(`${name}.key`),
    ca: null,
    crl: null,
    clientAuth: 'none',
  })
  const pair = good(readTls(config('short'), Date.now()))
  expect(tlsWarning(pair, Date.now())).toMatch(/expires on \d{4}-\d\d-\d\d, in (19|20) days$/)
  expect(tlsWarning({ ...pair, notAfter: pair.notBefore + 40 * DAY }, pair.notBefore + 10 * DAY)).toBeNull()
  expect(tlsWarning({ ...pair, notAfter: pair.notBefore + 40 * DAY }, pair.notBefore + 10 * DAY + 1)).toMatch(/in 29 days/)
  expect(tlsWarning(pair, pair.notAfter)).toMatch(/has expired/)
  const said: string[] = []
  const tls = good(openTls(config('short'), { now: () => Date.now(), log: (_, text) => void said.push(text) }))
  tls.stop()
  expect(said).toEqual([expect.stringMatching(/expires on/)])
  expect(tls.health()).toMatchObject({ part: 'tls', state: 'degraded', cure: expect.stringMatching(/new certificate/) })
  // One that has expired is no reason to stand still: meters are read all the same.
  const old = good(openTls(config('old'), { now: () => Date.now(), log: () => undefined }))
  old.stop()
  expect(old.health()).toMatchObject({ state: 'failed', sentence: expect.stringMatching(/has expired/) })
})
