import type { Calendar } from '../acquisition/index.ts'
import type { Clock, Exchanged, Reading, Source } from '../core/index.ts'
import { isSource } from '../core/index.ts'
import type { AskEvidence, EvidenceDraft, EvidenceKey, EvidenceSettings } from '../evidence/index.ts'

/** Where and why something was read, beside what the frames say. */
export interface EvidenceAbout {
  /** Line, broker or concentrator. */
  readonly channel: string
  readonly by: string
  readonly receivedAt: number
  /** Read because somebody asked for it now: kept at any time of day. */
  readonly isDemand?: boolean
}

/** A message that brought readings. */
export interface EvidenceMessage {
  readonly topic: string
  readonly payload: Uint8Array
  readonly arrivedAt: number
  readonly rule: string | null
}

/** What the rooms that read know of the keeping of evidence. */
export interface EvidenceIntake {
  /** Whether the frames of a read that brings this now may have to be kept. */
  keepsFrames(source: Source): boolean
  /** Whether a reading is one that is kept with its bytes. */
  isKept(reading: Reading, isDemand?: boolean): boolean
  /** Readings that are safe, and the frames they came in. Never fails, never waits. */
  keepFrames(readings: readonly Reading[], exchanged: Exchanged | undefined, about: EvidenceAbout): void
  keepMessage(readings: readonly Reading[], channel: string, message: EvidenceMessage): void
}

export interface KeeperDeps {
  readonly ask: AskEvidence
  readonly calendar: Pick<Calendar, 'dayStart' | 'dayAfter'>
  readonly clock: Clock
  readonly settings: EvidenceSettings
}

/** What waits goes to the thread after so long, milliseconds: a kill loses no more. */
const GATHER_MS = 250
/** Bytes and records that wait at most; what comes beyond is counted and not kept. */
const MOST_BYTES = 32 << 20
const MOST_WAITING = 20_000
/** Records of one commit: they share a page. */
const MOST_TOGETHER = 500
const MOST_TOGETHER_BYTES = 4 << 20
/** After a failure it is tried again so much later, at first and at most, milliseconds. */
const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 60_000
/** A read that begins this long before the window may end in it. */
const MARGIN_MS = 300_000

interface Waiting {
  readonly draft: Omit<EvidenceDraft, 'of'>
  readonly of: EvidenceKey[]
  readonly size: number
}

/** Takes what readings rest on to the thread that keeps it. Readings never wait for it; what does not fit is counted. */
export class EvidenceKeeper implements EvidenceIntake {
  readonly #deps: KeeperDeps
  #settings: EvidenceSettings
  #waiting: Waiting[] = []
  /** Several readings of one exchange share its record while it waits. */
  #byExchange = new Map<object, Waiting>()
  #bytes = 0
  #timer: NodeJS.Timeout | null = null
  #sending: Promise<void> | null = null
  #pauseMs = 0
  #isStopped = false
  /** Readings whose bytes were not kept, since the start. */
  lost = 0
  /** Readings whose bytes were. */
  kept = 0
  /** Why nothing can be kept at present. */
  why: string | null = null
  /** The day that was looked at last: [from, to). */
  #day = { from: 0, to: 0 }

  constructor(deps: KeeperDeps) {
    this.#deps = deps
    this.#settings = deps.settings
  }

  get waiting(): number {
    return this.#waiting.length
  }

  use(settings: EvidenceSettings): void {
    this.#settings = settings
    void this.#deps.ask('use', settings)
  }

  keepsFrames(source: Source): boolean {
    if (source === 'day-freeze' || source === 'month-freeze' || source === 'curve') return true
    return source === 'live' && this.#isNearMidnight(this.#deps.clock.now(), MARGIN_MS)
  }

