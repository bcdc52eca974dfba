import { FORMER_GRANTS, type Former, GRANTS, type Permission, type Role } from './roles.ts'

/** Who acts: a person who has logged in, or a machine with a token. Instants are milliseconds since 1970 UTC. */
export interface Principal {
  readonly kind: 'user' | 'token'
  readonly id: string
  readonly name: string
  readonly roles: readonly Role[]
  /** A token of the time before roles; null: the roles say it all. */
  readonly former: Former | null
  /** Ids of zones (供电所), with all that lies in them; null: every zone. */
  readonly zones: readonly string[] | null
  /** Sees nothing but this customer's points; null: not bound to one. */
  readonly customer: string | null
  /** Id of the user who stands behind a token; absent or null: nobody does, or this is a user. */
  readonly owner?: string | null
  /** null: does not expire */
  readonly expiresAt: number | null
}

/** Who this is when two persons are needed: all sessions and tokens of one user are the same, another token is somebody of its own. */
export const personOf = ({ kind, id, owner = null }: Pick<Principal, 'kind' | 'id' | 'owner'>): string =>
  kind === 'user' ? `user:${id}` : owner === null ? `token:${id}` : `user:${owner}`

/** Where a thing belongs, as the ledger has it at that time. */
export interface Place {
  /** Its zone and every zone that one lies in, in any order; empty: it is in none. */
  readonly zones: readonly string[]
  /** null: nobody's, or not known */
  readonly customer: string | null
}

/** Whether a right has run out. A stream or a job asks again while it goes on. */
export const hasExpired = ({ expiresAt }: Pick<Principal, 'expiresAt'>, now: number): boolean => expiresAt !== null && expiresAt <= now

/** Whether somebody may do a kind of thing at all; whether to this thing, {@link maySee} says. */
export const mayDo = ({ roles, former }: Pick<Principal, 'roles' | 'former'>, permission: Permission): boolean =>
  roles.some((role) => GRANTS[role].includes(permission)) || (former !== null && FORMER_GRANTS[former].includes(permission))

/** Everything somebody may do, in the order of the table. */
export const permissionsOf = ({ roles, former }: Pick<Principal, 'roles' | 'former'>): readonly Permission[] => [
  ...new Set([...roles.flatMap((role) => GRANTS[role]), ...(former === null ? [] : FORMER_GRANTS[former])]),
]

/**
 * Whether a thing lies within somebody's zones, or is his own. What is in no zone is seen only by those who see every zone. A thing that
 * is not seen does not exist for him: the answer is 404, not 403.
 */
export const maySee = ({ zones, customer, roles }: Pick<Principal, 'zones' | 'customer' | 'roles'>, place: Place): boolean => {
  // A customer without a customer id is a mistake and sees nothing.
  if (customer !== null || roles.includes('customer')) return customer !== null && place.customer === customer
  return zones === null || place.zones.some((zone) => zones.includes(zone))
}

/**
 * Whether somebody may see now all that another might then, who may be himself with the rights of that time: what was made with those is
 * his to see, or to go on with, only then.
 */
export const seesAsMuchAs = (now: Pick<Principal, 'zones' | 'customer'>, then: Pick<Principal, 'zones' | 'customer'>): boolean =>
  now.customer === null
    ? now.zones === null || (then.zones?.every((zone) => now.zones?.includes(zone)) ?? false)
    : now.customer === then.customer

/** What to ask a list for; null: no limit. An empty list of zones: nothing. */
export const scopeOf = ({ zones, customer, roles }: Pick<Principal, 'zones' | 'customer' | 'roles'>) =>
  customer !== null || roles.includes('customer') ? { zones: [], customer } : { zones, customer: null }
