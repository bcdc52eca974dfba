/** Where communication fails and why, and whether power is off (通信与停电): pure. See docs/signal.md. */
export { commFaultDetector, outageDetector, SIGNAL_DETECTORS } from './detect.ts'
export { COMM_RULE, OUTAGE_RULE } from './rules.ts'
