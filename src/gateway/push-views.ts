import type { BrokerCounts, BrokerDeps, BrokerState, BrokerView, HealthView, PushDeviceView, Refusal, TracedFrame } from '../api/index.ts'
import { type Clock, err, type GatewayError, many, ok } from '../core/index.ts'
import type { MeterFact } from '../ledger/index.ts'
import type { PushDevice } from '../push/index.ts'
import type { MqttState } from '../transport/index.ts'
import type { Publisher } from './publish.ts'
import type { Push } from './push.ts'
import type { PushSource, Watched } from './push-source.ts'

/** What is looked at of a source. */
type Source = Pick<
  PushSource,
  'config' | 'devices' | 'filters' | 'state' | 'counts' | 'unmatched' | 'watch' | 'facts' | 'factAt' | 'factOf'
>

export interface PushViewDeps {
  readonly push: Pick<Push, 'letters' | 'replay'> & { readonly sources: readonly Source[] }
  readonly publishers: readonly Pick<Publisher, 'config' | 'sink' | 'state'>[]
  readonly clock: Pick<Clock, 'now'>
  /** Milliseconds since 1970 UTC. */
  readonly startedAt: number
}

type HealthPart = HealthView['parts'][number]

/** What the API may see of the brokers. */
export interface PushViews extends BrokerDeps {
  /** The open fact of a meter that pushes at a point. */
  pushedAt(point: string): MeterFact | null
  /** Calls back with every message of a source; null when there is no such source. */
  trace(id: string, listener: (frame: TracedFrame) => void): (() => void) | null
  health(): readonly HealthPart[]
}

/** A source that was heard and is silent for longer is worth a look. */
const SILENT_MS = 3_600_000
const REFUSED_WITHIN_MS = 3_600_000
/** Messages put through again before what was used is struck off the list. */
const REPLAY_CHUNK = 200
const TRACED_BYTES = 1024
const TRACED_TEXT = 1000

export const pushViews = ({ push, publishers, clock, startedAt }: PushViewDeps): PushViews => {
  const { letters } = push
  const sourceOf = (id: string) => push.sources.find(({ config }) => config.id === id) ?? null
  const allLetters = () => letters.list({ after: 0, limit: letters.count() })
  const deviceView = (source: Source, device: PushDevice): PushDeviceView => {
    const { isRegistered, ...rest } = device
    const fact = source.factAt(device.name)
    return { ...rest, registered: isRegistered, meter: fact?.meter ?? null, point: fact?.point ?? null }
  }

  return {
    brokers: () => [...push.sources.map((source) => sourceView(source, heardOf(source))), ...publishers.map(publisherView)],
    isSource: (id) => sourceOf(id) !== null,
    pushDevices: (id, { registered, presence, text, silentForMs }, after, limit) => {
      const source = sourceOf(id)
      if (!source) return null
      const found = source.devices.list({
        limit,
        ...(registered === undefined ? {} : { isRegistered: registered }),
        ...(presence === undefined ? {} : { presence }),
        ...(text === undefined ? {} : { text }),
        ...(silentForMs === undefined ? {} : { silentSince: clock.now() - silentForMs }),
        ...(after === null ? {} : { after }),
      })
      return found.map((device) => deviceView(source, device))
    },
    pushDevice: (id, name) => {
      const source = sourceOf(id)
      const device = source?.devices.get(name)
      return source && device ? deviceView(source, device) : null
    },
    refusedMessages: (source, after, limit) =>
      letters
        .list({ after, limit, ...(source === null ? {} : { source }) })
        .map(({ source: broker, isWhole, ...letter }) => ({ ...letter, broker, replayable: isWhole })),
    replayRefused: async (ids) => {
      // Listed before the first is tried: what is refused once more comes back under a new id.
      const chosen = ids === 'all' ? allLetters().map(({ id }) => id) : [...new Set(ids)]
      let replayed = 0
      for (let start = 0; start < chosen.length; start += REPLAY_CHUNK) {
        const done = await push.replay(chosen.slice(start, start + REPLAY_CHUNK))
        if (!done.ok) return unavailable(done.error)
        replayed += done.value.replayed
      }
      return ok({ replayed, left: chosen.length - replayed })
    },
    discardRefused: async (ids) => {
      const done = await letters.discard(ids)
      return done.ok ? done : unavailable(done.error)
    },
    pushedAt: (point) => {
      for (const source of push.sources) {
        const fact = source.factOf(point)
        if (fact) return fact
      }
      return null
    },
    trace: (id, listener) => sourceOf(id)?.watch((watched) => listener(watchedFrame(watched))) ?? null,
    health: () => {
      const now = clock.now()
      const refused = new Map<string, number>()
      for (const { source, at } of allLetters()) if (at > now - REFUSED_WITHIN_MS) refused.set(source, (refused.get(source) ?? 0) + 1)
      return [
        ...push.sources.map((source) => {
          const { id } = source.config
          const heard = heardOf(source)
          return sourcePart(source, heard, { now, startedAt, refused: refused.get(id) ?? 0 })
        }),
        ...publishers.map(publisherPart),
      ]
    },
  }
}

const unavailable = (error: GatewayError) => err<Refusal>({ because: 'unavailable', error })

interface HeardMeters {
  readonly registered: number
  readonly unregistered: number
  readonly inLedger: number
  /** Last sign of life of a meter of the ledger, also before our start. */
  readonly lastAt: number | null
}

