import type { CaseDeps, CaseView, ReportDeps } from '../api/index.ts'
import { customerReports, type ReportParts } from './customer-report.ts'
import { ReportFile } from './report-file.ts'

export interface StartReports extends Omit<ReportParts, 'file' | 'casesOf'> {
  readonly directory: string
  readonly cases: Pick<CaseDeps, 'cases' | 'casePlace'>
}

const PAGE = 200

/** Puts together what reports of customers are made of. */
export const openReports = ({ directory, cases, ...parts }: StartReports): { readonly port: ReportDeps['reports']; close(): void } => {
  const file = new ReportFile(directory)
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
  return { port: customerReports({ ...parts, casesOf, file }), close: () => file.close() }
}
