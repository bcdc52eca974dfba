import { decodeMessage, type Mapping, type PushEnvironment, type Taker } from '../../protocols/index.ts'
import type { MqttConfig } from '../config/index.ts'
import {
  type Clock,
  explain,
  type GatewayError,
  nothingPushed,
  type PushedRecord,
  type PushMessage,
  type PushOutcome,
  type Reading,
  type Result,
  type Series,
} from '../core/index.ts'
import type { MeterFact, Point } from '../ledger/index.ts'
import { parseRatio } from '../normalise/index.ts'
import { type Admission, type Arrivals, type Devices, type Heard, type Letters, Memory } from '../push/index.ts'
import {
  type MqttDelivery,
  type MqttEnd,
  type MqttListener,
  type MqttOversize,
  type MqttSettings,
  type MqttState,
  openMqtt,
} from '../transport/index.ts'
import { brokerSettings } from './broker.ts'
import { fail } from './errors.ts'
import { conflictReading, eventReading, Once } from './push-events.ts'
import { type PushMeter, PushNormaliser } from './push-readings.ts'
import type { SparkplugHosts } from './push-sparkplug.ts'

/** Everything a source needs of the gateway. */
export interface SourceDeps {
  readonly config: MqttConfig
  readonly clock: Clock
  readonly mappings: readonly Mapping[]
  readonly environment: PushEnvironment
  /** Meters of the ledger on this source, and their points. */
  readonly meters: readonly MeterFact[]
  readonly points: ReadonlyMap<string, Point>
  readonly put: (readings: readonly Reading[]) => Promise<Result<void>>
  readonly lookUp: (series: Series, measuredAt: number) => Promise<Result<Reading | null>>
  readonly newest: (seriesKey: string) => Reading | null | undefined
  readonly arrivals: Arrivals
  readonly letters: Letters
  readonly devices: Devices
  readonly sparkplug: SparkplugHosts
  /** Filters that this client id may still have at the broker. */
  readonly before: readonly string[]
  /** Numbers of connections that a former configuration had: their sessions go on collecting messages until they are emptied. */
  readonly retired: readonly number[]
  /** Called when those sessions are empty and hold no subscription any more. */
  readonly drained: () => void
  readonly log: (level: 'debug' | 'info' | 'warn' | 'error', message: string) => void
}

/** What a source has done since the start. */
export interface SourceCounts {
  /** Messages that brought at least one value. */
  readonly used: number
  /** Messages put aside without being wrong, by reason. */
  readonly asides: Readonly<Record<string, number>>
  readonly refused: number
  readonly readings: number
  readonly values: number
  readonly duplicates: number
  readonly conflicts: number
  readonly late: number
  readonly unmapped: number
  readonly answers: number
  readonly lastMessageAt: number | null
}

/** One message and what became of it, for whoever watches. */
export interface Watched {
  readonly at: number
  readonly topic: string
  readonly payload: Uint8Array
  readonly device: string | null
  readonly text: string
}

interface KnownMeter extends PushMeter {
  readonly address: string
  /** Mapping its messages must come through; null when it is not in the ledger. */
  readonly mapping: string | null
  readonly normaliser: PushNormaliser
}

/** Unknown meters whose forms are remembered. */
const MOST_STRANGERS = 5000
/** Arrivals of one series in one millisecond are moved apart by as much. */
const MOST_STEPS = 1000
const MOST_TOPICS = 50
const LONGEST_SHOWN = 200
/** A session that was silent for so long after it was taken over is empty. */
const RETIRED_SILENT_MS = 10_000

/**
 * A broker (消息代理) whose messages become readings. A message is acknowledged when everything it brought is on the disk, or when it
 * lies with the refused ones; nothing else is acknowledged.
 */
export class PushSource {
  readonly config: MqttConfig
  readonly devices: Devices
  readonly filters: readonly string[]
  readonly #deps: SourceDeps
  readonly #meters = new Map<string, KnownMeter>()
  readonly #strangers = new Map<string, KnownMeter>()
  readonly #memory: Memory
  readonly #once = new Once()
  readonly #watchers = new Set<(watched: Watched) => void>()
  readonly #unmatched = new Map<string, number>()
  readonly #asides = new Map<string, number>()
  readonly #retired = new Set<MqttEnd>()
  #batch: Batch | null = null
  #end: MqttEnd | null = null
  #used = 0
  #refused = 0
  #readings = 0
  #values = 0
  #duplicates = 0
  #conflicts = 0
  #late = 0
  #unmapped = 0
  #answers = 0
  #lastMessageAt: number | null = null
  #said = ''
  #isStopping = false

