/** Whose turn it is on a line: smaller goes first. */
export const PRIORITY = { demand: 0, freeze: 1, reread: 2, current: 3, curve: 4 } as const
export type Priority = keyof typeof PRIORITY

export interface Job {
  readonly priority: Priority
  /** Fair share is kept among devices. */
  readonly device: string
  run(): Promise<void>
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

  constructor(width: number) {
    this.#width = width
  }

  get depth(): number {
    return this.#waiting.length + this.#running
  }

  submit(job: Job): void {
    if (this.#isClosed) return
    this.#waiting.push(job)
    this.#next()
  }

  /** Charges line time to a device. */
  charge(device: string, ms: number): void {
    this.#used.set(device, (this.#used.get(device) ?? 0) + ms)
  }

  /** Called by a running job between two exchanges: what is more urgent runs first. */
  async giveWay(priority: Priority): Promise<void> {
    while (this.#width === 1 && priority !== 'demand') {
      const at = this.#waiting.findIndex((job) => job.priority === 'demand')
      if (at < 0) return
      const [job] = this.#waiting.splice(at, 1)
      await job?.run()
    }
  }

  /** Nothing new starts; what waits is forgotten. */
  close(): void {
    this.#isClosed = true
    this.#waiting.length = 0
  }

  #next(): void {
    while (this.#running < this.#width && this.#waiting.length > 0) {
      const job = this.#take()
      this.#running++
      void job.run().finally(() => {
        this.#running--
        if (this.#waiting.length === 0 && this.#running === 0) this.#used.clear()
        this.#next()
      })
    }
  }

  #take(): Job {
    let best = 0
    for (let at = 1; at < this.#waiting.length; at++) if (this.#isBefore(this.#waiting[at]!, this.#waiting[best]!)) best = at
    const [job] = this.#waiting.splice(best, 1)
    return job!
  }

  #isBefore(a: Job, b: Job): boolean {
    const rank = PRIORITY[a.priority] - PRIORITY[b.priority]
    return rank !== 0 ? rank < 0 : (this.#used.get(a.device) ?? 0) < (this.#used.get(b.device) ?? 0)
  }
}
