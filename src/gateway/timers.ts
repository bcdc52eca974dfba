/** A timer that keeps no process alive. Runs something later, gives back how to call it off. */
export const realAfter = (ms: number, run: () => void): (() => void) => {
  const timer = setTimeout(run, ms)
  timer.unref()
  return () => clearTimeout(timer)
}
