import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { AreaFrame, CommFrame } from '../../anomaly/index.ts'
import { commHours, readComm } from './comm.ts'
import { readLedger } from './ledger.ts'
import { type ProblemList, problemList } from './problems.ts'
import { readReadings } from './readings.ts'
import { commTargets, type Offline, replay } from './replay.ts'
import { localDays } from './zone.ts'

/** A file may begin after its first midnight and end before its last: a day that lacks less is a day. */
const SLACK_MS = 3_600_000

export interface OfflineFiles {
  readonly readings: string
  readonly ledger: string
  readonly comm?: string | undefined
}

/**
 * Reads the files of a set of areas.
 *
 * @param until  nothing later is known; a function of the ledger's zone, because a date means the end of a local day
 * @returns      null when there is no ledger to judge by
 */
export const loadOffline = async (
  files: OfflineFiles,
  problems: ProblemList,
  until: (zone: string) => number = () => Number.POSITIVE_INFINITY,
): Promise<Offline | null> => {
  const ledger = readLedger(files.ledger, basename(files.ledger), problems)
  if (!ledger) return null
  const { zone } = ledger
  const limit = until(zone)
  const wanted = new Set(ledger.areas.flatMap(({ gateways, meters }) => [...gateways, ...meters].map(({ id }) => id)))
  const readings = await readReadings(files.readings, basename(files.readings), problems, { wanted, zone, until: limit })
  const comm = files.comm === undefined ? null : await readComm(files.comm, basename(files.comm), problems, { zone, until: limit })
  for (const id of wanted) if (!readings.series.get(id)?.count) problems.add('meter-silent', basename(files.readings), null, `meter ${id}`)
  const from = Math.max(ledger.start ?? Number.NEGATIVE_INFINITY, readings.first - SLACK_MS)
  const to = Math.min(ledger.end ?? Number.POSITIVE_INFINITY, readings.last + SLACK_MS, limit)
  const days = Number.isFinite(from) && Number.isFinite(to) ? localDays(zone, from, to) : []
  const hours = comm && new Map(ledger.areas.map((area) => [area.fact.id, commHours(comm, area.fact.id, days, commTargets(ledger, area))]))
  return { ledger, readings, comm: hours, days }
}

/** The files of a folder as labelled areas have them. */
export const filesOf = (dir: string): OfflineFiles => {
  const find = (name: string) => [`${name}.gz`, name].map((one) => join(dir, one)).find((path) => existsSync(path))
  const comm = find('comm.csv')
  return {
    readings: find('readings.csv') ?? join(dir, 'readings.csv.gz'),
    ledger: join(dir, 'ledger.json'),
    ...(comm === undefined ? {} : { comm }),
  }
}

/** What a folder of labelled areas shows at the end of a local day, the last one unless said: the windows of its areas. */
export const loadAreas = async (
  dir: string,
  day?: string,
): Promise<readonly { readonly frame: AreaFrame; readonly comm: CommFrame | null; readonly neighbours: readonly AreaFrame[] }[]> => {
  const offline = await loadOffline(filesOf(dir), problemList())
  if (!offline) return []
  let last: readonly { readonly frame: AreaFrame; readonly comm: CommFrame | null }[] = []
  for (const shown of replay({ ...offline, days: offline.days.filter((one) => day === undefined || one.day <= day) })) last = shown.areas
  return last.map((area) => ({ ...area, neighbours: last.filter((other) => other !== area).map(({ frame }) => frame) }))
}
