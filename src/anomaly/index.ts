/**
 * Finding what is wrong (异常分析): pure detectors over a window of one area, and what keeps their findings as cases. No store, no clock.
 * See docs/detection.md.
 */
export * from './case.ts'
export * from './case-acts.ts'
export * from './case-errors.ts'
export { rankOf } from './case-evidence.ts'
export { type FloodPlace, floods, ZONE_FLOOD } from './case-flood.ts'
export * from './cases.ts'
export * from './catalogue.ts'
export * from './day.ts'
export * from './finding.ts'
export * from './frame.ts'
export * from './history.ts'
export * from './judge.ts'
export * from './loss-bus.ts'
export * from './loss-days.ts'
export * from './loss-figures.ts'
export * from './loss-limits.ts'
export * from './loss-rules.ts'
export * from './rule.ts'
export * from './signal/index.ts'
export * from './view.ts'
