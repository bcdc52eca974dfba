import { type Command, Option } from 'commander'
import { type Static, Type } from 'typebox'
import { CASE_OUTCOMES, CASE_STATES } from '../anomaly/index.ts'
import { CASE_SORT_NAMES } from '../api/index.ts'
import { type Access, askApi, askWhole, everyPage, withAccess } from './gaps.ts'
import { CommandFailed, EXIT, print, printJson, table } from './output.ts'

const TextOrNull = Type.Union([Type.String(), Type.Null()])
const Words = Type.Object({ zh: Type.String(), en: Type.String() })
const Kwh = Type.Union([Type.Object({ value: Type.Number(), low: Type.Number(), high: Type.Number() }), Type.Null()])

/** What these commands need of the answers; with --json everything is passed on as it is. */
const Case = Type.Object({
  ...{ id: Type.Integer(), kind: Type.String(), target: Type.String(), area: Type.String(), state: Type.String(), severity: Type.String() },
  ...{ detectedAt: Type.String(), from: TextOrNull, to: TextOrNull, score: Type.Number(), kwh: Kwh, why: Words, action: Words },
  ...{ owner: TextOrNull, dueAt: TextOrNull, overdue: Type.Boolean(), workOrder: TextOrNull, members: Type.Integer() },
})
const Detail = Type.Object({
  ...Case.properties,
  history: Type.Array(Type.Object({ at: Type.String(), what: Type.String(), who: Type.String(), why: Words })),
})
const Found = Type.Object({
  ...{ rule: Type.String(), ruleVersion: Type.Integer(), score: Type.Number(), why: Words, ruledOut: Type.Array(Words) },
  numbers: Type.Record(Type.String(), Type.Union([Type.Number(), Type.String(), Type.Null()])),
  thresholds: Type.Record(Type.String(), Type.Number()),
  series: Type.Array(Type.Object({ measurement: Type.String(), id: Type.String(), url: TextOrNull })),
})
const Evidence = Type.Object({
  newest: Found,
  grown: Type.Array(Type.Object({ day: Type.String(), score: Type.Number(), kwh: Type.Union([Type.Number(), Type.Null()]) })),
})
const Suspicions = Type.Object({
  items: Type.Array(
    Type.Object({ day: Type.String(), kind: Type.String(), target: Type.String(), score: Type.Number(), kwh: Kwh, why: Words }),
  ),
})
const Outcomes = Type.Object({
  items: Type.Array(
    Type.Object({
      ...{ kind: Type.String(), confirmed: Type.Integer(), otherCause: Type.Integer(), falseAlarm: Type.Integer() },
      ...{ notChecked: Type.Integer(), notSaid: Type.Integer(), precision: Type.Union([Type.Number(), Type.Null()]) },
    }),
  ),
})
const Target = Type.Object({
  id: Type.String(),
  to: Type.String(),
  error: Type.Union([Type.Object({ message: Type.String() }), Type.Null()]),
})

type Language = 'zh' | 'en'
interface Shown extends Access {
  readonly language: Language
}
interface ListArguments extends Shown {
  readonly kind?: string
  readonly state?: string
  readonly severity?: string
  readonly area?: string
  readonly zone?: string
  readonly owner?: string
  readonly text?: string
  readonly since?: string
  readonly parent?: string
  readonly sort?: string
  readonly overdue?: boolean
  readonly all?: boolean
}
type ActArguments = Shown & Readonly<Record<string, unknown>>