  isKept({ series: { measurement, tags }, measuredAt }: Reading, isDemand = false): boolean {
    const { source } = tags
    if (source === 'day-freeze' || source === 'month-freeze') return true
    return measurement === 'register' && (isDemand || this.#isNearMidnight(measuredAt, 0))
  }

  keepFrames(readings: readonly Reading[], exchanged: Exchanged | undefined, { isDemand, ...about }: EvidenceAbout): void {
    if (!exchanged) return
    const of = this.#keys(readings, isDemand)
    if (of.length === 0) return
    const known = this.#byExchange.get(exchanged)
    if (known) {
      known.of.push(...of)
      return
    }
    const { protocol, selection, parts, terminal } = exchanged
    const asked = selection === null ? 'reported' : `${selection.kind}${selection.nth === undefined ? '' : ` ${selection.nth}`}`
    const draft = { kind: 'frame', protocol, about: asked, selection, parts, ...about, ...(terminal ? { terminal } : {}) } as const
    this.#add(exchanged, draft, of)
  }

  keepMessage(readings: readonly Reading[], channel: string, { topic, payload, arrivedAt, rule }: EvidenceMessage): void {
    const of = this.#keys(readings, false)
    if (of.length === 0) return
    this.#add(
      payload,
      {
        ...{ kind: 'message', channel, protocol: 'mqtt', about: topic, by: 'pushed', receivedAt: arrivedAt, selection: null },
        parts: [{ at: arrivedAt, direction: 'rx', bytes: payload }],
        ...(rule === null ? {} : { rule }),
      },
      of,
    )
  }

  /** Everything that waits is with the thread, or has failed. */
  async flush(): Promise<void> {
    while (this.#waiting.length > 0 && this.why === null) await this.#send()
    await this.#sending
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#timer) clearTimeout(this.#timer)
    await this.flush()
  }

  #keys(readings: readonly Reading[], isDemand = false): EvidenceKey[] {
    const keys: EvidenceKey[] = []
    for (const reading of readings) {
      if (!this.isKept(reading, isDemand)) continue
      const { meter, source } = reading.series.tags
      if (meter === undefined || source === undefined || !isSource(source)) continue
      const { measuredAt } = reading
      // Registers and instantaneous values of one read are one reading of the meter.
      if (keys.some((key) => key.meter === meter && key.measuredAt === measuredAt && key.source === source)) continue
      keys.push({ meter, measuredAt, source })
    }
    return keys
  }

  #add(identity: object, draft: Omit<EvidenceDraft, 'of'>, of: EvidenceKey[]): void {
    const size = draft.parts.reduce((sum, { bytes }) => sum + bytes.length, 200 * of.length)
    if (this.#waiting.length >= MOST_WAITING || this.#bytes + size > MOST_BYTES) {
      this.lost += of.length
      return
    }
    const waiting: Waiting = { draft, of, size }
    this.#byExchange.set(identity, waiting)
    this.#waiting.push(waiting)
    this.#bytes += size
    this.#soon()
  }

  #soon(): void {
    if (this.#timer || this.#sending || this.#isStopped) return
    this.#timer = setTimeout(
      () => {
        this.#timer = null
        void this.#send()
      },
      Math.max(GATHER_MS, this.#pauseMs),
    )
    this.#timer.unref()
  }

  #send(): Promise<void> {
    this.#sending ??= this.#sendOne().finally(() => {
      this.#sending = null
      if (this.#waiting.length > 0) this.#soon()
    })
    return this.#sending
  }

  async #sendOne(): Promise<void> {
    let size = 0
    let count = 0
    while (count < this.#waiting.length && count < MOST_TOGETHER && size < MOST_TOGETHER_BYTES) size += this.#waiting[count++]?.size ?? 0
    const batch = this.#waiting.slice(0, count)
    // What comes for one of these exchanges from here on is a record of its own.
    this.#byExchange.clear()
    const done = await this.#deps.ask(
      'add',
      batch.map(({ draft, of }) => ({ ...draft, parts: draft.parts.map(own), of })),
    )
    if (!done.ok) {
      this.why = `${done.error.code} ${done.error.message}`
      this.#pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, 2 * this.#pauseMs))
      if (this.#isStopped) this.lost += batch.reduce((sum, { of }) => sum + of.length, 0)
      return
    }
    this.why = null
    this.#pauseMs = 0
    this.#waiting = this.#waiting.slice(count)
    this.#bytes -= size
    for (const { of } of batch) this.kept += of.length
  }

  #isNearMidnight(at: number, marginMs: number): boolean {
    let day = this.#day
    if (at < day.from || at >= day.to) {
      const { calendar } = this.#deps
      const from = calendar.dayStart(at)
      day = { from, to: calendar.dayAfter(from) }
      this.#day = day
    }
    const ms = this.#settings.windowMs
    return at - day.from <= ms || day.to - at <= ms + marginMs
  }
}

/** Bytes that are a view of something larger would take all of it along to the thread. */
const own = <Part extends { readonly bytes: Uint8Array }>(part: Part): Part =>
  part.bytes.byteLength === part.bytes.buffer.byteLength ? part : { ...part, bytes: Uint8Array.from(part.bytes) }
