import type { FastifyRequest } from 'fastify'
import { mayDo } from '../access/principals.ts'
import type { Permission } from '../access/roles.ts'
import { accountJson, checkJson, shownName } from './account-list-json.ts'
import { billingEnergyJson } from './billing-read-json.ts'
import { caseJson } from './case-json.ts'
import { type CustomerReportView, type KeptReportView, REPORT_SECTIONS, type ReportSection } from './report-deps.ts'
import { iso } from './routes/common.ts'

const WANTED: Readonly<Record<ReportSection, Permission>> = { account: 'ledger:read', check: 'ledger:read', cases: 'cases:read' }

/** A report without the parts that are not for whoever asks; they are named. */
export const shownReport = ({ who }: Pick<FastifyRequest, 'who'>, view: CustomerReportView): CustomerReportView => {
  const withheld = REPORT_SECTIONS.filter((part) => view.withheld.includes(part) || who === null || !mayDo(who, WANTED[part]))
  const isShown = (part: ReportSection) => !withheld.includes(part)
  return {
    ...view,
    account: isShown('account') ? view.account : null,
    check: isShown('check') ? view.check : null,
    cases: isShown('cases') ? view.cases : null,
    withheld,
  }
}

/** A report as JSON. @param view  of {@link shownReport} */
export const reportJson = (request: Pick<FastifyRequest, 'who'>, view: CustomerReportView) => {
  const { from, to, madeAt, name, gaps, sums, points, notBilled, ends, days, account, check, cases, withheld, ...rest } = view
  return {
    ...{ ...rest, from: iso(from), to: iso(to), madeAt: iso(madeAt), name: shownName(request, name), withheld: [...withheld] },
    gaps: gaps.map((gap) => ({ ...gap })),
    sums: sums.map((sum) => ({ ...sum, reasons: [...sum.reasons] })),
    points: points.map(({ sign, ...point }) => ({ sign, energy: billingEnergyJson(point) })),
    notBilled: [...notBilled],
    ends: { from: { ...ends.from, reasons: { ...ends.from.reasons } }, to: { ...ends.to, reasons: { ...ends.to.reasons } } },
    days: days.map(({ missing, ...day }) => ({
      ...day,
      missing: missing.map((gap) => ({ from: iso(gap.from), to: iso(gap.to), days: gap.days, reasons: [...gap.reasons] })),
    })),
    account: account && { year: account.year, version: account.version, entry: accountJson(request, account.entry) },
    check: check && { from: iso(check.from), to: iso(check.to), points: checkJson(request, check) },
    cases: cases?.map(caseJson) ?? null,
  }
}

export const keptJson = ({ from, to, at, ...kept }: KeptReportView) => ({ ...kept, from: iso(from), to: iso(to), at: iso(at) })
