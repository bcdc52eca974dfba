import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Act, accessFailure, type Former, formerToken, type MachineToken, type Tokens } from '../access/index.ts'
import { hashToken, isTokenText, type MachineTokenView } from '../api/index.ts'
import type { HttpConfig } from '../config/index.ts'
import { explain, ok, type Result } from '../core/index.ts'

/** Where tokens lay before there were users. It is read and never written; it may be taken away. */
export const FORMER_TOKENS = 'tokens.json'

/** Who acts where nobody asked: the gateway itself. */
export const HOUSE: Act = { who: { kind: 'house', id: null, name: 'gateway' }, from: 'local', why: null }

/**
 * Takes up the tokens of a `tokens.json` beside `access.db`, if there is one. They keep text, name and what they may.
 *
 * @errors ACCESS_IMPORT, AUDIT_…
 */
export const takeFormerTokens = (
  dataDirectory: string,
  tokens: Pick<Tokens, 'importFormer'>,
  now: number,
  act = HOUSE,
): Result<{ readonly added: number; readonly revoked: number }> => {
  const path = join(dataDirectory, FORMER_TOKENS)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ok({ added: 0, revoked: 0 })
    return accessFailure('ACCESS_IMPORT', `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
  return tokens.importFormer(text, act, now)
}

/** The tokens of the configuration, and GRIDTALLY_TOKEN. @throws  when that is none */
export const fixedTokens = ({ tokens }: Pick<HttpConfig, 'tokens'>, environment: NodeJS.ProcessEnv): readonly MachineToken[] => {
  const given = environment.GRIDTALLY_TOKEN
  if (given && !isTokenText(given))
    throw new Error('GRIDTALLY_TOKEN is no token: it must be gt_ and 43 letters, digits, - or _; gridtally token add makes one')
  return [
    ...tokens.map(({ name, sha256, permission }) => formerToken(`config-${name}`, name, sha256, permission)),
    ...(given ? [formerToken('environment', 'GRIDTALLY_TOKEN', hashToken(given), 'operate')] : []),
  ]
}

/** Where a token stands, by its id. */
export const sourceOf = ({ id }: Pick<MachineToken, 'id'>): MachineTokenView['source'] =>
  id === 'environment' ? 'environment' : id.startsWith('config-') ? 'configuration' : 'made'

/** Whether `tokens.json` is another one than before. */
const lookAt = (dataDirectory: string): string => {
  try {
    const { mtimeMs, size, ino } = statSync(join(dataDirectory, FORMER_TOKENS))
    return `${mtimeMs} ${size} ${ino}`
  } catch {
    return '-'
  }
}

/** Tokens as the rest of the house makes and counts them. */
export interface GatewayTokens {
  /** Those of the database, the configuration and the environment, whether they hold or not. */
  all(): readonly MachineToken[]
  /** Makes one of the two kinds there were before roles, for the house's own use. @throws  when it cannot be written down */
  add(name: string, former: Former): string
  /** Another configuration: tokens that are no longer in it end at once. */
  use(http: Pick<HttpConfig, 'tokens'>): void
  /** Takes up what another process wrote into `tokens.json`. @throws  what is wrong with it, once for each state of the file */
  reload(): void
}

export const openTokens = ({
  dataDirectory,
  http,
  environment,
  tokens,
  now,
}: {
  readonly dataDirectory: string
  readonly http: Pick<HttpConfig, 'tokens'>
  readonly environment: NodeJS.ProcessEnv
  readonly tokens: Tokens
  readonly now: () => number
}): GatewayTokens & { fixed(): readonly MachineToken[] } => {
  let fixed = fixedTokens(http, environment)
  let taken = ''
  return {
    fixed: () => fixed,
    all: () => [...fixed, ...tokens.list()],
    add: (name, former) => {
      const made = tokens.add(name, { former, expiresAt: null }, HOUSE, now())
      if (!made.ok) throw new Error(explain(made.error))
      return made.value.text
    },
    use: (next) => {
      fixed = fixedTokens(next, environment)
    },
    reload: () => {
      const look = lookAt(dataDirectory)
      if (look === taken) return
      taken = look
      const done = takeFormerTokens(dataDirectory, tokens, now())
      if (!done.ok) throw new Error(explain(done.error))
    },
  }
}
