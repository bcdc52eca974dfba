import type { IClientOptions } from 'mqtt'
import type { MqttSettings } from './mqtt-types.ts'

export const CONNECT_TIMEOUT_MS = 10_000
export const MOST_IN_FLIGHT = 64
export const MOST_PAYLOAD = 262_144
const WEEK_S = 7 * 86_400
const KEEPALIVE_S = 30

/** Our settings as `mqtt` wants them: it connects once, queues nothing and subscribes nothing by itself. */
export const clientOptions = (settings: MqttSettings, clientId: string): IClientOptions => {
  const { version, username, password, will, keepaliveS, sessionExpiryS, maxInFlight, connectTimeoutMs } = settings
  return {
    clientId,
    clean: false,
    protocolVersion: version === '5' ? 5 : 4,
    keepalive: keepaliveS ?? KEEPALIVE_S,
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    // A table of 65,536 small buffers that we have no use for.
    writeCache: false,
    // Later than ours: the end has its own, which also covers an answer that is none.
    connectTimeout: 2 * (connectTimeoutMs ?? CONNECT_TIMEOUT_MS),
    log: () => {},
    timerVariant: { set: () => 0, clear: () => {} },
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(will === undefined ? {} : { will: { ...will, payload: Buffer.from(will.payload) } }),
    // No maximumPacketSize: a broker drops what is larger, and nobody learns of it. No topicAliasMaximum: the guard needs the topic.
    ...(version === '5'
      ? { properties: { sessionExpiryInterval: sessionExpiryS ?? WEEK_S, receiveMaximum: maxInFlight ?? MOST_IN_FLIGHT } }
      : {}),
  }
}
