import type { AreaFact, CommColumns, CommFrame, MeterFact } from '../frame.ts'
import { addCounts, type Counts, countsOf, median, quantile, type Run } from './hours.ts'

export const SIGNAL_LEVELS = ['meter', 'bus', 'concentrator', 'area', 'zone'] as const
export type SignalLevel = (typeof SIGNAL_LEVELS)[number]
export const SIGNAL_BANDS = ['good', 'watch', 'bad', 'unknown'] as const
export type SignalBand = (typeof SIGNAL_BANDS)[number]

/** How well something is heard over a time (信号质量). Shares in per cent; null = not known. */
export interface SignalFigures {
  readonly level: SignalLevel
  readonly id: string
  readonly area: string | null
  readonly zone: string | null
  /** Kind of channel; null where kinds are mixed. */
  readonly link: string | null
  readonly bus: string | null
  readonly concentrator: string | null
  readonly meters: number
  readonly polls: number
  readonly read: number
  readonly readPct: number | null
  /** Polls that needed no repeat, of all polls. */
  readonly firstTryPct: number | null
  /** Hours in which every poll was read, of the hours in which one was due. */
  readonly completeHoursPct: number | null
  readonly timeouts: number
  readonly crcErrors: number
  readonly foreignAnswers: number
  /** Of hourly means, milliseconds. */
  readonly latencyP50Ms: number | null
  readonly latencyP95Ms: number | null
  readonly snrDb: number | null
  readonly rssiDbm: number | null
  readonly band: SignalBand
  /** Median of the read rates of its zone at this level, and how far this one is below it, percentage points. */
  readonly zoneMedianPct: number | null
  readonly belowZonePct: number | null
  /** Median signal of the links of its kind in its zone, and how far this one is below it, dB. */
  readonly kindMedianDb: number | null
  readonly belowKindDb: number | null
}

interface Band {
  readonly of: 'snrDb' | 'rssiDbm'
  readonly good: number
  readonly bad: number
}

/** Good beyond `good`, bad beyond `bad`, watch from the one to the other, both ends included. @source field practice for each kind of channel */
const BANDS: Readonly<Record<string, Band>> = {
  hplc: { of: 'snrDb', good: 10, bad: 5 },
  plc: { of: 'snrDb', good: 10, bad: 5 },
  rf: { of: 'rssiDbm', good: -85, bad: -105 },
  '4g': { of: 'rssiDbm', good: -90, bad: -110 },
}
/** Share of failed attempts on a wire. @source RS-485: below 0.1 % good, above 1 % bad */
const WIRE = { good: 0.001, bad: 0.01 }

export const bandOf = (
  link: string | null,
  snrDb: number | null,
  rssiDbm: number | null,
  counts: Pick<Counts, 'failed' | 'attempts'>,
): SignalBand => {
  const band = link === null ? undefined : BANDS[link]
  const value = band?.of === 'snrDb' ? snrDb : band?.of === 'rssiDbm' ? rssiDbm : null
  if (band && value !== null) return value > band.good ? 'good' : value < band.bad ? 'bad' : 'watch'
  if (counts.attempts === 0) return 'unknown'
  const share = counts.failed / counts.attempts
  return share < WIRE.good ? 'good' : share > WIRE.bad ? 'bad' : 'watch'
}

/** Communication of one area with what the ledger says of it. */
export interface AreaSignal {
  readonly fact: Pick<AreaFact, 'id' | 'zone'>
  readonly meters: readonly Pick<MeterFact, 'id' | 'link' | 'bus' | 'concentrator'>[]
  readonly comm: CommFrame
}

interface Member {
  readonly area: string
  readonly zone: string | null
  readonly link: string
  readonly bus: string | null
  readonly concentrator: string | null
  readonly columns: CommColumns
  readonly run: Run
}

/**
 * Figures of everything at a level, over hours [from, to) in milliseconds; the farthest below the median of its zone first.
 *
 * Nothing is compared with one global limit: zones and kinds of channel differ by design.
 */
export const signalFigures = (areas: readonly AreaSignal[], level: SignalLevel, from: number, to: number): SignalFigures[] => {
  const groups = new Map<string, Member[]>()
  for (const member of membersOf(areas, from, to)) {
    const id = idAt(member, level)
    if (id === null) continue
    const list = groups.get(id)
    if (list) list.push(member)
    else groups.set(id, [member])
  }
  const bare = [...groups].map(([id, members]) => figuresOf(level, id, members))
  const zones = mediansOf(
    bare,
    ({ zone }) => zone ?? '',
    ({ readPct }) => readPct,
  )
  const kinds = mediansOf(
    bare,
    (one) => kindKey(one),
    (one) => signalOf(one),
  )
  return bare
    .map((one) => {
      const zoneMedianPct = zones.get(one.zone ?? '') ?? null
      const kindMedianDb = kinds.get(kindKey(one)) ?? null
      const signal = signalOf(one)
      return {
        ...one,
        zoneMedianPct,
        belowZonePct: one.readPct === null || zoneMedianPct === null ? null : zoneMedianPct - one.readPct,
        kindMedianDb,
        belowKindDb: signal === null || kindMedianDb === null ? null : kindMedianDb - signal,
      }
    })
    .sort(
      (a, b) =>
        (b.belowZonePct ?? Number.NEGATIVE_INFINITY) - (a.belowZonePct ?? Number.NEGATIVE_INFINITY) ||
        (a.id < b.id ? -1 : a.id > b.id ? 1 : 0),
    )
}

