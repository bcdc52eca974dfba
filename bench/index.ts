/**
 * `gridtally bench`: every anchor measured beside its reference, in one run on one machine.
 * An anchor is an object in a file of this folder and a line in the list below.
 */
import { join } from 'node:path'
import { analysisDay } from './analysis.ts'
import { type Anchor, type BenchContext, figure, NotHere, type Outcome } from './anchor.ts'
import { billingReadings } from './billing.ts'
import { concentratorDecode } from './codec.ts'
import { recordDecode } from './codec-698.ts'
import { freezeDay } from './concentrators.ts'
import { embeddedCold, embeddedEnergy, embeddedHot, embeddedLatest, embeddedRate } from './embedded.ts'
import { apiUnderLoad } from './http.ts'
import { dayOfOne, latestOfAll } from './http-reads.ts'
import { influxRate, influxWriterCost } from './influx.ts'
import { lossDay } from './loss.ts'
import { endToEnd, modbusClient } from './modbus.ts'
import { mappingCost, pushRate } from './mqtt.ts'
import { projectRoot } from './reference/programs.ts'
import { type BenchReport, type BenchRow, machine, textTable, verdictOf, writeInto } from './report.ts'
import { outboxRate } from './safe.ts'
import { fuzzedExchanges, serialLine } from './serial.ts'
import { terminalHeartbeats, terminalLogins, terminalMemory } from './terminals.ts'

const ANCHORS: readonly Anchor[] = [
  endToEnd,
  modbusClient,
  influxRate,
  influxWriterCost,
  embeddedRate,
  embeddedHot,
  embeddedCold,
  embeddedLatest,
  embeddedEnergy,
  outboxRate,
  serialLine,
  fuzzedExchanges,
  pushRate,
  mappingCost,
  analysisDay,
  lossDay,
  concentratorDecode,
  recordDecode,
  freezeDay,
  terminalLogins,
  terminalMemory,
  terminalHeartbeats,
  apiUnderLoad,
  latestOfAll,
  dayOfOne,
  billingReadings,
]

export interface BenchOptions {
  /** Ids of anchors, upper or lower case; absent or empty: all. `A6` means `A6 hot` and `A6 cold` too. */
  readonly only?: readonly string[]
  readonly quick?: boolean
  /** One JSON object instead of the table. */
  readonly json?: boolean
  /** Rounds of each side. */
  readonly rounds?: number
  /** Puts the table into docs/performance.md. */
  readonly write?: boolean
  readonly stdout?: (text: string) => void
  readonly stderr?: (text: string) => void
}

/** Ids that `only` may name. */
export const anchorIds = (): readonly string[] => ANCHORS.map(({ id }) => id)

const isWanted = (id: string, only: readonly string[]): boolean =>
  only.length === 0 ||
  only.some((wanted) => id.toLowerCase() === wanted.toLowerCase() || id.toLowerCase().startsWith(`${wanted.toLowerCase()} `))

const measure = async (anchor: Anchor, context: Omit<BenchContext, 'onEnd' | 'log'>, log: (text: string) => void): Promise<BenchRow> => {
  const { id, title, better, must, goal } = anchor
  const cleanups: (() => unknown)[] = []
  const began = performance.now()
  let outcome: Outcome | null = null
  let reason: string | null = null
  let isBroken = false
  log(`${id} ${title}`)
  try {
    outcome = await anchor.run({ ...context, log: (text) => log(`${id} ${text}`), onEnd: (cleanup) => cleanups.push(cleanup) })
  } catch (error) {
    reason = error instanceof Error ? error.message : String(error)
    isBroken = !(error instanceof NotHere)
    if (isBroken) log(`${id} ${error instanceof Error ? error.stack : error}`)
  }
  for (const cleanup of cleanups.reverse()) await cleanup()
  const verdict = verdictOf(anchor, outcome)
  if (outcome) log(`${id} ratio ${figure(outcome.ratio)}: ${verdict}`)
  return { id, title, better, must, goal, outcome, reason, isBroken, verdict, seconds: Math.round((performance.now() - began) / 100) / 10 }
}

/**
 * Runs the anchors one after another and prints a table, or one JSON object.
 *
 * @returns  0; 1 when an anchor missed its bar or broke; 2 when `only` names nothing
 */
export async function runBench(options: BenchOptions = {}): Promise<number> {
  const { only = [], quick = false, json = false, rounds = 3 } = options
  const stdout = options.stdout ?? ((text) => void process.stdout.write(`${text}\n`))
  const stderr = options.stderr ?? ((text) => void process.stderr.write(`${text}\n`))
  const chosen = ANCHORS.filter(({ id }) => isWanted(id, only))
  if (chosen.length === 0) {
    stderr(`no anchor is called ${only.join(', ')}; there are: ${anchorIds().join(', ')}`)
    return 2
  }
  const rows: BenchRow[] = []
  for (const anchor of chosen) rows.push(await measure(anchor, { quick, rounds: Math.max(3, rounds), seconds: quick ? 0.5 : 4 }, stderr))
  const report: BenchReport = {
    date: new Date().toISOString().slice(0, 10),
    node: process.versions.node,
    machine: machine(),
    quick,
    rounds: Math.max(3, rounds),
    anchors: rows,
  }
  stdout(json ? JSON.stringify(report) : textTable(rows))
  if (options.write) {
    const page = join(projectRoot(), 'docs', 'performance.md')
    writeInto(page, report)
    stderr(`written to ${page}`)
  }
  // A quick run shows that everything works; its figures judge nothing.
  return rows.some(({ verdict, isBroken }) => isBroken || (verdict === 'FAIL' && !quick)) ? 1 : 0
}
