import { type Command, Option } from 'commander'
import { Type } from 'typebox'
import { KPI_GROUP_NAMES, KPI_NAMES } from '../api/index.ts'
import { type Access, everyPage, withAccess } from './gaps.ts'
import { print, printJson, table } from './output.ts'

const TextOrNull = Type.Union([Type.String(), Type.Null()])
const Figure = Type.Object({
  ...{ numerator: Type.Integer(), denominator: Type.Integer(), rate: TextOrNull },
  excluded: Type.Array(Type.Object({ reason: Type.String(), count: Type.Integer() })),
})
const Unit = Type.Object({
  ...{ id: Type.String(), name: Type.String() },
  kpis: Type.Array(
    Type.Object({
      ...{ kpi: Type.String(), cutoff: Type.String(), figure: Figure, kept: Type.Boolean(), final: Figure, finalAt: Type.String() },
      ...{ yesterday: TextOrNull, lastMonth: TextOrNull },
    }),
  ),
})
const Member = Type.Object({
  ...{ meter: Type.String(), point: Type.String(), area: Type.String(), line: Type.String(), reason: TextOrNull },
  ...{ got: Type.Integer(), due: Type.Integer() },
})

interface Group extends Access {
  readonly day?: string
  readonly by: string
}

/** `gridtally kpi …`: figures of collection and the meters behind them, through the API of a running gateway. */
export const kpiCommands = (program: Command): void => {
  const kpi = program.command('kpi').description('figures of collection, each with the meters behind it')
  const command = (name: string, description: string, options?: { isDefault: boolean }) =>
    withAccess(kpi.command(name, options).description(description))
      .option('--day <day>', 'day in the zone of the gateway: 2026-11-21; default today')
      .addOption(new Option('--by <group>', 'how meters are grouped').choices([...KPI_GROUP_NAMES]).default('none'))
  command('show', 'the figures of a day (the default)', { isDefault: true }).action(show)
  command('members', 'who counts in a figure, who does not, and why')
    .argument('<kpi>', KPI_NAMES.join(', '))
    .addOption(
      new Option('--list <list>', 'in: read; out: due and not read; excluded: not counted')
        .choices(['in', 'out', 'excluded'])
        .default('out'),
    )
    .addOption(new Option('--at <instant>', 'as of the cut-off, or with what came later').choices(['cutoff', 'final']).default('final'))
    .option('--id <id>', 'which zone, area, line …')
    .action(members)
}

const show = async ({ day, by, json, ...access }: Group): Promise<void> => {
  const units = await everyPage(access, '/kpis', Unit, { day, by, limit: '1000' })
  if (json) return printJson(units)
  const rows = units.flatMap(({ id, name, kpis }) =>
    kpis.map(({ kpi, figure, final, cutoff, yesterday, lastMonth }) => [
      ...[
        name ? `${id} ${name}` : id || 'all',
        kpi,
        percent(figure.rate),
        `${figure.numerator}/${figure.denominator}`,
        cutoff.slice(0, 16),
      ],
      ...[percent(final.rate), `${final.numerator}/${final.denominator}`, percent(yesterday), percent(lastMonth)],
      final.excluded.map(({ reason, count }) => `${reason} ${count}`).join(', '),
    ]),
  )
  const heads = [
    by === 'none' ? '' : by,
    'figure',
    'at cut-off',
    '',
    'cut-off (UTC)',
    'by now',
    '',
    'day before',
    'month before',
    'not counted',
  ]
  print(table([heads, ...rows]))
}

interface MembersArguments extends Group {
  readonly list: string
  readonly at: string
  readonly id?: string
}

const members = async (kpi: string, { day, by, id, list, at, json, ...access }: MembersArguments): Promise<void> => {
  const found = await everyPage(access, `/kpis/${encodeURIComponent(kpi)}/members`, Member, { day, by, id, list, at, limit: '5000' })
  if (json) return printJson(found)
  if (found.length === 0) return print('nobody')
  const rows = found.map((row) => [row.meter, row.point, row.area, row.line, `${row.got}/${row.due}`, row.reason ?? ''])
  print(table([['meter', 'point', 'area', 'line', '', 'why'], ...rows]))
}

/** `99.52 %` of `0.995200`; a dash where nothing was due. */
const percent = (rate: string | null): string => {
  if (rate === null) return '-'
  const digits = rate.replace('.', '').padEnd(7, '0')
  return `${String(Number(digits.slice(0, -4)))}.${digits.slice(-4, -2)} %`
}
