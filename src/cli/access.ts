import { existsSync, mkdirSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import {
  type Act,
  isRole,
  linksOf,
  openAccessStore,
  openAuditLog,
  type Rights,
  ROLES,
  sessionsOf,
  tokensOf,
  usersOf,
} from '../access/index.ts'
import { loadGatewayConfig } from '../config/index.ts'
import type { Result } from '../core/index.ts'
import { linesInLedger } from '../gateway/start-ledger.ts'
import { takeFormerTokens } from '../gateway/tokens.ts'
import { dataOf } from './config-commands.ts'
import { CommandFailed, EXIT, failure } from './output.ts'

/** Where the data lies, and why something is done. */
export interface AccessPlace {
  readonly config: string
  readonly data?: string
  readonly head?: string
  readonly why?: string
  readonly json?: boolean
}

/** The same options for everything that works on the data directory itself. */
export const atData = (command: Command): Command =>
  command
    .option('--data <directory>', 'data directory of the gateway; without: that of the configuration')
    .option('--head <directory>', 'where audit.head lies, with --data and if not with the data')
    .addOption(new Option('-c, --config <file>', 'configuration file').default('config/gateway.yaml'))
    .addOption(new Option('--json', 'one JSON document instead of text'))

/** Who types: by the name of the system's user, which is as good as access to these files. */
const typist = (why: string | undefined): Act => {
  const name = (() => {
    try {
      return userInfo().username
    } catch {
      return `uid ${process.getuid?.() ?? 'unknown'}`
    }
  })()
  return { who: { kind: 'command', id: null, name }, from: 'local', why: why ?? null }
}

const headOf = ({ config, data, head }: AccessPlace, directory: string): string => {
  if (head !== undefined) return resolve(head)
  if (data !== undefined) return directory
  const loaded = loadGatewayConfig(config, process.env, linesInLedger)
  return loaded.ok ? (loaded.value.access.auditHead ?? directory) : directory
}

/** The parts of access in a data directory, while somebody works with them. */
export type OpenFiles = ReturnType<typeof opened>['parts']

const opened = (place: AccessPlace) => {
  const directory = dataOf(place)
  // Tokens and the first administrator may be made before the gateway ran for the first time.
  mkdirSync(directory, { recursive: true, mode: 0o750 })
  const log = openAuditLog(directory, () => Date.now(), headOf(place, directory))
  if (!log.ok) throw failure(log.error)
  const store = (() => {
    try {
      return openAccessStore(directory, log.value)
    } catch (error) {
      log.value.close()
      throw new CommandFailed(error instanceof Error ? error.message : String(error))
    }
  })()
  const users = usersOf(store)
  const tokens = tokensOf(store)
  return {
    parts: {
      ...{ directory, act: typist(place.why), now: Date.now(), store, users, tokens },
      ...{ sessions: sessionsOf(store, users), links: linksOf(store, users) },
    },
    close: () => {
      store.close()
      log.value.close()
    },
  }
}

/**
 * Works on the files of the data directory, whether a gateway has them open or not. A running one takes up within a second what was changed.
 * Everything is written to the audit log under the name of the system's user.
 */
export const withAccess = async <T>(place: AccessPlace, work: (parts: OpenFiles) => T | Promise<T>): Promise<T> => {
  const { parts, close } = opened(place)
  try {
    const taken = takeFormerTokens(parts.directory, parts.tokens, parts.now, parts.act)
    if (!taken.ok) throw failure(taken.error)
    return await work(parts)
  } finally {
    close()
  }
}

/** Whether there is anything yet to look at. */
export const isThere = (place: AccessPlace): boolean =>
  existsSync(join(dataOf(place), 'access.db')) || existsSync(join(dataOf(place), 'tokens.json'))

export const orFail = <T>(result: Result<T>): T => {
  if (result.ok) return result.value
  throw failure(result.error)
}

export interface RightsArguments {
  readonly role?: readonly string[]
  readonly zone?: readonly string[]
  readonly customer?: string
  readonly expires?: string
}

/** Options for what somebody may do and see. */
export const withRights = (command: Command): Command =>
  command
    .addOption(new Option('--role <role...>', 'what for; docs/access.md says what each may do').choices([...ROLES]))
    .option('--zone <id...>', 'only these zones, with all that lies in them; without: every zone')
    .option('--customer <id>', 'role customer: whose points')
    .option('--expires <when>', 'ends by itself: 90d, 12h, or an instant with its zone')

const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, d: 86_400_000 }

/** When a right ends: so long from now, or at an instant. */
export const expiryOf = (text: string | undefined, now: number): number | null => {
  if (text === undefined) return null
  const [, amount, unit = ''] = /^(\d{1,4})([hd])$/.exec(text) ?? []
  const at =
    amount !== undefined
      ? now + Number(amount) * (UNITS[unit] ?? 0)
      : /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d))?$/.test(text)
        ? Date.parse(text)
        : Number.NaN
  if (Number.isNaN(at))
    throw new CommandFailed(`--expires is 90d, 12h or an instant like 2027-01-01T00:00:00+08:00, not "${text}"`, EXIT.usage)
  return at
}

export const rightsOf = ({ role = [], zone, customer, expires }: RightsArguments, now: number): Rights => ({
  ...{ roles: role.filter(isRole), zones: zone === undefined ? null : [...zone], customer: customer ?? null },
  expiresAt: expiryOf(expires, now),
})

/** Names come from outside: none of them moves the cursor or begins a line. */
export const harmless = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '·')
export const isoOr = (at: number | null, otherwise: string): string => (at === null ? otherwise : new Date(at).toISOString())
