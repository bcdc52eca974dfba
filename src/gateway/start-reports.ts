import type { CaseDeps, CaseView, ReportDeps } from '../api/index.ts'
import { customerReports, type ReportParts } from './customer-report.ts'
import { ReportFile } from './report-file.ts'

export interface StartReports extends Omit<ReportParts, 'file' | 'casesOf'> {
  readonly directory: string
  /** Years a kept report can be had. */
  readonly keepYears: number
  readonly cases: Pick<CaseDeps, 'cases' | 'casePlace'>
}

const PAGE = 200

/** A year is over after this many days at the latest. */
const YEAR_MS = 366 * 86_400_000

/** Puts together what reports of customers are made of. */
export const openReports = ({ directory, cases, keepYears, ...parts }: StartReports) => {
  let years = keepYears
  const file = new ReportFile(directory, () => parts.clock.now() - years * YEAR_MS)
  file.tidy()
  const casesOf = async (target: string): Promise<readonly CaseView[]> => {
    const found: CaseView[] = []
    for (let after: readonly [number, number] | null = null; ; ) {
      const page: readonly CaseView[] = await cases.cases({ target, all: true }, 'newest', after, PAGE)
      found.push(...page)
      const last = page.at(-1)
      if (!last || page.length < PAGE) return found
      after = cases.casePlace(last.id, 'newest')
    }
  }
  const port: ReportDeps['reports'] = customerReports({ ...parts, casesOf, file })
  return {
    port,
    use: (next: { readonly keepYears: number }) => {
      years = next.keepYears
    },
    close: () => file.close(),
  }
}
