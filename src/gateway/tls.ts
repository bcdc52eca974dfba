import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { createSecureContext, type SecureContextOptions, Server as TlsServer } from 'node:tls'
import type { HealthView } from '../api/index.ts'
import type { TlsConfig } from '../config/index.ts'
import { explain, type GatewayError, many, ok, type Result } from '../core/index.ts'
import { FileWatch } from './hot-files.ts'
import { tlsFailure } from './tls-errors.ts'

/** A certificate with its key, proved. Instants are milliseconds since 1970 UTC. */
export interface TlsPair {
  readonly context: SecureContextOptions
  readonly notBefore: number
  readonly notAfter: number
  /** SHA-256 of the certificate, for people. */
  readonly fingerprint: string
}

/** A certificate that ends sooner is worth a warning. */
const WARN_MS = 30 * 86_400_000
const DAY_MS = 86_400_000
const LOOK_MS = 1000
/** @source IEC 62351-3: TLS 1.2 and newer; older ones are not offered */
const LEAST_VERSION = 'TLSv1.2'

const said = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const pem = (path: string, what: string): Result<string> => {
  try {
    const text = readFileSync(path, 'utf8')
    return text.includes('-----BEGIN ') ? ok(text) : tlsFailure('TLS_FILE', `${what} ${path} is no PEM file`)
  } catch (error) {
    return tlsFailure('TLS_FILE', `${what} ${path} cannot be read: ${said(error)}`)
  }
}

/**
 * Reads certificate, key and what else belongs to them, and proves that they can be used together.
 *
 * @param now  an expired certificate, or one that does not hold yet, is refused; null: it is taken, to be warned of
 * @errors     TLS_FILE, TLS_KEY, TLS_DATES, TLS_REFUSED
 */
export const readTls = ({ cert, key, ca, crl }: TlsConfig, now: number | null): Result<TlsPair> => {
  const texts: Record<'cert' | 'key' | 'ca' | 'crl', string> = { cert: '', key: '', ca: '', crl: '' }
  for (const [name, path, what] of [
    ['cert', cert, 'certificate'],
    ['key', key, 'key'],
    ['ca', ca, 'CA file'],
    ['crl', crl, 'revocation list'],
  ] as const) {
    if (path === null) continue
    const text = pem(path, what)
    if (!text.ok) return text
    texts[name] = text.value
  }
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(texts.cert)
  } catch (error) {
    return tlsFailure('TLS_FILE', `certificate ${cert} cannot be read: ${said(error)}`)
  }
  try {
    if (!certificate.checkPrivateKey(createPrivateKey(texts.key)))
      return tlsFailure('TLS_KEY', `key ${key} does not belong to certificate ${cert}`)
  } catch (error) {
    const isLocked = /ENCRYPTED/.test(texts.key)
    return tlsFailure('TLS_KEY', `key ${key} cannot be used: ${isLocked ? 'it has a passphrase' : said(error)}`)
  }
  const [notBefore, notAfter] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)]
  if (now !== null && (notAfter <= now || notBefore > now))
    return tlsFailure('TLS_DATES', `certificate ${cert} is good from ${certificate.validFrom} to ${certificate.validTo}, not now`)
  const context: SecureContextOptions = {
    ...{ cert: texts.cert, key: texts.key, minVersion: LEAST_VERSION },
    ...(ca === null ? {} : { ca: texts.ca }),
    ...(crl === null ? {} : { crl: texts.crl }),
  }
  try {
    createSecureContext(context)
  } catch (error) {
    return tlsFailure('TLS_REFUSED', `certificate ${cert} cannot be used: ${said(error)}`)
  }
  return ok({ context, notBefore, notAfter, fingerprint: certificate.fingerprint256 })
}

/** What people should know of a pair that works. */
export const tlsWarning = ({ notBefore, notAfter }: Pick<TlsPair, 'notBefore' | 'notAfter'>, now: number): string | null => {
  const day = new Date(notAfter).toISOString().slice(0, 10)
  if (notAfter <= now) return `the certificate of the API has expired on ${day}: clients refuse it`
  if (notBefore > now) return 'the certificate of the API does not hold yet: clients refuse it'
  if (notAfter - now >= WARN_MS) return null
  return `the certificate of the API expires on ${day}, in ${many(Math.floor((notAfter - now) / DAY_MS), 'day')}`
}

