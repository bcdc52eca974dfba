import { type Command, Option } from 'commander'
import { type Static, type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'
import { CLOCK_STATE_NAMES } from '../api/index.ts'
import { reached } from './gateway-api.ts'
import { CommandFailed, complain, print, printJson, table } from './output.ts'

/** What these commands need of the answers; the rest is passed on as it is. */
const Point = Type.Object({ at: Type.String(), driftMs: Type.Integer(), uncertaintyMs: Type.Integer() })
const PointOrNull = Type.Union([Point, Type.Null()])
const Clock = Type.Object({
  ...{ meter: Type.String(), line: Type.String(), state: Type.String(), isLocked: Type.Boolean(), newest: PointOrNull },
  rate: Type.Union([Type.Object({ msPerDay: Type.Integer(), isOver: Type.Boolean() }), Type.Null()]),
  error: Type.Union([Type.Object({ code: Type.String(), message: Type.String() }), Type.Null()]),
})
const Page = Type.Object({ items: Type.Array(Clock), next: Type.Union([Type.String(), Type.Null()]) })
const Act = Type.Object({
  ...{ at: Type.String(), kind: Type.String(), line: Type.String(), who: Type.String(), why: Type.String(), result: Type.String() },
  second: Type.Union([Type.String(), Type.Null()]),
  meters: Type.Array(Type.Object({ meter: Type.String(), before: PointOrNull, after: PointOrNull })),
})
const Detail = Type.Object({
  ...Clock.properties,
  history: Type.Array(Type.Object({ ...Point.properties, why: Type.String() })),
  acts: Type.Array(Act),
})
const Refused = Type.Object({ code: Type.String(), detail: Type.String(), hint: Type.String() })

interface Access {
  readonly url: string
  readonly token?: string
  readonly json?: boolean
}

/** `gridtally clocks …`: the clocks of the meters of a running gateway, through its API. */
export const clockCommands = (program: Command): void => {
  const clocks = program.command('clocks').description('clocks of meters: how far they are off, and setting them')
  const command = (name: string, description: string) =>
    clocks
      .command(name)
      .description(description)
      .option('--url <url>', 'address of the API', 'http://127.0.0.1:8645')
      .option('--token <token>', 'bearer token; or in the environment as GRIDTALLY_TOKEN')
      .option('--json', 'one JSON document instead of text')
  command('list', 'every clock, by meter')
    .addOption(new Option('--state <state>', 'only these').choices([...CLOCK_STATE_NAMES]))
    .option('--line <line>', 'only meters on this line')
    .option('--area <area>', 'only meters of this transformer area')
    .action(list)
  command('show', 'one clock, its history and what was done to it')
    .argument('<meter>')
    .action(async (meter: string, access: Access) => showDetail(await ask(access, `/clocks/${part(meter)}`, Detail), access))
  command('read', 'reads a clock at once; changes nothing')
    .argument('<meter>')
    .action(async (meter: string, access: Access) => showDetail(await ask(access, `/clocks/${part(meter)}/read`, Detail, null), access))
  command('set', 'sets the clock of one meter by its password; only where the configuration allows it')
    .argument('<meter>')
    .requiredOption('--why <reason>', 'the reason, for the record')
    .option('--second-token <token>', 'token of a second person; or in the environment as GRIDTALLY_SECOND_TOKEN')
    .option('--accept-crossing', 'the meter may skip or repeat a freeze where no time of day spares it')
    .action(async (meter: string, { why, secondToken, acceptCrossing, ...access }: SetArguments) => {
      const second = secondToken ?? process.env.GRIDTALLY_SECOND_TOKEN
      const body = { why, ...(second === undefined ? {} : { secondToken: second }), ...(acceptCrossing ? { acceptCrossing } : {}) }
      showAct(await ask(access, `/clocks/${part(meter)}/set`, Act, body), access)
    })
  command('sync', 'tells every meter on a line the time, once a day; corrects up to five minutes')
    .argument('<line>')
    .requiredOption('--why <reason>', 'the reason, for the record')
    .action(async (line: string, { why, ...access }: Access & { readonly why: string }) =>
      showAct(await ask(access, `/lines/${part(line)}/clock-sync`, Act, { why }), access),
    )
  command('clear', 'lets a meter be written to again that refused a password')
    .argument('<meter>')
    .requiredOption('--why <reason>', 'the reason, for the record')
    .action(async (meter: string, { why, ...access }: Access & { readonly why: string }) =>
      showAct(await ask(access, `/clocks/${part(meter)}/clear`, Act, { why }), access),
    )
}

interface SetArguments extends Access {
  readonly why: string
  readonly secondToken?: string
  readonly acceptCrossing?: boolean
}

const list = async ({
  state,
  line,
  area,
  ...access
}: Access & { readonly state?: string; readonly line?: string; readonly area?: string }) => {
  const items: Static<typeof Clock>[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const query = new URLSearchParams({
      limit: '500',
      ...(state === undefined ? {} : { state }),
      ...(line === undefined ? {} : { line }),
      ...(area === undefined ? {} : { area }),
      ...(cursor === '' ? {} : { cursor }),
    })
    const page: Static<typeof Page> = await ask(access, `/clocks?${query}`, Page)
    items.push(...page.items)
    cursor = page.next
  }
  if (access.json) printJson(items)
  else if (items.length === 0) complain('no such meter')
  else print(table([['meter', 'line', 'state', 'drift', 'seen at', 'a day', ''], ...items.map(rowOf)]))
}

const rowOf = ({ meter, line, state, newest, rate, error, isLocked }: Static<typeof Clock>): string[] => [
  ...[meter, line, state, driftText(newest), newest?.at ?? '-'],
  rate ? `${seconds(rate.msPerDay)}${rate.isOver ? ' !' : ''}` : '-',
  [...(isLocked ? ['locked'] : []), ...(error ? [error.code] : [])].join(', '),
]

const showDetail = (clock: Static<typeof Detail>, { json }: Access): void => {
  if (json) {
    printJson(clock)
    return
  }
  const { meter, line, state, newest, rate, error, isLocked, history, acts } = clock
  print(`${meter} on ${line}: ${state}${newest ? `, ${driftText(newest)} at ${newest.at}` : ''}`)
  if (rate) print(`gains ${seconds(rate.msPerDay)} a day${rate.isOver ? ', more than half a second' : ''}`)
  if (error) print(`last try: ${error.code} ${error.message}`)
  if (isLocked) print('nothing is written to it: it refused a password; gridtally clocks clear ends that')
  if (history.length > 0) print(`\n${table(history.slice(0, 20).map((point) => [point.at, driftText(point), point.why]))}`)
  for (const act of acts) print(`\n${actText(act)}`)
}

const showAct = (act: Static<typeof Act>, { json }: Access): void => {
  if (json) printJson(act)
  else print(actText(act))
}

const actText = ({ at, kind, line, who, second, why, result, meters }: Static<typeof Act>): string =>
  [
    `${at} ${kind} on ${line} by ${who}${second === null ? '' : ` and ${second}`}: ${result} (${why})`,
    ...meters.map(({ meter, before, after }) => `  ${meter}: ${driftText(before)} before, ${driftText(after)} after`),
  ].join('\n')

const seconds = (ms: number): string => {
  const size = String(Math.abs(ms)).padStart(4, '0')
  return `${ms < 0 ? '-' : '+'}${size.slice(0, -3)}.${size.slice(-3)} s`
}
const driftText = (point: Static<typeof Point> | null): string =>
  point ? `${seconds(point.driftMs)} ± ${seconds(point.uncertaintyMs).slice(1)}` : 'not read'

const part = (text: string): string => encodeURIComponent(text)

/** One question to the API; `body` makes it a POST, null one without a body. */
const ask = async <S extends TSchema>(access: Access, path: string, schema: S, body?: object | null): Promise<Static<S>> => {
  const { url } = access
  const sent = body ? { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) } : {}
  const response = await reached(access, `/api/v1${path}`, {}, { ...(body === undefined ? {} : { method: 'POST' }), ...sent })
  const answer: unknown = await response.json().catch(() => null)
  if (response.ok && Value.Check(schema, answer)) return answer
  if (Value.Check(Refused, answer)) throw new CommandFailed(`${answer.code} ${answer.detail}; ${answer.hint}`)
  throw new CommandFailed(`${url} answered ${response.status} with something this version does not know; is that its address?`)
}
