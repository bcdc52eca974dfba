import type { FastifyReply } from 'fastify'
import { type Principal, permissionsOf } from '../access/principals.ts'
import type { Role } from '../access/roles.ts'
import type { GatewayError } from '../core/index.ts'
import type { AuditHeadView, AuditRecordView, MachineTokenView, RightsView, SessionView, UserView } from './account-deps.ts'
import { problemWith, refuse } from './problems.ts'
import { iso, isoOrNull } from './routes/common.ts'

/** What a failure of users, tokens, links and the audit log is in HTTP. */
const STATUS: Readonly<Record<string, number>> = {
  ...{ ACCESS_LOGIN: 401, ACCESS_THROTTLED: 429, ACCESS_UNKNOWN: 404, ACCESS_LAST_ADMIN: 409, ACCESS_HAS_ADMIN: 409, ACCESS_SELF: 409 },
  ...{ ACCESS_BEYOND: 403, AUDIT_WRITE: 503, AUDIT_BROKEN: 503, AUDIT_READ: 503 },
}

/** Answers with why not. */
export const refuseAccount = (reply: FastifyReply, error: GatewayError): FastifyReply => {
  const { retryAfterMs } = error.context
  if (typeof retryAfterMs === 'number') reply.header('retry-after', Math.max(1, Math.ceil(retryAfterMs / 1000)))
  return refuse(reply, problemWith(STATUS[error.code] ?? 422, error))
}

/** Rights as they were asked for. */
export const rightsOf = (asked: {
  readonly roles: readonly Role[]
  readonly zones?: readonly string[] | null
  readonly customer?: string | null
  readonly expiresAt?: string | null
}): RightsView => ({
  ...{ roles: asked.roles, zones: asked.zones ?? null, customer: asked.customer ?? null },
  expiresAt: asked.expiresAt === undefined || asked.expiresAt === null ? null : Date.parse(asked.expiresAt),
})

const rightsJson = ({ roles, zones, customer, expiresAt }: RightsView) => ({
  ...{ roles: [...roles], zones: zones === null ? null : [...zones], customer, expiresAt: isoOrNull(expiresAt) },
})

export const sessionJson = ({ id, createdAt, seenAt, idleAt, endsAt, address }: SessionView, current: string | null) => ({
  ...{ id, createdAt: iso(createdAt), seenAt: iso(seenAt), idleAt: iso(idleAt), endsAt: iso(endsAt), address, isCurrent: id === current },
})

/** Who somebody is and what he may, with the log-in he came by. */
export const meJson = (who: Principal, session: SessionView | null) => ({
  ...{ kind: who.kind, id: who.id, name: who.name, ...rightsJson(who), former: who.former },
  permissions: [...permissionsOf(who)],
  session: session === null ? null : sessionJson(session, session.id),
})

export const userJson = (user: UserView) => ({
  ...{ id: user.id, name: user.name, ...rightsJson(user), createdAt: iso(user.createdAt), disabledAt: isoOrNull(user.disabledAt) },
  ...{ passwordAt: isoOrNull(user.passwordAt), sessions: user.sessions, state: user.state },
})

export const tokenJson = (token: MachineTokenView) => ({
  ...{ id: token.id, name: token.name, ...rightsJson(token), former: token.former, owner: token.owner, source: token.source },
  ...{ createdAt: isoOrNull(token.createdAt), revokedAt: isoOrNull(token.revokedAt), state: token.state },
})

export const recordJson = ({ at, since, ...record }: AuditRecordView) => {
  const { kind } = record.who
  return {
    ...record,
    ...{ at: iso(at), since: isoOrNull(since) },
    who: { ...record.who, kind: WHO.find((each) => each === kind) ?? ('nobody' as const) },
  }
}
const WHO = ['user', 'token', 'command', 'house', 'nobody'] as const

export const headJson = ({ log, count, hash, anchor }: AuditHeadView) => ({ log, count, hash, anchor })
