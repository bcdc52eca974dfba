/** Things of the ledger that somebody may be allowed to see or not. */
export type ScopedKind = 'zone' | 'feeder' | 'bus' | 'area' | 'customer' | 'point' | 'meter' | 'concentrator' | 'line'

/** What of the ledger somebody may see now. What lies outside of it does not exist for him. */
export interface Scope {
  /** Everything: nothing needs to be asked. */
  readonly all: boolean
  sees(kind: ScopedKind, id: string): boolean
}

export const EVERYTHING: Scope = { all: true, sees: () => true }
