import { ok, type Result } from '../core/index.ts'
import type { AuditLog } from './audit.ts'
import type { FloodGate } from './audit-flood.ts'
import type { AuditDraft } from './audit-record.ts'
import { accessFailure } from './errors.ts'
import { COST, type Cost, hashPassword, isOutdated, verifyPassword } from './passwords.ts'
import type { Principal } from './principals.ts'
import { isSecretText, makeSecret, sha256 } from './secrets.ts'
import type { Session, Sessions } from './sessions.ts'
import type { AccessStore } from './store.ts'
import type { LoginThrottle } from './throttle.ts'
import { principalOfUser, type User, type Users } from './users.ts'

/** Somebody who tries to log in. */
export interface LoginTry {
  readonly name: string
  readonly password: string
  readonly address: string
  /** The mark this device was given at a log-in before; null: it shows none. */
  readonly device: string | null
}

export interface LoggedIn {
  readonly principal: Principal
  /** The session's secret, for a cookie that lives as long as the browser. */
  readonly session: string
  readonly begun: Session
  /** A mark for the device, for a cookie of 90 days: it opens nothing, but has tries of its own. */
  readonly device: string
}

export interface LoginParts {
  readonly store: AccessStore
  readonly users: Pick<Users, 'byName' | 'passwordOf' | 'refresh'>
  readonly sessions: Pick<Sessions, 'begin'>
  readonly throttle: LoginThrottle
  readonly log: Pick<AuditLog, 'append'>
  readonly flood: FloodGate
  /** Wall clock, and one that never steps; milliseconds. */
  readonly now: () => number
  readonly monotonic: () => number
  readonly cost?: Cost
  readonly mostWaiting?: number
}

const DEVICE_MS = 90 * 86_400_000
const MOST_DEVICES = 20
/** Node's pool has four threads, files and names need some of them too. */
const AT_ONCE = 2
const UNKNOWN = '(unknown name)'

/** More that wait than this are turned away: the last of them waits for some ten seconds on a slow machine. */
const MOST_WAITING = 40
const FULL_MS = 10_000

/**
 * Lets so many run at once; the others wait in their order, those with `isFirst` before all others.
 *
 * @returns null when too many wait
 */
const gateOf = (most: number, mostWaiting: number) => {
  let running = 0
  const waiting: (() => void)[] = []
  const first: (() => void)[] = []
  return async <T>(work: () => Promise<T>, isFirst: boolean): Promise<T | null> => {
    const line = isFirst ? first : waiting
    if (running >= most && line.length >= mostWaiting) return null
    if (running >= most) await new Promise<void>((go) => line.push(go))
    else running++
    try {
      return await work()
    } finally {
      const next = first.shift() ?? waiting.shift()
      if (next) next()
      else running--
    }
  }
}

/** A right password, whose it is, and what it was compared with. */
interface Checked {
  readonly user: User
  readonly stored: string
}

/**
 * Checks passwords: throttle, a bounded queue, then scrypt. Everything that compares a password asks the same one.
 */
