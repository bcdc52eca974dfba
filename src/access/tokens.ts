import { randomBytes } from 'node:crypto'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { ok, type Result } from '../core/index.ts'
import { accessFailure } from './errors.ts'
import { hasExpired, type Principal } from './principals.ts'
import { FORMER, type Former, isTokenRole } from './roles.ts'
import { isSecretText, makeSecret, sameDigest, sha256 } from './secrets.ts'
import { type AccessStore, type Act, numberOrNull, type Row, rolesOf, textOrNull, zonesOf } from './store.ts'
import { checkExpiry, checkRights, isAccountName, nameKey, type Rights, rightsColumns } from './users.ts'

/** A machine's right to come in: the secret itself is nowhere. Instants are milliseconds since 1970 UTC. */
export interface MachineToken extends Rights {
  readonly id: string
  readonly name: string
  /** SHA-256 of its text, 64 hexadecimal digits. */
  readonly hash: string
  /** For a token of the time before roles, which has none of them. */
  readonly former: Former | null
  /** Id of the user it belongs to, and with whom it ends; null: nobody. */
  readonly owner: string | null
  readonly createdAt: number
  readonly revokedAt: number | null
}

/** One entry of `tokens.json`, as `gridtally token add` writes it. */
const FormerEntry = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 200 }),
  name: Type.String({ maxLength: 200 }),
  hash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  permission: Type.Union(FORMER.map((each) => Type.Literal(each))),
  expiresAt: Type.Union([Type.Integer(), Type.Null()]),
  revokedAt: Type.Union([Type.Integer(), Type.Null()]),
})
const FormerFile = Type.Array(FormerEntry)

const tokenOf = (row: Row): MachineToken => ({
  ...{ id: String(row.id), name: String(row.name), hash: String(row.hash), roles: rolesOf(row.roles), zones: zonesOf(row.zones) },
  ...{ former: FORMER.find((each) => each === row.former) ?? null, customer: textOrNull(row.customer), createdAt: Number(row.created_at) },
  ...{ expiresAt: numberOrNull(row.expires_at), revokedAt: numberOrNull(row.revoked_at), owner: textOrNull(row.owner) },
})

/** Neither revoked nor expired. */
export const isValidToken = (token: Pick<MachineToken, 'revokedAt' | 'expiresAt'>, now: number): boolean =>
  (token.revokedAt === null || token.revokedAt > now) && !hasExpired(token, now)

/** A token as somebody who acts. */
export const principalOfToken = ({ id, name, roles, former, zones, customer, owner, expiresAt }: MachineToken): Principal => ({
  ...{ kind: 'token', id, name, roles, former, zones, customer, owner, expiresAt },
})

/**
 * Finds the token a client showed. Every digest is compared, each in constant time, so that neither place nor beginning shows.
 *
 * @returns  null when the text is no token of ours, or one that is revoked or expired
 */
export const tokenShown = (text: string, tokens: readonly MachineToken[], now: number): Principal | null => {
  if (!isSecretText('token', text)) return null
  const shown = sha256(text)
  let found: MachineToken | null = null
  for (const token of tokens) if (sameDigest(token.hash, shown)) found = token
  return found && isValidToken(found, now) ? principalOfToken(found) : null
}

const told = ({ name, roles, former, zones, customer, owner, expiresAt }: MachineToken) => ({
  ...{ name, roles, former, zones, customer, owner, expiresAt },
})

/** A token of the two kinds there were before roles; the configuration and the environment still give such ones. */
export const formerToken = (id: string, name: string, hash: string, former: Former): MachineToken => ({
  ...{ id, name, hash, former, roles: [], zones: null, customer: null, owner: null, createdAt: 0, expiresAt: null, revokedAt: null },
})

/** What a new token may: roles, or one of the two words of before. */
export type TokenRights = Rights | { readonly former: Former; readonly expiresAt: number | null }

