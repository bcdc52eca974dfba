import { setImmediate as nextTurn } from 'node:timers/promises'
import {
  type AreaFrame,
  type AreaSignal,
  type CommDay,
  commFrameOf,
  type Finding,
  type MeterFact,
  NO_LAYERS,
  SIGNAL_DETECTORS,
  type SignalFigures,
  type SignalLevel,
  signalFigures,
  type ThresholdLayers,
} from '../anomaly/index.ts'
import type { Refusal, SignalDeps, SignalHistoryAnswer, SignalItemView, SignalMarkView, SignalQuestion } from '../api/index.ts'
import { err, type GatewayError, ok, type Result } from '../core/index.ts'
import type { MeterFact as Hanging, Ledger } from '../ledger/index.ts'
import type { EnergyDays } from './energy-days.ts'
import { signalFailure } from './signal-errors.ts'

export interface SignalParts {
  readonly ledger: Pick<Ledger, 'points' | 'areas' | 'meters' | 'facts'>
  readonly days: EnergyDays
  readonly now: () => number
  /** Days that are closed, as the analysis keeps them. */
  readonly kept: (area: string, first: string, last: string) => readonly { readonly day: string; readonly comm: Omit<CommDay, 'area'> }[]
  /** Any day, out of the store. */
  readonly read: (area: string, points: readonly string[], day: string) => Promise<Result<CommDay | null>>
  readonly thresholds?: () => ThresholdLayers
  readonly isBroker: (line: string) => boolean
}

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const MOST_DAYS = { list: 31, hour: 31, day: 400 } as const
/** Of so many areas at most days that the analysis has not kept are read out of the store. */
const MOST_READ = 3

interface Place {
  readonly id: string
  readonly zone: string | null
  readonly meters: readonly MeterFact[]
}

/** An area's communication with all that the ledger says of its meters. */
interface Known extends AreaSignal {
  readonly meters: readonly MeterFact[]
}

