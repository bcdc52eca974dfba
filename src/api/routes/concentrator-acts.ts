import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import type { TSchema } from 'typebox'
import { mayDo } from '../../access/principals.ts'
import type { ConcentratorOrder } from '../concentrator-deps.ts'
import {
  AskBody,
  ConcentratorClockSetBody,
  ConcentratorJobParams,
  ConcentratorParams,
  ConcentratorReadBody,
  DeleteBody,
  DownloadBody,
  EventsAskBody,
  JobQuery,
  NewestQuery,
  ParametersCompareBody,
  ParametersReadBody,
  ParametersSetBody,
  RoutesReadBody,
  WhyBody,
} from '../concentrator-queries.ts'
import { ConcentratorJobPage, ConcentratorJobSchema } from '../concentrator-schemas.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps } from '../deps.ts'
import { badValue } from '../invalid.ts'
import { problem, problemOf, refuse } from '../problems.ts'
import { ref } from '../schema-words.ts'
import { anotherPerson } from '../second.ts'
import { jobJson } from './concentrator-json.ts'

/** Whoever orders something waits so long for its end before the job alone is the answer. */
const WAIT_MS = 4000
/** Jobs that change something in a concentrator. */
const CHANGES: ReadonlySet<string> = new Set(['archive-download', 'archive-delete', 'parameters-set', 'clock-set'])
const FAILURES = [404, 409, 413, 414, 415, 422, 504] as const
const GOES_ON = 'Answers when it is over, or after four seconds with the job as it is then: GET the job to see how far it is.'