/** Who was heard of the meters that the ledger has at a source. */
const heardOf = (source: Source): HeardMeters => {
  let registered = 0
  let inLedger = 0
  const { devices } = source
  let lastAt = source.counts().lastMessageAt
  for (const { address } of source.facts()) {
    inLedger++
    const device = devices.get(address)
    if (!device) continue
    registered++
    if (device.lastSeen !== null) lastAt = Math.max(lastAt ?? device.lastSeen, device.lastSeen)
  }
  return { registered, unregistered: Math.max(0, devices.size - registered), inLedger, lastAt }
}

const stateOf = (connections: MqttState['connections']): BrokerState => {
  const up = connections.filter(({ state }) => state === 'up').length
  if (up > 0) return up === connections.length ? 'up' : 'partly'
  return connections.some(({ error }) => error !== null) ? 'down' : 'connecting'
}

const sourceView = (source: Source, { lastAt: _, ...meters }: HeardMeters): BrokerView => {
  const { id, url } = source.config
  const { connections, subscriptions, ...messages } = source.state() ?? {
    connections: [],
    subscriptions: source.filters.map((filter) => ({ filter, granted: false, reason: null })),
    ...{ received: 0, acknowledged: 0, oversize: 0 },
  }
  const { lastMessageAt, ...made } = source.counts()
  const { received, acknowledged, oversize } = messages
  const counts: BrokerCounts = { received, acknowledged, oversize, ...made }
  const unmatched = source.unmatched()
  return {
    ...{ id, direction: 'in', address: url, state: stateOf(connections), connections, subscriptions, counts },
    ...{ lastMessageAt, meters, unmatched, sink: null },
  }
}

const publisherView = (publisher: PushViewDeps['publishers'][number]): BrokerView => {
  const { id, url } = publisher.config
  const connections = publisher.state()?.connections ?? []
  return {
    ...{ id, direction: 'out', address: url, state: stateOf(connections), connections, subscriptions: [], counts: null },
    ...{ lastMessageAt: null, meters: null, unmatched: [], sink: publisher.sink?.id ?? null },
  }
}

const CURE = 'see GET /api/v1/brokers'
const causeOf = (connections: MqttState['connections']): string | null =>
  connections.find(({ error }) => error !== null)?.error?.code ?? null

/** How a source is. Anybody may ask, so codes stand here, and neither addresses nor topics. */
const sourcePart = (
  source: Source,
  heard: HeardMeters,
  { now, startedAt, refused }: { readonly now: number; readonly startedAt: number; readonly refused: number },
): HealthPart => {
  const part = `broker ${source.config.id}`
  const { connections = [], subscriptions = [] } = source.state() ?? {}
  const cause = causeOf(connections)
  const up = connections.filter(({ state }) => state === 'up').length
  if (up === 0) return { part, state: 'failed', sentence: cause === null ? 'is connecting' : `is down: ${cause}`, cure: CURE }
  const down = connections.length - up
  const barred = subscriptions.filter(({ reason }) => reason !== null).length
  const silentMs = heard.lastAt === null ? 0 : now - Math.max(heard.lastAt, startedAt)
  const troubles = [
    ...(down > 0
      ? [`${down} of ${many(connections.length, 'connection')} ${down === 1 ? 'is' : 'are'} down: ${cause ?? 'connecting'}`]
      : []),
    ...(barred > 0 ? [`${barred} of ${many(subscriptions.length, 'subscription')} ${barred === 1 ? 'is' : 'are'} refused`] : []),
    ...(silentMs > SILENT_MS ? [`nothing was heard for ${many(Math.floor(silentMs / 3_600_000), 'hour')}`] : []),
    ...(refused > 0 ? [`${many(refused, 'message')} of the last hour ${refused === 1 ? 'was' : 'were'} refused`] : []),
  ]
  return troubles.length > 0
    ? { part, state: 'degraded', sentence: troubles.join('; '), cure: refused > 0 ? `${CURE} and GET /api/v1/refused-messages` : CURE }
    : {
        ...{ part, state: 'ok', cure: null },
        sentence: `${many(connections.length, 'connection')}, ${many(heard.registered + heard.unregistered, 'meter')} heard`,
      }
}

const publisherPart = (publisher: PushViewDeps['publishers'][number]): HealthPart => {
  const connections = publisher.state()?.connections ?? []
  const part = `publish ${publisher.config.id}`
  if (stateOf(connections) === 'up') return { part, state: 'ok', sentence: 'is connected', cure: null }
  const cause = causeOf(connections)
  return { part, state: 'degraded', sentence: cause === null ? 'is connecting' : `is not connected: ${cause}`, cure: CURE }
}

const watchedFrame = ({ at, topic, payload, retained, device, text }: Watched): TracedFrame => ({
  at,
  direction: 'rx',
  bytes: payload.subarray(0, TRACED_BYTES),
  what: 'message',
  ...{ topic, payload, retained },
  description: plain(text.slice(0, TRACED_TEXT)),
  ...(device === null ? {} : { device: plain(device) }),
})

/** Text of strangers for a terminal: what would steer it, or turn the direction of writing, is written as its code. */
const plain = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cs}\p{Bidi_Control}\u2028\u2029]/gu, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)