  constructor(deps: SourceDeps) {
    this.#deps = deps
    this.config = deps.config
    this.devices = deps.devices
    for (const fact of deps.meters) this.#meters.set(fact.address, this.#registered(fact))
    this.#memory = new Memory({
      lookUp: deps.lookUp,
      newest: deps.newest,
      say: (error) => deps.log('warn', `${deps.config.id}: ${explain(error)}`),
    })
    this.filters = uncovered(deps.mappings.flatMap(({ rules }) => rules.map(({ topic }) => topic.filter)))
  }

  start(): void {
    const { config, clock, before } = this.#deps
    const { connections, share, sessionExpiryS, maxPayloadBytes, maxInFlight } = config
    const settings = { ...brokerSettings(config, () => clock.now()), connections, share, sessionExpiryS, maxPayloadBytes, maxInFlight }
    const listener = {
      message: (delivery: MqttDelivery) => this.#take(delivery),
      oversize: (message: MqttOversize) => this.#oversize(message),
    }
    this.#end = openMqtt(config.id, settings, { ...listener, state: (state) => this.#sayState(state) })
    this.#end.subscribe(this.filters, before)
    for (const number of this.#deps.retired) this.#retire(number, settings, listener)
  }

  /** A share of the messages went to this session and lies there: it is taken over, and gets no more. */
  #retire(number: number, settings: MqttSettings, listener: MqttListener): void {
    const clientId = number === 0 ? settings.clientId : `${settings.clientId}-${number}`
    let heardAt = performance.now()
    const end = openMqtt(
      `${this.config.id} connection ${number}`,
      { ...settings, clientId, connections: 1, maxInFlight: 64 },
      {
        message: (delivery) => {
          heardAt = performance.now()
          return listener.message(delivery)
        },
        oversize: listener.oversize,
      },
    )
    end.subscribe([], [...this.filters, ...this.#deps.before])
    this.#retired.add(end)
    const watch = setInterval(() => {
      if (end.state().connections[0]?.state !== 'up') heardAt = performance.now()
      if (performance.now() - heardAt < RETIRED_SILENT_MS) return
      clearInterval(watch)
      this.#retired.delete(end)
      void end.close()
      this.#deps.log('info', `${this.config.id}: the session of connection ${number}, which is no longer wanted, is empty`)
      if (this.#retired.size === 0) this.#deps.drained()
    }, 1000)
    watch.unref()
  }

  async stop(withinMs: number): Promise<void> {
    this.#isStopping = true
    await Promise.all([this.#end, ...this.#retired].map((end) => end?.close(withinMs)))
    await this.#deps.devices.close()
  }

  state(): MqttState | null {
    return this.#end?.state() ?? null
  }

  counts(): SourceCounts {
    return {
      used: this.#used,
      asides: Object.fromEntries(this.#asides),
      refused: this.#refused,
      readings: this.#readings,
      values: this.#values,
      duplicates: this.#duplicates,
      conflicts: this.#conflicts,
      late: this.#late,
      unmapped: this.#unmapped,
      answers: this.#answers,
      lastMessageAt: this.#lastMessageAt,
    }
  }

  /** Topics that came and that no rule took, with their number. */
  unmatched(): readonly { readonly topic: string; readonly count: number }[] {
    return [...this.#unmatched].map(([topic, count]) => ({ topic, count }))
  }

  /** The ledger's meter at an address, null for strangers. */
  meterOf(address: string): PushMeter['facts'] | null {
    return this.#meters.get(address)?.facts ?? null
  }

  watch(watcher: (watched: Watched) => void): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  /** Puts a refused message through again. @returns whether it could be used this time */
  async replay(topic: string, payload: Uint8Array, arrivedAt: number, retained: boolean): Promise<boolean> {
    const message = { topic, payload, retained, duplicate: false, arrivedAt }
    const outcomes = this.#decode(message)
    if (outcomes.some(({ refused, records }) => refused !== null || records.length === 0)) return false
    if (outcomes.some(({ records }) => records.some((record) => this.#meterOf(record) === null))) return false
    return (await this.#keep(message, outcomes, null)) === null
  }

  /** Messages that were held back for their place in a sequence (Sparkplug). */
  async tick(): Promise<void> {
    for (const { message, outcomes } of this.#deps.sparkplug.tick(this.#deps.clock.now())) await this.#keep(message, outcomes, null)
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
    const held: PushOutcome[] = []
    const { mappings, environment, sparkplug } = this.#deps
    const outcome = decodeMessage(mappings, message, environment, (taker: Taker) => {
      const [first = nothingPushed, ...more] = sparkplug.take(taker, message, this.#deps.clock.now())
      held.push(...more)
      return first
    })
    return held.length === 0 ? [outcome] : [outcome, ...held]
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
    if (outcome.refused) return this.#refuse(message, outcome.refused)
    if (outcome.discard !== null) {
      this.#asides.set(outcome.discard, (this.#asides.get(outcome.discard) ?? 0) + 1)
      if (outcome.discard === 'no-rule' || outcome.discard === 'no-topic') this.#noteUnmatched(message.topic)
      return FINE
    }
    if (packetKey !== null && outcome.records.some(({ measuredAt }) => measuredAt === null))
      return this.#keepArrived(message, outcome, packetKey)
    return this.#keepAt(message, outcome, message.arrivedAt)
  }

  /** A message without a time of its own must get the same one again when the broker repeats it. */
  async #keepArrived(message: PushMessage, outcome: PushOutcome, packetKey: string): Promise<GatewayError | null> {
    const { topic, payload, arrivedAt, duplicate } = message
    const { id } = this.config
    // An id of the sender's own tells a repeat even where it came another way, with other bytes.
    const assigned =
      outcome.messageId === null
        ? await this.#deps.arrivals.assign(`${id} ${packetKey}`, topic, payload, arrivedAt, duplicate)
        : await this.#deps.arrivals.assign(`${id} id ${outcome.messageId}`, topic, NOTHING, arrivedAt, true)
    return assigned.ok ? this.#keepAt(message, outcome, assigned.value) : assigned.error
  }

  /**
   * What waits for the disk holds the readings and nothing else: hundreds of messages are under way at once, and each would keep
   * everything it was made of alive.
   */
  #keepAt(message: PushMessage, outcome: PushOutcome, arrival: number): Promise<GatewayError | null> {
    const kept = this.#prepare(message, outcome, arrival)
    const stored =
      kept instanceof Promise
        ? kept.then((later) => ('error' in later ? later.error : this.#store(later.put, later.waiting)))
        : this.#store(kept.put, kept.waiting)
    return outcome.answers.length === 0 ? stored : stored.then((error) => error ?? this.#answer(outcome))
  }

  /** Works out what is to be stored; at once, unless the store has to be asked for something. */
  #prepare(message: PushMessage, outcome: PushOutcome, arrival: number): Kept | Promise<Kept | { readonly error: GatewayError }> {
    const { arrivedAt } = message
    const heard = new Map<string, MutableHeard>()
    const put: Reading[] = []
    const waiting: Waiting[] = []
    const hard: (() => Promise<GatewayError | null>)[] = []
    for (const record of outcome.records) {
      const meter = this.#meterOf(record)
      if (meter === null) {
        hard.push(() => this.#turnAway(message, record.meter))
        continue
      }
      const note = heardOf(heard, meter, message, outcome)
      for (const reading of this.#readingsOf(meter, record, arrival, arrivedAt, outcome)) {
        // Nearly every reading is newer than all before it, and nobody has to be asked.
        const admission = this.#memory.admitNow(reading)
        if (admission === null || admission.kind === 'conflict')
          hard.push(() => this.#admit(meter, record, reading, admission, { put, waiting, heard: note }).then(() => null))
        else this.#note(meter, reading, admission, note, put, waiting)
      }
    }
    const finish = (): Kept => {
      this.#noteOutcome(message, outcome, heard, put)
      for (const [device, one] of heard) this.#deps.devices.hear(device, one)
      return { put, waiting }
    }
    if (hard.length === 0) return finish()
    return (async () => {
      for (const one of hard) {
        const error = await one()
        if (error) return { error }
      }
      return finish()
    })()
  }

  /** The ledger's meter behind a record, or a stranger; null when strangers are not wanted, or are too many. */
  #meterOf(record: PushedRecord): KnownMeter | null {
    const known = this.#meters.get(record.meter)
    if (known) return known
    const { unregistered } = this.config
    if (unregistered === 'refuse') return null
    const before = this.#strangers.get(record.meter)
    if (before) return before
    const { devices } = this.#deps
    if (!devices.get(record.meter) && devices.unregisteredCount() >= this.config.maxUnregistered) return null
    if (this.#strangers.size >= MOST_STRANGERS) this.#strangers.clear()
    const stranger = this.#stranger(record.meter)
    this.#strangers.set(record.meter, stranger)
    this.#deps.log(
      'info',
      `${this.config.id}: meter ${JSON.stringify(record.meter)} is not in the ledger; its readings are kept, marked unregistered`,
    )
    return stranger
  }

  #readingsOf(meter: KnownMeter, record: PushedRecord, arrival: number, arrivedAt: number, outcome: PushOutcome): readonly Reading[] {
    const mapping = outcome.rule?.split('/')[0] ?? null
    const isForeign = meter.mapping !== null && mapping !== meter.mapping
    const flags = isForeign && !record.flags.includes('identity') ? [...record.flags, 'identity'] : record.flags
    return meter.normaliser.readings(flags === record.flags ? record : { ...record, flags }, record.measuredAt ?? arrival, arrivedAt)
  }

  async #admit(
    meter: KnownMeter,
    record: PushedRecord,
    reading: Reading,
    first: Admission | null,
    { put, waiting, heard }: { readonly put: Reading[]; readonly waiting: Waiting[]; readonly heard: MutableHeard },
  ): Promise<void> {
    for (let step = 0; ; step++) {
      const moved = step === 0 ? reading : { ...reading, measuredAt: reading.measuredAt + step }
      const admission = (step === 0 ? first : null) ?? (await this.#memory.admit(moved))
      // Two values that came in one millisecond are two readings: nobody said that they were of one instant.
      if (admission.kind === 'conflict' && record.measuredAt === null && admission.reading === null && step < MOST_STEPS) continue
      return this.#note(meter, moved, admission, heard, put, waiting)
    }
  }

  #note(meter: KnownMeter, reading: Reading, admission: Admission, heard: MutableHeard, put: Reading[], waiting: Waiting[]): void {
    if ((admission.kind === 'duplicate' || admission.kind === 'conflict') && admission.settled)
      waiting.push({ reading, settled: admission.settled })
    if (admission.kind === 'duplicate') {
      this.#duplicates++
      heard.duplicates++
      return
    }
    if (admission.kind === 'late') {
      this.#late++
      heard.late++
    }
    if (admission.reading) put.push(admission.reading)
    if (admission.kind !== 'conflict') return
    this.#conflicts += admission.conflicts.length
    heard.conflicts += admission.conflicts.length
    for (const { field, kept, refused } of admission.conflicts) {
      const message = `${field} at ${new Date(reading.measuredAt).toISOString()}: a second, different value came; the first is kept`
      heard.finding = { code: 'PUSH_CONFLICT', message }
      if (this.#once.isDue(`conflict ${meter.address} ${field}`, reading.receivedAt)) {
        this.#deps.log('warn', `${this.config.id}: meter ${meter.address}: ${message}`)
        put.push(conflictReading(meter.facts, field, reading.receivedAt, reading.receivedAt, kept, refused))
      }
    }
  }

  /** What came in one turn of the event loop goes to the outbox together. */
  #putSoon(readings: readonly Reading[]): Promise<Result<void>> {
    const batch = this.#batch
    if (batch) {
      for (const reading of readings) batch.readings.push(reading)
      return batch.done
    }
    const begun: Batch = {
      readings: [...readings],
      done: new Promise((resolve) =>
        setImmediate(() => {
          this.#batch = null
          resolve(this.#deps.put(begun.readings))
        }),
      ),
    }
    this.#batch = begun
    return begun.done
  }

  async #store(put: readonly Reading[], waiting: readonly Waiting[]): Promise<GatewayError | null> {
    if (put.length > 0) {
      const safe = await this.#putSoon(put)
      if (!safe.ok) {
        for (const reading of put) this.#memory.forget(reading)
        return safe.error
      }
      for (const reading of put) this.#memory.committed(reading)
      this.#readings += put.length
    }
    // A repeat is as safe as the reading it repeats, and no safer.
    for (const { reading, settled } of waiting) {
      if (await settled) continue
      const again: { readonly put: Reading[]; readonly waiting: Waiting[] } = { put: [], waiting: [] }
      const admission = await this.#memory.admit(reading)
      if ('reading' in admission && admission.reading) again.put.push(admission.reading)
      if ('settled' in admission && admission.settled) again.waiting.push({ reading, settled: admission.settled })
      const error = await this.#store(again.put, again.waiting)
      if (error) return error
    }
    return null
  }

  /** What is to be known of the devices, and events among the readings. */
  #noteOutcome(message: PushMessage, outcome: PushOutcome, heard: Map<string, MutableHeard>, put: Reading[]): void {
    const { arrivedAt } = message
    const one = (device: string): MutableHeard => heardOf(heard, this.#named(device), message, outcome)
    let values = 0
    for (const { meter, values: all } of outcome.records) {
      values += all.length
      const note = heard.get(meter)
      if (!note) continue
      for (const { obis, path, text } of all) {
        if (obis !== null) note.values++
        else {
          this.#unmapped++
          note.unmapped = [...(note.unmapped ?? []), { path, text }]
        }
      }
    }
    this.#values += values
    if (values > 0) this.#used++
    for (const { device, online } of outcome.presence) one(device).online = online
    for (const { device, figures } of outcome.signals) one(device).figures = figures
    for (const { device, item, code } of outcome.failures)
      if (device !== '') {
        const note = one(device)
        note.failures = [...(note.failures ?? []), { item, code }]
      }
    if (outcome.skipped.length > 0) {
      const device = outcome.records[0]?.meter ?? outcome.device
      if (device !== null && device !== undefined) one(device).skipped = outcome.skipped.map(({ error }) => error.code)
    }
    for (const { code, device, message: text } of outcome.findings) {
      if (device === '') continue
      one(device).finding = { code, message: text }
      if (!this.#once.isDue(`${code} ${device}`, arrivedAt)) continue
      const meter = this.#named(device)
      this.#deps.log('warn', `${this.config.id}: meter ${device}: ${code} ${text}`)
      put.push(eventReading(meter.facts, code, arrivedAt, arrivedAt, { isRegistered: meter.isRegistered }))
    }
    for (const { device, key, value, at } of outcome.events) {
      if (device === '') continue
      const meter = this.#named(device)
      put.push(eventReading(meter.facts, key, at ?? arrivedAt, arrivedAt, { value, isRegistered: meter.isRegistered }))
    }
    if (heard.size === 0 && outcome.device !== null) one(outcome.device)
  }

  #named(device: string): KnownMeter {
    return this.#meters.get(device) ?? this.#strangers.get(device) ?? this.#stranger(device)
  }

  /** @returns  why the message could not even be put aside, or null */
  async #refuse(message: PushMessage, error: GatewayError, bytes = message.payload.length): Promise<GatewayError | null> {
    const { topic, payload, arrivedAt: at, retained } = message
    const kept = await this.#deps.letters.add({ source: this.config.id, topic, payload, bytes, at, error, retained })
    if (!kept.ok) return kept.error
    this.#refused++
    this.#deps.log('debug', `${this.config.id}: a message on ${topic.slice(0, LONGEST_SHOWN)} is refused: ${explain(error)}`)
    return null
  }

  #turnAway(message: PushMessage, meter: string): Promise<GatewayError | null> {
    const shown = JSON.stringify(meter.slice(0, LONGEST_SHOWN))
    const error =
      this.config.unregistered === 'refuse'
        ? fail('PUSH_UNREGISTERED', `meter ${shown} is not in the ledger of ${this.config.id}`, { meter: meter.slice(0, LONGEST_SHOWN) })
        : fail('PUSH_STRANGERS', `meter ${shown} is one unknown meter too many: ${this.config.maxUnregistered} are remembered`)
    return this.#refuse(message, error.error)
  }

  async #oversize({ topic, bytes, head, retained }: MqttOversize): Promise<boolean> {
    const arrivedAt = this.#deps.clock.now()
    const limit = this.config.maxPayloadBytes
    const text = `${topic.slice(0, LONGEST_SHOWN)}: refused: ${bytes} bytes, ${limit} are allowed`
    for (const watcher of this.#watchers) watcher({ at: arrivedAt, topic, payload: head, device: null, text })
    const { error } = fail('PUSH_SIZE', `a payload of ${bytes} bytes; ${limit} are allowed on ${this.config.id}`, { bytes, limit })
    return (await this.#refuse({ topic, payload: head, retained, duplicate: false, arrivedAt }, error, bytes)) === null
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
    for (const outcome of outcomes) {
      const watched = {
        at: message.arrivedAt,
        topic: message.topic,
        payload: message.payload,
        device: outcome.device,
        text: textOf(message, outcome),
      }
      for (const watcher of this.#watchers) watcher(watched)
    }
  }

  /** Said when it changes, once for all connections. */
  #sayState({ connections, subscriptions }: MqttState): void {
    if (this.#isStopping) return
    const up = connections.filter(({ state }) => state === 'up').length
    // While nobody is connected, and before the broker has answered, nothing is refused.
    const bad = up === 0 ? [] : subscriptions.filter(({ reason }) => reason?.startsWith('MQTT_SUBSCRIBE'))
    const error = connections.find(({ error: why }) => why !== null)?.error
    const text = `${up === connections.length ? 'up' : up > 0 ? 'partly up' : (error?.code ?? 'connecting')} ${bad.map(({ filter }) => filter).join(' ')}`
    if (text === this.#said) return
    this.#said = text
    if (up === connections.length) this.#deps.log('info', `broker ${this.config.id} is connected`)
    else if (up === 0 && error) this.#deps.log('warn', `broker ${this.config.id} is not connected: ${explain(error)}`)
    for (const { filter, reason } of bad) this.#deps.log('warn', `broker ${this.config.id} refuses the subscription ${filter}: ${reason}`)
  }

  #registered(fact: MeterFact): KnownMeter {
    const one = { raw: 1, scaler: 0 }
    const area = this.#deps.points.get(fact.point)?.area ?? ''
    const facts = { meter: fact.meter, point: fact.point, area, ct: parseRatio(fact.ct) ?? one, pt: parseRatio(fact.pt) ?? one }
    const meter: PushMeter = { facts, isRegistered: true }
    return { ...meter, address: fact.address, mapping: fact.profile.replace(/^mqtt\//, ''), normaliser: new PushNormaliser(meter) }
  }

  #stranger(address: string): KnownMeter {
    const one = { raw: 1, scaler: 0 }
    // The slash keeps it apart from every id the ledger allows.
    const facts = { meter: `${this.config.id}/${address}`, point: '-', area: '-', ct: one, pt: one }
    const meter: PushMeter = { facts, isRegistered: false }
    return { ...meter, address, mapping: null, normaliser: new PushNormaliser(meter) }
  }
}

/** Readings that go to the outbox together. */
interface Batch {
  readonly readings: Reading[]
  readonly done: Promise<Result<void>>
}

/** A repeat of a reading that is not safe yet. */
interface Waiting {
  readonly reading: Reading
  readonly settled: Promise<boolean>
}

/** What is to be stored of one message. */
interface Kept {
  readonly put: readonly Reading[]
  readonly waiting: readonly Waiting[]
}

const FINE = Promise.resolve(null)
const NOTHING = new Uint8Array()

type MutableHeard = { -readonly [Name in keyof Heard]: Heard[Name] } & {
  values: number
  duplicates: number
  conflicts: number
  late: number
  skipped?: string[]
  failures?: { item: string; code: string }[]
  unmapped?: { path: string; text: string }[]
}

const heardOf = (
  heard: Map<string, MutableHeard>,
  { address, isRegistered }: { readonly address: string; readonly isRegistered: boolean },
  { arrivedAt, topic, retained }: PushMessage,
  { rule }: PushOutcome,
): MutableHeard => {
  const known = heard.get(address)
  if (known) return known
  const one: MutableHeard = { at: arrivedAt, topic, rule, retained, isRegistered, values: 0, duplicates: 0, conflicts: 0, late: 0 }
  heard.set(address, one)
  return one
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

/** Filters that no other one of them covers: what two cover, a broker may send twice. */
export const uncovered = (filters: readonly string[]): string[] => {
  const all = [...new Set(filters)]
  return all.filter((filter) => !all.some((other) => other !== filter && covers(other, filter)))
}

/** Whether every topic of a filter is one of the other, wider one. @source MQTT 3.1.1, 4.7.1 topic wildcards */
const covers = (wide: string, narrow: string): boolean => {
  const [a, b] = [wide.split('/'), narrow.split('/')]
  for (const [at, level] of a.entries()) {
    if (level === '#') return !(at === 0 && b[0]?.startsWith('$'))
    const other = b[at]
    if (other === undefined || other === '#') return false
    if (level === '+' ? at === 0 && other.startsWith('$') : level !== other) return false
  }
  return a.length === b.length
}
