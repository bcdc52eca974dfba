/**
 * Rated primary currents of current transformers, ampere, over a secondary of 5 A; PT ratios of 10 kV metering multiply them by 100.
 * @source IEC 61869-2, 5.201: 10, 12.5, 15, 20, 25, 30, 40, 50, 60, 75 and their decimal multiples; 37.5, 45, 80 and 90 are in use besides
 */
const PRIMARY = [10, 12.5, 15, 20, 25, 30, 37.5, 40, 45, 50, 60, 75, 80, 90] as const

const STANDARD: readonly number[] = [1, ...[1, 10, 100, 1000].flatMap((decade) => PRIMARY.map((ampere) => (ampere * decade) / 5))]

/** Nearest standard ratio; multiples by 100 for a voltage transformer when the ledger has one. */
export const standardRatio = (ratio: number): number =>
  STANDARD.reduce((best, one) => (Math.abs(Math.log(ratio / one)) < Math.abs(Math.log(ratio / best)) ? one : best))