/** `gridtally cases …`: what was found wrong, through the API of a running gateway. */
export const caseCommands = (program: Command): void => {
  const cases = program.command('cases').description('what was found wrong: see it, see why, deal with it')
  const command = (name: string, description: string, options?: { isDefault: boolean }) =>
    withAccess(cases.command(name, options).description(description)).addOption(
      new Option('--language <language>', 'of reasons and actions').choices(['zh', 'en']).default('en'),
    )
  command('list', 'cases that are not settled, the newest first (the default)', { isDefault: true })
    .option('--kind <kind>', 'only these: theft, wrong_multiplier, comm_fault …')
    .addOption(new Option('--state <state>', 'only these').choices([...CASE_STATES, 'unsettled']).default('unsettled'))
    .addOption(new Option('--severity <severity>', 'this and above').choices(['info', 'low', 'medium', 'high', 'critical']))
    .option('--area <area>', 'only of this transformer area')
    .option('--zone <zone>', 'only of this zone')
    .option('--owner <name>', 'only of this person')
    .option('--text <text>', 'part of target, reason, cause, owner or work order')
    .option('--since <instant>', 'only those that changed since: 2026-11-20T00:00:00+08:00')
    .option('--parent <id>', 'only those that belong to this case')
    .option('--overdue', 'only those past their deadline')
    .option('--all', 'members of floods and consequences too')
    .addOption(new Option('--sort <order>', 'what comes first').choices([...CASE_SORT_NAMES]))
    .action(list)
  command('show', 'one case and everything that was done with it')
    .argument('<id>')
    .action(async (id: string, access: Shown) => showDetail(await askApi(access, `/cases/${numberOf(id)}`, Detail), access))
  command('evidence', 'what a case rests on: numbers, readings, thresholds, what was ruled out')
    .argument('<id>')
    .action(async (id: string, access: Shown) => showEvidence(await askApi(access, `/cases/${numberOf(id)}/evidence`, Evidence), access))
  command('ranking', 'what in an area comes nearest to being an alarm')
    .argument('<area>')
    .action(async (area: string, access: Shown) => showRanking(await askWhole(access, '/suspicions', Suspicions, { area }), access))
  const act = (name: string, description: string, route: string = name) =>
    command(name, description)
      .argument('<id>')
      .action(async (id: string, { url, token, json, language, ...body }: ActArguments) => {
        const access = { url, language, ...(token === undefined ? {} : { token }), ...(json ? { json } : {}) }
        showDetail(await askApi(access, `/cases/${numberOf(id)}/${route}`, Detail, cleared(body)), access)
      })
  act('ack', 'somebody has seen it', 'acknowledge').option('--text <text>', 'a note')
  act('start', 'somebody deals with it from now on').option('--work-order <number>', 'work order').option('--text <text>', 'a note')
  for (const [name, description] of SETTLING)
    act(name, description)
      .requiredOption('--cause <cause>', 'the cause in a few words')
      .requiredOption('--text <text>', 'what was found and done')
      .option('--analysis <text>', 'what was used for what, and why; owed of a key account')
      .addOption(new Option('--outcome <outcome>', 'what was found').choices([...CASE_OUTCOMES]))
  act('reopen', 'it was settled or withdrawn and should not have been').requiredOption('--text <text>', 'why')
  act('comment', 'a note for the record').requiredOption('--text <text>', 'the note')
  act('assign', 'gives it to somebody')
    .requiredOption('--owner <name>', 'who deals with it; none takes it back')
    .option('--text <text>', 'a note')
  act('plan', 'sets deadline or work order')
    .option('--due-at <instant>', 'until when; none takes it away')
    .option('--work-order <number>', 'work order; none takes it away')
    .option('--text <text>', 'a note')
  act('silence', 'nobody is told of it until then')
    .requiredOption('--until <instant>', 'until when; none: heard again')
    .requiredOption('--text <text>', 'why')
  command('outcomes', 'how often the analysis was right: what people found, by kind')
    .option('--since <instant>', 'only those settled since: 2026-11-01T00:00:00+08:00')
    .action(async ({ since, ...access }: Shown & { readonly since?: string }) =>
      showOutcomes(await askWhole(access, '/cases/outcomes', Outcomes, since === undefined ? {} : { since }), access),
    )
  command('notify-test', 'sends a test message to a webhook or broker under notify')
    .argument('<id>')
    .action(async (id: string, access: Shown) => {
      const done = await askApi(access, `/notify/${encodeURIComponent(id)}/test`, Target, null)
      if (access.json) printJson(done)
      else print(done.error === null ? `${done.id}: ${done.to} has taken it` : `${done.id}: ${done.error.message}`)
      if (done.error !== null) process.exitCode = EXIT.failed
    })
}

const SETTLING = [
  ['explain', 'there is a cause and nothing is to be done'],
  ['close', 'what was to be done is done'],
] as const

/** `none` takes away. */
const cleared = (body: Readonly<Record<string, unknown>>): object =>
  Object.fromEntries(Object.entries(body).map(([name, value]) => [name, value === 'none' && name !== 'text' ? null : value]))

