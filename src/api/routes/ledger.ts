import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Result, Scope } from '../../core/index.ts'
import { ATTRIBUTES, type Kind, type Value } from '../../ledger/kinds.ts'
import type { Act, Applied, Entity, Patch, Refused } from '../../ledger/types.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps } from '../deps.ts'
import { badValue } from '../invalid.ts'
import { changeDetailJson, changeJson, entityJson, planJson, refusalOf, vocabulary, whereOf } from '../ledger-json.ts'
import {
  AppliedSchema,
  AsOfQuery,
  BulkBody,
  ChangeDetailSchema,
  ChangePage,
  ChangeQuery,
  ChangesQuery,
  EntitiesQuery,
  EntityPage,
  EntityParams,
  EntitySchema,
  FactSchema,
  KindParams,
  PlanSchema,
  SeqParams,
  SetBody,
  VocabularySchema,
  WhyBody,
} from '../ledger-schemas.ts'
import { diffFor, entityFor, factFor, maySeePersonal, personalNames } from '../personal.ts'
import { problem, refuse } from '../problems.ts'
import { ref } from '../schema-words.ts'
import { scopedKind, seenPage, unseenBy } from '../scoped.ts'
import { asPage } from '../whole-lists.ts'
import { inTime, iso, isoOrNull } from './common.ts'

const SHOWN = 1000
const LATE = 'the change takes long and goes on; GET /api/v1/ledger/changes shows whether it was made'

/** Whoever asks, as the one who acts. */
export const actOf = (request: FastifyRequest, now: number, what: Act['what'], why: string, workOrder: string | null = null): Act => ({
  what,
  who: request.who?.id ?? '',
  why,
  workOrder,
  at: now,
})

