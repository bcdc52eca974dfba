import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Principal } from '../access/principals.ts'
import type { Former, Permission, Role } from '../access/roles.ts'
import type { AccessDeps } from './access-deps.ts'

/** What a route needs: one of the permissions of the house; `self`: to be known, whoever it is; `public`: nothing at all. */
export type RoutePermission = 'public' | 'self' | Permission

/** A token as it is kept: the secret itself is nowhere. Times are milliseconds since 1970 UTC. */
export interface StoredToken {
  readonly id: string
  readonly name: string
  /** {@link hashToken} of the text. */
  readonly hash: string
  readonly permission: Former
  /** Instead of `permission`: what it may is what these roles may. */
  readonly roles?: readonly Role[]
  /** Ids of zones (供电所); absent or null: all. */
  readonly zones?: readonly string[] | null
  /** Of a customer's token: whose. */
  readonly customer?: string | null
  readonly expiresAt: number | null
  readonly revokedAt: number | null
}

const FORM = /^gt_[A-Za-z0-9_-]{43}$/

/**
 * A new bearer token: 32 random bytes as `gt_…` and the hash to keep. The text is shown once and never again.
 */
export const makeToken = (): { readonly text: string; readonly hash: string } => {
  const text = `gt_${randomBytes(32).toString('base64url')}`
  return { text, hash: hashToken(text) }
}

/** Whether a text has the form of a token. */
export const isTokenText = (text: string): boolean => FORM.test(text)

/** SHA-256 of a token's text, 64 hexadecimal digits. Random secrets of this length need no slow hash. */
export const hashToken = (text: string): string => digest(text).toString('hex')

/**
 * Finds the token a client showed. Every stored hash is compared, each in constant time, so that neither position nor prefix shows.
 *
 * @returns  null when the text is no token of ours, or one that is revoked or expired
 */
export const checkToken = (text: string, tokens: readonly StoredToken[], now: number): StoredToken | null => {
  if (!FORM.test(text)) return null
  const shown = digest(text)
  let found: StoredToken | null = null
  for (const token of tokens) {
    const kept = Buffer.from(token.hash, 'hex')
    if (kept.length === shown.length && timingSafeEqual(kept, shown)) found = token
  }
  return found && isValid(found, now) ? found : null
}

/** Neither revoked nor expired. */
export const isValid = ({ revokedAt, expiresAt }: StoredToken, now: number): boolean =>
  (revokedAt === null || revokedAt > now) && (expiresAt === null || expiresAt > now)

/** A token as somebody who acts. */
export const principalOf = ({ id, name, permission, roles, zones = null, customer = null, expiresAt }: StoredToken): Principal => ({
  ...{ kind: 'token', id, name, roles: roles ?? [], former: roles ? null : permission, zones, customer, expiresAt },
})

/** Lets tokens in, and no sessions. */
export const tokensOnly =
  (tokens: () => readonly StoredToken[], now: () => number): AccessDeps['authenticate'] =>
  ({ kind, text }) => {
    const found = kind === 'bearer' ? checkToken(text, tokens(), now()) : null
    return found && principalOf(found)
  }

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