export const passwordCheckOf = (parts: Omit<LoginParts, 'sessions'>) => {
  const { store, users, throttle, log, flood, now, monotonic, cost = COST, mostWaiting = MOST_WAITING } = parts
  const gate = gateOf(AT_ONCE, mostWaiting)
  const isKnownDevice = (user: string, device: string | null, at: number): boolean =>
    device !== null &&
    isSecretText('device', device) &&
    store.rows('SELECT seen_at FROM device WHERE user = ? AND hash = ? AND seen_at > ?', user, sha256(device), at - DEVICE_MS).length > 0
  /** The log has a line, or the line is part of a summary. A log that cannot be written changes nothing here: nobody came in. */
  const tellRefused = (account: string, address: string, why: string): void => {
    const { isWritten, before } = flood.take('login-refused', account, address, now())
    const draft: AuditDraft = {
      ...{ what: 'login-refused', who: { kind: 'nobody', id: null, name: account }, from: address, on: `user:${account}` },
      ...{ outcome: 'refused', why },
    }
    for (const each of [...before, ...(isWritten ? [draft] : [])]) log.append(each)
  }
  return {
    isKnownDevice,
    /** Hashes a password in its turn. @errors ACCESS_THROTTLED: too many wait */
    hash: async (password: string): Promise<Result<string>> => {
      const stored = await gate(() => hashPassword(password, cost), true)
      return stored === null ? busy() : ok(stored)
    },
    /** @errors ACCESS_THROTTLED, ACCESS_LOGIN */
    check: async ({ name, password, address, device }: LoginTry): Promise<Result<Checked>> => {
      const user = users.byName(name)
      // What was typed as an unknown name may be a password.
      const account = user?.name ?? UNKNOWN
      const isKnown = user !== null && isKnownDevice(user.id, device, now())
      const asked = throttle.ask({ account: name, address, isKnown }, monotonic())
      if (!asked.ok) {
        tellRefused(account, address, 'too many tries')
        return asked
      }
      const kept = users.passwordOf(name, now())
      const isRight = await gate(() => verifyPassword(password, kept?.password ?? null, cost), isKnown)
      if (isRight === null) {
        tellRefused(account, address, 'too many wait')
        return busy()
      }
      if (!isRight || !kept) {
        throttle.failed({ account: name, address, isKnown }, monotonic())
        tellRefused(account, address, 'wrong name or password')
        return accessFailure('ACCESS_LOGIN', 'the log-in is refused')
      }
      throttle.succeeded({ account: name, address, isKnown })
      return ok({ user: kept.user, stored: kept.password })
    },
  }
}

const busy = () => accessFailure('ACCESS_THROTTLED', 'too many log in at once', { retryAfterMs: FULL_MS })

/** Begins log-ins for whoever has shown the right password, and marks their devices. */
export const startSession = (
  { store, sessions, now }: Pick<LoginParts, 'store' | 'sessions' | 'now'>,
  passwords: Pick<ReturnType<typeof passwordCheckOf>, 'isKnownDevice'>,
) => {
  const remember = (user: string, device: string | null, at: number): string => {
    const isKnown = passwords.isKnownDevice(user, device, at)
    const { text, hash } = isKnown && device !== null ? { text: device, hash: sha256(device) } : makeSecret('device')
    store.run(
      'INSERT INTO device (user, hash, seen_at) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET seen_at = excluded.seen_at',
      user,
      hash,
      at,
    )
    store.run(
      'DELETE FROM device WHERE user = ? AND hash NOT IN (SELECT hash FROM device WHERE user = ? ORDER BY seen_at DESC LIMIT ?)',
      ...[user, user, MOST_DEVICES],
    )
    return text
  }
  return (user: User, { address, device }: Pick<LoginTry, 'address' | 'device'>): Result<LoggedIn> => {
    const begun = sessions.begin(user.id, address, now())
    if (!begun.ok) return accessFailure('ACCESS_LOGIN', 'the log-in is refused')
    const { text, session } = begun.value
    return ok({ principal: principalOfUser(user), session: text, begun: session, device: remember(user.id, device, now()) })
  }
}

/** Logging in: throttle, password, audit log, session, in this order. */
export const loginOf = (parts: LoginParts, passwords = passwordCheckOf(parts)) => {
  const { users, log, cost = COST } = parts
  const begin = startSession(parts, passwords)
  /**
   * @errors ACCESS_THROTTLED (context `retryAfterMs`); ACCESS_LOGIN, the same for a wrong password, an unknown name and an account out
   *         of use; AUDIT_…: who cannot be recorded does not come in
   */
  return async (tried: LoginTry): Promise<Result<LoggedIn>> => {
    const checked = await passwords.check(tried)
    if (!checked.ok) return checked
    const { user, stored } = checked.value
    const recorded = log.append({
      ...{ what: 'login', who: { kind: 'user', id: user.id, name: user.name }, from: tried.address, on: `user:${user.name}` },
      ...{ outcome: 'done', why: null },
    })
    if (!recorded.ok) return recorded
    if (isOutdated(stored, cost)) {
      const anew = await passwords.hash(tried.password)
      if (anew.ok) users.refresh(user.id, stored, anew.value)
    }
    return begin(user, tried)
  }
}