const list = async ({ url, token, json, language, overdue, all, ...filter }: ListArguments): Promise<void> => {
  const access = { url, ...(token === undefined ? {} : { token }) }
  const query = { ...filter, ...(overdue ? { overdue: 'true' } : {}), ...(all ? { all: 'true' } : {}), limit: '1000' }
  const items = await everyPage(access, '/cases', Case, query)
  if (json) return printJson(items)
  if (items.length === 0) return print('no cases')
  const rows = items.map(
    ({ id, kind, target, area, state, severity, detectedAt, score, kwh, owner, dueAt, overdue: late, members, why }) => [
      ...[String(id), detectedAt, kind, members > 0 ? `${target} (${members})` : target, area, severity, state, score.toFixed(2)],
      ...[kwh === null ? '' : kwh.value.toFixed(0), owner ?? '', `${dueAt?.slice(0, 10) ?? ''}${late ? ' overdue' : ''}`, why[language]],
    ],
  )
  print(table([['id', 'since', 'kind', 'target', 'area', 'severity', 'state', 'score', 'kWh', 'owner', 'due', 'why'], ...rows]))
}

const kwhText = (kwh: Static<typeof Kwh>): string =>
  kwh === null ? '' : `${kwh.value.toFixed(1)} kWh (${kwh.low.toFixed(1)} to ${kwh.high.toFixed(1)})`

const showDetail = (one: Static<typeof Detail>, { json, language }: Shown): void => {
  if (json) {
    printJson(one)
    return
  }
  const { id, kind, target, area, state, severity, detectedAt, from, to, score, kwh, why, action, owner, dueAt, overdue, workOrder } = one
  const rows = [
    ['case', `${id}: ${kind} at ${target}${area ? `, area ${area}` : ''}, ${state}, ${severity}`],
    ['found', `${detectedAt}, score ${score.toFixed(2)}`],
    ['fault', `${from ?? 'since ever'} to ${to ?? 'now'}`],
    ...(kwh === null ? [] : [['energy', kwhText(kwh)]]),
    ...[
      ['why', why[language]],
      ['do', action[language]],
    ],
    ...(owner === null ? [] : [['owner', owner]]),
    ...(dueAt === null ? [] : [['due', `${dueAt}${overdue ? ', overdue' : ''}`]]),
    ...(workOrder === null ? [] : [['work order', workOrder]]),
    ...one.history.map((line) => [line.at, `${line.what} by ${line.who}${line.why[language] ? `: ${line.why[language]}` : ''}`]),
  ]
  print(table(rows))
}

const showEvidence = (evidence: Static<typeof Evidence>, { json, language }: Shown): void => {
  if (json) {
    printJson(evidence)
    return
  }
  const { newest, grown } = evidence
  print(
    table([
      ['rule', `${newest.rule}, version ${newest.ruleVersion}`],
      ['why', newest.why[language]],
      ...Object.entries(newest.numbers).map(([name, value]) => [name, value === null ? '' : String(value)]),
      ...Object.entries(newest.thresholds).map(([name, value]) => [`threshold ${name}`, String(value)]),
      ...newest.ruledOut.map((words) => ['ruled out', words[language]]),
      ...newest.series.map(({ measurement, id, url }) => ['readings', url ?? `${measurement} of ${id}`]),
      ...grown.map(({ day, score, kwh }) => [day, `score ${score.toFixed(2)}${kwh === null ? '' : `, ${kwh.toFixed(1)} kWh`}`]),
    ]),
  )
}

const showRanking = (ranking: Static<typeof Suspicions>, { json, language }: Shown): void => {
  if (json) {
    printJson(ranking.items)
    return
  }
  if (ranking.items.length === 0) {
    print('nothing comes near')
    return
  }
  const rows = ranking.items.map(({ day, kind, target, score, kwh, why }) => [
    ...[score.toFixed(2), kind, target, day, kwhText(kwh), why[language]],
  ])
  print(table([['score', 'kind', 'target', 'judged', 'energy', 'why'], ...rows]))
}

const showOutcomes = ({ items }: Static<typeof Outcomes>, { json }: Shown): void => {
  if (json) {
    printJson(items)
    return
  }
  if (items.length === 0) {
    print('nobody has settled a case')
    return
  }
  const rows = items.map(({ kind, confirmed, otherCause, falseAlarm, notChecked, notSaid, precision }) => [
    ...[kind, String(confirmed), String(otherCause), String(falseAlarm), String(notChecked), String(notSaid)],
    precision === null ? '-' : precision.toFixed(2),
  ])
  print(table([['kind', 'confirmed', 'other cause', 'false alarm', 'not checked', 'not said', 'precision'], ...rows]))
}

const numberOf = (text: string): number => {
  const id = Number(text)
  if (Number.isSafeInteger(id) && id > 0) return id
  throw new CommandFailed(`"${text}" is no case; gridtally cases lists them with their numbers`, EXIT.usage)
}
