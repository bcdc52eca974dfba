import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createTcp, type Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { freePort } from '../../simulators/free-port.ts'
import { isRange, Secret, SecretUrl } from '../../src/config/index.ts'
import { addressFor, mayGoTo } from '../../src/gateway/notify-address.ts'
import { sendWebhook, signatureOf } from '../../src/gateway/webhook.ts'

const LOCAL = ['127.0.0.0/8', '::1']
const DELIVERY = { id: 'site-1-1-3', body: '{"count":3}', at: 1_800_000_000_999 }

const serve = async (answer: RequestListener): Promise<string> => {
  const server = createServer(answer)
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`
}
const bodyOf = async (request: IncomingMessage): Promise<string> => {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}
const send = (url: string, over: { allow?: readonly string[]; timeoutMs?: number; secret?: Secret | null } = {}) =>
  sendWebhook({ url: new SecretUrl(url), secret: null, allow: LOCAL, timeoutMs: 5_000, ...over }, DELIVERY)

it('posts the body, signed with its time', async () => {
  const seen: { headers: IncomingMessage['headers']; body: string }[] = []
  const url = await serve(async (request, response) => {
    seen.push({ headers: request.headers, body: await bodyOf(request) })
    response.writeHead(204).end()
  })
  expect(await send(url, { secret: new Secret('s3cret') })).toEqual({ ok: true, value: undefined })
  expect(seen).toMatchObject([
    {
      body: DELIVERY.body,
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'x-gridtally-delivery': 'site-1-1-3',
        // openssl: printf '1800000000.{"count":3}' | openssl dgst -sha256 -hmac s3cret
        'x-gridtally-signature': 't=1800000000,v1=38f5174f582872529a5c40cd32f3b368f32313016ce07c6f465cbeb0121163e2',
      },
    },
  ])
  expect(signatureOf('s3cret', 1_800_000_000, DELIVERY.body)).not.toBe(signatureOf('s3cret', 1_800_000_001, DELIVERY.body))
})

it.each([
  ['an error of the server', 500, {}],
  ['a redirect, which is not followed', 302, { location: 'http://127.0.0.1:1/' }],
])('counts %s as not taken', async (_, status, headers) => {
  const url = await serve((_request, response) => void response.writeHead(status, headers).end())
  expect(await send(url)).toMatchObject({ ok: false, error: { code: 'NOTIFY_REFUSED', message: expect.stringContaining(String(status)) } })
})

it('does not wait for ever, nor read for ever', async () => {
  const sockets = new Set<Socket>()
  const silent = createTcp((socket) => void sockets.add(socket))
  await new Promise<void>((ready) => silent.listen(0, '127.0.0.1', ready))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    silent.close()
  })
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`
  expect(await send(url, { timeoutMs: 100 })).toMatchObject({ error: { code: 'NOTIFY_SLOW' } })
  const endless = await serve((_request, response) => {
    const chunk = 'x'.repeat(65_536)
    const more = () => {
      while (response.write(chunk));
    }
    response.on('drain', more).on('error', () => {})
    more()
  })
  expect(await send(endless)).toMatchObject({ ok: true })
})

it('says when nobody listens', async () => {
  const url = await serve(() => {})
  expect(await send(url.replace(/:\d+/, `:${await freePort()}`))).toMatchObject({ error: { code: 'NOTIFY_UNREACHED' } })
})

describe('goes to nobody inside', () => {
  it.each([
    ...['127.0.0.1', '127.1', '2130706433', '0x7f000001', '017700000001', '0177.0.0.1', '0.0.0.0', '10.1.2.3', '172.31.255.1'],
    ...['192.168.1.1', '169.254.169.254', '100.64.0.1', '198.18.0.1', '224.0.0.1', '255.255.255.255', '[::1]', '[::]', '[fe80::1]'],
    ...['[fd00::1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[64:ff9b::7f00:1]', '[2002:7f00:1::]', '[::127.0.0.1]', '[ff02::1]'],
    ...['[2001:db8::1]', '[2001::1]', 'localhost'],
  ])('%s', async (host) =>
    expect(await send(`http://${host}:9/`, { allow: [] })).toMatchObject({ ok: false, error: { code: 'NOTIFY_ADDRESS' } }),
  )
  it.each(['8.8.8.8', '1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450::1'])('and to %s outside', (address) =>
    expect(mayGoTo(address, [])).toBe(true),
  )
  it('unless it is allowed, and only that', () => {
    expect(mayGoTo('10.1.2.3', ['10.1.2.3'])).toBe(true)
    expect(mayGoTo('10.1.2.4', ['10.1.2.3'])).toBe(false)
    expect(mayGoTo('::ffff:192.168.7.9', ['192.168.7.0/24'])).toBe(true)
    expect(['10.1.2.3', '192.168.7.0/24', 'fd00::/8', '10.0.0.0/33', 'host', '10.0.0.0/8/8', ''].map(isRange)).toEqual([
      ...[true, true, true, false, false, false, false],
    ])
  })
  it('nor by a name that has an inner address beside an outer one, or none', async () => {
    expect(await addressFor('a.example', [], async () => ['8.8.8.8', '10.0.0.1'])).toMatchObject({ error: { code: 'NOTIFY_ADDRESS' } })
    expect(await addressFor('a.example', [], async () => [])).toMatchObject({ error: { code: 'NOTIFY_NAME' } })
    expect(await addressFor('a.example', [], async () => ['8.8.8.8'])).toEqual({ ok: true, value: '8.8.8.8' })
  })
  it('by a name that is somebody else the second time: what was checked is what is asked', async () => {
    const url = await serve((_request, response) => void response.writeHead(200).end())
    let asked = 0
    const rebinding = async () => [asked++ === 0 ? '127.0.0.1' : '10.0.0.1']
    const done = await sendWebhook(
      { url: new SecretUrl(url.replace('127.0.0.1', 'rebind.example')), secret: null, allow: LOCAL, timeoutMs: 5_000 },
      DELIVERY,
      rebinding,
    )
    expect([done.ok, asked]).toEqual([true, 1])
  })
})
