import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Exchange } from '../../ledger/types.ts'
import type { BillingChangeView } from '../billing-book-deps.ts'
import { changeJson } from '../billing-book-json.ts'
import { BillingChangesQuery, BillingNoticesQuery } from '../billing-book-queries.ts'
import { BillingChangePage, BillingNoticePage } from '../billing-book-schemas.ts'
import { seesOf } from '../billing-seen.ts'
import type { ApiDeps } from '../deps.ts'
import { beyond, problem, problemOf, refuse } from '../problems.ts'
import { ref } from '../schema-words.ts'
import { iso } from './common.ts'

const tags = ['billing']
/** Changes looked at for one answer; of somebody who sees little, most of them are not theirs. */
const MOST_LOOKED_AT = 20_000
const PIECE = 1_000

/** What a billing system follows: changes of released figures, and notices of exchanges. */
export const billingChangeRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps }> = async (app, { deps }) => {
  app.get(
    '/billing/changes',
    {
      config: { permission: 'billing:read', failures: [422] },
      schema: {
        operationId: 'listBillingChanges',
        tags,
        summary: 'Changes of released figures',
        description:
          'New, corrected and withdrawn figures by a strictly rising number without holes, in the order in which they were made: none comes later below one that was seen. Take the items and store `next` in one transaction, and nothing is missed or taken twice.',
        querystring: BillingChangesQuery,
        response: { 200: ref(BillingChangePage, 'What comes after `since`.') },
      },
    },
    async (request, reply) => {
      const { since = 0, limit = 500, waitS = 0 } = request.query
      let sees = seesOf(deps, request.who)
      const gone = new AbortController()
      reply.raw.once('close', () => gone.abort())
      const until = performance.now() + waitS * 1000
      const items: BillingChangeView[] = []
      let next = since
      let newest = since
      for (let looked = 0; ; ) {
        const found = await deps.billingChanges(next, Math.min(PIECE, limit - items.length))
        if (!found.ok) return refuse(reply, problemOf(found.error.because, found.error.error))
        newest = found.value.newest
        for (const change of found.value.changes) {
          next = change.seq
          if (sees === null || sees(change.point)) items.push(change)
        }
        looked += found.value.changes.length
        if (items.length >= limit || looked >= MOST_LOOKED_AT) break
        if (next < newest) continue
        const left = until - performance.now()
        if (items.length > 0 || left <= 0 || gone.signal.aborted) break
        await deps.awaitBillingChange(next, left, gone.signal)
        // Rights may have ended or shrunk while it waited.
        const still = request.again()
        if (still === null) return refuse(reply, problem('API_TOKEN_REFUSED', 'the token or session is no longer accepted'))
        sees = seesOf(deps, still)
      }
      return { items: items.map(changeJson), next, more: next < newest }
    },
  )
  app.get(
    '/billing/notices',
    {
      config: { permission: 'billing:read', failures: [422] },
      schema: {
        operationId: 'listBillingNotices',
        tags,
        summary: 'Notices of exchanges',
        description:
          'Every exchange of a meter, CT or PT with end and start registers, by a strictly rising number. One that billing has not acknowledged (POST /api/v1/exchanges/ID/acknowledge) holds the figures after it.',
        querystring: BillingNoticesQuery,
        response: { 200: ref(BillingNoticePage, 'What comes after `since`.') },
      },
    },
    async ({ query: { since = 0, unacknowledged = false, limit = 100 }, who }, reply) => {
      const lost = beyond(since, deps.ledger.newestExchange())
      if (lost) return refuse(reply, lost)
      const sees = seesOf(deps, who)
      const items: Exchange[] = []
      let next = since
      let isMore = true
      for (let looked = 0; isMore && items.length < limit && looked < MOST_LOOKED_AT; ) {
        const rows = deps.ledger.exchanges({ unacknowledged, after: next, limit: PIECE })
        let taken = 0
        for (const exchange of rows) {
          if (items.length === limit) break
          taken++
          next = exchange.id
          if (sees === null || sees(exchange.point)) items.push(exchange)
        }
        looked += taken
        isMore = taken < rows.length || rows.length === PIECE
      }
      return { items: items.map((exchange) => noticeJson(exchange, deps.now())), next, more: isMore }
    },
  )
}

const noticeJson = (
  { id, kind, point, at, oldMeter, newMeter, oldRatio, newRatio, end, start, by, reason, ...rest }: Exchange,
  now: number,
) => ({
  ...{ id, kind, point, at: iso(at), oldMeter, newMeter, oldRatio, newRatio, end: { ...end }, start: { ...start }, by: [...by], reason },
  acknowledged: rest.acknowledged && { ...rest.acknowledged, at: iso(rest.acknowledged.at) },
  takenBack: rest.undoneBy !== null,
  ageS: Math.max(0, Math.floor((now - at) / 1000)),
})
