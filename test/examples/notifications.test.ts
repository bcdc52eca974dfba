import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { isSigned, type Message, receiver } from '../../examples/verify-webhook.ts'
import { Secret, SecretUrl } from '../../src/config/index.ts'
import { messageOf, signedMessage, stateMessage, testMessage } from '../../src/gateway/notify-message.ts'
import { billingNews, healthNews } from '../../src/gateway/notify-states.ts'
import { sendWebhook, signatureOf } from '../../src/gateway/webhook.ts'

const NOW = Date.now()
const HEALTH = { ready: false, parts: [{ part: 'outbox', state: 'failed' as const, sentence: 'takes nothing: OUTBOX_FULL', cure: null }] }
const state = (delivery: string, news: ReturnType<typeof billingNews>) => {
  if (!news) throw new Error('there is nothing to tell')
  return { id: delivery, body: stateMessage('site-1', delivery, news, NOW), at: NOW }
}
/** One message of every type, as the gateway makes them. */
const DELIVERIES = [
  { id: 'test-1', body: testMessage('site-1', 'test-1', NOW), at: NOW },
  { id: 'd-1', body: messageOf('site-1', 'd-1', [], NOW, 7), at: NOW },
  state('d-2', billingNews(4711, '4700')),
  state('d-3', healthNews(HEALTH, null)),
]

/** Sends everything twice, and what is not to be believed. @returns  status words of the last ones */
const deliver = async (port: number) => {
  const hook = (secret: string | null) => ({
    ...{ url: new SecretUrl(`http://127.0.0.1:${port}/hook`), allow: ['127.0.0.1'], timeoutMs: 10_000 },
    secret: secret === null ? null : new Secret(secret),
  })
  for (const delivery of [...DELIVERIES, ...DELIVERIES]) expect(await sendWebhook(hook('s3cret'), delivery)).toMatchObject({ ok: true })
  const [first = { id: '', body: '', at: 0 }] = DELIVERIES
  const refused = [
    await sendWebhook(hook('another'), first),
    await sendWebhook(hook(null), first),
    await sendWebhook(hook('s3cret'), { ...first, at: NOW - 301_000 }),
  ]
  for (const one of refused) expect(one).toMatchObject({ error: { code: 'NOTIFY_REFUSED', message: expect.stringContaining('401') } })
  // Changed on the way.
  const signature = signatureOf('s3cret', Math.floor(NOW / 1000), first.body)
  const changed = { method: 'POST', headers: { 'x-gridtally-signature': signature }, body: first.body.replace('site-1', 'site-2') }
  expect((await fetch(`http://127.0.0.1:${port}/hook`, changed)).status).toBe(401)
}

describe('the examples that verify a webhook', () => {
  it('in Python', async () => {
    const file = fileURLToPath(new URL('../../examples/verify_webhook.py', import.meta.url))
    const child: ChildProcess = spawn('python3', [file, '0'], { env: { ...process.env, HOOK_SECRET: 's3cret' } })
    onTestFinished(() => void child.kill('SIGKILL'))
    if (!child.stdout) throw new Error('no output')
    const lines: string[] = []
    const reader = createInterface({ input: child.stdout })
    const [listening] = await once(reader, 'line')
    reader.on('line', (line) => lines.push(line))
    await deliver(Number(/listening on (\d+)/.exec(String(listening))?.[1]))
    child.kill('SIGTERM')
    await once(reader, 'close')
    expect(lines).toEqual([
      'test',
      'cases: 0 changes, 7 before were given up: see GET /api/v1/cases',
      'billing: changes up to 4711, fetch GET /api/v1/billing/changes?since=YOUR_LAST',
      'health: outbox failed: takes nothing: OUTBOX_FULL',
    ])
  })

  it('in TypeScript', async () => {
    const taken: Message[] = []
    const server = receiver('s3cret', (message) => taken.push(message))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    await deliver((server.address() as AddressInfo).port)
    expect(taken.map(({ type, delivery, seq }) => [type, delivery, seq])).toEqual([
      ['test', 'test-1', undefined],
      ['cases.changed', 'd-1', undefined],
      ['billing.changed', 'd-2', 4711],
      ['health.changed', 'd-3', undefined],
    ])
  })

  it('of a message over MQTT by the same function', () => {
    const at = Math.floor(NOW / 1000)
    const sent = signedMessage('test-1', signatureOf('s3cret', at, testMessage('g', 'test-1', NOW)), testMessage('g', 'test-1', NOW))
    const { signature, body } = JSON.parse(sent) as { signature: string; body: string }
    expect([
      isSigned('s3cret', signature, body, at),
      isSigned('s3cret', signature, `${body} `, at),
      isSigned('s3cret', undefined, body),
    ]).toEqual([...[true, false, false]])
  })
})
