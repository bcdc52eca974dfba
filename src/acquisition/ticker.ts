/** One coarse timer for every deadline that need not be exact: thousands of requests, not one timer each. */
const TICK_MS = 100

const listeners = new Set<(now: number) => void>()
let timer: NodeJS.Timeout | null = null

/** Calls `listener` about every 100 ms until the returned function is called. */
export const onTick = (listener: (now: number) => void): (() => void) => {
  listeners.add(listener)
  timer ??= setInterval(() => {
    const now = performance.now()
    for (const each of listeners) each(now)
  }, TICK_MS)
  timer.unref()
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0 || !timer) return
    clearInterval(timer)
    timer = null
  }
}
