import type { ConfigDeps } from '../api/index.ts'
import { err, ok } from '../core/index.ts'
import type { Hot } from './hot.ts'

/** What the API may see of the running configuration. */
export const configViews = (hot: Pick<Hot, 'state' | 'versions' | 'reload'>): ConfigDeps => ({
  configState: () => {
    const { version, ...state } = hot.state()
    return { ...state, version: version.version }
  },
  configVersions: () => hot.versions(),
  reloadConfig: async (who) => {
    const done = await hot.reload(`API (${who})`)
    if (!done.ok) return err({ problems: done.problems })
    const { version, changes, pending, ledger } = done
    return ok({ version: version.version, changes, pending, ledger: { added: ledger?.added ?? 0, changed: ledger?.changed ?? 0 } })
  },
})
