import type { IPublishPacket, MqttClient } from 'mqtt'
import { type GatewayError, ok, type Result } from '../core/index.ts'
import { fail } from './errors.ts'
import { Acks } from './mqtt-acks.ts'
import { failureOf, reasonText } from './mqtt-failure.ts'
import { type GuardNote, PacketGuard } from './mqtt-guard.ts'
import { CONNECT_TIMEOUT_MS, clientOptions, MOST_IN_FLIGHT, MOST_PAYLOAD } from './mqtt-options.ts'
import { dialMqtt, type GuardedStream, type MqttTarget } from './mqtt-stream.ts'
import type { SubscriptionPlan } from './mqtt-subscriptions.ts'
import type { MqttListener, MqttPublishOptions, MqttSettings } from './mqtt-types.ts'
import { mqttPackage } from './packages.ts'

/** What a link hears and tells of itself. */
export interface LinkEvents {
  up(sessionPresent: boolean): void
  /** Called once, whatever was reached. */
  gone(why: GatewayError): void
  received(): void
  oversize(): void
  acknowledged(count: number): void
  /** The broker's answer to one filter. */
  subscribed(filter: string, code: number, text: string): void
}

export interface LinkOptions {
  readonly settings: MqttSettings
  readonly target: MqttTarget
  /** For messages: end and broker. */
  readonly name: string
  readonly clientId: string
  readonly connection: number
  readonly listener: MqttListener
  readonly events: LinkEvents
}

const PUBLISH_TIMEOUT_MS = 10_000
/** Some brokers take no more filters in one packet. */
const FILTERS_A_PACKET = 8
const DISCONNECT_MS = 1000
/** After so long messages that were not safe are fetched again, by a new connection. */
const FETCH_AGAIN_MS = 30_000

/** `mqtt` sends no PUBACK when its callback gets an error, and goes on with the next message: ours follows. */
const LATER = new Error('acknowledged later')

/** One network connection to a broker, from CONNECT to its end; used once. */
export class MqttLink {
  readonly #options: LinkOptions
  readonly #client: MqttClient
  readonly #stream: GuardedStream
  readonly #acks: Acks
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #publishing = new Set<(why: GatewayError) => void>()
  readonly #most: number
  #inFlight = 0
  #isUp = false
  #isClosing = false
  #cause: GatewayError | null = null
  /** A message that waits until another is answered. */
  #held: (() => void) | null = null
  #refetch: NodeJS.Timeout | null = null
  #idle: (() => void) | null = null

  /** @errors MQTT_TLS when a certificate or key cannot be read; all else comes by `gone` */
  static open(options: LinkOptions): Result<MqttLink> {
    const { version, maxPayloadBytes = MOST_PAYLOAD, tls = {} } = options.settings
    const dialled = dialMqtt(options.target, tls, new PacketGuard({ version, maxPayloadBytes }))
    return dialled.ok ? ok(new MqttLink(options, dialled.value)) : dialled
  }

