import type { FastifyInstance } from 'fastify'
import { ok, type Result, type Scope, type ScopedKind } from '../core/index.ts'
import { isKind, type Kind } from '../ledger/kinds.ts'
import type { AccessDeps } from './access-deps.ts'
import type { CaseView } from './case-deps.ts'
import type { Soon } from './deps.ts'
import { routeName } from './guard.ts'
import { type Problem, type ProblemCode, problem, refuse } from './problems.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a parameter of the path names: whoever does not see it is answered as if it were not there. `entry`: of the ledger, by its kind. */
    sees?: readonly [kind: ScopedKind | 'entry', param: string]
  }
}

const CODES: Readonly<Partial<Record<string, ProblemCode>>> = { point: 'API_POINT', line: 'API_LINE', 'whole-line': 'API_LINE' }

/** The answer for what is not there, and for what somebody does not see: the same, so that it does not tell which of the two it is. */
export const unseenBy = (kind: string, id: string): Problem =>
  problem(CODES[kind] ?? 'API_UNKNOWN', `there is no ${kind === 'whole-line' ? 'line' : kind} "${id}", or it is not yours to see`)

/** What an entry of the ledger is as something that can be seen: its channels are lines. */
export const scopedKind = (kind: Kind): ScopedKind => (kind === 'channel' ? 'line' : kind)

const entryKind = (word: unknown): ScopedKind | null => (typeof word === 'string' && isKind(word) ? scopedKind(word) : null)

const isParams = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null

/**
 * Asks, for every route that says what its path names, whether that is somebody's to see: before anything of the request is looked at, so
 * that no other refusal tells it is there. Who tries stands in the audit log.
 */
export const scopeHook = (app: FastifyInstance, { scopeOf, audit }: Pick<AccessDeps, 'scopeOf' | 'audit'>): void => {
  app.addHook('onRoute', (route) => {
    const sees = route.config?.sees
    if (!sees) return
    const [kind, param] = sees
    route.preValidation = [
      async (request, reply) => {
        const scope = scopeOf(request.who)
        if (scope.all || !isParams(request.params)) return
        const id = String(request.params[param])
        const of = kind === 'entry' ? entryKind(request.params.kind) : kind
        // What is no kind of the ledger is refused as a wrong value.
        if (of === null) return
        if (scope.sees(of, id)) return
        const found = unseenBy(of, id)
        audit.refused({ who: request.who, from: request.ip, route: routeName(request), status: 404, code: found.code })
        return refuse(reply, found)
      },
      ...[route.preValidation ?? []].flat(),
    ]
  })
}

interface PageAsked<Item, Place, Answer> {
  readonly scope: Scope
  readonly sees: (item: Item) => boolean
  /** Items after a place in their order, at most so many. */
  readonly ask: (after: Place, limit: number) => Soon<Answer>
  /** The place of an item. */
  readonly at: (item: Item) => Place
  readonly after: Place
  readonly limit: number
}
interface SeenPage<Item> {
  readonly items: readonly Item[]
  readonly last: Item | null
  readonly hasMore: boolean
}

/** Items looked through at once for somebody who does not see all of them. */
const LOOKED = 500

/** One page of what somebody sees, and whether there is more: what he does not see is in no page, count or cursor. */
export const seenPageIf = async <Item, Place, Failure>({
  scope,
  sees,
  ask,
  at,
  after,
  limit,
}: PageAsked<Item, Place, Result<readonly Item[], Failure>>): Promise<Result<SeenPage<Item>, Failure>> => {
  const wanted = limit + 1
  const many = scope.all ? wanted : Math.max(wanted, LOOKED)
  const seen: Item[] = []
  for (let from = after; seen.length < wanted; ) {
    const page = await ask(from, many)
    if (!page.ok) return page
    seen.push(...(scope.all ? page.value : page.value.filter(sees)))
    const end = page.value.at(-1)
    if (scope.all || end === undefined || page.value.length < many) break
    from = at(end)
    // A long list of what is not his must not hold up the others.
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
  const items = seen.slice(0, limit)
  return ok({ items, last: items.at(-1) ?? null, hasMore: seen.length > limit })
}

/** The same of a list that always answers. */
export const seenPage = async <Item, Place>({ ask, ...asked }: PageAsked<Item, Place, readonly Item[]>): Promise<SeenPage<Item>> => {
  const page = await seenPageIf<Item, Place, never>({ ...asked, ask: async (after, limit) => ok(await ask(after, limit)) })
  return page.ok ? page.value : page.error
}

/** Whether a case is somebody's to see: it belongs to an area or, where it has none, to what it is about. */
export const seesCase = (scope: Scope, { one: { area, level, target } }: Pick<CaseView, 'one'>): boolean => {
  if (scope.all) return true
  if (level === 'zone') return scope.sees('zone', target)
  if (area !== '') return scope.sees('area', area)
  return (['meter', 'point', 'bus', 'concentrator', 'whole-line'] as const).some((kind) => scope.sees(kind, target))
}

/** From when on figures of a point are somebody's to see, milliseconds since 1970 UTC. */
export const sinceOf = (scope: Scope, point: string): number => scope.since?.(point) ?? Number.NEGATIVE_INFINITY
