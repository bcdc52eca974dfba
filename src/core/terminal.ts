import type { Deframer, MeterTime, Profile, RegisterPlan, Sample, Selection } from './adapter.ts'
import type { Result } from './result.ts'

/**
 * One request to a terminal (终端: concentrator 集中器, energy controller). The session numbers it and knows its answers by the number:
 * a terminal answers in its own time, and says other things in between.
 */
export interface TerminalRequest<Frame> {
  /** Makes the whole frame under the number the session gives it. */
  readonly make: (sequence: number) => Uint8Array
  /** Whether a frame belongs to it: `last` ends the exchange, `part` is one of several, `stranger` is of somebody else or too late. */
  readonly judge: (frame: Frame, sequence: number) => 'last' | 'part' | 'stranger'
  /** `terminal`: it answers out of its own memory; `field`: it asks a meter first, over a bus or power line, and may need 90 s. */
  readonly reach: 'terminal' | 'field'
  /** Changes something in the terminal or a meter. Refused unless writing was switched on for the terminal; never repeated by itself. */
  readonly writes?: boolean
  /** Belongs to the request before it (the next block of an answer): nothing else goes to the terminal in between. */
  readonly follows?: boolean
}

/** A talk with one terminal: yields requests, is resumed with all frames of the answer in order, or with why there was none. */
export type TerminalTalk<T, Frame> = Generator<TerminalRequest<Frame>, Result<T>, Result<readonly Frame[]>>

/** An event as a terminal or a meter behind it keeps it. */
export interface TerminalEvent {
  /** Word of the house or of the protocol, `erc-10`, `oad-30110200`. */
  readonly code: string
  /** Measuring point or address of the meter it is about; null = the terminal itself. */
  readonly meter: { readonly pn: number } | { readonly address: string } | null
  readonly begins: MeterTime | null
  /** null = lasts, or is an instant. */
  readonly ends: MeterTime | null
  /** `begin`/`end` where the record says which; null otherwise. */
  readonly edge: 'begin' | 'end' | null
  /** What its body says, named; absent values are null. */
  readonly facts: Readonly<Record<string, string | number | boolean | null | readonly (string | number | null)[]>>
  /** The record as it came. */
  readonly raw: Uint8Array
  /** Tells it from others of its code, meter and begin; absent: its raw record does. Protocols whose records come in different words have one. */
  readonly identity?: string
}

/** Values a terminal sent or gave about one of its meters. */
export interface TerminalValues {
  readonly meter: { readonly pn: number } | { readonly address: string }
  readonly plan: RegisterPlan
  readonly samples: readonly Sample[]
}

/** What a frame from a terminal means. */
export type Heard<Frame> =
  /** `reply` leaves at once, before anything is read. `clock`: the terminal's own, where it says it. `heartbeatMs`: its period, where it says it. */
  | {
      readonly kind: 'login' | 'heartbeat' | 'logout'
      readonly reply: Uint8Array | null
      readonly clock: MeterTime | null
      readonly heartbeatMs: number | null
    }
  /** What it says by itself. `confirm` leaves when everything in it is safe on disk, not before. */
  | {
      readonly kind: 'report'
      readonly values: readonly TerminalValues[]
      readonly events: readonly TerminalEvent[]
      /** What the codec could not name, with its bytes. */
      readonly unknown: readonly { readonly what: string; readonly raw: Uint8Array }[]
      readonly confirm: Uint8Array | null
      /** Some terminals mark answers as words of their own: the requests under way are shown it first. */
      readonly frame: Frame
    }
  /** Belongs to a request, or is late. */
  | { readonly kind: 'answer'; readonly frame: Frame }
  /** Something the link layer wants said at once (confirmation of a fragment). */
  | { readonly kind: 'say'; readonly bytes: Uint8Array }
  | { readonly kind: 'other'; readonly why: string; readonly frame: Frame }

/** Listens to one connection: joins fragments, tells logins from answers. Holds at most one unfinished message. */
export interface TerminalEar<Frame> {
  /** @param now  the gateway's wall clock, for answers that carry the time */
  hear(frame: Frame, now: MeterTime): readonly Heard<Frame>[]
  /** Event counters a frame shows beside its content (EC1 important, EC2 normal, modulo 256); null when it shows none. */
  counters(frame: Frame): { readonly important: number; readonly normal: number } | null
  /** Whether the frame says that events wait (ACD). */
  eventsWait(frame: Frame): boolean
}

