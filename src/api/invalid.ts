import type { FastifyError, FastifySchemaValidationError } from 'fastify'
import { PartFailed } from '../core/index.ts'
import { type Problem, type ProblemCode, problem, problemOf, type WrongValue } from './problems.ts'

/** What Fastify and its plugins call a refusal, and what we call it. */
const CODES: Readonly<Record<string, ProblemCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'API_BODY_SIZE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'API_CONTENT_TYPE',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'API_JSON',
  FST_ERR_CTP_INVALID_JSON_BODY: 'API_JSON',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'API_REQUEST',
  FST_ERR_BAD_URL: 'API_VALUE',
  FST_ERR_MAX_PARAM_LENGTH: 'API_URL_SIZE',
  FST_UNDER_PRESSURE: 'API_BUSY',
  FST_ERR_HANDLER_TIMEOUT: 'API_LATE',
}
/** For what has no code of its own; a path that leaves the served folder is no route. */
const STATUS: Readonly<Record<number, ProblemCode>> = {
  400: 'API_JSON',
  403: 'API_ROUTE',
  404: 'API_ROUTE',
  413: 'API_BODY_SIZE',
  415: 'API_CONTENT_TYPE',
  429: 'API_RATE',
}

/** The problem behind an error of the framework; `API_INTERNAL` for everything that is a bug, without a word of it. */
export const problemFromError = (error: FastifyError): Problem => {
  if (error instanceof PartFailed) return problemOf('unavailable', error.failure)
  if (error.validation) return invalid(error.validationContext ?? 'request', error.validation)
  const code = CODES[error.code] ?? STATUS[error.statusCode ?? 500] ?? 'API_INTERNAL'
  return problem(code, code === 'API_INTERNAL' ? 'an error in the gateway' : error.message)
}

/** A value that no schema can judge. @param place  such as `querystring/registers` */
export const badValue = (place: string, value: string, allowed: string): Problem => wrong([{ place, value: shortened(value), allowed }])

const invalid = (context: string, errors: readonly FastifySchemaValidationError[]): Problem => {
  // What says that none of several fits says nothing that those do not say, nor does that it might be null.
  const others = errors.filter(({ keyword, params }) => keyword !== 'anyOf' && !(keyword === 'type' && params.type === 'null'))
  return wrong((others.length > 0 ? others : errors).map((found) => wrongValue(context, found)))
}

const wrong = (errors: readonly WrongValue[]): Problem =>
  problem(
    'API_VALUE',
    errors.map(({ place, value, allowed }) => `${place} ${value ?? 'missing'}: allowed is ${allowed}`).join('; '),
    errors,
  )

/** The fields of an Ajv error when it is told to be verbose. */
interface Verbose extends FastifySchemaValidationError {
  readonly data?: unknown
  readonly parentSchema?: { readonly properties?: Readonly<Record<string, unknown>> }
}

const wrongValue = (context: string, { keyword, instancePath, params, message, data, parentSchema }: Verbose): WrongValue => {
  const place = `${context}${instancePath}`
  const allowed = ALLOWED[keyword]?.(params) ?? message ?? keyword
  if (keyword === 'required') return { place: `${place}/${params.missingProperty}`, value: null, allowed: 'required' }
  if (keyword === 'additionalProperties') {
    const known = Object.keys(parentSchema?.properties ?? {}).join(', ')
    return { place, value: shortened(String(params.additionalProperty)), allowed: known === '' ? 'nothing' : `only ${known}` }
  }
  return { place, value: shortened(typeof data === 'string' ? data : (JSON.stringify(data) ?? 'nothing')), allowed }
}

const ALLOWED: Readonly<Record<string, (params: Readonly<Record<string, unknown>>) => string>> = {
  format: ({ format }) => (format === 'date-time' ? INSTANT : format === 'date' ? 'a day, such as 2026-08-15' : `the format ${format}`),
  enum: ({ allowedValues }) => `one of ${[allowedValues].flat().join(', ')}`,
  type: ({ type }) => `a value of type ${type}`,
  pattern: ({ pattern }) => (pattern === '\\S' ? 'a text that is not blank' : `must match pattern "${pattern}"`),
  minimum: ({ limit }) => `at least ${limit}`,
  maximum: ({ limit }) => `at most ${limit}`,
  minLength: ({ limit }) => `at least ${limit} characters`,
  maxLength: ({ limit }) => `at most ${limit} characters`,
  minItems: ({ limit }) => `at least ${limit} items`,
  maxItems: ({ limit }) => `at most ${limit} items`,
}

export const INSTANT = 'an instant with offset, such as 2026-08-15T00:00:00Z or 2026-08-15T00:00:00+08:00 (in an address write + as %2B)'

const shortened = (text: string): string => (text.length > 100 ? `${text.slice(0, 100)}…` : text)
