import { basename } from 'node:path'
import { performance } from 'node:perf_hooks'
import { judgeOffline } from '../../src/cli/analyse/judge.ts'
import { filesOf, loadOffline } from '../../src/cli/analyse/load.ts'
import { problemList } from '../../src/cli/analyse/problems.ts'
import { type AnalyseResult, resultOf } from '../../src/cli/analyse/result.ts'
import { CommandFailed, complain, EXIT, print, printJson } from '../../src/cli/output.ts'
import { labelledFolders, readLabels, readLedgerMeters } from './labels.ts'
import { type Cost, reportJson, reportText } from './report.ts'
import { type SetScore, scoreSet } from './score.ts'

export interface EvaluateArguments {
  readonly json?: boolean
}

/** Analyses one folder of labelled areas, as `gridtally analyse` does. */
export const analyseFolder = async (dir: string): Promise<AnalyseResult> => {
  const problems = problemList()
  const offline = await loadOffline(filesOf(dir), problems)
  if (!offline) throw new CommandFailed(`${dir}: no ledger to judge by`, EXIT.failed)
  return resultOf(judgeOffline(offline), offline.ledger.zone, problems)
}

/** `gridtally evaluate`: scores what the detectors say of labelled areas against their truth. */
export const evaluate = async (dirs: readonly string[], { json }: EvaluateArguments): Promise<void> => {
  const folders = labelledFolders(dirs)
  if (folders.length === 0) throw new CommandFailed('no folder with a labels.json among these or one level below them', EXIT.usage)
  const scores: SetScore[] = []
  const costs: Cost[] = []
  for (const dir of folders) {
    const labels = readLabels(dir)
    const set = labels.set ?? basename(dir)
    const before = performance.now()
    const result = await analyseFolder(dir)
    const seconds = (performance.now() - before) / 1000
    for (const { rule, area, day, message } of result.failures.slice(0, 3))
      complain(`${set}: rule ${rule} broke down on ${area} ${day}: ${message}`)
    scores.push(scoreSet(set, result, labels, readLedgerMeters(dir)))
    costs.push({ set, seconds, peakMb: process.resourceUsage().maxRSS / 1024 })
  }
  if (json) printJson(reportJson(scores, costs))
  else print(reportText(scores, costs))
}
