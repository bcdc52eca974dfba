import { type Clock, err, type GatewayError, many, ok, type Result, type TerminalAdapter } from '../../core/index.ts'
import { listenTcp, type Peer, type TcpListener } from '../../transport/index.ts'
import { fail as lineFail } from '../errors.ts'
import { endedWithin } from '../schedule-work.ts'
import type { TraceEvent } from '../trace.ts'
import { type AskerPort, offline } from './asker.ts'
import { type Counted, countIn, type ListenerFigures, newCounted, REFUSED } from './counted.ts'
import { Dialled } from './dialled.ts'
import { fail } from './errors.ts'
import { newFigures } from './figures.ts'
import { claim, newQuarrel, type Quarrel } from './quarrel.ts'
import { SeldomEach, seldom } from './seldom.ts'
import type { EndedBy, SessionHost, SessionPort, TerminalRecord } from './session-types.ts'
import { type SpeechPort, speechOf } from './speech.ts'
import type {
  AskOptions,
  ListenerSettings,
  TalkOf,
  TerminalFigures,
  TerminalSettings,
  TerminalStatus,
  TerminalsDeps,
  TerminalsPort,
} from './types.ts'

/** One timer for all deadlines of requests. */
const TICK_MS = 100
/** Reports that are being made safe are waited for so long at the end. */
const CLOSE_MS = 5000
/** Deadlines of connections are looked at once in so many ticks. */
const TICKS_A_SECOND = 10

interface Known extends TerminalRecord {
  readonly quarrel: Quarrel
}

interface Open {
  readonly settings: ListenerSettings
  readonly tcp: TcpListener
}

/**
 * Terminals (终端) that dial in: concentrators and energy controllers are the clients, the gateway listens. One connection an address, one
 * record a terminal that outlives its connections, one timer for all of them.
 */
export class Terminals implements TerminalsPort {
  readonly #deps: TerminalsDeps
  readonly #clock: Clock
  readonly #settings: readonly ListenerSettings[]
  #open: readonly Open[] = []
  readonly #dialled = new Set<Dialled>()
  readonly #records = new Map<string, Known>()
  /** Ledger id → record. */
  readonly #byId = new Map<string, Known>()
  readonly #busy = new Set<AskerPort>()
  readonly #flooded = new Set<SessionPort>()
  readonly #speeches = new Map<string, SpeechPort>()
  readonly #listeners = new Map<string, Set<(event: TraceEvent) => void>>()
  readonly #counted = new Map<string, Counted>()
  readonly #unknownTold: SeldomEach
  readonly #endTold: SeldomEach
  readonly #settling = new Set<Promise<void>>()
  readonly #host: SessionHost
  #timer: NodeJS.Timeout | null = null
  #ticks = 0
  #isClosed = false

