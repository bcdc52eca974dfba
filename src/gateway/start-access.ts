import {
  floodGate,
  isInUse,
  linksOf,
  loginOf,
  loginThrottle,
  openAccessStore,
  type Principal,
  passwordCheckOf,
  principalOfUser,
  sessionsOf,
  startSession,
  tokensOf,
  tokenView,
  usersOf,
} from '../access/index.ts'
import type { AccessCounts, AccessDeps, AccountDeps, HealthView } from '../api/index.ts'
import type { GatewayConfig } from '../config/index.ts'
import { type Scope, systemClock } from '../core/index.ts'
import { accountViews } from './access-views.ts'
import type { Audit } from './audit.ts'
import { openAuditReads } from './audit-reads.ts'
import { FULL_SHARE, watchDisk } from './disk-watch.ts'
import { type GatewayTokens, HOUSE, openTokens, sourceOf } from './tokens.ts'

/** Summaries of refused log-ins are written this often. */
const DUE_MS = 3000

export interface OpenAccess {
  readonly authenticate: AccessDeps['authenticate']
  readonly standing: AccessDeps['standing']
  readonly views: AccountDeps
  readonly tokens: GatewayTokens
  counts(): Pick<AccessCounts, 'logins' | 'auditDiskUsed'>
  health(): HealthView['parts'][number]
  /** Nobody at all can come in yet: no user with a password, no token. */
  isEmpty(): boolean
  /** Writes down that the gateway runs. */
  started(version: string): void
  close(): void
}

/** `scopeOf` of the ledger is not there yet when this is opened. */
export interface AccessParts {
  readonly config: Pick<GatewayConfig, 'dataDirectory' | 'http' | 'access'>
  readonly environment: NodeJS.ProcessEnv
  readonly audit: Pick<Audit, 'log'>
  readonly scopeOf: (who: Principal) => Scope
  readonly say: (level: 'info' | 'warn', message: string) => void
}

/**
 * Opens users, log-ins and tokens. They live in real time, also where the rest of the house lives in the faster one of a simulation: a
 * log-in of 15 minutes is one of 15 minutes, and the command line has no other clock.
 *
 * @throws  when `access.db` cannot be opened, or GRIDTALLY_TOKEN is no token
 */
export const openAccess = ({ config, environment, audit, scopeOf, say }: AccessParts): OpenAccess => {
  const { dataDirectory } = config
  const now = () => systemClock.now()
  const monotonic = () => systemClock.monotonic()
  const { log } = audit
  const store = openAccessStore(dataDirectory, log)
  const users = usersOf(store)
  const rules = config.access.session
  const sessions = sessionsOf(store, users, rules)
  const made = tokensOf(store)
  const tokens = openTokens({ dataDirectory, http: config.http, environment, tokens: made, now })
  const view = tokenView(store, { list: () => tokens.all() }, monotonic)
  try {
    tokens.reload()
  } catch (error) {
    say('warn', error instanceof Error ? error.message : String(error))
  }
  const flood = floodGate()
  const parts = { store, users, sessions, throttle: loginThrottle(), log, flood, now, monotonic }
  const passwords = passwordCheckOf(parts)
  const tryLogin = loginOf(parts, passwords)
  const logins = { in: 0, refused: 0, throttled: 0 }
  const login: typeof tryLogin = async (tried) => {
    const done = await tryLogin(tried)
    logins[done.ok ? 'in' : done.error.code === 'ACCESS_THROTTLED' ? 'throttled' : 'refused']++
    return done
  }
  const headDirectory = config.access.auditHead ?? dataDirectory
  const reads = openAuditReads({ directory: dataDirectory, headDirectory }, log)
  const disk = watchDisk([dataDirectory, headDirectory], (message) => say('warn', message))
  const tell = (isLast: boolean): void => {
    for (const summary of flood.due(now(), isLast)) log.append(summary)
  }
  const due = setInterval(() => tell(false), DUE_MS)
  due.unref()
  let isStarted = false

  /** What belongs to somebody ends with him. */
  const ofOwner = (who: Principal | null): Principal | null => {
    if (who === null || who.owner === null || who.owner === undefined) return who
    const owner = users.get(who.owner)
    return owner && isInUse(owner, now()) ? who : null
  }

  return {
    authenticate: ({ kind, text }, isUse) => {
      if (kind === 'cookie') return sessions.find(text, now(), isUse)?.principal ?? null
      return ofOwner(view.find(text, now()))
    },
    standing: ({ kind, id }) => {
      if (kind === 'token') return ofOwner(view.standing(id, now()))
      const user = users.get(id)
      return user && isInUse(user, now()) ? principalOfUser(user) : null
    },
    views: {
      accounts: accountViews({
        ...{ store, users, sessions, tokens: made, links: linksOf(store, users), rules, login, passwords, scopeOf, now, sourceOf },
        begin: startSession(parts, passwords),
        ...{ allTokens: () => tokens.all(), changed: () => view.refresh() },
      }),
      auditReads: reads,
    },
    tokens: {
      ...tokens,
      add: (name, former) => {
        const text = tokens.add(name, former)
        view.refresh()
        return text
      },
      use: (http) => {
        tokens.use(http)
        view.refresh()
      },
    },
    counts: () => ({ logins: { ...logins }, auditDiskUsed: disk.share() }),
    health: () => {
      const share = disk.share()
      const percent = share === null ? null : Math.round(share * 100)
      const isFull = share !== null && share >= FULL_SHARE
      return {
        ...{ part: 'audit disk', state: isFull ? 'degraded' : 'ok' },
        sentence: percent === null ? 'nobody can tell how full it is' : `${percent} % full`,
        cure: isFull ? 'make room: when no record can be written, changes are refused' : null,
      }
    },
    isEmpty: () => users.admins(now()).length === 0 && !tokens.all().some(({ revokedAt }) => revokedAt === null),
    started: (version) => {
      isStarted = true
      log.append({ ...HOUSE, what: 'start', on: 'gateway', outcome: 'done', after: { version } })
    },
    close: () => {
      clearInterval(due)
      disk.stop()
      tell(true)
      if (isStarted) log.append({ ...HOUSE, what: 'stop', on: 'gateway', outcome: 'done' })
      store.close()
      return reads.close()
    },
  }
}