/** What is done through concentrators: each is a job. */
export const concentratorActRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps; answerMs: number }> = async (app, { deps, answerMs }) => {
  const { concentrators } = deps
  const waitMs = Math.min(WAIT_MS, answerMs / 2)
  const order = async (reply: FastifyReply, id: string, wanted: ConcentratorOrder, why: string) => {
    const begun = concentrators.begin(id, wanted, { who: reply.request.who?.name ?? '', why })
    if (!begun.ok) return refuse(reply, problemOf(begun.error.because, begun.error.error))
    const job = await concentrators.wait(id, begun.value.id, waitMs)
    if (!job.ok) return refuse(reply, problemOf(job.error.because, job.error.error))
    const { state, error } = job.value
    if (state !== 'failed' || !error) return jobJson(job.value)
    const { because } = concentrators.refusalOf(error)
    return refuse(reply, problemOf(because, error))
  }
  const asks = { permission: 'read-now', sees: ['concentrator', 'id'], failures: FAILURES } as const
  const changes = { permission: 'concentrators:act', sees: ['concentrator', 'id'], failures: FAILURES } as const
  const schemaOf = <Body extends TSchema>(operationId: string, summary: string, description: string, body: Body) => ({
    ...{ operationId, tags: ['concentrators'], summary, description: `${description} ${GOES_ON}` },
    ...{ params: ConcentratorParams, body, response: { 200: ref(ConcentratorJobSchema, 'The job.') } },
  })
  const bare = {
    config: asks,
    preValidation: async (request: { body: unknown }) => {
      request.body ??= {}
    },
  }
  const optional = { 'x-body-optional': true } as const

  app.post(
    '/concentrators/:id/archive/read',
    {
      ...bare,
      schema: {
        ...schemaOf(
          'readArchive',
          'Read the meter archive',
          'Changes nothing. What it holds and the ledger does not is put on the list of unregistered meters.',
          WhyBody,
        ),
        ...optional,
      },
    },
    ({ params: { id }, body: { why = '' } }, reply) => order(reply, id, { what: 'archive-read' }, why),
  )
  app.post(
    '/concentrators/:id/archive/download',
    {
      config: changes,
      schema: schemaOf(
        'downloadArchive',
        'Write the ledger into the meter archive',
        'Archive download (档案下发): what is missing or differs, ten records at a time, each confirmed; all of it is read back and compared. Nothing is deleted and nothing is sent twice. Only when the concentrator allows writes.',
        DownloadBody,
      ),
    },
    ({ params: { id }, body: { why, meters } }, reply) =>
      order(reply, id, { what: 'archive-download', ...(meters === undefined ? {} : { meters }) }, why),
  )
  app.post(
    '/concentrators/:id/archive/delete',
    {
      config: changes,
      schema: schemaOf(
        'deleteFromArchive',
        'Delete records of the meter archive',
        'Only those that are named; those of meters the ledger has here only with `alsoInLedger`. It is read back.',
        DeleteBody,
      ),
    },
    ({ params: { id }, body: { why, numbers, alsoInLedger = false } }, reply) =>
      order(reply, id, { what: 'archive-delete', numbers, alsoInLedger }, why),
  )
  app.post(
    '/concentrators/:id/parameters/read',
    { config: asks, schema: schemaOf('readParameters', 'Read parameters', 'Changes nothing. What was read is kept.', ParametersReadBody) },
    ({ params: { id }, body: { why = '', items } }, reply) => order(reply, id, { what: 'parameters-read', items: items.map(nameOf) }, why),
  )
  app.post(
    '/concentrators/:id/parameters/compare',
    {
      config: asks,
      schema: schemaOf(
        'compareParameters',
        'Compare parameters with what is wanted',
        'With values that are given, or with what another concentrator has. Changes nothing.',
        ParametersCompareBody,
      ),
    },
    ({ params: { id }, body: { why = '', items, like } }, reply) => {
      const wanted = items.map((item) => ({ ...nameOf(item), ...(item.value === undefined ? {} : { value: item.value }) }))
      return order(reply, id, { what: 'parameters-compare', items: wanted, ...(like === undefined ? {} : { like }) }, why)
    },
  )
  app.post(
    '/concentrators/:id/parameters/set',
    {
      config: changes,
      schema: schemaOf(
        'setParameters',
        'Set parameters',
        'Only what differs is sent, once, and read back. Only when the concentrator allows writes.',
        ParametersSetBody,
      ),
    },
    ({ params: { id }, body: { why, items } }, reply) =>
      order(reply, id, { what: 'parameters-set', items: items.map((item) => ({ ...nameOf(item), value: item.value })) }, why),
  )
  app.post(
    '/concentrators/:id/clock/read',
    {
      ...bare,
      schema: { ...schemaOf('readConcentratorClock', 'Read the clock', 'Changes nothing. The drift is kept.', WhyBody), ...optional },
    },
    ({ params: { id }, body: { why = '' } }, reply) => order(reply, id, { what: 'clock-read' }, why),
  )
  app.post(
    '/concentrators/:id/clock/set',
    {
      config: changes,
      schema: schemaOf(
        'setConcentratorClock',
        'Set the clock',
        'Only when `clocks.set` is on and the concentrator allows writes; never near a full hour or midnight, ours or its own. It is read before and after.',
        ConcentratorClockSetBody,
      ),
    },
    async ({ params: { id }, body: { why, secondToken, acceptCrossing = false }, who }, reply) => {
      const second = secondToken === undefined ? null : anotherPerson(deps, who, secondToken, 'concentrators:act')
      if (secondToken !== undefined && (second === null || !deps.scopeOf(second).sees('concentrator', id)))
        return refuse(reply, badValue('body/secondToken', '***', 'a valid token of another person who may do the same'))
      return order(reply, id, { what: 'clock-set', second: second?.name ?? null, acceptCrossing }, why)
    },
  )
  app.post(
    '/concentrators/:id/events/ask',
    {
      ...bare,
      schema: {
        ...schemaOf('askEvents', 'Ask for events again', 'By its counters; what comes is stored like a report.', EventsAskBody),
        ...optional,
      },
    },
    ({ params: { id }, body: { why = '', level = 'important', from, to } }, reply) =>
      order(reply, id, { what: 'events', level, ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) }, why),
  )
  app.post(
    '/concentrators/:id/routes/read',
    {
      ...bare,
      schema: {
        ...schemaOf(
          'readRoutes',
          'Read signal and routes',
          'How each meter is reached over the power line. Changes nothing.',
          RoutesReadBody,
        ),
        ...optional,
      },
    },
    ({ params: { id }, body: { why = '', meters } }, reply) =>
      order(reply, id, { what: 'routes', ...(meters === undefined ? {} : { meters }) }, why),
  )
  app.post(
    '/concentrators/:id/read',
    {
      config: asks,
      schema: schemaOf(
        'readThroughConcentrator',
        'Read meters now',
        'What the concentrator has of them, or the meters themselves with their bytes passed through. Values are as the meter has them, before ratios; they are shown and not stored.',
        ConcentratorReadBody,
      ),
    },
    ({ params: { id }, body: { why = '', ...wanted } }, reply) => order(reply, id, { what: 'read', ...wanted }, why),
  )
  app.post(
    '/concentrators/:id/ask',
    {
      config: asks,
      schema: schemaOf(
        'askConcentrator',
        'Ask for anything it can be asked for',
        'By number; the answer is taken apart. Only what reads.',
        AskBody,
      ),
    },
    ({ params: { id }, body: { why = '', ...wanted } }, reply) => order(reply, id, { what: 'ask', ...wanted }, why),
  )
  app.get(
    '/concentrators/:id/jobs',
    {
      config: { permission: 'lines:read', sees: ['concentrator', 'id'], failures: [404, 414] },
      schema: {
        operationId: 'listConcentratorJobs',
        tags: ['concentrators'],
        summary: 'Jobs of a concentrator',
        description: 'Newest first. Jobs that changed something are kept for good, of the others the newest hundred.',
        params: ConcentratorParams,
        querystring: NewestQuery,
        response: { 200: ref(ConcentratorJobPage, 'One page.') },
      },
    },
    async ({ params: { id }, query: { limit = 50, cursor } }, reply) => {
      const from = cursor === undefined ? [Number.MAX_SAFE_INTEGER] : readCursor(cursor, ['number'])
      if (from === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const found = await concentrators.jobs(id, Number(from[0]), limit + 1)
      if (!found.ok) return refuse(reply, problemOf(found.error.because, found.error.error))
      const items = found.value.slice(0, limit)
      const last = items.at(-1)
      return { items: items.map(jobJson), next: found.value.length > limit && last ? cursorOf([last.id]) : null }
    },
  )
  app.get(
    '/concentrators/:id/jobs/:job',
    {
      config: { permission: 'lines:read', sees: ['concentrator', 'id'], failures: [404, 414] },
      schema: {
        operationId: 'getConcentratorJob',
        tags: ['concentrators'],
        summary: 'One job',
        description: 'How far it is, and what came of it. `waitS` waits a little for its end.',
        params: ConcentratorJobParams,
        querystring: JobQuery,
        response: { 200: ref(ConcentratorJobSchema, 'The job.') },
      },
    },
    async ({ params: { id, job }, query: { waitS = 0 } }, reply) => {
      const found = await concentrators.wait(id, job, Math.min(waitS * 1000, answerMs / 2))
      return found.ok ? jobJson(found.value) : refuse(reply, problemOf(found.error.because, found.error.error))
    },
  )
  app.post(
    '/concentrators/:id/jobs/:job/cancel',
    {
      config: { permission: 'read-now', sees: ['concentrator', 'id'], failures: [404, 413, 414, 415, 422] },
      schema: {
        operationId: 'cancelConcentratorJob',
        tags: ['concentrators'],
        summary: 'Cancel a job',
        description: 'What is under way is let end; what was confirmed before stays done, and is read back.',
        params: ConcentratorJobParams,
        response: { 200: ref(ConcentratorJobSchema, 'The job.') },
      },
    },
    async ({ params: { id, job }, who }, reply) => {
      const asked = await concentrators.wait(id, job, 0)
      if (asked.ok && CHANGES.has(asked.value.what) && !(who && mayDo(who, 'concentrators:act')))
        return refuse(reply, problem('API_PERMISSION', 'this job changes something: cancelling it needs concentrators:act'))
      const found = await concentrators.cancel(id, job)
      return found.ok ? jobJson(found.value) : refuse(reply, problemOf(found.error.because, found.error.error))
    },
  )
}

const nameOf = ({ id, pn = null, ask }: { readonly id: string; readonly pn?: number | null; readonly ask?: unknown }) => ({
  ...{ id, pn },
  ...(ask === undefined ? {} : { ask }),
})