export interface OpenTls {
  /** What the API listens with. */
  readonly options: SecureContextOptions & { readonly requestCert: boolean; readonly rejectUnauthorized: boolean }
  /** Connections of this server get each new pair. */
  serve(server: Server): void
  /** Other files, by a change of the configuration. */
  use(config: TlsConfig): void
  health(): HealthView['parts'][number]
  /** Milliseconds since 1970 UTC. */
  expiresAt(): number
  stop(): void
}

interface TlsParts {
  readonly now: () => number
  readonly log: (level: 'info' | 'warn', message: string) => void
  /** Milliseconds between two looks at the files. */
  readonly everyMs?: number
  /** A new pair is in use, or was refused: for the audit log. */
  readonly changed?: (what: { readonly before: string; readonly after: string } | { readonly refused: GatewayError }) => void
}

/**
 * TLS of the API. The files are looked at every second; a new pair that is good holds for new connections at once and disturbs none that is
 * open, one that is not is said to be wrong and the old one goes on.
 *
 * @errors TLS_FILE, TLS_KEY, TLS_REFUSED: at the start there is no other pair to go on with
 */
export const openTls = (config: TlsConfig, { now, log, changed, everyMs = LOOK_MS }: TlsParts): Result<OpenTls> => {
  let files = config
  const first = readTls(config, null)
  if (!first.ok) return first
  let pair = first.value
  let wrong: GatewayError | null = null
  let saidOn = Number.NaN
  const servers: TlsServer[] = []
  const watch = new FileWatch(() => [files.cert, files.key, files.ca, files.crl].flatMap((path) => path ?? []))

  const warnDaily = (): void => {
    const warning = tlsWarning(pair, now())
    const day = Math.floor(now() / DAY_MS)
    if (warning === null || day === saidOn) return
    saidOn = day
    log('warn', warning)
  }
  const load = (): void => {
    const next = readTls(files, now())
    if (!next.ok) {
      if (wrong?.message !== next.error.message) {
        log('warn', `the new certificate is not used, the old one goes on: ${explain(next.error)}`)
        changed?.({ refused: next.error })
      }
      wrong = next.error
      return
    }
    wrong = null
    const before = pair.fingerprint
    pair = next.value
    for (const server of servers) server.setSecureContext(pair.context)
    if (pair.fingerprint === before) return
    saidOn = Number.NaN
    log('info', `new connections get the certificate that is good to ${new Date(pair.notAfter).toISOString()}`)
    changed?.({ before, after: pair.fingerprint })
    warnDaily()
  }
  warnDaily()
  const timer = setInterval(() => {
    if (watch.hasChanged()) load()
    warnDaily()
  }, everyMs)
  timer.unref()

  return ok({
    options: { ...pair.context, requestCert: config.clientAuth !== 'none', rejectUnauthorized: config.clientAuth === 'require' },
    serve: (server) => {
      if (!(server instanceof TlsServer)) return
      servers.push(server)
      server.setSecureContext(pair.context)
      // Asked for and not needed: none is good, a bad one is not.
      if (config.clientAuth === 'request')
        server.on('secureConnection', (socket) => {
          if (!socket.authorized && Object.keys(socket.getPeerCertificate()).length > 0) socket.destroy()
        })
    },
    use: (next) => {
      const isOther = JSON.stringify(next) !== JSON.stringify(files)
      files = next
      if (!isOther) return
      watch.take()
      load()
    },
    health: () => {
      const part = 'tls'
      const warning = tlsWarning(pair, now())
      const cure = 'put a new certificate and its key in place; they are taken up by themselves'
      if (pair.notAfter <= now()) return { part, state: 'failed', sentence: warning ?? '', cure }
      if (wrong)
        return {
          part,
          state: 'degraded',
          sentence: `a new certificate cannot be used: ${wrong.code}; the old one goes on`,
          cure: wrong.hint,
        }
      if (warning !== null) return { part, state: 'degraded', sentence: warning, cure }
      return { part, state: 'ok', sentence: `the certificate is good to ${new Date(pair.notAfter).toISOString().slice(0, 10)}`, cure: null }
    },
    expiresAt: () => pair.notAfter,
    stop: () => clearInterval(timer),
  })
}
