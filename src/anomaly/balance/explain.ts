import type { AreaView } from '../view.ts'
import { coincidence } from './absence.ts'
import { type Column, robustSpread } from './fit.ts'
import { byHidden, hiddenOf } from './hidden.ts'
import { bestOf, bestOfMeter, byVoltage, type Foreign, scanAll } from './hypotheses.ts'
import { type Drops, dropsOf } from './localise.ts'
import type { Rows } from './rows.ts'
import { bestOnset, type Candidate, gainOf, type Shape, squaresSince } from './scan.ts'
import { MOST_NATS, REFUTED, serviceNats } from './service-nats.ts'
import { columnOf, ENTRY, expel, redate, type Search, settle, sharpen, unsteady } from './settle.ts'
import { shapesOf } from './shapes.ts'
import { meanOf, nuisance, purityOf, refit, type State, without } from './state.ts'

/** One thing that explains a part of what the balance lacks, fitted together with the others. */
export interface Component {
  readonly shape: Shape
  /** See {@link Candidate.meter}. */
  readonly meter: number
  readonly onset: number
  readonly values: Float64Array
  readonly size: number
  readonly error: number
  /** Log likelihood ratio with all others in the fit. */
  readonly evidence: number
  /** By how much the next best meter explains the same worse, and which that is. */
  readonly lead: number
  readonly rival: number
  /** What his own service cable says, in nats; part of the lead. */
  readonly service: number
  /** How much of what moves where this component acts it accounts for, noise taken off: 1 = all. */
  readonly purity: number
}

/** What explains the balance of an area, and how well anything else would. */
export interface Explanation {
  readonly rows: Rows
  readonly components: readonly Component[]
  /** kW left in each row. */
  readonly residual: Float64Array
  /** Noise of a row where nothing is wrong, kW. */
  readonly noise: number
  /** Logarithm of the number of hypotheses tried: what evidence has to exceed. */
  readonly penalty: number
  /** For each customer the best form given the rest of the explanation. */
  readonly best: readonly (Candidate | null)[]
}

const MOST_COMPONENTS = 10
const MOST_SWAPS = 6
const SHARPENED = 3
const EXPULSIONS = 2

/** Below this nothing is looked for, kWh a day: 4 W, less than the meters of an area use themselves. */
const LEAST_KWH_A_DAY = 0.1

/** Below this share of its use a meter's own error explains what is missing: limit of error of class 2. */
const LEAST_SHARE = 0.02

/** Share of the unexplained squares above which a candidate explains so much that the voltages need not be asked. */
const CLEAR = 0.85

/** Noise over supply above which something must be amiss: the error of a class 0.5 S gateway. */
const ODD = 0.005

const isSame = (a: Candidate, b: Candidate): boolean => a.shape === b.shape && a.meter === b.meter && a.onset === b.onset

/** Energy a candidate stands for, kWh a day. */
const kwhADay = ({ values, size, onset }: Candidate, rows: Rows): number => {
  const from = rows.dayRows[onset]!
  let sum = 0
  for (let row = from; row < rows.count; row++) sum += values[row]!
  return rows.count > from ? Math.abs((size * sum) / (rows.count - from)) * 24 : 0
}

/** An appliance worth wiring past a meter; below it is what stands by. */
const LEAST_APPLIANCE_KW = 0.1

const isMaterial = (one: Candidate, rows: Rows): boolean => {
  if (one.shape === 'share' && Math.abs(one.size) < LEAST_SHARE) return false
  if (one.shape === 'appliance' && one.size < LEAST_APPLIANCE_KW) return false
  return kwhADay(one, rows) >= LEAST_KWH_A_DAY
}

/** Days from which on service cables are known; before, where the network sees it has to do. */
const CABLE_DAYS = 10

/** Days and share of hours in which more is left than noise explains, when something must be amiss. */
const OPEN_DAYS = 10
const OPEN_SIGMAS = 5
const OPEN_SHARE = 0.03

const isOpen = ({ judged: { rows, residual }, noise }: State): boolean => {
  const from = rows.dayRows[Math.max(0, rows.days - OPEN_DAYS)]!
  let open = 0
  for (let row = from; row < rows.count; row++) if (residual[row]! ** 2 > OPEN_SIGMAS ** 2 * (noise * noise + rows.variance[row]!)) open++
  return open > OPEN_SHARE * (rows.count - from)
}

/** Candidates that are held against each other by what they clear. */
const FINALISTS = 8

