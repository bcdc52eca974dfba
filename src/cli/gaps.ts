import { type Command, Option } from 'commander'
import { type Static, type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'
import { DUE_KIND_NAMES, GAP_STATE_NAMES } from '../api/index.ts'
import { CommandFailed, EXIT, print, printJson, table } from './output.ts'

const TextOrNull = Type.Union([Type.String(), Type.Null()])

/** What these commands need of the answers; with --json everything is passed on as it is. */
const Gap = Type.Object({
  ...{ id: Type.Integer(), kind: Type.String(), label: Type.String(), meter: Type.String(), point: Type.String(), line: Type.String() },
  ...{ state: Type.String(), fill: TextOrNull, tries: Type.Integer(), nextTry: TextOrNull, lastChance: Type.String(), by: TextOrNull },
  ...{ instant: TextOrNull, filledAt: TextOrNull },
  reason: Type.Union([Type.Object({ code: Type.String(), hint: Type.String() }), Type.Null()]),
  budget: Type.Object({ tries: Type.Integer(), lineMs: Type.Number() }),
  curve: Type.Union([Type.Object({ expected: Type.Integer(), got: Type.Integer() }), Type.Null()]),
})
const AnyPage = Type.Object({ items: Type.Array(Type.Unknown()), next: TextOrNull })
const Detail = Type.Object({
  ...Gap.properties,
  history: Type.Array(Type.Object({ at: Type.String(), what: Type.String(), who: TextOrNull, note: TextOrNull })),
  entry: Type.Union([
    Type.Object({ values: Type.Record(Type.String(), Type.String()), instant: Type.String(), why: Type.String(), by: Type.String() }),
    Type.Null(),
  ]),
})
const Refused = Type.Object({ code: Type.String(), detail: Type.String(), hint: Type.String() })

export interface Access {
  readonly url: string
  readonly token?: string
  readonly json?: boolean
}

/** Address, token and --json, as every command that asks a running gateway has them. */
export const withAccess = (command: Command): Command =>
  command
    .option('--url <url>', 'address of the API', 'http://127.0.0.1:8645')
    .option('--token <token>', 'bearer token; or in the environment as GRIDTALLY_TOKEN')
    .option('--json', 'one JSON document instead of text')

/** `gridtally gaps …`: due readings that did not come, through the API of a running gateway. */
export const gapCommands = (program: Command): void => {
  const gaps = program.command('gaps').description('due readings that did not come: see them, read them again, enter or waive them')
  const command = (name: string, description: string, options?: { isDefault: boolean }) =>
    withAccess(gaps.command(name, options).description(description))
  command('list', 'gaps, oldest first (the default)', { isDefault: true })
    .addOption(new Option('--state <state>', 'only these').choices([...GAP_STATE_NAMES]))
    .addOption(new Option('--kind <kind>', 'only these').choices([...DUE_KIND_NAMES]))
    .option('--line <line>', 'only of this line')
    .option('--area <area>', 'only of this transformer area')
    .option('--meter <meter>', 'only of this meter')
    .option('--from <instant>', 'only of instants from this one on: 2026-11-20T00:00:00+08:00')
    .option('--to <instant>', 'only of instants before this one')
    .option('--all', 'also what came at once')
    .action(list)
  const id = '<id>'
  command('show', 'one gap, everything that was tried and done')
    .argument(id)
    .action(async (gap: string, access: Access) => showDetail(await askApi(access, `/gaps/${numberOf(gap)}`, Detail), access))
  for (const [act, description] of ACTS)
    command(act, description)
      .argument(id)
      .requiredOption('--why <reason>', 'the reason, for the record')
      .action(async (gap: string, { why, ...access }: Access & { readonly why: string }) =>
        showDetail(await askApi(access, `/gaps/${numberOf(gap)}/${act}`, Detail, { why }), access),
      )
  command('enter', 'a value read off the meter; a second person confirms it')
    .argument(id)
    .requiredOption('--value <obis=value...>', '1.8.0=123456.78, as shown on the meter')
    .requiredOption('--why <reason>', 'the reason, for the record')
    .option('--at <instant>', 'when the meter showed it; absent: the instant that was due')
    .action(async (gap: string, { why, at, value, ...access }: Access & EntryArguments) => {
      const body = { values: valuesOf(value), why, ...(at === undefined ? {} : { at }) }
      showDetail(await askApi(access, `/gaps/${numberOf(gap)}/manual`, Detail, body), access)
    })
  command('confirm', 'confirms an entered value with the token of a second person')
    .argument(id)
    .action(async (gap: string, access: Access) =>
      showDetail(await askApi(access, `/gaps/${numberOf(gap)}/manual/confirm`, Detail, null), access),
    )
}

const ACTS = [
  ['retry', 'reads a gap again at once'],
  ['waive', 'gives a gap up with a reason'],
  ['reopen', 'takes a waived, given-up or estimated gap up again'],
  ['estimate', 'makes the registers of a freeze up by rule, marked as estimated'],
] as const

interface EntryArguments {
  readonly value: readonly string[]
  readonly why: string
  readonly at?: string
}

interface ListArguments extends Access {
  readonly state?: string
  readonly kind?: string
  readonly line?: string
  readonly area?: string
  readonly meter?: string
  readonly from?: string
  readonly to?: string
  readonly all?: boolean
}

const list = async ({ all, url, token, json, ...filter }: ListArguments): Promise<void> => {
  const access = { url, ...(token === undefined ? {} : { token }) }
  const items = await everyPage(access, '/gaps', Gap, { ...filter, ...(all ? { all: 'true' } : {}), limit: '1000' })
  if (json) return printJson(items)
  if (items.length === 0) return print('no gaps')
  const rows = items.map(({ id, kind, label, meter, line, state, fill, reason, tries, nextTry, curve }) => [
    ...[String(id), label.slice(0, 16), kind, meter, line, state],
    ...[fill ?? reason?.code ?? '', curve ? `${curve.got}/${curve.expected}` : '', String(tries), nextTry?.slice(0, 16) ?? ''],
  ])
  print(table([['id', 'due (UTC)', 'kind', 'meter', 'line', 'state', 'why / filled by', 'points', 'tries', 'next try (UTC)'], ...rows]))
}

const showDetail = (gap: Static<typeof Detail>, { json }: Access): void => {
  if (json) {
    printJson(gap)
    return
  }
  const { id, kind, label, meter, point, line, state, fill, instant, reason, tries, budget, nextTry, lastChance, entry, history } = gap
  const rows = [
    ['gap', `${id}: ${kind} of ${label}, meter ${meter} at ${point} on ${line}`],
    ['state', state === 'filled' ? `filled by ${fill} with a value of ${instant}` : state],
    ...(reason && state !== 'filled' ? [['reason', `${reason.code}; ${reason.hint}`]] : []),
    ['tries', `${tries}; ${budget.tries} and ${Math.round(budget.lineMs / 1000)} s of the line left until ${lastChance}`],
    ...(nextTry ? [['next try', nextTry]] : []),
    ...(entry
      ? [
          [
            'entered',
            `${Object.entries(entry.values)
              .map(([obis, value]) => `${obis} = ${value}`)
              .join(', ')} by ${entry.by}: ${entry.why}; waits for a second person`,
          ],
        ]
      : []),
    ...history.map(({ at, what, who, note }) => [at, [what, who ? `by ${who}` : '', note ?? ''].filter((part) => part !== '').join(' ')]),
  ]
  print(table(rows.map((row) => row.map(String))))
}

const numberOf = (text: string): number => {
  const id = Number(text)
  if (Number.isSafeInteger(id) && id > 0) return id
  throw new CommandFailed(`"${text}" is no gap; gridtally gaps lists them with their numbers`, EXIT.usage)
}

const valuesOf = (pairs: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    pairs.map((pair) => {
      const [code, value, ...rest] = pair.split('=')
      if (!code || !value || rest.length > 0)
        throw new CommandFailed(`"${pair}" is no register and value; write 1.8.0=123456.78`, EXIT.usage)
      return [code, value]
    }),
  )

type Query = Readonly<Record<string, string | undefined>>

/** All pages of a list. */
export const everyPage = async <Item extends TSchema>(access: Access, path: string, item: Item, query: Query): Promise<Static<Item>[]> => {
  const items: Static<Item>[] = []
  for (let cursor: string | undefined; ; ) {
    const page = await askApi(access, path, AnyPage, undefined, { ...query, cursor })
    for (const each of page.items) {
      if (!Value.Check(item, each)) throw new CommandFailed(`${access.url} answered something else than was asked for`)
      items.push(each)
    }
    if (page.next === null) return items
    cursor = page.next
  }
}

/**
 * An answer whose lists come in pages, with all of their items; of the rest what the first page has.
 *
 * @param lists  members that are such lists
 */
export const askWhole = async <Schema extends TSchema>(
  access: Access,
  path: string,
  schema: Schema,
  query: Query = {},
  lists: readonly string[] = ['items'],
): Promise<Static<Schema>> => {
  const { next, ...whole } = await askApi(access, path, AnyAnswer, undefined, query)
  const merged = new Map(lists.map((list): [string, unknown[]] => [list, [whole[list] ?? []].flat()]))
  for (let cursor = next ?? null; cursor !== null; ) {
    const page = await askApi(access, path, AnyAnswer, undefined, { ...query, cursor })
    for (const [list, items] of merged) items.push(...[page[list] ?? []].flat())
    cursor = page.next ?? null
  }
  const answer: unknown = { ...whole, ...Object.fromEntries(merged) }
  if (Value.Check(schema, answer)) return answer
  throw new CommandFailed(`${access.url} answered something else than was asked for`)
}
const AnyAnswer = Type.Intersect([
  Type.Record(Type.String(), Type.Unknown()),
  Type.Object({ next: Type.Optional(Type.Union([Type.String(), Type.Null()])) }),
])

/** The gateway, or what stands before it, is not there at present: it may come back. */
export class GatewayAway extends CommandFailed {}
const AWAY: ReadonlySet<number> = new Set([502, 503, 504])

/**
 * Asks a running gateway.
 *
 * @param body  absent: GET; null: POST without one
 * @param seen  ETag of what was seen: the body is PUT over it
 * @param more  more headers
 */
export const askApi = async <Schema extends TSchema>(
  { url, token = process.env.GRIDTALLY_TOKEN }: Access,
  path: string,
  schema: Schema,
  body?: object | null,
  query: Query = {},
  seen?: string,
  more: Readonly<Record<string, string>> = {},
): Promise<Static<Schema>> => {
  if (!token)
    throw new CommandFailed(
      'a token is needed: --token gt_…, or GRIDTALLY_TOKEN in the environment; gridtally token add makes one',
      EXIT.usage,
    )
  const address = new URL(`/api/v1${path}`, url)
  for (const [name, value] of Object.entries(query)) if (value !== undefined) address.searchParams.set(name, value)
  const headers = {
    authorization: `Bearer ${token}`,
    ...(body ? { 'content-type': 'application/json' } : {}),
    ...(seen ? { 'if-match': seen } : {}),
    ...more,
  }
  const sent = body === undefined ? {} : { method: seen ? 'PUT' : 'POST', ...(body === null ? {} : { body: JSON.stringify(body) }) }
  let response: Response
  try {
    response = await fetch(address, { headers, ...sent, signal: AbortSignal.timeout(60_000) })
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)
    throw new GatewayAway(`${url} cannot be reached: ${cause}; is gridtally run under way, and is that its address?`)
  }
  const answer: unknown = await response.json().catch(() => null)
  if (response.ok && Value.Check(schema, answer)) return answer
  const why = Value.Check(Refused, answer) ? `${answer.code} ${answer.detail}; ${answer.hint}` : response.statusText
  const Failure = AWAY.has(response.status) ? GatewayAway : CommandFailed
  throw new Failure(`${url} answered ${response.status}: ${why}`, response.status === 400 ? EXIT.usage : EXIT.failed)
}
