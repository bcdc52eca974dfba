/** Counted over a whole fleet. */
export interface FleetFigures {
  dialled: number
  loginsConfirmed: number
  heartbeats: number
  heartbeatsConfirmed: number
  requests: number
  framesOut: number
  bytesOut: number
  bytesIn: number
  reports: number
  reportsConfirmed: number
  hungUp: number
  /** Milliseconds from a heartbeat to its answer, and from a login, by whole milliseconds up to 9,999. */
  readonly heartbeatMs: Uint32Array
  readonly loginMs: Uint32Array
}

export const newFigures = (): FleetFigures => ({
  dialled: 0,
  loginsConfirmed: 0,
  heartbeats: 0,
  heartbeatsConfirmed: 0,
  requests: 0,
  framesOut: 0,
  bytesOut: 0,
  bytesIn: 0,
  reports: 0,
  reportsConfirmed: 0,
  hungUp: 0,
  heartbeatMs: new Uint32Array(10_000),
  loginMs: new Uint32Array(10_000),
})

/** What share of the answers took no longer than this, milliseconds; 0 when there were none. */
export const percentile = (histogram: Uint32Array, share: number): number => {
  let all = 0
  for (const count of histogram) all += count
  let seen = 0
  for (let ms = 0; ms < histogram.length; ms++) {
    seen += histogram[ms]!
    if (all > 0 && seen >= all * share) return ms
  }
  return 0
}
