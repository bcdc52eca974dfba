import type { Principal } from '../access/principals.ts'
import type { GatewayError, Result, Scope } from '../core/index.ts'

/** What a client shows to be let in. */
export interface Shown {
  readonly kind: 'bearer' | 'cookie'
  readonly text: string
}

/** Something somebody is about to do. */
export interface ApiAct {
  readonly who: Principal
  /** Address of the client. */
  readonly from: string
  /** `POST /api/v1/lines/{id}/scan` */
  readonly route: string
  /** The permission it rests on: says of what sort it is. */
  readonly permission: string
  /** What it is done to: the parameters of the path. */
  readonly params: Readonly<Record<string, string>>
  readonly query: unknown
  /** What was asked for, without what says something of a person; secrets are masked by the log. */
  readonly body: unknown
  readonly why: string | null
}

/** A request that was refused before it came to its route. */
export interface ApiRefusal {
  /** null: nobody who is known. */
  readonly who: Principal | null
  readonly from: string
  readonly route: string
  /** 404: it is there, and not his to see, or it is not there. */
  readonly status: 401 | 403 | 404
  readonly code: string
}

/** The record of who did what. */
export interface AuditPort {
  /**
   * Writes an act down before it is done.
   *
   * @returns  to be told once how it ended: the status of the answer
   * @errors   AUDIT_WRITE, AUDIT_BROKEN: it must not be done
   */
  begin(act: ApiAct): Result<(status: number) => void>
  /** Through the flood gate: many are a few lines and a count. */
  refused(refusal: ApiRefusal): void
  /** Why nothing can be written down at present; null: it can. */
  problem(): GatewayError | null
}

/**
 * What lists are narrowed by: a parameter of that name holds the id of one. Of the ledger, or of the field: a line is also a broker or a
 * concentrator that meters are read through, a bus is a line as /signal has it, and a channel wherever a meter was heard.
 */
export const FILTER_KINDS = [
  ...(['area', 'zone', 'feeder', 'customer', 'point', 'meter'] as const),
  ...(['line', 'bus', 'concentrator', 'broker', 'channel'] as const),
] as const
export type FilterKind = (typeof FILTER_KINDS)[number]

/** Who asks, what of the ledger he may see, and the record of it. */
export interface AccessDeps {
  /**
   * Who shows this; null: nobody, for whatever reason: unknown, revoked, expired, ended. Asked at each request, so that a change holds at once.
   *
   * @param isUse  the request counts as use of a session; a stream that looks whether its right still holds does not
   */
  authenticate(shown: Shown, isUse: boolean): Principal | null
  /** Somebody with the rights he has now, whatever he shows; null: there is no such user or token any more, or it is not in use. */
  standing(who: Principal): Principal | null
  /** Whether it is there: in the ledger now or once, or in gateway.yaml. */
  isEntry(kind: FilterKind, id: string): boolean
  /** What of the ledger somebody may see now. */
  scopeOf(who: Principal | null): Scope
  readonly audit: AuditPort
}

/** The cookie of a session. Over TLS a name that no other host, and no plain connection, can set. */
export const sessionCookie = (isSecure: boolean): string => (isSecure ? '__Host-gridtally' : 'gridtally')
