import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { hashToken, isTokenText, makeToken, type StoredToken } from '../api/index.ts'
import type { GatewayConfig } from '../config/index.ts'

/** Hashes of the bearer tokens: those made by `gridtally token` (a file in the data directory) and those of the configuration. */
export class TokenFile {
  readonly #path: string
  readonly #environment: readonly StoredToken[]
  #fixed: readonly StoredToken[]
  #own: StoredToken[]

  constructor(dataDirectory: string, http: Pick<GatewayConfig['http'], 'tokens'>, environment: NodeJS.ProcessEnv) {
    this.#path = join(dataDirectory, 'tokens.json')
    const given = environment.GRIDTALLY_TOKEN
    if (given && !isTokenText(given))
      throw new Error('GRIDTALLY_TOKEN is no token: it must be gt_ and 43 letters, digits, - or _; gridtally token add makes one')
    this.#environment = given ? [stored('environment', 'GRIDTALLY_TOKEN', hashToken(given), 'operate')] : []
    this.#fixed = fixedOf(http)
    this.#own = this.#read()
  }

  all(): readonly StoredToken[] {
    return [...this.#fixed, ...this.#environment, ...this.#own]
  }

  /** Makes a token; its text is in the answer and nowhere else. */
  add(name: string, permission: 'read' | 'operate'): string {
    const { text, hash } = makeToken()
    this.#own = [...this.#own, stored(`own-${this.#own.length + 1}`, name, hash, permission)]
    this.#write()
    return text
  }

  /** @returns whether there was such a token */
  revoke(name: string, at: number): boolean {
    const found = this.#own.some((token) => token.name === name && token.revokedAt === null)
    this.#own = this.#own.map((token) => (token.name === name && token.revokedAt === null ? { ...token, revokedAt: at } : token))
    if (found) this.#write()
    return found
  }

  /** Takes up the tokens of another configuration: those that are no longer in it end at once. */
  use(http: Pick<GatewayConfig['http'], 'tokens'>): void {
    this.#fixed = fixedOf(http)
  }

  /** Takes up what another process has written: a revocation holds at once. */
  reload(): void {
    this.#own = this.#read()
  }

  #read(): StoredToken[] {
    try {
      return JSON.parse(readFileSync(this.#path, 'utf8')) as StoredToken[]
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
      throw new Error(
        `${this.#path} cannot be read: ${error instanceof Error ? error.message : String(error)}; its owner must be the user the gateway runs as`,
      )
    }
  }

  #write(): void {
    // A token may be made before the gateway ran for the first time.
    mkdirSync(dirname(this.#path), { recursive: true })
    writeFileSync(`${this.#path}.new`, `${JSON.stringify(this.#own, null, 2)}\n`, { mode: 0o600 })
    renameSync(`${this.#path}.new`, this.#path)
  }
}

const fixedOf = ({ tokens }: Pick<GatewayConfig['http'], 'tokens'>): readonly StoredToken[] =>
  tokens.map(({ name, sha256, permission }) => stored(`config-${name}`, name, sha256, permission))

const stored = (id: string, name: string, hash: string, permission: 'read' | 'operate'): StoredToken => ({
  id,
  name,
  hash,
  permission,
  expiresAt: null,
  revokedAt: null,
})
