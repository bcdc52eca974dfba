import { type Clock, type MemoryDictionary, ok, type Reading, type Result, type RowCodec } from '../core/index.ts'
import { ENTRY_HEAD, frameEntry, HEAD, MAX_BYTES, MAX_ENTRIES } from './entry.ts'
import { fail, type OutboxError, textOf } from './errors.ts'
import type { VaultPort } from './port.ts'
import type { After } from './types.ts'
import type { Committed, DamagedEntry, DeadEntry, Word } from './vault-types.ts'

export interface IntakeDeps {
  readonly port: VaultPort
  readonly codec: RowCodec
  readonly dictionary: MemoryDictionary
  readonly clock: Clock
  readonly after: After
  readonly groupMs: number
  /** After a commit, before the callers are told. */
  readonly committed: (answer: Committed, readings: readonly Reading[]) => void
  readonly refused: (error: OutboxError) => void
}

/** One call of `put`; it may lie in several packs. */
interface Caller {
  packs: number
  error: OutboxError | null
  readonly settle: (result: Result<void, OutboxError>) => void
}

interface Pack {
  readonly chunk: Uint8Array
  readonly readings: readonly Reading[]
  readonly callers: readonly Caller[]
}

/** How far the intake was filled before a call, so that a call that fails leaves nothing of itself behind. */
interface Mark {
  readonly end: number
  readonly readings: number
  readonly callers: number
  readonly queue: number
  readonly waitingBytes: number
}

/** Longest a cursor waits for a commit to travel with. */
const SAVE_MS = 200
/** A second commit is sent ahead so that the disk need not wait for this thread. */
const MOST_UNDER_WAY = 2

/**
 * Gathers readings into commits. After a pause the first goes at once; under load a commit holds what came while the one before
 * it was being synced, and no two start within `groupMs`. Moved cursors and dead letters travel along.
 */
export class Intake {
  readonly #deps: IntakeDeps
  readonly #scratch = new Uint8Array(MAX_BYTES + (64 << 10))
  #end = HEAD
  #readings: Reading[] = []
  #callers: Caller[] = []
  #queue: Pack[] = []
  #underWay = 0
  #startedAt = Number.NEGATIVE_INFINITY
  #planned: (() => void) | null = null
  #plannedSave: (() => void) | null = null
  #idle: (() => void)[] = []
  #waitingBytes = 0
  #failing = false
  #words: Word[] = []
  #cursors = new Map<string, number>()
  #dead: DeadEntry[] = []
  #damaged: DamagedEntry[] = []

  constructor(deps: IntakeDeps) {
    this.#deps = deps
  }

  /** Bytes taken from callers and not yet on disk. */
  get waitingBytes(): number {
    return this.#waitingBytes + this.#end - HEAD
  }

  get unsavedDead(): number {
    return this.#dead.length
  }

  put(readings: readonly Reading[]): Promise<Result<void, OutboxError>> {
    if (readings.length === 0) return Promise.resolve(ok(undefined))
    return new Promise((settle) => {
      const caller: Caller = { packs: 0, error: null, settle }
      const mark = this.#mark()
      for (const reading of readings) {
        const error = this.#take(reading)
        if (error) {
          this.#backTo(mark)
          return settle({ ok: false, error })
        }
        if (this.#callers.at(-1) !== caller) {
          this.#callers.push(caller)
          caller.packs++
        }
      }
      this.#schedule()
    })
  }

  /** Notes how far a sink has got, and what it refused. */
  save(sink: string, position: number, dead: readonly DeadEntry[]): void {
    this.#cursors.set(sink, position)
    for (const letter of dead) this.#dead.push(letter)
    this.#planSave()
  }

  setAside(entry: DamagedEntry): void {
    this.#damaged.push(entry)
    this.#planSave()
  }

  /** Words the file may have lost are sent again with the next commit. */
  resendWords(): void {
    const { dictionary } = this.#deps
    this.#words = []
    dictionary.takeFresh()
    for (let id = 0; id < dictionary.nextId; id++) {
      const text = dictionary.textOf(id)
      if (text !== undefined) this.#words.push([id, text])
    }
    this.#planSave()
  }

  /** Resolves when everything taken or noted so far has been committed or refused. */
  async flush(): Promise<void> {
    this.#closePack()
    this.#go()
    await this.#untilIdle()
    if (!this.hasUnsaved || this.#failing) return
    this.#go()
    await this.#untilIdle()
  }

  #untilIdle(): Promise<void> {
    if (this.#underWay === 0 && this.#queue.length === 0) return Promise.resolve()
    return new Promise((done) => this.#idle.push(done))
  }

  get hasUnsaved(): boolean {
    return this.#cursors.size > 0 || this.#dead.length > 0 || this.#damaged.length > 0 || this.#words.length > 0
  }

  get isIdle(): boolean {
    return this.#underWay === 0 && this.#queue.length === 0 && this.#readings.length === 0
  }

  /** Adds one reading, or says why it can never be kept. Whatever a caller hands over, nothing is thrown. */
  #take(reading: Reading): OutboxError | null {
    try {
      const fault = faultOf(reading)
      if (fault !== null) return fail('OUTBOX_READING', `a reading of ${reading.series.key} has ${fault}`).error
      return this.#add(reading) ? null : fail('OUTBOX_TOO_LARGE', `one reading of ${reading.series.key} exceeds ${MAX_BYTES} bytes`).error
    } catch (error) {
      return fail('OUTBOX_READING', `a reading cannot be packed: ${textOf(error)}`).error
    }
  }

  #mark(): Mark {
    return {
      end: this.#end,
      readings: this.#readings.length,
      callers: this.#callers.length,
      queue: this.#queue.length,
      waitingBytes: this.#waitingBytes,
    }
  }

