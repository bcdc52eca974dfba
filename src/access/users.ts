import { randomBytes } from 'node:crypto'
import { ok, type Result } from '../core/index.ts'
import { accessFailure } from './errors.ts'
import { checkNewPassword, hashPassword } from './passwords.ts'
import { hasExpired, type Principal } from './principals.ts'
import { type Role, rolesProblem } from './roles.ts'
import { type AccessStore, type Act, numberOrNull, type Row, rolesOf, textOrNull, zonesOf } from './store.ts'

/** What somebody may do and see. */
export interface Rights {
  readonly roles: readonly Role[]
  readonly zones: readonly string[] | null
  readonly customer: string | null
  readonly expiresAt: number | null
}

/** A person with an account. Instants are milliseconds since 1970 UTC. */
export interface User extends Rights {
  readonly id: string
  readonly name: string
  readonly createdAt: number
  /** Out of use for good or for now; null: in use. */
  readonly disabledAt: number | null
  /** When the password was set; null: there is none, a link has to be used first. */
  readonly passwordAt: number | null
}

const NAME = /^[\p{L}\p{N}][\p{L}\p{N}._@-]{1,63}$/u
const ID = /^[^\s\p{Cc}]{1,64}$/u
export const isAccountName = (name: string): boolean => NAME.test(name)
export const nameKey = (name: string): string => name.normalize('NFKC').toLowerCase()

/** Whether rights make sense together. @errors ACCESS_ROLES, ACCESS_SCOPE, ACCESS_EXPIRY */
export const checkRights = ({ roles, zones, customer, expiresAt }: Rights, now: number): Result<null> => {
  const wrong = rolesProblem(roles)
  if (wrong !== null) return accessFailure('ACCESS_ROLES', wrong)
  const isCustomer = roles.includes('customer')
  if (isCustomer !== (customer !== null))
    return accessFailure('ACCESS_SCOPE', isCustomer ? 'a customer needs a customer id' : 'only the role customer has a customer id')
  if (isCustomer && zones !== null) return accessFailure('ACCESS_SCOPE', 'a customer has no zones: what he sees follows from the ledger')
  const strange = [...(zones ?? []), ...(customer === null ? [] : [customer])].find((id) => !ID.test(id))
  if (strange !== undefined) return accessFailure('ACCESS_SCOPE', `"${strange}" is no id: 1 to 64 characters without blanks`)
  if (zones !== null && (zones.length === 0 || new Set(zones).size < zones.length || zones.length > 1000))
    return accessFailure('ACCESS_SCOPE', 'zones are named once each, at least one and at most 1000; null means all')
  return checkExpiry(expiresAt, now)
}

/** @errors ACCESS_EXPIRY */
export const checkExpiry = (expiresAt: number | null, now: number): Result<null> =>
  expiresAt !== null && !(Number.isSafeInteger(expiresAt) && expiresAt > now)
    ? accessFailure('ACCESS_EXPIRY', 'the expiry does not lie ahead')
    : ok(null)

export const userOf = (row: Row): User => ({
  ...{
    id: String(row.id),
    name: String(row.name),
    roles: rolesOf(row.roles),
    zones: zonesOf(row.zones),
    customer: textOrNull(row.customer),
  },
  ...{ createdAt: Number(row.created_at), expiresAt: numberOrNull(row.expires_at), disabledAt: numberOrNull(row.disabled_at) },
  passwordAt: numberOrNull(row.password_at),
})

/** A user as somebody who acts. */
export const principalOfUser = ({ id, name, roles, zones, customer, expiresAt }: User): Principal => ({
  ...{ kind: 'user', id, name, roles, former: null, zones, customer, expiresAt },
})

/** Neither disabled nor expired. */
export const isInUse = (user: Pick<User, 'disabledAt' | 'expiresAt'>, now: number): boolean =>
  user.disabledAt === null && !hasExpired(user, now)

const told = ({ name, roles, zones, customer, expiresAt, disabledAt }: User) => ({ name, roles, zones, customer, expiresAt, disabledAt })
const json = (list: readonly string[] | null): string | null => (list === null ? null : JSON.stringify(list))
export const rightsColumns = ({ roles, zones, customer, expiresAt }: Rights) =>
  [JSON.stringify(roles), json(zones), customer, expiresAt] as const

