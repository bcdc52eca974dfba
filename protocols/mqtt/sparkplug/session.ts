import { nothingPushed, type PushFinding, type PushMessage, type PushOutcome } from '../../../src/core/push.ts'
import { many, ok, type Result } from '../../../src/core/result.ts'
import { unpack } from './compressed.ts'
import { type Definition, definitionOf } from './definitions.ts'
import { errorOf, type SparkplugCode, type SparkplugError } from './errors.ts'
import { type MetricsRead, readMetrics } from './metrics.ts'
import type { Entry, NodeState } from './node.ts'
import { addressOf, DEFAULTS, type NodeView, type SparkplugOptions } from './options.ts'
import { discarded, gapText, nothingRead, refused } from './outcome.ts'
import type { Metric } from './payload.ts'
import { NodeRegistry } from './registry.ts'
import type { Delivered } from './sequence.ts'
import { type HostSnapshot, readSnapshot, snapshotOf } from './snapshot.ts'
import { parseTopic, type Sender } from './topic.ts'
import { bdSeqOf, isLater, rebirthOf } from './will.ts'

/** Devices that a new birth of their node does not bring back within this time are offline. */
const SETTLE_MS = 30_000

/**
 * The host application (主机应用) of Sparkplug B: follows births, deaths and counters of edge nodes, and makes readings of their DATA.
 *
 * It has no clock: every call is told the time, and `tick` must be called about every `reorderMs`. A message that is ahead of its turn
 * is held in memory and has no outcome yet. Its sender cannot be asked for it again once it has been acknowledged; DATA comes with
 * QoS 0 and would not be sent twice anyway, so a crash loses at most the messages of the last `reorderMs`.
 *
 * @source Sparkplug B 3.0, 5 operational behaviour
 */
export class SparkplugHost {
  readonly #options: Required<SparkplugOptions>
  readonly #nodes: NodeRegistry

  constructor(options: SparkplugOptions) {
    this.#options = { ...DEFAULTS, ...options }
    this.#nodes = new NodeRegistry(this.#options)
  }

  /** Rises whenever a snapshot would differ. */
  get births(): number {
    return this.#nodes.changes
  }

