import { SerializerSelector } from '@fastify/fast-json-stringify-compiler'
import { Ajv } from 'ajv'
import formats from 'ajv-formats'
import type { FastifySchemaCompiler, FastifyServerOptions } from 'fastify'
import type { FastifyValidationResult } from 'fastify/types/schema.js'

/** When schemas become code. `first-use`: a gateway starts in a fraction of the time and keeps nothing for routes nobody asks. */
export type CompileWhen = 'first-use' | 'start'

type BuildSerializer = NonNullable<
  NonNullable<NonNullable<FastifyServerOptions['schemaController']>['compilersFactory']>['buildSerializer']
>

/** Makes the writers of answers. */
export const serializers =
  (when: CompileWhen): BuildSerializer =>
  (schemas, options) => {
    const compile = SerializerSelector()(schemas, options)
    if (when === 'start') return compile
    return (route) => {
      let write: ReturnType<typeof compile> | null = null
      return (document: unknown) => {
        write ??= compile(route)
        return write(document)
      }
    }
  }

/** Makes the judges of requests. Values of addresses are text and may become numbers; values of bodies are what they are. */
export const validators = (when: CompileWhen): FastifySchemaCompiler<object> => {
  const strict = validator(false)
  const coercing = validator(true)
  return ({ schema, httpPart }) => {
    const ajv = httpPart === 'body' ? strict : coercing
    if (when === 'start') return ajv.compile(schema)
    let judge: ReturnType<typeof ajv.compile> | null = null
    const late: FastifyValidationResult = (data: unknown) => {
      judge ??= ajv.compile(schema)
      const isRight = judge(data) === true
      late.errors = judge.errors ?? null
      return isRight
    }
    return late
  }
}

const rfc3339 = new Ajv()
formats.default(rfc3339, ['date-time'])
const isDateTime = rfc3339.compile<string>({ type: 'string', format: 'date-time' })

const validator = (coerceTypes: boolean): Ajv => {
  const ajv = new Ajv({ coerceTypes, useDefaults: true, removeAdditional: false, allErrors: false, verbose: true, strict: false })
  formats.default(ajv)
  // RFC 3339 has leap seconds, and clocks of computers have not: an instant that is none here is refused at the door.
  ajv.addFormat('date-time', { type: 'string', validate: (text: string) => isDateTime(text) && !Number.isNaN(Date.parse(text)) })
  return ajv
}
