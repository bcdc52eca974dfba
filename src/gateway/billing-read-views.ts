import type {
  BillingCustomerView,
  BillingEnergyPointView,
  BillingGroupView,
  BillingPlace,
  BillingPointView,
  BillingReadDeps,
  Refusal,
} from '../api/index.ts'
import type { BillingReads, BillingScope, ReleasedBook } from '../billing/index.ts'
import { type Decimal, decimalText, err, ok, parseDecimal, type Result, type Scope } from '../core/index.ts'
import { sumOf } from '../energy/index.ts'
import { compareIds, type Kind, type Ledger } from '../ledger/index.ts'
import { type BillingEnergyParts, billingEnergyOf, type Ends } from './billing-energy.ts'
import { billingReadFailure } from './billing-read-errors.ts'
import { zonesAt } from './billing-scope.ts'
import { leastOf, statedPoints } from './billing-states.ts'

export interface BillingViewParts extends BillingEnergyParts {
  readonly ledger: BillingEnergyParts['ledger'] & Pick<Ledger, 'pointsOfCustomer'>
  readonly reads: BillingReads
  readonly book: ReleasedBook
}

const refuse = (message: string): Refusal => ({ because: 'unknown', error: billingReadFailure('BILLING_UNKNOWN', message).error })

/** What the API may see of reads and energy for billing. */
export const billingReadViews = (parts: BillingViewParts): BillingReadDeps => {
  const { ledger } = parts
  const missing = (kind: 'point' | 'area' | 'zone' | 'customer', id: string, scope: Scope): boolean =>
    !scope.sees(kind, id) || ledger.get(kind satisfies Kind, id, null) === null
  const problem = ({ points = [], area, zone }: BillingPlace, scope: Scope): Refusal | null => {
    const named = [
      ...points.map((id) => ['point', id] as const),
      ...(area === undefined ? [] : [['area', area] as const]),
      ...(zone === undefined ? [] : [['zone', zone] as const]),
    ]
    const gone = named.find(([kind, id]) => missing(kind, id, scope))
    return gone ? refuse(`there is no ${gone[0]} "${gone[1]}", or it is not yours to see`) : null
  }
  const readings = (at: number, place: BillingPlace, scope: Scope, after: string | null, limit?: number) =>
    statedPoints(parts, at, scopeOf(place, scope, at, limit), after)
  const energy = (from: number, to: number, place: BillingPlace, scope: Scope, after: string | null, limit?: number) =>
    energies(parts, from, to, (at) => readings(at, place, scope, after, limit), limit)
  return {
    billingReads: {
      problem,
      readings,
      energy,
      completeness: (at, place, scope, by) => completenessOf(readings(at, place, scope, null), zonesAt(ledger, at), by),
      customer: async (id, from, to, scope) => {
        if (missing('customer', id, scope)) return err(refuse(`there is no customer "${id}", or it is not yours to see`))
        return customerEnergy(parts, id, from, to, scope, energy)
      },
    },
  }
}

/** What somebody sees of a place at an instant: of a customer's point nothing of the customer before. */
const scopeOf = (place: BillingPlace, scope: Scope, at: number, limit: number | undefined): BillingScope => ({
  ...place,
  ...(scope.all ? {} : { sees: (point: string) => scope.sees('point', point) && at >= (scope.since?.(point) ?? Number.NEGATIVE_INFINITY) }),
  ...(limit === undefined ? {} : { limit }),
})

/** Points of two instants side by side; one that is billed at one of them alone is there too. */
async function* bothEnds(
  starts: AsyncIterable<readonly BillingPointView[]>,
  ends: AsyncIterable<readonly BillingPointView[]>,
): AsyncGenerator<Ends, void> {
  const [a, b] = [each(starts), each(ends)]
  try {
    let [start, end] = await Promise.all([a.next(), b.next()])
    while (!start.done || !end.done) {
      const order = start.done ? 1 : end.done ? -1 : compareIds(start.value.point, end.value.point)
      const view = order <= 0 && !start.done ? start.value : end.done ? null : end.value
      if (!view) return
      yield {
        point: view.point,
        start: order <= 0 && !start.done ? start.value : null,
        end: order >= 0 && !end.done ? end.value : null,
      }
      if (order <= 0) start = await a.next()
      if (order >= 0) end = await b.next()
    }
  } finally {
    await Promise.all([a.return(), b.return()])
  }
}

async function* each<T>(pieces: AsyncIterable<readonly T[]>): AsyncGenerator<T, void> {
  for await (const piece of pieces) yield* piece
}

const PIECE = 200

async function* energies(
  parts: BillingEnergyParts,
  from: number,
  to: number,
  at: (instant: number) => AsyncIterable<readonly BillingPointView[]>,
  limit = Number.POSITIVE_INFINITY,
): AsyncGenerator<readonly BillingEnergyPointView[], void> {
  let piece: BillingEnergyPointView[] = []
  let left = limit
  for await (const ends of bothEnds(at(from), at(to))) {
    piece.push(await billingEnergyOf(parts, ends, from, to))
    left--
    if (piece.length >= PIECE || left <= 0) {
      yield piece
      piece = []
    }
    if (left <= 0) return
  }
  if (piece.length > 0) yield piece
}