const signalOf = ({ snrDb, rssiDbm }: Pick<SignalFigures, 'snrDb' | 'rssiDbm'>): number | null => snrDb ?? rssiDbm
const kindKey = (one: SignalFigures): string => [one.zone ?? '', one.link ?? '', one.snrDb === null ? 'rssi' : 'snr'].join('\n')

const mediansOf = (
  all: readonly SignalFigures[],
  keyOf: (one: SignalFigures) => string,
  figureOf: (one: SignalFigures) => number | null,
): Map<string, number> => {
  const values = new Map<string, number[]>()
  for (const one of all) {
    const value = figureOf(one)
    if (value !== null) values.set(keyOf(one), [...(values.get(keyOf(one)) ?? []), value])
  }
  return new Map([...values].map(([key, list]) => [key, median(list)]))
}

function* membersOf(areas: readonly AreaSignal[], from: number, to: number): Generator<Member> {
  for (const { fact, meters, comm } of areas) {
    const run = hoursOf(comm, from, to)
    const columns = new Map(comm.targets.flatMap((one) => (one.kind === 'meter' ? [[one.id, one] as const] : [])))
    for (const { id, link, bus, concentrator } of meters) {
      const own = columns.get(id)
      if (own) yield { area: fact.id, zone: fact.zone, link, bus, concentrator, columns: own, run }
    }
  }
}

/** Hours of a frame within [from, to), milliseconds. */
export const hoursOf = ({ start, hours }: Pick<CommFrame, 'start' | 'hours'>, from: number, to: number): Run => ({
  from: Math.max(0, Math.floor((from - start) / 3_600_000)),
  to: Math.min(hours, Math.ceil((to - start) / 3_600_000)),
})

const idAt = ({ area, zone, bus, concentrator, columns }: Member, level: SignalLevel): string | null =>
  ({ meter: columns.id, bus, concentrator, area, zone })[level]

const figuresOf = (level: SignalLevel, id: string, members: readonly Member[]): SignalFigures => {
  const counts = addCounts(members.map(({ columns, run }) => countsOf(columns, run)))
  const one = <T>(of: (member: Member) => T): T | null => {
    const values = new Set(members.map(of))
    const [value] = values
    return values.size === 1 && value !== undefined ? value : null
  }
  const all = (name: 'latencyMs' | 'snrDb' | 'rssiDbm') =>
    members.flatMap(({ columns, run }) => [...columns[name].subarray(run.from, run.to)].filter((value) => Number.isFinite(value)))
  const latencies = all('latencyMs')
  const [snrDb, rssiDbm] = [meanOrNull(all('snrDb')), meanOrNull(all('rssiDbm'))]
  const link = one((member) => member.link)
  const { polls, lost, timeouts, crc, strays, failed } = counts
  return {
    ...{ level, id, link, meters: members.length },
    ...{
      area: one(({ area }) => area),
      zone: one(({ zone }) => zone),
      bus: one(({ bus }) => bus),
      concentrator: one(({ concentrator }) => concentrator),
    },
    polls,
    read: polls - lost,
    readPct: share(polls - lost, polls),
    // A lost poll failed as often as it was tried; whatever failed besides was saved by a repeat.
    firstTryPct: share(Math.max(0, polls - lost - Math.max(0, failed - 2 * lost)), polls),
    completeHoursPct: completeHours(members),
    timeouts,
    crcErrors: crc,
    foreignAnswers: strays,
    latencyP50Ms: orNull(quantile(latencies, 0.5)),
    latencyP95Ms: orNull(quantile(latencies, 0.95)),
    snrDb,
    rssiDbm,
    band: bandOf(link, snrDb, rssiDbm, counts),
    ...{ zoneMedianPct: null, belowZonePct: null, kindMedianDb: null, belowKindDb: null },
  }
}

const completeHours = (members: readonly Member[]): number | null => {
  let whole = 0
  let due = 0
  for (const { columns, run } of members)
    for (let hour = run.from; hour < run.to; hour++) {
      const polls = columns.polls[hour] ?? Number.NaN
      if (!(polls > 0)) continue
      due++
      if ((columns.ok[hour] ?? 0) >= polls) whole++
    }
  return share(whole, due)
}

const share = (part: number, whole: number): number | null => (whole > 0 ? (100 * part) / whole : null)
const orNull = (value: number): number | null => (Number.isFinite(value) ? value : null)
const meanOrNull = (values: readonly number[]): number | null =>
  values.length > 0 ? values.reduce((sum, value) => sum + value, 0) / values.length : null
