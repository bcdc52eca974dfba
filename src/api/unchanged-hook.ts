import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'

/** Longer answers cost more to read again than to send. */
const MOST = 4 * 1024 * 1024

const WHOLE = new Set(['GET', 'HEAD'])

const isSame = (shown: string, tag: string): boolean =>
  shown.trim() === '*' || shown.split(',').some((each) => each.trim().replace(/^W\//, '') === tag.replace(/^W\//, ''))

/**
 * `ETag` on whole answers of GET, and 304 for whoever has it already. Routes that know versions set their own; those of the others are
 * weak: the same figures.
 *
 * @source RFC 9110, 8.8.3 and 13.1.2
 */
export const unchangedHook = (app: FastifyInstance): void => {
  app.addHook('onSend', async (request, reply, payload) => {
    if (!WHOLE.has(request.method) || reply.statusCode !== 200 || typeof payload !== 'string' || payload.length > MOST) return payload
    const own = reply.getHeader('etag')
    const tag = typeof own === 'string' ? own : `W/"${createHash('sha1').update(payload).digest('base64url')}"`
    if (own === undefined) reply.header('etag', tag)
    const shown = request.headers['if-none-match']
    if (shown === undefined || !isSame(shown, tag)) return payload
    reply.code(304).removeHeader('content-length')
    return ''
  })
}
