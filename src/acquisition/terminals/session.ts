import {
  type Deframer,
  explain,
  type GatewayError,
  type Heard,
  isDiscarded,
  type TerminalAdapter,
  type TerminalEar,
} from '../../core/index.ts'
import type { Peer } from '../../transport/index.ts'
import type { Asker, Wire } from './asker.ts'
import { Reports } from './reports.ts'
import type { EndedBy, SessionHost, SessionPort, TerminalRecord } from './session-types.ts'
import type { ListenerSettings } from './types.ts'

/** Heartbeats of silence after which nobody is there any more. @source Q/GDW 376.1-2009: 2 to 3 missed heartbeats */
const SILENT_HEARTBEATS = 2.5
/** What a terminal may say of its own period, milliseconds: F1 has one byte of minutes. */
const SHORTEST_HEARTBEAT_MS = 5000
const LONGEST_HEARTBEAT_MS = 255 * 60_000
/** Pieces of half a frame that come further apart than this are dripped, milliseconds. */
const DRIP_MS = 1000
/** A peer that does not read what is written to it is given up on at so many bytes. */
const MOST_UNSENT = 262_144
/** Bytes taken from one connection in one tick; more has to wait for the next. */
const MOST_IN_A_TICK = 262_144
/** The flag that events wait is told again after this. */
const EVENTS_WAIT_MS = 60_000
const NOTHING = new Uint8Array(0)

/** One connection: cuts its bytes into frames, answers at once what wants it, and knows who it is. */
export class Session<Frame extends object> implements SessionPort, Wire {
  readonly peer: Peer
  readonly listener: ListenerSettings
  readonly since: number
  lastFrameAt: number
  record: TerminalRecord | null = null
  isOver = false
  readonly #host: SessionHost
  readonly #adapter: TerminalAdapter<Frame>
  readonly #askerOf: (record: TerminalRecord) => Asker<Frame> | null
  readonly #deframer: Deframer<Frame>
  readonly #ear: TerminalEar<Frame>
  #asker: Asker<Frame> | null = null
  readonly #openedAt: number
  #heardAt: number
  /** When half a frame began to come; null = there is none. */
  #begunAt: number | null = null
  #isDripping = false
  /** Half a frame was given up since the last whole one. */
  #hasHalf = false
  #saidHeartbeatMs: number | null = null
  #takenInTick = 0
  #isFlooded = false
  #early = { bytes: 0, damaged: 0 }
  readonly #reports: Reports
  #important = -1
  #normal = -1
  #waitToldAt = Number.NEGATIVE_INFINITY

