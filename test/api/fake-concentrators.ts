import type {
  ArchiveRecordView,
  ConcentratorJobView,
  ConcentratorPort,
  ConcentratorView,
  ControlView,
  Refusal,
} from '../../src/api/index.ts'
import { err, failWith, type GatewayError, ok } from '../../src/core/index.ts'
import { clockOf } from './fake-clocks.ts'

export const AT = Date.parse('2026-08-15T11:00:00Z')

export const concentratorFail = failWith({
  CONCENTRATOR_UNKNOWN: { recovery: 'skip', hint: 'GET /api/v1/concentrators lists them' },
  CONCENTRATOR_OFFLINE: { recovery: 'wait', hint: 'it dials in by itself' },
  CONCENTRATOR_READ_ONLY: { recovery: 'stop', hint: 'set allowWrites of it' },
  ARCHIVE_NOT_READ: { recovery: 'wait', hint: 'read it first' },
  CONTROL_OFF: { recovery: 'stop', hint: 'switch concentrators.control on' },
})
type Code = Parameters<typeof concentratorFail>[0]
export const concentratorRefusal = (because: Refusal['because'], code: Code, message: string) =>
  err<Refusal>({ because, error: concentratorFail(code, message).error })

export const recordOf = (number: number, change: Partial<ArchiveRecordView> = {}): ArchiveRecordView => ({
  ...{ number, pn: number, address: String(number).padStart(12, '0'), port: 31, baud: 0, protocol: 'dlt645-2007', tariffs: 4 },
  ...{ integerDigits: 6, decimals: 2, collector: '000000000000', userClass: 5, userSubclass: 0, ...change },
})

export const countsOf = { readAt: AT, records: 3, same: 1, onlyInLedger: 1, onlyInConcentrator: 1, differs: 1, second: 0, problems: 0 }

export const concentratorOf = (id: string, change: Partial<ConcentratorView> = {}): ConcentratorView => ({
  ...{ id, name: `Mill ${id}`, area: 'A-1', address: '4510-21', protocol: 'gw3761', allowWrites: true, problem: null, meters: 3 },
  online: {
    peer: '10.7.0.9:40211',
    listener: 'terminals',
    since: AT,
    lastFrameAt: AT + 60_000,
    heartbeatMs: 60_000,
    queued: 0,
    underWay: 1,
  },
  figures: {
    ...{ logins: 2, heartbeats: 60, reports: 3, requests: 10, answered: 9, noReply: 1, refused: 0, damagedBytes: 0, strangers: 0 },
    ...{ bytesIn: 2000, bytesOut: 1500 },
  },
  archive: countsOf,
  clock: { at: AT, driftMs: 7500, state: 'fair' },
  ...change,
})

export const jobOf = (id: number, change: Partial<ConcentratorJobView> = {}): ConcentratorJobView => ({
  ...{ id, concentrator: 'C-1', what: 'archive-read', who: 'operator', why: 'order 7', at: AT, endedAt: AT + 900, state: 'done' },
  ...{ done: 3, total: 3, step: '', result: countsOf, error: null, ...change },
})

export const controlOf = (id: number, change: Partial<ControlView> = {}): ControlView => ({
  ...{ id, concentrator: 'C-1', act: 'trip', target: 'meter M-1 (point 3)', why: 'order 7', state: 'requested', requestedBy: 'li' },
  ...{ requestedAt: AT, until: AT + 600_000, confirmedBy: null, frames: [] },
  steps: [{ at: AT, step: 'requested', who: 'li', text: 'order 7' }],
  ...change,
})