/** Of the candidates with most evidence the one that leaves least to explain. */
const clearest = (
  { judged, noise }: State,
  { nats, ratios }: Pick<Search, 'nats' | 'ratios'>,
  candidates: readonly Candidate[],
  least: number,
): Candidate | null => {
  const strongest = [...candidates].filter(({ evidence }) => evidence > least).sort((a, b) => b.evidence - a.evidence)
  const byCable = strongest.filter(({ shape }) => shape === 'drop').slice(0, FINALISTS)
  const finalists = [...new Set([...strongest.slice(0, FINALISTS), ...byCable])]
    .flatMap((one) => {
      const free = { one, ...gainOf(judged, noise, one) }
      // A wrong ratio is wrong from the first day.
      return one.shape === 'share' && ratios.has(one.meter) ? [free, { one, ...gainOf(judged, noise, { ...one, onset: 0 }, 0) }] : [free]
    })
    .filter(({ gain }) => gain > 0)
    .sort((a, b) => b.gain - a.gain)
  const asked = finalists.map((each) => ({ ...each, word: finalists.length > 1 ? nats({ ...each.one, onset: each.onset }, each.size) : 0 }))
  const standing = asked.filter(({ word }) => word > REFUTED)
  const best = standing.reduce<(typeof standing)[number] | null>(
    (most, next) => (!most || next.gain + next.word > most.gain + most.word ? next : most),
    null,
  )
  return best && { ...best.one, onset: best.onset }
}

/** Takes in whatever explains most, one after the other, each time with all of them fitted anew. */
const forward = (search: Search): void => {
  const { rows, penalty } = search
  while (search.chosen.length < MOST_COMPONENTS) {
    const { chosen, scanned, state } = search
    const isNew = (one: Candidate) =>
      (one.shape === 'foreign' || one.shape === 'drop' || one.size < 0 || !search.banned.has(one.meter)) &&
      !chosen.some((old) => isSame(old, one)) &&
      isMaterial(one, rows)
    const candidates = [...scanned.ofMeters.flatMap((one) => one ?? []), ...scanned.others].filter(isNew)
    const plain = bestOf(candidates)
    // Before anybody here is suspected, the neighbours' meters are asked whether one of them hangs here.
    const isOdd = (plain?.evidence ?? 0) > penalty + ENTRY || state.noise > ODD * meanOf(rows.supply)
    if (isOdd && !search.asked) {
      search.asked = true
      if (search.foreign().length > 0) {
        search.scanned = scanAll(state.judged, search.shapes, search.foreign())
        continue
      }
    }
    const found = plain && plain.evidence > penalty + ENTRY ? plain : null
    const isDoubtful = found ? found.explained < CLEAR : isOpen(state)
    const all = [...candidates, ...(isDoubtful ? search.seen(state.judged, state.noise, null).filter(isNew) : [])]
    const next = clearest(state, search, all, penalty + ENTRY) ?? (found && search.nats(found, found.size) > REFUTED ? found : null)
    if (!next) return
    settle(search, [...chosen, next])
  }
}

/** Drops whoever explains nothing any more beside the others. */
const backward = (search: Search): void => {
  for (let turn = 0; turn < 3; turn++) {
    const { chosen, state, base, penalty, rows } = search
    const left = chosen.filter((one, at) => evidenceOf(state, base.length + at, one, columnOf(rows, one)) > penalty)
    if (left.length === chosen.length) return
    settle(search, left)
  }
}

/** Gives the place of a component to who clears more of the same, when there is such a one: the order in which they came in must not decide. */
const swap = (search: Search): boolean => {
  const { state, base, rows, shapes, foreign, nats } = search
  for (let at = 0; at < search.chosen.length; at++) {
    const one = search.chosen[at]!
    const name = `${one.shape} ${one.meter} ${one.onset}`
    if (search.defended.has(name)) continue
    search.defended.add(name)
    const judged = without(state, base.length + at, columnOf(rows, one))
    if (
      one.shape === 'share' &&
      bestOnset(judged, squaresSince(judged), one.shape, one.meter, one.values, 'both', one.onset)!.explained > CLEAR
    )
      continue
    const { ofMeters, others } = scanAll(judged, shapes, search.asked ? foreign() : [])
    const held = gainOf(judged, state.noise, { ...one, size: state.fit.coefficients[base.length + at]! })
    const rivals = [...ofMeters.flatMap((other) => other ?? []), ...others].filter(
      (other) =>
        isMaterial(other, rows) &&
        !search.chosen.some((chosen) => chosen !== one && chosen.meter === other.meter && chosen.shape === other.shape),
    )
    const better = clearest({ ...state, judged }, search, rivals, search.penalty)
    if (!better || (better.meter === one.meter && better.shape === one.shape)) continue
    const gained = gainOf(judged, state.noise, better)
    const ahead = gained.gain - held.gain
    if (ahead < -2 * MOST_NATS || (ahead < 2 * MOST_NATS && ahead + nats(better, gained.size) - nats(one, held.size) <= ENTRY)) continue
    settle(
      search,
      search.chosen.map((other) => (other === one ? better : other)),
    )
    return true
  }
  return false
}

/**
 * Explains an area's balance by as few things as do it.
 *
 * @param foreign  meters of neighbouring areas; asked for only when something is unexplained
 */
