import * as net from 'node:net'
import * as tls from 'node:tls'
import { InfluxDB } from 'influx'
import { type GatewayError, ok, type Result } from '../../core/index.ts'
import { fail } from './errors.ts'
import type { HttpClient } from './http.ts'
import { type Block, blocksOf, identifier } from './influxql.ts'
import type { Endpoint, InfluxOptions } from './options.ts'

/** Bytes an answer to a query may have. */
const LIMIT = 64 * 2 ** 20

/** Asks the server one InfluxQL question. Settles within its deadline, whatever the server does. */
export type Ask = (question: string, timeoutMs?: number) => Promise<Result<readonly Block[]>>

/** A 1.x server's administration, through the `influx` package. */
export interface Admin {
  readonly ask: Ask
  /** The same for what changes something, such as a continuous query. */
  readonly order: Ask
  /**
   * Creates the database, and the retention policy when one is named or a number of days is given.
   *
   * @errors INFLUX_QUERY, INFLUX_AUTH, INFLUX_NETWORK, INFLUX_TIMEOUT
   */
  createDatabase(): Promise<Result<void>>
  /**
   * When and as which process the server was started; null when we are not allowed to know.
   *
   * @errors INFLUX_NETWORK, INFLUX_TIMEOUT
   */
  bootOf(): Promise<Result<string | null>>
}

/** The answer's rows, or the server's complaint as an error. */
const readBlocks = (answer: unknown, status = 200): Result<readonly Block[]> => {
  const read = blocksOf(answer)
  if (read === null) return fail('INFLUX_ANSWER', `an answer to /query without results (HTTP ${status})`)
  if ('blocks' in read) return ok(read.blocks)
  return /database not found/i.test(read.complaint) ? fail('INFLUX_DATABASE', read.complaint) : fail('INFLUX_QUERY', read.complaint)
}

const statusOf = (error: unknown): number => {
  const response = typeof error === 'object' && error !== null && 'res' in error ? error.res : null
  return typeof response === 'object' && response !== null && 'statusCode' in response ? Number(response.statusCode) : 0
}

/**
 * The `influx` package behind what it lacks: its promise never settles when the server dies inside an answer, it reads answers of any
 * length, turns a host off for a while after one 5xx, and sends root:root unless told otherwise.
 */
