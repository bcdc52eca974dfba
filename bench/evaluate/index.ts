import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { NO_LAYERS, type ThresholdLayers } from '../../src/anomaly/index.ts'
import { judgeOffline } from '../../src/cli/analyse/judge.ts'
import { filesOf, loadOffline } from '../../src/cli/analyse/load.ts'
import { type ProblemList, problemList } from '../../src/cli/analyse/problems.ts'
import type { Offline } from '../../src/cli/analyse/replay.ts'
import { resultOf } from '../../src/cli/analyse/result.ts'
import { CommandFailed, complain, EXIT, print, printJson } from '../../src/cli/output.ts'
import { type Labels, labelledFolders, readLabels, readLedgerMeters } from './labels.ts'
import { type Cost, reportJson, reportMarkdown, reportText } from './report.ts'
import { metricsOf, type SetScore, scoreSet } from './score.ts'
import { thresholdsNamed, variedText, vary } from './vary.ts'
import { generateWorld, THEMES } from './world/generate.ts'
import { INJECTIONS, injected } from './world/inject.ts'
import { writeWorld } from './world/write.ts'

export interface EvaluateArguments {
  readonly json?: boolean
  /** A table for a page of docs. */
  readonly markdown?: boolean
  /** So many sets of our own besides the folders. */
  readonly generated?: number
  readonly seed?: number
  /** Each folder once more with other faults put in, so many times. */
  readonly injected?: number
  /** What is put in; a choice of the seed without it. */
  readonly what?: readonly string[]
  /** Rules or thresholds that are moved, each by itself, to see what hangs on them. */
  readonly vary?: readonly string[]
  /** Generated sets are written there and stay. */
  readonly keep?: string
}

/** Writes sets of our own, one theme after the other, and tells their folders. */
const generateSets = async (dir: string, count: number, seed: number): Promise<string[]> => {
  const folders: string[] = []
  for (let at = 0; at < count; at++) {
    const world = generateWorld(seed + at, THEMES[at % THEMES.length] ?? 'mixed')
    const folder = join(dir, world.set)
    await writeWorld(folder, world)
    folders.push(folder)
  }
  return folders
}

/** Writes the given folders again, with faults put in. */
const injectSets = async (
  dir: string,
  folders: readonly string[],
  { injected: times = 0, seed = 1, what }: EvaluateArguments,
): Promise<string[]> => {
  const wanted = what?.map((one) => {
    const known = INJECTIONS.find((name) => name === one)
    if (!known) throw new CommandFailed(`--what ${one}: one of ${INJECTIONS.join(', ')}`, EXIT.usage)
    return known
  })
  const written: string[] = []
  for (const folder of folders)
    for (let at = 0; at < times; at++) {
      const world = await injected(folder, `${basename(folder)}+${seed + at}`, seed + at, wanted)
      const to = join(dir, world.set)
      await writeWorld(to, world)
      written.push(to)
    }
  return written
}

/** A folder of labelled areas, read. */
interface Loaded {
  readonly dir: string
  readonly set: string
  readonly labels: Labels
  readonly offline: Offline
  readonly problems: ProblemList
}

const load = async (dir: string): Promise<Loaded> => {
  const problems = problemList()
  const offline = await loadOffline(filesOf(dir), problems)
  if (!offline) throw new CommandFailed(`${dir}: no ledger to judge by`, EXIT.failed)
  const labels = readLabels(dir)
  return { dir, set: labels.set ?? basename(dir), labels, offline, problems }
}

/** Judges a folder as `gridtally analyse` does, and scores it. */
const scored = ({ dir, set, labels, offline, problems }: Loaded, thresholds: ThresholdLayers = NO_LAYERS): SetScore => {
  const result = resultOf(judgeOffline(offline, { thresholds }), offline.ledger.zone, problems)
  for (const { rule, area, day, message } of result.failures.slice(0, 3))
    complain(`${set}: rule ${rule} broke down on ${area} ${day}: ${message}`)
  return scoreSet(set, result, labels, readLedgerMeters(dir))
}

/** `gridtally evaluate`: scores what the detectors say of labelled areas against their truth. */
export const evaluate = async (dirs: readonly string[], args: EvaluateArguments): Promise<void> => {
  const { generated = 0, seed = 1, keep } = args
  const own = keep ?? mkdtempSync(join(tmpdir(), 'gridtally-evaluate-'))
  try {
    const given = labelledFolders(dirs)
    const changed = await injectSets(own, given, args)
    const folders = [...(changed.length > 0 ? changed : given), ...(await generateSets(own, generated, seed))]
    await evaluateFolders(folders, args)
  } finally {
    if (keep === undefined) rmSync(own, { recursive: true, force: true })
  }
}

const evaluateFolders = async (folders: readonly string[], { json, markdown, vary: varied }: EvaluateArguments): Promise<void> => {
  if (folders.length === 0)
    throw new CommandFailed(
      'no folder with a labels.json among these or one level below them; --generated 5 makes sets of our own',
      EXIT.usage,
    )
  if (varied) thresholdsNamed(varied)
  const scores: SetScore[] = []
  const costs: Cost[] = []
  const loaded: Loaded[] = []
  for (const dir of folders) {
    const before = performance.now()
    const one = await load(dir)
    scores.push(scored(one))
    costs.push({ set: one.set, seconds: (performance.now() - before) / 1000, peakMb: process.resourceUsage().maxRSS / 1024 })
    if (varied) loaded.push(one)
  }
  const moved = varied ? vary(varied, (layers) => loaded.map((one) => scored(one, layers))) : []
  if (json) {
    const figures = moved.map(({ key, value, factor, scores: own }) => ({ key, value, factor, metrics: metricsOf(own) }))
    printJson({ ...reportJson(scores, costs), ...(varied ? { varied: figures } : {}) })
    return
  }
  print(markdown ? reportMarkdown(scores, costs) : reportText(scores, costs))
  if (varied) print(`\n${variedText(scores, moved)}`)
}
