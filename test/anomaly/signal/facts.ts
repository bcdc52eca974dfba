import type { MeterFact } from '../../../src/anomaly/index.ts'

/** A meter of which only what is said is known. */
export const bareFact = (known: Partial<MeterFact> & Pick<MeterFact, 'id'>): MeterFact => ({
  meter: known.id,
  area: '',
  type: '1P',
  multiplier: 1,
  phase: null,
  contractKw: null,
  ratedA: null,
  category: 'residential',
  keyAccount: false,
  pfStandard: null,
  link: 'hplc',
  bus: null,
  concentrator: null,
  solar: null,
  exchanges: [],
  since: null,
  node: null,
  serviceOhm: null,
  ...known,
})
