import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ConfigChange, Plain } from './changes.ts'

/** What a running gateway says of itself to commands on the same machine: `running.json` in its data directory. */
export interface RunningConfig {
  readonly pid: number
  /** The gateway.yaml it was started with. */
  readonly file: string
  readonly version: number
  readonly loadedAt: number
  /** Key under which its secrets were made comparable; new with every start. */
  readonly key: string
  readonly config: Readonly<Record<string, Plain>>
  /** What gateway.yaml says that only a restart will bring. */
  readonly pending: readonly ConfigChange[]
}

const pathIn = (dataDirectory: string): string => join(dataDirectory, 'running.json')

export const writeRunning = (dataDirectory: string, running: RunningConfig): void => {
  const path = pathIn(dataDirectory)
  writeFileSync(`${path}.new`, `${JSON.stringify(running, null, 2)}\n`, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

export const removeRunning = (dataDirectory: string): void => rmSync(pathIn(dataDirectory), { force: true })

/** What runs in a data directory; null when nothing does. */
export const readRunning = (dataDirectory: string): RunningConfig | null => {
  try {
    const json: unknown = JSON.parse(readFileSync(pathIn(dataDirectory), 'utf8'))
    return isRunning(json) && isAlive(json.pid) ? json : null
  } catch {
    return null
  }
}

const isRunning = (json: unknown): json is RunningConfig =>
  typeof json === 'object' &&
  json !== null &&
  ['pid', 'version', 'loadedAt'].every((name) => typeof Reflect.get(json, name) === 'number') &&
  ['file', 'key'].every((name) => typeof Reflect.get(json, name) === 'string') &&
  typeof Reflect.get(json, 'config') === 'object' &&
  Array.isArray(Reflect.get(json, 'pending'))

/** A gateway that was killed has left its file behind. */
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
