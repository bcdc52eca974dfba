import type { GatewayError, PushMessage, Result } from '../core/index.ts'

export interface MqttTls {
  /** PEM text, as for the two below. Without it the system's CAs count. */
  readonly ca?: string | Uint8Array
  readonly cert?: string | Uint8Array
  readonly key?: string | Uint8Array
  /** The name the certificate must have, when it is not the host of the url. */
  readonly servername?: string
  /** Takes any certificate: for a bench, never for a site. */
  readonly insecure?: boolean
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3'
}

/** How to reach a broker (消息代理) and as whom. */
export interface MqttSettings {
  /** `mqtt://host:port` or `mqtts://host:port`; port 1883 or 8883 unless given, no credentials in it. */
  readonly url: string
  readonly version: '3.1.1' | '5'
  /** Fixed, so that the broker keeps our session; connection n > 0 appends `-n`. */
  readonly clientId: string
  readonly username?: string
  readonly password?: string
  readonly tls?: MqttTls
  /** Seconds, default 30; 0 = none. */
  readonly keepaliveS?: number
  /** 1 (default) to 64; more than one share their subscriptions. */
  readonly connections?: number
  /** Group name of the shared subscription, default `gridtally`. */
  readonly share?: string
  /** MQTT 5: how long the broker keeps a session without us, default 7 days. */
  readonly sessionExpiryS?: number
  /** A larger payload is reported and not delivered; default 262,144. */
  readonly maxPayloadBytes?: number
  /** Messages of one connection that are not answered yet, default 64. */
  readonly maxInFlight?: number
  readonly connectTimeoutMs?: number
  /** Clock for `arrivedAt` and `since`. */
  readonly now?: () => number
  readonly random?: () => number
  readonly will?: { readonly topic: string; readonly payload: Uint8Array | string; readonly qos: 0 | 1; readonly retain: boolean }
}

export interface MqttDelivery extends PushMessage {
  readonly qos: 0 | 1 | 2
  /** Number of the connection it came on, from 0. */
  readonly connection: number
  /** `clientId packetId`: the same again when the broker repeats the message; null for QoS 0. */
  readonly packetKey: string | null
}

/** A message whose payload is larger than allowed. */
export interface MqttOversize {
  readonly topic: string
  readonly bytes: number
  /** The first 200 bytes of the payload. */
  readonly head: Uint8Array
  readonly retained: boolean
  readonly qos: 0 | 1 | 2
  readonly connection: number
}

export interface MqttListener {
  /**
   * Resolves with true when the message is safe, or was put aside: then it is acknowledged. With false it never is on this
   * connection; the broker sends it again after the next connect, which follows when 30 s have passed. Whatever else comes back
   * counts as false, and so does an exception.
   */
  message(delivery: MqttDelivery): Promise<boolean>
  /** The same for a message that is too large. */
  oversize(message: MqttOversize): Promise<boolean>
  /** Something in the state changed but the counters. */
  state?(state: MqttState): void
}

export interface MqttConnectionState {
  readonly clientId: string
  readonly state: 'connecting' | 'up' | 'down'
  /** When it came up; when it is not up, since when. Milliseconds since 1970 UTC. */
  readonly since: number
  /** Why it is not up. */
  readonly error: GatewayError | null
  /** How often it came up again. */
  readonly reconnects: number
  readonly inFlight: number
}

export interface MqttSubscriptionState {
  readonly filter: string
  /** Every connection that is up has it. */
  readonly granted: boolean
  /** The broker said no, or it is no filter at all: asking again does not help. */
  readonly refused: boolean
  readonly reason: string | null
}

export interface MqttState {
  readonly id: string
  readonly connections: readonly MqttConnectionState[]
  /** Messages that came, the too large ones included. */
  readonly received: number
  readonly acknowledged: number
  readonly oversize: number
  readonly subscriptions: readonly MqttSubscriptionState[]
}

export interface MqttPublishOptions {
  readonly qos: 0 | 1
  readonly retain?: boolean
  /** How long to wait for the acknowledgement, default 10 s. */
  readonly timeoutMs?: number
}

export interface MqttEnd {
  /**
   * Makes the subscriptions exactly these: dropped ones are unsubscribed, also those that only the kept session still knows.
   * Repeated after every connect.
   *
   * @param before  filters that former configurations had
   */
  subscribe(filters: readonly string[], before?: readonly string[]): void
  /**
   * Resolves when the broker has acknowledged it (QoS 0: when it was written). Nothing is kept for later.
   *
   * @errors MQTT_OFFLINE, MQTT_PUBLISH, MQTT_CLOSED
   */
  publish(topic: string, payload: Uint8Array | string, options: MqttPublishOptions): Promise<Result<void>>
  state(): MqttState
  /** Takes nothing new, waits for the answers under way, acknowledges what is safe and disconnects. The session stays. */
  close(withinMs?: number): Promise<void>
}
