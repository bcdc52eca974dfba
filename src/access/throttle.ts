import { ok, type Result } from '../core/index.ts'
import { accessFailure } from './errors.ts'

/**
 * Where a try comes from. Each lane has checks of its own, so that who fills one cannot shut the others:
 *
 * - `known`: a device that has logged in to this account before
 * - `fresh`: an address that has hardly tried anything lately
 * - `other`: everybody else, that is, in an attack, the attackers
 */
export type Lane = 'known' | 'fresh' | 'other'

export interface ThrottleRules {
  readonly windowMs: number
  /** Password checks in any window, of one account; together at most 10. */
  readonly perAccount: Readonly<Record<Lane, number>>
  /** Of all accounts: what a check costs is bounded whatever names are made up. */
  readonly overall: Readonly<Record<Lane, number>>
  /** Tries after which an address is no longer fresh, for how long. */
  readonly freshTries: number
  readonly freshMs: number
  /** Wrong passwords in a row before each further one doubles the pause: from one address for one account, from one address for any, for one account. */
  readonly freePair: number
  readonly freeAddress: number
  readonly freeAccount: number
  readonly firstPauseMs: number
  readonly longestPauseMs: number
  /** Addresses that are remembered; the one not seen for longest is forgotten. */
  readonly mostAddresses: number
}

export const THROTTLE_RULES: ThrottleRules = {
  windowMs: 60_000,
  perAccount: { known: 4, fresh: 3, other: 3 },
  overall: { known: 60, fresh: 30, other: 30 },
  freshTries: 3,
  freshMs: 600_000,
  freePair: 3,
  freeAddress: 10,
  freeAccount: 10,
  firstPauseMs: 1000,
  longestPauseMs: 300_000,
  mostAddresses: 10_000,
}

export interface Try {
  /** Name as typed, whether there is such a user or not. */
  readonly account: string
  readonly address: string
  /** Whether the device has logged in to this account before. */
  readonly isKnown: boolean
}

interface Failures {
  count: number
  at: number
}

interface Account {
  /** When each check was allowed, oldest first. */
  readonly checks: Record<Lane, number[]>
  readonly failures: Failures
  readonly pairs: Map<string, Failures>
}

interface Address {
  /** Tries, allowed or not, oldest first; no more than are needed. */
  tries: number[]
  readonly failures: Failures
}

