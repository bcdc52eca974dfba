import type { HealthView } from '../api/index.ts'
import type { PublishConfig } from '../config/index.ts'
import { type Clock, explain, ok, type Result, type Sink } from '../core/index.ts'
import { healthPayload, publishSink, topicTemplate } from '../push/index.ts'
import { type MqttEnd, type MqttState, openMqtt } from '../transport/index.ts'
import { brokerSettings } from './broker.ts'

export interface PublishDeps {
  readonly gateway: string
  readonly version: string
  readonly clock: Clock
  readonly log: (level: 'debug' | 'info' | 'warn' | 'error', message: string) => void
}

/** Health is said at least so often, milliseconds, and whenever it changes. */
const HEALTH_MS = 60_000
/** A topic that no reading has: only `{gateway}` is filled in. */
const NO_READING = { series: { measurement: 'event', tags: {}, key: '' } } as const

/**
 * A broker to which the gateway sends readings, findings and its health. As a sink it has a cursor of its own in the outbox: what it
 * has not acknowledged waits, and nobody else waits for it.
 */
export class Publisher {
  readonly config: PublishConfig
  readonly #deps: PublishDeps
  readonly #healthTopic: string | null
  #end: MqttEnd | null = null
  #said = ''
  #saidAt = Number.NEGATIVE_INFINITY
  #state = ''
  #sink: Sink | null = null

  private constructor(config: PublishConfig, deps: PublishDeps, healthTopic: string | null) {
    this.config = config
    this.#deps = deps
    this.#healthTopic = healthTopic
  }

  /** @errors PUSH_TEMPLATE */
  static of(config: PublishConfig, deps: PublishDeps): Result<Publisher> {
    const health = config.health === null ? null : topicTemplate(config.health, deps.gateway)
    if (health && !health.ok) return health
    const topic = health ? health.value({ ...NO_READING }) : null
    if (topic && !topic.ok) return topic
    const publisher = new Publisher(config, deps, topic?.value ?? null)
    const made = publisher.#sinkOf()
    if (!made.ok) return made
    publisher.#sink = made.value
    return ok(publisher)
  }

  /** Null when only health is published. */
  get sink(): Sink | null {
    return this.#sink
  }

  start(): void {
    const { config, clock } = { config: this.config, clock: this.#deps.clock }
    const will =
      this.#healthTopic === null
        ? {}
        : { will: { topic: this.#healthTopic, payload: this.#health('offline', null), qos: 1, retain: true } as const }
    this.#end = openMqtt(config.id, { ...brokerSettings(config, () => clock.now()), ...will }, SILENT)
  }

  /** Says how the gateway is, when that has changed or was said long ago. */
  sayHealth({ ready, parts }: HealthView): void {
    this.#sayState()
    if (this.#healthTopic === null || !this.#end) return
    const bad = parts.filter(({ state }) => state !== 'ok')
    const figures = {
      ready,
      parts: parts.length,
      degraded: bad.filter(({ state }) => state === 'degraded').length,
      failed: bad.filter(({ state }) => state === 'failed').length,
    }
    const sentences = bad.slice(0, 20).map(({ part, sentence }) => `${part}: ${sentence}`)
    const text = JSON.stringify([figures, bad.map(({ part, state }) => [part, state])])
    const now = performance.now()
    if (text === this.#said && now - this.#saidAt < HEALTH_MS) return
    const payload = this.#health('online', this.#deps.clock.now(), { ...figures, why: sentences.join('; ') })
    void this.#end.publish(this.#healthTopic, payload, { qos: 1, retain: true }).then((done) => {
      if (!done.ok) return
      this.#said = text
      this.#saidAt = now
    })
  }

  state(): MqttState | null {
    return this.#end?.state() ?? null
  }

  async stop(withinMs: number): Promise<void> {
    if (this.#healthTopic !== null && this.#end)
      await this.#end.publish(this.#healthTopic, this.#health('offline', this.#deps.clock.now()), {
        qos: 1,
        retain: true,
        timeoutMs: withinMs,
      })
    await this.#end?.close(withinMs)
  }

  #health(state: 'online' | 'offline', at: number | null, figures: Readonly<Record<string, string | number | boolean>> = {}): Uint8Array {
    return healthPayload({ gateway: this.#deps.gateway, version: this.#deps.version, state, at, figures })
  }

  #sinkOf(): Result<Sink | null> {
    const { id, readings, findings, qos, retain } = this.config
    if (readings === null && findings === null) return ok(null)
    return publishSink({
      id: `publish-${id}`,
      gateway: this.#deps.gateway,
      topic: readings ?? findings ?? '',
      ...(findings === null ? {} : { eventTopic: findings }),
      qos,
      retain,
      filter: ({ series }) => (series.measurement === 'event' ? findings !== null : readings !== null),
      publish: (topic, payload, terms) =>
        this.#end
          ? this.#end.publish(topic, payload, { qos: terms.qos === 0 ? 0 : 1, retain: terms.retain })
          : Promise.resolve({ ok: false, error: NOT_STARTED }),
      after: (ms, run) => {
        const timer = setTimeout(run, ms)
        return () => clearTimeout(timer)
      },
    })
  }

  #sayState(): void {
    const connection = this.#end?.state().connections[0]
    const text = connection?.state === 'up' ? 'up' : (connection?.error?.code ?? '')
    if (text === this.#state || text === '') return
    this.#state = text
    if (text === 'up') this.#deps.log('info', `publishing to ${this.config.id} is connected`)
    else if (connection?.error) this.#deps.log('warn', `publishing to ${this.config.id} waits: ${explain(connection.error)}`)
  }
}

/** Nothing is subscribed, so nothing comes. */
const SILENT = { message: async () => true, oversize: async () => true } as const
const NOT_STARTED = {
  code: 'MQTT_OFFLINE',
  message: 'not connected yet',
  recovery: 'wait',
  hint: 'it connects by itself',
  context: {},
} as const
