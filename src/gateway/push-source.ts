import { decodeMessage, type Mapping, type PushEnvironment, type Taker } from '../../protocols/index.ts'
import type { MqttConfig } from '../config/index.ts'
import { type Clock, explain, type GatewayError, many, nothingPushed, type PushMessage, type PushOutcome } from '../core/index.ts'
import type { MeterFact, Point } from '../ledger/index.ts'
import type { MeterFacts } from '../normalise/index.ts'
import type { Devices } from '../push/index.ts'
import { type MqttDelivery, type MqttEnd, type MqttOversize, type MqttSettings, type MqttState, openMqtt } from '../transport/index.ts'
import { brokerSettings } from './broker.ts'
import { fail } from './errors.ts'
import { Once } from './push-events.ts'
import { uncovered } from './push-filters.ts'
import { type IntakeCounts, type IntakeDeps, PushIntake } from './push-intake.ts'
import { type KnownMeter, PushMeters } from './push-meters.ts'
import { retire } from './push-retired.ts'
import type { Held, SparkplugHosts } from './push-sparkplug.ts'

/** A session that a former configuration had. */
export interface FormerSession {
  readonly clientId: string
}

/** Everything a source needs of the gateway. */
export interface SourceDeps
  extends Pick<IntakeDeps, 'arrivals' | 'letters' | 'put' | 'lookUp' | 'newest' | 'log' | 'stranger' | 'evidence'> {
  readonly config: MqttConfig
  readonly clock: Clock
  readonly mappings: readonly Mapping[]
  readonly environment: PushEnvironment
  /** Meters of the ledger on this source, and their points. */
  readonly meters: readonly MeterFact[]
  readonly points: Pick<ReadonlyMap<string, Point>, 'get'>
  readonly devices: Devices
  readonly sparkplug: SparkplugHosts
  /** Filters that this client id may still have at the broker. */
  readonly before: readonly string[]
  /**
   * A mapping of this source is broken, and nobody knows which topics it wants: the filters from before stay subscribed, and what
   * comes on them is put aside.
   */
  readonly isBroken: boolean
  /** Sessions that go on collecting messages until they are emptied. */
  readonly former: readonly FormerSession[]
  /** Called when those are empty and hold no subscription any more. */
  readonly emptied: () => void
}

/** What a source has done since the start. */
export interface SourceCounts extends IntakeCounts {
  /** Messages put aside without being wrong, by reason. */
  readonly asides: Readonly<Record<string, number>>
  readonly answers: number
  readonly lastMessageAt: number | null
}

/** One message and what became of it, for whoever watches. */
export interface Watched {
  readonly at: number
  readonly topic: string
  readonly payload: Uint8Array
  readonly retained: boolean
  readonly device: string | null
  readonly text: string
}

const MOST_TOPICS = 50
const LONGEST_SHOWN = 200
const FINE = Promise.resolve(null)
/** Held messages that could not be stored are tried again; more than these are given up, and said so. */
const MOST_HELD = 1000
/** At the end nobody waits for those before it any more. */
const FLUSH_MS = 3_600_000

/**
 * A broker (消息代理) whose messages become readings. A message is acknowledged when everything it brought is on the disk, or when it
 * lies with the refused ones; nothing else is acknowledged.
 */
export class PushSource {
  readonly config: MqttConfig
  readonly devices: Devices
  readonly filters: readonly string[]
  readonly #deps: SourceDeps
  readonly #meters: PushMeters
  readonly #intake: PushIntake
  readonly #once = new Once()
  readonly #watchers = new Set<(watched: Watched) => void>()
  readonly #unmatched = new Map<string, number>()
  readonly #asides = new Map<string, number>()
  readonly #former = new Set<MqttEnd>()
  #held: Held[] = []
  #end: MqttEnd | null = null
  #answers = 0
  #lastMessageAt: number | null = null
  #said = ''
  #isStopping = false

