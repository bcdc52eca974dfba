/**
 * Things of the ledger that somebody may be allowed to see or not. A `line` (also a broker or a concentrator meters are read through) is
 * seen by whoever sees one of its meters; `whole-line`: by whoever sees all of them.
 */
export type ScopedKind =
  | 'zone'
  | 'feeder'
  | 'bus'
  | 'area'
  | 'customer'
  | 'point'
  | 'meter'
  | 'transformer'
  | 'concentrator'
  | 'line'
  | 'whole-line'

/** What of the ledger somebody may see now. What lies outside of it does not exist for him. */
export interface Scope {
  /** Everything: nothing needs to be asked. */
  readonly all: boolean
  sees(kind: ScopedKind, id: string): boolean
  /**
   * From when on figures of a point he sees are his to see, milliseconds since 1970 UTC: those of the customer before him are not. Absent:
   * from the beginning.
   */
  since?(point: string): number
}

export const EVERYTHING: Scope = { all: true, sees: () => true }
export const NOTHING: Scope = { all: false, sees: () => false }
