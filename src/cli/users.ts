import type { Command } from 'commander'
import { isInUse, LINK_MS, type User } from '../access/index.ts'
import { type GatewayConfig, loadGatewayConfig } from '../config/index.ts'
import { many, ok } from '../core/index.ts'
import { linesInLedger } from '../gateway/start-ledger.ts'
import {
  type AccessPlace,
  atData,
  harmless,
  isoOr,
  isThere,
  orFail,
  type RightsArguments,
  rightsOf,
  withAccess,
  withRights,
} from './access.ts'
import { CommandFailed, complain, print, printJson, table } from './output.ts'
import { newPassword } from './password.ts'

type RightsPlace = AccessPlace & RightsArguments

/** `gridtally user …`: accounts of persons, in the data directory itself; whoever can write there is trusted with it. */
export const userCommands = (program: Command): void => {
  const user = program.command('user').description('users of the API: the first administrator, accounts, rights, one-time links, log-ins')
  const command = (name: string, description: string) => atData(user.command(name).description(description))
  const act = (name: string, description: string) =>
    command(name, description).argument('<name>').option('--why <reason>', 'stays in the audit log')

  command('first', 'a one-time link for the first administrator; only where there is none').action(first)
  command('redeem', 'uses a one-time link here instead of through the API; asks for the password')
    .argument('<link>', 'gl_…')
    .option('--name <name>', 'first administrator: the name he takes')
    .action(redeem)
  command('list', 'names, roles, zones, state').action(list)
  withRights(act('add', 'makes an account; shows the one-time link its holder sets a password with')).action(
    (name: string, options: RightsPlace) =>
      withAccess(options, ({ users, links, act: who, now }) => {
        orFail(users.add(name, rightsOf(options, now), who, now))
        sayLink(orFail(links.makeFor(name, who, now)), now, options)
      }),
  )
  withRights(act('roles', 'gives other rights, all at once: roles, zones, customer, expiry')).action((name: string, options: RightsPlace) =>
    withAccess(options, ({ users, act: who, now }) => say(orFail(users.setRights(name, rightsOf(options, now), who, now)), now, options)),
  )
  act('disable', 'takes an account out of use; its log-ins, links and tokens end at once').action((name: string, options: AccessPlace) =>
    withAccess(options, ({ users, act: who, now }) => say(orFail(users.disable(name, true, who, now)), now, options)),
  )
  act('enable', 'takes it back into use').action((name: string, options: AccessPlace) =>
    withAccess(options, ({ users, act: who, now }) => say(orFail(users.disable(name, false, who, now)), now, options)),
  )
  act('link', 'a one-time link for a new password').action((name: string, options: AccessPlace) =>
    withAccess(options, ({ links, act: who, now }) => sayLink(orFail(links.makeFor(name, who, now)), now, options)),
  )
  act('sessions', 'log-ins of a user that go on').option('--end', 'ends them all').action(sessions)
}

const urlOf = ({ host, port, tls }: GatewayConfig['http']): string =>
  `http${tls ? 's' : ''}://${host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host}:${port}`

const addressOf = ({ config, data }: AccessPlace): string => {
  const loaded = data === undefined ? loadGatewayConfig(config, process.env, linesInLedger) : null
  if (!loaded?.ok) return 'http://127.0.0.1:8645'
  // Port 0: the system chooses one at each start.
  return loaded.value.http.port === 0 ? 'ADDRESS' : urlOf(loaded.value.http)
}

const sayLink = (link: string, now: number, { json }: AccessPlace): void => {
  const until = new Date(now + LINK_MS).toISOString()
  if (json) {
    printJson({ link, until })
    return
  }
  print(link)
  complain(`shown once, works once, until ${until}; its holder sets the password: gridtally user redeem LINK, or POST /api/v1/links/redeem`)
}

