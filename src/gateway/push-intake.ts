import {
  explain,
  type GatewayError,
  type PushedRecord,
  type PushMessage,
  type PushOutcome,
  type Reading,
  type Result,
  type Series,
} from '../core/index.ts'
import { type Admission, type Arrivals, type Devices, type Letters, Memory } from '../push/index.ts'
import type { EvidenceIntake, EvidenceMessage } from './evidence-keeper.ts'
import { conflictReading, eventReading, Once } from './push-events.ts'
import { UniqueInstants } from './push-instants.ts'
import { eventCode, type KnownMeter, type PushMeters } from './push-meters.ts'
import { type Note, Notes, newNote } from './push-notes.ts'
import { Together } from './push-together.ts'

export interface IntakeDeps {
  readonly id: string
  readonly meters: PushMeters
  readonly devices: Devices
  readonly arrivals: Arrivals
  readonly letters: Letters
  /** Why a stranger's message is turned away, for the refused ones. */
  readonly turnedAway: (names: readonly string[]) => GatewayError
  readonly put: (readings: readonly Reading[]) => Promise<Result<void>>
  readonly lookUp: (series: Series, measuredAt: number) => Promise<Result<Reading | null>>
  readonly newest: (seriesKey: string) => Reading | null | undefined
  readonly log: (level: 'debug' | 'info' | 'warn' | 'error', message: string) => void
  /** Keeps the messages behind what may be billed; absent: nobody does. */
  readonly evidence?: EvidenceIntake | undefined
  /** Told what a message says of a meter that is not in the ledger. */
  readonly stranger?: ((broker: string, address: string, record: PushedRecord, rule: string | null) => void) | undefined
}

/** What became of the messages since the start. */
export interface IntakeCounts {
  /** Messages that brought at least one value. */
  readonly used: number
  readonly refused: number
  readonly readings: number
  readonly values: number
  readonly duplicates: number
  readonly conflicts: number
  readonly late: number
  readonly unmapped: number
}

/** One reading on its way into memory and outbox. */
interface Job {
  readonly meter: KnownMeter
  readonly note: Note | null
  reading: Reading
  /** Its instant is ours to choose: another one in the same millisecond moves it on. */
  moves: boolean
  steps: number
}

/** A repeat of a reading that is not safe yet. */
interface Waiting {
  readonly job: Job
  readonly settled: Promise<boolean>
}

/** What is to be stored of one message. */
interface Kept {
  readonly put: Reading[]
  readonly waiting: Waiting[]
  /** A copy of the message, where one of its readings is kept with what it rests on. */
  message?: EvidenceMessage
}

const MOST_STEPS = 1000
const MOST_UNFIT = 100
const LONGEST_SHOWN = 200
const NOTHING = new Uint8Array()

/**
 * Takes what a message was decoded to into memory and outbox: what is new goes to the disk, what was there is not stored again,
 * and what contradicts is told.
 */
export class PushIntake {
  readonly #deps: IntakeDeps
  readonly #memory: Memory
  readonly #once = new Once()
  readonly #instants = new UniqueInstants()
  /** Packets whose readings the outbox can never take. */
  readonly #unfit = new Map<string, GatewayError>()
  readonly #together: Together
  readonly #counts = { used: 0, refused: 0, readings: 0, values: 0, duplicates: 0, conflicts: 0, late: 0, unmapped: 0 }

