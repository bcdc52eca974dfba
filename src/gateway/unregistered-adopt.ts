import type { HeardRegister, Stranger } from '../collection/index.ts'
import { decimalText, explain, type Reading, scalerAt } from '../core/index.ts'
import type { Patch, Refused } from '../ledger/index.ts'
import { fail } from './unregistered-errors.ts'

/** What a person says who puts a stranger into the ledger. */
export interface Adoption {
  readonly meter: string
  readonly point: string
  readonly area?: string
  readonly profile?: string
  readonly ct?: string
  readonly pt?: string
  /** Milliseconds since 1970 UTC; absent = first seen. */
  readonly from?: number
  readonly why: string
  readonly workOrder?: string
}

/** The meter, and its point where it is new or something of it was said. */
export const adoptionPatches = (
  { channel, address }: Pick<Stranger, 'channel' | 'address'>,
  { meter, point, ct, pt, ...said }: Adoption,
  {
    profile,
    from,
    area,
    isNew,
  }: {
    readonly profile: string
    readonly from: number
    /** For a new point, where nobody said another. */
    readonly area: string | null
    readonly isNew: boolean
  },
): readonly Patch[] => {
  const wanted = said.area ?? (isNew ? area : null)
  const set = {
    ...(wanted === null ? {} : { area: wanted }),
    ...(ct === undefined ? {} : { ct }),
    ...(pt === undefined ? {} : { pt }),
    // Read from now on; the check-list of commissioning leads further.
    ...(isNew ? { state: 'installed' } : {}),
  }
  return [
    ...(Object.keys(set).length > 0 ? [{ kind: 'point' as const, id: point, from, set, place: 'body/point' }] : []),
    { kind: 'meter', id: meter, from, set: { point, line: channel, address, profile }, place: 'body/meter' },
  ]
}

export const refusedByLedger = ({ error, problems }: Refused) =>
  fail(
    'STRANGER_LEDGER',
    problems.length === 0
      ? explain(error)
      : problems
          .slice(0, 10)
          .map(({ message, against, hint }) => `${message}${against === null ? '' : ` (against ${against})`}; ${hint}`)
          .join('; '),
    { cause: error.code },
  )

const ENERGY = '1-0:1.8.0'

/** The register of a reading that is shown in lists: energy, else the first that has a value. */
export const heardRegister = ({
  series,
  shape,
  raws,
  scalers,
  measuredAt,
}: Pick<Reading, 'series' | 'shape' | 'raws' | 'scalers' | 'measuredAt'>): HeardRegister | null => {
  if (series.measurement !== 'register') return null
  const column = bestColumn(
    shape.columns.map(({ obis }) => obis),
    raws,
  )
  const raw = raws[column]
  const { obis = null, unit = '' } = shape.columns[column] ?? {}
  if (raw === undefined || raw === null || obis === null) return null
  return { obis, unit, value: decimalText(raw, scalerAt({ shape, scalers }, column)), at: measuredAt }
}

/** The energy register, else the first that has a value. */
const bestColumn = (codes: readonly (string | null)[], raws: Reading['raws']): number => {
  const energy = codes.indexOf(ENERGY)
  if (energy >= 0 && raws[energy] !== null && raws[energy] !== undefined) return energy
  return codes.findIndex((obis, at) => obis !== null && raws[at] !== null && raws[at] !== undefined)
}