export const explain = (view: AreaView, rows: Rows, foreign: () => readonly Foreign[]): Explanation => {
  const base = nuisance(rows)
  const shapes = shapesOf(rows)
  const state = refit(rows, base, null)
  const hidden = hiddenOf(view, rows)
  let drops: Drops | null | undefined
  const search: Search = {
    rows,
    base,
    shapes,
    foreign,
    penalty: Math.log(Math.max(2, rows.use.length * rows.days * 4)),
    nats: serviceNats(rows, hidden),
    ratios: new Set(view.frame.meters.flatMap(({ fact }, at) => (fact.type === '3P-CT' || fact.multiplier !== 1 ? [at] : []))),
    seen: (judged, noise, asked) => {
      const cables = byHidden(hidden, judged, noise, asked)
      if (cables.length > 0 || view.frame.days.length >= CABLE_DAYS) return cables
      drops = drops === undefined ? dropsOf(view, rows) : drops
      return drops ? byVoltage(drops, judged, asked ?? []) : []
    },
    asked: false,
    banned: new Set(),
    defended: new Set(),
    chosen: [],
    state,
    scanned: scanAll(state.judged, shapes, []),
  }
  forward(search)
  backward(search)
  for (let turn = 0; turn < MOST_SWAPS && swap(search); turn++) {
    forward(search)
    backward(search)
  }
  for (let turn = 0; turn < SHARPENED && sharpen(search); turn++) {
    forward(search)
    backward(search)
  }
  if (unsteady(search)) backward(search)
  redate(search)
  for (let turn = 0; turn < EXPULSIONS && expel(search); turn++) {
    forward(search)
    backward(search)
    sharpen(search)
    redate(search)
  }
  const components = search.chosen.map((one, at) => componentOf(search, at, one))
  return {
    rows,
    components,
    residual: search.state.fit.residual,
    noise: search.state.noise,
    penalty: search.penalty,
    best: search.scanned.ofMeters,
  }
}

const evidenceOf = (state: State, at: number, { shape, meter, values, onset }: Candidate, column: Column): number => {
  const judged = without(state, at, column)
  return bestOnset(judged, squaresSince(judged), shape, meter, values, 'both', onset)?.evidence ?? 0
}

const componentOf = ({ state, base, shapes, rows, chosen, nats }: Search, place: number, one: Candidate): Component => {
  const at = base.length + place
  const column = columnOf(rows, one)
  const judged = without(state, at, column)
  const squares = squaresSince(judged)
  const evidence = bestOnset(judged, squares, one.shape, one.meter, one.values, 'both', one.onset)?.evidence ?? 0
  // Where much is left since then, nobody can be told from anybody by hours that are cleared to the noise.
  const blurred = Math.max(state.noise, robustSpread(state.fit.residual.subarray(rows.dayRows[one.onset]!)))
  const cleared = gainOf(judged, blurred, { ...one, size: state.fit.coefficients[at]! })
  const likely = rows.use
    .flatMap((_, meter) =>
      chosen.some((other) => other.meter === meter) ? [] : (bestOfMeter(judged, squares, shapes, meter, 'positive') ?? []),
    )
    .sort((a, b) => b.evidence - a.evidence)
    .slice(0, FINALISTS)
    .map((other) => ({ other, ...gainOf(judged, blurred, other) }))
    .sort((a, b) => b.gain - a.gain)
  const first = likely[0]
  let lead = cleared.gain - Math.max(0, first?.gain ?? 0)
  let rival = first && first.gain > 0 ? first.other.meter : -1
  const service = nats(one, cleared.size)
  if (Math.abs(lead) < 2 * MOST_NATS) {
    const theirs = likely.map(({ other, gain, size, onset }) => ({
      meter: other.meter,
      sum: gain > 0 ? gain + nats({ ...other, onset }, size) : 0,
    }))
    const best = theirs.reduce((most, next) => (next.sum > most.sum ? next : most), { meter: -1, sum: 0 })
    lead = cleared.gain + service - best.sum
    rival = best.meter
  }
  const others = chosen.flatMap((other, index) =>
    index === place ||
    other.meter === one.meter ||
    other.shape === 'share' ||
    other.shape === 'foreign' ||
    Math.abs(state.fit.coefficients[base.length + index]!) < 3 * state.noise
      ? []
      : [columnOf(rows, other).values],
  )
  return {
    shape: one.shape,
    meter: one.meter,
    onset: one.onset,
    values: column.values,
    size: state.fit.coefficients[at]!,
    error: state.fit.errors[at]!,
    evidence,
    lead,
    service,
    rival,
    purity: Math.max(
      purityOf(state, state.fit.coefficients[at]!, column, others),
      one.shape === 'absent' ? coincidence(rows, one.values, judged.residual, one.onset) : 0,
    ),
  }
}
