import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Static, Type } from 'typebox'
import { type Access, askApi, askWhole, everyPage, withAccess } from './gaps.ts'
import { CommandFailed, EXIT, print, printJson, table } from './output.ts'

const NumberOrNull = Type.Union([Type.Number(), Type.Null()])
const Rule = Type.Object({
  ...{ id: Type.String(), title: Type.Object({ en: Type.String() }) },
  thresholds: Type.Array(
    Type.Object({
      ...{ name: Type.String(), holds: Type.String(), default: Type.Number(), source: Type.String() },
      layers: Type.Array(Type.Object({ layer: Type.String(), target: Type.String(), value: Type.Number() })),
    }),
  ),
})
const Rules = Type.Object({ version: Type.Integer(), items: Type.Array(Rule) })
const Change = Type.Object({
  ...{ seq: Type.Integer(), at: Type.String(), who: Type.String(), why: Type.String(), rule: Type.String(), name: Type.String() },
  ...{ layer: Type.String(), target: Type.String(), before: NumberOrNull, after: NumberOrNull },
})
const TrialCase = Type.Object({
  kind: Type.String(),
  target: Type.String(),
  area: Type.String(),
  detectedAt: Type.String(),
  score: Type.Number(),
})
const Trial = Type.Object({
  ...{ id: Type.Integer(), state: Type.String(), done: Type.Integer(), areas: Type.Integer(), stay: Type.Integer() },
  ...{ error: Type.Union([Type.String(), Type.Null()]), come: Type.Array(TrialCase), go: Type.Array(TrialCase) },
})
const Analysis = Type.Object({
  ...{ enabled: Type.Boolean(), at: Type.String(), windowDays: Type.Integer(), waitingDays: Type.Integer() },
  areas: Type.Array(
    Type.Object({
      ...{ area: Type.String(), state: Type.String(), tookMs: Type.Integer(), alarms: Type.Integer(), days: Type.Integer() },
      ...{ judged: Type.Union([Type.String(), Type.Null()]), waitsFor: Type.Union([Type.String(), Type.Null()]) },
      failure: Type.Union([Type.String(), Type.Null()]),
    }),
  ),
})

interface Edit extends Access {
  readonly zone?: string
  readonly class?: string
  readonly point?: string
}

