import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type PointState, STATES } from '../../ledger/kinds.ts'
import type { ChecklistItem } from '../../ledger/types.ts'
import type { ApiDeps } from '../deps.ts'
import { refusalOf } from '../ledger-json.ts'
import { AppliedSchema, ChecklistSchema, ConfirmBody, ItemParams, PointParams, StateBody } from '../ledger-schemas.ts'
import { problem, refuse } from '../problems.ts'
import { ref } from '../schema-words.ts'
import { inTime, iso } from './common.ts'
import { actOf } from './ledger.ts'

const BUSY = 'the ledger is busy; GET /api/v1/ledger/changes shows what came of it'

/** Commissioning of points: the check-list and the steps from planned to in service. */
export const ledgerPointRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps; answerMs: number }> = async (app, { deps, answerMs }) => {
  const { ledger } = deps
  const stateOf = (id: string): PointState => {
    const written = ledger.get('point', id, null)?.attributes.state
    return STATES.find((state) => state === written) ?? 'in-service'
  }
  const listJson = (point: string, items: readonly ChecklistItem[]) => ({
    point,
    state: stateOf(point),
    complete: items.every(({ done }) => done),
    items: items.map(({ confirmed, evidence, ...item }) => ({
      ...item,
      evidence: { ...evidence },
      confirmed: confirmed && { ...confirmed, at: iso(confirmed.at) },
    })),
  })
  app.get(
    '/points/:id/checklist',
    {
      config: { permission: 'ledger:read', sees: ['point', 'id'], failures: [404] },
      schema: {
        operationId: 'getChecklist',
        tags: ['ledger'],
        summary: 'Check-list of a point',
        description: 'What must be right before it goes in service: what the gateway knows, what a person has confirmed, what is missing.',
        params: PointParams,
        response: { 200: ref(ChecklistSchema, 'The check-list.') },
      },
    },
    async ({ params: { id } }, reply) => {
      const items = await ledger.checklist(id)
      return items ? listJson(id, items) : refuse(reply, problem('API_POINT', `there is no point "${id}"`))
    },
  )
  app.post(
    '/points/:id/checklist/:item',
    {
      config: { permission: 'commissioning:act', sees: ['point', 'id'], failures: [404, 413, 415, 422] },
      schema: {
        operationId: 'confirmChecklistItem',
        tags: ['ledger'],
        summary: 'Confirm an item of the check-list',
        description: 'A person has looked: it is right, or it is not.',
        params: ItemParams,
        body: ConfirmBody,
        response: { 200: ref(ChecklistSchema, 'The check-list as it is now.') },
      },
    },
    async (request, reply) => {
      const { id, item } = request.params
      const { good, by, note = '' } = request.body
      const act = actOf(request, deps.now(), 'state', note)
      const answer = await inTime(ledger.confirm(id, item, good, { ...act, who: by ?? act.who }), answerMs)
      if (answer === null) return refuse(reply, problem('API_LATE', BUSY))
      if (!answer.ok) return refuse(reply, refusalOf(answer.error))
      return listJson(id, (await ledger.checklist(id)) ?? [])
    },
  )
  app.post(
    '/points/:id/state',
    {
      config: { permission: 'commissioning:act', sees: ['point', 'id'], failures: [404, 413, 415, 422] },
      schema: {
        operationId: 'setPointState',
        tags: ['ledger'],
        summary: 'Step of commissioning',
        description:
          'One step forward, or back, or archived: planned, installed, trial, in-service, archived. In service needs energisedOn, startRegister and the whole check-list; archiving frees the meter.',
        params: PointParams,
        body: StateBody,
        response: { 200: ref(AppliedSchema, 'Done.') },
      },
    },
    async (request, reply) => {
      const { state, from, set, why, workOrder = null } = request.body
      const act = actOf(request, deps.now(), 'state', why, workOrder)
      const options = { ...(from === undefined ? {} : { from: Date.parse(from) }), ...(set === undefined ? {} : { set }) }
      const answer = await inTime(ledger.step(request.params.id, state, act, options), answerMs)
      if (answer === null) return refuse(reply, problem('API_LATE', BUSY))
      return answer.ok ? answer.value : refuse(reply, refusalOf(answer.error))
    },
  )
}
