import type { FastifyContextConfig, FastifyInstance, FastifyRequest, RouteOptions } from 'fastify'
import { ATTRIBUTES, HIDDEN, isKind, KINDS, type Kind, mayTellPerson } from '../ledger/kinds.ts'
import type { AccessDeps } from './access-deps.ts'
import { routeName } from './guard.ts'
import { problemOf, refuse } from './problems.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * Whether use of the route is written to the audit log. Absent: every method but GET. `act`: this GET too. `reads`: a POST that only
     * asks, so it is not. `own`: the room behind it writes its own records.
     */
    audit?: 'act' | 'reads' | 'own'
    /** Of a GET that is an act where it hands out a file: whether this request asks for one. Absent: every one is an act. */
    isFile?: (request: FastifyRequest) => boolean
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null
const PERSONAL_ANYWHERE = new Set(KINDS.flatMap((kind) => Object.keys(ATTRIBUTES[kind]).filter((name) => mayTellPerson(kind, name))))

/** A body as it is recorded: what a ledger says of persons stands in its own history and not here. */
export const withoutPersons = (value: unknown, given: Kind | null = null): unknown => {
  if (Array.isArray(value)) return value.map((each) => withoutPersons(each, given))
  if (!isObject(value)) return value
  const kind = typeof value.kind === 'string' && isKind(value.kind) ? value.kind : given
  const hides = (name: string): boolean => (kind === null ? PERSONAL_ANYWHERE.has(name) : mayTellPerson(kind, name))
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      (name === 'set' || name === 'attributes') && isObject(member)
        ? Object.fromEntries(Object.entries(member).map(([each, text]) => [each, text !== null && hides(each) ? HIDDEN : text]))
        : withoutPersons(member, kind),
    ]),
  )
}

const bodyOf = ({ body, headers, params }: FastifyRequest): unknown => {
  // A file that is sent goes to the disk as it comes.
  if (isObject(body) && 'pipe' in body) return { type: headers['content-type'] ?? null, bytes: headers['content-length'] ?? null }
  const kind = isObject(params) && typeof params.kind === 'string' && isKind(params.kind) ? params.kind : null
  return withoutPersons(body, kind)
}

const whyOf = (body: unknown): string | null => {
  if (!isObject(body)) return null
  const found = [body.why, body.reason].find((each) => typeof each === 'string')
  return typeof found === 'string' ? found : null
}

const paramsOf = ({ params }: FastifyRequest): Readonly<Record<string, string>> =>
  isObject(params) ? Object.fromEntries(Object.entries(params).map(([name, value]) => [name, String(value)])) : {}

const READS = new Set(['GET', 'HEAD', 'OPTIONS'])
/** How use of a route is recorded, in the words of the API's description. */
export const recordOf = (method: string, audit: FastifyContextConfig['audit']): string => audit ?? (READS.has(method) ? 'none' : 'act')

const isRecorded = ({ method, config }: Pick<RouteOptions, 'method' | 'config'>): boolean => {
  if (config?.audit !== undefined) return config.audit === 'act'
  return [method].flat().some((each) => !READS.has(each))
}

/**
 * Writes down each act before it is done, and how it ended; refuses it while nothing can be written. Only what is well-formed and
 * allowed comes so far: refusals are recorded by the guard. A public route that acts and writes no records of its own stops the start.
 */
export const auditHook = (app: FastifyInstance, { audit }: Pick<AccessDeps, 'audit'>): void => {
  const open = new WeakMap<FastifyRequest, (status: number) => void>()
  const unrecorded: string[] = []
  app.addHook('onRoute', (route) => {
    if (!isRecorded(route)) return
    if (route.config?.permission === 'public') unrecorded.push(`${route.method} ${route.url}`)
    const before: NonNullable<RouteOptions['preHandler']> = async (request, reply) => {
      const { who, ip, query, routeOptions } = request
      if (who === null || routeOptions.config.isFile?.(request) === false) return
      const { permission, also, isFile } = routeOptions.config
      const begun = audit.begin({
        ...{
          who,
          from: ip,
          route: routeName(request),
          permission: String(also ?? (isFile ? 'export' : permission)),
          params: paramsOf(request),
        },
        ...{ query, body: bodyOf(request), why: whyOf(request.body) },
      })
      if (!begun.ok) return refuse(reply, problemOf('unavailable', begun.error))
      open.set(request, begun.value)
    }
    route.preHandler = [before, ...[route.preHandler ?? []].flat()]
  })
  // Before the answer leaves: whoever has it finds the record.
  app.addHook('onSend', async (request, reply) => {
    open.get(request)?.(reply.statusCode)
    open.delete(request)
  })
  app.addHook('onReady', async () => {
    if (unrecorded.length > 0) throw new Error(`nobody would be recorded for ${unrecorded.join(', ')}`)
  })
}
