/** Where communication fails and why, whether power is off, and how well links are heard (通信与停电): pure. See docs/signal.md. */
export { commFaultDetector, outageDetector, SIGNAL_DETECTORS } from './detect.ts'
export * from './figures.ts'
export { COMM_RULE, OUTAGE_RULE } from './rules.ts'