/** One household or office: an IPv4 address, or the /64 of an IPv6 one. */
export const addressKey = (address: string): string => {
  const plain = address.toLowerCase().replace(/%.*$/, '')
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(plain)?.[1]
  if (mapped !== undefined || !plain.includes(':')) return mapped ?? plain
  const [head = '', tail] = plain.split('::')
  const groups = head === '' ? [] : head.split(':')
  const rest = tail === undefined || tail === '' ? [] : tail.split(':')
  const all =
    tail === undefined ? groups : [...groups, ...Array.from({ length: Math.max(0, 8 - groups.length - rest.length) }, () => '0'), ...rest]
  return `${all
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}

/** A device that is known goes by itself: whoever shares its address, behind one proxy, does not hold it up. */
const pairKey = ({ address, isKnown }: Try): string => (isKnown ? 'known device' : addressKey(address))

const accountKey = (account: string): string => account.normalize('NFKC').toLowerCase().slice(0, 64)

/**
 * Decides which tries at logging in are worth a password check. Time is handed in (never stepping back), memory is bounded: only what
 * was checked is remembered of an account, and checks are bounded over all.
 *
 * Nobody is locked out for ever: no pause is longer than `longestPauseMs`, a known device is not held up by others, and a fresh address
 * waits for no more than a window.
 */
export const loginThrottle = (rules: ThrottleRules = THROTTLE_RULES) => {
  const accounts = new Map<string, Account>()
  const addresses = new Map<string, Address>()
  const overall: Record<Lane, number[]> = { known: [], fresh: [], other: [] }

  const keepRecent = (times: number[], now: number, span: number): void => {
    while (times[0] !== undefined && times[0] <= now - span) times.shift()
  }
  const forgetMs = 2 * rules.longestPauseMs + rules.windowMs

  /** Accounts nobody has tried for long; there are never more than checks allowed in that time. */
  const sweep = (now: number): void => {
    for (const [key, { checks, failures }] of accounts) {
      const last = Math.max(failures.at, ...Object.values(checks).map((times) => times.at(-1) ?? 0))
      if (last < now - forgetMs) accounts.delete(key)
    }
  }
  let sweptAt = 0

  const addressOf = (key: string): Address => {
    const known = addresses.get(key) ?? { tries: [], failures: { count: 0, at: 0 } }
    // The one seen last is last: the first is the one to forget.
    addresses.delete(key)
    addresses.set(key, known)
    for (const oldest of addresses.keys()) {
      if (addresses.size <= rules.mostAddresses) break
      addresses.delete(oldest)
    }
    return known
  }
  const pause = ({ count }: Failures, free: number): number =>
    count < free ? 0 : Math.min(rules.longestPauseMs, rules.firstPauseMs * 2 ** Math.min(30, count - free))
  const waitAfter = (failures: Failures | undefined, free: number, now: number): number =>
    failures === undefined ? 0 : Math.max(0, failures.at + pause(failures, free) - now)
  const waitFor = (times: readonly number[], most: number, now: number): number =>
    times.length < most ? 0 : (times[times.length - most] ?? now) + rules.windowMs - now

  return {
    /**
     * Asks for one password check, and counts it when it is allowed.
     *
     * @returns  the lane it took
     * @errors   ACCESS_THROTTLED with `retryAfterMs`; the same whether there is such an account or not
     */
    ask: (tried: Try, now: number): Result<Lane> => {
      const { account, address, isKnown } = tried
      if (now - sweptAt > rules.windowMs) {
        sweep(now)
        sweptAt = now
      }
      const place = addressKey(address)
      const from = addressOf(place)
      keepRecent(from.tries, now, rules.freshMs)
      const lane: Lane = isKnown ? 'known' : from.tries.length < rules.freshTries ? 'fresh' : 'other'
      if (from.tries.length >= rules.freshTries) from.tries.shift()
      from.tries.push(now)
      const key = accountKey(account)
      const known = accounts.get(key)
      const times: number[] = known?.checks[lane] ?? []
      for (const each of [times, overall[lane]]) keepRecent(each, now, rules.windowMs)
      const wait = Math.max(
        waitFor(times, rules.perAccount[lane], now),
        waitFor(overall[lane], rules.overall[lane], now),
        waitAfter(known?.pairs.get(pairKey(tried)), rules.freePair, now),
        isKnown ? 0 : waitAfter(from.failures, rules.freeAddress, now),
        lane === 'other' ? waitAfter(known?.failures, rules.freeAccount, now) : 0,
      )
      if (wait > 0)
        return accessFailure('ACCESS_THROTTLED', `too many tries; the next one in ${Math.ceil(wait / 1000)} s`, {
          retryAfterMs: Math.ceil(wait),
        })
      const charged: Account = known ?? { checks: { known: [], fresh: [], other: [] }, failures: { count: 0, at: 0 }, pairs: new Map() }
      accounts.set(key, charged)
      charged.checks[lane].push(now)
      overall[lane].push(now)
      return ok(lane)
    },

    /** The password was wrong, or there is no such account. */
    failed: (tried: Try, now: number): void => {
      const place = addressKey(tried.address)
      const known = accounts.get(accountKey(tried.account))
      const pair = known?.pairs.get(pairKey(tried)) ?? { count: 0, at: 0 }
      if (known) {
        for (const [key, { at }] of known.pairs) if (at < now - forgetMs) known.pairs.delete(key)
        known.pairs.set(pairKey(tried), pair)
      }
      for (const failures of [pair, addressOf(place).failures, ...(known ? [known.failures] : [])]) {
        // After a long quiet time it begins again.
        failures.count = failures.at < now - forgetMs ? 1 : failures.count + 1
        failures.at = now
      }
    },

    /**
     * The password was right: what this address did wrong for this account is forgotten. Not what it did for others: else whoever has one
     * account of his own could try those of others without a pause.
     */
    succeeded: (tried: Try): void => {
      const known = accounts.get(accountKey(tried.account))
      known?.pairs.delete(pairKey(tried))
      if (known) known.failures.count = 0
    },

    /** How much is remembered. */
    size: () => ({ accounts: accounts.size, addresses: addresses.size }),
  }
}

export type LoginThrottle = ReturnType<typeof loginThrottle>