  constructor(deps: SourceDeps) {
    this.#deps = deps
    const { config, mappings, devices, meters: facts, points, log } = deps
    this.config = config
    this.devices = devices
    this.#meters = new PushMeters({ config, facts, points, devices, log })
    this.#intake = new PushIntake({ ...deps, id: config.id, meters: this.#meters, turnedAway: (names) => this.#turnedAway(names) })
    const wanted = mappings.flatMap(({ rules }) => rules.map(({ topic }) => topic.filter))
    this.filters = uncovered(deps.isBroken ? [...wanted, ...deps.before] : wanted)
  }

  start(): void {
    const { config, clock, before, former } = this.#deps
    const { connections, share, sessionExpiryS, maxPayloadBytes, maxInFlight } = config
    const settings: MqttSettings = {
      ...brokerSettings(config, () => clock.now()),
      ...{ connections, share, sessionExpiryS, maxPayloadBytes, maxInFlight },
    }
    const listener = {
      message: (delivery: MqttDelivery) => this.#take(delivery),
      oversize: (message: MqttOversize) => this.#oversize(message),
    }
    this.#end = openMqtt(config.id, settings, { ...listener, state: (state) => this.#sayState(state) })
    this.#end.subscribe(this.filters, before)
    for (const { clientId } of former) {
      const end = retire({
        name: `${config.id} as ${clientId}`,
        ...{ settings, clientId, listener },
        filters: [...this.filters, ...before],
        emptied: () => {
          this.#former.delete(end)
          this.#deps.log('info', `${config.id}: the session ${clientId}, which is no longer wanted, is empty`)
          if (this.#former.size === 0) this.#deps.emptied()
        },
      })
      this.#former.add(end)
    }
  }

  async stop(withinMs: number): Promise<void> {
    this.#isStopping = true
    await Promise.all([this.#end, ...this.#former].map((end) => end?.close(withinMs)))
    await this.#keepHeld(this.#deps.clock.now() + FLUSH_MS)
    await this.#deps.devices.close()
  }

  state(): MqttState | null {
    return this.#end?.state() ?? null
  }

  counts(): SourceCounts {
    return {
      ...this.#intake.counts(),
      asides: Object.fromEntries(this.#asides),
      answers: this.#answers,
      lastMessageAt: this.#lastMessageAt,
    }
  }

  /** Topics that came and that no rule took, with their number. */
  unmatched(): readonly { readonly topic: string; readonly count: number }[] {
    return [...this.#unmatched].map(([topic, count]) => ({ topic, count }))
  }

  /** Every meter the ledger has here. */
  registered = (): Iterable<KnownMeter> => this.#meters.all()

  /** The ledger's meter at an address, null for strangers. */
  meterOf(address: string): MeterFacts | null {
    return this.#meters.registered(address)?.facts ?? null
  }

  /** Meters of the ledger on this broker. */
  facts(): Iterable<MeterFact> {
    return this.#meters.facts()
  }

  factAt(address: string): MeterFact | null {
    return this.#meters.factAt(address)
  }

  factOf(point: string): MeterFact | null {
    return this.#meters.factOf(point)
  }

  /** What the ledger says of a meter now; null: it is none of this broker's. @returns whether anything differs */
  update(meter: string, known: { readonly fact: MeterFact; readonly point: Point } | null): boolean {
    return this.#meters.update(meter, known)
  }

  watch(watcher: (watched: Watched) => void): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  /**
   * Puts a refused message through again. One that depends on those before it (Sparkplug) cannot be: its aliases mean something else by now.
   *
   * @returns  whether it could be used this time
   */
  async replay(topic: string, payload: Uint8Array, arrivedAt: number, retained: boolean): Promise<boolean> {
    const { mappings, environment } = this.#deps
    const message = { topic, payload, retained, duplicate: false, arrivedAt }
    const outcome = decodeMessage(mappings, message, environment, () => nothingPushed)
    const { refused, discard, records, events, presence } = outcome
    if (refused !== null || discard !== null || records.length + events.length + presence.length === 0) return false
    const note = () => ({ at: arrivedAt, topic, rule: outcome.rule, retained, isRegistered: false })
    if (records.some(({ meter }) => this.#meters.find(meter, note) === null)) return false
    return (await this.#intake.take(message, outcome, null)) === null
  }

  /** Messages that were held back for their place in a sequence (Sparkplug). */
  tick(): Promise<void> {
    return this.#keepHeld(this.#deps.clock.now())
  }

  async #keepHeld(now: number): Promise<void> {
    this.#held.push(...this.#deps.sparkplug.tick(now))
    for (let one = this.#held.shift(); one; one = this.#held.shift()) {
      const error = await this.#keep(one.message, one.outcomes, null)
      if (!error) continue
      this.#held.unshift(one)
      const lost = this.#held.splice(MOST_HELD).length
      if (lost > 0) this.#deps.log('error', `${this.config.id}: ${many(lost, 'held message')} given up: ${explain(error)}`)
      return
    }
  }

  #take(delivery: MqttDelivery): Promise<boolean> {
    const { arrivedAt } = delivery
    if (!delivery.retained) this.#lastMessageAt = arrivedAt
    const outcomes = this.#decode(delivery)
    if (this.#watchers.size > 0) this.#show(delivery, outcomes)
    return this.#keep(delivery, outcomes, delivery.packetKey).then((error) => error === null || this.#leaveWithBroker(error, arrivedAt))
  }

  /** Something of ours failed, as a full disk does: the broker keeps the message and sends it again. */
  #leaveWithBroker(error: GatewayError, at: number): false {
    if (this.#once.isDue(error.code, at)) this.#deps.log('error', `${this.config.id}: a message stays with the broker: ${explain(error)}`)
    return false
  }

  #decode(message: PushMessage): readonly PushOutcome[] {
    const more: PushOutcome[] = []
    const { mappings, environment, sparkplug, clock } = this.#deps
    const outcome = decodeMessage(mappings, message, environment, (taker: Taker) => {
      const [first = nothingPushed, ...others] = sparkplug.take(taker, message, clock.now())
      more.push(...others)
      return first
    })
    return more.length === 0 ? [outcome] : [outcome, ...more]
  }

  /** @returns  why the message must not be acknowledged, or null */
  #keep(message: PushMessage, outcomes: readonly PushOutcome[], packetKey: string | null): Promise<GatewayError | null> {
    const [only] = outcomes
    if (outcomes.length === 1 && only) return this.#keepOne(message, only, packetKey)
    return this.#keepEach(message, outcomes, packetKey)
  }

  async #keepEach(message: PushMessage, outcomes: readonly PushOutcome[], packetKey: string | null): Promise<GatewayError | null> {
    for (const outcome of outcomes) {
      const error = await this.#keepOne(message, outcome, packetKey)
      if (error) return error
    }
    return null
  }

  #keepOne(message: PushMessage, outcome: PushOutcome, packetKey: string | null): Promise<GatewayError | null> {
    const { refused, discard, answers } = outcome
    if (refused) return this.#intake.refuse(message, refused)
    if (discard !== null) return this.#putAside(message, discard)
    const taken = this.#intake.take(message, outcome, packetKey)
    return answers.length === 0 ? taken : taken.then((error) => error ?? this.#answer(outcome))
  }

  #putAside(message: PushMessage, reason: string): Promise<GatewayError | null> {
    if (reason === 'no-topic' && this.#deps.isBroken) {
      const { error } = fail('PUSH_MAPPING', `a mapping of ${this.config.id} is broken; the message may have been for it`)
      return this.#intake.refuse(message, error)
    }
    this.#asides.set(reason, (this.#asides.get(reason) ?? 0) + 1)
    if (reason === 'no-rule' || reason === 'no-topic') this.#noteUnmatched(message.topic)
    return FINE
  }

  #turnedAway(names: readonly string[]): GatewayError {
    const { id, unregistered, maxUnregistered } = this.config
    const shown = names
      .slice(0, 3)
      .map((name) => JSON.stringify(name.slice(0, LONGEST_SHOWN)))
      .join(', ')
    const who = `${many(names.length, 'meter')} (${shown}${names.length > 3 ? ', …' : ''})`
    return unregistered === 'refuse'
      ? fail('PUSH_UNREGISTERED', `${who} not in the ledger of ${id}`, { meters: names.length }).error
      : fail('PUSH_STRANGERS', `${who} not in the ledger of ${id}, where ${maxUnregistered} such are remembered`, { meters: names.length })
          .error
  }

  async #oversize({ topic, bytes, head, retained }: MqttOversize): Promise<boolean> {
    const arrivedAt = this.#deps.clock.now()
    const limit = this.config.maxPayloadBytes
    const { error } = fail('PUSH_SIZE', `a payload of ${bytes} bytes; ${limit} are allowed on ${this.config.id}`, { bytes, limit })
    const message = { topic, payload: head, retained, duplicate: false, arrivedAt }
    if (this.#watchers.size > 0) this.#show(message, [{ ...nothingPushed, refused: error }])
    return (await this.#intake.refuse(message, error, bytes)) === null
  }

  #answer({ answers, device }: PushOutcome): null {
    for (const { topic, payload } of answers) {
      this.#answers++
      void this.#end?.publish(topic, payload, { qos: 1 }).then((done) => {
        if (!done.ok)
          this.#deps.log(
            'warn',
            `${this.config.id}: the answer to ${device ?? 'a device'} on ${topic} was not sent: ${explain(done.error)}`,
          )
      })
    }
    return null
  }

  #noteUnmatched(topic: string): void {
    const shown = topic.slice(0, LONGEST_SHOWN)
    if (this.#unmatched.has(shown) || this.#unmatched.size < MOST_TOPICS) this.#unmatched.set(shown, (this.#unmatched.get(shown) ?? 0) + 1)
  }

  #show(message: PushMessage, outcomes: readonly PushOutcome[]): void {
    const { topic, payload, retained, arrivedAt: at } = message
    for (const outcome of outcomes)
      for (const watcher of this.#watchers)
        watcher({ at, topic, payload, retained, device: outcome.device, text: textOf(message, outcome) })
  }

  /** Said when it changes, once for all connections. */
  #sayState({ connections, subscriptions }: MqttState): void {
    if (this.#isStopping) return
    const up = connections.filter(({ state }) => state === 'up').length
    // While nobody is connected nothing is refused.
    const bad = up === 0 ? [] : subscriptions.filter(({ refused }) => refused)
    const error = connections.find(({ error: why }) => why !== null)?.error
    const text = `${up === connections.length ? 'up' : up > 0 ? 'partly up' : (error?.code ?? 'connecting')} ${bad.map(({ filter }) => filter).join(' ')}`
    if (text === this.#said) return
    this.#said = text
    const { id } = this.config
    if (up === connections.length) this.#deps.log('info', `broker ${id} is connected`)
    else if (up === 0 && error) this.#deps.log('warn', `broker ${id} is not connected: ${explain(error)}`)
    for (const { filter, reason } of bad) this.#deps.log('warn', `broker ${id} refuses the subscription ${filter}: ${reason}`)
  }
}

/** One line about a message. */
const textOf = ({ topic, retained }: PushMessage, outcome: PushOutcome): string => {
  const head = `${topic.slice(0, LONGEST_SHOWN)}${retained ? ' (retained)' : ''}`
  if (outcome.refused) return `${head}: refused: ${explain(outcome.refused)}`
  if (outcome.discard !== null) return `${head}: put aside: ${outcome.discard}`
  const values = outcome.records.map(
    ({ meter, values: all }) =>
      `${meter} ${all.map(({ obis, path, text, unit }) => `${obis ?? path} ${text}${unit ? ` ${unit}` : ''}`).join(', ')}`,
  )
  return `${head}: ${outcome.rule ?? ''} ${values.join('; ') || 'no value'}`
}
