import { Readable } from 'node:stream'
import type { ImportDeps, ImportPort, ImportView } from '../../src/api/index.ts'
import { ok } from '../../src/core/index.ts'

export const IMPORT: ImportView = {
  ...{
    id: 'i1',
    name: 'meters.xlsx',
    format: 'xlsx',
    state: 'ready',
    by: 'office',
    since: 1_767_225_600_000,
    rows: 2,
    change: null,
    error: null,
  },
  report: {
    sheets: [{ name: '台账', rows: 2, kinds: ['point', 'meter'] }],
    ...{ added: 4, changed: 0, unchanged: 0, problemCount: 0, warnings: [{ place: '台账!N1', message: 'the column "备注" is left out' }] },
  },
}

/** An import that is ready to be applied. */
export const fakeImports = (change: Partial<ImportPort> = {}): ImportDeps => ({
  imports: {
    maxBytes: 1000,
    begin: async (_, content) => {
      content.resume()
      return ok({ ...IMPORT, state: 'checking', report: null })
    },
    list: () => [IMPORT],
    get: (id) => (id === IMPORT.id ? IMPORT : null),
    problems: (id) => (id === IMPORT.id ? [] : null),
    entries: (id) => (id === IMPORT.id ? [] : null),
    apply: () => ok({ ...IMPORT, state: 'applying' }),
    remove: () => ok(undefined),
    export: async ({ format }) => ok({ name: `ledger.${format}`, type: 'text/csv; charset=utf-8', content: Readable.from(['户号']) }),
    template: (format) => ({ name: `template.${format}`, type: 'text/csv; charset=utf-8', content: Readable.from(['户号']) }),
    ...change,
  },
})