/** The ledger (档案): entries, their history, and changes. */
export const ledgerRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps; answerMs: number }> = async (app, { deps, answerMs }) => {
  const { ledger } = deps

  app.get(
    '/ledger/vocabulary',
    {
      config: { permission: 'ledger:read' },
      schema: {
        operationId: 'getLedgerVocabulary',
        tags: ['ledger'],
        summary: 'Kinds and attributes',
        description: 'Every kind of entry with its attributes, their types and allowed values, in English and Chinese.',
        response: { 200: ref(VocabularySchema, 'The vocabulary.') },
      },
    },
    async () => vocabulary(),
  )
  app.get(
    '/ledger/changes',
    {
      config: { permission: 'ledger:read', everywhere: true },
      schema: {
        operationId: 'listLedgerChanges',
        tags: ['ledger'],
        summary: 'Changes',
        description: 'Newest first: who changed what when, why, and under which work order.',
        querystring: ChangesQuery,
        response: { 200: ref(ChangePage, 'One page.') },
      },
    },
    async ({ query: { limit = 100, cursor, kind, id, who, workOrder } }, reply) => {
      const from = cursor === undefined ? [] : readCursor(cursor, ['number'])
      if (from === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const found = ledger.changes({
        limit: limit + 1,
        ...(from.length > 0 ? { before: Number(from[0]) } : {}),
        ...(kind === undefined ? {} : { kind }),
        ...(id === undefined ? {} : { id }),
        ...(who === undefined ? {} : { who }),
        ...(workOrder === undefined ? {} : { workOrder }),
      })
      const items = found.slice(0, limit)
      const last = items.at(-1)
      return { items: items.map(changeJson), next: found.length > limit && last ? cursorOf([last.seq]) : null }
    },
  )
  app.get(
    '/ledger/changes/:seq',
    {
      config: { permission: 'ledger:read', everywhere: true, failures: [404] },
      schema: {
        operationId: 'getLedgerChange',
        tags: ['ledger'],
        summary: 'One change',
        description: 'With the entries it touched, as they were and as they became.',
        params: SeqParams,
        querystring: ChangeQuery,
        response: { 200: ref(ChangeDetailSchema, 'The change.') },
      },
    },
    async (request, reply) => {
      const { seq } = request.params
      const { limit = SHOWN, cursor } = request.query
      const place = cursor === undefined ? null : readCursor(cursor, ['string', 'string', 'number'])
      if (cursor !== undefined && place === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const after = place && { kind: String(place[0]), id: String(place[1]), from: Number(place[2]) }
      const found = ledger.change(seq, limit + 1, after)
      if (!found) return refuse(reply, problem('API_LEDGER', `there is no change ${seq}`))
      const entries = found.entries.slice(0, limit)
      const last = entries.at(-1)
      return {
        ...changeDetailJson({ ...found, entries: entries.map((entry) => diffFor(request, ledger, entry)) }),
        next: last && found.entries.length > limit ? cursorOf([last.kind, last.id, last.from]) : null,
      }
    },
  )
  app.post(
    '/ledger/changes/:seq/undo',
    {
      config: { permission: 'ledger:write', everywhere: true, failures: [404, 413, 415, 422] },
      schema: {
        operationId: 'undoLedgerChange',
        tags: ['ledger'],
        summary: 'Take a change back',
        description: 'As a change of its own, which can be taken back too. Refused, naming it, when a later change touched the same facts.',
        params: SeqParams,
        body: WhyBody,
        response: { 200: ref(AppliedSchema, 'Taken back.') },
      },
    },
    async (request, reply) => {
      const { why, workOrder = null, dryRun = false } = request.body
      const act = actOf(request, deps.now(), 'undo', why, workOrder)
      return applied(reply, await inTime(ledger.undo(request.params.seq, act, dryRun), answerMs))
    },
  )
  app.post(
    '/ledger/bulk',
    {
      config: { permission: 'ledger:write', everywhere: true, failures: [413, 415, 422] },
      schema: {
        operationId: 'changeLedger',
        tags: ['ledger'],
        summary: 'Many changes at once',
        description: 'All of them in one transaction, or none. A dry run answers with the differences and every problem.',
        body: BulkBody,
        response: { 200: Type.Union([ref(AppliedSchema), ref(PlanSchema)], { description: 'Done; of a dry run, what it would do.' }) },
      },
    },
    async (request, reply) => {
      const { patches: written, why, workOrder = null, dryRun = false } = request.body
      const patches = written.map(
        ({ kind, id, from, set }, at): Patch => ({
          kind,
          id,
          from: from === undefined ? null : Date.parse(from),
          set,
          place: `patches/${at}`,
        }),
      )
      if (dryRun) {
        const plan = await inTime(ledger.plan(patches), answerMs)
        return plan ? planJson(plan) : refuse(reply, problem('API_LATE', 'the dry run takes too long: send fewer at a time'))
      }
      return applied(reply, await inTime(ledger.apply(patches, actOf(request, deps.now(), 'edit', why, workOrder), []), answerMs))
    },
  )
  app.get(
    '/ledger/:kind',
    {
      config: { permission: 'ledger:read' },
      schema: {
        operationId: 'listLedger',
        tags: ['ledger'],
        summary: 'Entries of a kind',
        description: 'By id; as of an instant when asked for.',
        params: KindParams,
        querystring: EntitiesQuery,
        response: { 200: ref(EntityPage, 'One page.') },
      },
    },
    async (request, reply) => {
      const { kind } = request.params
      const { where, text, dueBefore, asOf, limit = 100, cursor } = request.query
      const from = cursor === undefined ? [] : readCursor(cursor, ['string'])
      if (from === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const wanted = where === undefined ? { where: {} } : whereOf(kind, where)
      if ('allowed' in wanted) return refuse(reply, badValue('querystring/where', wanted.value, wanted.allowed))
      const unread = maySeePersonal(request) ? [] : personalNames(kind)
      const guessed = unread.find((name) => name in wanted.where)
      if (guessed !== undefined)
        return refuse(reply, badValue('querystring/where', guessed, 'attributes that are shown to you; this one needs personal:read'))
      if (dueBefore !== undefined && !('verifyBy' in ATTRIBUTES[kind]))
        return refuse(reply, badValue('querystring/dueBefore', dueBefore, 'only for meter and transformer'))
      const scope = deps.scopeOf(request.who)
      // What is found by a name that is not shown tells that name.
      const isGuess = !maySeePersonal(request) && kind === 'point' && (text !== undefined || 'name' in wanted.where)
      const isFound = (entity: Entity): boolean => !isGuess || fits(entityFor(request, ledger, entity), text, wanted.where)
      const { items, last, hasMore } = await seenPage<Entity, string | null>({
        ...{ scope: isGuess ? { ...scope, all: false } : scope, after: typeof from[0] === 'string' ? from[0] : null, limit },
        ask: (after, most) =>
          ledger.list({
            ...{ kind, where: wanted.where, unread, limit: most },
            ...(text === undefined ? {} : { text }),
            ...(dueBefore === undefined ? {} : { before: { name: 'verifyBy', day: dueBefore } }),
            ...(asOf === undefined ? {} : { asOf: Date.parse(asOf) }),
            ...(after === null ? {} : { after }),
          }),
        sees: (entity) => (scope.all || scope.sees(scopedKind(kind), entity.id)) && isFound(entity),
        at: ({ id }) => id,
      })
      return {
        items: items.map((entity) => entityJson(entityFor(request, ledger, entity))),
        next: hasMore && last ? cursorOf([last.id]) : null,
      }
    },
  )
  app.get(
    '/ledger/:kind/:id',
    {
      config: { permission: 'ledger:read', sees: ['entry', 'id'], failures: [404, 414] },
      schema: {
        operationId: 'getLedgerEntry',
        tags: ['ledger'],
        summary: 'One entry',
        description:
          'Its ETag is its version: send it back as If-Match when you change it, as If-None-Match to be told 304 while it is the same.',
        params: EntityParams,
        querystring: AsOfQuery,
        response: { 200: ref(EntitySchema, 'The entry.'), 304: Type.Null({ description: 'It is the version you have.' }) },
      },
    },
    async (request, reply) => {
      const { kind, id } = request.params
      const { asOf } = request.query
      const found = ledger.get(kind, id, asOf === undefined ? null : Date.parse(asOf))
      if (!found) return refuse(reply, noEntry(kind, id))
      // As of an instant it is the same only while nothing was dated back: the version says that too.
      reply.header('etag', tagOf(found))
      if (tagsOf(request.headers['if-none-match']).includes(tagOf(found))) return reply.code(304).send(null)
      return entityJson(entityFor(request, ledger, found))
    },
  )
  app.get(
    '/ledger/:kind/:id/history',
    {
      config: { permission: 'ledger:read', sees: ['entry', 'id'], failures: [404, 414], whole: ['name', 'from', 'change'] },
      schema: {
        operationId: 'getLedgerHistory',
        tags: ['ledger'],
        summary: 'History of an entry',
        description: 'Every fact with the time for which it holds, oldest first, and the change that wrote it.',
        params: EntityParams,
        response: { 200: asPage(Type.Object({ items: Type.Array(ref(FactSchema)) }, { description: 'The facts.' })) },
      },
    },
    async (request, reply) => {
      const { kind, id } = request.params
      if (!ledger.get(kind, id, null)) return refuse(reply, noEntry(kind, id))
      const facts = ledger.facts(kind, id).map((fact) => factFor(request, ledger, kind, id, fact))
      return { items: facts.map(({ from, to, ...fact }) => ({ ...fact, from: iso(from), to: isoOrNull(to) })) }
    },
  )

  /** PUT says all of it, PATCH what differs. */
  const write = async (
    request: FastifyRequest,
    reply: FastifyReply,
    { kind, id }: { readonly kind: Kind; readonly id: string },
    { set, from, why, workOrder = null }: { set: Record<string, Value>; from?: string; why: string; workOrder?: string | null },
  ) => {
    const current = ledger.get(kind, id, null)
    const hidden = unseenIn(deps.scopeOf(request.who), { kind, id, set }, current !== null)
    if (hidden) return refuse(reply, hidden)
    const [match, noneMatch] = [tagsOf(request.headers['if-match']), tagsOf(request.headers['if-none-match'])]
    if (current && match.length === 0 && !noneMatch.includes('*')) return refuse(reply, unseen(kind, id))
    const version = noneMatch.includes('*') || (match.length === 0 && !current) ? null : versionIn(match, current)
    const whole = request.method === 'PUT' ? Object.fromEntries(Object.keys(current?.attributes ?? {}).map((name) => [name, null])) : {}
    const patch: Patch = { kind, id, from: from === undefined ? null : Date.parse(from), set: { ...whole, ...set }, place: 'body/set' }
    const act = actOf(request, deps.now(), 'edit', why, workOrder)
    const answer = await inTime(ledger.apply([patch], act, [{ kind, id, version }]), answerMs)
    if (answer === null) return refuse(reply, problem('API_LATE', LATE))
    if (!answer.ok) {
      if (answer.error.current) reply.header('etag', tagOf(answer.error.current))
      return refuse(reply, refusalOf(answer.error))
    }
    const now = ledger.get(kind, id, null)
    if (!now) return refuse(reply, noEntry(kind, id))
    return reply
      .header('etag', tagOf(now))
      .code(current ? 200 : 201)
      .send(entityJson(entityFor(request, ledger, now)))
  }
  const answers = { 200: ref(EntitySchema, 'As it is now.'), 201: ref(EntitySchema, 'It is new.') }
  const config = { permission: 'ledger:write', failures: [404, 412, 413, 414, 415, 422, 428] } as const
  app.put(
    '/ledger/:kind/:id',
    {
      config: { ...config, failures: [...config.failures] },
      schema: {
        operationId: 'putLedgerEntry',
        tags: ['ledger'],
        summary: 'Write an entry',
        description:
          'All its attributes: what is not named ends. Of an entry that is there, send its ETag as If-Match; `If-None-Match: *` only makes a new one.',
        params: EntityParams,
        body: SetBody,
        response: answers,
      },
    },
    async (request, reply) => write(request, reply, request.params, request.body),
  )
  app.patch(
    '/ledger/:kind/:id',
    {
      config: { ...config, failures: [...config.failures] },
      schema: {
        operationId: 'patchLedgerEntry',
        tags: ['ledger'],
        summary: 'Change an entry',
        description: 'Only the attributes that are named, from an instant on. Of an entry that is there, send its ETag as If-Match.',
        params: EntityParams,
        body: SetBody,
        response: answers,
      },
    },
    async (request, reply) => write(request, reply, request.params, request.body),
  )
}

/**
 * What of a change is not somebody's to see: the entry itself, or one it refers to; null: nothing. A new entry has to lie somewhere that
 * he sees, or he would make what he cannot look at.
 */
const unseenIn = (
  scope: Scope,
  { kind, id, set }: { readonly kind: Kind; readonly id: string; readonly set: Readonly<Record<string, Value>> },
  isThere: boolean,
) => {
  if (scope.all) return null
  if (isThere && !scope.sees(scopedKind(kind), id)) return unseenBy(kind, id)
  const references = Object.entries(set).flatMap(([name, value]) => {
    const to = Object.hasOwn(ATTRIBUTES[kind], name) ? ATTRIBUTES[kind][name]?.refers : undefined
    return to === undefined || value === null ? [] : [{ to, id: String(value) }]
  })
  const hidden = references.find((each) => !scope.sees(scopedKind(each.to), each.id))
  if (hidden) return unseenBy(hidden.to, hidden.id)
  return isThere || references.length > 0 ? null : problem('API_EVERYWHERE', `a new ${kind} has to name where it lies`)
}

const applied = (reply: FastifyReply, answer: Result<Applied, Refused> | null) => {
  if (answer === null) return refuse(reply, problem('API_LATE', LATE))
  return answer.ok ? answer.value : refuse(reply, refusalOf(answer.error))
}

const noEntry = (kind: Kind, id: string) => problem('API_LEDGER', `there is no ${kind} "${id}" in the ledger`)
const unseen = (kind: Kind, id: string) => problem('API_PRECONDITION', `${kind} "${id}" is there already: say which version you have seen`)

/** @source RFC 9110, 8.8.3 entity tags */
const tagOf = ({ version }: Pick<Entity, 'version'>): string => `"${version}"`
const tagsOf = (header: string | string[] | undefined): string[] =>
  [header ?? []]
    .flat()
    .flatMap((text) => text.split(','))
    .map((tag) => tag.trim().replace(/^W\//, ''))
    .filter((tag) => tag !== '')

/** The version that somebody has seen: the one it has, if that is among the tags; `*` = whichever. */
const versionIn = (tags: readonly string[], current: Entity | null): number => {
  if (current && (tags.includes('*') || tags.includes(tagOf(current)))) return current.version
  return Number(/^"(\d+)"$/.exec(tags[0] ?? '')?.[1] ?? -1)
}

/** Whether an entry fits a question by what is shown of it. */
const fits = ({ id, attributes }: Entity, text: string | undefined, where: Readonly<Record<string, Value>>): boolean => {
  const part = text?.toLowerCase()
  const holds = (value: unknown): boolean => typeof value === 'string' && part !== undefined && value.toLowerCase().includes(part)
  return (
    (part === undefined || holds(id) || Object.values(attributes).some(holds)) &&
    Object.entries(where).every(([name, value]) => (attributes[name] ?? null) === value)
  )
}
