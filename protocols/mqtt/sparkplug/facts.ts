import { decimalNumber, decimalText, type Raw } from '../../../src/core/decimal.ts'
import { hexOf } from '../../../src/core/hex.ts'
import type { PushOutcome } from '../../../src/core/push.ts'
import type { Definition } from './definitions.ts'
import { Float32, isMembers, type Members, Told } from './differences.ts'
import type { NodeView } from './options.ts'
import type { Metric, Payload, WireValue } from './payload.ts'
import { type Deed, deedsOf, sequenceOf } from './sentences.ts'
import { DELIVERY, parseHostState, type Sender } from './topic.ts'
import { interpret, TYPE, typeName } from './value.ts'

/** A whole number as a vector writes it: text where a double has no room for it. */
export const leafOf = (raw: Raw | null): number | string | null => (typeof raw === 'bigint' ? String(raw) : raw)

/** What the message of a host says. */
export const stateFacts = (bytes: Uint8Array): Members => {
  const state = parseHostState(bytes)
  const { retained, qos } = DELIVERY.STATE
  const ignored: Deed = { sentence: 'ignore: state of a host application', like: /ignore/i, about: [] }
  const facts = { messageType: 'STATE', retained, qos, action: new Told([ignored]) }
  if (!state.ok) return { ...facts, refused: state.error.code }
  const { encoding, online, timestamp } = state.value
  const json = encoding.startsWith('JSON')
  const words: Deed = { sentence: encoding, like: json ? /json/i : /plain|text/i, about: json ? ['3', '0'] : ['2', '0', '1'] }
  return { ...facts, online, timestamp, encoding: new Told([words]) }
}

/** What the codec says of a payload; datatypes that were left out come from the births. */
export const payloadFacts = ({ timestamp, seq, uuid, metrics }: Payload, definitions: readonly (Definition | null)[]): Members => ({
  ...{ timestamp: leafOf(timestamp), seq: leafOf(seq), uuid },
  metrics: metrics.map((metric, at) => metricFacts(metric, metric.datatype || (definitions[at]?.datatype ?? 0))),
})

const metricFacts = (metric: Metric, datatype: number): Members => {
  const { name, alias, timestamp, isNull, isHistorical, isTransient, properties } = metric
  return {
    ...{ name, alias: leafOf(alias), timestamp: leafOf(timestamp), datatype, type: typeName(datatype), isNull, isHistorical, isTransient },
    properties: Object.fromEntries([...properties].map(([key, { value, datatype: type }]) => [key, valueFacts(value, type).value])),
    ...valueFacts(isNull ? null : metric.value, datatype),
  }
}

/** The value as JSON has it: 64 bits beyond a double as text, bytes as hexadecimal text, null for what is no value. */
const valueFacts = (wire: WireValue | null, datatype: number): Members => {
  if (wire === null) return { value: null }
  const said = interpret(wire, datatype)
  if (!said.ok) return { value: null, valueNote: said.error.message, error: said.error.code }
  if (said.value.kind === 'time') return wholeFacts(said.value.at)
  if (said.value.kind === 'bytes') return { value: hexOf(said.value.value, '').toLowerCase() }
  if (said.value.kind !== 'number') return { value: said.value.value }
  const { raw, scaler } = said.value.decimal
  if (datatype !== TYPE.FLOAT && datatype !== TYPE.DOUBLE && datatype !== 0) return wholeFacts(raw)
  const number = decimalNumber(raw, scaler)
  return { value: wire.field === 'float' ? new Float32(Math.fround(number)) : number, decimal: decimalText(raw, scaler) }
}

const wholeFacts = (raw: Raw): Members =>
  typeof raw === 'bigint' ? { value: String(raw), valueNote: 'beyond 2^53: kept as text' } : { value: raw }

/** What the host knew before a message, and what it did with it. */
export const sessionFacts = (sender: Sender, before: NodeView | undefined, outcomes: readonly PushOutcome[]): Members => {
  const own = outcomes.findLast(({ rule, discard, refused }) => rule !== null || discard !== null || refused !== null)
  const presence = outcomes.flatMap((outcome) => outcome.presence).at(-1)
  return {
    ...{ afterSeq: before?.seq ?? null, lastBirthBdSeq: leafOf(before?.bdSeq ?? null) },
    ...(presence && { online: presence.online }),
    ...(own && { sequence: new Told([sequenceOf(own)]), discard: own.discard, refused: own.refused?.code ?? null }),
    action: new Told(outcomes.flatMap((outcome) => deedsOf(outcome, sender))),
  }
}

/** Names of the metrics that came with an alias, in the form the vector asks for: one name, a list, or a name for each alias. */
export const namesOf = (metrics: readonly Metric[], definitions: readonly (Definition | null)[], asked: unknown): unknown => {
  const names = metrics.flatMap(({ alias }, at) => (alias === null ? [] : [[leafOf(alias), definitions[at]?.name ?? null] as const]))
  if (Array.isArray(asked)) return names.map(([, name]) => name)
  if (isMembers(asked)) return Object.fromEntries(names)
  return new Set(names.map(([, name]) => name)).size === 1 ? names[0]?.[1] : names.map(([, name]) => name)
}
