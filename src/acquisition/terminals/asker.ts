import { type Clock, err, type GatewayError, ok, type Result, type TerminalAdapter, type TerminalRequest } from '../../core/index.ts'
import { fail as lineFail } from '../errors.ts'
import { fail } from './errors.ts'
import type { Counting } from './figures.ts'
import { type Job, TalkJob } from './job.ts'
import { Numbers } from './numbers.ts'
import type { AskOptions, TalkOf, TerminalSettings } from './types.ts'

/** Talks that wait for one terminal at most. */
const MOST_WAITING = 1000
/** Frames of one answer at most. */
const MOST_PARTS = 1024
/** Requests given up on whose late answers are still known. */
const MOST_LATE = 16
const NOTHING = new Uint8Array(0)

/** The connection a terminal has now. */
export interface Wire {
  /** @param about  for traces */
  send(bytes: Uint8Array, about: string): void
  /** Half a frame is coming in. */
  readonly isReceiving: boolean
  /** Nothing is taken from it at present: what is late is late because of us. */
  readonly isHeld: boolean
}

/** What the sessions know of a terminal's questions without knowing its kind of frame. */
export interface AskerPort {
  readonly waiting: number
  readonly underWay: number
  readonly isIdle: boolean
  ask<T>(talk: TalkOf<T>, options: AskOptions): Promise<Result<T>>
  /** Its settings changed. */
  settle(settings: TerminalSettings): void
  attach(wire: Wire): void
  /** The connection ended. What is under way fails; what waits does so too unless another connection is there already. */
  detach(why: GatewayError, isReplaced: boolean): void
  /** Sends what may be sent. */
  pump(): void
  tick(now: number): void
}

interface UnderWay<Frame extends object> {
  readonly job: Job<Frame>
  readonly request: TerminalRequest<Frame>
  readonly number: number
  /** As it left, and when by the wall clock (0: nobody wants to know). */
  readonly bytes: Uint8Array
  readonly wallSentAt: number
  readonly sentAt: number
  readonly allowedMs: number
  deadline: number
  readonly frames: Frame[]
}

interface Late<Frame extends object> {
  readonly request: TerminalRequest<Frame>
  readonly number: number
  readonly sentAt: number
}

/** Asks one terminal: who is next, under which number, how long is waited, what is repeated. It outlives connections. */
export class Asker<Frame extends object> implements AskerPort {
  readonly #adapter: TerminalAdapter<Frame>
  readonly #clock: Clock
  readonly #figures: Counting
  readonly #onBusy: (asker: AskerPort) => void
  #settings: TerminalSettings
  readonly #numbers: Numbers
  readonly #jobs: Job<Frame>[] = []
  #underWay: UnderWay<Frame>[] = []
  #late: Late<Frame>[] = []
  #wire: Wire | null = null
  #orders = 0
  /** When the newest request that was answered had been sent. */
  #answeredAt = Number.NEGATIVE_INFINITY
  /** It answered a newer request before an older one: what it fetches from a meter does not keep it from its own memory. */
  #isManifold = false
  #isPumping = false

  constructor(
    adapter: TerminalAdapter<Frame>,
    settings: TerminalSettings,
    figures: Counting,
    clock: Clock,
    onBusy: (asker: AskerPort) => void,
  ) {
    this.#adapter = adapter
    this.#settings = settings
    this.#figures = figures
    this.#clock = clock
    this.#onBusy = onBusy
    this.#numbers = new Numbers(adapter.maxSequence)
  }

  get waiting() {
    return this.#jobs.length
  }

  get underWay() {
    return this.#underWay.length
  }

  get isIdle() {
    return this.#jobs.length === 0 && this.#underWay.length === 0
  }

  settle(settings: TerminalSettings): void {
    this.#settings = settings
    this.pump()
  }

  attach(wire: Wire): void {
    this.#wire = wire
    this.#isManifold = false
  }

