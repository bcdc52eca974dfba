import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { KeyRunView } from '../account-list-deps.ts'
import { accountJson, checkJson, shownName } from '../account-list-json.ts'
import {
  KeyAccountPage,
  KeyAccountSchema,
  KeyCheckPage,
  KeyCheckQuery,
  KeyCustomerParams,
  KeyGradeBody,
  KeyListQuery,
  KeyMoverPage,
  KeyPageQuery,
  KeyRunAnswer,
  KeyRunBody,
  KeyRunPage,
  KeyRunsQuery,
  KeyYearParams,
} from '../account-list-schemas.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps } from '../deps.ts'
import { nameOf } from '../guard.ts'
import { problem, problemOf, refuse } from '../problems.ts'
import { ref } from '../schema-words.ts'
import { iso } from './common.ts'

/** Key accounts (大客户): lists by year, who moved, grades of persons, and the weekly check. */
export const accountListRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps; answerMs: number }> = async (app, { deps }) => {
  const strange = problem('API_CURSOR', 'the cursor is not one of this list')
  const afterOf = (cursor: string | undefined): string | null => {
    const read = cursor === undefined ? [''] : readCursor(cursor, ['string'])
    return typeof read?.[0] === 'string' ? read[0] : null
  }
  const pageOf = <Item extends { readonly customer: string }>(found: readonly Item[], limit: number) => {
    const items = found.slice(0, limit)
    const last = items.at(-1)
    return { items, next: found.length > limit && last ? cursorOf([last.customer]) : null }
  }
  app.get(
    '/key-accounts',
    {
      config: { permission: 'ledger:read', failures: [404] },
      schema: {
        operationId: 'listKeyAccounts',
        tags: ['billing'],
        summary: 'Key accounts of a year',
        description:
          'Mean monthly use of the calendar year before at or above the limit, or a category on the list, or named in the ledger. Customers of whom ' +
          'it cannot be said are listed as such. By customer.',
        querystring: KeyListQuery,
        response: { 200: ref(KeyAccountPage, 'One page.') },
      },
    },
    async (request, reply) => {
      const { year = null, version = null, grade = null, state = null, all = false, limit = 100, cursor } = request.query
      const after = afterOf(cursor)
      if (after === null) return refuse(reply, strange)
      const scope = deps.scopeOf(request.who)
      const found = await deps.keyAccounts.list({ year, version, grade, state, all }, scope, after, limit + 1)
      if (!found.ok) return refuse(reply, problemOf(found.error.because, found.error.error))
      const { items, next } = pageOf(found.value.items, limit)
      return { run: runJson(found.value.run, scope.all), items: items.map((account) => accountJson(request, account)), next }
    },
  )
  app.get(
    '/key-accounts/runs',
    {
      config: { permission: 'ledger:read', everywhere: true, whole: ['year', 'version'] },
      schema: {
        operationId: 'listKeyAccountRuns',
        tags: ['billing'],
        summary: 'Lists of key accounts that were made',
        description: 'Every list, the newest year and version first, with its rules and counts.',
        querystring: KeyRunsQuery,
        response: { 200: ref(KeyRunPage, 'One page.') },
      },
    },
    async () => ({ items: deps.keyAccounts.runs().map((run) => runJson(run)) }),
  )
  app.get(
    '/key-accounts/checks',
    {
      config: { permission: 'ledger:read', failures: [404] },
      schema: {
        operationId: 'listKeyAccountChecks',
        tags: ['billing'],
        summary: 'Weekly check of key accounts',
        description:
          'Which key accounts of the newest list have a good reading of every point within the last days, and which have none. By customer.',
        querystring: KeyCheckQuery,
        response: { 200: ref(KeyCheckPage, 'One page.') },
      },
    },
    async (request, reply) => {
      const { days = null, open = false, limit = 50, cursor } = request.query
      const after = afterOf(cursor)
      if (after === null) return refuse(reply, strange)
      const found = await deps.keyAccounts.checks({ days, open }, deps.scopeOf(request.who), after, limit + 1)
      if (!found.ok) return refuse(reply, problemOf(found.error.because, found.error.error))
      const { items, next } = pageOf(found.value.items, limit)
      return {
        ...{ from: iso(found.value.from), to: iso(found.value.to), next },
        items: items.map((check) => checkJson(request, check)),
      }
    },
  )
  app.get(
    '/key-accounts/:year/movers',
    {
      config: { permission: 'ledger:read', failures: [404] },
      schema: {
        operationId: 'listKeyAccountMovers',
        tags: ['billing'],
        summary: 'Who moved between two years',
        description:
          'The newest list of a year beside the newest one of the year before: who became a key account, who is none any more, whose grade changed, and why.',
        params: KeyYearParams,
        querystring: KeyPageQuery,
        response: { 200: ref(KeyMoverPage, 'One page.') },
      },
    },
    async (request, reply) => {
      const { limit = 100, cursor } = request.query
      const after = afterOf(cursor)
      if (after === null) return refuse(reply, strange)
      const scope = deps.scopeOf(request.who)
      const found = await deps.keyAccounts.movers(request.params.year, scope, after, limit + 1)
      if (!found.ok) return refuse(reply, problemOf(found.error.because, found.error.error))
      const { run, against } = found.value
      const { items, next } = pageOf(found.value.items, limit)
      return {
        ...{ run: runJson(run, scope.all), against: against && runJson(against, scope.all), next },
        items: items.map(({ moves, reasons, name, ...mover }) => ({
          ...{ ...mover, name: shownName(request, name), moves: [...moves], reasons: [...reasons] },
        })),
      }
    },
  )
  app.post(
    '/key-accounts/:year/run',
    {
      config: { permission: 'ledger:write', everywhere: true, failures: [413, 415, 422] },
      schema: {
        operationId: 'makeKeyAccounts',
        tags: ['billing'],
        summary: 'Make the list of a year now',
        description:
          'A new version of the list; those before stay. In January the gateway makes it by itself. Asked again while it is made, it is the same one.',
        params: KeyYearParams,
        body: KeyRunBody,
        response: { 200: KeyRunAnswer },
      },
    },
    async (request, reply) => {
      const made = await deps.keyAccounts.run(request.params.year, nameOf(request), request.body.why ?? '')
      if (!made.ok) return refuse(reply, problemOf(made.error.because, made.error.error))
      return { running: made.value === null, run: made.value && runJson(made.value) }
    },
  )
  app.put(
    '/key-accounts/customers/:id/grade',
    {
      config: { permission: 'ledger:write', failures: [404, 413, 414, 415] },
      schema: {
        operationId: 'giveKeyAccountGrade',
        tags: ['billing'],
        summary: 'Give a customer a grade',
        description: 'It counts instead of the rank, from year to year, until `null` is given.',
        params: KeyCustomerParams,
        body: KeyGradeBody,
        response: { 200: ref(KeyAccountSchema, 'The customer on the newest list.') },
      },
    },
    async (request, reply) => {
      const { grade, why } = request.body
      const given = deps.keyAccounts.give(request.params.id, grade, why, nameOf(request), deps.scopeOf(request.who))
      return given.ok ? accountJson(request, given.value) : refuse(reply, problemOf(given.error.because, given.error.error))
    },
  )
}

/** @param isAll  counts are of every zone: others are not told them */
const runJson = ({ at, categories, counts, ...run }: KeyRunView, isAll = true) => ({
  ...{ ...run, at: iso(at), categories: [...categories], counts: isAll ? counts : null },
})
