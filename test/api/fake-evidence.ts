import type { EvidenceDeps, EvidenceView } from '../../src/api/index.ts'
import { ok } from '../../src/core/index.ts'

export const EVIDENCE_AT = Date.parse('2026-07-01T00:00:00.000Z')
const HASH = 'a'.repeat(64)

export const evidenceOf = (change: Partial<EvidenceView> = {}): EvidenceView => ({
  ...{ id: '7', kind: 'frame', sha256: HASH, channel: 'line-1', protocol: 'dlt645-2007', about: 'day-freeze 1', by: 'task midnight' },
  ...{ receivedAt: EVIDENCE_AT + 9000, wholeSize: null },
  parts: [
    { at: EVIDENCE_AT + 8000, direction: 'tx', bytes: Uint8Array.of(0x68, 1, 2), sha256: HASH, description: 'read 05060101' },
    { at: EVIDENCE_AT + 9000, direction: 'rx', bytes: Uint8Array.of(0x68, 3, 4), sha256: HASH, description: 'answer' },
  ],
  of: [{ meter: 'M-P-001', measuredAt: EVIDENCE_AT, source: 'day-freeze' }],
  ...change,
})

/** One record of one reading. */
export const fakeEvidence = (item: EvidenceView = evidenceOf()): EvidenceDeps => ({
  evidenceOf: async (key) =>
    ok(item.of.some((one) => one.meter === key.meter && one.measuredAt === key.measuredAt && one.source === key.source) ? [item] : []),
  evidence: async (id) => ok(id === item.id ? item : null),
  evidencePack: async (id, meter) => ok(id === item.id ? { format: 'gridtally-evidence/1', meter, sha256: HASH } : null),
})