  detach(why: GatewayError, isReplaced: boolean): void {
    const { id } = this.#settings
    this.#wire = null
    const now = this.#clock.monotonic()
    for (const { number, allowedMs, job, request } of this.#underWay.splice(0)) {
      this.#numbers.rest(number, allowedMs, now)
      const doubt = request.writes ? '; nobody knows whether it was carried out' : ''
      if (why.code === 'LINE_CLOSED') job.fail(why)
      else
        job.fail(
          fail('TERMINAL_LOST', `${id} was lost while it was asked: ${why.message}${doubt}`, { terminal: id, cause: why.code }).error,
        )
    }
    this.#late = []
    if (isReplaced) return
    const gone = why.code === 'LINE_CLOSED' ? why : this.#offline(why)
    for (const job of this.#jobs.splice(0)) job.fail(gone)
  }

  ask<T>(talk: TalkOf<T>, options: AskOptions): Promise<Result<T>> {
    const { id } = this.#settings
    const { signal } = options
    if (signal?.aborted) return Promise.resolve(this.#cancelled())
    if (!this.#wire) return Promise.resolve(err(this.#offline(null)))
    if (this.#jobs.length >= MOST_WAITING)
      return Promise.resolve(fail('TERMINAL_BUSY', `${id}: ${this.#jobs.length} talks wait already`, { terminal: id }))
    return new Promise((resolve, reject) => {
      const job = new TalkJob<T, Frame>(this.#adapter, talk, options, this.#orders++, resolve, reject)
      if (signal) {
        const cancel = () => this.#cancel(job)
        signal.addEventListener('abort', cancel, { once: true })
        job.onOver = () => signal.removeEventListener('abort', cancel)
      }
      this.#jobs.push(job)
      this.#onBusy(this)
      this.pump()
    })
  }

  /**
   * Shows a frame to what is under way. Each request sees it whatever its number: terminals number the frames of one answer in ways of
   * their own, and the request knows.
   *
   * @returns  whether anybody asked for it, `late` when nobody waits any more
   */
  hear(frame: Frame): 'mine' | 'late' | 'stranger' {
    for (const asked of this.#underWay) {
      const verdict = asked.request.judge(frame, asked.number)
      if (verdict === 'stranger') continue
      asked.frames.push(frame)
      if (verdict === 'last') this.#answered(asked)
      else if (asked.frames.length >= MOST_PARTS) this.#babbles(asked)
      else asked.deadline = this.#clock.monotonic() + asked.allowedMs
      return 'mine'
    }
    for (const late of this.#late) {
      const verdict = late.request.judge(frame, late.number)
      if (verdict === 'stranger') continue
      return this.#heardLate(late, verdict, frame)
    }
    return 'stranger'
  }

  #heardLate(late: Late<Frame>, verdict: 'last' | 'part', frame: Frame): 'mine' | 'late' {
    // The same question asked again: its first answer is as good, if it is whole.
    const again = this.#underWay.find(({ request, frames }) => request === late.request && frames.length === 0)
    if (again && verdict === 'last') {
      this.#numbers.rest(again.number, again.allowedMs, this.#clock.monotonic())
      again.frames.push(frame)
      this.#answered(again)
      return 'mine'
    }
    // It is not for the questions asked since, though they were answered: it does several things at once.
    if (late.sentAt < this.#answeredAt) this.#isManifold = true
    return 'late'
  }

  tick(now: number): void {
    const wire = this.#wire
    if (wire && !wire.isHeld && !wire.isReceiving)
      for (const asked of this.#underWay.filter(({ deadline }) => now >= deadline)) this.#overdue(asked, now)
    this.pump()
  }

  pump(): void {
    // A talk that ends at once may have the next one asked within its own step.
    if (this.#isPumping) return
    this.#isPumping = true
    try {
      while (this.#wire !== null && this.#underWay.length < this.#width()) {
        const job = this.#next()
        if (job === null || !this.#send(job)) break
      }
    } finally {
      this.#isPumping = false
    }
  }

  #width(): number {
    if (this.#settings.window > 1) return this.#settings.window
    return this.#isManifold && this.#underWay.some(({ request }) => request.reach === 'field') ? 2 : 1
  }

  /** The most urgent job that may go now, out of the queue; its talk has begun. Null when none may. */
  #next(): Job<Frame> | null {
    const follower = this.#jobs.findIndex(({ request }) => request?.follows)
    if (follower >= 0) return this.#jobs.splice(follower, 1)[0] ?? null
    const isFieldTaken = this.#underWay.some(({ request }) => request.reach === 'field')
    const passed = new Set<Job<Frame>>()
    for (;;) {
      let best: Job<Frame> | null = null
      for (const job of this.#jobs)
        if (!passed.has(job) && (best === null || job.rank < best.rank || (job.rank === best.rank && job.order < best.order))) best = job
      if (best === null) return null
      if (best.request === null && !best.isOver) {
        // Talks begin when they can be carried on: few may have begun and wait for the field.
        if (passed.size >= this.#width()) return null
        best.begin()
      }
      // There is one bus behind a terminal: a second request for it would only wait there.
      if (!best.isOver && isFieldTaken && best.request?.reach === 'field') {
        passed.add(best)
        continue
      }
      const at = this.#jobs.indexOf(best)
      if (at >= 0) this.#jobs.splice(at, 1)
      if (!best.isOver) return best
    }
  }

  /** @returns false when no number is free: the job waits on */
  #send(job: Job<Frame>): boolean {
    const { request } = job
    if (request === null || this.#wire === null) return true
    const { id, allowWrites, answerMs, fieldAnswerMs } = this.#settings
    if (request.writes && !allowWrites) {
      this.#figures.refused++
      job.fail(fail('TERMINAL_READ_ONLY', `${id} was not asked: this would change it`, { terminal: id }).error)
      return true
    }
    const now = this.#clock.monotonic()
    const number = this.#numbers.take(now)
    if (number === null) {
      this.#jobs.push(job)
      return false
    }
    const allowedMs = request.reach === 'field' ? fieldAnswerMs : answerMs
    let bytes: Uint8Array
    try {
      bytes = request.make(number)
    } catch (bug) {
      this.#numbers.free(number)
      job.crash(bug)
      return true
    }
    job.sent++
    this.#figures.requests++
    const wallSentAt = job.witness ? this.#clock.now() : 0
    this.#underWay.push({ job, request, number, bytes, wallSentAt, sentAt: now, allowedMs, deadline: now + allowedMs, frames: [] })
    this.#wire.send(bytes, this.#adapter.describe(bytes, 'tx'))
    return true
  }

  #answered(asked: UnderWay<Frame>): void {
    const { job, number, sentAt, frames } = asked
    this.#remove(asked)
    this.#numbers.free(number)
    this.#figures.answered++
    this.#figures.latencySumMs += this.#clock.monotonic() - sentAt
    this.#answeredAt = Math.max(this.#answeredAt, sentAt)
    this.#show(asked)
    job.resume(ok(frames))
    this.#goOn(job)
  }

  /** Lets whoever keeps evidence see what is about to be decoded. */
  #show({ job: { witness }, bytes, wallSentAt, frames }: UnderWay<Frame>): void {
    if (!witness) return
    const at = this.#clock.now()
    witness({ at: wallSentAt, direction: 'tx', bytes })
    for (const frame of frames) witness({ at, direction: 'rx', bytes: this.#adapter.bytesOf?.(frame) ?? NOTHING })
  }

  #overdue(asked: UnderWay<Frame>, now: number): void {
    const { job, request, number, allowedMs, sentAt, frames } = asked
    this.#giveUp(asked, now)
    this.#figures.noReply++
    if (job.sent < job.tries && !request.writes && !job.signal?.aborted) {
      job.repeated()
      this.#jobs.push(job)
      return
    }
    const { id } = this.#settings
    const what = this.#adapter.describe(request.make(number), 'tx')
    const waitedMs = Math.round(now - sentAt)
    const got = frames.length === 0 ? 'nothing heard' : `${frames.length} parts heard, then nothing,`
    job.resume(
      fail('TERMINAL_NO_REPLY', `${id} ${what}: ${got} in ${waitedMs} ms`, { terminal: id, waitedMs, allowedMs, parts: frames.length }),
    )
    this.#goOn(job)
  }

  #babbles(asked: UnderWay<Frame>): void {
    const { id } = this.#settings
    this.#giveUp(asked, this.#clock.monotonic())
    asked.job.fail(fail('TERMINAL_BABBLE', `${id} sent ${MOST_PARTS} frames and no last one`, { terminal: id }).error)
  }

  /** What the talk wants next; whoever is more urgent goes first. */
  #goOn(job: Job<Frame>): void {
    if (job.isOver) return
    if (job.signal?.aborted) job.fail(this.#cancelled().error)
    else this.#jobs.push(job)
  }

  #giveUp(asked: UnderWay<Frame>, now: number): void {
    const { request, number, sentAt, allowedMs } = asked
    this.#remove(asked)
    this.#numbers.rest(number, allowedMs, now)
    this.#late.push({ request, number, sentAt })
    if (this.#late.length > MOST_LATE) this.#late.shift()
  }

  #remove(asked: UnderWay<Frame>): void {
    this.#underWay = this.#underWay.filter((other) => other !== asked)
  }

  #cancel(job: Job<Frame>): void {
    const at = this.#jobs.indexOf(job)
    if (at >= 0) {
      this.#jobs.splice(at, 1)
      job.fail(this.#cancelled().error)
      return
    }
    const asked = this.#underWay.find((other) => other.job === job)
    // What became of a write is waited for.
    if (!asked || asked.request.writes) return
    this.#giveUp(asked, this.#clock.monotonic())
    job.fail(this.#cancelled().error)
    this.pump()
  }

  #cancelled() {
    const { id } = this.#settings
    return lineFail('READ_CANCELLED', `what was asked of ${id} was given up`, { terminal: id })
  }

  #offline(why: GatewayError | null): GatewayError {
    return offline(this.#settings.id, why)
  }
}

/** The failure of asking a terminal that is not connected. */
export const offline = (terminal: string, why: GatewayError | null): GatewayError =>
  fail('TERMINAL_OFFLINE', `${terminal} is not connected${why ? `: ${why.message}` : ''}`, { terminal, cause: why?.code ?? null }).error
