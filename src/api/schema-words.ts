import { type Static, type TSchema, type TSchemaOptions, Type } from 'typebox'

/** A reference to a schema that has a name, with the type of what it names; `description` is for this place. */
export const ref = <Schema extends TSchema & { readonly $id: string }>(schema: Schema, description?: string) =>
  Type.Unsafe<Static<Schema>>({ $ref: `${schema.$id}#`, ...(description ? { description } : {}) })

export const named = <const Id extends string, Schema extends TSchema>($id: Id, schema: Schema): Schema & { readonly $id: Id } => ({
  ...schema,
  $id,
})

export const closed = { additionalProperties: false } as const
export const Text = (description: string, ...examples: string[]) =>
  Type.String({ description, ...(examples.length > 0 ? { examples } : {}) })
export const Count = (description: string) => Type.Integer({ minimum: 0, description })
export const Instant = (description: string) => Type.String({ format: 'date-time', description, examples: ['2026-08-15T00:00:00.000Z'] })
/** A text that may be null; one type array, because a union costs a validation for each value written. */
export const TextOrNull = (options: TSchemaOptions) => Type.Unsafe<string | null>({ type: ['string', 'null'], ...options })
export const InstantOrNull = (description: string) => TextOrNull({ format: 'date-time', description })
export const nullable = <Schema extends TSchema>(schema: Schema, options: TSchemaOptions = {}) => Type.Union([schema, Type.Null()], options)
export const oneOf = <const Words extends readonly string[]>(words: Words, description: string) =>
  Type.Unsafe<Words[number]>({ type: 'string', enum: [...words], description })

/** Why something failed, where it is part of a good answer. */
export const FailureSchema = Type.Object({ code: Type.String(), message: Type.String(), hint: Type.String() })

/** One page of a list and the way to the next. */
export const pageOf = <const Id extends string, Item extends TSchema & { readonly $id: string }>(id: Id, item: Item) =>
  named(
    id,
    Type.Object({
      items: Type.Array(ref(item)),
      next: TextOrNull({ description: 'Cursor of the next page; null on the last.' }),
    }),
  )

export const limitOf = (standard: number, maximum: number) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum, default: standard, description: `Most items on a page, ${standard} if not given.` }))
export const Cursor = Type.Optional(Type.String({ maxLength: 2000, description: '`next` of the page before, unchanged.' }))
export const Word = (description: string, example: string) =>
  Type.Optional(Type.String({ maxLength: 200, description, examples: [example] }))
