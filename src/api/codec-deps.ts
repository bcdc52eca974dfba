import type { Result } from '../core/index.ts'
import type { Refusal } from './deps.ts'

/** A meter model (表型) in a list. */
export interface ProfileView {
  readonly id: string
  readonly protocol: string
  readonly manufacturer: string | null
  readonly models: readonly string[]
  /** Lines of its register map. */
  readonly registers: number
}

/** What messages of a kind of MQTT device mean. */
export interface MappingView {
  readonly id: string
  readonly title: string
  /** Filters of the topics it takes. */
  readonly topics: readonly string[]
  /** Brokers that use it. */
  readonly brokers: readonly string[]
}

/** A message to be tried. */
export interface TriedMessage {
  readonly topic: string
  readonly payload: Uint8Array
  readonly retained: boolean
  /** Milliseconds since 1970 UTC. */
  readonly arrivedAt: number
}

/** A frame explained; `ok` false: it is broken, and `text` and `explanation` say where. */
export interface DecodedView {
  readonly ok: boolean
  readonly text: string
  readonly explanation: Readonly<Record<string, unknown>>
}

/** Meter models, mappings and frames, as the commands `profile`, `mapping` and `decode` show them. */
export interface CodecDeps {
  /** By id. */
  profiles(after: string | null, limit: number): readonly ProfileView[]
  /** A model whole, as its file has it; null: there is none. */
  profile(id: string): Readonly<Record<string, unknown>> | null
  /** By id. */
  mappings(): readonly MappingView[]
  /** What a message becomes, without being taken in; null: there is no such mapping. */
  tryMapping(id: string, message: TriedMessage): Result<Readonly<Record<string, unknown>>, Refusal> | null
  /** Protocols frames can be explained of. */
  readonly protocols: readonly string[]
  explainFrame(protocol: string, bytes: Uint8Array, direction: 'request' | 'response' | undefined): DecodedView
}
