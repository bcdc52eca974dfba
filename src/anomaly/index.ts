/**
 * Finding what is wrong (异常分析): pure detectors over a window of one area, and what keeps their findings as cases. No store, no clock.
 * See docs/detection.md.
 */
export * from './finding.ts'
export * from './frame.ts'
export * from './rule.ts'
export * from './view.ts'