/** One of a terminal's meters, as it is asked for. */
export interface TerminalMeter {
  /** Ledger id, for messages. */
  readonly id: string
  /** Communication address, 12 digits. */
  readonly address: string
  /** Measuring point (测量点号 pn); null where it is not known or the protocol has none. */
  readonly pn: number | null
}

/** A read worked out once and carried out for many meters of many terminals. */
export interface TerminalPlan extends RegisterPlan {
  readonly kind: Selection['kind']
  /** Plans of one key ask for the same: jobs of one terminal with one key may be carried out as one read. */
  readonly key: string
  /** Meters that fit in one request and its answer. */
  readonly metersPerRequest: (frameLimit: number) => number
}

/** One record of a terminal's meter archive (档案). */
export interface ArchiveRecord {
  /** Archive number (装置序号), 1 to 2040. */
  readonly number: number
  readonly pn: number
  /** 1 to 31; 31 = power line carrier (载波). */
  readonly port: number
  /** 0 = the port's own. */
  readonly baud: number
  readonly protocol: 'none' | 'dlt645-1997' | 'ac-sampling' | 'dlt645-2007' | 'dlt698' | 'plc' | `code-${number}`
  /** 12 digits. */
  readonly address: string
  /** 12 hexadecimal digits. Never logged, never shown. */
  readonly password: string
  readonly tariffs: number
  readonly integerDigits: number
  readonly decimals: number
  /** Collector (采集器), 12 digits; zeros = none. */
  readonly collector: string
  readonly userClass: number
  readonly userSubclass: number
}

/** How a meter answered through the terminal's own search: signal and route. */
export interface TerminalRoute {
  readonly meter: { readonly pn: number } | { readonly address: string }
  /** Named figures: `signal`, `phase`, `hops`, `lastReadAt`, `successes`, `failures`; absent = null. */
  readonly facts: Readonly<Record<string, string | number | null>>
}

/** Serial settings of a port that bytes are passed through to. */
export interface ForwardSettings {
  readonly port: number
  readonly baud: 300 | 600 | 1200 | 2400 | 4800 | 7200 | 9600 | 19200
  readonly parity: 'none' | 'even' | 'odd'
  readonly dataBits: 7 | 8
  readonly stopBits: 1 | 2
  readonly waitMs: number
  readonly byteWaitMs: number
}

/** One parameter of a terminal by its name in the protocol's table. Values are what its schema says. */
export interface TerminalParameter {
  /** `F1`, `F25`, `40000200`. */
  readonly id: string
  readonly label: { readonly en: string; readonly zh: string }
  /** Wants a measuring point. */
  readonly perPoint: boolean
  readonly isSettable: boolean
  /** JSON Schema of its value. */
  readonly schema: object
}

/** One thing asked for by its name in the protocol, by an engineer who wants to see what the terminal says. */
export interface TerminalQuestion {
  /** gw3761: AFN and Fn, `0C F25`, `0D F161`; dlt698: an OAD, `00100200`. Only what reads; the error names what is allowed. */
  readonly item: string
  /** null = the terminal itself. */
  readonly meter: TerminalMeter | null
  /** Where the item wants one: day or month of a freeze, first point of a curve. */
  readonly at: MeterTime | null
  /** Of a curve: points and minutes between two. */
  readonly points: number | null
  readonly minutes: number | null
}

/** One item of an answer, taken apart. */
export interface TerminalItem {
  readonly item: string
  readonly label: { readonly en: string; readonly zh: string } | null
  readonly meter: { readonly pn: number } | { readonly address: string } | null
  /** In the order of the answer; numbers as exact decimal text, null = the terminal has no value. */
  readonly facts: readonly { readonly name: string; readonly value: string | null; readonly unit: string }[]
  readonly raw: Uint8Array
}

/** What a terminal is asked to switch. Carried out behind the write switch, by two persons. */
export type ControlAct = 'trip' | 'permit-close' | 'close' | 'keep-power' | 'release-power'

