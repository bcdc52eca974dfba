import { copyFileSync, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type GatewayConfig, loadGatewayConfig } from './gateway-config.ts'
import type { ConfigHistory } from './history.ts'
import type { Problem } from './problems.ts'

export type Restored =
  | { readonly ok: true; readonly file: string; readonly config: GatewayConfig }
  /** `refused`: whoever asks may not; nothing was changed. `unknown`: that version is not kept. `wrong`: it cannot be used any more. `unwritable`: the file cannot be written; nothing was changed. */
  | { readonly ok: false; readonly because: 'unknown' }
  | { readonly ok: false; readonly because: 'wrong'; readonly problems: readonly Problem[] }
  | { readonly ok: false; readonly because: 'unwritable' | 'refused'; readonly message: string }

/**
 * Writes a former state of gateway.yaml back, after checking it where it will stand: the file is whole at every moment. What was there before
 * is kept as `gateway.yaml.before`.
 *
 * @param lines    as `loadGatewayConfig` takes it
 * @param refusal  why this state may not come back; null: it may
 */
export const restoreConfig = (
  path: string,
  history: Pick<ConfigHistory, 'text'>,
  version: number,
  environment: NodeJS.ProcessEnv,
  lines: Parameters<typeof loadGatewayConfig>[2],
  refusal: (wanted: GatewayConfig) => string | null = () => null,
): Restored => {
  const file = resolve(path)
  const text = history.text(version)
  if (text === null) return { ok: false, because: 'unknown' }
  const trial = join(dirname(file), `.restore-${process.pid}.yaml`)
  try {
    writeFileSync(trial, text, { mode: 0o600 })
    const checked = loadGatewayConfig(trial, environment, lines)
    if (!checked.ok)
      return { ok: false, because: 'wrong', problems: checked.problems.map((problem) => ({ ...problem, file: `version ${version}` })) }
    const refused = refusal(checked.value)
    if (refused !== null) return { ok: false, because: 'refused', message: refused }
    if (existsSync(file)) copyFileSync(file, `${file}.before`)
    renameSync(trial, file)
    return { ok: true, file, config: checked.value }
  } catch (error) {
    return { ok: false, because: 'unwritable', message: error instanceof Error ? error.message : String(error) }
  } finally {
    rmSync(trial, { force: true })
  }
}
