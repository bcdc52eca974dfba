import type { RatioKind } from './adapter.ts'
import type { Decimal } from './decimal.ts'
import type { Obis } from './obis.ts'
import type { GatewayError } from './result.ts'

/** One message that a broker delivered. */
export interface PushMessage {
  readonly topic: string
  readonly payload: Uint8Array
  /** A stored message that came because we subscribed: no sign of life. */
  readonly retained: boolean
  /** The broker sent it before and had no acknowledgement. */
  readonly duplicate: boolean
  /** Our time of arrival, milliseconds since 1970 UTC. */
  readonly arrivedAt: number
}

/** Where an instant comes from. `arrival`: the message has none of its own. */
export type TimeSource =
  | 'arrival'
  | 'payload-epoch-s'
  | 'payload-epoch-ms'
  | 'payload-epoch-us'
  | 'payload-epoch-ns'
  | 'payload-epoch-s+index*period'
  | 'payload-epoch-ms+index*period'
  | 'payload-iso'
  | 'payload-local'

/** What is doubtful about a record. */
export type PushFlag =
  | 'time-ambiguous' //    the hour that occurs twice
  | 'clock-unset' //       the sender's clock was never set
  | 'time-implausible' //  too far from the arrival
  | 'quality-bad' //       the sender says so itself
  | 'identity' //          somebody else may have sent it

/** One value of a message, in the unit the message has it. */
export interface PushedValue {
  /** Where it stood: `$.ENERGY.Total`, `$.Datas[0][2]`, a metric's name, a data identifier. */
  readonly path: string
  /** As it was written, digit for digit; text where the message has text. */
  readonly text: string
  /** Written as text in the message: `"231.2"`. */
  readonly isText: boolean
  readonly value: Decimal
  /** Unit of the source, null when nobody says. */
  readonly unit: string | null
  /** Null: nobody said what it measures; it is reported and not stored. */
  readonly obis: Obis | null
  readonly ratio: RatioKind
  /** Data identifier of an embedded DL/T 645 frame. */
  readonly di?: string
}

/** What one meter said about one instant. */
export interface PushedRecord {
  /** Address of the meter at its broker: always text. */
  readonly meter: string
  /** Milliseconds since 1970 UTC, null = the arrival stands in. */
  readonly measuredAt: number | null
  readonly timeSource: TimeSource
  /** The other instant that the text could mean, in the hour that occurs twice. */
  readonly alternative: number | null
  readonly flags: readonly PushFlag[]
  readonly values: readonly PushedValue[]
  /** CT and PT ratio as the message gives them, decimal text; null: the ledger's. */
  readonly ct: string | null
  readonly pt: string | null
  /** Stored data sent afterwards: never the present value. */
  readonly historical: boolean
}

/** A meter or gateway came or went. */
export interface PushedPresence {
  readonly device: string
  readonly online: boolean
}

/** How well a device is heard. Names as the source has them: dBm, percent, rssi, snr, linkquality. */
export interface PushedSignal {
  readonly device: string
  readonly figures: Readonly<Record<string, number>>
}

/** Something that happened, not a quantity. */
export interface PushedEvent {
  readonly device: string
  readonly key: string
  readonly value: string
  readonly at: number | null
}

/** An item the source could not read; it stays absent. */
export interface PushedFailure {
  readonly device: string
  readonly item: string
  readonly code: string
}

/** What has to be sent back. */
export interface PushedAnswer {
  readonly topic: string
  readonly payload: Uint8Array
}

/** A field that became no value, and why: shown by `mapping try`. */
export interface SkippedField {
  readonly path: string
  readonly error: GatewayError
}

/** A frame inside a message. */
export interface PushedFrame {
  readonly device: string | null
  readonly encoding: 'hex' | 'hex with blanks' | 'base64' | 'raw'
  readonly bytes: Uint8Array
  readonly protocol: string | null
  readonly address: string | null
  readonly checksumOk: boolean | null
  readonly preambleBytes: number | null
  readonly port: number | null
  readonly counter: number | null
  /** Time of the message it came in, null = arrival. */
  readonly at: number | null
}

/** What a protocol makes of a frame that came inside a message. */
export interface EmbeddedFrame {
  readonly protocol: string
  /** Address in the frame, null where there is none. */
  readonly address: string | null
  readonly checksumOk: boolean
  /** Wake-up bytes in front of the frame; null where the protocol has none. */
  readonly preambleBytes: number | null
  readonly values: readonly PushedValue[]
  readonly skipped: readonly SkippedField[]
  /** Why there is no value at all. */
  readonly error: GatewayError | null
}

/** What is known about an embedded frame beside its bytes: a Modbus answer names no register. */
export interface FrameContext {
  readonly profile: string | null
  readonly start: number | null
  readonly function: number | null
  /** DL/T 645: other codes for data identifiers. */
  readonly obis: ReadonlyMap<string, Obis>
}
export type FrameDecoder = (protocol: 'dlt645' | 'modbus-rtu', bytes: Uint8Array, context: FrameContext) => EmbeddedFrame

/** A claim about a message that a person should see: an identity that does not fit, a clock that is not set. */
export interface PushFinding {
  readonly code: string
  readonly device: string
  readonly message: string
}

/** Everything one message became. Nothing in it was made up. */
export interface PushOutcome {
  /** Rule that took it, `mapping/rule`; null when none did. */
  readonly rule: string | null
  /** Who sent it, where a rule says. */
  readonly device: string | null
  readonly records: readonly PushedRecord[]
  readonly presence: readonly PushedPresence[]
  readonly signals: readonly PushedSignal[]
  readonly events: readonly PushedEvent[]
  readonly failures: readonly PushedFailure[]
  readonly frames: readonly PushedFrame[]
  readonly answers: readonly PushedAnswer[]
  readonly skipped: readonly SkippedField[]
  readonly findings: readonly PushFinding[]
  /** Message id for recognising a repeat, null when the message has none. */
  readonly messageId: string | null
  /** Why the whole message was put aside without being wrong: `empty-payload`, `system-topic`, `command`, `no-rule`. */
  readonly discard: string | null
  /** Why the whole message could not be used: a dead letter. */
  readonly refused: GatewayError | null
}

/** An outcome in which nothing happened, to be spread and filled. */
export const nothingPushed: PushOutcome = {
  rule: null,
  device: null,
  records: [],
  presence: [],
  signals: [],
  events: [],
  failures: [],
  frames: [],
  answers: [],
  skipped: [],
  findings: [],
  messageId: null,
  discard: null,
  refused: null,
}
