import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { dirname } from 'node:path'
import { type Anchor, figure, type Outcome } from './anchor.ts'

/** One row of the table: an anchor and what came of it. */
export interface BenchRow {
  readonly id: string
  readonly title: string
  readonly better: 'higher' | 'lower'
  readonly must: number
  readonly goal: number
  readonly outcome: Outcome | null
  /** Why there is no outcome. */
  readonly reason: string | null
  /** It failed, as against: it cannot run here. */
  readonly isBroken: boolean
  readonly verdict: Verdict
  readonly seconds: number
}
export type Verdict = 'goal' | 'pass' | 'FAIL' | 'not comparable' | 'not run'

/** The figure against bar and goal. */
export const verdictOf = ({ better, must, goal }: Pick<Anchor, 'better' | 'must' | 'goal'>, outcome: Outcome | null): Verdict => {
  if (outcome === null) return 'not run'
  if (outcome.standIn !== undefined) return 'not comparable'
  const reaches = (bar: number): boolean => (better === 'higher' ? outcome.ratio >= bar : outcome.ratio <= bar)
  return reaches(goal) ? 'goal' : reaches(must) ? 'pass' : 'FAIL'
}

/** Whole run, as `--json` prints it. */
export interface BenchReport {
  readonly date: string
  readonly node: string
  readonly machine: string
  readonly quick: boolean
  readonly rounds: number
  readonly anchors: readonly BenchRow[]
}

export const machine = (): string =>
  `${availableParallelism()} × ${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB`

const HEADS = ['anchor', 'what', 'ours', 'reference', 'ratio', 'must', 'goal', 'verdict'] as const

const cells = ({ id, title, outcome, reason, better, must, goal, verdict }: BenchRow): string[] => {
  const sign = better === 'higher' ? '≥' : '≤'
  return [
    id,
    title,
    outcome ? `${figure(outcome.ours)} ${outcome.unit}` : '-',
    outcome ? (outcome.reference === null ? '-' : `${figure(outcome.reference)} ${outcome.unit}`) : '-',
    outcome ? figure(outcome.ratio) : '-',
    `${sign} ${figure(must)}`,
    `${sign} ${figure(goal)}`,
    verdict === 'not run' ? `not run: ${reason}` : outcome?.standIn ? `${verdict}: ${outcome.standIn}` : verdict,
  ]
}

/** The table for a terminal. */
export const textTable = (rows: readonly BenchRow[]): string => {
  const all = [[...HEADS], ...rows.map(cells)]
  const widths = HEADS.map((_, column) => Math.max(...all.map((row) => row[column]!.length)))
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd()
  return [line(all[0]!), line(widths.map((width) => '-'.repeat(width))), ...all.slice(1).map(line)].join('\n')
}

/** The table for docs/performance.md, with the details of every anchor below it. */
export const markdown = (report: BenchReport): string => {
  const row = (columns: readonly string[]): string => `| ${columns.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  const details = report.anchors.flatMap(({ id, outcome }) =>
    outcome && Object.keys(outcome.detail).length > 0
      ? [
          `- ${id}: ${Object.entries(outcome.detail)
            .map(([name, value]) => `${name} ${typeof value === 'number' ? figure(value) : value}`)
            .join(', ')}`,
        ]
      : [],
  )
  return [
    `Measured ${report.date} on ${report.machine}, Node ${report.node}, median of ${report.rounds} rounds${report.quick ? ', **quick run: no evidence**' : ''}.`,
    '',
    row(HEADS),
    row(HEADS.map(() => '---')),
    ...report.anchors.map((one) => row(cells(one))),
    '',
    ...details,
  ].join('\n')
}

const BEGIN = '<!-- bench:begin (written by `gridtally bench --write`) -->'
const END = '<!-- bench:end -->'

/** Puts the table between the marks of a page; a page without marks gets them at its end, the rest stays as it is. */
export const writeInto = (path: string, report: BenchReport): void => {
  const page = existsSync(path) ? readFileSync(path, 'utf8') : '# Performance\n\nThe figures of `npm run bench`, and what they mean.\n'
  const section = `${BEGIN}\n\n${markdown(report)}\n\n${END}`
  const from = page.indexOf(BEGIN)
  const to = page.indexOf(END)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(
    path,
    from >= 0 && to > from ? page.slice(0, from) + section + page.slice(to + END.length) : `${page.trimEnd()}\n\n${section}\n`,
  )
}
