import { coincidence } from './absence.ts'
import type { Column } from './fit.ts'
import { bestOf, bestOfMeter, type Foreign, type Scanned, scanAll, scanMeters } from './hypotheses.ts'
import type { Rows } from './rows.ts'
import { bestOnset, type Candidate, gainOf, type Judged, since, squaresSince } from './scan.ts'
import { REFUTED, type ServiceNats } from './service-nats.ts'
import type { Shapes } from './shapes.ts'
import { purityOf, refit, type State, without } from './state.ts'

/**
 * Evidence a hypothesis must have beyond the number of hypotheses tried (Bonferroni, as a logarithm): 3 = twenty to one.
 * A false component only blurs; whether it becomes an alarm is decided later and more strictly.
 */
export const ENTRY = 3

export interface Search {
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

export const columnOf = (rows: Rows, { shape, values, onset }: Candidate): Column => ({
  values: since(rows, values, onset),
  spread: shape === 'appliance' || shape === 'lighting' || shape === 'constant' ? 5 : 2,
})

/** @param scan  who else could explain what is left is looked at: everything, only customers of the area, or nobody */
export const settle = (search: Search, chosen: Candidate[], scan: 'all' | 'customers' | 'none' = 'all'): void => {
  const { rows, base, shapes, foreign } = search
  search.chosen = chosen
  search.state = refit(rows, [...base, ...chosen.map((one) => columnOf(rows, one))], search.state.judged.weights)
  if (scan === 'all') search.scanned = scanAll(search.state.judged, shapes, foreign())
  else if (scan === 'customers') search.scanned = { ofMeters: scanMeters(search.state.judged, shapes), others: [] }
}

/** A load of the area that accounts for less than this share of what moves is no lamp and no pump. */
const FLAT = 0.4

/** Gives the place of a steady load that is not steady to whose meter stands still since then, if there is one. */
export const unsteady = (search: Search): boolean => {
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
export const redate = (search: Search): void => {
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
export const expel = (search: Search): boolean => {
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
export const sharpen = (search: Search): boolean => {
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