  private constructor(options: LinkOptions, stream: GuardedStream) {
    const { settings, name, clientId } = options
    this.#options = options
    this.#stream = stream
    this.#most = settings.maxInFlight ?? MOST_IN_FLIGHT
    this.#acks = new Acks((packets, count) => {
      if (!this.#canWrite()) return
      stream.write(packets)
      options.events.acknowledged(count)
    })
    const client = new (mqttPackage().MqttClient)(() => stream, clientOptions(settings, clientId))
    this.#client = client
    client.handleMessage = (packet, done) => this.#message(packet, done)
    client.on('connect', ({ sessionPresent }) => this.#connected(sessionPresent))
    client.on('error', (error) => this.drop(this.#failure(error)))
    client.on('disconnect', ({ reasonCode = 0 }) =>
      this.drop(fail('MQTT_CLOSED', `${name} sends ${clientId} away: ${reasonText(reasonCode)}`, { clientId, reason: reasonCode }).error),
    )
    client.on('close', () => this.#closed())
    const withinMs = settings.connectTimeoutMs ?? CONNECT_TIMEOUT_MS
    this.#after(withinMs, () => {
      if (!this.#isUp) this.drop(fail('MQTT_UNREACHABLE', `${name} did not answer ${clientId} within ${withinMs} ms`, { clientId }).error)
    })
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /** Ends it now; nothing more is acknowledged. */
  drop(why: GatewayError): void {
    this.#cause ??= why
    this.#stream.destroy()
  }

  subscribe({ subscribe, unsubscribe }: SubscriptionPlan): void {
    const { settings, events } = this.#options
    for (let at = 0; at < subscribe.length; at += FILTERS_A_PACKET) {
      const filters = subscribe.slice(at, at + FILTERS_A_PACKET)
      // Retain handling 1: what is retained comes with a new subscription, not with each repetition.
      const options = settings.version === '5' ? { qos: 1 as const, rh: 1 } : { qos: 1 as const }
      this.#client.subscribe(filters, options, (error, _granted, packet) => {
        const codes = packet?.granted
        if (!codes || codes.length !== filters.length) return
        for (const [n, filter] of filters.entries()) {
          const code = Number(codes[n])
          // 3.1.1 has one code for every reason.
          events.subscribed(filter, code, settings.version === '5' ? reasonText(code) : (error?.message ?? ''))
        }
      })
    }
    for (let at = 0; at < unsubscribe.length; at += FILTERS_A_PACKET)
      this.#client.unsubscribe(unsubscribe.slice(at, at + FILTERS_A_PACKET), () => {})
  }

  publish(topic: string, payload: Uint8Array | string, options: MqttPublishOptions): Promise<Result<void>> {
    const { qos, retain = false, timeoutMs = PUBLISH_TIMEOUT_MS } = options
    const { name } = this.#options
    const client = this.#client
    return new Promise((resolve) => {
      const settle = (result: Result<void>) => {
        clearTimeout(timer)
        this.#publishing.delete(gone)
        resolve(result)
      }
      const gone = (error: GatewayError) => settle({ ok: false, error })
      let packetId = 0
      const timer = setTimeout(() => {
        settle(fail('MQTT_PUBLISH', `${name} did not acknowledge ${JSON.stringify(topic)} within ${timeoutMs} ms`, { topic }))
        client.removeOutgoingMessage(packetId)
      }, timeoutMs)
      this.#publishing.add(gone)
      const bytes = typeof payload === 'string' ? Buffer.from(payload) : Buffer.from(payload.buffer, payload.byteOffset, payload.length)
      client.publish(topic, bytes, { qos, retain }, (error) =>
        settle(error ? fail('MQTT_PUBLISH', `${name} did not take ${JSON.stringify(topic)}: ${error.message}`, { topic }) : ok(undefined)),
      )
      if (qos === 1) packetId = client.getLastMessageId()
    })
  }

  /** Takes nothing new, waits for the answers under way, acknowledges what is safe, says goodbye. */
  async close(withinMs: number): Promise<void> {
    const { name, clientId } = this.#options
    this.#isClosing = true
    this.#release()
    if (this.#isUp && this.#inFlight > 0)
      await new Promise<void>((resolve) => {
        this.#idle = resolve
        this.#after(withinMs, resolve)
      })
    this.#acks.flush()
    this.#cause ??= fail('MQTT_CLOSED', `${name}: we closed the connection of ${clientId}`, { clientId }).error
    for (const gone of [...this.#publishing]) gone(this.#cause)
    if (this.#stream.closed) return
    await new Promise<void>((resolve) => {
      this.#stream.once('close', resolve)
      if (!this.#isUp) this.#stream.destroy()
      else {
        this.#after(DISCONNECT_MS, () => this.#stream.destroy())
        for (const packetId of Object.keys(this.#client.outgoing)) this.#client.removeOutgoingMessage(Number(packetId))
        this.#client.end()
      }
    })
  }

  #connected(sessionPresent: boolean): void {
    // What stood behind the CONNACK may have ended the connection before the event came.
    if (this.#stream.destroyed) return
    this.#isUp = true
    this.#keepAlive()
    this.#options.events.up(sessionPresent)
  }

  #closed(): void {
    const { name, clientId, events } = this.#options
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    const fault = this.#stream.fault
    const found = fault ? { ...fault, message: `${name}: ${fault.message}`, context: { ...fault.context, clientId } } : this.#cause
    const unexplained = this.#isUp ? 'closed the connection of' : 'hung up before it answered'
    const why = found ?? fail('MQTT_CLOSED', `${name} ${unexplained} ${clientId}`, { clientId }).error
    for (const gone of [...this.#publishing]) gone(why)
    this.#isUp = false
    events.gone(why)
  }

  #failure(error: Error): GatewayError {
    const { name, clientId, target } = this.#options
    return failureOf(error, { name, clientId, secure: target.secure, isOpen: this.#stream.isOpen })
  }

  #message(packet: IPublishPacket, done: (error?: Error) => void): void {
    const note = this.#stream.guard.note()
    const arrivedAt = (this.#options.settings.now ?? Date.now)()
    // On a broken connection: it could not be acknowledged, and comes again.
    if (this.#isClosing || (this.#stream.destroyed && packet.qos > 0)) done(LATER)
    else if (this.#inFlight < this.#most) this.#take(packet, note, arrivedAt, done)
    else
      this.#held = () => {
        if (this.#isClosing) done(LATER)
        else this.#take(packet, note, arrivedAt, done)
      }
  }

  #take(packet: IPublishPacket, { bytes, exactlyOnce }: GuardNote, arrivedAt: number, done: (error?: Error) => void): void {
    const { events, listener, connection, clientId } = this.#options
    const { topic, retain: retained, dup: duplicate, messageId = 0 } = packet
    const payload = typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload
    const qos = exactlyOnce ? 2 : packet.qos
    const owed = packet.qos > 0 ? this.#acks.add(messageId, exactlyOnce) : null
    this.#inFlight++
    events.received()
    if (bytes !== null) events.oversize()
    const packetKey = owed ? `${clientId} ${messageId}` : null
    let answer: Promise<boolean>
    try {
      answer = promised(
        bytes === null
          ? listener.message({ topic, payload, retained, duplicate, arrivedAt, qos, connection, packetKey })
          : listener.oversize({ topic, bytes, head: payload, retained, qos, connection }),
      )
    } catch {
      answer = UNSAFE
    }
    const settled = (isSafe: boolean) => {
      this.#inFlight--
      if (owed) this.#acks.settle(owed, isSafe)
      if (owed && !isSafe) this.#fetchAgain()
      this.#release()
    }
    answer.then(
      (isSafe) => settled(isSafe === true),
      () => settled(false),
    )
    done(LATER)
  }

  /** Somebody was answered: the message that waits is next, or we may close. */
  #release(): void {
    const held = this.#held
    if (held && (this.#isClosing || this.#inFlight < this.#most)) {
      this.#held = null
      held()
    }
    if (this.#inFlight === 0) this.#idle?.()
  }

  /** A broker repeats a message only to a new connection, and sends no more when too many are unacknowledged. */
  #fetchAgain(): void {
    const { name, clientId } = this.#options
    this.#refetch ??= this.#after(FETCH_AGAIN_MS, () =>
      this.drop(fail('MQTT_CLOSED', `${name}: ${clientId} connects anew, for messages that could not be stored`, { clientId }).error),
    )
  }

  /**
   * PINGREQ on our own account: `mqtt` would take a broker for dead whose PINGRESP waits behind a message that is held back.
   *
   * @source MQTT 3.1.1, 3.1.2.10 keep alive
   */
  #keepAlive(): void {
    const keepaliveMs = this.#client.keepalive * 1000
    if (keepaliveMs <= 0) return
    const { name, clientId } = this.#options
    this.#after(keepaliveMs / 2, () => {
      if (this.#held) this.#stream.heardAt = performance.now()
      const silentMs = performance.now() - this.#stream.heardAt
      if (silentMs > keepaliveMs * 1.5)
        this.drop(fail('MQTT_CLOSED', `${name} said nothing to ${clientId} for ${Math.round(silentMs / 1000)} s`, { clientId }).error)
      else {
        this.#client.sendPing()
        this.#keepAlive()
      }
    })
  }

  #canWrite(): boolean {
    return this.#client.stream === this.#stream && this.#stream.writable
  }

  #after(ms: number, call: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      call()
    }, ms)
    this.#timers.add(timer)
    return timer
  }
}

const UNSAFE = Promise.resolve(false)

/** A message is safe when the listener's promise says so; one that promises nothing has said nothing. */
const promised = (answer: Promise<boolean>): Promise<boolean> => (answer instanceof Promise ? answer : UNSAFE)
