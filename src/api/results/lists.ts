import type { FastifyInstance, RouteOptions } from 'fastify'
import { type TSchema, Type } from 'typebox'
import type { Permission } from '../../access/roles.ts'
import { PERMISSIONS } from '../../access/roles.ts'
import { err, ok, type Result } from '../../core/index.ts'
import {
  type Cell,
  type CellType,
  type ExportColumn,
  exportFailure,
  type Language,
  type RowPiece,
  type RowSource,
  RowsStopped,
} from '../../export/index.ts'
import type { ResultQuery } from '../export-deps.ts'
import type { InsideCalls } from '../inside.ts'
import { badValue } from '../invalid.ts'
import { type Problem, problem } from '../problems.ts'
import { titleOf } from './titles.ts'
import { aboutOf, pairsOf, printOf, type ResultContext, type ResultKind } from './types.ts'

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }
type Schema = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Schema => typeof value === 'object' && value !== null && !Array.isArray(value)
const isPermission = (word: unknown): word is Permission => typeof word === 'string' && Object.hasOwn(PERMISSIONS, word)

/** A column of a list: where its value stands in an item, and what it is. */
interface Leaf {
  readonly path: readonly string[]
  readonly type: CellType
}

/** The schema behind references and "or null". */
const plainOf = (schema: unknown, named: ReadonlyMap<string, Schema>): Schema => {
  if (!isObject(schema)) return {}
  if (typeof schema.$ref === 'string') return plainOf(named.get(schema.$ref.replace(/#$/, '')), named)
  if (Array.isArray(schema.anyOf)) {
    const others = schema.anyOf.filter((one) => !(isObject(one) && one.type === 'null'))
    if (others.length === 1) return plainOf(others[0], named)
  }
  return schema
}

/** Figures that mostly have no digits behind the point. */
const FIGURE = /^ratio$|Kwh$/

/** A text whose example is a decimal with digits behind the point is a figure; an id never looks so. */
const isDecimal = ({ examples }: Schema, name: string): boolean =>
  FIGURE.test(name) || (Array.isArray(examples) && examples.some((one) => typeof one === 'string' && /^-?\d+\.\d+$/.test(one)))

const typeOf = (schema: Schema, name: string): CellType => {
  const type = Array.isArray(schema.type) ? schema.type.find((one) => one !== 'null') : schema.type
  if (type === 'integer') return 'integer'
  if (type === 'number') return 'float'
  if (type === 'boolean') return 'boolean'
  if (type === 'string') return schema.format === 'date-time' ? 'instant' : isDecimal(schema, name) ? 'decimal' : 'text'
  return 'text'
}

const MOST_DEPTH = 4

const leavesOf = (schema: unknown, named: ReadonlyMap<string, Schema>, path: readonly string[] = []): readonly Leaf[] => {
  const plain = plainOf(schema, named)
  const { properties } = plain
  if (!isObject(properties) || path.length >= MOST_DEPTH)
    return [{ path, type: path.length === 0 ? 'text' : typeOf(plain, path.at(-1) ?? '') }]
  // One text in two languages is one column.
  if (Object.keys(properties).sort().join() === 'en,zh') return [{ path, type: 'text' }]
  return Object.entries(properties).flatMap(([name, member]) => leavesOf(member, named, [...path, name]))
}

const valueAt = (item: Json, path: readonly string[]): Json => {
  let value: Json | undefined = item
  for (const name of path) value = isJsonObject(value) ? value[name] : undefined
  return value ?? null
}
const isJsonObject = (value: Json | undefined): value is { readonly [name: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A value of an item as a cell. Lists of words stand in one, what has more to it as JSON. */
const cellOf = (value: Json, type: CellType, language: Language): Cell => {
  if (value === null) return null
  if (type === 'instant') {
    const at = typeof value === 'string' ? Date.parse(value) : Number.NaN
    return Number.isNaN(at) ? null : at
  }
  if (typeof value !== 'object') return value
  if (isJsonObject(value)) {
    const word = value[language]
    return typeof word === 'string' && 'zh' in value && 'en' in value ? word : JSON.stringify(value)
  }
  return value.length === 0 ? null : value.every((one) => typeof one !== 'object') ? value.map(String).join('; ') : JSON.stringify(value)
}

interface Page {
  readonly items: readonly Json[]
  readonly next: string | number | null
  readonly more?: boolean
}

/** A minute of what may be asked, and a busy gateway. */
const TRIES = 120
const WAIT_MS = 1000
const BUSY: ReadonlySet<number> = new Set([429, 503])
/** Of what may be asked from an address, so much is left to whoever sits there. */
const LEFT = 0.5
const pause = () => new Promise<void>((resolve) => setTimeout(resolve, WAIT_MS))

/**
 * Every list of the API as a result: its file holds what the list shows whoever asks, with the same filters, page by page.
 *
 * @param named  schemas by their `$id`
 */
export const listResults = (app: FastifyInstance, inside: InsideCalls, named: ReadonlyMap<string, Schema>) => {
  const kinds = new Map<string, ResultKind>()
  const take = (route: RouteOptions): void => {
    const { method, url, schema, config } = route
    if (method !== 'GET' || !url.startsWith('/api/v1/') || !schema || !isPermission(config?.permission)) return
    const response = isObject(schema.response) ? plainOf(schema.response[200], named) : {}
    const { properties } = response
    if (!isObject(properties) || !('items' in properties) || !('next' in properties)) return
    const items = plainOf(properties.items, named)
    const kind = listOf(url, schema, config.permission, leavesOf(items.items, named))
    if (kind !== null && !kinds.has(kind.name)) kinds.set(kind.name, kind)
  }

  const listOf = (
    url: string,
    schema: NonNullable<RouteOptions['schema']>,
    needs: Permission,
    leaves: readonly Leaf[],
  ): ResultKind | null => {
    const query = isObject(schema.querystring) && isObject(schema.querystring.properties) ? schema.querystring.properties : {}
    const paths = isObject(schema.params) && isObject(schema.params.properties) ? schema.params.properties : {}
    const { limit, cursor: _, since, ...filters } = query
    // A list that goes on by a rising number has it as its cursor.
    const goesOn = 'cursor' in query ? 'cursor' : since === undefined ? null : 'since'
    const members: Record<string, TSchema> = {}
    for (const [name, member] of Object.entries({ ...filters, ...(goesOn === 'since' ? { since } : {}) }))
      if (isObject(member)) members[name] = Type.Optional(Type.Unsafe(member))
    for (const [name, member] of Object.entries(paths))
      if (isObject(member)) members[name in members ? `${name}_of_path` : name] = Type.Unsafe(member)
    const most = isObject(limit) && typeof limit.maximum === 'number' ? Math.min(limit.maximum, 1000) : null
    const name = url
      .replace('/api/v1/', '')
      .split('/')
      .filter((part) => !part.startsWith(':'))
      .join('-')
    const summary = typeof schema.summary === 'string' ? schema.summary : name
    return {
      ...{
        name,
        needs,
        summary,
        description:
          `${typeof schema.description === 'string' ? schema.description : ''} All pages of GET ${url.replace(/:(\w+)/g, '{$1}')}.`.trim(),
      },
      query: Type.Object(members, { additionalProperties: false }),
      open: async (asked, context) => {
        for (const one of Object.keys(asked))
          if (!(one in members)) return err(badValue(`querystring/${one}`, one, `only ${Object.keys(members).join(', ') || 'nothing'}`))
        let path = url
        const rest: Record<string, string | readonly string[]> = { ...asked }
        for (const param of Object.keys(paths)) {
          const key = param in filters ? `${param}_of_path` : param
          const given = rest[key]
          // Dots alone would climb to another route.
          if (typeof given !== 'string' || /^\.{0,2}$/.test(given))
            return err(badValue(`querystring/${key}`, String(given ?? 'missing'), 'required'))
          path = path.replace(`:${param}`, encodeURIComponent(given))
          delete rest[key]
        }
        return opened(name, path, rest, goesOn, most, leaves, asked, context)
      },
    }
  }

  const opened = async (
    name: string,
    path: string,
    filters: ResultQuery,
    goesOn: 'cursor' | 'since' | null,
    most: number | null,
    leaves: readonly Leaf[],
    asked: ResultQuery,
    context: ResultContext,
  ): Promise<Result<RowSource, Problem>> => {
    const { who, language, address, waits } = context
    let left = 1
    const ask = async (next: string | number | null): Promise<Result<Page, Problem>> => {
      const query = new URLSearchParams(pairsOf(filters))
      if (most !== null) query.set('limit', String(most))
      if (next !== null && goesOn !== null) query.set(goesOn, String(next))
      const { status, body, ...answer } = await inside.ask(app, `${path}?${query}`, who, address)
      left = answer.left
      const found = parsed(body)
      if (status === 200 && isPage(found)) return ok(found)
      return err(isProblemBody(found) ? found : problem('API_LATE', `the list answered ${status}`))
    }
    /** Busy is no reason to give up half of a file. */
    const patient = async (next: string | number | null, signal?: AbortSignal): Promise<Result<Page, Problem>> => {
      let found = await ask(next)
      for (let tries = 0; !found.ok && BUSY.has(found.error.status) && tries < TRIES && !signal?.aborted; tries++) {
        await pause()
        found = await ask(next)
      }
      return found
    }
    const first = waits ? await patient(null) : await ask(null)
    if (!first.ok) return first
    const columns = leaves.map(({ path: parts, type }): ExportColumn => {
      const full = parts.length === 0 ? 'value' : parts.join('.')
      return { name: full, type, title: titleOf(parts) }
    })
    const failed = ({ code, detail }: Problem) => new RowsStopped(exportFailure('EXPORT_ROWS', `${code} ${detail}`).error)
    async function* rows(signal: AbortSignal, from: string | null = null): AsyncGenerator<RowPiece, void> {
      const begun = from === null ? first : await patient(from, signal)
      // A list whose pages are others now does not know the place any more.
      if (!begun.ok && begun.error.status === 400)
        throw new RowsStopped(exportFailure('EXPORT_PLACE', `${begun.error.code} ${begun.error.detail}`).error)
      if (!begun.ok) throw failed(begun.error)
      let page = begun.value
      for (;;) {
        yield {
          rows: page.items.map((item) => leaves.map(({ path: parts, type }) => cellOf(valueAt(item, parts), type, language))),
          place: { mark: page.next === null || page.more === false ? null : String(page.next), until: null, share: null },
        }
        // What a consumer follows has a place to go on from even at its end.
        if (page.next === null || page.more === false || goesOn === null || signal.aborted) return
        const { next } = page
        if (left < LEFT) await pause()
        const found = await patient(next, signal)
        if (!found.ok) throw failed(found.error)
        // What gives the same place again would go on for ever.
        if (found.value.next === next) throw new RowsStopped(exportFailure('EXPORT_ROWS', `the list ${name} does not go on`).error)
        page = found.value
      }
    }
    return ok({
      ...{ name, columns, about: aboutOf(asked, context), expected: null, rows },
      // Whose rights have shrunk gets no file at all.
      basis: goesOn && { state: async () => printOf('list', path, asked), readings: null, energy: null },
    })
  }
  return { take, kinds }
}

const parsed = (body: string): unknown => {
  try {
    return JSON.parse(body)
  } catch {
    return null
  }
}
const isPage = (found: unknown): found is Page => isObject(found) && Array.isArray(found.items) && found.next !== undefined
const isProblemBody = (found: unknown): found is Problem =>
  isObject(found) && typeof found.status === 'number' && typeof found.code === 'string' && typeof found.hint === 'string'