/** The machine tokens of `access.db`. Every change is in the audit log or is not made. */
export const tokensOf = (store: AccessStore) => {
  const list = (): readonly MachineToken[] => store.rows('SELECT * FROM token ORDER BY created_at, id').map(tokenOf)
  return {
    /** All there ever were, oldest first. */
    list,

    /**
     * Makes one; its text is in the answer and nowhere else.
     *
     * @param owner   name of the user it belongs to; null: a machine of its own
     * @errors        ACCESS_NAME, ACCESS_ROLES, ACCESS_SCOPE, ACCESS_EXPIRY, ACCESS_UNKNOWN, AUDIT_…
     */
    add: (
      name: string,
      wanted: TokenRights,
      act: Act,
      now: number,
      owner: string | null = null,
    ): Result<{ readonly text: string; readonly token: MachineToken }> =>
      store.change(act, () => {
        const former = 'former' in wanted ? wanted.former : null
        const rights: Rights = 'former' in wanted ? { roles: [], zones: null, customer: null, expiresAt: wanted.expiresAt } : wanted
        if (!isAccountName(name)) return accessFailure('ACCESS_NAME', `"${name.slice(0, 80)}" is no name for a token`)
        if (list().some((token) => token.name === name && isValidToken(token, now)))
          return accessFailure('ACCESS_NAME', `there is a token ${name} already`)
        const checked = former === null ? checkRights(rights, now) : checkExpiry(rights.expiresAt, now)
        if (!checked.ok) return checked
        const personal = rights.roles.find((role) => !isTokenRole(role))
        if (personal !== undefined) return accessFailure('ACCESS_ROLES', `a token is not ${personal}: that is a person who has logged in`)
        const person = owner === null ? null : store.rows('SELECT id FROM user WHERE name_key = ?', nameKey(owner))[0]
        if (person === undefined) return accessFailure('ACCESS_UNKNOWN', `there is no user ${owner}`)
        const { text, hash } = makeSecret('token')
        const id = `t-${randomBytes(8).toString('hex')}`
        const token: MachineToken = {
          ...{ id, name, hash, ...rights, former, createdAt: now, revokedAt: null },
          owner: person === null ? null : String(person.id),
        }
        store.run(
          'INSERT INTO token (id, name, hash, roles, zones, customer, expires_at, created_at, former, owner) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
          ...[id, name, hash, ...rightsColumns(rights), now, former, token.owner],
        )
        return ok({ value: { text, token }, told: { what: 'token-added', on: `token:${name}`, after: told(token) } })
      }),

    /** Ends every valid token of a name, or the one with that id, at once. @errors ACCESS_UNKNOWN, AUDIT_… */
    revoke: (nameOrId: string, act: Act, now: number): Result<number> =>
      store.change(act, () => {
        const ended = list().filter(({ id, name, revokedAt }) => (id === nameOrId || name === nameOrId) && revokedAt === null)
        if (ended.length === 0) return accessFailure('ACCESS_UNKNOWN', `there is no token ${nameOrId} to revoke`)
        for (const { id } of ended) store.run('UPDATE token SET revoked_at = ? WHERE id = ?', now, id)
        return ok({ value: ended.length, told: { what: 'token-revoked', on: `token:${nameOrId}`, before: ended.map(told) } })
      }),

    /**
     * Takes up the tokens of a `tokens.json`, all or none. They keep text, name and what they may. Can be done again: what is known
     * stays, but for a revocation, which is never taken back.
     *
     * @param text  content of the file
     * @returns     how many were new, and how many of those known have been revoked
     * @errors      ACCESS_IMPORT, AUDIT_…
     */
    importFormer: (text: string, act: Act, now: number): Result<{ readonly added: number; readonly revoked: number }> => {
      let read: unknown
      try {
        read = JSON.parse(text)
      } catch (error) {
        return accessFailure('ACCESS_IMPORT', `it is no JSON: ${error instanceof Error ? error.message : String(error)}`)
      }
      if (!Value.Check(FormerFile, read)) {
        const [first] = Value.Errors(FormerFile, read)
        return accessFailure('ACCESS_IMPORT', `${first?.instancePath || '/'} ${first?.message ?? 'is not as expected'}`)
      }
      const entries = read
      const isKnown = ({ hash, revokedAt }: (typeof entries)[number]): boolean => {
        const known = store.rows('SELECT * FROM token WHERE hash = ?', hash).map(tokenOf)[0]
        return known !== undefined && (revokedAt === null || known.revokedAt !== null)
      }
      // Looked at at every start: what says nothing new is no line of the log.
      if (entries.every(isKnown)) return ok({ added: 0, revoked: 0 })
      return store.change(act, () => {
        let added = 0
        let revoked = 0
        for (const { name, hash, permission, expiresAt, revokedAt } of entries) {
          const known = store.rows('SELECT * FROM token WHERE hash = ?', hash).map(tokenOf)[0]
          if (!known) {
            added++
            store.run(
              'INSERT INTO token (id, name, hash, roles, former, created_at, expires_at, revoked_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
              ...[`t-${hash.slice(0, 16)}`, name, hash, '[]', permission, now, expiresAt, revokedAt],
            )
          } else if (revokedAt !== null && known.revokedAt === null) {
            revoked++
            store.run('UPDATE token SET revoked_at = ? WHERE id = ?', revokedAt, known.id)
          }
        }
        const names = entries.map(({ name, permission }) => `${name} (${permission})`)
        return ok({ value: { added, revoked }, told: { what: 'tokens-imported', on: 'tokens.json', after: { added, revoked, names } } })
      })
    },
  }
}

export type Tokens = ReturnType<typeof tokensOf>

/** A view is at most so old, milliseconds: a revocation holds well within a second. */
const VIEW_MS = 250

/**
 * The tokens as requests ask for them: in memory, read again when the database has changed.
 *
 * @param monotonic  milliseconds that never step
 */
export const tokenView = (
  store: Pick<AccessStore, 'version'>,
  tokens: Pick<ReturnType<typeof tokensOf>, 'list'>,
  monotonic: () => number,
) => {
  let kept: readonly MachineToken[] = []
  let version = ''
  let lookedAt = Number.NEGATIVE_INFINITY
  const all = (): readonly MachineToken[] => {
    const at = monotonic()
    if (at - lookedAt < VIEW_MS) return kept
    const present = store.version()
    if (present !== version) {
      kept = tokens.list()
      version = present
    }
    lookedAt = at
    return kept
  }
  return {
    /** Who shows this text; null: nobody. */
    find: (text: string, now: number): Principal | null => tokenShown(text, all(), now),
    /** Who has the token of this id now; null: nobody any more. */
    standing: (id: string, now: number): Principal | null => {
      const found = all().find((token) => token.id === id)
      return found && isValidToken(found, now) ? principalOfToken(found) : null
    },
    /** All of them, as they are now. */
    all,
    /** A change of our own holds from now on, and so do tokens that no database knows. */
    refresh: (): void => {
      lookedAt = Number.NEGATIVE_INFINITY
      version = ''
    },
  }
}
