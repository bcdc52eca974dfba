import { type Command, Option } from 'commander'
import { type Static, Type } from 'typebox'
import { OUTAGE_KIND_NAMES, OUTAGE_SCOPE_NAMES, OUTAGE_STATE_NAMES } from '../api/index.ts'
import { type Access, askApi, everyPage, withAccess } from './gaps.ts'
import { CommandFailed, EXIT, print, printJson, table } from './output.ts'

const TextOrNull = Type.Union([Type.String(), Type.Null()])

/** What these commands need of the answers; with --json everything is passed on as it is. */
const Outage = Type.Object({
  ...{ id: Type.Integer(), scope: Type.String(), target: Type.String(), kind: Type.String(), state: Type.String(), from: Type.String() },
  ...{ expectedTo: TextOrNull, to: TextOrNull, reason: Type.String(), workOrder: TextOrNull, noticed: TextOrNull, who: Type.String() },
  warning: TextOrNull,
})
const Detail = Type.Object({
  ...Outage.properties,
  history: Type.Array(Type.Object({ at: Type.String(), what: Type.String(), who: Type.String(), why: Type.String() })),
})

interface AddArguments extends Access {
  readonly from: string
  readonly expectedTo?: string
  readonly to?: string
  readonly reason: string
  readonly workOrder?: string
  readonly noticed?: string
}

interface ListArguments extends Access {
  readonly scope?: string
  readonly target?: string
  readonly kind?: string
  readonly state?: string
  readonly from?: string
  readonly to?: string
}

type ActArguments = Access & { readonly why: string; readonly at?: string; readonly expectedTo?: string }

/** `gridtally outages …`: the outage calendar, through the API of a running gateway. */
export const outageCommands = (program: Command): void => {
  const outages = program.command('outages').description('planned and emergency outages: see, record, extend, end or withdraw them')
  const command = (name: string, description: string, options?: { isDefault: boolean }) =>
    withAccess(outages.command(name, options).description(description))
  command('list', 'outages, those recorded last first (the default)', { isDefault: true })
    .addOption(new Option('--scope <scope>', 'only these').choices([...OUTAGE_SCOPE_NAMES]))
    .option('--target <id>', 'only of this zone, feeder, area, point or line')
    .addOption(new Option('--kind <kind>', 'only these').choices([...OUTAGE_KIND_NAMES]))
    .addOption(new Option('--state <state>', 'only these').choices([...OUTAGE_STATE_NAMES]))
    .option('--from <instant>', 'only those that go on after it: 2026-11-20T00:00:00+08:00')
    .option('--to <instant>', 'only those that begin before it')
    .action(list)
  command('show', 'one outage and everything that was done with it')
    .argument('<id>')
    .action(async (id: string, access: Access) => showDetail(await askApi(access, `/outages/${numberOf(id)}`, Detail), access))
  for (const kind of OUTAGE_KIND_NAMES)
    command(kind === 'planned' ? 'plan' : 'emergency', `records ${kind === 'planned' ? 'a planned' : 'an emergency'} outage`)
      .argument('<scope>', OUTAGE_SCOPE_NAMES.join(', '))
      .argument('<id>', 'which zone, feeder, area, point or line')
      .requiredOption('--from <instant>', 'when power goes off, or went')
      .option('--expected-to <instant>', 'when it is expected back; a planned outage needs it')
      .option('--to <instant>', 'when it was back, for one that is over')
      .requiredOption('--reason <reason>', 'why, for the record')
      .option('--work-order <number>', 'work order')
      .option('--noticed <instant>', 'when key accounts were told')
      .action(async (scope: string, target: string, { url, token, json, ...draft }: AddArguments) => {
        const access = { url, ...(token === undefined ? {} : { token }), ...(json ? { json } : {}) }
        showDetail(await askApi(access, '/outages', Detail, { scope, target, kind, ...draft }), access)
      })
  const act = (name: string, description: string) =>
    command(name, description).argument('<id>').requiredOption('--why <reason>', 'the reason, for the record')
  const run = async (id: string, name: string, { why, at, expectedTo, ...access }: ActArguments) => {
    const body = { why, ...(at === undefined ? {} : { at }), ...(expectedTo === undefined ? {} : { expectedTo }) }
    showDetail(await askApi(access, `/outages/${numberOf(id)}/${name}`, Detail, body), access)
  }
  act('extend', 'puts the expected end off')
    .requiredOption('--expected-to <instant>', 'when power is expected back now')
    .action((id: string, given: ActArguments) => run(id, 'extend', given))
  act('end', 'power is back')
    .option('--at <instant>', 'since when; now if not given')
    .action((id: string, given: ActArguments) => run(id, 'end', given))
  act('notice', 'key accounts were told')
    .option('--at <instant>', 'when; now if not given')
    .action((id: string, given: ActArguments) => run(id, 'notice', given))
  act('withdraw', 'it did not take place, or was a mistake').action((id: string, given: ActArguments) => run(id, 'withdraw', given))
}

const list = async ({ url, token, json, ...filter }: ListArguments): Promise<void> => {
  const access = { url, ...(token === undefined ? {} : { token }) }
  const items = await everyPage(access, '/outages', Outage, { ...filter, limit: '1000' })
  if (json) return printJson(items)
  if (items.length === 0) return print('no outages')
  const rows = items.map(({ id, scope, target, kind, state, from, expectedTo, to, reason, warning }) => [
    ...[String(id), kind, scope, target, state, from.slice(0, 16), (to ?? expectedTo ?? '').slice(0, 16)],
    warning === null ? reason : `${reason} (short notice)`,
  ])
  print(table([['id', 'kind', 'of', '', 'state', 'from (UTC)', 'to (UTC)', 'why'], ...rows]))
}

const showDetail = (outage: Static<typeof Detail>, { json }: Access): void => {
  if (json) {
    printJson(outage)
    return
  }
  const { id, scope, target, kind, state, from, expectedTo, to, reason, workOrder, noticed, warning, history } = outage
  const rows = [
    ['outage', `${id}: ${kind}, ${scope} ${target}, ${state}`],
    ['from', from],
    ...(to === null ? [['expected to', expectedTo ?? 'nobody knows']] : [['to', to]]),
    ['reason', workOrder === null ? reason : `${reason} (work order ${workOrder})`],
    ...(kind === 'planned' ? [['notice', warning ?? noticed ?? '']] : []),
    ...history.map(({ at, what, who, why }) => [at, `${what} by ${who}: ${why}`]),
  ]
  print(table(rows))
}

const numberOf = (text: string): number => {
  const id = Number(text)
  if (Number.isSafeInteger(id) && id > 0) return id
  throw new CommandFailed(`"${text}" is no outage; gridtally outages lists them with their numbers`, EXIT.usage)
}
