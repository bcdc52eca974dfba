import type { Fault } from '../faults.ts'
import type { Habits } from './habits.ts'
import type { Said } from './items3761.ts'
import type { Wiring } from './wired.ts'

/** Something that was done to a concentrator, or that it did: what a test compares with what the gateway believes. */
export interface Told {
  /** World instant. */
  readonly at: number
  readonly concentrator: string
  readonly what:
    | 'login'
    | 'logout'
    | 'parameter'
    | 'archive'
    | 'clock'
    | 'control'
    | 'forward'
    | 'action'
    | 'reset'
    | 'report'
    | 'report-confirmed'
    | 'dropped'
  readonly detail: string
}

/** What a terminal does with what it heard. The dialler owns sockets and time. */
export type Act =
  | {
      readonly kind: 'answer'
      readonly request: Uint8Array
      /** In their order; more than one is a message of several frames. */
      readonly frames: readonly Uint8Array[]
      readonly said: readonly Said[]
      /** `line`: a meter was asked over the power line, one after another. */
      readonly reach: 'memory' | 'line'
      /** Real milliseconds. */
      readonly delayMs: number
    }
  | { readonly kind: 'confirmed'; readonly of: 'login' | 'heartbeat' | 'report' | 'logout' }
  | { readonly kind: 'reboot' }

/** A report that waits for its confirmation. */
export interface Report {
  readonly name: string
  readonly frames: readonly Uint8Array[]
  readonly said: readonly Said[]
}

/** An event as it is ordered; `body` is what the protocol's record holds behind its head, worked out by the protocol. */
export interface EventOrder {
  /** ERC of 376.1, or OI of 698.45. */
  readonly code: number
  readonly level?: 'important' | 'normal'
  /** Ledger id of the meter it is about; absent = the terminal. */
  readonly meter?: string
  /** World instant; absent = now. */
  readonly at?: number
  /** It ended, or began. */
  readonly edge?: 'begin' | 'end'
}

/** A protocol of terminals, without a socket. World instants everywhere. */
export interface Brain {
  /** A connection is there: unfinished bytes of the last one are forgotten. */
  connected(): void
  login(at: number): Uint8Array
  heartbeat(at: number): Uint8Array
  logout(at: number): Uint8Array
  take(bytes: Uint8Array, at: number): readonly Act[]
  /** The report to be said now, the same until it is confirmed; null = none. Its bytes are those of the first time. */
  report(at: number): Report | null
  /** World instant of the next task upload; Infinity = none. */
  due(at: number): number
  raise(order: EventOrder, at: number): void
  /** Uploads items at once, as a task would. */
  upload(items: readonly { readonly pn: number; readonly fn: number }[] | readonly string[], at: number): void
  /** Sets the clock ahead. */
  setClock(at: number, offsetMs: number, ppm: number): void
  /** The heartbeat period a master has set, milliseconds; null = its own. */
  heartbeatMs(): number | null
  /** Power comes back. */
  rebooted(from: number, to: number): void
  /** Spoils an answer as the faults of a bus do. */
  readonly craft: {
    readdress(frame: Uint8Array): Uint8Array
    refunction(frame: Uint8Array): Uint8Array
    refuse(request: Uint8Array, code: number | null, at: number): Uint8Array
  }
}

/** What a brain is made of. */
export interface BrainOptions {
  readonly id: string
  readonly address: string
  readonly seed: number
  readonly habits: Habits
  readonly wiring: Wiring
  readonly archive: 'wired' | 'empty'
  /** World instant of its first start. */
  readonly since: number
  /** Somebody keeps a truth log. */
  readonly recording: boolean
  /** Orders of the moment for this terminal or a meter of it. */
  readonly orders: () => readonly Fault[]
  readonly told: (told: Omit<Told, 'concentrator'>) => void
}
