import type { AreaView } from '../view.ts'
import { coincidence } from './absence.ts'
import { type Column, robustSpread } from './fit.ts'
import { byHidden, hiddenOf } from './hidden.ts'
import { bestOf, bestOfMeter, byVoltage, type Foreign, type Scanned, scanAll, scanMeters } from './hypotheses.ts'
import { type Drops, dropsOf } from './localise.ts'
import type { Rows } from './rows.ts'
import { bestOnset, type Candidate, gainOf, type Judged, type Shape, since, squaresSince } from './scan.ts'
import { MOST_NATS, REFUTED, type ServiceNats, serviceNats } from './service-nats.ts'
import { type Shapes, shapesOf } from './shapes.ts'
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

/**
 * Evidence a hypothesis must have beyond the number of hypotheses tried (Bonferroni, as a logarithm): 3 = twenty to one.
 * A false component only blurs; whether it becomes an alarm is decided later and more strictly.
 */
const ENTRY = 3

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

interface Search {
  readonly rows: Rows
  readonly base: readonly Column[]
  readonly shapes: Shapes
  readonly foreign: () => readonly Foreign[]
  readonly penalty: number
  /** Customers whose voltages show what is unexplained; null = all are asked. */
  readonly seen: (judged: Judged, noise: number, asked: readonly number[] | null) => readonly Candidate[]
  readonly nats: ServiceNats
  /** Customers behind instrument transformers: the ledger's ratio may be wrong. */
  readonly ratios: ReadonlySet<number>
  asked: boolean
  /** Customers whose cables spoke against every plain form of theft. */
  readonly banned: Set<number>
  /** Components that no rival could replace. */
  readonly defended: Set<string>
  chosen: Candidate[]
  state: State
  scanned: Scanned
}

const columnOf = (rows: Rows, { shape, values, onset }: Candidate): Column => ({
  values: since(rows, values, onset),
  spread: shape === 'appliance' || shape === 'lighting' || shape === 'constant' ? 5 : 2,
})

