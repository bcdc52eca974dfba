import { Readable } from 'node:stream'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import type { BillingPlace } from '../billing-read-deps.ts'
import { billingEnergyJson, billingPointJson, billingPointText, withSummary } from '../billing-read-json.ts'
import {
  BillingCompletenessQuery,
  BillingCompletenessSchema,
  BillingCustomerParams,
  BillingCustomerSchema,
  BillingEnergyPage,
  BillingEnergyQuery,
  BillingPointPage,
  BillingReadingsQuery,
  BillingSpanQuery,
} from '../billing-read-schemas.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps } from '../deps.ts'
import { badValue, INSTANT } from '../invalid.ts'
import { type Problem, problem, problemOf, refuse } from '../problems.ts'
import { whileHeld } from '../right-watch.ts'
import { ref } from '../schema-words.ts'
import { sendStream } from '../send-stream.ts'
import { iso } from './common.ts'

const NDJSON = 'application/x-ndjson'
/** Longest time between two billing instants: ten years. */
const LONGEST_MS = 3660 * 86_400_000

/** What billing systems read: registers at an instant, energy between two, and how far it is. */
export const billingReadRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps }> = async (app, { deps }) => {
  const { billingReads } = deps
  app.get(
    '/billing/readings',
    {
      config: { permission: 'billing:read', filters: 'own', failures: [404, 422], stream: true, heavy: asksAll },
      schema: {
        operationId: 'listBillingReadings',
        tags: ['billing'],
        summary: 'Registers at a billing instant',
        description:
          'Every point that is billed, with the read that stands for the instant: day freeze, month freeze, curve, live or pushed, entered, estimate. What was released is given as it was released. A point that was not read is there with the reason.',
        querystring: BillingReadingsQuery,
        produces: ['application/json', NDJSON],
        response: { 200: ref(BillingPointPage, 'One page; as NDJSON every point, a line each, and a summary as the last line.') },
      },
    },
    async (request, reply) => {
      const { at, state, format, limit = 200, cursor, ...place } = request.query
      const { who, headers } = request
      const instant = instantOf(at, 'querystring/at', deps.now())
      if (typeof instant !== 'number') return refuse(reply, instant)
      const asked = placeOf(place)
      const scope = deps.scopeOf(who)
      const refused = billingReads.problem(asked, scope)
      if (refused) return refuse(reply, problemOf(refused.because, refused.error))
      const fits = (item: { readonly state: string }) => state === undefined || item.state === state
      if (isNdjson(format, headers.accept)) {
        const pieces = filtered(whileHeld(billingReads.readings(instant, asked, scope, null), request), fits)
        const lines = withSummary(
          pieces,
          (item) => billingPointText(item, instant),
          { at: iso(instant) },
          state === undefined ? (asked.points ?? []) : [],
        )
        return sendStream(reply.type(`${NDJSON}; charset=utf-8`), Readable.from(lines, { objectMode: false }))
      }
      const after = cursor === undefined ? null : placeOfCursor(cursor, [instant])
      if (after === undefined) return refuse(reply, strange())
      const page = await pageOf(
        (from, most) => billingReads.readings(instant, asked, scope, from, most),
        after,
        limit,
        state === undefined ? null : fits,
      )
      return {
        items: page.items.map((item) => billingPointJson(item, instant)),
        notBilled: state === undefined ? notBilled(asked, after, page) : [],
        next: page.next === null ? null : cursorOf([instant, page.next]),
      }
    },
  )
  app.get(
    '/billing/energy',
    {
      config: { permission: 'billing:read', filters: 'own', failures: [404, 422], stream: true, heavy: asksAll },
      schema: {
        operationId: 'listBillingEnergy',
        tags: ['billing'],
        summary: 'Energy between two billing instants',
        description:
          'By point and register, from the registers that stand for both instants, across exchanges, rollovers and changes of ratio, with the stretches it is made of. What is not known is null and says why.',
        querystring: BillingEnergyQuery,
        produces: ['application/json', NDJSON],
        response: { 200: ref(BillingEnergyPage, 'One page; as NDJSON every point, a line each, and a summary as the last line.') },
      },
    },
    async (request, reply) => {
      const { from, to, format, limit = 200, cursor, ...place } = request.query
      const { who, headers } = request
      const span = spanOf(from, to, deps.now())
      if (!Array.isArray(span)) return refuse(reply, span)
      const [start, end] = span
      const asked = placeOf(place)
      const scope = deps.scopeOf(who)
      const refused = billingReads.problem(asked, scope)
      if (refused) return refuse(reply, problemOf(refused.because, refused.error))
      if (isNdjson(format, headers.accept)) {
        const lines = withSummary(
          whileHeld(billingReads.energy(start, end, asked, scope, null), request),
          (item) => JSON.stringify(billingEnergyJson(item)),
          { from: iso(start), to: iso(end) },
          asked.points ?? [],
        )
        return sendStream(reply.type(`${NDJSON}; charset=utf-8`), Readable.from(lines, { objectMode: false }))
      }
      const after = cursor === undefined ? null : placeOfCursor(cursor, [start, end])
      if (after === undefined) return refuse(reply, strange())
      const page = await pageOf(
        (first, most) => billingReads.energy(start, end, asked, scope, first, most),
        after,
        limit,
        () => true,
      )
      return {
        items: page.items.map(billingEnergyJson),
        notBilled: notBilled(asked, after, page),
        next: page.next === null ? null : cursorOf([start, end, page.next]),
      }
    },
  )
  app.get(
    '/billing/completeness',
    {
      config: { permission: 'billing:read', filters: 'own', failures: [404, 422], stream: true, heavy: true, whole: ['zone', 'area'] },
      schema: {
        operationId: 'getBillingInstantCompleteness',
        tags: ['billing'],
        summary: 'How far a billing instant is',
        description:
          'Points due, released, provisional and held by reason, for each area or zone. The points of a state: /billing/readings with `state`.',
        querystring: BillingCompletenessQuery,
        response: { 200: ref(BillingCompletenessSchema, 'By place, and in all.') },
      },
    },
    async ({ query: { at, by = 'area', ...place }, who }, reply) => {
      const instant = instantOf(at, 'querystring/at', deps.now())
      if (typeof instant !== 'number') return refuse(reply, instant)
      const asked = placeOf(place)
      const scope = deps.scopeOf(who)
      const refused = billingReads.problem(asked, scope)
      if (refused) return refuse(reply, problemOf(refused.because, refused.error))
      const groups = await billingReads.completeness(instant, asked, scope, by)
      const total = groups.at(-1)
      if (!total) throw new Error('completeness without a total')
      return { at: iso(instant), items: groups.slice(0, -1).map(groupJson), total: groupJson(total) }
    },
  )
  app.get(
    '/billing/customers/:id/energy',
    {
      config: { permission: 'billing:read', failures: [404, 422], whole: { points: ['point'] } },
      schema: {
        operationId: 'getBillingCustomerEnergy',
        tags: ['billing'],
        summary: 'Energy of a customer between two billing instants',
        description:
          'The sum over all metering points with the sign the ledger gives each, and its parts. Null while one of them is not known.',
        params: BillingCustomerParams,
        querystring: BillingSpanQuery,
        response: { 200: ref(BillingCustomerSchema, 'The sums and their parts.') },
      },
    },
    async ({ params: { id }, query: { from, to }, who }, reply) => {
      const span = spanOf(from, to, deps.now())
      if (!Array.isArray(span)) return refuse(reply, span)
      const [start, end] = span
      const found = await billingReads.customer(id, start, end, deps.scopeOf(who))
      if (!found.ok) return refuse(reply, problemOf(found.error.because, found.error.error))
      const { customer, state, sums, points, notBilled: others } = found.value
      return {
        ...{ customer, from: iso(start), to: iso(end), state },
        sums: sums.map((sum) => ({ ...sum, reasons: [...sum.reasons] })),
        points: points.map(({ sign, ...point }) => ({ sign, ...billingEnergyJson(point) })),
        notBilled: [...others],
      }
    },
  )
}