/** How far an instant is, by area or zone; the last line is all of it. */
export const completenessOf = async (
  pieces: AsyncIterable<readonly BillingPointView[]>,
  zoneOf: (area: string) => ReadonlySet<string>,
  by: 'area' | 'zone',
): Promise<readonly BillingGroupView[]> => {
  const groups = new Map<string, Counted>()
  const whole = counted(null, null)
  for await (const points of pieces)
    for (const point of points) {
      const zone = [...zoneOf(point.area ?? '')][0] ?? null
      const area = by === 'area' ? point.area : null
      const key = JSON.stringify([zone, area])
      const group = groups.get(key) ?? counted(zone, area)
      groups.set(key, group)
      for (const one of [group, whole]) count(one, point)
    }
  return [...[...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group), whole]
}

type Counted = { -readonly [Name in keyof BillingGroupView]: BillingGroupView[Name] } & { reasons: Record<string, number> }

const counted = (zone: string | null, area: string | null): Counted => ({
  ...{ zone, area, due: 0, released: 0, provisional: 0, held: 0, withdrawn: 0, pending: 0, reasons: {} },
})

const count = (group: Counted, { state, holds, registers }: BillingPointView): void => {
  group.due++
  group[state]++
  if (registers.some(({ pending }) => pending !== null)) group.pending++
  if (state !== 'released')
    for (const reason of new Set(holds.map((hold) => hold.reason))) group.reasons[reason] = (group.reasons[reason] ?? 0) + 1
}

/** Energy of all points of a customer, each with its sign. */
const customerEnergy = async (
  parts: BillingViewParts,
  customer: string,
  from: number,
  to: number,
  scope: Scope,
  energy: BillingReadDeps['billingReads']['energy'],
): Promise<Result<BillingCustomerView, Refusal>> => {
  const { ledger } = parts
  const stays = ledger.pointsOfCustomer(customer).flatMap((id) => {
    const own = ledger
      .facts('point', id)
      .filter((fact) => fact.name === 'customer' && fact.from < to && (fact.to === null || fact.to > from))
    if (!own.some(({ value }) => value === customer)) return []
    return [{ id, isWhole: own.length === 1 && own[0]!.from <= from && (own[0]!.to === null || own[0]!.to >= to) }]
  })
  const seen = stays.filter(({ id }) => scope.sees('point', id))
  const wholes = new Map(seen.map(({ id, isWhole }) => [id, isWhole]))
  const points: (BillingEnergyPointView & { readonly sign: 1 | -1 })[] = []
  if (seen.length > 0)
    for await (const piece of energy(from, to, { points: seen.map(({ id }) => id) }, scope, null))
      for (const point of piece)
        points.push({ ...(wholes.get(point.point) ? point : divided(point)), sign: signOf(ledger, point.point, to) })
  const isWhole = seen.length === stays.length
  const given = new Set(points.map(({ point }) => point))
  const notBilled = seen.filter(({ id }) => !given.has(id)).map(({ id }) => id)
  return ok({
    customer,
    points,
    notBilled,
    sums: sumsOf(points, isWhole),
    state: points.length > 0 ? leastOf(points.map(({ state }) => state)) : 'held',
  })
}

/** The point changed hands in between: nobody read what each of them used. */
const divided = (point: BillingEnergyPointView): BillingEnergyPointView => ({
  ...point,
  registers: point.registers.map((register) => ({
    ...register,
    energy: null,
    segments: [],
    reasons: [...register.reasons, 'customer-changed'],
  })),
  tariffs: null,
})

const signOf = (ledger: BillingViewParts['ledger'], point: string, at: number): 1 | -1 =>
  (ledger.get('point', point, at - 1) ?? ledger.get('point', point, null))?.attributes.billingSign === '-1' ? -1 : 1

const sumsOf = (points: BillingCustomerView['points'], isWhole: boolean): BillingCustomerView['sums'] => {
  const fields = new Map(points.flatMap(({ registers }) => registers.map(({ register, unit }) => [register, unit] as const)))
  return [...fields]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([register, unit]) => {
      const parts = points.flatMap((point) =>
        point.registers.filter((one) => one.register === register).map((one) => ({ ...one, sign: point.sign })),
      )
      const values = parts.flatMap(({ energy, sign }): Decimal[] => {
        const value = parseDecimal(energy ?? '')
        return value ? [{ ...value, raw: sign < 0 ? -value.raw : value.raw }] : []
      })
      const isKnown = isWhole && values.length === parts.length
      const sum = sumOf(values)
      return {
        ...{ register, unit, energy: isKnown ? decimalText(sum.raw, sum.scaler) : null },
        reasons: [...new Set([...parts.flatMap(({ reasons }) => reasons), ...(isWhole ? [] : ['outside-of-scope'])])],
      }
    })
}
