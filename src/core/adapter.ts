import type { Raw } from './decimal.ts'
import type { Obis } from './obis.ts'
import type { Source } from './reading.ts'
import type { GatewayError, Result } from './result.ts'

/** Bytes that were no frame: reported, never swallowed. */
export interface Discarded {
  readonly discarded: Uint8Array
  readonly error: GatewayError
}

/** One request on a line, and how to know its answer. Made by a protocol, carried out by the line. */
export interface Request<Frame> {
  /** Whole frame, ready for the wire. Nobody changes it: a line that numbers its requests does so in a copy. */
  readonly bytes: Uint8Array
  /**
   * Whether a frame that came in is the answer: `answer` ends the exchange, `stranger` (a late reply, another unit) is recorded and
   * waiting goes on. Address, function and length are compared here.
   */
  readonly judge: (frame: Frame) => 'answer' | 'stranger'
  /** Bytes of the longest answer that is expected, for the time allowed; 0 = nobody answers (broadcast). */
  readonly replyBytes: number
  /**
   * Requests of one device with the same word here have answers that cannot be told apart (Modbus RTU: an answer names no register).
   * Absent: an answer says what it is about.
   */
  readonly twins?: string
  /** The answer may be byte for byte the request (Modbus writes): such an echo cannot be told from an answer. */
  readonly mirrors?: boolean
  /** Changes something in a meter. A line refuses it unless writing was switched on for it. */
  readonly writes?: boolean
  /** Belongs to the request before it (follow-up frame): nothing may come between. */
  readonly follows?: boolean
  /**
   * Makes the bytes anew, of the same length, at the moment they leave: a time of day must not be as old as the wait for a quiet line.
   * `wireMs` is how long they take on the wire.
   */
  readonly remake?: (wireMs: number) => Uint8Array
  /** The answer shows the meter's clock: when it was asked and when it began to answer are wanted. */
  readonly timed?: boolean
}

/**
 * A talk with one meter: yields requests, is resumed with the answer or with why there was none, returns what it was for.
 * It needs no socket to test.
 */
export type Conversation<T, Frame> = Generator<Request<Frame>, Result<T>, Result<Frame>>

/** Cuts a byte stream into frames. One per line; a bad frame costs one byte, then retry. */
export interface Deframer<Frame> {
  /** Takes bytes as they came (the array is not kept) and gives what became whole. */
  push(bytes: Uint8Array): readonly (Frame | Discarded)[]
  /** Forgets a half frame: after silence it never becomes whole. Gives it back as discarded, null when there was none. */
  flush(): Discarded | null
}

export const isDiscarded = <Frame extends object>(item: Frame | Discarded): item is Discarded => 'discarded' in item

/** Transaction ids on protocols that have them (Modbus TCP): many requests may be under way at once. */
export interface Correlation<Frame> {
  /** Writes the id into a request. */
  stamp(bytes: Uint8Array, id: number): void
  idOf(frame: Frame): number
  /** Ids run from 0 to this. */
  readonly maxId: number
}

/** What a ratio does to a value: `none` = already primary, else it is secondary and is multiplied by CT, PT or both, once, in `normalise`. */
export type RatioKind = 'none' | 'ct' | 'pt' | 'ctpt'

/** One value a plan will bring, in the order of {@link Sample.raws}. */
export interface PlannedValue {
  readonly obis: Obis
  /** Unit as the meter has it; `normalise` turns it into the stored one. */
  readonly unit: string
  /** Power of ten; null when each value brings its own (floats). */
  readonly scaler: number | null
  readonly ratio: RatioKind
}

/** Wall-clock time as a meter says it, without zone. */
export interface MeterTime {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
}

/** Gives the time of day that it will be in so many milliseconds: asked at the moment a request leaves. */
export type TimeTeller = (inMs: number) => MeterTime

/** Who changes something in a meter. The protocol knows which of it it needs. */
export interface MeterCredentials {
  /** Password level, two digits. */
  readonly level: string
  /** Six digits, most significant first. Never logged. */
  readonly password: string
  /** Operator code, eight digits. */
  readonly operator: string
}

