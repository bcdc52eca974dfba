import { writeFileSync } from 'node:fs'
import { type Command, Option } from 'commander'
import { Type } from 'typebox'
import { type Access, askApi, everyPage, withAccess } from './gaps.ts'
import { CommandFailed, EXIT, print, printJson, table } from './output.ts'
import { pageOf } from './pages.ts'

const TextOrNull = Type.Union([Type.String(), Type.Null()])
const BooleanOrNull = Type.Union([Type.Boolean(), Type.Null()])
const Words = Type.Object({ zh: Type.String(), en: Type.String() })

/** What these commands need of the answers; with --json everything is passed on as it is. */
const Tiers = Type.Object({
  explanation: Type.Array(Words),
  notes: Type.Array(Words),
  pending: Type.Boolean(),
})
const Account = Type.Object({
  ...{ customer: Type.String(), name: TextOrNull, category: TextOrNull, key: BooleanOrNull, reasons: Type.Array(Type.String()) },
  ...{ state: Type.String(), months: Type.Integer(), kwh: TextOrNull, meanKwh: TextOrNull, grade: TextOrNull },
  given: Type.Union([Type.Object({ by: Type.String() }), Type.Null()]),
})
const Side = Type.Union([Type.Object({ key: BooleanOrNull, grade: TextOrNull, meanKwh: TextOrNull }), Type.Null()])
const Mover = Type.Object({
  ...{ customer: Type.String(), name: TextOrNull, moves: Type.Array(Type.String()), reasons: Type.Array(Type.String()) },
  ...{ before: Side, after: Side },
})
const Check = Type.Object({
  ...{ customer: Type.String(), name: TextOrNull, checked: Type.Boolean() },
  points: Type.Array(Type.Object({ point: Type.String(), meter: TextOrNull, goodAt: TextOrNull, newestAt: TextOrNull })),
})
const Run = Type.Object({
  ...{ year: Type.Integer(), version: Type.Integer(), by: Type.String() },
  counts: Type.Object({ customers: Type.Integer(), key: Type.Integer(), notComputable: Type.Integer() }),
})
const Made = Type.Object({ running: Type.Boolean(), run: Type.Union([Run, Type.Null()]) })
const Graded = Type.Object({ customer: Type.String(), grade: TextOrNull, rankGrade: TextOrNull })

interface TierArguments extends Access {
  readonly year?: string
  readonly until?: string
  readonly customer?: boolean
  readonly lang: 'zh' | 'en'
  readonly page?: string
}

/** `gridtally billing tiers`: added to the group of billing. */
export const addTiers = (group: Command): void => {
  withAccess(
    group
      .command('tiers')
      .description('tiers of a year of a point, or of a customer: the split by each way to count, with its explanation'),
  )
    .argument('<id>', 'metering point; with --customer a customer')
    .option('--customer', 'the id is that of a customer')
    .option('--year <year>', 'the year that goes on if not given')
    .option('--until <day>', 'last day, included: 2026-12-31')
    .addOption(new Option('--lang <language>', 'of the explanation').choices(['zh', 'en']).default('en'))
    .option('--page <file>', 'writes the page to print there instead')
    .action(tiers)
}

const tiers = async (id: string, { year, until, customer, lang, page, ...access }: TierArguments): Promise<void> => {
  const query = { year, until }
  const path = `/billing/${customer ? 'customers' : 'points'}/${encodeURIComponent(id)}/tiers`
  if (page !== undefined) {
    writeFileSync(page, await pageOf(access, `${path}.html`, { ...query, lang }))
    print(`${page} is written`)
    return
  }
  const answer = await askApi(access, path, Tiers, undefined, query)
  if (access.json) return printJson(answer)
  for (const line of answer.explanation) print(line[lang])
  for (const note of answer.notes) print(`! ${note[lang]}`)
  if (answer.pending) print(lang === 'zh' ? '! 部分电量正在重新计算' : '! some of the energy is being worked out again')
}

interface ListArguments extends Access {
  readonly year?: string
  readonly grade?: string
  readonly all?: boolean
}