const first = (place: AccessPlace): Promise<void> =>
  withAccess(place, ({ links, act, now }) => {
    const link = orFail(links.makeFirst(act, now))
    const until = new Date(now + LINK_MS).toISOString()
    if (place.json) return printJson({ link, until })
    print(link)
    complain(
      [
        `shown once, works once, until ${until}. Choose a name and a password of 12 characters or more, here:`,
        `  gridtally user redeem ${link} --name NAME ${place.data === undefined ? `-c ${place.config}` : `--data ${place.data}`}`,
        'or through the API of the running gateway:',
        `  curl ${addressOf(place)}/api/v1/links/redeem -H 'content-type: application/json' -d '{"link":"${link}","name":"NAME","password":"…"}'`,
      ].join('\n'),
    )
  })

const redeem = async (link: string, { name, ...place }: AccessPlace & { readonly name?: string }): Promise<void> => {
  await withAccess(place, async ({ links, now }) => {
    const found = orFail(links.look(link, now))
    const password = await newPassword()
    const done =
      found.kind === 'password'
        ? await links.usePassword(link, password, 'local', now)
        : await links.useFirst(link, name ?? '', password, 'local', now)
    const user = orFail(done)
    if (place.json) printJson({ name: user.name, roles: user.roles })
    else print(`${user.name} can log in now (${user.roles.join(', ')})`)
  })
}

const stateOf = (user: User, now: number): string =>
  user.disabledAt !== null ? 'disabled' : !isInUse(user, now) ? 'expired' : user.passwordAt === null ? 'no password yet' : 'in use'
const seesOf = ({ zones, customer }: User): string => (customer === null ? (zones?.join(' ') ?? 'all') : `customer ${customer}`)
const jsonOf = (user: User, now: number) => ({
  ...{ id: user.id, name: user.name, roles: user.roles, zones: user.zones, customer: user.customer, state: stateOf(user, now) },
  expiresAt: user.expiresAt === null ? null : new Date(user.expiresAt).toISOString(),
})

const say = (user: User, now: number, { json }: AccessPlace): void => {
  if (json) printJson(jsonOf(user, now))
  else print(`${harmless(user.name)}: ${user.roles.join(', ')}; zones ${harmless(seesOf(user))}; ${stateOf(user, now)}`)
}

const list = async (place: AccessPlace): Promise<void> => {
  const found = isThere(place) ? await withAccess(place, ({ users, now }) => users.list().map((user) => ({ user, now }))) : []
  if (place.json) printJson(found.map(({ user, now }) => jsonOf(user, now)))
  else if (found.length === 0) print('no users: gridtally user first makes the link for the first one')
  else
    print(
      table([
        ['name', 'roles', 'zones', 'ends', ''],
        ...found.map(({ user, now }) =>
          [user.name, user.roles.join(', '), seesOf(user), isoOr(user.expiresAt, 'never'), stateOf(user, now)].map(harmless),
        ),
      ]),
    )
}

const sessions = (name: string, options: AccessPlace & { readonly end?: boolean }): Promise<void> =>
  withAccess(options, ({ users, sessions: all, store, act, now }) => {
    const user = users.byName(name)
    if (user === null) throw new CommandFailed(`there is no user ${harmless(name)}; gridtally user list names them`)
    const found = all.of(user.id, now)
    if (options.end && found.length > 0)
      orFail(
        store.change(act, () => {
          all.endAll(user.id, now)
          const before = found.map(({ hash }) => hash.slice(0, 16))
          return ok({ value: null, told: { what: 'session-ended', on: `user:${user.name}`, before } })
        }),
      )
    if (options.json)
      printJson(
        found.map(({ hash, createdAt, seenAt, address }) => ({
          id: hash.slice(0, 16),
          createdAt: isoOr(createdAt, ''),
          seenAt: isoOr(seenAt, ''),
          address,
        })),
      )
    else if (options.end) print(`${many(found.length, 'log-in')} ended`)
    else if (found.length === 0) print('no log-ins')
    else
      print(
        table([
          ['id', 'since', 'used', 'from'],
          ...found.map(({ hash, createdAt, seenAt, address }) => [
            hash.slice(0, 16),
            isoOr(createdAt, ''),
            isoOr(seenAt, ''),
            harmless(address),
          ]),
        ]),
      )
  })
