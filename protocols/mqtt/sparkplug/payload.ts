/** A payload as it stands on the wire: nothing interpreted. @source Eclipse Tahu, sparkplug_b.proto (proto2) */
import type { Raw } from '../../../src/core/decimal.ts'

/** A number, text or bytes in the field in which it was sent. `int` is unsigned 32 bits, `long` unsigned 64. */
export type WireValue =
  | { readonly field: 'int'; readonly value: number }
  | { readonly field: 'long'; readonly value: bigint }
  | { readonly field: 'float'; readonly value: number }
  | { readonly field: 'double'; readonly value: number }
  | { readonly field: 'boolean'; readonly value: boolean }
  | { readonly field: 'string'; readonly value: string }
  | { readonly field: 'bytes' | 'dataset' | 'template' | 'propertyset' | 'propertylist' | 'extension'; readonly value: Uint8Array }

/** One property of a metric, `engUnit` for example. */
export interface Property {
  readonly datatype: number
  readonly isNull: boolean
  readonly value: WireValue | null
}

/** One metric (测点): a named quantity of an edge node or device. */
export interface Metric {
  /** Null: only the alias was sent. */
  readonly name: string | null
  readonly alias: Raw | null
  /** Milliseconds since 1970 UTC. */
  readonly timestamp: Raw | null
  /** Number of a Sparkplug datatype, 0 when it was left out. */
  readonly datatype: number
  readonly isHistorical: boolean
  readonly isTransient: boolean
  readonly isNull: boolean
  readonly properties: ReadonlyMap<string, Property>
  readonly value: WireValue | null
}

export interface Payload {
  /** Milliseconds since 1970 UTC. */
  readonly timestamp: Raw | null
  readonly metrics: readonly Metric[]
  /** 0 to 255, one counter for an edge node and all its devices. */
  readonly seq: Raw | null
  readonly uuid: string | null
  readonly body: Uint8Array | null
}

/** A metric in which nothing is said, to be spread and filled. */
export const emptyMetric: Metric = {
  name: null,
  alias: null,
  timestamp: null,
  datatype: 0,
  isHistorical: false,
  isTransient: false,
  isNull: false,
  properties: new Map(),
  value: null,
}

/** A payload in which nothing is said. */
export const emptyPayload: Payload = { timestamp: null, metrics: [], seq: null, uuid: null, body: null }

/** Largest counts and lengths that are taken. */
export interface Limits {
  readonly metrics: number
  readonly nameBytes: number
  /** Properties of all metrics together. */
  readonly properties: number
}
export const LIMITS: Limits = { metrics: 10_000, nameBytes: 512, properties: 20_000 }
