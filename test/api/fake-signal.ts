import type { SignalFigures } from '../../src/anomaly/index.ts'
import type { SignalDeps } from '../../src/api/index.ts'
import { err, failWith, ok } from '../../src/core/index.ts'

const fail = failWith({ SIGNAL_UNKNOWN: { recovery: 'skip', hint: 'GET /api/v1/signal lists them' } })

export const signalRow = (id: string, below: number, change: Partial<SignalFigures> = {}): SignalFigures => ({
  ...{ level: 'meter', id, area: 'A-1', zone: 'Z-1', link: 'hplc', bus: 'L-1', concentrator: 'C-1', meters: 1 },
  ...{ polls: 96, read: 96 - below, readPct: 100 - below, firstTryPct: 90, completeHoursPct: 80 },
  ...{ timeouts: 2 * below, crcErrors: 1, foreignAnswers: 0, latencyP50Ms: 700, latencyP95Ms: 1200 },
  ...{ snrDb: 11.5, rssiDbm: null, band: 'good', zoneMedianPct: 100, belowZonePct: below, kindMedianDb: 16, belowKindDb: 4.5 },
  ...change,
})

const ROWS = [signalRow('P-3', 20, { band: 'bad' }), signalRow('P-1', 2), signalRow('P-2', 0)]
const AT = Date.parse('2026-08-15T00:00:00Z')

export const fakeSignal = (): SignalDeps => ({
  signal: async ({ level, band }) => ok(ROWS.filter((one) => one.level === level && (band === undefined || one.band === band))),
  signalOf: async (id, { level }) => {
    const figures = ROWS.find((one) => one.id === id && one.level === level)
    if (!figures) return err({ because: 'unknown' as const, error: fail('SIGNAL_UNKNOWN', `there is no ${level} ${id}`).error })
    const {
      level: _level,
      id: _id,
      area: _area,
      zone: _zone,
      link: _link,
      bus: _bus,
      concentrator: _concentrator,
      meters: _meters,
      ...rest
    } = figures
    return ok({
      figures,
      items: [{ from: AT, to: AT + 3_600_000, ...rest }],
      marks: [{ at: AT, channel: 'L-1', note: 'new modem' }],
      findings: [],
    })
  },
})
