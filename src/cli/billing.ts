import { randomUUID } from 'node:crypto'
import { type Command, Option } from 'commander'
import { type Static, Type } from 'typebox'
import { addBillingReads } from './billing-read.ts'
import { type Access, askApi, askWhole, everyPage, withAccess } from './gaps.ts'
import { CommandFailed, EXIT, print, printJson, table } from './output.ts'
import { addReports } from './reports.ts'
import { addTiers } from './tiers.ts'

const TextOrNull = Type.Union([Type.String(), Type.Null()])
const Actor = Type.Object({ name: Type.String() })
const Reason = Type.Object({ reason: Type.String(), text: Type.String() })
const Figure = Type.Object({ value: Type.String(), ratio: Type.String(), primary: Type.String(), meter: Type.String() })
const FigureOrNull = Type.Union([Figure, Type.Null()])

/** What these commands need of the answers; with --json everything is passed on as it is. */
const Release = Type.Object({
  ...{ id: Type.Integer(), state: Type.String(), at: Type.String(), note: Type.String(), by: Actor, trouble: TextOrNull },
  ...{ points: Type.Integer(), releasedPoints: Type.Integer(), released: Type.Integer(), alreadyReleased: Type.Integer() },
  ...{ leftOut: Type.Integer(), heldBy: Type.Record(Type.String(), Type.Integer()) },
})
const Left = Type.Object({ point: Type.String(), reasons: Type.Array(Reason) })
const Pending = Type.Object({
  ...{ id: Type.Integer(), state: Type.String(), point: Type.String(), at: Type.String(), register: Type.String() },
  ...{
    old: Figure,
    new: FigureOrNull,
    differs: Type.Array(Type.String()),
    holds: Type.Array(Reason),
    why: Type.String(),
    since: Type.String(),
  },
})
const Version = Type.Object({
  ...{
    seq: Type.Integer(),
    kind: Type.String(),
    point: Type.String(),
    at: Type.String(),
    register: Type.String(),
    version: Type.Integer(),
  },
  ...{ value: Type.String(), ratio: Type.String(), primary: Type.String(), changedAt: Type.String(), by: Actor, reason: Type.String() },
})
const Versions = Type.Object({ items: Type.Array(Version) })
const Rejected = Type.Object({ items: Type.Array(Pending) })
const Change = Type.Object({
  ...{
    seq: Type.Integer(),
    kind: Type.String(),
    point: Type.String(),
    at: Type.String(),
    register: Type.String(),
    version: Type.Integer(),
  },
  ...{ old: FigureOrNull, new: FigureOrNull, reason: Type.String(), by: Actor },
})
const ChangePage = Type.Object({ items: Type.Array(Change), next: Type.Integer(), more: Type.Boolean() })
const Hold = Type.Object({
  ...{ id: Type.Integer(), point: Type.String(), from: Type.String(), onward: Type.Boolean(), by: Actor, why: Type.String() },
  lifted: Type.Union([Type.Object({ at: Type.String(), by: Actor, why: Type.String() }), Type.Null()]),
})
const Cycle = Type.Object({ id: Type.String(), name: Type.String(), day: Type.Integer() })
const Cycles = Type.Object({ items: Type.Array(Cycle) })
const UNIT = {
  ...{ due: Type.Integer(), released: Type.Integer(), provisional: Type.Integer(), held: Type.Integer(), missing: Type.Integer() },
  ...{ heldBy: Type.Record(Type.String(), Type.Integer()), complete: Type.Boolean() },
}
const Report = Type.Object({
  ...{ statement: Type.String(), complete: Type.Boolean(), at: Type.String(), total: Type.Object(UNIT) },
  units: Type.Array(Type.Object({ area: TextOrNull, ...UNIT })),
  open: Type.Array(Type.Object({ point: Type.String(), area: TextOrNull, reasons: Type.Array(Type.String()) })),
  former: Type.Array(Type.Object({ point: Type.String(), area: TextOrNull })),
  formerPoints: Type.Integer(),
})

