import type { GatewayError, Result } from '../core/index.ts'
import type { ClockDetail, ClockStateName } from './clock-deps.ts'
import type { Refusal, Soon } from './deps.ts'

export const CONCENTRATOR_PROTOCOLS = ['gw3761', 'dlt698'] as const
export type ConcentratorProtocol = (typeof CONCENTRATOR_PROTOCOLS)[number]

/** A concentrator of the ledger and how its connection fares. Times are milliseconds since 1970 UTC. */
export interface ConcentratorView {
  readonly id: string
  readonly name: string
  readonly area: string
  readonly address: string
  /** Null: the ledger names none that is known. */
  readonly protocol: ConcentratorProtocol | null
  readonly allowWrites: boolean
  /** Why it cannot be talked to at all; null = it can. */
  readonly problem: string | null
  readonly online: {
    readonly peer: string
    readonly listener: string
    readonly since: number
    readonly lastFrameAt: number
    readonly heartbeatMs: number
    readonly queued: number
    readonly underWay: number
  } | null
  /** Meters of the ledger behind it. */
  readonly meters: number
  /** Counted since the gateway started; null = it never connected. */
  readonly figures: ConcentratorFigures | null
  readonly archive: ArchiveCountsView | null
  readonly clock: { readonly at: number; readonly driftMs: number; readonly state: ClockStateName } | null
}

export interface ConcentratorFigures {
  readonly logins: number
  readonly heartbeats: number
  readonly reports: number
  readonly requests: number
  readonly answered: number
  readonly noReply: number
  readonly refused: number
  readonly damagedBytes: number
  readonly strangers: number
  readonly bytesIn: number
  readonly bytesOut: number
}

/** How ledger and concentrator agree, by what was read last. */
export interface ArchiveCountsView {
  readonly readAt: number
  readonly records: number
  readonly same: number
  readonly onlyInLedger: number
  readonly onlyInConcentrator: number
  readonly differs: number
  readonly second: number
  readonly problems: number
}

export interface ConcentratorFilter {
  readonly area?: string
  readonly protocol?: ConcentratorProtocol
  readonly online?: boolean
  /** Part of id, name or address. */
  readonly text?: string
}

/** A record without its password. */
export interface ArchiveRecordView {
  readonly number: number
  readonly pn: number
  readonly address: string
  readonly port: number
  readonly baud: number
  readonly protocol: string
  readonly tariffs: number
  readonly integerDigits: number
  readonly decimals: number
  readonly collector: string
  readonly userClass: number
  readonly userSubclass: number
}

export const ARCHIVE_DIFFERENCES = ['only-in-ledger', 'only-in-concentrator', 'differs', 'second'] as const

export interface ArchiveDifferenceView {
  readonly kind: (typeof ARCHIVE_DIFFERENCES)[number]
  readonly meter: string | null
  readonly address: string
  readonly wanted: ArchiveRecordView | null
  readonly held: ArchiveRecordView | null
  readonly fields: readonly { readonly name: string; readonly wanted: string | number; readonly held: string | number }[]
  readonly replaces: string | null
}

export interface ArchiveView {
  readonly counts: ArchiveCountsView
  readonly records: readonly (ArchiveRecordView & { readonly meter: string | null })[]
  readonly differences: readonly ArchiveDifferenceView[]
  readonly problems: readonly { readonly meter: string; readonly message: string }[]
}

export interface ParameterNameView {
  readonly id: string
  readonly pn: number | null
  readonly ask?: unknown
}

export interface ParameterView {
  readonly id: string
  readonly label: { readonly en: string; readonly zh: string }
  readonly perPoint: boolean
  readonly isSettable: boolean
  /** JSON Schema of its value. */
  readonly schema: object
  /** What was read of it last, by measuring point; `pn` null = the concentrator's own. */
  readonly known: readonly { readonly pn: number | null; readonly at: number; readonly value: unknown }[]
}

/** Why and how something is read of meters behind a concentrator. */
export interface ConcentratorReadOrder {
  readonly meters?: readonly string[]
  readonly read: 'current' | 'curve' | 'day-freeze' | 'month-freeze'
  readonly registers?: readonly string[]
  /** Freezes: how many back, 1 = the last. */
  readonly nth?: number
  /** Curves: wall clock, `2026-11-21T00:15`. */
  readonly since?: string
  readonly until?: string
  readonly profile?: string
  readonly way?: 'own' | 'forward'
  readonly port?: number
  readonly baud?: 300 | 600 | 1200 | 2400 | 4800 | 7200 | 9600 | 19200
  readonly waitMs?: number
}

/** Everything that is done through a concentrator as a job. */
export type ConcentratorOrder =
  | { readonly what: 'archive-read' }
  | { readonly what: 'archive-download'; readonly meters?: readonly string[] }
  | { readonly what: 'archive-delete'; readonly numbers: readonly number[]; readonly alsoInLedger: boolean }
  | { readonly what: 'parameters-read'; readonly items: readonly ParameterNameView[] }
  | {
      readonly what: 'parameters-compare'
      /** Values wanted, or names of what another concentrator has. */
      readonly items: readonly (ParameterNameView & { readonly value?: unknown })[]
      readonly like?: string
    }
  | { readonly what: 'parameters-set'; readonly items: readonly (ParameterNameView & { readonly value: unknown })[] }
  | { readonly what: 'clock-read' }
  | { readonly what: 'clock-set'; readonly second: string | null; readonly acceptCrossing: boolean }
  | { readonly what: 'events'; readonly level: 'important' | 'normal'; readonly from?: number; readonly to?: number }
  | { readonly what: 'routes'; readonly meters?: readonly string[] }
  | ({ readonly what: 'read' } & ConcentratorReadOrder)
  | {
      readonly what: 'ask'
      readonly item: string
      readonly meter?: string
      readonly at?: string
      readonly points?: number
      readonly minutes?: number
    }