/** `gridtally rules …` and `gridtally analysis …`, through the API of a running gateway. */
export const ruleCommands = (program: Command): void => {
  const rules = program.command('rules').description('rules of the analysis: thresholds, their history, trial runs')
  const command = (name: string, description: string, options?: { isDefault: boolean }) =>
    withAccess(rules.command(name, options).description(description))
  const inLayer = (made: Command): Command =>
    made
      .option('--zone <zone>', 'only in this zone')
      .addOption(new Option('--class <category>', 'only for this customer category').conflicts('zone'))
      .addOption(new Option('--point <point>', 'only for this point or area').conflicts(['zone', 'class']))
  command('list', 'rules with their thresholds (the default)', { isDefault: true }).action(async (access: Access) => {
    const found = await askWhole(access, '/rules', Rules)
    if (access.json) return printJson(found)
    print(table([['rule', 'threshold', 'holds when', 'default', 'other layers', 'from'], ...found.items.flatMap(rowsOf)]))
  })
  command('show', 'one rule')
    .argument('<rule>')
    .action(async (id: string, access: Access) => {
      const found = await askApi(access, `/rules/${encodeURIComponent(id)}`, Rule)
      if (access.json) return printJson(found)
      print(`${found.id}: ${found.title.en}`)
      print(table(rowsOf(found)))
    })
  inLayer(command('set', 'sets thresholds: rules set high_loss high_pct=8 --why "old wires"'))
    .argument('<rule>')
    .argument('<settings...>', 'NAME=VALUE; NAME= takes it away', settingOf)
    .requiredOption('--why <text>', 'why')
    .action(async (id: string, set: Readonly<Record<string, number | null>>, args: Edit & { readonly why: string }) => {
      const { version } = await askApi(args, '/rules', Rules, undefined, { limit: '1' })
      const body = { ...layerOf(args), set, why: args.why }
      const found = await askApi(args, `/rules/${encodeURIComponent(id)}/thresholds`, Rule, body, {}, `"${version}"`)
      if (args.json) printJson(found)
      else print(table(rowsOf(found)))
    })
  command('history', 'who set what, newest first')
    .option('--rule <rule>', 'only of this rule')
    .action(async ({ rule, ...access }: Access & { readonly rule?: string }) => {
      const found = await everyPage(access, '/rules/history', Change, rule === undefined ? {} : { rule })
      if (access.json) return printJson(found)
      print(
        table(
          found.map(({ seq, at, who, rule: of, name, layer, target, before, after, why }) => [
            ...[String(seq), at, who, `${of}.${name}`, `${layer} ${target}`.trim(), `${before ?? '-'} -> ${after ?? '-'}`, why],
          ]),
        ),
      )
    })
  command('undo', 'takes a change back')
    .argument('<change>')
    .requiredOption('--why <text>', 'why')
    .action(async (change: string, { why, ...access }: Access & { readonly why: string }) => {
      const done = await askApi(access, `/rules/history/${encodeURIComponent(change)}/undo`, Type.Object({ version: Type.Integer() }), {
        why,
      })
      if (access.json) printJson(done)
      else print(`change ${change} is taken back by change ${done.version}`)
    })
  inLayer(command('trial', 'judges days that are over with other thresholds, and says which alarms come and go'))
    .argument('<rule>')
    .argument('<settings...>', 'NAME=VALUE', settingOf)
    .requiredOption('--from <day>', 'first day: 2026-11-01')
    .requiredOption('--to <day>', 'last day')
    .option('--area <area...>', 'only these areas')
    .action(async (id: string, set: Readonly<Record<string, number | null>>, args: Edit & TrialTime) => {
      const body = { ...layerOf(args), set, from: args.from, to: args.to, ...(args.area ? { areas: args.area } : {}) }
      let trial = await askApi(args, `/rules/${encodeURIComponent(id)}/trial`, Trial, body)
      while (trial.state === 'running') {
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
        trial = await askApi(args, `/rules/trials/${trial.id}`, Trial, undefined, { limit: '1' })
      }
      trial = await askWhole(args, `/rules/trials/${trial.id}`, Trial, {}, ['come', 'go'])
      if (args.json) return printJson(trial)
      if (trial.error !== null) throw new CommandFailed(trial.error, EXIT.failed)
      print(`${trial.areas} areas: ${trial.come.length} alarms would come, ${trial.go.length} would go, ${trial.stay} stay`)
      print(table([...trial.come.map((one) => ['+', ...casesOf(one)]), ...trial.go.map((one) => ['-', ...casesOf(one)])]))
    })

  const analysis = program.command('analysis').description('the daily analysis of areas: how far it is, and judging again')
  withAccess(analysis.command('state', { isDefault: true }).description('how far each area is (the default)')).action(
    async (access: Access) => {
      const found = await askWhole(access, '/analysis', Analysis, {}, ['areas'])
      if (access.json) return printJson(found)
      print(
        `${found.enabled ? 'on' : 'off'}, days judged at ${found.at} at the latest, ${found.windowDays} days together, ${found.waitingDays} days to put together`,
      )
      const rows = found.areas.map(({ area, state, judged, days, alarms, tookMs, waitsFor, failure }) => [
        ...[area, state, judged ?? '', String(days), String(alarms), `${tookMs} ms`, failure ?? waitsFor ?? ''],
      ])
      print(table([['area', 'state', 'judged', 'days', 'alarms', 'took', ''], ...rows]))
    },
  )
  withAccess(analysis.command('again').description('has areas judged again'))
    .argument('[areas...]', 'all if none is named')
    .requiredOption('--from <day>', 'first day')
    .requiredOption('--why <text>', 'why')
    .option('--rebuild', 'put the days together anew from the store')
    .action(
      async (areas: readonly string[], args: Access & { readonly from: string; readonly why: string; readonly rebuild?: boolean }) => {
        const body = { from: args.from, why: args.why, rebuild: args.rebuild ?? false, ...(areas.length > 0 ? { areas } : {}) }
        const done = await askApi(args, '/analysis/again', Type.Object({ areas: Type.Integer() }), body)
        if (args.json) printJson(done)
        else print(`${done.areas} areas are judged again`)
      },
    )
}

interface TrialTime {
  readonly from: string
  readonly to: string
  readonly area?: readonly string[]
}

const LOOK_MS = 1000

const layerOf = ({ zone, class: category, point }: Edit): { readonly layer: string; readonly target?: string } =>
  zone !== undefined
    ? { layer: 'zone', target: zone }
    : category !== undefined
      ? { layer: 'class', target: category }
      : point !== undefined
        ? { layer: 'point', target: point }
        : { layer: 'global' }

const settingOf = (text: string, before: Readonly<Record<string, number | null>> = {}): Readonly<Record<string, number | null>> => {
  const [name = '', value = '', ...more] = text.split('=')
  if (name === '' || more.length > 0 || !text.includes('=') || !isNumber(value))
    throw new InvalidArgumentError('write NAME=NUMBER, or NAME= to take it away')
  return { ...before, [name]: value === '' ? null : Number(value) }
}

/** Nothing takes a threshold away; blanks would be zero, which nobody meant. */
const isNumber = (text: string): boolean => text === '' || (text.trim() !== '' && Number.isFinite(Number(text)))

const rowsOf = ({ id, thresholds }: Static<typeof Rule>): string[][] =>
  thresholds.map(({ name, holds, default: standard, layers, source }) => [
    ...[id, name, holds, String(standard)],
    layers
      .filter(({ layer }) => layer !== 'global')
      .map(({ layer, target, value }) => `${layer} ${target}: ${value}`)
      .join(', '),
    source,
  ])

const casesOf = ({ kind, target, area, detectedAt, score }: Static<typeof TrialCase>): string[] => [
  detectedAt,
  kind,
  target,
  area,
  score.toFixed(2),
]
