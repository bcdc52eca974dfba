import type { BillingFigureView, BillingPointView, BillingRegisterView, BillingState } from '../api/index.ts'
import type { BillingPoint, BillingReads, BillingRegister, BillingScope, ReleasedBook, ReleasedFigure } from '../billing/index.ts'

type Released = ReleasedFigure & { readonly withdrawn: boolean }

/** Points at an instant with what was released of them: what is released is what is handed out, whatever is read since. */
export async function* statedPoints(
  { reads, book }: { readonly reads: BillingReads; readonly book: ReleasedBook },
  at: number,
  scope: BillingScope,
  after: string | null,
): AsyncGenerator<readonly BillingPointView[], void> {
  const released = async (points: readonly BillingPoint[]) =>
    book.releasedAt(
      at,
      points.map(({ point }) => point),
    )
  // The book is asked of the next points while those before are written out.
  let ahead: Asked | null = null
  for await (const points of reads.at(at, scope, after)) {
    const asked: Asked = { points, versions: released(points) }
    // Whoever stops half-way does not wait for it, and it must not end the process.
    asked.versions.catch(() => undefined)
    if (ahead) yield await statedOf(ahead)
    ahead = asked
  }
  if (ahead) yield await statedOf(ahead)
}

interface Asked {
  readonly points: readonly BillingPoint[]
  readonly versions: ReturnType<ReleasedBook['releasedAt']>
}

const statedOf = async ({ points, versions }: Asked): Promise<readonly BillingPointView[]> => {
  const released = await versions
  return points.map((point) => stated(point, released.get(point.point) ?? []))
}

const stated = (read: BillingPoint, versions: readonly Released[]): BillingPointView => {
  const { point, area, customer, meter, missing, holds } = read
  const isHeld = holds.length > 0 || missing.length > 0
  if (versions.length === 0) {
    const state = isHeld ? 'held' : 'provisional'
    return { point, area, customer, meter, missing, holds, state, registers: unreleased(read.registers, state, null) }
  }
  const found = new Map(read.registers.map((register) => [register.register, register]))
  const kept = new Map(versions.map((version) => [version.register, version]))
  const registers = [...new Set([...found.keys(), ...kept.keys()])].sort().flatMap((register): readonly BillingRegisterView[] => {
    const [now, version] = [found.get(register), kept.get(register)]
    if (version && !version.withdrawn)
      return [
        {
          ...figure(version),
          ...{ state: 'released', version: version.version, releasedAt: version.releasedAt },
          pending: now && !isSame(now, version) ? figure(now) : null,
        },
      ]
    if (!now) return []
    return unreleased([now], version ? 'withdrawn' : isHeld ? 'held' : 'provisional', version?.version ?? null)
  })
  return { ...{ point, area, customer, meter, missing, holds }, state: stateOf(registers, missing, kept, isHeld), registers }
}

/** What is read now, of registers nothing stands released of. */
const unreleased = (registers: readonly BillingRegister[], state: BillingState, version: number | null): readonly BillingRegisterView[] =>
  registers.map((now) => {
    const { register, unit, value, ratio, storedRatio, primary, meter, source, quality, measuredAt, receivedAt, evidence } = now
    const view: BillingRegisterView = {
      register,
      unit,
      value,
      ratio,
      primary,
      meter,
      source,
      quality,
      measuredAt,
      receivedAt,
      evidence,
      state,
      version,
      releasedAt: null,
      pending: null,
    }
    return storedRatio === undefined ? view : { ...view, storedRatio }
  })

/** Of a point: released when all of it is. */
const stateOf = (
  registers: readonly BillingRegisterView[],
  missing: readonly string[],
  kept: ReadonlyMap<string, Released>,
  isHeld: boolean,
): BillingState => {
  const lacking = missing.filter((register) => kept.get(register)?.withdrawn !== false)
  if (registers.length > 0 && lacking.length === 0 && registers.every(({ state }) => state === 'released')) return 'released'
  if ([...kept.values()].some(({ withdrawn }) => withdrawn)) return 'withdrawn'
  return isHeld ? 'held' : 'provisional'
}

/** Would releasing it again say anything else? Digits of a store of doubles aside, the value is text. */
const isSame = (now: BillingRegister, then: BillingRegister): boolean =>
  now.value === then.value && now.ratio === then.ratio && now.meter === then.meter

const figure = (given: BillingRegister): BillingFigureView => {
  const { register, unit, value, ratio, storedRatio, primary, meter, source, quality, measuredAt, receivedAt, evidence } = given
  return {
    ...{ register, unit, value, ratio, primary, meter, source, quality, measuredAt, receivedAt, evidence },
    ...(storedRatio === undefined ? {} : { storedRatio }),
  }
}

const RANK: Readonly<Record<BillingState, number>> = { released: 0, provisional: 1, withdrawn: 2, held: 3 }

/** The least certain of some states. */
export const leastOf = (states: readonly BillingState[]): BillingState =>
  states.reduce((least, state) => (RANK[state] > RANK[least] ? state : least), 'released')
