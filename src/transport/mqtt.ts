import { type GatewayError, many, type Result } from '../core/index.ts'
import { fail } from './errors.ts'
import { isStubborn } from './mqtt-failure.ts'
import { MqttLink } from './mqtt-link.ts'
import { Pace, STUBBORN_PAUSE_MS } from './mqtt-pace.ts'
import { type MqttTarget, mqttTarget } from './mqtt-stream.ts'
import { Subscriptions, topicFault } from './mqtt-subscriptions.ts'
import type { MqttConnectionState, MqttEnd, MqttListener, MqttPublishOptions, MqttSettings, MqttState } from './mqtt-types.ts'

export { HEAD_BYTES } from './mqtt-guard.ts'
export { type MqttTarget, mqttTarget } from './mqtt-stream.ts'
export { filterFault, topicFault } from './mqtt-subscriptions.ts'
export type * from './mqtt-types.ts'

export const MOST_CONNECTIONS = 64
const SHARE = 'gridtally'
const CLOSE_WITHIN_MS = 5000

/** One client id of an end, through all its network connections. */
interface Member {
  readonly number: number
  readonly clientId: string
  state: MqttConnectionState['state']
  since: number
  error: GatewayError | null
  ups: number
  link: MqttLink | null
  /** Takes back a try that was asked for. */
  cancel: () => void
}

/**
 * Opens a client end that acknowledges a message when it is told to, and not before: connects, subscribes, and connects again
 * for as long as it is open.
 *
 * @param id  name of the end, for messages
 */
export const openMqtt = (id: string, settings: MqttSettings, listener: MqttListener): MqttEnd => new End(id, settings, listener)

class End implements MqttEnd {
  readonly #id: string
  readonly #settings: MqttSettings
  readonly #listener: MqttListener
  readonly #now: () => number
  readonly #target: MqttTarget | null
  readonly #pace: Pace
  readonly #members: readonly Member[]
  readonly #subscriptions: Subscriptions
  #isClosing = false
  #received = 0
  #acknowledged = 0
  #oversize = 0

  constructor(id: string, settings: MqttSettings, listener: MqttListener) {
    this.#id = id
    this.#settings = settings
    this.#listener = listener
    this.#now = settings.now ?? Date.now
    this.#pace = new Pace(settings.random ?? Math.random)
    const { connections = 1, clientId } = settings
    this.#subscriptions = new Subscriptions(connections > 1 ? (settings.share ?? SHARE) : null)
    const target = mqttTarget(settings.url)
    const fault = !target.ok
      ? target.error
      : Number.isInteger(connections) && connections >= 1 && connections <= MOST_CONNECTIONS
        ? null
        : fail('MQTT_SETTINGS', `${id}: ${connections} connections, from 1 to ${MOST_CONNECTIONS} are possible`).error
    this.#target = target.ok && !fault ? target.value : null
    this.#members = Array.from({ length: fault ? 1 : connections }, (_, number) => ({
      number,
      clientId: number === 0 ? clientId : `${clientId}-${number}`,
      state: 'down',
      since: this.#now(),
      error: fault,
      ups: 0,
      link: null,
      cancel: () => {},
    }))
    // After the caller has his end in hand: the first state he hears is of an end he knows.
    if (this.#target) for (const member of this.#members) queueMicrotask(() => this.#ask(member, 0, true))
  }

  subscribe(filters: readonly string[], before: readonly string[] = []): void {
    this.#subscriptions.want(filters, before, this.#settings.share ?? SHARE)
    for (const { number, state, link } of this.#members) if (state === 'up') link?.subscribe(this.#subscriptions.plan(number))
    this.#changed()
  }

  publish(topic: string, payload: Uint8Array | string, options: MqttPublishOptions): Promise<Result<void>> {
    const fault = topicFault(topic)
    if (fault) return Promise.resolve(fail('MQTT_PUBLISH', `${this.#id}: ${JSON.stringify(topic)} is no topic: ${fault}`, { topic }))
    const links = this.#members.flatMap(({ state, link }) => (state === 'up' && link ? [link] : []))
    // The least busy: on one that holds a message back, the acknowledgement would wait behind it.
    const link = links.reduce<MqttLink | null>((best, one) => (best && best.inFlight <= one.inFlight ? best : one), null)
    if (link && !this.#isClosing) return link.publish(topic, payload, options)
    const { length } = this.#members
    return Promise.resolve(fail('MQTT_OFFLINE', `${this.#id}: none of ${many(length, 'connection')} is up for ${topic}`, { topic }))
  }

  state(): MqttState {
    return {
      id: this.#id,
      connections: this.#members.map(({ clientId, state, since, error, ups, link }) => ({
        ...{ clientId, state, since, error },
        reconnects: Math.max(0, ups - 1),
        inFlight: link?.inFlight ?? 0,
      })),
      received: this.#received,
      acknowledged: this.#acknowledged,
      oversize: this.#oversize,
      subscriptions: this.#subscriptions.state(),
    }
  }

  async close(withinMs = CLOSE_WITHIN_MS): Promise<void> {
    this.#isClosing = true
    for (const member of this.#members) member.cancel()
    await Promise.all(this.#members.map(({ link }) => link?.close(withinMs)))
  }

  #ask(member: Member, afterMs: number, isFirst: boolean): void {
    if (this.#isClosing) return
    member.cancel = this.#pace.ask(() => this.#connect(member), { isFirst, afterMs })
  }

  #connect(member: Member): void {
    if (!this.#target) return
    member.state = 'connecting'
    const { clientId, number: connection } = member
    const opened = MqttLink.open({
      settings: this.#settings,
      target: this.#target,
      name: `${this.#id} ${this.#target.name}`,
      ...{ clientId, connection, listener: this.#listener },
      events: {
        up: (sessionPresent) => this.#up(member, sessionPresent),
        gone: (why) => this.#gone(member, why),
        received: () => this.#received++,
        oversize: () => this.#oversize++,
        acknowledged: (count) => {
          this.#acknowledged += count
        },
        subscribed: (filter, code, text) => {
          this.#subscriptions.answered(connection, filter, code, text)
          this.#changed()
        },
      },
    })
    if (opened.ok) {
      member.link = opened.value
      this.#changed()
    } else this.#gone(member, opened.error)
  }

  #up(member: Member, sessionPresent: boolean): void {
    member.state = 'up'
    member.since = this.#now()
    member.error = null
    member.ups++
    this.#subscriptions.open(member.number)
    const { subscribe, unsubscribe } = this.#subscriptions.plan(member.number)
    member.link?.subscribe({ subscribe, unsubscribe: sessionPresent ? unsubscribe : [] })
    this.#pace.succeeded()
    this.#changed()
  }

  #gone(member: Member, why: GatewayError): void {
    const wasUp = member.state === 'up'
    if (wasUp) {
      member.since = this.#now()
      this.#subscriptions.close(member.number)
    }
    member.state = 'down'
    member.error = why
    member.link = null
    if (wasUp) this.#pace.lost()
    else this.#pace.failed(isStubborn(why))
    this.#ask(member, !wasUp && isStubborn(why) ? STUBBORN_PAUSE_MS : 0, false)
    this.#changed()
  }

  #changed(): void {
    this.#listener.state?.(this.state())
  }
}
