import { createHmac } from 'node:crypto'
import { request as plainRequest } from 'node:http'
import { request as tlsRequest } from 'node:https'
import { isIP } from 'node:net'
import type { WebhookConfig } from '../config/index.ts'
import { ok, type Result } from '../core/index.ts'
import { addressFor, type Resolve } from './notify-address.ts'
import { notifyFailure } from './notify-errors.ts'

/** What is read of an answer; a server has nothing to tell. */
const MOST_ANSWER = 65_536

/**
 * Signature of a message: HMAC-SHA256 over the time, a dot and the body, so that neither can be changed and an old message cannot be
 * sent again for a new one.
 *
 * @param at  seconds since 1970 UTC
 */
export const signatureOf = (secret: string, at: number, body: string): string =>
  `t=${at},v1=${createHmac('sha256', secret).update(`${at}.${body}`).digest('hex')}`

export interface Delivery {
  /** Same on every try: a server that has it takes it for a repeat. */
  readonly id: string
  readonly body: string
  /** Milliseconds since 1970 UTC. */
  readonly at: number
  /** Breaks it off. */
  readonly signal?: AbortSignal
}

/**
 * Sends one message. The address that was checked is the address that is asked; redirects are not followed.
 *
 * @errors  NOTIFY_NAME, NOTIFY_ADDRESS, NOTIFY_UNREACHED, NOTIFY_SLOW, NOTIFY_REFUSED
 */
export const sendWebhook = async (
  { url, secret, allow, timeoutMs }: Pick<WebhookConfig, 'url' | 'secret' | 'allow' | 'timeoutMs'>,
  { id, body, at, signal }: Delivery,
  resolve?: Resolve,
): Promise<Result<void>> => {
  const target = new URL(url.reveal())
  const limit = AbortSignal.timeout(timeoutMs)
  const address = await within(limit, addressFor(target.hostname, allow, resolve))
  if (address === null) return notifyFailure('NOTIFY_SLOW', `the name ${target.hostname} was not found within ${timeoutMs} ms`)
  if (!address.ok) return address
  // A name server may take its time, and the gateway stop meanwhile.
  if (signal?.aborted) return notifyFailure('NOTIFY_UNREACHED', `${target.host} was not asked: the gateway stops`)
  const seconds = Math.floor(at / 1000)
  const family = isIP(address.value)
  const headers = {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'user-agent': 'gridtally',
    'x-gridtally-delivery': id,
    ...(secret ? { 'x-gridtally-signature': signatureOf(secret.reveal(), seconds, body) } : {}),
  }
  return new Promise((done) => {
    const failed = (error: Error) =>
      done(
        limit.aborted
          ? notifyFailure('NOTIFY_SLOW', `${target.host} did not answer within ${timeoutMs} ms`)
          : notifyFailure('NOTIFY_UNREACHED', `${target.host} cannot be reached: ${error.message}`),
      )
    const options = {
      ...{ method: 'POST', headers, agent: false, maxHeaderSize: 16_384, signal: limit },
      // The name is not looked up a second time: it might be somebody else's by then.
      lookup: (
        _: string,
        given: { readonly all?: boolean | undefined },
        found: (error: null, address: string | { address: string; family: number }[], family?: number) => void,
      ) => (given.all ? found(null, [{ address: address.value, family }]) : found(null, address.value, family)),
    }
    const call = (target.protocol === 'https:' ? tlsRequest : plainRequest)(target, options, (response) => {
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > MOST_ANSWER) response.destroy()
      })
      response.on('error', () => {})
      const { statusCode = 0 } = response
      const end = () =>
        done(
          statusCode >= 200 && statusCode < 300 ? ok(undefined) : notifyFailure('NOTIFY_REFUSED', `${target.host} answered ${statusCode}`),
        )
      response.on('close', end)
    })
    const breakOff = () => call.destroy(new Error('the gateway stops'))
    signal?.addEventListener('abort', breakOff, { once: true })
    call.on('close', () => signal?.removeEventListener('abort', breakOff))
    call.on('error', failed)
    call.end(body)
  })
}

/** Null: it took longer. */
const within = <T>(limit: AbortSignal, work: Promise<T>): Promise<T | null> =>
  new Promise((done, failed) => {
    limit.addEventListener('abort', () => done(null), { once: true })
    work.then(done, failed)
  })
