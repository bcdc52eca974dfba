import { ok, type Result } from '../core/index.ts'
import { accessFailure } from './errors.ts'
import { checkNewPassword, hashPassword } from './passwords.ts'
import { isSecretText, makeSecret, sha256 } from './secrets.ts'
import type { AccessStore, Act, Row } from './store.ts'
import { isInUse, type User, type Users } from './users.ts'

/** How long a link works. */
export const LINK_MS = 24 * 3_600_000

/** What a link is good for; `user` null: the first administrator. */
interface Link {
  readonly hash: string
  readonly user: string | null
}

/** The act of a link itself: who holds it is not known yet. */
const byLink = (from: string): Act => ({ who: { kind: 'nobody', id: null, name: 'holder of a one-time link' }, from, why: null })

/**
 * One-time links: the way to the first administrator and to a new password. There is no default password anywhere, and none that one
 * person makes for another. A link works once, within 24 hours; a newer one takes its place; only its hash is kept.
 */
export const linksOf = (store: AccessStore, users: Users) => {
  /** The link that still works and was shown; null: none. */
  const working = (text: string, now: number): Link | null => {
    if (!isSecretText('link', text)) return null
    const row: Row | undefined = store.rows(
      'SELECT * FROM link WHERE hash = ? AND used_at IS NULL AND expires_at > ? AND made_at <= ?',
      sha256(text),
      now,
      now,
    )[0]
    return row ? { hash: String(row.hash), user: row.user === null ? null : String(row.user) } : null
  }
  const make = (user: string | null, now: number): string => {
    const { text, hash } = makeSecret('link')
    store.run('UPDATE link SET used_at = ? WHERE user IS ? AND used_at IS NULL', now, user)
    store.run('DELETE FROM link WHERE expires_at < ?', now - LINK_MS)
    store.run('INSERT INTO link (hash, user, made_at, expires_at) VALUES (?, ?, ?, ?)', hash, user, now, now + LINK_MS)
    return text
  }
  /** Takes a link up. @returns whether it still worked: of two at once only one does */
  const use = ({ hash }: Link, now: number): boolean =>
    store.run('UPDATE link SET used_at = ? WHERE hash = ? AND used_at IS NULL AND expires_at > ?', now, hash, now) === 1
  const notWorking = (): Result<never> =>
    accessFailure('ACCESS_LINK', 'this link does not work: it was used, is too old, or a newer one was made')

  return {
    /** A link for the first administrator. Only where there is none. @errors ACCESS_HAS_ADMIN, AUDIT_… */
    makeFirst: (act: Act, now: number): Result<string> =>
      store.change(act, () => {
        const [admin] = users.admins(now)
        if (admin) return accessFailure('ACCESS_HAS_ADMIN', `${admin.name} is security administrator`)
        return ok({ value: make(null, now), told: { what: 'link-made', on: 'first administrator', after: { until: now + LINK_MS } } })
      }),

    /** A link for a user to set a password; the one he has works until then. @errors ACCESS_UNKNOWN, AUDIT_… */
    makeFor: (name: string, act: Act, now: number): Result<string> =>
      store.change(act, () => {
        const user = users.byName(name)
        if (!user || !isInUse(user, now)) return accessFailure('ACCESS_UNKNOWN', `there is no user ${name} in use`)
        return ok({ value: make(user.id, now), told: { what: 'link-made', on: `user:${name}`, after: { until: now + LINK_MS } } })
      }),

    /** What a link would do, for the page it opens. @errors ACCESS_LINK */
    look: (text: string, now: number): Result<{ readonly kind: 'first-admin' | 'password'; readonly name: string | null }> => {
      const link = working(text, now)
      if (!link) return notWorking()
      return ok(link.user === null ? { kind: 'first-admin', name: null } : { kind: 'password', name: users.get(link.user)?.name ?? null })
    },

    /**
     * The first administrator makes himself: role secadm, every zone.
     *
     * @errors ACCESS_LINK, ACCESS_PASSWORD, ACCESS_NAME, ACCESS_HAS_ADMIN, AUDIT_…; the link stays good after a name or password that is refused
     */
    useFirst: async (
      text: string,
      name: string,
      password: string,
      from: string,
      now: number,
      hash = hashPassword,
    ): Promise<Result<User>> => {
      const link = working(text, now)
      if (link?.user !== null) return notWorking()
      const good = checkNewPassword(password, [name])
      if (!good.ok) return good
      const stored = await hash(password)
      return store.change(byLink(from), () => {
        const [admin] = users.admins(now)
        if (admin) return accessFailure('ACCESS_HAS_ADMIN', `${admin.name} is security administrator`)
        if (!use(link, now)) return notWorking()
        const made = users.insert(name, { roles: ['secadm'], zones: null, customer: null, expiresAt: null }, stored, now)
        if (!made.ok) return made
        return ok({ value: made.value, told: { what: 'link-used', on: `user:${name}`, after: { name, roles: made.value.roles } } })
      })
    },

    /** A user sets his password; his sessions end. @errors ACCESS_LINK, ACCESS_PASSWORD, AUDIT_… */
    usePassword: async (text: string, password: string, from: string, now: number, hash = hashPassword): Promise<Result<User>> => {
      const link = working(text, now)
      const user = link?.user ? users.get(link.user) : null
      if (!link || !user || !isInUse(user, now)) return notWorking()
      const good = checkNewPassword(password, [user.name])
      if (!good.ok) return good
      const stored = await hash(password)
      return store.change(byLink(from), () => {
        if (!use(link, now)) return notWorking()
        store.run('UPDATE user SET password = ?, password_at = ? WHERE id = ?', stored, now, user.id)
        users.endSessions(user.id, now)
        return ok({ value: { ...user, passwordAt: now }, told: { what: 'link-used', on: `user:${user.name}` } })
      })
    },
  }
}

export type LinkMaker = ReturnType<typeof linksOf>
