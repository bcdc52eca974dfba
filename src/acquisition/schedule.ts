import { explain, type GatewayError, type Result, type Source } from '../core/index.ts'
import { ClockJump } from './clock-jump.ts'
import {
  addTo,
  isSameRhythm,
  type Member,
  newCounters,
  newMember,
  newOpen,
  newTask,
  type Open,
  statusOf,
  type Task,
} from './schedule-task.ts'
import type { ScheduleDeps, TaskCounters, TaskDefinition, TaskStatus } from './schedule-types.ts'
import {
  endedWithin,
  firstLabel,
  hash,
  internal,
  isFreeze,
  isFreezeOf,
  isLiveAt,
  isMoved,
  isPast,
  isTooOld,
  labelsUpTo,
  type Mode,
  notYet,
  PRIORITIES,
  type Work,
  workOf,
} from './schedule-work.ts'
import { countIn } from './stats.ts'

const LONGEST_WAIT_MS = 1000
const FIRST_RETRY_MS = 2000
const LONGEST_RETRY_MS = 60_000
/** A read whose line was replaced under it goes on with the new one after this long. */
const MOVED_MS = 250
/** Devices that join later need not wait for their place in the spread: the first read comes within this time. */
const JOIN_SPREAD_MS = 2000
/** Devices that become due in one go. */
const DUE_AT_ONCE = 1000
/** A clock set back further than this is set back for good. */
const FAR_BACK_MS = 2 * 3_600_000

/**
 * Wall-clock-aligned tasks (采集任务). A due read is known by its label, the start of its period, and is carried out once; a clock set
 * back does not repeat it. A missed read is due again until its label has passed, a missed freeze for as long as the meter keeps it.
 *
 * Tasks and devices come and go while it runs. A device that joins is due as at a start: for the present period unless that is stored
 * already, and for the freezes of the last days. What is open for a device that leaves ends as missed, `READ_WITHDRAWN`; an answer that
 * is already on its way is still kept, and counts.
 */
export class Schedule {
  readonly #deps: ScheduleDeps
  readonly #tasks = new Map<string, Task>()
  /** Tasks that were taken away while reads of theirs were under way. */
  #former: Task[] = []
  /** Counters of tasks that are no more. */
  readonly #gone = newCounters()
  #timer: NodeJS.Timeout | null = null
  #isStarted = false
  #isStopped = false
  readonly #jump: ClockJump
  readonly #running = new Set<Promise<void>>()

  constructor(deps: ScheduleDeps) {
    this.#deps = deps
    this.#jump = new ClockJump(deps.clock)
    for (const { devices, ...spec } of deps.tasks) {
      const task = newTask(spec)
      for (const id of devices) task.members.set(id, newMember(id))
      this.#tasks.set(spec.id, task)
    }
  }

