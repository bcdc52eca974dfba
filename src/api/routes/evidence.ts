import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Scope, SOURCES } from '../../core/index.ts'
import type { ApiDeps } from '../deps.ts'
import type { EvidenceView } from '../evidence-deps.ts'
import { EvidencePackQuery, EvidencePackSchema, EvidencePage, EvidenceParams, EvidenceQuery, EvidenceSchema } from '../evidence-schemas.ts'
import { nameOf } from '../guard.ts'
import { badValue, INSTANT } from '../invalid.ts'
import { problem, problemOf, refuse } from '../problems.ts'
import { ref } from '../schema-words.ts'
import { frameJson } from '../trace-json.ts'
import { iso } from './common.ts'

/** Frames and messages that readings rest on: how a figure is followed to its bytes. */
export const evidenceRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps }> = async (app, { deps }) => {
  app.get(
    '/readings/evidence',
    {
      config: { permission: 'evidence:read', filters: 'own', failures: [404, 422], whole: ['id'] },
      schema: {
        operationId: 'findEvidence',
        tags: ['evidence'],
        summary: 'What a reading rests on',
        description:
          'Frames or the message of one reading (证据), the newest first: a freeze that was read again has several. Kept are freezes, registers near local midnight and what was read on demand.',
        querystring: EvidenceQuery,
        response: { 200: ref(EvidencePage, 'All that is kept.') },
      },
    },
    async ({ query: { meter, measuredAt, source }, who }, reply) => {
      const at = Date.parse(measuredAt)
      if (Number.isNaN(at)) return refuse(reply, badValue('querystring/measuredAt', measuredAt, INSTANT))
      const scope = deps.scopeOf(who)
      const none = problem('API_EVIDENCE', `nothing is kept of a reading of meter ${meter} at ${iso(at)}`)
      if (!scope.all && !scope.sees('meter', meter)) return refuse(reply, none)
      const items: EvidenceView[] = []
      for (const one of source === undefined ? SOURCES : [source]) {
        const found = await deps.evidenceOf({ meter, measuredAt: at, source: one })
        if (!found.ok) return refuse(reply, problemOf(found.error.because, found.error.error))
        items.push(...found.value)
      }
      return items.length === 0 ? refuse(reply, none) : { items: items.map((item) => evidenceJson(item, scope)) }
    },
  )
  app.get(
    '/evidence/:id',
    {
      config: { permission: 'evidence:read', failures: [404, 414] },
      schema: {
        operationId: 'getEvidence',
        tags: ['evidence'],
        summary: 'One record of evidence',
        description: 'Every byte of it with what it means, who had it read and when, and the readings it brought.',
        params: EvidenceParams,
        response: { 200: ref(EvidenceSchema, 'The record.') },
      },
    },
    async ({ params: { id }, who }, reply) => {
      const found = await deps.evidence(id)
      if (!found.ok) return refuse(reply, problemOf(found.error.because, found.error.error))
      const scope = deps.scopeOf(who)
      const item = found.value
      if (!item || !seesSome(item, scope)) return refuse(reply, problem('API_EVIDENCE', `there is no record ${id}`))
      return evidenceJson(item, scope)
    },
  )
  app.get(
    '/evidence/:id/pack',
    {
      config: { permission: 'evidence:read', filters: 'own', failures: [404, 414, 422], audit: 'act' },
      schema: {
        operationId: 'getEvidencePack',
        tags: ['evidence'],
        summary: 'Evidence pack of a reading',
        description:
          'One document to hand out (证据包): the reading as it is stored, the ledger then, profile or mapping, all bytes, and a hash of it. `gridtally evidence verify FILE` follows the figure to the bytes without the gateway.',
        params: EvidenceParams,
        querystring: EvidencePackQuery,
        response: { 200: ref(EvidencePackSchema, 'The document.') },
      },
    },
    async (request, reply) => {
      const { params, query, who } = request
      const found = await deps.evidence(params.id)
      if (!found.ok) return refuse(reply, problemOf(found.error.because, found.error.error))
      const scope = deps.scopeOf(who)
      const item = found.value
      const unknown = problem('API_EVIDENCE', `there is no record ${params.id}`)
      if (!item || !seesSome(item, scope)) return refuse(reply, unknown)
      const meters = [...new Set(item.of.map(({ meter }) => meter))].filter((meter) => scope.all || scope.sees('meter', meter))
      if (query.meter === undefined && meters.length > 1)
        return refuse(reply, badValue('querystring/meter', '', `one of ${meters.slice(0, 5).join(', ')}: the record has several meters`))
      const meter = query.meter ?? meters[0] ?? null
      if (meter !== null && !meters.includes(meter)) return refuse(reply, unknown)
      // A frame holds what it holds: it is handed out as a whole or not at all.
      if (!seesAll(item, scope)) return refuse(reply, problem('API_EVIDENCE_SHARED', `record ${params.id} carries meters of other zones`))
      const pack = await deps.evidencePack(params.id, meter, nameOf(request))
      if (!pack.ok) return refuse(reply, problemOf(pack.error.because, pack.error.error))
      if (!pack.value) return refuse(reply, unknown)
      return reply.header('content-disposition', `attachment; filename="evidence-${params.id}.json"`).send(pack.value)
    },
  )
}

const seesSome = ({ of }: EvidenceView, scope: Scope): boolean => scope.all || of.some(({ meter }) => scope.sees('meter', meter))
/** More readings than are listed may be of anybody. */
const MOST_LISTED = 1000
const seesAll = ({ of }: EvidenceView, scope: Scope): boolean =>
  scope.all || (of.length < MOST_LISTED && of.every(({ meter }) => scope.sees('meter', meter)))

const evidenceJson = (item: EvidenceView, scope: Scope) => {
  const { id, kind, sha256, channel, protocol, about, by, receivedAt, wholeSize, parts, of } = item
  const isOpen = seesAll(item, scope)
  return {
    ...{ id, kind, sha256, channel, protocol, about, by, receivedAt: iso(receivedAt), wholeSize },
    parts: parts.map((part) => ({ sha256: part.sha256, frame: isOpen ? frameJson(part, true) : null })),
    of: of
      .filter(({ meter }) => scope.all || scope.sees('meter', meter))
      .map(({ meter, measuredAt, source }) => ({ meter, measuredAt: iso(measuredAt), source })),
  }
}
