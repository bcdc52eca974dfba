import { ok, type Result } from '../core/index.ts'
import type { Act, Applied, DiffEntry, Ledger, LedgerProblem } from '../ledger/index.ts'
import type { Interpretation, SheetWarning } from '../sheets/index.ts'
import { fail } from './import-errors.ts'
import { type ImportContext, type ImportFile, readImport } from './import-read.ts'

/** What a dry run found. Nothing can be applied while there is a problem. */
export interface ImportReport {
  readonly rows: number
  readonly sheets: Interpretation['sheets']
  readonly added: number
  readonly changed: number
  readonly unchanged: number
  /** The first ones; `problemCount` of all. */
  readonly problems: readonly LedgerProblem[]
  readonly problemCount: number
  readonly warnings: readonly SheetWarning[]
  /** What would change, entry by entry; the first ones. */
  readonly entries: readonly DiffEntry[]
}

export interface ImportDone extends ImportReport {
  /** Null when it was a dry run, or nothing differed. */
  readonly applied: Applied | null
}

const KEPT = 1000
/** Problems of the ledger that a cell with a problem of its own may have for their cause. */
const FOLLOWS: ReadonlySet<string> = new Set(['LEDGER_REQUIRED', 'LEDGER_ADDRESS'])

/**
 * Reads a file and says what it would change; with an act it changes it, in one transaction.
 *
 * @param act      null: dry run
 * @param entries  changes listed at most
 * @errors         SHEET_ codes for a file that cannot be read; LEDGER_BUSY
 */
export const runImport = async (
  file: ImportFile,
  ledger: Ledger,
  context: Omit<ImportContext, 'ledger'>,
  act: Act | null,
  entries = KEPT,
): Promise<Result<ImportDone>> => {
  const read = await readImport(file, { ...context, ledger })
  if (!read.ok) return read
  const { rows, sheets, warnings, patches, problems, problemCount, doubtful } = read.value
  const head = { rows, sheets, warnings }
  if (problemCount === 0 && act !== null) {
    const done = ledger.apply(patches, act, { problems: KEPT })
    if (done.ok) {
      const { added, changed, unchanged } = done.value
      return ok({ ...head, added, changed, unchanged, problems: [], problemCount: 0, entries: [], applied: done.value })
    }
    const found = done.error.problems
    if (found.length === 0) return { ok: false, error: done.error.error }
    const count = Math.max(found.length, Number(done.error.error.context.problems ?? 0))
    return ok({ ...head, added: 0, changed: 0, unchanged: 0, problems: found, problemCount: count, entries: [], applied: null })
  }
  const plan = ledger.plan(patches, { at: context.now, entries, problems: KEPT })
  // What a wrong cell should have said is missing for the ledger too: it is named once.
  const others = plan.problems.filter(({ place, code }) => !(doubtful.has(place) && FOLLOWS.has(code)))
  return ok({
    ...head,
    ...{ added: plan.added, changed: plan.changed, unchanged: plan.unchanged, entries: plan.entries },
    problems: [...problems, ...others].slice(0, KEPT),
    problemCount: problemCount + plan.problemCount - (plan.problems.length - others.length),
    applied: null,
  })
}

/** Why a file with problems is not applied. */
export const problemsOf = ({ problemCount, problems }: ImportReport) =>
  fail('IMPORT_PROBLEMS', `${problemCount} problems; the first: ${problems[0]?.place ?? ''} ${problems[0]?.message ?? ''}`, {
    problems: problemCount,
  })