  /** Takes out what came since. The packs closed meanwhile are still here: they leave with {@link #schedule}. */
  #backTo({ end, readings, callers, queue, waitingBytes }: Mark): void {
    const closed = this.#queue[queue]
    if (closed) {
      this.#scratch.set(closed.chunk.subarray(0, end))
      this.#readings = [...closed.readings]
      this.#callers = [...closed.callers]
    }
    this.#queue.length = queue
    this.#readings.length = readings
    this.#callers.length = callers
    this.#end = end
    this.#waitingBytes = waitingBytes
  }

  #add(reading: Reading): boolean {
    const { codec } = this.#deps
    if (this.#readings.length === MAX_ENTRIES || this.#end >= MAX_BYTES) this.#closePack()
    let end = codec.encodeInto(reading, this.#scratch, this.#end + ENTRY_HEAD)
    if (end < 0 && this.#readings.length > 0) {
      this.#closePack()
      end = codec.encodeInto(reading, this.#scratch, this.#end + ENTRY_HEAD)
    }
    if (end < 0) return false
    frameEntry(this.#scratch, this.#end, this.#readings.length, end - this.#end - ENTRY_HEAD)
    this.#readings.push(reading)
    this.#end = end
    return true
  }

  #closePack(): void {
    if (this.#readings.length === 0) return
    const chunk = this.#scratch.slice(0, this.#end)
    this.#queue.push({ chunk, readings: this.#readings, callers: this.#callers })
    this.#waitingBytes += chunk.length
    this.#end = HEAD
    this.#readings = []
    this.#callers = []
  }

  #schedule(): void {
    if (this.#queue.length > 0) this.#go()
    if (this.#underWay > 0 || this.#planned || this.#readings.length === 0) return
    const wait = this.#startedAt + this.#deps.groupMs - this.#deps.clock.monotonic()
    const go = () => {
      this.#planned = null
      this.#closePack()
      this.#go()
    }
    if (wait > 0) this.#planned = this.#deps.after(wait, go)
    else {
      const immediate = setImmediate(go)
      this.#planned = () => clearImmediate(immediate)
    }
  }

  #planSave(): void {
    this.#plannedSave ??= this.#deps.after(SAVE_MS, () => {
      this.#plannedSave = null
      this.#go()
    })
  }

  #go(): void {
    while (this.#underWay < MOST_UNDER_WAY) {
      // After a failure everything under way comes back first: a commit between would leave out its words.
      if (this.#failing && this.#underWay > 0) return
      const pack = this.#queue.shift() ?? null
      if (!pack && !(this.hasUnsaved && this.#underWay === 0)) return
      this.#planned?.()
      this.#planned = null
      void this.#commit(pack)
    }
  }

  async #commit(pack: Pack | null): Promise<void> {
    const { port, dictionary, clock } = this.#deps
    const words = [...this.#words, ...dictionary.takeFresh()]
    const cursors = [...this.#cursors]
    const [dead, damaged] = [this.#dead, this.#damaged]
    this.#words = []
    this.#cursors = new Map()
    this.#dead = []
    this.#damaged = []
    this.#plannedSave?.()
    this.#plannedSave = null
    this.#underWay++
    this.#startedAt = clock.monotonic()
    const at = clock.now()
    const bytes = pack?.chunk.length ?? 0
    const count = pack?.readings.length ?? 0
    const group = { at, chunk: pack?.chunk ?? null, count, words, wordCount: dictionary.nextId, cursors, dead, damaged }
    const result = await port.call('commit', group, at)
    this.#underWay--
    this.#waitingBytes -= bytes
    this.#failing = !result.ok
    if (result.ok) this.#deps.committed(result.value, pack?.readings ?? [])
    else {
      // What must be written down stays; what was to be taken is given back to whoever brought it.
      // Two commits may have failed, and the later one's words may stand here already: numbers must rise.
      this.#words = [...words, ...this.#words].sort(([a], [b]) => a - b)
      for (const [sink, position] of cursors) this.#cursors.set(sink, Math.max(position, this.#cursors.get(sink) ?? 0))
      this.#dead = [...dead, ...this.#dead]
      this.#damaged = [...damaged, ...this.#damaged]
      this.#deps.refused(result.error)
    }
    for (const caller of pack?.callers ?? []) {
      caller.packs--
      if (!result.ok) caller.error ??= result.error
      if (caller.packs === 0) caller.settle(caller.error ? { ok: false, error: caller.error } : ok(undefined))
    }
    if (result.ok && this.hasUnsaved) this.#planSave()
    this.#schedule()
    if (this.#underWay === 0 && this.#queue.length === 0) for (const done of this.#idle.splice(0)) done()
  }
}

/** What the packed form would not give back as it is, in words; null for a sound reading. */
const faultOf = ({ shape, raws, scalers, measuredAt, receivedAt }: Reading): string | null => {
  if (!Number.isSafeInteger(measuredAt)) return `the time ${measuredAt}, which is no whole millisecond`
  if (!Number.isSafeInteger(receivedAt)) return `the time of arrival ${receivedAt}, which is no whole millisecond`
  for (let column = 0; column < raws.length; column++) {
    const raw = raws[column]
    if (raw === null || raw === undefined) continue
    if (typeof raw !== 'bigint' && !Number.isInteger(raw)) return `${raw} for ${shape.columns[column]?.field}, which is no integer`
    const scaler = scalers?.[column] ?? 0
    if (!Number.isSafeInteger(scaler)) return `the exponent ${scaler} for ${shape.columns[column]?.field}, which is no integer`
  }
  return null
}
