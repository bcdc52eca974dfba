import * as http from 'node:http'
import * as https from 'node:https'
import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { ok, type Result } from '../../core/index.ts'
import { fail } from './errors.ts'

/** What came back; `text` is cut at the limit. */
export interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly text: string
  /** The body was longer than we read. */
  readonly cut: boolean
  readonly ms: number
}

export interface Exchange {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  /** Bytes of the answer that are read, 64 kB unless given. */
  readonly limit?: number
  readonly timeoutMs?: number
}

/**
 * Requests over a few kept connections to one server. Every exchange ends within its deadline, connecting, sending and the whole
 * answer included; then its socket is destroyed, so that a late answer finds nobody.
 */
export class HttpClient {
  readonly #base: URL
  readonly #headers: Readonly<Record<string, string>>
  readonly #timeoutMs: number
  readonly #agent: http.Agent
  readonly #request: typeof http.request
  readonly #onLost: () => void
  readonly #watched = new WeakSet<Socket>()
  readonly #dropped = new WeakSet<Socket>()
  #closed = false

  /** @param options.onLost  called when the other side closes an idle connection: perhaps it was restarted */
  constructor(
    base: URL,
    options: { headers: Readonly<Record<string, string>>; timeoutMs: number; connections: number; onLost?: () => void },
  ) {
    const secure = base.protocol === 'https:'
    const room = { keepAlive: true, maxSockets: options.connections, maxFreeSockets: options.connections }
    this.#base = base
    this.#headers = options.headers
    this.#timeoutMs = options.timeoutMs
    this.#onLost = options.onLost ?? (() => {})
    this.#agent = secure ? new https.Agent(room) : new http.Agent(room)
    this.#request = secure ? https.request : http.request
  }

  /**
   * One request and its whole answer, whatever the status.
   *
   * @errors INFLUX_TIMEOUT, INFLUX_NETWORK, INFLUX_CUT, INFLUX_CLOSED
   */
  async exchange(exchange: Exchange): Promise<Result<Answer>> {
    const deadline = performance.now() + (exchange.timeoutMs ?? this.#timeoutMs)
    const first = await this.#once(exchange, deadline, true)
    if (first !== null) return first
    // A kept connection the server had just closed: nobody looked at the request, and repeating it is harmless in any case.
    this.#onLost()
    return (await this.#once(exchange, deadline, false)) ?? fail('INFLUX_NETWORK', 'no connection')
  }

  close(): void {
    this.#closed = true
    this.#agent.destroy()
  }

  #watch(socket: Socket): void {
    if (this.#watched.has(socket)) return
    this.#watched.add(socket)
    socket.once('close', () => {
      if (!this.#closed && !this.#dropped.has(socket)) this.#onLost()
    })
  }

  /** @returns null when a kept connection turned out to be closed. */
  #once({ method, path, headers, body, limit = 65_536 }: Exchange, deadline: number, mayBeStale: boolean): Promise<Result<Answer> | null> {
    if (this.#closed) return Promise.resolve(fail('INFLUX_CLOSED', 'the connection is closed'))
    const { promise, resolve } = withResolvers<Result<Answer> | null>()
    const started = performance.now()
    const where = this.#base.host
    const request = this.#request({
      agent: this.#agent,
      hostname: this.#base.hostname.replace(/^\[|\]$/g, ''),
      port: this.#base.port || (this.#base.protocol === 'https:' ? 443 : 80),
      method,
      path,
      headers: { ...this.#headers, ...headers, ...(body ? { 'content-length': body.length } : {}) },
    })
    let answered = false
    const end = (outcome: Result<Answer> | null, keep = false): void => {
      clearTimeout(timer)
      resolve(outcome)
      if (keep) return
      if (request.socket) this.#dropped.add(request.socket)
      request.destroy()
    }
    const timer = setTimeout(
      () =>
        end(fail('INFLUX_TIMEOUT', `${where} did not answer within ${Math.round(deadline - started)} ms`, { path: path.split('?')[0]! })),
      Math.max(1, deadline - started),
    )
    request.on('socket', (socket) => this.#watch(socket))
    request.on('error', (error: NodeJS.ErrnoException) => {
      if (answered) return end(fail('INFLUX_CUT', `${where} ended the connection inside its answer: ${error.message}`))
      if (this.#closed) return end(fail('INFLUX_CLOSED', 'the connection is closed'))
      if (request.reusedSocket && mayBeStale && (error.code === 'ECONNRESET' || error.code === 'EPIPE')) return end(null)
      end(fail('INFLUX_NETWORK', `${where}: ${error.message || error.code}`, { code: error.code ?? '' }))
    })
    request.on('response', (response) => {
      answered = true
      const chunks: Buffer[] = []
      let size = 0
      const whole = (cut: boolean): Result<Answer> =>
        ok({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(chunks).subarray(0, limit).toString('utf8'),
          cut,
          ms: performance.now() - started,
        })
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        size += chunk.length
        if (size > limit) end(whole(true))
      })
      response.on('end', () => end(whole(false), true))
      response.on('error', (error) => end(fail('INFLUX_CUT', `${where} ended the connection inside its answer: ${error.message}`)))
      response.on('close', () => {
        if (!response.complete) end(fail('INFLUX_CUT', `${where} ended the connection inside its answer`))
      })
    })
    request.end(body)
    return promise
  }
}

/** `Promise.withResolvers`, which Node 20 lacks. */
export const withResolvers = <T>() => {
  let resolve!: (value: T) => void
  const promise = new Promise<T>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
