import type { Clock } from '../core/index.ts'

const JUMP_MS = 2000

/** Notices when somebody sets the wall clock: the monotonic one went on as ever. */
export class ClockJump {
  readonly #clock: Clock
  #last: { readonly wall: number; readonly monotonic: number } | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @returns  milliseconds the wall clock was set forward (back: negative) since it was last asked; 0 when it was not */
  since(wall: number): number {
    const monotonic = this.#clock.monotonic()
    const { speed } = this.#clock
    const jump = this.#last ? wall - this.#last.wall - (monotonic - this.#last.monotonic) * speed : 0
    this.#last = { wall, monotonic }
    return Math.abs(jump) > JUMP_MS * speed ? jump : 0
  }
}
