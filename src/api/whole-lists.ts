import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Static, type TObject, Type } from 'typebox'
import { cursorOf, readCursor } from './cursor.ts'
import { problem, refuse } from './problems.ts'
import { Cursor, limitOf, TextOrNull } from './schema-words.ts'

type Whole = readonly string[] | Readonly<Record<string, readonly string[]>>

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * The route gives its whole list, and pages are cut from it: the members that name one of its `items`, or lists by their names with what
     * names one of theirs. Its answer is {@link asPage}.
     */
    whole?: Whole
  }
}

/** A list of a few hundred items at the most fits on one page. */
const MOST = 1000
const [limit, cursor] = [limitOf(MOST, MOST), Cursor]
const next = TextOrNull({ description: 'Cursor of the next page; null on the last.' })

/** The answer of a route with `whole`: `next` is put in behind its back. */
export const asPage = <Schema extends TObject>(schema: Schema) =>
  Type.Unsafe<Static<Schema>>({ ...schema, properties: { ...schema.properties, next }, required: [...(schema.required ?? []), 'next'] })

type Fields = Readonly<Record<string, unknown>>
const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Lets routes with `whole` be asked for pages; before the hooks that look at what a list can be asked. */
export const wholeListQueries = (app: FastifyInstance): void => {
  app.addHook('onRoute', (route) => {
    if (route.config?.whole === undefined) return
    const asked = isObject(route.schema?.querystring) ? route.schema.querystring : { type: 'object', additionalProperties: false }
    const members = isObject(asked.properties) ? asked.properties : {}
    // A route may say itself how long a page is.
    route.schema = { ...route.schema, querystring: { ...asked, properties: { ...members, limit: members.limit ?? limit, cursor } } }
  })
}

/**
 * Cuts the pages. The next one begins behind the item the last one ended with, or where that stood when it has gone. Of several lists the
 * first is gone through before the next begins; whoever puts together what the pages have under one name has that list. After the hook that
 * knows whose cursor it is.
 */
export const wholeListPages = (app: FastifyInstance): void => {
  app.addHook('onRoute', (route) => {
    const whole = route.config?.whole
    if (whole === undefined) return
    const lists: Lists = isNames(whole) ? [['items', whole]] : Object.entries(whole)
    const usual = usualOf(route.schema?.querystring)
    route.preHandler = [
      ...[route.preHandler ?? []].flat(),
      async ({ query }: FastifyRequest, reply: FastifyReply) =>
        placeOf(query) === null ? refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list')) : undefined,
    ]
    route.preSerialization = [
      async ({ query }: FastifyRequest, _reply: unknown, payload: unknown) =>
        isObject(payload) && lists.every(([list]) => Array.isArray(payload[list]))
          ? { ...payload, ...pageOf(payload, lists, query, usual) }
          : payload,
      ...[route.preSerialization ?? []].flat(),
    ]
  })
}

type Lists = readonly (readonly [list: string, names: readonly string[]])[]
const isNames = (whole: Whole): whole is readonly string[] => Array.isArray(whole)

/** Items on a page when nobody says how many. */
const usualOf = (asked: unknown): number => {
  const wanted = isObject(asked) && isObject(asked.properties) && isObject(asked.properties.limit) ? asked.properties.limit.default : null
  return typeof wanted === 'number' ? wanted : MOST
}

/** Behind which item, and where that stood; null: the cursor is none of ours. */
const placeOf = (query: unknown): { readonly key: string; readonly at: number } | null => {
  if (!isObject(query) || typeof query.cursor !== 'string') return { key: '', at: 0 }
  const [key, at] = readCursor(query.cursor, ['string', 'number']) ?? []
  return typeof key === 'string' && typeof at === 'number' && Number.isSafeInteger(at) && at > 0 ? { key, at } : null
}

const pageOf = (payload: Fields, lists: Lists, query: unknown, usual: number): Fields => {
  const rows = lists.flatMap(([list, names]) => {
    const items = payload[list]
    return Array.isArray(items) ? items.map((item: unknown) => ({ list, names, item })) : []
  })
  const keyOf = ({ list, names, item }: (typeof rows)[number]): string =>
    [list, ...(isObject(item) ? names.map((name) => String(item[name])) : [])].join('\n')
  const size = isObject(query) && typeof query.limit === 'number' ? query.limit : usual
  const { key, at } = placeOf(query) ?? { key: '', at: 0 }
  const [stood] = rows.slice(at - 1, at)
  // Where it stood first: what is named alike twice would be gone through for ever.
  const found = at === 0 ? -1 : stood && keyOf(stood) === key ? at - 1 : rows.findIndex((row) => keyOf(row) === key)
  const from = found >= 0 ? found + 1 : at
  const page = rows.slice(from, from + size)
  const last = page.at(-1)
  return {
    ...Object.fromEntries(lists.map(([name]) => [name, page.filter(({ list }) => list === name).map(({ item }) => item)])),
    next: last && from + size < rows.length ? cursorOf([keyOf(last), from + size]) : null,
  }
}
