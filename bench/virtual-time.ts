/**
 * Time that runs only when nobody has anything left to do: a million time-outs take as long as their arithmetic, and the same seed
 * gives the same run. It replaces the clock and the timers of the whole process, so it is for programs of their own and must be
 * installed before anything else is loaded.
 */
interface Event {
  readonly at: number
  /** Equal times keep their order. */
  readonly order: number
  readonly run: () => void
  readonly everyMs: number | null
  isOff: boolean
}

/** What `setTimeout` returns here: enough of Node's own to be cleared and unreferenced. */
class Timer {
  event: Event
  constructor(event: Event) {
    this.event = event
  }
  ref(): this {
    return this
  }
  unref(): this {
    return this
  }
  hasRef(): boolean {
    return true
  }
  refresh(): this {
    return this
  }
  [Symbol.toPrimitive](): number {
    return this.event.order
  }
}

/** Earliest event first: a binary heap. */
class Agenda {
  readonly #heap: Event[] = []

  get size(): number {
    return this.#heap.length
  }

  add(event: Event): void {
    const heap = this.#heap
    let at = heap.push(event) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (isBefore(heap[parent]!, event)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = event
  }

  take(): Event | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (!first || !last || heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (isBefore(last, heap[child]!)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return first
  }
}

const isBefore = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

/** Replaces clock and timers. @returns how to run something `ms` from now */
export const installVirtualTime = (): ((ms: number, run: () => void) => void) => {
  const agenda = new Agenda()
  const next = setImmediate
  let now = 1000
  let orders = 0
  let isRunning = false
  // One event for each turn of the real loop, so that every promise is settled before time goes on.
  const step = (): void => {
    let event = agenda.take()
    while (event?.isOff) event = agenda.take()
    if (!event) {
      isRunning = false
      return
    }
    now = Math.max(now, event.at)
    if (event.everyMs !== null) agenda.add(Object.assign(event, { at: now + event.everyMs, order: ++orders }))
    next(step)
    event.run()
  }
  const plan = (run: () => void, ms: number, everyMs: number | null): Timer => {
    const event: Event = {
      at: now + Math.max(everyMs === null ? 0 : 1, Number.isFinite(ms) ? ms : 0),
      order: ++orders,
      run,
      everyMs,
      isOff: false,
    }
    agenda.add(event)
    if (!isRunning) {
      isRunning = true
      next(step)
    }
    return new Timer(event)
  }
  const call = (run: (...args: unknown[]) => void, args: unknown[]) => (args.length === 0 ? run : () => run(...args))
  const clear = (timer: unknown): void => {
    if (timer instanceof Timer) timer.event.isOff = true
  }
  Object.assign(globalThis, {
    setTimeout: (run: () => void, ms = 0, ...args: unknown[]) => plan(call(run, args), ms, null),
    setInterval: (run: () => void, ms = 0, ...args: unknown[]) => plan(call(run, args), ms, Math.max(1, ms)),
    clearTimeout: clear,
    clearInterval: clear,
  })
  const epoch = Date.UTC(2026, 0, 1)
  Date.now = () => epoch + Math.floor(now)
  performance.now = () => now
  return (ms, run) => void plan(run, ms, null)
}