  start(): void {
    const now = this.#deps.clock.now()
    this.#isStarted = true
    for (const task of this.#tasks.values())
      for (const member of task.members.values()) {
        member.mode = this.#modeOf(task.spec, member.id)
        member.lastLabel = firstLabel(this.#deps, task.spec, member, now)
      }
    this.#tick()
  }

  /** Starts nothing new and waits for what is under way, at most so long. */
  async stop(withinMs: number): Promise<void> {
    this.#isStopped = true
    if (this.#timer) clearTimeout(this.#timer)
    for (const task of [...this.#tasks.values(), ...this.#former])
      for (const member of task.members.values()) for (const open of member.open.values()) if (open.timer) clearTimeout(open.timer)
    await endedWithin(this.#running, withinMs)
  }

  /**
   * Makes the tasks those given. A task that only changes its period, offset, spread or registers keeps its devices, counters and open
   * reads; one that reads something else gives up what is open; a new one has no devices until {@link place} brings them.
   */
  define(tasks: readonly TaskDefinition[]): void {
    const wanted = new Map(tasks.map((spec) => [spec.id, spec]))
    for (const [id, task] of this.#tasks) {
      const spec = wanted.get(id)
      if (!spec) this.#dismiss(id, task)
      else this.#redefine(task, spec)
    }
    for (const [id, spec] of wanted) if (!this.#tasks.has(id)) this.#tasks.set(id, newTask(spec))
    this.#former = this.#former.filter((task) => {
      if (task.open === 0) addTo(this.#gone, task.counters)
      return task.open > 0
    })
    this.#lookSoon()
  }

  /**
   * Puts a device into exactly these tasks. Its place in others is given up; in those it was in already it stays as it is.
   *
   * @param isOther  it is another device than before under the same id: what waits on its line is asked of the new one
   */
  place(device: string, tasks: ReadonlySet<string>, isOther: boolean): void {
    for (const [id, task] of this.#tasks) {
      const member = task.members.get(device)
      if (member && !tasks.has(id)) this.#withdraw(task, member)
      else if (!member && tasks.has(id)) task.members.set(device, newMember(device))
    }
    if (!this.#isStarted) return
    const now = this.#deps.clock.now()
    for (const id of tasks) {
      const task = this.#tasks.get(id)
      const member = task?.members.get(device)
      if (task && member) this.#settle(task, member, isOther, now)
    }
  }

  totals(): Readonly<TaskCounters> {
    const sum = newCounters()
    addTo(sum, this.#gone)
    for (const { counters } of [...this.#tasks.values(), ...this.#former]) addTo(sum, counters)
    return sum
  }

  status(): readonly TaskStatus[] {
    return [...this.#tasks.values()].map(statusOf)
  }

  #dismiss(id: string, task: Task): void {
    for (const member of [...task.members.values()]) this.#withdraw(task, member)
    this.#tasks.delete(id)
    this.#former.push(task)
  }

  #redefine(task: Task, spec: TaskDefinition): void {
    const before = task.spec
    task.spec = spec
    if (isSameRhythm(before, spec)) return
    const isSameWork = before.read === spec.read
    task.passed = Number.NaN
    const now = this.#deps.clock.now()
    for (const member of task.members.values()) {
      if (!isSameWork) {
        for (const [label, open] of member.open) this.#giveUp(task, member, label, open)
        if (this.#isStarted) member.mode = this.#modeOf(spec, member.id)
      }
      // A freeze has the same label whenever it is asked for: it is not asked for again.
      if (!isSameWork || !isFreeze(spec.read)) member.lastLabel = firstLabel(this.#deps, spec, member, now)
    }
  }

  /** A device has come, or is another one: how it does the task, and what is due of it now. */
  #settle(task: Task, member: Member, isOther: boolean, now: number): void {
    const mode = this.#modeOf(task.spec, member.id)
    const isNew = Number.isNaN(member.lastLabel)
    if (isNew || mode !== member.mode) {
      if (mode === 'none') for (const [label, open] of member.open) this.#giveUp(task, member, label, open)
      const wasIdle = member.mode === 'none'
      member.mode = mode
      if (isNew || wasIdle) member.lastLabel = firstLabel(this.#deps, task.spec, member, now)
    }
    // What waits on a line that is no longer the device's comes back and is asked on the new one.
    if (isOther) for (const open of member.open.values()) if (open.isRunning) open.cancel.abort()
    const label = this.#labelAt(task.spec, now)
    if (isNew) this.#dueOf(task, member, label, Math.min(task.spec.spreadMs, JOIN_SPREAD_MS))
  }

  #withdraw(task: Task, member: Member): void {
    task.members.delete(member.id)
    for (const [label, open] of member.open) this.#giveUp(task, member, label, open)
  }

  /** Nothing more is tried. What is on the wire may still end well; what only waits is over. */
  #giveUp(task: Task, member: Member, label: number, open: Open): void {
    open.lastCode = 'READ_WITHDRAWN'
    if (!open.isRunning) this.#miss(task, member, label, open)
    else {
      open.isWithdrawn = true
      open.cancel.abort()
    }
  }

  #modeOf({ read, obis }: TaskDefinition, id: string): Mode {
    const device = this.#deps.find(id)?.device
    if (read === 'current' || !device || device.plan({ kind: read, nth: 1, ...(obis ? { obis } : {}) }).ok) return 'native'
    return read === 'curve' && this.#isReadLive(id) ? 'none' : 'stand-in'
  }

  /** Looks at what is due without waiting for the next time. */
  #lookSoon(): void {
    if (!this.#isStarted || this.#isStopped) return
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#tick(), 1)
  }

  #tick(): void {
    if (this.#isStopped) return
    const { clock, longestWaitMs = LONGEST_WAIT_MS } = this.#deps
    const now = clock.now()
    this.#noticeJump(now)
    let next = Number.POSITIVE_INFINITY
    for (const task of this.#tasks.values()) {
      this.#due(task, now)
      next = Math.min(next, task.nextAt)
    }
    const wait = Math.max(1, Math.min(longestWaitMs, (next - clock.now()) / clock.speed))
    this.#timer = setTimeout(() => this.#tick(), wait)
  }

  #noticeJump(wall: number): void {
    const jump = this.#jump.since(wall)
    if (jump === 0) return
    this.#deps.log('warn', `the wall clock was set ${jump > 0 ? 'forward' : 'back'} by ${Math.abs(Math.round(jump / 1000))} s`)
    if (jump < -FAR_BACK_MS) this.#startAnew(wall)
  }

  /** A clock set far back was far ahead before: what was done then must not keep everything waiting until it is there again. */
  #startAnew(now: number): void {
    for (const task of this.#tasks.values()) {
      const label = this.#labelAt(task.spec, now)
      task.passed = Number.NaN
      for (const member of task.members.values()) member.lastLabel = Math.min(member.lastLabel, label)
    }
  }

  #labelAt({ period, offsetMs }: TaskDefinition, now: number): number {
    return this.#deps.calendar.periodStart(period, now - offsetMs)
  }

  #due(task: Task, now: number): void {
    const { calendar } = this.#deps
    const { period, offsetMs, spreadMs } = task.spec
    const label = this.#labelAt(task.spec, now)
    task.nextAt = calendar.nextStart(period, label) + offsetMs
    task.lastAt = label + offsetMs
    if (task.passed === label) return
    task.passed = label
    this.#allDue(task, task.members.values(), label, spreadMs)
  }

  /** A hundred thousand devices are due at midnight: everything else has its turn in between. */
  #allDue(task: Task, members: IterableIterator<Member>, label: number, spreadMs: number): void {
    if (this.#isStopped || task.passed !== label) return
    for (let count = 0; count < DUE_AT_ONCE; count++) {
      const next = members.next()
      if (next.done) return
      if (task.members.get(next.value.id) === next.value) this.#dueOf(task, next.value, label, spreadMs)
    }
    setImmediate(() => this.#allDue(task, members, label, spreadMs))
  }

  #dueOf(task: Task, member: Member, label: number, spreadMs: number): void {
    if (member.mode === 'none' || !(label > member.lastLabel)) return
    const { calendar, clock, find, events, firstPassMs } = this.#deps
    const { read, period } = task.spec
    const isKept = isFreeze(read) && member.mode === 'native' && firstPassMs === undefined
    if (firstPassMs !== undefined && isFreeze(read)) this.#handOver(task, member, label)
    // Freezes that were due while nobody looked are fetched too; a live value of the past cannot be.
    const labels = isKept ? labelsUpTo(calendar, period, member.lastLabel, label) : [label]
    member.lastLabel = label
    for (const [old, open] of member.open) if (!isKept || isTooOld(calendar, task.spec, old, label)) this.#miss(task, member, old, open)
    for (const each of labels) {
      task.counters.due++
      task.open++
      events?.due(task.spec, member.id, each)
      const found = find(member.id)
      if (found) found.device.health.due++
      member.open.set(each, newOpen())
      this.#launch(task, member, each, spreadMs > 0 ? (hash(this.#deps.together?.(member.id) ?? member.id) % spreadMs) / clock.speed : 0)
    }
  }

  /** Freezes that were due while nobody looked: somebody else fetches them. */
  #handOver(task: Task, member: Member, label: number): void {
    const { calendar, events } = this.#deps
    for (const each of labelsUpTo(calendar, task.spec.period, member.lastLabel, label).slice(0, -1)) {
      task.counters.due++
      task.counters.missed++
      countIn(task.counters.reasons, 'READ_OVERTAKEN')
      events?.due(task.spec, member.id, each)
      events?.missed(task.spec, member.id, each, 0, 'READ_OVERTAKEN')
    }
  }

  #end(task: Task, member: Member, label: number): void {
    if (member.open.delete(label)) task.open--
  }

  #miss(task: Task, member: Member, label: number, open: Open): void {
    // Counted already: it was overtaken while it waited on its line.
    if (member.open.get(label) !== open) return
    if (open.timer) clearTimeout(open.timer)
    // One that still waits on its line leaves the queue: the next period has its own.
    open.cancel.abort()
    this.#end(task, member, label)
    task.counters.missed++
    countIn(task.counters.reasons, open.lastCode)
    this.#deps.events?.missed(task.spec, member.id, label, open.attempts, open.lastCode)
    const found = this.#deps.find(member.id)
    if (!found) return
    found.device.health.missed++
    if (open.lastCode === 'READ_OVERTAKEN') countIn(found.device.health.reasons, open.lastCode)
  }

  #launch(task: Task, member: Member, label: number, delayMs: number): void {
    const open = member.open.get(label)
    if (!open || this.#isStopped) return
    open.timer = setTimeout(() => {
      open.timer = null
      open.isRunning = true
      const work = this.#carryOut(task, member, label, open)
        .catch((bug: unknown) => {
          this.#deps.log(
            'warn',
            `${member.id}: reading failed by a fault of the gateway: ${bug instanceof Error ? (bug.stack ?? bug.message) : String(bug)}`,
          )
          this.#failed(task, member, label, open, internal(member.id).error)
        })
        .finally(() => this.#running.delete(work))
      this.#running.add(work)
    }, delayMs)
  }

  async #carryOut(task: Task, member: Member, label: number, open: Open): Promise<void> {
    const { calendar, clock, find, take, log } = this.#deps
    const found = find(member.id)
    if (!found) return this.#miss(task, member, label, open)
    open.attempts++
    const { spec } = task
    const work: Result<Work> = workOf(this.#deps, spec, member.mode, label, found.device, clock.now())
    if (!work.ok) {
      open.lastCode = work.error.code
      log('debug', `${member.id}: ${explain(work.error)}`)
      return this.#miss(task, member, label, open)
    }
    const { plan, standsFor } = work.value
    // Midnight's register is not what the meter shows at noon, however long it was asked for.
    if (standsFor && isPast(clock, spec, label)) return this.#miss(task, member, label, open)
    if (open.cancel.signal.aborted) open.cancel = new AbortController()
    const done = await found.poller.read(found.device, plan, {
      priority: open.attempts > 1 ? 'reread' : PRIORITIES[spec.read],
      signal: open.cancel.signal,
      keepsFrames: this.#deps.keepsFrames?.(standsFor ?? plan.source) ?? false,
    })
    // Its label may have passed while it waited on the line: then it was counted as missed, but a value that came is kept.
    const isStillDue = member.open.get(label) === open
    if (done.ok && standsFor && isPast(clock, spec, label)) return this.#miss(task, member, label, open)
    if (!done.ok && isStillDue && !open.isWithdrawn && isMoved(done.error)) {
      // Its line was replaced under it: that was no try.
      open.attempts--
      return this.#again(task, member, label, open, MOVED_MS)
    }
    if (done.ok && standsFor && !isLiveAt(calendar, label, done.value)) {
      if (isStillDue) this.#failed(task, member, label, open, notYet(member.id, label).error)
      return
    }
    const safe: Result<void> = done.ok ? await take(done.value, label, standsFor, spec.id) : done
    if (!safe.ok) {
      this.#failed(task, member, label, open, safe.error)
      return
    }
    if (!isStillDue || !done.ok) return
    if (!standsFor && isFreeze(spec.read) && !isFreezeOf(calendar, spec, label, done.value)) {
      this.#failed(task, member, label, open, notYet(member.id, label).error)
      return
    }
    // Another device may stand for the meter by now, with the counters of this one.
    const { health } = find(member.id)?.device ?? found.device
    this.#wasRead(task, member, label, open, health, done.value.isFirstTry, standsFor)
  }

  #wasRead(
    task: Task,
    member: Member,
    label: number,
    open: Open,
    health: { read: number; firstTry: number },
    isFirstAsk: boolean,
    standsFor: Source | null,
  ): void {
    this.#end(task, member, label)
    task.counters.read++
    health.read++
    const isFirstTry = open.attempts === 1 && isFirstAsk
    if (isFirstTry) {
      task.counters.firstTry++
      health.firstTry++
    }
    this.#deps.events?.read(task.spec, member.id, label, open.attempts, isFirstTry, standsFor)
    if (open.attempts > 1)
      this.#deps.log(
        'debug',
        `${member.id}: ${task.spec.id} of ${new Date(label).toISOString()} read at try ${open.attempts} (${this.#deps.clock.now()})`,
      )
  }

  #isReadLive(device: string): boolean {
    for (const { spec, members } of this.#tasks.values()) if (spec.read === 'current' && members.has(device)) return true
    return false
  }

  #failed(task: Task, member: Member, label: number, open: Open, error: GatewayError): void {
    if (member.open.get(label) !== open) return
    const { clock, firstPassMs, events } = this.#deps
    const { spec } = task
    if (!open.isWithdrawn) {
      open.lastCode = error.code
      events?.failed(spec, member.id, label, open.attempts, error.code)
    }
    const isPassOver = firstPassMs !== undefined && isFreeze(spec.read) && clock.now() > label + spec.offsetMs + firstPassMs()
    if (open.isWithdrawn || isPassOver) {
      this.#miss(task, member, label, open)
      return
    }
    const leftMs = (task.nextAt - clock.now()) / clock.speed
    const pause = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (open.attempts - 1), Math.max(500, leftMs / 4))
    this.#again(task, member, label, open, pause * (0.75 + Math.random() / 2))
  }

  #again(task: Task, member: Member, label: number, open: Open, delayMs: number): void {
    open.isRunning = false
    this.#launch(task, member, label, delayMs)
  }
}