export const CONCENTRATOR_JOBS = [
  ...(['archive-read', 'archive-download', 'archive-delete', 'parameters-read', 'parameters-compare', 'parameters-set'] as const),
  ...(['clock-read', 'clock-set', 'events', 'routes', 'read', 'ask'] as const),
] as const satisfies readonly ConcentratorOrder['what'][]

export interface ConcentratorJobView {
  readonly id: number
  readonly concentrator: string
  readonly what: string
  readonly who: string
  readonly why: string
  readonly at: number
  readonly endedAt: number | null
  readonly state: 'running' | 'done' | 'failed' | 'cancelled'
  readonly done: number
  readonly total: number
  readonly step: string
  readonly result: unknown
  readonly error: GatewayError | null
}

/** An event as it was stored. */
export interface ConcentratorEventView {
  readonly at: number
  readonly begin: number | null
  readonly end: number | null
  readonly edge: 'begin' | 'end' | null
  readonly receivedAt: number
  /** Meter, or the concentrator itself. */
  readonly meter: string
  readonly code: string
  /** What its body says, named. */
  readonly facts: Readonly<Record<string, unknown>>
  /** The record as it came, hexadecimal. */
  readonly raw: string
}

export interface ConcentratorEventQuery {
  readonly meter?: string
  readonly from: number
  readonly to: number
  /** Those that come after this one; null = from the newest on. */
  readonly after: Pick<ConcentratorEventView, 'at' | 'meter' | 'code'> | null
  readonly limit: number
}

export interface ConcentratorRouteView {
  readonly meter: string | null
  readonly address: string | null
  readonly pn: number | null
  readonly facts: Readonly<Record<string, string | number | null>>
}

export const CONTROL_ACTS = ['trip', 'permit-close', 'close', 'keep-power', 'release-power'] as const
export const CONTROL_STATES = ['requested', 'withdrawn', 'expired', 'sent', 'done', 'refused', 'not-sent', 'unknown'] as const

export interface ControlView {
  readonly id: number
  readonly concentrator: string
  readonly act: (typeof CONTROL_ACTS)[number]
  readonly target: string
  readonly why: string
  readonly state: (typeof CONTROL_STATES)[number]
  readonly requestedBy: string
  readonly requestedAt: number
  readonly until: number
  readonly confirmedBy: string | null
  readonly steps: readonly { readonly at: number; readonly step: string; readonly who: string; readonly text: string }[]
  readonly frames: readonly string[]
}

export interface ControlOrderView {
  readonly act: (typeof CONTROL_ACTS)[number]
  readonly meter?: string
  readonly point?: number
  readonly why: string
}

/** Whoever holds a token. */
export interface PersonView {
  readonly id: string
  readonly name: string
}

export interface UnknownTerminalView {
  readonly protocol: ConcentratorProtocol
  readonly address: string
  readonly peer: string
  readonly firstSeen: number
  readonly lastSeen: number
  readonly count: number
}

export interface AdoptTerminalOrder {
  readonly protocol: ConcentratorProtocol
  readonly address: string
  readonly id: string
  readonly name?: string
  readonly area?: string
  readonly why: string
  readonly workOrder?: string
}

/** Work through concentrators (集中器), as the API needs it. */
export interface ConcentratorPort {
  /** With an id greater than `after`, by id ascending, at most `limit`. */
  list(filter: ConcentratorFilter, after: string | null, limit: number): Soon<readonly ConcentratorView[]>
  get(id: string): Soon<Result<ConcentratorView, Refusal>>
  archive(id: string): Soon<Result<ArchiveView, Refusal>>
  parameters(id: string): Soon<Result<readonly ParameterView[], Refusal>>
  clock(id: string): Soon<Result<ClockDetail, Refusal>>
  /** Stored events of it and of its meters, or of one of them; newest first, at most `limit`. */
  events(id: string, query: ConcentratorEventQuery): Soon<Result<readonly ConcentratorEventView[], Refusal>>
  routes(id: string): Soon<Result<{ readonly readAt: number | null; readonly items: readonly ConcentratorRouteView[] }, Refusal>>
  begin(id: string, order: ConcentratorOrder, by: { readonly who: string; readonly why: string }): Result<ConcentratorJobView, Refusal>
  /** The job when it is over, or as it is after so long. */
  wait(id: string, job: number, withinMs: number): Promise<Result<ConcentratorJobView, Refusal>>
  jobs(id: string, before: number, limit: number): Soon<Result<readonly ConcentratorJobView[], Refusal>>
  cancel(id: string, job: number): Soon<Result<ConcentratorJobView, Refusal>>
  controls(id: string, before: number, limit: number): Soon<Result<readonly ControlView[], Refusal>>
  control(id: string, act: number): Soon<Result<ControlView, Refusal>>
  requestControl(id: string, order: ControlOrderView, by: PersonView): Soon<Result<ControlView, Refusal>>
  confirmControl(id: string, act: number, by: PersonView): Promise<Result<ControlView, Refusal>>
  withdrawControl(id: string, act: number, why: string, by: PersonView): Soon<Result<ControlView, Refusal>>
  unknown(): Soon<readonly UnknownTerminalView[]>
  adopt(order: AdoptTerminalOrder, who: string): Promise<Result<ConcentratorView, Refusal>>
  /** What a job that ended badly is refused with. */
  refusalOf(error: GatewayError): Refusal
}