/** @param scan  who else could explain what is left is looked at: everything, only customers of the area, or nobody */
const settle = (search: Search, chosen: Candidate[], scan: 'all' | 'customers' | 'none' = 'all'): void => {
  const { rows, base, shapes, foreign } = search
  search.chosen = chosen
  search.state = refit(rows, [...base, ...chosen.map((one) => columnOf(rows, one))], search.state.judged.weights)
  if (scan === 'all') search.scanned = scanAll(search.state.judged, shapes, foreign())
  else if (scan === 'customers') search.scanned = { ofMeters: scanMeters(search.state.judged, shapes), others: [] }
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

/** A load of the area that accounts for less than this share of what moves is no lamp and no pump. */
const FLAT = 0.4

/** Gives the place of a steady load that is not steady to whose meter stands still since then, if there is one. */
const unsteady = (search: Search): boolean => {
  const { chosen, state, base, rows, shapes, penalty } = search
  for (const [at, one] of chosen.entries()) {
    if (one.shape !== 'lighting' && one.shape !== 'constant') continue
    const column = columnOf(rows, one)
    if (purityOf(state, state.fit.coefficients[base.length + at]!, column, []) >= FLAT) continue
    const judged = without(state, base.length + at, column)
    const squares = squaresSince(judged)
    const standing = rows.use.flatMap((_, meter) => {
      const values = chosen.some((other) => other.meter === meter) ? null : shapes.absent(meter)
      const seen = values ? bestOnset(judged, squares, 'absent', meter, values, 'positive', one.onset) : null
      return seen && seen.evidence > penalty + ENTRY && coincidence(rows, seen.values, judged.residual, seen.onset) >= FLAT ? [seen] : []
    })
    const best = bestOf(standing)
    if (!best) continue
    settle(
      search,
      chosen.map((other) => (other === one ? best : other)),
    )
    return true
  }
  return false
}

/** An onset is moved for so much: twenty to one. */
const REDATED = 3
const REDATE_TURNS = 3

/** Log likelihood of what is left, with heavy tails, in units of the noise given. */
const likelihoodOf = ({ judged: { rows, residual, clustered } }: State, noise: number): number => {
  let sum = 0
  for (let row = 0; row < rows.count; row++) sum -= Math.log(1 + residual[row]! ** 2 / (4 * (noise * noise + rows.variance[row]!)))
  return (2.5 * sum) / clustered
}

/**
 * What the ledger has wrong it has wrong from the first day. Two such faults found one after the other keep each other's later dates: all of them are
 * tried from the first day at once.
 */
const fromTheFirstDay = (search: Search): void => {
  const { chosen, state, ratios, base } = search
  const isOfLedger = (one: Candidate, at: number) =>
    one.shape === 'foreign' || (one.shape === 'share' && (ratios.has(one.meter) || state.fit.coefficients[base.length + at]! < -0.5))
  const anew = chosen.map((one, at) => (one.onset > 0 && isOfLedger(one, at) ? { ...one, onset: 0 } : one))
  if (anew.every((one, at) => one === chosen[at])) return
  settle(search, anew, 'none')
  if (likelihoodOf(search.state, state.noise) > likelihoodOf(state, state.noise)) return
  settle(search, chosen, 'none')
}

/** Dates every component anew when all are known: one that came in while others were still unexplained bears their dates. */
const redate = (search: Search): void => {
  fromTheFirstDay(search)
  for (let turn = 0; turn < REDATE_TURNS; turn++) {
    let moved = false
    for (const [at, one] of search.chosen.entries()) {
      const { state, base, rows, chosen } = search
      const place = base.length + at
      const judged = without(state, place, columnOf(rows, one))
      const size = state.fit.coefficients[place]!
      const now = gainOf(judged, state.noise, { ...one, size }, one.onset)
      const anew = gainOf(judged, state.noise, { ...one, size })
      if (anew.onset === one.onset || anew.gain < now.gain + REDATED) continue
      moved = true
      settle(
        search,
        chosen.map((other) => (other === one ? { ...one, onset: anew.onset } : other)),
        'none',
      )
    }
    if (!moved) break
  }
  // The neighbours' meters are asked again only by what follows an expulsion, which looks at everything anew.
  settle(search, search.chosen, 'customers')
}

/** Puts out whose service cable shows nothing of what he is said to take: he stands in the place of somebody else. */
const expel = (search: Search): boolean => {
  const { chosen, state, base, nats, banned } = search
  const refuted = chosen.filter((one, at) => nats(one, state.fit.coefficients[base.length + at]!) < REFUTED)
  if (refuted.length === 0) return false
  for (const one of refuted) banned.add(one.meter)
  settle(
    search,
    chosen.filter((one) => !refuted.includes(one)),
  )
  return true
}

/**
 * Gives each suspect the form that leaves least of what he takes: his meter's share, his usual, an appliance, or what his service cable shows hour by
 * hour. Plain forms have no noise of their own and win where they hold; where they only roughly describe it, the cable does.
 */
const sharpen = (search: Search): boolean => {
  const { chosen, state, base, rows, shapes } = search
  const sharper = chosen.map((one, at) => {
    if (one.meter < 0 || one.shape === 'foreign' || state.fit.coefficients[base.length + at]! <= 0) return one
    const judged = without(state, base.length + at, columnOf(rows, one))
    const now = gainOf(judged, state.noise, { ...one, size: state.fit.coefficients[base.length + at]! })
    const own = bestOfMeter(judged, squaresSince(judged), shapes, one.meter, 'positive')
    const forms = [...(own ? [own] : []), ...search.seen(judged, state.noise, [one.meter])].filter(({ shape }) => shape !== one.shape)
    let best: { readonly form: Candidate; readonly gain: number } = { form: one, gain: now.gain + ENTRY }
    for (const form of forms) {
      const { gain, onset } = gainOf(judged, state.noise, form)
      if (gain > best.gain) best = { form: { ...form, onset }, gain }
    }
    return best.form
  })
  if (sharper.every((one, at) => one === chosen[at])) return false
  settle(search, sharper)
  return true
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
