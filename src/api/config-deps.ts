import type { Result } from '../core/index.ts'
import type { Refusal } from './deps.ts'

/** One difference between two configurations, and what it needs. */
export interface ConfigChangeView {
  /** `lines/bus-2/timeoutMs`: lists of things with an id go by id. */
  readonly path: string
  /** Any JSON value; null = not there. Secrets are masked. */
  readonly before: unknown
  readonly after: unknown
  readonly effect: 'at-once' | 'reopens' | 'restart'
  readonly does: string
}

/** A state of gateway.yaml that the gateway ran with. */
export interface ConfigVersionView {
  readonly version: number
  /** Milliseconds since 1970 UTC. */
  readonly at: number
  readonly sha256: string
  readonly bytes: number
  readonly because: string
  readonly changes: string
}

/** Something wrong in a file: where, and what. */
export interface ConfigProblemView {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly path: string
  readonly message: string
}

export interface ConfigView {
  readonly version: number
  /** Milliseconds since 1970 UTC. */
  readonly loadedAt: number
  readonly file: string
  /** What holds, with everything filled in and secrets masked; lines of the ledger among the others. */
  readonly config: Readonly<Record<string, unknown>>
  /** What gateway.yaml says that only a restart will bring. */
  readonly pending: readonly ConfigChangeView[]
  /** Why the files as they are now are not used; null = they are. */
  readonly wrong: { readonly at: number; readonly problems: readonly ConfigProblemView[] } | null
  /** Lines of the ledger that are not opened, and why. */
  readonly lineProblems: readonly string[]
}

export interface ConfigReloadView {
  readonly version: number
  readonly changes: readonly ConfigChangeView[]
  readonly pending: readonly ConfigChangeView[]
  /** Entries that the ledger file brought: new, changed. */
  readonly ledger: { readonly added: number; readonly changed: number }
}

export type ConfigTaken = Result<ConfigReloadView, { readonly problems: readonly ConfigProblemView[] } | Refusal>

/** What the API asks of the running configuration. */
export interface ConfigDeps {
  configState(): ConfigView
  /** Newest first. */
  configVersions(): readonly ConfigVersionView[]
  /** Reads all files again; wrong ones change nothing and are named. */
  reloadConfig(who: string): Promise<ConfigTaken>
  /** Writes a former state of gateway.yaml back and takes it up; null: that version is not kept. */
  restoreConfig(version: number, who: string): Promise<ConfigTaken | null>
}
