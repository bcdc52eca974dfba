import { existsSync } from 'node:fs'
import type { Words } from '../../anomaly/index.ts'
import { CommandFailed, complain, EXIT, print, printJson, table } from '../output.ts'
import type { Known } from './judge.ts'
import { judgeInThreads } from './judge-threads.ts'
import { loadOffline } from './load.ts'
import { problemList } from './problems.ts'
import { type AnalyseResult, type Anomaly, resultOf } from './result.ts'
import { instantOf } from './time.ts'
import { localDays } from './zone.ts'

export interface AnalyseArguments {
  readonly readings: string
  readonly ledger: string
  readonly comm?: string
  readonly until?: string
  readonly json?: boolean
  readonly language?: 'en' | 'zh'
}

/** `gridtally analyse`: the detectors of the gateway over files, day by day. */
export const analyse = async ({ readings, ledger, comm, until, json, language = 'en' }: AnalyseArguments): Promise<void> => {
  for (const path of [readings, ledger, ...(comm === undefined ? [] : [comm])])
    if (!existsSync(path)) throw new CommandFailed(`${path}: there is no such file`, EXIT.usage)
  if (until !== undefined && Number.isNaN(endOf(until, 'UTC')))
    throw new CommandFailed(`--until "${until}": a date or an instant, 2026-11-21`, EXIT.usage)
  const problems = problemList()
  const offline = await loadOffline({ readings, ledger, comm }, problems, (zone) =>
    until === undefined ? Number.POSITIVE_INFINITY : endOf(until, zone),
  )
  const said = problems.summary()
  for (const { file, row, what, cure } of said.shown) complain(`${file}${row === null ? '' : `:${row}`}: ${what}; ${cure}`)
  for (const { file, code, count } of said.counts) if (count > 20) complain(`${file}: ${code} ${count} times in all`)
  if (!offline) {
    if (json) printJson(resultOf(NOTHING, 'UTC', problems))
    throw new CommandFailed('nothing can be judged without a ledger', EXIT.failed)
  }
  const result = resultOf(await judgeInThreads(offline), offline.ledger.zone, problems)
  for (const { rule, area, day, message } of result.failures) complain(`rule ${rule} broke down on area ${area}, ${day}: ${message}`)
  if (json) printJson(result)
  else print(resultText(result, language))
  if (offline.days.length === 0) throw new CommandFailed('no whole day could be judged', EXIT.failed)
}

/** What is known when nothing could be judged. */
const NOTHING: Known = { day: null, books: [], losses: new Map(), phases: {}, failures: [] }

/** A date means its end: everything read on that day is known. */
const endOf = (text: string, zone: string): number => {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return instantOf(text, zone).at
  const { at } = instantOf(text, zone)
  if (Number.isNaN(at)) return at
  return localDays(zone, at, at + 2 * 86_400_000)[0]?.end ?? Number.NaN
}

const resultText = ({ until, anomalies, notes, losses, notComputable, failures }: AnalyseResult, language: keyof Words): string => {
  const alarms = anomalies.filter(({ score }) => score >= 0.5)
  const lines = [until === null ? 'no day judged' : `known at the end of ${until}`, '']
  const rowOf = (one: Anomaly): string[] => [
    one.score.toFixed(2),
    one.kind,
    one.target,
    one.area,
    `${one.from}${one.to === undefined ? '' : ` to ${one.to}`}`,
    one.estimatedKWh === undefined ? '' : `${one.estimatedKWh} kWh`,
    one.why[language],
  ]
  const section = (title: string, of: readonly Anomaly[]) => {
    lines.push(`${title}: ${of.length}`)
    if (of.length > 0) lines.push(table([['score', 'kind', 'where', 'area', 'time', 'energy', 'why'], ...of.map(rowOf)]))
    lines.push('')
  }
  section('alarms', alarms)
  section(
    'further findings',
    notes.filter(({ score }) => score >= 0.5),
  )
  const low = anomalies.filter(({ score }) => score < 0.5)
  section('ranking below the alarms, first ten', low.slice(0, 10))
  const areas = [...new Set([...losses, ...notComputable].map(({ area }) => area))]
  lines.push('loss, last seven days')
  lines.push(
    table([
      ['area', 'day', 'state', 'supplied kWh', 'loss %', 'of the wires %', 'put right %'],
      ...areas.flatMap((area) =>
        [...losses, ...notComputable]
          .filter((loss) => loss.area === area)
          .toSorted((a, b) => (a.day < b.day ? -1 : 1))
          .slice(-7)
          .map((loss) => [
            area,
            loss.day,
            loss.state,
            ...[loss.supplyKWh, loss.lossPct, loss.technicalPct, loss.correctedLossPct].map((value) => value?.toFixed(2) ?? '-'),
          ]),
      ),
    ]),
  )
  if (failures.length > 0) lines.push('', `rules that broke down: ${failures.length}, see above`)
  return lines.join('\n')
}
