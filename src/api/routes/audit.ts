import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { headJson, recordJson, refuseAccount } from '../account-json.ts'
import { AuditHeadSchema, AuditPage, AuditQuery, AuditVerdictSchema, VerifyBody } from '../account-schemas.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps } from '../deps.ts'
import { problem, refuse } from '../problems.ts'
import { ref } from '../schema-words.ts'
import { inTime } from './common.ts'

const MOST_NUMBER = Number.MAX_SAFE_INTEGER

/** The audit log, for whoever checks (审计员) and does nothing else. */
export const auditRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps; answerMs: number }> = async (
  app,
  { deps: { auditReads }, answerMs },
) => {
  app.get(
    '/audit',
    {
      config: { permission: 'audit:read', everywhere: true },
      schema: {
        operationId: 'listAudit',
        tags: ['access'],
        summary: 'The audit log',
        description: 'Who did what to what, from where, when and why; the newest first.',
        querystring: AuditQuery,
        response: { 200: ref(AuditPage, 'One page.') },
      },
    },
    async ({ query: { limit = 100, cursor, from, to, ...filter } }, reply) => {
      const before = cursor === undefined ? [MOST_NUMBER] : readCursor(cursor, ['number'])
      if (before === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const found = await auditReads.list({
        ...filter,
        ...(from === undefined ? {} : { from: Date.parse(from) }),
        ...(to === undefined ? {} : { to: Date.parse(to) }),
        ...(cursor === undefined ? {} : { before: Math.trunc(Number(before[0])) }),
        limit: limit + 1,
      })
      if (!found.ok) return refuseAccount(reply, found.error)
      const items = found.value.slice(0, limit)
      const last = items.at(-1)
      return { items: items.map(recordJson), next: found.value.length > limit && last ? cursorOf([last.seq]) : null }
    },
  )
  app.get(
    '/audit/head',
    {
      config: { permission: 'audit:read', everywhere: true },
      schema: {
        operationId: 'getAuditHead',
        tags: ['access'],
        summary: 'The present end of the audit log',
        description: 'Kept elsewhere, its anchor proves later that nothing up to there was changed.',
        response: { 200: ref(AuditHeadSchema, 'The end.') },
      },
    },
    async (_request, reply) => {
      const head = await auditReads.head()
      return head.ok ? headJson(head.value) : refuseAccount(reply, head.error)
    },
  )
  app.post(
    '/audit/verify',
    {
      // It reads: that it was asked is no line of the log it looks at.
      config: { permission: 'audit:read', everywhere: true, audit: 'reads', stream: true, failures: [413, 415, 422], heavy: true },
      schema: {
        operationId: 'verifyAudit',
        tags: ['access'],
        summary: 'Verify the whole audit log',
        description:
          'Finds edits, deletes, reorders and truncation, with their positions, in a thread of its own. 503 when it takes longer than an answer may: ask ' +
          'again, it goes on meanwhile.',
        body: VerifyBody,
        response: { 200: ref(AuditVerdictSchema, 'What was found.') },
      },
    },
    async ({ body: { anchors = [] } }, reply) => {
      const verdict = await inTime(auditReads.verify(anchors), answerMs)
      if (verdict === null) return refuse(reply, problem('API_LATE', 'the log is long: it is still being verified'))
      if (!verdict.ok) return refuseAccount(reply, verdict.error)
      const { head, faults, ...found } = verdict.value
      return { ...found, faults: [...faults], head: head === null ? null : headJson(head) }
    },
  )
}
