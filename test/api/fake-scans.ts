import type { ScanDeps, ScanView } from '../../src/api/index.ts'
import { ok } from '../../src/core/index.ts'

const scan: ScanView = {
  ...{ id: 1, line: 'line-1', mode: 'normal', state: 'done', startedAt: Date.parse('2026-08-15T03:10:00Z'), tookMs: 12_000 },
  ...{ share: 1, what: '', questions: 310, notes: [], error: null },
  meters: [
    {
      ...{ protocol: 'modbus-rtu', address: '17', known: null, profile: 'eastron-sdm630', tie: [], identity: {}, notes: [] },
      candidates: [
        {
          profile: 'eastron-sdm630',
          score: 22.4,
          reasons: [
            { what: 'frequency', value: '50.02 Hz', limit: '45 to 65', verdict: 'for', text: 'frequency 50.02 Hz: within 45 to 65' },
          ],
        },
      ],
      values: [{ obis: '1-0:14.7.0', unit: 'Hz', place: '4:70 f32', text: '50.02' }],
      proofs: [{ what: 'answer to the search', tx: '11 03', rx: '11 83', says: 'unit 17 answers' }],
    },
  ],
}

/** A scan that exists only as an answer. */
export const fakeScans = (): ScanDeps => ({
  startScan: (line) => ok({ ...scan, line }),
  scans: () => [scan],
  scan: (id) => (id === 1 ? scan : null),
  scanEvents: (id, after) => (id === 1 && after < 1 ? [{ nth: 1, at: scan.startedAt, kind: 'found', text: 'modbus-rtu 17' }] : []),
  stopScan: (id) => (id === 1 ? scan : null),
  acceptScan: async () =>
    ok({ change: 7, meters: [{ meter: 'line-1-17', point: 'line-1-17-p', address: '17', profile: 'eastron-sdm630' }], left: [] }),
})
