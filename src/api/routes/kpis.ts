import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { ok, type Scope, type ScopedKind } from '../../core/index.ts'
import type { FigureView, KpiGroupName, KpiUnitView } from '../collection-deps.ts'
import { KpiMemberPage, KpiMembersQuery, KpiParams, KpisQuery, KpisSchema } from '../collection-schemas.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps, Refusal } from '../deps.ts'
import { badValue } from '../invalid.ts'
import { problem, problemOf, refuse } from '../problems.ts'
import { ref } from '../schema-words.ts'
import { seenPageIf } from '../scoped.ts'
import { iso } from './common.ts'

/** Figures of collection, each with the two lists behind it. */
export const kpiRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps; answerMs: number }> = async (app, { deps }) => {
  app.get(
    '/kpis',
    {
      config: { permission: 'collection:read' },
      schema: {
        operationId: 'getKpis',
        tags: ['collection'],
        summary: 'Figures of collection of one day',
        description:
          'Success is what was read ÷ what was due. Each figure states its numerator, denominator, exclusions and cut-off, and leads to the ' +
          'lists of meters behind it. Where nothing was due there is no rate.',
        querystring: KpisQuery,
        response: { 200: ref(KpisSchema, 'The figures.') },
      },
    },
    async ({ query: { day = null, by = 'none', limit = 100, cursor }, who }, reply) => {
      const scope = deps.scopeOf(who)
      if (!scope.all && KIND_OF[by] === null) return refuse(reply, forAll(by))
      const after = cursor === undefined ? [null] : readCursor(cursor, ['string'])
      if (after === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const heads: { readonly day: string; readonly asOf: number }[] = []
      const found = await seenPageIf<KpiUnitView, string | null, Refusal>({
        ...{ scope, after: typeof after[0] === 'string' ? after[0] : null, limit },
        ask: async (from, most) => {
          const page = await deps.kpis({ day, by }, from, most)
          if (page.ok && page.value) heads.push(page.value)
          return page.ok ? ok(page.value?.units ?? []) : page
        },
        sees: ({ id }) => seesUnit(scope, by, id),
        at: ({ id }) => id,
      })
      if (!found.ok) return refuse(reply, problemOf(found.error.because, found.error.error))
      const [head] = heads
      if (head === undefined) return refuse(reply, badValue('querystring/day', day ?? '', 'a day of the calendar'))
      const { asOf, day: of } = head
      const { items, last, hasMore } = found.value
      return {
        ...{ day: of, by, asOf: iso(asOf) },
        items: items.map((unit) => unitJson(unit, of, by)),
        next: hasMore && last ? cursorOf([last.id]) : null,
      }
    },
  )
  app.get(
    '/kpis/:kpi/members',
    {
      config: { permission: 'collection:read', whole: ['meter', 'line', 'point'] },
      schema: {
        operationId: 'listKpiMembers',
        tags: ['collection'],
        summary: 'The meters behind a figure',
        description: 'By meter. `online` lists lines.',
        params: KpiParams,
        querystring: KpiMembersQuery,
        response: { 200: ref(KpiMemberPage, 'One page.') },
      },
    },
    async ({ params: { kpi }, query: { day = null, by = 'none', id = '', list, at = 'final' }, who }, reply) => {
      const scope = deps.scopeOf(who)
      if (!scope.all && KIND_OF[by] === null) return refuse(reply, forAll(by))
      // A figure that is not his has no members, like one that is of nothing.
      const found = seesUnit(scope, by, id) ? await deps.kpiMembers({ kpi, day, by, id, list, at }) : ok([])
      if (!found.ok) return refuse(reply, problemOf(found.error.because, found.error.error))
      if (found.value === null) return refuse(reply, badValue('querystring/day', day ?? '', 'a day of the calendar'))
      return { items: [...found.value] }
    },
  )
}

/** What a group of figures is of; null: of meters of any zone. */
const KIND_OF: Readonly<Record<KpiGroupName, ScopedKind | null>> = {
  ...{ none: null, maker: null, zone: 'zone', area: 'area', line: 'whole-line', concentrator: 'concentrator' },
}

const seesUnit = (scope: Scope, by: KpiGroupName, id: string): boolean => {
  const kind = KIND_OF[by]
  return scope.all || (kind !== null && scope.sees(kind, id))
}

const forAll = (by: string) => problem('API_EVERYWHERE', `by=${by} is about meters of all zones: ask with by=zone or by=area`)

const unitJson = ({ id, name, kpis }: KpiUnitView, day: string, by: string) => ({
  id,
  name,
  kpis: kpis.map(({ cutoff, finalAt, figure, final, ...kpi }) => {
    const list = (word: string) =>
      `/api/v1/kpis/${kpi.kpi}/members?${new URLSearchParams({ day, by, ...(by === 'none' ? {} : { id }), list: word })}`
    return {
      ...{ ...kpi, cutoff: iso(cutoff), figure: figureJson(figure), final: figureJson(final), finalAt: iso(finalAt) },
      members: { in: list('in'), out: list('out') },
    }
  }),
})

const figureJson = ({ excluded, ...figure }: FigureView) => ({ ...figure, excluded: [...excluded] })
