/** Whose turn it is on a line: smaller goes first. */
export const PRIORITY = { demand: 0, freeze: 1, reread: 2, current: 3, curve: 4 } as const
export type Priority = keyof typeof PRIORITY

export interface Job {
  readonly priority: Priority
  /** Device that pays for it: fair share is kept among them. */
  readonly owner: string
  /** Carries it out; calls `done` once when it is over, however it ended. */
  run(done: () => void): void
  /** Nobody wants it any more: it is not carried out. */
  readonly isDropped: boolean
  /** Told that it will never run. */
  drop(): void
}

/**
 * The jobs of one line. As many run at once as the line is wide; of equals, the device that has used the line least is next, so
 * that a slow or failing one cannot push the others aside. A read on demand goes in between two exchanges of a running job.
 */
export class JobQueue {
  readonly #width: number
  readonly #waiting: Job[] = []
  readonly #used = new Map<string, number>()
  #running = 0
  #isClosed = false
  #ended: (() => void)[] = []

  constructor(width: number) {
    this.#width = width
  }

  get depth(): number {
    return this.#waiting.length + this.#running
  }

  submit(job: Job): void {
    if (this.#isClosed) {
      job.drop()
      return
    }
    if (this.#running < this.#width && this.#waiting.length === 0) this.#start(job)
    else this.#waiting.push(job)
  }

  /** Charges line time to a device; time that nobody else wanted is free. */
  charge(device: string, ms: number): void {
    if (this.#waiting.length === 0) return
    this.#used.set(device, (this.#used.get(device) ?? 0) + ms)
  }

  /** Called by a running job between two exchanges: what is more urgent runs first. Null when nothing is. */
  giveWay(priority: Priority): Promise<void> | null {
    if (this.#waiting.length === 0 || this.#width !== 1 || priority === 'demand') return null
    return this.#waiting.some((job) => job.priority === 'demand') ? this.#urgentFirst() : null
  }

  /** Nothing new starts; what waits is forgotten. */
  close(): void {
    this.#isClosed = true
    for (const job of this.#waiting.splice(0)) job.drop()
  }

  /** Resolves when nothing runs: after {@link close}, for ever. */
  ended(): Promise<void> {
    return this.#running === 0 ? Promise.resolve() : new Promise((resolve) => this.#ended.push(resolve))
  }

  async #urgentFirst(): Promise<void> {
    for (;;) {
      const at = this.#waiting.findIndex((job) => job.priority === 'demand')
      const [job] = at < 0 ? [] : this.#waiting.splice(at, 1)
      if (!job) return
      await new Promise<void>((done) => job.run(done))
    }
  }

  #start(job: Job): void {
    this.#running++
    job.run(this.#over)
  }

  readonly #over = (): void => {
    this.#running--
    if (this.#waiting.length > 0) {
      this.#sweep()
      while (this.#running < this.#width && this.#waiting.length > 0) this.#start(this.#take())
    } else if (this.#running === 0) {
      if (this.#used.size > 1) this.#used.clear()
      if (this.#isClosed) for (const tell of this.#ended.splice(0)) tell()
    }
  }

  /** Reads whose period has passed leave the queue: a line that cannot keep up must not fall behind for ever. */
  #sweep(): void {
    const dropped: Job[] = []
    let kept = 0
    for (const job of this.#waiting)
      if (job.isDropped) dropped.push(job)
      else this.#waiting[kept++] = job
    // Once through, however many: a line with far more meters than it can read drops thousands at a time.
    this.#waiting.length = kept
    for (const job of dropped) job.drop()
  }

  #take(): Job {
    let best = 0
    for (let at = 1; at < this.#waiting.length; at++) if (this.#isBefore(this.#waiting[at]!, this.#waiting[best]!)) best = at
    const [job] = this.#waiting.splice(best, 1)
    return job!
  }

  #isBefore(a: Job, b: Job): boolean {
    const rank = PRIORITY[a.priority] - PRIORITY[b.priority]
    return rank !== 0 ? rank < 0 : (this.#used.get(a.owner) ?? 0) < (this.#used.get(b.owner) ?? 0)
  }
}
