import { type Command, Option } from 'commander'
import { isInUse, isValidToken, type MachineToken } from '../access/index.ts'
import { loadGatewayConfig } from '../config/index.ts'
import { linesInLedger } from '../gateway/start-ledger.ts'
import { fixedTokens, sourceOf } from '../gateway/tokens.ts'
import {
  type AccessPlace,
  atData,
  expiryOf,
  harmless,
  isoOr,
  isThere,
  orFail,
  type RightsArguments,
  rightsOf,
  withAccess,
  withRights,
} from './access.ts'
import { CommandFailed, EXIT, print, printJson, table } from './output.ts'

interface AddArguments extends AccessPlace, RightsArguments {
  readonly permission?: 'read' | 'operate'
  readonly owner?: string
}

/** `gridtally token …`: bearer tokens of machines, in the data directory itself. */
export const tokenCommands = (program: Command): void => {
  const token = program.command('token').description('bearer tokens of the API, for machines')
  withRights(atData(token.command('add').description('makes a token; its text is shown once').argument('<name>')))
    .addOption(
      new Option('--permission <permission>', 'instead of roles: read: see; operate: all that changes readings, meters and lines')
        .choices(['read', 'operate'])
        .conflicts(['role', 'zone', 'customer']),
    )
    .option('--owner <user>', 'user it belongs to, and with whom it ends')
    .option('--why <reason>', 'stays in the audit log')
    .action(add)
  atData(token.command('list').description('names, roles, zones, expiry; no secrets')).action(list)
  atData(token.command('revoke').description('ends a token within a second').argument('<name>', 'name or id'))
    .option('--why <reason>', 'stays in the audit log')
    .action((name: string, place: AccessPlace) =>
      withAccess(place, ({ tokens, act, now }) => {
        orFail(tokens.revoke(name, act, now))
        if (place.json) printJson({ revoked: name })
        else print(`${harmless(name)} is revoked`)
      }),
    )
}

const add = (name: string, options: AddArguments): Promise<void> =>
  withAccess(options, ({ tokens, act, now }) => {
    if (options.role === undefined && (options.zone !== undefined || options.customer !== undefined))
      throw new CommandFailed('--zone and --customer go with --role: say what the token is for', EXIT.usage)
    const expiresAt = expiryOf(options.expires, now)
    const rights = options.role === undefined ? { former: options.permission ?? ('read' as const), expiresAt } : rightsOf(options, now)
    const { text, token } = orFail(tokens.add(name, rights, act, now, options.owner ?? null))
    if (options.json) printJson({ id: token.id, name: token.name, text })
    else print(text)
  })

const mayOf = ({ roles, former }: MachineToken): string => former ?? roles.join(', ')

const list = async (place: AccessPlace): Promise<void> => {
  const fixed = fixedOf(place)
  const own = isThere(place)
    ? await withAccess(place, ({ tokens, users, now }) =>
        tokens.list().map((token) => {
          const owner = token.owner === null ? null : users.get(token.owner)
          return {
            token,
            owner: owner?.name ?? null,
            isValid: isValidToken(token, now) && (token.owner === null || (owner !== null && isInUse(owner, now))),
          }
        }),
      )
    : []
  const all = [...fixed.map((token) => ({ token, owner: null, isValid: true })), ...own]
  if (place.json)
    printJson(
      all.map(({ token, owner, isValid }) => ({
        ...{
          id: token.id,
          name: token.name,
          roles: token.roles,
          permission: token.former,
          zones: token.zones,
          customer: token.customer,
          owner,
        },
        ...{ source: sourceOf(token), expiresAt: isoOrNull(token.expiresAt), revoked: token.revokedAt !== null, valid: isValid },
      })),
    )
  else if (all.length === 0) print('no tokens')
  else
    print(
      table([
        ['name', 'may', 'zones', 'ends', '', 'id'],
        ...all.map(({ token, owner, isValid }) =>
          [
            ...[token.name, mayOf(token), token.customer === null ? (token.zones?.join(' ') ?? 'all') : `customer ${token.customer}`],
            ...[isoOr(token.expiresAt, 'never'), isValid ? 'valid' : token.revokedAt === null ? 'expired' : 'revoked'],
            ...[`${token.id}${owner === null ? '' : ` of ${owner}`}${sourceOf(token) === 'made' ? '' : ` (${sourceOf(token)})`}`],
          ].map(harmless),
        ),
      ]),
    )
}

const isoOrNull = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString())

/** Those of the configuration; none with --data, where there is no configuration. */
const fixedOf = ({ config, data }: AccessPlace): readonly MachineToken[] => {
  if (data !== undefined) return []
  const loaded = loadGatewayConfig(config, process.env, linesInLedger)
  return loaded.ok ? fixedTokens(loaded.value.http, {}) : []
}
