import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify'
import { problem, refuse } from './problems.ts'

type Asked = Pick<FastifyRequest, 'params' | 'query' | 'routeOptions'>

/** May differ from page to page. */
const FREE: ReadonlySet<string> = new Set(['limit', 'cursor'])
const LENGTH = 8

/** What a cursor belongs to, in eight characters: the list, the ids in its path and the filters. */
const markOf = ({ routeOptions: { url }, params, query }: Asked): string => {
  const filters = Object.entries(query ?? {}).filter(([name]) => !FREE.has(name))
  const asked = JSON.stringify([url, params, filters.sort(([a], [b]) => (a < b ? -1 : 1))])
  return createHash('sha256').update(asked).digest('base64url').slice(0, LENGTH)
}

/** A cursor as it is handed out; for routes that write their answer themselves. */
export const marked = (request: Asked, next: string | null): string | null => (next === null ? null : markOf(request) + next)

const hasCursor = ({ schema }: RouteOptions): boolean =>
  isObject(schema?.querystring) && isObject(schema.querystring.properties) && 'cursor' in schema.querystring.properties

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Cursors of one list mean something else in another one, and after a change of filters: rows would be left out and nobody would notice.
 * Each carries what it belongs to, and is refused elsewhere. The routes themselves know nothing of it.
 */
export const cursorHook = (app: FastifyInstance): void => {
  app.addHook('onRoute', (route) => {
    if (!hasCursor(route)) return
    route.preHandler = [
      ...[route.preHandler ?? []].flat(),
      async (request, reply) => {
        const { query } = request
        if (!isObject(query) || typeof query.cursor !== 'string') return
        const mark = query.cursor.slice(0, LENGTH)
        if (mark !== markOf(request)) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list with these filters'))
        query.cursor = query.cursor.slice(LENGTH)
      },
    ]
    route.preSerialization = [
      ...[route.preSerialization ?? []].flat(),
      async (request: FastifyRequest, _reply: unknown, payload: unknown) =>
        isObject(payload) && typeof payload.next === 'string' ? { ...payload, next: marked(request, payload.next) } : payload,
    ]
  })
}
