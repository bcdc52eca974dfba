/** Holds this process up, as a machine that stands still does: no timer, no byte. */
export const standStill = (ms: number): void => {
  const until = performance.now() + ms
  while (performance.now() < until);
}
