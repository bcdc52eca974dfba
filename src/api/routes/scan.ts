import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Principal } from '../../access/principals.ts'
import type { ApiDeps } from '../deps.ts'
import { problem, problemOf, refuse } from '../problems.ts'
import type { ScanMeterView, ScanView } from '../scan-deps.ts'
import {
  ScanAcceptBody,
  ScanAcceptedSchema,
  ScanBody,
  ScanEventsQuery,
  ScanEventsSchema,
  ScanLineParams,
  ScanListSchema,
  ScanParams,
  ScanSchema,
} from '../scan-schemas.ts'
import { ref } from '../schema-words.ts'
import { inTime, iso } from './common.ts'
import { failureJson } from './lines.ts'

/** Looking for meters on a line of the running gateway. */
export const scanRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps; answerMs: number }> = async (app, { deps, answerMs }) => {
  /** Null: there is none, or its line is not somebody's to see as a whole. */
  const seenScan = (who: Principal | null, id: number) => {
    const found = deps.scan(id)
    const scope = deps.scopeOf(who)
    return found && (scope.all || scope.sees('whole-line', found.line)) ? found : null
  }
  const unknown = (id: number) => problem('API_SCAN', `there is no scan ${id}`)
  app.post(
    '/lines/:id/scan',
    {
      config: { permission: 'lines:act', sees: ['whole-line', 'id'], failures: [404, 409, 413, 414, 415, 422] },
      preValidation: async (request) => {
        request.body ??= {}
      },
      schema: {
        operationId: 'startScan',
        tags: ['scans'],
        summary: 'Look for meters on a line',
        description:
          'At the speed the line has; the schedule goes on between two questions. Meters of the ledger are listed and not asked. Nothing is written to any meter. It goes on by itself: GET the scan to see how far it is.',
        params: ScanLineParams,
        body: ScanBody,
        response: { 200: ref(ScanSchema, 'It has begun.') },
        'x-body-optional': true,
      },
    },
    async ({ params: { id }, body: { mode = 'normal', units } }, reply) => {
      const started = deps.startScan(id, { mode, ...(units === undefined ? {} : { units }) })
      if (!started.ok) return refuse(reply, problemOf(started.error.because, started.error.error))
      return scanJson(started.value)
    },
  )
  app.get(
    '/scans',
    {
      config: { permission: 'lines:read', whole: ['id'] },
      schema: {
        operationId: 'listScans',
        tags: ['scans'],
        summary: 'Scans since the gateway started',
        description: 'The newest twenty, newest first.',
        response: { 200: ref(ScanListSchema, 'The scans.') },
      },
    },
    async ({ who }) => {
      const scope = deps.scopeOf(who)
      return {
        items: deps
          .scans()
          .filter(({ line }) => scope.all || scope.sees('whole-line', line))
          .map(scanJson),
      }
    },
  )
  app.get(
    '/scans/:id',
    {
      config: { permission: 'lines:read', failures: [404] },
      schema: {
        operationId: 'getScan',
        tags: ['scans'],
        summary: 'How far a scan is and what it found',
        description: 'Each meter with the profiles that may fit, the reasons for and against, and the frames that prove it.',
        params: ScanParams,
        response: { 200: ref(ScanSchema, 'The scan.') },
      },
    },
    async ({ params: { id }, who }, reply) => {
      const found = seenScan(who, id)
      return found ? scanJson(found) : refuse(reply, unknown(id))
    },
  )
  app.get(
    '/scans/:id/events',
    {
      config: { permission: 'lines:read', failures: [404], whole: ['nth'] },
      schema: {
        operationId: 'getScanEvents',
        tags: ['scans'],
        summary: 'What happened in a scan',
        description: 'In order, from a number on: ask again with the last number seen.',
        params: ScanParams,
        querystring: ScanEventsQuery,
        response: { 200: ref(ScanEventsSchema, 'The events.') },
      },
    },
    async ({ params: { id }, query: { after = 0 }, who }, reply) => {
      const events = seenScan(who, id) && deps.scanEvents(id, after)
      return events ? { items: events.map(({ at, ...event }) => ({ ...event, at: iso(at) })) } : refuse(reply, unknown(id))
    },
  )
  app.post(
    '/scans/:id/stop',
    {
      config: { permission: 'lines:act', failures: [404, 413, 415] },
      schema: {
        operationId: 'stopScan',
        tags: ['scans'],
        summary: 'End a scan',
        description: 'What was found so far stays, and can be accepted.',
        params: ScanParams,
        response: { 200: ref(ScanSchema, 'It ends.') },
      },
    },
    async ({ params: { id }, who }, reply) => {
      const stopped = seenScan(who, id) && deps.stopScan(id)
      return stopped ? scanJson(stopped) : refuse(reply, unknown(id))
    },
  )
  app.post(
    '/scans/:id/accept',
    {
      config: { permission: 'ledger:write', everywhere: true, failures: [404, 413, 415, 422] },
      schema: {
        operationId: 'acceptScan',
        tags: ['scans'],
        summary: 'Put what was found into the ledger',
        description:
          'One change: a point in the state installed and a meter for each. Who is the name of the token. Meters with several profiles that fit equally well need one in `rows`.',
        params: ScanParams,
        body: ScanAcceptBody,
        response: { 200: ref(ScanAcceptedSchema, 'What is in the ledger now.') },
      },
    },
    async ({ params: { id }, body: { workOrder = null, ...body }, who }, reply) => {
      const answer = await inTime(deps.acceptScan(id, { ...body, workOrder, who: who?.name ?? '' }), answerMs)
      if (answer === null) return refuse(reply, problem('API_LATE', 'the ledger takes long; its changes show whether it was done'))
      if (answer.ok) {
        const { change, meters, left } = answer.value
        return { change, meters: [...meters], left: [...left] }
      }
      return refuse(reply, problemOf(answer.error.because, answer.error.error))
    },
  )
}

const scanJson = ({ startedAt, error, meters, notes, ...scan }: ScanView) => ({
  ...scan,
  startedAt: iso(startedAt),
  error: error && failureJson(error),
  meters: meters.map(meterJson),
  notes: [...notes],
})

const meterJson = ({ tie, candidates, values, identity, notes, proofs, ...meter }: ScanMeterView) => ({
  ...meter,
  tie: [...tie],
  candidates: candidates.map(({ reasons, ...candidate }) => ({ ...candidate, reasons: [...reasons] })),
  values: [...values],
  identity: { ...identity },
  notes: [...notes],
  proofs: [...proofs],
})
