import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Scope } from '../../core/index.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps } from '../deps.ts'
import { badValue } from '../invalid.ts'
import type { FlowItemView, LossItemView, LossMemberView, LossRegisterView } from '../loss-deps.ts'
import {
  AreaPage,
  AreaParams,
  AreasQuery,
  BalanceQuery,
  BalanceSchema,
  BusParams,
  FeederParams,
  FlowQuery,
  FlowSchema,
  LossQuery,
  LossSchema,
} from '../loss-schemas.ts'
import { problem, problemOf, refuse } from '../problems.ts'
import { ref } from '../schema-words.ts'
import { seenPage } from '../scoped.ts'
import { iso } from './common.ts'

/** Days that are shown when nobody says from when. */
const USUAL_DAYS = { '15m': 1, day: 31, month: 366 } as const
const DAY_MS = 86_400_000

/** Line loss of areas, the members of each sum, and balances of lines and buses. */
export const lossRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps }> = async (app, { deps }) => {
  app.get(
    '/areas',
    {
      config: { permission: 'readings:read' },
      schema: {
        operationId: 'listAreas',
        tags: ['analysis'],
        summary: 'Transformer areas and how their loss is',
        description: 'Every transformer area (台区) of the ledger with the balance of its newest day that is over.',
        querystring: AreasQuery,
        response: { 200: ref(AreaPage, 'One page.') },
      },
    },
    async ({ query: { zone, feeder, state, limit = 100, cursor }, who }, reply) => {
      const after = cursor === undefined ? [''] : readCursor(cursor, ['string'])
      if (after === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const filter = { ...(zone ? { zone } : {}), ...(feeder ? { feeder } : {}), ...(state ? { state } : {}) }
      const scope = deps.scopeOf(who)
      const { items, last, hasMore } = await seenPage({
        ...{ scope, after: String(after[0]), limit, ask: (from: string, most: number) => deps.areas(filter, from, most) },
        sees: ({ id }) => scope.sees('area', id),
        at: ({ id }) => id,
      })
      return {
        items: items.map(({ latest, ...area }) => ({ ...area, latest: latest && itemJson(latest) })),
        next: hasMore && last ? cursorOf([last.id]) : null,
      }
    },
  )
  app.get(
    '/areas/:id/loss',
    {
      config: { permission: 'readings:read', sees: ['area', 'id'], failures: [404, 414, 422], whole: ['from'] },
      schema: {
        operationId: 'getAreaLoss',
        tags: ['analysis'],
        summary: 'Line loss of an area',
        description:
          'By quarter hours, days or months: supply, reverse, generation and sold apart, loss over both denominators, coverage, state, what is missing and what it bounds. Not computable is a state of its own, never zero.',
        params: AreaParams,
        querystring: LossQuery,
        response: { 200: ref(LossSchema, 'The loss of the area.') },
      },
    },
    async ({ params: { id }, query: { from, to, step = 'day', phases = false } }, reply) => {
      const end = to === undefined ? deps.now() : Date.parse(to)
      const start = from === undefined ? end - USUAL_DAYS[step] * DAY_MS : Date.parse(from)
      if (!(end > start)) return refuse(reply, badValue('querystring/to', to ?? iso(end), 'an instant after `from`'))
      if (phases && step !== 'day') return refuse(reply, badValue('querystring/phases', 'true', 'nothing beside step=day'))
      const answer = await deps.areaLoss(id, { from: start, to: end, step, phases })
      if (!answer.ok) return refuse(reply, problemOf(answer.error.because, answer.error.error))
      const { zone, pending, thresholds, items } = answer.value
      return {
        ...{ area: id, step, from: iso(start), to: iso(end), zone, pending, items: items.map(itemJson) },
        thresholds: { version: thresholds.version, inForce: [...thresholds.inForce] },
      }
    },
  )
  app.get(
    '/areas/:id/balance',
    {
      config: { permission: 'readings:read', sees: ['area', 'id'], failures: [404, 414, 422], whole: { members: ['point'] } },
      schema: {
        operationId: 'getAreaBalance',
        tags: ['analysis'],
        summary: 'The members of the sum behind a loss',
        description:
          'Every metering point of the area over whole days: registers at both ends, ratio, energy, quality, and why something is missing; each names where the readings behind it are.',
        params: AreaParams,
        querystring: BalanceQuery,
        response: { 200: ref(BalanceSchema, 'The balance and its members.') },
      },
    },
    async ({ params: { id }, query: { from, to, registers = true } }, reply) => {
      const end = to === undefined ? deps.now() : Date.parse(to)
      const start = from === undefined ? end - DAY_MS : Date.parse(from)
      if (!(end > start)) return refuse(reply, badValue('querystring/to', to ?? iso(end), 'an instant after `from`'))
      const answer = await deps.areaBalance(id, start, end, registers)
      if (!answer.ok) return refuse(reply, problemOf(answer.error.because, answer.error.error))
      const { zone, pending, item, members, from: first, to: last } = answer.value
      return {
        ...{ area: id, from: iso(first), to: iso(last), zone, pending, balance: itemJson(item) },
        members: members.map((member) => memberJson(member, first, last)),
      }
    },
  )
  app.get(
    '/feeders/:id/loss',
    {
      config: { permission: 'readings:read', sees: ['feeder', 'id'], failures: [404, 414, 422], whole: ['from'] },
      schema: {
        operationId: 'getFeederLoss',
        tags: ['analysis'],
        summary: 'Line loss of a feeder',
        description:
          'Day by day what the meters of the line (role `line-supply`) feed in against what its areas and its own customers take.',
        params: FeederParams,
        querystring: FlowQuery,
        response: { 200: ref(FlowSchema, 'The balance of the line.') },
      },
    },
    async ({ params: { id }, query }, reply) => flows(id, query, reply, deps.feederLoss),
  )
  app.get(
    '/buses/:id/balance',
    {
      config: { permission: 'readings:read', sees: ['bus', 'id'], failures: [404, 414, 422], whole: ['from'] },
      schema: {
        operationId: 'getBusBalance',
        tags: ['analysis'],
        summary: 'Balance of a bus',
        description: 'Day by day (Σ in - Σ out) / Σ in of a bus section (母线平衡), readings of the same instant, multipliers applied.',
        params: BusParams,
        querystring: FlowQuery,
        response: { 200: ref(FlowSchema, 'The balance of the bus.') },
      },
    },
    async ({ params: { id }, query }, reply) => flows(id, query, reply, deps.busBalance),
  )

  const flows = async (
    id: string,
    { from, to }: { readonly from?: string; readonly to?: string },
    reply: Parameters<typeof refuse>[0],
    ask: ApiDeps['feederLoss'],
  ) => {
    const end = to === undefined ? deps.now() : Date.parse(to)
    const start = from === undefined ? end - 31 * DAY_MS : Date.parse(from)
    if (!(end > start)) return refuse(reply, badValue('querystring/to', to ?? iso(end), 'an instant after `from`'))
    const answer = await ask(id, start, end)
    if (!answer.ok) return refuse(reply, problemOf(answer.error.because, answer.error.error))
    const { zone, voltageKv, items } = answer.value
    const scope = deps.scopeOf(reply.request.who)
    return { id, from: iso(start), to: iso(end), zone, voltageKv, items: items.map((item) => flowJson(scope, item)) }
  }
}

const itemJson = ({
  from,
  to,
  ofInput,
  ofNet,
  meters,
  good,
  meterPpm,
  energyPpm,
  faults,
  missing,
  bound,
  watches,
  sumOfDays,
  phases,
  ...item
}: LossItemView) => ({
  ...item,
  from: iso(from),
  to: iso(to),
  rates: { ofInput, ofNet },
  coverage: { meters, good, meterPpm, energyPpm },
  faults: [...faults],
  missing: [...missing],
  bound: bound && { low: bound[0], likely: bound[1], high: bound[2] },
  watches: [...watches],
  sumOfDays: sumOfDays && { ...sumOfDays, notComputable: [...sumOfDays.notComputable] },
  ...(phases === undefined
    ? {}
    : { phases: phases?.map(({ faults: why, because, ...one }) => ({ ...one, faults: [...why], because: [...because] })) ?? null }),
})

const endJson = (end: LossRegisterView | null) => end && { ...end, at: iso(end.at) }

const memberJson = ({ quality, reasons, usual, start, end, ...member }: LossMemberView, from: number, to: number) => ({
  ...member,
  quality: [...quality],
  reasons: [...reasons],
  usual: usual && { value: usual[0], low: usual[1], high: usual[2] },
  start: endJson(start),
  end: endJson(end),
  evidence: `/api/v1/points/${encodeURIComponent(member.point)}/energy?from=${encodeURIComponent(iso(from))}&to=${encodeURIComponent(iso(to))}&period=day&detail=true`,
})

/** The sums are those of the line; an area or point on it that lies in another zone is not named. */
const flowJson = (scope: Scope, { from, to, missing, flows, ...item }: FlowItemView) => ({
  ...item,
  from: iso(from),
  to: iso(to),
  missing: missing.filter((id) => scope.all || scope.sees('point', id) || scope.sees('area', id)),
  flows: flows.filter(({ kind, id }) => scope.all || scope.sees(kind, id)).map((flow) => ({ ...flow })),
})