/** Communication statistics as the API shows them, and what the detectors make of them. */
export const signalViews = (parts: SignalParts): SignalDeps => {
  const { ledger, days, now, kept, read } = parts

  const places = (question: Partial<SignalQuestion>, at: number): Place[] => {
    const hanging = new Map(ledger.meters(at).map((fact) => [fact.point, fact]))
    const members = new Map<string, MeterFact[]>()
    for (const { id, area } of ledger.points()) {
      const fact = hanging.get(id)
      if (!fact || (question.area !== undefined && area !== question.area)) continue
      members.set(area, [...(members.get(area) ?? []), factOf(id, area, fact, parts.isBroker)])
    }
    const zones = new Map(ledger.areas().map(({ id, zone }) => [id, zone || null]))
    return [...members]
      .map(([id, meters]) => ({ id, zone: zones.get(id) ?? null, meters }))
      .filter(({ zone }) => question.zone === undefined || zone === question.zone)
      .sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  const commOf = async ({ id, meters }: Place, from: number, to: number, isRead: boolean): Promise<Result<AreaSignal['comm'] | null>> => {
    const wanted = days.between(days.of(from), days.of(to - 1))
    const first = wanted[0]
    const last = wanted.at(-1)
    if (first === undefined || last === undefined) return ok(null)
    const known = new Map<string, CommDay>(kept(id, first, last).map(({ day, comm }) => [day, { area: id, ...comm }]))
    const found: CommDay[] = []
    for (const day of wanted) {
      let one = known.get(day) ?? null
      if (!one && isRead && days.start(day) < now()) {
        const answer = await read(
          id,
          meters.map((meter) => meter.id),
          day,
        )
        if (!answer.ok) return answer
        one = answer.value
      }
      const hours = Math.round((days.end(day) - days.start(day)) / HOUR_MS)
      found.push(one && one.hours === hours ? one : { area: id, start: days.start(day), hours, targets: [] })
    }
    return ok(commFrameOf(found))
  }

  const areasOf = async (question: Partial<SignalQuestion> & { readonly from: number; readonly to: number }): Promise<Result<Known[]>> => {
    const all = places(question, Math.min(question.to, now()))
    const found: Known[] = []
    for (const place of all) {
      const comm = await commOf(place, question.from, question.to, all.length <= MOST_READ)
      if (!comm.ok) return comm
      if (comm.value) found.push({ fact: { id: place.id, zone: place.zone }, meters: place.meters, comm: comm.value })
      // Nobody else waits for a gateway that looks through many areas.
      await nextTurn()
    }
    return ok(found)
  }

  return {
    signal: async (question) => {
      const { level, from, to } = question
      if (to - from > MOST_DAYS.list * DAY_MS) return refused(rangeError(from, to, MOST_DAYS.list))
      const areas = await areasOf(question)
      if (!areas.ok) return unavailable(areas.error)
      const isWanted = (one: SignalFigures) =>
        (['bus', 'concentrator', 'link', 'band'] as const).every((name) => question[name] === undefined || one[name] === question[name])
      return ok(signalFigures(areas.value, level, from, to).filter(isWanted))
    },
    signalOf: async (id, { level, from, to }, step) => {
      if (to - from > MOST_DAYS[step] * DAY_MS) return refused(rangeError(from, to, MOST_DAYS[step]))
      // Compared with the areas of its zone, as the list has it.
      const home = places({}, Math.min(to, now())).filter((place) => isAt(place, level, id))
      const zone = home[0]?.zone
      if (home.length === 0) return refused(signalFailure('SIGNAL_UNKNOWN', `there is no ${level} ${id}`, { level, id }).error)
      const areas = await areasOf({ from, to, ...(home.length === 1 && home[0] ? { area: home[0].id } : zone ? { zone } : {}) })
      if (!areas.ok) return unavailable(areas.error)
      const figures = signalFigures(areas.value, level, from, to).find((one) => one.id === id)
      if (!figures)
        return refused(signalFailure('SIGNAL_UNKNOWN', `nothing was counted of ${level} ${id} in that time`, { level, id }).error)
      const own = areas.value.filter(({ fact }) => home.some((place) => place.id === fact.id))
      const lines = new Set(
        own.flatMap(({ meters }) => meters.filter((meter) => isMember(meter, level, id)).flatMap(({ bus }) => bus ?? [])),
      )
      const answer: SignalHistoryAnswer = {
        figures,
        items: stepsOf(days, from, Math.min(to, now()), step).flatMap(([start, end]) => itemOf(own, level, id, start, end)),
        marks: marksOf(ledger, lines, from, to),
        findings: own.flatMap((area) => findingsOf(area, parts.thresholds?.() ?? NO_LAYERS)).filter((finding) => isAbout(finding, figures)),
      }
      return ok(answer)
    },
  }
}

const factOf = (
  point: string,
  area: string,
  { meter, profile, line, concentrator }: Hanging,
  isBroker: (line: string) => boolean,
): MeterFact => ({
  id: point,
  meter,
  area,
  type: '1P',
  multiplier: 1,
  phase: null,
  contractKw: null,
  ratedA: null,
  category: '',
  keyAccount: false,
  pfStandard: null,
  link: isBroker(line) ? 'mqtt' : (profile.split(/[-/]/)[0] ?? 'unknown'),
  bus: line === '' || isBroker(line) ? null : line,
  concentrator: concentrator || null,
  solar: null,
  exchanges: [],
  since: null,
  node: null,
  serviceOhm: null,
})

const isMember = ({ id, bus, concentrator, area }: MeterFact, level: SignalLevel, wanted: string): boolean =>
  level === 'zone' || { meter: id, bus, concentrator, area }[level] === wanted

const isAt = ({ zone, meters }: Place, level: SignalLevel, id: string): boolean =>
  level === 'zone' ? zone === id : meters.some((meter) => isMember(meter, level, id))

const stepsOf = (days: EnergyDays, from: number, to: number, step: 'hour' | 'day'): [number, number][] => {
  if (to <= from) return []
  if (step === 'day') return days.between(days.of(from), days.of(to - 1)).map((day) => [days.start(day), days.end(day)])
  const first = Math.floor(from / HOUR_MS) * HOUR_MS
  return Array.from({ length: Math.ceil((to - first) / HOUR_MS) }, (_, hour) => [first + hour * HOUR_MS, first + (hour + 1) * HOUR_MS])
}

const itemOf = (areas: readonly AreaSignal[], level: SignalLevel, id: string, from: number, to: number): SignalItemView[] => {
  const found = signalFigures(areas, level, from, to).find((one) => one.id === id)
  if (!found || found.polls === 0) return []
  const {
    level: _level,
    id: _id,
    area: _area,
    zone: _zone,
    link: _link,
    bus: _bus,
    concentrator: _concentrator,
    meters: _meters,
    ...rest
  } = found
  return [{ from, to, ...rest }]
}

/** Notes of the lines a link goes through, each at the time from which on it holds. */
const marksOf = (ledger: Pick<Ledger, 'facts'>, lines: ReadonlySet<string>, from: number, to: number): SignalMarkView[] =>
  [...lines]
    .flatMap((channel) =>
      ledger
        .facts('channel', channel)
        .flatMap(({ name, value, from: at }): SignalMarkView[] =>
          name === 'note' && typeof value === 'string' && value !== '' && at >= from && at < to ? [{ at, channel, note: value }] : [],
        ),
    )
    .sort((a, b) => a.at - b.at)

const isAbout = ({ target, area }: Finding, { level, id, bus, concentrator }: SignalFigures): boolean =>
  level === 'area' ? area === id : level === 'zone' ? true : [id, bus, concentrator].includes(target)

const findingsOf = ({ fact, meters, comm }: Known, thresholds: ThresholdLayers): readonly Finding[] => {
  const frame: AreaFrame = {
    fact: { ...fact, name: fact.id, feeder: null, transformerKva: null, nominalV: 220, network: null },
    stepMs: 900_000,
    start: comm.start,
    slots: 0,
    days: [],
    dayStarts: new Int32Array(1),
    gateways: [],
    meters: meters.map(bare),
    temperature: null,
    restDays: new Uint8Array(0),
    outages: [],
    events: [],
  }
  const view = { frame, neighbours: [], comm, thresholds, standing: [], phases: {}, technical: null, doubts: [], found: [] }
  return SIGNAL_DETECTORS.flatMap((detector) => detector.detect(view).findings)
}

const EMPTY = new Float64Array(0)
const bare = (fact: MeterFact): AreaFrame['meters'][number] => ({
  fact,
  imp: EMPTY,
  exp: EMPTY,
  known: new Uint8Array(0),
  faceImp: EMPTY,
  faceExp: EMPTY,
  u: [null, null, null],
  i: [null, null, null],
  iN: null,
  p: null,
  pf: null,
  rates: null,
})

const rangeError = (from: number, to: number, most: number): GatewayError =>
  signalFailure('SIGNAL_RANGE', `${Math.ceil((to - from) / DAY_MS)} days were asked for; the most is ${most}`, { most }).error

const refused = (error: GatewayError) => err<Refusal>({ because: error.code === 'SIGNAL_UNKNOWN' ? 'unknown' : 'not-possible', error })
const unavailable = (error: GatewayError) => err<Refusal>({ because: 'unavailable', error })