/** The accounts of `access.db`. Every change is in the audit log or is not made. */
export const usersOf = (store: AccessStore) => {
  const get = (id: string): User | null => {
    const row = store.rows('SELECT * FROM user WHERE id = ?', id)[0]
    return row ? userOf(row) : null
  }
  const byName = (name: string): User | null => {
    const row = store.rows('SELECT * FROM user WHERE name_key = ?', nameKey(name))[0]
    return row ? userOf(row) : null
  }
  const list = (): readonly User[] => store.rows('SELECT * FROM user ORDER BY name_key').map(userOf)
  const known = (name: string): Result<User> => {
    const user = byName(name)
    return user ? ok(user) : accessFailure('ACCESS_UNKNOWN', `there is no user ${name}`)
  }
  /** Security administrators in use who can log in. */
  const admins = (now: number): readonly User[] =>
    list().filter((user) => user.roles.includes('secadm') && user.passwordAt !== null && isInUse(user, now))
  const endSessions = (id: string, now: number): number =>
    store.run('UPDATE session SET ended_at = ? WHERE user = ? AND ended_at IS NULL', now, id)

  /** Inside a transaction: makes an account without writing it to the log. */
  const insert = (name: string, rights: Rights, password: string | null, now: number): Result<User> => {
    if (!isAccountName(name)) return accessFailure('ACCESS_NAME', `"${name.slice(0, 80)}" is no user name`)
    if (byName(name)) return accessFailure('ACCESS_NAME', `there is a user ${name} already`)
    const checked = checkRights(rights, now)
    if (!checked.ok) return checked
    const id = `u-${randomBytes(8).toString('hex')}`
    store.run(
      'INSERT INTO user (id, name, name_key, password, roles, zones, customer, expires_at, created_at, password_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      ...[id, name, nameKey(name), password, ...rightsColumns(rights), now, password === null ? null : now],
    )
    return known(name)
  }

  return {
    get,
    byName,
    list,
    /** Users with a name after this one, in the order of {@link nameKey}. */
    page: (after: string | null, limit: number): readonly User[] =>
      store.rows('SELECT * FROM user WHERE name_key > ? ORDER BY name_key LIMIT ?', after ?? '', limit).map(userOf),
    admins,
    insert,
    endSessions,

    /** What is kept of the password of a user who may log in; null: there is none, whatever the reason. */
    passwordOf: (name: string, now: number): { readonly user: User; readonly password: string } | null => {
      const row = store.rows('SELECT * FROM user WHERE name_key = ?', nameKey(name))[0]
      if (!row || row.password === null) return null
      const user = userOf(row)
      return isInUse(user, now) ? { user, password: String(row.password) } : null
    },

    /** Makes an account that has no password yet. @errors ACCESS_NAME, ACCESS_ROLES, ACCESS_SCOPE, ACCESS_EXPIRY, AUDIT_… */
    add: (name: string, rights: Rights, act: Act, now: number): Result<User> =>
      store.change(act, () => {
        const made = insert(name, rights, null, now)
        return made.ok ? ok({ value: made.value, told: { what: 'user-added', on: `user:${name}`, after: told(made.value) } }) : made
      }),

    /** Other rights. His sessions go on with the new ones. @errors ACCESS_UNKNOWN, ACCESS_ROLES, ACCESS_SCOPE, ACCESS_EXPIRY, ACCESS_LAST_ADMIN, AUDIT_… */
    setRights: (name: string, rights: Rights, act: Act, now: number): Result<User> =>
      store.change(act, () => {
        const before = known(name)
        if (!before.ok) return before
        const checked = checkRights(rights, now)
        if (!checked.ok) return checked
        // One that would expire, or that sees some zones only, is not one to rely on.
        if ((!rights.roles.includes('secadm') || rights.expiresAt !== null || rights.zones !== null) && isLastAdmin(before.value, now))
          return accessFailure('ACCESS_LAST_ADMIN', `${name} is the last security administrator`)
        store.run(
          'UPDATE user SET roles = ?, zones = ?, customer = ?, expires_at = ? WHERE id = ?',
          ...rightsColumns(rights),
          before.value.id,
        )
        const after = known(name)
        if (!after.ok) return after
        return ok({
          value: after.value,
          told: { what: 'user-changed', on: `user:${name}`, before: told(before.value), after: told(after.value) },
        })
      }),

    /** Takes an account out of use, or back into it; out of use it has no session. @errors ACCESS_UNKNOWN, ACCESS_LAST_ADMIN, AUDIT_… */
    disable: (name: string, isDisabled: boolean, act: Act, now: number): Result<User> =>
      store.change(act, () => {
        const before = known(name)
        if (!before.ok) return before
        if (isDisabled && isLastAdmin(before.value, now))
          return accessFailure('ACCESS_LAST_ADMIN', `${name} is the last security administrator`)
        store.run('UPDATE user SET disabled_at = ? WHERE id = ?', isDisabled ? now : null, before.value.id)
        if (isDisabled) {
          endSessions(before.value.id, now)
          store.run('UPDATE link SET used_at = ? WHERE user = ? AND used_at IS NULL', now, before.value.id)
        }
        const after = known(name)
        if (!after.ok) return after
        const what = isDisabled ? 'user-disabled' : 'user-changed'
        return ok({ value: after.value, told: { what, on: `user:${name}`, before: told(before.value), after: told(after.value) } })
      }),

    /** Sets a password; every session of the user ends. @errors ACCESS_PASSWORD, ACCESS_UNKNOWN, AUDIT_… */
    setPassword: async (name: string, password: string, act: Act, now: number, hash = hashPassword): Promise<Result<User>> => {
      const good = checkNewPassword(password, [name])
      if (!good.ok) return good
      const stored = await hash(password)
      return store.change(act, () => {
        const user = known(name)
        if (!user.ok) return user
        store.run('UPDATE user SET password = ?, password_at = ? WHERE id = ?', stored, now, user.value.id)
        endSessions(user.value.id, now)
        return ok({ value: { ...user.value, passwordAt: now }, told: { what: 'password-changed', on: `user:${name}` } })
      })
    },

    /** The same password, hashed at the present cost: nothing to record. */
    refresh: (id: string, former: string, stored: string): void =>
      void store.run('UPDATE user SET password = ? WHERE id = ? AND password = ?', stored, id, former),
  }

  function isLastAdmin(user: User, now: number): boolean {
    const all = admins(now)
    return (
      all.some(({ id }) => id === user.id) &&
      all.every(({ id, expiresAt, zones }) => id === user.id || expiresAt !== null || zones !== null)
    )
  }
}

export type Users = ReturnType<typeof usersOf>
