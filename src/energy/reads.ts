import { QUALITY, type Source } from '../core/index.ts'
import { atScale, decimalOf } from './exact.ts'
import type { EnergyFinding, RegisterAt, RegisterRead } from './types.ts'

/** A read that may be used: one a meter and instant. */
export interface Mark {
  readonly at: number
  /** At the scale of the whole derivation. */
  readonly register: bigint
  readonly source: Source | 'exchange'
  readonly quality: number
  /** The last digit of the face at that scale. */
  readonly step: bigint
  /** What setting it aside costs; see chain.ts. */
  readonly weight: number
}

/** The better source comes first: what the meter froze itself, before what somebody saw. */
const RANK: Readonly<Record<Source, number>> = {
  'month-freeze': 0,
  'day-freeze': 0,
  curve: 1,
  live: 2,
  push: 3,
  manual: 4,
  estimated: 6,
}
const DOUBTFUL_RANK = 5
const DOUBTFUL_NEAR_MS = 3_600_000

const rankOf = ({ source, quality }: RegisterRead): number => {
  if (quality & QUALITY.clockDoubtful) return Math.max(DOUBTFUL_RANK, RANK[source])
  return quality & QUALITY.liveAsFreeze ? RANK.live : RANK[source]
}

const weightOf = ({ source, quality }: RegisterRead): number =>
  source === 'estimated' ? 2 : quality & QUALITY.clockDoubtful ? 4 : source === 'manual' ? 6 : 8

const better = (a: RegisterRead, b: RegisterRead): number =>
  a.at - b.at || rankOf(a) - rankOf(b) || b.receivedAt - a.receivedAt || (a.source < b.source ? -1 : a.source > b.source ? 1 : 0)

/**
 * The reads of one meter, one an instant, in order of time: of two the better source. What was quarantined when it came is never used;
 * a read whose clock is doubtful only where no other is near.
 */
export const marksOf = (
  reads: readonly RegisterRead[],
  scale: number,
  capacity: bigint | null,
): { readonly marks: readonly Mark[]; readonly findings: readonly EnergyFinding[] } => {
  const findings: EnergyFinding[] = []
  const sorted = reads
    .filter(({ quality }) => (quality & QUALITY.quarantined) === 0)
    .toSorted((a, b) => better(a, b) || Number(atScale(a.value, scale) - atScale(b.value, scale)))
  const chosen: RegisterRead[] = []
  for (const read of sorted) {
    const value = atScale(read.value, scale)
    if (value < 0n || (capacity !== null && value >= capacity)) {
      findings.push({
        code: 'read-impossible',
        meter: read.meter,
        at: read.at,
        before: null,
        after: registerAt(read),
        would: null,
        note: value < 0n ? 'a register is never negative' : 'more than the register can show',
      })
      continue
    }
    const same = chosen.at(-1)
    if (same?.at !== read.at) chosen.push(read)
    else if (differs(same, read, scale))
      findings.push({
        code: 'read-conflict',
        meter: read.meter,
        at: read.at,
        before: registerAt(same),
        after: registerAt(read),
        would: null,
        note: `${same.source} was taken before ${read.source}`,
      })
  }
  const marks = withoutDoubtful(chosen).map((read) => ({
    at: read.at,
    register: atScale(read.value, scale),
    source: read.source,
    quality: read.quality,
    step: 10n ** BigInt(Math.max(0, read.value.scaler - scale)),
    weight: weightOf(read),
  }))
  return { marks, findings }
}

/** Freezes with four digits and curves with two are the same value when the shorter one says so. */
const differs = (a: RegisterRead, b: RegisterRead, scale: number): boolean => {
  const difference = atScale(a.value, scale) - atScale(b.value, scale)
  const step = 10n ** BigInt(Math.max(a.value.scaler, b.value.scaler) - scale)
  return (difference < 0n ? -difference : difference) >= step
}

const withoutDoubtful = (reads: readonly RegisterRead[]): readonly RegisterRead[] => {
  const isDoubtful = ({ quality }: RegisterRead) => (quality & QUALITY.clockDoubtful) !== 0
  if (!reads.some(isDoubtful)) return reads
  return reads.filter((read, index) => {
    if (!isDoubtful(read)) return true
    const before = reads.slice(0, index).findLast((other) => !isDoubtful(other))
    const after = reads.slice(index + 1).find((other) => !isDoubtful(other))
    const near = (other: RegisterRead | undefined) => other !== undefined && Math.abs(other.at - read.at) <= DOUBTFUL_NEAR_MS
    return !near(before) && !near(after)
  })
}

const registerAt = ({ at, value, source }: RegisterRead): RegisterAt => ({ at, value, source })

export const markAt = ({ at, register, source }: Mark, scale: number, shown: number): RegisterAt => ({
  at,
  value: decimalOf(register, scale, shown),
  source,
})
