import type { ConfigDeps, ConfigProblemView } from '../api/index.ts'
import { err, ok } from '../core/index.ts'
import { fail } from './errors.ts'
import type { Hot, Reloaded } from './hot.ts'

/** What the API may see of the running configuration. */
export const configViews = (hot: Pick<Hot, 'state' | 'versions' | 'reload' | 'restore'>): ConfigDeps => ({
  configState: () => {
    const { version, ...state } = hot.state()
    return { ...state, version: version.version }
  },
  configVersions: () => hot.versions(),
  reloadConfig: async (who) => takenUp(await hot.reload(`API (${who})`)),
  restoreConfig: async (version, who) => {
    const done = await hot.restore(version, `API (${who}): version ${version} again`)
    if (done.ok || 'problems' in done) return takenUp(done)
    if (done.because === 'unknown') return null
    const { error } =
      done.because === 'refused'
        ? fail('CONFIG_DOOR', `nothing was changed: ${done.message}`)
        : fail('CONFIG_WRITE', `gateway.yaml cannot be written, nothing was changed: ${done.message}`)
    return err({ because: 'not-possible', error })
  },
})

const takenUp = (done: Reloaded | { readonly ok: false; readonly problems: readonly ConfigProblemView[] }) => {
  if (!done.ok) return err({ problems: done.problems })
  const { version, changes, pending, ledger } = done
  return ok({ version: version.version, changes, pending, ledger: { added: ledger?.added ?? 0, changed: ledger?.changed ?? 0 } })
}