const strange = (): Problem => problem('API_CURSOR', 'the cursor is not one of this list')

/** A billing instant has passed: what is still to come can be read by nobody. */
const instantOf = (text: string, place: string, now: number): number | Problem => {
  const at = Date.parse(text)
  if (Number.isNaN(at)) return badValue(place, text, INSTANT)
  return at <= now ? at : badValue(place, text, `an instant that has passed; it is ${iso(now)}`)
}

const spanOf = (from: string, to: string, now: number): [number, number] | Problem => {
  const [start, end] = [instantOf(from, 'querystring/from', now), instantOf(to, 'querystring/to', now)]
  if (typeof start !== 'number') return start
  if (typeof end !== 'number') return end
  if (end <= start) return badValue('querystring/to', to, 'an instant after `from`')
  return end - start <= LONGEST_MS ? [start, end] : badValue('querystring/to', to, 'at most ten years after `from`')
}

const placeOf = ({ point, area, zone }: { point?: string | readonly string[]; area?: string; zone?: string }): BillingPlace => ({
  ...(point === undefined ? {} : { points: [point].flat() }),
  ...(area === undefined ? {} : { area }),
  ...(zone === undefined ? {} : { zone }),
})

const isNdjson = (format: 'json' | 'ndjson' | undefined, accept: string | undefined): boolean =>
  format === undefined ? (accept ?? '').includes(NDJSON) : format === 'ndjson'

