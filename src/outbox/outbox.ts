import { type Clock, type GatewayError, MemoryDictionary, ok, type Reading, type Result, RowCodec, systemClock } from '../core/index.ts'
import { fail, type OutboxError } from './errors.ts'
import { Intake } from './intake.ts'
import type { VaultPort } from './port.ts'
import { Pump } from './pump.ts'
import { Tail } from './tail.ts'
import { type DeadLetter, type Outbox, type OutboxOptions, type OutboxState, realAfter, silentLog } from './types.ts'
import type { DeadRow, Status } from './vault-types.ts'

export const DEFAULT_RESERVE_BYTES = 16 << 20
const DEFAULT_GROUP_MS = 4
const DEFAULT_LINGER_MS = 50
/** How often a disk that refused is tried again. */
const PROBE_MS = 1000
/** Taking starts again when this much of the limit is free, so that readiness does not flicker. */
const RESUME_AT = 0.9
const RESUME_RESERVE = 1.25
/** Readings under way to a disk that does not keep up. */
const MOST_WAITING_BYTES = 32 << 20
const LEAST_GRACE_MS = 1000

/** Puts intake, vault and pumps together. The vault is open already. */
export const outboxOver = (port: VaultPort, options: OutboxOptions): Outbox => new DurableOutbox(port, options)

class DurableOutbox implements Outbox {
  readonly #port: VaultPort
  readonly #options: OutboxOptions
  readonly #clock: Clock
  readonly #dictionary: MemoryDictionary
  readonly #codec: RowCodec
  readonly #tail: Tail
  readonly #intake: Intake
  readonly #pumps: readonly Pump[]
  #status: Status
  #trouble: OutboxError | null = null
  #full = false
  #low = false
  #closed = false
  #cancelProbe: (() => void) | null = null
  #waitingForEmpty: (() => void)[] = []
  #told = ''

