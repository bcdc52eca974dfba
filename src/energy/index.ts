/**
 * Interval energy (区间电量): what was used between two instants, out of registers, dated ratios, exchanges and rollovers. Pure arithmetic on
 * exact decimals: no store, no clock. See docs/energy.md.
 */
export { type Course, courseOf } from './course.ts'
export { deriveEnergy, type IntervalOptions, intervalsOf } from './derive.ts'
export { type Estimate, type EstimateDay, estimateRegister, LEAST_SIMILAR, MOST_SIMILAR } from './estimate.ts'
export { sumOf } from './exact.ts'
export * from './types.ts'
