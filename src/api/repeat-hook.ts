import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import { type Principal, personOf } from '../access/principals.ts'
import { problem, refuse } from './problems.ts'
import type { KeptAnswer, RepeatDeps } from './repeat-deps.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The answer holds a secret that is shown once: it is not kept for a repeat. */
    secretAnswer?: boolean
    /** The room behind the route knows the key: it goes on with what was interrupted, where an old answer would only say that it had begun. */
    repeats?: 'own'
    /** The body holds a password: nothing that could be guessed back from it is kept. */
    secretBody?: boolean
  }
}

/** What is taken for a key: 1 to 255 printable characters. @source draft-ietf-httpapi-idempotency-key-header, 2.2 */
const KEY = /^[\x21-\x7e]{1,255}$/
const MOST_BODY = 256 * 1024
const KEPT_HEADERS = ['content-type', 'etag', 'location']
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

const isPiped = (body: unknown): boolean => typeof body === 'object' && body !== null && 'pipe' in body

/** What is asked for. Bytes of a file that is sent are not looked at; their number is. */
const printOf = ({ method, url, body, headers, routeOptions: { config } }: FastifyRequest): string =>
  createHash('sha256')
    .update(
      `${method} ${url}\n${config.secretBody ? '' : isPiped(body) ? `file of ${headers['content-length'] ?? 'some'} bytes` : (JSON.stringify(body) ?? '')}`,
    )
    .digest('hex')

/** What somebody may do and see: an answer is given again to who would be given it now. */
const rightsOf = ({ roles, former, zones, customer }: Principal): string =>
  createHash('sha256')
    .update(JSON.stringify([roles.toSorted(), former, zones?.toSorted() ?? null, customer]))
    .digest('base64url')

const REFUSALS = {
  'under-way': ['API_REPEAT_UNDER_WAY', 'a request with this Idempotency-Key is being done'],
  unfinished: ['API_REPEAT_UNKNOWN', 'a request with this Idempotency-Key was begun and nobody can say how it ended'],
  unavailable: ['API_REPEAT_STORE', 'the Idempotency-Key cannot be written down, so nothing was done'],
  other: ['API_REPEAT_OTHER', 'this Idempotency-Key was used for another request'],
} as const

/** Answers that say that nothing was done: the same key may try again. One that came too late may still have been done. */
const wasDone = (status: number, body: unknown): 'done' | 'not' | 'unknown' => {
  if (status < 500 && status !== 429) return 'done'
  return status === 500 || (typeof body === 'string' && body.includes('"API_LATE"')) ? 'unknown' : 'not'
}

/**
 * `Idempotency-Key` on every route that changes something: the first answer is given again, for a day, over restarts. What was refused
 * as not well-formed never used the key.
 *
 * To be registered after the audit log: what is only repeated is no act.
 */
export const repeatHook = (app: FastifyInstance, { repeats }: RepeatDeps): void => {
  const open = new WeakMap<
    FastifyRequest,
    { readonly who: string; readonly key: string; readonly rights: string; readonly isSecret: boolean }
  >()
  const again = (reply: FastifyReply, { status, headers, body, rights }: KeptAnswer, rightsNow: string) => {
    if (rights !== rightsNow)
      return refuse(
        reply,
        problem('API_REPEAT_DONE', `this was done and answered with ${status}, to somebody with other rights than yours are now`),
      )
    if (body === null)
      return refuse(reply, problem('API_REPEAT_DONE', `this was done and answered with ${status}; the answer itself was not kept`))
    for (const [name, value] of Object.entries(headers)) reply.header(name, value)
    return reply
      .header('idempotency-replayed', 'true')
      .code(status)
      .serializer((kept: string) => kept)
      .send(body)
  }
  app.addHook('onRoute', (route: RouteOptions) => {
    if ([route.method].flat().every((method) => SAFE.has(method)) || route.config?.repeats === 'own') return
    const before: NonNullable<RouteOptions['preHandler']> = async (request, reply) => {
      const key = request.headers['idempotency-key']
      if (key === undefined || request.who === null) return
      if (typeof key !== 'string' || !KEY.test(key))
        return refuse(
          reply,
          problem('API_VALUE', 'the header Idempotency-Key cannot be used', [
            { place: 'headers/idempotency-key', value: String(key).slice(0, 80), allowed: '1 to 255 printable characters without blanks' },
          ]),
        )
      const who = personOf(request.who)
      const rights = rightsOf(request.who)
      const begun = repeats.begin(who, key, printOf(request))
      if (begun.state === 'done') return again(reply, begun.answer, rights)
      if (begun.state !== 'new') {
        if (begun.state === 'under-way') reply.header('retry-after', 1)
        const [code, detail] = REFUSALS[begun.state]
        return refuse(reply, problem(code, detail))
      }
      open.set(request, { who, key, rights, isSecret: request.routeOptions.config.secretAnswer === true })
    }
    route.preHandler = [before, ...[route.preHandler ?? []].flat()]
  })
  app.addHook('onSend', async (request, reply, payload) => {
    const one = open.get(request)
    if (!one) return
    open.delete(request)
    const { who, key, rights, isSecret } = one
    const how = wasDone(reply.statusCode, payload)
    if (how === 'not') return repeats.forget(who, key)
    if (how === 'unknown') return repeats.leave(who, key)
    const text = typeof payload === 'string' ? payload : Buffer.isBuffer(payload) ? payload.toString('utf8') : payload ? null : ''
    const isKept = text !== null && !isSecret && text.length <= MOST_BODY
    const headers = KEPT_HEADERS.flatMap((name) => {
      const value = reply.getHeader(name)
      return value === undefined ? [] : [[name, String(value)] as const]
    })
    repeats.finish(who, key, { status: reply.statusCode, headers: Object.fromEntries(headers), rights, body: isKept ? text : null })
  })
}
