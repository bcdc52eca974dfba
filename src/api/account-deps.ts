import type { Principal } from '../access/principals.ts'
import type { Former, Role } from '../access/roles.ts'
import type { Result } from '../core/index.ts'

/** What somebody may do and see. Instants are milliseconds since 1970 UTC. */
export interface RightsView {
  readonly roles: readonly Role[]
  /** null: every zone */
  readonly zones: readonly string[] | null
  readonly customer: string | null
  /** null: does not expire */
  readonly expiresAt: number | null
}

/** A person with an account. */
export interface UserView extends RightsView {
  readonly id: string
  readonly name: string
  readonly createdAt: number
  readonly disabledAt: number | null
  /** null: there is no password yet, a one-time link has to be used first */
  readonly passwordAt: number | null
  /** Log-ins that go on. */
  readonly sessions: number
  /** no-password: a one-time link has to be used first. */
  readonly state: 'in-use' | 'no-password' | 'disabled' | 'expired'
}

/** A log-in that goes on. */
export interface SessionView {
  readonly id: string
  readonly createdAt: number
  readonly seenAt: number
  /** When it ends if it is not used any more, and in any case. */
  readonly idleAt: number
  readonly endsAt: number
  readonly address: string
}

/** A machine's right to come in. */
export interface MachineTokenView extends RightsView {
  readonly id: string
  readonly name: string
  /** Of the two kinds there were before roles; null: the roles say it all. */
  readonly former: Former | null
  /** Name of the user it belongs to. */
  readonly owner: string | null
  /** Where it stands: one of the configuration or the environment is ended there. */
  readonly source: 'made' | 'configuration' | 'environment'
  /** null: nobody knows */
  readonly createdAt: number | null
  readonly revokedAt: number | null
  readonly state: 'valid' | 'revoked' | 'expired'
}

/** Who does something to an account, from where and why. */
export interface AccountAct {
  readonly who: Principal
  readonly from: string
  readonly why: string | null
}

export interface LoginTryView {
  readonly name: string
  readonly password: string
  readonly address: string
  /** The mark of a device that has logged in before. */
  readonly device: string | null
}

export interface LoggedInView {
  readonly principal: Principal
  readonly session: SessionView
  /** Secrets, for cookies and nothing else. */
  readonly sessionText: string
  readonly deviceText: string
}

/** A secret that works once; its text is in the answer and nowhere else. */
export interface LinkView {
  readonly text: string
  readonly until: number
}

/** Users, log-ins, tokens and one-time links. Failures are ACCESS_… and AUDIT_…. */
export interface AccountPort {
  login(tried: LoginTryView): Promise<Result<LoggedInView>>
  /** Ends the log-in of this text. */
  logout(text: string, act: AccountAct): Result<null>
  /** The log-in of this text; null: none. Asking is no use of it. */
  session(text: string): SessionView | null
  /** The present password has to be given; every log-in ends and a new one begins. */
  changePassword(
    who: Principal,
    tried: { readonly now: string; readonly next: string } & Omit<LoginTryView, 'name' | 'password'>,
  ): Promise<Result<LoggedInView>>
  /** Log-ins of a user, newest first; unknown, or out of what `act` may see: ACCESS_UNKNOWN. */
  sessions(user: string, act: AccountAct): Result<readonly SessionView[]>
  ownSessions(who: Principal): readonly SessionView[]
  /** Ends one, or all with null. @returns how many */
  endSessions(user: string, id: string | null, act: AccountAct): Result<number>

  /** Those with a name after this one, in lower case; only such as `who` may see. */
  users(who: Principal, after: string | null, limit: number): readonly UserView[]
  user(name: string, who: Principal): Result<UserView>
  addUser(name: string, rights: RightsView, act: AccountAct): Result<{ readonly user: UserView; readonly link: LinkView }>
  setRights(name: string, rights: RightsView, act: AccountAct): Result<UserView>
  setDisabled(name: string, isDisabled: boolean, act: AccountAct): Result<UserView>
  makeLink(name: string, act: AccountAct): Result<LinkView>
  lookLink(text: string): Result<{ readonly kind: 'first-admin' | 'password'; readonly name: string | null }>
  /** `name` for the first administrator alone. */
  redeem(link: string, name: string | null, password: string, address: string): Promise<Result<UserView>>

  /** Those with an id after this one. */
  tokens(who: Principal, isValid: boolean | null, after: string | null, limit: number): readonly MachineTokenView[]
  addToken(
    name: string,
    rights: RightsView,
    owner: string | null,
    act: AccountAct,
  ): Result<{ readonly token: MachineTokenView; readonly text: string }>
  revokeToken(id: string, act: AccountAct): Result<MachineTokenView>
}

/** A line of the audit log. */
export interface AuditRecordView {
  readonly seq: number
  readonly at: number
  readonly what: string
  readonly who: { readonly kind: string; readonly id: string | null; readonly name: string }
  readonly from: string
  readonly on: string | null
  readonly outcome: string
  readonly before: unknown
  readonly after: unknown
  readonly why: string | null
  readonly count: number
  readonly since: number | null
}

export interface AuditFilterView {
  readonly before?: number
  readonly limit: number
  readonly what?: string
  readonly who?: string
  readonly on?: string
  readonly from?: number
  readonly to?: number
}

export interface AuditHeadView {
  readonly log: string
  readonly count: number
  readonly hash: string
  /** The same as a line to keep elsewhere. */
  readonly anchor: string
}

export interface AuditVerdictView {
  readonly isWhole: boolean
  readonly records: number
  readonly beyondHead: number
  readonly faults: readonly { readonly kind: string; readonly at: number | null; readonly text: string }[]
  readonly head: AuditHeadView | null
}

/** The audit log as it is read; everything that takes long is done in a thread. Failures are AUDIT_…. */
export interface AuditReads {
  list(filter: AuditFilterView): Promise<Result<readonly AuditRecordView[]>>
  head(): Promise<Result<AuditHeadView>>
  /** @param anchors  lines that were kept elsewhere; one that is none: ACCESS_ANCHOR */
  verify(anchors: readonly string[]): Promise<Result<AuditVerdictView>>
}

export interface AccountDeps {
  readonly accounts: AccountPort
  readonly auditReads: AuditReads
}