  /** Takes one message; nothing when it has to wait for its turn, more than one when others waited for it. */
  take(message: PushMessage, now: number): PushOutcome[] {
    const topic = parseTopic(message.topic)
    if (!topic.ok) return [refused(topic.error)]
    if (topic.value.type === 'STATE') return [discarded('host-state')]
    const { type, group, node: name, device } = topic.value
    if (type === 'NCMD' || type === 'DCMD') return [discarded('command')]
    if (message.payload.length === 0) return [discarded('empty-payload')]
    const payload = unpack(message.payload, this.#options.inflate)
    if (!payload.ok) return [refused(payload.error)]
    const { seq } = payload.value
    if (seq !== null && seq > 255) return [refused(errorOf('SPARKPLUG_SEQ', `${message.topic}: seq ${seq} is above 255`))]
    const entry: Entry = { type, device, payload: payload.value, message }
    const known = this.#nodes.find(group, name)
    if (type === 'NDEATH') return known && !message.retained ? this.#nodeDeath(known, entry, now) : [discarded('old-will')]
    const node = known ?? this.#nodes.add(group, name, now)
    if (!node) return [refused(errorOf('SPARKPLUG_LIMIT', `${message.topic}: more than ${this.#options.maxNodes} edge nodes`))]
    if (message.retained) return [this.#retained(node, entry, now)]
    node.heardAt = now
    const outcomes = type === 'NBIRTH' ? this.#nodeBirth(node, entry, now) : this.#ordered(node, entry, now)
    this.#nodes.note(node)
    if (!this.#nodes.crowded) return outcomes
    // No room to wait in: order gives way.
    for (const delivered of node.window.flush()) outcomes.push(this.#deliver(node, delivered, now))
    this.#nodes.note(node)
    return outcomes
  }

  /** Delivers what has waited long enough. */
  tick(now: number): PushOutcome[] {
    const outcomes: PushOutcome[] = []
    for (const node of this.#nodes.pending()) {
      for (const delivered of node.window.expire(now)) outcomes.push(this.#deliver(node, delivered, now))
      if (node.settleAt !== null && now >= node.settleAt) outcomes.push(...this.#settle(node))
      this.#nodes.note(node)
    }
    return outcomes
  }

  nodes(): NodeView[] {
    return [...this.#nodes.all()].map(({ group, node, born, online, bdSeq, window, devices, definitions }) => ({
      ...{ group, node, born, online, bdSeq, seq: window.last, waiting: window.waiting.length },
      ...{ devices: [...devices.keys()], metrics: definitions.size },
    }))
  }

  /** What a metric of a DATA message is by the births so far; null when none of them says. */
  definition({ group, node, device }: Omit<Sender, 'type'>, metric: Pick<Metric, 'name' | 'alias' | 'datatype'>): Definition | null {
    const found = this.#nodes.find(group, node)?.definitions.find(device, metric)
    return found === undefined || typeof found === 'string' ? null : found
  }

  /** Births to be kept over a restart, JSON-safe. Counters are not kept: what is sent while we are away is not missed but lost. */
  snapshot(): HostSnapshot {
    return snapshotOf([...this.#nodes.all()].filter(({ born }) => born))
  }

  /**
   * Takes over kept births; those of nodes that are known already stay as they are.
   *
   * @returns  how many nodes
   * @errors   SPARKPLUG_SNAPSHOT
   */
  restore(json: unknown): Result<number, SparkplugError> {
    const read = readSnapshot(json)
    if (!read.ok) return read
    let taken = 0
    for (const { group, node: name, bdSeq, seq, birthTimestamp, devices, metrics } of read.value) {
      if (this.#nodes.find(group, name) || devices.length + metrics.length > this.#nodes.room) continue
      const node = this.#nodes.add(group, name, 0)
      if (!node) break
      node.begin({ bdSeq, timestamp: birthTimestamp, seq, at: Number.NEGATIVE_INFINITY })
      this.#nodes.resize(node, () => {
        for (const device of devices) node.devices.set(device, { born: true, online: null })
        for (const metric of metrics) node.definitions.add(metric)
      })
      taken++
    }
    return ok(taken)
  }

  /** What waits is delivered under the births it was sent under; then the node begins anew. */
  #nodeBirth(node: NodeState, entry: Entry, now: number): PushOutcome[] {
    const { payload } = entry
    // A DBIRTH may overtake the NBIRTH on another connection; older than it are only the messages of the session before.
    const newer = node.window.remove((held) => (held.payload.timestamp ?? 0) >= (payload.timestamp ?? Number.POSITIVE_INFINITY))
    const outcomes = node.window.flush().map((delivered) => this.#deliver(node, delivered, now, false))
    const findings: PushFinding[] = []
    const say = (code: SparkplugCode, message: string) => findings.push({ code, device: this.#address(node), message })
    if (payload.seq !== 0) say('SPARKPLUG_SEQ', `seq of a birth is ${payload.seq ?? 'absent'}, expected 0`)
    const bdSeq = bdSeqOf(payload)
    if (bdSeq === null) say('SPARKPLUG_BDSEQ', 'a birth without bdSeq: no will can be told to be its own')
    node.begin({ bdSeq, timestamp: payload.timestamp, seq: Number(payload.seq ?? 0), at: now })
    node.online = true
    node.settleAt = node.devices.size > 0 ? now + SETTLE_MS : null
    this.#nodes.resize(node, () => node.definitions.clear())
    const left = this.#remember(node, entry)
    if (left > 0) say('SPARKPLUG_LIMIT', `${many(left, 'metric')} of a birth not remembered, ${this.#options.maxAliases} are`)
    outcomes.push({
      ...this.#outcome(node, entry, this.#read(node, entry, true, now)),
      presence: [{ device: this.#address(node), online: true }],
      findings,
    })
    for (const held of newer) node.window.hold(Number(held.payload.seq ?? 0), held, now)
    for (const delivered of node.window.drain()) outcomes.push(this.#deliver(node, delivered, now))
    return outcomes
  }

  /** @source Sparkplug B 3.0, 6.4.21 NDEATH: it counts only with the bdSeq of the last NBIRTH; old wills arrive late */
  #nodeDeath(node: NodeState, entry: Entry, now: number): PushOutcome[] {
    const bdSeq = bdSeqOf(entry.payload)
    const own = bdSeq !== null && bdSeq === node.bdSeq
    if (!own && !isLater(bdSeq, node.bdSeq)) return [discarded('old-will', this.#address(node))]
    const outcomes = node.window.flush().map((delivered) => this.#deliver(node, delivered, now, false))
    const gone = [this.#address(node), ...[...node.devices.keys()].map((device) => this.#address(node, device))]
    this.#nodes.resize(node, () => {
      node.definitions.clear()
      if (own) node.devices.clear()
    })
    node.end()
    this.#nodes.note(node)
    // The will of a session whose birth we missed: what we know of the node is of no use any more.
    if (!own) return [...outcomes, discarded('unborn-will', this.#address(node))]
    node.online = false
    return [...outcomes, { ...this.#outcome(node, entry, nothingRead), presence: gone.map((device) => ({ device, online: false })) }]
  }

  /** Everything that has a number and is no NBIRTH. */
  #ordered(node: NodeState, entry: Entry, now: number): PushOutcome[] {
    const { window } = node
    const next = window.last === null ? null : (window.last + 1) % 256
    // Encodings that leave out zeros leave out the number 0.
    const seq = entry.payload.seq ?? (next === 0 ? 0 : null)
    const item = { ...entry, payload: { ...entry.payload, seq } }
    const { timestamp } = item.payload
    const at = { gap: null, late: false, item }
    if (seq === null || !this.#options.checkSequence) return [this.#deliver(node, at, now)]
    const number = Number(seq)
    const inOrder = next === null || number === next
    const repeated = (timestamp !== null && node.recent.get(number) === timestamp) || (entry.message.duplicate && !inOrder)
    if (repeated) return [this.#deliver(node, { ...at, late: true }, now)]
    if (!node.born) {
      if (node.waitedForBirth) return [this.#deliver(node, at, now)]
      window.hold(number, item, now)
      return window.expire(now).map((delivered) => this.#deliver(node, delivered, now))
    }
    if (!inOrder && node.isOvertaken(timestamp, now - this.#options.reorderMs))
      return [this.#deliver(node, { ...at, late: true }, now, false, true)]
    return window.offer(number, item, now).map((delivered) => this.#deliver(node, delivered, now))
  }

  /** @param strange  sent under another birth than the present one */
  #deliver(node: NodeState, { item, gap, late }: Delivered<Entry>, now: number, ask = true, strange = false): PushOutcome {
    const { type, device, payload } = item
    const findings: PushFinding[] = []
    const sender = this.#address(node, device)
    const say = (code: SparkplugCode, message: string) => findings.push({ code, device: sender, message })
    if (payload.seq !== null && payload.timestamp !== null && !late) node.recent.set(Number(payload.seq), payload.timestamp)
    if (payload.seq === null) say('SPARKPLUG_SEQ', 'seq is absent: the order of messages cannot be checked')
    const lost = node.born && gap !== null
    if (lost) say('SPARKPLUG_GAP', gapText(gap))
    const homeless = !node.born && !strange
    if (homeless) {
      say('SPARKPLUG_UNBORN', 'no birth seen')
      node.waitedForBirth = true
    }
    const presence = late || strange ? [] : this.#presence(node, item)
    if (type === 'DBIRTH' && node.born && !late && !strange) {
      const left = this.#remember(node, item)
      if (left > 0) say('SPARKPLUG_LIMIT', `${many(left, 'metric')} of a birth not remembered, ${this.#options.maxAliases} are`)
    }
    const read = type === 'DDEATH' ? nothingRead : this.#read(node, item, node.born && !strange, now)
    const need = ask && !strange && (lost || homeless || (read.unresolved > 0 && !late))
    const answers = need && this.#options.requestRebirth && node.rebirth.need(now) ? [rebirthOf(node.group, node.node, now)] : []
    return { ...this.#outcome(node, item, read), presence, answers, findings }
  }

  /** Who came or went with a message that stands in order. */
  #presence(node: NodeState, { type, device }: Entry): PushOutcome['presence'] {
    const presence = []
    if (node.born && node.online !== true) presence.push({ device: this.#address(node), online: true })
    if (node.born) node.online = true
    if (device === null) return presence
    const address = this.#address(node, device)
    if (type === 'DDEATH') {
      this.#nodes.resize(node, () => {
        node.devices.delete(device)
        node.definitions.forget(device)
      })
      return [...presence, { device: address, online: false }]
    }
    const state = node.devices.get(device)
    if (type === 'DBIRTH' ? node.born : state?.online === null) presence.push({ device: address, online: true })
    if (state) state.online = true
    return presence
  }

  /** A stored message is no sign of life and no birth; what it says under its own time and name may be stored. */
  #retained(node: NodeState, entry: Entry, now: number): PushOutcome {
    if (entry.type === 'DDEATH') return discarded('retained', this.#address(node, entry.device))
    const read = this.#read(node, entry, false, now)
    const records = read.records.filter(({ measuredAt }) => measuredAt !== null)
    return { ...this.#outcome(node, entry, { ...read, records, figures: {} }), discard: records.length === 0 ? 'retained' : null }
  }

  #read(node: NodeState, { type, device, payload }: Entry, resolvable: boolean, now: number): MetricsRead {
    const { table, signals } = this.#options
    return readMetrics(payload.metrics, {
      ...{ meter: this.#address(node, device), device, birth: type === 'NBIRTH' || type === 'DBIRTH' },
      ...{ definitions: resolvable ? node.definitions : null, table, signals, timestamp: payload.timestamp, now },
    })
  }

  /** Takes over what a birth defines. @returns how many metrics found no room */
  #remember(node: NodeState, { device, payload }: Entry): number {
    const room = this.#nodes.room + node.size
    let left = 0
    this.#nodes.resize(node, () => {
      node.definitions.forget(device)
      if (device !== null && (node.devices.has(device) || node.size < room)) node.devices.set(device, { born: true, online: true })
      for (const metric of payload.metrics) {
        const definition = definitionOf(metric, device)
        if (definition && node.size < room) node.definitions.add(definition)
        else if (definition) left++
      }
    })
    return left
  }

  /** Devices that did not come back after the last birth of their node. */
  #settle(node: NodeState): PushOutcome[] {
    node.settleAt = null
    const gone = [...node.devices].flatMap(([device, { born }]) => (born ? [] : [device]))
    this.#nodes.resize(node, () => {
      for (const device of gone) node.devices.delete(device)
    })
    const presence = gone.map((device) => ({ device: this.#address(node, device), online: false }))
    return gone.length === 0 ? [] : [{ ...nothingPushed, device: this.#address(node), presence }]
  }

  #outcome(node: NodeState, { type, device }: Entry, { records, skipped, figures }: MetricsRead): PushOutcome {
    const sender = this.#address(node, device)
    const signals = Object.keys(figures).length > 0 ? [{ device: sender, figures }] : []
    return { ...nothingPushed, rule: `sparkplug/${type}`, device: sender, records, skipped, signals }
  }

  #address({ group, node }: NodeState, device: string | null = null): string {
    return addressOf(this.#options.meterOf, group, node, device)
  }
}
