import { type Command, Option } from 'commander'
import { type Static, Type } from 'typebox'
import { SIGNAL_BANDS, SIGNAL_LEVELS } from '../anomaly/index.ts'
import { type Access, askWhole, everyPage, withAccess } from './gaps.ts'
import { print, printJson, table } from './output.ts'

const NumberOrNull = Type.Union([Type.Number(), Type.Null()])
const Figures = Type.Object({
  ...{ polls: Type.Integer(), read: Type.Integer(), readPct: NumberOrNull, firstTryPct: NumberOrNull, timeouts: Type.Number() },
  ...{ crcErrors: Type.Number(), latencyP95Ms: NumberOrNull, snrDb: NumberOrNull, rssiDbm: NumberOrNull, band: Type.String() },
  ...{ zoneMedianPct: NumberOrNull, belowZonePct: NumberOrNull },
})
const Row = Type.Intersect([Figures, Type.Object({ rank: Type.Integer(), id: Type.String(), meters: Type.Integer() })])
const Detail = Type.Object({
  figures: Row,
  items: Type.Array(Type.Intersect([Figures, Type.Object({ from: Type.String() })])),
  marks: Type.Array(Type.Object({ at: Type.String(), channel: Type.String(), note: Type.String() })),
  findings: Type.Array(
    Type.Object({
      ...{ level: Type.String(), target: Type.String(), cause: Type.Union([Type.String(), Type.Null()]), from: Type.String() },
      ...{ why: Type.Object({ en: Type.String() }), action: Type.Object({ en: Type.String() }) },
    }),
  ),
})

interface Listing extends Access {
  readonly level: string
  readonly from?: string
  readonly to?: string
  readonly area?: string
  readonly zone?: string
  readonly band?: string
  readonly step?: string
}

/** `gridtally signal …`: how well links are heard, through the API of a running gateway. */
export const signalCommands = (program: Command): void => {
  const signal = program.command('signal').description('how well links are heard, the worst of their zone first, and why')
  const command = (name: string, description: string, options?: { isDefault: boolean }) =>
    withAccess(signal.command(name, options).description(description))
      .addOption(new Option('--level <level>', 'what is looked at').choices([...SIGNAL_LEVELS]).default('meter'))
      .option('--from <instant>', 'from then on; 7 days back unless said')
      .option('--to <instant>', 'until then; now unless said')
  command('list', 'everything at a level (the default)', { isDefault: true })
    .option('--area <area>', 'of one transformer area')
    .option('--zone <zone>', 'of one zone')
    .addOption(new Option('--band <band>', 'only these').choices([...SIGNAL_BANDS]))
    .action(list)
  command('show', 'one of them: its course, change marks, and what is wrong on its way')
    .argument('<id>', 'metering point, bus (line), concentrator, area or zone')
    .addOption(new Option('--step <step>', 'length of a line').choices(['hour', 'day']).default('day'))
    .action(show)
}

const list = async ({ level, from, to, area, zone, band, json, ...access }: Listing): Promise<void> => {
  const rows = await everyPage(access, '/signal', Row, { level, from, to, area, zone, band, limit: '1000' })
  if (json) return printJson(rows)
  const heads = ['', level, 'meters', 'read', '', 'first try', 'zone median', 'time-outs', 'damaged', '95 % ms', 'signal', 'band']
  print(table([heads, ...rows.map((row) => [String(row.rank), row.id, String(row.meters), ...cells(row)])]))
}

const show = async (id: string, { level, from, to, step = 'day', json, ...access }: Listing): Promise<void> => {
  const given = Object.entries({ level, from, to, step }).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))
  const found = await askWhole(access, `/signal/${encodeURIComponent(id)}`, Detail, Object.fromEntries(given), [
    'items',
    'marks',
    'findings',
  ])
  if (json) return printJson(found)
  const heads = ['from (UTC)', 'read', '', 'first try', 'zone median', 'time-outs', 'damaged', '95 % ms', 'signal', 'band']
  print(table([heads, ...found.items.map((item) => [item.from.slice(0, 16), ...cells(item)]), ['all', ...cells(found.figures)]]))
  for (const { at, channel, note } of found.marks) print(`${at.slice(0, 16)} ${channel}: ${note}`)
  for (const { level: where, target, cause, from: since, why, action } of found.findings)
    print(`${where} ${target}${cause ? ` (${cause})` : ''} since ${since.slice(0, 16)}: ${why.en} ${action.en}`)
}

type Shown = Pick<
  Static<typeof Figures>,
  'polls' | 'read' | 'readPct' | 'firstTryPct' | 'zoneMedianPct' | 'timeouts' | 'crcErrors' | 'latencyP95Ms' | 'snrDb' | 'rssiDbm' | 'band'
>

const cells = (one: Shown): string[] => [
  ...[percent(one.readPct), `${one.read}/${one.polls}`, percent(one.firstTryPct), percent(one.zoneMedianPct)],
  ...[String(Math.round(one.timeouts)), String(Math.round(one.crcErrors)), one.latencyP95Ms === null ? '-' : one.latencyP95Ms.toFixed(0)],
  one.snrDb !== null ? `${one.snrDb.toFixed(1)} dB` : one.rssiDbm !== null ? `${one.rssiDbm.toFixed(0)} dBm` : '-',
  one.band,
]

/** Cut, not rounded: only what is whole shows 100.00 %. */
const percent = (value: number | null): string => (value === null ? '-' : `${(Math.floor(value * 100) / 100).toFixed(2)} %`)
