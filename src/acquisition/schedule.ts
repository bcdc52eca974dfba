import type { ReadKind } from '../core/index.ts'
import { ClockJump } from './clock-jump.ts'
import { DueReads } from './schedule-reads.ts'
import { addTo, isSameRhythm, type Member, newCounters, newMember, newTask, statusOf, type Task } from './schedule-task.ts'
import type { ScheduleDeps, TaskCounters, TaskDefinition, TaskStatus } from './schedule-types.ts'
import { firstLabel, isFreeze, isTooOld, labelsUpTo, type Mode } from './schedule-work.ts'

const LONGEST_WAIT_MS = 1000
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
 * is already on its way is still kept, and counts. How a due read is carried out: {@link DueReads}.
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
  readonly #reads: DueReads

  constructor(deps: ScheduleDeps) {
    this.#deps = deps
    this.#reads = new DueReads(deps)
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
    await this.#reads.stop([...this.#tasks.values(), ...this.#former], withinMs)
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

  /** What was missed of these labels has been read since, by whoever keeps the gaps. Milliseconds since 1970 UTC; `before` is not of them. */
  had(device: string, read: ReadKind, from: number, before: number): void {
    for (const task of this.#tasks.values()) {
      const member = task.spec.read === read ? task.members.get(device) : undefined
      if (member) this.#reads.had(task, member, from, before)
    }
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
        for (const [label, open] of member.open) this.#reads.giveUp(task, member, label, open)
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
      if (mode === 'none') for (const [label, open] of member.open) this.#reads.giveUp(task, member, label, open)
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
    for (const [label, open] of member.open) this.#reads.giveUp(task, member, label, open)
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
    const { calendar, firstPassMs } = this.#deps
    const { read, period } = task.spec
    const isKept = isFreeze(read) && member.mode === 'native' && firstPassMs === undefined
    if (firstPassMs !== undefined && isFreeze(read)) this.#reads.handOver(task, member, label)
    // Freezes that were due while nobody looked are fetched too; a live value of the past cannot be.
    const labels = isKept ? labelsUpTo(calendar, period, member.lastLabel, label) : [label]
    member.lastLabel = label
    for (const [old, open] of member.open)
      if (!isKept || isTooOld(calendar, task.spec, old, label)) this.#reads.miss(task, member, old, open)
    for (const each of labels) this.#reads.open(task, member, each, spreadMs)
  }

  #isReadLive(device: string): boolean {
    for (const { spec, members } of this.#tasks.values()) if (spec.read === 'current' && members.has(device)) return true
    return false
  }
}
