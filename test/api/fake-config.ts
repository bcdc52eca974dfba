import type { ConfigDeps } from '../../src/api/index.ts'
import { ok } from '../../src/core/index.ts'

const AT = Date.parse('2026-08-15T03:10:00Z')

/** A configuration that exists only as answers. */
export const fakeConfig = (): ConfigDeps => ({
  configState: () => ({
    ...{ version: 3, loadedAt: AT, file: '/etc/gridtally/gateway.yaml', config: { id: 'gw-1', lines: [] } },
    pending: [{ path: 'http/port', before: 8645, after: 8646, effect: 'restart', does: 'holds after a restart of the gateway' }],
    wrong: { at: AT, problems: [{ file: '/etc/gridtally/gateway.yaml', line: 4, column: 3, path: '/lines/0/id', message: 'is 7' }] },
    lineProblems: ['line L9 of the ledger is not opened: its transport is empty'],
  }),
  configVersions: () => [{ version: 3, at: AT, sha256: 'ab', bytes: 120, because: 'file changed', changes: '1 change: tasks/current' }],
  restoreConfig: async (version) => (version === 3 ? ok({ version: 4, changes: [], pending: [], ledger: { added: 0, changed: 0 } }) : null),
  reloadConfig: async () => ok({ version: 3, changes: [], pending: [], ledger: { added: 0, changed: 2 } }),
})