  constructor(listeners: readonly ListenerSettings[], deps: TerminalsDeps) {
    this.#settings = listeners
    this.#deps = deps
    this.#clock = deps.clock
    this.#unknownTold = new SeldomEach(deps.clock, 60_000)
    this.#endTold = new SeldomEach(deps.clock, 60_000)
    this.#host = {
      deps,
      bind: (session, address) => this.#bind(session, address),
      online: (session) => this.#online(session),
      ended: (session, by, why) => this.#ended(session, by, why),
      complain: seldom(deps.clock, (text) => deps.log('warn', text)),
      flooded: (session) => void this.#flooded.add(session),
      trace: (record, what, bytes, text) => this.#emit(record, what, bytes, text),
    }
  }

  get listening() {
    return this.#open.map(({ settings, tcp }) => ({ id: settings.id, host: tcp.host, port: tcp.port }))
  }

  /**
   * Opens every port; when one cannot be, none is.
   *
   * @errors LISTEN_TAKEN, LISTEN_DENIED, LISTEN_ADDRESS, LISTEN_FAILED
   */
  async listen(): Promise<Result<null>> {
    const open: Open[] = []
    for (const settings of this.#settings) {
      const tcp = await this.#listenOn(settings)
      if (!tcp.ok) {
        await Promise.all(open.map((each) => each.tcp.close()))
        return tcp
      }
      open.push({ settings, tcp: tcp.value })
    }
    this.#open = open
    if (open.length > 0 && !this.#isClosed) {
      this.#timer = setInterval(() => this.tick(), TICK_MS)
      this.#timer.unref()
    }
    return ok(null)
  }

  /** Hangs up on everybody; what waits for an answer fails. Resolves when the ports are free and every report heard is dealt with, or soon. */
  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#timer) clearInterval(this.#timer)
    const settling = [...this.#dialled].flatMap(({ session }) => session?.settled() ?? [])
    for (const { session, peer } of [...this.#dialled])
      if (session) session.end('closing', 'the gateway stops')
      else peer.close()
    const ports = this.#open.map(({ tcp }) => tcp.close())
    await endedWithin([...ports, ...settling, ...this.#settling], CLOSE_MS)
  }

  ask<T>(terminal: string, talk: TalkOf<T>, options: AskOptions): Promise<Result<T>> {
    if (this.#isClosed) return Promise.resolve(closed(terminal))
    const record = this.#byId.get(terminal)
    const asker = record?.session ? this.#askerOf(record) : null
    return asker ? asker.ask(talk, options) : Promise.resolve(err(offline(terminal, null)))
  }

  status(terminal: string): TerminalStatus | null {
    const { session } = this.#byId.get(terminal) ?? {}
    return session ? this.#statusOf(session) : null
  }

  sessions(): readonly TerminalStatus[] {
    return [...this.#records.values()].flatMap(({ session }) => {
      const status = session && this.#statusOf(session)
      return status ? [status] : []
    })
  }

  figures(terminal: string): TerminalFigures | null {
    return this.#byId.get(terminal)?.figures ?? null
  }

  /** How the listeners fare. */
  listenerFigures(): readonly ListenerFigures[] {
    return this.#open.map(({ settings, tcp }) => ({ id: settings.id, open: tcp.connections, ...this.#countedOf(settings.id) }))
  }

  changed(terminal: string): void {
    const known = this.#byId.get(terminal)
    if (known) this.#settle(known)
    // Somebody who was in no ledger may be this one now.
    for (const record of this.#records.values()) if (!record.settings) this.#settle(record)
  }

  trace(terminal: string, listener: (event: TraceEvent) => void): () => void {
    const listeners = this.#listeners.get(terminal) ?? new Set()
    this.#listeners.set(terminal, listeners)
    listeners.add(listener)
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0) this.#listeners.delete(terminal)
    }
  }

  /** Looks at the deadlines; the timer does so ten times a second. */
  tick(): void {
    const now = this.#clock.monotonic()
    for (const asker of this.#busy) {
      asker.tick(now)
      if (asker.isIdle) this.#busy.delete(asker)
    }
    for (const session of [...this.#flooded]) {
      this.#flooded.delete(session)
      session.release()
    }
    if (++this.#ticks % TICKS_A_SECOND !== 0) return
    for (const dialled of this.#dialled) {
      const { session, listener, openedAt } = dialled
      if (session) session.tick(now)
      else if (now - openedAt >= listener.firstFrameMs) this.#dropEarly(dialled, 'nobody', `no frame in ${listener.firstFrameMs / 1000} s`)
    }
  }

  async #listenOn(settings: ListenerSettings): Promise<Result<TcpListener>> {
    const { id, host, port, maxSessions, maxPerPeer } = settings
    const speeches: SpeechPort[] = []
    for (const protocol of settings.protocols) {
      const speech = this.#speechOf(protocol)
      if (speech) speeches.push(speech)
    }
    const counted = this.#countedOf(id)
    const refusals = seldom(this.#clock, (text) => this.#deps.log('warn', text))
    return listenTcp({
      host,
      port,
      maxConnections: maxSessions,
      maxPerAddress: maxPerPeer,
      log: this.#deps.log,
      refused: (address, why) => {
        counted.refused[why]++
        refusals(
          (times) => `${id}: ${many(times, 'connection')} refused, the last from ${address}: ${REFUSED[why]({ maxSessions, maxPerPeer })}`,
        )
      },
      accept: (peer) => this.#accept(peer, settings, speeches, counted),
    })
  }

  #accept(peer: Peer, settings: ListenerSettings, speeches: readonly SpeechPort[], counted: Counted) {
    counted.accepted++
    const dialled = new Dialled(peer, settings, speeches, this.#clock.monotonic(), this.#host)
    this.#dialled.add(dialled)
    return {
      bytes: (bytes: Uint8Array) => {
        if (this.#isClosed) return
        const why = dialled.feed(bytes)
        if (why !== null) this.#dropEarly(dialled, 'nobody', why)
      },
      closed: (why: GatewayError) => {
        if (!this.#dialled.delete(dialled)) return
        if (dialled.session) dialled.session.end('peer', why.message)
        else countIn(counted, 'peer')
      },
    }
  }

  /** Ends a connection whose protocol was never known. */
  #dropEarly(dialled: Dialled, by: EndedBy, why: string): void {
    if (!this.#dialled.delete(dialled)) return
    const { listener, peer } = dialled
    countIn(this.#countedOf(listener.id), by)
    this.#sayEnded(peer, null, by, why)
    peer.close()
  }

  #speechOf(protocol: string): SpeechPort | null {
    const known = this.#speeches.get(protocol)
    if (known) return known
    const adapter = this.#deps.adapterOf(protocol)
    if (!adapter) return null
    const speech = speechOf(adapter, this.#clock, (asker) => void this.#busy.add(asker))
    this.#speeches.set(protocol, speech)
    return speech
  }

  #askerOf(record: TerminalRecord): AskerPort | null {
    return this.#speeches.get(record.protocol)?.askerOf(record) ?? null
  }

  #bind(session: SessionPort, address: string): TerminalRecord | null {
    const { protocol } = session
    const settings = this.#deps.find(protocol, address)
    if (!settings) {
      if (this.#unknownTold.isDue(`${protocol} ${address}`))
        this.#deps.notice({ kind: 'unknown', address, protocol, peer: session.peer.name })
      if (!session.listener.admitUnknown) {
        session.end('unknown', `${address} is in no ledger`)
        return null
      }
    }
    const record = this.#recordOf(protocol, address)
    const holder = record.session
    if (holder && holder !== session && !this.#takeOver(record, holder, session)) return null
    record.session = session
    this.#apply(record, settings)
    return record
  }

  #takeOver(record: Known, holder: SessionPort, session: SessionPort): boolean {
    const { verdict, tell } = claim(record.quarrel, this.#clock.monotonic())
    const refused = verdict === 'refused'
    const { settings, protocol, address } = record
    if (tell) {
      if (settings)
        this.#deps.notice({ kind: 'takeover', terminal: settings.id, peer: session.peer.name, before: holder.peer.name, refused })
      const has = refused ? 'again within a minute: two devices have one address' : 'and has it now'
      this.#deps.log('info', `${protocol} ${address}: ${session.peer.name} claims the address of ${holder.peer.name}, ${has}`)
    }
    if (refused) session.end('refused', 'another connection has this address')
    else holder.end('takeover', `${session.peer.name} has logged in under this address`)
    return !refused
  }

  #online({ record, peer }: SessionPort): void {
    if (!record?.settings) return
    this.#emit(record, 'note', new Uint8Array(0), `connected from ${peer.name}`)
    this.#deps.notice({ kind: 'online', terminal: record.settings.id, peer: peer.name, why: 'logged in' })
  }

  #ended(session: SessionPort, by: EndedBy, why: string): void {
    const { record, peer, listener } = session
    this.#flooded.delete(session)
    countIn(this.#countedOf(listener.id), by)
    const settled = session.settled()
    this.#settling.add(settled)
    void settled.finally(() => this.#settling.delete(settled))
    this.#sayEnded(peer, record, by, why)
    if (!record || record.session !== session) return
    this.#emit(record, 'note', new Uint8Array(0), `connection of ${peer.name} ended: ${why}`)
    record.session = null
    const isReplaced = by === 'takeover'
    const cause =
      by === 'closing'
        ? closed(record.settings?.id ?? record.address).error
        : fail('TERMINAL_OFFLINE', `${peer.name} ${why}`, { peer: peer.name, by }).error
    this.#askerOf(record)?.detach(cause, isReplaced)
    if (record.settings && !isReplaced) this.#deps.notice({ kind: 'offline', terminal: record.settings.id, peer: peer.name, why })
    if (!record.settings && !isReplaced) this.#records.delete(keyOf(record.protocol, record.address))
  }

  /** Who was there is worth a line; who never said a name, one a minute for each address. */
  #sayEnded(peer: Peer, record: TerminalRecord | null, by: EndedBy, why: string): void {
    if (by === 'peer' && !record) return
    if (!record && !this.#endTold.isDue(`${peer.address} ${by}`)) return
    this.#deps.log(
      by === 'slow' || by === 'stuck' ? 'warn' : 'debug',
      `${record ? `${record.protocol} ${record.address} at ` : ''}${peer.name}: ${why}`,
    )
  }

  #settle(record: Known): void {
    const { session } = record
    const settings = this.#deps.find(record.protocol, record.address)
    const before = record.settings
    if (!session) {
      this.#apply(record, settings)
      return
    }
    if (before && (!settings || settings.id !== before.id)) {
      session.end('ledger', settings ? `it is ${settings.id} now` : 'it is in no ledger any more')
      this.#apply(record, settings)
      return
    }
    if (!settings) return
    this.#apply(record, settings)
    session.settle()
    if (!before) this.#online(session)
  }

  #apply(record: Known, settings: TerminalSettings | null): void {
    const before = record.settings?.id
    if (before !== undefined && before !== settings?.id && this.#byId.get(before) === record) this.#byId.delete(before)
    record.settings = settings
    if (settings) this.#byId.set(settings.id, record)
    if (!settings && !record.session) this.#records.delete(keyOf(record.protocol, record.address))
  }

  #recordOf(protocol: TerminalAdapter['id'], address: string): Known {
    const key = keyOf(protocol, address)
    const known = this.#records.get(key)
    if (known) return known
    const made: Known = { address, protocol, settings: null, figures: newFigures(), session: null, quarrel: newQuarrel() }
    this.#records.set(key, made)
    return made
  }

  #statusOf({ record, peer, listener, since, lastFrameAt, heartbeatMs }: SessionPort): TerminalStatus | null {
    if (!record) return null
    const { address, protocol, settings, figures } = record
    const asker = this.#askerOf(record)
    return {
      ...{ address, protocol, since, lastFrameAt, heartbeatMs, figures },
      id: settings?.id ?? null,
      peer: peer.name,
      listener: listener.id,
      queued: asker?.waiting ?? 0,
      underWay: asker?.underWay ?? 0,
    }
  }

  #countedOf(id: string): Counted {
    const known = this.#counted.get(id)
    if (known) return known
    const made = newCounted()
    this.#counted.set(id, made)
    return made
  }

  #emit({ settings, protocol }: TerminalRecord, what: TraceEvent['what'], bytes: Uint8Array, text: string): void {
    if (!settings || this.#listeners.size === 0) return
    const listeners = this.#listeners.get(settings.id)
    if (!listeners) return
    const again = what === 'stray' || what === 'discarded'
    const event: TraceEvent = { line: settings.id, at: Date.now(), what, bytes: bytes.slice(), text, device: null, protocol, again }
    for (const listener of listeners) listener(event)
  }
}

const keyOf = (protocol: string, address: string): string => `${protocol} ${address}`

const closed = (terminal: string) => lineFail('LINE_CLOSED', `the gateway stops: ${terminal} is not asked any more`, { terminal })