  constructor(deps: IntakeDeps) {
    this.#deps = deps
    this.#together = new Together(deps.put)
    const say = (error: GatewayError) => {
      if (this.#once.isDue(error.code, Date.now())) deps.log('warn', `${deps.id}: ${explain(error)}`)
    }
    this.#memory = new Memory({ lookUp: deps.lookUp, newest: deps.newest, say })
  }

  counts(): IntakeCounts {
    return { ...this.#counts }
  }

  /**
   * Takes one outcome of a message.
   *
   * @param packetKey  tells a repeat of the broker's; null: it cannot be repeated
   * @returns          null when everything is safe, else why the message must not be acknowledged
   */
  take(message: PushMessage, outcome: PushOutcome, packetKey: string | null): Promise<GatewayError | null> {
    const { arrivedAt } = message
    const unfit = this.#unfit.size > 0 && message.duplicate && packetKey !== null ? this.#unfit.get(packetKey) : undefined
    if (unfit) return this.refuse(message, unfit)
    const unknown = outcome.records.some(({ measuredAt }) => measuredAt === null) || outcome.events.some(({ at }) => at === null)
    if (!unknown) return this.#takeAt(message, outcome, arrivedAt, packetKey)
    const instant = this.#instants.take(outcome, arrivedAt)
    return packetKey === null ? this.#takeAt(message, outcome, instant, null) : this.#takeArrived(message, outcome, packetKey, instant)
  }

  /** Puts a whole message aside. @returns  why it could not even be put aside, or null */
  async refuse(message: PushMessage, error: GatewayError, bytes = message.payload.length): Promise<GatewayError | null> {
    const { id, letters, log } = this.#deps
    const { topic, payload, arrivedAt: at, retained } = message
    const kept = await letters.add({ source: id, topic, payload, bytes, at, error, retained })
    if (!kept.ok) return kept.error
    this.#counts.refused++
    log('debug', `${id}: a message on ${topic.slice(0, LONGEST_SHOWN)} is refused: ${explain(error)}`)
    return null
  }

  /** A message without a time of its own must get the same one again when the broker repeats it: it is on disk first. */
  async #takeArrived(message: PushMessage, outcome: PushOutcome, packetKey: string, instant: number): Promise<GatewayError | null> {
    const { topic, payload, duplicate } = message
    const { id, arrivals } = this.#deps
    // An id of the sender's own tells a repeat even where it came another way, with other bytes.
    const assigned =
      outcome.messageId === null
        ? await arrivals.assign(`${id} ${packetKey}`, topic, payload, instant, duplicate)
        : await arrivals.assign(`${id} id ${outcome.messageId}`, topic, NOTHING, instant, true)
    return assigned.ok ? this.#takeAt(message, outcome, assigned.value, packetKey) : assigned.error
  }

  /**
   * What waits for the disk holds the readings and nothing else: hundreds of messages are under way at once, and each would keep
   * everything it was made of alive.
   */
  #takeAt(message: PushMessage, outcome: PushOutcome, arrival: number, packetKey: string | null): Promise<GatewayError | null> {
    const kept = this.#prepare(message, outcome, arrival)
    if (!(kept instanceof Promise)) return this.#store(kept, packetKey)
    return kept.then((later) => ('error' in later ? later.error : this.#store(later, packetKey)))
  }

  /** Works out what is to be stored; at once, unless the store has to be asked for something. */
  #prepare(message: PushMessage, outcome: PushOutcome, arrival: number): Kept | Promise<Kept | { readonly error: GatewayError }> {
    const kept: Kept = { put: [], waiting: [] }
    const notes = new Notes(message, outcome)
    const turnedAway: string[] = []
    const hard: Job[] = []
    for (const record of outcome.records) {
      const meter = this.#find(record.meter, message, outcome)
      if (meter === null) turnedAway.push(record.meter)
      else {
        const note = notes.of(meter)
        for (const reading of this.#readingsOf(meter, note, record, arrival, message, outcome, kept)) {
          const job: Job = { meter, note, reading, moves: record.measuredAt === null, steps: 0 }
          // Nearly every reading is newer than all before it, and nobody has to be asked.
          if (!this.#placeNow(job, kept)) hard.push(job)
        }
      }
    }
    for (const { device, key, value, at } of outcome.events) {
      const meter = device === '' ? null : this.#find(device, message, outcome)
      if (meter === null) continue
      const { isRegistered } = meter
      const reading = eventReading(meter.facts, eventCode(meter, key), at ?? arrival, message.arrivedAt, { value, isRegistered })
      const job: Job = { meter, note: null, reading, moves: true, steps: 0 }
      if (!this.#placeNow(job, kept)) hard.push(job)
    }
    const finish = (): Kept => {
      const { evidence } = this.#deps
      if (evidence && kept.put.some((reading) => evidence.isKept(reading))) kept.message = copyOf(message, outcome)
      this.#noteOutcome(message, outcome, notes, kept.put)
      return kept
    }
    return hard.length === 0 && turnedAway.length === 0 ? finish() : this.#finishLater(message, hard, turnedAway, kept, finish)
  }

  async #finishLater(
    message: PushMessage,
    hard: readonly Job[],
    turnedAway: readonly string[],
    kept: Kept,
    finish: () => Kept,
  ): Promise<Kept | { readonly error: GatewayError }> {
    await Promise.all(hard.map((job) => this.#placeLater(job, kept)))
    const error = turnedAway.length > 0 ? await this.refuse(message, this.#deps.turnedAway(turnedAway)) : null
    if (!error) return finish()
    // The message comes again, with everything in it.
    for (const reading of kept.put) this.#memory.forget(reading)
    return { error }
  }

  #find(name: string, message: PushMessage, outcome: PushOutcome): KnownMeter | null {
    return this.#deps.meters.find(name, () => newNote(message, outcome, false))
  }

  #readingsOf(
    meter: KnownMeter,
    note: Note,
    record: PushedRecord,
    arrival: number,
    { arrivedAt }: PushMessage,
    { rule }: PushOutcome,
    { put }: Kept,
  ): readonly Reading[] {
    const at = record.measuredAt ?? arrival
    if (!meter.isRegistered) this.#deps.stranger?.(this.#deps.id, meter.address, record, rule)
    if (meter.mapping === null || isOf(rule, meter.mapping)) return meter.normaliser.readings(record, at, arrivedAt)
    // Whoever says this, it is not the device that the ledger knows.
    const message = `its values came through the mapping ${rule?.split('/')[0]}, the ledger says ${meter.mapping}`
    note.finding = { code: 'PUSH_IDENTITY', message }
    this.#claim(meter, 'PUSH_IDENTITY', message, arrivedAt, put)
    return meter.normaliser.readings({ ...record, flags: [...record.flags, 'identity'] }, at, arrivedAt)
  }

  /** @returns  false when the store has to be asked first */
  #placeNow(job: Job, kept: Kept): boolean {
    for (;;) {
      if (job.moves && this.#memory.judgeOnly(job.reading) === 'occupied' && this.#step(job)) continue
      const admission = this.#memory.admitNow(job.reading)
      if (admission === null) return false
      if (!this.#placed(job, admission, kept)) return true
    }
  }

  async #placeLater(job: Job, kept: Kept): Promise<void> {
    for (;;) {
      const admission = await this.#memory.admit(job.reading)
      if (!this.#placed(job, admission, kept)) return
    }
  }

  /** A millisecond later. @returns  false when there is no place for it */
  #step(job: Job): boolean {
    if (++job.steps > MOST_STEPS) return false
    job.reading = { ...job.reading, measuredAt: job.reading.measuredAt + 1 }
    return true
  }

  /** @returns  true when the job's reading has to be placed again, at another instant */
  #placed(job: Job, admission: Admission, { put, waiting }: Kept): boolean {
    const { note } = job
    switch (admission.kind) {
      case 'occupied':
        return this.#step(job)
      case 'displaced':
        // What can be believed takes the instant; what cannot is kept beside it.
        put.push(admission.reading)
        job.reading = admission.displaced
        job.moves = true
        return this.#step(job)
      case 'duplicate':
        this.#counts.duplicates++
        if (note) note.duplicates++
        if (admission.settled) waiting.push({ job, settled: admission.settled })
        return false
      case 'conflict':
        if (job.moves && admission.reading === null) return this.#step(job)
        this.#tellConflicts(job, admission, put)
        if (admission.reading) put.push(admission.reading)
        else if (admission.settled) waiting.push({ job, settled: admission.settled })
        return false
      case 'late':
        this.#counts.late++
        if (note) note.late++
        put.push(admission.reading)
        return false
      default:
        put.push(admission.reading)
        return false
    }
  }

  #tellConflicts({ meter, note, reading }: Job, { conflicts }: Extract<Admission, { kind: 'conflict' }>, put: Reading[]): void {
    this.#counts.conflicts += conflicts.length
    if (note) note.conflicts += conflicts.length
    const { receivedAt } = reading
    for (const { field, kept, refused } of conflicts) {
      const message = `${field} at ${new Date(reading.measuredAt).toISOString()}: a second, different value came; the first is kept`
      if (note) note.finding = { code: 'PUSH_CONFLICT', message }
      if (!this.#once.isDue(`conflict ${meter.address} ${field}`, receivedAt)) continue
      this.#deps.log('warn', `${this.#deps.id}: meter ${meter.address}: ${message}`)
      put.push(conflictReading(meter.facts, field, receivedAt, meter.isRegistered, kept, refused))
    }
  }

  /** Says something about a meter, once in a while: a clock that is wrong is wrong in every message. */
  #claim(meter: KnownMeter, code: string, message: string, at: number, put: Reading[]): void {
    if (!this.#once.isDue(`${code} ${meter.address}`, at)) return
    // A node that was there before us has to be asked for its birth: nothing is wrong with it.
    this.#deps.log(code.startsWith('SPARKPLUG') ? 'info' : 'warn', `${this.#deps.id}: meter ${meter.address}: ${code} ${message}`)
    put.push(eventReading(meter.facts, code, at, at, { isRegistered: meter.isRegistered }))
  }

  #store(kept: Kept, packetKey: string | null): Promise<GatewayError | null> {
    if (kept.put.length === 0) return this.#repeats(kept, packetKey)
    return this.#together.put(kept.put).then((safe) => {
      if (!safe.ok) return this.#failed(kept, safe.error, packetKey)
      this.#noteSafe(kept)
      return kept.waiting.length === 0 ? null : this.#repeats(kept, packetKey)
    })
  }

  #noteSafe({ put, message }: Kept): void {
    for (const reading of put) this.#memory.committed(reading)
    this.#counts.readings += put.length
    if (message) this.#deps.evidence?.keepMessage(put, this.#deps.id, message)
  }

  async #failed(kept: Kept, error: GatewayError, packetKey: string | null): Promise<GatewayError | null> {
    const { put } = kept
    // Of what went together one reading may be unfit: the others are not to stay out because of it.
    const again: Result<void> = error.recovery === 'skip' ? await this.#together.alone(put) : { ok: false, error }
    if (again.ok) {
      this.#noteSafe(kept)
      return this.#repeats(kept, packetKey)
    }
    for (const reading of put) this.#memory.forget(reading)
    if (again.error.recovery === 'skip' && packetKey !== null) this.#noteUnfit(packetKey, again.error)
    return again.error
  }

  /** A repeat is as safe as the reading it repeats, and no safer. */
  async #repeats({ waiting }: Kept, packetKey: string | null): Promise<GatewayError | null> {
    for (const { job, settled } of waiting) {
      if (await settled) continue
      const again: Kept = { put: [], waiting: [] }
      await this.#placeLater(job, again)
      const error = await this.#store(again, packetKey)
      if (error) return error
    }
    return null
  }

  /** What waited for the disk no longer has its message: when the broker sends it again, it goes to the refused ones. */
  #noteUnfit(packetKey: string, error: GatewayError): void {
    this.#unfit.set(packetKey, error)
    if (this.#unfit.size > MOST_UNFIT) this.#unfit.delete(this.#unfit.keys().next().value ?? '')
  }

  /** What is to be known of the devices, and claims among the readings. */
  #noteOutcome(message: PushMessage, outcome: PushOutcome, notes: Notes, put: Reading[]): void {
    const noteOf = (device: string): Note | null => {
      const meter = device === '' ? null : this.#find(device, message, outcome)
      return meter && notes.of(meter)
    }
    let values = 0
    for (const { meter, values: all } of outcome.records) {
      values += all.length
      const note = notes.get(meter)
      if (!note) continue
      for (const { obis, path, text } of all)
        if (obis !== null) note.values++
        else {
          this.#counts.unmapped++
          note.unmapped = [...(note.unmapped ?? []), { path, text }]
        }
    }
    this.#counts.values += values
    if (values > 0) this.#counts.used++
    for (const { device, online } of outcome.presence) {
      const note = noteOf(device)
      if (note) note.online = online
    }
    for (const { device, figures } of outcome.signals) {
      const note = noteOf(device)
      if (note) note.figures = figures
    }
    for (const { device, item, code } of outcome.failures) {
      const note = noteOf(device)
      if (note) note.failures = [...(note.failures ?? []), { item, code }]
    }
    const about = outcome.records[0]?.meter ?? outcome.device
    const skipped = outcome.skipped.length > 0 && about ? noteOf(about) : null
    if (skipped) skipped.skipped = outcome.skipped.map(({ error }) => error.code)
    for (const { code, device, message: text } of outcome.findings) {
      const meter = device === '' ? null : this.#find(device, message, outcome)
      if (!meter) continue
      notes.of(meter).finding = { code, message: text }
      this.#claim(meter, code, text, message.arrivedAt, put)
    }
    if (notes.size === 0 && outcome.device !== null) noteOf(outcome.device)
    for (const [device, note] of notes) this.#deps.devices.hear(device, note)
  }
}

/** Bytes of a message are lent: the connection uses them again. */
const copyOf = ({ topic, payload, arrivedAt }: PushMessage, { rule }: PushOutcome): EvidenceMessage => ({
  ...{ topic, arrivedAt, rule },
  payload: Uint8Array.from(payload),
})

/** A rule is named after its mapping. */
const isOf = (rule: string | null, mapping: string): boolean =>
  rule !== null && rule.charCodeAt(mapping.length) === 0x2f && rule.startsWith(mapping)
