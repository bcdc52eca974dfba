/** Time is passed in: tests, the demo's fast village and replays bring their own. */
export interface Clock {
  /** Wall clock, milliseconds since 1970 UTC. May step. */
  now(): number
  /** Never steps; milliseconds since an arbitrary start. Durations and deadlines use this. */
  monotonic(): number
  /** How many clock seconds pass in a real one: 1 but for simulations. */
  readonly speed: number
}

export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now(), speed: 1 }

/**
 * A wall clock that started at `start` when the real one showed `realStart`, and runs `speed` times as fast.
 * Several processes given the same three figures agree on the time.
 */
export const scaledClock = (start: number, realStart: number, speed: number): Clock => ({
  now: () => start + Math.round((Date.now() - realStart) * speed),
  monotonic: () => performance.now(),
  speed,
})