  constructor(
    adapter: TerminalAdapter<Frame>,
    askerOf: (record: TerminalRecord) => Asker<Frame> | null,
    peer: Peer,
    listener: ListenerSettings,
    openedAt: number,
    host: SessionHost,
  ) {
    this.peer = peer
    this.listener = listener
    this.#adapter = adapter
    this.#askerOf = askerOf
    this.#host = host
    this.#deframer = adapter.deframer()
    this.#ear = adapter.ear()
    this.#openedAt = openedAt
    this.#heardAt = host.deps.clock.monotonic()
    this.since = host.deps.clock.now()
    this.lastFrameAt = this.since
    this.#reports = new Reports(host.deps, {
      confirm: (bytes) => this.#say(bytes),
      complain: (text) => host.complain(text),
      hold: (isHeld) => (isHeld ? peer.pause() : this.#isFlooded || peer.resume()),
    })
  }

  get protocol() {
    return this.#adapter.id
  }

  get heartbeatMs() {
    return this.record?.settings?.heartbeatMs ?? this.#saidHeartbeatMs ?? this.listener.heartbeatMs
  }

  get isReceiving() {
    return this.#begunAt !== null && this.#host.deps.clock.monotonic() < this.#begunAt + this.listener.frameMs
  }

  get isHeld() {
    return this.#reports.isHeld
  }

  settled(): Promise<void> {
    return this.#reports.settled()
  }

  feed(bytes: Uint8Array): void {
    if (this.isOver) return
    const { figures } = this.record ?? {}
    if (figures) figures.bytesIn += bytes.length
    else this.#early.bytes += bytes.length
    this.#takenInTick += bytes.length
    if (this.#takenInTick > MOST_IN_A_TICK && !this.#isFlooded) {
      this.#isFlooded = true
      this.peer.pause()
      this.#host.flooded(this)
    }
    if (this.record) this.#host.trace(this.record, 'rx', bytes, '')
    try {
      const items = this.#deframer.push(bytes)
      this.#notePieces(items.length > 0)
      this.#take(items)
    } catch (bug) {
      this.#crash(bug)
    }
  }

  settle(): void {
    const { record } = this
    if (!record || this.isOver) return
    if (this.#asker === null) {
      this.#asker = this.#askerOf(record)
      this.#asker?.attach(this)
    }
    if (record.settings) this.#asker?.settle(record.settings)
  }

  release(): void {
    this.#takenInTick = 0
    this.#isFlooded = false
    if (!this.isOver && !this.#reports.isHeld) this.peer.resume()
  }

  tick(now: number): void {
    if (this.isOver) return
    if (!this.#isFlooded) this.#takenInTick = 0
    const { firstFrameMs, frameMs } = this.listener
    if (this.peer.unsent > MOST_UNSENT) this.end('stuck', `does not read: ${this.peer.unsent} bytes wait for it`)
    else if (this.record === null && now - this.#openedAt >= firstFrameMs)
      this.end('nobody', `has not logged in within ${Math.round(firstFrameMs / 1000)} s`)
    else if (this.#begunAt !== null && now - this.#begunAt >= frameMs) this.#giveUpHalf()
    else if (!this.isHeld && now - this.#heardAt >= SILENT_HEARTBEATS * this.heartbeatMs)
      this.end('silent', `silent for ${SILENT_HEARTBEATS} heartbeats of ${Math.round(this.heartbeatMs / 1000)} s`)
  }

  send(bytes: Uint8Array, about: string): void {
    this.#say(bytes, about)
  }

  end(by: EndedBy, why: string): void {
    if (this.isOver) return
    this.isOver = true
    if (by === 'logout') this.peer.finish()
    else this.peer.close()
    this.#host.ended(this, by, why)
  }

  /** Half a frame is known by bytes that made nothing; whether it comes in drips, by the time between them. */
  #notePieces(isWhole: boolean): void {
    if (isWhole) {
      this.#begunAt = null
      this.#isDripping = false
      return
    }
    const now = this.#host.deps.clock.monotonic()
    if (this.#begunAt === null) this.#begunAt = now
    else if (now - this.#begunAt > DRIP_MS) this.#isDripping = true
  }

  /** What began has not become whole. One that drips holds a connection for nothing; a stray byte behind a frame is no crime, once. */
  #giveUpHalf(): void {
    if (this.#isDripping || this.#hasHalf) {
      this.end('slow', `a frame that began did not become whole within ${Math.round(this.listener.frameMs / 1000)} s`)
      return
    }
    this.#begunAt = null
    this.#hasHalf = true
    try {
      const rest = this.#deframer.flush()
      this.#take([...(rest ? [rest] : []), ...this.#deframer.push(NOTHING)])
    } catch (bug) {
      this.#crash(bug)
    }
  }

  #take(items: readonly (Frame | { readonly discarded: Uint8Array; readonly error: GatewayError })[]): void {
    for (const item of items) {
      if (this.isOver) return
      if (isDiscarded(item)) this.#damaged(item.discarded, item.error)
      else this.#frame(item)
    }
    // Everything that came is answered: now it may be asked.
    this.#asker?.pump()
  }

  #damaged(bytes: Uint8Array, error: GatewayError): void {
    if (!this.record) {
      this.#early.damaged += bytes.length
      return
    }
    this.record.figures.damagedBytes += bytes.length
    this.#host.trace(this.record, 'discarded', bytes, explain(error))
  }

  #frame(frame: Frame): void {
    const sender = this.#adapter.sender(frame)
    const { record } = this
    if (record && sender !== null && sender !== record.address) {
      this.#stranger(record, frame, `it says it is from ${sender}`)
      return
    }
    const { deps } = this.#host
    const heard = this.#ear.hear(frame, deps.wallNow())
    if (!record && !this.#logIn(sender, heard)) return
    const isNew = !record
    this.#hasHalf = false
    this.#heardAt = deps.clock.monotonic()
    this.lastFrameAt = deps.clock.now()
    for (const each of heard) {
      if (this.isOver) return
      this.#hear(each)
    }
    if (this.isOver) return
    if (isNew) {
      this.settle()
      this.#host.online(this)
    }
    this.#flags(frame)
  }

  /** Whoever has not said who it is gets no answer. @returns whether it is somebody now */
  #logIn(sender: string | null, heard: readonly Heard<Frame>[]): boolean {
    if (sender === null || !heard.some(({ kind }) => kind === 'login' || kind === 'heartbeat')) return false
    const record = this.#host.bind(this, sender)
    if (!record || this.isOver) return false
    this.record = record
    record.figures.bytesIn += this.#early.bytes
    record.figures.damagedBytes += this.#early.damaged
    return true
  }

  #hear(heard: Heard<Frame>): void {
    const { record } = this
    if (!record) return
    const { figures } = record
    switch (heard.kind) {
      case 'login':
      case 'heartbeat':
      case 'logout': {
        if (heard.reply) this.#say(heard.reply)
        if (heard.kind === 'login') figures.logins++
        if (heard.kind === 'heartbeat') figures.heartbeats++
        if (heard.heartbeatMs !== null)
          this.#saidHeartbeatMs = Math.min(LONGEST_HEARTBEAT_MS, Math.max(SHORTEST_HEARTBEAT_MS, heard.heartbeatMs))
        const { settings } = record
        const { deps } = this.#host
        if (heard.clock && settings) deps.notice({ kind: 'clock', terminal: settings.id, shows: heard.clock, receivedAt: deps.clock.now() })
        if (heard.kind === 'logout') this.end('logout', 'logged out')
        return
      }
      case 'say':
        this.#say(heard.bytes)
        return
      case 'answer':
        this.#answer(record, heard.frame)
        return
      case 'report': {
        if (this.#asker?.hear(heard.frame) === 'mine') {
          if (heard.confirm) this.#say(heard.confirm)
          return
        }
        figures.reports++
        const { settings: terminal, address, protocol } = record
        const { values, events, unknown } = heard
        // Of a message in several frames the joined one has the bytes of all.
        const raw = this.#adapter.bytesOf?.(heard.frame) ?? NOTHING
        this.#reports.add({ terminal, address, protocol, values, events, unknown, receivedAt: this.lastFrameAt, raw }, heard.confirm)
        return
      }
      case 'other':
        this.#stranger(record, heard.frame, heard.why)
    }
  }

  #answer(record: TerminalRecord, frame: Frame): void {
    const whose = this.#asker?.hear(frame) ?? 'stranger'
    if (whose !== 'mine') this.#stranger(record, frame, whose === 'late' ? 'it comes after its time' : 'it answers nothing that was asked')
  }

  #stranger(record: TerminalRecord, frame: Frame, why: string): void {
    record.figures.strangers++
    const bytes = this.#adapter.bytesOf?.(frame) ?? NOTHING
    const about = bytes.length > 0 ? this.#adapter.describe(bytes, 'rx') : 'a frame'
    this.#host.trace(record, 'stray', bytes, why)
    this.#host.deps.log('debug', `${record.protocol} ${record.address} at ${this.peer.name}: ${about} was passed over: ${why}`)
  }

  /** Event counters and the flag that events wait stand beside the content of many frames. */
  #flags(frame: Frame): void {
    const { settings } = this.record ?? {}
    if (!settings) return
    const { deps } = this.#host
    const counters = this.#ear.counters(frame)
    if (counters && (counters.important !== this.#important || counters.normal !== this.#normal)) {
      this.#important = counters.important
      this.#normal = counters.normal
      deps.notice({ kind: 'counters', terminal: settings.id, important: counters.important, normal: counters.normal })
    }
    if (!this.#ear.eventsWait(frame)) return
    const now = deps.clock.monotonic()
    if (now - this.#waitToldAt < EVENTS_WAIT_MS) return
    this.#waitToldAt = now
    deps.notice({ kind: 'events-wait', terminal: settings.id })
  }

  #say(bytes: Uint8Array, about?: string): void {
    if (this.isOver) return
    this.peer.write(bytes)
    const { record } = this
    if (!record) return
    record.figures.bytesOut += bytes.length
    this.#host.trace(record, 'tx', bytes, about ?? '')
  }

  /** A fault of ours must not cost anybody else his connection. */
  #crash(bug: unknown): void {
    const text = bug instanceof Error ? (bug.stack ?? bug.message) : String(bug)
    this.#host.complain(
      (times) => `${this.#adapter.id} ${this.record?.address ?? this.peer.name}: a frame could not be taken, the last of ${times}: ${text}`,
    )
    this.end('fault', 'a fault of the gateway')
  }
}
