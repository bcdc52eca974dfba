/** Upper bounds of the latency classes, milliseconds. */
export const LATENCY_BOUNDS = [5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] as const

/** What a line has been through since the start. */
export interface LineStats {
  exchanges: number
  answered: number
  retries: number
  /** Milliseconds with a request under way or the line held quiet because of one. */
  busyMs: number
  /** Frames that answered nothing asked. */
  strays: number
  /** Answers that came after their time-out. */
  late: number
  echoes: number
  discardedBytes: number
  opened: number
  lost: number
  /** Exchanges by error code. */
  readonly failures: Map<string, number>
  /** Answers by {@link LATENCY_BOUNDS}; the last is everything slower. */
  readonly latency: number[]
  latencySumMs: number
}

export const newLineStats = (): LineStats => ({
  exchanges: 0,
  answered: 0,
  retries: 0,
  busyMs: 0,
  strays: 0,
  late: 0,
  echoes: 0,
  discardedBytes: 0,
  opened: 0,
  lost: 0,
  failures: new Map(),
  latency: new Array<number>(LATENCY_BOUNDS.length + 1).fill(0),
  latencySumMs: 0,
})

export const countLatency = (stats: LineStats, ms: number): void => {
  stats.latencySumMs += ms
  for (let at = 0; at < LATENCY_BOUNDS.length; at++)
    if (ms <= LATENCY_BOUNDS[at]!) {
      stats.latency[at]!++
      return
    }
  stats.latency[LATENCY_BOUNDS.length]!++
}

export const countIn = (counters: Map<string, number>, code: string): void => void counters.set(code, (counters.get(code) ?? 0) + 1)
