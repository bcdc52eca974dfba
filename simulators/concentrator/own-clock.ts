/** A terminal's own clock: ahead of the world by an offset that grows. Set again it holds from then on. */
export interface OwnClock {
  /** What it shows at a world instant. */
  own(at: number): number
  /** When it showed, or will show, an own time; as it runs now. */
  world(own: number): number
  set(at: number, own: number): void
}

export const ownClock = (since: number, offsetMs: number, ppm: number): OwnClock => {
  let from = since
  let ahead = offsetMs
  return {
    own: (at) => at + ahead + Math.round(((at - from) * ppm) / 1e6),
    world: (own) => Math.round((own - ahead + (from * ppm) / 1e6) / (1 + ppm / 1e6)),
    set(at, own) {
      from = at
      ahead = own - at
    },
  }
}
