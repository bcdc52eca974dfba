import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'

/** A secret that shows as `***` wherever it is printed, logged or turned into JSON. */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  reveal(): string {
    return this.#value
  }

  toString(): string {
    return '***'
  }

  toJSON(): string {
    return '***'
  }

  [inspect.custom](): string {
    return '***'
  }
}

/** An address whose path and query are a secret, as those of webhooks are: shows as `https://host/***`. */
export class SecretUrl extends Secret {
  /** Scheme, host and port; empty: it is no URL. */
  readonly origin: string

  constructor(value: string) {
    super(value)
    this.origin = URL.canParse(value) ? new URL(value).origin : ''
  }

  override toString(): string {
    return `${this.origin}/***`
  }

  override toJSON(): string {
    return `${this.origin}/***`
  }

  override [inspect.custom](): string {
    return `${this.origin}/***`
  }
}

const FROM_ENV = /^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$/
const FROM_FILE = /^\$\{file:(.+)\}$/

/**
 * The secret a setting means: `${NAME}` of the environment, `${file:/path}` of a file, or the text itself.
 *
 * @returns  a text that says what is missing
 */
export const resolveSecret = (text: string, environment: NodeJS.ProcessEnv): Secret | string => {
  const name = FROM_ENV.exec(text)?.[1]
  if (name !== undefined) {
    const value = environment[name]
    return value === undefined || value === '' ? `takes its value from the environment, but ${name} is not set` : new Secret(value)
  }
  const file = FROM_FILE.exec(text)?.[1]
  if (file === undefined)
    return text.startsWith('${') ? `begins like a reference but is neither \${NAME} (environment) nor \${file:/path}` : new Secret(text)
  try {
    const secret = readFileSync(file, 'utf8').trim()
    return secret === '' ? `takes its value from ${file}, which is empty` : new Secret(secret)
  } catch (error) {
    return `takes its value from ${file}, which cannot be read: ${error instanceof Error ? error.message : String(error)}`
  }
}