/** The clock (时钟) of meters of one model. A model without one has no such object. */
export interface MeterClock<Frame> {
  /** Exactly one request of it is `timed`: the one whose answer shows the seconds. */
  read(address: string, memory: DeviceMemory): Conversation<MeterTime, Frame>
  /** Sets the clock of one meter, by password. `shows` = what it shows now: only what is different is written. */
  set?(address: string, teller: TimeTeller, shows: MeterTime, who: MeterCredentials): Conversation<null, Frame>
  /** Tells the time to every meter on the line at once. Nobody confirms it. */
  broadcast?(teller: TimeTeller): Conversation<null, Frame>
}

/** What a meter said about one instant. */
export interface Sample {
  /** The meter's own time of these values (freeze, curve point); null = now, when the answer came. */
  readonly at: MeterTime | null
  /** Integer values, null where absent. */
  readonly raws: (Raw | null)[]
  /** Exponents for planned values without scaler; null when there are none. */
  readonly scalers: number[] | null
  /** Index → why it is absent. */
  readonly absent: Map<number, GatewayError> | null
}

/** What a read is for. `current` = registers and instantaneous values now. */
export type ReadKind = 'current' | 'curve' | 'day-freeze' | 'month-freeze'

/** What to read of a meter. */
export interface Selection {
  readonly kind: ReadKind
  /** Only these codes (full form); absent = everything the profile gives for this kind. */
  readonly obis?: readonly Obis[]
  /** For freezes: how many back, 1 = the last. For curves: the first point wanted. */
  readonly nth?: number
  readonly since?: MeterTime
  readonly until?: MeterTime
}

/** What a protocol learnt about one device (refused blocks, protocol version, echo of wildcards). Opaque to everybody else. */
export type DeviceMemory = Map<string, unknown>

/** A read worked out once and carried out many times. */
export interface ReadPlan<Frame> {
  readonly source: Source
  readonly values: readonly PlannedValue[]
  /** Reads everything planned; one sample, or several for a curve. Fails only when the meter gave nothing at all. */
  talk(address: string, memory: DeviceMemory): Conversation<readonly Sample[], Frame>
}

/** How a protocol meets the house. */
export interface ProtocolAdapter<Frame extends object = object> {
  readonly id: string
  /** Largest answer in bytes, so that a line knows how long noise can last. */
  readonly longestFrame: number
  deframer(): Deframer<Frame>
  /** A frame that came, byte for byte from its first to its last, for evidence. Bytes in front that only wake are no part of it. */
  bytesOf(frame: Frame): Uint8Array
  readonly correlation?: Correlation<Frame>
  /** Checks an address as the ledger writes it; the error names what is allowed. */
  address(text: string): Result<string>
  /** Works out a read; fails when the profile has nothing of this kind. */
  plan(profile: Profile, selection: Selection): Result<ReadPlan<Frame>>
  /** The cheapest exchange that proves a device alive. */
  probe(profile: Profile, address: string, memory: DeviceMemory): Conversation<unknown, Frame>
  /** The clock of the meters of a profile; null or no such function: they have none that can be read. */
  clock?(profile: Profile): MeterClock<Frame> | null
  /** One line about a frame, for traces. */
  describe(bytes: Uint8Array, direction: 'tx' | 'rx'): string
}

/** A meter model as data: the common head of every file in config/profiles. The protocol's own schema has the rest. */
export interface Profile {
  readonly id: string
  readonly protocol: string
  readonly manufacturer?: string
  readonly models?: readonly string[]
  readonly [member: string]: unknown
}

/** The part of a plan that is the same for every protocol. */
export type RegisterPlan = Pick<ReadPlan<never>, 'source' | 'values'>

/** An adapter whose kind of frame is its own business. */
export interface AnyAdapter {
  readonly id: string
  readonly correlates: boolean
  bind<R>(use: <Frame extends object>(adapter: ProtocolAdapter<Frame>) => R): R
}

/** Hides an adapter's kind of frame, so that adapters of all protocols fit in one table. */
export const anyAdapter = <Frame extends object>(adapter: ProtocolAdapter<Frame>): AnyAdapter => ({
  id: adapter.id,
  correlates: adapter.correlation !== undefined,
  bind: (use) => use(adapter),
})
