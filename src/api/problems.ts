import { STATUS_CODES } from 'node:http'
import type { FastifyReply } from 'fastify'
import type { GatewayError } from '../core/index.ts'
import type { Because } from './deps.ts'

/** Every way the API itself refuses a request; failures of other rooms bring their own code and hint. */
const table = {
  API_VALUE: { status: 400, hint: 'correct the named value; /openapi.json lists what each route takes' },
  API_CURSOR: { status: 400, hint: 'pass `next` of the page before unchanged, or start again without a cursor' },
  API_JSON: { status: 400, hint: 'send one well-formed JSON document without __proto__ or constructor members' },
  API_REQUEST: { status: 400, hint: 'this is no well-formed HTTP request: check the client, or what stands between it and the gateway' },
  API_TOKEN_MISSING: { status: 401, hint: 'send the header "Authorization: Bearer gt_…", or log in' },
  API_TOKEN_REFUSED: { status: 401, hint: 'the token is unknown, revoked or expired: ask the operator of the gateway for another one' },
  API_SESSION: { status: 401, hint: 'log in again' },
  API_ORIGIN: { status: 403, hint: 'a session is for pages of the gateway itself; a program uses a token' },
  API_PERMISSION: { status: 403, hint: 'docs/access.md lists the roles; a security administrator gives them' },
  API_EVERYWHERE: { status: 403, hint: 'ask somebody whose token or account is not limited to zones' },
  API_NOT_A_USER: { status: 422, hint: 'a token has no log-in and no password: log in as a person' },
  API_ROUTE: { status: 404, hint: 'see /docs for every route' },
  API_POINT: { status: 404, hint: 'GET /api/v1/points lists the metering points of the ledger' },
  API_CONFIG_VERSION: { status: 404, hint: 'GET /api/v1/config/versions lists those that are kept' },
  API_PROFILE: { status: 404, hint: 'GET /api/v1/profiles lists the meter models' },
  API_MAPPING: { status: 404, hint: 'GET /api/v1/mappings lists the mappings that are sound' },
  API_LINE: { status: 404, hint: 'GET /api/v1/lines lists the lines, GET /api/v1/brokers what can be traced beside them' },
  API_UNREGISTERED: { status: 404, hint: 'GET /api/v1/unregistered lists them with their ids' },
  API_TRACED_METER: {
    status: 404,
    hint: 'a meter is traced while the ledger has it on a line or at a broker: GET /api/v1/points/POINT names both',
  },
  API_SCAN: { status: 404, hint: 'GET /api/v1/scans lists the newest twenty since the gateway started' },
  API_CLOCK: { status: 404, hint: 'GET /api/v1/clocks lists the meters that are read over a line' },
  API_IMPORT: { status: 404, hint: 'GET /api/v1/ledger/imports lists them; one that nobody applies is forgotten after an hour' },
  API_LEDGER: { status: 404, hint: 'GET /api/v1/ledger/KIND lists the entries, GET /api/v1/ledger/changes the changes' },
  API_PRECONDITION: { status: 428, hint: 'GET it first and send its ETag back as If-Match; or `If-None-Match: *` to make only a new one' },
  API_RULE: { status: 404, hint: 'GET /api/v1/rules lists the rules' },
  API_EVIDENCE: {
    status: 404,
    hint: 'kept are freezes, registers near local midnight and what was read on demand, as long as evidence/keepDays says: docs/evidence.md',
  },
  API_EVIDENCE_SHARED: { status: 422, hint: 'ask somebody who sees all of them' },
  API_BILLING: { status: 404, hint: 'the lists under /api/v1/billing name what there is; GET /api/v1/points the metering points' },
  BILLING_SEQ: {
    status: 422,
    hint: 'this is another gateway than the one you read, or an older copy of its data was restored: start again from 0 and compare with what you have',
  },
  API_CASE: { status: 404, hint: 'GET /api/v1/cases lists the cases with their numbers' },
  API_BROKER: { status: 404, hint: 'GET /api/v1/brokers lists the brokers; only those with the direction "in" have devices' },
  API_DEVICE: {
    status: 404,
    hint: 'GET /api/v1/brokers/BROKER/devices?text=… finds part of a name; in an address write / as %2F and a blank as %20',
  },
  API_GAP: { status: 404, hint: 'GET /api/v1/gaps lists them with their ids' },
  API_OUTAGE: { status: 404, hint: 'GET /api/v1/outages lists them with their ids' },
  API_UNKNOWN: { status: 404, hint: 'the lists of this API name what is yours to see' },
  API_METHOD: { status: 405, hint: 'the header "allow" of this answer lists the methods' },
  API_SLOW: { status: 408, hint: 'send the request faster, or a smaller one' },
  API_CONFIG: { status: 422, hint: 'correct the named places; the gateway goes on with what it had, and reads the files again by itself' },
  API_REPEAT_UNDER_WAY: { status: 409, hint: 'ask again after the header "retry-after": its answer will be given' },
  API_REPEAT_UNKNOWN: { status: 409, hint: 'look whether it was done, and send it with a new key if it was not' },
  API_REPEAT_STORE: { status: 503, hint: 'free the disk of the data directory; the log has the rest' },
  API_REPEAT_OTHER: { status: 422, hint: 'use a new key for every request; the same one only to repeat the same request' },
  API_REPEAT_DONE: { status: 409, hint: 'GET what it made or changed; it was too long to be kept, or holds a secret that is shown once' },
  API_BODY_SIZE: { status: 413, hint: 'bodies are limited to 1 MiB' },
  API_URL_SIZE: { status: 414, hint: 'shorten the id or the path' },
  API_TOO_MANY: { status: 422, hint: 'ask for fewer points, a shorter time or larger buckets, or POST /api/v1/exports for a file of all' },
  API_RANGE: { status: 416, hint: 'ask for bytes that the file has; the header content-range says how many there are' },
  API_CONTENT_TYPE: { status: 415, hint: 'send "content-type: application/json"' },
  API_RATE: { status: 429, hint: 'wait as long as the header "retry-after" says' },
  API_TRACES: { status: 429, hint: 'close a trace that is open; each token has a few' },
  API_STREAMS: { status: 429, hint: 'close a stream that is open; each token has a few' },
  API_HEADER_SIZE: { status: 431, hint: 'send fewer or shorter headers' },
  API_INTERNAL: { status: 500, hint: 'an error in the gateway: report it with the requestId, the log has the rest under it' },
  API_BUSY: { status: 503, hint: 'the gateway is busy reading meters: try again after the header "retry-after"' },
  API_TURN: {
    status: 503,
    hint: 'wait for the answers that are under way, then ask again; POST /api/v1/exports makes files one after the other',
  },
  API_CLOSING: { status: 503, hint: 'the gateway is stopping: try again when it is back' },
  API_LATE: { status: 503, hint: 'a part of the gateway did not answer in time: GET /health/ready names it' },
} as const satisfies Record<string, { status: number; hint: string }>
export type ProblemCode = keyof typeof table

