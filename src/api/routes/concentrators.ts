import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { ClockDetailSchema } from '../clock-schemas.ts'
import type { ConcentratorView } from '../concentrator-deps.ts'
import { AdoptTerminalBody, ConcentratorEventsQuery, ConcentratorParams, ConcentratorsQuery } from '../concentrator-queries.ts'
import {
  ArchiveDiffSchema,
  ArchiveSchema,
  ConcentratorEventsSchema,
  ConcentratorPage,
  ConcentratorRoutesSchema,
  ConcentratorSchema,
  ParametersSchema,
  UnknownTerminalsSchema,
} from '../concentrator-schemas.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps } from '../deps.ts'
import { badValue } from '../invalid.ts'
import { problem, problemOf, refuse } from '../problems.ts'
import { ref } from '../schema-words.ts'
import { seenPage } from '../scoped.ts'
import { detailJson } from './clocks.ts'
import { inTime, iso, isoOrNull } from './common.ts'
import { archiveJson, concentratorJson } from './concentrator-json.ts'

const WEEK_MS = 7 * 86_400_000

/** Concentrators: how they fare and what is known of them. Nothing here sends anything. */
export const concentratorRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps; answerMs: number }> = async (app, { deps, answerMs }) => {
  const { concentrators } = deps
  app.get(
    '/concentrators',
    {
      config: { permission: 'lines:read' },
      schema: {
        operationId: 'listConcentrators',
        tags: ['concentrators'],
        summary: 'Concentrators and their connections',
        description: 'Those of the ledger, by id. Who dials in and is not in the ledger stands under /unknown-terminals.',
        querystring: ConcentratorsQuery,
        response: { 200: ref(ConcentratorPage, 'One page.') },
      },
    },
    async ({ query: { area, protocol, online, text, limit = 100, cursor }, who }, reply) => {
      const from = cursor === undefined ? [null] : readCursor(cursor, ['string'])
      if (from === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const filter = {
        ...(area === undefined ? {} : { area }),
        ...(protocol === undefined ? {} : { protocol }),
        ...(online === undefined ? {} : { online }),
        ...(text === undefined ? {} : { text }),
      }
      const scope = deps.scopeOf(who)
      const { items, last, hasMore } = await seenPage<ConcentratorView, string | null>({
        ...{ scope, after: typeof from[0] === 'string' ? from[0] : null, limit },
        ask: (after, most) => concentrators.list(filter, after, most),
        sees: ({ id }) => scope.sees('concentrator', id),
        at: ({ id }) => id,
      })
      return { items: items.map(concentratorJson), next: hasMore && last ? cursorOf([last.id]) : null }
    },
  )
  app.get(
    '/concentrators/:id',
    {
      config: { permission: 'lines:read', sees: ['concentrator', 'id'], failures: [404, 414] },
      schema: {
        operationId: 'getConcentrator',
        tags: ['concentrators'],
        summary: 'One concentrator',
        description: 'Its connection, its figures, and how its archive and its clock stand.',
        params: ConcentratorParams,
        response: { 200: ref(ConcentratorSchema, 'The concentrator.') },
      },
    },
    async ({ params: { id } }, reply) => {
      const found = await concentrators.get(id)
      return found.ok ? concentratorJson(found.value) : refuse(reply, problemOf(found.error.because, found.error.error))
    },
  )
  app.get(
    '/concentrators/:id/archive',
    {
      config: {
        permission: 'lines:read',
        sees: ['concentrator', 'id'],
        failures: [404, 414],
        whole: { records: ['number'], differences: ['kind', 'address'], problems: ['meter'] },
      },
      schema: {
        operationId: 'getArchive',
        tags: ['concentrators'],
        summary: 'The meter archive as it was read last',
        description: 'All records, and how they differ from the ledger as it is now. Passwords are never shown.',
        params: ConcentratorParams,
        response: { 200: ref(ArchiveSchema, 'The archive.') },
      },
    },
    async ({ params: { id } }, reply) => {
      const found = await concentrators.archive(id)
      return found.ok ? archiveJson(found.value) : refuse(reply, problemOf(found.error.because, found.error.error))
    },
  )
  app.get(
    '/concentrators/:id/archive/diff',
    {
      config: {
        permission: 'lines:read',
        sees: ['concentrator', 'id'],
        failures: [404, 414],
        whole: { items: ['kind', 'address'], problems: ['meter'] },
      },
      schema: {
        operationId: 'getArchiveDiff',
        tags: ['concentrators'],
        summary: 'Where ledger and concentrator differ',
        description: 'Both ways: what only the ledger has, what only the concentrator has, and fields that are not alike.',
        params: ConcentratorParams,
        response: {
          200: ref(ArchiveDiffSchema, 'By archive number.'),
        },
      },
    },
    async ({ params: { id } }, reply) => {
      const found = await concentrators.archive(id)
      if (!found.ok) return refuse(reply, problemOf(found.error.because, found.error.error))
      const { counts, differences, problems } = archiveJson(found.value)
      return { counts, items: differences, problems }
    },
  )
  app.get(
    '/concentrators/:id/parameters',
    {
      config: { permission: 'lines:read', sees: ['concentrator', 'id'], failures: [404, 414, 422], whole: ['id'] },
      schema: {
        operationId: 'listParameters',
        tags: ['concentrators'],
        summary: 'Parameters a concentrator has',
        description: 'Those of its protocol, with the form of each value and what was read of it last.',
        params: ConcentratorParams,
        response: { 200: ref(ParametersSchema, 'The parameters.') },
      },
    },
    async ({ params: { id } }, reply) => {
      const found = await concentrators.parameters(id)
      if (!found.ok) return refuse(reply, problemOf(found.error.because, found.error.error))
      return {
        items: found.value.map(({ known, label, ...parameter }) => ({
          ...parameter,
          label: { ...label },
          known: known.map(({ pn, at, value }) => ({ pn, readAt: iso(at), value })),
        })),
      }
    },
  )
  app.get(
    '/concentrators/:id/clock',
    {
      config: { permission: 'lines:read', sees: ['concentrator', 'id'], failures: [404, 414] },
      schema: {
        operationId: 'getConcentratorClock',
        tags: ['concentrators'],
        summary: 'The clock of a concentrator',
        description: 'As it was seen last, its history and what was done to it.',
        params: ConcentratorParams,
        response: { 200: ref(ClockDetailSchema, 'The clock; `meter` and `line` are the concentrator.') },
      },
    },
    async ({ params: { id } }, reply) => {
      const found = await concentrators.clock(id)
      return found.ok ? detailJson(found.value) : refuse(reply, problemOf(found.error.because, found.error.error))
    },
  )
  app.get(
    '/concentrators/:id/events',
    {
      config: { permission: 'lines:read', sees: ['concentrator', 'id'], filters: 'own', failures: [404, 414, 422] },
      schema: {
        operationId: 'listConcentratorEvents',
        tags: ['concentrators'],
        summary: 'Stored events of a concentrator and its meters',
        description: 'As they were reported or asked for. A gap in its counters is asked for by itself; POST …/events/ask asks again.',
        params: ConcentratorParams,
        querystring: ConcentratorEventsQuery,
        response: { 200: ref(ConcentratorEventsSchema, 'Events.') },
      },
    },
    async ({ params: { id }, query: { from, to, meter, limit = 200, cursor } }, reply) => {
      const place = cursor === undefined ? null : readCursor(cursor, ['number', 'string', 'string'])
      if (cursor !== undefined && place === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const end = to === undefined ? deps.now() : Date.parse(to)
      const start = from === undefined ? end - WEEK_MS : Date.parse(from)
      if (!(end > start)) return refuse(reply, badValue('querystring/to', to ?? iso(end), 'an instant after `from`'))
      const after = place && { at: Number(place[0]), meter: String(place[1]), code: String(place[2]) }
      const found = await concentrators.events(id, {
        ...{ from: start, to: end, after, limit: limit + 1 },
        ...(meter === undefined ? {} : { meter }),
      })
      if (!found.ok) return refuse(reply, problemOf(found.error.because, found.error.error))
      const events = found.value.slice(0, limit)
      const last = events.at(-1)
      const items = events.map(({ at, begin, end: ended, receivedAt, ...event }) => ({
        ...{ ...event, at: iso(at), begin: isoOrNull(begin), end: isoOrNull(ended), receivedAt: iso(receivedAt) },
      }))
      const next = last && found.value.length > limit ? cursorOf([last.at, last.meter, last.code]) : null
      return { from: iso(start), to: iso(end), items, next }
    },
  )
  app.get(
    '/concentrators/:id/routes',
    {
      config: { permission: 'lines:read', sees: ['concentrator', 'id'], failures: [404, 414], whole: ['pn', 'address', 'meter'] },
      schema: {
        operationId: 'getConcentratorRoutes',
        tags: ['concentrators'],
        summary: 'Signal and routes of its meters',
        description: 'As they were read last, one row a meter.',
        params: ConcentratorParams,
        response: { 200: ref(ConcentratorRoutesSchema, 'The table.') },
      },
    },
    async ({ params: { id } }, reply) => {
      const found = await concentrators.routes(id)
      if (!found.ok) return refuse(reply, problemOf(found.error.because, found.error.error))
      const { readAt, items } = found.value
      return { readAt: isoOrNull(readAt), items: items.map(({ facts, ...route }) => ({ ...route, facts: { ...facts } })) }
    },
  )
  app.get(
    '/unknown-terminals',
    {
      config: { permission: 'lines:read', everywhere: true, whole: ['protocol', 'address'] },
      schema: {
        operationId: 'listUnknownTerminals',
        tags: ['concentrators'],
        summary: 'Terminals that dial in and are not in the ledger',
        description: 'With the address under which they log in, and where they come from.',
        response: { 200: ref(UnknownTerminalsSchema, 'The terminals.') },
      },
    },
    async () => {
      const found = await concentrators.unknown()
      return {
        items: found.map(({ firstSeen, lastSeen, ...terminal }) => ({ ...terminal, firstSeen: iso(firstSeen), lastSeen: iso(lastSeen) })),
      }
    },
  )
  app.post(
    '/unknown-terminals/adopt',
    {
      config: { permission: 'ledger:write', everywhere: true, failures: [404, 413, 415, 422] },
      schema: {
        operationId: 'adoptTerminal',
        tags: ['concentrators'],
        summary: 'Put a terminal into the ledger',
        description: 'As a concentrator. It is known at its next login; writing to it stays off.',
        body: AdoptTerminalBody,
        response: { 200: ref(ConcentratorSchema, 'The concentrator.') },
      },
    },
    async ({ body, who }, reply) => {
      const done = await inTime(concentrators.adopt(body, who?.name ?? ''), answerMs)
      if (done === null) return refuse(reply, problem('API_LATE', 'the ledger is busy; GET the concentrator to see whether it came in'))
      return done.ok ? concentratorJson(done.value) : refuse(reply, problemOf(done.error.because, done.error.error))
    },
  )
}
