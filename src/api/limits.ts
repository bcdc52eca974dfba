import { randomUUID } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { Socket } from 'node:net'
import rateLimit from '@fastify/rate-limit'
import underPressure from '@fastify/under-pressure'
import Fastify, { type FastifyInstance, type FastifyServerFactory, LogController } from 'fastify'
import { serializers, validators } from './compilers.ts'
import type { ApiOptions } from './deps.ts'
import { problemFromError } from './invalid.ts'
import { bodyOf, PROBLEM_TYPE, type ProblemCode, problem, refuse } from './problems.ts'

/** A request for a meter's day takes milliseconds; what takes this long is stuck. */
export const ANSWER_MS = 20_000
/** Nothing moved on the socket for so long. Above every wait of a handler but `read-now`, which lengthens it for itself. */
export const IDLE_MS = 25_000

const MOST_REQUESTS = 10_000

/** A TLS server in the place of the plain one; a handshake that does not end is no connection. */
const tlsServer =
  (options: ServerOptions): FastifyServerFactory =>
  (handler) => {
    const server = createTlsServer({ ...options, handshakeTimeout: HANDSHAKE_MS }, handler)
    server.maxRequestsPerSocket = MOST_REQUESTS
    // One that has sent nothing yet is not among those Node closes (20.19), and would hold up the end of the gateway.
    const sockets = new Set<Socket>()
    server.on('connection', (socket: Socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    })
    const closeAll = server.closeAllConnections.bind(server)
    server.closeAllConnections = () => {
      closeAll()
      for (const socket of sockets) socket.destroy()
    }
    return server.setTimeout(IDLE_MS)
  }
const HANDSHAKE_MS = 10_000

/**
 * A Fastify instance with every limit set: nobody can make it wait, grow or answer without end.
 */
export const limitedFastify = ({
  trustProxy,
  maxConnections = 500,
  requestTimeoutMs = 15_000,
  compile = 'first-use',
  tls = null,
}: ApiOptions): FastifyInstance => {
  const http = { maxHeaderSize: 16_384, headersTimeout: Math.min(requestTimeoutMs, 10_000), connectionsCheckingInterval: 1_000 }
  const times = { requestTimeout: requestTimeoutMs, keepAliveTimeout: 5_000 }
  const app = Fastify({
    ...{ http, ...times, connectionTimeout: IDLE_MS, maxRequestsPerSocket: MOST_REQUESTS },
    ...(tls === null ? {} : { serverFactory: tlsServer({ ...http, ...times, ...tls }) }),
    bodyLimit: 1_048_576,
    routerOptions: { maxParamLength: 200 },
    forceCloseConnections: true,
    return503OnClosing: false,
    exposeHeadRoutes: true,
    trustProxy: trustProxy ? [...trustProxy] : false,
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    schemaController: { compilersFactory: { buildSerializer: serializers(compile) } },
    requestIdHeader: false,
    genReqId: () => randomUUID(),
    logController: new LogController({ disableRequestLogging: true }),
    frameworkErrors: (error, _request, reply) => {
      refuse(reply, problemFromError(error))
    },
    clientErrorHandler: answerBrokenRequest,
  })
  app.server.maxConnections = maxConnections
  app.server.maxHeadersCount = 100
  onlyJson(app)
  app.setValidatorCompiler<object>(validators(compile))
  return app
}

/** Rate limit and load shedding. Both leave `/health` alone; see the routes' `config`. */
export const shedLoad = async (
  app: FastifyInstance,
  { rateLimit: limit = { max: 6000, windowMs: 60_000 }, maxEventLoopDelayMs: delay = 1_000 }: ApiOptions,
): Promise<void> => {
  // Judged over twice the limit: one long stall, or a machine that stood still for a moment, is no overload.
  if (delay !== false) await app.register(underPressure, { maxEventLoopDelay: delay, sampleInterval: 2 * delay, retryAfter: 5 })
  if (limit !== false) await app.register(rateLimit, { max: limit.max, timeWindow: limit.windowMs })
}

/** No body of ours has ten levels. Thousands of brackets are parsed, but whoever writes them out again (log, refusal) would run out of stack. */
const MOST_LEVELS = 64

/** @param text  JSON, or what claims to be */
const nestsDeeper = (text: string, most: number): boolean => {
  let level = 0
  let isText = false
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at]
    if (isText) {
      if (sign === '\\') at += 1
      else if (sign === '"') isText = false
    } else if (sign === '"') isText = true
    else if (sign === '[' || sign === '{') {
      level += 1
      if (level > most) return true
    } else if (sign === ']' || sign === '}') level -= 1
  }
  return false
}

/** Takes bodies as `application/json`, in UTF-8, and as nothing else. */
const onlyJson = (app: FastifyInstance): void => {
  app.removeAllContentTypeParsers()
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (nestsDeeper(body, MOST_LEVELS))
      return done(Object.assign(new Error(`the body nests deeper than ${MOST_LEVELS} levels`), { statusCode: 400 }))
    return parse(request, body, done)
  })
  app.addHook('onRequest', async (request, reply) => {
    const type = request.headers['content-type']
    if (type === undefined || request.is404 || request.method === 'GET' || request.method === 'HEAD') return
    if (request.routeOptions.config.upload === true) return
    if (!/^application\/json(?:\s*;\s*charset="?utf-8"?)?\s*$/i.test(type))
      return refuse(reply, problem('API_CONTENT_TYPE', `a body of type ${type.slice(0, 100)}`))
  })
}

const CLIENT_ERRORS: Readonly<Record<string, ProblemCode>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'API_SLOW',
  HPE_HEADER_OVERFLOW: 'API_HEADER_SIZE',
}

/** Answers what never became a request, and closes. */
const answerBrokenRequest = (error: Error & { readonly code?: string }, socket: Socket): void => {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  // A handshake that failed: nobody there would understand an answer.
  if (!/^(?:HPE|ERR_HTTP)_/.test(error.code ?? '')) return void socket.destroy()
  const found = problem(CLIENT_ERRORS[error.code ?? ''] ?? 'API_REQUEST', 'the request could not be read')
  const body = JSON.stringify(bodyOf(found, '', randomUUID()))
  if (socket.writable)
    socket.write(
      `HTTP/1.1 ${found.status} ${STATUS_CODES[found.status]}\r\ncontent-type: ${PROBLEM_TYPE}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    )
  socket.destroySoon()
}