/** Whether a page of it needs a look at every point, or all of it is asked for. */
const asksAll = ({ query, headers }: FastifyRequest): boolean => {
  const { state, format } = typeof query === 'object' && query !== null ? { state: undefined, format: undefined, ...query } : {}
  return state !== undefined || isNdjson(format === 'json' || format === 'ndjson' ? format : undefined, headers.accept)
}

/** The point to go on after; undefined: it is no cursor of this question. */
const placeOfCursor = (cursor: string, instants: readonly number[]): string | undefined => {
  const parts = readCursor(cursor, [...instants.map(() => 'number' as const), 'string'])
  const last = parts?.at(-1)
  return typeof last === 'string' && instants.every((instant, index) => parts?.[index] === instant) ? last : undefined
}

async function* filtered<Item>(
  pieces: AsyncIterable<readonly Item[]>,
  fits: (item: Item) => boolean,
): AsyncGenerator<readonly Item[], void> {
  for await (const piece of pieces) yield piece.filter(fits)
}

interface PageOf<Item> {
  readonly items: readonly Item[]
  readonly next: string | null
}

/** One page; `next` is the last point of it. */
const pageOf = async <Item extends { readonly point: string; readonly state: string }>(
  ask: (after: string | null, limit?: number) => AsyncIterable<readonly Item[]>,
  after: string | null,
  limit: number,
  fits: ((item: Item) => boolean) | null,
): Promise<PageOf<Item>> => {
  const items: Item[] = []
  // With a filter nobody knows how many must be looked at.
  for await (const piece of fits ? filtered(ask(after), fits) : ask(after, limit + 1)) {
    items.push(...piece)
    if (items.length > limit) break
  }
  const page = items.slice(0, limit)
  return { items: page, next: items.length > limit ? (page.at(-1)?.point ?? null) : null }
}

/** Of the points asked for by name those that this page should have had. */
const notBilled = ({ points = [] }: BillingPlace, after: string | null, { items, next }: PageOf<{ readonly point: string }>): string[] => {
  const given = new Set(items.map(({ point }) => point))
  return points.filter((id) => !given.has(id) && (after === null || id > after) && (next === null || id <= next))
}

const groupJson = (group: Awaited<ReturnType<ApiDeps['billingReads']['completeness']>>[number]) => ({
  ...group,
  reasons: { ...group.reasons },
})
