import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it, onTestFinished, vi } from 'vitest'
import { parse, stringify } from 'yaml'
import { signatureOf } from '../../src/gateway/webhook.ts'
import { startMosquitto } from '../support/mosquitto.ts'
import { patient, runGateway } from '../support/processes.ts'
import { plainClient, until } from '../transport/mqtt-listener.ts'
import { billingPlace, MONTHS, pointId } from './billing-book-site.ts'

const SECRET = 'a secret of both sides'
const secondsOf = (signature: string) => Number(/^t=(\d+),v1=/.exec(signature)?.[1])
const isSigned = (signature: string, body: string) => signature === signatureOf(SECRET, secondsOf(signature), body)

/** A server that takes messages, or does not. */
const hookServer = async () => {
  const heard: {
    readonly delivery: string
    readonly type: string
    readonly status: number
    readonly isSigned: boolean
    readonly seq: number
  }[] = []
  const server = { status: 500 }
  const text = (headers: IncomingHttpHeaders, name: string) => String(headers[name] ?? '')
  const http = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => {
      body += chunk
    })
    request.on('end', () => {
      const { type, seq = 0 }: { type: string; seq?: number } = JSON.parse(body)
      const status = type === 'test' ? 204 : server.status
      const delivery = text(request.headers, 'x-gridtally-delivery')
      heard.push({ delivery, type, seq, status, isSigned: isSigned(text(request.headers, 'x-gridtally-signature'), body) })
      response.writeHead(status).end()
    })
  })
  await new Promise<void>((done) => http.listen(0, '127.0.0.1', done))
  onTestFinished(() => void http.close())
  const { port } = http.address() as AddressInfo
  return { server, url: `http://127.0.0.1:${port}/hook`, news: () => heard.filter(({ type }) => type === 'billing.changed') }
}

it('a released figure is told, signed: again after a 500 and after a restart by the same id, and then no more', async () => {
  const [{ server, url, news }, mosquitto] = [await hookServer(), await startMosquitto()]
  onTestFinished(() => mosquitto.destroy())
  const place = await billingPlace(1, { months: MONTHS.slice(0, 2) })
  const tell = { secret: SECRET, about: ['billing'] }
  const file: object = parse(readFileSync(place.file, 'utf8'))
  writeFileSync(
    place.file,
    stringify({
      ...file,
      publish: [{ id: 'scada', url: mosquitto.url }],
      notify: {
        webhooks: [{ id: 'hook', url, allow: ['127.0.0.1'], ...tell }],
        mqtt: [{ id: 'mq', broker: 'scada', topic: 'notices/{gateway}/billing', ...tell }],
      },
    }),
  )
  const client = plainClient(mosquitto.port)
  const messages: { readonly delivery: string; readonly signature: string; readonly body: string }[] = []
  client.on('message', (_, payload) => messages.push(JSON.parse(String(payload))))
  await client.subscribeAsync('notices/#', { qos: 1 })
  const taken = () => messages.filter(({ body }) => JSON.parse(body).type === 'billing.changed')

  const headers = { authorization: `Bearer ${place.token}` }
  const ask = async (address: string, path: string, body?: object): Promise<unknown> => {
    const sent = body
      ? { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(body) }
      : { headers }
    return (await patient(`${address}/api/v1${path}`, sent)).json()
  }
  /** Why somebody could not be told last. */
  const trouble = async (address: string, id: string): Promise<string | null> => {
    const given = JSON.stringify(await ask(address, '/notify'))
    const { items }: { items: { id: string; error: { code: string } | null }[] } = JSON.parse(given)
    return items.find((one) => one.id === id)?.error?.code ?? null
  }
  const release = (address: string, at: number) =>
    ask(address, '/billing/releases', { at: new Date(at).toISOString(), scope: { points: [pointId(0)] }, note: 'n' })

  const first = await runGateway(place.file)
  // The broker is away when the figure is released.
  await mosquitto.stop()
  await release(first.address, MONTHS[0] ?? 0)
  await until(() => news().length > 0)
  await vi.waitUntil(() => trouble(first.address, 'mq'), { timeout: 60_000, interval: 50 })
  // A test that is taken ends the pause after the failure.
  await ask(first.address, '/notify/hook/test', {})
  await until(() => news().length > 1)
  expect(await trouble(first.address, 'hook')).toBe('NOTIFY_REFUSED')
  expect(await first.stop()).toBe(0)

  await mosquitto.start()
  server.status = 200
  const second = await runGateway(place.file)
  await until(() => news().length > 2 && taken().length > 0)
  const [id] = news().map(({ delivery }) => delivery)
  expect(news().map(({ delivery, status, isSigned: good }) => [delivery, status, good])).toEqual([
    [id, 500, true],
    [id, 500, true],
    [id, 200, true],
  ])
  expect(taken().map(({ delivery, signature, body }) => [delivery, isSigned(signature, body)])).toEqual([[id, true]])

  // What was taken is not told again; what is released now is.
  await release(second.address, MONTHS[1] ?? 0)
  await until(() => news().length > 3 && taken().length > 1)
  const after = [...news().slice(3), ...taken().slice(1)].map(({ delivery }) => delivery)
  expect(after).toHaveLength(2)
  expect(new Set(after).size).toBe(1)
  expect(after[0]).not.toBe(id)
  expect(news()[3]?.seq).toBeGreaterThan(news()[0]?.seq ?? 0)
})
