import { type GatewayError, ok, type Result } from '../../core/index.ts'
import { fail } from './errors.ts'

/** Where InfluxDB is and how to talk to it. */
export interface InfluxOptions {
  /** `http://host:8086` or `https://…`, a path in front allowed; never with a password in it. */
  readonly url: string
  readonly version: 'v1' | 'v2' | 'v3'
  /** v1 and v3; for v2 the name InfluxQL knows the bucket by, the bucket's own unless given. */
  readonly database?: string
  /** v1: the database's default one unless given. */
  readonly retentionPolicy?: string
  /** v1 with createDatabase: how long the server keeps the readings; for ever unless given. */
  readonly retentionDays?: number
  readonly org?: string
  readonly bucket?: string
  /** v2, v3. */
  readonly token?: string
  /** v1; without them no credentials are sent. */
  readonly username?: string
  readonly password?: string
  /** Rows a request, 5,000 unless given. */
  readonly batch?: number
  /** Worth it on a slow link only: the processor pays for it. */
  readonly gzip?: boolean
  /** For each exchange as a whole, connecting included; 10,000 unless given. */
  readonly timeoutMs?: number
  /** v1: creates the database when it is not there. */
  readonly createDatabase?: boolean
  /** v1: bytes of acknowledged rows kept in memory against a server that forgets them in a double crash; 32 MB unless given, 0 = none. */
  readonly journalBytes?: number
}

/** Everything about the server that a request needs, worked out once. */
export interface Endpoint {
  readonly version: InfluxOptions['version']
  readonly base: URL
  readonly writePath: string
  readonly pingPath: string
  readonly queryPath: string
  readonly database: string
  readonly retentionPolicy: string | null
  readonly headers: Readonly<Record<string, string>>
  readonly batch: number
  readonly gzip: boolean
  readonly timeoutMs: number
  readonly journalBytes: number
}

const WRITE: Record<InfluxOptions['version'], (options: InfluxOptions) => readonly [path: string, query: Record<string, string>]> = {
  v1: ({ database = '', retentionPolicy }) => [
    '/write',
    { db: database, ...(retentionPolicy ? { rp: retentionPolicy } : {}), precision: 'ms' },
  ],
  v2: ({ org = '', bucket = '' }) => ['/api/v2/write', { org, bucket, precision: 'ms' }],
  v3: ({ database = '' }) => ['/api/v3/write_lp', { db: database, precision: 'millisecond', accept_partial: 'false' }],
}

const NEEDS: Record<InfluxOptions['version'], readonly (keyof InfluxOptions)[]> = {
  v1: ['database'],
  v2: ['org', 'bucket', 'token'],
  v3: ['database'],
}

const authorization = ({ version, token, username, password }: InfluxOptions): Record<string, string> => {
  if (version === 'v1')
    return username === undefined ? {} : { authorization: `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}` }
  return token === undefined ? {} : { authorization: `${version === 'v2' ? 'Token' : 'Bearer'} ${token}` }
}

/**
 * Checks the options and works out paths and headers.
 *
 * @errors INFLUX_CONFIG
 */
export const endpointOf = (options: InfluxOptions): Result<Endpoint, GatewayError> => {
  const { url, version, batch = 5000, gzip = false, timeoutMs = 10_000, journalBytes = 32 * 2 ** 20 } = options
  const refuse = (message: string) => fail('INFLUX_CONFIG', message)
  if (!URL.canParse(url)) return refuse(`${JSON.stringify(url)} is no URL`)
  const base = new URL(url)
  if (base.protocol !== 'http:' && base.protocol !== 'https:') return refuse(`${base.protocol} is neither http: nor https:`)
  if (base.username || base.password) return refuse('credentials do not belong into the URL: use username and password, or token')
  if (base.search || base.hash) return refuse('the URL ends with its path: database and precision are set here')
  if (!Object.hasOwn(WRITE, version)) return refuse(`version ${JSON.stringify(version)} is none of v1, v2, v3`)
  const missing = NEEDS[version].filter((name) => !options[name])
  if (missing.length > 0) return refuse(`${version} needs ${missing.join(', ')}`)
  if (!Number.isInteger(batch) || batch < 1 || batch > 50_000) return refuse(`batch ${batch} is not within 1 and 50000`)
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > 600_000)
    return refuse(`timeoutMs ${timeoutMs} is not within 1 and 600000`)
  if (!Number.isInteger(journalBytes) || journalBytes < 0) return refuse('journalBytes is a number of bytes, or 0')
  for (const name of [options.database, options.retentionPolicy])
    if (name !== undefined && /[\\/\p{Cc}]|^\.{1,2}$/u.test(name))
      return refuse(`${JSON.stringify(name)}: names hold no slash, backslash or control character`)
  const { retentionDays } = options
  if (retentionDays !== undefined && (!Number.isInteger(retentionDays) || retentionDays < 1))
    return refuse('retentionDays is a whole number of days')
  const headers = authorization(options)
  if (Object.values(headers).some((value) => /[^\t\x20-\x7e]/.test(value))) return refuse('the token holds characters no header may hold')
  const prefix = base.pathname.replace(/\/+$/, '')
  const [path, query] = WRITE[version](options)
  return ok({
    version,
    base,
    writePath: `${prefix}${path}?${new URLSearchParams(query)}`,
    pingPath: `${prefix}/ping`,
    queryPath: `${prefix}/query`,
    database: options.database ?? options.bucket ?? '',
    retentionPolicy: options.retentionPolicy ?? null,
    headers,
    batch,
    gzip,
    timeoutMs,
    journalBytes,
  })
}
