import { isBackedOff } from '../acquisition/index.ts'
import type { HealthView, LineDetail, LineView } from '../api/index.ts'
import type { TerminalCounts } from '../api/terminal-metrics.ts'
import { many } from '../core/index.ts'
import type { Field } from './field.ts'
import type { TerminalHost } from './field-terminal.ts'
import { devicesOf, readCounts } from './line-views.ts'
import type { OpenTerminals } from './start-terminals.ts'

/** What the API may see of concentrators as lines, and of all of them together. */
export interface TerminalViews {
  lines(): readonly LineView[]
  line(id: string): LineDetail | null
  health(): HealthView['parts']
  counts(): TerminalCounts
}

const NO_FAILURES: ReadonlyMap<string, number> = new Map()
/** Fewer than this share of the concentrators are there: something they have in common is wrong. */
const FEW = 0.9

export const terminalViews = (
  field: Field,
  { terminals, book, presence }: Pick<OpenTerminals, 'terminals' | 'book' | 'presence'>,
): TerminalViews => {
  const lineOf = (host: TerminalHost): LineView => {
    const status = terminals.status(host.id)
    const settings = book.get(host.id)
    return {
      ...readCounts(NO_FAILURES, host.meters, host.gone),
      id: host.id,
      address: `${host.protocol}://${settings?.address ?? ''}`,
      state: status ? 'up' : 'down',
      quarantined: false,
      since: status?.since ?? presence.since(host.id),
      busyShare: 0,
      queue: host.depth,
      devices: host.meters.length,
      error: status ? null : OFFLINE,
    }
  }
  return {
    lines: () => [...field.terminals].map(lineOf),
    line: (id) => {
      const host = field.terminal(id)
      return host && { ...lineOf(host), health: devicesOf(host.meters) }
    },
    health: () => {
      if (book.size === 0 && terminals.listening.length === 0) return []
      let [online, meters, silent] = [0, 0, 0]
      for (const { settings } of book.all()) if (terminals.status(settings.id)) online++
      for (const host of field.terminals) {
        meters += host.meters.length
        // Whose concentrator is not there is not silent: nobody can tell.
        if (host.isOnline) silent += host.meters.filter(({ device }) => isBackedOff(device.health)).length
      }
      const isFew = terminals.listening.length > 0 && online < book.size * FEW
      return [
        {
          part: 'concentrators',
          state: isFew || silent > 0 ? 'degraded' : 'ok',
          sentence:
            terminals.listening.length === 0
              ? `${many(book.size, 'concentrator')} in the ledger, and no listener where they could dial in`
              : `${online} of ${many(book.size, 'concentrator')} connected; ${silent} of ${many(meters, 'meter')} behind those do not answer`,
          cure: isFew || silent > 0 ? 'see GET /api/v1/concentrators' : null,
        },
      ]
    },
    counts: () => {
      const sessions = terminals.sessions()
      const figures = { logins: 0, heartbeats: 0, reports: 0, requests: 0, answered: 0, noReply: 0, refused: 0, strangers: 0 }
      let latencySumMs = 0
      for (const { settings } of book.all()) {
        const own = terminals.figures(settings.id)
        if (!own) continue
        for (const name of NAMES) figures[name] += own[name]
        latencySumMs += own.latencySumMs
      }
      const known = sessions.filter(({ id }) => id !== null).length
      return {
        ...{ known: book.size, online: known, strangers: sessions.length - known, figures, latencySumS: latencySumMs / 1000 },
        listeners: terminals
          .listenerFigures()
          .map(({ id, open, accepted, refused, ended }) => ({ id, open, accepted, refused, ended: { ...ended } })),
      }
    },
  }
}

const NAMES = ['logins', 'heartbeats', 'reports', 'requests', 'answered', 'noReply', 'refused', 'strangers'] as const
const OFFLINE: LineView['error'] = {
  code: 'TERMINAL_OFFLINE',
  message: 'it is not connected',
  recovery: 'wait',
  hint: 'the terminal dials in by itself: check its master address and port (F3), its signal, and that nothing in between closes the connection',
  context: {},
}
