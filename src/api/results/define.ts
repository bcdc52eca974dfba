import type { Static, TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { err, type Result } from '../../core/index.ts'
import type { RowSource } from '../../export/index.ts'
import type { ResultQuery } from '../export-deps.ts'
import { badValue } from '../invalid.ts'
import type { Problem } from '../problems.ts'
import type { ResultContext, ResultKind } from './types.ts'

/** A result of its own: its schema proves the question, whether it came in an address or in a body. */
export const define = <Query extends TSchema>(
  kind: Omit<ResultKind, 'open' | 'query'> & {
    readonly query: Query
    rows(query: Static<Query>, asked: ResultQuery, context: ResultContext): Promise<Result<RowSource, Problem>>
  },
): ResultKind => {
  const { rows, ...rest } = kind
  return {
    ...rest,
    open: async (asked, context) => {
      const query = Value.Convert(kind.query, { ...asked })
      if (Value.Check(kind.query, query)) return rows(query, asked, context)
      const [first] = Value.Errors(kind.query, query)
      const place = first?.instancePath ?? ''
      const name = place.split('/')[1] ?? ''
      const given = name === '' ? Object.keys(asked).join(', ') : String(asked[name] ?? 'nothing')
      return err(
        badValue(`querystring${place}`, given, `${first?.message ?? 'another value'}; GET /api/v1/results lists what ${kind.name} takes`),
      )
    },
  }
}

/** A word that may be repeated in an address. */
export const repeated = (description: string, most: number, example: string) => ({
  anyOf: [
    { type: 'string', minLength: 1, maxLength: 200 },
    { type: 'array', items: { type: 'string', minLength: 1, maxLength: 200 }, minItems: 1, maxItems: most },
  ],
  description: `${description} May be repeated, up to ${most} times.`,
  examples: [example],
})
