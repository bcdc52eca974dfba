import { createHash } from 'node:crypto'
import { type Command, Option } from 'commander'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { askedWhole, reached, refusalOf } from './gateway-api.ts'
import { CommandFailed, complain, print, table } from './output.ts'

interface Place {
  readonly point?: readonly string[]
  readonly area?: string
  readonly zone?: string
  readonly url: string
  readonly token?: string
  readonly json?: boolean
  readonly csv?: boolean
}
interface Hold {
  readonly reason: string
  readonly text: string
}
interface Figure {
  readonly register: string
  readonly unit: string
  readonly value: string
  readonly ratio: string
  readonly primary: string
  readonly meter: string
  readonly source: string
  readonly quality: readonly string[]
  readonly measuredAt: string
  readonly receivedAt: string
  readonly evidence: { readonly id: string; readonly sha256: string } | null
  readonly state: string
  readonly version: number | null
}
interface PointLine {
  readonly point: string
  readonly area: string | null
  readonly customer: string | null
  readonly meter: string | null
  readonly state: string
  readonly registers: readonly Figure[]
  readonly missing: readonly string[]
  readonly holds: readonly Hold[]
}
interface EnergyLine {
  readonly point: string
  readonly state: string
  readonly registers: readonly {
    readonly register: string
    readonly unit: string
    readonly energy: string | null
    readonly estimatedPpm: number
    readonly reasons: readonly string[]
    readonly released: boolean
    readonly start: { readonly value: string } | null
    readonly end: { readonly value: string } | null
  }[]
  readonly holds: readonly (Hold & { readonly at: string })[]
}
interface Summary {
  readonly points: number
  readonly states: Readonly<Record<string, number>>
  readonly reasons: Readonly<Record<string, number>>
  readonly notBilled: readonly string[]
  readonly sha256: string
  readonly complete: boolean
}

/** `gridtally billing readings`: registers at a billing instant, as the running gateway gives them out. */
export const billingReadings = async (args: Place & { readonly at: string; readonly state?: string }): Promise<void> => {
  const query: [string, string][] = [['at', args.at], ...(args.state === undefined ? [] : [['state', args.state] as [string, string]])]
  await each('/api/v1/billing/readings', query, args, pointRows, POINT_HEAD)
}

/** `gridtally billing energy`: energy between two billing instants. */
export const billingEnergy = async (args: Place & { readonly from: string; readonly to: string }): Promise<void> =>
  each(
    '/api/v1/billing/energy',
    [
      ['from', args.from],
      ['to', args.to],
    ],
    args,
    energyRows,
    ENERGY_HEAD,
  )

const POINT_HEAD = [
  'point',
  'state',
  'register',
  'value',
  'ratio',
  'primary',
  'unit',
  'meter',
  'source',
  'measuredAt',
  'quality',
  'version',
  'evidence',
  'holds',
]
const ENERGY_HEAD = ['point', 'state', 'register', 'energy', 'unit', 'start', 'end', 'released', 'estimatedPpm', 'reasons', 'holds']

const words = (holds: readonly Hold[]): string => holds.map(({ reason, text }) => `${reason}: ${text}`).join('; ')

const pointRows = ({ point, state, registers, holds }: PointLine): readonly string[][] => {
  const said = words(holds)
  if (registers.length === 0) return [[point, state, ...Array.from({ length: POINT_HEAD.length - 3 }, () => ''), said]]
  return registers.map((one) => [
    ...[point, one.state, one.register, one.value, one.ratio, one.primary, one.unit, one.meter, one.source, one.measuredAt],
    ...[one.quality.join(' '), String(one.version ?? ''), one.evidence?.sha256 ?? '', said],
  ])
}

const energyRows = ({ point, state, registers, holds }: EnergyLine): readonly string[][] => {
  const said = words(holds)
  if (registers.length === 0) return [[point, state, ...Array.from({ length: ENERGY_HEAD.length - 3 }, () => ''), said]]
  return registers.map((one) => [
    ...[point, state, one.register, one.energy ?? '', one.unit, one.start?.value ?? '', one.end?.value ?? '', String(one.released)],
    ...[String(one.estimatedPpm), one.reasons.join(' '), said],
  ])
}

/** Digits stay as they are; a spreadsheet runs no text that looks like a formula. */
const cell = (text: string): string =>
  /^-?\d+(\.\d+)?$/.test(text) ? text : `"${(/^[\s]*[=+\-@]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`

/**
 * Goes through all points, and fails when the answer is not whole: billing must not take a part for all of it.
 *
 * @throws CommandFailed
 */