/** How a protocol of terminals meets the house. Everything here is arithmetic; time, sockets and disks belong to the caller. */
export interface TerminalAdapter<Frame extends object = object> {
  readonly id: 'gw3761' | 'dlt698'
  readonly longestFrame: number
  /** How many requests may be under way when the terminal shows it can do more than one; numbers run from 0 to this. */
  readonly maxSequence: number
  /** A frame as it came, for evidence. Absent: frames do not keep their bytes. */
  bytesOf?(frame: Frame): Uint8Array
  /** Whether a connection that begins so speaks it: two protocols may share a port. `more`: not to be told yet. */
  claims(first: Uint8Array): 'yes' | 'no' | 'more'
  deframer(): Deframer<Frame>
  ear(): TerminalEar<Frame>
  /** Checks an address as the ledger writes it and gives the one form by which sessions are known; the error names what is allowed. */
  address(text: string): Result<string>
  /** Who a frame is from, in that form; null for a request of a master or a frame that names nobody. */
  sender(frame: Frame): string | null
  /** Works out a read; fails when the profile has nothing of this kind. */
  plan(profile: Profile, selection: Selection): Result<TerminalPlan>
  /**
   * Reads one plan of several meters in as few requests as possible. One result a meter, in their order: one that is absent is an error of its own.
   *
   * @param now  the gateway's wall clock when the read begins: terminals are asked for freezes by date, plans count them back from today
   */
  read(
    terminal: string,
    plan: TerminalPlan,
    meters: readonly TerminalMeter[],
    frameLimit: number,
    now: MeterTime,
  ): TerminalTalk<readonly Result<readonly Sample[]>[], Frame>
  /** The cheapest exchange that proves the terminal alive (its clock). */
  clock(terminal: string): TerminalTalk<MeterTime, Frame>
  /** Sets the terminal's clock. */
  setClock(terminal: string, time: MeterTime): TerminalTalk<null, Frame>
  /** All records it has. `numbers` = only these archive numbers. */
  archive(terminal: string, numbers?: readonly number[]): TerminalTalk<readonly ArchiveRecord[], Frame>
  writeArchive(terminal: string, records: readonly ArchiveRecord[], frameLimit: number): TerminalTalk<readonly Result<null>[], Frame>
  deleteArchive(terminal: string, numbers: readonly number[], frameLimit: number): TerminalTalk<readonly Result<null>[], Frame>
  /** Events from one counter up to but not including another, modulo 256. */
  events(terminal: string, level: 'important' | 'normal', from: number, to: number): TerminalTalk<readonly TerminalEvent[], Frame>
  /** Current event counters. */
  eventCounters(terminal: string): TerminalTalk<{ readonly important: number; readonly normal: number }, Frame>
  routes(terminal: string, meters: readonly TerminalMeter[]): TerminalTalk<readonly TerminalRoute[], Frame>
  readonly parameters: readonly TerminalParameter[]
  getParameter(terminal: string, id: string, pn: number | null, ask?: unknown): TerminalTalk<unknown, Frame>
  setParameter(terminal: string, id: string, pn: number | null, value: unknown): TerminalTalk<null, Frame>
  /** Passes bytes through to a port (透明转发) and gives what came back. */
  forward(terminal: string, settings: ForwardSettings, bytes: Uint8Array): TerminalTalk<Uint8Array, Frame>
  /** Asks for anything the protocol can read. Absent: not offered. */
  query?(terminal: string, question: TerminalQuestion): TerminalTalk<readonly TerminalItem[], Frame>
  control(terminal: string, act: ControlAct, target: number | string): TerminalTalk<null, Frame>
  /** One line about a frame, for traces. */
  describe(bytes: Uint8Array, direction: 'tx' | 'rx'): string
}

/** An adapter whose kind of frame is its own business. */
export interface AnyTerminalAdapter {
  readonly id: TerminalAdapter['id']
  bind<R>(use: <Frame extends object>(adapter: TerminalAdapter<Frame>) => R): R
}

/** Hides a terminal adapter's kind of frame. */
export const anyTerminalAdapter = <Frame extends object>(adapter: TerminalAdapter<Frame>): AnyTerminalAdapter => ({
  id: adapter.id,
  bind: (use) => use(adapter),
})
