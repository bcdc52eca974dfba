import type { Register } from './broker-metrics.ts'

/** What is counted of concentrators that dial in. */
export interface TerminalCounts {
  /** In the ledger, and of those connected now. */
  readonly known: number
  readonly online: number
  /** Connected, and in no ledger. */
  readonly strangers: number
  readonly figures: Readonly<Record<(typeof FIGURES)[number], number>>
  readonly latencySumS: number
  readonly listeners: readonly {
    readonly id: string
    readonly open: number
    readonly accepted: number
    readonly refused: Readonly<Record<string, number>>
    readonly ended: Readonly<Record<string, number>>
  }[]
}

const FIGURES = ['logins', 'heartbeats', 'reports', 'requests', 'answered', 'noReply', 'refused', 'strangers'] as const

export const NO_TERMINALS: TerminalCounts = {
  ...{ known: 0, online: 0, strangers: 0, latencySumS: 0, listeners: [] },
  figures: { logins: 0, heartbeats: 0, reports: 0, requests: 0, answered: 0, noReply: 0, refused: 0, strangers: 0 },
}

export const terminalMetrics = (counter: Register, gauge: Register): void => {
  gauge('gridtally_concentrators', 'Concentrators of the ledger by whether they are connected', ['state'], ({ terminals }) => [
    [{ state: 'online' }, terminals.online],
    [{ state: 'offline' }, terminals.known - terminals.online],
  ])
  gauge('gridtally_concentrators_unknown', 'Connected terminals that are in no ledger', [], ({ terminals }) => [[{}, terminals.strangers]])
  counter(
    'gridtally_concentrator_talk_total',
    'What passed between concentrators and the gateway',
    ['what'],
    ({ terminals: { figures } }) => FIGURES.map((name) => [{ what: name === 'noReply' ? 'no_reply' : name }, figures[name]]),
  )
  counter('gridtally_concentrator_latency_seconds_total', 'Time until answers of concentrators were whole', [], ({ terminals }) => [
    [{}, terminals.latencySumS],
  ])
  gauge('gridtally_listener_connections', 'Connections of a listener', ['listener'], ({ terminals: { listeners } }) =>
    listeners.map(({ id, open }) => [{ listener: id }, open]),
  )
  counter(
    'gridtally_listener_connections_total',
    'Connections a listener has had',
    ['listener', 'result'],
    ({ terminals: { listeners } }) =>
      listeners.flatMap(({ id, accepted, refused, ended }) => [
        [{ listener: id, result: 'accepted' }, accepted],
        ...Object.entries(refused).map(([why, count]): [Record<string, string>, number] => [
          { listener: id, result: `refused_${why}` },
          count,
        ]),
        ...Object.entries(ended).map(([why, count]): [Record<string, string>, number] => [{ listener: id, result: `ended_${why}` }, count]),
      ]),
  )
}