/** Three concentrators: one connected, one away, one nobody can talk to. What was asked for stands in `asked`. */
export const fakeConcentrators = (asked: unknown[] = []): ConcentratorPort => {
  const all = [
    concentratorOf('C-1'),
    concentratorOf('C-2', { online: null, figures: null, archive: null, clock: null, allowWrites: false, address: '4510-22' }),
    concentratorOf('C-3', { online: null, protocol: null, problem: 'its protocol is missing', area: 'A-2', address: '' }),
  ]
  const unknown = (id: string) => concentratorRefusal('unknown', 'CONCENTRATOR_UNKNOWN', `the ledger has no concentrator "${id}"`)
  const has = (id: string) => all.some((one) => one.id === id)
  const known = <T>(id: string, value: T) => (has(id) ? ok(value) : unknown(id))
  return {
    list: ({ area, protocol, online, text }, after, limit) =>
      all
        .filter((one) => area === undefined || one.area === area)
        .filter((one) => protocol === undefined || one.protocol === protocol)
        .filter((one) => online === undefined || (one.online !== null) === online)
        .filter((one) => text === undefined || one.name.includes(text))
        .filter(({ id }) => after === null || id > after)
        .slice(0, limit),
    get: (id) => {
      const found = all.find((one) => one.id === id)
      return found ? ok(found) : unknown(id)
    },
    archive: (id) =>
      id === 'C-2'
        ? concentratorRefusal('unknown', 'ARCHIVE_NOT_READ', 'the archive of concentrator C-2 was never read')
        : known(id, {
            counts: countsOf,
            records: [
              { ...recordOf(1), meter: 'M-1' },
              { ...recordOf(2), meter: 'M-2' },
              { ...recordOf(9), meter: null },
            ],
            differences: [
              {
                ...{ kind: 'differs' as const, meter: 'M-2', address: '000000000002', wanted: recordOf(2, { port: 2 }), held: recordOf(2) },
                ...{ fields: [{ name: 'port', wanted: 2, held: 31 }], replaces: null },
              },
              {
                ...{ kind: 'only-in-ledger' as const, meter: 'M-3', address: '000000000003', wanted: recordOf(3), held: null },
                fields: [],
                replaces: null,
              },
              {
                ...{ kind: 'only-in-concentrator' as const, meter: null, address: '000000000009', wanted: null, held: recordOf(9) },
                fields: [],
                replaces: null,
              },
            ],
            problems: [],
          }),
    parameters: (id) =>
      known(id, [
        {
          ...{ id: 'F1', label: { en: 'up-link', zh: '终端通信参数' }, perPoint: false, isSettable: true },
          ...{ schema: { type: 'object' }, known: [{ pn: null, at: AT, value: { heartbeatMin: 5 } }] },
        },
      ]),
    clock: (id) => known(id, clockOf(id, { kind: 'concentrator', line: id, point: '' })),
    events: (id, query) => {
      asked.push(query)
      const kept = [1, 0].map((nth) => ({
        ...{ at: AT + nth, begin: AT, end: null, edge: 'begin' as const, receivedAt: AT + 1000, meter: 'M-1', code: 'erc-10' },
        ...{ facts: { ua: '0.0', ub: null }, raw: '0A 1C' },
      }))
      const { after, limit } = query
      return known(id, kept.filter(({ at }) => after === null || at < after.at).slice(0, limit))
    },
    routes: (id) =>
      known(id, { readAt: AT, items: [{ meter: 'M-1', address: '000000000001', pn: 1, facts: { signal: 12, phase: 'L1', hops: null } }] }),
    begin: (id, order, by) => {
      asked.push({ id, order, by })
      if (id === 'C-2') return concentratorRefusal('line-down', 'CONCENTRATOR_OFFLINE', 'concentrator C-2 (4510-22) is not connected')
      return known(id, jobOf(1, { what: order.what, state: 'running', endedAt: null, result: null, ...by }))
    },
    wait: async (id, job) => (has(id) && job <= 3 ? ok(jobOf(job)) : unknown(id)),
    jobs: (id, before, limit) =>
      known(
        id,
        [3, 2, 1]
          .filter((one) => one < before)
          .slice(0, limit)
          .map((one) => jobOf(one)),
      ),
    cancel: (id, job) => known(id, jobOf(job, { state: 'cancelled' })),
    controls: (id, before, limit) =>
      known(
        id,
        [2, 1]
          .filter((one) => one < before)
          .slice(0, limit)
          .map((one) => controlOf(one)),
      ),
    control: (id, act) => known(id, controlOf(act)),
    requestControl: (id, order, by) => {
      asked.push({ id, order, by })
      if (id === 'C-2') return concentratorRefusal('not-possible', 'CONTROL_OFF', 'nothing is switched from here')
      return known(id, controlOf(3, { act: order.act, requestedBy: by.name }))
    },
    confirmControl: async (id, act, by) => {
      asked.push({ id, act, by })
      return known(id, controlOf(act, { state: 'done', confirmedBy: by.name, frames: ['tx 68 4A'] }))
    },
    withdrawControl: (id, act, why) => known(id, controlOf(act, { state: 'withdrawn', why })),
    unknown: () => [{ protocol: 'gw3761', address: '4510-99', peer: '10.7.0.1:4', firstSeen: AT - 1000, lastSeen: AT, count: 7 }],
    adopt: async ({ id, address }) => ok(concentratorOf(id, { address, online: null })),
    refusalOf: (error: GatewayError) => ({ because: 'not-possible', error }),
  }
}
