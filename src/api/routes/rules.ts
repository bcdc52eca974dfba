import { STATUS_CODES } from 'node:http'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { RuleSpec, ThresholdLayers, ThresholdSpec } from '../../anomaly/index.ts'
import type { Scope, ScopedKind } from '../../core/index.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps, Refusal } from '../deps.ts'
import { badValue } from '../invalid.ts'
import { type Problem, problem, problemOf, refuse } from '../problems.ts'
import type { AnalysisView, ThresholdChangeView, ThresholdEdit, TrialView } from '../rules-deps.ts'
import {
  AnalysisAgainBody,
  AnalysisQuery,
  AnalysisSchemaView,
  ChangeParams,
  HistoryQuery,
  RuleHeaders,
  RuleParams,
  RuleSchema,
  RulesSchema,
  ThresholdBody,
  ThresholdChangePage,
  TrialBody,
  TrialPage,
  TrialParams,
  TrialSchema,
  TrialsSchema,
  UndoBody,
} from '../rules-schemas.ts'
import { closed, ref } from '../schema-words.ts'
import { iso, isoOrNull } from './common.ts'

const DAY_MS = 86_400_000

/** Rules of the analysis, their thresholds, trial runs of them, and how far the daily analysis is. */
export const rulesRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps }> = async (app, { deps }) => {
  const about = (operationId: string, summary: string, description: string) => ({ operationId, tags: ['analysis'], summary, description })
  app.get(
    '/rules',
    {
      config: { permission: 'rules:read', whole: ['id'] },
      schema: {
        ...about(
          'listRules',
          'Rules and thresholds',
          'Every rule with its thresholds, which end is closed, where they come from, and every layer that says something.',
        ),
        response: { 200: ref(RulesSchema, 'All rules.') },
      },
    },
    async ({ who }, reply) => {
      const layers = seenLayers(deps.scopeOf(who), deps.layers())
      return reply
        .header('etag', `"${layers.version}"`)
        .send({ version: layers.version, items: deps.rules().map((rule) => ruleJson(rule, layers)) })
    },
  )
  app.get(
    '/rules/:id',
    {
      config: { permission: 'rules:read', failures: [404] },
      schema: {
        ...about('getRule', 'One rule', 'A rule with its thresholds and every layer that says something of them.'),
        params: RuleParams,
        response: { 200: ref(RuleSchema, 'The rule.') },
      },
    },
    async ({ params: { id }, who }, reply) => {
      const layers = seenLayers(deps.scopeOf(who), deps.layers())
      const rule = deps.rules().find((one) => one.id === id)
      return rule
        ? reply.header('etag', `"${layers.version}"`).send(ruleJson(rule, layers))
        : refuse(reply, problem('API_RULE', `there is no rule ${id}`))
    },
  )
  app.put(
    '/rules/:id/thresholds',
    {
      config: { permission: 'rules:write', everywhere: true, failures: [404, 412, 413, 415, 422, 428] },
      schema: {
        ...about(
          'setThresholds',
          'Set thresholds',
          'Sets thresholds of a rule in one layer, with a reason. They hold from the next judgement on; what was found stays as it is.',
        ),
        params: RuleParams,
        headers: RuleHeaders,
        body: ThresholdBody,
        response: { 200: ref(RuleSchema, 'The rule as it is now.') },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const header = request.headers['if-match']
      if (header === undefined) return refuse(reply, problem('API_PRECONDITION', 'If-Match is missing'))
      const version = /^\s*(?:W\/)?"(\d{1,12})"\s*$/.exec(header)?.[1]
      if (version === undefined) return refuse(reply, badValue('headers/if-match', header, 'the ETag of GET /api/v1/rules: "7"'))
      const { why } = request.body
      const done = await deps.setThresholds(id, editOf(request.body), Number(version), request.who?.name ?? '', why)
      if (!done.ok) return refuse(reply, problemIn(done.error))
      const rule = deps.rules().find((one) => one.id === id)
      if (!rule) return refuse(reply, problem('API_RULE', `there is no rule ${id}`))
      return reply.header('etag', `"${done.value}"`).send(ruleJson(rule, deps.layers()))
    },
  )
  app.get(
    '/rules/history',
    {
      config: { permission: 'rules:read', everywhere: true },
      schema: {
        ...about('listThresholdChanges', 'Changes of thresholds', 'Who set which threshold when and why, newest first.'),
        querystring: HistoryQuery,
        response: { 200: ref(ThresholdChangePage, 'One page.') },
      },
    },
    async ({ query: { rule, cursor, limit = 100 } }, reply) => {
      const before = cursor === undefined ? [null] : readCursor(cursor, ['number'])
      if (before === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const [first = null] = before
      const found = deps.thresholdChanges(first === null ? null : Number(first), limit + 1, rule ?? null)
      const items = found.slice(0, limit)
      const last = items.at(-1)
      return { items: items.map(changeJson), next: found.length > limit && last ? cursorOf([last.seq]) : null }
    },
  )
  app.post(
    '/rules/history/:seq/undo',
    {
      config: { permission: 'rules:write', everywhere: true, failures: [404, 413, 415, 422] },
      schema: {
        ...about(
          'undoThreshold',
          'Take a change back',
          'Takes one change of a threshold back, as a change of its own. Refused when a newer one stands on it.',
        ),
        params: ChangeParams,
        body: UndoBody,
        response: {
          200: Type.Object(
            { version: Type.Integer({ description: 'Number of the change that took it back.' }) },
            { ...closed, description: 'It is taken back.' },
          ),
        },
      },
    },
    async (request, reply) => {
      const done = deps.undoThreshold(request.params.seq, request.who?.name ?? '', request.body.why)
      return done.ok ? { version: done.value } : refuse(reply, problemIn(done.error))
    },
  )
  app.post(
    '/rules/:id/trial',
    {
      config: { permission: 'rules:write', everywhere: true, failures: [404, 413, 415, 422, 503] },
      schema: {
        ...about(
          'startTrial',
          'Try thresholds',
          'Judges days that are over with other thresholds and says which alarms would come and go. Changes nothing. One run at a time.',
        ),
        params: RuleParams,
        body: TrialBody,
        response: { 200: ref(TrialSchema, 'It is under way.') },
      },
    },
    async ({ params: { id }, body }, reply) => {
      const started = deps.startTrial(id, editOf(body), body.areas ?? null, body.from, body.to)
      return started.ok ? trialJson(started.value) : refuse(reply, problemIn(started.error))
    },
  )
  app.get(
    '/rules/trials',
    {
      config: { permission: 'rules:read', everywhere: true, whole: ['id'] },
      schema: {
        ...about('listTrials', 'Trial runs', 'Trial runs since the gateway started, newest first.'),
        response: { 200: ref(TrialsSchema, 'The newest twenty.') },
      },
    },
    async () => ({ items: deps.trials().map(trialJson) }),
  )
  app.get(
    '/rules/trials/:trial',
    {
      config: { permission: 'rules:read', everywhere: true, failures: [404], whole: { come: ['key'], go: ['key'] } },
      schema: {
        ...about('getTrial', 'One trial run', 'How far a trial run is, and which alarms would come and go.'),
        params: TrialParams,
        response: { 200: ref(TrialPage, 'The run.') },
      },
    },
    async ({ params }, reply) => {
      const found = deps.trial(params.trial)
      return found.ok ? trialJson(found.value) : refuse(reply, problemIn(found.error))
    },
  )
  app.post(
    '/rules/trials/:trial/cancel',
    {
      config: { permission: 'rules:write', everywhere: true, failures: [404] },
      schema: {
        ...about('cancelTrial', 'Cancel a trial run', 'Ends a trial run; one that is over stays as it is.'),
        params: TrialParams,
        response: { 200: ref(TrialSchema, 'The run as it is now.') },
      },
    },
    async ({ params }, reply) => {
      const found = deps.cancelTrial(params.trial)
      return found.ok ? trialJson(found.value) : refuse(reply, problemIn(found.error))
    },
  )
  app.get(
    '/analysis',
    {
      config: { permission: 'rules:read', everywhere: true, whole: { areas: ['area'] } },
      schema: {
        ...about(
          'getAnalysis',
          'How far the analysis is',
          'For each area the newest judged day, what the next one waits for, what went wrong, and how long it took.',
        ),
        querystring: AnalysisQuery,
        response: { 200: ref(AnalysisSchemaView, 'The state of the analysis.') },
      },
    },
    async ({ query }) => analysisJson(deps.analysis(), query),
  )
  app.post(
    '/analysis/again',
    {
      config: { permission: 'rules:write', everywhere: true, failures: [404, 413, 415, 422] },
      schema: {
        ...about('analyseAgain', 'Judge again', 'Has areas judged again, and if wanted their days put together anew from the store.'),
        body: AnalysisAgainBody,
        response: {
          200: Type.Object(
            { areas: Type.Integer({ description: 'Areas that are judged again.' }) },
            { ...closed, description: 'It is under way.' },
          ),
        },
      },
    },
    async ({ body: { areas, from, to, rebuild, why } }, reply) => {
      const until = to ?? iso(deps.now() - DAY_MS).slice(0, 10)
      const done = deps.analysisAgain(areas ?? null, from, until, rebuild ?? false, why)
      return done.ok ? { areas: done.value } : refuse(reply, problemIn(done.error))
    },
  )
}

/** Layers of zones and points that somebody sees, with those that are for all. */
const seenLayers = (scope: Scope, layers: ThresholdLayers): ThresholdLayers => {
  if (scope.all) return layers
  const seen = (kinds: readonly ScopedKind[], of: ThresholdLayers['zones']) =>
    Object.fromEntries(Object.entries(of).filter(([id]) => kinds.some((kind) => scope.sees(kind, id))))
  // The innermost layer is of a point, a meter or an area.
  return { ...layers, zones: seen(['zone'], layers.zones), points: seen(['point', 'meter', 'area'], layers.points) }
}

const editOf = ({
  layer,
  target,
  set,
}: {
  readonly layer?: ThresholdEdit['layer']
  readonly target?: string
  readonly set: ThresholdEdit['set']
}): ThresholdEdit => ({
  layer: layer ?? 'global',
  target: target ?? '',
  set,
})

const problemIn = ({ because, error }: Refusal): Problem => {
  const found = problemOf(because, error)
  return error.code === 'RULE_STALE' ? { ...found, status: 412, title: STATUS_CODES[412] ?? '' } : found
}

const SIGN: Readonly<Record<ThresholdSpec['op'], string>> = { '>=': '≥', '>': '>', '<=': '≤', '<': '<' }

const ruleJson = (rule: RuleSpec, layers: ThresholdLayers) => ({
  id: rule.id,
  version: rule.version,
  title: rule.title,
  thresholds: Object.entries(rule.thresholds).map(([name, spec]) => {
    const key = `${rule.id}.${name}`
    const global = layers.global[key]
    const value = global ?? spec.value
    const of = (layer: 'zone' | 'class' | 'point', by: Readonly<Record<string, Readonly<Record<string, number>>>>) =>
      Object.entries(by).flatMap(([target, values]) => (values[key] === undefined ? [] : [{ layer, target, value: values[key] }]))
    const isClosed = spec.op === '>=' || spec.op === '<='
    return {
      ...{ name, value, default: spec.value, op: spec.op, unit: spec.unit, min: spec.min, max: spec.max },
      holds: `figure ${SIGN[spec.op]} ${value} ${spec.unit} (${value} ${spec.unit} itself ${isClosed ? 'included' : 'not included'})`,
      ...{ meaning: spec.meaning, source: spec.source },
      layers: [
        ...(global === undefined ? [] : [{ layer: 'global' as const, target: '', value: global }]),
        ...of('zone', layers.zones),
        ...of('class', layers.classes),
        ...of('point', layers.points),
      ],
    }
  }),
})

const changeJson = ({ at, ...change }: ThresholdChangeView) => ({ ...change, at: iso(at) })
const trialJson = ({ edit, come, go, ...trial }: TrialView) => ({ ...trial, ...edit, come: [...come], go: [...go] })

const analysisJson = (
  { areas, atMinute, ...rest }: AnalysisView,
  { area, failed }: { readonly area?: string; readonly failed?: boolean },
) => ({
  ...rest,
  at: `${String(Math.floor(atMinute / 60)).padStart(2, '0')}:${String(atMinute % 60).padStart(2, '0')}`,
  areas: areas
    .filter((one) => (area === undefined || one.area === area) && (failed !== true || one.failure !== null))
    .map((one) => ({ ...one, judgedAt: isoOrNull(one.judgedAt) })),
})
