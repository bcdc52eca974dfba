import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Static, Type } from 'typebox'
import { durationMs } from './duration.ts'
import type { Wrong } from './gateway-check.ts'
import { Id, object, oneOf, optional, text } from './schema-parts.ts'

const Pem = (what: string) => Type.String({ minLength: 1, description: `PEM file with ${what}; relative to this file` })
const Duration = text('^[0-9]+(m|h)$', 'a number and m or h: 15m')

const TlsSchema = object(
  {
    cert: Pem('the certificate of the gateway, and what lies between it and the CA'),
    key: Pem('its key, without a passphrase; only the user of the gateway may read it'),
    ca: optional(Pem('the CAs of client certificates')),
    crl: optional(Pem('the revocation lists of those CAs')),
    clientAuth: optional(
      oneOf(
        ['none', 'request', 'require'],
        'certificates of clients: none asked for; one that is shown must be good; everybody needs one. A token or log-in is needed all the same',
        { default: 'none' },
      ),
    ),
  },
  'TLS 1.2 and newer instead of plain HTTP; files that change are taken up without a restart',
)

export const HttpSchema = object({
  host: optional(Type.String({ description: 'address to listen on', default: '127.0.0.1' })),
  port: optional(Type.Integer({ minimum: 0, maximum: 65_535 })),
  tls: optional(TlsSchema),
  publicMetrics: optional(Type.Boolean({ description: '/metrics without a token', default: false })),
  requestsPerMinute: optional(
    Type.Integer({ minimum: 60, maximum: 10_000_000, description: 'of one address; more are answered with 429', default: 6000 }),
  ),
  repeatsMaxMb: optional(
    Type.Integer({
      ...{ minimum: 64, maximum: 100_000, default: 256 },
      description:
        'requests.db, what is kept of requests with an Idempotency-Key: beyond it the oldest answers are dropped, their keys stay known',
    }),
  ),
  trustProxy: optional(
    Type.Array(Type.String(), { description: 'addresses of reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed' }),
  ),
  tokens: optional(
    Type.Array(
      object({
        name: Id,
        sha256: text('^[0-9a-f]{64}$', 'SHA-256 of the text of a token: printf %s gt_… | sha256sum'),
        permission: oneOf(['read', 'operate'], 'read: see; operate: also read meters now and replay dead letters'),
      }),
    ),
  ),
})

export const AccessSchema = object(
  {
    auditHead: optional(
      Type.String({ minLength: 1, description: 'directory of `audit.head`, best on another disk than the data; relative to this file' }),
    ),
    session: optional(
      object({
        idle: optional({ ...Duration, description: 'a log-in ends after so long without use', default: '15m' }),
        longest: optional({ ...Duration, description: 'and after so long in any case', default: '12h' }),
        perUser: optional(
          Type.Integer({ minimum: 1, maximum: 50, description: 'log-ins of one user at a time; one more ends the oldest', default: 5 }),
        ),
      }),
    ),
  },
  'who comes in: docs/access.md',
)

export interface TlsConfig {
  /** Absolute paths. */
  readonly cert: string
  readonly key: string
  readonly ca: string | null
  readonly crl: string | null
  readonly clientAuth: 'none' | 'request' | 'require'
}

export interface HttpConfig {
  readonly host: string
  readonly port: number
  /** null: plain HTTP */
  readonly tls: TlsConfig | null
  readonly publicMetrics: boolean
  readonly requestsPerMinute: number
  /** Of requests.db. */
  readonly repeatsMaxBytes: number
  readonly trustProxy: readonly string[] | null
  readonly tokens: readonly { readonly name: string; readonly sha256: string; readonly permission: 'read' | 'operate' }[]
}

export interface AccessConfig {
  /** null: with the data */
  readonly auditHead: string | null
  readonly session: { readonly idleMs: number; readonly longestMs: number; readonly perUser: number }
}

/** What is left out is filled in. That the PEM files are good is looked at where they are used. */
export const httpOf = (file: Static<typeof HttpSchema> | undefined, base: string, wrong: Wrong): HttpConfig => {
  const tls = file?.tls
  if (tls && (tls.clientAuth ?? 'none') !== 'none' && tls.ca === undefined)
    wrong(['http', 'tls'], `"ca" is missing: clientAuth ${tls.clientAuth} needs the CAs whose certificates are accepted`)
  if (tls?.crl !== undefined && tls.ca === undefined) wrong(['http', 'tls'], '"ca" is missing: crl holds the revocation lists of those CAs')
  const path = (name: string | undefined) => (name === undefined ? null : resolve(base, name))
  return {
    host: file?.host ?? '127.0.0.1',
    port: file?.port ?? 8645,
    tls: tls
      ? {
          ...{ cert: resolve(base, tls.cert), key: resolve(base, tls.key), ca: path(tls.ca), crl: path(tls.crl) },
          clientAuth: tls.clientAuth ?? 'none',
        }
      : null,
    publicMetrics: file?.publicMetrics ?? false,
    requestsPerMinute: file?.requestsPerMinute ?? 6000,
    repeatsMaxBytes: (file?.repeatsMaxMb ?? 256) * 1_048_576,
    trustProxy: file?.trustProxy ?? null,
    tokens: file?.tokens ?? [],
  }
}

export const accessOf = (file: Static<typeof AccessSchema> | undefined, base: string, wrong: Wrong): AccessConfig => {
  const { idle = '15m', longest = '12h', perUser = 5 } = file?.session ?? {}
  const [idleMs, longestMs] = [durationMs(idle), durationMs(longest)]
  if (idleMs < 60_000 || idleMs > longestMs || longestMs > 24 * 3_600_000)
    wrong(['access', 'session'], `idle is ${idle} and longest ${longest}; idle is at least 1m, longest at least that and at most 24h`)
  const head = file?.auditHead === undefined ? null : resolve(base, file.auditHead)
  if (head !== null && !(statSync(head, { throwIfNoEntry: false })?.isDirectory() ?? false))
    wrong(['access', 'auditHead'], `is "${file?.auditHead}", which is no directory`)
  return { auditHead: head, session: { idleMs, longestMs, perUser } }
}
