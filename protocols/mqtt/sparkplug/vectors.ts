import { bytesOf } from '../../../src/core/hex.ts'
import { type Inflate, unpack } from './compressed.ts'
import { definitionOf } from './definitions.ts'
import { differencesOf, isMembers, type Members, type VectorResult } from './differences.ts'
import { leafOf, namesOf, payloadFacts, sessionFacts, stateFacts } from './facts.ts'
import type { NodeView } from './options.ts'
import { SparkplugHost } from './session.ts'
import { DELIVERY, parseTopic, type Sender } from './topic.ts'

export type { Difference, VectorResult } from './differences.ts'

/** Longer than any pause of the host: each vector is judged by itself. */
const BETWEEN_MS = 3_600_000
const REORDER_MS = 2000

/**
 * Runs the vectors of a file in order through codec and one host, and compares every leaf under `expect`. `afterSeq` and
 * `lastBirthBdSeq` say in which state the host must be; where the vectors before did not bring it there, it is brought there.
 * A leaf nothing is known about is a difference.
 */
export const judgeSparkplug = (vectors: readonly unknown[], inflate: Inflate | null = null): readonly VectorResult[] => {
  let host = hostOf(inflate)
  return vectors.map((vector, at): VectorResult => {
    const name = nameOf(vector)
    const bytes = payloadOf(vector)
    if (!isMembers(vector) || bytes === null || typeof vector.topic !== 'string')
      return { name, differences: [{ path: 'hex', expected: 'a topic, and hexadecimal text or text', got: vector }] }
    const expected = isMembers(vector.expect) ? vector.expect : {}
    const topic = parseTopic(vector.topic)
    if (!topic.ok) return { name, differences: [{ path: 'topic', expected: 'a Sparkplug topic', got: topic.error.message }] }
    if (topic.value.type === 'STATE') return { name, differences: differencesOf(expected, stateFacts(bytes), 'expect') }
    const sender = topic.value
    host = broughtTo(host, sender, expected, inflate)
    const before = viewOf(host, sender)
    const payload = unpack(bytes, inflate)
    if (!payload.ok) return { name, differences: [{ path: 'hex', expected: 'a payload', got: payload.error.message }] }
    const { metrics } = payload.value
    const birth = sender.type === 'NBIRTH' || sender.type === 'DBIRTH'
    const definitions = metrics.map((metric) => (birth ? definitionOf(metric, sender.device) : host.definition(sender, metric)))
    const now = at * BETWEEN_MS
    const flags = { retained: vector.retained === true, duplicate: vector.duplicate === true }
    const outcomes = host.take({ topic: vector.topic, payload: bytes, ...flags, arrivedAt: now }, now)
    outcomes.push(...host.tick(now + REORDER_MS))
    const facts = {
      ...{ ...sender, messageType: sender.type, ...DELIVERY[sender.type], retained: flags.retained },
      ...payloadFacts(payload.value, definitions),
      ...sessionFacts(sender, before, outcomes),
      aliasResolvesTo: namesOf(metrics, definitions, expected.aliasResolvesTo),
    }
    return { name, differences: differencesOf(expected, facts, 'expect') }
  })
}

/** Runs one entry of an `invalid` part: passes when codec or host refuse it, or say what is wrong with it. */
export const judgeInvalidSparkplug = (entry: unknown, inflate: Inflate | null = null): VectorResult => {
  const name = nameOf(entry)
  if (!isMembers(entry)) return { name, differences: [{ path: 'hex', expected: 'an entry', got: entry }] }
  const payload = payloadOf(entry)
  const topic = typeof entry.topic === 'string' ? entry.topic : null
  const parsed = topic === null ? null : parseTopic(topic)
  if (parsed?.ok && parsed.value.type === 'STATE') {
    const state = stateFacts(payload ?? new Uint8Array(0))
    return { name, differences: state.refused === undefined ? [{ path: 'text', expected: 'refused', got: 'a host state' }] : [] }
  }
  // Text that is not hexadecimal is no payload at all.
  if (payload === null || !unpack(payload, inflate).ok) return { name, differences: [] }
  const outcomes = topic === null ? [] : hostOf(inflate).take({ topic, payload, retained: false, duplicate: false, arrivedAt: 0 }, 0)
  const wrong = outcomes.some(({ refused, findings }) => refused !== null || findings.some(({ code }) => code !== 'SPARKPLUG_UNBORN'))
  return { name, differences: wrong ? [] : [{ path: 'hex', expected: 'refused', got: 'a payload' }] }
}

const nameOf = (vector: unknown): string => (isMembers(vector) && typeof vector.name === 'string' ? vector.name : 'without a name')

const payloadOf = (vector: unknown): Uint8Array | null => {
  if (!isMembers(vector)) return null
  const { hex, text, json } = vector
  if (typeof hex === 'string') return bytesOf(hex)
  if (typeof text === 'string') return new TextEncoder().encode(text)
  return isMembers(json) ? new TextEncoder().encode(JSON.stringify(json)) : null
}

const hostOf = (inflate: Inflate | null): SparkplugHost => new SparkplugHost({ table: new Map(), reorderMs: REORDER_MS, inflate })

const isOf =
  (sender: Sender) =>
  ({ group, node }: { readonly group: string; readonly node: string }): boolean =>
    group === sender.group && node === sender.node

const viewOf = (host: SparkplugHost, sender: Sender): NodeView | undefined => host.nodes().find(isOf(sender))

/** A host in the state that a vector asks for, as if it had been started with such births. */
const broughtTo = (host: SparkplugHost, sender: Sender, { afterSeq, lastBirthBdSeq }: Members, inflate: Inflate | null): SparkplugHost => {
  const view = viewOf(host, sender)
  const seqHolds = typeof afterSeq !== 'number' || (view?.born === true && view.seq === afterSeq)
  const bdSeqHolds = lastBirthBdSeq === undefined || (view !== undefined && leafOf(view.bdSeq) === lastBirthBdSeq)
  if (seqHolds && bdSeqHolds) return host
  const views = host.nodes()
  const nodes = host.snapshot().nodes.map((node) => ({ ...node, seq: views.find(isOf({ ...sender, ...node }))?.seq ?? null }))
  const own = nodes.find(isOf(sender)) ?? { group: sender.group, node: sender.node, ...NOTHING }
  const seq = typeof afterSeq === 'number' ? afterSeq : own.seq
  const bdSeq = lastBirthBdSeq === undefined ? own.bdSeq : lastBirthBdSeq === null ? null : String(lastBirthBdSeq)
  const brought = hostOf(inflate)
  brought.restore({ version: 1, nodes: [...nodes.filter((node) => !isOf(sender)(node)), { ...own, seq, bdSeq }] })
  return brought
}

const NOTHING = { bdSeq: null, seq: null, birthTimestamp: null, devices: [], metrics: [] }
