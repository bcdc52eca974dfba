import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { freePort } from '../../simulators/free-port.ts'
import { SecretUrl } from '../../src/config/index.ts'
import { sendWebhook } from '../../src/gateway/webhook.ts'

const DELIVERY = { id: 'site-1-1-1', body: '{}', at: 1_800_000_000_000 }

/** A real server on this machine; `heard` counts what came, whatever it was. */
const inside = async (answer: RequestListener = (_, response) => void response.writeHead(204).end(), host = '127.0.0.1') => {
  const heard: string[] = []
  const server = createServer((request, response) => {
    heard.push(`${request.method} ${request.url} for ${request.headers.host}`)
    answer(request, response)
  })
  server.on('connect', ({ url }, socket) => {
    heard.push(`CONNECT ${url}`)
    socket.destroy()
  })
  await new Promise<void>((ready) => server.listen(0, host, ready))
  onTestFinished(() => void server.close())
  return { port: (server.address() as AddressInfo).port, heard }
}
const send = (url: string, allow: readonly string[] = [], resolve?: (name: string) => Promise<readonly string[]>) =>
  sendWebhook({ url: new SecretUrl(url), secret: null, allow, timeoutMs: 5_000 }, DELIVERY, resolve)

/** Every spelling of an address of this machine or the net behind it, as a host of a URL. */
const INNER: readonly (readonly [what: string, host: string])[] = [
  ...(['127.0.0.1', '127.8.9.10', '0.0.0.0', 'localhost'] as const).map((host) => ['loopback', host] as const),
  ...(['127.1', '127.0.1', '0'] as const).map((host) => ['short', host] as const),
  ...(['2130706433', '0x7f000001', '0x7f.1', '0x7f.0x0.0x0.0x1', '017700000001', '0177.0.0.1', '0177.0x0.0.1'] as const).map(
    (host) => ['decimal, hex, octal', host] as const,
  ),
  ...(['127.0.0.1.', '2130706433.', 'localhost.', '[::1].'] as const).map((host) => ['dots behind', host] as const),
  ...(['１２７.0.0.1', '①②⑦.0.0.1', '127。0。0。1', '%31%32%37.0.0.1'] as const).map((host) => ['other letters', host] as const),
  ...(['user@127.0.0.1', 'hooks.example@127.0.0.1', 'hooks.example:443@127.0.0.1', 'a:b@[::1]'] as const).map(
    (host) => ['somebody before the @', host] as const,
  ),
  ...(['10.0.0.1', '172.16.0.1', '172.31.255.254', '192.168.0.1', '100.64.0.1', '198.18.0.1'] as const).map(
    (host) => ['private', host] as const,
  ),
  ...(['169.254.169.254', '0xa9fea9fe', '2852039166', '[fe80::1]', '[febf::1]'] as const).map((host) => ['link-local', host] as const),
  ...(['[::1]', '[::]', '[0:0:0:0:0:0:0:1]', '[0000::0001]'] as const).map((host) => ['IPv6 loopback', host] as const),
  ...(['[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::ffff:0:7f00:1]', '[::127.0.0.1]', '[::ffff:169.254.169.254]'] as const).map(
    (host) => ['IPv4 in IPv6', host] as const,
  ),
  ...(
    [
      '[64:ff9b::127.0.0.1]',
      '[64:ff9b::7f00:1]',
      '[64:ff9b:1::7f00:1]',
      '[2002:7f00:1::]',
      '[2002:a9fe:a9fe::1]',
      '[2001:0:7f00:1::]',
    ] as const
  ).map((host) => ['carries IPv4', host] as const),
  ...(['[fc00::1]', '[fd12:3456::1]', '[fec0::1]', '[ff02::1]', '[2001:db8::1]', '[5f00::1]'] as const).map(
    (host) => ['IPv6 inside', host] as const,
  ),
  ...(['224.0.0.1', '255.255.255.255', '240.0.0.1', '192.0.2.1'] as const).map((host) => ['nobody’s', host] as const),
]

