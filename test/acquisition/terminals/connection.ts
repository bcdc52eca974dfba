import { terminalAdapterOf } from '../../../protocols/index.ts'
import { Dialled } from '../../../src/acquisition/terminals/dialled.ts'
import { newFigures } from '../../../src/acquisition/terminals/figures.ts'
import type { SessionHost, TerminalRecord } from '../../../src/acquisition/terminals/session-types.ts'
import { speechOf } from '../../../src/acquisition/terminals/speech.ts'
import { ok } from '../../../src/core/index.ts'
import { manualClock } from './site.ts'

/** A connection without a socket, and whoever it says it is, it is. */
export const connection = () => {
  const { clock, pass } = manualClock()
  const ended: string[] = []
  const logged: string[] = []
  let written = 0
  const host: SessionHost = {
    deps: {
      clock,
      wallNow: () => ({ year: 2026, month: 11, day: 21, hour: 10, minute: 0, second: 0 }),
      adapterOf: (id) => terminalAdapterOf(id),
      find: () => null,
      take: () => Promise.resolve(ok(undefined)),
      notice: () => undefined,
      log: (_, message) => void logged.push(message),
    },
    bind: (session, address) => {
      const record: TerminalRecord = {
        ...{ address, protocol: session.protocol, figures: newFigures(), session },
        settings: {
          ...{ id: address, address, protocol: session.protocol, allowWrites: false, frameLimit: 1024, heartbeatMs: null, window: 1 },
          ...{ answerMs: 10_000, fieldAnswerMs: 90_000 },
        },
      }
      return record
    },
    online: () => undefined,
    ended: (_, by) => void ended.push(by),
    flooded: () => undefined,
    complain: (text) => void logged.push(text(1)),
    trace: () => undefined,
  }
  const peer = {
    ...{ name: 'nobody:1', address: 'nobody', unsent: 0, pause: () => undefined, resume: () => undefined, finish: () => undefined },
    close: () => undefined,
    write: (bytes: Uint8Array) => {
      written += bytes.length
    },
  }
  const listener = {
    ...{ id: 'l', host: '', port: 0, protocols: ['gw3761', 'dlt698'] as const, maxSessions: 1, maxPerPeer: 1, firstFrameMs: 20_000 },
    ...{ frameMs: 15_000, heartbeatMs: 60_000, admitUnknown: true },
  }
  const speeches = (['gw3761', 'dlt698'] as const).map((id) => {
    const adapter = terminalAdapterOf(id)
    if (!adapter) throw new Error(id)
    return speechOf(adapter, clock, () => undefined)
  })
  const dialled = new Dialled(peer, listener, speeches, clock.monotonic(), host)
  return { dialled, peer, pass, clock, ended, logged, written: () => written }
}