export const openAdmin = (options: InfluxOptions, { base, database, retentionPolicy, timeoutMs }: Endpoint): Admin => {
  const always = { getDelay: () => 0, next: () => always, reset: () => always }
  const secure = base.protocol === 'https:'
  const host = base.hostname.replace(/^\[|\]$/g, '')
  const port = Number(base.port || (secure ? 443 : 80))
  /** A connection that breaks off when more comes in than we are ready to hold. */
  const connect = (): net.Socket => {
    const socket = secure ? tls.connect({ host, port, servername: net.isIP(host) ? '' : host }) : net.connect({ host, port })
    let size = 0
    socket.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > LIMIT) socket.destroy(new Error(`an answer of more than ${LIMIT} bytes`))
    })
    return socket
  }
  const influx = new InfluxDB({
    host: base.hostname,
    port,
    protocol: secure ? 'https' : 'http',
    path: base.pathname.replace(/\/+$/, ''),
    database,
    username: options.username ?? '',
    password: options.password ?? '',
    pool: { backoff: always, maxRetries: 0, requestTimeout: timeoutMs },
    options: { createConnection: connect },
  })

  /** Any of the package's promises, ended by us when it does not end itself. */
  const bounded = async <T>(work: (signal: AbortSignal) => Promise<T>, limitMs = timeoutMs): Promise<Result<T>> => {
    const abort = new AbortController()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<Result<never, GatewayError>>((resolve) => {
      timer = setTimeout(() => resolve(fail('INFLUX_TIMEOUT', `${base.host} did not answer within ${limitMs} ms`)), limitMs)
    })
    try {
      return await Promise.race([work(abort.signal).then(ok, failure), late])
    } finally {
      clearTimeout(timer)
      abort.abort()
    }
  }
  const failure = (error: unknown): Result<never, GatewayError> => {
    const message = error instanceof Error ? error.message : String(error)
    const status = statusOf(error)
    if (status === 401 || status === 403) return fail('INFLUX_AUTH', `HTTP ${status} ${message}`, { status })
    if (status === 404 && /database not found/i.test(message)) return fail('INFLUX_DATABASE', message, { status })
    return status > 0 ? fail('INFLUX_QUERY', `HTTP ${status} ${message}`, { status }) : fail('INFLUX_NETWORK', `${base.host}: ${message}`)
  }

  const ask = async (question: string, limitMs: number | undefined, method: 'GET' | 'POST'): Promise<Result<readonly Block[]>> => {
    const policy = method === 'GET' && retentionPolicy !== null ? { retentionPolicy } : {}
    const answer = await bounded<unknown>((signal) => influx.queryRaw(question, { precision: 'ms', method, signal, ...policy }), limitMs)
    return answer.ok ? readBlocks(answer.value) : answer
  }
  // Its own createDatabase does not quote backslashes.
  const order: Ask = (statement, limitMs) => ask(statement, limitMs, 'POST')

  return {
    bootOf: async () => {
      const answer = await ask("SHOW DIAGNOSTICS FOR 'system'", undefined, 'GET')
      if (!answer.ok) return answer.error.recovery === 'wait' && answer.error.code !== 'INFLUX_ANSWER' ? answer : ok(null)
      const [block] = answer.value
      const row = block?.values[0]
      const started = row?.[block?.columns.indexOf('started') ?? -1]
      return ok(row && typeof started === 'string' ? `${started} ${String(row[block?.columns.indexOf('PID') ?? -1])}` : null)
    },
    ask: (question, limitMs) => ask(question, limitMs, 'GET'),
    order,
    createDatabase: async () => {
      const created = await order(`CREATE DATABASE ${identifier(database)}`)
      if (!created.ok) return created
      if (retentionPolicy === null && options.retentionDays === undefined) return ok(undefined)
      const duration = options.retentionDays === undefined ? 'INF' : `${options.retentionDays}d`
      const policy = `RETENTION POLICY ${identifier(retentionPolicy ?? 'gridtally')} ON ${identifier(database)} DURATION ${duration} REPLICATION 1 DEFAULT`
      const made = await order(`CREATE ${policy}`)
      // It may be there with another duration: what the configuration says is what counts.
      const settled = made.ok || made.error.code !== 'INFLUX_QUERY' ? made : await order(`ALTER ${policy}`)
      return settled.ok ? ok(undefined) : settled
    },
  }
}

/** InfluxQL over `/query` with a token, which the `influx` package cannot send: 2.x and 3.x. */
export const askWithToken =
  (client: HttpClient, { queryPath, database, retentionPolicy }: Endpoint): Ask =>
  async (question, timeoutMs) => {
    const query = new URLSearchParams({
      db: database,
      epoch: 'ms',
      q: question,
      ...(retentionPolicy === null ? {} : { rp: retentionPolicy }),
    })
    const answer = await client.exchange({
      method: 'GET',
      path: `${queryPath}?${query}`,
      headers: { accept: 'application/json' },
      limit: LIMIT,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    })
    if (!answer.ok) return answer
    const { status, text, cut } = answer.value
    if (status === 401 || status === 403) return fail('INFLUX_AUTH', `HTTP ${status} ${text.slice(0, 200)}`, { status })
    if (cut) return fail('INFLUX_ANSWER', `an answer of more than ${LIMIT} bytes`)
    try {
      return readBlocks(JSON.parse(text), status)
    } catch {
      return fail('INFLUX_ANSWER', `HTTP ${status} ${text.replace(/\s+/g, ' ').slice(0, 200)}`, { status })
    }
  }
