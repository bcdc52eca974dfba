import { type TSchema, Type } from 'typebox'

/** A text of one of these forms; the pattern is shown as what is allowed. */
export const text = (pattern: string, description: string, extra: Record<string, unknown> = {}) =>
  Type.String({ pattern, description, ...extra })
export const optional = <T extends TSchema>(schema: T) => Type.Optional(schema)
export const object = <T extends Record<string, TSchema>>(properties: T, description = '') =>
  Type.Object(properties, { additionalProperties: false, ...(description ? { description } : {}) })
export const oneOf = <const T extends readonly string[]>(values: T, description: string, extra: Record<string, unknown> = {}) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...values], description, ...extra })

export const Id = text('^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$', 'letters, digits, dot, dash, underscore; at most 64')
export const Amount = text('^-?[0-9]{1,18}(\\.[0-9]{1,12})?$', 'a decimal number in quotes: "315"')
