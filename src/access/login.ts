import { ok, type Result } from '../core/index.ts'
import type { AuditLog } from './audit.ts'
import type { FloodGate } from './audit-flood.ts'
import type { AuditDraft } from './audit-record.ts'
import { accessFailure } from './errors.ts'
import { COST, type Cost, hashPassword, isOutdated, verifyPassword } from './passwords.ts'
import type { Principal } from './principals.ts'
import { isSecretText, makeSecret, sha256 } from './secrets.ts'
import type { Sessions } from './sessions.ts'
import type { AccessStore } from './store.ts'
import type { LoginThrottle } from './throttle.ts'
import { principalOfUser, type Users } from './users.ts'

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
}

const DEVICE_MS = 90 * 86_400_000
const MOST_DEVICES = 20
/** Node's pool has four threads, files and names need some of them too. */
const AT_ONCE = 2
const UNKNOWN = '(unknown name)'

/** Lets so many run at once; the others wait in their order. */
const gateOf = (most: number) => {
  let running = 0
  const waiting: (() => void)[] = []
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (running >= most) await new Promise<void>((go) => waiting.push(go))
    else running++
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }
}

/** Logging in: throttle, password, audit log, session, in this order. */
export const loginOf = ({ store, users, sessions, throttle, log, flood, now, monotonic, cost = COST }: LoginParts) => {
  const gate = gateOf(AT_ONCE)
  const isKnownDevice = (user: string, device: string | null, at: number): boolean =>
    device !== null &&
    isSecretText('device', device) &&
    store.rows('SELECT seen_at FROM device WHERE user = ? AND hash = ? AND seen_at > ?', user, sha256(device), at - DEVICE_MS).length > 0
  const remember = (user: string, device: string | null, at: number): string => {
    const isKnown = isKnownDevice(user, device, at)
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
  /** The log has a line, or the line is part of a summary. A log that cannot be written changes nothing here: nobody came in. */
  const tellRefused = (account: string, address: string, why: string): void => {
    const { isWritten, before } = flood.take('login-refused', account, address, now())
    const draft: AuditDraft = {
      ...{ what: 'login-refused', who: { kind: 'nobody', id: null, name: account }, from: address, on: `user:${account}` },
      ...{ outcome: 'refused', why },
    }
    for (const each of [...before, ...(isWritten ? [draft] : [])]) log.append(each)
  }

  /**
   * @errors ACCESS_THROTTLED (context `retryAfterMs`); ACCESS_LOGIN, the same for a wrong password, an unknown name and an account out
   *         of use; AUDIT_…: who cannot be recorded does not come in
   */
  return async ({ name, password, address, device }: LoginTry): Promise<Result<LoggedIn>> => {
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
    const isRight = await gate(() => verifyPassword(password, kept?.password ?? null, cost))
    if (!isRight || !kept) {
      throttle.failed({ account: name, address, isKnown }, monotonic())
      tellRefused(account, address, 'wrong name or password')
      return accessFailure('ACCESS_LOGIN', 'the log-in is refused')
    }
    const { id } = kept.user
    const recorded = log.append({
      ...{
        what: 'login',
        who: { kind: 'user', id, name: kept.user.name },
        from: address,
        on: `user:${kept.user.name}`,
        outcome: 'done',
        why: null,
      },
    })
    if (!recorded.ok) return recorded
    throttle.succeeded({ account: name, address, isKnown })
    if (isOutdated(kept.password, cost)) users.refresh(id, kept.password, await gate(() => hashPassword(password, cost)))
    const begun = sessions.begin(id, address, now())
    if (!begun.ok) return accessFailure('ACCESS_LOGIN', 'the log-in is refused')
    return ok({ principal: principalOfUser(kept.user), session: begun.value.text, device: remember(id, device, now()) })
  }
}