/** `gridtally billing …`: what is billed, through the API of a running gateway. */
export const billingCommands = (program: Command): void => {
  const billing = program.command('billing').description('figures for billing: read, release, correct and hold them, follow their changes')
  const command = (name: string, description: string) => withAccess(billing.command(name).description(description))
  const why = (made: Command) => made.requiredOption('--why <reason>', 'the reason, for the record')
  addBillingReads(billing)
  addTiers(billing)
  addReports(billing)
  command('release', 'releases every figure on which nothing stands; they are never edited after that')
    .requiredOption('--at <instant>', 'billing instant: 2026-11-01T00:00:00+08:00')
    .requiredOption('--note <text>', 'stands as the reason of each figure')
    .option('--point <id...>', 'only these points')
    .option('--area <id>', 'only of this transformer area')
    .option('--zone <id>', 'only of this zone, with all that lies in it')
    .addOption(new Option('--policy <policy>', 'when something is held: leave it out, or release nothing').choices(['skip-held', 'refuse']))
    .option('--again', 'also what was withdrawn before')
    .option('--key <key>', 'the same key is the same release, and goes on with it after a crash; a new one if not given')
    .action(release)
  command('releases', 'releases, newest first; of one, what it left out')
    .argument('[id]')
    .option('--resume', 'goes on with it, if it was interrupted')
    .action(releases)
  command('pending', 'corrections that wait for somebody')
    .option('--point <id>', 'only of this point')
    .option('--at <instant>', 'only of this billing instant')
    .action(pending)
  for (const [act, description] of [
    ['accept', 'makes a new version of a released figure'],
    ['reject', 'keeps what was released; not asked again until the data differ again'],
  ] as const)
    why(command(act, description))
      .argument('<correction>', 'its number in gridtally billing pending')
      .option('--whole', 'everything that waits of the same point and instant')
      .action((id: string, args: DecideArguments) => decide(act, id, args))
  why(command('withdraw', 'takes released figures of a point back'))
    .argument('<point>')
    .requiredOption('--at <instant>', 'billing instant')
    .option('--register <obis...>', 'only these: 1.8.0')
    .action(async (point: string, { at, register: registers, why: reason, json, ...access }: WithdrawArguments) => {
      const body = { point, at, why: reason, ...(registers ? { registers } : {}) }
      const done = await askApi(access, '/billing/figures/withdraw', Versions, body)
      json ? printJson(done) : showVersions(done.items)
    })
  why(command('hold', 'holds a point back, at one billing instant or from one on'))
    .argument('<point>')
    .option('--at <instant>', 'at this billing instant alone')
    .option('--from <instant>', 'from this one on')
    .action(async (point: string, { at, from, why: reason, json, ...access }: HoldArguments) => {
      const body = { point, why: reason, ...(at === undefined ? {} : { at }), ...(from === undefined ? {} : { from }) }
      const held = await askApi(access, '/billing/holds', Hold, body)
      json ? printJson(held) : showHolds([held])
    })
  why(command('unhold', 'lifts a hold'))
    .argument('<hold>', 'its number in gridtally billing holds')
    .action(async (id: string, { why: reason, json, ...access }: Access & { readonly why: string }) => {
      const lifted = await askApi(access, `/billing/holds/${numberOf(id)}/lift`, Hold, { why: reason })
      json ? printJson(lifted) : showHolds([lifted])
    })
  command('holds', 'points that are held back')
    .option('--point <id>', 'only of this point')
    .option('--lifted', 'also holds that ended')
    .action(async ({ point, lifted, json, ...access }: Access & { readonly point?: string; readonly lifted?: boolean }) => {
      const items = await everyPage(access, '/billing/holds', Hold, { point, limit: '1000', ...(lifted ? { lifted: 'true' } : {}) })
      json ? printJson(items) : showHolds(items)
    })
  command('figures', 'every version of what was released of a point')
    .argument('<point>')
    .option('--at <instant>', 'only of this billing instant')
    .action(async (point: string, { at, json, ...access }: Access & { readonly at?: string }) => {
      const items = await everyPage(access, '/billing/figures', Version, { point, at, limit: '1000' })
      json ? printJson(items) : showVersions(items)
    })
  command('changes', 'new, corrected and withdrawn figures after a number; one JSON line each with --json')
    .option('--since <seq>', 'only with a greater number', '0')
    .option('--follow', 'waits for what comes')
    .action(changes)
  command('cycles', 'billing cycles; of one, how complete it is: exit code 1 when it is not')
    .argument('[id]')
    .option('--month <month>', '2026-11; the newest whose day has passed if not given')
    .action(cycles)
}

interface ReleaseArguments extends Access {
  readonly at: string
  readonly note: string
  readonly point?: readonly string[]
  readonly area?: string
  readonly zone?: string
  readonly policy?: string
  readonly again?: boolean
  readonly key?: string
}
interface DecideArguments extends Access {
  readonly why: string
  readonly whole?: boolean
}
interface WithdrawArguments extends Access {
  readonly at: string
  readonly register?: readonly string[]
  readonly why: string
}
interface HoldArguments extends Access {
  readonly at?: string
  readonly from?: string
  readonly why: string
}

