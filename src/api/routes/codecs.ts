import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { bytesOf } from '../../core/index.ts'
import type { CodecDeps } from '../codec-deps.ts'
import {
  DecodeBody,
  DecodedSchema,
  MappingParams,
  MappingSchema,
  MappingTried,
  MappingTryBody,
  ProfileFile,
  ProfilePage,
  ProfileParams,
  ProfilesQuery,
} from '../codec-schemas.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import { badValue } from '../invalid.ts'
import { problem, problemOf, refuse } from '../problems.ts'
import { ref } from '../schema-words.ts'
import { asPage } from '../whole-lists.ts'

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** Meter models, mappings and frames: nothing here touches a line, a meter or a reading. */
export const codecRoutes: FastifyPluginAsyncTypebox<{ deps: CodecDeps }> = async (app, { deps }) => {
  app.get(
    '/profiles',
    {
      config: { permission: 'ledger:read' },
      schema: {
        operationId: 'listProfiles',
        tags: ['codecs'],
        summary: 'Meter models',
        description: 'Every model a meter of the ledger may name, the built-in ones and those of this site, by id.',
        querystring: ProfilesQuery,
        response: { 200: ref(ProfilePage, 'One page.') },
      },
    },
    async ({ query: { limit = 100, cursor } }, reply) => {
      const after = cursor === undefined ? [null] : readCursor(cursor, ['string'])
      if (after === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const found = deps.profiles(typeof after[0] === 'string' ? after[0] : null, limit + 1)
      const items = found.slice(0, limit)
      const last = items.at(-1)
      return {
        items: items.map(({ models, ...profile }) => ({ ...profile, models: [...models] })),
        next: found.length > limit && last ? cursorOf([last.id]) : null,
      }
    },
  )
  app.get(
    '/profiles/:id',
    {
      config: { permission: 'ledger:read', failures: [404, 414] },
      schema: {
        operationId: 'getProfile',
        tags: ['codecs'],
        summary: 'One meter model',
        description: 'The model whole: its register map with addresses, formats, units, samples, and where each fact comes from.',
        params: ProfileParams,
        response: { 200: ProfileFile },
      },
    },
    async ({ params: { id } }, reply) =>
      deps.profile(id) ?? refuse(reply, problem('API_PROFILE', `there is no meter model ${JSON.stringify(id)}`)),
  )
  app.get(
    '/mappings',
    {
      config: { permission: 'lines:read', everywhere: true, whole: ['id'] },
      schema: {
        operationId: 'listMappings',
        tags: ['codecs'],
        summary: 'Mappings of messages',
        description:
          'What messages of MQTT devices mean: the built-in mappings and those of this site, by id, and the brokers that use them.',
        response: { 200: asPage(Type.Object({ items: Type.Array(ref(MappingSchema)) }, { description: 'Those that are sound.' })) },
      },
    },
    async () => ({
      items: deps.mappings().map(({ topics, brokers, ...mapping }) => ({ ...mapping, topics: [...topics], brokers: [...brokers] })),
    }),
  )
  app.post(
    '/mappings/:id/try',
    {
      config: { permission: 'lines:read', audit: 'reads', failures: [404, 414, 422] },
      schema: {
        operationId: 'tryMapping',
        tags: ['codecs'],
        summary: 'Try a message',
        description: 'What a message would become by a mapping, and why a field would be skipped. Nothing is taken in.',
        params: MappingParams,
        body: MappingTryBody,
        response: { 200: MappingTried },
      },
    },
    async ({ params: { id }, body: { topic, payload, base64, retained = false, at } }, reply) => {
      if ((payload === undefined) === (base64 === undefined))
        return refuse(reply, badValue('body', base64 === undefined ? 'neither' : 'both', 'one of the members payload and base64'))
      if (base64 !== undefined && !BASE64.test(base64))
        return refuse(reply, badValue('body/base64', base64.slice(0, 40), 'base64 with its padding'))
      const bytes = base64 === undefined ? Buffer.from(payload ?? '', 'utf8') : Buffer.from(base64, 'base64')
      const arrivedAt = at === undefined ? Date.now() : Date.parse(at)
      const tried = deps.tryMapping(id, { topic, payload: bytes, retained, arrivedAt })
      if (tried === null) return refuse(reply, problem('API_MAPPING', `there is no mapping ${JSON.stringify(id)}`))
      return tried.ok ? tried.value : refuse(reply, problemOf(tried.error.because, tried.error.error))
    },
  )
  app.post(
    '/decode',
    {
      config: { permission: 'lines:read', audit: 'reads', failures: [] },
      schema: {
        operationId: 'decodeFrame',
        tags: ['codecs'],
        summary: 'Explain a frame',
        description: 'A frame of a line or a concentrator field by field, with the byte where it is broken. Nothing is sent anywhere.',
        body: DecodeBody(deps.protocols),
        response: { 200: ref(DecodedSchema, 'The frame; a broken one is a good answer too.') },
      },
    },
    async ({ body: { protocol, hex, direction } }, reply) => {
      const bytes = bytesOf(hex)
      if (!bytes || bytes.length === 0) return refuse(reply, badValue('body/hex', hex.slice(0, 40), 'pairs of hexadecimal digits'))
      return { ...deps.explainFrame(protocol, bytes, direction) }
    },
  )
}
