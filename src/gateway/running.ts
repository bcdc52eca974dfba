import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CaseDeps } from '../api/index.ts'
import { type Problem, packageRoot } from '../config/index.ts'
import type { Clock, ReadingStore } from '../core/index.ts'
import type { Outbox } from '../outbox/index.ts'
import type { Latest } from '../store/latest.ts'
import type { Field } from './field.ts'
import type { Reloaded } from './hot.ts'
import type { Push } from './push.ts'
import type { Summary } from './summary.ts'
import type { GatewayTokens } from './tokens.ts'

/** A running gateway. */
export interface Gateway {
  /** Where the API listens. */
  readonly address: string
  /** Where concentrators dial in. */
  readonly listening: readonly { readonly id: string; readonly host: string; readonly port: number }[]
  readonly field: Field
  readonly push: Push
  readonly outbox: Outbox
  readonly store: ReadingStore
  readonly latest: Latest
  readonly tokens: GatewayTokens
  /** Nobody at all can come in yet: there is no user and no token. */
  readonly isNobodyKnown: () => boolean
  /** What was found wrong. */
  readonly cases: Pick<CaseDeps, 'cases'>
  readonly clock: Clock
  /** Reads all files again now, instead of within seconds. */
  reload(because: string): Promise<Reloaded>
  summary(): Summary
  /** Stops intake, ends exchanges under way, commits, closes. What waits for a sink is safe and goes on at the next start. */
  close(): Promise<void>
}

/** Why a gateway did not start, and the places in its files that are wrong. */
export type StartFailure = { readonly ok: false; readonly problems: readonly Problem[]; readonly message: string }

/** A start that was refused. */
export const refused = (message: string, problems: readonly Problem[] = []): StartFailure => ({ ok: false, problems, message })

/** Version of this package. */
export const version = (): string => {
  const file: unknown = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8'))
  return typeof file === 'object' && file !== null && 'version' in file ? String(file.version) : 'unknown'
}