const LOOK_MS = 500
const UNDER_WAY: ReadonlySet<string> = new Set(['waiting', 'checking', 'running'])

const release = async ({
  at,
  note,
  point: points,
  area,
  zone,
  policy,
  again,
  key = randomUUID(),
  json,
  ...access
}: ReleaseArguments): Promise<void> => {
  const scope = { ...(points ? { points } : {}), ...(area === undefined ? {} : { area }), ...(zone === undefined ? {} : { zone }) }
  const body = { at, note, scope, ...(policy === undefined ? {} : { policy }), ...(again ? { again } : {}) }
  const begun = await askApi(access, '/billing/releases', Release, body, {}, undefined, { 'idempotency-key': key })
  await untilDone(begun, { ...access, ...(json ? { json } : {}) })
}

/** Until it has ended. Whoever breaks off here stops nothing: it goes on in the gateway. */
const untilDone = async (begun: Static<typeof Release>, { json, ...access }: Access): Promise<void> => {
  let now = begun
  while (UNDER_WAY.has(now.state)) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    now = await askApi(access, `/billing/releases/${now.id}`, Release)
  }
  json ? printJson(now) : showRelease(now)
  if (now.state !== 'done') throw new CommandFailed(`release ${now.id} is ${now.state}${now.trouble ? `: ${now.trouble}` : ''}`)
}

const releases = async (id: string | undefined, { resume, json, ...access }: Access & { readonly resume?: boolean }): Promise<void> => {
  if (id === undefined) {
    const items = await everyPage(access, '/billing/releases', Release, { limit: '1000' })
    if (json) return printJson(items)
    const rows = items.map(({ id: number, at, state, released, leftOut, by, note }) => [
      ...[String(number), at, state, String(released), String(leftOut), by.name, note],
    ])
    return print(table([['id', 'billing instant (UTC)', 'state', 'figures', 'left out', 'by', 'note'], ...rows]))
  }
  const path = `/billing/releases/${numberOf(id)}`
  if (resume) return untilDone(await askApi(access, `${path}/resume`, Release, {}), { ...access, ...(json ? { json } : {}) })
  const one = await askApi(access, path, Release)
  const left = await everyPage(access, `${path}/left-out`, Left, { limit: '1000' })
  if (json) return printJson({ ...one, left })
  showRelease(one)
  if (left.length > 0)
    print(table(left.map(({ point, reasons }) => [point, reasons.map(({ reason, text }) => `${reason}: ${text}`).join('; ')])))
}

const showRelease = ({
  id,
  state,
  at,
  note,
  by,
  points,
  releasedPoints,
  released,
  alreadyReleased,
  leftOut,
  heldBy,
}: Static<typeof Release>): void => {
  print(`release ${id} of ${at} by ${by.name}: ${state}; ${note}`)
  print(
    `${points} points: ${released} figures of ${releasedPoints} points released, ${alreadyReleased} stood before, ${leftOut} points left out`,
  )
  for (const [reason, count] of Object.entries(heldBy)) print(`  ${reason.padEnd(24)} ${count}`)
}

const pending = async ({ point, at, json, ...access }: Access & { readonly point?: string; readonly at?: string }): Promise<void> => {
  const items = await everyPage(access, '/billing/corrections/pending', Pending, { point, at, limit: '1000' })
  if (json) return printJson(items)
  showPendings(items)
}

const showPendings = (items: readonly Static<typeof Pending>[]): void => {
  if (items.length === 0) {
    print('no corrections wait')
    return
  }
  const rows = items.map(({ id, point, at, register, old, new: next, differs, holds, why, since }) => [
    ...[String(id), point, at, register, textOf(old), next ? textOf(next) : 'nothing', differs.join(', ')],
    ...[why, since, holds.map(({ reason }) => reason).join(', ')],
  ])
  print(table([['id', 'point', 'instant (UTC)', 'register', 'released', 'would be now', 'differs', 'why', 'since', 'held by'], ...rows]))
}

const textOf = ({ value, ratio }: Static<typeof Figure>): string => `${value} × ${ratio}`

