import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { BrokerCounts, BrokerView, PushDeviceFilter, PushDeviceView } from '../broker-deps.ts'
import { BrokerParams, BrokerSchema, PushDevicePage, PushDeviceParams, PushDeviceSchema, PushDevicesQuery } from '../broker-schemas.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps } from '../deps.ts'
import { problem, refuse } from '../problems.ts'
import { ref } from '../schema-words.ts'
import { asPage } from '../whole-lists.ts'
import { iso, isoOrNull, reasonsJson } from './common.ts'
import { failureJson } from './lines.ts'

/** Brokers, and the devices heard through them. */
export const brokerRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps }> = async (app, { deps }) => {
  app.get(
    '/brokers',
    {
      config: { permission: 'lines:read', everywhere: true, whole: ['id'] },
      schema: {
        operationId: 'listBrokers',
        tags: ['push'],
        summary: 'Brokers',
        description: 'Every MQTT broker the gateway listens or sends to: its connections, its subscriptions and what came of the messages.',
        response: { 200: asPage(Type.Object({ items: Type.Array(ref(BrokerSchema)) }, { description: 'Brokers.' })) },
      },
    },
    async () => ({ items: deps.brokers().map(brokerJson) }),
  )
  app.get(
    '/brokers/:id/devices',
    {
      config: { permission: 'lines:read', everywhere: true, failures: [404, 414] },
      schema: {
        operationId: 'listPushDevices',
        tags: ['push'],
        summary: 'Devices behind a broker',
        description: 'Everybody heard of, by name, registered or not: when, over which rule, how well, and what of it could not be used.',
        params: BrokerParams,
        querystring: PushDevicesQuery,
        response: { 200: ref(PushDevicePage, 'One page.') },
      },
    },
    async ({ params: { id }, query: { registered, presence, text, silentForS, after, limit = 100, cursor } }, reply) => {
      const from = cursor === undefined ? [after ?? null] : readCursor(cursor, ['string'])
      if (from === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const filter: PushDeviceFilter = {
        ...(registered === undefined ? {} : { registered }),
        ...(presence === undefined ? {} : { presence }),
        ...(text === undefined ? {} : { text }),
        ...(silentForS === undefined ? {} : { silentForMs: silentForS * 1000 }),
      }
      const found = deps.pushDevices(id, filter, typeof from[0] === 'string' ? from[0] : null, limit + 1)
      if (found === null) return refuse(reply, unknownBroker(id))
      const items = found.slice(0, limit)
      const last = items.at(-1)
      return { items: items.map((device) => deviceJson(device, deps)), next: found.length > limit && last ? cursorOf([last.name]) : null }
    },
  )
  app.get(
    '/brokers/:id/devices/:name',
    {
      config: { permission: 'lines:read', everywhere: true, failures: [404, 414] },
      schema: {
        operationId: 'getPushDevice',
        tags: ['push'],
        summary: 'One device behind a broker',
        description: 'The same as in the list. Names may hold anything: percent-encode them, the slash as %2F.',
        params: PushDeviceParams,
        response: { 200: ref(PushDeviceSchema, 'The device.') },
      },
    },
    async ({ params: { id, name } }, reply) => {
      if (!deps.isSource(id)) return refuse(reply, unknownBroker(id))
      const device = deps.pushDevice(id, name)
      return device === null
        ? refuse(reply, problem('API_DEVICE', `nothing was heard of a device ${JSON.stringify(name)} at broker "${id}"`))
        : deviceJson(device, deps)
    },
  )
}

const unknownBroker = (id: string) => problem('API_BROKER', `there is no broker "${id}" whose messages become readings`)

const brokerJson = ({ connections, counts, lastMessageAt, subscriptions, unmatched, ...broker }: BrokerView) => ({
  ...broker,
  connections: connections.map(({ since, error, ...connection }) => ({ ...connection, since: iso(since), error: failureJson(error) })),
  subscriptions: [...subscriptions],
  counts: counts && countsJson(counts),
  lastMessageAt: isoOrNull(lastMessageAt),
  unmatched: unmatched.toSorted((a, b) => b.count - a.count),
})

const countsJson = ({ asides, ...counts }: BrokerCounts) => ({
  ...counts,
  putAside: Object.entries(asides)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, count]) => ({ reason, count })),
})

const deviceJson = ({ firstSeen, lastSeen, presenceSince, signal, skipped, finding, ...device }: PushDeviceView, deps: ApiDeps) => ({
  ...device,
  firstSeen: iso(firstSeen),
  lastSeen: isoOrNull(lastSeen),
  presenceSince: isoOrNull(presenceSince),
  signal: signal && { at: iso(signal.at), figures: { ...signal.figures } },
  skipped: reasonsJson(Object.fromEntries(skipped.map(({ code, count }) => [code, count])), deps),
  failures: [...device.failures],
  unmapped: [...device.unmapped],
  finding: finding && { ...finding, at: iso(finding.at) },
})
