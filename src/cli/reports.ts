import { writeFileSync } from 'node:fs'
import { type Command, Option } from 'commander'
import { type Static, Type } from 'typebox'
import { type Access, askApi, everyPage, withAccess } from './gaps.ts'
import { EXIT, print, printJson, table } from './output.ts'
import { pageOf } from './pages.ts'

const TextOrNull = Type.Union([Type.String(), Type.Null()])
const Words = Type.Object({ zh: Type.String(), en: Type.String() })
/** What these commands need of the answers; with --json everything is passed on as it is. */
const Report = Type.Object({
  ...{ customer: Type.String(), from: Type.String(), to: Type.String(), complete: Type.Boolean(), state: Type.String() },
  gaps: Type.Array(Words),
  sums: Type.Array(
    Type.Object({
      ...{ register: Type.String(), unit: Type.String(), energy: TextOrNull, knownEnergy: Type.String(), state: Type.String() },
      ...{ due: Type.Integer(), known: Type.Integer(), estimatedPpm: Type.Integer() },
    }),
  ),
  withheld: Type.Array(Type.String()),
})
const Kept = Type.Object({
  ...{ id: Type.Integer(), customer: Type.String(), from: Type.String(), to: Type.String(), at: Type.String() },
  ...{ by: Type.String(), why: Type.String(), complete: Type.Boolean() },
})
const KeptReport = Type.Object({ kept: Kept, report: Report })

interface ReportArguments extends Access {
  readonly month?: string
  readonly from?: string
  readonly to?: string
  readonly lang: 'zh' | 'en'
  readonly page?: string
  readonly keep?: string
}

/** `gridtally billing report` and `reports`: added to the group of billing. */
export const addReports = (group: Command): void => {
  const language = () => new Option('--lang <language>', 'of the page and of what is not known').choices(['zh', 'en']).default('en')
  withAccess(group.command('report').description('everything known of a customer and a time, in one call; exit code 1: something is not'))
    .argument('<customer>')
    .option('--month <month>', 'local month: 2026-10; the last one that is over if nothing is given')
    .option('--from <instant>', 'first billing instant, with --to')
    .option('--to <instant>', 'second billing instant')
    .option('--keep <why>', 'keeps it, with this as the reason')
    .option('--page <file>', 'writes the page to print there')
    .addOption(language())
    .action(report)
  withAccess(group.command('reports').description('reports of customers that were kept; with a number, one of them'))
    .argument('[id]')
    .option('--customer <id>', 'only of this customer')
    .option('--page <file>', 'of one: writes the page to print there')
    .addOption(language())
    .action(reports)
}

const report = async (customer: string, args: ReportArguments): Promise<void> => {
  const { month, from, to, lang, page, keep, ...access } = args
  const path = `/billing/customers/${encodeURIComponent(customer)}`
  const time = { month, from, to }
  if (keep !== undefined) {
    const asked = Object.fromEntries(Object.entries(time).filter(([, value]) => value !== undefined))
    const made = await askApi(access, `${path}/reports`, KeptReport, { ...asked, why: keep })
    if (page !== undefined) writeFileSync(page, await pageOf(access, `/billing/reports/${made.kept.id}/page.html`, { lang }))
    if (access.json) printJson(made)
    else {
      print(`kept as report ${made.kept.id}`)
      show(made.report, lang)
    }
    return end(made.report)
  }
  if (page !== undefined) {
    writeFileSync(page, await pageOf(access, `${path}/report.html`, { ...time, lang }))
    return print(`${page} is written`)
  }
  const found = await askApi(access, `${path}/report`, Report, undefined, time)
  access.json ? printJson(found) : show(found, lang)
  end(found)
}

const reports = async (
  id: string | undefined,
  { customer, page, lang, ...access }: Access & { readonly customer?: string; readonly page?: string; readonly lang: 'zh' | 'en' },
): Promise<void> => {
  if (id === undefined) {
    const items = await everyPage(access, '/billing/reports', Kept, customer === undefined ? {} : { customer })
    if (access.json) return printJson(items)
    const rows = items.map((one) => [String(one.id), one.customer, one.from, one.to, one.at, one.by, one.why, one.complete ? 'yes' : 'no'])
    return print(table([['number', 'customer', 'from', 'to', 'made', 'by', 'why', 'complete'], ...rows]))
  }
  const path = `/billing/reports/${encodeURIComponent(id)}`
  if (page !== undefined) {
    writeFileSync(page, await pageOf(access, `${path}/page.html`, { lang }))
    return print(`${page} is written`)
  }
  const found = await askApi(access, path, KeptReport)
  access.json ? printJson(found) : show(found.report, lang)
  end(found.report)
}

const show = ({ customer, from, to, sums, gaps, withheld, state }: Static<typeof Report>, lang: 'zh' | 'en'): void => {
  print(`${customer}, ${from} to ${to}: ${state}`)
  const rows = sums.map((sum) => [
    ...[sum.register, sum.energy === null ? 'not known' : `${sum.energy} ${sum.unit}`, `${sum.knownEnergy} ${sum.unit}`],
    ...[`${sum.known} of ${sum.due}`, sum.state, `${sum.estimatedPpm / 10_000} %`],
  ])
  print(table([['register', 'energy', 'of known points', 'points known', 'state', 'estimated'], ...rows]))
  for (const gap of gaps) print(`! ${gap[lang]}`)
  if (withheld.length > 0) print(`not for this token: ${withheld.join(', ')}`)
}

const end = ({ complete }: Static<typeof Report>): void => {
  if (!complete) process.exitCode = EXIT.failed
}
