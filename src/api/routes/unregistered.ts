import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { fullObis } from '../../core/index.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps } from '../deps.ts'
import { badValue } from '../invalid.ts'
import { problem, problemOf, refuse } from '../problems.ts'
import { ref } from '../schema-words.ts'
import type { StatementView, UnregisteredDetail, UnregisteredView } from '../unregistered-deps.ts'
import {
  AdoptBody,
  CloseBody,
  StatementQuery,
  StatementSchema,
  UnregisteredDetailSchema,
  UnregisteredPage,
  UnregisteredParams,
  UnregisteredQuery,
  UnregisteredSchema,
} from '../unregistered-schemas.ts'
import { inTime, iso, isoOrNull } from './common.ts'

/** Meters that were heard and are not in the ledger, and what a person does about them. */
export const unregisteredRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps; answerMs: number }> = async (app, { deps, answerMs }) => {
  app.get(
    '/unregistered',
    {
      config: { permission: 'lines:read', everywhere: true },
      schema: {
        operationId: 'listUnregistered',
        tags: ['unregistered'],
        summary: 'Meters that are not in the ledger',
        description: 'Whatever answered, logged in or pushed, with its readings kept; in the order in which they were found.',
        querystring: UnregisteredQuery,
        response: { 200: ref(UnregisteredPage, 'One page.') },
      },
    },
    async ({ query: { limit = 100, cursor, ...filter } }, reply) => {
      const from = cursor === undefined ? [0] : readCursor(cursor, ['number'])
      if (from === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const found = deps.unregistered(filter, Number(from[0]), limit + 1)
      const items = found.slice(0, limit)
      const last = items.at(-1)
      return { items: items.map(viewJson), next: found.length > limit && last ? cursorOf([last.id]) : null }
    },
  )
  app.get(
    '/unregistered/:id',
    {
      config: { permission: 'lines:read', everywhere: true, failures: [404] },
      schema: {
        operationId: 'getUnregistered',
        tags: ['unregistered'],
        summary: 'One of them, and what was done with it',
        description: 'Its history says who adopted or closed it, when and why.',
        params: UnregisteredParams,
        response: { 200: ref(UnregisteredDetailSchema, 'The meter.') },
      },
    },
    async ({ params: { id } }, reply) => {
      const found = deps.unregisteredOne(id)
      return found ? detailJson(found) : refuse(reply, problem('API_UNREGISTERED', `there is no unregistered meter ${id}`))
    },
  )
  app.post(
    '/unregistered/:id/adopt',
    {
      config: { permission: 'ledger:write', everywhere: true, failures: [404, 413, 415, 422] },
      schema: {
        operationId: 'adoptUnregistered',
        tags: ['unregistered'],
        summary: 'Put it into the ledger',
        description:
          'One change of the ledger: the meter, and its point where there is none. Its earlier readings are then put to the point, with the ratio of the ledger at each instant; `attached` counts them, `complete` says when all are there. The readings as they came stay where they were.',
        params: UnregisteredParams,
        body: AdoptBody,
        response: { 200: ref(UnregisteredSchema, 'It is in the ledger.') },
      },
    },
    async ({ params: { id }, body: { from, ...body }, who }, reply) => {
      const request = { ...body, ...(from === undefined ? {} : { from: Date.parse(from) }) }
      const done = await inTime(deps.adoptUnregistered(id, request, who?.name ?? ''), answerMs)
      if (done === null) return refuse(reply, problem('API_LATE', 'the ledger takes long; whether it was done shows in the list'))
      return done.ok ? viewJson(done.value) : refuse(reply, problemOf(done.error.because, done.error.error))
    },
  )
  app.post(
    '/unregistered/:id/close',
    {
      config: { permission: 'ledger:write', everywhere: true, failures: [404, 413, 415, 422] },
      schema: {
        operationId: 'closeUnregistered',
        tags: ['unregistered'],
        summary: 'Close it with a reason',
        description: 'It is open again when it is heard again, unless it is to be ignored for ever. Its readings stay.',
        params: UnregisteredParams,
        body: CloseBody,
        response: { 200: ref(UnregisteredSchema, 'It is closed.') },
      },
    },
    async ({ params: { id }, body: { why, forever = false }, who }, reply) => {
      const done = deps.closeUnregistered(id, { why, forever, who: who?.name ?? '' })
      return done.ok ? viewJson(done.value) : refuse(reply, problemOf(done.error.because, done.error.error))
    },
  )
  app.get(
    '/unregistered/:id/statement',
    {
      config: { permission: 'lines:read', everywhere: true, failures: [404, 422] },
      schema: {
        operationId: 'getUnregisteredStatement',
        tags: ['unregistered'],
        summary: 'What it has used since it was first seen, by month',
        description: 'So that months can be settled one by one afterwards. Figures are registers as shown; what is missing is said.',
        params: UnregisteredParams,
        querystring: StatementQuery,
        response: { 200: ref(StatementSchema, 'The statement.') },
      },
    },
    async ({ params: { id }, query: { register = '1.8.0' } }, reply) => {
      const obis = fullObis(register)
      if (obis === null) return refuse(reply, badValue('querystring/register', register, 'an OBIS code such as 1.8.0 or 1-0:1.8.0'))
      const found = await deps.unregisteredStatement(id, obis)
      return found.ok ? statementJson(found.value) : refuse(reply, problemOf(found.error.because, found.error.error))
    },
  )
}

const viewJson = (view: UnregisteredView) => {
  const { firstSeen, lastSeen, dueAt, register, closed, adopted } = view
  return {
    ...view,
    ...{ firstSeen: iso(firstSeen), lastSeen: iso(lastSeen), dueAt: isoOrNull(dueAt) },
    register: register && { ...register, at: iso(register.at) },
    closed: closed && { ...closed, at: iso(closed.at) },
    adopted: adopted && { ...adopted, at: iso(adopted.at), from: iso(adopted.from) },
  }
}

const detailJson = ({ history, ...view }: UnregisteredDetail) => ({
  ...viewJson(view),
  history: history.map(({ at, ...rest }) => ({ ...rest, at: iso(at) })),
})

const statementJson = ({ months, ...statement }: StatementView) => ({
  ...statement,
  months: months.map(({ month, first, last, used, missing }) => ({
    ...{ month, used, missing: [...missing] },
    first: first && { ...first, at: iso(first.at) },
    last: last && { ...last, at: iso(last.at) },
  })),
})
