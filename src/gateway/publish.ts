import type { HealthView } from '../api/index.ts'
import { brokerAddress } from '../config/broker-address.ts'
import type { GatewayConfig, MqttConfig, Problem, PublishConfig } from '../config/index.ts'
import { type Clock, explain, type GatewayError, ok, type Result, type Sink } from '../core/index.ts'
import { healthPayload, publishSink, topicTemplate } from '../push/index.ts'
import { type MqttEnd, type MqttState, openMqtt } from '../transport/index.ts'
import { brokerSettings } from './broker.ts'
import { fail } from './errors.ts'
import type { Mappings } from './mappings.ts'
import { brings } from './publish-topics.ts'
import { realAfter } from './timers.ts'

export interface PublishDeps {
  readonly gateway: string
  readonly version: string
  readonly clock: Clock
  readonly log: (level: 'debug' | 'info' | 'warn' | 'error', message: string) => void
}

/** Health is said at least so often, milliseconds, and whenever it changes. */
const HEALTH_MS = 60_000
/** A broker that has not taken a message by then is asked again later. */
const SEND_MS = 10_000
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
  #isUp = false
  #isStopping = false
  #health: HealthView | null = null
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
    const [fault] = templateFaults(config, deps.gateway)
    if (fault) return { ok: false, error: { ...fault.error, message: `${fault.path} has the ${fault.error.message}` } }
    const topic = config.health === null ? null : healthTopic(config.health, deps.gateway)
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
        : { will: { topic: this.#healthTopic, payload: this.#payload('offline', null), qos: 1, retain: true } as const }
    this.#end = openMqtt(
      config.id,
      { ...brokerSettings(config, () => clock.now()), ...will },
      { ...SILENT, state: (state) => this.#heard(state) },
    )
  }

  /** Says how the gateway is, when that has changed or was said long ago. */
  sayHealth(health: HealthView): void {
    this.#sayState()
    this.#health = health
    if (this.#healthTopic === null || !this.#end || this.#isStopping) return
    const { ready, parts } = health
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
    const payload = this.#payload('online', this.#deps.clock.now(), { ...figures, why: sentences.join('; ') })
    void this.#end.publish(this.#healthTopic, payload, { qos: 1, retain: true }).then((done) => {
      if (!done.ok) return
      this.#said = text
      this.#saidAt = now
    })
  }

  /** Sends one message, QoS 1: done when the broker has it. @errors PUBLISH_NOT_STARTED and those of the connection */
  async send(topic: string, body: string): Promise<Result<void>> {
    if (!this.#end || this.#isStopping) return fail('PUBLISH_NOT_STARTED', `${this.config.id} is not started`)
    const sent = await this.#end.publish(topic, Buffer.from(body), { qos: 1, retain: false, timeoutMs: SEND_MS })
    return sent.ok ? ok(undefined) : sent
  }

  state(): MqttState | null {
    return this.#end?.state() ?? null
  }

  async stop(withinMs: number): Promise<void> {
    this.#isStopping = true
    if (this.#healthTopic !== null && this.#end)
      await this.#end.publish(this.#healthTopic, this.#payload('offline', this.#deps.clock.now()), {
        qos: 1,
        retain: true,
        timeoutMs: withinMs,
      })
    await this.#end?.close(withinMs)
  }

  /** A connection that came up anew: the will of the one before stands at the broker and says `offline`. */
  #heard({ connections: [connection] }: MqttState): void {
    const wasUp = this.#isUp
    this.#isUp = connection?.state === 'up'
    if (wasUp || !this.#isUp || !this.#health) return
    this.#said = ''
    this.sayHealth(this.#health)
  }

  #payload(state: 'online' | 'offline', at: number | null, figures: Readonly<Record<string, string | number | boolean>> = {}): Uint8Array {
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
          : Promise.resolve(fail('PUBLISH_NOT_STARTED', `${id} is not started`)),
      after: realAfter,
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

const healthTopic = (template: string, gateway: string): Result<string> => {
  const topicOf = topicTemplate(template, gateway)
  return topicOf.ok ? topicOf.value(NO_READING) : topicOf
}

const TOPICS = ['readings', 'findings', 'health'] as const

/** The topic templates of one target that are none, each with its place in the file. */
const templateFaults = (config: PublishConfig, gateway: string): { readonly path: string; readonly error: GatewayError }[] =>
  TOPICS.flatMap((name) => {
    const template = config[name]
    const made = template === null ? null : topicTemplate(template, gateway)
    return !made || made.ok ? [] : [{ path: `/publish/${config.id}/${name}`, error: made.error }]
  })

/** The filters that each source asks its broker for, by its id. Mappings that cannot be used ask for nothing. */
export const takenFilters = (
  { mqtt }: { readonly mqtt: readonly Pick<MqttConfig, 'id' | 'mappings'>[] },
  mappings: Pick<Mappings, 'get'>,
): ReadonlyMap<string, readonly string[]> =>
  new Map(
    mqtt.map((source) => [
      source.id,
      source.mappings.flatMap(({ id, zone, prefix }) => {
        const made = mappings.get(id)?.compile({ ...(zone === null ? {} : { zone }), ...(prefix === null ? {} : { prefix }) })
        return made?.ok ? made.value.rules.map(({ topic }) => topic.filter) : []
      }),
    ]),
  )

/**
 * What is wrong with the topics under `publish`: a template that is none, and one whose messages a source at the same broker would
 * take in again, for ever.
 *
 * @param taken  of {@link takenFilters}; without it nothing is said about coming back
 */
export const publishProblems = (
  config: Pick<GatewayConfig, 'file' | 'id' | 'mqtt' | 'publish'>,
  taken: ReadonlyMap<string, readonly string[]> = new Map(),
): readonly Problem[] =>
  config.publish.flatMap((target) => {
    const at = (path: string, message: string): Problem => ({ file: config.file, line: 1, column: 1, path, message })
    const faults = templateFaults(target, config.id)
    if (faults.length > 0) return faults.map(({ path, error }) => at(path, `has the ${error.message}; ${error.hint}`))
    const sources = config.mqtt.filter(({ url }) => brokerAddress(url) === brokerAddress(target.url))
    return TOPICS.flatMap((name) =>
      sources.flatMap(({ id }) => {
        const template = target[name]
        const filter = template === null ? undefined : taken.get(id)?.find((one) => comesBack(one, template, name, config.id))
        return filter === undefined
          ? []
          : [
              at(
                `/publish/${target.id}/${name}`,
                `is ${JSON.stringify(template)}, and mqtt ${id} takes ${JSON.stringify(filter)} in from the same broker: begin the topic with a word that no mapping there asks for`,
              ),
            ]
      }),
    )
  })

const comesBack = (filter: string, template: string, name: (typeof TOPICS)[number], gateway: string): boolean => {
  if (name !== 'health') return brings(filter, template, name, gateway)
  const topic = healthTopic(template, gateway)
  return topic.ok && brings(filter, topic.value, 'findings', gateway)
}