/** `gridtally key-accounts …`: lists of key accounts, through the API of a running gateway. */
export const keyAccountCommands = (program: Command): void => {
  const group = program.command('key-accounts').description('key accounts: lists by year, who moved, grades, the weekly check')
  const command = (name: string, description: string) => withAccess(group.command(name).description(description))
  command('list', 'key accounts of a year, and those of whom it cannot be said')
    .option('--year <year>', 'the newest list if not given')
    .addOption(new Option('--grade <grade>', 'only these').choices(['A', 'B', 'C', 'D']))
    .option('--all', 'every customer')
    .action(async ({ year, grade, all, ...access }: ListArguments) => {
      const query = { ...(year ? { year } : {}), ...(grade ? { grade } : {}), ...(all ? { all: 'true' } : {}) }
      const found = await everyPage(access, '/key-accounts', Account, query)
      if (access.json) return printJson(found)
      const rows = found.map(({ customer, name, grade: held, key, reasons, months, kwh, meanKwh, state, given }) => [
        ...[
          customer,
          name ?? '',
          `${held ?? '-'}${given ? ` (${given.by})` : ''}`,
          key === null ? 'not known' : key ? reasons.join(', ') : 'no',
        ],
        ...[String(months), kwh ?? '-', meanKwh ?? '-', state],
      ])
      print(table([['customer', 'name', 'grade', 'key account', 'months', 'kWh', 'mean', 'state'], ...rows]))
    })
  command('movers', 'who became a key account, who is none any more, whose grade changed, and why')
    .argument('<year>')
    .action(async (year: string, access: Access) => {
      const found = await everyPage(access, `/key-accounts/${encodeURIComponent(year)}/movers`, Mover, {})
      if (access.json) return printJson(found)
      if (found.length === 0) return print('nobody moved, or there is no list of the year before')
      const rows = found.map(({ customer, name, moves, reasons, before, after }) => [
        ...[customer, name ?? '', moves.join(', '), reasons.join(', '), `${before?.grade ?? '-'} -> ${after?.grade ?? '-'}`],
        `${before?.meanKwh ?? '-'} -> ${after?.meanKwh ?? '-'}`,
      ])
      print(table([['customer', 'name', 'what', 'why', 'grade', 'mean kWh'], ...rows]))
    })
  command('checks', 'which key accounts have no good reading of the last days')
    .option('--days <days>', 'days looked back; those of the configuration if not given')
    .option('--all', 'also those that were read')
    .action(async ({ days, all, ...access }: Access & { readonly days?: string; readonly all?: boolean }) => {
      const query = { ...(days ? { days } : {}), ...(all ? {} : { open: 'true' }) }
      const found = await everyPage(access, '/key-accounts/checks', Check, query)
      if (access.json) return printJson(found)
      if (found.length === 0) return print('no key account is without a good reading of that time')
      const rows = found.flatMap(({ customer, name, points }) =>
        (points.length > 0 ? points : [{ point: 'no point', meter: null, goodAt: null, newestAt: null }]).map(
          ({ point, meter, goodAt, newestAt }) => [...[customer, name ?? '', point, meter ?? '', goodAt ?? 'none', newestAt ?? 'none']],
        ),
      )
      print(table([['customer', 'name', 'point', 'meter', 'good reading', 'newest register'], ...rows]))
    })
  command('run', 'makes the list of a year now, as a new version')
    .argument('<year>')
    .requiredOption('--why <reason>', 'the reason, for the record')
    .action(async (year: string, { why, ...access }: Access & { readonly why: string }) => {
      const { running, run } = await askApi(access, `/key-accounts/${encodeURIComponent(year)}/run`, Made, { why })
      if (access.json) return printJson({ running, run })
      print(
        run
          ? `key accounts of ${run.year}, version ${run.version}: ${run.counts.key} of ${run.counts.customers} customers, ${run.counts.notComputable} whose year cannot be reckoned`
          : 'it is being made; gridtally key-accounts list shows it when it is done',
      )
    })
  command('grade', 'gives a customer a grade that counts instead of the rank; "rank" takes it back')
    .argument('<customer>')
    .argument('<grade>', 'A, B, C, D or rank')
    .requiredOption('--why <reason>', 'the reason, for the record')
    .action(async (customer: string, grade: string, { why, ...access }: Access & { readonly why: string }) => {
      if (!['A', 'B', 'C', 'D', 'rank'].includes(grade)) throw new CommandFailed(`${grade} is no grade: A, B, C, D or rank`, EXIT.usage)
      const body = { grade: grade === 'rank' ? null : grade, why }
      const graded = await askApi(access, `/key-accounts/customers/${encodeURIComponent(customer)}/grade`, Graded, body, {}, '*')
      if (access.json) return printJson(graded)
      print(`${graded.customer} has grade ${graded.grade ?? 'none'}; by rank ${graded.rankGrade ?? 'none'}`)
    })
}