  constructor(port: VaultPort, options: OutboxOptions) {
    const { clock = systemClock, after = realAfter, log = silentLog, random = Math.random, sinks } = options
    const { opened } = port
    this.#port = port
    this.#options = options
    this.#clock = clock
    this.#status = opened
    this.#dictionary = new MemoryDictionary(opened.words, opened.firstFreeWord)
    this.#codec = new RowCodec(this.#dictionary)
    this.#tail = new Tail(2 * Math.max(1, ...sinks.map(({ batch }) => batch)))
    this.#intake = new Intake({
      port,
      codec: this.#codec,
      dictionary: this.#dictionary,
      clock,
      after,
      groupMs: Math.min(50, options.groupMs ?? DEFAULT_GROUP_MS),
      committed: (answer, readings) => {
        if (readings.length > 0 && sinks.length > 0) this.#tail.push(answer.first, readings)
        this.#trouble = null
        this.#learn(answer)
      },
      refused: (error) => this.#refuse(error),
    })
    const cursors = new Map(opened.cursors)
    this.#pumps = sinks.map(
      (sink) =>
        new Pump(sink, cursors.get(sink.id) ?? opened.oldest, {
          port,
          codec: this.#codec,
          tail: this.#tail,
          clock,
          after,
          random,
          lingerMs: Math.min(100, options.lingerMs ?? DEFAULT_LINGER_MS),
          log,
          end: () => this.#status.next,
          droppedTo: () => this.#status.droppedTo,
          save: (id, position, dead) => this.#intake.save(id, position, dead),
          setAside: (entry) => this.#intake.setAside(entry),
          learn: (status) => this.#learn(status),
          changed: () => this.#changed(),
        }),
    )
    this.#learn(opened)
    for (const pump of this.#pumps) pump.start()
  }

  put(readings: readonly Reading[]): Promise<Result<void>> {
    const refusal = this.#refusal()
    if (refusal) return Promise.resolve({ ok: false, error: refusal })
    return this.#intake.put(readings)
  }

  state(): OutboxState {
    const { bytes, oldestAt, damaged, dropped, deadLetters } = this.#status
    const reason = this.#refusal()
    return {
      ready: reason === null,
      reason,
      depth: this.#depth(),
      bytes,
      oldestAt: this.#depth() > 0 ? oldestAt : null,
      damaged,
      dropped,
      deadLetters: deadLetters + this.#intake.unsavedDead,
      sinks: this.#pumps.map((pump) => pump.report()),
    }
  }

  async deadLetters({ after = 0, limit = 100 } = {}): Promise<Result<readonly DeadLetter[]>> {
    if (this.#intake.unsavedDead > 0) await this.#intake.flush()
    const rows = await this.#port.call('letters', { after, limit }, this.#clock.now())
    return rows.ok ? ok(rows.value.map((row) => this.#letterOf(row))) : rows
  }

  async replayDeadLetters(ids: readonly number[]): Promise<Result<number>> {
    if (this.#closed) return fail('OUTBOX_CLOSED', 'the outbox is closed')
    const at = this.#clock.now()
    const done = await this.#port.call('replay', { ids, at, wordCount: this.#dictionary.nextId }, at)
    if (!done.ok) return done
    this.#learn(done.value)
    return ok(done.value.replayed)
  }

  drained(timeoutMs: number): Promise<boolean> {
    if (this.#isEmpty()) return Promise.resolve(true)
    return new Promise((answer) => {
      const { after = realAfter } = this.#options
      const empty = () => {
        cancel()
        answer(true)
      }
      const cancel = after(timeoutMs, () => {
        this.#waitingForEmpty = this.#waitingForEmpty.filter((other) => other !== empty)
        answer(false)
      })
      this.#waitingForEmpty.push(empty)
    })
  }

  async close({ drainMs = 0 } = {}): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#cancelProbe?.()
    await this.#intake.flush()
    for (const pump of this.#pumps) pump.hurry()
    if (drainMs > 0) await this.drained(drainMs)
    const { after = realAfter } = this.#options
    const stopped = Promise.all(this.#pumps.map((pump) => pump.stop()))
    // A sink that does not answer in time gets the batch again after the start.
    await new Promise<void>((go) => {
      const cancel = after(Math.max(LEAST_GRACE_MS, drainMs), go)
      void stopped.then(() => {
        cancel()
        go()
      })
    })
    await this.#intake.flush()
    await this.#port.call('close', null, this.#clock.now())
    this.#changed()
  }

  #refusal(): OutboxError | null {
    const { directory, maxBytes, whenFull } = this.#options
    if (this.#closed) return fail('OUTBOX_CLOSED', 'the outbox is closed').error
    if (this.#trouble) return this.#trouble
    if (this.#low)
      return fail('OUTBOX_DISK', `${this.#status.available} bytes left on the disk of ${directory}; the last ones are kept free`, {
        directory,
      }).error
    const waiting = this.#intake.waitingBytes
    if (waiting > MOST_WAITING_BYTES) return fail('OUTBOX_FULL', `${waiting} bytes wait for the disk, which does not keep up`).error
    if (whenFull === 'stop-taking' && (this.#full || this.#status.bytes + waiting >= maxBytes))
      return fail('OUTBOX_FULL', `${this.#status.bytes} of ${maxBytes} bytes are waiting for a sink`, { maxBytes }).error
    return null
  }

  /** Takes over what the vault said, and tells whoever it concerns. */
  #learn(status: Status): void {
    const { maxBytes, whenFull, reserveBytes = DEFAULT_RESERVE_BYTES, log = silentLog } = this.#options
    const { bytes, available, generation, notes } = status
    for (const { level, message, fields } of notes) log[level](fields, message)
    if (generation !== this.#status.generation) this.#intake.resendWords()
    this.#status = status
    this.#full = whenFull === 'stop-taking' && (this.#full ? bytes > maxBytes * RESUME_AT : bytes >= maxBytes)
    // Dropping the oldest makes room inside the file; only when that no longer helps does it stop taking.
    const least = whenFull === 'drop-oldest' ? reserveBytes / 2 : reserveBytes
    this.#low = available < (this.#low ? least * RESUME_RESERVE : least)
    if (this.#low) this.#planProbe()
    for (const pump of this.#pumps) pump.wake()
    this.#changed()
  }

  #refuse(error: OutboxError): void {
    this.#trouble = error
    this.#planProbe()
    this.#changed()
  }

  #planProbe(): void {
    if (this.#closed) return
    const { after = realAfter } = this.#options
    this.#cancelProbe ??= after(PROBE_MS, async () => {
      const at = this.#clock.now()
      const answer = await this.#port.call('probe', { at }, at)
      this.#cancelProbe = null
      if (this.#closed) return
      if (!answer.ok) return this.#refuse(answer.error)
      this.#trouble = null
      this.#learn(answer.value)
      if (this.#intake.hasUnsaved) void this.#intake.flush()
    })
  }

  #depth(): number {
    const { next, oldest } = this.#status
    return Math.max(0, next - Math.min(...(this.#pumps.length > 0 ? this.#pumps.map(({ position }) => position) : [oldest])))
  }

  #isEmpty(): boolean {
    return this.#intake.isIdle && this.#depth() === 0
  }

  #changed(): void {
    if (this.#waitingForEmpty.length > 0 && this.#isEmpty()) for (const empty of this.#waitingForEmpty.splice(0)) empty()
    const { onState, log = silentLog } = this.#options
    const reason = this.#refusal()
    const { damaged, deadLetters } = this.#status
    const now = `${reason?.code ?? 'ready'} ${this.#pumps.map((pump) => pump.report().state)} ${damaged} ${deadLetters}`
    if (now === this.#told) return
    const before = this.#told.split(' ')[0]
    this.#told = now
    if (reason && before !== reason.code && !this.#closed) log.error({ error: reason }, 'the outbox takes no readings')
    if (!reason && before !== 'ready' && before !== '') log.info({}, 'the outbox takes readings again')
    onState?.(this.state())
  }

  #letterOf(row: DeadRow): DeadLetter {
    const { id, sink, series, measuredAt, firstTry, lastTry, raw } = row
    return {
      id,
      sink,
      series,
      measuredAt,
      firstTry,
      lastTry,
      raw,
      reading: this.#decoded(raw),
      reason: reasonOf(row.reason),
    }
  }

  #decoded(raw: Uint8Array): Reading | null {
    try {
      return this.#codec.decode(raw)
    } catch {
      return null
    }
  }
}

const reasonOf = (text: string): GatewayError => {
  try {
    return JSON.parse(text) as GatewayError
  } catch {
    return fail('OUTBOX_DAMAGED', 'the reason can no longer be read').error
  }
}