describe('a webhook goes to nobody inside', () => {
  it.each(INNER)('%s: %s', async (_, host) => {
    const server = await inside()
    const url = `http://${host}:${server.port}/hook`
    // What is no address at all is as good.
    if (URL.canParse(url))
      expect(await send(url)).toMatchObject({ ok: false, error: { code: expect.stringMatching(/^NOTIFY_(ADDRESS|NAME)$/) } })
    expect(server.heard).toEqual([])
  })

  it.each([
    ['127.0.0.1', '127.0.0.0/8'],
    ['2130706433', '127.0.0.1'],
    ['0177.0.0.1', '127.0.0.1'],
    ['127.0.0.1.', '127.0.0.1'],
    ['[::ffff:7f00:1]', '127.0.0.1'],
  ])('but %s when %s is allowed', async (host, allowed) => {
    const server = await inside()
    const done = await send(`http://${host}:${server.port}/hook`, [allowed])
    // A stack without IPv6 cannot go by an IPv4 address that is written as one.
    if (!done.ok) expect(done.error.code).toBe('NOTIFY_UNREACHED')
    else expect(server.heard).toEqual([expect.stringContaining('POST /hook')])
  })

  it.each([301, 302, 303, 307, 308])('nor by a redirect with %i', async (status) => {
    const inner = await inside()
    const outer = await inside((_, response) => void response.writeHead(status, { location: `http://127.0.0.1:${inner.port}/inner` }).end())
    expect(await send(`http://127.0.0.1:${outer.port}/hook`, ['127.0.0.1'])).toMatchObject({ error: { code: 'NOTIFY_REFUSED' } })
    expect([outer.heard.length, inner.heard]).toEqual([1, []])
  })

  it.each([
    ['one private address', ['10.0.0.1']],
    ['a private address beside a public one', ['8.8.8.8', '10.0.0.1']],
    ['a public one before loopback in IPv6', ['2606:4700::1111', '::1']],
    ['a mapped one', ['::ffff:127.0.0.1']],
    ['a mapped one in hex', ['::ffff:7f00:1']],
    ['one with a zone', ['fe80::1%eth0']],
    ['what is no address', ['nowhere']],
  ])('nor by a name that has %s', async (_, addresses) => {
    const server = await inside()
    expect(await send(`http://hooks.example:${server.port}/`, [], async () => addresses)).toMatchObject({
      error: { code: 'NOTIFY_ADDRESS' },
    })
    expect(server.heard).toEqual([])
  })

  it('nor by a name that is somebody else the second time: the address that was checked is the one that is asked, by its name', async () => {
    const server = await inside()
    let asked = 0
    const rebinding = async () => [asked++ === 0 ? '127.0.0.1' : '10.0.0.1']
    expect(await send(`http://rebind.example:${server.port}/hook`, ['127.0.0.1'], rebinding)).toMatchObject({ ok: true })
    expect([asked, server.heard]).toEqual([1, [`POST /hook for rebind.example:${server.port}`]])
    // Checked anew with every message.
    expect(await send(`http://rebind.example:${server.port}/hook`, ['127.0.0.1'], rebinding)).toMatchObject({
      error: { code: 'NOTIFY_ADDRESS' },
    })
    expect(server.heard).toHaveLength(1)
  })

  it('nor through a proxy that the environment names', async () => {
    const [proxy, server] = [await inside(), await inside()]
    for (const name of ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'])
      vi.stubEnv(name, `http://127.0.0.1:${proxy.port}`)
    vi.stubEnv('NODE_USE_ENV_PROXY', '1')
    onTestFinished(() => void vi.unstubAllEnvs())
    expect(await send(`http://hooks.example:${server.port}/hook`, ['127.0.0.1'], async () => ['127.0.0.1'])).toMatchObject({ ok: true })
    expect(await send(`https://hooks.example:${server.port}/hook`, ['127.0.0.1'], async () => ['127.0.0.1'])).toMatchObject({
      error: { code: 'NOTIFY_UNREACHED' },
    })
    expect([proxy.heard, server.heard]).toEqual([[], [expect.stringContaining('POST /hook')]])
  })

  it('and does not wait for a name server longer than for a server', async () => {
    const never = new Promise<readonly string[]>(() => {})
    expect(
      await sendWebhook({ url: new SecretUrl('http://slow.example/'), secret: null, allow: [], timeoutMs: 100 }, DELIVERY, () => never),
    ).toMatchObject({ error: { code: 'NOTIFY_SLOW', message: expect.stringContaining('slow.example') } })
  })

  it('says nothing of path and query, where a token may stand, when it fails', async () => {
    const port = await freePort()
    for (const allow of [[], ['127.0.0.1']])
      expect(JSON.stringify(await send(`http://127.0.0.1:${port}/canary-1?key=canary-2`, allow))).not.toContain('canary')
  })
})
