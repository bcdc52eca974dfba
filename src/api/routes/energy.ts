import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Scope } from '../../core/index.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps } from '../deps.ts'
import type {
  EnergyCorrectionView,
  EnergyEvidenceView,
  EnergyExportView,
  EnergyFindingView,
  EnergyItemView,
  EnergyRegisterAnswer,
} from '../energy-deps.ts'
import {
  EnergyAgainBody,
  EnergyCorrectionPage,
  EnergyExportBody,
  EnergyExportPage,
  EnergyExportSchema,
  EnergyFindingPage,
  EnergyParams,
  EnergyQuery,
  EnergySchema,
  EnergyStateSchema,
  FindingsQuery,
  SinceQuery,
} from '../energy-schemas.ts'
import { badValue } from '../invalid.ts'
import { beyond, problem, problemOf, refuse } from '../problems.ts'
import { Cursor, closed, limitOf, ref } from '../schema-words.ts'
import { seenPage, sinceOf, unseenBy } from '../scoped.ts'
import { iso } from './common.ts'

/** Days that are shown when nobody says from when. */
const USUAL_DAYS = { '15m': 1, '1h': 1, day: 31, month: 366 } as const
const DAY_MS = 86_400_000

/** Interval energy, who took figures away, and what changed after that. */
export const energyRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps }> = async (app, { deps }) => {
  app.get(
    '/points/:id/energy',
    {
      config: { permission: 'readings:read', sees: ['point', 'id'], own: true, failures: [404, 414, 422] },
      schema: {
        operationId: 'getEnergy',
        tags: ['readings'],
        summary: 'Interval energy of a point',
        description:
          'Register differences times the ratios in force, across exchanges and rollovers; what is not known is null. With `detail` each figure shows the registers it rests on.',
        params: EnergyParams,
        querystring: EnergyQuery,
        response: { 200: ref(EnergySchema, 'The energy of the point.') },
      },
    },
    async ({ params: { id }, query: { from, to, period = 'day', detail = false }, who }, reply) => {
      const end = to === undefined ? deps.now() : Date.parse(to)
      const wanted = from === undefined ? end - USUAL_DAYS[period] * DAY_MS : Date.parse(from)
      if (!(end > wanted)) return refuse(reply, badValue('querystring/to', to ?? iso(end), 'an instant after `from`'))
      const since = sinceOf(deps.scopeOf(who), id)
      const start = Math.max(wanted, since)
      if (!(end > start)) return refuse(reply, badValue('querystring/to', to ?? iso(end), 'an instant since which the point is yours'))
      const answer = await deps.energy(id, { from: start, to: end, period, detail })
      if (!answer.ok) return refuse(reply, problemOf(answer.error.because, answer.error.error))
      const { zone, pending, registers } = answer.value
      return { point: id, period, from: iso(start), to: iso(end), zone, pending, registers: registers.map(registerJson) }
    },
  )
  app.get(
    '/energy/corrections',
    {
      config: { permission: 'readings:read', failures: [422] },
      schema: {
        operationId: 'listEnergyCorrections',
        tags: ['readings'],
        summary: 'Figures that changed after they were taken away',
        description:
          'By a strictly rising number. Whoever took figures asks with the last `seq` it has seen and is told what to take again.',
        querystring: SinceQuery,
        response: { 200: ref(EnergyCorrectionPage, 'Some corrections.') },
      },
    },
    async ({ query: { since = 0, limit = 100 }, who }, reply) => {
      const lost = beyond(since, await deps.energyNewest('correction'))
      if (lost) return refuse(reply, lost)
      const scope = deps.scopeOf(who)
      const { items, last, hasMore } = await seenPage({
        ...{ scope, after: since, limit, ask: deps.energyCorrections },
        sees: ({ point }) => scope.sees('point', point),
        at: ({ seq }) => seq,
      })
      return { items: items.map(correctionJson), next: hasMore && last ? last.seq : null }
    },
  )
  app.get(
    '/energy/findings',
    {
      config: { permission: 'readings:read', failures: [422] },
      schema: {
        operationId: 'listEnergyFindings',
        tags: ['readings'],
        summary: 'Reads and increments that cannot be true',
        description:
          'False zeros, garbled reads, registers that fell or rose by more than can have been used: set aside with the reason, never booked. One that later readings explain leaves the list.',
        querystring: FindingsQuery,
        response: { 200: ref(EnergyFindingPage, 'Some findings.') },
      },
    },
    async ({ query: { point = null, since = 0, limit = 100 }, who }, reply) => {
      const lost = beyond(since, await deps.energyNewest('finding'))
      if (lost) return refuse(reply, lost)
      const scope = deps.scopeOf(who)
      const { items, last, hasMore } = await seenPage({
        ...{ scope, after: since, limit, ask: (after: number, most: number) => deps.energyFindings(point, after, most) },
        sees: (row) => scope.sees('point', row.point),
        at: ({ seq }) => seq,
      })
      return {
        items: items.map(({ finding, seenAt, ...row }) => ({ ...row, seenAt: iso(seenAt), ...findingJson(finding) })),
        next: hasMore && last ? last.seq : null,
      }
    },
  )
  app.post(
    '/energy/exports',
    {
      config: { permission: 'billing:acknowledge', failures: [404, 413, 415, 422] },
      schema: {
        operationId: 'markEnergyExported',
        tags: ['readings'],
        summary: 'Say that figures were taken away',
        description: 'From then on a change of one of them stands under /energy/corrections.',
        body: EnergyExportBody,
        response: { 200: ref(EnergyExportSchema, 'Written down.') },
      },
    },
    async (request, reply) => {
      const { who, point = null, from, to, note = '' } = request.body
      const hidden = unseenPoint(deps.scopeOf(request.who), point)
      if (hidden) return refuse(reply, hidden)
      const [start, end] = [Date.parse(from), Date.parse(to)]
      if (!(end > start)) return refuse(reply, badValue('body/to', to, 'an instant after `from`'))
      const made = await deps.markExported({ who, point, from: start, to: end, note })
      return made.ok ? exportJson(made.value) : refuse(reply, problemOf(made.error.because, made.error.error))
    },
  )
  app.get(
    '/energy/exports',
    {
      config: { permission: 'readings:read' },
      schema: {
        operationId: 'listEnergyExports',
        tags: ['readings'],
        summary: 'Who took figures away',
        description: 'Every take of figures that was marked, oldest first.',
        querystring: Type.Object({ limit: limitOf(100, 1000), cursor: Cursor }, closed),
        response: { 200: ref(EnergyExportPage, 'One page.') },
      },
    },
    async ({ query: { limit = 100, cursor }, who }, reply) => {
      const after = cursor === undefined ? [0] : readCursor(cursor, ['number'])
      if (after === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const scope = deps.scopeOf(who)
      const { items, last, hasMore } = await seenPage({
        ...{ scope, after: Number(after[0]), limit, ask: deps.energyExports },
        sees: ({ point }) => point !== null && scope.sees('point', point),
        at: ({ id }) => id,
      })
      return { items: items.map(exportJson), next: hasMore && last ? cursorOf([last.id]) : null }
    },
  )
  app.post(
    '/energy/again',
    {
      config: { permission: 'rules:write', failures: [404, 413, 415, 422] },
      schema: {
        operationId: 'workOutEnergyAgain',
        tags: ['readings'],
        summary: 'Work energy out again',
        description:
          'Days for which the gateway has readings from before it made energy. Late readings and changes of the ledger need no call.',
        body: EnergyAgainBody,
        response: { 200: Type.Object({ points: Type.Integer({ minimum: 0 }) }, { description: 'Marked; it goes on by itself.' }) },
      },
    },
    async ({ body: { point = null, from, to, why }, who }, reply) => {
      const hidden = unseenPoint(deps.scopeOf(who), point)
      if (hidden) return refuse(reply, hidden)
      const [start, end] = [Date.parse(from), Date.parse(to)]
      if (!(end > start)) return refuse(reply, badValue('body/to', to, 'an instant after `from`'))
      // Every day of every point is work: a year that was mistyped would keep the gateway busy for good.
      if (end - start > MOST_AGAIN_DAYS * DAY_MS)
        return refuse(reply, badValue('body/to', to, `at most ${MOST_AGAIN_DAYS} days after \`from\``))
      const now = deps.now()
      if (start < now - MOST_AGAIN_DAYS * DAY_MS) return refuse(reply, badValue('body/from', from, `at most ${MOST_AGAIN_DAYS} days ago`))
      if (end > now + DAY_MS) return refuse(reply, badValue('body/to', to, 'no later than tomorrow'))
      const marked = await deps.energyAgain(point, start, end, why)
      return marked.ok ? { points: marked.value } : refuse(reply, problemOf(marked.error.because, marked.error.error))
    },
  )
  app.get(
    '/energy/state',
    {
      config: { permission: 'system:read', everywhere: true },
      schema: {
        operationId: 'getEnergyState',
        tags: ['operation'],
        summary: 'How far interval energy is',
        description: 'What is still to be worked out.',
        response: { 200: ref(EnergyStateSchema, 'The state.') },
      },
    },
    async () => deps.energyState(),
  )
}

/** Ten years. */
const MOST_AGAIN_DAYS = 3700

/** Why somebody may not act on a point, or on all of them (null); null: he may. */
const unseenPoint = (scope: Scope, point: string | null) => {
  if (scope.all || (point !== null && scope.sees('point', point))) return null
  return point === null ? problem('API_EVERYWHERE', 'this is about all points: name one') : unseenBy('point', point)
}

const registerJson = ({ items, findings, ...register }: EnergyRegisterAnswer) => ({
  ...register,
  items: items.map(itemJson),
  findings: findings.map(findingJson),
})

const itemJson = ({ from, to, quality, reasons, evidence, ...item }: EnergyItemView) => ({
  ...item,
  from: iso(from),
  to: iso(to),
  quality: [...quality],
  reasons: [...reasons],
  evidence: evidence && evidenceJson(evidence),
})

const evidenceJson = ({ segments, ...ends }: EnergyEvidenceView) => ({
  ...ends,
  segments: segments.map(({ from, to, ...segment }) => ({ ...segment, from: iso(from), to: iso(to) })),
})

const findingJson = ({ at, before, after, ...finding }: EnergyFindingView) => ({
  ...finding,
  at: iso(at),
  before: before && { ...before, at: iso(before.at) },
  after: after && { ...after, at: iso(after.at) },
})

const exportJson = ({ from, to, at, ...made }: EnergyExportView) => ({ ...made, from: iso(from), to: iso(to), at: iso(at) })

const correctionJson = ({ from, to, at, exportId, ...correction }: EnergyCorrectionView) => ({
  ...correction,
  from: iso(from),
  to: iso(to),
  at: iso(at),
  export: exportId,
})
