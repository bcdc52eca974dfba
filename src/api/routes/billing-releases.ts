import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Principal, seesAsMuchAs } from '../../access/principals.ts'
import type { BillingReleaseScope, BillingReleaseView } from '../billing-book-deps.ts'
import { leftJson, releaseJson, versionJson } from '../billing-book-json.ts'
import { BillingIdParams, BillingLeftQuery, BillingListQuery, BillingReleaseBody } from '../billing-book-queries.ts'
import { BillingLeftPage, BillingReleasePage, BillingReleaseSchema, BillingVersionPage } from '../billing-book-schemas.ts'
import { actorOf, seenPage, seesOf } from '../billing-seen.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps } from '../deps.ts'
import { badValue } from '../invalid.ts'
import { problem, problemOf, refuse } from '../problems.ts'
import { ref } from '../schema-words.ts'

const tags = ['billing']
const KEY = /^[\x21-\x7e]{1,200}$/

/** Releases: named acts that make figures stand. */
export const billingReleaseRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps }> = async (app, { deps }) => {
  /**
   * A release says what lies in its scope: somebody who does not see everything sees those of their own, as long as they see what they saw
   * when they asked.
   */
  const sees = (who: Principal | null) => {
    const isAll = deps.scopeOf(who).all
    return ({ asker }: BillingReleaseView) =>
      isAll || (who !== null && asker.id === who.id && asker.kind === who.kind && seesAsMuchAs(who, asker))
  }
  /** Points move to other zones. */
  const seesPoint = (who: Principal | null) => {
    const seen = seesOf(deps, who)
    return seen && (({ point }: { readonly point: string }) => seen(point))
  }
  const found = async (id: number, who: Principal | null): Promise<BillingReleaseView | null> => {
    const release = await deps.billingRelease(id)
    return release && sees(who)(release) ? release : null
  }
  /** Within what whoever began it sees: a part of it would pass for the whole, and more was never asked for. */
  const goOn = ({ id, asker }: BillingReleaseView) => deps.resumeBillingRelease(id, seesOf(deps, asker))
  const unknown = (id: number) => problem('API_BILLING', `there is no release ${id}`)

  app.post(
    '/billing/releases',
    {
      config: { permission: 'billing:release', repeats: 'own', failures: [404, 413, 415, 422] },
      schema: {
        operationId: 'releaseBilling',
        tags,
        summary: 'Release figures for billing',
        description:
          'Every register of every point in the scope on which nothing stands becomes version 1 and is never edited; what is held is left out and named. It goes on by itself, piece by piece: GET the release for how far it is. The same Idempotency-Key with the same body is the same release, and goes on with it when it was interrupted.',
        body: BillingReleaseBody,
        response: { 200: ref(BillingReleaseSchema, 'It has begun, or is there already.') },
      },
    },
    async (request, reply) => {
      const { at, scope = {}, note, policy = 'skip-held', again = false } = request.body
      const who = actorOf(request)
      const chosen = Object.values(scope).filter((value) => value !== undefined)
      if (chosen.length > 1) return refuse(reply, badValue('body/scope', Object.keys(scope).join(', '), 'one of points, area and zone'))
      const instant = Date.parse(at)
      if (instant > deps.now()) return refuse(reply, badValue('body/at', at, 'an instant that has passed'))
      const key = request.headers['idempotency-key']
      if (key !== undefined && !(typeof key === 'string' && KEY.test(key)))
        return refuse(reply, badValue('headers/idempotency-key', String(key), '1 to 200 printable characters without blanks'))
      const strange = strangeOf(deps, who, scope)
      if (strange) return refuse(reply, problem('API_BILLING', strange))
      const draft = { at: instant, scope: tidy(scope), note, policy, again }
      const begun = await deps.beginBillingRelease(draft, who, key ?? null, seesOf(deps, who))
      if (!begun.ok) return refuse(reply, problemOf(begun.error.because, begun.error.error))
      // Of the same person, begun with a token of other rights, or before these shrank.
      if (!sees(who)(begun.value)) return refuse(reply, problem('API_REPEAT_OTHER', 'this Idempotency-Key is of another release'))
      const gone = begun.value.state === 'interrupted' ? await goOn(begun.value) : begun
      return gone.ok ? releaseJson(gone.value) : refuse(reply, problemOf(gone.error.because, gone.error.error))
    },
  )
  app.get(
    '/billing/releases',
    {
      config: { permission: 'billing:read' },
      schema: {
        operationId: 'listBillingReleases',
        tags,
        summary: 'Releases for billing',
        description: 'Newest first. Whoever sees only some zones is shown their own.',
        querystring: BillingListQuery,
        response: { 200: ref(BillingReleasePage, 'One page.') },
      },
    },
    async ({ query: { limit = 100, cursor }, who }, reply) => {
      const from = cursor === undefined ? [Number.MAX_SAFE_INTEGER] : readCursor(cursor, ['number'])
      if (from === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const page = await seenPage(
        (before: number, most) => deps.billingReleases(before, most),
        Number(from[0]),
        limit,
        sees(who),
        ({ id }) => id,
      )
      return { items: page.items.map(releaseJson), next: page.last === null ? null : cursorOf([page.last]) }
    },
  )
  app.get(
    '/billing/releases/:id',
    {
      config: { permission: 'billing:read', failures: [404, 414] },
      schema: {
        operationId: 'getBillingRelease',
        tags,
        summary: 'One release for billing',
        description: 'How far it is, what it released and how much it left out.',
        params: BillingIdParams,
        response: { 200: ref(BillingReleaseSchema, 'The release.') },
      },
    },
    async ({ params: { id }, who }, reply) => {
      const release = await found(id, who)
      return release ? releaseJson(release) : refuse(reply, unknown(id))
    },
  )
  app.post(
    '/billing/releases/:id/resume',
    {
      config: { permission: 'billing:release', failures: [404, 413, 414, 415, 422] },
      schema: {
        operationId: 'resumeBillingRelease',
        tags,
        summary: 'Go on with a release',
        description: 'One that was interrupted goes on after the last point that is done, within what whoever began it sees.',
        params: BillingIdParams,
        response: { 200: ref(BillingReleaseSchema, 'It goes on.') },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const release = await found(id, actorOf(request))
      if (!release) return refuse(reply, unknown(id))
      const resumed = await goOn(release)
      return resumed.ok ? releaseJson(resumed.value) : refuse(reply, problemOf(resumed.error.because, resumed.error.error))
    },
  )
  app.get(
    '/billing/releases/:id/left-out',
    {
      config: { permission: 'billing:read', failures: [404, 414] },
      schema: {
        operationId: 'listBillingLeftOut',
        tags,
        summary: 'Points a release left out',
        description: 'By id, each with every reason that stood against it.',
        params: BillingIdParams,
        querystring: BillingLeftQuery,
        response: { 200: ref(BillingLeftPage, 'One page.') },
      },
    },
    async ({ params: { id }, query: { reason = null, limit = 100, cursor }, who }, reply) => {
      const from = cursor === undefined ? [''] : readCursor(cursor, ['string'])
      if (from === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      if (!(await found(id, who))) return refuse(reply, unknown(id))
      const page = await seenPage(
        (after: string, most) => deps.billingLeftOut(id, reason, after, most),
        String(from[0]),
        limit,
        seesPoint(who),
        ({ point }) => point,
      )
      return { items: page.items.map(leftJson), next: page.last === null ? null : cursorOf([page.last]) }
    },
  )
  app.get(
    '/billing/releases/:id/figures',
    {
      config: { permission: 'billing:read', failures: [404, 414] },
      schema: {
        operationId: 'listBillingReleased',
        tags,
        summary: 'Figures a release released',
        description: 'As they were released; what became of them since stands under /billing/changes and /billing/figures.',
        params: BillingIdParams,
        querystring: BillingListQuery,
        response: { 200: ref(BillingVersionPage, 'One page.') },
      },
    },
    async ({ params: { id }, query: { limit = 100, cursor }, who }, reply) => {
      const from = cursor === undefined ? [0] : readCursor(cursor, ['number'])
      if (from === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      if (!(await found(id, who))) return refuse(reply, unknown(id))
      const page = await seenPage(
        (after: number, most) => deps.billingReleased(id, after, most),
        Number(from[0]),
        limit,
        seesPoint(who),
        ({ seq }) => seq,
      )
      return { items: page.items.map(versionJson), next: page.last === null ? null : cursorOf([page.last]) }
    },
  )
}

/** What of a scope does not exist for somebody; null: all of it does. */
const strangeOf = ({ ledger, scopeOf }: ApiDeps, who: Principal, { points, area, zone }: BillingReleaseScope): string | null => {
  const scope = scopeOf(who)
  const isThere = (kind: 'point' | 'area' | 'zone', id: string) => scope.sees(kind, id) && ledger.get(kind, id, null) !== null
  if (area !== undefined && !isThere('area', area)) return `there is no area ${JSON.stringify(area)}`
  if (zone !== undefined && !isThere('zone', zone)) return `there is no zone ${JSON.stringify(zone)}`
  const point = points?.find((id) => !isThere('point', id))
  return point === undefined ? null : `there is no point ${JSON.stringify(point)}`
}

/** The same question in the same words, so that it can be compared; ids ascending. */
const tidy = ({ points, area, zone }: BillingReleaseScope): BillingReleaseScope => ({
  ...(points ? { points: points.toSorted((a, b) => (a < b ? -1 : 1)) } : {}),
  ...(area === undefined ? {} : { area }),
  ...(zone === undefined ? {} : { zone }),
})
