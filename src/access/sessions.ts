import { ok, type Result } from '../core/index.ts'
import { accessFailure } from './errors.ts'
import type { Principal } from './principals.ts'
import { isSecretText, makeSecret, sameDigest, sha256 } from './secrets.ts'
import { type AccessStore, numberOrNull, type Row } from './store.ts'
import { isInUse, principalOfUser, type Users } from './users.ts'

/** @source IEC 62443-4-2 CR 2.5 to CR 2.7: lock after idleness, end, limit of concurrent sessions */
export const SESSION_RULES = { idleMs: 15 * 60_000, longestMs: 12 * 3_600_000, perUser: 5 } as const
export type SessionRules = { readonly [Name in keyof typeof SESSION_RULES]: number }

/** Use is written down at most this often: a disk sync for each request would be too much. Idleness is shorter by so much after a crash. */
const WRITE_SEEN_MS = 30_000
const KEPT_MS = 24 * 3_600_000

/** A log-in that goes on. Instants are milliseconds since 1970 UTC. */
export interface Session {
  /** SHA-256 of its secret: names it without opening it. */
  readonly hash: string
  readonly user: string
  readonly createdAt: number
  readonly seenAt: number
  readonly endedAt: number | null
  readonly address: string
}

const sessionOf = (row: Row): Session => ({
  ...{ hash: String(row.hash), user: String(row.user), createdAt: Number(row.created_at), seenAt: Number(row.seen_at) },
  ...{ endedAt: numberOrNull(row.ended_at), address: String(row.address) },
})

/** Whether a session still holds. A clock that was set back ends it, rather than make it longer. */
export const holds = (
  { createdAt, seenAt, endedAt }: Pick<Session, 'createdAt' | 'seenAt' | 'endedAt'>,
  now: number,
  rules: SessionRules = SESSION_RULES,
): boolean => endedAt === null && now - seenAt < rules.idleMs && now - createdAt < rules.longestMs && now >= createdAt - WRITE_SEEN_MS

/** Sessions of `access.db`: opaque, revocable, each use looked up. */
export const sessionsOf = (store: AccessStore, users: Pick<Users, 'get'>, rules: SessionRules = SESSION_RULES) => {
  /** Latest use, by hash, of what is not written yet. */
  const seen = new Map<string, number>()
  const withSeen = (session: Session): Session => ({ ...session, seenAt: Math.max(session.seenAt, seen.get(session.hash) ?? 0) })
  const holding = (user: string, now: number): readonly Session[] =>
    store
      .rows('SELECT * FROM session WHERE user = ? AND ended_at IS NULL ORDER BY created_at', user)
      .map((row) => withSeen(sessionOf(row)))
      .filter((session) => holds(session, now, rules))
  const end = (hash: string, now: number): boolean => {
    seen.delete(hash)
    return store.run('UPDATE session SET ended_at = ? WHERE hash = ? AND ended_at IS NULL', now, hash) > 0
  }

  return {
    /** Begins one; of more than the limit the one unused for longest ends. The text is for the client and nowhere else. @errors ACCESS_UNKNOWN */
    begin: (user: string, address: string, now: number): Result<{ readonly text: string; readonly session: Session }> =>
      store.inTransaction(() => {
        const owner = users.get(user)
        if (!owner || !isInUse(owner, now)) return accessFailure('ACCESS_UNKNOWN', 'there is no such user in use')
        const { text, hash } = makeSecret('session')
        const open = [...holding(user, now)].sort((one, other) => one.seenAt - other.seenAt)
        for (const { hash: oldest } of open.slice(0, Math.max(0, open.length - rules.perUser + 1))) end(oldest, now)
        store.run('INSERT INTO session (hash, user, created_at, seen_at, address) VALUES (?, ?, ?, ?, ?)', hash, user, now, now, address)
        store.run('DELETE FROM session WHERE created_at < ?', now - rules.longestMs - KEPT_MS)
        for (const [each, at] of seen) if (at < now - rules.idleMs) seen.delete(each)
        return ok({ text, session: { hash, user, createdAt: now, seenAt: now, endedAt: null, address } })
      }),

    /**
     * Who shows this text; null: nobody. Rights are those of this moment, not of the log-in.
     *
     * @param isUse  false for what a page does by itself (a stream, polling): that keeps no session awake
     */
    find: (text: string, now: number, isUse = true): { readonly principal: Principal; readonly session: Session } | null => {
      if (!isSecretText('session', text)) return null
      const shown = sha256(text)
      const row = store.rows('SELECT * FROM session WHERE hash = ?', shown)[0]
      if (!row || !sameDigest(String(row.hash), shown)) return null
      const session = withSeen(sessionOf(row))
      if (!holds(session, now, rules)) {
        seen.delete(session.hash)
        return null
      }
      const user = users.get(session.user)
      if (!user || !isInUse(user, now)) return null
      if (isUse) {
        seen.set(session.hash, now)
        if (now - Number(row.seen_at) >= WRITE_SEEN_MS)
          try {
            store.run('UPDATE session SET seen_at = ? WHERE hash = ?', now, session.hash)
            seen.delete(session.hash)
          } catch {
            // A full disk keeps nobody out: the use is known here, and written down later.
          }
      }
      return { principal: principalOfUser(user), session }
    },

    /** Those that hold, oldest first. */
    of: holding,
    /** Ends one. @returns whether there was one to end */
    end,
    /** Ends all of a user. @returns how many */
    endAll: (user: string, now: number): number =>
      store.run('UPDATE session SET ended_at = ? WHERE user = ? AND ended_at IS NULL', now, user),
  }
}

export type Sessions = ReturnType<typeof sessionsOf>
