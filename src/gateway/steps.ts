export interface StepsOptions {
  /** One piece of work. @returns whether there may be more at once */
  readonly step: () => Promise<boolean>
  /** Whether there is anything to look at; absent: always. */
  readonly isOn?: () => boolean
  /** Until the next look when there is nothing to do, and after a step that threw, milliseconds. */
  readonly idleMs: number
  readonly retryMs: number
  /** Pause after a piece of work that took so long, milliseconds: everything else has its turn in between. */
  readonly pauseMs: (tookMs: number) => number
  /** Told what a step threw. */
  readonly failed: (thrown: unknown) => void
  /** Told that a look went well; absent: nobody asks. */
  readonly went?: () => void
}

/** Work beside the lines, a piece at a time, whoever asks for it: one never runs into another. */
export class Steps {
  readonly #options: StepsOptions
  #timer: NodeJS.Timeout | null = null
  #turn: Promise<void> = Promise.resolve()
  #isStopped = false
  #isRunning = false
  /** Something came up during the present look. */
  #isSoon = false

  constructor(options: StepsOptions) {
    this.#options = options
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  start(ms: number): void {
    this.#schedule(ms)
  }

  /** Ends with the step under way. */
  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#timer) clearTimeout(this.#timer)
    await this.#turn
  }

  /** One step, after those asked for before. @throws  what the step throws */
  alone(): Promise<boolean> {
    const step = this.#turn.then(() => (this.#isStopped ? false : this.#options.step()))
    this.#turn = step.then(
      () => undefined,
      () => undefined,
    )
    return step
  }

  /** Steps until nothing is due; for tests and the end of a replay. */
  async settle(): Promise<void> {
    while (await this.alone()) {
      // on
    }
  }

  /** The next look need not wait for its time. Nothing before the start. */
  soon(): void {
    this.#isSoon = this.#isRunning
    if (this.#timer && !this.#isRunning) this.#schedule(1)
  }

  #schedule(ms: number): void {
    if (this.#isStopped) return
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#run(), ms)
  }

  async #run(): Promise<void> {
    const { isOn, idleMs, retryMs, pauseMs, failed, went } = this.#options
    let pause = idleMs
    this.#isRunning = true
    try {
      const began = performance.now()
      if ((isOn?.() ?? true) && (await this.alone())) pause = pauseMs(performance.now() - began)
      went?.()
    } catch (thrown) {
      failed(thrown)
      pause = retryMs
    }
    this.#isRunning = false
    this.#schedule(this.#isSoon ? 1 : pause)
    this.#isSoon = false
  }
}
