import type { AnyTerminalAdapter, Clock, TerminalAdapter } from '../../core/index.ts'
import type { Peer } from '../../transport/index.ts'
import { Asker, type AskerPort } from './asker.ts'
import { Session } from './session.ts'
import type { SessionHost, SessionPort, TerminalRecord } from './session-types.ts'
import type { ListenerSettings } from './types.ts'

/** One protocol of terminals as the listener sees it: its kind of frame stays inside. */
export interface SpeechPort {
  readonly id: TerminalAdapter['id']
  claims(first: Uint8Array): 'yes' | 'no' | 'more'
  open(peer: Peer, listener: ListenerSettings, openedAt: number, host: SessionHost): SessionPort
  /** Who asks a terminal; null for one that is in no ledger. */
  askerOf(record: TerminalRecord): AskerPort | null
}

/** Binds a protocol, so that its questions and its connections know each other's kind of frame. */
export const speechOf = (any: AnyTerminalAdapter, clock: Clock, onBusy: (asker: AskerPort) => void): SpeechPort =>
  any.bind((adapter) => bound(adapter, clock, onBusy))

const bound = <Frame extends object>(adapter: TerminalAdapter<Frame>, clock: Clock, onBusy: (asker: AskerPort) => void): SpeechPort => {
  const askers = new WeakMap<TerminalRecord, Asker<Frame>>()
  const askerOf = (record: TerminalRecord): Asker<Frame> | null => {
    const known = askers.get(record)
    if (known || !record.settings) return known ?? null
    const made = new Asker(adapter, record.settings, record.figures, clock, onBusy)
    askers.set(record, made)
    return made
  }
  return {
    id: adapter.id,
    claims: (first) => adapter.claims(first),
    open: (peer, listener, openedAt, host) => new Session(adapter, askerOf, peer, listener, openedAt, host),
    askerOf,
  }
}