const decide = async (act: 'accept' | 'reject', id: string, { why, whole, json, ...access }: DecideArguments): Promise<void> => {
  const path = `/billing/corrections/${numberOf(id)}/${act}`
  const body = { why, ...(whole ? { whole } : {}) }
  if (act === 'accept') {
    const done = await askApi(access, path, Versions, body)
    return json ? printJson(done) : showVersions(done.items)
  }
  const done = await askApi(access, path, Rejected, body)
  if (json) return printJson(done)
  print(`${done.items.length} rejected: what was released stands`)
}

const showVersions = (items: readonly Static<typeof Version>[]): void => {
  if (items.length === 0) {
    print('nothing was released of it')
    return
  }
  const rows = items.map(({ seq, kind, point, at, register, version, value, ratio, primary, changedAt, by, reason }) => [
    ...[String(seq), kind, point, at, register, String(version), value, ratio, primary, changedAt, by.name, reason],
  ])
  print(
    table([
      ['seq', 'kind', 'point', 'instant (UTC)', 'register', 'version', 'value', 'ratio', 'primary', 'when (UTC)', 'by', 'why'],
      ...rows,
    ]),
  )
}

const showHolds = (items: readonly Static<typeof Hold>[]): void => {
  if (items.length === 0) {
    print('nothing is held by a person')
    return
  }
  const rows = items.map(({ id, point, from, onward, by, why, lifted }) => [
    ...[
      String(id),
      point,
      onward ? `from ${from} on` : `at ${from}`,
      by.name,
      why,
      lifted ? `lifted by ${lifted.by.name}: ${lifted.why}` : '',
    ],
  ])
  print(table([['id', 'point', 'held', 'by', 'why', ''], ...rows]))
}

const changes = async ({
  since,
  follow,
  json,
  ...access
}: Access & { readonly since: string; readonly follow?: boolean }): Promise<void> => {
  let at = since === '0' ? 0 : numberOf(since)
  for (;;) {
    const page = await askApi(access, '/billing/changes', ChangePage, undefined, {
      ...{ since: String(at), limit: '1000', waitS: follow ? '15' : '0' },
    })
    for (const change of page.items) json ? print(JSON.stringify(change)) : print(lineOf(change))
    at = page.next
    if (!page.more && !follow) return
  }
}

const lineOf = ({ seq, kind, point, at, register, version, old, new: next, reason, by }: Static<typeof Change>): string =>
  `${seq} ${kind} ${point} ${at} ${register} v${version}: ${old ? textOf(old) : '-'} -> ${next ? textOf(next) : '-'}; ${by.name}: ${reason}`

const cycles = async (id: string | undefined, { month, json, ...access }: Access & { readonly month?: string }): Promise<void> => {
  if (id === undefined) {
    const { items } = await askWhole(access, '/billing/cycles', Cycles)
    if (json) return printJson(items)
    if (items.length === 0) return print('gateway.yaml has no billing.cycles')
    return print(table([['id', 'name', 'day'], ...items.map((cycle) => [cycle.id, cycle.name, String(cycle.day)])]))
  }
  const report = await askWhole(access, `/billing/cycles/${encodeURIComponent(id)}/completeness`, Report, { month }, [
    'units',
    'open',
    'former',
  ])
  if (json) printJson(report)
  else {
    print(`${report.statement} (billed by ${report.at})`)
    const rows = report.units.map(({ area, due, released, provisional, held, missing, heldBy }) => [
      ...[area ?? '-', String(due), String(released), String(provisional), String(held), String(missing)],
      Object.entries(heldBy)
        .map(([reason, count]) => `${reason} ${count}`)
        .join(', '),
    ])
    print(table([['area', 'due', 'released', 'could be', 'held', 'not read', 'why held'], ...rows]))
    for (const { point, area, reasons } of report.open)
      print(`${point} (${area ?? '-'}): ${reasons.length > 0 ? reasons.join(', ') : 'could be released'}`)
    const more = report.total.due - report.total.released - report.open.length
    if (more > 0) print(`and ${more} more`)
    if (report.formerPoints > 0) {
      const rest = report.formerPoints - report.former.length
      const named = report.former.map(({ point, area }) => `${point} (${area ?? '-'})`).join(', ')
      print(`billed a month before and not any more: ${named}${rest > 0 ? ` and ${rest} more` : ''}`)
    }
  }
  if (!report.complete) process.exitCode = EXIT.failed
}

const numberOf = (text: string): number => {
  const id = Number(text)
  if (Number.isSafeInteger(id) && id > 0) return id
  throw new CommandFailed(`"${text}" is no number of the list`, EXIT.usage)
}
