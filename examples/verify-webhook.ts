/**
 * The same as verify_webhook.py in TypeScript.
 *
 *   HOOK_SECRET=… node examples/verify-webhook.ts 8099
 *
 * Needs Node 22.18 or newer (it runs TypeScript as it is) and nothing else.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { pathToFileURL } from 'node:url'

const OLDEST_S = 300
const MOST_BYTES = 1_000_000
const MOST_SEEN = 10_000

/** What every message holds; the rest goes by its type. */
export interface Message {
  readonly version: 1
  readonly type: 'cases.changed' | 'billing.changed' | 'health.changed' | 'test'
  readonly delivery: string
  readonly gateway: string
  readonly at: string
  /** Of `billing.changed`: number of the newest change. */
  readonly seq?: number
}

/**
 * Whether a signature ("t=SECONDS,v1=HEX") is one of these very bytes, by somebody who has the secret, within the last minutes.
 * Of a message of MQTT: `isSigned(secret, message.signature, message.body)`, and then `JSON.parse(message.body)`.
 */
export const isSigned = (secret: string, signature: string | undefined, body: Buffer | string, nowS = Date.now() / 1000): boolean => {
  const [, at = '', given = ''] = /^t=([0-9]{1,15}),v1=([0-9a-f]{64})$/.exec(signature ?? '') ?? []
  if (given === '' || Math.abs(nowS - Number(at)) > OLDEST_S) return false
  const wanted = createHmac('sha256', secret).update(`${at}.`).update(body).digest()
  // Not ===, which tells by its time how much was right.
  return timingSafeEqual(wanted, Buffer.from(given, 'hex'))
}

/** A server that gives each message to `take` once. */
export const receiver = (secret: string, take: (message: Message) => void): Server => {
  // In memory here; keep deliveries where they outlive a restart if taking one twice does harm.
  const seen = new Set<string>()
  return createServer(async (request, response) => {
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of request) {
      bytes += chunk.length
      if (bytes > MOST_BYTES) return void response.writeHead(413, { connection: 'close' }).end()
      chunks.push(chunk)
    }
    const body = Buffer.concat(chunks)
    const signature = request.headers['x-gridtally-signature']
    if (typeof signature !== 'string' || !isSigned(secret, signature, body)) return void response.writeHead(401).end()
    const message: Message = JSON.parse(body.toString())
    if (!seen.has(message.delivery)) {
      seen.add(message.delivery)
      const [oldest] = seen
      if (seen.size > MOST_SEEN && oldest !== undefined) seen.delete(oldest)
      take(message)
    }
    response.writeHead(204).end()
  })
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { HOOK_SECRET = '' } = process.env
  if (HOOK_SECRET === '') throw new Error('HOOK_SECRET is not set')
  const show = ({ type, delivery, seq }: Message) => void process.stdout.write(`${type} ${seq ?? delivery}\n`)
  receiver(HOOK_SECRET, show).listen(Number(process.argv[2] ?? 8099), '127.0.0.1')
}
