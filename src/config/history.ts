import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A state of gateway.yaml that a gateway ran with (配置版本). */
export interface ConfigVersion {
  /** Grows by one with every change; never used twice. */
  readonly version: number
  /** When it was taken up, milliseconds since 1970 UTC. */
  readonly at: number
  /** SHA-256 of the file's bytes. */
  readonly sha256: string
  readonly bytes: number
  /** Why it was read: `start`, `file changed`, `SIGHUP`, `API (NAME)`. */
  readonly because: string
  /** What it changed, in a few words. */
  readonly changes: string
}

const MOST = 20
const INDEX = 'index.json'

export const contentHash = (text: string): string => createHash('sha256').update(text).digest('hex')

/**
 * The last states of gateway.yaml, byte for byte, below the data directory. References to secrets stay references; whoever may read
 * this may read gateway.yaml.
 */
export class ConfigHistory {
  readonly #directory: string

  constructor(dataDirectory: string) {
    this.#directory = join(dataDirectory, 'config-history')
  }

  /** Newest first. An index that cannot be read is an empty one: the history is no reason not to run. */
  list(): readonly ConfigVersion[] {
    try {
      const json: unknown = JSON.parse(readFileSync(join(this.#directory, INDEX), 'utf8'))
      return Array.isArray(json) ? json.filter(isVersion) : []
    } catch {
      return []
    }
  }

  /** The file as it was; null when that version is not kept. */
  text(version: number): string | null {
    const known = this.list().find((each) => each.version === version)
    if (!known) return null
    try {
      const text = readFileSync(join(this.#directory, nameOf(version)), 'utf8')
      return contentHash(text) === known.sha256 ? text : null
    } catch {
      return null
    }
  }

  /** Keeps a state, unless it is the newest one already. @returns its version */
  add(text: string, { at, because, changes }: Pick<ConfigVersion, 'at' | 'because' | 'changes'>): ConfigVersion {
    const before = this.list()
    const sha256 = contentHash(text)
    const newest = before[0]
    if (newest?.sha256 === sha256) return newest
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 })
    const version = 1 + Math.max(newest?.version ?? 0, this.#highest())
    const entry: ConfigVersion = { version, at, sha256, bytes: Buffer.byteLength(text), because, changes }
    const kept = [entry, ...before].slice(0, MOST)
    replace(join(this.#directory, nameOf(version)), text)
    replace(join(this.#directory, INDEX), `${JSON.stringify(kept, null, 2)}\n`)
    for (const { version: old } of before.slice(MOST - 1)) rmSync(join(this.#directory, nameOf(old)), { force: true })
    return entry
  }

  /** The highest number in use, also where the index was lost. */
  #highest(): number {
    return Math.max(0, ...readdirSync(this.#directory).map((name) => Number(/^(\d+)\.yaml$/.exec(name)?.[1] ?? 0)))
  }
}

const nameOf = (version: number): string => `${String(version).padStart(6, '0')}.yaml`

/** Writes a file so that it is there whole or as it was before; nobody else may read it. */
const replace = (path: string, text: string): void => {
  writeFileSync(`${path}.new`, text, { mode: 0o600 })
  chmodSync(`${path}.new`, 0o600)
  renameSync(`${path}.new`, path)
}

const isVersion = (json: unknown): json is ConfigVersion =>
  typeof json === 'object' &&
  json !== null &&
  ['version', 'at', 'bytes'].every((name) => typeof Reflect.get(json, name) === 'number') &&
  ['sha256', 'because', 'changes'].every((name) => typeof Reflect.get(json, name) === 'string')