/** A value that was refused, where it stood and what would have been accepted. */
export interface WrongValue {
  readonly place: string
  readonly value: string | null
  readonly allowed: string
}

/** An answer that says why not. @source RFC 9457 */
export interface ProblemBody {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: string
  readonly detail: string
  readonly hint: string
  /** What the machine does now, where it does something. */
  readonly recovery?: string
  readonly instance: string
  readonly requestId: string
  readonly errors?: readonly WrongValue[]
}

/** A refusal before it knows which request it answers. */
export type Problem = Omit<ProblemBody, 'instance' | 'requestId'>

export const problem = (code: ProblemCode, detail: string, errors?: readonly WrongValue[]): Problem => {
  const { status, hint } = table[code]
  return { ...headOf(status), code, detail, hint, ...(errors ? { errors } : {}) }
}

/** Why a sequence cannot go on after a number; null: it can. A consumer that was pointed elsewhere would wait for ever otherwise. */
export const beyond = (since: number, newest: number): Problem | null =>
  since > newest ? problem('BILLING_SEQ', `${since} is beyond ${newest}, the newest number of this book`) : null

const STATUS_OF: Readonly<Record<Because, number>> = {
  unknown: 404,
  'line-down': 409,
  'not-possible': 422,
  busy: 503,
  unavailable: 503,
  'no-answer': 504,
}

/** The refusal another room gave, with its own code, hint and recovery. */
export const problemOf = (because: Because, { code, message, hint, recovery }: GatewayError): Problem => ({
  ...headOf(STATUS_OF[because]),
  code,
  detail: message,
  hint,
  recovery,
})

/** The same under a status that the caller knows. */
export const problemWith = (status: number, { code, message, hint, recovery }: GatewayError): Problem => ({
  ...headOf(status),
  ...{ code, detail: message, hint, recovery },
})

/** Answers with a problem. */
export const refuse = (reply: FastifyReply, found: Problem): FastifyReply => {
  if ((found.status === 503 || found.status === 429) && !reply.hasHeader('retry-after')) reply.header('retry-after', RETRY_AFTER_S)
  return reply
    .code(found.status)
    .type(PROBLEM_TYPE)
    .serializer(JSON.stringify)
    .send(bodyOf(found, pathOf(reply.request.url), reply.request.id))
}

/** Answers with text that is JSON already; its type has to be set before. */
export const sendText = (reply: FastifyReply, text: string): FastifyReply => reply.send(text)

export const bodyOf = (found: Problem, instance: string, requestId: string): ProblemBody => ({ ...found, instance, requestId })

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'
const RETRY_AFTER_S = 5

/** The path without the query, and not longer than anybody wants to read. */
const pathOf = (url: string): string => url.split('?', 1)[0]!.slice(0, 200)

const headOf = (status: number) => ({ type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status })