const each = async <Line extends object>(
  path: string,
  query: readonly [string, string][],
  args: Place,
  rowsOf: (line: Line) => readonly string[][],
  head: readonly string[],
): Promise<void> => {
  const address = new URL(path, args.url)
  for (const [name, value] of query) address.searchParams.set(name, value)
  for (const point of args.point ?? []) address.searchParams.append('point', point)
  if (args.area !== undefined) address.searchParams.set('area', args.area)
  if (args.zone !== undefined) address.searchParams.set('zone', args.zone)
  address.searchParams.set('format', 'ndjson')
  const response = await ask(address, args)
  const rows: string[][] = [[...head]]
  if (args.csv) process.stdout.write(`\ufeff${head.join(',')}\r\n`)
  const hash = createHash('sha256')
  let summary: Summary | null = null
  for await (const line of linesOf(response)) {
    const value: Line & { readonly summary?: Summary } = JSON.parse(line)
    if (value.summary) {
      summary = value.summary
      break
    }
    hash.update(`${line}\n`)
    if (args.json) print(line)
    else if (args.csv)
      process.stdout.write(
        rowsOf(value)
          .map((row) => `${row.map(cell).join(',')}\r\n`)
          .join(''),
      )
    else rows.push(...rowsOf(value).map((row) => [...row]))
  }
  if (summary?.complete !== true || summary.sha256 !== hash.digest('hex'))
    throw new CommandFailed('the answer broke off: what was written so far is not all of it; see the log of the gateway and ask again')
  if (!args.json && !args.csv) print(table(rows))
  const states = Object.entries(summary.states).map(([state, count]) => `${count} ${state}`)
  const reasons = Object.entries(summary.reasons).map(([reason, count]) => `${reason} ${count}`)
  complain(`${summary.points} points: ${states.join(', ')}${reasons.length > 0 ? ` (${reasons.join(', ')})` : ''}`)
  if (summary.notBilled.length > 0) complain(`not billed then: ${summary.notBilled.join(', ')}`)
  if (args.json) print(JSON.stringify({ summary }))
}

const ask = async (address: URL, place: Place): Promise<Response> => {
  const response = await reached(place, address)
  if (!response.ok) throw await refusalOf(place.url, response)
  return response
}

const NameOrNull = Type.Union([Type.String(), Type.Null()])
const Group = Type.Object({
  ...{ zone: NameOrNull, area: NameOrNull, due: Type.Integer(), released: Type.Integer(), provisional: Type.Integer() },
  ...{ held: Type.Integer(), withdrawn: Type.Integer(), pending: Type.Integer(), reasons: Type.Record(Type.String(), Type.Integer()) },
})
const Completeness = Type.Object({ items: Type.Array(Group), total: Group })

/** `gridtally billing completeness`: how far a billing instant is, by area or zone. */
export const billingCompleteness = async (args: Place & { readonly at: string; readonly by: string }): Promise<void> => {
  const address = new URL('/api/v1/billing/completeness', args.url)
  for (const [name, value] of Object.entries({ at: args.at, by: args.by, area: args.area, zone: args.zone }))
    if (value !== undefined) address.searchParams.set(name, value)
  for (const point of args.point ?? []) address.searchParams.append('point', point)
  const answer: unknown = await askedWhole(args, address)
  if (!Value.Check(Completeness, answer)) throw new CommandFailed(`${args.url} answered something else than was asked for`)
  if (args.json) return print(JSON.stringify(answer))
  const row = (name: string, { due, released, provisional, held, withdrawn, pending, reasons }: Static<typeof Group>) => [
    ...[name, ...[due, released, provisional, held, withdrawn, pending].map(String)],
    Object.entries(reasons)
      .map(([reason, count]) => `${reason} ${count}`)
      .join(', '),
  ]
  const head = [args.by, 'due', 'released', 'provisional', 'held', 'withdrawn', 'pending', 'why not']
  const groups = answer.items.map((group) => row((args.by === 'zone' ? group.zone : group.area) ?? '(none)', group))
  print(table([head, ...groups, row('all', answer.total)]))
  const { due, released, pending } = answer.total
  complain(
    due === released && pending === 0 ? 'complete: every point is released' : `not complete: ${due - released} of ${due} not released`,
  )
}

/** Whole lines of a body; one that breaks off ends the lines. */
async function* linesOf({ body }: Response): AsyncGenerator<string, void> {
  if (!body) return
  let left = ''
  try {
    for await (const piece of body.pipeThrough(new TextDecoderStream())) {
      const lines = (left + piece).split('\n')
      left = lines.pop() ?? ''
      yield* lines
    }
  } catch {
    // The missing summary says it.
  }
}

const places = (command: Command): Command =>
  command
    .option('--point <point...>', 'only these metering points')
    .option('--area <area>', 'only this transformer area')
    .option('--zone <zone>', 'only this zone and what lies in it')
    .option('--url <url>', 'address of the API', 'http://127.0.0.1:8645')
    .option('--token <token>', 'bearer token; or in the environment as GRIDTALLY_TOKEN')
    .addOption(new Option('--json', 'one line of JSON for each point, and a summary').conflicts('csv'))
    .option('--csv', 'one row for each register')

/** The commands of the group that only read. */
export const addBillingReads = (group: Command): void => {
  places(
    group
      .command('readings')
      .description('registers that stand for a billing instant, point by point, with what was released and what is held')
      .requiredOption('--at <instant>', 'the billing instant: 2026-11-01T00:00:00+08:00'),
  )
    .addOption(new Option('--state <state>', 'only points in this state').choices(['released', 'provisional', 'held', 'withdrawn']))
    .action(billingReadings)
  places(
    group
      .command('energy')
      .description('energy between two billing instants, by point and register')
      .requiredOption('--from <instant>', 'first billing instant')
      .requiredOption('--to <instant>', 'second billing instant'),
  ).action(billingEnergy)
  group
    .command('completeness')
    .description('how far a billing instant is, by area or zone: due, released, provisional, held and why')
    .requiredOption('--at <instant>', 'the billing instant: 2026-11-01T00:00:00+08:00')
    .addOption(new Option('--by <place>', 'a line for each').choices(['area', 'zone']).default('area'))
    .option('--area <area>', 'only this transformer area')
    .option('--zone <zone>', 'only this zone and what lies in it')
    .option('--url <url>', 'address of the API', 'http://127.0.0.1:8645')
    .option('--token <token>', 'bearer token; or in the environment as GRIDTALLY_TOKEN')
    .option('--json', 'one JSON document instead of text')
    .action(billingCompleteness)
}
