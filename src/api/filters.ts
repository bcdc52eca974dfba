import type { FastifyContextConfig, FastifyInstance, FastifySchema } from 'fastify'
import type { ScopedKind } from '../core/index.ts'
import { type AccessDeps, FILTER_KINDS, type FilterKind } from './access-deps.ts'
import { routeName } from './guard.ts'
import { refuse } from './problems.ts'
import { unseenBy } from './scoped.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * `own`: the route says itself what is wrong with a thing that its query names. `listed`: several stand in one value with commas
     * between them, and a meter may be one that is not in the ledger.
     */
    filters?: 'own' | 'listed'
  }
}

const SEEN_AS: Readonly<Record<FilterKind, ScopedKind>> = {
  ...{ area: 'area', zone: 'zone', feeder: 'feeder', customer: 'customer', point: 'point', meter: 'meter', concentrator: 'concentrator' },
  ...{ line: 'line', bus: 'line', broker: 'line', channel: 'line' },
}

/** What has no point or area stands under `-`. */
const listed = (text: string): readonly string[] =>
  text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '' && one !== '-')

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null

/** What the query of a route may name, where the route does not look after that itself. */
export const filtersOf = (schema: FastifySchema | undefined, config: FastifyContextConfig | undefined): readonly FilterKind[] => {
  const query = schema?.querystring
  if (config?.filters === 'own' || !isRecord(query) || !isRecord(query.properties)) return []
  const { properties } = query
  return FILTER_KINDS.filter((kind) => kind in properties && !(config?.filters === 'listed' && kind === 'meter'))
}

/**
 * A list that is narrowed to something that is not there is no empty list: it is answered with 404, and so is what somebody does not see, in the same
 * words. An empty list says that there is nothing of what was asked for; after a slip of the pen it would be believed.
 */
export const filterHook = (app: FastifyInstance, { isEntry, scopeOf, audit }: Pick<AccessDeps, 'isEntry' | 'scopeOf' | 'audit'>): void => {
  app.addHook('onRoute', (route) => {
    const kinds = filtersOf(route.schema, route.config)
    if (kinds.length === 0) return
    const isListed = route.config?.filters === 'listed'
    route.preHandler = [
      async (request, reply) => {
        if (!isRecord(request.query)) return
        const scope = scopeOf(request.who)
        for (const kind of kinds) {
          const { [kind]: given } = request.query
          for (const id of [given]
            .flat()
            .flatMap((one): readonly unknown[] => (isListed && typeof one === 'string' ? listed(one) : [one]))) {
            if (typeof id !== 'string' || (isEntry(kind, id) && (scope.all || scope.sees(SEEN_AS[kind], id)))) continue
            const found = unseenBy(kind, id)
            if (!scope.all) audit.refused({ who: request.who, from: request.ip, route: routeName(request), status: 404, code: found.code })
            return refuse(reply, found)
          }
        }
      },
      ...[route.preHandler ?? []].flat(),
    ]
  })
}
